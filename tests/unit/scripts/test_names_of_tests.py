"""The script that holds test files to the names of what they test."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts import names_of_tests
from scripts.names_of_tests import misnamed, misnamed_rust, problems, without_test

THINGS = (
    "src/starfort/store/rollups.py",
    "src/starfort/store/__init__.py",
    "src/starfort/threats/detectors/password_spraying.sql",
    "src/starfort/threats/rulesets/crs.py",
    "crates/envoy-filter/src/pace.rs",
    "docs/store.md",
)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A repository with the files of `THINGS` and no tests."""
    for thing in THINGS:
        file = tmp_path / thing
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


def add(house: Path, path: str) -> None:
    """Put an empty test file into the repository."""
    file = house / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


@pytest.mark.parametrize(
    "path",
    [
        "tests/unit/store/test_rollups.py",
        "tests/unit/store/rollups/test_interrupted.py",
        "tests/unit/store/test_store.py",
        "tests/unit/threats/detectors/test_password_spraying.py",
        "tests/integration/test_envoy_filter.py",
        "tests/integration/test_pace.py",
        "tests/e2e/store/test_kill.py",
        "tests/crs/test_evasion.py",
    ],
)
def test_names_of_things(house: Path, path: str) -> None:
    """A mirror, a topic of a module, a whole package, a crate and a document are names."""
    assert misnamed(house, path) is None


@pytest.mark.parametrize(
    "path",
    [
        "tests/unit/store/test_speed.py",
        "tests/unit/threats/test_password_spraying.py",
        "tests/unit/store/test_pace.py",
        "tests/unit/threats/detectors/slow/test_password_spraying.py",
        "tests/test_anything.py",
        "tests/unit/test_rollups.py",
    ],
)
def test_names_of_nothing(house: Path, path: str) -> None:
    """A topic of a package, a wrong folder and a folder without a rule are no names."""
    assert misnamed(house, path) is not None


def test_a_topic_needs_its_subject(house: Path) -> None:
    """When the one subject of a folder is gone, its tests are named after nothing."""
    (house / "src/starfort/threats/rulesets/crs.py").unlink()
    assert misnamed(house, "tests/crs/test_evasion.py") is not None


def test_rust_tests_are_named_after_modules(house: Path) -> None:
    """A file or folder of the engine's tests has the name of a module; support and data are not tests."""
    add(house, "crates/engine/src/rate/mod.rs")
    for path in ("rate.rs", "speed/main.rs", "support/mod.rs", "data/a.txt"):
        add(house, f"crates/engine/tests/{path}")
    assert [wrong.path for wrong in misnamed_rust(house)] == ["crates/engine/tests/speed"]


def test_modules_without_tests_are_counted(house: Path) -> None:
    """A module counts as tested by a file or a folder of its name; more untested ones than the ceiling is a problem."""
    assert without_test(house) == [
        "src/starfort/store/rollups.py",
        "src/starfort/threats/detectors/password_spraying.sql",
        "src/starfort/threats/rulesets/crs.py",
    ]
    add(house, "tests/unit/store/test_rollups.py")
    add(house, "tests/unit/threats/rulesets/crs/test_install.py")
    assert without_test(house) == ["src/starfort/threats/detectors/password_spraying.sql"]
    assert problems(house, ceiling=1) == []
    assert "1 modules have no test" in problems(house, ceiling=0)[0]


def test_this_repository_keeps_the_rules() -> None:
    """No test file here is named after nothing."""
    assert problems(names_of_tests.ROOT, names_of_tests.CEILING) == []
