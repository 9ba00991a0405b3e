"""A control plane without Envoy: toolchain and proxy that tests steer, and a filter's side of the socket."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import json
import struct
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

from fastapi import FastAPI

from starfort.alerts import Alert
from starfort.alerts.channels import Channel, LogChannel
from starfort.base.files import write_private
from starfort.base.tasks import Failures
from starfort.dataplane import frames
from starfort.dataplane.frames import FrameType
from starfort.runtime import PolicyStatus, Runtime
from starfort.runtime.runtime import Makers
from starfort.runtime.status import EnvoyStatus
from starfort.runtime.toolchain import Built, RefusedError
from starfort.store import Store
from tests.support.callers import builtin


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for a state; fails when it does not come."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


class JsonToolchain:
    """The configuration is a JSON file; its text is the bundle."""

    def __init__(self, alert_file: Path) -> None:
        self.alert_file = alert_file

    def load(self, path: Path) -> Any:
        """Read the file."""
        try:
            config = json.loads(path.read_text(), object_hook=lambda found: SimpleNamespace(**found))
        except ValueError as error:
            raise RefusedError([f"{path}:1: {error}"]) from error
        return SimpleNamespace(config=config)

    def build(self, loaded: Any, learned: Sequence[Any]) -> Built:
        """One policy, and the stuffing detector with the settings of the file."""
        config = loaded.config
        text = json.dumps([vars(config), list(learned)], default=vars)
        detector = builtin("credential_stuffing").with_settings(
            vars(getattr(config, "settings", SimpleNamespace()))
        )
        policy = PolicyStatus("stop", 0, "enforce", "deceive", "true", [], [], 0, 0, 0.0)
        version = hashlib.sha256(text.encode()).hexdigest()[:16]
        kept = SimpleNamespace(events=dt.timedelta(days=7), rollups=dt.timedelta(days=30))
        config = SimpleNamespace(**{"retention": kept, **vars(config)})
        warnings = getattr(config, "warnings", [])
        return Built(
            loaded, config, version, text.encode(), text, [detector], [policy], [], warnings=warnings
        )

    def write_bundle(self, built: Built, path: Path) -> None:
        """Write the text, at once."""
        write_private(path, built.bundle)

    def channels(self, _: Any) -> list[Channel]:
        """One log file."""
        return [LogChannel(self.alert_file)]


class QuietProxy:
    """An Envoy that always runs."""

    def __init__(self) -> None:
        self.applied: list[Any] = []
        self.state = "stopped"
        self.found = False
        self.failures: dict[str, Failures] = {}

    async def start(self, envoy: Any) -> None:
        """Run."""
        self.applied.append(envoy)
        self.state = "running"

    async def apply(self, envoy: Any) -> None:
        """Take over."""
        self.applied.append(envoy)

    async def stop(self) -> None:
        """End."""
        self.state = "stopped"

    async def leave(self) -> None:
        """Run on."""
        self.state = "left"

    def status(self) -> EnvoyStatus:
        """As told."""
        return EnvoyStatus(self.state, 7, 0)

    async def metrics(self) -> bytes:
        """One of Envoy's."""
        return b"envoy_server_live{} 1\n"


class ListCatalogue:
    """A catalogue that tests fill."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.news: list[Alert] = []

    def refresh(self) -> list[Alert]:
        """What is new."""
        news, self.news = self.news, []
        return news

    def learned_endpoints(self) -> list[str]:
        """What was found."""
        return list(self.found)

    def endpoints(self) -> list[str]:
        """The same."""
        return list(self.found)

    def dropped(self) -> dict[str, int]:
        """Nothing is."""
        return {"shapes": 0}

    def check_failures(self) -> dict[str, int]:
        """One."""
        return {"open_endpoint": 1}

    def declare(self, _: Built) -> None:
        """Nothing to take over."""

    def close(self) -> None:
        """Nothing to write."""


class SharedStore:
    """The suite's store, which no test may close."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def keep(self, _: object) -> None:
        """Keep what other tests stored."""

    def close(self) -> None:
        """Stay open."""


class Control:
    """A runtime with steered parts."""

    def __init__(self, directory: Path, store: Store, app: Callable[[Runtime], Any] | None = None) -> None:
        self.directory = directory
        self.config_path = directory / "starfort.json"
        self.alert_file = directory / "alerts.jsonl"
        self.proxy = QuietProxy()
        self.catalogue = ListCatalogue()
        self.write(node="edge-1")
        makers = Makers(
            toolchain=JsonToolchain(self.alert_file),
            store=lambda *_: SharedStore(store),  # type: ignore[arg-type, return-value]
            catalogue=lambda *_: self.catalogue,
            proxy=lambda *_: self.proxy,
            app=app or (lambda _: FastAPI()),
        )
        self.runtime = Runtime(self.config_path, makers)

    def write(self, **config: Any) -> None:
        """Write the configuration file."""
        content = {"data_dir": str(self.directory / "data"), "admin": None} | config
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
        """One frame."""
        self._writer.write(frames.encode_json(kind, value))

    def send_events(self, stream: bytes) -> int:
        """One batch; its sequence."""
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
