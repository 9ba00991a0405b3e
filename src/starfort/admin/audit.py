"""The audit log: who changed what, when, from where. Append only; secrets never go in."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from starfort.state.database import StateDatabase, now_ms
from starfort.state.tables import AuditEntry

MAX_ENTRIES = 100_000
"""Oldest entries beyond this go; at a hundred changes a day that is more than two years."""


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
    session.add(
        AuditEntry(
            time_ms=now_ms(), actor=actor.name[:64], action=action, target=target[:256],
            detail=detail[:2000], address=actor.address[:64],
        )
    )  # fmt: skip
    session.flush()
    newest = session.scalar(select(func.max(AuditEntry.id))) or 0
    session.execute(delete(AuditEntry).where(AuditEntry.id <= newest - MAX_ENTRIES))


def page(database: StateDatabase, limit: int, before: int | None = None) -> list[AuditRecord]:
    """Entries, newest first.

    Args:
        database: the state.
        limit: at most this many.
        before: only entries with a smaller id (the last id of the page before).
    """
    statement = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(AuditEntry.id < before)
    with database.begin() as session:
        return [
            AuditRecord(
                id=row.id, time=datetime.fromtimestamp(row.time_ms / 1000, UTC), actor=row.actor,
                action=row.action, target=row.target, detail=row.detail, address=row.address,
            )
            for row in session.scalars(statement)
        ]  # fmt: skip
