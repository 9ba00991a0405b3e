"""Fixtures for the whole suite."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from starfort.store import Store


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden`: write golden files anew, and remove those without a case."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files instead of comparing")


@pytest.fixture(scope="session")
def store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of the suite's embedded store."""
    return tmp_path_factory.mktemp("store") / "ch"


@pytest.fixture(scope="session")
def store(store_path: Path) -> Iterator[Store]:
    """One embedded store for the whole suite: chDB has one path a process. Tests use own names (api, id)."""
    with Store.open(store_path) as opened:
        yield opened


@pytest.fixture(autouse=True, scope="session")
def shapes_of_now() -> Iterator[None]:
    """Schemas of a test learn from its own calls: in the suite's store those of earlier tests come first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("starfort.catalogue.schemas.observe.LATEST", dt.timedelta(minutes=1))
        yield
