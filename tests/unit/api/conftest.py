"""The API in process, with an account of each role, on the suite's store without events of its own."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from starfort.admin import passwords
from starfort.admin.audit import CLI
from starfort.admin.desk import Desk
from starfort.admin.roles import Role
from starfort.api.app import create_app
from starfort.store import Store
from tests.support.estate import Estate

PASSWORD = "correct horse battery"
ORIGIN = "http://starfort.test"
Connect = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(autouse=True)
def _cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with the least work."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def app(tmp_path: Path, store: Store) -> Iterator[FastAPI]:
    """The application without dashboard, with the accounts `viewer`, `operator` and `root`."""
    estate = Estate(tmp_path, 0, store=store)
    app = create_app(estate, with_dashboard=False)
    for name, role in (("viewer", Role.VIEWER), ("operator", Role.OPERATOR), ("root", Role.ADMIN)):
        app.state.desk.accounts.add(name, PASSWORD, role, CLI)
    yield app
    app.state.desk.database.close()
    estate.close()


@pytest.fixture
def desk(app: FastAPI) -> Desk:
    """What the application works with."""
    desk: Desk = app.state.desk
    return desk


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without credentials."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield client


@pytest.fixture
def tokens(desk: Desk) -> dict[str, dict[str, str]]:
    """Headers with a token of each role, by role."""
    made = {}
    for name, role in (("viewer", Role.VIEWER), ("operator", Role.OPERATOR), ("root", Role.ADMIN)):
        _, text = desk.tokens.create(name, "test", role, None, CLI)
        made[role.value] = {"Authorization": f"Bearer {text}"}
    return made
