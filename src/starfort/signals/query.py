"""One run of a detector: its query within bounds over one window, and the signals that its rows are.

The store is known only as something that answers a query, so a test gives rows, and a backtest the past.

A query that runs into a limit is tried again smaller (`Effort`). How depends on the detector: one that uses
the parameters `slots` and `slot` judges one share of the keys, each with its whole window and unchanged
thresholds, and the other shares on the next beats. Any other judges a shorter window; then those of its
thresholds that count what a window holds (`per_window`) shrink with it, and the evidence names the shorter
window.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from starfort.signals.detector import PROBE, Detector, placeholders
from starfort.signals.model import Signal

MAX_ROWS: Final = 2000
"""Signals of one run; a detector that finds more is too coarse, and its highest scores count."""

MAX_EXECUTION_S: Final = 5.0
"""A query that runs longer is stopped by ClickHouse and tried again smaller."""

MAX_SLOTS: Final = 16
"""Shares of the keys at most: each is judged on every 16th beat then."""

MAX_PARTS: Final = 4
"""A window is cut to a quarter at most: of less, bursts that people cause would look like an attack's
pace."""

MAX_KEY_CHARACTERS: Final = 512
"""Longest key; a campaign is two hashes, a JA4 and a number."""

_COLUMNS: Final = frozenset({"key", "key_type", "score", "probe"})


class Queryable(Protocol):
    """What answers a detector's query: the store."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Rows of a SELECT with bound parameters."""


class RowError(Exception):
    """A detector returned a row that is no signal."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much of a detector's work one query does.

    Attributes:
        parts: 1 for all of it; more: one of so many shares of the keys, or so much shorter a window.
        slot: which share of the keys, from 0.
    """

    parts: int = 1
    slot: int = 0

    @staticmethod
    def most(detector: Detector) -> int:
        """Largest sensible `parts` of a detector.

        A share of the keys must come round within half a window, so that no burst falls between two turns,
        and twice within the TTL, else its signals lapse between them.
        """
        if not detector.samples_keys:
            return MAX_PARTS
        turns = max(1, int(min(detector.spec.window, detector.spec.ttl) / (2 * detector.spec.every)))
        return min(MAX_SLOTS, 1 << (turns.bit_length() - 1))

    def window(self, detector: Detector) -> timedelta:
        """Length of the window that the query is given."""
        return detector.spec.window if detector.samples_keys else detector.spec.window / self.parts

    def parameters(self, detector: Detector, until: datetime) -> dict[str, Any]:
        """What the query is given for the window that ends at `until` (UTC)."""
        whole = detector if detector.samples_keys else detector.within(1 / self.parts)
        given: dict[str, Any] = {"slots": 1, "slot": 0}
        if detector.samples_keys:
            given = {"slots": self.parts, "slot": self.slot % self.parts}
        return whole.parameters(until, until - self.window(detector), given)


WHOLE: Final = Effort()
"""Everything that a detector looks at, in one query."""


def bounded_sql(detector: Detector) -> str:
    """The detector's query inside one that bounds what it may cost and return.

    Being inside, it can be nothing but a SELECT; the store's readers are read-only besides.
    """
    return (
        f"SELECT * FROM (\n{detector.sql}\n) ORDER BY score DESC LIMIT {MAX_ROWS + 1} "  # noqa: S608 (the detector's own)
        + _settings(MAX_ROWS + 1)
    )


def gate_sql(gate: str) -> str:
    """A detector's gate inside a query that bounds what it may cost."""
    return f"SELECT * FROM (\n{gate}\n) LIMIT 1 {_settings(1)}"  # noqa: S608 (the detector's own)


def _settings(rows: int) -> str:
    # `optimize_and_compare_chain` derives comparisons from others (a < b AND b < 5: a < 5) and goes through
    # every expression for it, those within others again each time: of a long query it took half of all CPU.
    return (
        f"SETTINGS max_execution_time = {MAX_EXECUTION_S:g}, max_result_rows = {rows}, "
        "result_overflow_mode = 'break', enable_materialized_cte = 1, optimize_and_compare_chain = 0"
    )


