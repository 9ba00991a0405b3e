"""What the store needs of ClickHouse, whether it runs in this process (`embedded`) or is a server (`server`).

Both take ClickHouse SQL with `{name:Type}` placeholders and return Arrow tables. Only these two modules know
which of them it is; everything above them is written once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import pyarrow as pa

from starfort.store.parameters import Value


class Reader(StrEnum):
    """On whose behalf a query runs. Each has sessions of its own, so that none can take another's."""

    PAGES = "pages"
    """People: pages, REST API and CLI. Bounded in number, with a queue that refuses rather than grows."""

    DETECTION = "detection"
    """Detectors on their beat. Nothing that a person does may hold them up."""

    BACKGROUND = "background"
    """The catalogue and the posture checks: they may wait for each other, and for nobody else."""


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What reading and the whole engine may use.

    Attributes:
        read_seconds: longest a query may run.
        read_memory_bytes: most memory one query of a page may use. All page queries at once (`readers` times
            this) must leave detectors, inserts and merges their part of `server_memory_bytes`.
        read_rows: most rows one query may return.
        readers: queries of pages that may run at once.
        waiting: queries of pages that may wait for one of them; the next is refused at once.
        wait_seconds: longest that such a query waits before it is refused.
        detection_readers: queries of detectors that may run at once.
        detection_memory_bytes: most memory one query of a detector may use.
        background_memory_bytes: most memory one query of the catalogue or of a check may use.
        server_memory_bytes: most memory ClickHouse may use inside this process.
    """

    read_seconds: float = 10.0
    read_memory_bytes: int = 160 << 20
    read_rows: int = 200_000
    readers: int = 2
    waiting: int = 16
    wait_seconds: float = 5.0
    detection_readers: int = 2
    detection_memory_bytes: int = 128 << 20
    background_memory_bytes: int = 160 << 20
    server_memory_bytes: int = 640 << 20

    def sessions(self, reader: Reader) -> int:
        """How many queries of a reader may run at once."""
        return {
            Reader.PAGES: self.readers,
            Reader.DETECTION: self.detection_readers,
            Reader.BACKGROUND: 1,
        }[reader]

    def settings(self, reader: Reader) -> dict[str, int | float | str]:
        """ClickHouse's settings for a reader's queries."""
        return {
            "max_execution_time": self.read_seconds,
            "max_memory_usage": {
                Reader.PAGES: self.read_memory_bytes,
                Reader.DETECTION: self.detection_memory_bytes,
                Reader.BACKGROUND: self.background_memory_bytes,
            }[reader],
            "max_result_rows": self.read_rows,
            "result_overflow_mode": "throw",
            # One thread for each query: page queries then share the cores of a small machine fairly with the
            # rest, and a query costs less CPU in one thread than in two.
            "max_threads": 1,
            "priority": _PRIORITIES[reader],
            "memory_overcommit_ratio_denominator": _GUARANTEED_BYTES[reader],
            "readonly": 2,
        }


_PRIORITIES: Final = {Reader.DETECTION: 1, Reader.BACKGROUND: 2, Reader.PAGES: 3}
"""While a query with a lower number runs, ClickHouse makes those with higher numbers pause between blocks
(`priority`). A pause lasts at most `low_priority_query_wait_time_ms`, 1 s, so no query waits for ever."""

_GUARANTEED_BYTES: Final = {Reader.DETECTION: 1 << 30, Reader.BACKGROUND: 128 << 20, Reader.PAGES: 1 << 20}
"""When ClickHouse reaches `server_memory_bytes`, it stops the query that uses the greatest multiple of this
value (`memory_overcommit_ratio_denominator`): one of a page before one of a check, and a detector's last."""


class ClickHouse(Protocol):
    """What the store needs of ClickHouse."""

    def command(self, sql: str, parameters: Mapping[str, Value] | None = None) -> None:
        """Run a statement that returns nothing."""

    def insert(self, table: str, columns: list[str], stream: bytes, token: str) -> None:
        """Insert an Arrow IPC stream as one block; the same token is inserted once."""

    def query(
        self, sql: str, parameters: Mapping[str, Value] | None = None, reader: Reader = Reader.PAGES
    ) -> pa.Table:
        """Run a SELECT within the limits of a reader, when it is its turn."""

    def inspect(self, sql: str, parameters: Mapping[str, Value] | None = None) -> pa.Table:
        """Run a SELECT of ours over ClickHouse's own tables, which `query` may not read."""

    def refused(self) -> int:
        """Queries of pages that were refused because too many waited."""

    def work(self, sql: str, parameters: Mapping[str, Value] | None = None, *, token: str = "") -> pa.Table:
        """Run a statement of the store's own upkeep: it holds up neither inserts nor readers."""

    def settled(self) -> str:
        """A time of arrival, as text of DateTime64(6, 'UTC'), up to which every row can be read."""

    def close(self) -> None:
        """Release everything; waits for what is running."""


# One block per insert (so that one deduplication token covers it), and views deduplicated with their source:
# a repeated insert then finishes whatever a kill left undone and doubles nothing.
INSERT_SETTINGS: dict[str, int] = {
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "min_insert_block_size_rows": 1_000_000,
    "min_insert_block_size_bytes": 512 << 20,
    "max_insert_threads": 1,
    "async_insert": 0,
}


# What the store does for itself takes one thread and its time. Its inserts are one block each, as ingest's
# are, so that a token covers them.
WORK_SETTINGS: dict[str, int] = INSERT_SETTINGS | {
    "max_threads": 1,
    "max_memory_usage": 384 << 20,
    "max_block_size": 65_536,
}
