"""Run the demo: the example APIs, Starfort in front of them, and traffic until Ctrl-C.

Run: python -m examples.demo.run [--for SECONDS] [--keep]   (from the repository's root, after `make setup`)

Each start begins with fresh data; `--keep` goes on with the data of the last one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import string
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from examples.demo import geo
from examples.demo.client import Client
from examples.demo.proof import Api, MissingProofError, Proof, Stories
from examples.demo.traffic import Traffic
from examples.shop.serve import password_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "demo"
DATA = FOLDER / "var"
START_TIMEOUT_S = 60.0
SUMMARY_EVERY_S = 60.0

Act = Callable[[], "Awaitable[object]"]
"""Something that is done when it is its turn. Not a coroutine: one that is never awaited is a warning."""


class EndedError(Exception):
    """A process that the demo needs has ended."""


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, flush=True)


@dataclass(frozen=True)
class Ports:
    """The ports of everything, on loopback."""

    listen: int
    admin: int
    shop: int
    bank: int
    fraud_desk: int


def choose_ports() -> Ports:
    """The usual ports if they are free, and others if they are not."""
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


def starfort_command() -> str:
    """The `starfort` of this environment.

    Raises:
        SystemExit: there is none.
    """
    found = shutil.which("starfort", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        raise SystemExit("starfort is not installed in this environment: run `make setup`")
    return found


def hold_folder(stack: contextlib.AsyncExitStack) -> None:
    """Keep other demos out of the folder until `stack` ends.

    Raises:
        SystemExit: another demo runs there.
    """
    FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = stack.enter_context((FOLDER / "demo.lock").open("a+"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        other = f" (process {lock.read().strip()})"
        raise SystemExit(
            f"another demo runs in {FOLDER}{other}: stop it with Ctrl-C in its terminal"
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()


async def make_room(*, keep: bool) -> None:
    """Remove the data of the last demo, unless it is kept, and end what a killed demo left running."""
    if not DATA.exists():
        return
    left = await asyncio.create_subprocess_exec(
        starfort_command(), "stop", "--data-dir", str(DATA),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await left.wait()
    if not keep:
        shutil.rmtree(DATA)


def write_configuration(ports: Ports) -> Path:
    """Write the demo's configuration with these ports and paths; returns its path."""
    (DATA / "geo").mkdir(parents=True, exist_ok=True, mode=0o700)
    geo.write(DATA / "geo")
    text = string.Template((Path(__file__).parent / "starfort.yaml").read_text()).substitute(
        DATA_DIR=DATA,
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


async def start(
    ports: Ports, stack: contextlib.AsyncExitStack
) -> list[tuple[str, asyncio.subprocess.Process]]:
    """Start the example APIs and Starfort; both end with `stack`. Returns them by name, when all answers."""
    say("Starting the example APIs ...")
    apis = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "examples/shop/serve.py"),
        "--shop-port", str(ports.shop), "--bank-port", str(ports.bank), "--fraud-desk-port", str(ports.fraud_desk),
        start_new_session=True,
    )  # fmt: skip
    stack.push_async_callback(stop, apis)
    for port in (ports.shop, ports.bank, ports.fraud_desk):
        await wait_for(answers(f"http://127.0.0.1:{port}/healthz", "shop.example"), "the example API", apis)

    say("Starting Starfort ...")
    log = stack.enter_context((FOLDER / "starfort.log").open("wb"))
    began = time.monotonic()
    starfort = await asyncio.create_subprocess_exec(
        starfort_command(), "up", "--config", str(FOLDER / "starfort.yaml"),
        stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    stack.push_async_callback(stop, starfort)
    await wait_for(answers(f"http://127.0.0.1:{ports.listen}/healthz", "shop.example"), "Starfort", starfort)
    say(f"  the APIs answer through it after {time.monotonic() - began:.1f} s")
    # Envoy listens before the dashboard is there: an address that is told must be one that answers.
    await wait_for(answers(f"http://127.0.0.1:{ports.admin}/login", "127.0.0.1"), "the dashboard", starfort)
    say(f"  the dashboard answers after {time.monotonic() - began:.1f} s")
    return [("the example API", apis), ("Starfort", starfort)]


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


class Play:
    """All scenes: the ordinary day all the time, the three stories once each, then again.

    Args:
        ports: where everything listens.
        traffic: who calls.
        stories: what proves them.
    """

    def __init__(self, ports: Ports, traffic: Traffic, stories: Stories) -> None:
        self._ports, self._traffic, self._stories = ports, traffic, stories
        self.missing = 0
        """Proofs that did not come in time."""

    async def run(self) -> None:
        """Play until cancelled."""
        traffic = self._traffic
        async with asyncio.TaskGroup() as group:
            for every_s, act in (
                (0.5, traffic.person),
                (1.0, traffic.crawl),
                (0.1, traffic.scrape),
                (3.0, traffic.inject),
                (1.0, lambda n: traffic.ofx(n, abroad=False)),
            ):
                group.create_task(repeat(every_s, act))
            group.create_task(self._tell())
            group.create_task(summaries(traffic))

    async def _tell(self) -> None:
        await asyncio.sleep(10)
        await self.retailer()
        while True:
            await asyncio.sleep(5)
            await self.bank()
            await asyncio.sleep(5)
            await self.social_network()
            await asyncio.sleep(60)

    async def retailer(self, lasts_s: float = 40) -> None:
        """Version 2 goes live and is noticed."""
        say("\n[The retailer] Version 2 of the shop's API goes live, and nobody told security.")
        async with httpx.AsyncClient() as http:
            await http.post(f"http://127.0.0.1:{self._ports.shop}/_release")
        began = time.time()
        await self._scene(
            lasts_s,
            lambda: repeat(0.5, self._traffic.use_version_2),
            lambda: self._stories.version_in_the_catalogue(began, lasts_s),
            lambda: self._stories.version_alerted(began, lasts_s),
        )

    async def bank(self, lasts_s: float = 30) -> None:
        """OFX from abroad is diverted, OFX from home is not."""
        say(
            "\n[The bank] OFX from a region where it has no customers; only those calls go to the fraud desk."
        )
        self._traffic.answered_by["abroad"].clear()
        home = self._traffic.answered_by["home"].total()
        await self._scene(
            lasts_s,
            lambda: repeat(0.1, lambda n: self._traffic.ofx(n, abroad=True)),
            lambda: self._stories.first_diverted(10),
        )
        self._show(self._stories.diverted(home))

    async def social_network(self, lasts_s: float = 60) -> None:
        """A stuffing campaign is stopped while people log in."""
        say("\n[The social network] 200 addresses try leaked passwords, each one slowly.")
        logins = self._traffic.logins
        before, began = (logins[True], logins[False]), time.time()
        await self._scene(
            lasts_s,
            lambda: repeat(0.05, self._traffic.stuff),
            lambda: self._stories.campaign_stopped(began, lasts_s),
        )
        self._show(self._stories.people_meanwhile(before))

    async def _scene(self, lasts_s: float, act: Act, *proofs: Callable[[], Awaitable[Proof]]) -> None:
        """Play a scene for a while, and print each of its proofs as soon as it comes."""

        async def prove(proof: Callable[[], Awaitable[Proof]]) -> None:
            try:
                self._show(await proof())
            except MissingProofError as missing:
                self.missing += 1
                say(f"  ✗ {missing}; see {FOLDER / 'starfort.log'}")
                for problem in await self._stories.problems():
                    say(f"    Starfort says: {problem}")

        async with asyncio.TaskGroup() as group:
            acting = group.create_task(_for(lasts_s, act))
            for proof in proofs:
                group.create_task(prove(proof))
            await acting

    def _show(self, proof: Proof) -> None:
        say(f"  ✓ {proof.text}\n    http://127.0.0.1:{self._ports.admin}{proof.path}")


async def _for(lasts_s: float, act: Act) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(lasts_s):
            await act()


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
    say(
        f"""
Starfort is up.
  APIs through Starfort   http://127.0.0.1:{ports.listen}/   (Host: shop.example or bank.example)
  Dashboard               http://127.0.0.1:{ports.admin}/    user admin, password in {DATA / "admin-password"}
  REST API                http://127.0.0.1:{ports.admin}/docs
  Metrics                 http://127.0.0.1:{ports.admin}/metrics
  Log                     {FOLDER / "starfort.log"}
Three stories begin in a few seconds; each prints its proof, with the page that shows it, as it happens.
Ctrl-C stops everything."""
    )


async def watch(name: str, process: asyncio.subprocess.Process) -> None:
    """Wait for the end of a process that should not end.

    Raises:
        EndedError: it has ended.
    """
    status = await process.wait()
    raise EndedError(f"{name} ended with status {status}; see {FOLDER / 'starfort.log'}")


async def run(duration_s: float | None, *, keep: bool) -> int:
    """Start everything, introduce it and play; at the end, stop everything.

    Returns:
        How many proofs did not come in time.
    """
    async with contextlib.AsyncExitStack() as stack:
        hold_folder(stack)
        await make_room(keep=keep)
        ports = choose_ports()
        write_configuration(ports)
        processes = await start(ports, stack)
        introduce(ports)
        client = Client("127.0.0.1", ports.listen, connections=32)
        stack.push_async_callback(client.close)
        api = Api(DATA)
        stack.push_async_callback(api.close)
        traffic = Traffic(client, password_of)
        play = Play(ports, traffic, Stories(api, traffic))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration_s), asyncio.TaskGroup() as group:
                for name, process in processes:
                    group.create_task(watch(name, process))
                group.create_task(play.run())
    return play.missing


async def until_interrupted(duration_s: float | None, *, keep: bool) -> int:
    """`run`, ended in order by Ctrl-C or SIGTERM; a second one does not cut the stopping short."""
    task = asyncio.ensure_future(run(duration_s, keep=keep))
    asked = False

    def end() -> None:
        nonlocal asked
        say("\nStopping ..." if not asked else "Still stopping: Envoy finishes what it has begun.")
        if not asked:
            asked = True
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)
    try:
        return await task
    except asyncio.CancelledError:
        return 0


def main() -> int:
    """Command line; 1 when a proof did not come in time or a process ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--for", dest="duration_s", type=float, default=None, help="stop after this many seconds"
    )
    parser.add_argument("--keep", action="store_true", help="go on with the data of the last demo")
    arguments = parser.parse_args()
    ended: list[str] = []
    missing = 0
    try:
        missing = asyncio.run(until_interrupted(arguments.duration_s, keep=arguments.keep))
    except* EndedError as group:
        ended += [str(error) for error in group.exceptions]
    say("\n".join(["Stopped.", *ended]))
    return int(bool(missing or ended))


if __name__ == "__main__":
    sys.exit(main())
