"""From a checked configuration to the bundle and the data plane, or to every problem at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starfort import bundle
from starfort.bundle import LearnedEndpoint, model
from starfort.compile import addresses, apis, content, endpoints, geo, identity, rules
from starfort.compile.cel import Environment
from starfort.compile.dataplane import to_dataplane
from starfort.compile.endpoints import CompiledEndpoint
from starfort.compile.limits import LimitTable
from starfort.compile.policies import CompiledPolicy, PolicyCompiler
from starfort.config import ConfigError, ConfigProblem, LoadedConfig
from starfort.config.policies import AddressList
from starfort.dataplane import ir
from starfort.threats.rulesets.overlay import ConfiguredRules
from starfort.traffic.bots import known_bots

HASH_KEY_BYTES: Final = 32


@dataclass(frozen=True)
class Compiled:
    """What a configuration comes down to.

    Attributes:
        bundle: for the engine; its version is filled in.
        dataplane: for Envoy.
        policies: in order, for people.
        endpoints: in the order of the bundle's indexes.
        rules: SecLang rules and the rule sets among them.
        files: every file that was read, the configuration included; a change of one asks for another run.
        operations: method and path of each operation that documents have, by the name of their API.
        doubts: what of the documents is not read as their authors may believe.
    """

    bundle: bundle.Bundle
    dataplane: ir.Dataplane
    policies: tuple[CompiledPolicy, ...]
    endpoints: tuple[CompiledEndpoint, ...]
    rules: ConfiguredRules
    files: list[Path]
    operations: dict[str, list[tuple[str, str]]]
    doubts: tuple[ConfigProblem, ...]


def compile_config(
    loaded: LoadedConfig,
    *,
    learned: Sequence[LearnedEndpoint] = (),
    hash_key: bytes,
    signal_kinds: Sequence[str],
    node: str | None = None,
) -> Compiled:
    """Compile a configuration.

    Args:
        loaded: the configuration.
        learned: endpoints that the catalogue learned from traffic.
        hash_key: 32 bytes, for every keyed hash in events.
        signal_kinds: kinds that detectors signal; policies may name them.
        node: name of this node; default: the configuration's.

    Raises:
        ConfigError: with every problem of the configuration and of the files that it names.
        ValueError: the hash key has another length.
    """
    if len(hash_key) != HASH_KEY_BYTES:
        raise ValueError(f"the hash key must have {HASH_KEY_BYTES} bytes, it has {len(hash_key)}")
    problems: list[ConfigProblem] = []
    doubts: list[ConfigProblem] = []
    config = loaded.config
    kinds = tuple(dict.fromkeys(signal_kinds))
    ordered = [config.apis[index] for index in apis.in_order(loaded, problems)]
    table = endpoints.build(loaded, ordered, learned, problems, doubts)
    environment = Environment(kinds, tuple(one.name for one in config.lists))
    policies = PolicyCompiler(loaded, ordered, table, environment, problems).compile()
    limits = LimitTable(config.limits)
    compiled_endpoints = list(table.compiled(limits))
    problems += geo.problems(loaded)
    configured = rules.to_bundle(loaded, sorted(table.media_types), problems)
    speaks_http2 = {upstream.name for upstream in config.upstreams if upstream.http2}
    dataplane = _dataplane(loaded, problems)
    made = bundle.Bundle(
        node=node or config.node,
        hash_key=hash_key,
        fail_open=config.failure_mode == "open",
        limits=limits.common(),
        apis=tuple(
            apis.to_bundle(api, limits.number(api.limits), grpc=api.upstream in speaks_http2)
            for api in ordered
        ),
        endpoints=tuple(endpoint for endpoint, _ in compiled_endpoints),
        identity=identity.to_bundle(loaded, problems),
        lists=tuple(_list(loaded, index, one, problems) for index, one in enumerate(config.lists)),
        geo=bundle.Geo(_path(config.geo.country), _path(config.geo.asn)),
        bots=known_bots(),
        responses=_responses(loaded),
        sensitive_classes=_classes(loaded, problems),
        signal_kinds=kinds,
        policies=tuple(policy for policy, _ in policies),
        trusted_proxies=addresses.merge(addresses.pack(network) for network in config.trusted_proxies),
        content=content.to_bundle(config.rules),
        rules=configured.compiled.data if configured else b"",
        created_ms=time.time_ns() // 1_000_000,
        scoped_limits=limits.scoped(),
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
        files=[*loaded.files, *configured.files],
        operations=table.documented,
        doubts=tuple(doubts),
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
    if len(ranges) + found.count > addresses.MAX_ADDRESSES >= found.count:
        what = f"{settings.name!r} has more than {addresses.MAX_ADDRESSES} addresses"
        problems.append(loaded.source.problem(("lists", index), what))
    if not ranges:
        return model.AddressList(settings.name, found.ranges)
    return model.AddressList(settings.name, addresses.merge([*ranges, *addresses.split(found.ranges)]))


def _responses(loaded: LoadedConfig) -> tuple[bundle.CannedResponse, ...]:
    return tuple(
        bundle.CannedResponse(
            one.name,
            one.status,
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
