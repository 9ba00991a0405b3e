"""A control plane without Envoy: real parts on a real configuration, and a filter's side of the socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

from fastapi import FastAPI

from starfort.alerts.channels.base import Channel
from starfort.alerts.channels.log import LogChannel
from starfort.base.tasks import Failures
from starfort.config import Config
from starfort.dataplane import frames, ir
from starfort.dataplane.frames import FrameType
from starfort.runtime import Runtime
from starfort.runtime.admin import App
from starfort.runtime.assemble import Assembly
from starfort.runtime.envoy import Proxy
from starfort.runtime.questions import builtin_files
from starfort.runtime.status import EnvoyStatus
from starfort.runtime.toolchain import Toolchain
from starfort.store import Retention, Store


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for a state; fails when it does not come."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


class FileAlerts(Toolchain):
    """The real toolchain, whose alerts go to a file that tests read."""

    def __init__(self, alert_file: Path) -> None:
        self.alert_file = alert_file

    def channels(self, config: Config) -> list[Channel]:
        """A channel that writes alerts to one file."""
        del config
        return [LogChannel(self.alert_file)]


class QuietProxy:
    """An Envoy that always runs."""

    def __init__(self) -> None:
        self.applied: list[ir.Dataplane] = []
        self.state = "stopped"
        self.found = False
        self.failures: dict[str, Failures] = {}

    async def start(self, dataplane: ir.Dataplane) -> None:
        """Report that Envoy runs."""
        self.applied.append(dataplane)
        self.state = "running"

    async def apply(self, dataplane: ir.Dataplane) -> None:
        """Accept a data plane, and remember it."""
        self.applied.append(dataplane)

    async def stop(self) -> None:
        """Report that Envoy has ended."""
        self.state = "stopped"

    async def leave(self) -> None:
        """Leave Envoy running."""
        self.state = "left"

    def status(self) -> EnvoyStatus:
        """The status that the test set."""
        return EnvoyStatus(self.state, 7, 0)

    async def metrics(self) -> bytes:
        """One metric of Envoy's."""
        return b"envoy_server_live{} 1\n"


class SharedStore(Store):
    """The suite's store, which no test may close: chDB has one path a process."""

    def __init__(self, store: Store) -> None:
        self.__dict__.update(vars(store))

    def keep(self, retention: Retention) -> None:
        """Keep what other tests stored."""

    def close(self) -> None:
        """Stay open for the next test."""


class SteeredAssembly(Assembly):
    """The real parts, except for the store of the suite and an Envoy that always runs."""

    def __init__(
        self,
        config_path: Path,
        app: Callable[[Runtime], App],
        toolchain: Toolchain,
        store: Store,
        proxy: Proxy,
    ) -> None:
        super().__init__(config_path, app, toolchain)
        self._store = store
        self._proxy = proxy
        self.made: Runtime | None = None

    def open_store(self, data_dir: Path, config: Config) -> Store:  # noqa: ARG002 (as the real one)
        """The store of the suite."""
        return SharedStore(self._store)

    def make_proxy(self, data_dir: Path) -> Proxy:  # noqa: ARG002 (as the real one)
        """The Envoy that tests steer."""
        return self._proxy

    def runtime(self) -> Runtime:
        """Make the runtime, and keep it for the test."""
        self.made = super().runtime()
        return self.made


ONLY_STUFFING = [path.stem for path in builtin_files("detectors") if path.stem != "credential_stuffing"]
"""Detectors that do not run, so that one test's traffic raises no alert in another."""


