"""Brings each alert to the history and to every channel once, with retries and within bounds.

The history has the latest figures of each alert. Channels get a message only when a person would want one:
when an alert is new, when it has become ten times as large, when it has ended, and when it comes back after
its end. The last of these is sent at most once in `QUIET_S`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from starfort.alerts.channels.base import Channel, DeliveryError
from starfort.alerts.history import AlertHistory
from starfort.alerts.model import Alert

MAX_QUEUED: Final = 1000
"""The most alerts that wait for one channel. A further alert is dropped and counted, so the earlier ones
arrive."""

MAX_INCOMING: Final = 5000
"""The most alerts that wait to be recorded."""

QUIET_S: Final = 900.0
"""Shortest time between two messages that an alert is back: an attack in waves would otherwise send one
message for each wave."""

MAX_SAID: Final = 10_000
"""Alerts whose last message is remembered; those without a message for the longest time are forgotten
first."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Incoming:
    """An alert to record, or new figures of one, and whether channels should hear of them."""

    alert: Alert
    update: bool = False
    tell: bool = True


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how soon a channel is tried again.

    Attributes:
        attempts: tries of one alert, the first included.
        first_s: pause after the first failure; it doubles.
        most_s: longest pause.
    """

    attempts: int = 6
    first_s: float = 0.5
    most_s: float = 30.0

    def pause_s(self, failures: int) -> float:
        """Seconds to wait after that many failures in a row."""
        return min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 32))


@dataclass(slots=True)
class ChannelState:
    """A channel, with figures about its deliveries.

    Attributes:
        channel: the channel.
        sent: alerts that arrived.
        failures: tries that failed.
        dropped: alerts given up, or with no room in the queue.
        last_error: why the last try failed, "" when it did not.
    """

    channel: Channel
    sent: int = 0
    failures: int = 0
    dropped: int = 0
    last_error: str = ""
    queue: asyncio.Queue[Alert] = field(default_factory=lambda: asyncio.Queue(MAX_QUEUED))


class AlertDispatcher:
    """Records alerts and delivers the new ones.

    Args:
        history: keeps the alerts, and says whether one is new.
        channels: the channels that new alerts go to.
        retry: how often and how soon a failed delivery is tried again.
    """

    def __init__(
        self, history: AlertHistory, channels: Sequence[Channel], retry: Retry | None = None
    ) -> None:
        self.history = history
        self.recorded: dict[tuple[str, str], int] = {}
        self.deduplicated = 0
        self.dropped = 0
        self._retry = retry or Retry()
        self._incoming: asyncio.Queue[_Incoming] = asyncio.Queue(MAX_INCOMING)
        self._said: dict[str, tuple[str, float]] = {}
        # A thread of its own: alerts are recorded even while queries fill the threads that everything shares.
        # One thread, so that an update of an alert never overtakes the alert itself.
        self._thread = ThreadPoolExecutor(1, "alerts")
        self._states = [ChannelState(channel) for channel in channels]
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def states(self) -> list[ChannelState]:
        """Each channel, with figures about its deliveries."""
        return list(self._states)

    @property
    def dropped_total(self) -> int:
        """Alerts that one channel or all channels did not get."""
        return self.dropped + sum(state.dropped for state in self._states)

    async def start(self) -> None:
        """Begin to record and deliver."""
        self._tasks = [asyncio.create_task(self._record_all())]
        self._tasks += [asyncio.create_task(self._deliver_all(state)) for state in self._states]

    async def stop(self, grace_s: float = 5.0) -> None:
        """Deliver waiting alerts for a while, then stop; alerts that are left are dropped and counted.

        Args:
            grace_s: longest time that this takes.
        """
        try:
            async with asyncio.timeout(grace_s):
                await self.drained()
        except TimeoutError:
            for state in self._states:
                state.dropped += state.queue.qsize()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for state in self._states:
            await state.channel.close()

    async def replace(self, channels: Sequence[Channel]) -> None:
        """Deliver to these channels from now on. The old channels have a second for waiting alerts."""
        # Alerts that come meanwhile wait in the incoming queue, which belongs to no channel.
        old, running = self, bool(self._tasks)
        if running:
            await old.stop(grace_s=1.0)
        self._states = [ChannelState(channel) for channel in channels]
        if running:
            await self.start()

    def submit(self, alert: Alert) -> bool:
        """Take an alert; never blocks. `False` when there was no room (counted)."""
        return self._put(_Incoming(alert))

    def update(self, alert: Alert, *, tell: bool) -> bool:
        """Take new figures of an alert that was submitted before.

        Args:
            alert: the alert with its figures as they are now.
            tell: whether channels should hear of them.

        Returns:
            `False` when there was no room (counted).
        """
        return self._put(_Incoming(alert, update=True, tell=tell))

    def _put(self, incoming: _Incoming) -> bool:
        try:
            self._incoming.put_nowait(incoming)
        except asyncio.QueueFull:
            self.dropped += 1
            return False
        return True

    async def drained(self) -> None:
        """Wait until everything submitted so far was recorded and delivered or given up."""
        # The order matters: an alert comes into the queues of channels only when it was recorded.
        await self._incoming.join()
        for state in self._states:
            await state.queue.join()

    async def _record_all(self) -> None:
        while True:
            incoming = await self._incoming.get()
            try:
                await (self._update(incoming) if incoming.update else self._record(incoming.alert))
            except Exception:
                self.dropped += 1
                log.exception("alert_not_recorded", kind=incoming.alert.kind)
            finally:
                # This is done after a failure too; otherwise `drained` would wait for ever.
                self._incoming.task_done()

    async def _record(self, alert: Alert) -> None:
        loop = asyncio.get_running_loop()
        stored, new, resumed = await loop.run_in_executor(self._thread, self.history.record, alert)
        if new:
            name = (alert.kind, alert.severity)
            self.recorded[name] = self.recorded.get(name, 0) + 1
            self._tell(alert)
            return
        self.deduplicated += 1
        if resumed:
            # The message has the id of the kept alert, so that receivers can join it with the earlier ones.
            self._tell(replace(alert, state="again", stored_id=stored.id))

    async def _update(self, incoming: _Incoming) -> None:
        loop = asyncio.get_running_loop()
        stored = await loop.run_in_executor(self._thread, self.history.update, incoming.alert)
        if stored is not None and incoming.tell:
            self._tell(replace(incoming.alert, stored_id=stored.id))

    def _tell(self, alert: Alert) -> None:
        """Queue a message for every channel, if the alert is worth one."""
        # Taken out and put back, so that the dictionary is in the order of the last message and the first
        # entry is the one to forget.
        last, at = self._said.pop(alert.key, ("", 0.0))
        now = time.monotonic()
        if (alert.state == "again" and now - at < QUIET_S) or (alert.state == last == "ended"):
            self._said[alert.key] = (last, at)
            return
        self._said[alert.key] = (alert.state, now)
        if len(self._said) > MAX_SAID:
            self._said.pop(next(iter(self._said)))
        for state in self._states:
            try:
                state.queue.put_nowait(alert)
            # Waiting for room here would let one slow channel hold up all others.
            except asyncio.QueueFull:
                state.dropped += 1

    async def _deliver_all(self, state: ChannelState) -> None:
        while True:
            alert = await state.queue.get()
            try:
                await self._deliver(state, alert)
            finally:
                state.queue.task_done()

    async def _deliver(self, state: ChannelState, alert: Alert) -> None:
        for attempt in range(1, self._retry.attempts + 1):
            try:
                await state.channel.send(alert)
            except DeliveryError as error:
                state.failures += 1
                state.last_error = str(error)
                # The alerts behind this one wait until it is delivered or given up, so that a receiver gets
                # all alerts in their order.
                if error.permanent or attempt == self._retry.attempts:
                    break
                await asyncio.sleep(self._retry.pause_s(attempt))
            except Exception as error:
                # This is a mistake in the channel and not a failed delivery, so another try would fail in the
                # same way. Only the log has the text of the error, which may hold a webhook's secret path.
                state.failures += 1
                state.last_error = type(error).__name__
                log.exception("alert_channel_failed", channel=state.channel.name)
                break
            else:
                state.sent += 1
                state.last_error = ""
                return
        state.dropped += 1
        log.error("alert_not_delivered", channel=state.channel.name, alert=alert.id, reason=state.last_error)
