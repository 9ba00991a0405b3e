"""Runs the sources of live calls that a configuration names, and brings their calls into the store.

The calls take the way of all events from there on: spool, store, catalogue, detection. Nothing is enforced on
them, since they are over when they are seen.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from starfort import bundle
from starfort._engine import Recorder
from starfort.base.tasks import Failures, keep_running
from starfort.config import Config
from starfort.config.sources import Source
from starfort.events.errors import IngestOverloadedError
from starfort.events.ingest import Accepted, Ingest
from starfort.runtime.toolchain import Built
from starfort.runtime.traffic import TrafficCounts
from starfort.sources.batches import batch
from starfort.sources.call import Call
from starfort.sources.live.access_log import AccessLogSource
from starfort.sources.live.gate import Counts, Gate
from starfort.sources.live.mirror import MirrorSource
from starfort.sources.live.tap import TapAdminSource, TapFolderSource

PAUSE_S: Final = 0.05
"""How long a batch waits before it is offered to a full ingest again."""

_DAY_US: Final = 86_400_000_000
_OLDEST_US: Final = 7 * _DAY_US
"""A live call is a few seconds old. One that is a week old comes from a clock that is wrong."""


class _Serves(Protocol):
    async def run(self) -> None:
        """Serve until cancelled."""


class Recorders:
    """The recorder for the bundle in force; it is made again when there is another bundle.

    Args:
        built: the configuration in force.
    """

    def __init__(self, built: Callable[[], Built]) -> None:
        self._built = built
        self._made: tuple[str, Recorder] | None = None

    def current(self) -> Recorder:
        """The recorder. This blocks while it is made.

        Raises:
            OSError: a database of countries or networks cannot be read.
            EngineError: the bundle is refused.
        """
        built = self._built()
        if self._made is None or self._made[0] != built.version:
            geo = built.bundle.geo
            country, asn = (
                Path(path).read_bytes() if path else None for path in (geo.country_path, geo.asn_path)
            )
            before = self._made[1] if self._made else None
            made = Recorder(bundle.encode(built.bundle), country=country, asn=asn, before=before)
            self._made = (built.version, made)
        return self._made[1]


@dataclass(slots=True)
class RunningSource:
    """One source.

    Attributes:
        settings: what it was made of.
        gate: takes its calls.
        server: what listens, asks or reads.
        failures: how often it failed.
        tasks: what runs.
    """

    settings: Source
    gate: Gate
    server: _Serves
    failures: Failures = field(default_factory=Failures)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def counts(self) -> Counts:
        """What became of its calls."""
        return self.gate.counts

    @property
    def error(self) -> str:
        """Why it sees no calls now, "" when it does."""
        said = getattr(self.server, "error", "")
        return str(said) or (self.failures.error if self.failures.recent() else "")

    @property
    def kind(self) -> str:
        """The word for its kind, as in the configuration and in column `source` of events."""
        return kind_of(self.settings)


def kind_of(settings: Source) -> str:
    """The word for a source's kind."""
    if settings.mirror is not None:
        return "mirror"
    return "tap" if settings.tap is not None else "envoy_access_log"


class Sources:
    """All sources.

    Args:
        built: the configuration in force.
        ingest: writes events to the spool and into the store.
        traffic: counts of what passed since the start.
    """

    def __init__(self, built: Callable[[], Built], ingest: Ingest, traffic: TrafficCounts) -> None:
        self._recorders = Recorders(built)
        self._ingest = ingest
        self._traffic = traffic
        self._running: dict[str, RunningSource] = {}
        # Batches of one process have rising numbers; another start has another name.
        self._instance = uuid.uuid4().hex
        self._sequence = 0
        self._turn = asyncio.Lock()

    def __iter__(self) -> Iterator[RunningSource]:
        return iter(list(self._running.values()))

    async def apply(self, config: Config) -> None:
        """Run the sources of a configuration: those that did not change go on."""
        wanted = {source.name: source for source in config.sources}
        for name, running in list(self._running.items()):
            if wanted.get(name) != running.settings:
                del self._running[name]
                await _end(running)
        for name, settings in wanted.items():
            if name not in self._running:
                self._running[name] = self._begin(settings)

    async def stop(self) -> None:
        """End all sources, and hand on what they have gathered."""
        running, self._running = list(self._running.values()), {}
        for source in running:
            await _end(source)

    def _begin(self, settings: Source) -> RunningSource:
        async def deliver(calls: list[Call]) -> None:
            await self._deliver(settings.name, kind_of(settings), calls)

        gate = Gate(settings.calls_per_second, deliver)
        running = RunningSource(settings, gate, _server(settings, gate))
        for work in (running.server.run, gate.run):
            name = f"source {settings.name}"
            running.tasks.append(asyncio.create_task(keep_running(name, work, running.failures)))
        return running

    async def _deliver(self, name: str, kind: str, calls: list[Call]) -> None:
        """Make the rows of some calls, and put them on their way into the store."""
        now = time.time_ns() // 1000
        recent = [call for call in calls if _is_recent(call, now)]
        if not recent:
            return
        node = f"source:{name}"
        # One at a time, so that numbers rise in the order in which batches come.
        async with self._turn:
            recorder = await asyncio.to_thread(self._recorders.current)
            made = await asyncio.to_thread(batch, recent, recorder, kind, node)
            self._sequence += 1
            accepted = await self._accept(node, self._sequence, made.stream)
        if accepted.rows is not None:
            self._traffic.observe(accepted.rows)

    async def _accept(self, node: str, sequence: int, stream: bytes) -> Accepted:
        while True:
            try:
                return await self._ingest.accept(node, self._instance, sequence, stream)
            except IngestOverloadedError:
                # While this waits, the gates of sources fill, and count what they leave out.
                await asyncio.sleep(PAUSE_S)


def _is_recent(call: Call, now_us: int) -> bool:
    return call.time_us is None or now_us - _OLDEST_US <= call.time_us <= now_us + _DAY_US


def _server(settings: Source, gate: Gate) -> _Serves:
    if settings.mirror is not None:
        of_envoy = settings.mirror.proxy == "envoy"
        return MirrorSource(settings.mirror.address, gate, settings.body, of_envoy=of_envoy)
    if settings.envoy_access_log is not None:
        return AccessLogSource(settings.envoy_access_log.address, gate)
    tap = settings.tap
    assert tap is not None  # noqa: S101 (the model has exactly one of the three)
    if tap.folder is not None:
        return TapFolderSource(tap.folder, gate)
    return TapAdminSource(tap.admin or "", tap.config_id, gate, settings.body)


async def _end(running: RunningSource) -> None:
    for task in running.tasks:
        task.cancel()
    await asyncio.gather(*running.tasks, return_exceptions=True)
    await running.gate.flush()
