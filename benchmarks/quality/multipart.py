"""Multipart bodies in the styles of browsers, curl, okhttp, requests, Go, Node, Java and .NET."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from benchmarks.quality.clients import token


@dataclass(frozen=True, slots=True)
class Part:
    """A field, or a file if it has a file name.

    Attributes:
        name: of the field.
        filename: `None` for a field.
        content_type: "" where writers leave it out.
        headers: further ones of the part.
    """

    name: str
    content: bytes
    filename: str | None = None
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Style:
    """The style of a writer.

    Attributes:
        boundary: makes one.
        head: headers of a part, as lines.
        quoted: the boundary is quoted in `Content-Type`.
        tail: what follows the closing boundary.
    """

    boundary: Callable[[random.Random], str]
    head: Callable[[Part], list[str]]
    quoted: bool = False
    tail: bytes = b"\r\n"


def _percent(value: str) -> str:
    """Names as browsers and curl since 7.81 write them (HTML, multipart/form-data encoding algorithm)."""
    return value.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _backslash(value: str) -> str:
    """Names as older curl, Go and Java clients write them."""
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _disposition(part: Part, escaped: Callable[[str], str], name: str = "Content-Disposition") -> str:
    line = f'{name}: form-data; name="{escaped(part.name)}"'
    return line if part.filename is None else f'{line}; filename="{escaped(part.filename)}"'


def _type(part: Part, default: str = "application/octet-stream") -> list[str]:
    if part.filename is None and not part.content_type:
        return []
    return [f"Content-Type: {part.content_type or default}"]


def _browser(part: Part) -> list[str]:
    return [_disposition(part, _percent), *(_type(part) if part.filename is not None else [])]


def _curl(part: Part) -> list[str]:
    return [_disposition(part, _percent), *_type(part)]


def _okhttp(part: Part) -> list[str]:
    return [_disposition(part, _percent), *_type(part), f"Content-Length: {len(part.content)}"]


def _retrofit(part: Part) -> list[str]:
    kind = part.content_type or (
        "text/plain; charset=utf-8" if part.filename is None else "application/octet-stream"
    )
    return [
        _disposition(part, _percent), "Content-Transfer-Encoding: binary", f"Content-Type: {kind}",
        f"Content-Length: {len(part.content)}",
    ]  # fmt: skip


def _requests(part: Part) -> list[str]:
    """Names outside ASCII in the form of RFC 2231, as urllib3 1 wrote them."""
    if part.filename is None or part.filename.isascii():
        return [
            _disposition(part, _percent),
            *([f"Content-Type: {part.content_type}"] if part.content_type else []),
        ]
    line = f"Content-Disposition: form-data; name=\"{_percent(part.name)}\"; filename*=utf-8''{quote(part.filename, safe='')}"
    return [line, *([f"Content-Type: {part.content_type}"] if part.content_type else [])]


def _go(part: Part) -> list[str]:
    return [_disposition(part, _backslash), *_type(part)]


def _node(part: Part) -> list[str]:
    return [_disposition(part, _percent), *_type(part)]


def _java(part: Part) -> list[str]:
    kind = part.content_type or (
        "text/plain; charset=UTF-8" if part.filename is None else "application/octet-stream"
    )
    return [
        _disposition(part, _backslash), f"Content-Type: {kind}",
        f"Content-Transfer-Encoding: {'8bit' if part.filename is None else 'binary'}",
    ]  # fmt: skip


def _token(value: str) -> str:
    """A name without quotes if it is a token (RFC 9110, 5.6.2), otherwise with quotes."""
    return value if re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", value, re.ASCII) else f'"{_backslash(value)}"'


def _dotnet(part: Part) -> list[str]:
    """`MultipartFormDataContent`: names without quotes, file names twice."""
    kind = part.content_type or (
        "text/plain; charset=utf-8" if part.filename is None else "application/octet-stream"
    )
    line = f"Content-Disposition: form-data; name={_token(part.name)}"
    if part.filename is not None:
        line += f"; filename={_token(part.filename)}; filename*=utf-8''{quote(part.filename, safe='')}"
    return [f"Content-Type: {kind}", line]


def _ios(part: Part) -> list[str]:
    return [_disposition(part, _percent), *_type(part)]


STYLES: Final[dict[str, Style]] = {
    "chrome": Style(lambda rng: "----WebKitFormBoundary" + token(rng, 16), _browser),
    "firefox": Style(lambda rng: "----geckoformboundary" + f"{rng.getrandbits(128):032x}", _browser),
    "curl": Style(lambda rng: "------------------------" + token(rng, 22), _curl),
    "okhttp": Style(lambda rng: f"{rng.getrandbits(128):032x}", _okhttp),
    "retrofit": Style(lambda rng: "f81d4fae-7dec-11d0-a765-" + f"{rng.getrandbits(48):012x}", _retrofit),
    "requests": Style(lambda rng: f"{rng.getrandbits(128):032x}", _requests),
    "go": Style(lambda rng: f"{rng.getrandbits(240):060x}", _go),
    "axios": Style(lambda rng: "--------------------------" + f"{rng.randrange(10**24):024}", _node),
    "undici": Style(lambda rng: f"----formdata-undici-0{rng.randrange(10**11):011}", _browser),
    "java": Style(lambda rng: token(rng, 30), _java, tail=b"\r\n"),
    "dotnet": Style(lambda rng: "f81d4fae-7dec-11d0-a765-" + f"{rng.getrandbits(48):012x}", _dotnet, quoted=True),
    "ios": Style(lambda rng: f"alamofire.boundary.{rng.getrandbits(32):08x}{rng.getrandbits(32):08x}", _ios),
    "dart": Style(lambda rng: "dart-http-boundary-" + "".join(rng.choices("abcDEF019+_.", k=51)), _curl),
}  # fmt: skip


def written(style: Style, parts: Sequence[Part], rng: random.Random) -> tuple[bytes, str]:
    """A body and its `Content-Type`."""
    boundary = style.boundary(rng)
    body = b""
    for part in parts:
        lines = [*style.head(part), *(f"{name}: {value}" for name, value in part.headers)]
        body += (
            f"--{boundary}\r\n".encode()
            + "".join(f"{line}\r\n" for line in lines).encode()
            + b"\r\n"
            + part.content
            + b"\r\n"
        )
    shown = f'"{boundary}"' if style.quoted else boundary
    return body + f"--{boundary}--".encode() + style.tail, f"multipart/form-data; boundary={shown}"