def signals_of(detector: Detector, rows: Sequence[Mapping[str, Any]]) -> list[Signal]:
    """The signals that a run's rows are.

    Args:
        detector: whose rows.
        rows: what its query returned; each keeps its other columns as evidence.

    Raises:
        RowError: a column is missing, a score is no number in 0..1, or a key type was not declared.
    """
    return [_signal(detector, row) for row in rows[:MAX_ROWS]]


def _signal(detector: Detector, row: Mapping[str, Any]) -> Signal:
    spec = detector.spec
    missing = sorted({"key", "score"} - set(row))
    if missing:
        raise RowError(f"the query returns no column {' and no column '.join(missing)}")
    key_type = row.get("key_type", spec.key_type[0] if len(spec.key_type) == 1 else None)
    if key_type not in spec.key_type:
        raise RowError(f"key_type {key_type!r} is none of {', '.join(spec.key_type)}")
    key, score = row["key"], row["score"]
    if not isinstance(key, str) or not key or len(key) > MAX_KEY_CHARACTERS:
        raise RowError(f"key of type {type(key).__name__} is no text of 1 to {MAX_KEY_CHARACTERS} characters")
    if not isinstance(score, int | float) or not math.isfinite(score) or not 0 <= score <= 1:
        raise RowError(f"score {score!r} is no number from 0 to 1")
    probe = row.get("probe", detector.settings.get(PROBE, spec.probe))
    if not isinstance(probe, int | float) or not 0 <= probe <= 1:
        raise RowError(f"probe {probe!r} is no number from 0 to 1")
    evidence = {name: _evidence(value) for name, value in row.items() if name not in _COLUMNS}
    return Signal(
        kind=spec.kind,
        key_type=key_type,
        key=key,
        score=float(score),
        evidence=(evidence,),
        ttl=spec.ttl,
        detector=spec.name,
        severity=spec.severity,
        title=detector.render(spec.title, row),
        probe=float(probe),
        spare_known=spec.spare_known,
    )


def _evidence(value: Any) -> Any:
    """A column's value as JSON holds it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_evidence(item) for item in value[:100]]
    return value


def run_once(
    store: Queryable, detector: Detector, until: datetime, effort: Effort = WHOLE
) -> tuple[list[Signal], int]:
    """Run one detector for the window that ends at `until`.

    Returns:
        Its signals, and how many rows beyond `MAX_ROWS` were left out (at least).

    Raises:
        RowError: its rows are no signals.
        Exception: whatever the store raises.
    """
    parameters = effort.parameters(detector, until)
    if detector.gate is not None:
        asked = {name: value for name, value in parameters.items() if name in placeholders(detector.gate)}
        if not store.query(gate_sql(detector.gate), asked):
            return [], 0
    used = placeholders(detector.sql)
    rows = store.query(
        bounded_sql(detector), {name: value for name, value in parameters.items() if name in used}
    )
    signals = signals_of(detector, rows)
    length = effort.window(detector)
    if length != detector.spec.window:
        said = {"judged_window_s": length.total_seconds()}
        signals = [
            replace(signal, evidence=tuple({**row, **said} for row in signal.evidence)) for signal in signals
        ]
    return signals, max(0, len(rows) - MAX_ROWS)


def has_events(store: Queryable, since: datetime, until: datetime) -> bool:
    """Whether anything happened within a window; windows that were empty are most of what a pause leaves.

    Raises:
        Exception: whatever the store raises.
    """
    sql = (
        "SELECT 1 AS found FROM events WHERE time >= {since:DateTime64(6, 'UTC')}"
        " AND time <= {until:DateTime64(6, 'UTC')} LIMIT 1"
    )
    return bool(store.query(sql, {"since": since, "until": until}))
