"""Acknowledgements and mutes."""

from datetime import timedelta

import pytest

from starfort.admin import triage as module
from starfort.admin.audit import CLI
from starfort.admin.errors import InvalidError, NotFoundError
from starfort.admin.state import StateDatabase
from starfort.admin.triage import MAX_MUTE, Triage


def test_acknowledging_and_reopening(database: StateDatabase) -> None:
    """An acknowledgement can be replaced and taken back."""
    triage = Triage(database)
    triage.acknowledge("a1", "known", CLI)
    triage.acknowledge("a1", "ticket 7", CLI)
    found = triage.acknowledged(["a1", "a2"])
    assert found.keys() == {"a1"}
    assert found["a1"].note == "ticket 7"
    triage.reopen("a1", CLI)
    assert triage.acknowledged(["a1"]) == {}
    with pytest.raises(NotFoundError):
        triage.reopen("a1", CLI)


def test_many_ids_at_once(database: StateDatabase) -> None:
    """More ids than SQLite takes in one statement work."""
    triage = Triage(database)
    triage.acknowledge("id39999", "", CLI)
    assert triage.acknowledged(f"id{number}" for number in range(40_000)).keys() == {"id39999"}


def test_mute_covers_kind_and_key(database: StateDatabase) -> None:
    """A mute is for one kind, one key, or one of both."""
    triage = Triage(database)
    muted = triage.mute("scraping", "*", timedelta(hours=1), "load test", CLI)
    assert muted.covers("scraping", "address:192.0.2.1")
    assert not muted.covers("credential_stuffing", "address:192.0.2.1")
    triage.unmute(muted.id, CLI)
    assert triage.mutes() == []


def test_mute_ends(database: StateDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mute is over when its time is."""
    triage = Triage(database)
    triage.mute("scraping", "*", timedelta(hours=1), "", CLI)
    later = module.now_ms() + 3_600_001
    monkeypatch.setattr(module, "now_ms", lambda: later)
    assert triage.mutes() == []


@pytest.mark.parametrize("duration", [timedelta(0), timedelta(seconds=59), MAX_MUTE + timedelta(seconds=1)])
def test_mute_is_bounded(database: StateDatabase, duration: timedelta) -> None:
    """Nothing is muted for no time or for ever."""
    with pytest.raises(InvalidError):
        Triage(database).mute("scraping", "*", duration, "", CLI)


def test_everything_cannot_be_muted(database: StateDatabase) -> None:
    """A mute names something."""
    with pytest.raises(InvalidError):
        Triage(database).mute("*", "*", timedelta(hours=1), "", CLI)