class Control:
    """A control plane on a real configuration, with an Envoy and a filter that tests steer."""

    def __init__(self, directory: Path, store: Store, app: Callable[[Runtime], App] | None = None) -> None:
        self.directory = directory
        self.config_path = directory / "starfort.yaml"
        self.alert_file = directory / "alerts.jsonl"
        self.proxy = QuietProxy()
        self.api = f"api-{uuid.uuid4().hex[:12]}"
        if not self.config_path.exists():
            self.write(node="edge-1")
        toolchain = FileAlerts(self.alert_file)
        self.assembly = SteeredAssembly(
            self.config_path, app or (lambda _: FastAPI()), toolchain, store, self.proxy
        )

    @property
    def runtime(self) -> Runtime:
        """The runtime that was made last."""
        assert self.assembly.made is not None, "nothing was started"
        return self.assembly.made

    @property
    def admin_port(self) -> int:
        """TCP port of the admin server, 0 before it listens."""
        return self.assembly.made.admin_port if self.assembly.made else 0

    async def start(self) -> None:
        """Make the parts and start them."""
        await (await asyncio.to_thread(self.assembly.runtime)).start()

    async def stop(self) -> None:
        """Stop the parts."""
        await self.runtime.stop()

    def write(self, **config: object) -> None:
        """Write the configuration file: a whole one, with what is given in place of its parts."""
        content = {
            "version": 1,
            "data_dir": str(self.directory / "data"),
            "listeners": [{"name": "public", "address": "127.0.0.1:8080"}],
            "upstreams": [{"name": "app", "addresses": ["127.0.0.1:1"]}],
            "apis": [{"name": self.api, "upstream": "app"}],
            "rules": {"sets": [], "api_rules": False},
            "policies": [{"name": "stop", "action": "block", "mode": "enforce"}],
            "detectors": {"disabled": ONLY_STUFFING},
            "admin": {"address": "127.0.0.1:0"},
        } | config
        # YAML has all of JSON in it. The file is replaced, so that no half of it is ever read.
        temporary = self.config_path.with_suffix(".new")
        temporary.write_text(json.dumps(content))
        temporary.replace(self.config_path)

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """Alerts that the log channel wrote."""
        try:
            return [json.loads(line) for line in self.alert_file.read_text().splitlines()]
        except FileNotFoundError:
            return []


class FakeFilter:
    """The filter's side of the control socket: takes bundles and signals, sends events."""

    def __init__(self, path: Path, *, accepts: bool = True, node: str = "edge-1") -> None:
        self._path = path
        self._node = node
        self.accepts = accepts
        self.answers = True
        self.bundles: list[str] = []
        self.ignored: list[str] = []
        self.signals: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.acknowledged = 0
        self.closed = False
        self._sequence = 0

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_unix_connection(str(self._path))
        self.send(FrameType.HELLO, {"node": self._node, "pid": 42, "instance": f"i-{id(self)}", "bundle": ""})
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def send(self, kind: FrameType, value: Any) -> None:
        """Send one frame."""
        self._writer.write(frames.encode_json(kind, value))

    def send_events(self, stream: bytes) -> int:
        """Send one batch of events, and return its sequence."""
        self._sequence += 1
        self._writer.write(frames.encode(FrameType.EVENTS, struct.pack(">Q", self._sequence) + stream))
        return self._sequence

    async def _read(self) -> None:
        handlers: dict[FrameType, Callable[[bytes], Awaitable[None]]] = {
            FrameType.BUNDLE: self._bundle,
            FrameType.SIGNALS: self._signals,
            FrameType.EVENTS_ACK: self._ack,
        }
        while (frame := await frames.read_frame(self._reader, body_timeout_s=10)) is not None:
            if frame.type in handlers:
                await handlers[frame.type](frame.payload)
        self.closed = True

    async def _bundle(self, payload: bytes) -> None:
        version = json.loads(payload)["version"]
        if not self.answers:
            self.ignored.append(version)
            return
        if self.accepts:
            self.bundles.append(version)
        error = None if self.accepts else "checksum"
        self.send(FrameType.BUNDLE_RESULT, {"version": version, "ok": self.accepts, "error": error})

    async def _signals(self, payload: bytes) -> None:
        said = json.loads(payload)
        if said["full"]:
            self.signals.clear()
        for row in said["set"]:
            self.signals[row["kind"], row["key_type"], row["key"]] = row
        for row in said["clear"]:
            self.signals.pop((row["kind"], row["key_type"], row["key"]), None)

    async def _ack(self, payload: bytes) -> None:
        self.acknowledged = struct.unpack(">Q", payload)[0]
