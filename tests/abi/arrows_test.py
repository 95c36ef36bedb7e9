"""Includes point one way: plugins -> compat -> sdk -> rt, and nobody but the host includes the host."""

import re
import sys
import unittest
from pathlib import Path
from typing import Iterator, Optional, Tuple

ROOT = Path(sys.argv[1])
ROOMS = ("rt", "sdk", "compat", "plugins")  # each may include those before it
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)
SEARCHED = [ROOT / "rt" / "include", ROOT / "sdk" / "include", ROOT / "host", ROOT / "tests",
            *sorted((ROOT / "compat").glob("*/include")), *sorted((ROOT / "compat").glob("*"))]


def sources(room: str) -> Iterator[Path]:
    for path in sorted((ROOT / room).rglob("*")):
        if path.suffix in (".h", ".hpp", ".c", ".cpp", ".ipp", ".inc", ".in") and path.is_file():
            yield path


def includes(path: Path) -> Iterator[Tuple[str, Optional[str]]]:
    """Each include as written, and the room it leads to; None where it leads out of the project."""
    for quote, target in INCLUDE.findall(path.read_text(encoding="utf-8", errors="replace")):
        folders = ([path.parent] if quote == '"' else []) + SEARCHED
        found = next((folder / target for folder in folders if (folder / target).is_file()), None)
        yield target, found.resolve().relative_to(ROOT.resolve()).parts[0] if found else None


class Arrows(unittest.TestCase):
    def test_each_room_includes_only_what_lies_below_it(self):
        seen = 0
        for rank, room in enumerate(ROOMS):
            allowed = {None, *ROOMS[: rank + 1]}
            for path in sources(room):
                for target, leads_to in includes(path):
                    seen += 1
                    self.assertIn(leads_to, allowed, f"{path.relative_to(ROOT)} includes {target}")
        self.assertGreater(seen, 50)

    def test_the_host_includes_neither_packages_nor_plugins_nor_tests(self):
        for path in sources("host"):
            for target, leads_to in includes(path):
                self.assertIn(leads_to, {None, "host", "rt", "sdk"}, f"{path.relative_to(ROOT)} includes {target}")

    def test_the_c_abi_needs_no_more_than_two_headers_of_c(self):
        for path in sources("rt"):
            for target, leads_to in includes(path):
                if leads_to is None:
                    self.assertIn(target, {"stddef.h", "stdint.h"}, f"{path.relative_to(ROOT)} includes {target}")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
