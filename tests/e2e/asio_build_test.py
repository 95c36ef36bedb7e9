"""How plugins with Asio are built: what their defines may not say, and a version that they bring along themselves."""

import shutil
from pathlib import Path

from asio_rig import ASIO, BOOST, AsioTest
from support import main, needs

TICKS = """
    struct P {
      P() : timer(context) { tau::print("version ", VERSION); tick(); }
      tau::Task<void> run() { context.run(); co_return; }
      void stop() { context.stop(); }
      void tick() {
        timer.expires_after(std::chrono::milliseconds(1));
        timer.async_wait([this](error_code error) {
          if (error) return;
          if (++ticks % 100 == 0) tau::print("ticks");
          tick();
        });
      }
      net::io_context context{1};
      net::steady_timer timer;
      int ticks = 0;
    };"""


@needs("asio.hpp", "boost/asio.hpp")
class Refused(AsioTest):
    """Wherever it is said, in the source or to the compiler."""

    def assert_refused(self, name: str, define: str, dependency: str, message: str, argument=False):
        prefix = "boost/" if dependency == "boost" else ""
        body = ("" if argument else f"#define {define} 1\n") + f"#include <{prefix}asio/steady_timer.hpp>\nstruct P {{}};"
        arguments = f", cpp_args: ['-O0', '-D{define}=1']" if argument else ", cpp_args: '-O0'"
        tree = self.plugin(name, body, f"[dependency('tau'), dependency('{dependency}')]{arguments}")
        self.assert_ended(self.tau("run", tree), 1, rf".*error: .*tau: {message}.*")

    def test_asio_without_epoll(self):
        message = r"Asio without epoll waits by select\(\), which would stop the loop.*"
        self.assert_refused("select", "ASIO_DISABLE_EPOLL", "asio", message)
        self.assert_refused("boost-select", "BOOST_ASIO_DISABLE_EPOLL", "boost", message, argument=True)

    def test_asio_on_io_uring(self):
        message = r"Asio on io_uring would wait in a ring that the loop knows nothing of.*"
        self.assert_refused("ring", "ASIO_HAS_IO_URING", "asio", message, argument=True)
        self.assert_refused("boost-ring", "BOOST_ASIO_HAS_IO_URING", "boost", message)


@needs("asio.hpp", "boost/asio.hpp")
class OwnVersion(AsioTest):
    @staticmethod
    def bring_along(tree: Path, number: int) -> Path:
        """The installed Asio as a newer one, whose scheduler looks otherwise inside."""
        include = tree / "subprojects/asio/include"
        include.mkdir(parents=True)
        shutil.copy("/usr/include/asio.hpp", include)
        shutil.copytree("/usr/include/asio", include / "asio")
        for name, before, after in (
                ("version.hpp", "#define ASIO_VERSION ", f"#define ASIO_VERSION {number} // "),
                ("detail/scheduler.hpp", "  mutable mutex mutex_;", "  long other_[100] = {};\n  mutable mutex mutex_;")):
            file = include / "asio" / name
            text = file.read_text(encoding="utf-8")
            assert text.count(before) == 1, name
            file.write_text(text.replace(before, after), encoding="utf-8")
        # What a project of Asio's own says of itself; ours stands above it.
        (include.parent / "meson.build").write_text(
            "project('asio', 'cpp')\nasio_dep = declare_dependency(include_directories: 'include')\n"
            "meson.override_dependency('asio', asio_dep)\n", encoding="utf-8")
        return tree

    def test_two_plugins_are_on_two_versions_and_a_third_on_boost(self):
        own = self.bring_along(self.asio_plugin("own", TICKS.replace("VERSION", "ASIO_VERSION"), ASIO), 103899)
        installed = self.asio_plugin("installed", TICKS.replace("VERSION", "ASIO_VERSION"), ASIO)
        boosted = self.asio_plugin("boosted", TICKS.replace("VERSION", "BOOST_ASIO_VERSION"), BOOST)
        host = self.start_script(f"""
            load '{installed}'
            load '{own}'
            load '{boosted}'
            send gate
            unload own
            assert_unmapped own
            send gate""")
        versions = {name: host.wait_for(rf"\[{name}\] version (\d+)")[1] for name in ("installed", "own", "boosted")}
        self.assertEqual(versions["own"], "103899")
        self.assertEqual(len(set(versions.values())), 3)
        host.wait_for(r"\[gate\] closed")
        for name in versions:
            host.wait_for(rf"\[{name}\] ticks")
        self.pass_gate(host, wait=False)
        host.wait_for(r"\[gate\] closed")
        for name in ("installed", "boosted"):
            host.wait_for(rf"\[{name}\] ticks")
        self.pass_gate(host, wait=False)
        self.assert_ended(host.end(), 0, never=("exception", "left an event loop"))

    def test_a_version_that_has_no_headers_is_no_reason_to_take_the_installed_one(self):
        tree = self.asio_plugin("empty", "struct P {};", ASIO)
        (tree / "subprojects/asio").mkdir(parents=True)
        (tree / "subprojects/asio/meson.build").write_text("project('asio')\n", encoding="utf-8")
        self.assert_ended(self.tau("run", tree), 1, r".*there is no include/asio/version\.hpp in the plugin's own asio.*")


if __name__ == "__main__":
    main()
