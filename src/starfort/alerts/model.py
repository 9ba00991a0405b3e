"""An alert: one thing that a person should look at."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

State = Literal["new", "grew", "again", "ended"]
"""What a message about an alert says: the alert is new, it has become ten times as large, it is back after it
had ended, or it has ended, with its final figures."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that a person should look at.

    Attributes:
        kind: machine name, `credential_stuffing`, `new_endpoint`.
        severity: `info`, `low`, `medium`, `high` or `critical`.
        title: one sentence.
        subject: what it is about, such as `ja4=t13d…` or `POST /login`.
        evidence: rows that show why; no payloads, no secrets.
        time: when it was found, UTC.
        dedup_key: alerts with the same key within the de-duplication window are one.
        first_seen: event time at which its cause was first seen, UTC; `None`: the time when it was found.
        last_seen: event time at which its cause was last seen; `None`: the time when it was found.
        score: highest score so far; `None` for alerts that do not come from a detector.
        members: keys that are part of it: a campaign over forty networks has forty.
        state: what the message that carries it says.
        stored_id: id under which the history keeps it, where that is one of an earlier alert.
    """

    kind: str
    severity: str
    title: str
    subject: str
    evidence: tuple[Mapping[str, object], ...] = ()
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    dedup_key: str = ""
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    score: float | None = None
    members: int = 1
    state: State = "new"
    stored_id: str = ""

    @property
    def began(self) -> datetime:
        """When its cause began, as far as is known."""
        return self.first_seen or self.time

    @property
    def latest(self) -> datetime:
        """When its cause was seen last."""
        return self.last_seen or self.time

    @property
    def key(self) -> str:
        """The de-duplication key; kind and subject when none was given."""
        return self.dedup_key or f"{self.kind}:{self.subject}"

    @property
    def id(self) -> str:
        """Stable id of this alert: 16 hexadecimal characters of SHA-256 of key and time.

        All messages about one alert have the same id. That is why an alert that goes on keeps the time at
        which it was found, and a counted-up one has the id of the kept alert.
        """
        if self.stored_id:
            return self.stored_id
        # 64 bits: with the 100,000 alerts that are kept, two with one id are out of the question
        return hashlib.sha256(f"{self.key}\n{self.time.isoformat()}".encode()).hexdigest()[:16]

    def as_json(self) -> dict[str, object]:
        """The alert as channels send it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "severity": self.severity,
            "title": self.title,
            "subject": self.subject,
            "time": self.time.isoformat(),
            "state": self.state,
            "first_seen": self.began.isoformat(),
            "last_seen": self.latest.isoformat(),
            "score": self.score,
            "members": self.members,
            # last, and by far the longest: people who read the line of a log see the rest first
            "evidence": [dict(row) for row in self.evidence],
        }
