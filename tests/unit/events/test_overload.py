"""What is given up of events, and that no sum is."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starfort.events import overload
from starfort.events.schema import EVENT_SCHEMA
from tests.support.events import START, event


def table(*rows: dict[str, Any]) -> pa.Table:
    """Give rows as ingest has them."""
    return pa.Table.from_pylist(list(rows), schema=EVENT_SCHEMA)


@pytest.mark.parametrize(
    "noticed",
    [
        {"account_hash": "a"},
        {"password_hash": "a"},
        {"identity_error": "expired"},
        {"status": 401},
        {"status": 500},
        {"status": 0},
        {"action": "block"},
        {"findings": ["rule:1"]},
        {"anomalies": ["malformed_json"]},
        {"signals": ["scraping"]},
        {"tags": ["tag:x"]},
        {"observed": ["block:x"]},
        {"findings": ["contract:body/type", "rule:1"]},
        {"findings": ["rule:1", "contract:body/type"]},
        {"observed": ["block:@contract", "block:x"]},
        {"contract": ["request:body/type:"], "action": "block", "policy": "@contract"},
    ],
)
def test_what_detectors_need_is_not_ordinary(noticed: dict[str, Any]) -> None:
    """Each mark makes a row one that is kept; its benign twin is one of many."""
    found = overload.ordinary(table(event(), event(**noticed), event(status=301)))
    assert found.to_pylist() == [True, False, True]


def test_a_contract_that_is_observed_is_no_news() -> None:
    """Where a document is wrong, every call of an API breaks it."""
    broken = {
        "contract": ["request:body/type:/a", "response:status:418"],
        "findings": ["contract:body/type", "contract:response/status"],
        "observed": ["block:@contract"],
    }
    assert overload.ordinary(table(event(**broken), event())).to_pylist() == [True, True]


def test_alike_calls_of_one_second_become_one_row_with_their_weight() -> None:
    """Stopped calls that differ in nothing that is counted are one row; another address, object or second is not."""
    stopped = {"action": "block", "status": 403}
    flood = [event(id=f"{n}", time=START + dt.timedelta(milliseconds=n), **stopped) for n in range(900)]
    others = [
        event(id="address", address="192.0.2.9", **stopped),
        event(id="object", object_hash="7", **stopped),
        event(id="finding", findings=["rule:1"], **stopped),
        event(id="later", time=START + dt.timedelta(seconds=1), **stopped),
    ]
    merged = overload.reduce(table(*flood, *others), overload.MOST_ONE_IN, "x")
    rows = {row["id"]: row["weight"] for row in merged.to_pylist()}
    assert rows == {"0": 900, "address": 1, "object": 1, "finding": 1, "later": 1}


_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "account_hash": st.sampled_from(["", "", "a", "b"]),
            "status": st.sampled_from([0, 200, 200, 204, 302, 401, 404, 500]),
            "action": st.sampled_from(["allow", "allow", "block", "limit"]),
            "address": st.sampled_from(["192.0.2.1", "2001:db8::1"]),
            "findings": st.sampled_from([[], [], ["rule:1"], ["rule:1", "rule:2"]]),
            "signals": st.sampled_from([[], ["scraping"]]),
            "weight": st.sampled_from([1, 1, 8, 2**32 - 1]),
            "time": st.integers(0, 3).map(lambda n: START + dt.timedelta(seconds=n)),
        }
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(_ROWS, st.integers(0, 80), st.text(max_size=8))
def test_no_degree_loses_or_doubles_what_detectors_count(
    rows: list[dict[str, Any]], degree: int, seed: str
) -> None:
    """Whatever the rows and the degree: the same again, and exact sums, of all and of each that is needed."""
    whole = table(*(event(**row) for row in rows))
    reduced = overload.reduce(whole, degree, seed)
    assert reduced.equals(overload.reduce(whole, degree, seed))
    assert reduced.schema == EVENT_SCHEMA

    def sums(of: pa.Table) -> Counter[tuple[Any, ...]]:
        counted: Counter[tuple[Any, ...]] = Counter()
        for row, ordinary in zip(of.to_pylist(), overload.ordinary(of).to_pylist(), strict=True):
            if not ordinary:
                key = (row["account_hash"], row["status"], row["action"], row["address"], row["time"])
                counted[*key, tuple(row["findings"]), tuple(row["signals"])] += row["weight"]
        return counted

    most = 2**32 - 1  # a weight is 32 bits
    before, after = sums(whole), sums(reduced)
    assert before.keys() == after.keys()
    assert all(min(before[key], most) <= after[key] <= before[key] for key in before)
    if max(row["weight"] for row in rows) <= 8:
        weight = [of.column("weight").to_pylist() for of in (whole, reduced)]
        assert sum(weight[0]) == sum(weight[1])
    if degree <= overload.DETAILS_ONLY:
        assert reduced.num_rows == whole.num_rows


def test_intervals_join_what_touches() -> None:
    """Spans become intervals in their order; overlapping ones are one."""
    found = overload.intervals([(30.0, 40.0), (1.0, 5.0), (5.0, 9.0), (32.0, 33.0)])
    assert [(begin.timestamp(), end.timestamp()) for begin, end in found] == [(1, 9), (30, 40)]
    assert overload.intervals([]) == []


def test_a_batch_is_looked_at_by_when_its_calls_were_over() -> None:
    """Calls by weight, rows, ordinary ones, and the first and last end."""
    found = overload.look(
        table(event(duration_us=2_000_000, weight=5), event(status=500), event(duration_us=500_000))
    )
    base = START.timestamp()
    assert found == overload.About(7, 3, 2, base, base + 2)
    assert found.join(overload.About()) == found == overload.About().join(found)
