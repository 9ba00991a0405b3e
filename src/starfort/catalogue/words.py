"""How much a word looks like a fixed segment of an API: the words it is made of, and how they are joined.

`learned/words.txt` counts, for each English or technical word, in how many providers' APIs it is part of a
fixed segment. Names that users choose are made of the same words now and then, so this is one piece of
evidence among others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from starfort.catalogue.segments import is_collection, split_suffix

_TOKENS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_HUMP: Final = re.compile(r"[a-z][A-Z]")
_CODE: Final = re.compile(r"[A-Z]{2,3}|[a-z]{2}([-_][A-Za-z]{2,4})?")
"""Countries, currencies and languages (ISO 3166, 4217, 639; BCP 47)."""
_MAX_TOKENS: Final = 6
_MAX_LETTERS: Final = 40
"""Further tokens and letters say nothing more."""

_SHORTEST_PIECE: Final = 3
"""Letters of a word that is looked for inside of another (`chargingschedule`); others are everywhere."""

_LONGEST_PIECE: Final = 14

VERBS: Final = frozenset({
    "accept", "activate", "add", "apply", "approve", "archive", "assign", "attach", "authorize", "begin",
    "block", "build", "calculate", "call", "cancel", "change", "check", "clear", "clone", "close",
    "complete", "compute", "confirm", "connect", "convert", "copy", "count", "create", "deactivate",
    "delete", "deny", "describe", "detach", "disable", "disconnect", "download", "edit", "enable", "end",
    "evaluate", "exchange", "execute", "export", "fetch", "find", "follow", "forgot", "generate", "get",
    "grant", "has", "import", "init", "install", "invite", "invoke", "is", "join", "kick", "leave", "link",
    "list", "load", "lock", "login", "logout", "lookup", "mark", "merge", "modify", "move", "mute", "open",
    "parse", "pause", "ping", "post", "preview", "print", "process", "publish", "pull", "purge", "push",
    "put", "query", "read", "rebuild", "receive", "refresh", "register", "reject", "release", "remove",
    "rename", "renew", "replace", "report", "request", "resend", "reset", "resolve", "restart", "restore",
    "resume", "retrieve", "retry", "revert", "revoke", "rotate", "run", "save", "schedule", "search",
    "select", "send", "set", "share", "show", "sign", "simulate", "start", "stop", "store", "submit",
    "subscribe", "suspend", "swap", "switch", "sync", "test", "toggle", "track", "transfer", "trigger",
    "try", "unarchive", "unassign", "unblock", "undo", "unfollow", "uninstall", "unlink", "unlock",
    "unmute", "unpublish", "unsubscribe", "update", "upgrade", "upload", "upsert", "validate", "verify",
    "view", "void", "wait", "watch", "write",
})  # fmt: skip
"""What names of operations begin with."""

FEATURES: Final = (
    "rarest_token", "mean_token", "tokens", "unknown_tokens", "covered", "humps", "dots", "underscores",
    "hyphens", "verb", "digits", "capitals", "letters", "plural", "ending", "code",
)  # fmt: skip
"""What `form` gives, in this order."""


def tokens(word: str) -> list[str]:
    """The words that a word is made of, in lower case: `getUserById` → get, user, by, id."""
    return [token.lower() for token in _TOKENS.findall(word)]


@cache
def dictionary() -> Mapping[str, float]:
    """For each word, the logarithm of 1 and the number of providers that use it in fixed segments."""
    text = files("starfort.catalogue").joinpath("learned/words.txt").read_text("ascii")
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            count, _, words = line.partition(" ")
            found.update(dict.fromkeys(words.split(), math.log1p(int(count))))
    return found


@lru_cache(maxsize=16_384)
def form(word: str) -> tuple[float, ...]:
    """What a word looks like, as numbers in the order of `FEATURES`."""
    return form_with(word, dictionary())


def form_with(word: str, known: Mapping[str, float]) -> tuple[float, ...]:
    """`form` with another dictionary."""
    text = split_suffix(word)[0]
    parts = tokens(text)
    names = [part for part in parts if part.isalpha() and len(part) > 1]
    use = [known.get(name, 0.0) for name in names] or [0.0]
    return (
        min(use),
        sum(use) / len(use),
        float(min(len(parts), _MAX_TOKENS)),
        sum(value == 0.0 for value in use) / len(use),
        _covered(names, known),
        float(_HUMP.search(text) is not None),
        float("." in text),
        float("_" in text),
        float("-" in text),
        float(bool(parts) and parts[0] in VERBS),
        float(any(map(str.isdigit, text))),
        float(text.isupper()),
        min(len(text), _MAX_LETTERS) / 10,
        float(is_collection(text)),
        float(text.endswith(("ing", "ed", "tion", "ment"))),
        float(_CODE.fullmatch(text) is not None),
    )


def covered(word: str) -> float:
    """Share of a word's letters that are in known words; 0 when it has no letters."""
    return form(word)[FEATURES.index("covered")]


def _covered(names: list[str], known: Mapping[str, float]) -> float:
    """Share of the letters that are in known words, also in words that are written together."""
    letters = sum(map(len, names))
    if not letters:
        return 0.0
    return sum(len(name) if name in known else _pieces(name, known) for name in names) / letters


def _pieces(name: str, known: Mapping[str, float]) -> int:
    """The most letters of a text that known words cover without overlapping."""
    text = name[:_MAX_LETTERS]
    best = [0] * (len(text) + 1)
    for end in range(1, len(text) + 1):
        best[end] = best[end - 1]
        for size in range(_SHORTEST_PIECE, min(_LONGEST_PIECE, end) + 1):
            if best[end - size] + size > best[end] and text[end - size : end] in known:
                best[end] = best[end - size] + size
    return best[-1]
