"""The dispatcher: each alert once to each channel, with retries and bounds."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from starfort.alerts.channels.base import DeliveryError
from starfort.alerts.dispatcher import MAX_INCOMING, AlertDispatcher, Retry
from starfort.alerts.history import AlertHistory
from starfort.alerts.model import Alert
from starfort.state.database import open_state

QUICK = Retry(attempts=3, first_s=0.001, most_s=0.002)


class Receiver:
    """A channel that fails as often as told."""

    def __init__(self, failures: int = 0, *, permanent: bool = False) -> None:
        self.name = "receiver"
        self.failures = failures
        self.permanent = permanent
        self.got: list[str] = []
        self.messages: list[Alert] = []
        self.closed = False

    async def send(self, alert: Alert) -> None:
        """Fail, then take."""
        if self.failures:
            self.failures -= 1
            raise DeliveryError("away", permanent=self.permanent)
        self.got.append(alert.subject)
        self.messages.append(alert)

    async def close(self) -> None:
        """Remember."""
        self.closed = True


Make = Callable[..., AlertDispatcher]


@pytest.fixture
def history(tmp_path: Path) -> AlertHistory:
    """A history in a file."""
    return AlertHistory(open_state(tmp_path / "state.db"))


@pytest.fixture
async def make(history: AlertHistory) -> AsyncIterator[Make]:
    """Makes dispatchers that are stopped in the end."""
    made: list[AlertDispatcher] = []

    def dispatcher(*channels: Receiver) -> AlertDispatcher:
        made.append(AlertDispatcher(history, channels, QUICK))
        return made[-1]

    yield dispatcher
    for one in made:
        await one.stop(0)


def alert(subject: str = "a", **fields: object) -> Alert:
    """An alert."""
    return Alert("scraping", "high", "Scraping", subject, **fields)  # type: ignore[arg-type]


async def test_alert_is_delivered_once(make: Make, history: AlertHistory) -> None:
    """The same alert again within the window counts up the open one and goes out no second time."""
    receiver = Receiver()
    dispatcher = make(receiver)
    await dispatcher.start()
    for subject in ("a", "a", "b"):
        dispatcher.submit(alert(subject))
    await dispatcher.drained()
    assert receiver.got == ["a", "b"]
    assert dispatcher.deduplicated == 1
    assert {row.subject: row.count for row in history.list()} == {"a": 2, "b": 1}


async def test_failed_delivery_is_tried_again(make: Make) -> None:
    """A receiver that is away for a while gets the alert."""
    receiver = Receiver(failures=2)
    dispatcher = make(receiver)
    await dispatcher.start()
    dispatcher.submit(alert())
    await dispatcher.drained()
    assert receiver.got == ["a"]
    assert dispatcher.states[0].failures == 2


@pytest.mark.parametrize(("receiver", "tries"), [(Receiver(9), 3), (Receiver(9, permanent=True), 1)])
async def test_alert_that_can_not_be_delivered_is_counted(make: Make, receiver: Receiver, tries: int) -> None:
    """After the last try, or at once when another would not help, it is dropped and counted."""
    dispatcher = make(receiver)
    await dispatcher.start()
    dispatcher.submit(alert())
    await dispatcher.drained()
    assert (dispatcher.states[0].failures, dispatcher.dropped_total) == (tries, 1)


async def test_broken_channel_does_not_stop_another(make: Make) -> None:
    """A channel with a mistake in it is counted; the one beside it delivers."""

    class Broken(Receiver):
        async def send(self, _: Alert) -> None:
            raise ZeroDivisionError

    good = Receiver()
    dispatcher = make(Broken(), good)
    await dispatcher.start()
    dispatcher.submit(alert("a"))
    dispatcher.submit(alert("b"))
    await dispatcher.drained()
    assert good.got == ["a", "b"]
    assert dispatcher.states[0].dropped == 2


async def test_queue_is_bounded(make: Make) -> None:
    """An alert without room is refused and counted, and nobody waits."""
    dispatcher = make(Receiver())
    assert all(dispatcher.submit(alert(str(number))) for number in range(MAX_INCOMING))
    assert not dispatcher.submit(alert("one more"))
    assert dispatcher.dropped_total == 1


def test_first_to_acknowledge_stays(history: AlertHistory) -> None:
    """Acknowledging says who and when; a second one changes nothing, an unknown id is nobody's."""
    stored, new, _ = history.record(alert())
    assert new
    assert history.open_by_severity() == {"high": 1}
    assert history.acknowledge(stored.id, "amina") is not None
    again = history.acknowledge(stored.id, "bo")
    assert again is not None
    assert again.acknowledged_by == "amina"
    assert history.open_by_severity() == {}
    assert history.list(open_only=True) == []
    assert history.acknowledge("none", "bo") is None


def test_alert_after_the_window_is_new(history: AlertHistory) -> None:
    """What comes back after an hour is a new alert."""
    now = dt.datetime.now(dt.UTC)
    assert history.record(alert(time=now - dt.timedelta(hours=2))).new
    assert history.record(alert(time=now)).new


def test_evidence_is_bounded(history: AlertHistory) -> None:
    """Evidence beyond 64 KiB is left out, and the last row says how much."""
    stored, *_ = history.record(alert(evidence=tuple({"text": "x" * 10_000} for _ in range(20))))
    assert stored.evidence[-1] == {"left_out_rows": 14}


