"""Checks a configuration file and builds everything from it, for a start and for `starfort check`.

It imports nothing from store, proxy and alerts: checking a file needs none of them and must be quick.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from starfort import _engine, bundle, config
from starfort.bundle import LearnedEndpoint
from starfort.catalogue.seen import seen_endpoints
from starfort.compile import Compiled, compile_config, warnings
from starfort.config import ConfigError, ConfigProblem, LoadedConfig
from starfort.contracts.model import Contract
from starfort.runtime.questions import Asked, load_questions

HASH_KEY_BYTES: Final = 32
"""Length of the key of every keyed hash in events: HMAC-SHA-256's block security (RFC 2104, 3)."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A configuration with everything that was built from it.

    Attributes:
        loaded: the configuration and the locations of its parts.
        asked: its detectors and checks.
        compiled: bundle and Envoy configuration.
        warnings: parts that have no effect and may be meant to have one.
    """

    loaded: LoadedConfig
    asked: Asked
    compiled: Compiled
    warnings: tuple[ConfigProblem, ...]


def check(path: Path) -> Checked:
    """Load a file and compile it, as a start would, without changing its data directory.

    If the data directory has a catalogue, the calls that it has seen are used for warnings.

    Raises:
        ConfigError: with every problem found.
    """
    # A key for this check only: reading the real one could create it, and a check changes nothing.
    return build(config.load(path), (), secrets.token_bytes(HASH_KEY_BYTES))


def build(
    loaded: LoadedConfig,
    learned: Sequence[LearnedEndpoint],
    hash_key: bytes,
    contracts: Mapping[str, Contract] = MappingProxyType({}),
) -> Checked:
    """Compile a configuration with its detectors and checks.

    Args:
        loaded: the configuration.
        learned: endpoints that the catalogue learned.
        hash_key: key of the keyed hashes in events, `HASH_KEY_BYTES`.
        contracts: contracts that were learned, by the name of their API.

    Raises:
        ConfigError: with every problem of detectors and checks; if they have none, with every other problem.
    """
    # Detectors come first: the signal of a broken detector is unknown, so policies that ask for it would be
    # reported although they are right.
    asked = load_questions(loaded)
    compiled = compile_config(
        loaded, learned=learned, contracts=contracts, hash_key=hash_key, signal_kinds=asked.kinds
    )
    _ask_engine(loaded, compiled)
    running = {detector.spec.kind for detector in asked.detectors.running}
    context = warnings.Context(loaded, compiled, running, seen_endpoints(loaded.config.data_dir))
    return Checked(loaded, asked, compiled, warnings.warnings_of(context))


def _ask_engine(loaded: LoadedConfig, compiled: Compiled) -> None:
    """Let the engine load the bundle before any filter does: a start may have no good one to fall back to.

    Rules are left out: the engine has checked each of them during compilation, and all together take most of
    a second.

    Raises:
        ConfigError: it refuses.
    """
    try:
        _engine.check_bundle(bundle.encode(dataclasses.replace(compiled.bundle, rules=b"")))
    except (_engine.EngineError, bundle.BundleError) as error:
        what = f"the engine refuses what this comes to: {error}"
        fix = "please report it: what is wrong should have been said with its place"
        raise ConfigError([ConfigProblem(loaded.source.file, 0, 0, what, fix)]) from error
