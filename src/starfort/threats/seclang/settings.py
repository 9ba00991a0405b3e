"""Reads the directives that set up the engine."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from starfort.config.problems import ConfigProblem
from starfort.threats.seclang.model import EngineSpec

MAX_BODY_BYTES: Final = 1 << 30
"""The largest limit that the manual of ModSecurity allows."""

MAX_MAP_BYTES: Final = 4 << 20
"""The map that comes with ModSecurity has 56 KB."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Engine settings.

    Defaults: ModSecurity's recommended configuration where CRS relies on it, else the manual.

    Attributes:
        engine: `on`, `detection_only` or `off`.
        request_body_no_files_limit_bytes: None is no limit, as in ModSecurity 3 without the directive.
        unicode_map: code points and the bytes that they stand for.
    """

    engine: str = "on"
    request_body_access: bool = True
    request_body_limit_bytes: int = 134_217_728
    request_body_no_files_limit_bytes: int | None = None
    request_body_limit_reject: bool = True
    json_depth_limit: int = 512
    arguments_limit: int = 1000
    response_body_access: bool = True
    response_body_limit_bytes: int = 524_288
    response_body_limit_reject: bool = False
    response_body_mime_types: tuple[str, ...] = ("text/plain", "text/html", "text/xml", "application/json")
    argument_separator: str = "&"
    cookie_v1: bool = False
    collection_timeout_s: int = 3600
    upload_file_limit: int = 100
    unicode_map: tuple[tuple[int, int], ...] = ()
    web_app_id: str = "default"


def apply(settings: Settings, spec: EngineSpec, problems: list[ConfigProblem]) -> Settings:
    """The settings after one more directive. If it is wrong, a problem is added and they stay as they are."""
    try:
        return replace(settings, **_READERS[spec.name](spec, settings))
    except ValueError as error:
        problems.append(spec.location.problem(f"{spec.name} {' '.join(spec.values)[:60]}: {error}"))
        return settings


def _choice(field: str, **choices: Any) -> Callable[[EngineSpec, Settings], dict[str, Any]]:
    def read(spec: EngineSpec, _: Settings) -> dict[str, Any]:
        value = choices.get(spec.values[0].lower())
        if value is None:
            raise ValueError(f"write one of {', '.join(choices)}")
        return {field: value[0]}

    return read


def _number(field: str, least: int, most: int) -> Callable[[EngineSpec, Settings], dict[str, Any]]:
    def read(spec: EngineSpec, _: Settings) -> dict[str, Any]:
        text = spec.values[0]
        if not re.fullmatch(r"\d{1,12}", text) or not least <= int(text) <= most:
            raise ValueError(f"write a number from {least} to {most}")
        return {field: int(text)}

    return read


def _text(field: str) -> Callable[[EngineSpec, Settings], dict[str, Any]]:
    return lambda spec, _: {field: spec.values[0]}


def _separator(spec: EngineSpec, _: Settings) -> dict[str, Any]:
    # The engine splits bytes, so the separator must be one byte.
    if len(spec.values[0]) != 1 or not spec.values[0].isascii():
        raise ValueError("write one character")
    return {"argument_separator": spec.values[0]}


def _mime_types(spec: EngineSpec, _: Settings) -> dict[str, Any]:
    # ModSecurity writes `(null)` for a response without a type.
    types = [word.lower() for value in spec.values for word in value.split()]
    return {"response_body_mime_types": tuple("" if word == "(null)" else word for word in types)}


def _unicode_map(spec: EngineSpec, _: Settings) -> dict[str, Any]:
    # The file and the page may be in one pair of quotes.
    words = " ".join(spec.values).rsplit(maxsplit=1)
    if len(words) != 2:  # noqa: PLR2004 - file, page
        raise ValueError("write the file and the number of a code page, such as unicode.mapping 20127")
    name, page = words
    path = spec.location.file.parent / name
    try:
        if path.stat().st_size > MAX_MAP_BYTES:
            raise ValueError(f"{path} is larger than {MAX_MAP_BYTES >> 20} MiB")
        # Only numbers are read, so it does not matter in which encoding the names of the pages are.
        text = path.read_text(encoding="latin-1")
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read: {error.strerror}; leave the directive out to do without"
        ) from error
    return {"unicode_map": read_unicode_map(text, page, path)}


def read_unicode_map(text: str, page: str, path: Path) -> tuple[tuple[int, int], ...]:
    """The pairs of one code page of a `unicode.mapping` file.

    The file has, for each page, its number, maybe a name in brackets, and `HHHH:HH` pairs, separated by
    blanks or line ends; a page ends where the next one begins. Lines that begin with `#` are comments.

    Raises:
        ValueError: the page is not in it.
    """
    # A dictionary, because the last pair of a code point counts.
    pairs: dict[int, int] = {}
    inside = found = False
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for word in re.sub(r"\([^()\n]*\)", " ", "\n".join(lines)).split():
        if entry := re.fullmatch(r"([0-9A-Fa-f]{1,6}):([0-9A-Fa-f]{1,2})", word):
            if inside:
                pairs[int(entry[1], 16)] = int(entry[2], 16)
        elif word.isascii() and word.isdigit():
            inside = word == page
            found = found or inside
    if not found:
        raise ValueError(f"{path} has no code page {page}")
    # The pairs are sorted, because the engine uses a binary search.
    return tuple(sorted(pairs.items()))


_REJECT = {"reject": (True,), "processpartial": (False,)}
_SWITCH = {"on": (True,), "off": (False,)}

_READERS: Final[dict[str, Callable[[EngineSpec, Settings], dict[str, Any]]]] = {
    "SecArgumentSeparator": _separator,
    "SecArgumentsLimit": _number("arguments_limit", 1, 1_000_000),
    "SecCollectionTimeout": _number("collection_timeout_s", 1, 31_536_000),
    "SecCookieFormat": _choice("cookie_v1", **{"0": (False,), "1": (True,)}),
    "SecRequestBodyAccess": _choice("request_body_access", **_SWITCH),
    "SecRequestBodyJsonDepthLimit": _number("json_depth_limit", 1, 1_000_000),
    "SecRequestBodyLimit": _number("request_body_limit_bytes", 0, MAX_BODY_BYTES),
    "SecRequestBodyLimitAction": _choice("request_body_limit_reject", **_REJECT),
    "SecRequestBodyNoFilesLimit": _number("request_body_no_files_limit_bytes", 0, MAX_BODY_BYTES),
    "SecResponseBodyAccess": _choice("response_body_access", **_SWITCH),
    "SecResponseBodyLimit": _number("response_body_limit_bytes", 0, MAX_BODY_BYTES),
    "SecResponseBodyLimitAction": _choice("response_body_limit_reject", **_REJECT),
    "SecResponseBodyMimeType": _mime_types,
    "SecResponseBodyMimeTypesClear": lambda _, __: {"response_body_mime_types": ()},
    "SecRuleEngine": _choice("engine", on=("on",), off=("off",), detectiononly=("detection_only",)),
    "SecUnicodeMapFile": _unicode_map,
    "SecUploadFileLimit": _number("upload_file_limit", 0, 100_000),
    "SecWebAppId": _text("web_app_id"),
}
