"""Thins events when more of them arrive than the store can take, in the order of docs/events.md.

First, rows lose the details that only people read. Then one of several ordinary calls keeps its row, and the
`weight` of this row says how many calls it stands for, so that sums stay exact. Calls that detectors need are
never left out: log-ins, failures, stopped calls, and every call with a finding or a signal. When these alone
are too many, calls of the same second that are equal in everything that is counted become one row.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from starfort.events.schema import EVENT_SCHEMA

MOST_ONE_IN: Final = 64
"""At most this many ordinary calls become one row: a count of 10,000 is then right to 8 % (standard
error)."""

DETAILS_ONLY: Final = 1
"""The degree at which every call keeps its row, and calls that are not ordinary keep their details too."""

_DETAILS: Final = ("evidence", "parameters", "user_agent", "shape_request", "shape_response")
"""Columns that people read and the catalogue learns from: no rollup and no detector counts them."""

_ALIKE: Final = (
    "api", "endpoint_id", "method", "host", "path", "status", "action", "policy", "bot", "address", "asn",
    "fingerprint", "ja4", "session_hash", "subject_hash", "credential_hash", "identity_error", "account_hash",
    "password_hash", "object_hash",
)  # fmt: skip
"""Columns in which calls that become one row are equal, besides their second and the lists below."""

_ALIKE_LISTS: Final = (
    "anomalies", "findings", "contract", "sensitive_request", "sensitive_response", "signals", "tags",
    "observed",
)  # fmt: skip

_NEEDED_TEXTS: Final = ("account_hash", "password_hash", "identity_error")
_NEEDED_LISTS: Final = ("anomalies", "signals", "tags")
_SAYS_NOTHING: Final = {"findings": r"^(contract:[^\n]*(\n|$))*$", "observed": r"^(block:@contract(\n|$))*$"}
"""Lists that may have entries about contracts, joined by line feeds. Where a document is wrong, every call of
an API breaks its contract, and then no call would be ordinary."""


@dataclass(frozen=True, slots=True)
class About:
    """Figures about the rows of a batch.

    Attributes:
        calls: number of calls that the rows stand for.
        rows: number of rows.
        ordinary: number of rows that only add to a count.
        oldest: Unix seconds when the first call ended.
        newest: Unix seconds when the last call ended.
    """

    calls: int = 0
    rows: int = 0
    ordinary: int = 0
    oldest: float = 0.0
    newest: float = 0.0

    def join(self, other: About) -> About:
        """The figures of both batches together."""
        if not self.rows or not other.rows:
            return self if self.rows else other
        return About(
            self.calls + other.calls,
            self.rows + other.rows,
            self.ordinary + other.ordinary,
            min(self.oldest, other.oldest),
            max(self.newest, other.newest),
        )


def look(table: pa.Table) -> About:
    """Count what a batch holds.

    A row is made when its call has ended, which for a stream may be long after its `time`. So the end of
    calls, and not `time`, shows whether a batch is late.

    Args:
        table: at least one row of EVENT_SCHEMA.
    """
    began = pc.cast(table.column("time"), pa.int64())
    ended = pc.min_max(pc.add(began, pc.cast(table.column("duration_us"), pa.int64()))).as_py()
    # A weighted row (of a filter that thins by itself) stands for several calls.
    calls, plain = pc.sum(table.column("weight")).as_py(), pc.sum(ordinary(table)).as_py()
    return About(int(calls), table.num_rows, int(plain), ended["min"] / 1e6, ended["max"] / 1e6)


def ordinary(table: pa.Table) -> pa.ChunkedArray:
    """Rows that only add to a count: allowed, answered, not a log-in, and with nothing that was noticed.

    Args:
        table: rows of EVENT_SCHEMA.

    Returns:
        A boolean for each row.
    """
    status = table.column("status")
    mask = pc.and_(
        pc.equal(table.column("action"), "allow"),
        pc.and_(pc.greater_equal(status, 100), pc.less(status, 400)),
    )
    for name in _NEEDED_TEXTS:
        mask = pc.and_(mask, pc.equal(table.column(name), ""))
    for name in _NEEDED_LISTS:
        mask = pc.and_(mask, pc.equal(pc.list_value_length(table.column(name)), 0))
    for name, pattern in _SAYS_NOTHING.items():
        joined = pc.binary_join(table.column(name), "\n")
        mask = pc.and_(mask, pc.match_substring_regex(joined, pattern))
    return mask


def without_details(table: pa.Table) -> pa.Table:
    """Empty the columns that only people read.

    Args:
        table: rows of EVENT_SCHEMA.
    """
    if not table.num_rows:
        return table  # Arrow repeats no list zero times
    for name in _DETAILS:
        field = EVENT_SCHEMA.field(name)
        empty = pa.repeat(pa.scalar("" if field.type == pa.utf8() else [], field.type), table.num_rows)
        table = table.set_column(EVENT_SCHEMA.get_field_index(name), field, empty)
    return table


def reduce(table: pa.Table, degree: int, seed: str) -> pa.Table:
    """Thin events to a degree. The same arguments always give the same rows.

    Args:
        table: rows of EVENT_SCHEMA.
        degree: 0: nothing is left out. `DETAILS_ONLY`: details. Above: one of this many ordinary calls keeps
            its row. At `MOST_ONE_IN` other calls that are alike become one row too.
        seed: text that chooses the rows.
    """
    if degree < DETAILS_ONLY:
        return table
    mask = ordinary(table)
    kept, others = without_details(table.filter(mask)), table.filter(pc.invert(mask))
    if degree > DETAILS_ONLY:
        kept, others = _sample(kept, degree, seed), without_details(others)
    if degree >= MOST_ONE_IN and others.num_rows:
        others = merge_alike(others)
    return pa.concat_tables([kept, others])


def merge_alike(table: pa.Table) -> pa.Table:
    """Join calls of the same second into one row when they are equal in everything that is counted.

    Args:
        table: rows of EVENT_SCHEMA.

    Returns:
        The first row of each kind, in their order, with the weight of all.
    """
    keys = {name: table.column(name) for name in _ALIKE}
    keys |= {name: pc.binary_join(table.column(name), "\n") for name in _ALIKE_LISTS}
    keys["second"] = pc.floor_temporal(table.column("time"), unit="second")
    rows = pa.table(keys | {"row": pa.array(range(table.num_rows)), "weight": table.column("weight")})
    # Without threads, because the order of groups must be the same when an insert is repeated.
    merged = rows.group_by(list(keys), use_threads=False).aggregate([("row", "min"), ("weight", "sum")])
    merged = merged.sort_by("row_min")
    return _weighted(table.take(merged.column("row_min")), merged.column("weight_sum"))


def _sample(table: pa.Table, one_in: int, seed: str) -> pa.Table:
    """Keep one row, by chance, of every `one_in` rows in a row, with the weight of all of them."""
    # The row is chosen by chance: if it were always the first, a client that calls at a fixed pace would be
    # kept always or never.
    chance = random.Random(seed)  # noqa: S311 - a sample, no secret
    blocks = range(0, table.num_rows, one_in)
    ends = [min(begin + one_in, table.num_rows) - 1 for begin in blocks]
    chosen = [chance.randint(begin, end) for begin, end in zip(blocks, ends, strict=True)]
    weight = pc.cast(table.column("weight"), pa.uint64()).combine_chunks()
    totals = pc.cumulative_sum(weight).take(pa.array(ends, pa.int64())).to_pylist()
    sums = [total - before for total, before in zip(totals, [0, *totals], strict=False)]
    return _weighted(table.take(pa.array(chosen, pa.int64())), pa.array(sums, pa.uint64()))


def _weighted(table: pa.Table, weight: pa.ChunkedArray | pa.Array) -> pa.Table:
    field = EVENT_SCHEMA.field("weight")
    # `weight` is 32 bits wide; a sum beyond that is cut off rather than wrapped to a small number.
    bounded = pc.cast(pc.min_element_wise(pc.cast(weight, pa.uint64()), 2**32 - 1), field.type)
    return table.set_column(EVENT_SCHEMA.get_field_index("weight"), field, bounded)


def intervals(spans: list[tuple[float, float]]) -> list[tuple[dt.datetime, dt.datetime]]:
    """Join spans of time that touch.

    Args:
        spans: begin and end, Unix seconds.

    Returns:
        Begin and end of each interval, in their order, in UTC.
    """
    joined: list[list[float]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([begin, end])
    return [
        (dt.datetime.fromtimestamp(begin, dt.UTC), dt.datetime.fromtimestamp(end, dt.UTC))
        for begin, end in joined
    ]
