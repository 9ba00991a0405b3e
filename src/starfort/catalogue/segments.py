"""Finds out what one segment of a path is: a word, a version, or text with values in it.

A *part* is a segment as the learner keeps it: the text itself for words and versions; otherwise a text with
*holes*, `{kind}`, where values are. Usually that is one hole and nothing else, but text may stand around
holes and between them (`{hex}.json`, `Products({integer})`, `{integer}-{integer}.png`). A part with its
holes empty is its *frame* (`{}.json`): values of one frame are one place of a template. The text of a word
never has braces, so a part is unambiguous, and no client can write a template of its own into the engine's
bundle.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from starfort.catalogue.values import exact_kind, is_encoded, kind_of

MAX_SEGMENTS: Final = 20
"""Longest path that is learned, in segments; the longest of 2,356 paths in 60 public OpenAPI documents has
17."""

MAX_PATH: Final = 1023
"""Longest path in bytes. Events cut longer ones at 1,024, and half a path would be another path."""

LONG_TOKEN: Final = 16
"""Characters from which on a word without digits may be a random token."""

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
"""Words that name an action or a fixed resource beside ids more often than a value (`/orders/search`)."""

ALIASES: Final = frozenset({"me", "self", "mine", "current"})
"""Words that stand for the caller's own resource; they have below them what values have, and are none."""

FORMATS: Final = frozenset({
    "json", "xml", "csv", "tsv", "yaml", "yml", "html", "htm", "txt", "rss", "atom", "geojson", "jsonp",
    "ndjson", "msgpack", "php", "ics", "kml", "gpx", "xlsx", "pdf", "md",
})  # fmt: skip
"""Extensions in which an API gives one and the same thing: where there are several of them, they are a
parameter."""

_SCRIPTS: Final = frozenset({"css", "js", "mjs", "map", "wasm"})
_IMAGES: Final = frozenset({
    "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "bmp", "tif", "tiff", "heic", "woff", "woff2",
    "ttf", "eot", "mp4", "mp3", "webm", "mov", "wav", "ogg", "m4a",
})  # fmt: skip
_FILES: Final = frozenset({
    "zip", "gz", "tgz", "tar", "bz2", "xz", "7z", "rar", "jar", "war", "whl", "deb", "rpm", "exe", "dmg",
    "apk", "iso", "bin", "parquet", "avro", "xls", "docx", "doc", "ppt", "pptx", "odt", "rtf", "eml", "vcf",
    "m3u8", "ts", "mpd", "p12", "pem", "crt", "cer", "crl", "sig", "asc", "log", "bak", "sql", "db",
    "pbf", "mvt", "aspx", "asp", "jsp", "do", "action", "cgi",
})  # fmt: skip

_SUFFIX: Final = re.compile(
    rf"(.+?)((?:\.(?:{'|'.join(sorted(FORMATS | _SCRIPTS | _IMAGES | _FILES))}))+"
    r"|:(?=.{3,40}$)(?:[A-Za-z]+|[a-z]+(?:[A-Z][a-z0-9]*)+))",
    re.ASCII,
)
ASSET_SUFFIXES: Final = frozenset(f".{name}" for name in _SCRIPTS | _IMAGES)
"""Static files; those of one folder are one endpoint for each extension."""

_NUMBERED_SUFFIXES: Final = ASSET_SUFFIXES | frozenset({".pdf", ".csv", ".xlsx"} | {f".{n}" for n in _FILES})
"""Files that people number: a number in the name of one (`IMG_1234.jpg`) makes it a value."""

