"""How long rows are kept, and what removes them.

Why not a TTL of the tables: ClickHouse writes into every part when the part will be over, and that stays as
it was when the table's TTL changes. A week that became a month still goes after a week, unless every part is
rewritten in time, which nothing guarantees at a start (a part that seems over goes as soon as its table is
loaded). So tables have no TTL, and the store itself drops what is over by the setting that holds now: a
longer time saves what is there at once, a shorter one takes effect with the next pass, and there is nothing
to recalculate.
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
"""Longest that a row stays after its time: dropping a whole day costs nothing, a part of one is rewritten."""

LONG: Final = ("_1m", "_5m", "_1h")
"""Ends of names of tables that are kept as long as `rollups` says; others go with the events."""

LOGINS: Final[dict[str, timedelta]] = {"login_1d": timedelta.max, "login_known": timedelta(days=30)}
"""What detection of log-ins looks back on, as long as `rollups` at most: keys and hashes, no calls. Filters
hold some four million of those who are known (crates/engine/src/signals/known.rs), a month of them."""

SPANS: Final = {
    "_1m": timedelta(minutes=1),
    "_5m": timedelta(minutes=5),
    "_1h": timedelta(hours=1),
    "_1d": timedelta(days=1),
}
"""What a row sums up, by the end of its table's name."""

SHORT: Final[dict[str, timedelta]] = {"client_1h": timedelta(days=2), "login_1m": timedelta(days=8)}
"""Tables that nothing reads longer than this. Callers by day are kept as events are: they name people."""


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
        """The same of lengths of time, as the configuration has them; parts of a second are left off.

        Args:
            events: how long single events are kept.
            rollups: how long sums by minute and hour are kept.
        """
        return cls(int(events.total_seconds()), int(rollups.total_seconds()))

    def of(self, table: str) -> timedelta:
        """How long rows of a table are kept: a sum until the last moment that it has is over.

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
        client: where.
        dialect: cluster or not.
        marks: what was in force the last time.
    """

    def __init__(self, client: ClickHouse, dialect: Dialect, marks: Marks) -> None:
        self._client = client
        self._cluster = dialect.on_cluster
        self._marks = marks

    def run(self, retention: Retention, now: datetime | None = None) -> None:
        """Remove what is over, once.

        Whole partitions are dropped. Of one that is over in part, rows are deleted when the oldest of them is
        over by a quarter of the time that it was kept, at most a day, since the rest of the partition is
        written anew; or at once when the setting changed since the last pass.

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
        # Answered from what ClickHouse keeps in memory of each part, whatever the table's size.
        sql = (
            "SELECT toString(_partition_id) AS id,"  # noqa: S608 (a table of ours)
            " toUnixTimestamp(min(time)) AS first, toUnixTimestamp(max(time)) AS last"
            f" FROM {table} GROUP BY _partition_id ORDER BY id"
        )
        partitions = self._client.work(sql).to_pylist()
        end = cutoff.timestamp()
        for row in partitions:
            if row["last"] < int(end):
                self._client.work(f"ALTER TABLE {table} {self._cluster} DROP PARTITION ID '{row['id']}'")
            elif row["first"] < end - max(1.0, slack.total_seconds()) and not self._is_rewriting(table):
                self._client.work(
                    f"ALTER TABLE {table} {self._cluster} DELETE IN PARTITION ID '{row['id']}'"
                    f" WHERE time < toDateTime({int(end)}, 'UTC') SETTINGS mutations_sync = 0"
                )

    def _is_rewriting(self, table: str) -> bool:
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
