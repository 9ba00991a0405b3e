"""An empty installation for the tests of the admin package."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from starfort.admin import passwords
from starfort.admin.accounts import Accounts
from starfort.state.database import StateDatabase


@pytest.fixture(autouse=True)
def _cheap_hashing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with the least work, except in tests marked by asking for `real_hashing`."""
    if "real_hashing" not in request.fixturenames:
        monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def real_hashing() -> PasswordHasher:
    """The hasher with the parameters of production."""
    return passwords._HASHER


@pytest.fixture
def database(tmp_path: Path) -> Iterator[StateDatabase]:
    """A fresh state database."""
    database = StateDatabase(tmp_path)
    yield database
    database.close()


@pytest.fixture
def accounts(database: StateDatabase) -> Accounts:
    """The accounts of that database."""
    return Accounts(database)
