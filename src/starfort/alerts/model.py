"""What is worth a person's attention."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


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
    """

    kind: str
    severity: str
    title: str
    subject: str
    evidence: tuple[Mapping[str, Any], ...] = ()
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    dedup_key: str = ""

    @property
    def key(self) -> str:
        """The de-duplication key; kind and subject when none was given."""
        return self.dedup_key or f"{self.kind}:{self.subject}"

    @property
    def id(self) -> str:
        """Stable id of this alert: 16 hexadecimal characters of SHA-256 of key and time."""
        return hashlib.sha256(f"{self.key}\n{self.time.isoformat()}".encode()).hexdigest()[:16]

    def as_json(self) -> dict[str, Any]:
        """The alert as channels send it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "severity": self.severity,
            "title": self.title,
            "subject": self.subject,
            "time": self.time.isoformat(),
            "evidence": [dict(row) for row in self.evidence],
        }
