"""Checks that a test file has the name of what it tests: `python scripts/names_of_tests.py [--list]`.

The rules stand in tests/README.md. This script knows them as data: `SUBJECTS` says where the things live that the
tests of a folder are named after, and `CEILING` how many modules of the product may be without a test of their name.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]

PRODUCT = "src/starfort"
"""The package whose modules should each have a test of their name."""

SUBJECTS = {
    "tests/unit": (PRODUCT,),
    "tests/unit/engine": ("crates/python/src", "crates/engine/src"),
    "tests/unit/benchmarks": ("benchmarks",),
    "tests/unit/examples": ("examples",),
    "tests/unit/scripts": ("scripts",),
    "tests/property": (PRODUCT,),
    "tests/golden": (PRODUCT, "crates/engine/src"),
    "tests/integration": (PRODUCT, "crates", "crates/envoy-filter/src", "docs"),
    "tests/e2e": ("docs", "src/starfort/cli"),
    "tests/browser": ("src/starfort/dashboard",),
}
"""The folders that tests are named after. The longest folder that holds a test counts, so the tests of the engine
are not looked for among the Python packages."""

ONE_SUBJECT = {"tests/crs": "src/starfort/threats/rulesets/crs.py"}
"""Folders with one subject: each file in them is a topic of it."""

RUST_TESTS = "crates/engine/tests"
RUST_SUBJECTS = ("crates/engine/src", "crates/engine/src/endpoint", "crates/engine/fuzz")
"""Each integration test of the engine, a file or a folder with a `main.rs`, is named after a module."""

RUST_SHARED = ("support", "data")
"""What the engine's tests share."""

SUFFIXES = (".py", ".sql", ".rs", ".conf", ".yaml", ".md", "")
"""What a thing may be: a module, a query or detector, a Rust module, a rule file, data, a document, a script."""

CEILING = 268
"""At most this many modules may be without a test of their name. The figure only goes down: whoever writes a test for
one of the modules that `--list` prints lowers it by one."""


@dataclass(frozen=True, slots=True)
class Misnamed:
    """A test file that is named after nothing.

    Attributes:
        path: the file, from the root of the repository.
        looked_in: the folders where a thing of its name was looked for.
    """

    path: str
    looked_in: tuple[str, ...]

    def __str__(self) -> str:
        folders = " or ".join(self.looked_in) or "no folder: SUBJECTS has none for it"
        return f"{self.path}: nothing of this name in {folders}"


def spellings(name: str) -> Iterator[str]:
    """How a thing's file may spell a test's name: crates and documents have hyphens where Python has underscores."""
    yield name
    if "_" in name:
        yield name.replace("_", "-")


def is_module(root: Path, parts: tuple[str, ...]) -> bool:
    """Whether a file of this name exists in a folder; packages (folders) are not files."""
    folder = root.joinpath(*parts[:-1])
    return any((folder / f"{name}{suffix}").is_file() for name in spellings(parts[-1]) for suffix in SUFFIXES)


def is_package(root: Path, parts: tuple[str, ...]) -> bool:
    """Whether a folder of this name exists."""
    folder = root.joinpath(*parts[:-1])
    return any((folder / name).is_dir() for name in spellings(parts[-1]))


def names_something(root: Path, parts: tuple[str, ...]) -> bool:
    """Whether a test's place below its kind names a thing below `root`.

    Args:
        root: the folder of the things, for example src/starfort.
        parts: the test's folders and its name without `test_`: `("store", "rollups")` for store/test_rollups.py.

    Returns:
        True in three cases. The file mirrors a module or a package: `store/test_rollups.py`. It stands in a folder
        that mirrors a module, and is a topic of it: `bundle/model/test_mirror.py`. Or it stands in the folder of a
        package, has the package's name, and tests it as a whole: `threats/rules/test_rules.py`.
    """
    if is_module(root, parts) or is_package(root, parts):
        return True
    *folders, name = parts
    if not folders:
        return False
    above = tuple(folders)
    return is_module(root, above) or (name == above[-1] and is_package(root, above))


def misnamed(root: Path, path: str) -> Misnamed | None:
    """What is wrong with a test file's name, if anything is.

    Args:
        root: the repository.
        path: the test file, from there.
    """
    folders = [str(folder) for folder in PurePosixPath(path).parents]  # the nearest comes first
    for folder in folders:
        if subject := ONE_SUBJECT.get(folder):
            return None if (root / subject).is_file() else Misnamed(path, (subject,))
        if places := SUBJECTS.get(folder):
            parts = PurePosixPath(path).relative_to(folder).with_suffix("").parts
            named = (*parts[:-1], parts[-1].removeprefix("test_"))
            found = any(names_something(root / place, named) for place in places)
            return None if found else Misnamed(path, places)
    return Misnamed(path, ())


def misnamed_rust(root: Path) -> list[Misnamed]:
    """Integration tests of the engine that are named after nothing."""
    folder = root / RUST_TESTS
    names = {path.stem for path in folder.iterdir()} - {*RUST_SHARED} if folder.is_dir() else set()
    return [
        Misnamed(f"{RUST_TESTS}/{name}", RUST_SUBJECTS)
        for name in sorted(names)
        if not any(names_something(root / place, (name,)) for place in RUST_SUBJECTS)
    ]


def test_files(root: Path) -> list[str]:
    """The test files of the repository, from its root."""
    return sorted(path.relative_to(root).as_posix() for path in (root / "tests").rglob("test_*.py"))


def modules(root: Path) -> list[str]:
    """Modules, detectors and checks of the product, from the root of the repository.

    Queries are not among them: the modules that ask them are tested. A package's `__init__.py` is the package.
    """
    package = root / PRODUCT
    code = (path for path in package.rglob("*.py") if not path.name.startswith("__"))
    questions = (path for folder in ("detectors", "checks") for path in package.glob(f"*/{folder}/*.sql"))
    return sorted(path.relative_to(root).as_posix() for path in (*code, *questions))


def without_test(root: Path) -> list[str]:
    """Modules that neither a test file nor a folder of tests is named after."""
    units = root / "tests/unit"

    def tested(module: str) -> bool:
        path = PurePosixPath(module).relative_to(PRODUCT).with_suffix("")
        return (units / path.with_name(f"test_{path.name}.py")).is_file() or (units / path).is_dir()

    return [module for module in modules(root) if not tested(module)]


def problems(root: Path, ceiling: int) -> list[str]:
    """Sentences about names that are wrong, empty when all is well."""
    wrong = [*(misnamed(root, path) for path in test_files(root)), *misnamed_rust(root)]
    found = [str(each) for each in wrong if each]
    missing = without_test(root)
    if len(missing) > ceiling:
        found.append(
            f"{len(missing)} modules have no test of their name, and at most {ceiling} may have none; "
            "`python scripts/names_of_tests.py --list` prints them"
        )
    return found


def main() -> None:
    """Check the names; with `--list` print the modules without a test of their name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the modules without a test of their name")
    if parser.parse_args().list:
        print("\n".join(without_test(ROOT)))
        return
    if wrong := problems(ROOT, CEILING):
        raise SystemExit("\n".join([*wrong, "The rules are in tests/README.md."]))


if __name__ == "__main__":
    main()
