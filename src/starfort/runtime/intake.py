"""Takes the batches of events that filters send."""

from __future__ import annotations

import asyncio
from typing import Final

from starfort.dataplane.socket import Peer, Taken
from starfort.events.errors import IngestOverloadedError
from starfort.events.ingest import Ingest
from starfort.runtime.traffic import TrafficCounts

OVERLOADED_PAUSE_S: Final = 0.05
"""How long a batch waits before it is offered to a full ingest again."""


class Intake:
    """Gives batches to ingest and counts what they hold.

    Args:
        ingest: writes them to the spool and into the store.
        traffic: counts of what passed since the start.
    """

    def __init__(self, ingest: Ingest, traffic: TrafficCounts) -> None:
        self._ingest = ingest
        self._traffic = traffic

    async def take(self, peer: Peer, sequence: int, stream: bytes) -> Taken:
        """Take one batch; it is on disk when this returns.

        Args:
            peer: the filter that sent it.
            sequence: its number among the batches of that filter.
            stream: Arrow IPC.

        Returns:
            What the batch holds.
        """
        while True:
            try:
                accepted = await self._ingest.accept(peer.node, peer.instance, sequence, stream)
            except IngestOverloadedError:
                # While this waits, the filter gets no acknowledgement, so it sends no more than its window.
                # It then thins or drops events by its own rules: only the filter can choose among them.
                await asyncio.sleep(OVERLOADED_PAUSE_S)
                continue
            break
        if accepted.rows is not None:  # a batch that was sent twice is counted once
            self._traffic.observe(accepted.rows)
        return Taken(accepted.about.calls, accepted.about.newest)
