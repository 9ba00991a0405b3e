"""Ends findings that later calls show to be put right.

Without this a finding would hold for a week after the last call that shows it, and whoever mended something
would wait for days to see it. A check may say which calls prove the contrary (`closed_by`): for a stack trace
in an answer these are failures that were answered without one, and not calls that went well. A finding ends
when enough such calls came after the last call that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from starfort.posture.check import Check
from starfort.posture.finding import Key, PostureFinding
from starfort.questions.ask import Queryable, bounded
from starfort.questions.sql import placeholders
from starfort.store.parameters import Value

LOOKED_BACK: Final = timedelta(hours=6)
"""How far back calls are counted. An endpoint with fewer calls than `closed_after` in so long a time keeps
its findings until the week is over: a handful of calls proves little."""

MAX_ASKED: Final = 1_000
"""Findings of one check that are asked about at once; the ones that were seen longest ago come first."""


_COUNT: Final = """
SELECT place, countIf(toUnixTimestamp64Micro(time) > {seen:Array(Int64)}[indexOf({places:Array(String)},
place)]) AS calls FROM ( SELECT concat(api, ' ', endpoint_id) AS place, time FROM ( CALLS ) ) WHERE
has({places:Array(String)}, place) GROUP BY place
"""


def put_right(
    store: Queryable,
    check: Check,
    findings: Sequence[PostureFinding],
    now: datetime,
    given: Mapping[str, Value],
) -> set[Key]:
    """Keys of the findings that no longer hold.

    Args:
        store: where events are.
        check: whose findings they are; one without `closed_by` ends none.
        findings: its findings, each with the time of the last call that shows it.
        now: the end of the window, UTC.
        given: what is configured (`Configured.parameters`).

    Raises:
        StoreError: the query was refused or ran into its limits.
    """
    asked = sorted(findings, key=lambda row: row.last_seen)[:MAX_ASKED]
    if not asked or not check.spec.closed_by:
        return set()
    # Findings about a whole API share their place when a check has several, so the latest of them counts.
    seen: dict[str, int] = {}
    for row in asked:
        seen[_place(row)] = max(seen.get(_place(row), 0), int(row.last_seen.timestamp() * 1_000_000))
    values: dict[str, Value] = {
        **given,
        **check.settings,
        "since": max(now - LOOKED_BACK, asked[0].last_seen),
        "until": now,
        "places": list(seen),
        "seen": list(seen.values()),
    }
    sql = _COUNT.replace("CALLS", check.spec.closed_by.strip())
    used = {name: values[name] for name in placeholders(sql)}
    rows = store.query(bounded(sql, MAX_ASKED), used)
    enough = {row["place"] for row in rows if row["calls"] >= check.spec.closed_after}
    return {row.key for row in asked if _place(row) in enough}


def _place(finding: PostureFinding) -> str:
    return f"{finding.api} {finding.endpoint_id}"
