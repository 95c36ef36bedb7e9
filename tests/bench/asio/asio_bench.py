"""What Asio costs in a plugin, on each reactor, beside the same lines as a program of their own.

Usage: asio_bench.py SOURCE DIST SCRATCH [--rounds N] [--only PART OF A NAME]... [--write-docs]

Judged by the processor time of the thread that all happens on, since other programs on the machine lengthen the rest.
Where strace is installed, system calls per operation are counted, too. SCRATCH is tests/bench of the build tree:
figures go there, as asio.json and asio.svg.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from figures import Home, pin  # noqa: E402
from versus import (Contest, Spread, Way, keep, machine, markdown, paragraph, plain, ratios,  # noqa: E402
                    take_turns, write_between)

REACTORS = ("io_uring", "epoll")
WORKLOADS = {
    "ping_pong_1": "ping-pong of 64 bytes, both ends here, 1 connection",
    "ping_pong_64": "ping-pong, 64 connections",
    "ping_pong_512": "ping-pong, 512 connections",
    "post_chain": "a handler that posts the next",
    "post_chain_reactor": "the same while a socket is watched",
    "timers_200": "200 timers of 1 ms, armed anew",
    "timer_1": "one timer of 100 us, armed anew",
    "spawn_chain": "a coroutine that spawns others and awaits each",
}
TRACED = 0.02  # of a workload's length, under strace


def parse_strace(text: str) -> int:
    """How many system calls `strace -c -U calls,name` has counted."""
    found = re.search(r"^\s*(\d+) total$", text, re.MULTILINE)
    if not found:
        raise ValueError(f"no total in what strace says:\n{text}")
    return int(found[1])


def parse_answer(text: str) -> Dict[str, float]:
    found = re.search(r'(\{"bench".*\})', text)
    if not found:
        raise ValueError(f"no figure in:\n{text}")
    figures = json.loads(found[1])
    del figures["bench"]
    return figures


class Bench:
    def __init__(self, options, home: Home):
        self.options, self.home = options, home
        self.plugin = options.source / "tests" / "bench" / "asio" / "plugin"

    def stock(self, what: str, trace: List[str], *options: str) -> str:
        return self.started([*trace, self.options.scratch / "asio" / "bench_asio_stock", *options, what], "", None)

    def inside(self, what: str, trace: List[str], reactor: str) -> str:
        script = f"load '{self.plugin}'\nsend asio-bench '{what}'\nunload asio-bench\n"
        return self.started([*trace, self.options.dist / "run.sh", "script"], script, reactor)

    def started(self, command, script: str, reactor: Optional[str]) -> str:
        environment = {**self.home.environment, **({"TAU_REACTOR": reactor} if reactor else {})}
        done = subprocess.run(list(map(str, command)), input=script, env=environment, capture_output=True, text=True,
                              timeout=600, check=False)
        if done.returncode != 0:
            sys.exit(f"{command} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
        return done.stdout

    def runners(self) -> Dict[str, object]:
        runners = {
            "stock Asio": self.stock,
            # As every host of plugins has; what that costs is not the host's doing.
            "stock, second thread": lambda what, trace: self.stock(what, trace, "--threaded"),
        }
        for reactor in REACTORS:
            runners[f"in a plugin, {reactor}"] = \
                lambda what, trace, reactor=reactor: self.inside(what, trace, reactor)
        return runners

    def calls(self, run, workload: str) -> float:
        """System calls per operation; what starting and ending takes is taken off."""
        counts = []
        for what in ("nothing", f"{workload} {TRACED}"):
            with tempfile.NamedTemporaryFile("r", suffix=".strace") as summary:
                operations = parse_answer(run(what, ["strace", "-c", "-f", "-U", "calls,name", "-o", summary.name]))["operations"]
                counts.append(parse_strace(summary.read()))
        return (counts[1] - counts[0]) / operations

    def compete(self, workload: str, title: str) -> Contest:
        runners = self.runners()
        ways = [Way(name, lambda run=run: parse_answer(run(workload, []))) for name, run in runners.items()]
        take_turns(ways, self.options.rounds)
        if shutil.which("strace"):
            for way in ways:
                way.figures[0]["calls"] = self.calls(runners[way.name], workload)
        return Contest(title, ways, "cpu_ns", {"ns": "ns on the wall"})


def summary(contests: List[Contest]) -> List[Dict[str, str]]:
    """A row for each workload and way."""
    rows = []
    for contest in contests:
        stock = contest.ways[0]
        for way in contest.ways:
            calls = way.values("calls")
            rows.append({"workload": contest.title if way is stock else "", "": way.name,
                         "cpu ns": Spread.of(way.values("cpu_ns")).text(".0f"),
                         "of stock": ratios(way, stock, "cpu_ns").text(".2f"),
                         "system calls": f"{calls[0]:.2f}" if calls else "-"})
    return rows


def main():
    parser = argparse.ArgumentParser(description="What Asio costs in a plugin.")
    parser.add_argument("source", type=Path)
    parser.add_argument("dist", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", help="a part of a workload's name")
    parser.add_argument("--write-docs", action="store_true")
    options = parser.parse_args()
    contests = []
    with Home() as home:
        bench = Bench(options, home)
        bench.inside("nothing", [], REACTORS[0])  # builds it, with all processors
        pin()
        for workload, title in WORKLOADS.items():
            if not options.only or any(part in workload for part in options.only):
                contests.append(bench.compete(workload, title))
                print(plain(summary(contests[-1:])), "\n", flush=True)
    keep(contests, options.scratch, "asio", "ns of the thread's processor per operation; less is better")
    if not shutil.which("strace"):
        print("not installed, so not counted: system calls (strace)")
    if options.write_docs:
        text = (f"Taken on {machine()}. {options.rounds} rounds, everyone in turn, on one processor. Processor time of "
                "the thread per operation in ns, median (least to greatest), its ratio to stock Asio's within the same "
                "round, and system calls per operation (`strace -c`).")
        write_between(options.source / "docs" / "PERFORMANCE.md", "asio", paragraph(text) + "\n\n" + markdown(summary(contests)))


if __name__ == "__main__":
    main()
