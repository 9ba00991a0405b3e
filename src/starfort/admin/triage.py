"""What people decided about alerts: acknowledged, or muted for a while."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select

from starfort.admin import audit
from starfort.admin.audit import Actor
from starfort.admin.errors import ConflictError, InvalidError, NotFoundError
from starfort.admin.state import Acknowledgement, Mute, StateDatabase, now_ms

MAX_MUTES = 1_000
MAX_MUTE = timedelta(days=90)
"""A mute ends by itself: what nobody looks at again should not stay silent for ever."""
ACKNOWLEDGEMENTS_KEPT_MS = 400 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Somebody has seen an alert."""

    alert_id: str
    user: str
    note: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Muted:
    """Alerts that are kept but ask for nobody's attention."""

    id: int
    kind: str
    """Kind of alert, `*` for all."""
    key: str
    """What it is about, `*` for all."""
    reason: str
    user: str
    created: datetime
    until: datetime

    def covers(self, kind: str, key: str) -> bool:
        """Whether an alert of this kind about this key is muted."""
        return self.kind in ("*", kind) and self.key in ("*", key)


class Triage:
    """Acknowledgements and mutes of one installation."""

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def acknowledge(self, alert_id: str, note: str, actor: Actor) -> Acknowledged:
        """Note that somebody has seen an alert; doing it again replaces the note."""
        now = now_ms()
        with self._database.begin() as session:
            row = Acknowledgement(alert_id=alert_id[:64], user=actor.name, note=note[:1000], time_ms=now)
            session.merge(row)
            session.execute(
                delete(Acknowledgement).where(Acknowledgement.time_ms < now - ACKNOWLEDGEMENTS_KEPT_MS)
            )
            audit.record(session, actor, "alert.acknowledge", alert_id, note)
        return Acknowledged(alert_id, actor.name, note[:1000], _time(now))

    def reopen(self, alert_id: str, actor: Actor) -> None:
        """Take an acknowledgement back.

        Raises:
            NotFoundError: the alert was not acknowledged.
        """
        with self._database.begin() as session:
            row = session.get(Acknowledgement, alert_id)
            if row is None:
                raise NotFoundError(f"alert {alert_id[:64]!r} is not acknowledged")
            session.delete(row)
            audit.record(session, actor, "alert.reopen", alert_id)

    def acknowledged(self, alert_ids: Iterable[str]) -> dict[str, Acknowledged]:
        """Those of the alerts that are acknowledged, by id."""
        wanted = list(alert_ids)
        found: dict[str, Acknowledged] = {}
        with self._database.begin() as session:
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                for row in session.scalars(select(Acknowledgement).where(Acknowledgement.alert_id.in_(part))):
                    found[row.alert_id] = Acknowledged(row.alert_id, row.user, row.note, _time(row.time_ms))
        return found

    def mute(self, kind: str, key: str, duration: timedelta, reason: str, actor: Actor) -> Muted:
        """Silence a kind of alert, or one key of it, for a while.

        Raises:
            InvalidError: the duration is not between a minute and `MAX_MUTE`, or everything would be muted.
            ConflictError: there are `MAX_MUTES`.
        """
        if not timedelta(minutes=1) <= duration <= MAX_MUTE:
            raise InvalidError(f"mute for at least 1 minute and at most {MAX_MUTE.days} days")
        if kind == "*" and key == "*":
            raise InvalidError("that would mute every alert: name a kind or a key")
        now = now_ms()
        with self._database.begin() as session:
            session.execute(delete(Mute).where(Mute.until_ms <= now))
            if (session.scalar(select(func.count()).select_from(Mute)) or 0) >= MAX_MUTES:
                raise ConflictError(f"there are {MAX_MUTES} mutes, the most there can be: remove one first")
            row = Mute(
                kind=kind[:128], key=key[:256], reason=reason[:1000], user=actor.name, created_ms=now,
                until_ms=now + int(duration.total_seconds() * 1000),
            )  # fmt: skip
            session.add(row)
            session.flush()
            audit.record(session, actor, "mute.add", f"{kind} {key}", reason)
            return _muted(row)

    def unmute(self, mute_id: int, actor: Actor) -> None:
        """End a mute.

        Raises:
            NotFoundError: no such mute.
        """
        with self._database.begin() as session:
            row = session.get(Mute, mute_id)
            if row is None:
                raise NotFoundError(f"there is no mute {mute_id}")
            session.delete(row)
            audit.record(session, actor, "mute.remove", f"{row.kind} {row.key}")

    def mutes(self) -> list[Muted]:
        """Those in force, soonest to end first."""
        with self._database.begin() as session:
            rows = session.scalars(select(Mute).where(Mute.until_ms > now_ms()).order_by(Mute.until_ms))
            return [_muted(row) for row in rows]


def _muted(row: Mute) -> Muted:
    return Muted(row.id, row.kind, row.key, row.reason, row.user, _time(row.created_ms), _time(row.until_ms))


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
