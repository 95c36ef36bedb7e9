"""Makes the relocatable tree: bin/, lib/, src/, share/ and run.sh.

The tree is planned first, as a map from each path to its content, and then brought about: a file is
written only when it differs (aside, then renamed, so that a host that runs from the tree never sees half
a file), and whatever is not in the plan goes. A second run changes nothing.

A package is a folder named by a line of patches.list, copied whole to src/<name>/. Where it has a
package.meson.build (package.options), that becomes the copy's meson.build (meson_options.txt): the file
that a plugin's build reads is not the one that this repository's build reads.
"""

import argparse
import fcntl
import os
import re
import shlex
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Tuple

OUTPUT_DIRECTORIES = ("bin", "lib", "src", "share")
SDK = "tau"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
REPLACED_IN_COPY = {"package.meson.build": "meson.build", "package.options": "meson_options.txt"}


class DistError(Exception):
    """What is wrong, in words for the person who ran the build."""


@dataclass
class Entry:
    """One file of the tree: from `source`, or `text`."""

    source: Optional[Path] = None
    text: Optional[str] = None
    executable: bool = False

    def content(self) -> bytes:
        if self.text is not None:
            return self.text.encode("utf-8")
        assert self.source is not None
        return self.source.read_bytes()


Plan = Dict[Path, Entry]


# ---- patches.list ---------------------------------------------------------------------------------


def read_patches(path: Path) -> List[Tuple[str, Path]]:
    """Lines `name = folder`, the folder relative to the list; # starts a comment."""
    patches: List[Tuple[str, Path]] = []
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = raw.split("#", 1)[0].strip()
        if not line:
            continue
        where = f"{path}:{number}"
        name, equals, folder = (part.strip() for part in line.partition("="))
        if not equals or not folder or not NAME.fullmatch(name):
            raise DistError(f"{where}: '{raw.strip()}' is not of the form 'name = folder'")
        if any(name == other for other, _ in patches):
            raise DistError(f"{where}: '{name}' is listed twice; remove one of the lines")
        directory = path.parent / folder
        if not directory.is_dir():
            raise DistError(f"{where}: '{name}' names the folder {directory}, which does not exist")
        patches.append((name, directory))
    if all(name != SDK for name, _ in patches):
        raise DistError(f"{path}: no line for '{SDK}', the sdk itself; add '{SDK} = sdk'")
    return patches


def installed_patches(patches: List[Tuple[str, Path]]) -> str:
    lines = ["# The packages of this tree: name = folder, relative to this file."]
    lines += [f"{name} = {name}" for name, _ in patches]
    return "\n".join(lines) + "\n"


# ---- the plan -------------------------------------------------------------------------------------


def is_source(name: str) -> bool:
    """Not what editors and interpreters leave behind."""
    return not (name.startswith(".") or name.endswith(("~", ".pyc", ".orig")) or name == "__pycache__")


def add_folder(plan: Plan, folder: Path, target: Path) -> None:
    for directory, names, files in os.walk(folder, followlinks=True):
        names[:] = sorted(filter(is_source, names))
        for file in filter(is_source, files):
            source = Path(directory) / file
            mode = source.stat().st_mode
            if stat.S_ISREG(mode):
                relative = source.relative_to(folder)
                plan[target / relative] = Entry(source=source, executable=bool(mode & stat.S_IXUSR))


def add_package(plan: Plan, name: str, folder: Path, source_root: Path) -> None:
    target = Path("src") / name
    add_folder(plan, folder, target)
    for ours, theirs in REPLACED_IN_COPY.items():
        entry = plan.pop(target / ours, None)
        if entry is not None:
            plan[target / theirs] = entry
    if name == SDK:
        # Plugins see the C ABI as a part of the sdk: tau/rt/*.h beside tau/*.hpp.
        add_folder(plan, source_root / "rt" / "include", target / "include")
        require(folder / "package.meson.build")
        require(folder / "plugin.map")
    elif target / "meson.build" not in plan:
        require(folder / "meson.build")


def add_benches(plan: Plan, plugins: Path) -> None:
    """The plugins that `tau bench` measures with, as bench.list names them."""
    target = Path("share/bench")
    listing = plugins / "bench.list"
    plan[target / listing.name] = Entry(source=listing)
    for line in listing.read_text(encoding="utf-8").splitlines():
        names = line.split("#", 1)[0].partition("=")[2].partition(":")[0]
        for name in names.split():
            if name not in ("host", "serve"):
                require(plugins / name / "meson.build")
                add_folder(plan, plugins / name, target / name)


def require(path: Path) -> None:
    if not path.is_file():
        raise DistError(f"{path} is missing: plugins cannot be built without it")


