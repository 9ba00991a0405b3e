"""Reads JSON and YAML files beside the configuration, and finds the position of mistakes in them.

Documents of APIs have up to a hundred megabytes, so what nobody asks for (`Filter`) is dropped while a file
is read, YAML is read as a stream of events and never becomes nodes with positions, and positions are looked
for in a second pass only when something is wrong.

YAML is read by the core schema of YAML 1.2, as OpenAPI asks: `no`, `on` and dates are text. Keys are text as
they are written, so that `200:` is the key `200`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn, TypeAlias
from urllib.parse import unquote

import yaml

from starfort.config import ConfigError, ConfigProblem

Location = tuple[str | int, ...]
"""The keys and indexes that lead to a part of a file."""

JsonObject: TypeAlias = Mapping[str, Any]
"""A mapping from a document; nothing is known about its values."""

Filter: TypeAlias = Callable[[str, str], bool]
"""Whether a value is dropped, by the key of the mapping that it stands in ("" for the root) and its own."""

MAX_REPEATED: Final = 20
"""How many keys of one file that come twice are named at most."""

MAX_DEPTH: Final = 500
"""How many levels a file may have; documents in use have fewer than 60."""

MAX_ALIASED: Final = 2_000_000
"""How many values the aliases of a YAML file may stand for: a few lines of aliases of aliases stand for
billions."""

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTHS: Final = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,4000}|0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,4000}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
# Source of the four: YAML 1.2.2, 10.3.2 (core schema), without infinity and NaN, which JSON does not have.
# Longer integers would take quadratic time.

_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
_JSON_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)


def read(
    file: Path,
    limit_bytes: int,
    repeated: list[ConfigProblem] | None = None,
    drop: Filter | None = None,
) -> object:
    """The data of a file.

    A file that looks like JSON is read as JSON, which is much faster than reading it as YAML.

    Args:
        file: the file.
        limit_bytes: longest that is read.
        repeated: gets a warning for each key that a mapping has twice, of which the last one counts.
        drop: says which values are left out.

    Raises:
        ConfigError: it cannot be read, is larger than `limit_bytes`, or is neither JSON nor YAML.
    """
    try:
        return _read(file, limit_bytes, repeated, drop)
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
    except UnicodeDecodeError as error:
        raise ConfigError([ConfigProblem(file, 0, 0, "cannot be read: it is not UTF-8")]) from error
    except OSError as error:
        raise ConfigError([ConfigProblem(file, 0, 0, f"cannot be read: {error.strerror}")]) from error
    except (yaml.YAMLError, ValueError) as error:
        what, line, column = f"is no YAML: {str(error).splitlines()[0][:200]}", 1, 1
    raise ConfigError([ConfigProblem(file, line, column, what)])


def _read(file: Path, limit_bytes: int, repeated: list[ConfigProblem] | None, drop: Filter | None) -> object:
    with file.open("rb") as stream:
        # Asked before reading: the limit is about memory.
        if file.stat().st_size > limit_bytes:
            raise ConfigError([ConfigProblem(file, 0, 0, f"is larger than {limit_bytes >> 20} MiB")])
        if _looks_like_json(stream):
            try:
                return _read_json(file, _text(stream), repeated, drop)
            except json.JSONDecodeError:
                # Flow style YAML begins like JSON.
                if file.suffix == ".json":
                    raise
                stream.seek(0)
        tree = _Tree(drop, collects=repeated is not None)
        data = tree.build(yaml.parse(stream, Loader=yaml.CSafeLoader))
        if repeated is not None:
            repeated += [
                ConfigProblem(file, line, column, *_said(key)) for line, column, key in tree.repeated
            ]
        return data


def _looks_like_json(stream: BinaryIO) -> bool:
    head = stream.read(4096)
    stream.seek(0)
    # Editors on Windows put a byte order mark at the beginning, which JSON does not allow.
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b"["}


def _text(stream: BinaryIO) -> str:
    return stream.read().decode("utf-8-sig")


def _said(key: str) -> tuple[str, str]:
    return f"{key!r} is there twice, and only the last one is read", "join the two, or rename one"


# ------------------------------------------------------------------ JSON


def _no_number(text: str) -> NoReturn:
    raise json.JSONDecodeError(f"{text} is no value", text, 0)


def _read_json(file: Path, text: str, repeated: list[ConfigProblem] | None, drop: Filter | None) -> object:
    names: dict[str, None] = {}

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs) and len(names) < MAX_REPEATED:
            seen: set[str] = set()
            for name, _ in pairs:
                if name in seen:
                    names[name] = None
                seen.add(name)
        if drop is not None:
            _prune(made, drop)
        return made

    hook = None if repeated is None and drop is None else collect
    data = json.loads(text, object_pairs_hook=hook, parse_constant=_no_number)
    if _HALF.search(text):
        # Escapes can make halves of surrogate pairs, which no bundle can hold.
        json.dumps(data, ensure_ascii=False, default=str, skipkeys=True).encode()
    if names and repeated is not None:
        repeated += _repeated_in_json(file, text, names)
    return data


def _prune(made: dict[str, Any], drop: Filter) -> None:
    """Drop what nobody asks for from the mappings below one, as soon as the key of each is known."""
    for key, value in made.items():
        below = value if isinstance(value, list) else (value,)
        for one in below:
            if isinstance(one, dict):
                for name in [name for name in one if drop(key, name)]:
                    del one[name]


def _json_steps(text: str) -> Iterator[tuple[Location, int, bool]]:
    """Each key and each item of a JSON text: its location, where it begins, and whether it is a key."""
    stack: list[str | int] = []
    kinds: list[str] = []
    is_key = False
    for token in _JSON_TOKEN.finditer(text):
        word = token[0]
        if word in "{[":
            if kinds and kinds[-1] == "[":
                yield tuple(stack), token.start(), False
            kinds.append(word)
            stack.append("" if word == "{" else 0)
            is_key = word == "{"
        elif word in "}]":
            if kinds:
                kinds.pop()
                stack.pop()
            is_key = False
        elif word == ",":
            if kinds and kinds[-1] == "[":
                stack[-1] = int(stack[-1]) + 1
            is_key = bool(kinds) and kinds[-1] == "{"
        elif is_key and word[0] == '"':
            stack[-1] = json.loads(word, strict=False)
            is_key = False
            yield tuple(stack), token.start(), True
        elif word != ":" and kinds and kinds[-1] == "[":
            yield tuple(stack), token.start(), False


def _repeated_in_json(file: Path, text: str, names: Iterable[str]) -> list[ConfigProblem]:
    """A warning for each of these keys that a mapping has twice, at the position of the second one."""
    wanted, seen = frozenset(names), set[Location]()
    found: list[ConfigProblem] = []
    for location, offset, is_key in _json_steps(text):
        if is_key and location[-1] in wanted:
            if location in seen:
                found.append(ConfigProblem(file, *_place(text, offset), *_said(str(location[-1]))))
            seen.add(location)
    return found[:MAX_REPEATED]


def _place(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


# ------------------------------------------------------------------ YAML


@dataclass(slots=True)
class _Open:
    """A mapping or sequence that is being read."""

    made: Any
    key: str
    """What it stands under: the key of the nearest mapping above."""
    anchor: str | None
    size: int = 1
    name: str | None = None
    """The key whose value comes next, in a mapping."""
    seen: set[str] = field(default_factory=set)
    merged: list[Any] = field(default_factory=list)


class _Tree:
    """Builds the data of the first document of a YAML stream from its events."""

    def __init__(self, drop: Filter | None, *, collects: bool) -> None:
        self.repeated: list[tuple[int, int, str]] = []
        self._drop = drop
        self._collects = collects
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._aliased = 0
        self._open: list[_Open] = []
        self._root: Any = None

    def build(self, events: Iterable[Any]) -> Any:
        """The data of the first document.

        Raises:
            yaml.YAMLError: it is no YAML, is nested too deeply, or its aliases stand for too much.
        """
        depth = 0
        for event in events:
            if depth:
                # Inside a value that is dropped.
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(
                    event, yaml.CollectionEndEvent
                )
                continue
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                depth = self._start(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentEndEvent):
                break
        return self._root

    def _scalar(self, event: Any) -> None:
        top = self._open[-1] if self._open else None
        if top is not None and top.name is None and isinstance(top.made, dict):
            self._key(top, event)
            return
        value = _resolved(event.value) if event.implicit[0] else event.value
        if event.tag and not event.implicit[0]:
            value = _tagged(event.tag, event.value)
        self._put(value, 1, event.anchor)

    def _key(self, top: _Open, event: Any) -> None:
        name = event.value
        if name in top.seen and not (name == "<<" and event.implicit[0]):
            if self._collects and len(self.repeated) < MAX_REPEATED:
                mark = event.start_mark
                self.repeated.append((mark.line + 1, mark.column + 1, name))
        elif self._collects:
            top.seen.add(name)
        if event.anchor:
            self._anchors[event.anchor] = (name, 1)
        top.name = name

    def _start(self, event: Any) -> int:
        top = self._open[-1] if self._open else None
        if len(self._open) >= MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, "nested too deeply", event.start_mark)
        if top is not None and isinstance(top.made, dict):
            if top.name is None:
                raise yaml.composer.ComposerError(None, None, "a key must be text", event.start_mark)
            if self._dropped(top):
                top.name = None
                return 1
        key = "" if top is None else top.name if top.name is not None else top.key
        made: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._open.append(_Open(made, key or "", event.anchor))
        return 0

    def _dropped(self, top: _Open) -> bool:
        return self._drop is not None and top.name is not None and self._drop(top.key, top.name)

    def _end(self) -> None:
        done = self._open.pop()
        if done.merged:
            merged: dict[str, Any] = {}
            for one in reversed(done.merged):
                merged.update(one)
            done.made = {**merged, **done.made}
        self._put(done.made, done.size, done.anchor)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise yaml.composer.ComposerError(
                None, None, f"the alias {event.anchor[:50]!r} has no anchor before it", event.start_mark
            )
        value, size = self._anchors[event.anchor]
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            raise yaml.composer.ComposerError(None, None, "its aliases stand for too much", event.start_mark)
        top = self._open[-1] if self._open else None
        if top is not None and isinstance(top.made, dict) and top.name is None:
            top.name = str(value)
        else:
            self._put(value, size, None)

    def _put(self, value: Any, size: int, anchor: str | None) -> None:
        if anchor is not None:
            # Known from its end on, so that no value contains itself.
            self._anchors[anchor] = (value, size)
        if not self._open:
            self._root = value
            return
        top = self._open[-1]
        top.size += size
        if isinstance(top.made, list):
            top.made.append(value)
            return
        name, top.name = str(top.name), None
        if name == "<<" and (isinstance(value, dict) or _are_mappings(value)):
            top.merged += value if isinstance(value, list) else [value]
        elif not (self._drop is not None and self._drop(top.key, name)):
            top.made[name] = value


def _are_mappings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _resolved(text: str) -> object:
    """The value of a plain scalar."""
    if text in _NULLS:
        return None
    if text[0] in "0123456789+-.":
        if _INTEGER.fullmatch(text):
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        if _FLOAT.fullmatch(text) and math.isfinite(value := float(text)):
            return value
        return text
    return _TRUTHS.get(text, text)


def _tagged(tag: str, text: str) -> object:
    """The value of a scalar with a tag. Only those of JSON change anything; all others are text."""
    if tag in {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool"}:
        return _resolved(text)
    return None if tag == "tag:yaml.org,2002:null" else text


def _yaml_steps(events: Iterable[Any]) -> Iterator[tuple[Location, tuple[int, int]]]:
    """Each key and each item of the first document of a YAML stream, with its line and column."""
    stack: list[str | int | None] = []
    for event in events:
        if isinstance(event, yaml.DocumentEndEvent):
            return
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
            _advance(stack)
            continue
        is_start = isinstance(event, yaml.CollectionStartEvent)
        if not is_start and not isinstance(event, (yaml.ScalarEvent, yaml.AliasEvent)):
            continue
        place = (event.start_mark.line + 1, event.start_mark.column + 1)
        if stack and stack[-1] is None:
            stack[-1] = event.value if isinstance(event, yaml.ScalarEvent) else ""
            yield tuple(step for step in stack if step is not None), place
            continue
        if stack and isinstance(stack[-1], int):
            yield tuple(step for step in stack if step is not None), place
        if is_start:
            stack.append(None if isinstance(event, yaml.MappingStartEvent) else 0)
        else:
            _advance(stack)


def _advance(stack: list[str | int | None]) -> None:
    """Go on behind a value: to the next index, or to the next key."""
    if stack:
        stack[-1] = stack[-1] + 1 if isinstance(stack[-1], int) else None


# ------------------------------------------------------------------ positions and pointers


def positions(file: Path, locations: Iterable[Location]) -> dict[Location, tuple[int, int]]:
    """Line and column of parts of a file.

    Args:
        file: the file.
        locations: if a part of one does not exist, the nearest part that does is used.

    Returns:
        For each location its place; (1, 1) when nothing of it exists, or the file cannot be read.
    """
    wanted = set(locations)
    prefixes = {location[:length] for location in wanted for length in range(1, len(location) + 1)}
    try:
        found = _places(file, prefixes)
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        found = {}
    return {one: _nearest(found, one) for one in wanted}


def _places(file: Path, wanted: set[Location]) -> dict[Location, tuple[int, int]]:
    with file.open("rb") as stream:
        if _looks_like_json(stream):
            text = _text(stream)
            try:
                json.loads(text)
            except ValueError:
                stream.seek(0)
            else:
                found = {one: offset for one, offset, _ in _json_steps(text) if one in wanted}
                return {one: _place(text, offset) for one, offset in found.items()}
        events = yaml.parse(stream, Loader=yaml.CSafeLoader)
        return {one: place for one, place in _yaml_steps(events) if one in wanted}


def placed(file: Path, problems: Iterable[tuple[Location, str, str]]) -> list[ConfigProblem]:
    """Problems (location, what, fix) of a file with line, column and JSON pointer."""
    known = list(problems)
    places = positions(file, [location for location, _, _ in known]) if known else {}
    return [
        ConfigProblem(file, *places[location], what, fix, pointer(location)) for location, what, fix in known
    ]


def _nearest(found: Mapping[Location, tuple[int, int]], location: Location) -> tuple[int, int]:
    for length in range(len(location), 0, -1):
        if location[:length] in found:
            return found[location[:length]]
    return 1, 1


def pointer(location: Location) -> str:
    """The JSON pointer (RFC 6901) of a location, as a URI fragment: `#/paths/~1orders/get`."""
    return "#" + "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in location)


def steps(reference: str) -> list[str]:
    """The keys of a JSON pointer (RFC 6901) in a URI fragment, without `#`."""
    # RFC 6901, section 4: first `~1`, then `~0`, so that `~01` becomes `~1` and not `/`.
    return [
        unquote(step).replace("~1", "/").replace("~0", "~")
        for step in reference.removeprefix("/").split("/")
        if reference
    ]


def pointed(data: object, reference: str) -> object:
    """The part that a reference within a document points to: a JSON pointer (RFC 6901) in a URI fragment.

    Args:
        data: the document.
        reference: such as `#/components/schemas/Order`; `#` is the document.

    Raises:
        LookupError: it points to nothing in this document, or to another one.
    """
    if reference != "#" and not reference.startswith("#/"):
        raise LookupError(reference)
    for key in steps(reference[1:]):
        if isinstance(data, list) and key.isdecimal():
            data = data[int(key)]
        elif isinstance(data, dict):
            data = data[key]
        else:
            raise LookupError(reference)
    return data
