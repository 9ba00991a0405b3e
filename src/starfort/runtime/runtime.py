"""The object that owns every part of one control plane; README.md lists its methods.

The order of a start is: alerts, ingest (events in the spool are stored first), control socket, Envoy,
detectors, admin server. A stop has the opposite order: Envoy drains first, and its last events are taken
before the parts that they need are stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import structlog

import starfort
from starfort.alerts.folding import beats
from starfort.alerts.folding.episodes import KEY_PREFIX
from starfort.base.files import explain
from starfort.config import Config
from starfort.dataplane.socket import SocketUnavailableError
from starfort.runtime import health, metrics, policies
from starfort.runtime.admin import App
from starfort.runtime.figures import IngestFigures, detector_statuses, node_status
from starfort.runtime.lock import StartError
from starfort.runtime.parts import Parts
from starfort.runtime.status import (
    ConfigStatus,
    DetectorStatus,
    EnvoyStatus,
    NodeStatus,
    PolicyStatus,
    ReloadResult,
    Status,
    StoreStatus,
)
from starfort.signals.detector import Detector
from starfort.store import StoreError

LAST_EVENTS_S: Final = 6.0
"""How long stopping waits, after Envoy has ended, for events that are still being sent; the control socket
gives each filter 5 s."""

MAX_THREADS: Final = 64
"""Threads for work that blocks: 18 for queries of pages that run or wait, and the rest for other work."""

log = structlog.get_logger(__name__)


def threads() -> ThreadPoolExecutor:
    """The threads for work that blocks.

    By default Python gives an event loop only a few threads. Queries of pages that wait for their turn would
    take them all, and saving, reloading and alerting would have to wait.
    """
    return ThreadPoolExecutor(MAX_THREADS, "starfort")


class Runtime:
    """Starts and stops the parts of one control plane, and answers questions about them.

    Args:
        parts: all parts, made and connected.
        app: makes REST API and dashboard when everything below them runs.
        opened: closes what was opened for the parts: catalogue, store, state, the lock of the data directory.
    """

    def __init__(self, parts: Parts, app: Callable[[Runtime], App], opened: ExitStack) -> None:
        self.parts = parts
        self.data_dir: Path = parts.data_dir
        self.store = parts.store
        self.catalogue = parts.catalogue
        self.signals = parts.signals
        self.alerts = parts.alerts
        self._app = app
        self._leaving = False
        self._running = contextlib.AsyncExitStack()
        # An exit stack undoes in the opposite order: what is pushed first is closed last.
        self._running.push_async_callback(asyncio.to_thread, opened.close)
        self._running.push_async_callback(parts.ingest.close)

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.parts.configuration.config

    @property
    def admin_port(self) -> int:
        """TCP port of the admin server, 0 before it listens."""
        return self.parts.admin.port

    # ------------------------------------------------------------------ start and stop

    async def start(self) -> None:
        """Start everything. After a failure, the parts that have started are stopped again.

        Raises:
            StartError: with where, what, and what to do.
        """
        try:
            await self._start()
        except (StoreError, SocketUnavailableError, OSError) as error:
            await self._abandon()
            raise StartError(explain(error) if isinstance(error, OSError) else str(error)) from error
        except asyncio.CancelledError:
            # Starfort was told to stop during its start, so an Envoy that was found ends too.
            await self.stop()
            raise
        except BaseException:
            await self._abandon()
            raise

    async def _abandon(self) -> None:
        """Undo a start that failed. An Envoy that served before the start goes on."""
        self._leaving = self._leaving or self.parts.proxy.found
        await self.stop()

    async def _start(self) -> None:
        parts = self.parts
        built = parts.configuration.built
        await parts.dispatcher.start()
        self._running.push_async_callback(parts.dispatcher.stop)
        await parts.ingest.start()
        # This comes before any event: a declared endpoint must not be taken for a learned one.
        await asyncio.to_thread(parts.catalogue.declare, built)
        await parts.socket.start()
        self._running.push_async_callback(parts.socket.stop)
        # The socket exists before Envoy, whose filter connects as soon as it begins. Envoy is stopped before
        # the socket, which has to take the last events.
        self._running.push_async_callback(self._stop_proxy)
        await parts.proxy.start(built.dataplane)
        await self._start_detection()
        self._start_background()
        # Before the ingest is closed, which takes what sources have gathered.
        self._running.push_async_callback(parts.sources.stop)
        await parts.sources.apply(built.config)
        # Importing the application takes a second, so it comes when Envoy serves already.
        app = await asyncio.to_thread(self._app, self)
        self._running.push_async_callback(parts.admin.stop)
        await parts.admin.start(app)
        # The watch comes last: an earlier change would be applied to parts that do not run yet.
        parts.background.keep("configuration watch", parts.configuration.watch)
        log.info(
            "starfort_started", node=built.config.node, data_dir=str(self.data_dir), bundle=built.version
        )

    async def _start_detection(self) -> None:
        """Go on with the signals and alerts that a restart left."""
        parts = self.parts
        detectors = parts.configuration.built.detectors
        # Alerts that do not go on are ended here, because their signals lapsed while nothing ran.
        going_on = parts.detection.restore(detectors)
        await asyncio.to_thread(parts.alerts.end_others, KEY_PREFIX, going_on)
        await asyncio.to_thread(parts.alerts.end_others, beats.KEY, set())
        parts.runner.resume(parts.signals.judged)
        parts.runner.replace(detectors)
        self._running.push_async_callback(parts.detection.save)

    def _start_background(self) -> None:
        parts = self.parts
        self._running.push_async_callback(parts.background.end)
        for name, work in (
            ("detectors", parts.runner.run),
            ("signals", parts.detection.tidy),
            ("signals file", parts.detection.keep),
            ("catalogue", parts.catalogue_watch.run),
            ("posture", parts.posture_watch.run),
            ("known log-ins", parts.known.run),
            ("samples", parts.samples.run),
            ("documents", parts.documents.run),
            ("disks", parts.disks.watch),
        ):
            parts.background.keep(name, work)

    async def _stop_proxy(self) -> None:
        """End Envoy and wait for its filter's last events, or let it run on when only this process ends."""
        if self._leaving:
            await self.parts.proxy.leave()
            return
        await self.parts.proxy.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_EVENTS_S):
                while self.parts.socket.busy:  # noqa: ASYNC110 (connections end in their own tasks)
                    await asyncio.sleep(0.02)
        for peer in self.parts.socket.peers:
            if peer.left_behind:
                log.error("events_lost", node=peer.node, pid=peer.pid, calls=peer.left_behind)

    async def stop(self) -> None:
        """Stop everything that was started and close what was opened. A second call does nothing."""
        await self._running.aclose()

    async def leave(self) -> None:
        """Stop everything but Envoy, which goes on until the next control plane takes it over."""
        self._leaving = True
        await self.stop()

    # ------------------------------------------------------------------ what people change

    async def reload(self) -> ReloadResult:
        """Read the configuration again; a bad file leaves the good one in force."""
        return await self.parts.configuration.reload()

    async def take_import(self, name: str) -> int:
        """Take in one batch of imported calls; see `Imports.take`."""
        return await self.parts.imports.take(name)

    async def learn_imports(self) -> None:
        """Let the catalogue learn from imported calls, now."""
        await self.parts.imports.learn()

    def clear_signal(self, kind: str, key_type: str, key: str) -> bool:
        """Lift a signal in the table and in every filter; `False` when it is not active."""
        return self.parts.detection.lift(kind, key_type, key)

    # ------------------------------------------------------------------ what is asked

    def status(self) -> Status:
        """The state of every part."""
        parts = self.parts
        problems = health.problems(parts)
        return Status(
            version=starfort.__version__,
            node=self.config.node,
            pid=os.getpid(),
            started_at=parts.started_at,
            uptime_s=time.time() - parts.started_at,
            healthy=not problems,
            problems=problems,
            config=self.config_status(),
            envoy=self.envoy_status(),
            nodes=self.nodes(),
            store=self.store_status(),
            detectors=self.detectors(),
            signals_active=len(parts.signals.active()),
            alerts_open=parts.alerts.open_by_severity(),
            alerts_dropped=parts.dispatcher.dropped_total,
            endpoints=len(parts.catalogue.endpoints()),
        )

    def nodes(self) -> list[NodeStatus]:
        """Filters that are or were connected, by node and process id."""
        rows = [node_status(peer, self.parts.samples.requests(peer)) for peer in self.parts.socket.peers]
        return sorted(rows, key=lambda node: (node.node, node.pid))

    def policies(self) -> list[PolicyStatus]:
        """Each policy in order, with what it did or would have done in the last day. This blocks."""
        return policies.with_results(self.store, self.parts.configuration.built.policies)

    def metrics(self) -> bytes:
        """All metrics, in Prometheus' text format."""
        return metrics.render(self.parts)

    def detectors(self) -> list[DetectorStatus]:
        """The state of each detector."""
        return detector_statuses(self.parts.runner)

    def running_detectors(self) -> list[Detector]:
        """The detectors that run, with their settings."""
        return [state.detector for state in self.parts.runner.states]

    def config_status(self) -> ConfigStatus:
        """The configuration in force, and why a newer one is not."""
        return self.parts.configuration.status()

    def envoy_status(self) -> EnvoyStatus:
        """The state of Envoy."""
        return self.parts.proxy.status()

    def store_status(self) -> StoreStatus:
        """How the store keeps up."""
        figures, horizon = IngestFigures.of(self.parts.ingest.status()), self.parts.horizon
        return StoreStatus(
            events_stored=figures.inserted_rows,
            events_per_s=self.parts.samples.stored_per_s(),
            events_dropped=horizon.lost(),
            lag_s=horizon.lag_s(),
            spool_bytes=figures.spool_bytes,
            error=figures.error,
            events_waiting=horizon.waiting_calls(),
            missing_s=figures.missing_s,
            missing_events=figures.missing_rows,
            thinned=figures.degree,
        )
