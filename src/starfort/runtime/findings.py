"""The findings of all bastions: checks run in turn, what they find is kept, serious things are alerts.

Each run of a check looks back an hour, or less where that would be too many events; what it finds is added to
what is kept.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Engine, delete, insert, select

from starfort.access import findings as access
from starfort.alerts import Alert
from starfort.base.severity import SERIOUS, severity_rank
from starfort.catalogue import ApiFacts, Endpoint
from starfort.catalogue.finding import Check, Finding, Scope
from starfort.data import findings as data
from starfort.state.tables import FINDINGS
from starfort.store import Store, StoreError
from starfort.visibility import findings as visibility

CHECKS: Final[tuple[Check, ...]] = (*visibility.CHECKS, *access.CHECKS, *data.CHECKS)
"""Every check that is a query."""

LONGEST_WINDOW: Final = timedelta(hours=1)
SHORTEST_WINDOW: Final = timedelta(minutes=2)
"""Window of one run."""

EVENTS_OF_A_RUN: Final = 2_000_000
"""Events that a check reads, about: 50 to 200 ms each."""

KEPT_FOR: Final = timedelta(days=7)
"""Time without a call that shows it after which a finding counts as put right."""

MAX_KEPT: Final = 5_000
"""Findings kept; the least severe that were seen longest ago go first."""

COMPARED_EVENTS: Final = 10_000_000
"""Events of the past that a comparison reads, about; of more it reads one minute in several."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Key = tuple[str, str, str, str]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Posture:
    """What is configured, as checks want it.

    Attributes:
        apis: every API.
        verified_apis: those whose `authentication` names JWT providers.
        any_jwt_apis: those that take every provider's tokens.
        jwt_providers: how many providers there are.
        masked: what enforced policies mask, as `mask:POLICY CLASS`.
    """

    apis: tuple[ApiFacts, ...] = ()
    verified_apis: tuple[str, ...] = ()
    any_jwt_apis: tuple[str, ...] = ()
    jwt_providers: int = 0
    masked: tuple[str, ...] = ()


