"""The time from the beginning of a credential-stuffing campaign to its verdict in every filter."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import httpx

from benchmarks import starfort
from benchmarks.load import at_rate
from benchmarks.mix import HOST, LOGIN_REFUSED
from benchmarks.report import Row, figure
from benchmarks.stand import stand

RATE: Final = 500
ADDRESSES: Final = 200
PACE_S: Final = 0.01
"""Between two tries of the campaign: each address comes back after 2 s."""

GIVE_UP_S: Final = 12.0
WITHIN_S: Final = 3.0


async def run() -> list[Row]:
    """A campaign of 200 addresses tries 100 log-ins a second among the usual traffic."""
    async with stand() as here, starfort.up(here.upstream, here.folder, here.mix) as ours:
        load = asyncio.create_task(at_rate(ours.port, here.requests, RATE, GIVE_UP_S))
        await asyncio.sleep(1)
        start = time.perf_counter()
        tries = await _campaign(ours)
        took = time.perf_counter() - start
        sent = await load
    return [
        figure("first try to the first one stopped", took, "s", WITHIN_S),
        figure("tries until then", tries, "log-ins"),
        figure("others that failed", sent.failed, "requests", 0),
        figure("others that were answered", sent.answered, "requests"),
    ]


async def _campaign(ours: starfort.Starfort) -> int:
    """Try until Starfort answers instead of the API. Returns the number of attempts."""
    headers = {"host": HOST, "user-agent": "okhttp/4.9.3", "accept": "*/*"}
    start = time.perf_counter()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ours.port}", headers=headers) as http:
        for number in range(round((GIVE_UP_S - 2) / PACE_S)):
            await asyncio.sleep(max(0.0, start + number * PACE_S - time.perf_counter()))
            answer = await http.post(
                "/api/v1/login",
                json={"email": f"user{number}@example.com", "password": f"leaked-{number}"},
                headers={"x-forwarded-for": f"198.18.{number % ADDRESSES}.{number % 250 + 1}"},
            )
            if answer.content != LOGIN_REFUSED:
                return number
    raise RuntimeError(f"nobody stopped the campaign within {GIVE_UP_S - 2} s:\n{ours.log()}")
