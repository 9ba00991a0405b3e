"""Memory after traffic at a steady rate: Envoy with the filter, and the control plane with its store."""

from __future__ import annotations

import contextlib
from typing import Final

from benchmarks import envoy, starfort
from benchmarks.load import at_rate
from benchmarks.processes import resident_mb
from benchmarks.report import Row, figure
from benchmarks.stand import stand

RATE: Final = 5_000
SECONDS: Final = 30
ENVOY_MB: Final = 250
CONTROL_MB: Final = 1_000


async def run() -> list[Row]:
    """5,000 requests a second for half a minute, each of them an event."""
    async with contextlib.AsyncExitStack() as stack:
        here = await stack.enter_async_context(stand())
        plain, plain_pid = await stack.enter_async_context(envoy.proxy(here.upstream, here.folder))
        ours = await stack.enter_async_context(starfort.up(here.upstream, here.folder, here.mix))
        await at_rate(plain, here.requests, RATE, 5)
        before = await ours.events_stored()
        sent = await at_rate(ours.port, here.requests, RATE, SECONDS)
        data_plane, control_plane = resident_mb(ours.envoy), resident_mb(ours.control)
        stored = (await ours.events_stored() - before) / SECONDS
        return [
            figure("envoy alone", resident_mb(plain_pid), "MB"),
            figure("envoy and filter", data_plane, "MB", ENVOY_MB),
            figure("control plane", control_plane, "MB", CONTROL_MB),
            figure("events stored meanwhile", stored, "events/s"),
            figure("events dropped", await ours.events_dropped(), "events", 0),
            figure("failed", sent.failed, "requests", 0),
        ]
