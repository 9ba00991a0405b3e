"""The one place where the parts of a control plane are made, each after those that it needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
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
from starfort.runtime.envoy import EnvoyProxy, Proxy
from starfort.runtime.file_watch import marks
from starfort.runtime.followers import Followers
from starfort.runtime.horizon import Horizon
from starfort.runtime.intake import Intake
from starfort.runtime.lock import DataDirectory, StartError
from starfort.runtime.parts import Parts
from starfort.runtime.posture_watch import PostureWatch
from starfort.runtime.reload import Configuration, Source
from starfort.runtime.runtime import Runtime
from starfort.runtime.samples import Samples
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
    """Makes a control plane out of a configuration file. Blocking; nothing runs yet afterwards.

    Args:
        config_path: the configuration file.
        app: makes REST API and dashboard, which lie above this package, once the runtime has started.
        toolchain: loads and builds configurations.

    Attributes:
        data_dir: the data directory, `None` until the configuration is read. Whoever asked for a restart
            reads there why it failed.
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

    def make_proxy(self, data_dir: Path, config: Config) -> Proxy:
        """The Envoy of a data directory; it does not run yet."""
        return EnvoyProxy(data_dir, config)

    def runtime(self) -> Runtime:
        """Make everything. What was opened is closed again when a later part cannot be made.

        Raises:
            StartError: with where, what, and what to do.
            RefusedError: the configuration is wrong.
        """
        try:
            with ExitStack() as opened:
                parts = self._parts(opened)
                return Runtime(parts, self._app, opened.pop_all())
        except StoreError as error:
            raise StartError(str(error)) from error
        except OSError as error:
            raise StartError(explain(error)) from error

    def _parts(self, opened: ExitStack) -> Parts:
        # Marks are taken before the file is read: a change in between is then seen as one.
        read = marks([self._config_path])
        loaded = self._toolchain.load(self._config_path)
        config = loaded.config
        data_dir = self.data_dir = config.data_dir.resolve()
        # The lock comes before everything that another process could be writing to.
        opened.callback(DataDirectory(data_dir).release)
        try:
            state = open_state(data_dir / STATE_FILE, examine=True)
        except StateError as error:
            raise StartError(str(error)) from error
        opened.callback(state.dispose)
        store = self.open_store(data_dir, config)
        opened.callback(store.close)
        catalogue = CatalogueFeed(store, state)
        opened.callback(catalogue.close)
        source = Source(
            self._config_path,
            self._toolchain,
            data_dir / "bundle.sfb",
            read,
            catalogue.learned_endpoints(),
        )
        built = self._toolchain.build(loaded, source.learned)
        return self._connect(source, built, data_dir, state, store, catalogue)

    def _connect(  # noqa: PLR0913, PLR0917 (what had to be opened, and what was read)
        self,
        source: Source,
        built: Built,
        data_dir: Path,
        state: Engine,
        store: Store,
        catalogue: CatalogueFeed,
    ) -> Parts:
        """Make the parts that hold nothing open, and connect them with each other."""
        config = built.config
        background = Background()
        alerts = AlertHistory(state)
        dispatcher = AlertDispatcher(alerts, self._toolchain.channels(config))
        signals = SignalTable()
        signals.load(data_dir / "signals.json")
        traffic = TrafficCounts()
        ingest = Ingest(data_dir / "spool", event_sink(store))
        callbacks = Callbacks(on_events=Intake(ingest, traffic).take, signals=signals.snapshot)
        socket = ControlSocket(data_dir / "run" / "control.sock", callbacks)
        known = KnownLogins(store.reading_as(Reader.BACKGROUND), socket.push_known)
        horizon = Horizon(ingest, lambda: socket.peers)
        detection = Detection(
            signals,
            socket.push_signals,
            dispatcher,
            data_dir / "signals.json",
            lambda: runner.judged(),  # noqa: PLW0108 (made below: each of the two needs the other)
        )
        runner = DetectorRunner(
            store.reading_as(Reader.DETECTION),
            detection.take,
            seen_until=horizon.seen_until,
            late=horizon.late,
            stored=(lambda: ingest.counters.inserted_rows) if store.alone else None,
        )
        proxy = self.make_proxy(data_dir, config)
        followers = Followers(self._toolchain, runner, store, catalogue, dispatcher)
        configuration = Configuration(source, built, socket, proxy, followers, background)
        callbacks.bundle, callbacks.on_hello = configuration.current, configuration.greet
        callbacks.known = known.chunks
        watch = BeatWatch(dispatcher, time.time)
        catalogue_watch = CatalogueWatch(
            catalogue, configuration, ingest, alone=store.alone, submit=dispatcher.submit
        )
        return Parts(
            data_dir=data_dir,
            state=state,
            store=store,
            ingest=ingest,
            traffic=traffic,
            catalogue=catalogue,
            catalogue_watch=catalogue_watch,
            posture_watch=PostureWatch(catalogue, catalogue_watch.state, dispatcher.submit),
            signals=signals,
            detection=detection,
            runner=runner,
            known=known,
            alerts=alerts,
            dispatcher=dispatcher,
            configuration=configuration,
            socket=socket,
            horizon=horizon,
            proxy=proxy,
            admin=AdminServer.of(config.admin, data_dir / "run" / "admin.sock"),
            disks=Disks(data_dir),
            samples=Samples(socket, ingest, horizon, proxy, runner, watch),
            background=background,
        )
