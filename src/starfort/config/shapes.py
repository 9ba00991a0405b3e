"""Messages about values of the wrong shape: a list where one value is expected, or one value for a list."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from starfort.config.yaml_words import MAX_SHOWN, quoted

KINDS: Final = {
    "string_type": "one text",
    "path_type": "a path",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "settings of its own",
    "model_type": "settings of its own",
    "model_attributes_type": "settings of its own",
}
"""Pydantic's kinds of errors about shapes, and what the setting is."""

UNTOLD: Final = object()
"""Stands for a value that may be a secret, which a message must not repeat."""

_PLAIN: Final = re.compile(r"[\w./:=*-]*[\w./=*-]")
_NO_TEXT: Final = re.compile(
    r"(?i)true|false|null|~|[-+]?[.\d][\d_.e+-]*|0[xo][\da-f]+|\.inf|\.nan|-.*|\*.*|=.*"
)
"""Values that YAML does not read as a text, or that may not begin one. In a fix they need quotes."""

_LISTS: Final = frozenset({"list_type"})
_PARTS: Final = frozenset({"dict_type", "model_type", "model_attributes_type"})


def describe(
    kind: str, location: Sequence[str | int], got: object, written: str, keys: Sequence[str]
) -> tuple[str, str]:
    """What is wrong, and what would be right.

    Args:
        kind: one of `KINDS`.
        location: where the value stands.
        got: the value.
        written: the same value as it stands in the file.
        keys: the keys that the model has at the place.
    """
    name = ".".join(str(step) for step in location)
    key = str(location[-1]) if location and isinstance(location[-1], str) else ""
    what = f"{name or 'the file'} takes {KINDS[kind]}, and {_called(got)} stands here"
    if got is UNTOLD:
        return f"{name or 'the file'} takes {KINDS[kind]}, and something else stands here", ""
    if kind in _LISTS:
        return what, _as_list(key, got, keys)
    if kind in _PARTS:
        example = f"write `{key}: {{{keys[0]}: …}}`; it has: {', '.join(keys)}" if keys and key else ""
        return what, example or "write `name: value` on lines of their own below it"
    return what, _as_one(key, got, written)


def _called(got: object) -> str:
    match got:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool() | int() | float():
            return f"the {'value' if isinstance(got, bool) else 'number'} {_text(got)}"
        case _:
            return f"the text {_text(got)!r}"


def _text(got: object) -> str:
    text = json.dumps(got) if isinstance(got, bool) else str(got)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _as_list(key: str, got: object, keys: Sequence[str]) -> str:
    if keys and not isinstance(got, dict | None):
        return f"begin each entry with a hyphen: `- {keys[0]}: …`; an entry has: {', '.join(keys)}"
    if isinstance(got, dict):
        first = next(iter(got), "name")
        return f"begin each entry with a hyphen: `- {first}: …`"
    if got is None:
        return f"write `{key}: []` for none" if key else "write `[]` for none"
    return f"write `{key}: [{_item(got)}]`" if key else f"write `[{_item(got)}]`"


def _item(got: object) -> str:
    """A value written as a text: in quotes when YAML would read something else without them."""
    text = _text(got)
    # A suggestion must mean the same after it was pasted; without quotes `no` and `1.0` are not texts.
    plain = _PLAIN.fullmatch(text) and not _NO_TEXT.fullmatch(text)
    return text if plain and isinstance(got, str) else quoted(text)


def _as_one(key: str, got: object, written: str) -> str:  # noqa: PLR0911 (a case each)
    before = f"{key}: " if key else ""
    if got is None and written[:1] in {"&", "!"}:
        right = f"write `{before}{quoted(written)}`"
        return f"YAML reads what begins with {written[0]} as a name for the value: {right}"
    if got is None:
        return f"write a value behind `{key}:`, or remove the line" if key else "write a value"
    if isinstance(got, dict):
        # `when: {"a" in b}` and a path with `{id}` are meant as texts; YAML makes mappings of both.
        meant_as_text = written.startswith('{"') or None in got.values()
        if meant_as_text and written[:1] == "{" and written[-1:] == "}" and len(written) <= MAX_SHOWN:
            text = written[1:-1].strip() if key == "when" else written
            return f"YAML reads {{ … }} as a mapping; for a text write `{before}{quoted(text)}`"
        return f"write one value behind `{key}:`" if key else "write one value"
    if isinstance(got, list):
        simple = [each for each in got if isinstance(each, str | int | float)]
        if len(got) == 1 and simple:
            return f"write `{before}{_item(simple[0])}`"
        return "write one value, without [ ] and hyphens"
    if isinstance(got, bool | int | float):
        return f"write it in quotes to make it a text: `{before}{quoted(written or _text(got))}`"
    return ""
