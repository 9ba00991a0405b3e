"""Counts what policies did and, in observe mode, would have done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from starfort.questions.ask import Queryable
from starfort.runtime.status import PolicyStatus
from starfort.store.reach import is_far
from starfort.store.rows import Row

# Policies that ended the list are in the rollup by minute. Observed policies and tags are only in events, but
# both columns are mostly empty there, so reading them costs little.
_ENFORCED = """
SELECT policy, sum(traffic_1m.requests) AS hits, max(time) AS last
FROM traffic_1m
WHERE time > now() - INTERVAL 1 DAY AND policy != ''
GROUP BY policy
"""

_RECORDED = """
SELECT mode, substring(entry, position(entry, ':') + 1) AS policy, sum(weight) AS hits, max(time) AS last
FROM
(
    SELECT time, weight, 'observed' AS mode, arrayJoin(observed) AS entry
    FROM events WHERE time > now() - INTERVAL 1 DAY AND notEmpty(observed)
    UNION ALL
    SELECT time, weight, 'enforced' AS mode, arrayJoin(tags) AS entry
    FROM events WHERE time > now() - INTERVAL 1 DAY AND notEmpty(tags)
)
GROUP BY mode, policy
"""

# The same figures from the rollup by five minutes, for stores whose last day has too many events.
_ROLLED = """
SELECT mode, policy, sum(policy_5m.hits) AS hits, max(last_seen) AS last
FROM policy_5m
WHERE time > now() - INTERVAL 1 DAY
GROUP BY mode, policy
"""


def with_results(store: Queryable, policies: Sequence[PolicyStatus]) -> list[PolicyStatus]:
    """The policies with their counts of the last day. This blocks.

    Args:
        store: has events and rollups.
        policies: the policies in order, without counts.
    """
    enforced: dict[str, tuple[int, float]] = {}
    observed: dict[str, tuple[int, float]] = {}
    if is_far(store, datetime.now(UTC) - timedelta(days=1)):
        rows = store.query(_ROLLED)
    else:
        rows = store.query(_RECORDED)
        for row in store.query(_ENFORCED):
            _add(enforced, row)
    for row in rows:
        _add(enforced if row["mode"] == "enforced" else observed, row)
    found = []
    for policy in policies:
        did, did_at = enforced.get(policy.name, (0, 0.0))
        would, would_at = observed.get(policy.name, (0, 0.0))
        found.append(replace(policy, enforced=did, observed=would, last_at=max(did_at, would_at)))
    return found


def _add(hits: dict[str, tuple[int, float]], row: Row) -> None:
    # A policy may have rows from several queries, and ClickHouse gives times or numbers for them.
    count, last = hits.get(row["policy"], (0, 0.0))
    moment = row["last"]
    stamp = moment.timestamp() if isinstance(moment, datetime) else float(moment)
    hits[row["policy"]] = (count + int(row["hits"]), max(last, stamp))
