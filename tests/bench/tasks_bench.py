"""What tasks cost in a plugin: runs plugins/bench-plugin in the dist tree's host, and a peer beside it.

A process for each run, because memory that an earlier bench has warmed flatters a later one. The peer, tokio,
takes part where cargo and Debian's package of it are installed (librust-tokio-dev); nothing is downloaded.
"""

import json
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from figures import Home, pin, report

SOURCE, DIST, SCRATCH = (Path(argument) for argument in sys.argv[1:4])
PLUGIN = SOURCE / "plugins" / "bench-plugin"
PEER = SOURCE / "tests" / "bench" / "peers" / "tokio"
CRATES = Path("/usr/share/cargo/registry")
RUNS = 7

# bench: key of its figure, target
BENCHES = {
    "spawn_join": ("ns", 60),
    "yield": ("ns", 12),
    "sleep_cpu": ("cpu_ns", None),
    "timeout_cancel": ("ns", None),
    "bytes_per_sleeping_task": ("bytes", None),
}


def run_tau(home: Home, bench: str) -> dict:
    script = f"load '{PLUGIN}'\nsend bench-plugin {bench}\nunload bench-plugin\n"
    done = subprocess.run([DIST / "run.sh", "script"], input=script, env=home.environment, capture_output=True,
                          text=True, timeout=300, check=False)
    answer = re.search(r"answered: (\{.*\})", done.stdout)
    if done.returncode != 0 or not answer:
        sys.exit(f"{bench} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return json.loads(answer[1])


def build_peer():
    """The peer's program, or None with the reason printed."""
    cargo = shutil.which("cargo")
    if not cargo or not list(CRATES.glob("tokio-1.*")):
        print(f"peer tokio: skipped, needs cargo and Debian's librust-tokio-dev in {CRATES}")
        return None
    tree = SCRATCH / "tokio"  # cargo writes beside its manifest, and sources stay as they are
    shutil.copytree(PEER, tree, dirs_exist_ok=True)
    done = subprocess.run(
        [cargo, "build", "--release", "--offline", "--quiet",
         "--config", 'source.crates-io.replace-with="debian"', "--config", f'source.debian.directory="{CRATES}"'],
        cwd=tree, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        print(f"peer tokio: skipped, does not build here:\n{done.stderr}")
        return None
    return tree / "target" / "release" / "tau-bench-tokio"


def main():
    peer = build_peer()
    with Home() as home:
        # Builds it, with all processors.
        subprocess.run([DIST / "run.sh", "--plugin", PLUGIN, "--requests", "0"], env=home.environment, timeout=300,
                       stdout=subprocess.DEVNULL, check=True)
        pin()
        for bench, (unit, target) in BENCHES.items():
            ours, theirs = [], []
            for _ in range(RUNS):  # in turns, so that both meet the same weather
                ours.append(run_tau(home, bench))
                if peer and bench in ("spawn_join", "yield"):
                    shown = subprocess.run([peer, bench], capture_output=True, text=True, timeout=300, check=True)
                    theirs.append(json.loads(shown.stdout))
            values = [figure[unit] for figure in ours]
            processor = [figure["cpu_ns"] for figure in ours if unit == "ns"]
            report(bench, unit, values, target, cpu_ns=processor)
            if theirs:
                values_of_peer = [figure["ns"] for figure in theirs]
                processor_of_peer = [figure["cpu_ns"] for figure in theirs]
                report(bench + "_tokio", "ns", values_of_peer, cpu_ns=processor_of_peer)
                ratio = statistics.median(processor) / statistics.median(processor_of_peer)
                print(json.dumps({"bench": bench + "_ratio", "tau_to_tokio": round(ratio, 3)}))
                print(f"  {bench}: {ratio:.2f} of tokio's CPU time in the same run", flush=True)


if __name__ == "__main__":
    main()
