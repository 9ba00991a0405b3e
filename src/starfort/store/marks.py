"""Marks say how far the store's own upkeep is. They are kept in the store, so that a kill loses none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from starfort.store.clickhouse import ClickHouse


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one kind of work is.

    Attributes:
        name: the kind.
        since: where the latest piece of work begins, UTC.
        until: where it ends.
        done: whether it was finished.
        note: what else the work keeps.
    """

    name: str
    since: datetime
    until: datetime
    done: bool
    note: str = ""

    def finished(self) -> Mark:
        """The same mark, as finished."""
        return replace(self, done=True)


class Marks:
    """The table `upkeep`.

    Args:
        client: the ClickHouse that has the table.
    """

    def __init__(self, client: ClickHouse) -> None:
        self._client = client

    def get(self, name: str) -> Mark | None:
        """The latest mark of a name, None when there is none."""
        # Marks are only ever added, since ClickHouse changes rows slowly; the latest of a name holds.
        rows = self._client.work(
            "SELECT toString(since) AS since, toString(until) AS until, done, note FROM upkeep"
            " WHERE name = {name:String} ORDER BY version DESC, done DESC LIMIT 1",
            {"name": name},
        ).to_pylist()
        if not rows:
            return None
        since, until = (
            datetime.fromisoformat(rows[0][key]).replace(tzinfo=UTC) for key in ("since", "until")
        )
        return Mark(name, since, until, bool(rows[0]["done"]), rows[0]["note"])

    def put(self, mark: Mark) -> Mark:
        """Write a mark; returns it."""
        self._client.work(
            "INSERT INTO upkeep (name, since, until, done, note)"
            " SELECT {name:String}, {since:DateTime64(6, 'UTC')}, {until:DateTime64(6, 'UTC')}, {done:Bool},"
            " {note:String}",
            {
                "name": mark.name,
                "since": mark.since,
                "until": mark.until,
                "done": mark.done,
                "note": mark.note,
            },
        )
        return mark
