"""Episodes: one alert for what belongs together, true while it goes on, and told of when that matters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from datetime import timedelta

from starfort.alerts.folding.episodes import MAX_MEMBERS, Episodes
from starfort.alerts.model import Alert
from starfort.signals.detector import Detector
from starfort.signals.model import Signal
from starfort.signals.table import SignalTable
from tests.support.detectors import counting

START = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC).timestamp()


class Desk:
    """A table and its episodes, and what they told."""

    def __init__(self) -> None:
        self.now = START
        self.detector = counting()
        self.table = SignalTable(lambda: self.now)
        self.new: list[Alert] = []
        self.updates: list[tuple[Alert, bool]] = []
        self.episodes = self.made()

    def made(self) -> Episodes:
        """Episodes that know nothing yet."""
        return Episodes(self, lambda: self.now)

    def submit(self, alert: Alert) -> bool:
        """Take a new alert."""
        self.new.append(alert)
        return True

    def update(self, alert: Alert, *, tell: bool) -> bool:
        """Take new figures."""
        self.updates.append((alert, tell))
        return True

    def run(self, *signals: Signal, at: float | None = None, detector: Detector | None = None) -> None:
        """One window's signals."""
        end = self.now if at is None else at
        self.episodes.take(detector or self.detector, self.table.merge(signals, at), end)

    def tidy(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.episodes.lapse(self.table.expire().clear)
        self.episodes.write()

    @property
    def told(self) -> list[tuple[str, int]]:
        """State and members of each message that people got."""
        messages: Iterable[Alert] = [*self.new, *(alert for alert, tell in self.updates if tell)]
        return [(alert.state, alert.members) for alert in messages]


def signal(
    key: str = "192.0.2.1", requests: int = 12, score: float = 0.8, key_type: str = "address"
) -> Signal:
    """A signal with its figure."""
    return Signal(
        "many", key_type, key, score, ({"requests": requests},), timedelta(seconds=60), "many", "low", f"Many: {requests}"
    )  # fmt: skip


def test_alert_has_the_latest_figures_while_it_goes_on() -> None:
    """The kept alert follows the campaign: latest row, first and last time, highest score; its title the peak."""
    desk = Desk()
    desk.run(signal(requests=12, score=0.6))
    desk.tidy(10)
    desk.run(signal(requests=100, score=0.9))
    desk.tidy(10)
    desk.run(signal(requests=40, score=0.7))
    desk.tidy(6)
    latest, told = desk.updates[-1]
    assert not told
    assert latest.title == "Many: 100"
    assert (latest.score, latest.members) == (0.9, 1)
    assert (latest.evidence[0]["requests"], latest.evidence[0]["most_requests"]) == (40, 100)
    assert (latest.began.timestamp(), latest.latest.timestamp()) == (START, START + 20)
    assert latest.id == desk.new[0].id
    assert desk.told == [("new", 1)]


def test_alert_is_written_every_few_seconds_at_most() -> None:
    """A campaign that is raised each second costs a write every five."""
    desk = Desk()
    for _ in range(60):
        desk.run(signal())
        desk.tidy(1)
    assert 10 <= len(desk.updates) <= 13


def test_end_is_told_with_the_final_figures() -> None:
    """When the last key lapsed the alert ends, once, with what it came to."""
    desk = Desk()
    desk.run(signal(), signal("192.0.2.2"))
    desk.tidy(30)
    desk.run(signal("192.0.2.2", requests=70))
    desk.tidy(40)
    assert desk.told == [("new", 2)]
    desk.tidy(30)
    assert desk.told == [("new", 2), ("ended", 2)]
    final = desk.updates[-1][0]
    assert {row["key"]: row["requests"] for row in final.evidence} == {"192.0.2.1": 12, "192.0.2.2": 70}
    assert final.latest.timestamp() == START + 30
    desk.tidy(1000)
    assert len(desk.told) == 2


def test_later_keys_belong_to_the_campaign() -> None:
    """A key that shares a campaign's tool or network joins it however late, another one within a window."""
    desk = Desk()
    desk.run(signal("tool|t13d|64500", key_type="campaign"))
    for _ in range(10):
        desk.tidy(30)
        desk.run(signal("tool|t13d|64500", key_type="campaign"))
    desk.run(signal("tool|t13d|64999", key_type="campaign"), signal("asn:64500", key_type="network"))
    desk.tidy(20)
    desk.run(signal("192.0.2.9"))
    assert len(desk.new) == 1
    desk.tidy(6)
    assert desk.updates[-1][0].members == 4


def test_other_caller_later_is_an_alert_of_its_own() -> None:
    """What shares nothing and comes minutes later is another thing to look at."""
    desk = Desk()
    desk.run(signal())
    for _ in range(5):
        desk.tidy(30)
        desk.run(signal())
    desk.run(signal("198.51.100.1"))
    assert [alert.subject for alert in desk.new] == ["address=192.0.2.1", "address=198.51.100.1"]


def test_other_detector_is_an_alert_of_its_own() -> None:
    """Two detectors' signals about one key stay apart."""
    desk = Desk()
    desk.run(signal())
    other = Signal(
        "other", "address", "192.0.2.1", 1, ({"requests": 1},), timedelta(60), "other", "low", "Other"
    )
    spec = desk.detector.spec.model_copy(update={"name": "other", "kind": "other"})
    detector = Detector(spec, "", 1, desk.detector.path, {})
    desk.run(other, detector=detector)
    assert [alert.kind for alert in desk.new] == ["many", "other"]


def test_growth_is_told_by_tens() -> None:
    """People hear again when it is ten times as large, in keys or in its figure, and not in between."""
    desk = Desk()
    desk.run(signal(requests=12))
    for requests in (50, 100, 119, 120, 300, 1200):
        desk.tidy(5)
        desk.run(signal(requests=requests))
    assert desk.told == [("new", 1), ("grew", 1), ("grew", 1)]
    desk.run(*(signal(f"192.0.2.{number}", 1) for number in range(2, 14)))
    assert desk.told[-1] == ("grew", 13)


def test_attack_of_the_past_is_one_alert_with_its_times() -> None:
    """Late windows about one attack an hour ago make one ended alert, and no active signal."""
    desk = Desk()
    ago = START - 3600
    for end in (ago, ago - 30, ago - 60):
        desk.run(signal(requests=100), at=end)
    assert desk.table.active() == []
    assert desk.told == [("ended", 1)]
    assert desk.new[0].latest.timestamp() == ago
    assert desk.updates[-1][0].began.timestamp() == ago - 60
    desk.run(signal(), at=ago - 7200)
    assert len(desk.new) == 2


def test_past_windows_of_what_is_known_alert_nobody() -> None:
    """Late windows that touch an episode, going on or over, only say that it began earlier."""
    desk = Desk()
    desk.run(signal())
    for seconds in (60, 90, 120):
        desk.run(signal(), at=START - seconds)
    assert desk.told == [("new", 1)]
    desk.tidy(61)
    assert desk.updates[-1][0].began.timestamp() == START - 120
    desk.run(signal(), at=START - 150)
    assert desk.told == [("new", 1), ("ended", 1)]
    assert desk.updates[-1][0].began.timestamp() == START - 150


def test_restart_goes_on_with_the_alert() -> None:
    """After a restart the same alert is kept true and ended; nobody is told that it is new."""
    desk = Desk()
    desk.run(signal())
    desk.episodes = desk.made()
    desk.episodes.restore([desk.detector], desk.table.active())
    assert desk.episodes.keys == {desk.new[0].dedup_key}
    desk.tidy(10)
    desk.run(signal(requests=30))
    desk.tidy(100)
    assert desk.told == [("new", 1), ("ended", 1)]
    assert {alert.key for alert, _ in desk.updates} == {desk.new[0].key}


def test_lifted_signal_ends_its_episode() -> None:
    """What an operator lifts is over."""
    desk = Desk()
    desk.run(signal())
    desk.episodes.lapse(desk.table.clear("many", "address", "192.0.2.1").clear)
    assert desk.told == [("new", 1), ("ended", 1)]


def test_many_keys_stay_cheap() -> None:
    """A campaign over ever new addresses counts all of them and knows the figures of the latest; it ends as one."""
    desk = Desk()
    for turn in range(8):
        desk.run(*(signal(f"10.{turn}.{number // 250}.{number % 250}") for number in range(2000)))
        desk.tidy(40)
    (episode,) = desk.episodes._open
    assert len(episode.members) <= MAX_MEMBERS
    assert episode.count == 16_000
    desk.tidy(100)
    final = desk.updates[-1][0]
    assert (final.state, final.members, final.began.timestamp()) == ("ended", 16_000, START)
    assert final.title.endswith(" and 15,999 more like it")
