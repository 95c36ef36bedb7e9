"""Plugins that go wrong in every way that a plugin can: one line says what, the others run, the host ends."""

import os
import signal
import subprocess
import unittest

from support import TauTest, main


class Plugins(TauTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.good = cls.plugin("good", """
            struct P {
              ~P() { tau::print("destroyed"); }
              std::string request(std::string_view text) { return "{\\"echo\\":" + std::string(text) + "}"; }
            };""")

    def test_each_failure_is_told_and_the_others_run(self):
        throws = self.plugin("throws", 'struct P { P() { throw std::runtime_error("no config given"); } };')
        task = self.plugin("task", """
            struct P { tau::Task<void> run() { co_await tau::yield_now(); throw std::runtime_error("bad luck"); } };""")
        request = self.plugin("request", """
            struct P { std::string request(std::string_view) { throw std::runtime_error("not today"); } };""")
        destroy = self.plugin("destroy", """
            struct P { ~P() noexcept(false) { throw std::runtime_error("holding on"); } };""")
        returns = self.folder / "returns"
        returns.mkdir()
        (returns / "meson.build").write_text("project('returns', 'c')\n"
                                             "shared_module('returns', 'p.c', dependencies: dependency('tau'))\n")
        (returns / "p.c").write_text('#include <tau/rt/note.h>\n#include <tau/rt/plugin.h>\n'
                                     'int32_t plugin_init(tau_plugin* p) { tau_plugin_set_error(p, "taken", 5);'
                                     ' return -98; }\nvoid plugin_destroy(tau_plugin* p) { (void)p; }\n')
        done = self.tau("run", throws, returns, task, request, destroy, self.good)
        self.assert_ended(done, 1,
                          r"\[tau\] plugin 'throws': plugin_init failed: no config given",
                          r"\[tau\] plugin 'returns': plugin_init failed: taken",
                          r"\[task\] run\(\) ended with an exception: bad luck",
                          r"\[request\] message 1 failed: not today",
                          r'\[good\] message 2 answered: {"echo":"hello"}',
                          r"\[good\] destroyed",
                          r"\[destroy\] its destructor threw: holding on")

    def test_a_name_that_hangs_in_the_resolver_holds_up_neither_its_plugin_nor_the_end_of_the_host(self):
        source, library = self.folder / "hangs.c", self.folder / "hangs.so"
        source.write_text("#include <unistd.h>\n"
                          'int getaddrinfo() { (void)!write(1, "inside\\n", 7); for (;;) pause(); }\n')
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        asks = self.plugin("asks", """
            struct P {
              tau::Task<> run() {
                auto found = co_await tau::net::lookup_host("a.name", 80);
                tau::print(found ? "found" : "failed");
              }
              ~P() { tau::print("destroyed"); }
            };""")
        # A sanitized host insists on its runtime being first, unless told.
        asan = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        host = self.start("run", asks, LD_PRELOAD=str(library), ASAN_OPTIONS=asan)
        host.wait_for("inside")
        host.signal(signal.SIGINT)
        self.assert_ended(host.end(), 0, r"\[asks\] destroyed", never=("found", "failed"))

    def test_what_does_not_compile_is_told_by_the_authors_own_path(self):
        syntax = self.plugin("syntax", "struct P { int x = ; };")
        link = self.plugin("link", "int not_there();\nstruct P { P() { tau::print(not_there()); } };")
        missing = self.plugin("missing", "struct P {};", "[dependency('tau'), dependency('tau-no-such-thing')]")
        meson = self.plugin("meson", "struct P {};")
        with open(meson / "meson.build", "a", encoding="utf-8") as file:
            file.write("shared_module('x'\n")
        bare = self.folder / "bare"
        bare.mkdir()
        done = self.tau("run", syntax, link, missing, meson, bare, self.folder / "typo", "gone.so", self.good)
        self.assert_ended(done, 1,
                          rf"\[Compiler\] {syntax}/plugin\.cpp:8:20: error: .*",
                          rf"\[Compiler\] {link}/plugin\.cpp:9: undefined reference to `not_there\(\)'",
                          rf"\[Compiler\] {missing}/meson\.build:2:0: ERROR: Dependency .tau-no-such-thing. not found.*",
                          rf"\[Compiler\] {meson}/meson\.build:3:17: ERROR: Expecting rparen got eof\.",
                          rf"\[Compiler\] '{bare}' is not a plugin: no meson\.build there",
                          r"\[Compiler\] '.*/typo': No such file or directory; name a plugin's source tree or .*",
                          r"\[tau\] module 'gone\.so' cannot be opened: No such file or directory",
                          r'\[good\] message 1 answered: {"echo":"hello"}',
                          r"\[good\] destroyed")

    def test_a_warning_does_not_keep_a_plugin_from_running_and_is_shown(self):
        tree = self.plugin("warned", "struct P {};")
        (tree / "plugin.cpp").write_text('#include <tau/tau.hpp>\n#warning "look here"\nstruct P {};\n'
                                         "TAU_DEFINE_PLUGIN(P)\n")
        done = self.tau("run", tree)
        self.assert_ended(done, 0, rf"\[Compiler\] {tree}/plugin\.cpp:2:2: warning: .*look here.*")

    def test_a_plugin_that_waits_for_ever_is_unloaded_at_a_signal(self):
        endless = self.plugin("endless", """
            struct Said { ~Said() { tau::print("task destroyed"); } };
            struct P {
              ~P() { tau::print("destroyed"); }
              tau::Task<void> run() {
                Said said;
                tau::print("waiting");
                for (;;) co_await tau::sleep(1h);
              }
            };""")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                host = self.start("run", endless)
                host.wait_for(r"\[endless\] waiting")
                host.signal(number)
                done = host.end()
                self.assert_ended(done, 0, r"\[endless\] task destroyed")
                self.assertIn("[endless] destroyed", done.text)

    def test_what_cannot_be_cancelled_is_named_and_a_second_signal_ends_the_host(self):
        blocks = self.plugin("blocks", """
            struct P {
              tau::Task<void> run() {
                co_await tau::spawn_blocking([] {
                  tau::print("blocking");
                  for (;;) std::this_thread::sleep_for(1s);
                });
              }
            };""")
        host = self.start("run", blocks)
        host.wait_for(r"\[blocks\] blocking")
        host.signal(signal.SIGTERM)
        host.wait_for(r"\[tau\] plugin 'blocks' is not unloaded after 5 s; the host waits for: 1 blocking job running "
                      r"\(the same signal again ends tau at once\)")
        host.signal(signal.SIGTERM)
        self.assertEqual(host.end().code, 128 + signal.SIGTERM)

    def test_an_init_that_does_not_return_is_not_silent(self):
        hangs = self.plugin("hangs", "struct P { P() { for (;;) std::this_thread::sleep_for(1s); } };")
        host = self.start("run", hangs)
        host.wait_for(r"\[tau\] plugin 'hangs': plugin_init has not returned for 2 s; the host waits for it")
        host.signal(signal.SIGINT)
        host.wait_for(r"\[tau\] plugin 'hangs': plugin_init has not returned for 4 s; the host waits for it "
                      r"\(the same signal again ends tau at once\)")
        host.signal(signal.SIGINT)
        self.assertEqual(host.end().code, 128 + signal.SIGINT)

    def test_a_module_that_pins_itself_is_named_and_its_destructors_do_not_run(self):
        pins = self.plugin("pins", """
            #include <dlfcn.h>
            struct Last { ~Last() { tau::print("too late"); } } last;
            struct P {
              P() {
                Dl_info info;
                dladdr(&last, &info);
                dlopen(info.dli_fname, RTLD_NOW);
              }
            };""")
        done = self.tau("script", given=f"load '{pins}'\nunload pins\nassert_unmapped pins\nload '{self.good}'\n")
        self.assert_ended(done, 1,
                          r"\[tau\] plugin 'pins' is unloaded but stays mapped: the dynamic linker still holds it.*",
                          r"\[script\] standard input:2: unload: 'pins' stays mapped",
                          r"\[script\] standard input:3: assert_unmapped: 'pins' is still mapped",
                          r"\[good\] destroyed",
                          never=("too late",))
        self.assert_ended(self.tau("run", pins), 1, r"\[tau\] plugin 'pins' is unloaded but stays mapped: .*",
                          never=("too late",))


if __name__ == "__main__":
    main()
