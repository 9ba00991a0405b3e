"""Turns a checked configuration into the bundle and the data plane, or into every problem at once."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from starfort import bundle
from starfort.bundle import LearnedEndpoint, model
from starfort.compile import addresses, apis, content, endpoints, geo, held, identity, rules
from starfort.compile.cel import Environment
from starfort.compile.dataplane import to_dataplane
from starfort.compile.endpoints import CompiledEndpoint
from starfort.compile.limits import LimitTable
from starfort.compile.policies import CompiledPolicy, PolicyCompiler
from starfort.config import ConfigError, ConfigProblem, LoadedConfig
from starfort.config.policies import AddressList
from starfort.contracts.model import Contract
from starfort.dataplane import ir
from starfort.threats.rulesets.overlay import ConfiguredRules
from starfort.traffic.bots import known_bots

HASH_KEY_BYTES: Final = 32


@dataclass(frozen=True)
class Compiled:
    """Everything that a configuration is compiled to.

    Attributes:
        bundle: the bundle for the engine, with its version.
        dataplane: the data plane for Envoy.
        policies: the policies in order, as people see them.
        endpoints: the endpoints in the order of the bundle's indexes.
        rules: SecLang rules and the rule sets among them.
        files: every file that was read, the configuration included; when one changes, compile again.
        operations: method and path of each operation in a document, by the name of its API.
        documents: the contracts that documents make, by the name of their API.
        doubts: places where a document is read in another way than its author may believe.
    """

    bundle: bundle.Bundle
    dataplane: ir.Dataplane
    policies: tuple[CompiledPolicy, ...]
    endpoints: tuple[CompiledEndpoint, ...]
    rules: ConfiguredRules
    files: list[Path]
    operations: dict[str, list[tuple[str, str]]]
    documents: Mapping[str, Contract]
    doubts: tuple[ConfigProblem, ...]


def compile_config(  # noqa: PLR0913 (one of each source of what is compiled)
    loaded: LoadedConfig,
    *,
    learned: Sequence[LearnedEndpoint] = (),
    contracts: Mapping[str, Contract] = MappingProxyType({}),
    hash_key: bytes,
    signal_kinds: Sequence[str],
    node: str | None = None,
) -> Compiled:
    """Compile a configuration.

    Args:
        loaded: the configuration.
        learned: endpoints that the catalogue learned from traffic.
        contracts: contracts that were learned from traffic, by the name of their API.
        hash_key: 32 bytes; the key of every keyed hash in events.
        signal_kinds: the kinds of signals that detectors raise; policies may ask for them.
        node: name of this node; by default the configuration's.

    Raises:
        ConfigError: with every problem of the configuration and of the files that it names.
        ValueError: the hash key has another length.
    """
    if len(hash_key) != HASH_KEY_BYTES:
        raise ValueError(f"the hash key must have {HASH_KEY_BYTES} bytes, it has {len(hash_key)}")
    compilation = _Compilation(loaded, learned, signal_kinds, contracts)
    return compilation.run(hash_key, node or loaded.config.node)


class _Compilation:
    """One compilation. It collects all problems, so that people hear of all of them at once."""

    def __init__(
        self,
        loaded: LoadedConfig,
        learned: Sequence[LearnedEndpoint],
        signal_kinds: Sequence[str],
        contracts: Mapping[str, Contract],
    ) -> None:
        self._loaded = loaded
        self._contracts = contracts
        self._config = config = loaded.config
        self._problems: list[ConfigProblem] = []
        self._doubts: list[ConfigProblem] = []
        # Conditions name kinds by their index in the bundle, so the order must be the same everywhere.
        self._kinds = tuple(dict.fromkeys(signal_kinds))
        self._limits = LimitTable(config.limits)
        self._apis = [config.apis[index] for index in apis.in_order(loaded, self._problems)]
        self._table = endpoints.build(loaded, self._apis, learned, self._problems, self._doubts)

    def run(self, hash_key: bytes, node: str) -> Compiled:
        """Compile everything.

        Raises:
            ConfigError: with every problem.
        """
        loaded, problems = self._loaded, self._problems
        # Policies come first, because they add endpoints that nothing else names.
        policies = self._policies()
        compiled_endpoints = list(self._table.compiled(self._limits))
        problems += geo.problems(loaded)
        configured = rules.to_bundle(loaded, sorted(self._table.media_types), problems)
        dataplane = _dataplane(loaded, problems)
        made = dataclasses.replace(
            self._bundle(hash_key, node),
            endpoints=tuple(endpoint for endpoint, _ in compiled_endpoints),
            policies=tuple(policy for policy, _ in policies),
            rules=configured.compiled.data if configured else b"",
            contracts=held.to_bundle(loaded, self._apis, self._table, self._sources(), problems),
            connections_per_address=dataplane.limits.per_address if dataplane else 0,
        )
        if problems or dataplane is None or configured is None:
            raise ConfigError(problems)
        return Compiled(
            bundle=bundle.with_version(made),
            dataplane=dataplane,
            policies=tuple(policy for _, policy in policies),
            endpoints=tuple(endpoint for _, endpoint in compiled_endpoints),
            rules=configured,
            files=list(dict.fromkeys([*loaded.files, *configured.files, *self._table.files])),
            operations=self._table.documented,
            documents=self._table.contracts,
            doubts=tuple(self._doubts),
        )

    def _sources(self) -> held.Sources:
        return held.Sources(self._table.contracts, self._contracts)

    def _policies(self) -> list[tuple[bundle.Policy, CompiledPolicy]]:
        environment = Environment(self._kinds, tuple(one.name for one in self._config.lists))
        compiler = PolicyCompiler(self._loaded, self._apis, self._table, environment, self._problems)
        return compiler.compile()

    def _bundle(self, hash_key: bytes, node: str) -> bundle.Bundle:
        """The parts of the bundle that each come from one section; `run` fills in the others."""
        config, loaded, problems = self._config, self._loaded, self._problems
        # Only an upstream that speaks HTTP/2 can answer gRPC, which ends each answer with trailers.
        speaks_http2 = {upstream.name for upstream in config.upstreams if upstream.http2}
        return bundle.Bundle(
            node=node,
            hash_key=hash_key,
            fail_open=config.failure_mode == "open",
            limits=self._limits.common(),
            apis=tuple(
                apis.to_bundle(
                    api,
                    self._limits.number(api.limits),
                    documented=api.name in self._table.documented,
                    grpc=api.upstream in speaks_http2,
                )
                for api in self._apis
            ),
            identity=identity.to_bundle(loaded, problems),
            lists=tuple(_list(loaded, index, one, problems) for index, one in enumerate(config.lists)),
            geo=bundle.Geo(_path(config.geo.country), _path(config.geo.asn)),
            bots=known_bots(),
            responses=_responses(loaded),
            sensitive_classes=_classes(loaded, problems),
            signal_kinds=self._kinds,
            trusted_proxies=addresses.merge(addresses.pack(network) for network in config.trusted_proxies),
            content=content.to_bundle(config.rules),
            shapes=config.learning.schemas,
            created_ms=time.time_ns() // 1_000_000,
            scoped_limits=self._limits.scoped(),
        )


def _dataplane(loaded: LoadedConfig, problems: list[ConfigProblem]) -> ir.Dataplane | None:
    try:
        return to_dataplane(loaded)
    except ConfigError as error:
        problems += error.problems
        return None


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


def _list(
    loaded: LoadedConfig, index: int, settings: AddressList, problems: list[ConfigProblem]
) -> model.AddressList:
    ranges = [addresses.pack(network) for network in settings.addresses]
    if settings.file is None:
        return model.AddressList(settings.name, addresses.merge(ranges))
    found = addresses.read_file(settings.file)
    problems += (ConfigProblem(settings.file, *problem) for problem in found.problems)
    # `read_file` has already reported a file that is too long by itself.
    if len(ranges) + found.count > addresses.MAX_ADDRESSES >= found.count:
        what = f"{settings.name!r} has more than {addresses.MAX_ADDRESSES} addresses"
        problems.append(loaded.source.problem(("lists", index), what))
    if not ranges:
        # With nothing to add, a million ranges need not be split and sorted again.
        return model.AddressList(settings.name, found.ranges)
    return model.AddressList(settings.name, addresses.merge([*ranges, *addresses.split(found.ranges)]))


def _responses(loaded: LoadedConfig) -> tuple[bundle.CannedResponse, ...]:
    return tuple(
        bundle.CannedResponse(
            one.name,
            one.status,
            # HTTP/2 asks for lower case (RFC 9113, section 8.2.1), and HTTP/1.1 does not mind.
            tuple((name.lower(), value) for name, value in one.headers.items()),
            one.body.encode(),
        )
        for one in loaded.config.responses
    )


def _classes(loaded: LoadedConfig, problems: list[ConfigProblem]) -> tuple[str, ...]:
    classes = tuple(dict.fromkeys(loaded.config.sensitive.classes))
    for number, name in enumerate(loaded.config.sensitive.classes):
        if name not in model.SENSITIVE_CLASSES:
            what = f"there is no class of sensitive data {name!r}"
            fix = f"there are: {', '.join(sorted(model.SENSITIVE_CLASSES))}"
            problems.append(loaded.source.problem(("sensitive", "classes", number), what, fix))
    return classes
