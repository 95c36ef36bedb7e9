"""Ways to do the same, run in turns, and their figures side by side: ratios, a table, a plot, a place in the docs.

On a machine that does other things as well a figure wanders by a tenth or more from minute to minute; the ratio of
two that were taken one after the other wanders far less. So each round runs every way once, every second round in
reverse, ratios are formed within a round, and what is shown is their median and how far they spread.
"""

import html
import json
import os
import re
import shutil
import statistics
import subprocess
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Optional

CRATES = Path("/usr/share/cargo/registry")  # Debian's; nothing is downloaded
COLOURS = ("#1b6ca8", "#5aa9e6", "#b0b7bf", "#98a0a8", "#808890", "#687078", "#505860", "#384048")


@dataclass
class Way:
    """One way: `run` gives its figures, by name."""

    name: str
    run: Callable[[], Dict[str, float]]
    figures: List[Dict[str, float]] = field(default_factory=list)

    def values(self, unit: str) -> List[float]:
        return [figure[unit] for figure in self.figures if unit in figure]


@dataclass
class Spread:
    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: List[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def text(self, form: str) -> str:
        return f"{self.median:{form}} ({self.least:{form}} to {self.greatest:{form}})"


def take_turns(ways: List[Way], rounds: int, warm_up: bool = False) -> None:
    """`warm_up`: a first round that does not count."""
    for number in range(-1 if warm_up else 0, rounds):
        for way in ways if number % 2 == 0 else reversed(ways):
            figures = way.run()
            if number >= 0:
                way.figures.append(figures)


def ratios(way: Way, base: Way, unit: str) -> Spread:
    """Of each round by itself."""
    return Spread.of([mine / theirs for mine, theirs in zip(way.values(unit), base.values(unit))])


@dataclass
class Contest:
    """Ways that did the same thing. `unit` is what they are judged by; less is better unless `more_is_better`."""

    title: str
    ways: List[Way]
    unit: str
    others: Dict[str, str] = field(default_factory=dict)  # unit: how its column is headed
    more_is_better: bool = False
    base: int = 0  # whom the others are compared with

    def rows(self) -> List[Dict[str, str]]:
        base = self.ways[self.base]
        rows = []
        for way in self.ways:
            row = {"": way.name, self.unit: Spread.of(way.values(self.unit)).text(".0f"),
                   f"of {base.name}": ratios(way, base, self.unit).text(".2f")}
            for unit, heading in self.others.items():
                values = way.values(unit)
                row[heading] = f"{statistics.median(values):,.0f}".replace(",", " ") if values else "-"
            rows.append(row)
        return rows

    def to_json(self) -> dict:
        return {"title": self.title, "unit": self.unit, "base": self.ways[self.base].name,
                "ways": {way.name: way.figures for way in self.ways}}


def markdown(rows: List[Dict[str, str]]) -> str:
    heads = list(rows[0])
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(row[head] for head in heads) + " |" for row in rows]
    return "\n".join(lines)


def plain(rows: List[Dict[str, str]]) -> str:
    """The same for a terminal."""
    heads = list(rows[0])
    widths = [max(len(head), *(len(row[head]) for row in rows)) for head in heads]
    lines = [[*heads], *([row[head] for head in heads] for row in rows)]
    return "\n".join("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def svg(contests: List[Contest], caption: str) -> str:
    """Bars of the medians, a group for each contest, each group on a scale of its own; whiskers from least to
    greatest."""
    left, bar, gap, width = 210, 16, 4, 420
    parts, y = [], 34
    for contest in contests:
        spreads = [Spread.of(way.values(contest.unit)) for way in contest.ways]
        scale = width / max(spread.greatest for spread in spreads)
        parts.append(f'<text x="8" y="{y}" font-weight="bold">{html.escape(contest.title)}</text>')
        y += 10
        for index, (way, spread) in enumerate(zip(contest.ways, spreads)):
            middle = y + bar / 2
            colour = COLOURS[min(index, len(COLOURS) - 1)]
            parts.append(f'<text x="{left - 8}" y="{middle + 4}" text-anchor="end">{html.escape(way.name)}</text>')
            parts.append(f'<rect x="{left}" y="{y}" width="{spread.median * scale:.1f}" height="{bar}" fill="{colour}"/>')
            parts.append(f'<path d="M{left + spread.least * scale:.1f} {middle}H{left + spread.greatest * scale:.1f}" '
                         'stroke="#000" stroke-opacity=".55"/>')
            parts.append(f'<text x="{left + spread.greatest * scale + 6:.1f}" y="{middle + 4}">{spread.median:.0f}</text>')
            y += bar + gap
        y += 28
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 70} {y}" '
            f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="#fff"/>\n'
            f'<text x="8" y="16" fill="#555">{html.escape(caption)}</text>\n' + "\n".join(parts) + "\n</svg>\n")


def paragraph(text: str) -> str:
    return textwrap.fill(text, 110, break_long_words=False, break_on_hyphens=False)


def write_between(file: Path, mark: str, text: str) -> None:
    """Replaces what stands between `<!-- mark -->` and `<!-- /mark -->`."""
    before = file.read_text(encoding="utf-8")
    pattern = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
    after, count = pattern.subn(lambda found: found[1] + text.strip("\n") + "\n" + found[2], before)
    if count != 1:
        raise ValueError(f"{file} has {count} places between <!-- {mark} --> and <!-- /{mark} -->, not one")
    file.write_text(after, encoding="utf-8")


def machine() -> str:
    """What the figures were taken on, as far as it says so itself, and how busy it was otherwise."""
    model = "a processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = " ".join(line.split(":", 1)[1].split())
            break
    return (f"{model}, {os.cpu_count()} cores, Linux {os.uname().release.split('-')[0]}, "
            f"load average {os.getloadavg()[1]:.1f}")


def cargo_program(tree: Path, scratch: Path) -> Optional[Path]:
    """A crate's program, built from Debian's packages alone; None with the reason printed."""
    cargo = shutil.which("cargo")
    if not cargo or not list(CRATES.glob("tokio-1.*")):
        print(f"peer tokio: skipped, needs cargo and Debian's librust-tokio-dev in {CRATES}")
        return None
    copy = scratch / f"{tree.parent.name}-{tree.name}"  # cargo writes beside its manifest, and sources stay as they are
    shutil.copytree(tree, copy, dirs_exist_ok=True)
    done = subprocess.run(
        [cargo, "build", "--release", "--offline", "--quiet",
         "--config", 'source.crates-io.replace-with="debian"', "--config", f'source.debian.directory="{CRATES}"'],
        cwd=copy, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        print(f"peer tokio: skipped, does not build here:\n{done.stderr}")
        return None
    name = re.search(r'name = "(.*)"', (tree / "Cargo.toml").read_text(encoding="utf-8"))
    return copy / "target" / "release" / name[1]


def keep(contests: List[Contest], folder: Path, name: str, caption: str) -> None:
    """NAME.json and NAME.svg, in a folder of scratch."""
    report = {"machine": machine(), "contests": [contest.to_json() for contest in contests]}
    (folder / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (folder / f"{name}.svg").write_text(svg(contests, caption), encoding="utf-8")
    print(f"written: {folder / name}.json, {folder / name}.svg")
