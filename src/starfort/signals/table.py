"""The table of active signals: merges what detectors say, lets signals lapse, and survives a restart."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from starfort.base.files import write_private
from starfort.base.severity import as_severity
from starfort.signals.model import KEY_TYPES, ActiveSignal, Change, Identity, Signal, WireKey, WireSignal

MAX_SIGNALS: Final = 100_000
"""Active signals at most. At some 100 bytes each, a full snapshot stays below the 64 MiB of a frame."""

MAX_TABLE_FILE_BYTES: Final = 256 * 1024 * 1024
"""A saved table is read up to this size. A larger one is cut, so it is no JSON and is not restored."""

REFRESH_AT: Final = 0.5
"""Share of the TTL after which filters are told again of a signal that still holds, so that one lost push
does not let it lapse."""

SCORE_STEP: Final = 0.02
"""Filters are told of a score that moved by this much. Policies compare scores with one or two digits, and
every push goes to every filter."""

PROBE_STEP: Final = 0.05
"""Filters are told of a share of probes that moved by this much."""

log = structlog.get_logger(__name__)


class SignalTable:
    """Every active signal by kind, key type and key. Safe to call from threads.

    Args:
        clock: Unix seconds; tests give their own.
        most: active signals at most; a new one beyond that is refused and counted in `refused`.

    Attributes:
        judged: end of the newest window that each detector judged; kept with the table, for a restart.
        version: rises with every change of the active signals.
    """

    def __init__(self, clock: Callable[[], float] = time.time, most: int = MAX_SIGNALS) -> None:
        self._clock = clock
        self._most = most
        self._active: dict[Identity, ActiveSignal] = {}
        self._lock = threading.Lock()
        self.judged: dict[str, datetime] = {}
        self.version = 0
        self.refused = 0
        self.raised_total = 0

    def merge(self, signals: Iterable[Signal], at: float | None = None) -> Change:
        """Take over the signals that detectors just raised.

        Args:
            signals: signals of one or more runs. Of two with the same identity the higher score counts. A
                signal with score 0 lifts the active one.
            at: Unix seconds from which their TTL counts; now, if it is not given. For a window that was
                judged late it is the end of that window: a signal that would have lapsed by now does not
                become
                active, and older figures neither replace nor lift newer ones.

        Returns:
            What filters must be told: signals that are new, whose score or share of probes moved, whose TTL
            is half gone, or that were lifted.
        """
        now = self._clock()
        change = Change()
        best: dict[Identity, Signal] = {}
        for signal in signals:
            known = best.get(signal.identity)
            if known is None or signal.score > known.score:
                best[signal.identity] = signal
        with self._lock:
            # The version rises even without a new signal, because scores and times are saved too.
            self.version += bool(best)
            for signal in best.values():
                self._take(signal, now, now if at is None else min(at, now), change)
        return change

    def _take(self, signal: Signal, now: float, at: float, change: Change) -> None:
        if signal.score <= 0:
            self._lift(signal, at, change)
            return
        active = self._active.get(signal.identity)
        expires_at = at + signal.ttl.total_seconds()
        if active is None:
            if expires_at <= now:
                change.past.append(signal)
                return
            # A new signal is refused rather than an old one thrown out: an attacker who makes keys could
            # otherwise push his own signal out.
            if len(self._active) >= self._most:
                self.refused += 1
                return
            active = ActiveSignal(signal, at, at, expires_at)
            self._active[signal.identity] = active
            self.raised_total += 1
            change.new.append(active)
        else:
            # A window that was judged late may lie before the first one or between two.
            active.first_at = min(active.first_at, at)
            if at >= active.last_at:
                active.signal, active.last_at = signal, at
            active.expires_at = max(active.expires_at, expires_at)
            active.raised += 1
        change.held.append(active)
        active.peak_score = max(active.peak_score, signal.score)
        latest = active.signal
        moved = (
            abs(latest.score - active.pushed_score) >= SCORE_STEP
            or abs(latest.probe - active.pushed_probe) >= PROBE_STEP
        )
        ageing = now - active.pushed_at >= REFRESH_AT * signal.ttl.total_seconds()
        if moved or ageing:
            active.pushed_at, active.pushed_score, active.pushed_probe = now, latest.score, latest.probe
            change.set.append(active)

    def _lift(self, signal: Signal, at: float, change: Change) -> None:
        active = self._active.get(signal.identity)
        if active is not None and at >= active.last_at:
            change.clear.append(self._active.pop(signal.identity))

    def expire(self) -> Change:
        """Remove the signals that lapsed; they are in `Change.clear`."""
        now = self._clock()
        change = Change()
        with self._lock:
            for identity in [name for name, active in self._active.items() if active.expires_at <= now]:
                change.clear.append(self._active.pop(identity))
                self.version += bool(change.clear)
        return change

    def clear(self, kind: str, key_type: str, key: str) -> Change:
        """Remove one signal by hand (an operator said it is wrong); empty when it is not active."""
        change = Change()
        with self._lock:
            active = self._active.pop((kind, key_type, key), None)
            if active is not None:
                change.clear.append(active)
                self.version += 1
        return change

    def active(self) -> list[ActiveSignal]:
        """Signals that hold now, highest score first."""
        now = self._clock()
        # `expire` runs twice a second; until then a lapsed signal is in the table and holds no longer
        with self._lock:
            holding = [active for active in self._active.values() if active.expires_at > now]
        return sorted(holding, key=lambda active: (-active.signal.score, active.signal.identity))

    def snapshot(self) -> list[WireSignal]:
        """Every active signal as filters are told it."""
        now = self._clock()
        return [active.wire(now) for active in self.active()]

    def wire(self, change: Change) -> tuple[list[WireSignal], list[WireKey]]:
        """The `set` and `clear` lists of a signals frame."""
        now = self._clock()
        cleared: list[WireKey] = [
            {"kind": old.signal.kind, "key_type": old.signal.key_type, "key": old.signal.key}
            for old in change.clear
        ]
        return [active.wire(now) for active in change.set], cleared

    def save(self, path: Path) -> None:
        """Write the table to a private file, so that a restart keeps the signals that still hold.

        Raises:
            OSError: the file can't be written.
        """
        content = {
            "judged": {name: at.isoformat() for name, at in self.judged.items()},
            "signals": [_to_json(active) for active in self.active()],
        }
        write_private(path, json.dumps(content, default=str).encode())

    def load(self, path: Path) -> int:
        """Take over the signals that an earlier process saved and that still hold.

        Returns:
            How many signals were taken over. A file that is missing, or that is no table, counts as none and
            is logged: starting without old verdicts is better than not starting.
        """
        try:
            with path.open(encoding="utf-8") as file:
                content = json.loads(file.read(MAX_TABLE_FILE_BYTES))
            # A file of an earlier version has only the list of signals.
            rows, judged = (
                (content, {}) if isinstance(content, list) else (content["signals"], content["judged"])
            )
            loaded = [_from_json(row) for row in rows]
            self.judged = {str(name): datetime.fromisoformat(at) for name, at in judged.items()}
        except FileNotFoundError:
            return 0
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("signals_not_restored", path=str(path), reason=str(error))
            return 0
        # What lapsed while nobody ran stays out: filters have let it lapse as well.
        now = self._clock()
        with self._lock:
            for active in loaded[: self._most]:
                if active.expires_at > now:
                    self._active[active.signal.identity] = active
            return len(self._active)


def _to_json(active: ActiveSignal) -> dict[str, object]:
    signal = active.signal
    return {
        "kind": signal.kind,
        "key_type": signal.key_type,
        "key": signal.key,
        "score": signal.score,
        "evidence": [dict(row) for row in signal.evidence],
        "ttl_s": signal.ttl.total_seconds(),
        "detector": signal.detector,
        "severity": signal.severity,
        "title": signal.title,
        "probe": signal.probe,
        "spare_known": signal.spare_known,
        "first_at": active.first_at,
        "last_at": active.last_at,
        "expires_at": active.expires_at,
        "raised": active.raised,
        "peak_score": active.peak_score,
        "alert": active.alert,
    }


def _from_json(row: Mapping[str, Any]) -> ActiveSignal:
    if row["key_type"] not in KEY_TYPES:
        raise ValueError(f"key type {row['key_type']!r} is unknown")
    signal = Signal(
        kind=str(row["kind"]),
        key_type=str(row["key_type"]),
        key=str(row["key"]),
        score=float(row["score"]),
        evidence=tuple(dict(item) for item in row["evidence"]),
        ttl=timedelta(seconds=float(row["ttl_s"])),
        detector=str(row["detector"]),
        severity=as_severity(str(row["severity"])),
        title=str(row["title"]),
        probe=float(row.get("probe", 0.0)),
        spare_known=row.get("spare_known") is True,
    )
    return ActiveSignal(
        signal,
        first_at=float(row["first_at"]),
        last_at=float(row["last_at"]),
        expires_at=float(row["expires_at"]),
        raised=int(row["raised"]),
        peak_score=float(row["peak_score"]),
        alert=str(row.get("alert", "")),
    )
