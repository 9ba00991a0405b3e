"""Makes the parts of a control plane in one place, each after those that it needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from starfort.alerts.dispatcher import AlertDispatcher
from starfort.alerts.folding.beats import BeatWatch
from starfort.alerts.history import AlertHistory
from starfort.base.files import explain
from starfort.config import Config
from starfort.dataplane.socket import Callbacks, ControlSocket
from starfort.events.ingest import Ingest
from starfort.runtime.admin import AdminServer, App
from starfort.runtime.background import Background
from starfort.runtime.catalogue import CatalogueFeed
from starfort.runtime.catalogue_watch import CatalogueWatch
from starfort.runtime.detection import Detection
from starfort.runtime.disk import Disks
from starfort.runtime.documents import DocumentRefresh
from starfort.runtime.envoy import EnvoyProxy, Proxy
from starfort.runtime.file_watch import marks
from starfort.runtime.followers import Followers
from starfort.runtime.horizon import Horizon
from starfort.runtime.imports import Imports
from starfort.runtime.intake import Intake
from starfort.runtime.lock import DataDirectory, StartError
from starfort.runtime.parts import Parts
from starfort.runtime.posture_watch import PostureWatch
from starfort.runtime.reload import Configuration, Source
from starfort.runtime.runtime import Runtime
from starfort.runtime.samples import Samples
from starfort.runtime.sources import Sources
from starfort.runtime.toolchain import Built, Toolchain
from starfort.runtime.traffic import TrafficCounts
from starfort.signals.known import KnownLogins
from starfort.signals.runner import DetectorRunner
from starfort.signals.table import SignalTable
from starfort.state import STATE_FILE
from starfort.state.database import open_state
from starfort.state.migrate import StateError
from starfort.store import Reader, Retention, Store, StoreError
from starfort.store.sink import event_sink


class Assembly:
    """Makes a control plane out of a configuration file. It blocks, and nothing runs afterwards.

    Args:
        config_path: the configuration file.
        app: makes REST API and dashboard once the runtime has started; this package cannot import them.
        toolchain: loads and builds configurations.

    Attributes:
        data_dir: the data directory, `None` until the configuration is read. When a restart fails, the
            command that asked for it reads the reason there.
    """

    def __init__(
        self, config_path: Path, app: Callable[[Runtime], App], toolchain: Toolchain | None = None
    ) -> None:
        self.data_dir: Path | None = None
        self._config_path = config_path
        self._app = app
        self._toolchain = toolchain or Toolchain()

    def open_store(self, data_dir: Path, config: Config) -> Store:
        """Open the embedded store of a data directory."""
        kept = config.retention
        return Store.open(data_dir / "store", retention=Retention.lasting(kept.events, kept.rollups))

    def make_proxy(self, data_dir: Path) -> Proxy:
        """The Envoy of a data directory; it does not run yet."""
        return EnvoyProxy(data_dir)

    def runtime(self) -> Runtime:
        """Make everything. What was opened is closed again when a later part cannot be made.

        Raises:
            StartError: with where, what, and what to do.
            RefusedError: the configuration is wrong.
        """
        try:
            with ExitStack() as held:
                parts = self._parts(held)
                # From here on the runtime closes what is open; until here the stack does, after a failure.
                return Runtime(parts, self._app, held.pop_all())
        except StoreError as error:
            raise StartError(str(error)) from error
        except OSError as error:
            raise StartError(explain(error)) from error

    def _parts(self, held: ExitStack) -> Parts:
        # Marks are taken before the file is read, so a change in between is noticed later.
        read = marks([self._config_path])
        loaded = self._toolchain.load(self._config_path)
        config = loaded.config
        data_dir = self.data_dir = config.data_dir.resolve()
        # The lock comes first: another process could be writing to everything that follows.
        held.callback(DataDirectory(data_dir).release)
        try:
            state = open_state(data_dir / STATE_FILE, examine=True)
        except StateError as error:
            raise StartError(str(error)) from error
        held.callback(state.dispose)
        store = self.open_store(data_dir, config)
        held.callback(store.close)
        catalogue = CatalogueFeed(store, state)
        held.callback(catalogue.close)
        # The first bundle has the endpoints that were learned before, so a restart forgets none.
        learned = catalogue.learned_endpoints()
        contracts = catalogue.learned_contracts(loaded.config)
        bundle_path = data_dir / "bundle.sfb"
        source = Source(self._config_path, self._toolchain, bundle_path, read, learned, contracts)
        built = self._toolchain.build(loaded, learned, contracts)
        return self._connect(source, built, Opened(data_dir, state, store, catalogue))

    def _connect(self, source: Source, built: Built, opened: Opened) -> Parts:
        """Make the parts that hold nothing open, and connect them with each other."""
        config, data_dir = built.config, opened.data_dir
        background = Background()
        alerts = AlertHistory(opened.state)
        dispatcher = AlertDispatcher(alerts, self._toolchain.channels(config))
        signals = SignalTable()
        # Loaded before any filter connects, because a filter gets every active signal when it does.
        signals.load(data_dir / "signals.json")
        path = _event_path(opened, signals)
        known = KnownLogins(opened.store.reading_as(Reader.BACKGROUND), path.socket.push_known)
        detection, runner = _detection(opened, path, signals, dispatcher)
        proxy = self.make_proxy(data_dir)
        sources = Sources(lambda: configuration.built, path.ingest, path.traffic)
        followers = Followers(self._toolchain, runner, opened.store, opened.catalogue, dispatcher, sources)
        configuration = Configuration(source, built, path.socket, proxy, followers, background)
        # The socket had to exist first, because the configuration uses it to reach the filters.
        path.callbacks.bundle, path.callbacks.on_hello = configuration.current, configuration.greet
        path.callbacks.known = known.chunks
        beats = BeatWatch(dispatcher, time.time)
        watch = CatalogueWatch(
            opened.catalogue, configuration, path.ingest, alone=opened.store.alone, submit=dispatcher.submit
        )
        return Parts(
            data_dir=data_dir, state=opened.state, store=opened.store, ingest=path.ingest,
            traffic=path.traffic, catalogue=opened.catalogue, catalogue_watch=watch,
            imports=Imports(opened.store, data_dir, watch.look), sources=sources,
            posture_watch=PostureWatch(opened.catalogue, watch.state, dispatcher.submit),
            signals=signals, detection=detection, runner=runner, known=known, alerts=alerts,
            dispatcher=dispatcher, configuration=configuration, socket=path.socket, horizon=path.horizon,
            proxy=proxy, admin=AdminServer.of(config.admin, data_dir / "run" / "admin.sock"),
            documents=DocumentRefresh(data_dir, lambda: configuration.config),
            disks=Disks(data_dir), background=background,
            samples=Samples(path.socket, path.ingest, path.horizon, proxy, runner, beats),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opened:
    """The parts that hold files open, in the order in which they are opened.

    Attributes:
        data_dir: the data directory; its lock is held.
        state: the state database.
        store: events and rollups.
        catalogue: endpoints; it reads the other two.
    """

    data_dir: Path
    state: Engine
    store: Store
    catalogue: CatalogueFeed


@dataclass(frozen=True, slots=True)
class EventPath:
    """The way of events from filters into the store.

    Attributes:
        ingest: spool and inserts.
        traffic: counts of what passed.
        callbacks: what the socket calls; it is completed when the configuration is made.
        socket: the connection with filters.
        horizon: the time up to which detection can see.
    """

    ingest: Ingest
    traffic: TrafficCounts
    callbacks: Callbacks
    socket: ControlSocket
    horizon: Horizon


def _event_path(opened: Opened, signals: SignalTable) -> EventPath:
    traffic = TrafficCounts()
    ingest = Ingest(opened.data_dir / "spool", event_sink(opened.store))
    callbacks = Callbacks(on_events=Intake(ingest, traffic).take, signals=signals.snapshot)
    socket = ControlSocket(opened.data_dir / "run" / "control.sock", callbacks)
    return EventPath(ingest, traffic, callbacks, socket, Horizon(ingest, lambda: socket.peers))


def _detection(
    opened: Opened, path: EventPath, signals: SignalTable, dispatcher: AlertDispatcher
) -> tuple[Detection, DetectorRunner]:
    detection = Detection(
        signals,
        path.socket.push_signals,
        dispatcher,
        opened.data_dir / "signals.json",
        lambda: runner.judged(),  # noqa: PLW0108 (made below: each of the two needs the other)
    )
    ingest = path.ingest
    runner = DetectorRunner(
        opened.store.reading_as(Reader.DETECTION),
        detection.take,
        seen_until=path.horizon.seen_until,
        late=path.horizon.late,
        # If other processes insert too, this counter does not tell whether there are new events.
        stored=(lambda: ingest.counters.inserted_rows) if opened.store.alone else None,
    )
    return detection, runner