_VERSION: Final = re.compile(
    r"[vV]\d{1,4}([._-]?\d{1,4}){0,3}((alpha|beta|rc|preview)\d{0,3})?|\d{1,2}\.\d{1,2}", re.ASCII
)
_ODATA_KEY: Final = re.compile(r"([A-Za-z_][\w.]{0,63})\(([^()]+|.*\).*)\)", re.ASCII)
"""`Products(1)`, `Orders(CustomerId='ALFKI',Id=3)` (OData 4.01 part 2, 4.3.1 and 4.5)."""
_NAMED: Final = re.compile(r"([A-Za-z][\w.:-]{0,31})=(.+)", re.ASCII)
"""`year=2026` (Hive), `artist=a,1` (RESTCONF, RFC 8040, 3.5.3)."""
_TYPED: Final = re.compile(r"([A-Za-z][\w-]{0,31}):([^:]+)", re.ASCII)
"""`user:17`."""
_SIGIL: Final = re.compile(r"([@~])([\w.-]{1,63})", re.ASCII)
"""`@ann`, `~ann`: the sign says that a name follows."""
_FIXED_NAMES: Final = frozenset({"original", "here", "everyone"})
_DOTS: Final = re.compile(r"\.{2,3}(?!\.)")
"""Between the ends of a range: `2026-01..2026-03`, `main...dev`."""
_SIZE: Final = re.compile(r"[1-9]\d{0,4}x[1-9]\d{0,4}", re.ASCII)
"""`640x480`."""
_JOINED: Final = re.compile(r"[^._x-]+(?:([._x-])[^._x-]+)(?:\1[^._x-]+){0,3}")
_BOT: Final = re.compile(r"(bot)?\d{5,16}:[\w-]{30,}", re.ASCII)
"""A bot's token, which the filter masks; events of earlier filters have it in clear."""
_MASKED: Final = re.compile(r"([\w.:=-]{0,16})\{masked\}([\w.:-]{0,16})", re.ASCII)
_HOLE: Final = re.compile(r"\{[^{}]*\}")
_NUMBERS: Final = re.compile(r"\d+")
_NUMBERED: Final = re.compile(r"[A-Za-z]+[-_]\d{1,4}", re.ASCII)
_LONG_NUMBER: Final = 5


def split_suffix(segment: str) -> tuple[str, str]:
    """A segment's text and its extension or `:verb`, which is "" when it has none."""
    found = _SUFFIX.fullmatch(segment)
    return (found[1], found[2]) if found else (segment, "")


def is_version(segment: str) -> bool:
    """Whether a segment names an API's version: `v1`, `v2.1`, `v1beta2`, `1.0`."""
    return _VERSION.fullmatch(segment) is not None


def is_value(part: str) -> bool:
    """Whether a part has a value in it."""
    return "{" in part


def frame_of(part: str) -> str:
    """A part with its holes empty: `{}`, `{}.json`, `Products({})`. Values of one frame are one place."""
    return _HOLE.sub("{}", part)


def word_frame(word: str) -> str:
    """The frame that a word has once it turns out to be a value: `{}` and the word's extension or verb."""
    return "{}" + split_suffix(word)[1]


def slugged(frame: str) -> str:
    """The part for words that were found to be values in a frame."""
    return frame.replace("{}", SLUG)


def fill(frame: str, names: Sequence[str]) -> str:
    """A segment of a template.

    Args:
        frame: as `frame_of` gives it.
        names: a name without braces for each hole.
    """
    return frame.replace("{}", "{{{}}}").format(*names)


def holes(frame: str) -> int:
    """How many values a frame has room for."""
    return frame.count("{}")


def shape_of(path: str) -> str | None:
    """The path with values replaced by their kind: `/v1/orders/{integer}`.

    Args:
        path: normalised path of an event; parts that are already `{kind}` stay.

    Returns:
        The shape, or None when the path cannot be learned: it is cut, too deep, or has segments that are
        empty or dots once their matrix parameters are gone, which no two servers read alike.
    """
    if not path.startswith("/") or len(path.encode()) > MAX_PATH:
        return None
    inner = path[1:].rstrip("/")
    segments = [without_matrix(segment) for segment in inner.split("/")] if inner else []
    if len(segments) > MAX_SEGMENTS or not _UNREADABLE.isdisjoint(segments):
        return None
    parts, at_root = [], True
    for segment in segments:
        part = _part(segment, at_root)
        parts.append(part)
        # Below `api`, at whatever depth, an API begins anew (`/admin/api/2026-01/orders`).
        at_root = (at_root and (part in ROOT_WORDS or is_version(part))) or part in _NEW_ROOTS
    return "/" + "/".join(parts)


_UNREADABLE: Final = frozenset({"", ".", ".."})
_NEW_ROOTS: Final = frozenset({"api", "apis", "rest"})

