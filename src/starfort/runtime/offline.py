"""Opens the data directory of a Starfort that does not run, to import files into it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from starfort import bundle
from starfort.catalogue import Endpoint
from starfort.runtime.catalogue import CatalogueFeed
from starfort.runtime.imports import insert
from starfort.runtime.lock import DataDirectory, StartError
from starfort.runtime.toolchain import Toolchain
from starfort.state import STATE_FILE
from starfort.state.database import open_state
from starfort.state.migrate import StateError
from starfort.store import Retention, Store, StoreError


class Offline:
    """Store and catalogue of one data directory, while nothing runs there.

    Args:
        config_path: the configuration file.

    Attributes:
        bundle: what the engine would decide by.

    Raises:
        StartError: a Starfort runs there, or something cannot be opened.
        RefusedError: the configuration is wrong.
    """

    def __init__(self, config_path: Path) -> None:
        toolchain = Toolchain()
        loaded = toolchain.load(config_path)
        config = loaded.config
        data_dir = config.data_dir.resolve()
        with ExitStack() as held:
            held.callback(DataDirectory(data_dir).release)
            try:
                state = open_state(data_dir / STATE_FILE, examine=True)
                held.callback(state.dispose)
                kept = config.retention
                self._store = Store.open(
                    data_dir / "store", retention=Retention.lasting(kept.events, kept.rollups)
                )
            except (StateError, StoreError) as error:
                raise StartError(str(error)) from error
            held.callback(self._store.close)
            self._catalogue = CatalogueFeed(self._store, state)
            held.callback(self._catalogue.close)
            built = toolchain.build(loaded, self._catalogue.learned_endpoints())
            self._catalogue.declare(built)
            self.bundle = bundle.encode(built.bundle)
            self._held = held.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def take(self, stream: bytes, token: str) -> int:
        """Take in one batch; returns how many rows it has. Raises as `imports.insert`."""
        return insert(self._store, stream, token)

    def learn(self) -> None:
        """Let the catalogue learn from what was taken in. Nobody is alerted: the caller sees what is new."""
        self._catalogue.refresh()

    def endpoints(self) -> Sequence[Endpoint]:
        """Every endpoint of the catalogue."""
        return self._catalogue.endpoints()
