"""What is accepted as a batch of events, and what is refused."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from starfort.events.errors import BatchRefusedError
from starfort.events.schema import ADDED, EVENT_SCHEMA
from starfort.events.validate import MAX_ROWS, read_batch
from tests.support.events import START, event, stream

NOW = START


def refused(payload: bytes) -> str:
    """Give the reason why a payload is refused."""
    with pytest.raises(BatchRefusedError) as caught:
        read_batch(payload, NOW)
    return caught.value.reason


def test_a_batch_of_the_schema_is_read() -> None:
    """Rows come out with the schema, whatever the sender says of nullability."""
    loose = pa.schema([field.with_nullable(True) for field in EVENT_SCHEMA])
    table = read_batch(stream([event(), event()], loose), NOW)
    assert table.num_rows == 2
    assert table.schema == EVENT_SCHEMA


@pytest.mark.parametrize(
    "payload", [b"", b"\x00" * 40, b"ARROW1\0\0", b"\xff\xff\xff\xff\xff\xff\xff\x7f" + b"x" * 99]
)
def test_bytes_that_are_not_arrow_are_refused(payload: bytes) -> None:
    """Noise is refused, not fatal."""
    assert refused(payload) == "arrow"


def test_every_cut_of_a_batch_is_refused_or_harmless() -> None:
    """A stream cut anywhere never raises anything but a refusal."""
    whole = stream([event(auth_seen=["bearer"])])
    for cut in range(0, len(whole) - 8, 97):  # the last 8 bytes are only the end mark
        assert refused(whole[:cut]) in {"arrow", "rows"}


def test_other_schemas_are_refused() -> None:
    """A missing column, another order or another type is refused with the column's name."""
    fewer = EVENT_SCHEMA.remove(EVENT_SCHEMA.get_field_index("observed"))
    assert refused(stream([event()], fewer)) == "schema"
    turned = pa.schema(list(EVENT_SCHEMA)[::-1])
    assert refused(stream([event()], turned)) == "schema"
    other = EVENT_SCHEMA.set(12, pa.field("status", pa.uint32()))
    with pytest.raises(BatchRefusedError, match="column status is uint32, not uint16"):
        read_batch(stream([event()], other), NOW)


def test_filters_of_before_are_understood() -> None:
    """An earlier filter goes on while the control plane is new: what its rows lack is empty, and they stand for one call."""
    of_then = pa.schema([field for field in EVENT_SCHEMA if field.name not in ADDED])
    rows = [{name: value for name, value in event(id=one).items() if name not in ADDED} for one in "ab"]
    table = read_batch(stream(rows, of_then), NOW)
    assert table.schema == EVENT_SCHEMA
    assert [row["id"] for row in table.to_pylist()] == ["a", "b"]
    assert [{row[name] for name in ADDED if name != "weight" and row[name]} for row in table.to_pylist()] == [
        set(),
        set(),
    ]
    assert {row["weight"] for row in table.to_pylist()} == {1}
    before_contracts = pa.schema(
        [f for f in EVENT_SCHEMA if f.name not in ADDED or f.name in {"evidence", "weight"}]
    )
    kept = read_batch(stream([event(weight=3, evidence=["{}"])], before_contracts), NOW)
    assert (kept.schema, kept.to_pylist()[0]["weight"], kept.to_pylist()[0]["evidence"]) == (
        EVENT_SCHEMA,
        3,
        ["{}"],
    )
    moved = of_then.append(EVENT_SCHEMA.field("evidence"))
    assert refused(stream([event()], moved)) == "schema"


def test_nulls_are_refused() -> None:
    """No column and no list may hold nulls."""
    loose = pa.schema([field.with_nullable(True) for field in EVENT_SCHEMA])
    assert refused(stream([event(host=None)], loose)) == "null"
    assert refused(stream([event(tags=["x", None])], loose)) == "null"


def test_invalid_utf8_is_refused() -> None:
    """Text that is not UTF-8 would break readers, so it stays out."""
    whole = stream([event(host="UTFMARK!")])
    assert refused(whole.replace(b"UTFMARK!", b"\xff\xfeMARK!!")) == "arrow"


@pytest.mark.parametrize("days", [-40, 2, 200_000])
def test_times_far_off_are_refused(days: int) -> None:
    """A node whose clock is wrong by weeks is told, rather than spreading partitions."""
    assert refused(stream([event(time=START + dt.timedelta(days=days))])) == "time"


def test_too_many_and_no_rows_are_refused() -> None:
    """A batch has between one row and the limit."""
    assert refused(stream([])) == "rows"
    one = pa.RecordBatch.from_pylist([event()], schema=EVENT_SCHEMA)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, EVENT_SCHEMA) as writer:
        writer.write_table(pa.Table.from_batches([one]).take([0] * (MAX_ROWS + 1)))
    assert refused(sink.getvalue().to_pybytes()) == "size"
