"""Checks how much space is left on the disks that Starfort writes to.

With a full disk no request is lost, but everything else stops: events wait in the filters' memory, and no
changed configuration comes into force. So people are told before that happens.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOW_SHARE: Final = 0.05
LOW_BYTES: Final = 2 << 30
"""A disk is nearly full when its free space is below both: this share, and these bytes, which are some hours
of events at 1,000 a second."""

FULL_SHARE: Final = 0.01
FULL_BYTES: Final = 16 << 20
"""A disk is full when its free space is below both: a bundle with rules and its copy take some 10 MB."""

EVERY_S: Final = 2.0
"""How often free space is checked."""


@dataclass(frozen=True, slots=True)
class DiskStatus:
    """One place where Starfort writes.

    Attributes:
        path: the directory; the first of several on one file system.
        free_bytes: what this user can still write.
        size_bytes: size of the file system.
        problem: what is wrong as a sentence, "" when nothing is.
    """

    path: str
    free_bytes: int
    size_bytes: int
    problem: str


def look(directories: Iterable[Path]) -> list[DiskStatus]:
    """The state of the file systems of some directories, each once. This blocks.

    Args:
        directories: where Starfort writes, the most important first; missing ones are left out.
    """
    found: dict[int, DiskStatus] = {}
    for directory in directories:
        try:
            # Several directories on one file system are one line for people, unless one cannot be written to.
            device = directory.stat().st_dev
            if device in found and os.access(directory, os.W_OK | os.X_OK):
                continue
            status = _look(directory)
        except FileNotFoundError:
            continue
        except OSError as error:
            status = DiskStatus(str(directory), 0, 0, f"{directory} can't be looked at: {error.strerror}")
            device = -1 - len(found)
        found.setdefault(device if not status.problem else -1 - len(found), status)
    return list(found.values())


def _look(directory: Path) -> DiskStatus:
    room = os.statvfs(directory)
    # `f_bavail`, not `f_bfree`: the difference is reserved for root (statvfs(3)).
    free, size = room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize
    return DiskStatus(str(directory), free, size, _problem(directory, room, free, size))


def _problem(directory: Path, room: os.statvfs_result, free: int, size: int) -> str:
    # What free space cannot mend comes first.
    if room.f_flag & os.ST_RDONLY:
        return f"the file system of {directory} is read-only: no event and no change can be written"
    if not os.access(directory, os.W_OK | os.X_OK):
        return f"{directory} can't be written by this user: no event and no change can be stored there"
    left = f"{free / 1e6:,.1f} MB of {size / 1e6:,.0f} MB are free"
    if size and free < min(FULL_BYTES, size * FULL_SHARE):
        return (
            f"the disk of {directory} is full ({left}): events wait in memory until that is full too, "
            "and no change comes into force; free some space"
        )
    # Some file systems count no inodes and report 0 of 0, which is no shortage.
    if room.f_files and not room.f_favail:
        return f"the disk of {directory} has no room for another file (no inodes are left); remove some"
    if size and free < min(LOW_BYTES, size * LOW_SHARE):
        return f"the disk of {directory} is nearly full ({left}); free some space or lower `retention`"
    return ""


class Disks:
    """Checks the disks of a data directory again and again.

    Args:
        data_dir: the data directory; parts of it may be mounts of their own.

    Attributes:
        found: the latest state.
    """

    def __init__(self, data_dir: Path) -> None:
        self.found: list[DiskStatus] = []
        self._places = [data_dir, *(data_dir / name for name in ("run", "spool", "store", "envoy"))]

    async def watch(self) -> None:
        """Check every `EVERY_S`, until cancelled."""
        while True:
            self.found = await asyncio.to_thread(look, self._places)
            await asyncio.sleep(EVERY_S)
