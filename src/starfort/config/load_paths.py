"""Whether the files that a configuration names can be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from starfort.config.problems import ConfigProblem
    from starfort.config.yaml_file import Location, YamlFile


def unreadable(config: BaseModel, source: YamlFile) -> Iterator[ConfigProblem]:
    """A problem for each file that is named and cannot be read."""
    for location, path in _paths(config, ()):
        if not path.is_file():
            yield source.problem(
                location, f"{path} is no file", "paths count from the configuration's folder"
            )
        elif not os.access(path, os.R_OK):
            yield source.problem(location, f"{path} cannot be read", "check its mode and owner")


def _paths(node: Any, location: Location) -> Iterator[tuple[Location, Path]]:
    if isinstance(node, BaseModel):
        for name in type(node).model_fields:
            value = getattr(node, name)
            if isinstance(value, Path):
                if name != "data_dir":
                    yield (*location, name), value
            else:
                yield from _paths(value, (*location, name))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _paths(value, (*location, index))