class FindingsBoard:
    """Findings that hold now. Safe to call from several threads.

    Args:
        store: where events are.
        state: the state database.
    """

    def __init__(self, store: Store, state: Engine) -> None:
        self.posture = Posture()
        self.failures: dict[str, int] = {}
        self._store = store
        self._state = state
        self._lock = threading.Lock()
        self._ran: dict[str, datetime] = {}
        self._kept = self._load()

    def findings(self) -> Sequence[Finding]:
        """Findings, most severe first, then latest."""
        with self._lock:
            found = list(self._kept.values())
        return sorted(
            found, key=lambda row: (-severity_rank(row.severity), -row.last_seen.timestamp(), row.key)
        )

    def run(self, endpoints: Sequence[Endpoint], now: datetime | None = None) -> list[Alert]:
        """Run the checks that are due. Blocking.

        Args:
            endpoints: the catalogue's.
            now: UTC.

        Returns:
            One alert for all serious new findings of a check and an API.
        """
        now = now or datetime.now(UTC)
        found: list[Finding] = []
        due = [check for check in CHECKS if self._is_due(check, now)]
        if not due:
            return []
        scope = self._scope(now)
        for check in due:
            self._ran[check.code] = now
            try:
                found += check.run(self._store, scope)
            except StoreError as error:
                self.failures[check.code] = self.failures.get(check.code, 0) + 1
                log.warning("check_failed", check=check.code, reason=str(error)[:500])
        found += visibility.of_catalogue(endpoints, self.posture.apis, now, self._masked(found))
        return alerts_of(self._merge(found, {endpoint.id for endpoint in endpoints}, now))

    def _masked(self, found: Iterable[Finding]) -> dict[str, set[str]]:
        """Classes that policies masked in every answer of the last window, by endpoint."""
        with self._lock:
            known = [row for row in self._kept.values() if row.code == "sensitive_data"]
        latest = {row.endpoint_id: row.evidence for row in (*known, *found) if row.code == "sensitive_data"}
        return {
            id_: set(evidence.get("classes", ())).difference(
                evidence.get("unmasked_classes", evidence["classes"])
            )
            for id_, evidence in latest.items()
            if id_ and "classes" in evidence
        }

    def _is_due(self, check: Check, now: datetime) -> bool:
        ran = self._ran.get(check.code)
        return ran is None or (now - ran).total_seconds() >= check.every_s

    def _scope(self, now: datetime) -> Scope:
        hour, day = (self._events_since(now - length) for length in (LONGEST_WINDOW, timedelta(days=1)))
        window = max(SHORTEST_WINDOW, LONGEST_WINDOW * min(1.0, EVENTS_OF_A_RUN / max(1, hour)))
        posture = self.posture
        return Scope(
            since=now - window,
            until=now,
            verified_apis=posture.verified_apis,
            any_jwt_apis=posture.any_jwt_apis,
            jwt_providers=posture.jwt_providers,
            masked=posture.masked,
            stride=min(60, 1 + day // COMPARED_EVENTS),
        )

    def _events_since(self, since: datetime) -> int:
        rows = self._store.query(
            "SELECT sum(requests) AS n FROM traffic_1m"
            " WHERE time >= toDateTime({since:DateTime64(6, 'UTC')})",
            {"since": since},
        )
        return int(rows[0]["n"] or 0)

    def _merge(self, found: Iterable[Finding], known_ids: set[str], now: datetime) -> list[Finding]:
        """Take findings over; those that are new, or more severe than before."""
        fresh: list[Finding] = []
        changed: set[Key] = set()
        with self._lock:
            for finding in found:
                known = self._kept.get(finding.key)
                if known is None or severity_rank(finding.severity) > severity_rank(known.severity):
                    fresh.append(finding)
                first = min(finding.first_seen, known.first_seen) if known else finding.first_seen
                last = max(finding.last_seen, known.last_seen) if known else finding.last_seen
                merged = replace(finding, first_seen=first, last_seen=last)
                if merged != known:
                    self._kept[finding.key] = merged
                    changed.add(finding.key)
            changed |= self._forget({finding.key for finding in found}, known_ids, now)
        self._save(changed)
        return fresh

    def _forget(self, current: set[Key], known_ids: set[str], now: datetime) -> set[Key]:
        gone = {
            key
            for key, row in self._kept.items()
            if key not in current
            and (
                now - row.last_seen > KEPT_FOR
                or row.code in _OF_CATALOGUE
                or (row.endpoint_id and row.endpoint_id not in known_ids)
            )
        }
        over = len(self._kept) - len(gone) - MAX_KEPT
        if over > 0:
            order = sorted(
                self._kept.values(), key=lambda row: (severity_rank(row.severity), row.last_seen, row.key)
            )
            gone |= {row.key for row in order if row.key not in gone and (over := over - 1) >= 0}
        for key in gone:
            del self._kept[key]
        return gone

    def _load(self) -> dict[Key, Finding]:
        with self._state.connect() as connection:
            rows = connection.execute(select(FINDINGS)).mappings().all()
        found = [
            Finding(
                row["code"],
                row["severity"],
                row["api"],
                row["endpoint_id"],
                row["title"],
                json.loads(row["evidence"]),
                _EPOCH + timedelta(microseconds=row["first_us"]),
                _EPOCH + timedelta(microseconds=row["last_us"]),
            )
            for row in rows
        ]
        return {finding.key: finding for finding in found}

    def _save(self, keys: set[Key]) -> None:
        if not keys:
            return
        with self._state.begin() as connection:
            for code, api, endpoint_id, about in keys:
                connection.execute(
                    delete(FINDINGS).where(
                        FINDINGS.c.code == code,
                        FINDINGS.c.api == api,
                        FINDINGS.c.endpoint_id == endpoint_id,
                        FINDINGS.c.about == about,
                    )
                )
            rows = [_row(self._kept[key]) for key in keys if key in self._kept]
            if rows:
                connection.execute(insert(FINDINGS), rows)


_OF_CATALOGUE: Final = frozenset(visibility.OF_CATALOGUE)
"""Findings that hold only while the catalogue says so."""

_WHY: Final = {**{check.code: check.why for check in CHECKS}, **visibility.OF_CATALOGUE}


def why(code: str) -> str:
    """What is wrong about findings of a code and what to do; "" for an unknown one."""
    return _WHY.get(code, "")


def _row(finding: Finding) -> dict[str, Any]:
    code, api, endpoint_id, about = finding.key
    return {
        "code": code,
        "api": api,
        "endpoint_id": endpoint_id,
        "about": about,
        "severity": finding.severity,
        "title": finding.title,
        "evidence": json.dumps(dict(finding.evidence), default=str),
        "first_us": (finding.first_seen - _EPOCH) // timedelta(microseconds=1),
        "last_us": (finding.last_seen - _EPOCH) // timedelta(microseconds=1),
    }


def alerts_of(fresh: Iterable[Finding]) -> list[Alert]:
    """One alert for all serious findings of a check and an API; the catalogue tells of its own by itself."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in fresh:
        if finding.severity in SERIOUS and finding.code not in _OF_CATALOGUE:
            groups.setdefault((finding.code, finding.api), []).append(finding)
    return [_alert(rows) for rows in groups.values()]


def _alert(rows: list[Finding]) -> Alert:
    first = max(rows, key=lambda row: severity_rank(row.severity))
    others = f" and {len(rows) - 1} more like it" if len(rows) > 1 else ""
    return Alert(
        kind=first.code,
        severity=first.severity,
        title=first.title + others,
        subject=str(first.evidence.get("subject", first.api)),
        evidence=tuple({"endpoint_id": row.endpoint_id, **row.evidence} for row in rows[:50]),
        dedup_key=f"finding:{first.code}:{first.api}:{first.endpoint_id or first.title}",
    )
