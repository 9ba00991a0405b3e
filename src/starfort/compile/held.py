"""Joins compiled contracts with endpoints and with the settings that say how calls are held to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from starfort.bundle import ApiContract, Mode
from starfort.bundle import contract as b
from starfort.compile.contracts import CompiledContract, TooLargeError, compile_contract, merged
from starfort.compile.endpoints import EndpointTable, HeldEndpoint
from starfort.compile.templates import shape
from starfort.config import ConfigProblem, LoadedConfig
from starfort.config.apis import Api
from starfort.config.contract import Contract as Settings
from starfort.config.contract import ContractMode, ScopedContract
from starfort.contracts.model import Contract

_MODES: Final[Mapping[ContractMode, Mode | None]] = {
    "off": None,
    "observe": Mode.OBSERVE,
    "enforce": Mode.ENFORCE,
}


@dataclass(frozen=True)
class Sources:
    """The contracts of the APIs by name: those of documents, and those that were learned."""

    documents: Mapping[str, Contract]
    learned: Mapping[str, Contract]

    def of(self, api: Api, settings: Settings) -> Contract | None:
        """What an API is held to; None when there is nothing, such as before anything was learned."""
        document, learned = self.documents.get(api.name), self.learned.get(api.name)
        if settings.source == "document":
            return document
        if learned is None or not learned.operations:
            # An empty contract would deny every call, which no observation supports.
            return None if settings.source == "learned" else document
        return (
            learned
            if settings.source == "learned" or document is None
            else merged(api.name, document, learned)
        )


def to_bundle(
    loaded: LoadedConfig,
    apis: Sequence[Api],
    table: EndpointTable,
    sources: Sources,
    problems: list[ConfigProblem],
) -> tuple[ApiContract, ...]:
    """The contracts of a bundle.

    Args:
        loaded: the configuration.
        apis: its APIs in the bundle's order.
        table: the endpoints, those of policies included.
        sources: the contracts by name of API.
        problems: gets contracts that cannot be compiled.
    """
    found: dict[int, tuple[Settings, CompiledContract]] = {}
    for number, api in enumerate(apis):
        settings = settings_of(api)
        contract = None if settings is None else sources.of(api, settings)
        if settings is None or contract is None:
            continue
        try:
            found[number] = settings, compile_contract(api.name, contract)
        except TooLargeError as error:
            here = ("apis", loaded.config.apis.index(api))
            fix = "contract: {mode: off, responses: off} switches its contract off"
            problems.append(loaded.source.problem(here, f"the contract of {api.name!r} {error}", fix))
    learned = {
        apis[number].name: _by_shape(compiled.contract)
        for number, (settings, compiled) in found.items()
        if settings.source != "document"
    }
    held: dict[int, list[HeldEndpoint]] = {}
    for endpoint in table.held(learned) if found else ():
        held.setdefault(endpoint.api, []).append(endpoint)
    return tuple(
        _joined(number, settings, compiled, held.get(number, ()))
        for number, (settings, compiled) in found.items()
    )


def settings_of(api: Api) -> Settings | None:
    """How an API is held to a contract: by default as its document says, and nothing is refused.

    Returns:
        None when nothing is checked and nothing is removed, or when there is nothing to check with.
    """
    settings = api.contract
    if settings is None:
        # Checking answers costs about 5 us for each KiB, which is much beside the 50 us that Envoy takes for
        # a request: who wants it writes `contract`.
        return Settings(responses="off") if api.openapi is not None else None
    scoped = (one.contract for one in api.endpoints)
    parts: list[ScopedContract | Settings] = [settings, *filter(None, scoped)]
    does = any(
        one.mode not in (None, "off") or one.responses not in (None, "off") or one.remove for one in parts
    )
    return settings if does else None


def _by_shape(contract: Contract) -> dict[tuple[str, str], str]:
    return {(one.method, shape(one.path)): one.path for one in contract.operations}


def _joined(
    number: int, settings: Settings, compiled: CompiledContract, held: Iterable[HeldEndpoint]
) -> ApiContract:
    """One contract with the endpoints of its operations."""
    listed = {_settings(settings, ()): 0}
    places: dict[int, list[b.ContractPlace]] = {}
    for one in held:
        operation = compiled.numbers.get(one.operation)
        if operation is not None:
            scoped = _settings(settings, one.settings)
            if compiled.contract.operations[operation].is_open:
                scoped = replace(scoped, deny_unknown=False)
            index = listed.setdefault(scoped, len(listed))
            places.setdefault(operation, []).append(b.ContractPlace(one.endpoint, one.path, index))
    operations = tuple(
        replace(operation, places=tuple(places.get(index, ())))
        for index, operation in enumerate(compiled.bundle.operations)
    )
    return replace(compiled.bundle, api=number, operations=operations, settings=tuple(listed))


def _settings(api: Settings, own: Sequence[ScopedContract]) -> b.ContractSettings:
    """The settings of an endpoint: the nearest one that is given counts."""
    near: list[ScopedContract | Settings] = [*own, api]
    mode = next(one.mode for one in near if one.mode is not None)
    responses = next(one.responses for one in near if one.responses is not None)
    unknown = next(one.unknown for one in near if one.unknown is not None)
    remove = next(one.remove for one in near if one.remove is not None)
    return b.ContractSettings(
        requests=_MODES[mode],
        responses=_MODES[responses],
        deny_unknown=unknown != "allow",
        deny_unknown_fields=unknown == "deny",
        remove=() if remove == "undocumented" else tuple(dict.fromkeys(remove)),
        remove_undocumented=remove == "undocumented",
    )
