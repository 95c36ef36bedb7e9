"""The examples of a page as sources to compile: extract_examples.py PAGE FOLDER FAMILY...

A family is a section of the page, a heading of two signs; FAMILY.cpp has its ```cpp blocks in order. A block is
the body of a coroutine of its own, unless it begins with `// file scope`. What stands there before the first
section precedes every family. #line makes the compiler speak of the page's lines."""

import re
import sys
from pathlib import Path

FILE_SCOPE = "// file scope"


def blocks_by_family(page: str) -> dict[str, list[tuple[int, list[str]]]]:
    """Each block with the number of its first line; those before the first section under ""."""
    families: dict[str, list[tuple[int, list[str]]]] = {}
    family, block, fence = "", None, None
    for number, line in enumerate(page.splitlines(), 1):
        if fence is not None:
            if line.strip() == "```":
                if block is not None:
                    families.setdefault(family, []).append(block)
                block, fence = None, None
            elif block is not None:
                block[1].append(line)
        elif line.startswith("```"):
            fence = number
            block = (number + 1, []) if line.strip() == "```cpp" else None
        elif line.startswith("## "):
            family = re.sub(r"\W+", "_", line[3:].strip().lower())
    if fence is not None:
        raise SystemExit(f"{fence}: this block does not end")
    return families


def source(path: str, blocks: list[tuple[int, list[str]]]) -> str:
    text = ""
    for number, (first, lines) in enumerate(blocks, 1):
        body = f'#line {first} "{path}"\n' + "\n".join(lines) + "\n"
        if lines and lines[0].strip() == FILE_SCOPE:
            text += body
        else:
            text += f"namespace examples {{\nTask<> example_{number}() {{\n{body}co_return;\n}}\n}}\n"
    return text


def main() -> int:
    page, folder, wanted = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    families = blocks_by_family(page.read_text(encoding="utf-8"))
    common = families.pop("", [])
    if sorted(families) != sorted(wanted):
        print(f"{page}: the sections with examples are {' '.join(sorted(families))};\n"
              f"tests/docs/meson.build has        {' '.join(sorted(wanted))}", file=sys.stderr)
        return 1
    for family, blocks in families.items():
        file, text = folder / f"{family}.cpp", source(page.resolve().as_posix(), common + blocks)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
