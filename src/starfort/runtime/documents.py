"""Looks at fetched documents as often as the configuration says.

A new copy is a changed file of the configuration, so the configuration's watch brings it into force.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import structlog

from starfort.config import Config
from starfort.config.documents import Remote
from starfort.contracts.sources.refresh import Refreshed, refresh

EVERY_S: Final = 1.0
"""How often to look whether a document is due."""

log = structlog.get_logger(__name__)


class DocumentRefresh:
    """Keeps the copies of fetched documents up to date.

    Args:
        data_dir: the data directory.
        config: gives the configuration in force.
        fetch: looks at one document once.

    Attributes:
        results: how often looks had each result (`Refreshed.result`).
    """

    def __init__(
        self,
        data_dir: Path,
        config: Callable[[], Config],
        fetch: Callable[[Path, Remote], Refreshed] = refresh,
    ) -> None:
        self.results: Counter[str] = Counter()
        self._data_dir = data_dir
        self._config = config
        self._fetch = fetch
        self._due: dict[str, float] = {}
        self._errors: dict[str, str] = {}

    def problems(self) -> list[str]:
        """A sentence for each document that could not be fetched the last time."""
        return [f"the document of {name}: {error}" for name, error in sorted(self._errors.items())]

    async def run(self) -> None:
        """Look at each document when it is due, until cancelled."""
        while True:
            await self.look(time.monotonic())
            await asyncio.sleep(EVERY_S)

    async def look(self, now: float) -> None:
        """Look at the documents that are due, one after the other."""
        remote = dict(self._remote())
        for known in [*self._due, *self._errors]:
            if known not in remote:
                self._due.pop(known, None)
                self._errors.pop(known, None)
        for name, document in remote.items():
            if self._due.get(name, now) <= now:
                self._due[name] = now + document.interval.total_seconds()
                found = await asyncio.to_thread(self._fetch, self._data_dir, document)
                self._take(name, found)

    def _remote(self) -> Iterator[tuple[str, Remote]]:
        for api in self._config().apis:
            if api.openapi is not None and not isinstance(api.openapi, Path):
                yield api.name, api.openapi

    def _take(self, name: str, found: Refreshed) -> None:
        self.results[found.result] += 1
        if found.error:
            if self._errors.get(name) != found.error:
                log.warning("document_not_refreshed", api=name, result=found.result, error=found.error)
            self._errors[name] = found.error
            return
        self._errors.pop(name, None)
        if found.result == "changed":
            errors = [change for change in found.changes if change.level == "error"]
            breaking = [f"{one.method} {one.path} {one.code}" for one in errors[:10]]
            log.info(
                "document_changed",
                api=name,
                changes=len(found.changes),
                errors=len(errors),
                breaking=breaking,
            )
