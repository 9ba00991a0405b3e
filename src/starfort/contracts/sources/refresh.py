"""Looks whether a fetched document has changed, and takes a new one over when it is right."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from starfort.config.documents import Remote, UrlDocument
from starfort.contracts import documents
from starfort.contracts.changes import Change, compare
from starfort.contracts.sources import git, url
from starfort.contracts.sources.kept import Copies, FetchError

MAX_TOLD = 3
"""How many problems of a document are told at most."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of one look.

    Attributes:
        result: `changed`, `unchanged`, `failed` (nothing came), or `refused` (what came is wrong).
        error: why it failed; "" when it did not.
        changes: from the copy before to the new one.
    """

    result: Literal["changed", "unchanged", "failed", "refused"]
    error: str = ""
    changes: tuple[Change, ...] = ()


def refresh(data_dir: Path, document: Remote) -> Refreshed:
    """Look at a document's source once. This blocks, for minutes at worst; it raises nothing.

    A document that is wrong changes nothing: the last good copy stays, and what is wrong is told with line
    and pointer.
    """
    copies = Copies(data_dir, document)
    try:
        return _refresh(copies, document)
    except FetchError as error:
        copies.failed(str(error), time.time())
        return Refreshed("failed", str(error))
    except OSError as error:
        return Refreshed("failed", f"{error.filename}: {error.strerror}")


def _refresh(copies: Copies, document: Remote) -> Refreshed:
    # Without its file, a version is worth nothing.
    known = copies.state().version if copies.file.is_file() else ""
    with copies.next() as folder:
        file = folder / copies.inner
        if isinstance(document, UrlDocument):
            version = url.fetch(document, known, file)
        else:
            version = git.fetch(document, known, folder)
        if version is None or _same(file, copies.file):
            copies.unchanged(time.time())
            return Refreshed("unchanged")
        found = documents.read(file)
        if found.problems:
            told = "; ".join(str(problem).replace(f"{folder}/", "") for problem in found.problems[:MAX_TOLD])
            copies.failed(told, time.time())
            return Refreshed("refused", told)
        before = documents.read(copies.file) if copies.file.is_file() else None
        copies.accept(folder, version, time.time())
        if before is None or before.problems:
            return Refreshed("changed")
        return Refreshed("changed", changes=compare(before.contract, found.contract))


def _same(one: Path, other: Path) -> bool:
    """Whether two copies of a document of one file are the same; servers without `ETag` always send it."""
    if one.name != "document" or not other.is_file() or one.stat().st_size != other.stat().st_size:
        return False
    return one.read_bytes() == other.read_bytes()
