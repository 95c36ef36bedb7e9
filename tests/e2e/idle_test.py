"""A host whose plugin only waits makes no wake-up at all (I11): no thread of it gives up the processor again."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

DIST = Path(sys.argv[1])

PLUGIN = {
    "meson.build": """project('idle', 'cpp', default_options: ['cpp_std=c++20'])
shared_module('idle', 'idle.cpp', dependencies: dependency('tau'))
""",
    # An event that nobody publishes, a descriptor that nobody writes to, a day to sleep.
    "idle.cpp": """#include <sys/eventfd.h>
#include <tau/tau.hpp>
#include <unistd.h>

#include <chrono>

class Idle {
 public:
  tau::Task<void> run() {
    tau::spawn(sleeps()).detach();
    tau::spawn(watches()).detach();
    auto news = tau::event::subscribe<int>("never published").value();
    tau::print("waiting");
    (void)co_await news.next();
    tau::print("woken");
  }

 private:
  static tau::Task<void> sleeps() { co_await tau::sleep(std::chrono::hours(24)); }
  static tau::Task<void> watches() {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    auto silent = tau::AsyncFd::create(fd).value();
    (void)co_await silent.readable();
    close(fd);
  }
};
TAU_DEFINE_PLUGIN(Idle)
""",
}


def wake_ups(pid: int) -> dict:
    """How often each thread has gone to sleep so far: a thread that is woken must do so again."""
    counts = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text(encoding="ascii").splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                counts[task.name] = int(line.split()[1])
    return counts


class IdleHost(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tau-idle-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        plugin = self.folder / "idle"
        plugin.mkdir()
        for name, text in PLUGIN.items():
            (plugin / name).write_text(text, encoding="utf-8")
        self.host = subprocess.Popen([DIST / "run.sh", "--plugin", plugin],
                                     env={**os.environ, "TAU_HOME": str(self.folder / "home")}, text=True,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(self.end_host)

    def end_host(self):
        if self.host.poll() is None:
            self.host.kill()
            self.host.wait()
        self.host.stdout.close()

    def test_nothing_wakes_it(self):
        shown = ""
        for line in self.host.stdout:
            shown += line
            if line.strip() == "[idle] waiting":
                break
        self.assertIn("[idle] waiting", shown)

        # Quiet once nothing has moved for a while; what comes after that is a wake-up without cause.
        deadline = time.monotonic() + 30
        last = None
        while (now := wake_ups(self.host.pid)) != last:
            self.assertLess(time.monotonic(), deadline, f"it never becomes quiet: {last}, then {now}")
            last = now
            time.sleep(0.2)

        time.sleep(2)  # the property is about time that passes, so it has to pass
        self.assertEqual(wake_ups(self.host.pid), last)

        self.host.send_signal(signal.SIGTERM)
        shown = self.host.stdout.read()
        self.assertEqual(self.host.wait(timeout=60), 0, shown)
        self.assertNotIn("woken", shown)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
