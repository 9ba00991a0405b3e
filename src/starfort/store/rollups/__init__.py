"""Rollups for pages that look far back; the store itself fills them once a minute.

Why not by views: a view costs each insert one more part in one more table (15 to 20 ms of CPU), however few
rows it has; eight of them would double what a quiet Starfort spends. One pass over what came within a minute
costs next to nothing when it is little.

A run reads the events that arrived between two times of `received`. The range is written down before the run,
and every insert of it has a token made of the range: a run that a kill interrupted is repeated with the same
range, and what it had already inserted is not inserted again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from string import Template
from typing import Final

from starfort.base.sql import load_sql
from starfort.store.clickhouse import ClickHouse
from starfort.store.marks import Mark, Marks


@dataclass(frozen=True, slots=True)
class Rollup:
    """One table and the query that fills it.

    Attributes:
        query: name of a file in this folder, without `.sql`; several tables that differ in their step and
            their keys have one.
        parts: texts that stand in the query by `$name`. They are ours: what comes from outside is bound.
        has_history: whether it is also filled with what `traffic_1m` kept of events that are gone, by the
            query `QUERY.history.sql` with the same parts.
    """

    query: str
    parts: Mapping[str, str] = field(default_factory=dict)
    has_history: bool = False


_MINUTE: Final = "toStartOfMinute(e.time)"
_FIVE_MINUTES: Final = "toStartOfFiveMinutes(e.time)"
_HOUR: Final = "toStartOfHour(e.time)"
# The day of UTC, whatever the time zone of the server is.
_DAY_OF_UTC: Final = "toDateTime(toStartOfDay(e.time, 'UTC'), 'UTC')"

ROLLUPS: Final[Mapping[str, Rollup]] = {
    "traffic_api_1m": Rollup(
        "traffic", {"bucket": _MINUTE, "keys": "api", "wanted": "true", "source": "events"}, True
    ),
    "traffic_api_1h": Rollup(
        "traffic", {"bucket": _HOUR, "keys": "api", "wanted": "true", "source": "events"}, True
    ),
    "traffic_endpoint_1h": Rollup(
        "traffic",
        {
            "bucket": _HOUR,
            "keys": "api, endpoint_id",
            "wanted": "endpoint_id != ''",
            "source": "endpoint_events",
        },
        True,
    ),
    "policy_5m": Rollup("policy", {"bucket": _FIVE_MINUTES}),
    "policy_1h": Rollup("policy", {"bucket": _HOUR}),
    "finding_1h": Rollup("finding_1h"),
    "shape_1h": Rollup("shape_1h"),
    # Callers by hour are kept for two days (`retention.SHORT`): what comes later than that is not even added.
    "client_1h": Rollup("client", {"bucket": _HOUR, "wanted": "time >= now() - INTERVAL 2 DAY"}),
    "client_1d": Rollup("client", {"bucket": _DAY_OF_UTC, "wanted": "true"}),
    "client_kind_1d": Rollup("client_kind_1d"),
}
"""By table, in the order in which a run fills them."""

TABLES: Final = tuple(ROLLUPS)
"""Every table that is filled here."""

OVER_AFTER_S: Final = 2 * 86_400
"""Time after which next to nothing comes late."""

EVENTS_OF_A_RUN: Final = 200_000
"""Events that one run reads: with the widest keys that is 150 MB of memory, and 1 s of CPU."""

_EVENTS: Final = "events"
_HISTORY: Final = "history"
_BEGIN: Final = datetime(1971, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)

# Until which arrival a run reads. The rows of one insert arrived together, and are never parted.
_NEXT: Final = """
SELECT
    maxIf(received, total <= {most:UInt64}) AS most,
    toString(if(countIf(total <= {most:UInt64}) = 0, min(received), most)) AS until,
    count() AS n