# What `queries/observed.sql` has replaced already. Other braces come from clients, but for `{masked}`, which
# the filter writes.
_MARKS: Final = frozenset({"{integer}", "{uuid}", "{hex}", SLUG})


# Few segments are new: nearly all of them are words that came a moment ago.
@lru_cache(maxsize=16_384)
def _part(segment: str, at_root: bool) -> str:
    if segment in _MARKS:
        return segment
    if is_version(segment) or (at_root and _is_dated_version(segment)):
        return segment
    kind = exact_kind(segment)
    if kind:
        return f"{{{kind}}}"
    return _framed(segment) or _with_suffix(segment) or ("{text}" if is_encoded(segment) else segment)


def without_matrix(segment: str) -> str:
    """A segment without matrix parameters (RFC 6570, 3.2.7): `cars;color=red` is `cars`."""
    return segment.partition(";")[0]


def _is_dated_version(text: str) -> bool:
    """Whether a text is a version where an API begins: a date, a month, or a small number."""
    return exact_kind(text) in {"date", "month"} or re.fullmatch(r"\d{1,2}", text) is not None


def _framed(text: str) -> str:
    """The part of a text whose form says where its values are; "" for others."""
    part = ""
    if _MASKED.fullmatch(text):
        part = text
    elif found := _BOT.fullmatch(text):
        part = (found[1] or "") + "{masked}"
    elif found := _ODATA_KEY.fullmatch(text):
        part = f"{found[1]}({{{exact_kind(found[2]) or 'key'}}})"
    elif found := _NAMED.fullmatch(text):
        part = f"{found[1]}={{{exact_kind(found[2]) or 'key'}}}"
    elif found := _SIGIL.fullmatch(text):
        part = "" if _is_fixed_name(found[2]) else found[1] + "{name}"
    elif (found := _TYPED.fullmatch(text)) and not split_suffix(text)[1] and (kind := exact_kind(found[2])):
        part = f"{found[1]}:{{{kind}}}"
    elif _SIZE.fullmatch(text):
        part = _joined(text)
    return part or _range(text)


def _range(text: str) -> str:
    dots = _DOTS.search(text)
    if dots is None:
        return ""
    begin, end = text[: dots.start()], text[dots.end() :]
    if not begin or not end or begin.endswith("."):
        return ""
    return f"{{{kind_of(begin) or 'name'}}}{dots[0]}{{{kind_of(end) or 'name'}}}"


def _is_fixed_name(name: str) -> bool:
    return name.lower() in ACTION_WORDS or name in _FIXED_NAMES


def _with_suffix(segment: str) -> str:
    """The part of a text with an extension or `:verb` behind a value; "" for others."""
    text, suffix = split_suffix(segment)
    if not suffix:
        return ""
    kind = exact_kind(text)
    # `schema-2020.json` is a document of an API more often than one of many.
    if kind == "code" and (_joined(text) or _NUMBERED.fullmatch(text)):
        kind = ""
    found = f"{{{kind}}}" if kind else _joined(text) or _framed(text)
    if not found and (is_encoded(text) or _is_numbered(text, suffix)):
        found = "{text}"
    return found and found + suffix


def _joined(text: str) -> str:
    """Values with one separator between them (`3-4-5`, `640x480`), each with a hole; "" for others."""
    found = _JOINED.fullmatch(text)
    if found is None:
        return ""
    kinds = [exact_kind(value) for value in text.split(found[1])]
    return found[1].join(f"{{{kind}}}" for kind in kinds) if all(kinds) else ""


def _is_numbered(text: str, suffix: str) -> bool:
    """Whether a file's name is one of many: it has a number, or something random."""
    if f".{suffix.rpartition('.')[2]}" in _NUMBERED_SUFFIXES and _NUMBERS.search(text):
        return True
    tokens = re.split(r"[._-]", text)
    return any(len(token) >= _LONG_NUMBER and exact_kind(token) for token in tokens)


def may_be_token(text: str) -> bool:
    """Whether a word could be a token that has no digits by chance; this counts only beside other tokens."""
    capitals = sum(map(str.isupper, text))
    return len(text) >= LONG_TOKEN and 4 * capitals >= len(text) > capitals and "-" not in text


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
