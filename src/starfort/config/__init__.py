"""The configuration that people write: models of `starfort.yaml`, loading, and errors with their places.

Names are imported when they are used, so that a command which only needs the data directory builds no models.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starfort.config.loading import LoadedConfig, load
    from starfort.config.model import Config
    from starfort.config.problems import ConfigError, ConfigProblem

__all__ = ["Config", "ConfigError", "ConfigProblem", "LoadedConfig", "load"]

_PLACES = {
    "Config": "model",
    "ConfigError": "problems",
    "ConfigProblem": "problems",
    "LoadedConfig": "loading",
    "load": "loading",
}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    # Python calls this function only for names that the module does not have yet.
    globals()[name] = found
    return found
