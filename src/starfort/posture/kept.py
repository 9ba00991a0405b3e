"""Keeps the findings that hold now in the state database, so that a restart forgets none."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Engine, RowMapping, delete, insert, select

from starfort.base.severity import as_severity, severity_rank
from starfort.posture.finding import Key, PostureFinding
from starfort.state.tables import FINDINGS

KEPT_FOR: Final = timedelta(days=7)
"""Time without a call that shows it after which a finding counts as put right. Shorter would end and repeat
what a weekly job shows."""

MAX_KEPT: Final = 5_000
"""Findings kept; of more, the least severe that were seen longest ago go first."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class KeptFindings:
    """Findings that hold now. Safe to call from several threads.

    Args:
        state: the state database.
    """

    def __init__(self, state: Engine) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._kept = self._load()

    def findings(self) -> Sequence[PostureFinding]:
        """Findings, most severe first; of the same severity, the latest first."""
        with self._lock:
            found = list(self._kept.values())
        return sorted(
            found, key=lambda row: (-severity_rank(row.severity), -row.last_seen.timestamp(), row.key)
        )

    def merge(
        self,
        found: Sequence[PostureFinding],
        endpoints: Collection[str],
        alive: Collection[str],
        now: datetime,
    ) -> list[PostureFinding]:
        """Take over new findings, and forget the findings that hold no longer.

        Args:
            found: the findings of the last runs.
            endpoints: ids of all endpoints in the catalogue.
            alive: checks whose findings stay for `KEPT_FOR` after the last call that shows them. Findings of
                all other checks hold only while they are found.
            now: UTC.

        Returns:
            Findings that are new, or more severe than before.
        """
        with self._lock:
            # A finding that becomes more severe is news as well: people may have let the milder one wait.
            fresh = []
            changed: set[Key] = set()
            for finding in found:
                known = self._kept.get(finding.key)
                if known is None or severity_rank(finding.severity) > severity_rank(known.severity):
                    fresh.append(finding)
                merged = finding if known is None else _joined(known, finding)
                if merged != known:
                    self._kept[finding.key] = merged
                    changed.add(finding.key)
            changed |= self._forget({finding.key for finding in found}, endpoints, alive, now)
        self._save(changed)
        return fresh

    def end(self, keys: Collection[Key]) -> None:
        """Forget findings that later calls show to be put right."""
        with self._lock:
            gone = {key for key in keys if self._kept.pop(key, None) is not None}
        self._save(gone)

    def _forget(
        self, current: set[Key], endpoints: Collection[str], alive: Collection[str], now: datetime
    ) -> set[Key]:
        gone = {
            key
            for key, row in self._kept.items()
            if key not in current
            and (
                now - row.last_seen > KEPT_FOR
                or row.code not in alive
                # The catalogue merges endpoints whose paths turn out to be the same. The old endpoints are
                # gone then.
                or (row.endpoint_id and row.endpoint_id not in endpoints)
            )
        }
        # A check that finds a new title at each run (with a figure in it) would fill the table otherwise.
        over = len(self._kept) - len(gone) - MAX_KEPT
        if over > 0:
            rest = [row for key, row in self._kept.items() if key not in gone]
            rest.sort(key=lambda row: (severity_rank(row.severity), row.last_seen, row.key))
            gone |= {row.key for row in rest[:over]}
        for key in gone:
            del self._kept[key]
        return gone

    def _load(self) -> dict[Key, PostureFinding]:
        with self._state.connect() as connection:
            rows = connection.execute(select(FINDINGS)).mappings().all()
        return {finding.key: finding for finding in map(_finding, rows)}

    def _save(self, keys: set[Key]) -> None:
        if not keys:
            return
        with self._state.begin() as connection:
            # Deleted and written anew in one transaction: SQLAlchemy spells "insert or update" differently
            # for SQLite and PostgreSQL.
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


def _joined(known: PostureFinding, finding: PostureFinding) -> PostureFinding:
    """A finding that was found again: its latest figures, over all of its time."""
    first, last = min(finding.first_seen, known.first_seen), max(finding.last_seen, known.last_seen)
    return replace(finding, first_seen=first, last_seen=last)


def _finding(row: RowMapping) -> PostureFinding:
    return PostureFinding(
        row["code"],
        as_severity(row["severity"]),
        row["api"],
        row["endpoint_id"],
        row["title"],
        json.loads(row["evidence"]),
        _EPOCH + timedelta(microseconds=row["first_us"]),
        _EPOCH + timedelta(microseconds=row["last_us"]),
    )


def _row(finding: PostureFinding) -> dict[str, str | int]:
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
