"""The object that owns every part of one control plane; README.md lists what it answers.

Start: lock, state, store, ingest (what the spool holds goes in first), signals, bundle, control socket,
Envoy, detectors, alerts, admin server. Stop is the other way round: Envoy drains first, and its last
events are taken before anything below it goes away.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import structlog
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

import starfort
from starfort.alerts import Alert, AlertDispatcher, AlertHistory
from starfort.base.files import explain
from starfort.base.tasks import Failures, keep_running
from starfort.dataplane.socket import Callbacks, ControlSocket, Peer, SocketUnavailableError, Taken
from starfort.events.errors import IngestOverloadedError
from starfort.events.ingest import Ingest, Outcome
from starfort.events.validate import about
from starfort.runtime import beats, disk, horizon, metrics, policies
from starfort.runtime.admin import AdminServer, App
from starfort.runtime.detection import Detection
from starfort.runtime.disk import DiskStatus
from starfort.runtime.episodes import KEY_PREFIX
from starfort.runtime.figures import IngestFigures, RateMeter, detector_status, node_status
from starfort.runtime.known import KnownLogins, Part
from starfort.runtime.lock import DataDirectory, StartError
from starfort.runtime.news import News
from starfort.runtime.reload import Configuration, marks
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
from starfort.runtime.toolchain import Built, Proxy, RefusedError, Toolchain
from starfort.runtime.traffic import TrafficCounts
from starfort.signals import Detector, SignalTable
from starfort.signals.runner import DetectorRunner, DetectorState
from starfort.store import Reader, Retention, Store, StoreError
from starfort.store.sink import event_sink

CATALOGUE_EVERY_S: Final = 2.0
"""How often the catalogue looks for new endpoints; they recompile the bundle, so not more often."""

SAMPLE_EVERY_S: Final = 1.0
"""How often rates are sampled."""

ENVOY_METRICS_EVERY_S: Final = 5.0
"""How often Envoy is asked for its metrics, which are as old as this at most; Prometheus asks less often."""

DISKS_EVERY_S: Final = 2.0
"""How often free space is looked at."""

LAST_EVENTS_S: Final = 6.0
"""How long stopping waits, after Envoy ended, for what its filter sent; the control socket gives it 5 s."""

MAX_THREADS: Final = 64
"""Threads for work that blocks: queries of pages that may run and wait (18), and room for everything else."""

log = structlog.get_logger(__name__)


class Catalogue(Protocol):
    """What the runtime needs of the catalogue."""

    def declare(self, built: Built) -> None:
        """Take over the endpoints of the configuration that is in force now. Blocking."""

    def refresh(self) -> Sequence[Alert]:
        """Take over what came since the last time; alerts about what is new. Blocking."""

    def learned_endpoints(self) -> Sequence[Any]:
        """Endpoints that the compiler should know besides documented and configured ones."""

    def endpoints(self) -> Sequence[Any]:
        """Every endpoint."""

    def dropped(self) -> Mapping[str, int]:
        """What limits kept out since the start, by reason."""

    def check_failures(self) -> Mapping[str, int]:
        """Runs of posture checks that failed since the start, by check."""

    def close(self) -> None:
        """Write what is not written yet. Blocking."""


@dataclass(frozen=True, slots=True)
class Makers:
    """How the parts that are not the runtime's own are made.

    Attributes:
        toolchain: configuration in, bundle out.
        store: opens the store of a data directory (blocking).
        catalogue: over a store, the state database and a configuration (blocking).
        proxy: the Envoy child for a data directory and configuration.
        app: REST API and dashboard for a runtime.
    """

    toolchain: Toolchain
    store: Callable[[Path, Any], Store]
    catalogue: Callable[[Store, Engine, Any], Catalogue]
    proxy: Callable[[Path, Any], Proxy]
    app: Callable[[Runtime], App]


class Runtime:
    """Everything of one control plane.

    Args:
        config_path: the configuration file.
        makers: how parts are made.
    """

    data_dir: Path
    state: Engine
    store: Store
    catalogue: Catalogue
    signals: SignalTable
    alerts: AlertHistory
    dispatcher: AlertDispatcher
    socket: ControlSocket
    ingest: Ingest

    def __init__(self, config_path: Path, makers: Makers) -> None:
        self.config_path = config_path
        self.started_at = time.time()
        self.traffic = TrafficCounts()
        self.signals = SignalTable()
        self.catalogue_failures = 0
        self._makers = makers
        self._meters: dict[tuple[str, str], RateMeter] = {}
        self._stored_meter = RateMeter()
        self._envoy_text = b""
        self._tasks: set[asyncio.Task[object]] = set()
        self._stack = contextlib.AsyncExitStack()
        self._admin: AdminServer | None = None
        self._leaving = False
        self.failures: dict[str, Failures] = {}
        self.disks: list[DiskStatus] = []

    @property
    def config(self) -> Any:
        """The configuration in force."""
        if self._configuration.built is None:
            raise StartError("no configuration is in force yet")
        return self._configuration.built.config

    @property
    def admin_port(self) -> int:
        """TCP port of the admin server, 0 without one."""
        return self._admin.port if self._admin else 0

    @property
    def last_apply_s(self) -> float:
        """Seconds from reading the configuration to the last filter's answer, the last time."""
        return self._configuration.last_apply_s

    # ------------------------------------------------------------------ start and stop

    async def start(self) -> None:
        """Start everything; what was started before a failure is stopped again.

        Raises:
            StartError: with where, what and what to do.
            RefusedError: the configuration is wrong.
        """
        # Python gives a loop a handful of threads; page queries that wait for their turn would take them all,
        # and whoever needs one to save, reload or tell people would wait behind them.
        threads = ThreadPoolExecutor(MAX_THREADS, "starfort")
        asyncio.get_running_loop().set_default_executor(threads)
        try:
            await self._start()
        except (StoreError, SocketUnavailableError, OSError) as error:
            await self._abandon()
            raise StartError(explain(error) if isinstance(error, OSError) else str(error)) from error
        except asyncio.CancelledError:
            await self.stop()
            raise
        except BaseException:
            await self._abandon()
            raise

    async def _abandon(self) -> None:
        """Undo a start that failed. An Envoy that served before it goes on."""
        self._leaving = self._leaving or (hasattr(self, "_proxy") and self._proxy.found)
        await self.stop()

    async def _start(self) -> None:
        toolchain = self._makers.toolchain
        read = marks([self.config_path])
        loaded = await asyncio.to_thread(toolchain.load, self.config_path)
        config = loaded.config
        self.data_dir = _absolute(config.data_dir)
        self._stack.callback(DataDirectory(self.data_dir).release)
        self._configuration = Configuration(self.config_path, toolchain, self.data_dir / "bundle.sfb", read)
        await self._start_state(config)
        await self._start_store(config)
        self.signals.load(self.data_dir / "signals.json")
        learned = self.catalogue.learned_endpoints()
        built = await self._configuration.start(loaded, learned)
        self._learned = _identities(learned)
        await asyncio.to_thread(self.catalogue.declare, built)
        await self._start_dataplane(built)
        await self._start_detection(built)
        await self._start_admin(built)
        self._keep("configuration watch", self._configuration.watch)
        log.info("starfort_started", node=str(config.node), data_dir=str(self.data_dir), bundle=built.version)

    async def _start_state(self, config: Any) -> None:
        self.state = _open_state(self.data_dir / "state.db")
        self._stack.callback(self.state.dispose)
        self.alerts = await asyncio.to_thread(AlertHistory, self.state)
        self.dispatcher = AlertDispatcher(self.alerts, self._makers.toolchain.channels(config))
        await self.dispatcher.start()
        self._stack.push_async_callback(self.dispatcher.stop)

    async def _start_store(self, config: Any) -> None:
        self.store = await asyncio.to_thread(self._makers.store, self.data_dir, config)
        self._stack.push_async_callback(asyncio.to_thread, self.store.close)
        self.catalogue = await asyncio.to_thread(self._makers.catalogue, self.store, self.state, config)
        self._stack.push_async_callback(asyncio.to_thread, self.catalogue.close)
        self.ingest = await asyncio.to_thread(Ingest, self.data_dir / "spool", event_sink(self.store))
        await self.ingest.start()
        self._stack.push_async_callback(self.ingest.close)

    async def _start_dataplane(self, built: Built) -> None:
        self.known = KnownLogins(self.store.reading_as(Reader.BACKGROUND), self._tell_known)
        callbacks = Callbacks(
            on_hello=self._greet,
            on_events=self._take_events,
            signals=self.signals.snapshot,
            known=self.known.chunks,
            bundle=self._configuration.current,
        )
        self.socket = ControlSocket(self.data_dir / "run" / "control.sock", callbacks)
        self.horizon = horizon.Horizon(self.ingest, lambda: self.socket.peers)
        await self.socket.start()
        self._stack.push_async_callback(self.socket.stop)
        self._proxy = self._makers.proxy(self.data_dir, built.config)
        self._configuration.connect(self.socket, self._proxy, self._applied)
        self._stack.push_async_callback(self._stop_proxy)
        await self._proxy.start(built.envoy)

    async def _start_detection(self, built: Built) -> None:
        self.detection = Detection(
            self.signals,
            self.socket.push_signals,
            self.dispatcher.submit,
            self._update_alert,
            self.data_dir / "signals.json",
            self._judged,
        )
        going_on = self.detection.restore(built.detectors)
        await asyncio.to_thread(self.alerts.end_others, KEY_PREFIX, going_on)
        await asyncio.to_thread(self.alerts.end_others, beats.KEY, set())
        self._beats = beats.BeatWatch(self.dispatcher.submit, self._update_alert, time.time)
        self.runner = DetectorRunner(
            self.store.reading_as(Reader.DETECTION),
            self.detection.take,
            seen_until=self.seen_until,
            late=self.horizon.late,
            stored=self._stored_rows if self.store.alone else None,
        )
        self.runner.resume(self.signals.judged)
        self.runner.replace(built.detectors)
        self._stack.push_async_callback(self.detection.save)
        self._stack.push_async_callback(self._end_background)
        for name, work in (
            ("detectors", self.runner.run),
            ("signals", self.detection.tidy),
            ("signals file", self.detection.keep),
            ("catalogue", self._watch_catalogue),
            ("known log-ins", self.known.run),
            ("samples", self._sample),
            ("disks", self._watch_disks),
        ):
            self._keep(name, work)

    async def _start_admin(self, built: Built) -> None:
        app = await asyncio.to_thread(self._makers.app, self)
        admin = getattr(built.config, "admin", None)
        address = getattr(admin, "address", None)
        self._admin = AdminServer(
            app,
            str(address) if address else None,
            self.data_dir / "run" / "admin.sock",
            getattr(admin, "tls", None),
            [str(each) for each in getattr(admin, "trusted_proxies", ())],
        )
        self._stack.push_async_callback(self._admin.stop)
        await self._admin.start()

    def _update_alert(self, alert: Alert, tell: bool) -> None:
        self.dispatcher.update(alert, tell=tell)

    def _judged(self) -> dict[str, datetime]:
        return self.runner.judged()

    def _keep(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Run work for as long as this runs; where it fails it is begun again and told, and nothing ends."""
        failures = self.failures.setdefault(name, Failures())
        self._background(keep_running(name, work, failures))

    def _background(self, work: Coroutine[Any, Any, object]) -> None:
        """Run something once, beside the rest."""
        task: asyncio.Task[object] = asyncio.create_task(work)
        task.add_done_callback(self._background_ended)
        self._tasks.add(task)

    def _background_ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            once = self.failures.setdefault("other work", Failures())
            once.count, once.error, once.at = once.count + 1, repr(error)[:500], time.monotonic()
            log.error("background_failed", exc_info=error)

    async def _end_background(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    async def _stop_proxy(self) -> None:
        """End Envoy, then wait for its filters' last events; or let it run on, when only we go."""
        if self._leaving:
            await self._proxy.leave()
            return
        await self._proxy.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_EVENTS_S):
                while self.socket.busy:  # noqa: ASYNC110 (connections end in their own tasks)
                    await asyncio.sleep(0.02)
        for peer in self.socket.peers:
            if peer.left_behind:
                log.error("events_lost", node=peer.node, pid=peer.pid, calls=peer.left_behind)

    async def stop(self) -> None:
        """Stop everything that was started; stopping twice is harmless."""
        await self._stack.aclose()

    async def leave(self) -> None:
        """Stop everything but Envoy, which goes on until the next control plane takes it over."""
        self._leaving = True
        await self.stop()

    # ------------------------------------------------------------------ what runs

    async def _tell_known(self, hashes: bytes, part: Part) -> None:
        await self.socket.push_known(hashes, part)

    async def _greet(self, peer: Peer) -> None:
        # Answers come over the connection that waits for us here, so this is done beside it.
        built = self._configuration.built
        if not peer.bundle or peer.bundle_error:
            # Envoy loads the bundle before it listens, so the file could not be read there. One that began
            # with its copy was sent nothing, for it runs this version.
            tell = built is not None and peer.bundle == built.version
            self._background(self._configuration.repair(tell=tell))

    async def _take_events(self, peer: Peer, sequence: int, stream: bytes) -> Taken:
        while True:
            try:
                outcome = await self.ingest.accept(peer.node, peer.instance, sequence, stream)
            except IngestOverloadedError:
                await asyncio.sleep(0.05)
                continue
            break
        if outcome is Outcome.STORED:
            self.traffic.observe(stream)
        held = about(stream)
        return Taken(held.calls, held.newest)

    async def _applied(self, built: Built) -> None:
        self.runner.replace(built.detectors)
        kept = built.config.retention
        self.store.keep(Retention.lasting(kept.events, kept.rollups))
        await asyncio.to_thread(self.catalogue.declare, built)
        try:
            channels = await asyncio.to_thread(self._makers.toolchain.channels, built.config)
        except RefusedError as error:
            log.warning("alert_channels_kept", problems=error.problems)
            return
        if [channel.name for channel in channels] != [state.channel.name for state in self.dispatcher.states]:
            await self.dispatcher.replace(channels)

    def _stored_rows(self) -> int:
        return self.ingest.counters.inserted_rows

    def _news(self) -> tuple[object, ...]:
        """What changes when the catalogue has something to look at; always, where others store events too."""
        built = self._configuration.built
        other = None if self.store.alone else time.monotonic()
        return (self._stored_rows(), built.version if built else "", other)

    async def _watch_catalogue(self) -> None:
        """Let the catalogue look; tell people and the engine what it learned."""
        news = News(self._news)
        while True:
            await asyncio.sleep(CATALOGUE_EVERY_S)
            if not news.due(time.monotonic()):
                continue
            try:
                alerts = await asyncio.to_thread(self.catalogue.refresh)
                learned = self.catalogue.learned_endpoints()
            except Exception:
                self.catalogue_failures += 1
                log.exception("catalogue_failed")
                continue
            for alert in alerts:
                self.dispatcher.submit(alert)
            if _identities(learned) != self._learned:
                self._learned = _identities(learned)
                await self._configuration.learn(learned)

    async def _watch_disks(self) -> None:
        """Look how much room is left where we write."""
        places = [self.data_dir, *(self.data_dir / name for name in ("run", "spool", "store", "envoy"))]
        while True:
            self.disks = await asyncio.to_thread(disk.look, places)
            await asyncio.sleep(DISKS_EVERY_S)

    async def _sample(self) -> None:
        """Take samples for rates, and Envoy's metrics."""
        asked_at = 0.0
        while True:
            now = time.time()
            for peer in self.socket.peers:
                meter = self._meters.setdefault((peer.node, peer.instance), RateMeter())
                meter.add(now, peer.counters.get("requests", 0.0))
            self._stored_meter.add(now, self.ingest.counters.inserted_rows)
            self._beats.look(self._behind())
            self.horizon.sample()
            if time.monotonic() - asked_at >= ENVOY_METRICS_EVERY_S:
                asked_at = time.monotonic()
                self._envoy_text = await self._proxy.metrics()
            await asyncio.sleep(SAMPLE_EVERY_S)

    # ------------------------------------------------------------------ what is asked

    def nodes(self) -> list[NodeStatus]:
        """Filters that are or were connected, by node and process id."""
        rows = [node_status(peer, self._meters.get((peer.node, peer.instance))) for peer in self.socket.peers]
        return sorted(rows, key=lambda node: (node.node, node.pid))

    def status(self) -> Status:
        """How everything is."""
        problems = self._problems()
        return Status(
            version=starfort.__version__,
            node=str(self.config.node),
            pid=os.getpid(),
            started_at=self.started_at,
            uptime_s=time.time() - self.started_at,
            healthy=not problems,
            problems=problems,
            config=self.config_status(),
            envoy=self.envoy_status(),
            nodes=self.nodes(),
            store=self.store_status(),
            detectors=self.detectors(),
            signals_active=len(self.signals.active()),
            alerts_open=self.alerts.open_by_severity(),
            alerts_dropped=self.dispatcher.dropped_total,
            endpoints=self.endpoint_count(),
        )

    def all_failures(self) -> dict[str, Failures]:
        """How often each piece of work in the background failed, by name."""
        return {**self.failures, **self._proxy.failures}

    def policies(self) -> list[PolicyStatus]:
        """Each policy in order, with what it did and would have done in the last day. Blocking."""
        built = self._configuration.built
        return policies.with_results(self.store, built.policies if built else ())

    async def reload(self) -> ReloadResult:
        """Read the configuration again; a bad file leaves the good one in force."""
        return await self._configuration.reload()

    def clear_signal(self, kind: str, key_type: str, key: str) -> bool:
        """Lift a signal in the table and in every filter; `False` when it is not active."""
        return self.detection.lift(kind, key_type, key)

    def metrics(self) -> bytes:
        """Everything measured, in Prometheus' text format."""
        return metrics.render(self, self._envoy_text)

    def detectors(self) -> list[DetectorStatus]:
        """Each detector with how it runs."""
        problems = self.runner.problems()
        now = datetime.now(UTC)
        return [
            detector_status(state, problems.get(state.detector.name, ""), now) for state in self.runner.states
        ]

    def detector_states(self) -> list[DetectorState]:
        """The same with everything that is counted."""
        return self.runner.states

    def running_detectors(self) -> list[Detector]:
        """Detectors as they run, with their settings."""
        return [state.detector for state in self.runner.states]

    def config_status(self) -> ConfigStatus:
        """The configuration in force, and why a newer one is not."""
        return self._configuration.status()

    def envoy_status(self) -> EnvoyStatus:
        """The Envoy child."""
        return self._proxy.status()

    def ingest_figures(self) -> IngestFigures:
        """What ingest counts."""
        return IngestFigures.of(self.ingest.status())

    def store_status(self) -> StoreStatus:
        """How the store keeps up."""
        figures = self.ingest_figures()
        return StoreStatus(
            events_stored=figures.inserted_rows,
            events_per_s=self._stored_meter.rate(),
            events_dropped=self.horizon.lost(),
            lag_s=self.horizon.lag_s(),
            spool_bytes=figures.spool_bytes,
            error=figures.error,
            events_waiting=self.horizon.waiting_calls(),
            missing_s=figures.missing_s,
            missing_events=figures.missing_rows,
            thinned=figures.degree,
        )

    def seen_until(self) -> datetime:
        """Up to when detection can see: what connected filters saw by then is in the store, UTC."""
        return self.horizon.seen_until()

    def _behind(self) -> dict[str, str]:
        """Why detection is behind, by detector; "all detectors" when events cannot be seen in time."""
        behind = self.runner.problems()
        lag_s = self.horizon.lag_s()
        if lag_s > beats.BLIND_S:
            behind["all detectors"] = f"the newest events that they can see are {lag_s:.0f} s old"
        return behind

    def endpoint_count(self) -> int:
        """Endpoints in the catalogue."""
        return len(self.catalogue.endpoints())

    def _problems(self) -> list[str]:
        problems = []
        config, envoy, store = self.config_status(), self.envoy_status(), self.store_status()
        if config.last_error:
            problems.append(
                f"{config.path} is refused, the configuration before it stays: {config.last_error}"
            )
        if envoy.state != "running":
            problems.append(f"Envoy is {envoy.state}: {envoy.last_error or 'it has not said why'}")
        if envoy.stale:
            problems.append(f"Envoy is not the one that it should be: {envoy.stale}")
        problems += self._configuration.problems()
        problems += [each.problem for each in self.disks if each.problem]
        problems += [
            f"{name} failed and was begun again ({failed.count} times): {failed.error}"
            for name, failed in sorted(self.all_failures().items())
            if failed.recent()
        ]
        connected = self.socket.connected
        if envoy.state == "running" and not connected:
            problems.append(
                "Envoy runs and its filter is not connected; nothing is seen and no change reaches it"
            )
        problems += [
            f"{peer.node or 'the filter'} ({peer.pid}) refused the bundle: {peer.bundle_error}"
            for peer in connected
            if peer.bundle_error
        ]
        passing = getattr(self.config, "failure_mode", "open") == "open"
        problems += [
            f"the filter of process {peer.pid} has no bundle: requests "
            + ("pass without any policy" if passing else "are refused with 503")
            + f" (failure_mode: {'open' if passing else 'closed'})"
            for peer in connected
            if not peer.bundle
        ]
        if store.error:
            problems.append(f"the store does not take events: {store.error}")
        if self.store.upkeep_figures.error:
            problems.append(
                "the store's upkeep fails, so pages of long ranges lag and old rows stay: "
                + self.store.upkeep_figures.error
            )
        health = getattr(self.config, "health", None)
        limits = horizon.Limits(health.lag.total_seconds()) if health else horizon.Limits()
        problems += self.horizon.problems(limits)
        problems += [
            f"detector {row.name} does not keep its beat: {row.problem}"
            if row.problem
            else f"detector {row.name} fails: {row.last_error}"
            for row in self.detectors()
            if row.problem or row.last_error
        ]
        return problems


def _identities(learned: Sequence[Any]) -> frozenset[str]:
    """What tells one set of learned endpoints from another."""
    return frozenset(map(repr, learned))


def _absolute(path: Path | str) -> Path:
    return Path(path).resolve()


def _open_state(path: Path) -> Engine:
    """The state database, private, safe for several threads.

    Raises:
        StartError: SQLite can't use the file, or a page of it is damaged.
    """
    path.touch(mode=0o600, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA busy_timeout = 5000")

    try:
        with engine.connect() as connection:
            found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()).splitlines()[-1]
    except DatabaseError as error:
        found = str(error.orig)
    if found != "ok":
        engine.dispose()
        raise StartError(
            f"{path}: SQLite can't use it ({found}); restore it with its -wal file, or move it away to begin"
            " without accounts, tokens and past alerts"
        )
    return engine
