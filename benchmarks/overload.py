"""What holds while two, five and ten times as many events come as ingest can take.

A second node without an Envoy (`crates/envoy-filter/src/flood.rs`: the filter's own queue and socket thread)
makes rows of a busy shop at a rate; a campaign of log-ins begins among them. Real requests pass the real
Envoy meanwhile, and the policy file is changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks import starfort
from benchmarks.load import Latency, at_rate
from benchmarks.mix import HOST
from benchmarks.processes import PROXY_CORE, on_core, running
from benchmarks.reload import CANARY, POLICY
from benchmarks.report import ROOT, Row, figure
from benchmarks.stand import Stand, stand
from starfort.store import Store

FACTORS: Final = (2, 5, 10)
SECONDS: Final = int(os.environ.get("STARFORT_BENCH_OVERLOAD_SECONDS", "60"))
CAPACITY_S: Final = 15
CAPACITY_RATE: Final = 100_000
"""More than any control plane on one core takes."""

CAMPAIGN_AT_S: Final = 15.0
CHANGES_AT_S: Final = (8.0, 25.0, 40.0)
"""When the policy file is changed: in an ordinary overload, and in one with an attack."""

REQUESTS_PER_S: Final = 100
DRAIN_S: Final = 90.0
GIVE_UP_S: Final = 30.0
LAG_WITHIN_S: Final = 2.0
SIGNAL_WITHIN_S: Final = 3.0
POLICY_WITHIN_S: Final = 2.0
MARKER: Final = "0123456789abcdef"
"""Fingerprint of the flood's markers, four a second."""

CAMPAIGN: Final = "feedfeed"
"""What the fingerprint of the flood's campaign begins with."""


@dataclass(slots=True)
class Seen:
    """What one overload showed.

    Attributes:
        offered: events a second that were made.
        lag_error_s: largest difference between the reported lag and the true one.
        lag_s: largest true lag.
        signal_s: from the campaign's first try to its signal; `GIVE_UP_S` when there was none.
        policy_s: each change of the policy file, until it was enforced.
        requests: what the real requests got.
        lost: events that are neither in the store nor counted as dropped.
        sampled: events that a row of another stands for.
        dropped: events that `status` counts as dropped.
        unanswered: questions to the REST API that were not answered.
    """

    offered: float = 0.0
    lag_error_s: float = 0.0
    lag_s: float = 0.0
    signal_s: float = GIVE_UP_S
    policy_s: list[float] = field(default_factory=list)
    requests: Latency = field(default_factory=lambda: Latency(0, 0, 0.0, 0.0, 0.0))
    lost: int = 0
    sampled: int = 0
    dropped: int = 0
    unanswered: int = 0


async def run() -> list[Row]:
    """Measure what ingest takes, then offer multiples of it."""
    program = await _build()
    async with stand() as here:
        capacity = await _capacity(here, program)
        rows = [figure("ingest takes", capacity, "events/s")]
        for factor in FACTORS:
            seen = await _overload(here, program, factor, capacity)
            rows += _rows(f"{factor} times", seen)
    return rows


def _rows(name: str, seen: Seen) -> list[Row]:
    return [
        figure(f"{name} offered", seen.offered, "events/s"),
        figure(f"{name} lag, reported against true", seen.lag_error_s, "s", LAG_WITHIN_S),
        figure(f"{name} longest lag", seen.lag_s, "s"),
        figure(f"{name} campaign signalled after", seen.signal_s, "s", SIGNAL_WITHIN_S),
        figure(f"{name} policy change in force after", max(seen.policy_s), "s", POLICY_WITHIN_S),
        figure(f"{name} requests failed", seen.requests.failed, "requests", 0),
        figure(f"{name} events lost uncounted", abs(seen.lost), "events", 0),
        figure(f"{name} events that others stand for", seen.sampled, "events"),
        figure(f"{name} events dropped, counted", seen.dropped, "events"),
        figure(f"{name} API questions unanswered", seen.unanswered, "questions", 0),
    ]


async def _build() -> Path:
    """Compile the flood."""
    command = ("cargo", "build", "--quiet", "--release", "--locked", "-p", "starfort-envoy-filter")
    process = await asyncio.create_subprocess_exec(
        *command, "--features", "flood", "--example", "flood", cwd=ROOT
    )
    if await process.wait():
        raise RuntimeError("the flood does not compile")
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/examples/flood"


@contextlib.asynccontextmanager
async def _starfort(here: Stand, name: str) -> AsyncIterator[starfort.Starfort]:
    async with starfort.up(here.upstream, here.folder / name, here.mix) as ours:
        yield ours


@contextlib.asynccontextmanager
async def _flood(
    ours: starfort.Starfort, program: Path, rate: int, seconds: float, campaign_at: float
) -> AsyncIterator[Path]:
    """Run the flood during the block; yields its output."""
    data = ours.config.parent / "var"
    config = {"bundle": str(data / "bundle.sfb"), "socket": str(data / "run/control.sock")}
    said = ours.config.parent / "flood.jsonl"
    command = [
        *on_core(PROXY_CORE),
        str(program),
        json.dumps(config),
        str(rate),
        str(seconds),
        str(campaign_at),
    ]
    async with running(command, said):
        yield said


