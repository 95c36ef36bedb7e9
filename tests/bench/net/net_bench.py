"""What a request costs a server: tau's, on each reactor, and the same server by every other means that is installed.

Usage: net_bench.py SOURCE DIST SCRATCH [--rounds N] [--seconds S] [--only PART OF A NAME]... [--load PART OF A LOAD]...
       [--write-docs]

The server has one processor, the load generator another. Judged by the server's processor time per request: that is
what stays about the same when others use the machine, too. SCRATCH is tests/bench of the build tree: there are the
programs, and there the figures go, as net.json and net.svg.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from figures import Home  # noqa: E402
from versus import (Contest, Way, cargo_program, keep, machine, markdown, paragraph, plain,  # noqa: E402
                    take_turns, write_between)

ECHO_LOADS = {"echo, 64 connections, 64 bytes": (64, 64), "echo, 512 connections, 64 bytes": (512, 64),
              "echo, 64 connections, 16 KiB": (64, 16384)}
HTTP_LOAD = "http, 64 connections"
REACTORS = ("io_uring", "epoll")


class Server:
    """One server, for as long as a `with` lasts, on the first processor that we may use."""

    def __init__(self, command: List[str], environment: Dict[str, str]):
        self.command, self.environment = command, environment

    def __enter__(self):
        self.process = subprocess.Popen(["taskset", "-c", str(processors()[0]), *map(str, self.command)],
                                        env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        said = ""
        for line in self.process.stdout:
            said += line
            if (port := port_of(line)) is not None:
                self.port = port
                return self
        self.process.wait()
        raise RuntimeError(f"{self.command} does not serve:\n{said}")

    def __exit__(self, *_):
        self.process.kill()
        self.process.stdout.close()
        self.process.wait()

    def cpu_ns(self) -> int:
        tasks = Path(f"/proc/{self.process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())


def processors() -> List[int]:
    """The server's and the load generator's; the same one where there is but one."""
    ours = sorted(os.sched_getaffinity(0))
    return [ours[0], ours[-1]]


def port_of(line: str) -> Optional[int]:
    found = re.search(r"listening on port (\d+)", line)
    return int(found[1]) if found else None


def microseconds(text: str) -> float:
    """As wrk writes times: 231.00us, 1.20ms, 2.00s."""
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}[unit]


def parse_wrk(text: str) -> Dict[str, float]:
    requests = re.search(r"(\d+) requests in", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if not requests or not rate or "Socket errors" in text or "Non-2xx" in text:
        raise ValueError(f"wrk has not measured what was meant:\n{text}")
    figures = {"requests": float(requests[1]), "per_s": float(rate[1])}
    for part, name in (("50%", "p50_us"), ("99%", "p99_us"), ("99.9%", "p999_us")):
        if found := re.search(rf"^\s+{re.escape(part)}\s+(\S+)$", text, re.MULTILINE):
            figures[name] = microseconds(found[1])
    return figures


def on_other_processor(command: List[str], seconds: float) -> str:
    done = subprocess.run(["taskset", "-c", str(processors()[1]), *map(str, command)], capture_output=True, text=True,
                          timeout=seconds * 10 + 60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return done.stdout


class Bench:
    def __init__(self, options):
        self.options = options
        self.programs = options.scratch / "net"
        self.missing: List[str] = []
        self.tokio = cargo_program(options.source / "tests/bench/net/tokio", options.scratch)
        if not self.tokio:
            self.missing.append("tokio (cargo, librust-tokio-dev)")

    def program(self, name: str, package: str) -> Optional[Path]:
        file = self.programs / f"bench_net_{name}"
        if file.exists():
            return file
        note = f"{name} ({package})"
        if note not in self.missing:
            self.missing.append(note)
        return None

    def servers(self, what: str, home: Home) -> Dict[str, Server]:
        """By name, tau's first."""
        plugin = self.options.source / "plugins" / "bench-net"
        servers = {}
        for reactor in REACTORS:
            environment = {**home.environment, "TAU_REACTOR": reactor, "BENCH_SERVE": what}
            servers[f"tau, {reactor}"] = Server([self.options.dist / "run.sh", "--plugin", plugin], environment)
        peers = {"raw epoll": ("epoll", "", []), "raw io_uring": ("ring", "liburing-dev", []),
                 "raw io_uring, send(2)": ("ring", "liburing-dev", ["inline"]),
                 "Asio": ("asio_echo", "libasio-dev", []), "libuv": ("uv", "libuv1-dev", [])}
        if what == "http":
            peers = {"Asio, by hand": ("asio_http", "libasio-dev", []), "Beast": ("beast_http", "libboost-dev", [])}
        for name, (program, package, arguments) in peers.items():
            if file := self.program(program, package):
                servers[name] = Server([file, 0, *arguments], dict(os.environ))
        if self.tokio:
            servers["tokio"] = Server([self.tokio, what, 0], dict(os.environ))
        only = self.options.only
        return {name: server for name, server in servers.items() if not only or any(part in name for part in only)}

    def echo(self, server: Server, connections: int, size: int) -> Dict[str, float]:
        with server:
            seconds = self.options.seconds
            return json.loads(on_other_processor(
                [self.programs / "bench_net_load", server.port, connections, size, seconds, server.process.pid], seconds))

    def http(self, server: Server) -> Dict[str, float]:
        with server:
            command = ["wrk", "-t1", "-c64", "--latency", f"http://127.0.0.1:{server.port}/"]
            on_other_processor([*command[:-1], "-d1", command[-1]], 1)  # wrk takes whole seconds
            before = server.cpu_ns()
            figures = parse_wrk(on_other_processor([*command[:-1], f"-d{max(1, round(self.options.seconds))}",
                                                    command[-1]], self.options.seconds))
            return {**figures, "cpu_ns": (server.cpu_ns() - before) / figures["requests"]}

    def run(self) -> List[Contest]:
        contests = []
        others = {"per_s": "requests/s", "p50_us": "p50 us", "p99_us": "p99 us", "p999_us": "p99.9 us"}
        wanted = self.options.load
        with Home() as home:
            # Builds it, with all processors.
            with Server([self.options.dist / "run.sh", "--plugin", self.options.source / "plugins" / "bench-net"],
                        home.environment):
                pass
            for title, (connections, size) in ECHO_LOADS.items():
                if wanted and not any(part in title for part in wanted):
                    continue
                ways = [Way(name, lambda server=server: self.echo(server, connections, size))
                        for name, server in self.servers("echo", home).items()]
                contests.append(self.compete(Contest(title, ways, "cpu_ns", others)))
            if not wanted or any(part in HTTP_LOAD for part in wanted):
                if shutil.which("wrk"):
                    ways = [Way(name, lambda server=server: self.http(server))
                            for name, server in self.servers("http", home).items()]
                    others = {key: text for key, text in others.items() if key != "p999_us"}
                    contests.append(self.compete(Contest(HTTP_LOAD, ways, "cpu_ns", others)))
                else:
                    self.missing.append("http's load generator (wrk)")
        return contests

    def compete(self, contest: Contest) -> Contest:
        begun = time.monotonic()
        take_turns(contest.ways, self.options.rounds)
        print(f"\n{contest.title} ({time.monotonic() - begun:.0f} s)\n{plain(contest.rows())}", flush=True)
        return contest


