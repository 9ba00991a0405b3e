"""Answers of every question that the dashboard asks, filled with one text."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import quote

from pydantic import BaseModel

NOW = datetime(2026, 3, 29, 0, 59, 30, tzinfo=UTC)


def filled(kind: Any, text: str) -> Any:
    """A value of a type: every text in it is `text`, every list has two items, and every choice is its first.

    Args:
        kind: a type as annotations have it.
        text: what every string is, keys of dictionaries included.
    """
    plain = {str: text, int: 7, float: 0.5, bool: True, datetime: NOW, Any: text}
    if kind in plain:
        return plain[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is not None and origin in _GENERIC:
        return _GENERIC[origin](inner, text)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    made = {name: filled(of, text) for name, of in _fields(origin or kind).items()}
    if "link" in made:
        # The control plane makes links itself; only values in them are foreign.
        made["link"] = f"/catalogue?search={quote(text)}"
    return (origin or kind)(**made)


def _union(inner: tuple[Any, ...], text: str) -> Any:
    return filled(next(each for each in inner if each is not type(None)), text)


def _dictionary(inner: tuple[Any, ...], text: str) -> Any:
    if inner[1] is not Any:
        return {filled(inner[0], text): filled(inner[1], text)}
    # Evidence: these two names are shown in a way of their own.
    return {text: text, "matches": [text], "endpoint_id": text}


_GENERIC: dict[Any, Callable[[tuple[Any, ...], str], Any]] = {
    Annotated: lambda inner, text: filled(inner[0], text),
    Literal: lambda inner, _: inner[0],
    Union: _union,
    types.UnionType: _union,
    list: lambda inner, text: [filled(inner[0], text)] * 2,
    set: lambda inner, text: {filled(inner[0], text)},
    tuple: lambda inner, text: (filled(inner[0], text),) * 2,
    dict: _dictionary,
}


def _fields(kind: Any) -> dict[str, Any]:
    if issubclass(kind, BaseModel):
        return {name: field.annotation for name, field in kind.model_fields.items()}
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.init}
    raise TypeError(f"{kind} is of no kind that answers are made of")


class Answers:
    """Stands for an object whose methods answer; each answers with its own type, filled.

    Args:
        kind: the object's class.
        text: what every string in every answer is.
        others: parts of the object that are answers' objects themselves.
    """

    def __init__(self, kind: type, text: str, **others: object) -> None:
        self._kind = kind
        self._text = text
        self.__dict__.update(others)

    def __getattr__(self, name: str) -> Callable[..., object]:
        asked = getattr(self._kind, name)
        answer = filled(get_type_hints(asked, include_extras=True)["return"], self._text)

        async def later(*_: object, **__: object) -> object:
            return answer

        def now(*_: object, **__: object) -> object:
            return answer

        return later if inspect.iscoroutinefunction(asked) else now
