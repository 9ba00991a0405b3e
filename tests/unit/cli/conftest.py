"""The command line against a control plane that is served in a thread, on a Unix socket and a port."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from starfort.admin import passwords
from starfort.api.app import create_app
from starfort.cli.app import main
from starfort.runtime.admin import AdminServer
from starfort.store import Store
from tests.support.estate import Estate, places


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@dataclass
class Served:
    """A control plane that answers.

    Attributes:
        estate: what is behind it.
        url: its address.
    """

    estate: Estate
    url: str


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings from outside, in a folder of its own."""
    for name in ("STARFORT_CONFIG", "STARFORT_DATA_DIR", "STARFORT_URL", "STARFORT_TOKEN", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command line."""

    def command(*arguments: str, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        try:
            main(list(arguments))
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return Result(code, said.out, said.err)

    return command


class _Thread(threading.Thread):
    """Serves an application until told to end."""

    def __init__(self, app: FastAPI, socket: Path) -> None:
        super().__init__(daemon=True)
        self.server = AdminServer("127.0.0.1:0", socket)
        self._app = app
        self.ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()

    def run(self) -> None:
        """Serve."""
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        await self.server.start(self._app)
        self.ready.set()
        await self._end.wait()
        await self.server.stop()

    def end(self) -> None:
        """Stop serving."""
        self._loop.call_soon_threadsafe(self._end.set)
        self.join(20)


@pytest.fixture
def served(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A control plane with ten endpoints, alerts and signals, and no traffic of its own."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    data = tmp_path / "var"
    data.mkdir(mode=0o700)
    estate = Estate(data, 0, store=store)
    estate.known = [estate._known(number, *row) for number, row in enumerate(places(10))]
    estate._raise_alerts()
    app = create_app(estate, with_dashboard=False)
    thread = _Thread(app, data / "run" / "admin.sock")
    thread.start()
    assert thread.ready.wait(20)
    monkeypatch.setenv("STARFORT_DATA_DIR", str(data))
    yield Served(estate, f"http://127.0.0.1:{thread.server.port}")
    thread.end()
    app.state.desk.database.close()
    estate.close()
