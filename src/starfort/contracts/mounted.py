"""Contracts with paths from the root, so that one of a document and one of traffic can be compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from starfort.contracts.changes.compare import shape
from starfort.contracts.model import Contract, Operation, SecurityScheme
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


def named_like(traffic: Contract, document: Contract) -> Contract:
    """A contract of traffic with what only documents have taken from one of them.

    Traffic shows no names of security schemes, no operation ids and nothing that is deprecated, so these are
    no differences. The parameter that carries a key is part of its scheme (OpenAPI 3.1.0, Parameter Object).
    """
    known = {_says(scheme): name for name, scheme in document.schemes.items()}
    names = {name: known.get(_says(scheme), name) for name, scheme in traffic.schemes.items()}
    keys: set[tuple[str, str]] = {
        (one.place, one.name.lower()) for one in document.schemes.values() if one.kind == "apiKey"
    }
    like = {(one.method, shape(one.path)): one for one in document.operations}
    operations = tuple(
        _like(one, like.get((one.method, shape(one.path))), names, keys) for one in traffic.operations
    )
    schemes = {names[name]: document.schemes.get(names[name], one) for name, one in traffic.schemes.items()}
    return dataclasses.replace(traffic, operations=operations, schemes=schemes)


def _like(
    one: Operation, other: Operation | None, names: dict[str, str], keys: set[tuple[str, str]]
) -> Operation:
    security = one.security and tuple(
        {names.get(name, name): scopes for name, scopes in alternative.items()}
        for alternative in one.security
    )
    parameters = tuple(each for each in one.parameters if (each.place, each.name.lower()) not in keys)
    found = dataclasses.replace(one, security=security, parameters=parameters)
    if other is None:
        return dataclasses.replace(found, operation_id="")
    return dataclasses.replace(found, operation_id=other.operation_id, deprecated=other.deprecated)


def _says(scheme: SecurityScheme) -> tuple[str, str, str, str]:
    return scheme.kind, scheme.place, scheme.name.lower(), scheme.scheme


def _keys(contract: Contract) -> set[tuple[str, str]]:
    return {(one.method, shape(one.path)) for one in contract.operations}


def _is_under(path: str, base: str) -> bool:
    return path == base or path.startswith(f"{base}/")


def _once(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    return tuple({(one.method, one.path): one for one in operations}.values())
