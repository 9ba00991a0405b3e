"""Finds out what one segment of a path is: a word, a version, or a value such as a number, an id or a date.

A *part* is a segment as the learner keeps it: the text itself for words and versions, and `{kind}` for
values. A file extension or a `:verb` stays outside (`{hex}.json`). The text of a word never has braces, so a
part is unambiguous, and no client can write a template of its own into the engine's bundle.
"""

from __future__ import annotations

import re
from typing import Final

MAX_SEGMENTS: Final = 20
"""Longest path that is learned, in segments; the longest of 2,356 paths in 60 public OpenAPI documents has
17."""

MAX_PATH: Final = 1023
"""Longest path in bytes. Events cut longer ones at 1,024, and half a path would be another path."""

MAX_WORD: Final = 64
"""Longest word in characters; the longest fixed segment of the same documents has 63."""

SLUG: Final = "{slug}"
"""The part that stands at a position where words were found to be values."""

ROOT_WORDS: Final = frozenset({"api", "apis", "rest", "public", "internal", "services", "gateway"})
"""Segments that count as the root: an API's resources begin below them."""

ACTION_WORDS: Final = frozenset({
    "me", "self", "current", "mine", "all", "new", "latest", "search", "find", "query", "filter",
    "list", "lookup", "count", "stats", "statistics", "summary", "export", "import", "batch", "bulk",
    "upload", "download", "login", "logout", "signin", "signout", "signup", "register", "refresh",
    "revoke", "verify", "validate", "confirm", "reset", "forgot", "token", "tokens", "oauth",
    "oauth2", "auth", "session", "sessions", "callback", "authorize", "health", "healthz", "ready",
    "readyz", "live", "livez", "status", "ping", "version", "metrics", "info", "config", "settings",
    "preferences", "profile", "password", "webhook", "webhooks", "graphql", "docs", "swagger",
    "openapi", "events", "history", "activity", "create", "update", "delete", "edit", "remove", "add",
    "activate", "deactivate", "enable", "disable", "cancel", "approve", "reject", "archive",
    "restore", "send", "resend", "share", "copy", "move", "start", "stop", "pause", "resume", "retry",
    "sync", "publish", "unpublish", "follow", "unfollow", "block", "unblock", "like", "unlike",
    "default",
})  # fmt: skip
"""Words that are never values: they name an action or a fixed resource beside ids (`/users/me`,
`/orders/search`)."""

_EXTENSIONS: Final = (
    "json", "xml", "csv", "html", "htm", "txt", "pdf", "yaml", "yml", "zip", "gz", "tar", "png",
    "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "mjs", "map", "woff", "woff2", "ttf",
    "eot", "mp4", "mp3", "webm", "wasm", "aspx", "php", "jsp", "do", "action", "rss", "atom", "ics",
    "vcf", "xlsx", "xls", "docx", "doc", "m3u8", "ts", "p12",
)  # fmt: skip
_SUFFIX = re.compile(rf"(.+?)((?:\.(?:{'|'.join(_EXTENSIONS)}))+|:[A-Za-z]{{3,32}})", re.ASCII)
ASSET_SUFFIXES: Final = frozenset({
    ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".ico", ".css", ".js", ".mjs", ".map", ".woff",
    ".woff2", ".ttf", ".eot", ".mp4", ".mp3", ".webm", ".wasm",
})  # fmt: skip
"""Static files; those of one folder are one endpoint for each extension."""

_VERSION = re.compile(
    r"[vV]\d{1,4}([._-]?\d{1,4}){0,3}((alpha|beta|rc|preview)\d{0,3})?|\d{1,2}\.\d{1,2}", re.ASCII
)
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(T[0-9:.]+(Z|[+-][0-9:]+)?)?", re.ASCII)
_EMAIL = re.compile(r"[^@\s/]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)
# Braces are among these, so a path that a client sends never looks like a template.
_ENCODED = re.compile(r"[^\x21-\x7e]|[{}%*|<>\"'`\\^]")
_HEX_DIGITS: Final = 4

# The order matters: digits alone are hexadecimal too, so `integer` is asked before `hex`.
_KINDS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("uuid", re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)),  # RFC 9562, 4
    ("integer", re.compile(r"-?\d+(,\d+)*", re.ASCII)),
    ("number", re.compile(r"-?\d+(\.\d+){1,3}(,-?\d+(\.\d+){1,3})*", re.ASCII)),
    # https://github.com/ulid/spec: 26 characters of Crockford's base 32, the first at most 7
    ("ulid", re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)),
    ("hex", re.compile(r"(0x)?[0-9a-fA-F]{16,128}", re.ASCII)),
    # A name, a separator, and a number or random characters: `cus_9s6XKzkNRiz8i3`, `acct-1032842`.
    ("id", re.compile(r"[A-Za-z]{1,10}[_-](\d{5,}|(?=\w*\d\w*[A-Za-z]\w*\d)[A-Za-z0-9]{10,64})", re.ASCII)),
)
_GROUPS = re.compile(r"[0-9]+")
_SHORT_HEX = re.compile(r"[0-9a-f]{8,15}", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9_=-]{11,}", re.ASCII)
_SMALL_LETTERS = re.compile(r"[a-z]+")
_LONG_TOKEN: Final = 16
_LONGER_TOKEN: Final = 20
_WORD_LETTERS: Final = 2.6
"""Small letters in a row: 1.7 on average in random base64url (26 of 64 characters), more in `camelCase`."""
_LOWER_TOKEN = re.compile(r"[a-z0-9]{16,}", re.ASCII)


