"""Who logged in before, for filters: nobody who succeeded is refused for what others do.

The store keeps a hash of each account and place that a log-in succeeded with (`login_known`). Filters hold
them in a memory of one size (`crates/engine/src/signals/known.rs`) and add what they see themselves. A filter
that comes is told all of them; now and then all filters are told what is new, for another one may have seen
it, and forget what is too old.
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
"""How often filters are told what is new. Each learns by itself what it sees; this is for those who come
later, and where several share the traffic."""

REBUILD_EVERY_S: Final = 6 * 3600.0
"""How often everything is read anew, so that filters forget what the store forgot."""

OVERLAP: Final = timedelta(minutes=5)
"""What is read again each time: events come to the store some seconds after their time."""

SETTLE_S: Final = 10.0
"""Between the begin of a rebuild, from which on filters keep what they see themselves, and reading: what
they saw before is in the store by then."""

PARTS: Final = 64
"""Queries for everything: at a million accounts (four million hashes) each returns some 70,000 rows."""

MAX_PART_ROWS: Final = 150_000
"""Hashes of one part at most, the latest ones: ten million in all, which filters take for 3 % of strangers
too."""

log = structlog.get_logger(__name__)

_NEW = (
    "SELECT hash FROM login_known WHERE time >= {since:DateTime64(6, 'UTC')}"
    " GROUP BY hash LIMIT {most:UInt32}"
)
_PART = (
    "SELECT hash FROM login_known WHERE hash >= {first:UInt64} AND hash <= {last:UInt64}"
    " GROUP BY hash ORDER BY max(time) DESC LIMIT {most:UInt32}"
)


class Part(enum.IntFlag):
    """What a frame of hashes is."""

    MORE = 0
    FIRST = 1
    """All that are known follow: who is not among them and does not log in meanwhile is forgotten at the
    last one."""
    LAST = 2


Push = Callable[[bytes, Part], Awaitable[None]]
"""Tells every filter hashes of 8 bytes each, little endian."""


class KnownLogins:
    """Keeps filters told who logged in before.

    Args:
        store: where it is kept.
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
        """Everything, for a filter that comes; empty before it was read."""
        return tuple(self._chunks)

    @property
    def entries(self) -> int:
        """Hashes held, some of them more than once between two rebuilds."""
        return sum(map(len, self._chunks)) // 8

    async def run(self) -> None:
        """Read and tell, until cancelled."""
        while True:
            try:
                await self.refresh()
            except StoreError as error:
                self.failures += 1
                log.warning("known_logins_not_read", reason=" ".join(str(error).split())[:300])
            await asyncio.sleep(EVERY_S)

    async def refresh(self) -> None:
        """Read what is new, or everything when it is time, and tell filters.

        Raises:
            StoreError: it cannot be read; what was told stays.
        """
        now = self._clock()
        began = datetime.fromtimestamp(now, UTC)
        if not self._rebuilt_at or now - self._rebuilt_at >= REBUILD_EVERY_S:
            await self._push(b"", Part.FIRST)
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
        content = hashes.buffers()[1].to_pybytes()
        return bytes(content[hashes.offset * 8 : (hashes.offset + len(hashes)) * 8])
