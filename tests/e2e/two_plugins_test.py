"""dist/run.sh compiles, loads, runs and unloads two plugins; each has its own identity and is itself only."""

import re
import signal
import subprocess
from pathlib import Path

from support import DIST, PATIENCE, SOURCE, TauTest, main

PLUGINS = [SOURCE / "plugins" / "example-plugin", SOURCE / "plugins" / "second-plugin"]

# In this order; other lines may stand between.
EXPECTED = [
    r"\[Compiler\] Using prebuilt tau-rt: (.*/)?lib/libtau_rt\.so",
    r"\[Compiler\] Patching tau → (.*/)?src/tau",
    r"\[example-plugin\] Initialized! plugin_id=1, guard refs=\d+",
    r"\[example-plugin\] Guarded closure says: .+",
    r"\[example-plugin\] Got request: .+",
    r"\[example-plugin\] Async task running!",
    r"\[example-plugin\] Async task done!",
    r"\[example-plugin\] Destroyed!",
]
EXPECTED_OF_SECOND = [r"\[second-plugin\] init! plugin_id=2", r"\[second-plugin\] request, plugin_id=2"]

ALLOWED_LIBRARIES = re.compile(r"libtau_rt\.so|libstdc\+\+\.so\.6|libc\.so\.6|libgcc_s\.so\.1|libm\.so\.6|"
                               r"ld-linux-.*|lib[atu]san\.so\.\d+|libubsan\.so\.\d+")


def tool(*command) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class TwoPlugins(TauTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        command = [DIST / "run.sh"]
        for plugin in PLUGINS:
            command += ["--plugin", plugin.relative_to(SOURCE)]
        cls.done = subprocess.run(command, cwd=SOURCE, env=cls.environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE,
                                  check=False)

    def modules(self) -> list:
        """What was built for each plugin, by the order of PLUGINS."""
        found = []
        for plugin in PLUGINS:
            built = [path for path in self.home.rglob("*.so") if plugin.name in str(path.relative_to(self.home))]
            self.assertTrue(built, f"no module of {plugin.name} under TAU_HOME")
            found.append(max(built, key=lambda path: path.stat().st_mtime_ns))
        return found

    def assert_lines_in_order(self, patterns):
        lines = iter(self.done.stdout.splitlines())
        for pattern in patterns:
            self.assertTrue(any(re.fullmatch(pattern, line) for line in lines),
                            f"no line (in its place) like {pattern} in:\n{self.done.stdout}")

    def test_the_run_prints_what_it_should_and_ends_by_itself(self):
        self.assertEqual(self.done.returncode, 0, self.done.stdout)
        self.assert_lines_in_order(EXPECTED)
        self.assert_lines_in_order(EXPECTED_OF_SECOND)

    def test_modules_need_the_runtime_and_never_a_shared_sdk(self):
        for module in self.modules():
            needed = re.findall(r"\(NEEDED\).*\[(.*)\]", tool("readelf", "-dW", module))
            self.assertIn("libtau_rt.so", needed)
            self.assertIn("libstdc++.so.6", needed)
            for library in needed:
                self.assertTrue(ALLOWED_LIBRARIES.fullmatch(library), f"{module.name} needs {library}")

    def guard_offset(self, module: Path) -> int:
        """Of PLUGIN_GUARD, which must lie in the module's own data segment."""
        lines = [line.split() for line in tool("nm", "-C", module).splitlines() if line.endswith(" PLUGIN_GUARD")]
        self.assertEqual(len(lines), 1, f"{module}: {lines}")
        self.assertIn(lines[0][1], ("d", "D"), lines[0])
        return int(lines[0][0], 16)

    def test_each_module_has_a_guard_of_its_own_at_its_own_address(self):
        offsets = [self.guard_offset(module) for module in self.modules()]
        script = "".join(f"load '{plugin}'\n" for plugin in PLUGINS) + "print both-are-here\nsleep 60s\n"
        host = subprocess.Popen([DIST / "run.sh", "script"], cwd=SOURCE, env=self.environment, text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            host.stdin.write(script)
            host.stdin.close()
            shown = ""
            for line in host.stdout:
                shown += line
                if "both-are-here" in line:
                    break
            self.assertIn("both-are-here", shown)
            maps = Path(f"/proc/{host.pid}/maps").read_text(encoding="utf-8").splitlines()
        finally:
            host.send_signal(signal.SIGTERM)
            host.stdout.read()
            host.stdout.close()
            host.wait(timeout=60)
        addresses = []
        for plugin, offset in zip(PLUGINS, offsets):
            mapped = [int(line.split("-")[0], 16) for line in maps if plugin.name in line]
            self.assertTrue(mapped, f"{plugin.name} is not mapped")
            addresses.append(min(mapped) + offset)
        self.assertNotEqual(addresses[0], addresses[1])
        for address in addresses:
            within = [line for line in maps
                      if int(line.split("-")[0], 16) <= address < int(line.split("-")[1].split()[0], 16)]
            self.assertEqual(within[0].split()[1][:2], "rw", f"{address:x} is not in a data segment")

    def test_a_second_run_finds_both_built(self):
        again = subprocess.run([DIST / "run.sh", "--plugin", PLUGINS[0], "--plugin", PLUGINS[1]],
                               env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               timeout=60, check=False)
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        self.assertIn("[example-plugin] Destroyed!", again.stdout)


if __name__ == "__main__":
    main()
