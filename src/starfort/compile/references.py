"""Finds the references of an OpenAPI document that point to nothing.

Then nothing is known about the fields or bodies behind them, and without a warning nobody would notice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from starfort.compile.documents import Location, pointed

MAX_DANGLING: Final = 20
"""How many such references of one document are named at most."""

_QUICK: Final = re.compile(r"""\$ref["']?\s*:\s*["']?(#/[^"'\s,}\]]*)""")

_DATA: Final = frozenset({"example", "examples", "default", "enum", "const"})
"""Keywords whose values are data of the API. A `$ref` in them does not refer to the document."""

_NAMES: Final = frozenset(
    {
        "properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "paths", "webhooks",
        "schemas", "responses", "parameters", "requestBodies", "headers", "securitySchemes", "links",
        "callbacks", "pathItems", "content", "encoding", "variables", "mapping", "scopes",
    }
)  # fmt: skip
"""Keywords whose values have keys that the author chose: a property may be called `example`."""


def dangling(text: str, data: object) -> Iterator[tuple[Location, str, str]]:
    """References within the document to parts that do not exist, with the location of each.

    Args:
        text: the text of the document.
        data: the data that it stands for.
    """
    # Hardly any document has one, so its text is searched before all of its data is walked. JSON may write a
    # slash or any letter as an escape, and then the text does not show every reference.
    quick = dict.fromkeys(_QUICK.findall(text))
    if all(_leads(data, reference) for reference in quick) and "\\/" not in text and "\\u" not in text:
        return
    left = MAX_DANGLING
    for location, reference in _references(data):
        if not _leads(data, reference):
            what = f"{reference!r} refers to nothing in this document, so what it should say is not known"
            yield location, what, "mend the reference, or add what it names"
            left -= 1
            if left <= 0:
                return


def _references(data: object) -> Iterator[tuple[Location, str]]:
    """Every reference within the document, in its order.

    Parts with an `$id` are left out, because references in them are relative to that part.
    """
    waiting: list[tuple[Location, object, bool]] = [((), data, False)]
    while waiting:
        location, node, is_names = waiting.pop()
        below: list[tuple[Location, object, bool]] = []
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/") and not is_names:
                yield (*location, "$ref"), reference
            if isinstance(node.get("$id"), str) and location and not is_names:
                continue
            for key, value in node.items():
                name = str(key)
                if is_names or not (name in _DATA or name.startswith("x-")):
                    below.append(
                        (
                            (*location, name),
                            value,
                            not is_names and name in _NAMES and isinstance(value, dict),
                        )
                    )
        elif isinstance(node, list):
            below = [((*location, index), value, False) for index, value in enumerate(node)]
        # A stack, with the children turned round, gives the document's order without recursion.
        waiting += reversed(below)


def _leads(data: object, reference: str) -> bool:
    """Whether a reference points to something."""
    try:
        pointed(data, reference)
    except LookupError:
        return False
    return True
