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
    """Median, least and greatest of `values`, and so of `more`, which have no target."""
    line = {"bench": bench, **_summary(unit, values), "runs": len(values)}
    text = f"  {bench:<26}{_spread(unit, values)}"
    for name, others in more.items():
        if others:
            line.update(_summary(name, others))
            text += f"   {_spread(name, others)}"
    if target is not None:
        line["target"] = target
        text += f"   target: at most {target} {unit}"
    print(json.dumps(line))
    print(text, flush=True)


def _summary(unit: str, values: list) -> dict:
    return {unit: round(statistics.median(values), 3), f"{unit}_min": round(min(values), 3),
            f"{unit}_max": round(max(values), 3)}


def _spread(unit: str, values: list) -> str:
    return f"{statistics.median(values):.2f} {unit} ({min(values):.2f} to {max(values):.2f})"


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
