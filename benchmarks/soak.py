"""Whether memory stays constant: traffic and people at pages for minutes or an hour, with a full store.

`make soak` runs an hour, `make bench` five minutes (`STARFORT_SOAK_S`). The store has twenty million events
of thirty days; traffic goes on at a steady rate, and every second somebody opens a page of thirty days.
Memory is what both processes hold at the end compared with the middle: what is filled once (caches, tables of
clients) is full by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import statistics
import time
from pathlib import Path
from typing import Final

import httpx

from benchmarks import starfort
from benchmarks.load import at_rate
from benchmarks.pages import open_store, store_path
from benchmarks.processes import resident_mb
from benchmarks.report import Row, figure
from benchmarks.stand import stand

RATE: Final = 500
SECONDS: Final = float(os.environ.get("STARFORT_SOAK_S", "300"))
SAMPLE_S: Final = 5.0
MOST_GROWTH: Final = 1.05
ENVOY_MB: Final = 250
CONTROL_MB: Final = 1_000

ROUTES: Final = (
    "/traffic?range=30d",
    "/traffic/apis?range=30d",
    "/clients?range=30d",
    "/clients?range=30d&by=fingerprint",
    "/findings?range=30d",
    "/events?range=30d",
    "/events?range=30d&action=stopped",
    "/policies",
    "/endpoints",
    "/attention",
)


async def run() -> list[Row]:
    """Run as long as asked for."""
    open_store().close()
    async with contextlib.AsyncExitStack() as stack:
        here = await stack.enter_async_context(stand())
        _link(store_path(), here.folder / "starfort" / "var" / "store")
        retention = "{events: 400d, rollups: 400d}"
        ours = await stack.enter_async_context(
            starfort.up(here.upstream, here.folder / "starfort", here.mix, retention=retention)
        )
        end = time.monotonic() + SECONDS
        traffic = asyncio.create_task(at_rate(ours.port, here.requests, RATE, SECONDS))
        people = asyncio.create_task(_look(ours, end))
        samples = []
        while time.monotonic() < end:
            await asyncio.sleep(SAMPLE_S)
            samples.append((resident_mb(ours.envoy), resident_mb(ours.control)))
        sent, (answered, refused) = await traffic, await people
        dropped = await ours.events_dropped()
    third = max(1, len(samples) // 3)
    rows = []
    for number, (name, most) in enumerate((("envoy and filter", ENVOY_MB), ("control plane", CONTROL_MB))):
        middle = statistics.median(sample[number] for sample in samples[third : 2 * third])
        last = statistics.median(sample[number] for sample in samples[2 * third :])
        rows += [
            figure(f"{name}, at the end", last, "MB", most),
            figure(f"{name}, end over middle", last / middle, "times", MOST_GROWTH),
        ]
    return [
        *rows,
        figure("pages answered meanwhile", answered, "answers"),
        figure("pages not answered", refused, "answers", 0),
        figure("failed", sent.failed, "requests", 0),
        figure("events dropped", dropped, "events", 0),
    ]


async def _look(ours: starfort.Starfort, end: float) -> tuple[int, int]:
    """Open one page a second. Returns how many were answered, and how many were not."""
    answered = refused = number = 0
    while time.monotonic() < end:
        try:
            await ours.get(ROUTES[number % len(ROUTES)])
            answered += 1
        except httpx.HTTPError:
            refused += 1
        number += 1
        await asyncio.sleep(1)
    return answered, refused


def _link(store: Path, to: Path) -> None:
    """Put a store where Starfort looks for it. ClickHouse never changes a file in place: links are enough."""
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        shutil.copytree(store, to, copy_function=os.link, symlinks=True)
    except (OSError, shutil.Error):
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(store, to, symlinks=True)
