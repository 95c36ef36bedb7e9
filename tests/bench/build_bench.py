"""What compiling and starting costs: from nothing built, after an edit, and with nothing to do.

Each is measured as a user meets it, from the start of the process to the line that the plugin's init prints.
"""

import os
import shutil
import sys
import time
from pathlib import Path

from figures import Home, report

SOURCE, DIST = (Path(argument) for argument in sys.argv[1:3])
COLD_RUNS, EDITS, WARM_RUNS = 3, 5, 31


class Run:
    """One run of tau on one plugin, to its end."""

    def __init__(self, plugin: Path, home: Home):
        reading, writing = os.pipe()
        command = [str(DIST / "run.sh"), "--plugin", str(plugin)]
        began = time.monotonic()
        child = os.posix_spawn(command[0], command, home.environment, file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, writing, 1), (os.POSIX_SPAWN_DUP2, writing, 2),
            (os.POSIX_SPAWN_CLOSE, reading), (os.POSIX_SPAWN_CLOSE, writing)])
        os.close(writing)
        self.to_init_ms, shown = None, ""
        while text := os.read(reading, 65536):
            now = time.monotonic()
            shown += text.decode(errors="replace")
            if self.to_init_ms is None and "] Initialized!" in shown:
                self.to_init_ms = (now - began) * 1e3
        os.close(reading)
        _, status, usage = os.wait4(child, 0)
        if status != 0 or self.to_init_ms is None:
            sys.exit(f"{plugin} ended with {os.waitstatus_to_exitcode(status)}:\n{shown}")
        self.cpu_s = usage.ru_utime + usage.ru_stime  # with all that it has waited for


def example(home: Home, name: str) -> Path:
    folder = home.folder / name
    shutil.copytree(SOURCE / "plugins" / "example-plugin", folder)
    return folder


def main():
    with Home() as home:
        # The first build of all also makes what plugins share: the precompiled header and the sdk's archive.
        first = Run(example(home, "first"), home)
        cold = [Run(example(home, f"cold{number}"), home) for number in range(COLD_RUNS)]
        report("first_build", "cpu_s", [first.cpu_s])
        report("cold_build", "cpu_s", [run.cpu_s for run in cold], 2.5,
               wall_s=[run.to_init_ms / 1e3 for run in cold])

        plugin = example(home, "edited")
        Run(plugin, home)
        source = plugin / "example_plugin.cpp"
        text = source.read_text(encoding="utf-8")
        edits = []
        for number in range(EDITS):
            source.write_text(text.replace("Async task done!", f"Async task {number} done!"), encoding="utf-8")
            edits.append(Run(plugin, home))
        report("edit_to_running", "s", [run.to_init_ms / 1e3 for run in edits], 0.6,
               cpu_s=[run.cpu_s for run in edits])

        warm = [Run(plugin, home) for _ in range(WARM_RUNS)]
        report("warm_start", "ms", [run.to_init_ms for run in warm], 10, cpu_ms=[run.cpu_s * 1e3 for run in warm])


if __name__ == "__main__":
    main()
