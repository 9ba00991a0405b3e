"""Counts the events that pass, column by column for each batch and never event by event."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

MAX_SERIES: Final = 5000
"""Label sets of one metric. APIs and policies come from the configuration, so real ones are far fewer."""

ENGINE_BUCKETS_US: Final = (10, 25, 50, 100, 250, 500, 1000, 2500, 10_000, 100_000)
"""Upper bounds in microseconds. The budget for the added latency at p99 is 500 microseconds."""

DURATION_BUCKETS_US: Final = (
    1000,
    5000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    5_000_000,
)


@dataclass(slots=True)
class Histogram:
    """Counts by upper bound.

    Attributes:
        bounds: upper bounds in microseconds, rising.
        counts: values at or below each bound (not cumulative); the last is for what is above all.
        total_us: sum of the values.
    """

    bounds: tuple[int, ...]
    counts: list[int] = field(default_factory=list)
    total_us: int = 0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def add(self, values: pa.ChunkedArray) -> None:
        """Take a column of microseconds."""
        # One pass for each bound: Arrow compares a whole column at once, without Python objects.
        below = 0
        for index, bound in enumerate(self.bounds):
            cumulative = pc.sum(pc.less_equal(values, bound)).as_py() or 0
            self.counts[index] += cumulative - below
            below = cumulative
        self.counts[-1] += len(values) - below
        self.total_us += pc.sum(values).as_py() or 0

    def cumulative_seconds(self) -> list[tuple[str, float]]:
        """Buckets as Prometheus writes them: bound in seconds, number of values at or below it."""
        found, running = [], 0
        for bound, count in zip([*self.bounds, None], self.counts, strict=True):
            running += count
            found.append(("+Inf" if bound is None else repr(bound / 1e6), float(running)))
        return found


class TrafficCounts:
    """What passed since the start."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()
        """By node, API and status class (`2xx`, `none` when the client left first)."""
        self.decisions: Counter[tuple[str, str, str]] = Counter()
        """By action, policy and mode (`enforce`, `observe`)."""
        self.engine = Histogram(ENGINE_BUCKETS_US)
        self.duration = Histogram(DURATION_BUCKETS_US)

    def observe(self, table: pa.Table) -> None:
        """Count the rows of a batch that ingest accepted."""
        classes = pc.cast(pc.divide(table["status"], 100), pa.int32())
        table = table.append_column("status_class", classes)
        for row in table.group_by(["node", "api", "status_class"]).aggregate([([], "count_all")]).to_pylist():
            name = f"{row['status_class']}xx" if row["status_class"] else "none"
            _add(self.requests, (row["node"], row["api"], name), row["count_all"])
        for row in table.group_by(["action", "policy"]).aggregate([([], "count_all")]).to_pylist():
            _add(self.decisions, (row["action"], row["policy"], "enforce"), row["count_all"])
        # `observed` and `tags` are lists of `action:policy`, so one event may count for several policies.
        for column, mode in (("tags", "enforce"), ("observed", "observe")):
            for entry in pc.value_counts(pc.list_flatten(table[column])).to_pylist():
                action, _, policy = str(entry["values"]).partition(":")
                _add(self.decisions, (action, policy, mode), entry["counts"])
        self.engine.add(table["engine_us"])
        self.duration.add(table["duration_us"])


def _add(counter: Counter[tuple[str, str, str]], name: tuple[str, str, str], count: int) -> None:
    """Count under a name; beyond `MAX_SERIES` names, all new ones are counted together."""
    # No client chooses a label, but a configuration that changes each day would let the names grow for ever.
    if name not in counter and len(counter) >= MAX_SERIES:
        name = ("other", "other", name[2])
    counter[name] += count
