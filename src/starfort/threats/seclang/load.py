"""Loads rules: makes from rule files what the engine runs and what people ask about."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from starfort.config.problems import ConfigError, ConfigProblem
from starfort.threats.seclang.encode import encode
from starfort.threats.seclang.parse import Snippet, parse_sources
from starfort.threats.seclang.resolve import Rule, resolve


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """A rule set that can run.

    Attributes:
        data: what the engine loads (`RuleSet` of the native module, `rules` of the bundle).
        rules: the rules in it, for `explain`.
        notes: what is accepted without effect, or is odd.
        files: every file that was read, including data files.
        version: the component signatures, such as `OWASP_CRS/4.28.0`; "" when there are none.
        digest: SHA-256 of `data`, hexadecimal.
    """

    data: bytes
    rules: tuple[Rule, ...]
    notes: tuple[ConfigProblem, ...]
    files: tuple[Path, ...]
    version: str
    digest: str


def load_rules(
    sources: Sequence[Path | Snippet], adjust: Callable[[Rule], Rule] | None = None
) -> CompiledRules:
    """Read, check and compile rule files: all of them, or none.

    Args:
        sources: files and folders (a folder stands for its `*.conf`, by name), and texts, in order.
        adjust: changes each rule after all files have been read; None changes none.

    Raises:
        ConfigError: every problem at once: file, line, column, what, and what would be right.
    """
    parsed = parse_sources(sources)
    problems = list(parsed.problems)
    resolved = resolve(parsed.items, problems, parsed.notes)
    # Before encoding, because what the engine is told of rules follows from the adjusted ones.
    if adjust is not None:
        resolved.rules = [adjust(rule) for rule in resolved.rules]
    data = encode(resolved, problems)
    if problems:
        # Two files may include a third one, which then reports the same problem twice.
        raise ConfigError(list(dict.fromkeys(problems)))
    return CompiledRules(
        data=data,
        rules=tuple(resolved.rules),
        notes=tuple(parsed.notes),
        files=tuple(dict.fromkeys(parsed.files)),
        version=", ".join(dict.fromkeys(resolved.signatures)),
        digest=hashlib.sha256(data).hexdigest(),
    )
