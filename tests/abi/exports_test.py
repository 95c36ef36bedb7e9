"""libtau_rt.so: what it exports is what the headers declare and rt.map lists, and it stands on libc alone
(I2), also in a sanitized build."""

import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT, LIBRARY = (Path(argument) for argument in sys.argv[1:3])

# Declared for modules to define; the runtime calls them.
DEFINED_BY_MODULES = {"plugin_init", "plugin_destroy", "plugin_request"}
DECLARATION = re.compile(r"^TAU_EXPORT\s+(?:const\s+)?\w+\s*\**\s*(\w+)\s*\(", re.MULTILINE)


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*|#[^\n]*", "", text, flags=re.DOTALL)


def declared() -> list:
    names = []
    for header in sorted((ROOT / "rt" / "include" / "tau" / "rt").glob("*.h")):
        text = without_comments(header.read_text(encoding="utf-8"))
        found = DECLARATION.findall(text)
        # A declaration that the pattern cannot read must not slip through.
        assert len(found) == text.count("TAU_EXPORT"), f"{header}: a declaration in an unusual form"
        names += found
    return [name for name in names if name not in DEFINED_BY_MODULES]


def listed() -> list:
    text = without_comments((ROOT / "rt" / "rt.map").read_text(encoding="utf-8"))
    exported = text.split("global:", 1)[1].split("local:", 1)[0]
    return re.findall(r"(\w+);", exported)


def tool(*command) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Exports(unittest.TestCase):
    def test_each_declared_call_is_listed_once_and_nothing_else(self):
        self.assertEqual(sorted(declared()), sorted(set(declared())), "declared twice")
        self.assertEqual(sorted(listed()), sorted(declared()))

    def test_the_library_exports_exactly_the_list(self):
        lines = tool("nm", "-D", "--defined-only", LIBRARY).splitlines()
        names = {line.split()[-1].split("@")[0] for line in lines if line.split()[-2] != "A"}
        self.assertEqual(names, set(listed()))

    def test_it_asks_for_trampolines_of_the_host_and_nothing_else(self):
        lines = tool("nm", "-D", "--undefined-only", LIBRARY).splitlines()
        asked = {line.split()[-1].split("@")[0] for line in lines if " w " not in line}
        self.assertEqual(asked, {name.replace("tau_", "tau_host_", 1) for name in listed()})

    def test_it_needs_libc_and_nothing_else(self):
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", tool("readelf", "-dW", LIBRARY))
        self.assertLessEqual(set(needed), {"libc.so.6"})

    def test_it_stays_small(self):
        self.assertLess(LIBRARY.stat().st_size, 100 * 1024)

    def test_it_holds_no_data_of_its_own(self):
        sections = tool("readelf", "-SW", LIBRARY)
        for name, size in re.findall(r"\] (\.data|\.bss|\.tdata|\.tbss)\s+\w+\s+\w+\s+\w+\s+(\w+)", sections):
            # The linker pads .bss by a few bytes of its own start-up files.
            self.assertLessEqual(int(size, 16), 16, name)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
