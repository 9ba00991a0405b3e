"""Memory after traffic at a steady rate: Envoy with the filter, and the control plane with its store."""

from __future__ import annotations

from typing import Final

from benchmarks.load import at_rate
from benchmarks.pair import side_by_side
from benchmarks.processes import resident_mb
from benchmarks.report import Row, figure

RATE: Final = 5_000
SECONDS: Final = 30
ENVOY_MB: Final = 250
CONTROL_MB: Final = 1_000


async def run() -> list[Row]:
    """5,000 requests a second for half a minute, each of them an event."""
    async with side_by_side() as both:
        here, ours = both.here, both.ours
        await at_rate(both.plain, here.requests, RATE, 5)
        before = await ours.events_stored()
        sent = await at_rate(ours.port, here.requests, RATE, SECONDS)
        data_plane, control_plane = resident_mb(ours.envoy), resident_mb(ours.control)
        stored = (await ours.events_stored() - before) / SECONDS
        return [
            figure("envoy alone", resident_mb(both.plain_pid), "MB"),
            figure("envoy and filter", data_plane, "MB", ENVOY_MB),
            figure("control plane", control_plane, "MB", CONTROL_MB),
            figure("events stored meanwhile", stored, "events/s"),
            figure("events dropped", await ours.events_dropped(), "events", 0),
            figure("failed", sent.failed, "requests", 0),
        ]
