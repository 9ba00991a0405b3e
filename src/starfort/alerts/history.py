"""Alerts that were raised, kept in the state database so that people list and acknowledge them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import (
    Connection,
    Engine,
    RowMapping,
    delete,
    func,
    insert,
    select,
    update,
)

from starfort.alerts.model import Alert
from starfort.state.tables import ALERTS

MAX_EVIDENCE_BYTES: Final = 64 * 1024
"""The largest evidence of one alert as JSON. Rows beyond it are left out, and the last row says how many."""

MAX_ALERTS: Final = 100_000
"""The most alerts that are kept. The oldest are removed first."""


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert as people see it.

    Attributes:
        id: stable id.
        kind: machine name.
        severity: `info` to `critical`.
        title: one sentence.
        subject: what it is about.
        evidence: rows that show why.
        first_at: when what it is about was first seen, UTC.
        last_at: when it was seen last, UTC.
        count: how often it was raised anew.
        acknowledged_by: who acknowledged it, `None` while it is open.
        acknowledged_at: when, UTC.
        score: highest score so far, `None` for what has none.
        members: keys that are part of it.
        ended_at: when it ended, UTC; `None` while it goes on, and for what has no end.
    """

    id: str
    kind: str
    severity: str
    title: str
    subject: str
    evidence: list[dict[str, object]]
    first_at: datetime
    last_at: datetime
    count: int
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    score: float | None = None
    members: int = 1
    ended_at: datetime | None = None


class Recorded(NamedTuple):
    """What keeping an alert came to.

    Attributes:
        alert: the alert as kept.
        new: whether it is a new one; else it counted up one with the same key.
        resumed: whether the known alert had ended, so that it is back.
    """

    alert: StoredAlert
    new: bool
    resumed: bool


class AlertHistory:
    """Alerts in the state database. Synchronous, and safe to call from threads.

    Args:
        engine: the state database, with its tables.
        window: an alert with the key of one raised within this time counts up that one.
    """

    def __init__(self, engine: Engine, window: timedelta = timedelta(hours=1)) -> None:
        self._engine = engine
        self._window = window

    def record(self, alert: Alert) -> Recorded:
        """Keep an alert. When an alert with its key is kept already, count that one up instead."""
        at = _naive(alert.latest)
        # An alert about a time so long past that its signal has lapsed has ended when it is found.
        ended = at if alert.state == "ended" else None
        with self._engine.begin() as connection:
            row = self._known(connection, alert)
            alert_id = alert.id if row is None else str(row["id"])
            if row is None:
                connection.execute(insert(ALERTS).values(**_values(alert), ended_at=ended))
                _trim(connection)
            else:
                # The title does not change, because people look for the alert that they saw.
                values = _figures(alert, row) | {"count": ALERTS.c.count + 1, "ended_at": ended}
                connection.execute(update(ALERTS).where(ALERTS.c.id == alert_id).values(**values))
            stored = connection.execute(select(ALERTS).where(ALERTS.c.id == alert_id)).mappings().one()
        was_over = row is not None and row["ended_at"] is not None and ended is None
        return Recorded(_stored(stored), row is None, was_over)

    def update(self, alert: Alert) -> StoredAlert | None:
        """Bring the figures of a kept alert up to date; an "ended" one gets its end.

        Args:
            alert: title, evidence, times, score and members as they are now. Its first time may only become
                earlier, its last one later, and its score and members only more.

        Returns:
            The alert as kept; `None` when none of its key is, within the window.
        """
        with self._engine.begin() as connection:
            row = self._known(connection, alert)
            if row is None:
                return None
            values = _figures(alert, row) | {"title": alert.title[:512]}
            if alert.state == "ended":
                values["ended_at"] = values["last_at"]
            changed = update(ALERTS).where(ALERTS.c.id == row["id"]).values(**values)
            connection.execute(changed)
            stored = connection.execute(select(ALERTS).where(ALERTS.c.id == row["id"])).mappings().one()
        return _stored(stored)

    def end_others(self, prefix: str, going_on: set[str]) -> int:
        """End alerts whose signals lapsed while Starfort did not run. Nothing else would end them.

        Args:
            prefix: the begin of the de-duplication keys of alerts that can end.
            going_on: keys of the alerts that go on.

        Returns:
            The number of ended alerts. Each ended at the time at which it was seen last.
        """
        query = (
            select(ALERTS.c.id, ALERTS.c.dedup_key)
            .where(ALERTS.c.ended_at.is_(None))
            .where(ALERTS.c.dedup_key.startswith(prefix, autoescape=True))
        )
        with self._engine.begin() as connection:
            over = [
                str(row["id"])
                for row in connection.execute(query).mappings()
                if row["dedup_key"] not in going_on
            ]
            for alert_id in over:
                ended = update(ALERTS).where(ALERTS.c.id == alert_id).values(ended_at=ALERTS.c.last_at)
                connection.execute(ended)
        return len(over)

    def _known(self, connection: Connection, alert: Alert) -> RowMapping | None:
        """The kept alert of the same key whose time is within the window of this one's."""
        query = (
            select(ALERTS)
            .where(ALERTS.c.dedup_key == alert.key[:512])
            # Both ends count: an alert about the past may begin and end before the kept one does.
            .where(ALERTS.c.last_at >= _naive(alert.began - self._window))
            .where(ALERTS.c.first_at <= _naive(alert.latest + self._window))
            .order_by(ALERTS.c.last_at.desc())
            .limit(1)
        )
        found: RowMapping | None = connection.execute(query).mappings().first()
        return found

    def list(  # noqa: PLR0913
        self,
        *,
        kind: str | None = None,
        severity: str | None = None,
        endpoint_id: str | None = None,
        open_only: bool = False,
        since: datetime | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[StoredAlert]:
        """Alerts, latest first.

        Args:
            kind: of this kind only.
            severity: of this severity only.
            endpoint_id: only those whose evidence names this endpoint.
            open_only: leave out what was acknowledged.
            since: raised last at or after this time.
            limit: at most this many, 1 to 1,000.
            offset: after this many.
        """
        query = select(ALERTS).order_by(ALERTS.c.last_at.desc(), ALERTS.c.id)
        if kind is not None:
            query = query.where(ALERTS.c.kind == kind)
        if severity is not None:
            query = query.where(ALERTS.c.severity == severity)
        if endpoint_id is not None:
            # As `_evidence` writes it. Within a text of the evidence, quotes stand behind backslashes.
            named = f'"endpoint_id": {json.dumps(endpoint_id)}'
            query = query.where(ALERTS.c.evidence.contains(named, autoescape=True))
        if open_only:
            query = query.where(ALERTS.c.acknowledged_at.is_(None))
        if since is not None:
            query = query.where(ALERTS.c.last_at >= _naive(since))
        query = query.limit(max(1, min(limit, 1000))).offset(max(0, offset))
        with self._engine.connect() as connection:
            return [_stored(row) for row in connection.execute(query).mappings()]

    def get(self, alert_id: str) -> StoredAlert | None:
        """One alert, `None` when there is none of that id."""
        with self._engine.connect() as connection:
            row = connection.execute(select(ALERTS).where(ALERTS.c.id == alert_id)).mappings().first()
        return None if row is None else _stored(row)

    def acknowledge(self, alert_id: str, by: str) -> StoredAlert | None:
        """Say that a person has seen it; the first to say so stays. `None` when there is none of that id."""
        with self._engine.begin() as connection:
            connection.execute(
                update(ALERTS)
                .where(ALERTS.c.id == alert_id)
                .where(ALERTS.c.acknowledged_at.is_(None))
                .values(acknowledged_by=by[:128], acknowledged_at=_naive(datetime.now(UTC)))
            )
        return self.get(alert_id)

    def open_by_severity(self) -> dict[str, int]:
        """How many alerts are not acknowledged, by severity."""
        query = (
            select(ALERTS.c.severity, func.count())
            .where(ALERTS.c.acknowledged_at.is_(None))
            .group_by(ALERTS.c.severity)
        )
        with self._engine.connect() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query)}


