"""What a caller notices: latency at half of the rate that Starfort can carry, with and without it."""

from __future__ import annotations

import statistics
from typing import Final

from benchmarks.load import Latency, at_rate, fastest
from benchmarks.pair import side_by_side
from benchmarks.report import Row, compared, figure

ROUNDS: Final = 5
SECONDS: Final = 5
ADDED_P99_MS: Final = 0.5


async def run() -> list[Row]:
    """Find the rate, then send at half of it through both in turn, `ROUNDS` times over."""
    async with side_by_side() as both:
        here, ours = both.here, both.ours
        await fastest(ours.port, here.script, 2)
        rate = await fastest(ours.port, here.script, SECONDS) / SECONDS / 2
        measured: dict[str, list[Latency]] = {"envoy": [], "starfort": []}
        for _ in range(ROUNDS):
            for name, port in (("envoy", both.plain), ("starfort", ours.port)):
                measured[name].append(await at_rate(port, here.requests, rate, SECONDS))
    with_it, without = measured["starfort"], measured["envoy"]
    return _rows(rate, with_it, without)


def _rows(rate: float, with_it: list[Latency], without: list[Latency]) -> list[Row]:
    added = [ours.p99_ms - theirs.p99_ms for ours, theirs in zip(with_it, without, strict=True)]
    failed = sum(one.failed for one in [*with_it, *without])
    return [
        figure("rate (half of the most)", rate, "requests/s"),
        compared("p50 over envoy", [one.p50_ms for one in with_it], [one.p50_ms for one in without], "ms"),
        compared("p99 over envoy", [one.p99_ms for one in with_it], [one.p99_ms for one in without], "ms"),
        figure("p99 added (median of rounds)", statistics.median(added), "ms", ADDED_P99_MS),
        figure(
            "sent late, p99 (the generator's own)", max(one.late_ms for one in [*with_it, *without]), "ms"
        ),
        figure("failed", failed, "requests", 0),
    ]
