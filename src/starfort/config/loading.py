"""Loads a file as a checked configuration, or raises every problem in it at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from starfort.config import references, shapes
from starfort.config.model import Config
from starfort.config.paths import FOLDER, input_files
from starfort.config.problems import ConfigError, ConfigProblem
from starfort.config.yaml_file import Location, YamlFile, read


class LoadedConfig:
    """A configuration, and where its parts stand in the file.

    Attributes:
        config: the checked configuration; relative paths are already taken from the file's folder.
        source: positions of all parts, for problems that are found later (by the compiler).
        files: the file itself and every file that it refers to.
    """

    def __init__(self, config: Config, source: YamlFile) -> None:
        self.config = config
        self.source = source
        self.files = [source.file, *(file for _, file in input_files(config))]


def load(path: Path) -> LoadedConfig:
    """Load and check `starfort.yaml`.

    Raises:
        ConfigError: with every problem: file, line, column, what, and what would be right.
    """
    source = read(path)
    if not isinstance(source.data, dict):
        raise ConfigError(
            [source.problem((), "must be a mapping", "begin with `version: 1`; `starfort init` shows one")]
        )
    try:
        config = Config.model_validate(source.data, context={FOLDER: path.resolve().parent})
    except ValidationError as error:
        raise ConfigError([_problem(source, detail) for detail in error.errors()]) from None
    # Only a file whose parts are each right is checked as a whole: names in a wrong part would make more
    # problems of one mistake.
    if problems := list(references.check(config, source)):
        raise ConfigError(problems)
    return LoadedConfig(config, source)


def _problem(source: YamlFile, detail: ErrorDetails) -> ConfigProblem:
    # Validators of a model and forms of a value (`by:list`) are steps of pydantic's location, and no
    # keys of the file.
    location: Location = tuple(
        step
        for step in detail["loc"]
        if step not in {"function-before", "function-after"} and not str(step).startswith("by:")
    )
    what, fix = describe({**detail, "loc": location}, Config, source.written(location))
    # A missing key has no place of its own, so the problem is reported at the part that lacks the key.
    if detail["type"] == "missing":
        location = location[:-1]
    # For an unknown key the key itself is wrong, and for anything else its value.
    return source.problem(location, what, fix, key=detail["type"] == "extra_forbidden")


# What a regular expression of the model asks for, in words: nobody should have to read one.
_PATTERN_FIXES = {
    r"^([A-Z]+|\*) /\S*$": "write METHOD /path/{template}, such as POST /login, or * /path for any method",
    r"^=?[^\s=|,;'\"\\%]{1,200}$": "write the field's name or its dotted path, such as page.source",
    r"^(/\S{1,300}|[^\s/*]{1,100})$": "write the field's name, such as cost, or its path: /items/*/cost",
    r"^(/[^/\s]+)*/\{version\}$": "write the path up to the version, such as /{tenant}/{version}",
    r"^(/[^/\s*]+|/\*)*/\*$": "write the path with * for values and at its end, such as /boards/*/cards/*",
    r"^http://[^/]+/?$": "write the admin address as Envoy has it, such as http://127.0.0.1:9901",
}


def describe(detail: ErrorDetails, root: type[BaseModel], written: str = "") -> tuple[str, str]:
    """What is wrong and what would be right, from an error that pydantic found.

    Args:
        detail: one of `ValidationError.errors()`.
        root: the model, or the model of the items, that was validated.
        written: the value as it stands in the file, up to the end of its line.
    """
    location: Location = detail["loc"]
    kind = detail["type"]
    if kind == "extra_forbidden":
        name = str(location[-1])
        known = _keys_at(location[:-1], root)
        # A no-break space, as web pages have it, looks on the screen like an ordinary space.
        if name != name.strip() and name.strip() in known:
            what = f"a character that is no ordinary space stands beside the key {name.strip()!r}"
            return what, "delete it, and write spaces; text that was copied from a page has such characters"
        if name in known:
            return f"{name!r} belongs to another form of {location[-2]!r}", "leave one of the two out"
        close = difflib.get_close_matches(name, known, 1)
        fix = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
        return f"unknown key {name!r}", fix
    if kind == "missing":
        return f"{location[-1]!r} is missing", f"add `{location[-1]}:`"
    if kind in shapes.KINDS:
        keys = _keys_at(location, root)
        return shapes.describe(kind, location, detail.get("input", shapes.UNTOLD), written, keys)
    message = detail["msg"].removeprefix("Value error, ")
    # Pydantic shows a bound as Python writes it.
    message = re.sub(r"datetime\.timedelta\((?:seconds=)?(\d+)\)", r"\1s", message)
    got = detail.get("input")
    # A mapping or a list is not repeated in the message, because it may be long.
    shown = f" (got {got!r})" if isinstance(got, str | int | float) and repr(got) not in message else ""
    name = ".".join(str(step) for step in location)
    fix = _PATTERN_FIXES.get(detail.get("ctx", {}).get("pattern", ""), "")
    if kind == "bool_parsing":
        fix = "write true or false"
    return f"{name}: {message[:1].lower() + message[1:]}{shown}", fix


def _keys_at(location: Location, root: type[BaseModel]) -> list[str]:
    """The keys that the model has at a place; empty when the place has no model."""
    # An index of a list is a step in the file, and none in the model.
    models = [root]
    for step in location:
        if isinstance(step, int):
            continue
        found = {name: field for one in models for name, field in one.model_fields.items()}.get(step)
        models = list(_models_in(found.annotation)) if found else []
    return list(dict.fromkeys(name for model in models for name in model.model_fields))


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that a value may be: several where it has several forms."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
