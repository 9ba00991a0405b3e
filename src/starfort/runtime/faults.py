"""Remembers what failed beside a refused configuration, and when it is tried again."""

from __future__ import annotations

import time
from typing import Final

import structlog

AGAIN_AFTER_S: Final = 2.0
"""How long to wait before something is tried again that failed for another reason than the file, such as a
full disk."""

log = structlog.get_logger(__name__)


class Faults:
    """The faults that exist now: a sentence for people by the part that failed."""

    def __init__(self) -> None:
        self._what: dict[str, str] = {}
        self._again_at = 0.0

    def __contains__(self, part: str) -> bool:
        return part in self._what

    def sentences(self) -> list[str]:
        """Everything that is wrong now."""
        return list(self._what.values())

    def add(self, part: str, what: str) -> None:
        """Note that a part has failed and is tried again later. Only a new fault is logged."""
        # It is tried every two seconds while a disk is full, and one line in the log is enough.
        if self._what.get(part) != what:
            log.error("config_fault", part=part, what=what)
        self._what[part] = what
        self.try_later()

    def mended(self, part: str) -> None:
        """Note that a part works again."""
        self._what.pop(part, None)

    def try_later(self) -> None:
        """Make `due` true after `AGAIN_AFTER_S`."""
        self._again_at = time.monotonic() + AGAIN_AFTER_S

    def try_no_more(self) -> None:
        """Make `due` false until the next fault."""
        self._again_at = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time to try again."""
        return bool(self._again_at) and time.monotonic() >= self._again_at
