"""tau beside its peers: the same work in turns (tau, tokio, Asio, libuv, tau, ...), a new process for each run,
pinned to one processor; medians, spread and ratios as a table, as JSON and as a plot.

    compare.py SOURCE DIST SCRATCH [NAME ...] [--runs N] [--scale PART] [--instructions] [--write-docs]

A ratio is taken within each turn, so that what slows both down cancels out; its median, least and greatest are told.
--instructions counts them in place of time, under valgrind. --write-docs renews the tables of docs/PERFORMANCE.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import instructions
import plot
import programs
import versus
from figures import Home, pin

# What counts of a bench: time on the wall where threads wait for each other, which is what a caller waits; else the
# processor's, which others on the machine disturb less; memory; a ratio of its own, compared with nobody's.
WALL = {"cold_build", "edit_to_running", "warm_start", "cross_thread_rtt", "spawn_blocking_rtt", "load_unload", "freshness_check"}
UNITS = ("ns", "us", "ms", "s")
# Builds want all processors: measured by build_bench.py, and here only by name.
UNPINNED = {"cold_build", "edit_to_running", "warm_start"}

# bench: tau to tokio, at most
TARGETS = {"spawn_join": 0.25, "yield": 0.35, "mpsc_128": 0.4, "oneshot_pingpong": 0.4, "sleep_cpu": 0.25,
           "timeout_cancel": 0.15}
# bench: what it should be, in words, and whether it is, given the row
OTHER_TARGETS = {
    "bytes_per_sleeping_task": ("300 bytes", lambda row: row.median("tau") <= 300),
    "cross_thread_rtt": ("the better of tokio and Asio",
                         lambda row: all(row.ratio(peer)[0] <= 1 for peer in ("tokio", "asio") if peer in row.values)),
    "plugin_call": ("60 ns beyond a virtual call", lambda row: statistics.median(row.beyond) <= 60),
    "idle_mass": ("1.1", lambda row: row.median("tau") <= 1.1),
}


class Row:
    """One figure: the values of each program, in the order of the turns."""

    def __init__(self, bench: str, case: str, unit: str):
        self.bench, self.case, self.unit, self.values = bench, case, unit, {}
        self.beyond = []

    @property
    def label(self) -> str:
        return f"{self.bench} ({self.case})" if self.case else self.bench

    def median(self, program: str) -> float:
        return statistics.median(self.values[program])

    def comparable(self, peer: str) -> bool:
        return peer in self.values and "tau" in self.values and self.unit != "ratio"

    def ratio(self, peer: str) -> tuple:
        """Median, least and greatest."""
        each = [ours / theirs for ours, theirs in zip(self.values["tau"], self.values[peer])]
        return statistics.median(each), min(each), max(each)

    def target(self) -> tuple:
        """In words, and whether it is met; (None, None) without one."""
        if self.bench in TARGETS and "tokio" in self.values:
            return f"{TARGETS[self.bench]} of tokio", self.ratio("tokio")[0] <= TARGETS[self.bench]
        if self.bench in OTHER_TARGETS:
            words, met = OTHER_TARGETS[self.bench]
            return words, met(self)
        return None, None

    def to_json(self) -> str:
        line = {"bench": self.bench, **({"case": self.case} if self.case else {}), "unit": self.unit}
        for program, values in self.values.items():
            line[program] = {"median": round(self.median(program), 3), "min": min(values), "max": max(values),
                             "runs": values}
            if program != "tau" and self.comparable(program):
                line[program]["ratio"], line[program]["ratio_min"], line[program]["ratio_max"] = (
                    round(value, 4) for value in self.ratio(program))
        return json.dumps(line)


def unit_of(figure: dict) -> str:
    if "ratio" in figure:
        return "ratio"
    if figure["bench"] not in WALL and "cpu_ns" in figure:
        return "cpu_ns"
    return next(key for key in (*UNITS, "bytes") if key in figure)


def measure(bench: str, players: list, runs: int, scale: float) -> list:
    rows = {}
    for _ in range(runs):
        for player in players:
            if bench not in player.benches:
                continue
            for figure in player.run(bench, scale):
                case = figure.get("case", "")
                row = rows.setdefault(case, Row(bench, case, unit_of(figure)))
                row.values.setdefault(player.name, []).append(figure[row.unit])
                row.beyond += [figure["beyond_ns"]] if "beyond_ns" in figure else []
    return list(rows.values())


def number(value: float) -> str:
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}".replace(",", " ")


def cells(row: Row, names: list) -> list:
    """Label, a cell for each of `names`, target."""
    shown = [row.label, row.unit.replace("cpu_ns", "ns")]
    for name in names:
        if name not in row.values:
            shown.append("")
            continue
        values = row.values[name]
        text = (f"{row.median(name):.2f} ({min(values):.2f} to {max(values):.2f})" if row.unit == "ratio" else
                f"{number(row.median(name))} ({number(min(values))} to {number(max(values))})")
        if name != "tau" and row.comparable(name):
            middle, low, high = row.ratio(name)
            text += f": **{middle:.2f}** ({low:.2f} to {high:.2f})"
        shown.append(text)
    words, met = row.target()
    shown.append("" if words is None else f"{words}: {'met' if met else 'missed'}")
    return shown


def table(rows: list, names: list) -> str:
    head = ["figure", "", *names, "target"]
    lines = [head, ["---"] * len(head)] + [cells(row, names) for row in rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def for_people(rows: list, names: list) -> str:
    lines = [["figure", "", *names, "target"]] + [[cell.replace("**", "") for cell in cells(row, names)] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() + "\n" for line in lines)


def circumstances() -> str:
    compiler = subprocess.run([*os.environ.get("CXX", "c++").split(), "--version"], capture_output=True, text=True,
                              check=False).stdout.splitlines()
    return (f"{versus.machine()}, {compiler[0] if compiler else 'no compiler'}; "
            f"load when it began: {os.getloadavg()[0]:.2f}.\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("source", "dist", "scratch"):
        parser.add_argument(name, type=Path)
    parser.add_argument("names", nargs="*", help="benches; all if left out")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--write-docs", action="store_true")
    chosen = parser.parse_args()
    scratch, docs = chosen.scratch / "compare", chosen.source / "docs" / "PERFORMANCE.md"
    where = circumstances()
    others = programs.peers(scratch)
    with Home() as home:
        tau = programs.tau(chosen.dist, home.environment)
        unknown = set(chosen.names) - set(tau.benches)
        if unknown:
            sys.exit(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(tau.benches)}")
        tau.run("mpsc_cross_plugin", 0.001)  # builds both plugins, with all processors
        pin()
        if chosen.instructions:
            counted = instructions.count(chosen.dist, home, others, chosen.names)
            print(counted)
            if chosen.write_docs:
                versus.write_between(docs, "instructions", counted)
            return
        players, rows = [tau, *others], []
        for bench in chosen.names or [name for name in tau.benches if name not in UNPINNED]:
            fresh = measure(bench, players, chosen.runs, chosen.scale)
            rows += fresh
            for row in fresh:
                print(row.to_json(), flush=True)
    names = [player.name for player in players]
    print("\n" + where + for_people(rows, names), end="")
    if chosen.scale != 1:
        print(f"\nScaled: {chosen.scale:g} of the work was done; good for trying out only.")
    ratios = [(row.label, {peer: row.ratio(peer)[0] for peer in names[1:] if row.comparable(peer)}) for row in rows]
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "compare.json").write_text("".join(row.to_json() + "\n" for row in rows), encoding="utf-8")
    picture = docs.with_name("performance.svg") if chosen.write_docs else scratch / "compare.svg"
    if any(of_row for _, of_row in ratios):
        picture.write_text(plot.svg(ratios), encoding="utf-8")
    print(f"written: {scratch / 'compare.json'}, {picture}")
    if chosen.write_docs:
        versus.write_between(docs, "machine", where)
        versus.write_between(docs, "tasks", f"Medians of {chosen.runs} runs, the least and the greatest in brackets.\n\n" +
                   table(rows, names))


if __name__ == "__main__":
    main()
