"""Mutes: kinds of alert, or single subjects, that ask for nobody's attention for a while.

A muted alert is still kept, listed and delivered; it only leaves the list of what needs attention.
Acknowledgements are kept with the alerts, in `starfort.alerts.history`.
"""

import builtins
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select

from starfort.admin import audit
from starfort.admin.audit import Actor
from starfort.admin.errors import ConflictError, InvalidError, NotFoundError
from starfort.state.database import StateDatabase, now_ms, time_of
from starfort.state.tables import Mute

MAX_MUTES = 1_000
MAX_MUTE = timedelta(days=90)
"""A mute ends by itself: what nobody looks at again should not stay silent for ever."""


@dataclass(frozen=True, slots=True)
class Muted:
    """A mute in force."""

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


class Mutes:
    """The mutes of one installation."""

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def add(self, kind: str, key: str, duration: timedelta, reason: str, actor: Actor) -> Muted:
        """Silence a kind of alert, or one key of it, for a while.

        Raises:
            InvalidError: the duration is not between a minute and `MAX_MUTE`, or everything would be muted.
            ConflictError: there are `MAX_MUTES`.
        """
        if not timedelta(minutes=1) <= duration <= MAX_MUTE:
            raise InvalidError(f"mute for at least 1 minute and at most {MAX_MUTE.days} days")
        # Somebody who is annoyed by alerts would choose this, and would see no attack afterwards.
        if kind == "*" and key == "*":
            raise InvalidError("that would mute every alert: name a kind or a key")
        now = now_ms()
        with self._database.begin() as session:
            # Those that ended go whenever one is added, so nothing else needs to clean up.
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

    def remove(self, mute_id: int, actor: Actor) -> None:
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

    def list(self) -> builtins.list[Muted]:
        """Those in force, soonest to end first."""
        with self._database.begin() as session:
            rows = session.scalars(select(Mute).where(Mute.until_ms > now_ms()).order_by(Mute.until_ms))
            return [_muted(row) for row in rows]


def _muted(row: Mute) -> Muted:
    return Muted(
        row.id, row.kind, row.key, row.reason, row.user, time_of(row.created_ms), time_of(row.until_ms)
    )
