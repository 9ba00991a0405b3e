"""Lets the catalogue look at traffic, and tells people and the engine what it has learned."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Final

import structlog

from starfort.alerts.model import Alert
from starfort.bundle import LearnedEndpoint
from starfort.events.ingest import Ingest
from starfort.runtime.catalogue import CatalogueFeed
from starfort.runtime.changes import ChangeWatch
from starfort.runtime.reload import Configuration

EVERY_S: Final = 2.0
"""How often the catalogue looks. New endpoints compile the bundle anew, so it does not look more often."""

log = structlog.get_logger(__name__)


class CatalogueWatch:
    """Keeps the catalogue up to date with traffic.

    Args:
        catalogue: the catalogue that looks.
        configuration: compiles the bundle with the learned endpoints.
        ingest: says how many events were stored.
        alone: whether only this process stores events; otherwise there may be news at any time.
        submit: takes an alert.
    """

    def __init__(
        self,
        catalogue: CatalogueFeed,
        configuration: Configuration,
        ingest: Ingest,
        *,
        alone: bool,
        submit: Callable[[Alert], object],
    ) -> None:
        self._catalogue = catalogue
        self._configuration = configuration
        self._ingest = ingest
        self._alone = alone
        self._submit = submit
        self.failures = 0
        self._turn = asyncio.Lock()
        self._told, self._held = _identities(configuration.learned), configuration.contracts

    async def run(self) -> None:
        """Look whenever there may be something new, until cancelled."""
        changes = ChangeWatch(self.state)
        while True:
            await asyncio.sleep(EVERY_S)
            if changes.due(time.monotonic()):
                await self.look()

    async def look(self) -> None:
        """Look once, now: tell people what is new, and the engine what was learned."""
        # One at a time: an import asks for a look while the next one may be due.
        async with self._turn:
            try:
                alerts = await asyncio.to_thread(self._catalogue.refresh)
                learned = self._catalogue.learned_endpoints()
                contracts = await asyncio.to_thread(
                    self._catalogue.learned_contracts, self._configuration.config
                )
            except Exception:
                # The store may be busy or a disk full. The next look takes over what this one could not.
                self.failures += 1
                log.exception("catalogue_failed")
                return
            for alert in alerts:
                self._submit(alert)
            # Compared with the last attempt, not with what is in force: a refused set is not tried each time.
            if _identities(learned) != self._told or contracts is not self._held:
                self._told, self._held = _identities(learned), contracts
                await self._configuration.learn(learned, contracts)

    def state(self) -> tuple[Hashable, ...]:
        """A value that changes when the catalogue has something to look at."""
        # Events of other processes are not counted here, so with them the value changes each time.
        other = None if self._alone else time.monotonic()
        return (self._ingest.counters.inserted_rows, self._configuration.built.version, other)


def _identities(learned: Sequence[LearnedEndpoint]) -> frozenset[LearnedEndpoint]:
    """The learned endpoints as a set, to compare with another: their order does not matter."""
    return frozenset(learned)
