"""Runs the tau of a dist tree on small plugins that a test writes down."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path

SOURCE, DIST = (Path(argument) for argument in sys.argv[1:3])
PATIENCE = 240  # seconds; for a sanitized build on a machine that does other things as well

# As from a terminal: whoever runs tests in the background may have signals ignored, and that is inherited.
for _number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)

MESON = """\
project('{name}', 'cpp', default_options: ['cpp_std=c++20'])
shared_module('{name}', 'plugin.cpp', dependencies: {dependencies})
"""
HEAD = """\
#include <tau/tau.hpp>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
using namespace std::chrono_literals;
"""


def needs(*headers: str):
    """Skips a class or a test where the compiler does not find a header."""
    probe = "".join(f"#if !__has_include(<{header}>)\n#error missing:{header}:\n#endif\n" for header in headers)
    said = subprocess.run([*shlex.split(os.environ.get("CXX", "c++")), "-x", "c++", "-E", "-"], input=probe,
                          capture_output=True, text=True, check=False)
    missing = re.findall(r"error missing:(.*):", said.stderr)
    return unittest.skipIf(missing, "not installed: " + ", ".join(dict.fromkeys(missing)))


class Done:
    """How a run ended: its exit code, and what it wrote to both outputs together."""

    def __init__(self, code: int, text: str):
        self.code, self.text = code, text


class TauTest(unittest.TestCase):
    """A folder and a TAU_HOME for all tests of a class: what plugins share is built once in it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="tau-e2e-"))
        cls.home = cls.folder / "home"
        cls.environment = {**os.environ, "TAU_HOME": str(cls.home)}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def plugin(cls, name: str, body: str, dependencies="dependency('tau')", folder=None) -> Path:
        """A source tree whose class is P; `body` starts on line 8 of plugin.cpp."""
        tree = Path(folder or cls.folder) / name
        tree.mkdir(parents=True)
        (tree / "meson.build").write_text(MESON.format(name=name, dependencies=dependencies), encoding="utf-8")
        text = HEAD + "\n" + textwrap.dedent(body).strip() + "\nTAU_DEFINE_PLUGIN(P)\n"
        (tree / "plugin.cpp").write_text(text, encoding="utf-8")
        return tree

    def tau(self, *arguments, given="", cwd=None, dist=DIST, **environment) -> Done:
        done = subprocess.run([dist / "run.sh", *arguments], input=given, cwd=cwd or self.folder,
                              env={**self.environment, **environment}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False)
        return Done(done.returncode, done.stdout)

    def start(self, *arguments, given=os.devnull, **environment) -> "Running":
        """Beside the test, which ends it at the latest. `given` is a file: its standard input."""
        running = Running(self, arguments, given, environment)
        self.addCleanup(running.close)
        return running

    def assert_ended(self, done: Done, code: int, *patterns, never=()):
        """`patterns` match whole lines, in this order; others may stand between."""
        self.assertEqual(done.code, code, done.text)
        lines = iter(done.text.splitlines())
        for pattern in patterns:
            self.assertTrue(any(re.fullmatch(pattern, line) for line in lines),
                            f"no line (in its place) like {pattern} in:\n{done.text}")
        for pattern in never:
            self.assertNotRegex(done.text, pattern)


class Running:
    """A tau that runs beside the test."""

    def __init__(self, test: TauTest, arguments, given, environment):
        self.test = test
        with open(given, "rb") as file:
            self.process = subprocess.Popen([DIST / "run.sh", *arguments], cwd=test.folder,
                                            env={**test.environment, **environment},
                                            stdin=file, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT, text=True)
        self.text = ""

    def wait_for(self, pattern: str) -> re.Match:
        """Reads until a line matches as a whole."""
        for line in self.process.stdout:
            self.text += line
            match = re.fullmatch(pattern, line.rstrip("\n"))
            if match:
                return match
        self.test.fail(f"ended without a line like {pattern}:\n{self.text}")

    def signal(self, number: int):
        self.process.send_signal(number)

    def end(self) -> Done:
        self.text += self.process.stdout.read()
        return Done(self.process.wait(timeout=PATIENCE), self.text)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.stdout.close()
        self.process.wait()


class SharedHomeTest(TauTest):
    """The classes of a program share one TAU_HOME: what all plugins need is built once."""

    home_of_all = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if SharedHomeTest.home_of_all is None:
            SharedHomeTest.home_of_all = tempfile.TemporaryDirectory(prefix="tau-e2e-")  # until this program ends
        cls.environment["TAU_HOME"] = cls.home_of_all.name


def main(after=None):
    """`after` is called with the result."""
    started = time.monotonic()
    program = unittest.main(argv=sys.argv[:1], exit=False)
    if after:
        after(program.result)
    print(f"took {time.monotonic() - started:.1f} s")
    sys.exit(0 if program.result.wasSuccessful() else 1)
