"""Events a second that the control plane takes: socket payload → validated → fsync'd → in the store.

`python benchmarks/ingest.py [SECONDS]` sends batches of 2,000 rows as fast as they are acknowledged, with all
rollups on, and divides by the CPU seconds of the whole process (so it is per core, whatever the machine has).
Then it sends 5,000 events/s for a while and prints the memory of the process.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from starfort.events.ingest import Ingest  # noqa: E402, I001
from starfort.store import Store  # noqa: E402
from starfort.store.sink import event_sink  # noqa: E402
from tests.support.events import event, stream  # noqa: E402

ROWS = 2_000
LOGINS = 0.02


def cpu() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory() -> float:
    """Resident megabytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def batches(chance: random.Random, count: int) -> list[bytes]:
    """Batches of a busy shop: 3,000 clients, 60 endpoints, one login in 50 calls."""
    now = dt.datetime.now(dt.UTC)
    clients = [
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


async def measure(directory: Path, seconds: float) -> list[dict[str, Any]]:
    """Run both parts."""
    prepared = batches(random.Random(1), 30)  # noqa: S311 - test data
    before = memory()
    with Store.open(directory / "store") as store:
        ingest = Ingest(directory / "spool", event_sink(store))
        await ingest.start()
        await send(ingest, prepared, 0, min(2.0, seconds), None)  # warm up
        await ingest.flush()
        start, used = time.perf_counter(), cpu()
        number = await send(ingest, prepared, 100_000, seconds, None)
        await ingest.flush()
        elapsed, used = time.perf_counter() - start, cpu() - used
        rows = number * ROWS
        await send(ingest, prepared, 200_000, seconds, 5_000)
        await ingest.flush()
        resident = memory() - before + 60  # the prepared batches are not the control plane's
        lag = ingest.status()["lag_seconds"]
        await ingest.close()
    if lag:
        raise SystemExit(f"{lag} s behind after flush")
    return [
        row("events_per_core", rows / used, "events/s", 20_000, at_least=True),
        row("events_wall", rows / elapsed, "events/s", None),
        row("memory_at_5000", resident, "MB", 1_000),
    ]


async def send(ingest: Ingest, prepared: list[bytes], first: int, seconds: float, rate: int | None) -> int:
    """Send for a time, four batches under way at once; how many were sent."""
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
        if rate:
            await asyncio.sleep(ROWS / rate)
        elif len(tasks) >= 8:  # noqa: PLR2004 - twice the window keeps it full
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*tasks)
    return count


def row(
    name: str, value: float, unit: str, target: float | None, *, at_least: bool = False
) -> dict[str, Any]:
    """One line of the table."""
    ok = target is None or (value >= target if at_least else value <= target)
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "baseline": None,
        "ratio": None,
        "target": target,
        "ok": ok,
    }


def main() -> None:
    """Run, print and write build/bench/ingest.json."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    with tempfile.TemporaryDirectory(prefix="starfort-bench-") as directory:
        results = asyncio.run(measure(Path(directory), seconds))
    target = ROOT / "build" / "bench" / "ingest.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(results, indent=1) + "\n")
    for result in results:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
