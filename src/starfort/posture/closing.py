"""Ends findings that later calls show to be put right.

Without this a finding would hold for a week after the last call that shows it, and whoever mended something would wait
for days to see it. A check may say which calls prove the contrary (`closed_by`): for a stack trace in an answer these
are failures that were answered without one, and not calls that went well. A finding ends when enough such calls came
after the last call that shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from starfort.posture.check import Check
from starfort.posture.finding import Key, PostureFinding
from starfort.questions.ask import Queryable, bounded
from starfort.questions.sql import placeholders
from starfort.store.parameters import Value

LOOKED_BACK: Final = timedelta(hours=6)
"""How far back calls are counted. An endpoint with fewer calls than `closed_after` in so long a time keeps its
findings until the week is over: a handful of calls proves little."""

MAX_ASKED: Final = 1_000
"""Findings of one check that are asked about at once; the ones that were seen longest ago come first."""


def put_right(
    store: Queryable, check: Check, findings: Sequence[PostureFinding], now: datetime
) -> set[Key]:
    """Keys of the findings that no longer hold.

    Args:
        store: where events are.
        check: whose findings they are; one without `closed_by` ends none.
        findings: findings about endpoints; those about a whole API stay.
        now: the end of the window, UTC.

    Raises:
        StoreError: the query was refused or ran into its limits.
    """
    asked = sorted((row for row in findings if row.endpoint_id), key=lambda row: row.last_seen)[:MAX_ASKED]
    calls = check.spec.closed_by
    if not asked or not calls:
        return set()
    # A finding of one endpoint may be kept under several titles only without an endpoint, so ids are unique here.
    sql = (
        "SELECT endpoint_id, countIf(toUnixTimestamp64Micro(toDateTime64(time, 6, 'UTC'))"  # noqa: S608 (the check's own text)
        " > {seen:Array(Int64)}[indexOf({ids:Array(String)}, endpoint_id)]) AS calls FROM (\n"
        f"{calls.strip()}\n) WHERE has({{ids:Array(String)}}, endpoint_id) GROUP BY endpoint_id"
    )
    given: dict[str, Value] = {
        "since": max(now - LOOKED_BACK, asked[0].last_seen),
        "until": now,
        "ids": [row.endpoint_id for row in asked],
        "seen": [int(row.last_seen.timestamp() * 1_000_000) for row in asked],
        **{name: value for name, value in check.settings.items()},
    }
    names = placeholders(sql)
    used = {name: value for name, value in given.items() if name in names}
    enough = {
        row["endpoint_id"]
        for row in store.query(bounded(sql, MAX_ASKED), used)
        if row["calls"] >= check.spec.closed_after
    }
    return {row.key for row in asked if row.endpoint_id in enough}
