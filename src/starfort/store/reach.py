"""Whether a question is about more events than can be read while somebody waits for the answer.

Where there are few events, pages read them: the answers are exact to the second and up to date. Where there
are many, pages read rollups.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, Protocol

from starfort.store.parameters import Value
from starfort.store.rows import Row

FEW: Final = 300_000
"""Rows that count as few: reading all columns that a page wants of them costs 100 to 300 ms of CPU."""

SHORT_S: Final = 3_600
"""Windows up to this length always read events: an hour is what people look at while something happens."""

# Answered from what ClickHouse keeps in memory of each part, so whole days are counted.
_ROWS: Final = """
SELECT sum(rows) AS rows
FROM (SELECT count() AS rows, max(time) AS last FROM {table:Identifier} GROUP BY _partition_id)
WHERE last >= toDateTime({since:DateTime64(6, 'UTC')})
"""


class Queryable(Protocol):
    """The method of the store that is needed here."""

    def query(self, sql: str, parameters: Mapping[str, Value] | None = None) -> list[Row]:
        """Rows of a SELECT."""


def is_far(store: Queryable, since: datetime, table: Literal["events", "traffic_1m"] = "events") -> bool:
    """Whether a table has more than `FEW` rows from a time on. Blocking.

    Args:
        store: where.
        since: UTC; the whole day (events) or month (traffic_1m) that it lies in counts.
        table: which.

    Raises:
        StoreError: the store does not answer.
    """
    rows = store.query(_ROWS, {"table": table, "since": since})
    return bool(rows) and int(rows[0]["rows"] or 0) > FEW
