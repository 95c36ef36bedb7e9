"""How many instructions an operation takes, where the machine has no counters of its own: by valgrind.

A bench is run twice, the second time with twice the work; the difference is the operations' alone. The count is of
everything in the process. Under valgrind tau runs on epoll and cannot compile, so it is given the built module.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

SCALES = (0.02, 0.04)

# bench: operations at scale 1
OPERATIONS = {"spawn_join": 2_000_000, "yield": 1_000_000, "select2": 1_000_000, "join_all": 1_000_000,
              "stream_map_filter": 10_000_000, "timeout_cancel": 1_000_000, "mpsc_128": 3_000_000,
              "mpsc_unbounded": 3_000_000, "broadcast": 3_000_000, "watch": 3_000_000, "oneshot_pingpong": 200_000,
              "notify": 2_000_000}


def count(dist: Path, home, peers: list, names: list) -> str:
    """A table in Markdown, or why there is none."""
    if not shutil.which("valgrind"):
        return "valgrind is missing\n"
    module = home.folder / "bench-plugin.so"
    built = list((home.folder / "home").glob("buildcache/*/bench-plugin-*/modules/*.so"))
    shutil.copy(max(built, key=lambda path: path.stat().st_mtime), module)
    columns = ["tau", *(peer.name for peer in peers)]
    lines = [["figure", *columns], ["---"] * (len(columns) + 1)]
    for bench, operations in OPERATIONS.items():
        if names and bench not in names:
            continue
        line = [bench]
        counts = [_tau(dist, home, module, bench, scale) for scale in SCALES]
        line.append(_each(counts, operations))
        for peer in peers:
            if bench in peer.benches:
                line.append(_each([_refs(peer.command(bench, scale)) for scale in SCALES], operations))
            else:
                line.append("")
        lines.append(line)
        print("  " + "  ".join(line), flush=True)
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _each(counts: list, operations: int) -> str:
    return f"{(counts[1] - counts[0]) / (operations * (SCALES[1] - SCALES[0])):.0f}"


def _tau(dist: Path, home, module: Path, bench: str, scale: float) -> int:
    script = home.folder / "instructions.tau"
    script.write_text(f"load '{module}'\nsend bench-plugin '{bench} {scale}'\n", encoding="utf-8")
    return _refs([dist / "bin" / "tau", "script", script], {**home.environment, "TAU_REACTOR": "epoll"})


def _refs(command: list, environment=None) -> int:
    done = subprocess.run(["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
                           *command], capture_output=True, text=True, timeout=300, env=environment or os.environ,
                          check=False)
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if done.returncode != 0 or not found:
        raise RuntimeError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return int(found[1].replace(",", ""))
