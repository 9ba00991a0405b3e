"""Posture findings: each says what somebody should put right about an API or an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from starfort.base.severity import Severity

Key = tuple[str, str, str, str]
"""Check, API, endpoint, and a title when no endpoint tells the findings of one check and API apart."""


@dataclass(frozen=True, slots=True)
class PostureFinding:
    """One thing that somebody should put right.

    Attributes:
        code: the check that found it.
        severity: how urgent it is.
        api: API.
        endpoint_id: endpoint, "" when it is about a whole API.
        title: one sentence.
        evidence: figures and names that show why; no payloads, no secrets.
        first_seen: earliest call that shows it, UTC.
        last_seen: latest one, UTC.
    """

    code: str
    severity: Severity
    api: str
    endpoint_id: str
    title: str
    evidence: Mapping[str, object]
    first_seen: datetime
    last_seen: datetime

    @property
    def key(self) -> Key:
        """The key that two findings share when they are the same one."""
        # A title may hold figures that change. An endpoint tells findings apart by itself, so its title is
        # left out, and the finding stays the same one when its figures change.
        return (self.code, self.api, self.endpoint_id, "" if self.endpoint_id else self.title)

    @property
    def subject(self) -> str:
        """The subject, such as `GET /orders/{orderId}`; the API when the check names nothing else."""
        return str(self.evidence.get("subject", self.api))
