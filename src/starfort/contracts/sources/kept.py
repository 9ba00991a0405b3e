"""Where the copies of fetched documents are, and how a new one takes the place of the old one.

`documents/KEY/current` is a symbolic link to the folder of the last good copy, so that a document and the
files beside it change at once. `documents/KEY/state.json` says what was fetched and what went wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from starfort.config.documents import GitDocument, Remote

FOLDER: Final = "documents"
"""Folder of all copies in the data directory."""

CURRENT: Final = "current"


class FetchError(Exception):
    """A document could not be fetched, or what came cannot be used. The last good copy stays."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is known of the last good copy.

    Attributes:
        version: `ETag`, commit, or digest of the copy; "" when there is none.
        at: Unix seconds when it was last seen to be the newest.
        changed_at: Unix seconds when it became the current one.
        error: why the last try failed; "" when it did not.
        failed_at: Unix seconds of that try.
    """

    version: str = ""
    at: float = 0.0
    changed_at: float = 0.0
    error: str = ""
    failed_at: float = 0.0


class Copies:
    """The copies of one document.

    Args:
        data_dir: the data directory.
        document: where the document comes from.
    """

    def __init__(self, data_dir: Path, document: Remote) -> None:
        is_git = isinstance(document, GitDocument)
        # The address decides: another one is another document, whose copies are others.
        name = f"git {document.git} {document.ref} {document.path}" if is_git else f"url {document.url}"  # type: ignore[union-attr]
        self._folder = data_dir / FOLDER / hashlib.sha256(name.encode()).hexdigest()[:16]
        self._inner = Path(document.path) if isinstance(document, GitDocument) else Path("document")

    @property
    def file(self) -> Path:
        """The document's file in the last good copy; it may not exist."""
        return self._folder / CURRENT / self._inner

    @property
    def inner(self) -> Path:
        """The document's path within a copy."""
        return self._inner

    def state(self) -> Fetched:
        """What is known of the last good copy."""
        try:
            found = json.loads((self._folder / "state.json").read_text(encoding="utf-8"))
            return Fetched(**{key: found[key] for key in Fetched.__dataclass_fields__ if key in found})
        except (OSError, ValueError, TypeError, KeyError):
            return Fetched()

    def unchanged(self, at: float) -> None:
        """The copy is still the newest."""
        self._write(replace(self.state(), at=at, error="", failed_at=0.0))

    def failed(self, error: str, at: float) -> None:
        """A try failed."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write(replace(self.state(), error=error[:500], failed_at=at))

    @contextmanager
    def next(self) -> Iterator[Path]:
        """A new folder for the next copy; it is removed unless `accept` took it."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._tidy()
        made = Path(tempfile.mkdtemp(prefix="copy-", dir=self._folder))
        try:
            yield made
        finally:
            if self._now() != made.name:
                shutil.rmtree(made, ignore_errors=True)

    def accept(self, made: Path, version: str, at: float) -> None:
        """Let a copy take the place of the current one, at once."""
        link = self._folder / f"{CURRENT}.new"
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
        link.symlink_to(made.name)
        os.replace(link, self._folder / CURRENT)  # noqa: PTH105 (of a link, not of what it leads to)
        self._write(Fetched(version, at, at))

    def _now(self) -> str:
        try:
            return os.readlink(self._folder / CURRENT)  # noqa: PTH115 (text, not a path)
        except OSError:
            return ""

    def _tidy(self) -> None:
        """Remove the copies before the current one, and those that a kill left."""
        now = self._now()
        for one in self._folder.glob("copy-*"):
            if one.name != now:
                shutil.rmtree(one, ignore_errors=True)

    def _write(self, state: Fetched) -> None:
        file = self._folder / "state.json"
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(state)), encoding="utf-8")
        new.replace(file)
