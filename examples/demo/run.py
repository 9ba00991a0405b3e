"""Run the demo: the example APIs, Starfort in front of them, and traffic until Ctrl-C.

Run: python -m examples.demo.run [--for SECONDS]   (from the repository's root, after `make setup`)
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import string
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from examples.demo import geo
from examples.demo.client import Client
from examples.demo.traffic import Traffic
from examples.shop.serve import password_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "demo"
START_TIMEOUT_S = 60.0
SUMMARY_EVERY_S = 15.0


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, flush=True)


@dataclass(frozen=True)
class Ports:
    """Where everything listens, on loopback."""

    listen: int
    admin: int
    shop: int
    bank: int
    fraud_desk: int


def choose_ports() -> Ports:
    """The usual ports where they are free, others where they are not."""
    wanted = (8080, 9443, 9001, 9002, 9003)
    chosen: list[int] = []
    holds: list[socket.socket] = []
    for port in wanted:
        hold = socket.socket()
        hold.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            hold.bind(("127.0.0.1", port))
        except OSError:
            hold.bind(("127.0.0.1", 0))
        chosen.append(hold.getsockname()[1])
        holds.append(hold)
    for hold in holds:
        hold.close()
    return Ports(*chosen)


def write_configuration(ports: Ports) -> Path:
    """Fill the demo's configuration in; returns its path."""
    data = FOLDER / "var"
    (data / "geo").mkdir(parents=True, exist_ok=True, mode=0o700)
    geo.write(data / "geo")
    text = string.Template((Path(__file__).parent / "starfort.yaml").read_text()).substitute(
        DATA_DIR=data,
        EXAMPLES=ROOT / "examples",
        LISTEN_PORT=ports.listen,
        ADMIN_PORT=ports.admin,
        SHOP_PORT=ports.shop,
        BANK_PORT=ports.bank,
        FRAUD_DESK_PORT=ports.fraud_desk,
    )
    path = FOLDER / "starfort.yaml"
    path.write_text(text)
    return path


