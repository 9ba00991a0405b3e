"""The `rules:` section to what the rules stage of the engine runs."""

from __future__ import annotations

from starfort.compile.limits import widest
from starfort.config import ConfigError, ConfigProblem, LoadedConfig
from starfort.threats.rulesets.overlay import ConfiguredRules, compile_rules


def to_bundle(loaded: LoadedConfig, problems: list[ConfigProblem]) -> ConfiguredRules | None:
    """Compile the rules of a configuration.

    Args:
        loaded: the configuration.
        problems: what is wrong with rule files is added here.

    Returns:
        The rules; None when a problem was added.
    """
    try:
        folder = loaded.source.file.resolve().parent
        return compile_rules(loaded.config.rules, folder, limits=widest(loaded.config))
    except ConfigError as error:
        problems += error.problems
        return None