def text_for_docs(contests: List[Contest], options, missing: List[str]) -> str:
    blocks = [paragraph(f"Taken on {machine()}. {options.rounds} rounds of {options.seconds:g} s, everyone in turn; the server on "
              "one processor, the load generator on another. Processor time of the server per request in ns, median "
              "(least to greatest), and its ratio to tau's on io_uring within the same round.")]
    if missing:
        blocks.append(paragraph("Not installed, so not measured: " + "; ".join(missing) + "."))
    blocks.append("![Processor time per request](net.svg)")
    blocks += [f"**{contest.title}**\n\n{markdown(contest.rows())}" for contest in contests]
    return "\n\n".join(blocks)


def main():
    parser = argparse.ArgumentParser(description="What a request costs a server.")
    parser.add_argument("source", type=Path)
    parser.add_argument("dist", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--only", action="append", help="a part of a server's name")
    parser.add_argument("--load", action="append", help="a part of a load's name")
    parser.add_argument("--write-docs", action="store_true")
    options = parser.parse_args()
    bench = Bench(options)
    contests = bench.run()
    caption = "ns of the server's processor per request; less is better"
    keep(contests, options.scratch, "net", caption)
    if bench.missing:
        print("not installed, so not measured: " + "; ".join(bench.missing))
    if options.write_docs:
        write_between(options.source / "docs" / "PERFORMANCE.md", "net", text_for_docs(contests, options, bench.missing))
        shutil.copy(options.scratch / "net.svg", options.source / "docs" / "net.svg")


if __name__ == "__main__":
    main()
