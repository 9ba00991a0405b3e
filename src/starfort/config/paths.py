"""Settings that name files: their types, and what follows from them.

The type of a setting says that it is a path, and so do all rules about it: a relative one counts from the
folder of the configuration (as it would in an editor), a file must be readable, and a file that changes makes
Starfort read its configuration again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, get_args

from pydantic import AfterValidator, BaseModel, ValidationInfo
from pydantic.fields import FieldInfo

if TYPE_CHECKING:
    from starfort.config.problems import ConfigProblem
    from starfort.config.yaml_file import Location, YamlFile

FOLDER: Final = "folder"
"""Name of the folder that relative paths count from, in the context that a model is validated with."""


class PathRole:
    """What a path is for.

    Attributes:
        name: a name for the role, which only readers of the code need.
        is_read: whether it names a file that must be readable when the configuration is loaded.
    """

    def __init__(self, name: str, *, is_read: bool) -> None:
        self.name = name
        self.is_read = is_read


def _from_folder(path: Path, info: ValidationInfo) -> Path:
    # A model that is made without a file, as tests do, has no folder: its paths stay as they are.
    folder: Path | None = info.context.get(FOLDER) if info.context else None
    return path if folder is None else folder / path


InputFile = Annotated[Path, AfterValidator(_from_folder), PathRole("input file", is_read=True)]
"""A file that is read. It must be there when the configuration is loaded, and is watched afterwards."""

DataFolder = Annotated[Path, AfterValidator(_from_folder), PathRole("data folder", is_read=False)]
"""A folder that Starfort makes and writes to."""

PathPattern = Annotated[str, PathRole("pattern", is_read=False)]
"""A path or a glob. It stays as written, so that messages repeat it; the code that expands it joins it with
the folder of the configuration. A pattern that matches no file is not a mistake here."""


def input_files(node: object, location: Location = ()) -> Iterator[tuple[Location, Path]]:
    """Every file that a configuration names to be read, and where it is named.

    Args:
        node: the configuration or a part of it.
        location: where that part stands in the file.
    """
    if isinstance(node, BaseModel):
        for name, field in type(node).model_fields.items():
            value = getattr(node, name)
            # The value is tested first, since most settings are no paths; then the type says what the path
            # is for.
            if isinstance(value, Path):
                role = path_role(field)
                if role is not None and role.is_read:
                    yield (*location, name), value
            else:
                yield from input_files(value, (*location, name))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from input_files(value, (*location, index))


def path_role(field: FieldInfo) -> PathRole | None:
    """What the path in a setting is for; `None` when the setting's type does not say that it is one."""
    return _role_in([*field.metadata, field.annotation])


def _role_in(parts: object) -> PathRole | None:
    if isinstance(parts, PathRole):
        return parts
    # `InputFile | None` keeps the role inside the union, `list[PathPattern]` inside the list.
    inner = parts if isinstance(parts, list) else get_args(parts)
    return next((found for each in inner if (found := _role_in(each)) is not None), None)


def unreadable(config: BaseModel, source: YamlFile) -> Iterator[ConfigProblem]:
    """A problem for each file that is named and cannot be read."""
    for location, path in input_files(config):
        if not path.is_file():
            yield source.problem(
                location, f"{path} is no file", "paths count from the configuration's folder"
            )
        elif not os.access(path, os.R_OK):
            yield source.problem(location, f"{path} cannot be read", "check its mode and owner")
