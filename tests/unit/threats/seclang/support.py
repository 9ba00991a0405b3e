"""Rules from texts, for the tests beside."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from starfort.config.problems import ConfigError
from starfort.threats.seclang.load import CompiledRules, load_rules
from starfort.threats.seclang.parse import Snippet


def load(text: str) -> CompiledRules:
    """Compile a text."""
    return load_rules([Snippet("rules.conf", text)])


def unpacked(text: str) -> dict[str, Any]:
    """What the engine gets of a text."""
    decoded: dict[str, Any] = msgpack.unpackb(load(text).data)
    return decoded


def problems(text: str) -> list[str]:
    """Every problem of a text that must have some, as people see them."""
    with pytest.raises(ConfigError) as raised:
        load(text)
    return [str(problem) for problem in raised.value.problems]
