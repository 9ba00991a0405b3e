"""Query parameters in ClickHouse's text form, so that values are bound and never become SQL."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Mapping, Sequence

Value = (
    str
    | int
    | float
    | bool
    | None
    | dt.datetime
    | dt.date
    | ipaddress.IPv4Address
    | ipaddress.IPv6Address
    | Sequence["Value"]
)
"""What may be bound to a `{name:Type}` placeholder."""

# https://clickhouse.com/docs/interfaces/formats/TabSeparated: parameters are read as escaped text
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f", "'": "\\'"}
)


def encode(parameters: Mapping[str, Value]) -> dict[str, str]:
    """Write parameters as ClickHouse reads them.

    Args:
        parameters: values by placeholder name.

    Returns:
        Text by placeholder name.

    Raises:
        TypeError: a value has a type that cannot be bound.
    """
    return {name: _scalar(value, name) for name, value in parameters.items()}


def _scalar(value: Value, name: str) -> str:
    if isinstance(value, str):
        # Parameters are read as TabSeparated: a tab or line end would end the value.
        return value.translate(_ESCAPES)
    if value is None:
        return "\\N"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_item(part, name) for part in value) + "]"
    return _plain(value, name)


def _item(value: Value, name: str) -> str:
    """Write one element of an array: text, dates and addresses are quoted there."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.translate(_ESCAPES) + "'"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_item(part, name) for part in value) + "]"
    text = _plain(value, name)
    return text if isinstance(value, (bool, int, float)) else f"'{text}'"


def _plain(value: Value, name: str) -> str:
    # Before numbers, since a `bool` is an `int` and `repr` would write it with a capital.
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dt.datetime):
        # Without a zone it would be read as that of the server, which need not be that of this process.
        if value.tzinfo is None:
            raise TypeError(f"parameter {name!r}: a datetime without time zone; give it tzinfo")
        return value.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        return str(value)
    raise TypeError(f"parameter {name!r}: {type(value).__name__} cannot be bound")
