"""Where ingest's segments go: the events table of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starfort.events.errors import SegmentRefusedError
from starfort.store.errors import QueryError

if TYPE_CHECKING:
    from starfort.events.ingest import Sink
    from starfort.store.store import Store

# ClickHouse src/Common/ErrorCodes.cpp: what the content causes and another try cannot change
# 6 CANNOT_PARSE_TEXT, 27 CANNOT_PARSE_INPUT_ASSERTION_FAILED, 33 CANNOT_READ_ALL_DATA, 53 TYPE_MISMATCH,
# 70 CANNOT_CONVERT_TYPE, 117 INCORRECT_DATA, 252 would be TOO_MANY_PARTS and does pass: it is not here
_CONTENT = frozenset({6, 27, 33, 53, 70, 117})


def event_sink(store: Store) -> Sink:
    """Give the function that ingest inserts with.

    Args:
        store: where events go.

    Returns:
        A sink; safe to call from ingest's thread.
    """

    def sink(stream: bytes, token: str) -> None:
        # Only what the content causes is refused for good; everything else (a full disk, a store that is
        # away) may pass, so ingest tries it again.
        try:
            store.insert_arrow(stream, token=token)
        except QueryError as error:
            if error.code in _CONTENT:
                raise SegmentRefusedError(str(error)) from error
            raise

    return sink
