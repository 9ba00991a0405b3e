"""What endpoints need to know of an API's document: paths, media types, and what fields hold."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from starfort.bundle import ContentKind
from starfort.compile import content
from starfort.config import ConfigProblem
from starfort.config.apis import Api
from starfort.contracts import files, servers
from starfort.contracts.documents import MAX_KEPT, Documents, ReadDocument
from starfort.contracts.model import Contract
from starfort.contracts.model import Operation as ContractOperation
from starfort.contracts.operations import METHODS
from starfort.contracts.sources.kept import Copies

MAX_UNDERSCORED: Final = 20
"""How many headers with underscores of one document are named at most."""

__all__ = ["METHODS", "Document", "Operation", "read"]


@dataclass(frozen=True)
class Operation:
    """One operation of a document.

    Attributes:
        method: upper case.
        path: template as documented, without query and fragment.
        server_paths: paths of the servers that it is for, "" for the root; never empty.
        media_types: what its request body may be, lower case, without parameters and ranges.
        content: what its fields hold, where the document says it; see `content.fields_of`.
    """

    method: str
    path: str
    server_paths: tuple[str, ...]
    media_types: tuple[str, ...] = ()
    content: tuple[tuple[str, ContentKind], ...] = ()


@dataclass(frozen=True)
class Document:
    """The content of a document.

    Attributes:
        file: its path.
        operations: its operations, in its order.
        contract: what calls and answers should look like; `None` when there are problems.
        files: every file that was read, or is missing; when one changes, the document is read anew.
        problems: the mistakes in it.
        warnings: parts that are read in another way than the author may believe.
        underscored: warnings about request headers with `_` in their names, for configurations that drop
            them.
    """

    file: Path
    operations: Sequence[Operation] = ()
    contract: Contract | None = None
    files: Sequence[Path] = ()
    problems: Sequence[ConfigProblem] = ()
    warnings: Sequence[ConfigProblem] = ()
    underscored: Sequence[ConfigProblem] = ()


_DOCUMENTS: Final = Documents()
_KEPT: Final[dict[Path, tuple[ReadDocument, Document]]] = {}
_LOCK: Final = threading.Lock()


def read(file: Path) -> Document:
    """Read a document. What is wrong is in `problems`; nothing is raised.

    Returns:
        The same object, with the same contract, as long as none of its files changes.
    """
    found = _DOCUMENTS.read(file)
    with _LOCK:
        known = _KEPT.get(file)
    if known is not None and known[0] is found:
        return known[1]
    made = _document(found)
    with _LOCK:
        if len(_KEPT) >= MAX_KEPT:
            _KEPT.clear()
        _KEPT[file] = (found, made)
    return made


def of_api(api: Api, data_dir: Path) -> Document | None:
    """The document of an API as `read` gives it; `None` when it has none.

    Of a document that is fetched it is the last good copy. When there is no copy yet, it has no contract and
    a warning.

    Args:
        api: the API.
        data_dir: where copies are.
    """
    if api.openapi is None or isinstance(api.openapi, Path):
        return None if api.openapi is None else read(api.openapi)
    copies = Copies(data_dir, api.openapi)
    if copies.file.is_file():
        return read(copies.file)
    error = copies.state().error
    what = f"the document of {api.name} was not fetched yet" + (f": {error}" if error else "")
    return Document(copies.file, files=(copies.file,), warnings=(ConfigProblem(copies.file, 0, 0, what),))


def _document(found: ReadDocument) -> Document:
    if found.problems:
        return Document(found.file, files=found.files, problems=found.problems)
    contract = found.contract
    common = servers.base_paths(contract.servers)
    operations = tuple(
        Operation(
            one.method,
            one.path,
            common if one.servers is None else servers.base_paths(one.servers),
            tuple(media.type for media in (one.body.content if one.body else ()) if "*" not in media.type),
            content.fields_of(one, contract.definitions),
        )
        for one in contract.operations
    )
    names = islice(_underscored(contract), MAX_UNDERSCORED)
    underscored = files.placed(found.file, names)
    return Document(found.file, operations, contract, found.files, (), found.warnings, underscored)


def _underscored(contract: Contract) -> Iterator[tuple[files.Location, str, str]]:
    """Headers that the document expects from clients and that have `_` in their names."""
    fix = "set connections.headers_with_underscores: allow, or rename it"
    named = [
        (one.name, ("components", "securitySchemes", key, "name"))
        for key, one in contract.schemes.items()
        if one.place == "header"
    ]
    seen: set[str] = set()
    for name, location in [
        *named,
        *((name, _location(one)) for one in contract.operations for name in _headers(one)),
    ]:
        if "_" in name and name not in seen:
            seen.add(name)
            what = f"the header {name!r} never reaches the upstream: names with underscores are dropped"
            yield location, what, fix


def _headers(operation: ContractOperation) -> Iterator[str]:
    return (one.name for one in operation.parameters if one.place == "header")


def _location(operation: ContractOperation) -> files.Location:
    file, _, pointer = operation.location.partition("#")
    return () if file else tuple(files.steps(pointer))
