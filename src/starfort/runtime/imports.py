"""Takes in calls that were imported from files.

`starfort discover` reads files and makes the rows, with the bundle in force. It hands them over as files in
`DATA_DIR/imports`, which only the user of Starfort may write to, and says their names, so no large body
passes through the API.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from starfort.events.errors import BatchRefusedError
from starfort.events.validate import MAX_BYTES, read_batch
from starfort.store import Store

FOLDER: Final = "imports"

TABLE: Final = "imported_events"
"""No detector reads it: what is in it may be years old."""

_NAME: Final = re.compile(r"[0-9a-f]{32}")


class ImportRefusedError(Exception):
    """A batch is not there, or is no batch of events; the text says which."""


class ImportMissingError(ImportRefusedError):
    """There is no batch of that name; it may have been taken in already."""


class Imports:
    """The batches of imported calls.

    Args:
        store: where they go.
        data_dir: the data directory.
        look: lets the catalogue learn from what came since the last time.

    Attributes:
        rows: rows that were taken in since the start.
    """

    def __init__(self, store: Store, data_dir: Path, look: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._folder = data_dir / FOLDER
        self._look = look
        self.rows = 0

    async def take(self, name: str) -> int:
        """Take in one batch, and remove its file.

        Args:
            name: of the file: 32 hexadecimal characters. The same name again adds nothing.

        Returns:
            How many rows it has.

        Raises:
            ImportRefusedError: there is no such file, or it is no batch.
            StoreError: the store does not take it; try again.
        """
        if not _NAME.fullmatch(name):
            raise ImportRefusedError("the name of a batch is 32 hexadecimal characters")
        rows = await asyncio.to_thread(self._insert, name)
        self.rows += rows
        return rows

    def _insert(self, name: str) -> int:
        path = self._folder / name
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ImportRefusedError(f"a batch has at most {MAX_BYTES} bytes")
            stream = path.read_bytes()
        except FileNotFoundError:
            raise ImportMissingError(f"there is no batch {name}") from None
        except OSError as error:
            raise ImportRefusedError(f"{path} cannot be read: {error.strerror}") from error
        rows = insert(self._store, stream, name)
        path.unlink(missing_ok=True)
        return rows

    async def learn(self) -> None:
        """Let the catalogue learn from what was taken in, now."""
        await self._look()


def insert(store: Store, stream: bytes, token: str) -> int:
    """Insert one batch of imported calls; returns how many rows it has.

    Args:
        store: where it goes.
        stream: an Arrow IPC stream of events.
        token: with the same token again nothing is inserted twice.

    Raises:
        ImportRefusedError: it is no batch.
        StoreError: the store does not take it.
    """
    try:
        table = read_batch(stream, dt.datetime.now(dt.UTC), any_age=True)
    except BatchRefusedError as error:
        raise ImportRefusedError(str(error)) from error
    store.insert_arrow(stream, table=TABLE, token=token)
    return int(table.num_rows)
