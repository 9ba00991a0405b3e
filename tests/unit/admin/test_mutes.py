"""Mutes."""

from datetime import timedelta

import pytest

from starfort.admin import mutes as module
from starfort.admin.audit import CLI
from starfort.admin.errors import InvalidError
from starfort.admin.mutes import MAX_MUTE, Mutes
from starfort.state.database import StateDatabase


def test_mute_covers_kind_and_key(database: StateDatabase) -> None:
    """A mute is for one kind, one key, or one of both."""
    mutes = Mutes(database)
    muted = mutes.add("scraping", "*", timedelta(hours=1), "load test", CLI)
    assert muted.covers("scraping", "address:192.0.2.1")
    assert not muted.covers("credential_stuffing", "address:192.0.2.1")
    mutes.remove(muted.id, CLI)
    assert mutes.list() == []


def test_mute_ends(database: StateDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mute is over when its time is."""
    mutes = Mutes(database)
    mutes.add("scraping", "*", timedelta(hours=1), "", CLI)
    later = module.now_ms() + 3_600_001
    monkeypatch.setattr(module, "now_ms", lambda: later)
    assert mutes.list() == []


@pytest.mark.parametrize("duration", [timedelta(0), timedelta(seconds=59), MAX_MUTE + timedelta(seconds=1)])
def test_mute_is_bounded(database: StateDatabase, duration: timedelta) -> None:
    """Nothing is muted for no time or for ever."""
    with pytest.raises(InvalidError):
        Mutes(database).add("scraping", "*", duration, "", CLI)


def test_everything_cannot_be_muted(database: StateDatabase) -> None:
    """A mute names something."""
    with pytest.raises(InvalidError):
        Mutes(database).add("*", "*", timedelta(hours=1), "", CLI)
