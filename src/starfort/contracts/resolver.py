"""Follows the references of a document: within its file, and to files beside it.

Nothing outside the document's folder is read, and nothing is fetched. A document that comes from a URL is one
file in a folder of its own, so it can reach nothing else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from starfort.config import ConfigError, ConfigProblem
from starfort.contracts import files
from starfort.contracts.files import Location

MAX_DOCUMENT_BYTES: Final = 128 << 20
"""Largest document, with all files that it refers to; the largest in wide use has 12 MB."""

MAX_FILES: Final = 2000
"""How many files one document may have; Microsoft's and Stripe's have some hundreds."""

MAX_CHAIN: Final = 32
"""How many references from one to the next are followed; they may go in circles."""

MAX_NOTES: Final = 20
"""How many notes of one kind about a document are kept at most."""

KEPT: Final = frozenset(
    {
        "x-sunset", "x-stability-level", "x-internal", "x-extensible-enum", "x-nullable",
        "x-discriminator-value", "x-ms-paths",
    }
)  # fmt: skip
"""Extensions that are read; all others are dropped while a file is read."""

NAMED: Final = frozenset(
    {
        "properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "paths", "webhooks",
        "schemas", "responses", "parameters", "requestBodies", "headers", "securitySchemes", "pathItems",
        "content", "encoding", "variables", "mapping", "scopes", "securityDefinitions", "components",
        "mediaTypes", "x-ms-paths", "additionalOperations",
    }
)  # fmt: skip
"""Keywords whose values have keys that the author chose: a property may be called `example`."""

_DATA: Final = frozenset({"enum", "const", "default", "value"})
_DROPPED: Final = frozenset({"example", "examples", "externalDocs", "callbacks", "links", "webhooks"})
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def drop(key: str, name: str) -> bool:
    """Whether a document's value `name` in the value of `key` is left out: examples and extensions."""
    if key == "components":
        return name in _DROPPED
    if not key or key in NAMED or key in _DATA:
        return False
    return name in _DROPPED or (name.startswith("x-") and name not in KEPT)


@dataclass(frozen=True, slots=True)
class At:
    """Where a part stands, which decides what references in it mean.

    Attributes:
        file: its file.
        location: where in the file.
        root: location of the schema with an `$id` around it, to which `#` refers; `()` is the file.
    """

    file: Path
    location: Location = ()
    root: Location = ()

    def below(self, *steps: str | int) -> At:
        """The place of a part of this part."""
        return At(self.file, (*self.location, *steps), self.root)


class UnresolvedError(LookupError):
    """A reference that leads nowhere.

    Attributes:
        what: what is wrong.
        fix: what would be right, or "".
    """

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


