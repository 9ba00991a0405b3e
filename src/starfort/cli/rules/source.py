"""The rules that a command works on: the files that are named, else those of the configuration."""

from __future__ import annotations

from pathlib import Path

from starfort.cli.cache import known_rules
from starfort.cli.errors import FoundError
from starfort.cli.target import config_path
from starfort.threats.rulesets.installed import InstalledRuleSet
from starfort.threats.seclang.load import CompiledRules


def find(paths: list[Path] | None, config: Path | None) -> tuple[CompiledRules, tuple[InstalledRuleSet, ...]]:
    """Compile the rules that a command works on.

    Args:
        paths: rule files and folders; without them what `rules:` of the configuration says.
        config: the configuration.

    Raises:
        FoundError: the rules have problems, and each was shown.
    """
    from starfort.cli.check import show_problems
    from starfort.config import ConfigError, load
    from starfort.threats.rulesets.overlay import compile_rules
    from starfort.threats.seclang.load import load_rules

    try:
        with known_rules():
            if paths:
                return load_rules(paths), ()
            path = config_path(config)
            made = compile_rules(load(path).config.rules, path.resolve().parent)
    except ConfigError as error:
        show_problems(error)
        count = len(error.problems)
        raise FoundError(f"{count} problem{'s' if count > 1 else ''} in the rules") from None
    return made.compiled, made.sets
