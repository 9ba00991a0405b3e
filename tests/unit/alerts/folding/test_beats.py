"""The watch over detectors: one alert while one of them is behind."""

from __future__ import annotations

from starfort.alerts.folding.beats import BeatWatch
from starfort.alerts.model import Alert


class Watch:
    """A watch, its clock and what it told."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.told: list[Alert] = []
        self.kept: list[Alert] = []
        self.watch = BeatWatch(self, lambda: self.now)

    def submit(self, alert: Alert) -> bool:
        """Take a new alert."""
        self.told.append(alert)
        return True

    def update(self, alert: Alert, *, tell: bool) -> bool:
        """Take new figures."""
        (self.told if tell else self.kept).append(alert)
        return True

    def look(self, seconds: float, **problems: str) -> None:
        """Look once a second for a while."""
        for _ in range(int(seconds)):
            self.now += 1
            self.watch.look(problems)


def test_detectors_that_keep_their_beat_alert_nobody() -> None:
    """Nothing is said while nothing is wrong."""
    watch = Watch()
    watch.look(100)
    assert not watch.told


def test_moment_is_no_reason() -> None:
    """What is over within seconds, such as what waited for a restart, calls nobody."""
    watch = Watch()
    for _ in range(5):
        watch.look(9, scraping="20 s old")
        watch.look(1)
    assert not watch.told


def test_behind_is_told_once_and_ends_when_all_recovered() -> None:
    """One alert for all detectors, with their reasons; it ends half a minute after the last one recovered."""
    watch = Watch()
    watch.look(100, scraping="its last 3 runs failed: Code: 159")
    watch.look(100, scraping="its last 9 runs failed: Code: 159", many="81 s old")
    assert [alert.state for alert in watch.told] == ["new"]
    assert watch.kept[-1].evidence[1] == {
        "detector": "scraping",
        "reason": "its last 9 runs failed: Code: 159",
    }
    assert watch.kept[-1].members == 2
    watch.look(20)
    watch.look(1, many="20 s old")
    watch.look(29)
    assert [alert.state for alert in watch.told] == ["new"]
    watch.look(1)
    assert [alert.state for alert in watch.told] == ["new", "ended"]
    assert not watch.watch.behind
    watch.look(100)
    assert len(watch.told) == 2
    assert len({alert.key for alert in watch.told}) == 1
