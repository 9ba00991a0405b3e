"""Alerts as JSON lines: in a file, or in Starfort's own log."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import structlog

from starfort.alerts.channels.base import DeliveryError
from starfort.alerts.model import Alert

log = structlog.get_logger("starfort.alert")


class LogChannel:
    """Alerts as JSON lines.

    Args:
        path: file that alerts are appended to (mode 0600). It is opened for each alert, so that another
            program may rotate it. Without a path, alerts go to Starfort's log.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.name = f"log:{path}" if path else "log"

    async def send(self, alert: Alert) -> None:
        """Write one line."""
        if self._path is None:
            log.warning("alert", **{f"alert_{name}": value for name, value in alert.as_json().items()})
            return
        line = json.dumps(alert.as_json(), default=str) + "\n"
        try:
            await asyncio.to_thread(_append, self._path, line)
        except OSError as error:
            raise DeliveryError(f"{self._path}: {error.strerror}") from error

    async def close(self) -> None:
        """Do nothing: no file is open between alerts."""


def _append(path: Path, line: str) -> None:
    # With O_APPEND, several writers (such as the old and the new process during a restart) do not overwrite
    # each other.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(line)
