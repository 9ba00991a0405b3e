"""Signals: what detection says about one key, with the rows that show why.

`Signal` is what a detector yields in one run, `ActiveSignal` is the live one in the `SignalTable`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypedDict

from starfort.base.severity import Severity

KEY_TYPES: Final = frozenset(
    {
        "address",
        "network",
        "fingerprint",
        "ja4",
        "subject",
        "credential",
        "account",
        "password",
        "session",
        "campaign",
        "stranger",
    }
)
"""What a signal may be about. The filter knows how to find each of them in a request; `docs/detectors.md`
describes them."""

Evidence = tuple[Mapping[str, object], ...]
"""Rows of the detector's own query."""

Identity = tuple[str, str, str]
"""Kind, key type and key: there is one active signal of each."""


class WireKey(TypedDict):
    """Which signal a frame to the filters means."""

    kind: str
    key_type: str
    key: str


class WireSignal(WireKey):
    """A signal as filters are told it; `crates/engine/src/signals` reads these names."""

    score: float
    ttl_ms: int
    probe: float
    spare_known: bool


@dataclass(frozen=True, slots=True)
class Signal:
    """What one run of a detector says about one key.

    Attributes:
        kind: what is going on, as policies ask it: `signals.KIND.score`.
        key_type: one of `KEY_TYPES`.
        key: the key's value.
        score: from 0 (nothing: an active signal of the key is lifted) to 1 (certain).
        evidence: rows of the query that led to it.
        ttl: how long it holds without being raised again.
        detector: name of the detector.
        severity: how urgent its alert is.
        title: the alert's title.
        probe: share of calls, 0 to 1, that pass although they have the key; what becomes of them tells what
            goes on.
        spare_known: whether a log-in passes whose account succeeded before from the same address, or in the
            same network with the same tool.
    """

    kind: str
    key_type: str
    key: str
    score: float
    evidence: Evidence
    ttl: timedelta
    detector: str = ""
    severity: Severity = "medium"
    title: str = ""
    probe: float = 0.0
    spare_known: bool = False

    @property
    def identity(self) -> Identity:
        """Kind, key type and key: there is one active signal of each."""
        return (self.kind, self.key_type, self.key)


@dataclass(slots=True)
class ActiveSignal:
    """A signal that holds now.

    Attributes:
        signal: as it was raised last; its score is what filters use.
        first_at: Unix seconds of the first window that it was raised for.
        last_at: Unix seconds of the last one.
        expires_at: Unix seconds when it lapses unless raised again.
        raised: how many runs raised it.
        peak_score: highest score so far.
        pushed_at: Unix seconds when filters were told last.
        pushed_score: score that filters were told last.
        pushed_probe: share of probes that filters were told last.
        alert: de-duplication key of the alert that it belongs to, "" before it has one.
    """

    signal: Signal
    first_at: float
    last_at: float
    expires_at: float
    raised: int = 1
    peak_score: float = 0.0
    pushed_at: float = 0.0
    pushed_score: float = 0.0
    pushed_probe: float = 0.0
    alert: str = ""

    def wire(self, now: float) -> WireSignal:
        """The signal as filters are told it, with the time that is left of it.

        Filters have clocks of their own, so they are told how long a signal still holds and not until when.
        """
        return {
            "kind": self.signal.kind,
            "key_type": self.signal.key_type,
            "key": self.signal.key,
            # Four digits are more than any policy compares, and a full snapshot has 100,000 signals.
            "score": round(self.signal.score, 4),
            # Never negative, because the filter reads an unsigned number.
            "ttl_ms": max(0, int((self.expires_at - now) * 1000)),
            "probe": round(self.signal.probe, 4),
            "spare_known": self.signal.spare_known,
        }


@dataclass(slots=True)
class Change:
    """What a merge changed, for filters and alerts to hear of.

    Attributes:
        set: signals to set or refresh in filters.
        clear: signals that lapsed.
        new: signals that were not active before.
        held: signals that were raised and are active, new ones too.
        past: signals about a time so long ago that they would have lapsed by now; they are not active.
    """

    set: list[ActiveSignal] = field(default_factory=list)
    clear: list[ActiveSignal] = field(default_factory=list)
    new: list[ActiveSignal] = field(default_factory=list)
    held: list[ActiveSignal] = field(default_factory=list)
    past: list[Signal] = field(default_factory=list)

    def __bool__(self) -> bool:
        # `new` and `held` are for alerts; every new signal is in `set` too, and `held` ones need no message
        return bool(self.set or self.clear)
