"""Plain Envoy and Starfort side by side in front of one upstream, for benchmarks that compare the two."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from benchmarks import envoy, starfort
from benchmarks.stand import Stand, stand


@dataclass(frozen=True, slots=True)
class Pair:
    """Both proxies, running.

    Attributes:
        here: the stand with the upstream and the traffic.
        plain: port of plain Envoy.
        plain_pid: its process.
        ours: Starfort.
    """

    here: Stand
    plain: int
    plain_pid: int
    ours: starfort.Starfort


@contextlib.asynccontextmanager
async def side_by_side() -> AsyncIterator[Pair]:
    """Start the upstream, plain Envoy and Starfort; all of them end with the block."""
    async with (
        stand() as here,
        envoy.proxy(here.upstream, here.folder) as (plain, pid),
        starfort.up(here.upstream, here.folder, here.mix) as ours,
    ):
        yield Pair(here, plain, pid, ours)
