"""The Arrow schema of events: one row per request, field by field as docs/events.md says.

The filter sends it, the spool keeps it, the store's `events` table has the same columns in the same order.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

_TEXT = pa.utf8()
_TEXTS = pa.list_(pa.utf8())

EVENT_SCHEMA: pa.Schema = pa.schema(
    [
        pa.field(name, kind, nullable=False)
        for name, kind in (
            ("time", pa.timestamp("us", tz="UTC")),
            ("id", _TEXT),
            ("node", _TEXT),
            ("bundle", _TEXT),
            ("api", _TEXT),
            ("endpoint_id", _TEXT),
            ("method", _TEXT),
            ("scheme", _TEXT),
            ("host", _TEXT),
            ("path", _TEXT),
            ("template", _TEXT),
            ("protocol", _TEXT),
            ("status", pa.uint16()),
            ("upstream", _TEXT),
            ("request_bytes", pa.uint64()),
            ("response_bytes", pa.uint64()),
            ("duration_us", pa.uint32()),
            ("engine_us", pa.uint32()),
            ("address", pa.binary(16)),
            ("country", _TEXT),
            ("asn", pa.uint32()),
            ("as_organization", _TEXT),
            ("ja4", _TEXT),
            ("fingerprint", _TEXT),
            ("user_agent", _TEXT),
            ("bot", _TEXT),
            ("bot_name", _TEXT),
            ("identity_kind", _TEXT),
            ("identity_verified", pa.bool_()),
            ("subject", _TEXT),
            ("subject_hash", _TEXT),
            ("credential_hash", _TEXT),
            ("identity_error", _TEXT),
            ("account_hash", _TEXT),
            ("password_hash", _TEXT),
            ("session_hash", _TEXT),
            ("auth_seen", _TEXTS),
            ("credential_places", _TEXTS),
            ("content_type", _TEXT),
            ("response_content_type", _TEXT),
            ("api_version", _TEXT),
            ("parameters", _TEXTS),
            ("object_hash", _TEXT),
            ("anomalies", _TEXTS),
            ("findings", _TEXTS),
            ("evidence", _TEXTS),
            ("contract", _TEXTS),
            ("shape_request", _TEXT),
            ("shape_response", _TEXT),
            ("response_traits", _TEXTS),
            ("sensitive_request", _TEXTS),
            ("sensitive_response", _TEXTS),
            ("sensitive_response_count", pa.uint32()),
            ("signals", _TEXTS),
            ("action", _TEXT),
            ("policy", _TEXT),
            ("tags", _TEXTS),
            ("observed", _TEXTS),
            ("weight", pa.uint32()),
            ("source", _TEXT),
            ("unseen", _TEXTS),
        )
    ]
)
"""Columns and types of one event. No field may be null: a text that is absent is "", a list is empty."""

ADDED: Final = (
    "credential_places", "api_version", "evidence", "contract", "shape_request", "shape_response",
    "response_traits", "weight", "source", "unseen",
)  # fmt: skip
"""Columns that filters and spools of earlier versions lack, in the order of the schema. Envoy goes on with
its old filter while the control plane is updated, so the control plane must read both."""


def complete(table: pa.Table) -> pa.Table:
    """Give rows all columns and types of EVENT_SCHEMA.

    Args:
        table: rows in the order of EVENT_SCHEMA; columns of `ADDED` may be missing: lists and texts are
            then empty, and a row stands for one call.

    Raises:
        pa.ArrowException, ValueError: other columns, or types that cannot be cast.
    """
    for name in ADDED:
        if name not in table.schema.names:
            field = EVENT_SCHEMA.field(name)
            value = {_TEXTS: [], _TEXT: ""}.get(field.type, 1)
            absent = pa.repeat(pa.scalar(value, field.type), table.num_rows)
            table = table.add_column(EVENT_SCHEMA.get_field_index(name), field, absent)
    # Casting to the type that a column already has copies nothing.
    return table.cast(EVENT_SCHEMA)
