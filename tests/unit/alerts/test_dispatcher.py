"""The dispatcher: each alert once to each channel, with retries and bounds."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from starfort.alerts import Alert, AlertDispatcher, AlertHistory
from starfort.alerts.channels import DeliveryError
from starfort.alerts.dispatcher import MAX_INCOMING, Retry

QUICK = Retry(attempts=3, first_s=0.001, most_s=0.002)


class Receiver:
    """A channel that fails as often as told."""

    def __init__(self, failures: int = 0, *, permanent: bool = False) -> None:
        self.name = "receiver"
        self.failures = failures
        self.permanent = permanent
        self.got: list[str] = []
        self.closed = False

    async def send(self, alert: Alert) -> None:
        """Fail, then take."""
        if self.failures:
            self.failures -= 1
            raise DeliveryError("away", permanent=self.permanent)
        self.got.append(alert.subject)

    async def close(self) -> None:
        """Remember."""
        self.closed = True


Make = Callable[..., AlertDispatcher]


@pytest.fixture
def history(tmp_path: Path) -> AlertHistory:
    """A history in a file."""
    return AlertHistory(create_engine(f"sqlite:///{tmp_path / 'state.db'}"))


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
    stored, new = history.record(alert())
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
    assert history.record(alert(time=now - dt.timedelta(hours=2)))[1]
    assert history.record(alert(time=now))[1]


def test_evidence_is_bounded(history: AlertHistory) -> None:
    """Evidence beyond 64 KiB is left out, and the last row says how much."""
    stored, _ = history.record(alert(evidence=tuple({"text": "x" * 10_000} for _ in range(20))))
    assert stored.evidence[-1] == {"left_out_rows": 14}
