"""Takes samples each second: rates, Envoy's metrics, and whether detection keeps its beat."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from starfort.alerts.folding import beats
from starfort.dataplane.socket import ControlSocket, Peer
from starfort.events.ingest import Ingest
from starfort.runtime.envoy import Proxy
from starfort.runtime.figures import RateMeter
from starfort.runtime.horizon import Horizon
from starfort.signals.runner import DetectorRunner

EVERY_S: Final = 1.0
"""How often samples are taken."""

ENVOY_EVERY_S: Final = 5.0
"""How often Envoy is asked for its metrics, so they are never older than this. Prometheus asks less often."""


class Samples:
    """The latest samples.

    Args:
        socket: knows the filters.
        ingest: counts what is stored.
        horizon: knows how far detection can see.
        proxy: Envoy, which has metrics of its own.
        runner: says which detectors are behind.
        watch: tells people when detection is behind.

    Attributes:
        envoy: Envoy's own metrics as Prometheus text, empty before it answered.
    """

    def __init__(  # noqa: PLR0913, PLR0917 (one of each kind of thing that is sampled)
        self,
        socket: ControlSocket,
        ingest: Ingest,
        horizon: Horizon,
        proxy: Proxy,
        runner: DetectorRunner,
        watch: beats.BeatWatch,
    ) -> None:
        self.envoy = b""
        self._socket = socket
        self._ingest = ingest
        self._horizon = horizon
        self._proxy = proxy
        self._runner = runner
        self._watch = watch
        self._requests: dict[tuple[str, str], RateMeter] = {}
        self._stored = RateMeter()
        self._asked_at = 0.0

    def requests(self, peer: Peer) -> RateMeter | None:
        """The rate of one filter's requests; `None` before its first sample."""
        return self._requests.get((peer.node, peer.instance))

    def stored_per_s(self) -> float:
        """Events stored a second."""
        return self._stored.rate()

    async def run(self) -> None:
        """Take samples until cancelled."""
        while True:
            await self.take()
            await asyncio.sleep(EVERY_S)

    async def take(self) -> None:
        """Take one sample of everything."""
        now = time.time()
        # A filter that has disconnected keeps its last rate here, and `node_status` shows 0 for it.
        for peer in self._socket.peers:
            meter = self._requests.setdefault((peer.node, peer.instance), RateMeter())
            meter.add(now, peer.counters.get("requests", 0.0))
        self._stored.add(now, self._ingest.counters.inserted_rows)
        self._watch.look(self._behind())
        self._horizon.sample()
        if time.monotonic() - self._asked_at >= ENVOY_EVERY_S:
            # Noted before the answer comes: an Envoy that does not answer must not be asked each second.
            self._asked_at = time.monotonic()
            self.envoy = await self._proxy.metrics()

    def _behind(self) -> dict[str, str]:
        """Why detection is behind, by detector; "all detectors" when events cannot be seen in time."""
        # `problems` makes a new dictionary each time, so the entry below reaches nobody else.
        behind = self._runner.problems()
        lag_s = self._horizon.lag_s()
        if lag_s > beats.BLIND_S:
            behind["all detectors"] = f"the newest events that they can see are {lag_s:.0f} s old"
        return behind
