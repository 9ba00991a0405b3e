"""Records in the state database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from starfort.catalogue.schemas import records
from starfort.catalogue.schemas.records import SchemaRecords
from starfort.state.database import open_state
from tests.support.records import TRUST, add, members_of, request, text


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A state database of its own."""
    made = open_state(tmp_path / "state.db")
    yield made
    made.dispose()


def _changed(kept: SchemaRecords, key: str, **members: object) -> None:
    add(kept.change(key, "shop"), request(members_of(**(members or {"a": text()}))), caller=1, time_s=0)


def test_records_outlive_memory(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """More records than memory holds are all found, and by their API, after a restart too."""
    monkeypatch.setattr(records, "IN_MEMORY", 3)
    kept = SchemaRecords(engine, TRUST)
    for number in range(10):
        _changed(kept, f"e{number}")
    assert len(kept.ids("shop")) == 10
    mark = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    kept.save(mark)
    for found in (kept, SchemaRecords(engine, TRUST)):
        assert found.ids("shop") == [f"e{number}" for number in range(10)]
        assert found.ids("bank") == []
        assert all(found.find(f"e{number}") for number in range(10))
        assert found.find("e10") is None
        assert found.watermark() == mark


def test_forgotten_records_are_gone(engine: Engine) -> None:
    """A record that is forgotten is in neither memory nor database."""
    kept = SchemaRecords(engine, TRUST)
    _changed(kept, "one")
    kept.save(None)
    kept.forget(["one"])
    assert kept.find("one") is None
    assert list(kept.all_ids()) == []


def test_a_record_that_grows_too_large_is_pruned(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What few callers sent goes before a record gets too large, and that is counted."""
    monkeypatch.setattr(records, "MAX_TEXT", 1000)
    kept = SchemaRecords(engine, TRUST)
    _changed(kept, "one", **{f"x{number}": text() for number in range(50)})
    kept.save(None)
    assert kept.pruned == 1
    found = SchemaRecords(engine, TRUST).find("one")
    assert found is not None
    assert found.sides["request"].bodies["application/json"].members == {}
