"""Errors of the store.

StoreError
├── StoreOpenError      the data directory is in use, not writable or of a newer version
├── QueryError          ClickHouse refused or stopped a query
│   └── QueryLimitError it ran into its time or memory limit
│       └── StoreBusyError  it was not begun: too many queries of pages wait
└── StoreClosedError    used after close()
"""

from __future__ import annotations

import re

_CODE = re.compile(r"Code: (\d+)\.")
# ClickHouse src/Common/ErrorCodes.cpp: TOO_MANY_ROWS, TIMEOUT_EXCEEDED, MEMORY_LIMIT_EXCEEDED,
# TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES
_LIMITS = frozenset({158, 159, 241, 307, 396})


class StoreError(Exception):
    """Base of every error of the store."""


class StoreOpenError(StoreError):
    """The store could not be opened; the message says why and what to do."""


class StoreClosedError(StoreError):
    """The store was used after it was closed."""


class QueryError(StoreError):
    """ClickHouse refused or stopped a statement.

    Attributes:
        code: ClickHouse's error code, 0 when it gave none.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class QueryLimitError(QueryError):
    """A query ran into its limit of time, memory or result size."""


class StoreBusyError(QueryLimitError):
    """A query was not begun because too many wait for their turn; another try in a moment may succeed."""


def from_clickhouse(error: Exception) -> QueryError:
    """Turn an exception of a ClickHouse client into ours.

    Args:
        error: what chDB or clickhouse-connect raised; its text carries `Code: N.`.

    Returns:
        The error to raise, with the code when the text has one.
    """
    # Both clients only give the code within the text: chDB has no field for it.
    text = str(error)
    found = _CODE.search(text)
    code = int(found.group(1)) if found else 0
    kind = QueryLimitError if code in _LIMITS else QueryError
    return kind(text.strip(), code)
