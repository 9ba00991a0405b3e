"""Rows of events for tests: one row with defaults, and batches as the filter sends them."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from starfort.events.schema import EVENT_SCHEMA

# recent, because the store drops what is older than its retention
START = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(minutes=2)


def packed(address: str) -> bytes:
    """An address as the filter writes it: IPv6, with IPv4 mapped into it."""
    parsed = ipaddress.ip_address(address)
    mapped = ipaddress.IPv6Address(f"::ffff:{parsed}") if parsed.version == 4 else parsed
    return mapped.packed


def event(**fields: Any) -> dict[str, Any]:
    """One event: an allowed GET that was answered 200, with the given columns in place of its own."""
    row: dict[str, Any] = {}
    for field in EVENT_SCHEMA:
        if pa.types.is_list(field.type):
            row[field.name] = []
        elif field.type == pa.utf8():
            row[field.name] = ""
        else:
            row[field.name] = 0
    row |= {
        "time": START,
        "id": "00000000-0000-4000-8000-000000000000",
        "node": "edge-1",
        "method": "GET",
        "scheme": "https",
        "host": "shop.example.com",
        "api": "shop",
        "path": "/",
        "protocol": "HTTP/2",
        "status": 200,
        "upstream": "shop",
        "address": "192.0.2.1",
        "identity_kind": "none",
        "identity_verified": False,
        "bot": "none",
        "action": "allow",
        "response_content_type": "application/json",
        "weight": 1,
    }
    row |= fields
    if isinstance(row["address"], str):
        row["address"] = packed(row["address"])
    return row


def stream(rows: Iterable[Mapping[str, Any]], schema: pa.Schema = EVENT_SCHEMA) -> bytes:
    """Rows as one Arrow IPC stream with one record batch."""
    batch = pa.RecordBatch.from_pylist([dict(row) for row in rows], schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content