async def test_updates_are_kept_and_told_only_where_asked(make: Make, history: AlertHistory) -> None:
    """New figures reach the kept alert; a message with them carries its id."""
    receiver = Receiver()
    dispatcher = make(receiver)
    await dispatcher.start()
    first = alert(dedup_key="k", score=0.6)
    dispatcher.submit(first)
    later = first.time + dt.timedelta(seconds=90)
    changed = replace(
        first, title="Scraping: 900", last_seen=later, score=0.9, members=12, evidence=({"n": 9},)
    )
    dispatcher.update(changed, tell=False)
    dispatcher.update(replace(changed, state="grew"), tell=True)
    await dispatcher.drained()
    (kept,) = history.list()
    assert (kept.title, kept.score, kept.members, kept.evidence) == ("Scraping: 900", 0.9, 12, [{"n": 9}])
    assert (kept.first_at, kept.last_at, kept.count, kept.ended_at) == (first.time, later, 1, None)
    assert [(message.state, message.id) for message in receiver.messages] == [
        ("new", kept.id),
        ("grew", kept.id),
    ]


async def test_waves_are_not_told_one_by_one(make: Make, history: AlertHistory) -> None:
    """An alert that ends and comes back within minutes is one, going on again; channels hear of the first wave."""
    receiver = Receiver()
    dispatcher = make(receiver)
    await dispatcher.start()
    now = dt.datetime.now(dt.UTC)
    for minute in range(4):
        wave = alert(dedup_key="k", time=now + dt.timedelta(minutes=minute))
        dispatcher.submit(wave)
        await dispatcher.drained()
        assert history.list()[0].ended_at is None
        dispatcher.update(replace(wave, state="ended"), tell=True)
    await dispatcher.drained()
    (kept,) = history.list()
    assert (kept.count, kept.ended_at) == (4, now + dt.timedelta(minutes=3))
    assert [message.state for message in receiver.messages] == ["new", "ended"]


async def test_return_after_a_while_is_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ended and is back after the quiet time is told as such, under the id that people know."""
    monkeypatch.setattr("starfort.alerts.dispatcher.QUIET_S", 0.0)
    receiver = Receiver()
    dispatcher = make(receiver)
    await dispatcher.start()
    first = alert(dedup_key="k")
    dispatcher.submit(first)
    dispatcher.update(replace(first, state="ended"), tell=True)
    dispatcher.submit(replace(first, time=first.time + dt.timedelta(minutes=20)))
    await dispatcher.drained()
    assert [message.state for message in receiver.messages] == ["new", "ended", "again"]
    assert len({message.id for message in receiver.messages}) == 1


def test_figures_only_grow(history: AlertHistory) -> None:
    """An update that knows less (after a restart) takes nothing away; one of an unknown alert keeps nothing."""
    first = alert(dedup_key="k", score=0.9, members=12)
    history.record(first)
    earlier = first.time - dt.timedelta(minutes=5)
    stored = history.update(replace(first, score=0.4, members=2, first_seen=earlier, last_seen=earlier))
    assert stored is not None
    assert (stored.score, stored.members, stored.first_at, stored.last_at) == (0.9, 12, earlier, first.time)
    assert history.update(alert("other")) is None


def test_late_alert_of_a_known_attack_is_the_same(history: AlertHistory) -> None:
    """An attack that is found late and touches a kept alert of its key is that one; one of hours before is not."""
    now = dt.datetime.now(dt.UTC)
    history.record(alert(dedup_key="k", time=now))
    late = alert(dedup_key="k", state="ended", first_seen=now - dt.timedelta(minutes=30),
                 last_seen=now - dt.timedelta(minutes=20))  # fmt: skip
    assert not history.record(late).new
    long_ago = now - dt.timedelta(hours=3)
    old = history.record(alert(dedup_key="k", state="ended", first_seen=long_ago, last_seen=long_ago))
    assert old.new
    assert (old.alert.first_at, old.alert.ended_at) == (long_ago, long_ago)


def test_alerts_that_nobody_would_end_are_ended(history: AlertHistory) -> None:
    """After a restart, alerts whose signals lapsed meanwhile are over; those that go on and others stay."""
    for key in ("signal:a", "signal:b", "catalogue:c"):
        history.record(alert(key, dedup_key=key))
    assert history.end_others("signal:", {"signal:b"}) == 1
    assert {row.subject for row in history.list() if row.ended_at} == {"signal:a"}
    assert history.end_others("signal:", {"signal:b"}) == 0


def test_alerts_of_an_endpoint(history: AlertHistory) -> None:
    """Those whose evidence names it; a text of a caller that looks like its id names nothing."""
    for subject, row in (
        ("a", {"endpoint_id": "ab12", "subject": "GET /a"}),
        ("b", {"endpoint_id": "cd34", "subject": '"endpoint_id": "ab12"'}),
        ("c", {"subject": "ab12"}),
    ):
        history.record(Alert("new_endpoint", "info", subject, subject, (row,)))
    assert [row.subject for row in history.list(endpoint_id="ab12")] == ["a"]
    assert history.list(endpoint_id="ab1%") == []
