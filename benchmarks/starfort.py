"""`starfort up` as a user runs it, with everything on."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import random
import signal
import string
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx
from examples.demo import geo

from benchmarks.mix import AUDIENCE, HOST, ISSUER, Mix
from benchmarks.processes import (
    OTHER_CORE,
    PROXY_CORE,
    START_S,
    alive,
    children,
    end_of,
    free_port,
    move,
    on_core,
    running,
)

TEMPLATE: Final = Path(__file__).with_name("starfort.yaml")
ANONYMISERS: Final = 10_000
"""Addresses of the list that a policy asks, as long as public lists of exit nodes are."""


LOG: Final = "starfort.log"


@dataclass(frozen=True)
class Starfort:
    """A running Starfort.

    Attributes:
        port: where Envoy listens.
        envoy: Envoy's process.
        control: the control plane's process.
        config: the configuration file.
    """

    port: int
    envoy: int
    control: int
    config: Path
    _socket: Path
    _values: dict[str, str]

    async def get(self, path: str) -> Any:
        """GET of the REST API, as the local administrator."""
        transport = httpx.AsyncHTTPTransport(uds=str(self._socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://starfort", timeout=20) as http:
            answer = await http.get(f"/api/v1{path}")
            answer.raise_for_status()
            return answer.json()

    async def events_stored(self) -> int:
        """Events that reached the store since start."""
        stored: int = (await self.get("/status"))["store"]["events_stored"]
        return stored

    async def events_dropped(self) -> int:
        """Events that were lost in filters, on the way and in the control plane since start."""
        status = await self.get("/status")
        dropped: int = status["store"]["events_dropped"]
        for node in status["nodes"]:
            dropped += node["events_dropped"]
        return dropped

    def log(self) -> str:
        """The last lines that `starfort up` printed."""
        return end_of(self.config.parent / LOG)

    def write_config(self, more_policies: str = "") -> None:
        """Write the configuration anew, with further policies (YAML list items) at the end."""
        _write(self.config, {**self._values, "MORE_POLICIES": more_policies})


@contextlib.asynccontextmanager
async def up(
    to: int, folder: Path, mix: Mix, rules: str = "{}", retention: str = "{events: 7d, rollups: 90d}"
) -> AsyncIterator[Starfort]:
    """Run Starfort in front of the upstream.

    Envoy gets `PROXY_CORE`; the control plane stays with the load on the other, so that what Envoy's process
    costs is counted alone.

    Args:
        to: the upstream's port.
        folder: for configuration, data and log; made when it is not there.
        mix: its keys are made known to Starfort.
        rules: the section `rules` of the configuration; by default CRS at level 1 where there is one.
        retention: the section `retention`.
    """
    values = {
        "FOLDER": str(folder), "DATA_DIR": str(folder / "var"),
        "HOST": HOST, "ISSUER": ISSUER, "AUDIENCE": AUDIENCE,
        "LISTEN_PORT": str(free_port()), "ADMIN_PORT": str(free_port()), "UPSTREAM_PORT": str(to),
        "MORE_POLICIES": "", "RULES": rules, "RETENTION": retention,
    }  # fmt: skip
    _write_inputs(folder, mix)
    config = folder / "starfort.yaml"
    _write(config, values)
    log = folder / LOG
    starfort = str(Path(sys.executable).with_name("starfort"))
    command = [*on_core(OTHER_CORE, first=False), starfort, "up", "--config", str(config)]
    envoy = 0
    try:
        async with running(command, log) as control:
            admin = folder / "var/run/admin.sock"
            found = Starfort(int(values["LISTEN_PORT"]), 0, control, config, admin, values)
            envoy = await _ready(found, log)
            move(envoy, PROXY_CORE)
            yield replace(found, envoy=envoy)
    finally:
        # It outlives a control plane that had to be killed.
        if envoy and _name(envoy) == "envoy":
            os.kill(envoy, signal.SIGKILL)


async def _ready(starfort: Starfort, log: Path) -> int:
    """Wait until the filter is connected and Envoy answers. Returns Envoy's process id."""
    deadline = time.monotonic() + START_S * 2
    while time.monotonic() < deadline and alive(starfort.control):
        with contextlib.suppress(httpx.HTTPError, OSError):
            status = await starfort.get("/status")
            if any(node["connected"] for node in status["nodes"]):
                _, writer = await asyncio.open_connection("127.0.0.1", starfort.port)
                writer.close()
                return next(pid for pid in children(starfort.control) if _name(pid) == "envoy")
        await asyncio.sleep(0.1)
    raise RuntimeError(f"`starfort up` is not ready:\n{end_of(log)}")


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/exe").resolve().name
    return ""


def _write(config: Path, values: dict[str, str]) -> None:
    """Replace the configuration in one step, so that no reader sees half of it."""
    fresh = config.with_suffix(".new")
    fresh.write_text(string.Template(TEMPLATE.read_text()).substitute(values))
    fresh.replace(config)


def _write_inputs(folder: Path, mix: Mix) -> None:
    """The files that the configuration names."""
    folder.mkdir(exist_ok=True)
    geo.write(folder)
    (folder / "jwks.json").write_text(mix.jwks)
    keys = [
        {"subject": f"partner-{n}", "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": ["orders"]}
        for n, key in enumerate(mix.api_keys)
    ]
    (folder / "keys.yaml").write_text(json.dumps(keys))
    chance = random.Random(3)  # noqa: S311 - test data
    numbers = (chance.randrange(0x0B00_0000, 0x7F00_0000) for _ in range(ANONYMISERS))
    lines = [".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0)) for number in numbers]
    (folder / "anonymisers.txt").write_text("\n".join(lines) + "\n")