FROM
(
    SELECT received, sum(count()) OVER (ORDER BY received) AS total
    FROM (SELECT received FROM events UNION ALL SELECT received FROM events_attributed)
    WHERE received > {since:DateTime64(6, 'UTC')} AND received <= {settled:DateTime64(6, 'UTC')}
    GROUP BY received
)
"""


class Rollups:
    """Fills the rollups.

    Args:
        client: where.
        marks: how far it is.
    """

    def __init__(self, client: ClickHouse, marks: Marks) -> None:
        self._client = client
        self._marks = marks

    def run(self, go_on: Callable[[], bool] = lambda: True) -> bool:
        """Take over what came since the last time.

        Args:
            go_on: asked before each piece of work, of about a second; False leaves the rest for later.

        Returns:
            Whether everything that had arrived is in.

        Raises:
            StoreError: a statement failed; the next run goes on there.
        """
        mark = self._marks.get(_EVENTS)
        if mark is not None and not mark.done:
            self._take(mark)
        settled = self._client.settled()
        while go_on():
            mark = self._marks.get(_EVENTS)
            since = mark.until if mark else _BEGIN
            row = self._client.work(
                _NEXT, {"since": since, "settled": settled, "most": EVENTS_OF_A_RUN}
            ).to_pylist()[0]
            if not row["n"]:
                return self._run_history(go_on)
            until = datetime.fromisoformat(row["until"]).replace(tzinfo=UTC)
            self._take(self._marks.put(Mark(_EVENTS, since, until, done=False)))
        return False

    def _take(self, mark: Mark) -> None:
        for table in TABLES:
            self._fill(table, mark)
        self._marks.put(mark.finished())

    def _fill(self, table: str, mark: Mark, of: str = "") -> None:
        """Insert what one range has into one table.

        Args:
            table: of `ROLLUPS`.
            mark: the range.
            of: "" for the query over events, ".history" for the one over `traffic_1m`.
        """
        # The token names the table, not the query: a run that an older version began, with a query a table,
        # is then finished by this one without inserting anything twice.
        token = f"{table}{of}:{mark.since.isoformat()}:{mark.until.isoformat()}"
        rollup = ROLLUPS[table]
        text = Template(load_sql("store.rollups", rollup.query + of)).substitute(rollup.parts)
        self._client.work(
            f"INSERT INTO {table} {text}", {"since": mark.since, "until": mark.until}, token=token
        )

    def compact(self, go_on: Callable[[], bool] = lambda: True) -> None:
        """Merge what is over for good: a day or a week whose rows still lie in several parts.

        ClickHouse merges when parts have become many, and leaves several rows for one key until then: pages
        would add up three times as many.

        Args:
            go_on: asked before each merge; False leaves the rest for later.

        Raises:
            StoreError: a statement failed.
        """
        for table in TABLES:
            over = (
                "SELECT toString(_partition_id) AS id, uniqExact(_part) AS parts,"  # noqa: S608 (a table of ours)
                " toUnixTimestamp(max(time)) AS last, toUnixTimestamp(now()) AS now"
                f" FROM {table} GROUP BY _partition_id"
            )
            rows = self._client.work(over).to_pylist()
            for row in sorted(rows, key=lambda row: -int(row["last"])):
                if row["parts"] > 1 and row["last"] < row["now"] - OVER_AFTER_S and go_on():
                    self._client.work(f"OPTIMIZE TABLE {table} PARTITION ID '{row['id']}' FINAL")

    # ---- what was before the first event

    def _run_history(self, go_on: Callable[[], bool]) -> bool:
        """Fill the days whose events are gone, latest first; the migration wrote down which those are.

        A day's range depends on nothing but the mark, and so do the tokens: a day that a kill interrupted is
        repeated, and what was in is not inserted again.
        """
        mark = self._marks.get(_HISTORY)
        while mark is not None and mark.since < mark.until:
            if not go_on():
                return False
            day = Mark(_HISTORY, max(mark.since, mark.until - _DAY), mark.until, done=False)
            for table, rollup in ROLLUPS.items():
                if rollup.has_history:
                    self._fill(table, day, ".history")
            mark = self._marks.put(Mark(_HISTORY, mark.since, day.since, done=True))
        return True
