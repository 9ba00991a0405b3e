"""What people write: models of `starfort.yaml`, loading, errors with file, line and column."""

from starfort.config.load import LoadedConfig, load
from starfort.config.model import Config
from starfort.config.problems import ConfigError, ConfigProblem

__all__ = ["Config", "ConfigError", "ConfigProblem", "LoadedConfig", "load"]
