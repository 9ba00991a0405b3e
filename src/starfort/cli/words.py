"""Explains that an option does not know a value: which value may be meant, and which values there are."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Final

from starfort.base.actions import ACTIONS

MEANT: Final = {
    "all": "",
    "any": "",
    # severities
    "error": "high",
    "severe": "high",
    "major": "high",
    "urgent": "critical",
    "fatal": "critical",
    "emergency": "critical",
    "warn": "medium",
    "warning": "medium",
    "moderate": "medium",
    "minor": "low",
    "notice": "info",
    "informational": "info",
    "note": "info",
    # bots
    "human": "none",
    "no": "none",
    "person": "none",
    "crawler": "good",
    "search": "good",
    "malicious": "bad",
    "scanner": "bad",
    "script": "tool",
    "curl": "tool",
    "library": "tool",
    # times
    "1d": "24h",
    "day": "24h",
    "today": "24h",
    "hour": "1h",
    "60m": "1h",
    "10m": "15m",
    "30m": "1h",
    "12h": "24h",
    "week": "7d",
    "1w": "7d",
    "month": "30d",
    "1m": "30d",
    # endpoints
    "unknown": "undocumented",
    "shadow": "undocumented",
    "open": "unauthenticated",
    "public": "unauthenticated",
    "pii": "sensitive",
    # roles and logs
    "administrator": "admin",
    "root": "admin",
    "reader": "viewer",
    "readonly": "viewer",
    "read": "viewer",
    "write": "operator",
    "editor": "operator",
    "text": "console",
}
"""Words that people write, in lower case, and the value that each stands for. `meant` adds the words for
actions."""


def meant(word: str) -> str:
    """The value that a word may be meant for: "blocked" and "deny" for `block`; "" when none is known.

    Args:
        word: lower case.
    """
    for action in ACTIONS:
        if word == action.past or word in action.meant_by:
            return action.word
    return MEANT.get(word, "")


def unknown(value: str, known: Sequence[str]) -> str:
    """A sentence about a value that an option does not know.

    Args:
        value: as given.
        known: the option's values; "" stands for none given.
    """
    names = [name for name in known if name]
    known_for = meant(value.lower().strip("."))
    close = [known_for] if known_for in names else difflib.get_close_matches(value.lower(), names, 1, 0.6)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"there is no {value!r}.{hint} There are: {', '.join(names)}."