def _trim(connection: Connection) -> None:
    """Drop the oldest over `MAX_ALERTS`."""
    over = connection.execute(select(func.count()).select_from(ALERTS)).scalar_one() - MAX_ALERTS
    if over > 0:
        oldest = select(ALERTS.c.id).order_by(ALERTS.c.last_at).limit(over)
        connection.execute(delete(ALERTS).where(ALERTS.c.id.in_(oldest)))


def _values(alert: Alert) -> dict[str, object]:
    return {
        "id": alert.id,
        "dedup_key": alert.key[:512],
        "kind": alert.kind[:128],
        "severity": alert.severity,
        "title": alert.title[:512],
        "subject": alert.subject[:512],
        "evidence": _evidence(alert),
        "first_at": _naive(alert.began),
        "last_at": _naive(alert.latest),
        "count": 1,
        "score": alert.score,
        "members": alert.members,
    }


def _figures(alert: Alert, row: RowMapping) -> dict[str, object]:
    """What a kept alert is brought up to."""
    scores = [score for score in (alert.score, row["score"]) if score is not None]
    return {
        "first_at": min(row["first_at"], _naive(alert.began)),
        "last_at": max(row["last_at"], _naive(alert.latest)),
        "evidence": _evidence(alert),
        "score": max(scores, default=None),
        "members": max(row["members"], alert.members),
    }


def _evidence(alert: Alert) -> str:
    kept: list[str] = []
    size = 0
    for row in alert.evidence:
        text = json.dumps(dict(row), default=str)
        # whole rows only: a row that is cut is no JSON any more
        size += len(text)
        if size > MAX_EVIDENCE_BYTES:
            kept.append(json.dumps({"left_out_rows": len(alert.evidence) - len(kept)}))
            break
        kept.append(text)
    return f"[{','.join(kept)}]"


def _naive(time: datetime) -> datetime:
    """UTC without zone: SQLite keeps none."""
    return time.astimezone(UTC).replace(tzinfo=None)


def _aware(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)


def _stored(row: RowMapping) -> StoredAlert:
    return StoredAlert(
        id=row["id"],
        kind=row["kind"],
        severity=row["severity"],
        title=row["title"],
        subject=row["subject"],
        evidence=json.loads(row["evidence"]),
        first_at=row["first_at"].replace(tzinfo=UTC),
        last_at=row["last_at"].replace(tzinfo=UTC),
        count=row["count"],
        acknowledged_by=row["acknowledged_by"],
        acknowledged_at=_aware(row["acknowledged_at"]),
        score=row["score"],
        members=row["members"],
        ended_at=_aware(row["ended_at"]),
    )
