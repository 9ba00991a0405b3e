"""Files of data beside the configuration, JSON or YAML, with positions of what is wrong in them.

The configuration itself is read by `ruamel.yaml`, which keeps every position and is slow; these files may be
large, so their positions are looked for only when something is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from starfort.config import ConfigError, ConfigProblem

Location = tuple[str | int, ...]


def read(file: Path, limit_bytes: int) -> tuple[str, Any]:
    """Text and data of a file.

    What looks like JSON is read as JSON, which is much faster than YAML, of which it is a part.

    Raises:
        ConfigError: it cannot be read, is larger than `limit_bytes`, or is neither JSON nor YAML.
    """
    try:
        if file.stat().st_size > limit_bytes:
            raise ConfigError([ConfigProblem(file, 0, 0, f"is larger than {limit_bytes >> 20} MiB")])
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError([ConfigProblem(file, 0, 0, f"cannot be read: {why}")]) from error
    try:
        data = _parse(file, text)
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


def _parse(file: Path, text: str) -> Any:
    if text.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            # Flow style YAML begins like JSON.
            if file.suffix == ".json":
                raise
    return yaml.load(text, Loader=yaml.CSafeLoader)


def placed(file: Path, text: str, problems: Iterable[tuple[Location, str, str]]) -> list[ConfigProblem]:
    """Problems (location, what, fix) with line and column.

    Args:
        file: the file.
        text: its text.
        problems: a location is the keys and indexes that lead to what is wrong; the nearest part that is
            there counts.
    """
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError):
        root = None
    return [ConfigProblem(file, *_position(root, location), what, fix) for location, what, fix in problems]


def _position(node: Any, location: Location) -> tuple[int, int]:
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
