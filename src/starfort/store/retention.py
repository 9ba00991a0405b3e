"""Says how long rows are kept, and removes them after that.

Why tables have no TTL: ClickHouse writes into each part when it expires, and that date stays when the table's
TTL changes. After a change from a week to a month, parts would still expire after a week unless all of them
are rewritten in time, which nothing guarantees at a start (an expired part is removed as soon as its table is
loaded). So the store itself drops what has expired by the present setting: a longer time saves what is there
at once, a shorter one takes effect with the next pass, and nothing has to be recalculated.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from starfort.store.errors import StoreOpenError
from starfort.store.marks import Mark, Marks

if TYPE_CHECKING:
    from starfort.store.clickhouse import ClickHouse
    from starfort.store.migrations import Dialect

MOST_SLACK: Final = timedelta(days=1)
"""The longest that a row may stay after its time. Dropping a whole day costs nothing; deleting a part of a
day writes the rest of it anew."""

LONG: Final = ("_1m", "_5m", "_1h")
"""Tables with these endings are kept as long as `rollups` says; all others as long as events."""

LOGINS: Final[dict[str, timedelta]] = {"login_1d": timedelta.max, "login_known": timedelta(days=30)}
"""Tables that detection of log-ins looks back on; they hold keys and hashes and no calls, and are kept as
long as `rollups` at most. Filters hold about four million known log-ins (crates/engine/src/signals/known.rs),
which is a month of them."""

SPANS: Final = {
    "_1m": timedelta(minutes=1),
    "_5m": timedelta(minutes=5),
    "_1h": timedelta(hours=1),
    "_1d": timedelta(days=1),
}
"""The span of time that a row sums up, by the ending of its table's name."""

SHORT: Final[dict[str, timedelta]] = {"client_1h": timedelta(days=2), "login_1m": timedelta(days=8)}
"""Tables whose older rows nothing reads. Callers by day are kept no longer than events, because they name
people."""


AGE: Final[dict[str, str]] = {"imported_events": "received"}
"""Columns that say how old a row is, where that is not `time`: an imported file may be years old, and its
rows are kept as long as events are."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long rows are kept, in seconds.

    Attributes:
        events: raw events, the 1-second rollups, and rollups of callers.
        rollups: rollups by minute and hour that name no caller.
    """

    events: int = 7 * 86_400
    rollups: int = 90 * 86_400

    def __post_init__(self) -> None:
        for name in ("events", "rollups"):
            if getattr(self, name) <= 0:
                raise StoreOpenError(f"retention.{name} is {getattr(self, name)} s; it must be positive")

    @classmethod
    def lasting(cls, events: timedelta, rollups: timedelta) -> Retention:
        """Make it from durations, as the configuration has them; parts of a second are cut off.

        Args:
            events: how long single events are kept.
            rollups: how long sums by minute and hour are kept.
        """
        return cls(int(events.total_seconds()), int(rollups.total_seconds()))

    def of(self, table: str) -> timedelta:
        """How long rows of a table are kept. A sum is kept until the last moment in it has expired.

        Args:
            table: its name; it has a column `time`, where what a row sums up begins.
        """
        span = next((length for end, length in SPANS.items() if table.endswith(end)), timedelta())
        if table in LOGINS:
            return min(LOGINS[table], timedelta(seconds=self.rollups)) + span
        if table in SHORT:
            return min(SHORT[table], timedelta(seconds=self.events)) + span
        long = table.endswith(LONG) and table != "login_1m"
        return timedelta(seconds=self.rollups if long else self.events) + span

    @property
    def pause(self) -> timedelta:
        """Time between two passes: an eighth of the shorter time, at most ten minutes."""
        shorter = timedelta(seconds=min(self.events, self.rollups))
        return max(timedelta(seconds=1), min(shorter / 8, timedelta(minutes=10)))


class Retirement:
    """Removes rows whose time is over.

    Args:
        client: the store's ClickHouse.
        dialect: whether it is a cluster.
        marks: what was in force the last time.
    """

    def __init__(self, client: ClickHouse, dialect: Dialect, marks: Marks) -> None:
        self._client = client
        self._cluster = dialect.on_cluster
        self._marks = marks

    def run(self, retention: Retention, now: datetime | None = None) -> None:
        """Remove what is over, once.

        Partitions that have expired as a whole are dropped. Where only some rows have expired, deleting them
        writes the rest of the partition anew. So this waits until the oldest row is overdue by a quarter of
        the time that it was kept, at most a day; after a change of the setting it is done at once.

        Args:
            retention: what holds now.
            now: UTC.

        Raises:
            StoreError: a statement failed; the next pass tries again.
        """
        now = now or datetime.now(UTC)
        note = f"events={retention.events} rollups={retention.rollups}"
        last = self._marks.get("retention")
        changed = last is None or last.note != note
        for table in self._tables():
            kept = retention.of(table)
            slack = timedelta() if changed else min(MOST_SLACK, kept / 4)
            self._retire(table, now - kept, slack)
        if changed:
            self._marks.put(Mark("retention", now, now, done=True, note=note))

    def _tables(self) -> list[str]:
        rows = self._client.work(
            "SELECT name FROM system.tables"
            " WHERE database = currentDatabase() AND position(engine, 'MergeTree') > 0 AND name IN"
            " (SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'time')"
            " ORDER BY name"
        )
        return [str(row["name"]) for row in rows.to_pylist()]

    def _retire(self, table: str, cutoff: datetime, slack: timedelta) -> None:
        column = AGE.get(table, "time")
        # Answered from what ClickHouse keeps in memory of each part, whatever the table's size.
        sql = (
            "SELECT toString(_partition_id) AS id,"  # noqa: S608 (a table of ours)
            f" toUnixTimestamp(min({column})) AS first, toUnixTimestamp(max({column})) AS last"
            f" FROM {table} GROUP BY _partition_id ORDER BY id"
        )
        partitions = self._client.work(sql).to_pylist()
        end = cutoff.timestamp()
        for row in partitions:
            if row["last"] < int(end):
                self._client.work(f"ALTER TABLE {table} {self._cluster} DROP PARTITION ID '{row['id']}'")
            elif row["first"] < end - max(1.0, slack.total_seconds()) and not self._is_rewriting(table):
                # Without waiting (mutations_sync = 0): it may take minutes, and the upkeep has other work.
                self._client.work(
                    f"ALTER TABLE {table} {self._cluster} DELETE IN PARTITION ID '{row['id']}'"
                    f" WHERE {column} < toDateTime({int(end)}, 'UTC') SETTINGS mutations_sync = 0"
                )

    def _is_rewriting(self, table: str) -> bool:
        # A second deletion would wait for the first one and then write the same partition again.
        rows = self._client.work(
            "SELECT count() AS n FROM system.mutations"
            " WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done",
            {"table": table},
        ).to_pylist()
        return bool(rows[0]["n"])


def remove_ttl(client: ClickHouse, dialect: Dialect) -> None:
    """Take the TTL from tables of a store that an earlier version wrote."""
    rows = client.work(
        "SELECT name FROM system.tables WHERE database = currentDatabase()"
        " AND position(engine, 'MergeTree') > 0 AND match(create_table_query, ' TTL ')"
    ).to_pylist()
    for row in rows:
        client.work(f"ALTER TABLE {row['name']} {dialect.on_cluster} REMOVE TTL")
