"""Tells filters who logged in before, so that nobody who succeeded is refused for what others do.

The store keeps a hash of each pair of account and place from which a log-in succeeded (`login_known`).
Filters hold these hashes in a memory of fixed size (`crates/engine/src/signals/known.rs`) and add those that
they see themselves. A filter that connects is told all hashes. From time to time all filters are told the new
ones, because another filter may have seen them, and forget the old ones.
"""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa
import structlog

from starfort.store import Store, StoreError

EVERY_S: Final = 60.0
"""How often filters are told new hashes. A filter learns by itself from the traffic that it sees; this is for
filters that connect later, and for several filters that share the traffic."""

REBUILD_EVERY_S: Final = 6 * 3600.0
"""How often all hashes are read anew, so that filters forget those that the store has forgotten."""

OVERLAP: Final = timedelta(minutes=5)
"""How much is read again each time, because events come to the store some seconds after their time."""

SETTLE_S: Final = 10.0
"""How long a rebuild waits before it reads. From its begin on, filters keep what they see themselves; what
they saw before is in the store after this time."""

PARTS: Final = 64
"""Into how many queries a full read is divided. With a million accounts there are four million hashes, so
each query returns some 70,000 rows, well below the 200,000 that a reader may have."""

MAX_PART_ROWS: Final = 150_000
"""Hashes of one part at most, the latest ones. These are ten million in all; at that number, the memory of
the filters takes 3 % of strangers for known."""

log = structlog.get_logger(__name__)

_NEW = (
    "SELECT hash FROM login_known WHERE time >= {since:DateTime64(6, 'UTC')}"
    " GROUP BY hash LIMIT {most:UInt32}"
)
# `GROUP BY`, because the table has a row for each log-in until ClickHouse merges its parts.
_PART = (
    "SELECT hash FROM login_known WHERE hash >= {first:UInt64} AND hash <= {last:UInt64}"
    " GROUP BY hash ORDER BY max(time) DESC LIMIT {most:UInt32}"
)


class Part(enum.IntFlag):
    """Which part of a transfer a frame of hashes is."""

    MORE = 0
    FIRST = 1
    """All known hashes follow. A hash that is not among them, and is not seen meanwhile, is forgotten at the
    last frame."""
    LAST = 2
    """The transfer is complete."""


Push = Callable[[bytes, Part], Awaitable[None]]
"""Sends hashes of 8 bytes each, little endian, to every filter."""


class KnownLogins:
    """Keeps filters informed about who logged in before.

    Args:
        store: where the hashes are kept.
        push: tells every filter.
        clock: Unix seconds.
        pause: waits for seconds.
    """

    def __init__(
        self,
        store: Store,
        push: Push,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._push = push
        self._clock = clock
        self._pause = pause
        self._chunks: list[bytes] = []
        self._read_until = datetime.fromtimestamp(0, UTC)
        self._rebuilt_at = 0.0
        self.failures = 0

    def chunks(self) -> Sequence[bytes]:
        """All hashes, for a filter that connects; empty before they were read."""
        return tuple(self._chunks)

    @property
    def entries(self) -> int:
        """How many hashes are held; between two rebuilds, some of them are counted more than once."""
        return sum(map(len, self._chunks)) // 8

    async def run(self) -> None:
        """Read hashes and send them to the filters again and again, until cancelled."""
        while True:
            try:
                await self.refresh()
            except StoreError as error:
                self.failures += 1
                log.warning("known_logins_not_read", reason=" ".join(str(error).split())[:300])
            await asyncio.sleep(EVERY_S)

    async def refresh(self) -> None:
        """Read the new hashes, or all of them when it is time, and tell filters.

        Raises:
            StoreError: they cannot be read; filters keep those that they were told.
        """
        now = self._clock()
        # The time is taken before reading, so that hashes stored meanwhile are read the next time.
        began = datetime.fromtimestamp(now, UTC)
        if not self._rebuilt_at or now - self._rebuilt_at >= REBUILD_EVERY_S:
            await self._push(b"", Part.FIRST)
            # Before the first read, filters know no hash that could get lost, so there is no need to wait.
            if self._rebuilt_at:
                await self._pause(SETTLE_S)
            self._chunks = await asyncio.to_thread(self._everything)
            self._rebuilt_at = now
            for chunk in self._chunks:
                await self._push(chunk, Part.MORE)
            await self._push(b"", Part.LAST)
        else:
            new = await asyncio.to_thread(self._new, self._read_until - OVERLAP)
            if new:
                self._chunks.append(new)
                await self._push(new, Part.MORE)
        self._read_until = began

    def _everything(self) -> list[bytes]:
        step = 2**64 // PARTS
        parts = (
            self._ask(_PART, {"first": step * part, "last": step * part + step - 1, "most": MAX_PART_ROWS})
            for part in range(PARTS)
        )
        return [part for part in parts if part]

    def _new(self, since: datetime) -> bytes:
        return self._ask(_NEW, {"since": since, "most": MAX_PART_ROWS})

    def _ask(self, sql: str, parameters: Mapping[str, int | datetime]) -> bytes:
        table = self._store.query_arrow(sql, parameters)
        if not table.num_rows:
            return b""
        hashes = table.column("hash").combine_chunks().cast(pa.uint64())
        # The buffer of a sliced column may begin before the slice, so the offset counts. The bytes are copied
        # as they are: a Python integer for each of millions of hashes would take seconds.
        content = hashes.buffers()[1].to_pybytes()
        return bytes(content[hashes.offset * 8 : (hashes.offset + len(hashes)) * 8])