def _last(said: Path) -> dict[str, Any]:
    """The last line that the flood printed."""
    lines = said.read_text().strip().splitlines()
    return dict(json.loads(lines[-1])) if lines else {"made": 0, "counters": {}}


async def _capacity(here: Stand, program: Path) -> float:
    """Rows a second that reach the store when more than enough come."""
    async with (
        _starfort(here, "capacity") as ours,
        _flood(ours, program, CAPACITY_RATE, CAPACITY_S + 5, CAPACITY_S * 2),
    ):
        await asyncio.sleep(4)
        before, start = await ours.events_stored(), time.perf_counter()
        await asyncio.sleep(CAPACITY_S - 5)
        return (await ours.events_stored() - before) / (time.perf_counter() - start)


async def _overload(here: Stand, program: Path, factor: int, capacity: float) -> Seen:
    seen = Seen()
    rate = round(capacity * factor)
    async with _starfort(here, f"times-{factor}") as ours:
        async with _flood(ours, program, rate, SECONDS, CAMPAIGN_AT_S) as said:
            end = time.perf_counter() + SECONDS
            load = asyncio.create_task(at_rate(ours.port, here.requests, REQUESTS_PER_S, SECONDS))
            await asyncio.gather(
                _watch_lag(ours, seen, end), _watch_signal(ours, seen), _change_policies(ours, seen)
            )
            seen.requests = await load
            await _drained(ours, said)
            last = _last(said)
        seen.offered = last["made"] / SECONDS
        seen.dropped = (await ours.get("/status"))["store"]["events_dropped"]
    with Store.open(ours.config.parent / "var/store") as store:
        row = store.query("SELECT count() AS rows, sum(weight) AS events FROM events WHERE node = 'flood'")[0]
    seen.lost = last["made"] - int(row["events"]) - seen.dropped
    seen.sampled = int(row["events"] - row["rows"])
    return seen


async def _watch_lag(ours: starfort.Starfort, seen: Seen, end: float) -> None:
    """Compare the reported lag with the age of the newest marker in the store, once a second.

    The marker is looked up between two reports, at some moment of the time that its answer takes: the
    reported lag is wrong by as much as lies between what both reports span and what the marker's age spans.
    """
    await asyncio.sleep(3)
    while time.perf_counter() < end - 1:
        await asyncio.sleep(1)
        try:
            first = (await ours.get("/status"))["store"]["lag_s"]
            asked = time.time()
            page = await ours.get(f"/events?range=15m&limit=1&fingerprint={MARKER}")
            answered = time.time()
            second = (await ours.get("/status"))["store"]["lag_s"]
        except (httpx.HTTPError, OSError):
            seen.unanswered += 1
            continue
        newest = datetime.fromisoformat(page["items"][0]["time"]).timestamp() if page["items"] else asked - 3
        youngest, oldest = max(0.0, asked - newest), max(0.0, answered - newest)
        seen.lag_s = max(seen.lag_s, youngest)
        apart = max(youngest - max(first, second), min(first, second) - oldest, 0.0)
        seen.lag_error_s = max(seen.lag_error_s, apart)


async def _watch_signal(ours: starfort.Starfort, seen: Seen) -> None:
    await asyncio.sleep(CAMPAIGN_AT_S)
    start = time.perf_counter()
    while time.perf_counter() < start + GIVE_UP_S:
        with contextlib.suppress(httpx.HTTPError, OSError):
            page = await ours.get("/signals?kind=credential_stuffing&limit=200")
            if any(CAMPAIGN in signal["key"] for signal in page["items"]):
                seen.signal_s = time.perf_counter() - start
                return
        await asyncio.sleep(0.1)


async def _change_policies(ours: starfort.Starfort, seen: Seen) -> None:
    start = time.perf_counter()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{ours.port}", headers={"host": HOST}, timeout=10
    ) as http:
        for number, at in enumerate(CHANGES_AT_S):
            await asyncio.sleep(max(0.0, start + at - time.perf_counter()))
            status = 410 + number
            ours.write_config(POLICY.format(path=CANARY, status=status))
            changed = time.perf_counter()
            while (await http.get(CANARY)).status_code != status:
                if time.perf_counter() > changed + GIVE_UP_S:
                    break
                await asyncio.sleep(0.01)
            seen.policy_s.append(time.perf_counter() - changed)


async def _drained(ours: starfort.Starfort, said: Path) -> None:
    """Wait until the flood has nothing that is not acknowledged, and ingest nothing that is not stored."""
    end = time.perf_counter() + DRAIN_S
    while time.perf_counter() < end:
        await asyncio.sleep(0.5)
        counters = _last(said)["counters"]
        done = sum(
            counters.get(name, 0) for name in ("events_acknowledged", "events_dropped", "events_failed")
        )
        status = await ours.get("/status")
        if done >= counters.get("events", 1) and not status["store"]["spool_bytes"]:
            return
