"""Compiles the `rules:` section to what the rules stage of the engine runs."""

from __future__ import annotations

from collections.abc import Sequence

from starfort.compile.limits import widest
from starfort.config import ConfigError, ConfigProblem, LoadedConfig
from starfort.threats.rulesets.overlay import ConfiguredRules, compile_rules


def to_bundle(
    loaded: LoadedConfig, media_types: Sequence[str], problems: list[ConfigProblem]
) -> ConfiguredRules | None:
    """Compile the rules of a configuration.

    Args:
        loaded: the configuration.
        media_types: what documents name for request bodies.
        problems: what is wrong with rule files is added here.

    Returns:
        The rules; None when a problem was added.
    """
    try:
        # Paths in rule files are relative to the configuration's own folder, even when the configuration is
        # reached by a symbolic link.
        folder = loaded.source.file.resolve().parent
        return compile_rules(
            loaded.config.rules, folder, media_types=media_types, limits=widest(loaded.config)
        )
    except ConfigError as error:
        problems += error.problems
        return None
