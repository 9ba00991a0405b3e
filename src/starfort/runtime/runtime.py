"""The object that REST API, dashboard and command line ask; README.md lists what it answers."""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

import starfort
from starfort.alerts import AlertHistory
from starfort.dataplane.socket import ControlSocket, Peer
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
from starfort.signals import SignalTable


@dataclass(slots=True)
class RateMeter:
    """Rate of a growing number over the last seconds.

    Attributes:
        span_s: seconds looked back at.
    """

    span_s: float = 10.0
    _samples: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=64))

    def add(self, now: float, value: float) -> None:
        """Take a sample of the number at a time (Unix seconds). One that fell starts over."""
        if self._samples and value < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((now, value))
        while len(self._samples) > 2 and now - self._samples[0][0] > self.span_s:  # noqa: PLR2004 (a rate needs two)
            self._samples.popleft()

    def rate(self) -> float:
        """Growth a second between first and last sample, 0 before there are two."""
        if len(self._samples) < 2:  # noqa: PLR2004 (a rate needs two)
            return 0.0
        (start, low), (end, high) = self._samples[0], self._samples[-1]
        return max(0.0, (high - low) / (end - start)) if end > start else 0.0


class Runtime:
    """Everything of one control plane. `Runtime.status()` never blocks; see README.md for the rest."""

    config_path: Path
    config: Any
    data_dir: Path
    state: Engine
    store: Any
    catalogue: Any
    signals: SignalTable
    alerts: AlertHistory
    socket: ControlSocket

    def __init__(self) -> None:
        self.started_at = time.time()
        self._meters: dict[tuple[str, str], RateMeter] = {}

    def nodes(self) -> list[NodeStatus]:
        """Filters that are or were connected, by node and process id."""
        return sorted(
            (self._node(peer) for peer in self.socket.peers), key=lambda node: (node.node, node.pid)
        )

    def _node(self, peer: Peer) -> NodeStatus:
        meter = self._meters.get((peer.node, peer.instance))
        return NodeStatus(
            node=peer.node,
            pid=peer.pid,
            connected=peer.connected,
            filter_version=peer.filter_version,
            envoy_abi=peer.envoy_abi,
            bundle=peer.bundle,
            bundle_error=peer.bundle_error,
            seen_at=peer.seen_at,
            requests_per_s=meter.rate() if meter and peer.connected else 0.0,
            events_dropped=int(peer.counters.get("events_dropped", 0)),
            signals_active=peer.signals_active,
            counters=dict(peer.counters),
        )

    def status(self) -> Status:
        """How everything is."""
        now = time.time()
        problems = self._problems()
        return Status(
            version=starfort.__version__,
            node=str(self.config.node),
            pid=os.getpid(),
            started_at=self.started_at,
            uptime_s=now - self.started_at,
            healthy=not problems,
            problems=problems,
            config=self._config_status(),
            envoy=self._envoy_status(),
            nodes=self.nodes(),
            store=self._store_status(),
            detectors=self._detector_status(),
            signals_active=len(self.signals.active()),
            alerts_open=self.alerts.open_by_severity(),
            alerts_dropped=0,
            endpoints=0,
        )

    def policies(self) -> list[PolicyStatus]:
        """Each policy in order, with what it did and would have done in the last day. Blocking."""
        raise NotImplementedError

    async def reload(self) -> ReloadResult:
        """Read the configuration again; a bad file leaves the good one in force."""
        raise NotImplementedError

    def clear_signal(self, kind: str, key_type: str, key: str) -> bool:
        """Lift a signal in the table and in every filter; `False` when it is not active."""
        change = self.signals.clear(kind, key_type, key)
        if not change:
            return False
        self.socket.push_signals(*self.signals.wire(change))
        return True

    def metrics(self) -> bytes:
        """Everything measured, in Prometheus' text format."""
        raise NotImplementedError

    def _problems(self) -> list[str]:
        raise NotImplementedError

    def _config_status(self) -> ConfigStatus:
        raise NotImplementedError

    def _envoy_status(self) -> EnvoyStatus:
        raise NotImplementedError

    def _store_status(self) -> StoreStatus:
        raise NotImplementedError

    def _detector_status(self) -> list[DetectorStatus]:
        raise NotImplementedError
