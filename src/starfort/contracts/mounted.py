"""Contracts with paths from the root, so that one of a document and one of traffic can be compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from starfort.contracts.changes.compare import shape
from starfort.contracts.model import Contract, Operation
from starfort.contracts.servers import base_paths


def mounted(contract: Contract, bases: Sequence[str] = ()) -> Contract:
    """A document's contract with paths from the root.

    Args:
        contract: the contract, with paths relative to its servers.
        bases: base paths of its API without a slash at the end; by default those of its servers. A document
            whose paths all begin with one already is taken as it is.
    """
    own = [base for base in bases if base not in {"", "/"}]
    if own and all(any(_is_under(one.path, base) for base in own) for one in contract.operations):
        return contract
    common = tuple(own) or base_paths(contract.servers)
    operations = [
        dataclasses.replace(one, path=base + one.path, servers=None)
        for one in contract.operations
        for base in (common if own or one.servers is None else base_paths(one.servers))
    ]
    return dataclasses.replace(contract, operations=_once(operations), servers=())


def fitted(contract: Contract, other: Contract) -> Contract:
    """A document's contract, mounted or as it is: whichever has more in common with another contract."""
    with_bases = mounted(contract)
    known = _keys(other)
    return max(contract, with_bases, key=lambda one: len(_keys(one) & known))


def _keys(contract: Contract) -> set[tuple[str, str]]:
    return {(one.method, shape(one.path)) for one in contract.operations}


def _is_under(path: str, base: str) -> bool:
    return path == base or path.startswith(f"{base}/")


def _once(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    return tuple({(one.method, one.path): one for one in operations}.values())
