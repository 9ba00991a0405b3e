"""Reads which endpoints were called, beside a Starfort that may or may not run."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from starfort.state import STATE_FILE

BUSY_S: Final = 1.0
"""How long a read waits for a process that writes."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_QUERY: Final = "SELECT api, method, template, first_us FROM catalogue_endpoints WHERE calls > 0"


@dataclass(frozen=True, slots=True)
class Seen:
    """An endpoint that was called.

    Attributes:
        api: name of its API.
        method: upper case.
        path: template from the root.
        since: when the first call was; `None` where that is not known.
    """

    api: str
    method: str
    path: str
    since: datetime | None


def seen_endpoints(data_dir: Path) -> list[Seen]:
    """The endpoints of a data directory's catalogue that were called, in a stable order.

    Nothing is written. A directory without a catalogue, or with one that cannot be read, gives no endpoints;
    the caller then knows less and warns of less.
    """
    path = data_dir / STATE_FILE
    if not path.is_file():
        return []
    # If there is no write-ahead log beside it, nobody writes. `immutable` then keeps SQLite from making files
    # for readers, which a folder of another user would not allow.
    mode = "ro" if path.with_name(f"{STATE_FILE}-wal").exists() else "ro&immutable=1"
    address = f"file:{quote(str(path))}?mode={mode}"
    try:
        with closing(sqlite3.connect(address, BUSY_S, uri=True)) as connection:
            rows = connection.execute(_QUERY).fetchall()
    except sqlite3.Error:
        return []
    found = [
        Seen(api, method, path, None if first is None else _EPOCH + timedelta(microseconds=first))
        for api, method, path, first in rows
    ]
    return sorted(found, key=lambda one: (one.api, one.path, one.method))
