"""Configurations for tests of the compiler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

from starfort.bundle import LearnedEndpoint
from starfort.compile import Compiled, compile_config
from starfort.config import ConfigError, ConfigProblem, load
from starfort.contracts.model import Contract

HEAD = """\
version: 1
node: edge-1
data_dir: /tmp/starfort
listeners: [{name: public, address: 127.0.0.1:8080}]
upstreams: [{name: shop, addresses: [127.0.0.1:9001]}, {name: desk, addresses: [127.0.0.1:9002]}]
"""
APIS = "apis: [{name: shop, upstream: shop}]\n"
KINDS = ("credential_stuffing", "scraping")


def compiled(
    folder: Path,
    rest: str,
    *,
    apis: str = APIS,
    learned: Sequence[LearnedEndpoint] = (),
    contracts: Mapping[str, Contract] = MappingProxyType({}),
) -> Compiled:
    """The compiled form of a configuration: listeners and upstreams, then `apis`, then `rest`."""
    file = folder / "starfort.yaml"
    file.write_text(HEAD + apis + rest, encoding="utf-8")
    return compile_config(
        load(file), learned=learned, contracts=contracts, hash_key=bytes(32), signal_kinds=KINDS
    )


def problems(folder: Path, rest: str, *, apis: str = APIS) -> list[ConfigProblem]:
    """What is wrong with it; at least one thing has to be."""
    with pytest.raises(ConfigError) as error:
        compiled(folder, rest, apis=apis)
    return error.value.problems


def at(problem: ConfigProblem) -> str:
    """The text of its file from where the problem is to the end of the line."""
    lines = problem.file.read_text(encoding="utf-8").split("\n")
    return lines[problem.line - 1][problem.column - 1 :] if problem.line else ""
