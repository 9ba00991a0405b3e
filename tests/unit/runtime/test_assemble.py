"""Making the parts of a control plane."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI

from starfort.runtime.assemble import Assembly
from starfort.runtime.lock import DataDirectory, StartError
from starfort.runtime.toolchain import RefusedError, Toolchain
from starfort.store import Retention, Store
from tests.support.control import Control


def test_store_gets_the_retention(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configured retention reaches the store, in seconds."""
    opened: dict[str, object] = {}
    monkeypatch.setattr(Store, "open", lambda path, retention: opened.update(path=path, retention=retention))
    control = Control(tmp_path, store)
    control.write(retention={"events": "2h", "rollups": "3d"})
    config = Toolchain().load(control.config_path).config
    Assembly(control.config_path, lambda _: FastAPI()).open_store(tmp_path, config)
    assert opened["path"] == tmp_path / "store"
    assert opened["retention"] == Retention(7200, 259200)


def test_what_was_opened_is_closed_when_a_later_part_fails(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration that is refused after the store was opened leaves neither a lock nor an open store."""
    control = Control(tmp_path, store)
    control.write(policies=[{"name": "p", "when": "no.such.field", "action": "block"}])
    closed: list[str] = []
    monkeypatch.setattr("tests.support.control.SharedStore.close", lambda _: closed.append("store"))
    with pytest.raises(RefusedError):
        control.assembly.runtime()
    assert closed == ["store"]
    assert control.assembly.data_dir == tmp_path / "data", "a restart that fails says so there"
    DataDirectory(tmp_path / "data").release()


def test_an_error_of_the_system_says_what_cannot_be_done(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be opened is a sentence with its path, not a traceback."""
    control = Control(tmp_path, store)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/var/x")

    monkeypatch.setattr("tests.support.control.SharedStore.reading_as", full)
    with pytest.raises(StartError, match=r"/var/x.*full"):
        control.assembly.runtime()
