"""Works out the figures of status and metrics."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starfort.dataplane.socket import Peer
from starfort.runtime.status import DetectorStatus, NodeStatus
from starfort.signals.runner import DetectorRunner, DetectorState


@dataclass(slots=True)
class RateMeter:
    """The rate of a growing number over the last seconds.

    Attributes:
        span_s: how many seconds back the rate goes.
    """

    span_s: float = 10.0
    # At most 64: with a sample each second that is longer than any span, and it bounds the memory.
    _samples: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=64))

    def add(self, now: float, value: float) -> None:
        """Take a sample of the number at a time (Unix seconds). After a fall, counting begins anew."""
        # A counter falls when a filter restarts; the difference would be a negative rate.
        if self._samples and value < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((now, value))
        while len(self._samples) > 2 and now - self._samples[0][0] > self.span_s:  # noqa: PLR2004 (a rate needs two)
            self._samples.popleft()

    def rate(self) -> float:
        """Growth per second between the first and the last sample; 0 before there are two samples."""
        if len(self._samples) < 2:  # noqa: PLR2004 (a rate needs two)
            return 0.0
        (start, low), (end, high) = self._samples[0], self._samples[-1]
        return max(0.0, (high - low) / (end - start)) if end > start else 0.0


@dataclass(frozen=True, slots=True)
class IngestFigures:
    """The counters of ingest, with their types.

    Attributes:
        inserted_rows: events in the store.
        refused_rows: events that were given up, because the store can never take them.
        refused_batches: batches that were no events.
        insert_failures: inserts that failed.
        write_failures: writes to the spool that failed.
        spool_bytes: bytes in the spool.
        spool_rows: events in the spool.
        missing_rows: events in the spool that newer ones overtook.
        missing_s: length of the spans of time that these events belong to, in seconds.
        degree: what is left out of the newest segment (`overload.reduce`).
        rows_without_details: events whose details were left out.
        rows_thinned_out: events for which others stand.
        error: the last failure that still stands.
    """

    inserted_rows: int
    refused_rows: int
    refused_batches: int
    insert_failures: int
    write_failures: int
    spool_bytes: int
    spool_rows: int
    missing_rows: int
    missing_s: float
    degree: int
    rows_without_details: int
    rows_thinned_out: int
    error: str

    @classmethod
    def of(cls, status: Mapping[str, float | int | str]) -> IngestFigures:
        """The figures in the answer of `Ingest.status()`."""
        return cls(
            inserted_rows=int(status["inserted_rows"]),
            refused_rows=int(status["refused_rows"]),
            refused_batches=int(status["refused_batches"]),
            insert_failures=int(status["insert_failures"]),
            write_failures=int(status["write_failures"]),
            spool_bytes=int(status["spool_bytes"]),
            spool_rows=int(status["spool_rows"]),
            missing_rows=int(status["missing_rows"]),
            missing_s=float(status["missing_seconds"]),
            degree=int(status["degree"]),
            rows_without_details=int(status["rows_without_details"]),
            rows_thinned_out=int(status["rows_thinned_out"]),
            error=str(status["error"]),
        )


def node_status(peer: Peer, meter: RateMeter | None) -> NodeStatus:
    """One filter as people see it."""
    return NodeStatus(
        node=peer.node,
        pid=peer.pid,
        connected=peer.connected,
        filter_version=peer.filter_version,
        envoy_abi=peer.envoy_abi,
        bundle=peer.bundle,
        bundle_error=peer.bundle_error,
        seen_at=peer.seen_at,
        requests_per_s=meter.rate() if meter and peer.connected else 0.0,
        events_dropped=int(peer.counters.get("events_dropped", 0)) + peer.left_behind,
        signals_active=peer.signals_active,
        counters=dict(peer.counters),
        bundle_since=peer.bundle_since,
        bundle_awaited=peer.bundle_asked if peer.bundle_pending else "",
        events_waiting=peer.outstanding if peer.connected else 0,
    )


def detector_statuses(runner: DetectorRunner) -> list[DetectorStatus]:
    """Each detector as people see it."""
    problems, now = runner.problems(), datetime.now(UTC)
    return [detector_status(state, problems.get(state.detector.name, ""), now) for state in runner.states]


def detector_status(state: DetectorState, problem: str, now: datetime) -> DetectorStatus:
    """One detector as people see it.

    Args:
        state: how it runs.
        problem: why it does not keep its beat, "" when it does.
        now: the time, UTC.
    """
    judged = state.judged_until
    return DetectorStatus(
        name=state.detector.name,
        kind=state.detector.spec.kind,
        enabled=True,
        runs=state.pace.runs,
        failures=state.pace.failures,
        last_error=state.pace.last_error,
        last_ms=round(state.pace.last_s * 1000, 1),
        signals=state.signals,
        problem=problem,
        behind_s=round(max(0.0, (now - judged).total_seconds()), 1) if judged else 0.0,
        owed=len(state.backlog),
        parts=state.pace.parts,
    )
