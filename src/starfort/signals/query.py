"""One run of a detector over one window, and the signals that it yields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from starfort.questions.ask import WHOLE, Effort, Queryable, RowError, ask
from starfort.questions.evidence import as_evidence
from starfort.questions.question import titled
from starfort.signals.detector import PROBE, Detector
from starfort.signals.model import Signal

MAX_ROWS: Final = 2000
"""Signals of one run. A detector that finds more is too coarse, and its highest scores count."""

MAX_KEY_CHARACTERS: Final = 512
"""Longest key; the longest of ours, a campaign's, is two hashes, a JA4 and a number."""

_COLUMNS: Final = frozenset({"key", "key_type", "score", "probe"})


def signals_of(detector: Detector, rows: Sequence[Mapping[str, object]]) -> list[Signal]:
    """Read the rows of a run as signals.

    Args:
        detector: whose rows.
        rows: what its query returned; each keeps its other columns as evidence.

    Raises:
        RowError: a column is missing, a score is no number in 0..1, or a key type was not declared.
    """
    return [_signal(detector, row) for row in rows[:MAX_ROWS]]


def _signal(detector: Detector, row: Mapping[str, object]) -> Signal:
    spec = detector.spec
    # One bad row fails the run: a detector that is half right would signal some keys and hide its mistake.
    missing = sorted({"key", "score"} - set(row))
    if missing:
        raise RowError(f"the query returns no column {' and no column '.join(missing)}")
    key_type = row.get("key_type", spec.key_type[0] if len(spec.key_type) == 1 else None)
    if key_type not in spec.key_type:
        raise RowError(f"key_type {key_type!r} is none of {', '.join(spec.key_type)}")
    key = row["key"]
    if not isinstance(key, str) or not key or len(key) > MAX_KEY_CHARACTERS:
        # The message does not repeat the key, which may be as long as a row, or a value from traffic.
        raise RowError(f"key of type {type(key).__name__} is no text of 1 to {MAX_KEY_CHARACTERS} characters")
    return Signal(
        kind=spec.kind,
        key_type=str(key_type),
        key=key,
        score=_share("score", row["score"]),
        evidence=({name: as_evidence(value) for name, value in row.items() if name not in _COLUMNS},),
        ttl=spec.ttl,
        detector=spec.name,
        severity=spec.severity,
        title=titled(spec.title, row),
        probe=_share("probe", row.get("probe", detector.settings[PROBE])),
        spare_known=spec.spare_known,
    )


def _share(name: str, value: object) -> float:
    # NaN fails every comparison, so it is refused like a number out of range; infinity is out of range
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise RowError(f"{name} {value!r} is no number from 0 to 1")
    return float(value)


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
    answer = ask(store, detector, effort.parameters(detector, until), MAX_ROWS, "score DESC")
    signals = signals_of(detector, answer.rows)
    length = effort.window(detector)
    if length != detector.spec.window:
        # people who read the alert have to know that its figures are of a shorter window than the documented
        # one
        said = {"judged_window_s": length.total_seconds()}
        signals = [
            replace(signal, evidence=tuple({**row, **said} for row in signal.evidence)) for signal in signals
        ]
    return signals, answer.left_out


def has_events(store: Queryable, since: datetime, until: datetime) -> bool:
    """Whether there was any event within a window. Most windows that a pause leaves have none.

    Raises:
        Exception: whatever the store raises.
    """
    sql = (
        "SELECT 1 AS found FROM events WHERE time >= {since:DateTime64(6, 'UTC')}"
        " AND time <= {until:DateTime64(6, 'UTC')} LIMIT 1"
    )
    return bool(store.query(sql, {"since": since, "until": until}))
