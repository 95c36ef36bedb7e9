"""Who takes part: tau's bench command, and its peers, built here from peers/ where what they need is installed.

Nothing is downloaded: tokio and its crates are Debian's packages, Asio and libuv the system's.
"""

import json
import os
import subprocess
from pathlib import Path

import versus

PEERS = Path(__file__).resolve().parent / "peers"
PATIENCE = 600  # seconds


class Program:
    """`command` prints the figures of a bench, given its name and a scale, as lines of JSON."""

    def __init__(self, name: str, command, benches: list, environment=None):
        self.name, self.command, self.benches, self.environment = name, command, benches, environment

    def run(self, bench: str, scale: float) -> list:
        done = subprocess.run(self.command(bench, scale), capture_output=True, text=True, timeout=PATIENCE,
                              env=self.environment, check=False)
        figures = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"bench"')]
        if done.returncode != 0 or not figures:
            raise RuntimeError(f"{self.name}: {bench} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
        return figures


def tau(dist: Path, environment: dict) -> Program:
    start = dist / "run.sh"
    listed = subprocess.run([start, "bench", "--list"], capture_output=True, text=True, check=True).stdout
    benches = [line.split()[0] for line in listed.splitlines() if "--port" not in line]  # servers measure nothing
    return Program("tau", lambda bench, scale: [start, "bench", bench, "--json", "--scale", str(scale)], benches,
                   environment)


def peers(scratch: Path) -> list:
    """Those that can be built; why others cannot is printed."""
    found = []
    for name, program in (("tokio", versus.cargo_program(PEERS / "tokio", scratch)),
                          ("asio", _compile(scratch, "asio", "asio/experimental/channel.hpp", "libasio-dev", [])),
                          ("libuv", _compile(scratch, "libuv", "uv.h", "libuv1-dev", ["-luv"]))):
        if program is None:
            continue
        benches = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
        command = (lambda path: lambda bench, scale: [path, bench, str(scale)])(program)
        found.append(Program(name, command, benches, dict(os.environ)))
    return found


def _compile(scratch: Path, name: str, header: str, package: str, libraries: list):
    compiler = os.environ.get("CXX", "c++").split()
    probe = subprocess.run([*compiler, "-E", "-x", "c++", "-"], input=f"#include <{header}>\n", capture_output=True,
                           text=True, check=False)
    if probe.returncode != 0:
        print(f"peer {name}: skipped, needs {header} ({package})")
        return None
    scratch.mkdir(parents=True, exist_ok=True)
    program = scratch / f"tau-bench-{name}"
    done = subprocess.run([*compiler, "-std=c++20", "-O2", PEERS / name / "main.cpp", "-o", program, "-pthread",
                           *libraries], capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        print(f"peer {name}: skipped, does not build here:\n{done.stderr}")
        return None
    return program
