"""Who takes part: tau's bench command, and its peers, built here from peers/ where what they need is installed.

Nothing is downloaded: tokio and its crates are Debian's packages, Asio and libuv the system's.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

PEERS = Path(__file__).resolve().parent / "peers"
CRATES = Path("/usr/share/cargo/registry")
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
    benches = [line.split()[0] for line in listed.splitlines()]
    return Program("tau", lambda bench, scale: [start, "bench", bench, "--json", "--scale", str(scale)], benches,
                   environment)


def peers(scratch: Path) -> list:
    """Those that can be built; why others cannot is printed."""
    found = []
    for name, build in (("tokio", _build_tokio), ("asio", _build_asio), ("libuv", _build_libuv)):
        program = build(scratch)
        if isinstance(program, str):
            print(f"peer {name}: missing, {program}")
            continue
        benches = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
        command = (lambda path: lambda bench, scale: [path, bench, str(scale)])(program)
        found.append(Program(name, command, benches, dict(os.environ)))
    return found


def _build_tokio(scratch: Path):
    cargo = shutil.which("cargo")
    if not cargo or not list(CRATES.glob("tokio-1.*")) or not list(CRATES.glob("futures-0.3*")):
        return f"needs cargo, librust-tokio-dev and librust-futures-dev (crates in {CRATES})"
    tree = scratch / "tokio"  # cargo writes beside its manifest, and sources stay as they are
    shutil.copytree(PEERS / "tokio", tree, dirs_exist_ok=True)
    done = subprocess.run(
        [cargo, "build", "--release", "--offline", "--quiet",
         "--config", 'source.crates-io.replace-with="debian"', "--config", f'source.debian.directory="{CRATES}"'],
        cwd=tree, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        return f"does not build here:\n{done.stderr}"
    return tree / "target" / "release" / "tau-bench-tokio"


def _build_asio(scratch: Path):
    return _compile(scratch, "asio", "asio/experimental/channel.hpp", "libasio-dev", [])


def _build_libuv(scratch: Path):
    return _compile(scratch, "libuv", "uv.h", "libuv1-dev", ["-luv"])


def _compile(scratch: Path, name: str, header: str, package: str, libraries: list):
    compiler = os.environ.get("CXX", "c++").split()
    probe = subprocess.run([*compiler, "-E", "-x", "c++", "-"], input=f"#include <{header}>\n", capture_output=True,
                           text=True, check=False)
    if probe.returncode != 0:
        return f"needs {header} ({package})"
    scratch.mkdir(parents=True, exist_ok=True)
    program = scratch / f"tau-bench-{name}"
    done = subprocess.run([*compiler, "-std=c++20", "-O2", PEERS / name / "main.cpp", "-o", program, "-pthread",
                           *libraries], capture_output=True, text=True, timeout=PATIENCE, check=False)
    return program if done.returncode == 0 else f"does not build here:\n{done.stderr}"
