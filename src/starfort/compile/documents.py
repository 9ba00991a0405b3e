"""Reads JSON and YAML files beside the configuration, and finds the position of mistakes in them.

`ruamel.yaml` reads the configuration itself: it keeps every position and is slow. These files may be large,
so their positions are looked for only when something is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

import yaml

from starfort.config import ConfigError, ConfigProblem

Location = tuple[str | int, ...]

JsonObject: TypeAlias = Mapping[str, Any]
"""A mapping from a document; nothing is known about its values."""

_MERGE: Final = "tag:yaml.org,2002:merge"

MAX_REPEATED: Final = 20
"""How many keys of one file that come twice are named at most."""


def read(file: Path, limit_bytes: int, repeated: list[ConfigProblem] | None = None) -> tuple[str, object]:
    """Text and data of a file.

    Text that looks like JSON is read as JSON, which is much faster than reading it as YAML.

    Args:
        file: the file.
        limit_bytes: longest that is read.
        repeated: gets a warning for each key that a mapping has twice, of which the last one counts.

    Raises:
        ConfigError: it cannot be read, is larger than `limit_bytes`, or is neither JSON nor YAML.
    """
    text = _text(file, limit_bytes)
    try:
        data = _parse(file, text, repeated)
        if "\\u" in text:
            # Escapes can make halves of surrogate pairs, which no bundle can hold.
            json.dumps(data, ensure_ascii=False, default=str, skipkeys=True).encode()
    except UnicodeEncodeError:
        what, line, column = "has half of a surrogate pair (\\ud800 to \\udfff) alone", 1, 1
    except json.JSONDecodeError as error:
        what, line, column = f"is no JSON: {error.msg[:1].lower()}{error.msg[1:]}", error.lineno, error.colno
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = f"is no YAML: {error.problem or error.context}"
    except RecursionError:
        what, line, column = "is nested too deeply", 1, 1
    except (yaml.YAMLError, ValueError) as error:
        what, line, column = f"is no YAML: {str(error).splitlines()[0][:200]}", 1, 1
    else:
        return text, data
    raise ConfigError([ConfigProblem(file, line, column, what)])


def _text(file: Path, limit_bytes: int) -> str:
    try:
        # Asked before reading: the limit is about memory, and data takes many times the size of its text.
        if file.stat().st_size > limit_bytes:
            raise ConfigError([ConfigProblem(file, 0, 0, f"is larger than {limit_bytes >> 20} MiB")])
        # Editors on Windows put a byte order mark at the beginning, which JSON does not allow.
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError([ConfigProblem(file, 0, 0, f"cannot be read: {why}")]) from error


def _parse(file: Path, text: str, repeated: list[ConfigProblem] | None) -> object:
    if text.lstrip()[:1] in {"{", "["}:
        try:
            return _parse_json(file, text, repeated)
        except json.JSONDecodeError:
            # Flow style YAML begins like JSON.
            if file.suffix == ".json":
                raise
    # The loader of libyaml: the one in Python is many times slower, and documents have megabytes.
    loader = yaml.CSafeLoader(text)
    try:
        root = loader.get_single_node()
        if repeated is not None:
            # Before construction, which puts merged mappings (`<<`) among the keys that are written.
            repeated += _repeated(file, root)
        return None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


def _twice(node: yaml.MappingNode) -> list[yaml.ScalarNode]:
    """Keys of a mapping that an earlier key repeats. `<<` may come several times, to merge other mappings."""
    keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE]
    if len({key.value for key in keys}) == len(keys):
        return []
    seen: set[str] = set()
    found = []
    for key in keys:
        if key.value in seen:
            found.append(key)
        seen.add(key.value)
    return found


def _repeated(file: Path, root: object) -> list[ConfigProblem]:
    """A warning for each key that a mapping below `root` has twice, at the position of the second one."""
    found: list[yaml.ScalarNode] = []
    waiting, visited = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        below: list[object] = []
        if isinstance(node, yaml.MappingNode):
            found += _twice(node)
            below = [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            below = node.value
        for one in below:
            if not isinstance(one, yaml.ScalarNode) and id(one) not in visited:  # an alias is the node itself
                visited.add(id(one))
                waiting.append(one)
    places = [(key.start_mark.line + 1, key.start_mark.column + 1, key.value) for key in found]
    return [
        ConfigProblem(file, line, column, *_said(key)) for line, column, key in sorted(places)[:MAX_REPEATED]
    ]


def _said(key: str) -> tuple[str, str]:
    return f"{key!r} is there twice, and only the last one is read", "join the two, or rename one"


def _parse_json(file: Path, text: str, repeated: list[ConfigProblem] | None) -> object:
    if repeated is None:
        return json.loads(text)
    names: list[str] = []

    def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        if len(made) != len(pairs) and len(names) < MAX_REPEATED:
            seen: set[str] = set()
            for name, _ in pairs:
                if name in seen:
                    names.append(name)
                seen.add(name)
        return made

    data = json.loads(text, object_pairs_hook=collect)
    if names:
        repeated += _placed_in_json(file, text, names[:MAX_REPEATED])
    return data


def _placed_in_json(file: Path, text: str, names: list[str]) -> list[ConfigProblem]:
    """Find the positions of keys. JSON is read as YAML, whose reader knows them; if it fails, all are 0."""
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError):
        return [ConfigProblem(file, 0, 0, *_said(name)) for name in names]
    return _repeated(file, root)


def placed(file: Path, text: str, problems: Iterable[tuple[Location, str, str]]) -> list[ConfigProblem]:
    """Problems (location, what, fix) with line and column.

    Args:
        file: the file.
        text: its text.
        problems: the location is the keys and indexes that lead to the mistake; if a part of it does not
            exist, the nearest one that does is used.
    """
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError):
        root = None
    return [ConfigProblem(file, *_position(root, location), what, fix) for location, what, fix in problems]


def pointed(data: object, reference: str) -> object:
    """The part that a reference within a document points to: a JSON pointer (RFC 6901) in a URI fragment.

    Args:
        data: the document.
        reference: such as `#/components/schemas/Order`.

    Raises:
        LookupError: it points to nothing in this document, or to another one.
    """
    if not reference.startswith("#/"):
        raise LookupError(reference)
    for step in reference.removeprefix("#/").split("/"):
        # RFC 6901, section 4: first `~1`, then `~0`, so that `~01` becomes `~1` and not `/`.
        key = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(data, list) and key.isdecimal():
            data = data[int(key)]
        elif isinstance(data, dict):
            data = _value(data, key)
        else:
            raise LookupError(reference)
    return data


def _value(mapping: JsonObject, key: str) -> object:
    """The value of a key. YAML reads `200` as a number, `true` as a truth value, and dates as such.

    Raises:
        LookupError: there is none.
    """
    if key in mapping:
        return mapping[key]
    for name, value in mapping.items():
        if not isinstance(name, str) and str(name) == key:
            return value
    raise LookupError(key)


def _position(node: yaml.Node | None, location: Location) -> tuple[int, int]:
    mark = None
    for step in location:
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if getattr(pair[0], "value", None) == step), None)
            if pair is None:
                break
            mark, node = pair[0].start_mark, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            mark = node.start_mark
        else:
            break
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
