"""Events a second that the control plane takes: socket payload → validated → fsync'd → in the store.

Batches of 2,000 rows are sent as fast as they are acknowledged, with all rollups on, and the rows are divided
by the CPU seconds of the whole process (so it is per core, whatever the machine has).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import random
import resource
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from tests.support.events import event, stream

from benchmarks.report import Row, figure
from starfort.events.ingest import Ingest, Settings
from starfort.store import Store
from starfort.store.sink import event_sink

ROWS: Final = 2_000
LOGINS: Final = 0.02
SECONDS: Final = 10.0
PER_CORE: Final = 20_000


async def run() -> list[Row]:
    """Send for ten seconds."""
    prepared = batches(random.Random(1), 30)  # noqa: S311 - test data
    with tempfile.TemporaryDirectory(prefix="starfort-bench-") as name:
        directory = Path(name)
        with Store.open(directory / "store") as store:
            # Nothing is thinned, however much waits: every row counts.
            whole = Settings(bare_seconds=math.inf, thin_seconds=math.inf)
            ingest = Ingest(directory / "spool", event_sink(store), settings=whole)
            await ingest.start()
            await send(ingest, prepared, 0, 2.0)  # warm up
            await ingest.flush()
            start, used = time.perf_counter(), cpu()
            rows = ROWS * await send(ingest, prepared, 100_000, SECONDS)
            await ingest.flush()
            elapsed, used = time.perf_counter() - start, cpu() - used
            lag = float(ingest.status()["lag_seconds"])
            await ingest.close()
    return [
        figure("events a CPU second", rows / used, "events/s", PER_CORE, at_least=True),
        figure("events a second", rows / elapsed, "events/s"),
        figure("behind after flush", lag, "s", 0),
    ]


def cpu() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def callers(chance: random.Random) -> list[dict[str, object]]:
    """3,000 clients, each with a session, and two in three with a subject."""
    return [
        {
            "address": f"10.{chance.randrange(99)}.{chance.randrange(250)}.{n % 250}",
            "fingerprint": f"{n % 40:016x}",
            "ja4": f"t13d1516h2_{n % 25:012x}",
            "asn": 64500 + n % 60,
            "session_hash": f"{n:016x}",
            "subject_hash": f"{n:016x}" if n % 3 else "",
            "user_agent": f"Mozilla/5.0 (X11; Linux x86_64) rv:{n % 40} Gecko/20100101",
        }
        for n in range(3_000)
    ]


def batches(chance: random.Random, count: int) -> list[bytes]:
    """Batches of a busy shop: 3,000 clients, 60 endpoints, one login in 50 calls."""
    now = dt.datetime.now(dt.UTC)
    clients = callers(chance)
    made = []
    for _ in range(count):
        rows = []
        for n in range(ROWS):
            endpoint = min(59, int(chance.expovariate(0.1)))
            login = chance.random() < LOGINS
            rows.append(
                event(
                    **clients[min(2_999, int(chance.expovariate(0.002)))],
                    time=now + dt.timedelta(microseconds=n * 50),
                    id=f"{chance.getrandbits(128):032x}",
                    endpoint_id=f"{endpoint:016x}",
                    template=f"/api/v1/resource{endpoint}/{{id}}",
                    path=f"/api/v1/resource{endpoint}/{chance.randrange(100_000)}",
                    object_hash=f"{chance.randrange(100_000):016x}",
                    duration_us=int(chance.expovariate(1e-4)),
                    engine_us=chance.randrange(20, 60),
                    status=chance.choice([200, 200, 200, 200, 201, 404, 401]),
                    parameters=["path:id:integer", "query:page:integer"],
                    auth_seen=["bearer"],
                    account_hash=f"{chance.randrange(3_000):016x}" if login else "",
                    password_hash=f"{chance.randrange(3_000):016x}" if login else "",
                )
            )
        made.append(stream(rows))
    return made


async def send(ingest: Ingest, prepared: list[bytes], first: int, seconds: float) -> int:
    """Send for some time, with four batches under way at once. Returns how many were sent."""
    count = 0
    end = time.perf_counter() + seconds
    window = asyncio.Semaphore(4)
    tasks: set[asyncio.Task[Any]] = set()

    async def one(number: int) -> None:
        async with window:
            await ingest.accept("n", "bench", first + number, prepared[number % len(prepared)])

    while time.perf_counter() < end:
        task = asyncio.create_task(one(count))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        count += 1
        if len(tasks) >= 8:  # noqa: PLR2004 - twice the window keeps it full
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*tasks)
    return count