def compiler_library(compiler: List[str], name: str) -> Optional[Path]:
    """The compiler's own copy of a runtime library, or None where it uses another (libc++, say)."""
    answer = subprocess.run([*compiler, f"-print-file-name={name}"], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, check=False).stdout.strip()
    path = Path(answer)
    return path.resolve() if path.is_absolute() and path.is_file() else None


def glibcxx_version(library: Path) -> int:
    """N of the newest GLIBCXX_3.4.N that it defines."""
    found = re.findall(rb"GLIBCXX_3\.4\.(\d+)\0", library.read_bytes())
    return max(map(int, found), default=0)


def add_fallback(plan: Plan, compiler: List[str]) -> int:
    """The C++ runtime, for machines whose own is older than what bin/tau was linked with."""
    libraries = {name: compiler_library(compiler, name) for name in ("libstdc++.so.6", "libgcc_s.so.1")}
    if sys.platform != "linux" or None in libraries.values():
        return 0
    for name, path in libraries.items():
        plan[Path("lib/fallback") / name] = Entry(source=path)
    version = glibcxx_version(libraries["libstdc++.so.6"])
    plan[Path("lib/fallback/GLIBCXX")] = Entry(text=f"{version}\n")
    return version


def make_plan(arguments: argparse.Namespace) -> Plan:
    root: Path = arguments.source
    scripts = Path(__file__).resolve().parent
    plan: Plan = {}
    plan[Path("bin/tau")] = Entry(source=arguments.host, executable=True)
    plan[Path("lib/libtau_rt.so")] = Entry(source=arguments.rt)
    add_fallback(plan, arguments.compiler)

    patches = read_patches(root / "patches.list")
    for name, folder in patches:
        add_package(plan, name, folder, root)
    plan[Path("src/patches.list")] = Entry(text=installed_patches(patches))

    add_folder(plan, scripts / "template", Path("share/plugin-template"))
    add_folder(plan, scripts / "licences", Path("share/licences"))
    plan[Path("share/licences/tau.txt")] = Entry(source=root / "LICENSE")
    add_benches(plan, root / "plugins")
    plan[Path("run.sh")] = Entry(source=scripts / "run.sh.in", executable=True)
    return plan


# ---- bringing it about ----------------------------------------------------------------------------


def write_if_changed(path: Path, entry: Entry) -> bool:
    content = entry.content()
    mode = 0o755 if entry.executable else 0o644
    make_directory(path.parent)
    try:
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_size == len(content) and path.read_bytes() == content:
            if stat.S_IMODE(status.st_mode) != mode:
                path.chmod(mode)
            return False
        if stat.S_ISDIR(status.st_mode):
            remove_tree(path)
    except FileNotFoundError:
        pass
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(content)
    temporary.chmod(mode)
    os.replace(temporary, path)
    return True


def make_directory(path: Path) -> None:
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        path.unlink()
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir()


def remove_tree(path: Path) -> None:
    for child in path.iterdir():
        if child.is_dir() and not child.is_symlink():
            remove_tree(child)
        else:
            child.unlink()
    path.rmdir()


def remove_unplanned(out: Path, plan: Plan) -> int:
    wanted_directories = {parent for path in plan for parent in path.parents}
    removed = 0
    for top in OUTPUT_DIRECTORIES:
        for directory, names, files in os.walk(out / top, topdown=False):
            relative = Path(directory).relative_to(out)
            for name in files + [n for n in names if (Path(directory) / n).is_symlink()]:
                if relative / name not in plan:
                    (Path(directory) / name).unlink()
                    removed += 1
            if relative not in wanted_directories:
                Path(directory).rmdir()
    return removed


def bring_about(out: Path, plan: Plan) -> Tuple[int, int]:
    out.mkdir(parents=True, exist_ok=True)
    lock = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Two builds of one source tree may run this at once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        written = sum(write_if_changed(out / path, entry) for path, entry in sorted(plan.items()))
        return written, remove_unplanned(out, plan)
    finally:
        os.close(lock)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, required=True, help="root of the source tree")
    parser.add_argument("--out", type=Path, required=True, help="where the tree goes")
    parser.add_argument("--host", type=Path, required=True, help="the built executable")
    parser.add_argument("--rt", type=Path, required=True, help="the built libtau_rt.so")
    parser.add_argument("--stamp", type=Path, required=True, help="touched on success")
    parser.add_argument("compiler", nargs="+", help="the C++ compiler, after --")
    arguments = parser.parse_args()
    try:
        written, removed = bring_about(arguments.out, make_plan(arguments))
    except DistError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {arguments.out} could not be made: {error}", file=sys.stderr)
        return 1
    arguments.stamp.touch()
    if written or removed:
        print(f"dist: {written} written, {removed} removed in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
