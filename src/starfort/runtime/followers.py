"""Tells the parts beside the data plane about a new configuration."""

from __future__ import annotations

import asyncio

import structlog

from starfort.alerts.dispatcher import AlertDispatcher
from starfort.runtime.catalogue import CatalogueFeed
from starfort.runtime.sources import Sources
from starfort.runtime.toolchain import Built, RefusedError, Toolchain
from starfort.signals.runner import DetectorRunner
from starfort.store import Retention, Store

log = structlog.get_logger(__name__)


class Followers:
    """Detectors, store, catalogue, sources and alert channels.

    Args:
        toolchain: makes the alert channels.
        runner: runs detectors.
        store: keeps events as long as the configuration says.
        catalogue: knows what the configuration declares.
        dispatcher: sends alerts.
        sources: take in calls of other proxies.
    """

    def __init__(  # noqa: PLR0913, PLR0917 (everything that hears of a configuration)
        self,
        toolchain: Toolchain,
        runner: DetectorRunner,
        store: Store,
        catalogue: CatalogueFeed,
        dispatcher: AlertDispatcher,
        sources: Sources,
    ) -> None:
        self._toolchain = toolchain
        self._runner = runner
        self._store = store
        self._catalogue = catalogue
        self._dispatcher = dispatcher
        self._sources = sources

    async def take(self, built: Built) -> None:
        """Take over a configuration that is in force in the data plane."""
        # Detectors come first: a policy of the new bundle may already ask for signals of a new detector.
        self._runner.replace(built.detectors)
        kept = built.config.retention
        self._store.keep(Retention.lasting(kept.events, kept.rollups))
        await asyncio.to_thread(self._catalogue.declare, built)
        await self._sources.apply(built.config)
        try:
            channels = await asyncio.to_thread(self._toolchain.channels, built.config)
        except RefusedError as error:
            # A secret was removed. The old channels still have it, and old channels are better than none.
            log.warning("alert_channels_kept", problems=error.problems)
            return
        # A channel holds alerts that it has not delivered yet, so equal channels are not replaced.
        if [channel.name for channel in channels] != [
            state.channel.name for state in self._dispatcher.states
        ]:
            await self._dispatcher.replace(channels)