class Resolver:
    """The files of one document.

    Attributes:
        files: every file that was asked for, those that are missing included.
        problems: what is wrong with the files as such.
        repeated: a warning for each key that is there twice.
    """

    def __init__(self, file: Path, folder: Path | None = None) -> None:
        self.files: list[Path] = []
        self.problems: list[ConfigProblem] = []
        self.repeated: list[ConfigProblem] = []
        self._folder = (folder or file.parent).resolve()
        self._left = MAX_DOCUMENT_BYTES
        self._data: dict[Path, Any] = {}
        self._anchors: dict[tuple[Path, Location], dict[str, Location]] = {}
        self._ids: dict[str, At] = {}

    def load(self, file: Path) -> Any:
        """The data of a file, read once.

        Raises:
            ConfigError: it cannot be read.
        """
        if file not in self._data:
            self._data[file] = None
            self.files.append(file)
            data = files.read(file, self._left, self.repeated, drop)
            self._left -= file.stat().st_size
            self._data[file] = data
            self._know(data, At(file))
        return self._data[file]

    def _know(self, data: object, at: At) -> None:
        # A document may say what its own address is (OpenAPI 3.2.0, `$self`), and so may a schema.
        for name in ("$self", "$id"):
            own = data.get(name) if isinstance(data, dict) else None
            if isinstance(own, str) and own:
                self._ids.setdefault(own.removesuffix("#"), at)

    def follow(self, reference: str, at: At) -> tuple[Any, At]:
        """What a reference leads to, and where that stands.

        Args:
            reference: a URI reference: `#/components/schemas/Order`, `order.yaml`, `common.yaml#/Id`.
            at: where the reference stands.

        Raises:
            UnresolvedError: it leads nowhere, or to where nothing is read.
        """
        head, _, fragment = reference.partition("#")
        base = at if not head else self._base(head, reference, at)
        data = self.load(base.file)
        root = base.root
        try:
            value = data
            for step in root:
                value = value[step]
            if fragment and not fragment.startswith("/"):
                location = self._anchor(fragment, value, base.file, root)
                return _at(data, location), At(base.file, location, root)
            found = files.pointed(value, f"#{fragment}")
        except (LookupError, TypeError) as error:
            what = f"{reference!r} refers to nothing, so what it should say is not known"
            raise UnresolvedError(what, "mend the reference, or add what it names") from error
        return found, At(base.file, (*root, *_steps(value, fragment)), root)

    def _base(self, head: str, reference: str, at: At) -> At:
        if head in self._ids:
            return replace(self._ids[head], location=())
        if _SCHEME.match(head) or head.startswith("//"):
            what = f"{reference!r} refers to an address, and none is fetched"
            raise UnresolvedError(what, "put the file into the document's folder")
        path = Path(os.path.normpath(at.file.parent / unquote(head)))
        if not path.resolve().is_relative_to(self._folder):
            what = f"{reference!r} leads out of the document's folder, where nothing is read"
            raise UnresolvedError(what, "put the file into the document's folder")
        self._readable(path, reference)
        return At(path)

    def _readable(self, path: Path, reference: str) -> None:
        """Load a file that a reference names.

        Raises:
            UnresolvedError: it cannot be read; what is wrong with it is in `problems` then.
        """
        if path in self._data and self._data[path] is not None:
            return
        if path not in self._data and len(self._data) >= MAX_FILES:
            raise UnresolvedError(f"has more than {MAX_FILES} files", "join some of them")
        if not path.is_file():
            if path not in self.files:
                self.files.append(path)  # watched, so that the document is read again when it is there
            what = f"{reference!r} refers to {path.name}, which is no file here"
            raise UnresolvedError(what, "put it there, or mend the reference")
        try:
            data = self.load(path)
        except ConfigError as error:
            self.problems += error.problems
            raise UnresolvedError(f"{reference!r} refers to a file that cannot be read") from error
        if data is None:
            raise UnresolvedError(f"{reference!r} refers to a file that cannot be read, or is empty")

    def _anchor(self, name: str, resource: object, file: Path, root: Location) -> Location:
        """Location of the part with an `$anchor` (JSON Schema 2020-12, core, 8.2.2).

        Raises:
            LookupError: there is none.
        """
        known = self._anchors.get((file, root))
        if known is None:
            known = self._anchors[file, root] = dict(_anchors(resource, root))
        return known[name]


def _anchors(resource: object, root: Location) -> Iterator[tuple[str, Location]]:
    waiting = [(root, resource)]
    while waiting:
        location, node = waiting.pop()
        if isinstance(node, dict):
            for key in ("$anchor", "$dynamicAnchor"):
                if isinstance(node.get(key), str):
                    yield node[key], location
            waiting += [((*location, key), value) for key, value in node.items()]
        elif isinstance(node, list):
            waiting += [((*location, index), value) for index, value in enumerate(node)]


def _at(data: Any, location: Location) -> Any:
    for step in location:
        data = data[step]
    return data


def _steps(value: object, fragment: str) -> Location:
    """The steps of a pointer that leads somewhere, with the indexes of lists as numbers."""
    found: list[str | int] = []
    for step in files.steps(fragment):
        key: str | int = int(step) if isinstance(value, list) else step
        value = value[key]  # type: ignore[index]
        found.append(key)
    return tuple(found)


class Notes:
    """What readers of a document say about it, with the place of each."""

    def __init__(self) -> None:
        self._problems: list[tuple[At, str, str]] = []
        self._warnings: dict[tuple[Path, Location, str], str] = {}
        self._kinds: dict[str, int] = {}

    def problem(self, at: At, what: str, fix: str = "") -> None:
        """The document is wrong, and is not used."""
        if len(self._problems) < MAX_NOTES:
            self._problems.append((at, what, fix))

    def warning(self, at: At, kind: str, what: str, fix: str = "") -> None:
        """A part is read in another way than its author may believe.

        Args:
            at: the part.
            kind: a word; of one kind `MAX_NOTES` are kept.
            what: what is wrong.
            fix: what would be right.
        """
        key = (at.file, at.location, what)
        if key not in self._warnings and self._kinds.get(kind, 0) < MAX_NOTES:
            self._kinds[kind] = self._kinds.get(kind, 0) + 1
            self._warnings[key] = fix

    def placed_problems(self) -> list[ConfigProblem]:
        """The problems, with lines."""
        return _placed((at.file, (at.location, what, fix)) for at, what, fix in self._problems)

    def placed_warnings(self) -> list[ConfigProblem]:
        """The warnings, with lines."""
        return _placed(
            (file, (location, what, fix)) for (file, location, what), fix in self._warnings.items()
        )


def _placed(found: Iterator[tuple[Path, tuple[Location, str, str]]]) -> list[ConfigProblem]:
    by_file: dict[Path, list[tuple[Location, str, str]]] = {}
    for file, one in found:
        by_file.setdefault(file, []).append(one)
    return [problem for file, ones in by_file.items() for problem in files.placed(file, ones)]
