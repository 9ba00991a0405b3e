"""The finished parts of one control plane; `assemble.py` makes them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from starfort.alerts.dispatcher import AlertDispatcher
from starfort.alerts.history import AlertHistory
from starfort.base.tasks import Failures
from starfort.dataplane.socket import ControlSocket
from starfort.events.ingest import Ingest
from starfort.runtime.admin import AdminServer
from starfort.runtime.background import Background
from starfort.runtime.catalogue import CatalogueFeed
from starfort.runtime.catalogue_watch import CatalogueWatch
from starfort.runtime.detection import Detection
from starfort.runtime.disk import Disks
from starfort.runtime.documents import DocumentRefresh
from starfort.runtime.envoy import Proxy
from starfort.runtime.horizon import Horizon
from starfort.runtime.imports import Imports
from starfort.runtime.posture_watch import PostureWatch
from starfort.runtime.reload import Configuration
from starfort.runtime.samples import Samples
from starfort.runtime.sources import Sources
from starfort.runtime.traffic import TrafficCounts
from starfort.signals.known import KnownLogins
from starfort.signals.runner import DetectorRunner
from starfort.signals.table import SignalTable
from starfort.store import Store


@dataclass(frozen=True, slots=True)
class Parts:
    """Every part of one control plane.

    Attributes:
        data_dir: the data directory; this process holds its lock.
        state: the state database.
        store: events and rollups.
        ingest: the way of events into the store.
        traffic: counts of what passed since the start.
        catalogue: endpoints, and what is wrong with them.
        catalogue_watch: keeps the catalogue up to date.
        imports: takes in calls of files.
        sources: take in calls of proxies that Starfort is not inline with.
        posture_watch: keeps posture findings up to date.
        signals: the signals that hold now.
        detection: takes over what detectors find.
        runner: runs detectors.
        known: who logged in before.
        alerts: every alert that was raised.
        dispatcher: records alerts and sends them.
        configuration: the configuration in force.
        socket: the connection with filters.
        horizon: the time up to which detection can see.
        proxy: Envoy.
        admin: serves REST API and dashboard.
        documents: looks at fetched documents.
        disks: how much room is left.
        samples: rates and Envoy's metrics.
        background: everything that runs beside the rest.
        started_at: Unix seconds.
    """

    data_dir: Path
    state: Engine
    store: Store
    ingest: Ingest
    traffic: TrafficCounts
    catalogue: CatalogueFeed
    catalogue_watch: CatalogueWatch
    imports: Imports
    sources: Sources
    posture_watch: PostureWatch
    signals: SignalTable
    detection: Detection
    runner: DetectorRunner
    known: KnownLogins
    alerts: AlertHistory
    dispatcher: AlertDispatcher
    configuration: Configuration
    socket: ControlSocket
    horizon: Horizon
    proxy: Proxy
    admin: AdminServer
    documents: DocumentRefresh
    disks: Disks
    samples: Samples
    background: Background
    started_at: float = field(default_factory=time.time)

    # Envoy's watchers are the proxy's own, because it runs without a runtime too (`starfort stop`).
    def failures(self) -> dict[str, Failures]:
        """How often each piece of work in the background failed, by its name."""
        return {**self.background.failures, **self.proxy.failures}
