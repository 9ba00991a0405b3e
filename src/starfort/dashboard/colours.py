"""Which colour a word has: the names of classes in `static/starfort.css`."""

from typing import Final

from starfort.base import actions

OTHER: Final = "muted"
"""Colour of a word that is not known here: it comes from a newer engine or from a caller."""

_COLOURS: Final[dict[str, dict[str, str]]] = {
    "severity": {"critical": "bad", "high": "orange", "medium": "warn", "low": "info", "info": "muted"},
    "rule severity": {
        "emergency": "bad", "alert": "bad", "critical": "bad", "error": "orange", "warning": "warn",
        "notice": "info",
    },
    "bot": {"bad": "bad", "good": "ok", "tool": "info", "none": "muted", "mixed": "muted"},
    "method": {"GET": "info", "POST": "ok", "PUT": "warn", "PATCH": "warn", "DELETE": "bad"},
    # 0: the caller went away before there was an answer.
    "status": {"2": "ok", "3": "info", "4": "warn", "5": "bad", "0": "muted"},
}  # fmt: skip


def colour_of(kind: str, word: str) -> str:
    """The colour of a word.

    Args:
        kind: what the word is: `action`, `severity`, `rule severity`, `bot`, `method` or `status` (the first
            digit of an HTTP status).
        word: the word itself.
    """
    # Actions have a table of their own, which also has their colours in charts and in the terminal.
    if kind == "action":
        return actions.colour_of(word).badge
    return _COLOURS[kind].get(word, OTHER)
