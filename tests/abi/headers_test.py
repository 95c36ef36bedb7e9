"""Each public header compiles alone, without a warning: headers_test.py INCLUDE... -- COMPILER FLAG...

The headers tested are those of the first folder; detail/ is nobody's to include. A header that is for one
language only refuses the other itself, by an #error that says so."""

import concurrent.futures
import subprocess
import sys
from pathlib import Path

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def main() -> int:
    separator = sys.argv.index("--")
    includes, compiler = [Path(folder) for folder in sys.argv[1:separator]], sys.argv[separator + 1:]
    language = "c" if any("-std=c1" in word for word in compiler) else "c++"
    headers = sorted(path for path in includes[0].rglob("*.h*")
                     if path.suffix in (".h", ".hpp") and "detail" not in path.relative_to(includes[0]).parts)

    def compile_alone(header: Path) -> subprocess.CompletedProcess:
        # Twice, so that a missing include guard shows as well.
        line = f"#include <{header.relative_to(includes[0])}>\n"
        return subprocess.run(
            [*compiler, *WARNINGS, "-fsyntax-only", *(f"-I{folder}" for folder in includes), "-x", language, "-"],
            input=line + line, capture_output=True, text=True, check=False)

    failed = 0
    of_c_only = "is for plugins in C;"
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for header, done in zip(headers, pool.map(compile_alone, headers)):
            if done.returncode != 0 and not (language == "c++" and of_c_only in done.stderr):
                failed += 1
                print(f"{header} does not compile alone:\n{done.stderr}")
    print(f"{len(headers)} headers, {failed} failed")
    return 1 if failed or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
