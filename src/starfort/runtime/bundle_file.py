"""Keeps the bundle in force as a file, and the old one for when a new one cannot come into force.

The way back is always a rename of a file that is on disk already: a rename needs no space on a full disk.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from starfort.base.files import write_private
from starfort.compile.dataplane import LAST_GOOD
from starfort.runtime.file_watch import mark
from starfort.runtime.toolchain import Built, Toolchain

BEFORE: Final = ".{name}.before"
"""Second name of the old bundle while a new one is tried."""


class BundleFile:
    """The file that filters and a restarted Envoy read. Every method blocks, so it is called in a thread.

    Args:
        path: the file.
        toolchain: writes bundles.

    Attributes:
        kept: version of the bundle that is kept as the last good one, "" before there is one.
    """

    def __init__(self, path: Path, toolchain: Toolchain) -> None:
        self.path = path
        self.kept = ""
        self._before = path.with_name(BEFORE.format(name=path.name))
        self._toolchain = toolchain
        self._digest = b""
        self._mark = mark(path)

    def write(self, built: Built) -> None:
        """Write a bundle atomically, with mode 0600.

        Raises:
            OSError: it cannot be written; the file is as before.
        """
        self._toolchain.write_bundle(built, self.path)

    def take_over(self) -> None:
        """Take the present content of the file for the right one."""
        # Read back from the disk, so that `is_damaged` compares with what filters can really read.
        self._digest = _digest(self.path)
        self._mark = mark(self.path)

    def looks_changed(self) -> bool:
        """Whether somebody else may have touched the file since it was looked at last."""
        return mark(self.path) != self._mark

    def is_damaged(self) -> bool:
        """Whether the file has another content than the one that was written."""
        return _digest(self.path) != self._digest

    def looked_at(self) -> None:
        """Remember the file as it is, so that `looks_changed` is true only after the next change."""
        self._mark = mark(self.path)

    def hold(self) -> None:
        """Give the file a second name, under which it still exists after a new one is written.

        Raises:
            OSError: it cannot have one.
        """
        # A hard link and no copy: it takes no space, and the new bundle is renamed over the first name.
        self._before.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            os.link(self.path, self._before)

    def put_back(self) -> None:
        """Give the file the content that it had at `hold`; if nothing was written since, nothing happens.

        Raises:
            OSError: it cannot be renamed.
        """
        # It does not exist when `hold` failed, or when there was no bundle before.
        if self._before.exists():
            self._before.replace(self.path)
            # If nothing was written, both names are of one file; rename(2) then does nothing and keeps both.
            self._before.unlink(missing_ok=True)

    def let_go(self) -> None:
        """Remove the second name: the new bundle is in force."""
        self._before.unlink(missing_ok=True)

    def keep_last_good(self, version: str) -> None:
        """Copy the file beside itself. If it is damaged, the copy that exists is kept.

        Args:
            version: of the bundle in the file.

        Raises:
            OSError: it cannot be written.
        """
        try:
            content = self.path.read_bytes()
        except OSError:
            # A file that cannot be read is damaged too, and `is_damaged` finds it.
            return
        if hashlib.sha256(content).digest() == self._digest:
            write_private(self.path.with_name(LAST_GOOD), content)
            self.kept = version


def _digest(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return b""