def split_suffix(segment: str) -> tuple[str, str]:
    """A segment's text and its extension or `:verb`, which is "" when it has none."""
    found = _SUFFIX.fullmatch(segment)
    return (found[1], found[2]) if found else (segment, "")


def is_version(segment: str) -> bool:
    """Whether a segment names an API's version: `v1`, `v2.1`, `v1beta2`, `1.0`."""
    return _VERSION.fullmatch(segment) is not None


def kind_of(text: str) -> str:
    """What kind of value a segment is, without its suffix; "" for a word.

    Args:
        text: one segment of a normalised path.
    """
    if text == "{masked}":  # the filter found a secret or personal data there
        return "masked"
    if _DATE.fullmatch(text):
        return "date"
    if _EMAIL.fullmatch(text):
        return "email"
    for kind, pattern in _KINDS:
        if pattern.fullmatch(text):
            return kind
    if _ENCODED.search(text) or len(text) > MAX_WORD:
        return "text"
    return "token" if _is_random(text) else ""


def _is_random(text: str) -> bool:
    """Whether a text is too mixed to be a name: digits, capitals and small letters alternate."""
    # Groups of digits, not digits: names such as `report2024` have one, random text has several.
    groups = len(_GROUPS.findall(text))
    if _SHORT_HEX.fullmatch(text):
        return sum(map(str.isdigit, text)) >= _HEX_DIGITS and groups > 1
    if _LOWER_TOKEN.fullmatch(text):
        return groups > 1
    if not _TOKEN.fullmatch(text) or text in (text.lower(), text.upper()):
        return False
    words = _SMALL_LETTERS.findall(text)
    letters = sum(map(len, words)) / len(words)
    return (
        groups > 1
        or (len(text) >= _LONG_TOKEN and letters < _WORD_LETTERS)
        or (len(text) >= _LONGER_TOKEN and groups > 0 and letters < 2 * _WORD_LETTERS)
    )


def is_coded(text: str) -> bool:
    """Whether a word looks like a value more than like a name: digits in it, or a code in capitals."""
    digits = sum(map(str.isdigit, text))
    return digits > 1 or (text.isupper() and len(text) <= 8)  # noqa: PLR2004 (the digits of a year, currency codes)


def may_be_token(text: str) -> bool:
    """Whether a word could be a token that has no digits by chance; this counts only beside other tokens."""
    capitals = sum(map(str.isupper, text))
    return len(text) >= _LONG_TOKEN and 4 * capitals >= len(text) > capitals and "-" not in text


def shape_of(path: str) -> str | None:
    """The path with values replaced by their kind: `/v1/orders/{integer}`.

    Args:
        path: normalised path of an event; parts that are already `{kind}` stay.

    Returns:
        The shape, or None when the path cannot be learned: it is cut, too deep, or has empty segments.
    """
    if not path.startswith("/") or len(path.encode()) > MAX_PATH:
        return None
    inner = path[1:].rstrip("/")
    segments = inner.split("/") if inner else []
    if len(segments) > MAX_SEGMENTS or "" in segments:
        return None
    parts, at_root = [], True
    for segment in segments:
        part = _part(segment, at_root)
        parts.append(part)
        at_root = at_root and (part in ROOT_WORDS or is_version(part))
    return "/" + "/".join(parts)


# What `queries/observed.sql` has replaced already. Other braces come from clients, but for `{masked}`, which
# `kind_of` knows.
_MARKS: Final = frozenset({"{integer}", "{uuid}", "{hex}", SLUG})


def _part(segment: str, at_root: bool) -> str:
    if segment in _MARKS:
        return segment
    if is_version(segment) or (at_root and (_DATE.fullmatch(segment) or re.fullmatch(r"\d{1,2}", segment))):
        return segment  # a date or a small number is a version only where an API begins
    kind = kind_of(segment)
    if kind:
        return f"{{{kind}}}"
    text, suffix = split_suffix(segment)
    kind = kind_of(text) if suffix else ""
    return f"{{{kind}}}{suffix}" if kind else segment


def singular(noun: str) -> str:
    """The singular of an English noun by its ending, to name a parameter: `companies` → `company`."""
    lower = noun.lower()
    if lower.endswith("ies") and len(noun) > len("ties"):
        return noun[:-3] + "y"
    if lower.endswith(("sses", "xes", "ches", "shes", "zes")):
        return noun[:-2]
    if lower.endswith("s") and not lower.endswith(("ss", "us", "is")):
        return noun[:-1]
    return noun


def is_collection(segment: str) -> bool:
    """Whether a segment is a plural, so that what follows it most likely names one of its members."""
    return segment.lower().endswith("s") and singular(segment) != segment


def camel(noun: str) -> str:
    """Words joined as parameter names are: `line-items` → `lineItems`; "" when nothing is left."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", noun) if word]
    if not words or not words[0][0].isalpha():
        return ""
    first = words[0].lower() if words[0].isupper() else words[0][0].lower() + words[0][1:]
    return (first + "".join(word[0].upper() + word[1:] for word in words[1:]))[:40]
