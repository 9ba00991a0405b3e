"""A whole installation on free loopback ports: the example APIs, and `starfort up` in front of them.

What runs is what a user runs: the installed command, its configuration file, Envoy and the module.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import string
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
from examples.demo import geo
from examples.demo.client import Client

ROOT: Final = Path(__file__).parents[2]
START_S: Final = 60.0
T = TypeVar("T")
MODULE: Final = ROOT / "src/starfort/_bin/libstarfort.so"


def free_ports(count: int) -> list[int]:
    """Ports on which nobody listens now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in held]
    for each in held:
        each.close()
    return ports


async def eventually(ask: Callable[[], Awaitable[T]], seconds: float, what: str) -> T:
    """The first true answer of `ask`; fails with `what` when none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s; last answer: {answer!r}")
        await asyncio.sleep(0.05)


@dataclass
class Installation:
    """The processes of an installation, and how tests reach them.

    Attributes:
        folder: configuration, data directory and logs.
        ports: `listen`, `admin`, `shop`, `bank`, `fraud_desk`.
        client: sends through Starfort's listener.
    """

    folder: Path
    ports: dict[str, int]
    client: Client
    control: asyncio.subprocess.Process | None = None
    _apis: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "starfort.yaml"

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "var"

    def log(self) -> str:
        """The output of `starfort up` so far."""
        path = self.folder / "starfort.log"
        return path.read_text(errors="replace") if path.exists() else ""

    async def start_apis(self) -> None:
        """Start shop, bank and fraud desk."""
        arguments = [str(ROOT / "examples/shop/serve.py")]
        for name in ("shop", "bank", "fraud_desk"):
            arguments += [f"--{name.replace('_', '-')}-port", str(self.ports[name])]
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, start_new_session=True)
        self._apis.append(process)
        async with httpx.AsyncClient() as http:

            async def up() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    return (await http.get(f"http://127.0.0.1:{self.ports['shop']}/healthz")).is_success
                return False

            await eventually(up, START_S, "the example APIs answer")

    async def run_up(self) -> asyncio.subprocess.Process:
        """Run `starfort up` without waiting for it; its output is in `starfort.log`."""
        with (self.folder / "starfort.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                starfort_command(), "up", "--config", str(self.config),
                stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    async def up(self) -> None:
        """Run `starfort up` and wait until its filter is connected and it answers."""
        self.control = await self.run_up()

        async def ready() -> bool:
            assert self.control is not None
            assert self.control.returncode is None, self.log()
            with contextlib.suppress(httpx.TransportError):
                status = await self.get("/status")
                return any(node["connected"] for node in status["nodes"]) and await self.listens()
            return False

        await eventually(ready, START_S, f"starfort is up\n{self.log()}")

    async def listens(self) -> bool:
        """Whether the listener answers for the shop."""
        with contextlib.suppress(OSError, TimeoutError):
            return (await self.client.send("GET", "/healthz", [("Host", "shop.example")])).status == 200
        return False

    async def get(self, path: str, /, **parameters: Any) -> Any:
        """GET of the REST API as the local administrator."""
        async with self.api() as http:
            answer = await http.get(f"/api/v1{path}", params=parameters)
            answer.raise_for_status()
            return answer.json()

    def api(self) -> httpx.AsyncClient:
        """A client of the REST API over the local socket."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.data / "run" / "admin.sock"))
        return httpx.AsyncClient(transport=transport, base_url="http://starfort", timeout=20)

    async def direct(self, name: str, path: str, *, post: bool = False) -> Any:
        """Ask an example API without Starfort in between: `/_stats`, `/_release`."""
        async with httpx.AsyncClient() as http:
            url = f"http://127.0.0.1:{self.ports[name]}{path}"
            return (await (http.post(url) if post else http.get(url))).json()

    async def kill_control(self) -> None:
        """End the control plane as a crash would."""
        assert self.control is not None
        self.control.kill()
        await self.control.wait()

    async def stop(self) -> None:
        """Stop Starfort (Envoy too) and the APIs."""
        await self.client.close()
        if self.control is not None and self.control.returncode is None:
            await _end(self.control)
        elif (self.data / "envoy").exists():
            stopping = await asyncio.create_subprocess_exec(
                starfort_command(), "stop", "--config", str(self.config)
            )
            await stopping.wait()
        for process in self._apis:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()


def starfort_command() -> str:
    """The installed command."""
    found = shutil.which("starfort", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert found is not None, "starfort is not installed in this environment: run make setup"
    return found


def write_configuration(folder: Path, ports: dict[str, int], change: Callable[[str], str] | None) -> None:
    """The demo's configuration for these ports, changed as a test wants it."""
    (folder / "var" / "geo").mkdir(parents=True, exist_ok=True, mode=0o700)
    geo.write(folder / "var" / "geo")
    values = {f"{name.upper()}_PORT": port for name, port in ports.items()}
    template = string.Template((ROOT / "examples/demo/starfort.yaml").read_text())
    text = template.substitute(values, DATA_DIR=folder / "var", EXAMPLES=ROOT / "examples")
    (folder / "starfort.yaml").write_text(change(text) if change else text)


@contextlib.asynccontextmanager
async def installation(
    folder: Path, change: Callable[[str], str] | None = None, *, start: bool = True
) -> AsyncIterator[Installation]:
    """An installation that runs during the block.

    Args:
        folder: an empty folder.
        change: changes the text of the configuration.
        start: run `starfort up`; otherwise only the example APIs.
    """
    names = ("listen", "admin", "shop", "bank", "fraud_desk")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    write_configuration(folder, ports, change)
    running = Installation(folder, ports, Client("127.0.0.1", ports["listen"], connections=64))
    try:
        await running.start_apis()
        if start:
            await running.up()
        yield running
    finally:
        await running.stop()
