"""The page of the API does not fall behind: mentions_test.py PAGE SDK_INCLUDE

Every public header of the sdk is on the page, every header on the page exists, and every link to a file leads
somewhere, there and on the pages beside it."""

import re
import sys
from pathlib import Path


def main() -> int:
    page, include = Path(sys.argv[1]), Path(sys.argv[2])
    text = page.read_text(encoding="utf-8")
    mentioned = set(re.findall(r"\btau/[\w/]+\.hpp", text))
    headers = {path.relative_to(include).as_posix() for path in include.rglob("*.hpp")
               if "detail" not in path.relative_to(include).parts}
    wrong = [f"{header} is not mentioned" for header in sorted(headers - mentioned)]
    wrong += [f"{header} does not exist" for header in sorted(mentioned - headers)]
    for other in sorted(page.parent.glob("*.md")):
        prose = re.sub(r"```.*?```", "", other.read_text(encoding="utf-8"), flags=re.S)
        wrong += [f"the link of {other.name} to {link} leads nowhere"
                  for link in re.findall(r"\]\((?!https?:)([\w./-]+)", prose) if not (other.parent / link).exists()]
    for problem in wrong:
        print(f"{page}: {problem}")
    print(f"{len(headers)} public headers")
    return 1 if wrong or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
