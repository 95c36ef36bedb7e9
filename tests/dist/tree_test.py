"""What the dist tree holds, that it can be moved, and that making it again leaves it alone."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ARGUMENTS: argparse.Namespace


def mkdist(out: Path, source: Path = None) -> subprocess.CompletedProcess:
    source = source or ARGUMENTS.source
    return subprocess.run(
        [sys.executable, ARGUMENTS.source / "dist" / "mkdist.py", "--source", source, "--out", out,
         "--host", ARGUMENTS.host, "--rt", ARGUMENTS.rt, "--stamp", out.parent / "stamp", "--",
         *ARGUMENTS.compiler],
        capture_output=True, text=True, check=False)


def snapshot(tree: Path) -> dict:
    return {path: (status.st_mtime_ns, status.st_ino, status.st_mode)
            for path in tree.rglob("*") for status in [path.lstat()]}


class TempFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tau-dist-")
        self.addCleanup(folder.cleanup)
        self.temp = Path(folder.name)

    def made(self) -> Path:
        out = self.temp / "dist"
        done = mkdist(out)
        self.assertEqual(done.returncode, 0, done.stderr)
        return out


class TheTree(unittest.TestCase):
    def test_it_holds_what_the_design_names(self):
        for path in ("bin/tau", "lib/libtau_rt.so", "src/patches.list", "src/tau/meson.build",
                     "src/tau/plugin.map", "src/tau/include/tau/rt/abi.h", "share/plugin-template/meson.build",
                     "share/licences/tau.txt", "run.sh"):
            self.assertTrue((ARGUMENTS.dist / path).is_file(), path)
        for path in ("bin/tau", "run.sh"):
            self.assertTrue(os.access(ARGUMENTS.dist / path, os.X_OK), path)

    def test_it_has_one_source_folder_for_each_line_of_patches_list(self):
        text = (ARGUMENTS.source / "patches.list").read_text(encoding="utf-8")
        names = re.findall(r"^\s*([^#=\s]+)\s*=", text, flags=re.MULTILINE)
        folders = [path.name for path in (ARGUMENTS.dist / "src").iterdir() if path.is_dir()]
        self.assertEqual(sorted(folders), sorted(names))
        for name in names:
            self.assertTrue((ARGUMENTS.dist / "src" / name / "meson.build").is_file(), name)

    def test_the_sdk_in_it_is_the_packages_build_file_and_all_headers(self):
        shipped = ARGUMENTS.dist / "src" / "tau"
        self.assertEqual((shipped / "meson.build").read_bytes(),
                         (ARGUMENTS.source / "sdk" / "package.meson.build").read_bytes())
        self.assertFalse((shipped / "package.meson.build").exists())
        for room in ("sdk", "rt"):
            include = ARGUMENTS.source / room / "include"
            for header in include.rglob("*.h*"):
                self.assertTrue((shipped / "include" / header.relative_to(include)).is_file(), header)

    def test_the_sdk_is_never_a_shared_library(self):
        self.assertEqual(list(ARGUMENTS.dist.rglob("libtau.so*")), [])

    @unittest.skipUnless(shutil.which("readelf"), "needs readelf")
    def test_the_host_finds_libraries_beside_itself_and_by_rpath(self):
        dynamic = subprocess.run(["readelf", "-dW", ARGUMENTS.dist / "bin" / "tau"], capture_output=True,
                                 text=True, check=True).stdout
        self.assertRegex(dynamic, r"\(RPATH\).*\[\$ORIGIN/\.\./lib")
        self.assertNotIn("(RUNPATH)", dynamic)
        self.assertIn("libstdc++.so.6", dynamic)


class MakingIt(TempFolder):
    def test_a_second_run_touches_nothing(self):
        out = self.made()
        before = snapshot(out)
        self.assertEqual(mkdist(out).stdout, "")
        self.assertEqual(snapshot(out), before)

    def test_what_does_not_belong_goes_and_what_was_damaged_comes_back(self):
        out = self.made()
        before = {path.relative_to(out) for path in out.rglob("*")}
        (out / "src" / "gone" / "deep").mkdir(parents=True)
        (out / "src" / "gone" / "deep" / "old.hpp").write_text("old")
        (out / "lib" / "libold.so").symlink_to("nowhere")
        (out / "src" / "patches.list").write_text("damaged")
        (out / "run.sh").chmod(0o600)
        shutil.rmtree(out / "bin")
        (out / "bin").write_text("a file in a folder's place")
        self.assertEqual(mkdist(out).returncode, 0)
        self.assertEqual({path.relative_to(out) for path in out.rglob("*")}, before)
        self.assertIn("tau = tau", (out / "src" / "patches.list").read_text())
        self.assertTrue(os.access(out / "run.sh", os.X_OK))

    def test_what_else_lies_in_the_folder_is_left_alone(self):
        out = self.made()
        (out / "mkdist.py").write_text("mine")
        self.assertEqual(mkdist(out).returncode, 0)
        self.assertEqual((out / "mkdist.py").read_text(), "mine")

    def test_a_bad_patches_list_is_refused_by_line(self):
        for text, said in (("tau = sdk\nnonsense\n", ":2: 'nonsense' is not of the form"),
                           ("tau = sdk\ntau = rt\n", ":2: 'tau' is listed twice"),
                           ("tau = sdk\nuv = not/there\n", ":2: 'uv' names the folder"),
                           ("uv = sdk\n", "no line for 'tau'")):
            source = self.temp / "source"
            shutil.rmtree(source, ignore_errors=True)
            source.mkdir()
            for room in ("sdk", "rt", "dist"):
                (source / room).symlink_to(ARGUMENTS.source / room)
            (source / "patches.list").write_text(text)
            done = mkdist(self.temp / "out", source)
            self.assertEqual(done.returncode, 1)
            self.assertIn(said, done.stderr)


class MovingIt(TempFolder):
    def setUp(self):
        super().setUp()
        self.moved = self.temp / "with a blank" / "moved"
        shutil.copytree(ARGUMENTS.dist, self.moved, symlinks=True)

    def version(self, *command, **options) -> str:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_it_starts_from_another_place(self):
        self.assertRegex(self.version(self.moved / "bin" / "tau"), r"^tau \d+\.\d+\.\d+\n$")

    def test_the_launcher_finds_it_however_it_is_reached(self):
        link = self.temp / "link"
        link.symlink_to(self.moved / "run.sh")
        (self.temp / "relative").symlink_to("link")
        expected = self.version(self.moved / "bin" / "tau")
        self.assertEqual(self.version(self.moved / "run.sh"), expected)
        self.assertEqual(self.version(link), expected)
        self.assertEqual(self.version("./relative", cwd=self.temp), expected)
        self.assertEqual(self.version("sh", "run.sh", cwd=self.moved), expected)
        self.assertEqual(self.version("./run.sh", cwd=self.moved, env={**os.environ, "CDPATH": "/"}), expected)


class TheLauncher(TempFolder):
    """With a program in bin/tau's place that shows what it was given."""

    def shown(self, glibcxx: int, **environment) -> list:
        tree = self.temp / "tree"
        (tree / "bin").mkdir(parents=True)
        (tree / "lib" / "fallback").mkdir(parents=True)
        (tree / "lib" / "fallback" / "GLIBCXX").write_text(f"{glibcxx}\n")
        shutil.copy(ARGUMENTS.dist / "run.sh", tree)
        host = tree / "bin" / "tau"
        host.write_text('#!/bin/sh\necho "[${LD_LIBRARY_PATH-}][${TAU_LD_LIBRARY_PATH-unset}]"\n'
                        'for word in "$@"; do echo "$word"; done\n')
        host.chmod(0o755)
        clean = {key: value for key, value in os.environ.items() if "LD_LIBRARY_PATH" not in key}
        return subprocess.run([tree / "run.sh", "a b", "", "*"], env={**clean, **environment},
                              capture_output=True, text=True, check=True).stdout.splitlines()

    def test_words_arrive_as_given_and_the_systems_runtime_is_kept_when_new_enough(self):
        self.assertEqual(self.shown(1), ["[][unset]", "a b", "", "*"])

    def test_an_older_system_runtime_gives_way_and_the_old_path_is_handed_on(self):
        fallback = self.temp / "tree" / "lib" / "fallback"
        self.assertEqual(self.shown(9999, LD_LIBRARY_PATH="/mine")[0], f"[{fallback}:/mine][/mine]")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--dist", type=Path, required=True)
    parser.add_argument("--host", type=Path, required=True)
    parser.add_argument("--rt", type=Path, required=True)
    parser.add_argument("compiler", nargs="+")
    ARGUMENTS = parser.parse_args()
    unittest.main(argv=sys.argv[:1])
