"""Points ninja's alias `dist` at a target of ours.

Meson reserves the name and writes, whatever the project says, the line

    build dist: phony meson-internal__dist

Running a script after each (re)configuration is documented; that build.ninja reads so is not. Where a
later Meson writes it otherwise, `ninja dist` stays Meson's own, a warning says so, and the target's own
name (`ninja dist-tree`, `meson compile dist-tree`) goes on working.
"""

import os
import re
import sys
from pathlib import Path


def main(alias: str, target: str) -> int:
    build_ninja = Path(os.environ["MESON_BUILD_ROOT"]) / "build.ninja"
    text = build_ninja.read_text(encoding="utf-8")
    wanted = f"build {alias}: phony {target}"
    pattern = rf"^build {re.escape(alias)}: phony meson-internal__{re.escape(alias)}[ \t]*$"
    new_text, count = re.subn(pattern, wanted, text, flags=re.MULTILINE)
    if count != 1:
        if wanted not in text.splitlines():
            print(f"warning: build.ninja has no alias '{alias}' to redirect; use: ninja {target}")
        return 0
    status = build_ninja.stat()
    temporary = build_ninja.with_name("build.ninja.retarget")
    temporary.write_text(new_text, encoding="utf-8")
    # Ninja compares build.ninja with the inputs of its regeneration by time: keep Meson's.
    os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(temporary, build_ninja)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
