"""The command line as its user meets it: commands, scripts, discovery, installing, the cache, and a home or an
output that cannot take what tau writes."""

import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import DIST, PATIENCE, SOURCE, Done, TauTest, main

C_PLUGIN = SOURCE / "plugins" / "c-plugin"  # the fastest to compile


class CommandLine(TauTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.talker = cls.plugin("talker", """
            struct Counter { int hits = 0; };
            struct P {
              P() { (void)tau::resource::put<Counter>("hits"); tau::print("init"); }
              ~P() { tau::print("destroyed"); }
              std::string request(std::string_view text) {
                if (text == "13") throw std::runtime_error("unlucky");
                return std::string(text);
              }
              tau::Task<void> run() { co_await tau::sleep(1ms); tau::print("slept"); }
            };""")
        cls.waiter = cls.plugin("waiter", "struct P { tau::Task<void> run() { co_await tau::sleep(1h); } };")

    def script(self, text: str):
        return self.tau("script", given=text)

    # What to run

    def test_a_c_plugin_answers_as_often_as_it_is_asked(self):
        self.assert_ended(self.tau("run", C_PLUGIN, "--requests", "3"), 0,
                          r"\[c-plugin\] init in C, plugin_id=1", r'\[c-plugin\] message 1 answered: "hello"',
                          r'\[c-plugin\] message 3 answered: "hello"', r"\[c-plugin\] tick",
                          r"\[c-plugin\] destroyed", never=("message 4",))
        self.assert_ended(self.tau("--plugin", C_PLUGIN, "--requests", "0"), 0, r"\[c-plugin\] destroyed",
                          never=("message", r"\] request"))

    def test_paths_may_be_relative_hold_spaces_or_name_a_module(self):
        spaced = self.folder / "with space"
        shutil.copytree(C_PLUGIN, spaced)
        for path, cwd in (("with space/", self.folder), (".", spaced)):
            with self.subTest(path):
                self.assert_ended(self.tau("run", path, cwd=cwd), 0, r"\[c-plugin\] destroyed")
        built = max(self.home.glob("buildcache/*/with_space-*/modules/*.so"))
        module = self.folder / "mine.so"
        shutil.copy(built, module)
        self.assert_ended(self.tau("run", module), 0, r"\[mine\] init in C, plugin_id=1", r"\[mine\] destroyed")
        module.write_text("hello")
        self.assert_ended(self.tau("run", module), 1, rf"\[tau\] module '{module}' is not an ELF file")

    def test_plugins_are_found_in_the_nearest_folder_and_in_the_home(self):
        with tempfile.TemporaryDirectory(prefix="tau-e2e-") as other:
            inside = Path(other) / "deep" / "er"
            inside.mkdir(parents=True)
            home = {"TAU_HOME": str(self.folder / "empty")}
            self.assert_ended(self.tau(cwd=inside, **home), 2, r"\[tau\] no plugin was named, and there is none in",
                              rf"\[tau\]   {home['TAU_HOME']}/plugins", r"\[tau\] name one with: tau --plugin PATH")
            shutil.copytree(C_PLUGIN, Path(other) / ".tau" / "plugins" / "near")
            shutil.copytree(C_PLUGIN, self.home / "plugins" / "far")
            self.addCleanup(shutil.rmtree, self.home / "plugins" / "far")
            self.assert_ended(self.tau(cwd=inside), 0, r"\[c-plugin\] init in C, plugin_id=1",
                              r"\[c-plugin\] init in C, plugin_id=2")

    def test_installed_plugins_are_run(self):
        self.assert_ended(self.tau("install", C_PLUGIN), 0, rf"\[tau\] installed {self.home}/plugins/c-plugin")
        self.addCleanup(shutil.rmtree, self.home / "plugins" / "c-plugin")
        self.assert_ended(self.tau("install", C_PLUGIN), 1, r"\[tau\] .*/c-plugin exists already; remove it first.*")
        self.assert_ended(self.tau("install", "no/such/thing"), 1, r"\[tau\] 'no/such/thing' is neither a path .*")
        self.assert_ended(self.tau(), 0, r"\[c-plugin\] destroyed")

    # What is asked about tau itself

    def test_what_tau_says_about_itself(self):
        self.assert_ended(self.tau("--version"), 0, r"tau \d+\.\d+\.\d+")
        self.assert_ended(self.tau("--help"), 0, r"Usage: tau .*")
        self.assert_ended(self.tau("--info"), 0, r"tau \d.*", r"compiler: .+", r"reactor:  \S+: .+",
                          r"tau-rt:   .*/lib/libtau_rt\.so", r"patches:  .*/src/patches\.list",
                          r"  tau → .*/src/tau", rf"cache:    {self.home}/buildcache")

    def test_a_command_line_that_makes_no_sense_ends_with_the_usage(self):
        for arguments in (["--frob"], ["frob"], ["run", "x", "--frob"], ["--requests"], ["--requests", "-1"]):
            with self.subTest(arguments):
                self.assert_ended(self.tau(*arguments), 2, r"tau: .+", r"Usage: tau .*")

    def test_the_cache_is_shown_and_cleaned(self):
        home = {"TAU_HOME": str(self.folder / "other home")}
        self.assert_ended(self.tau("cache", **home), 0, r".*/other home/buildcache", r"  nothing yet")
        self.assert_ended(self.tau("run", C_PLUGIN, **home), 0)
        self.assert_ended(self.tau("cache", **home), 0, rf"  current .* c-plugin-\S+  {C_PLUGIN}")
        self.assert_ended(self.tau("cache", "clean", **home), 0, r"removed 1 from .*/other home/buildcache")
        self.assert_ended(self.tau("cache", **home), 0, r"  nothing yet")

    # Scripts

    def test_a_script_does_every_command(self):
        text = f"""# a comment
            load '{self.talker}'
            send talker '{{"a": [1, 2]}}'
            send talker words
            send talker
            assert_resource hits
            drive 60s
            reload talker
            print both   words
            sleep 1ms
            unload talker
            assert_no_resource hits
            assert_unmapped talker
        """
        patterns = [r"\[talker\] init", r'\[talker\] message 1 answered: {"a": ?\[1, ?2\]}',
                    r'\[talker\] message 2 answered: "words"', r"\[talker\] message 3 answered: null",
                    r"\[talker\] slept", r"\[talker\] init", r"\[talker\] destroyed", r"\[script\] both words",
                    r"\[talker\] destroyed"]
        self.assert_ended(self.script(text), 0, *patterns)
        file = self.folder / "all.tau"
        file.write_text(text, encoding="utf-8")
        self.assert_ended(self.tau("script", file), 0, *patterns)

    def test_each_failure_of_a_script_is_told_by_its_line_and_the_rest_is_done(self):
        done = self.script(f"""load '{self.talker}'
            load '{self.waiter}'
            send talker 13
            send nobody
            send waiter
            unload nobody
            reload nobody
            assert_resource misses
            assert_no_resource hits
            assert_unmapped talker
            drive 1ms
            load missing
            print last""")
        lines = ["3: send: the message failed", "4: send: no plugin 'nobody' is running",
                 "5: send: 'waiter' answers no messages", "6: unload: no plugin 'nobody' is running",
                 "7: reload: no plugin 'nobody' is running", "8: assert_resource: there is no resource 'misses'",
                 "9: assert_no_resource: there is a resource 'hits', of 'talker'",
                 "10: assert_unmapped: 'talker' is still mapped", "11: drive: still live: .*waiter",
                 "12: load: not loaded: missing"]
        self.assert_ended(done, 1, *[rf"\[script\] standard input:{line}" for line in lines],
                          r"\[script\] last", r"\[talker\] destroyed")

    def test_a_script_that_cannot_be_read_does_nothing(self):
        done = self.script(f"load '{self.talker}'\nlod x\nsend\nsleep 5x\nprint 'open\n")
        self.assert_ended(done, 2, r"\[script\] standard input:2: there is no command 'lod'; there are .*",
                          r"\[script\] standard input:3: 'send' is used as: send NAME \[PAYLOAD\]",
                          r"\[script\] standard input:4: '5x' is not a duration; .*",
                          r"\[script\] standard input:5: a quote \('\) stays open; .*", never=(r"\[talker\]",))
        self.assert_ended(self.tau("script", "none.tau"), 2, r"\[tau\] cannot read the script none\.tau")

    def test_a_script_that_a_signal_ends_has_failed(self):
        file = self.folder / "long.tau"
        file.write_text("print begun\nsleep 1000s\nprint never\n", encoding="utf-8")
        host = self.start("script", file)
        host.wait_for(r"\[script\] begun")
        host.signal(signal.SIGTERM)
        self.assert_ended(host.end(), 1, r"\[script\] .*/long\.tau:[23]: ended by a signal; what follows was not done",
                          never=("never",))

    # Where the output and the home cannot take it

    def test_a_reader_that_goes_away_does_not_end_the_host(self):
        for arguments in (["run", C_PLUGIN], ["--info"], ["--help"], ["cache"]):
            with self.subTest(arguments):
                reading, writing = os.pipe()
                os.close(reading)
                try:
                    done = subprocess.run([DIST / "run.sh", *arguments], env=self.environment, stdout=writing,
                                          stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
                finally:
                    os.close(writing)
                self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_a_host_without_any_output_runs(self):
        done = subprocess.run(["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", DIST / "run.sh", "run", C_PLUGIN],
                              env=self.environment, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0)

    def test_a_home_that_cannot_be_written_is_named_with_the_remedy(self):
        for home in ("/dev/null", "/proc/tau", "/proc/tau/deeper"):
            with self.subTest(home):
                self.assert_ended(self.tau("run", C_PLUGIN, TAU_HOME=home), 1,
                                  rf"\[Compiler\] {C_PLUGIN}: cannot .*'{home.removesuffix('/deeper')}': .*TAU_HOME.*")
        self.assert_ended(self.tau("install", C_PLUGIN, TAU_HOME="/proc/tau"), 1,
                          r"\[tau\] cannot make /proc/tau/plugins: .*")

    def test_a_full_disk_is_named_and_does_no_harm(self):
        # In a mount namespace of its own the disk goes with the last process that sees it.
        steps = """
            mount -t tmpfs -o size=300k tmpfs "$1" || exit 77
            "$2" run "$3"; echo "full: $?"
            mount -o remount,size=300m "$1" || exit 77
            "$2" run "$3"; echo "with space: $?"
        """
        disk = self.folder / "disk"
        disk.mkdir()
        done = subprocess.run(["unshare", "-m", "/bin/sh", "-c", steps, "sh", disk, DIST / "run.sh", C_PLUGIN],
                              env={**self.environment, "TAU_HOME": str(disk / "home")}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False)
        if "full:" not in done.stdout:
            self.skipTest("no small disk to be had here: " + done.stdout.strip())
        self.assert_ended(Done(done.returncode, done.stdout), 0,
                          rf"\[Compiler\] {C_PLUGIN}: .*No space left on device; free some space .*", "full: 1",
                          r"\[c-plugin\] destroyed", "with space: 0")


if __name__ == "__main__":
    main()
