"""Checks a batch before it is accepted, so that nothing broken reaches the spool (docs/events.md)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from starfort.events.errors import BatchRefusedError
from starfort.events.overload import About, look
from starfort.events.schema import ADDED, EVENT_SCHEMA, complete

MAX_BYTES = 64 << 20
"""Longest batch; a frame of the control socket can be no longer either."""
MAX_ROWS = 100_000
"""Most rows of one batch; the filter sends about 2,000."""
MAX_MEMORY = 256 << 20
"""Most memory that a batch may take once it is read: a compressed stream may be small and hold much."""
_FIRST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MAX_AHEAD = dt.timedelta(days=1)
MAX_BEHIND = dt.timedelta(days=31)
"""How far a row's time may be from now. A store partition is a day, and an insert may touch 100 of them."""


def read_batch(payload: bytes, now: dt.datetime, *, any_age: bool = False) -> pa.Table:
    """Read a batch and check all of it.

    Args:
        payload: an Arrow IPC stream.
        now: the present, with time zone.
        any_age: let rows be as old as they are, as imported ones may be.

    Returns:
        Its rows, with the columns and types of EVENT_SCHEMA.

    Raises:
        BatchRefusedError: too large, not Arrow, another schema, nulls, broken text, or times far off.
    """
    if len(payload) > MAX_BYTES:
        raise BatchRefusedError("size", f"{len(payload)} bytes, at most {MAX_BYTES} are taken")
    table = _decode(payload)
    if not 0 < table.num_rows <= MAX_ROWS:
        raise BatchRefusedError("rows", f"{table.num_rows} rows; 1 to {MAX_ROWS} are taken")
    _check_columns(table)
    _check_times(table, now, _FIRST if any_age else now - MAX_BEHIND)
    return complete(table)


def _decode(payload: bytes) -> pa.Table:
    try:
        with pa.ipc.open_stream(payload) as reader:
            _check_schema(reader.schema)
            batches = list(_bounded(reader))
            return pa.Table.from_batches(batches, reader.schema)
    # pyarrow raises OSError, ValueError, KeyError, IndexError and its own kinds on broken streams
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, MemoryError) as error:
        raise BatchRefusedError(
            "arrow", f"not a readable Arrow IPC stream: {type(error).__name__}"
        ) from error


def _bounded(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    size = rows = 0
    for batch in reader:
        # Arrow checks offsets and UTF-8 only when asked to; both come from another process.
        batch.validate(full=True)
        size += batch.nbytes
        rows += batch.num_rows
        if size > MAX_MEMORY or rows > MAX_ROWS:
            raise BatchRefusedError("size", f"over {MAX_MEMORY} bytes or {MAX_ROWS} rows once read")
        yield batch


def _check_schema(schema: pa.Schema) -> None:
    # Columns in another order are refused: rows are merged and inserted by position.
    known = [name for name in EVENT_SCHEMA.names if name in schema.names or name not in ADDED]
    if schema.names != known:
        odd = sorted(set(schema.names) ^ set(EVENT_SCHEMA.names))[:5]
        raise BatchRefusedError("schema", f"columns differ from docs/events.md: {odd or 'their order'}")
    for field in schema:
        wanted = EVENT_SCHEMA.field(field.name)
        if not _same(field.type, wanted.type):
            raise BatchRefusedError("schema", f"column {field.name} is {field.type}, not {wanted.type}")


def _same(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Compare types; the name and nullability of a list's item do not matter."""
    if pa.types.is_list(wanted):
        return bool(pa.types.is_list(found) and found.value_type == wanted.value_type)
    return bool(found == wanted)


def _check_columns(table: pa.Table) -> None:
    for field, column in zip(table.schema, table.columns, strict=True):
        nulls = column.null_count
        # A list without nulls may still hold items that are null.
        if pa.types.is_list(field.type):
            nulls += sum(chunk.flatten().null_count for chunk in column.chunks)
        if nulls:
            raise BatchRefusedError("null", f"column {field.name} has {nulls} nulls")


def _check_times(table: pa.Table, now: dt.datetime, first: dt.datetime) -> None:
    try:
        bounds = pc.min_max(table.column("time")).as_py()
        wrong = bounds["min"] < first or bounds["max"] > now + MAX_AHEAD
    except (OverflowError, ValueError):
        wrong = True  # outside the years that Python knows
    if wrong:
        raise BatchRefusedError("time", "times over a month back or a day ahead; is the node's clock right?")


def about(payload: bytes) -> About:
    """Figures about a batch of the spool.

    Args:
        payload: an Arrow IPC stream that was accepted once.

    Returns:
        The figures; empty ones when the batch cannot be read. Its insert then says why.
    """
    try:
        with pa.ipc.open_stream(payload) as reader:
            return look(complete(reader.read_all()))
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, MemoryError):
        return About()
