"""How a figure is printed: one line of JSON for programs, one line for people with the target beside it.

Figures are reported and never judged: whether a machine is fast is not for a test to say.
"""

import json
import os
import statistics
import tempfile
from pathlib import Path


def pin():
    """The last processor is the one that interrupts and others like least; a figure should not wander."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def report(bench: str, unit: str, values: list, target=None, **more):
    """The median of `values`, with the least and the greatest; `more` are figures without a target."""
    median, least, greatest = statistics.median(values), min(values), max(values)
    line = {"bench": bench, unit: round(median, 3), "min": round(least, 3), "max": round(greatest, 3),
            "runs": len(values), **{key: round(value, 3) for key, value in more.items()}}
    if target is not None:
        line["target"] = target
    print(json.dumps(line))
    text = f"  {bench:<26}{median:>10.2f} {unit:<7} ({least:.2f} to {greatest:.2f} in {len(values)} runs"
    text += "".join(f", {key} {value:.2f}" for key, value in more.items()) + ")"
    print(text + (f"   target: at most {target} {unit}" if target is not None else ""), flush=True)


class Home:
    """A TAU_HOME of one's own for as long as a `with` lasts. `environment` is what tau is started with."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="tau-bench-")
        self.folder = Path(self._folder.name)
        # A compiler cache would answer for the compiler.
        self.environment = {**os.environ, "TAU_HOME": str(self.folder / "home"), "CCACHE_DISABLE": "1"}
        return self

    def __exit__(self, *_):
        self._folder.cleanup()
