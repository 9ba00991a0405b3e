"""The signal table: what filters are told, what lapses, what a restart keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starfort.signals.model import Signal
from starfort.signals.table import SignalTable


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def signal(key: str = "a", score: float = 0.9, ttl_s: float = 60) -> Signal:
    """A signal about an address."""
    return Signal("scraping", "address", key, score, ({"requests": 7},), timedelta(seconds=ttl_s))


def test_new_signal_is_told_and_repeated_one_is_not() -> None:
    """A signal that just holds on costs no push until half its time is gone."""
    clock = Clock()
    table = SignalTable(clock)
    first = table.merge([signal()])
    assert len(first.new) == len(first.set) == 1
    clock.now += 1
    assert not table.merge([signal()])
    clock.now += 30
    again = table.merge([signal()])
    assert len(again.set) == 1
    assert again.new == []


def test_moved_score_is_told() -> None:
    """A score that moved goes out at once; of two in one run the higher counts."""
    table = SignalTable(Clock())
    table.merge([signal(score=0.5)])
    change = table.merge([signal(score=0.2), signal(score=0.7)])
    assert [active.signal.score for active in change.set] == [0.7]


def test_signal_lapses_after_its_ttl() -> None:
    """A signal that is not raised again is cleared once, when its time is up."""
    clock = Clock()
    table = SignalTable(clock)
    table.merge([signal(ttl_s=60)])
    clock.now += 59
    assert not table.expire()
    assert table.snapshot()[0]["ttl_ms"] == 1000
    clock.now += 1
    assert table.wire(table.expire())[1] == [{"kind": "scraping", "key_type": "address", "key": "a"}]
    assert not table.expire()
    assert table.active() == []


def test_signal_of_the_past_holds_no_longer_than_it_would_have() -> None:
    """The TTL of a signal about an earlier window counts from there; when that is over it is not active at all."""
    clock = Clock()
    table = SignalTable(clock)
    change = table.merge([signal("old", ttl_s=60)], at=clock.now - 60)
    assert (change.new, change.set, [past.key for past in change.past]) == ([], [], ["old"])
    assert table.active() == []
    change = table.merge([signal("recent", ttl_s=60)], at=clock.now - 40)
    assert [active.signal.key for active in change.new] == ["recent"]
    assert table.snapshot()[0]["ttl_ms"] == 20_000


def test_late_window_replaces_no_newer_figures() -> None:
    """An active signal keeps its newest score and end, and learns that it began earlier."""
    clock = Clock()
    table = SignalTable(clock)
    table.merge([signal(score=0.5, ttl_s=60)])
    change = table.merge([signal(score=0.9, ttl_s=60)], at=clock.now - 50)
    (active,) = table.active()
    assert (active.signal.score, active.peak_score, active.first_at) == (0.5, 0.9, clock.now - 50)
    assert active.expires_at == clock.now + 60
    assert not change
    assert change.held == [active]


def test_full_table_refuses_and_counts() -> None:
    """Beyond the limit a new signal is refused and counted; known ones go on."""
    table = SignalTable(Clock(), most=1)
    table.merge([signal("a")])
    assert not table.merge([signal("b"), signal("a")]).new
    assert table.refused == 1


def test_restart_keeps_what_still_holds(tmp_path: Path) -> None:
    """A saved table comes back with its remaining time and evidence, without what lapsed meanwhile."""
    clock = Clock()
    table = SignalTable(clock)
    table.merge([signal("short", ttl_s=5), signal("long", ttl_s=100)])
    table.judged = {"scraping": datetime(2026, 1, 1, tzinfo=UTC)}
    table.save(tmp_path / "signals.json")
    assert (tmp_path / "signals.json").stat().st_mode & 0o777 == 0o600
    clock.now += 10
    restarted = SignalTable(clock)
    assert restarted.judged == {}
    assert restarted.load(tmp_path / "signals.json") == 1
    assert restarted.judged == {"scraping": datetime(2026, 1, 1, tzinfo=UTC)}
    (active,) = restarted.active()
    assert (active.signal.key, active.signal.evidence) == ("long", ({"requests": 7},))
    assert restarted.snapshot()[0]["ttl_ms"] == 90_000


def test_broken_file_does_not_stop_the_start(tmp_path: Path) -> None:
    """A table that can't be read counts as none."""
    path = tmp_path / "signals.json"
    for content in ("", "[", "[1]", '[{"key_type": "shoe"}]', "{}", '[{"key_type": "address"}]'):
        path.write_text(content)
        assert SignalTable(Clock()).load(path) == 0
    assert SignalTable(Clock()).load(tmp_path / "none") == 0


def test_file_of_the_version_before_is_taken(tmp_path: Path) -> None:
    """An update keeps the signals that held: the file was a list of them alone."""
    table = SignalTable(Clock())
    table.merge([signal("a", ttl_s=100)])
    path = tmp_path / "signals.json"
    table.save(path)
    rows = json.loads(path.read_text())["signals"]
    for row in rows:
        del row["alert"]
    path.write_text(json.dumps(rows))
    assert SignalTable(Clock()).load(path) == 1
