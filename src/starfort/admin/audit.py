"""The audit log: who changed what, when, from where. Append only; secrets never go in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from starfort.state.database import StateDatabase, now_ms, time_of
from starfort.state.tables import AuditEntry

MAX_ENTRIES = 100_000
"""When there are more, the oldest entries go. At a hundred changes a day this is more than two years."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One change."""

    id: int
    time: datetime
    actor: str
    """Account name, or `cli` for the command line on the machine itself."""
    action: str
    """`user.add`, `token.create`, `alert.acknowledge` …"""
    target: str
    """What was changed."""
    detail: str
    """What it was changed to."""
    address: str
    """Where the change came from; empty for the command line."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change, for the audit log."""

    name: str
    address: str = ""


CLI = Actor("cli")
"""The command line on the machine itself: whoever may write the data directory."""


def record(session: Session, actor: Actor, action: str, target: str, detail: str = "") -> None:
    """Note a change in the transaction that makes it, so that neither exists without the other."""
    # What people typed is cut to the columns' lengths: a text that is too long must not undo the change.
    session.add(
        AuditEntry(
            time_ms=now_ms(), actor=actor.name[:64], action=action, target=target[:256],
            detail=detail[:2000], address=actor.address[:64],
        )
    )  # fmt: skip
    session.flush()
    # Ids rise without gaps, since entries are never removed one by one; so this counts without reading all.
    newest = session.scalar(select(func.max(AuditEntry.id))) or 0
    session.execute(delete(AuditEntry).where(AuditEntry.id <= newest - MAX_ENTRIES))


def page(database: StateDatabase, limit: int, before: int | None = None) -> list[AuditRecord]:
    """Entries, newest first.

    Args:
        database: the state.
        limit: at most this many.
        before: only entries with a smaller id (the last id of the page before).
    """
    # Pages go on from an id and not from a number of rows, which moves while entries are added.
    statement = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(AuditEntry.id < before)
    with database.begin() as session:
        return [
            AuditRecord(
                id=row.id, time=time_of(row.time_ms), actor=row.actor,
                action=row.action, target=row.target, detail=row.detail, address=row.address,
            )
            for row in session.scalars(statement)
        ]  # fmt: skip
