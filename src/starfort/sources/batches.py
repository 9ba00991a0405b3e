"""Makes batches of event rows from calls."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from starfort.sources.call import Call, recorded
from starfort.sources.reading import Sourced

if TYPE_CHECKING:
    from starfort._engine import Recorder

ROWS: Final = 5_000
"""Calls of one batch. An insert costs as much as some thousand rows, so small batches would be dear."""

BYTES: Final = 16 << 20
"""Bytes of bodies after which a batch ends before it has `ROWS` calls."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of some calls.

    Attributes:
        stream: an Arrow IPC stream of events.
        token: the same for the same calls, whenever and with whatever bundle their rows are made.
        rows: how many.
        apis: rows by API; "" for calls of no API.
        hosts: rows of no API, by host.
    """

    stream: bytes
    token: str
    rows: int
    apis: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)


def batches(calls: Iterable[Sourced], recorder: Recorder, *, node: str = "") -> Iterator[Batch]:
    """The rows of calls, batch by batch.

    Args:
        calls: the calls.
        recorder: makes the rows.
        node: column `node` of the rows; "": the bundle's.
    """
    held: list[Call] = []
    size, source = 0, ""
    for each in calls:
        # The word for the source is one for a whole batch.
        if held and (each.source != source or len(held) >= ROWS or size >= BYTES):
            yield batch(held, recorder, source, node)
            held, size = [], 0
        source = each.source
        held.append(each.call)
        size += len(each.call.body) + len(each.call.response_body)
    if held:
        yield batch(held, recorder, source, node)


def batch(calls: list[Call], recorder: Recorder, source: str, node: str = "") -> Batch:
    """The rows of some calls, of which there is at least one."""
    described = [recorded(call, index) for index, call in enumerate(calls)]
    stream = recorder.record(described, source=source, node=node)
    ids = (source.encode(), *(each["id"] for each in described))
    token = hashlib.blake2b(b" ".join(ids), digest_size=16).hexdigest()
    with pa.ipc.open_stream(stream) as reader:
        table = reader.read_all().select(["api", "host"])
    apis, hosts = (column.to_pylist() for column in table.columns)
    unknown = Counter(host for api, host in zip(apis, hosts, strict=True) if not api)
    return Batch(stream, token, table.num_rows, Counter(apis), unknown)
