"""The time from a change of the policy file to its enforcement, under load."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Final

import httpx

from benchmarks import starfort
from benchmarks.load import at_rate
from benchmarks.mix import HOST
from benchmarks.report import Row, figure
from benchmarks.stand import stand

ROUNDS: Final = 5
RATE: Final = 1_000
GIVE_UP_S: Final = 10.0
WITHIN_S: Final = 1.0
CANARY: Final = "/api/v1/products/77"
"""The path whose answer a changed policy changes, so that a client sees when the policy is in force."""

POLICY: Final = """\
  - name: canary
    when: request.path == "{path}"
    action: {{block: {{status: {status}}}}}
    mode: enforce
"""


async def run() -> list[Row]:
    """Change what one path is answered, again and again, while 1,000 requests a second pass."""
    async with stand() as here, starfort.up(here.upstream, here.folder, here.mix) as ours:
        load = asyncio.create_task(at_rate(ours.port, here.requests, RATE, ROUNDS * 3.0))
        took = []
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{ours.port}", headers={"host": HOST}
        ) as http:
            for status in range(410, 410 + ROUNDS):
                await asyncio.sleep(0.5)
                took.append(await _change(ours, http, status))
        sent = await load
    return [
        figure("median", statistics.median(took), "s"),
        figure("longest", max(took), "s", WITHIN_S),
        figure("failed meanwhile", sent.failed, "requests", 0),
        figure("answered meanwhile", sent.answered, "requests"),
    ]


async def _change(ours: starfort.Starfort, http: httpx.AsyncClient, status: int) -> float:
    """Seconds from the new file to the first answer with this status."""
    ours.write_config(POLICY.format(path=CANARY, status=status))
    start = time.perf_counter()
    while (await http.get(CANARY)).status_code != status:
        if time.perf_counter() - start > GIVE_UP_S:
            raise RuntimeError(f"the new policy is not in force after {GIVE_UP_S} s:\n{ours.log()}")
        await asyncio.sleep(0.002)
    return time.perf_counter() - start
