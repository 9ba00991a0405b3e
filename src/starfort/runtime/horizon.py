"""Works out how far detection can see and what was lost, for the lag in status and metrics.

A call is seen when its event is in the store. Before, the event waits in a filter or in ingest. A filter says
each second how many calls wait there and since when; ingest knows what it has not inserted yet.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from starfort.dataplane.socket import Peer
from starfort.events.ingest import Ingest
from starfort.events.overload import DETAILS_ONLY
from starfort.runtime.figures import RateMeter

STALE_S: Final = 3.0
"""A filter says each second what waits in it. When it has said nothing for three times as long, it is seen
only up to what it said last."""

ANSWER_S: Final = 5.0
"""When a filter has not answered about a bundle for this long, people are told."""

GONE_S: Final = 10.0
"""A filter tries to connect every 2 s, so one that was away for this long has ended."""

LOSS_SPAN_S: Final = 60.0
"""How long lost events are shown as a problem."""


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """Limits beyond which people are told.

    Attributes:
        lag_s: seconds that detection may be behind.
    """

    lag_s: float = 10.0


class Horizon:
    """Watches how far detection can see.

    Args:
        ingest: knows which events wait for the store.
        peers: filters that are or were connected.
    """

    def __init__(self, ingest: Ingest, peers: Callable[[], Iterable[Peer]]) -> None:
        self._ingest = ingest
        self._peers = peers
        self._lost = RateMeter(LOSS_SPAN_S)

    def seen_until(self) -> dt.datetime:
        """The time up to which events of connected filters are stored, except `missing`; at most now."""
        # The slowest of all counts: a window that one filter has not filled yet must not be judged.
        now = time.time()
        stored = self._ingest.seen_until().timestamp()
        seen = [_seen(peer, now) for peer in self._peers() if peer.connected and peer.stats_at]
        until = min([stored, now, *seen])
        # Detectors judge what they were told is complete. Events that arrive for it later are given as late.
        self._ingest.told = max(self._ingest.told, until)
        return dt.datetime.fromtimestamp(until, dt.UTC)

    def missing(self) -> list[tuple[dt.datetime, dt.datetime]]:
        """Earlier spans of time whose events still wait, because newer ones were stored first."""
        return self._ingest.missing()

    def late(self) -> list[tuple[dt.datetime, dt.datetime]]:
        """Spans of time that became complete after newer ones, since the last call."""
        return self._ingest.late()

    def lag_s(self) -> float:
        """Seconds between now and `seen_until`."""
        return max(0.0, time.time() - self.seen_until().timestamp())

    def waiting_calls(self) -> int:
        """Calls whose events wait in connected filters."""
        return sum(peer.outstanding for peer in self._peers() if peer.connected)

    def lost(self) -> int:
        """Calls whose events were lost since the start: dropped by filters, lost with them, or refused."""
        dropped = sum(peer.counters.get("events_dropped", 0) for peer in self._peers())
        return int(dropped) + self.ended() + self._ingest.counters.refused_rows

    def ended(self) -> int:
        """Calls whose events filters still had when they ended."""
        # A filter that is away for a moment may come back with them, so it has to be away for longer.
        gone = time.time() - GONE_S
        return sum(peer.left_behind for peer in self._peers() if peer.seen_at < gone)

    def sample(self) -> None:
        """Remember how much was lost by now; call it each second."""
        self._lost.add(time.time(), self.lost())

    def problems(self, limits: HealthLimits) -> Iterator[str]:
        """Problems with events and bundles that need a person, a sentence for each."""
        status = self._ingest.status()
        lag = self.lag_s()
        if lag > limits.lag_s:
            yield (
                f"detection sees the past: events of the last {lag:,.0f} s are not in the store"
                f" ({self.waiting_calls():,} wait in filters, {status['spool_rows']:,} in the spool)"
            )
        missing = float(status["missing_seconds"])
        if missing > limits.lag_s:
            yield (
                f"{status['missing_rows']:,} events of {missing:,.0f} s of earlier time wait in the spool;"
                " what is newer is seen"
            )
        degree = int(status["degree"])
        if degree == DETAILS_ONLY:
            yield "more events arrive than the store takes: details of ordinary calls are left out"
        elif degree > DETAILS_ONLY:
            yield f"more events arrive than the store takes: of {degree} ordinary calls one is kept, weighted"
        lost = self._lost.rate() * LOSS_SPAN_S
        if lost >= 1:
            yield f"events of about {lost:,.0f} calls were lost within the last minute"
        for peer in self._peers():
            if peer.connected:
                yield from _filter_problems(peer)


def _filter_problems(peer: Peer) -> Iterator[str]:
    waits = time.time() - peer.bundle_asked_at
    if peer.bundle_pending and waits > ANSWER_S:
        runs = f"runs {peer.bundle}" if peer.bundle else "runs none"
        yield (
            f"{peer.node} ({peer.pid}) has not answered about bundle {peer.bundle_asked} for {waits:,.0f} s;"
            f" it {runs} and is asked again"
        )
    level = peer.gauges.get("overload_level", 0)
    if level >= 1:
        given_up = "details" if level < 2 else "details and most ordinary calls"  # noqa: PLR2004 (the filter's levels)
        yield f"{peer.node} ({peer.pid}) runs out of memory for events and leaves out {given_up}"


def _seen(peer: Peer, now: float) -> float:
    """The time up to which a filter's events were taken."""
    if now - peer.stats_at > STALE_S:
        return peer.stats_at
    if not peer.waiting_calls or not peer.outstanding:
        return now
    # Batches come in the order in which calls ended, so what was taken is older than what still waits.
    return max(peer.oldest_waiting, peer.newest_taken)
