"""`meson setup build && ninja -C build dist`: what Meson refuses for its own `dist` (an edited tree, one
without git) has to work, and so has a second run.

Building the host for each kind of checkout would take minutes; what differs between them is only what the
alias leads to. So each is configured and ninja is asked; this build's own tree is then really made.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, BUILD = (Path(argument) for argument in sys.argv[1:3])

NINJA = next((shutil.which(name) for name in ("ninja", "ninja-build", "samu") if shutil.which(name)), None)
MESON = shutil.which("meson")
GIT = shutil.which("git")
# Neither the user's settings nor a repository around the temporary folder.
ENVIRONMENT = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
               "GIT_CEILING_DIRECTORIES": tempfile.gettempdir()}


def run(*command, **options) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          env=ENVIRONMENT, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def git(tree: Path, *arguments) -> str:
    return run(GIT, "-c", "user.name=t", "-c", "user.email=t@t", "-C", tree, *arguments)


def copy_source(target: Path) -> None:
    def ignored(folder, names):
        top = Path(folder) == SOURCE
        outputs = {"bin", "lib", "src", "share", "run.sh"} if Path(folder) == SOURCE / "dist" else set()
        return [name for name in names
                if name in outputs or name == "__pycache__" or (top and (name == ".git" or name.startswith("build")))]

    shutil.copytree(SOURCE, target, ignore=ignored)


@unittest.skipUnless(NINJA and MESON, "needs meson and ninja on the PATH")
class TheCommand(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tau dist command ")
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name) / "tree"
        copy_source(self.tree)

    def check(self, tree: Path) -> None:
        run(MESON, "setup", "build", "-Dtests=false", cwd=tree)
        commands = run(NINJA, "-C", "build", "-t", "commands", "dist", cwd=tree)
        self.assertIn("mkdist.py", commands)
        self.assertNotIn("--internal dist", commands)

    def repository(self) -> Path:
        git(self.tree, "init", "-q")
        git(self.tree, "add", "-A")
        git(self.tree, "commit", "-q", "-m", "x")
        return self.tree

    def test_without_git_and_after_a_reconfiguration(self):
        self.check(self.tree)
        run(MESON, "setup", "--reconfigure", "build", cwd=self.tree)
        self.assertIn("mkdist.py", run(NINJA, "-C", "build", "-t", "commands", "dist", cwd=self.tree))

    @unittest.skipUnless(GIT, "needs git")
    def test_with_edited_and_staged_files(self):
        tree = self.repository()
        (tree / "README.md").write_text("edited")
        (tree / "staged").write_text("x")
        git(tree, "add", "staged")
        self.check(tree)

    @unittest.skipUnless(GIT, "needs git")
    def test_in_a_shallow_clone(self):
        clone = self.tree.parent / "clone"
        run(GIT, "clone", "-q", "--depth=1", f"file://{self.repository()}", clone)
        self.check(clone)

    def test_twice_in_the_build_at_hand(self):
        run(NINJA, "-C", BUILD, "dist")
        self.assertNotIn("written", run(NINJA, "-C", BUILD, "dist"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
