"""Reads a document of an API, whichever kind it is, and keeps it as long as its files do not change."""

from __future__ import annotations

import dataclasses
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from starfort.config import ConfigError, ConfigProblem
from starfort.contracts import openapi, swagger
from starfort.contracts.model import Contract
from starfort.contracts.operations import Parts
from starfort.contracts.resolver import At, Notes, Resolver
from starfort.contracts.schemas import Dialect, Schemas

MAX_KEPT: Final = 64
"""How many documents are kept. A configuration with more reads the others anew each time it is compiled."""


@dataclass(frozen=True)
class ReadDocument:
    """A document as it was read.

    Attributes:
        file: its path.
        contract: what it says; of no use when there are problems.
        files: every file that it has, or refers to and does not have.
        problems: what is wrong, so that it cannot be used.
        warnings: parts that are read in another way than the author may believe.
    """

    file: Path
    contract: Contract = field(default_factory=lambda: Contract(""))
    files: tuple[Path, ...] = ()
    problems: tuple[ConfigProblem, ...] = ()
    warnings: tuple[ConfigProblem, ...] = ()


def read(file: Path, folder: Path | None = None) -> ReadDocument:
    """Read a document of OpenAPI 3.0, 3.1, 3.2 or Swagger 2, JSON or YAML, with the files beside it.

    Args:
        file: its path.
        folder: the folder that its references stay in; by default its own.

    Returns:
        The document. What is wrong is in `problems`; nothing is raised.
    """
    notes, resolver = Notes(), Resolver(file, folder)
    at = At(file)
    try:
        data = resolver.load(file)
    except ConfigError as error:
        return ReadDocument(file, files=(file,), problems=tuple(error.problems))
    dialect = _dialect(data, at, notes)
    contract = Contract("")
    if dialect is not None:
        parts = Parts(resolver, notes, Schemas(resolver, dialect, notes))
        contract = (swagger if dialect == "2.0" else openapi).read(data, at, parts)
    problems = (*resolver.problems, *notes.placed_problems())
    warnings = () if problems else (*resolver.repeated, *notes.placed_warnings())
    return ReadDocument(file, contract, tuple(resolver.files), problems, warnings)


def _dialect(data: object, at: At, notes: Notes) -> Dialect | None:
    """The dialect of a document's schemas; `None` with a problem when it is no document that is read."""
    if not isinstance(data, dict):
        notes.problem(at, "is no OpenAPI document: it must be a mapping")
    elif "openapi" in data and (found := re.match(r"3\.([0-2])(\.|$)", str(data["openapi"]))):
        return "3.0" if found[1] == "0" else "3.1"
    elif "swagger" in data and re.fullmatch(r"2(\.0)?", str(data["swagger"])):
        return "2.0"
    else:
        word = next((word for word in ("openapi", "swagger") if word in data), None)
        what = (
            "has no version of OpenAPI" if word is None else f"has version {str(data[word])[:20]} of OpenAPI"
        )
        fix = "3.0, 3.1, 3.2 and Swagger 2.0 are read; begin with `openapi: 3.1.0`"
        notes.problem(at if word is None else at.below(word), what, fix)
    return None


_Stamp = tuple[tuple[str, int, int, int], ...]


class Documents:
    """Documents by path. One whose files are unchanged is the same object again.

    A compiler runs whenever the catalogue has learned something, and a large document takes a second to read.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Path, Path | None], tuple[_Stamp, ReadDocument]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, file: Path, folder: Path | None = None) -> ReadDocument:
        """As `read` does, from what is kept when nothing changed."""
        with self._lock:
            known = self._kept.get((file, folder))
        if known is not None and _stamp(known[1].files) == known[0]:
            return known[1]
        # Before reading: a file that changes meanwhile is read once more the next time.
        before = _stamp((file,))
        found = read(file, folder)
        stamp = _stamp(found.files)
        if stamp[:1] == before:
            with self._lock:
                self._kept[file, folder] = (stamp, found)
                self._kept.move_to_end((file, folder))
                while len(self._kept) > MAX_KEPT:
                    self._kept.popitem(last=False)
        return found


def _stamp(files: Sequence[Path]) -> _Stamp:
    """What changes when a file does."""
    made = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            made.append((str(file), 0, 0, 0))
        else:
            made.append((str(file), status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(made)


def named(contract: Contract, api: str) -> Contract:
    """A contract as that of an API of the configuration."""
    return dataclasses.replace(contract, api=api)