async def wait_for(
    ask: Callable[[], Awaitable[bool]], what: str, process: asyncio.subprocess.Process
) -> None:
    """Wait until `ask` says yes.

    Raises:
        SystemExit: the process ended first, or nothing happened within `START_TIMEOUT_S`.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while not await ask():
        if process.returncode is not None:
            raise SystemExit(f"{what} ended with status {process.returncode}; see {FOLDER / 'starfort.log'}")
        if time.monotonic() > deadline:
            raise SystemExit(
                f"{what} did not answer within {START_TIMEOUT_S:.0f} s; see {FOLDER / 'starfort.log'}"
            )
        await asyncio.sleep(0.1)


def answers(url: str, host: str, status: int = 200) -> Callable[[], Awaitable[bool]]:
    """A question for `wait_for`: does GET `url` answer `status`?"""

    async def ask() -> bool:
        async with httpx.AsyncClient(timeout=2) as http:
            try:
                return (await http.get(url, headers={"host": host})).status_code == status
            except httpx.HTTPError:
                return False

    return ask


async def start(ports: Ports, stack: contextlib.AsyncExitStack) -> None:
    """Start the example APIs and Starfort; both end with `stack`."""
    say("Starting the example APIs ...")
    apis = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "examples/shop/serve.py"),
        "--shop-port", str(ports.shop), "--bank-port", str(ports.bank), "--fraud-desk-port", str(ports.fraud_desk),
        start_new_session=True,
    )  # fmt: skip
    stack.push_async_callback(stop, apis)
    await wait_for(answers(f"http://127.0.0.1:{ports.shop}/healthz", "shop.example"), "the example API", apis)

    say("Starting Starfort ...")
    command = shutil.which("starfort", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if command is None:
        raise SystemExit("starfort is not installed in this environment: run `make setup`")
    log = stack.enter_context((FOLDER / "starfort.log").open("wb"))
    starfort = await asyncio.create_subprocess_exec(
        command,
        "up",
        "--config",
        str(FOLDER / "starfort.yaml"),
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    stack.push_async_callback(stop, starfort)
    await wait_for(answers(f"http://127.0.0.1:{ports.listen}/healthz", "shop.example"), "Starfort", starfort)


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a process that we started: ask, wait 15 s, then insist."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            process.kill()
            await process.wait()


async def repeat(every_s: float, act: Callable[[int], Awaitable[object]], *, first: int = 0) -> None:
    """Call `act(n)` with n counting up, `every_s` apart, without waiting for it to end; at most 50 at once."""
    gate = asyncio.Semaphore(50)

    async def one(number: int) -> None:
        async with gate:
            await act(number)

    number = first
    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(one(number))
            number += 1
            await asyncio.sleep(every_s)


async def story(title: str, after_s: float, lasts_s: float, play: Awaitable[None]) -> None:
    """Announce a scene, play it for a while."""
    await asyncio.sleep(after_s)
    say(f"\n[{title}]")
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(play, lasts_s)


async def play(ports: Ports, traffic: Traffic) -> None:
    """All scenes: the ordinary day all the time, the three stories once each, then again."""

    async def release() -> None:
        async with httpx.AsyncClient() as http:
            await http.post(f"http://127.0.0.1:{ports.shop}/_release")
        await repeat(0.5, traffic.use_version_2)

    async def stories() -> None:
        await story(
            "The retailer: version 2 of the shop's API goes live and nobody told security. See Catalogue.",
            10, 60, release(),
        )  # fmt: skip
        while True:
            await story(
                "The bank: OFX from a region without customers; just those calls go to the fraud desk. See Policies.",
                5, 30, repeat(0.1, lambda n: traffic.ofx(n, abroad=True)),
            )  # fmt: skip
            await story(
                "The social network: 200 addresses try leaked passwords, each slowly. See Alerts and Signals.",
                5, 60, repeat(0.05, traffic.stuff),
            )  # fmt: skip
            await asyncio.sleep(60)

    async with asyncio.TaskGroup() as group:
        for every_s, act in (
            (0.5, traffic.person),
            (1.0, traffic.crawl),
            (0.1, traffic.scrape),
            (3.0, traffic.inject),
            (1.0, lambda n: traffic.ofx(n, abroad=False)),
        ):
            group.create_task(repeat(every_s, act))
        group.create_task(stories())
        group.create_task(summaries(traffic))


async def summaries(traffic: Traffic) -> None:
    """Print who got what, every `SUMMARY_EVERY_S`."""
    while True:
        await asyncio.sleep(SUMMARY_EVERY_S)
        say("\nAnswers so far, by status:")
        for scene, counts in sorted(traffic.counts.items()):
            say(
                f"  {scene:<16} "
                + "  ".join(f"{status}: {count}" for status, count in sorted(counts.items()))
            )


def introduce(ports: Ports) -> None:
    """Say where things are and what to look at."""
    password = FOLDER / "var" / "admin-password"
    say(
        f"""
Starfort is up.
  APIs through Starfort   http://127.0.0.1:{ports.listen}/   (Host: shop.example or bank.example)
  Dashboard               http://127.0.0.1:{ports.admin}/    user admin, password in {password}
  REST API                http://127.0.0.1:{ports.admin}/docs
  Metrics                 http://127.0.0.1:{ports.admin}/metrics
  Log                     {FOLDER / "starfort.log"}
Look at: Overview (decisions over time), Catalogue (version 2 turns up, new and undocumented), Policies
(hits, and what observe mode would have refused), Alerts (the stuffing campaign with its evidence).
Ctrl-C stops everything."""
    )


async def run(duration_s: float | None) -> None:
    """Start, introduce, play; stops everything on the way out."""
    FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
    ports = choose_ports()
    write_configuration(ports)
    async with contextlib.AsyncExitStack() as stack:
        await start(ports, stack)
        introduce(ports)
        client = Client("127.0.0.1", ports.listen, connections=32)
        stack.push_async_callback(client.close)
        traffic = Traffic(client, password_of)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration_s):
                await play(ports, traffic)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--for", dest="duration_s", type=float, default=None, help="stop after this many seconds"
    )
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(arguments.duration_s))
    say("Stopped.")


if __name__ == "__main__":
    main()
