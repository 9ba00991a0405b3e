"""Forms in which an attack arrives without looking like itself, each as some common server would read it.

A mutation puts a text into a request. Evasions are counted among texts that are found in plain in the place that the
mutation names. Where the form as such is ordinary traffic, a harmless text in it has to pass.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from benchmarks.quality.clients import Call
from benchmarks.quality.sample import Headers

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
XML: Final = "application/xml"
MIB: Final = 1 << 20

Make = Callable[[str], Call]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A form.

    Attributes:
        group: what it is about, as rows call it.
        plain: the place of `attacks.PLACES` in which a text has to be found to count.
        decoded_by: servers that read the text out of this form.
        make: the request with a text in it.
        ordinary: requests of this form are ordinary, so a harmless text in it has to pass.
        heavy: it is large, so few texts are tried.
        markup: only attacks by markup are decoded so.
        escaped: each character is escaped as writers escape foreign ones, so a harmless text in it is foreign.
    """

    group: str
    name: str
    plain: str
    decoded_by: str
    make: Make
    ordinary: bool = True
    heavy: bool = False
    markup: bool = False
    escaped: bool = False


ALL: Final[list[Mutation]] = []


def mutation(group: str, name: str, plain: str, decoded_by: str, **flags: bool) -> Callable[[Make], Make]:
    """Enter a function into the list of mutations; `flags` are those of `Mutation`."""

    def enter(make: Make) -> Make:
        ALL.append(Mutation(group, name, plain, decoded_by, make, **flags))
        return make

    return enter


def raw(text: str) -> bytes:
    """The bytes of a text. Bytes that are not UTF-8 are carried as surrogates."""
    return text.encode("utf-8", "surrogateescape")


def dumped(value: Any) -> bytes:
    """JSON in which letters of all scripts stay unescaped."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")


def q(text: str | bytes) -> str:
    """A text with everything percent-encoded except letters and digits."""
    return quote(raw(text) if isinstance(text, str) else text, safe="")


def post(body: bytes, kind: str = JSON, headers: Headers = (), target: str = "/v1/orders") -> Call:
    """A request with a body."""
    return Call("POST", target, body, kind, headers)


def get(target: str, headers: Headers = ()) -> Call:
    """A request without a body."""
    return Call("GET", target, headers=headers)


def every(text: str, form: str) -> str:
    """Each character in a form, such as an escape of JSON. A character outside the BMP becomes two."""
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(form.format(int.from_bytes(units[at : at + 2])) for at in range(0, len(units), 2))


def u(text: str) -> str:
    """A text with each character as an escape of JSON."""
    return every(text, "\\u{:04x}")


def b64(text: str) -> str:
    """Base64 with padding."""
    return base64.b64encode(raw(text)).decode()


def gql(query: str, variables: dict[str, Any] | None = None, **more: Any) -> Call:
    """A GraphQL operation as JSON."""
    payload = {"query": query, **({"variables": variables} if variables is not None else {}), **more}
    return post(dumped(payload), JSON, target="/graphql")


def literal(text: str) -> str:
    """A GraphQL string (escapes are those of JSON)."""
    return json.dumps(text, ensure_ascii=False)


def xml(body: str, kind: str = XML, head: str = '<?xml version="1.0"?>') -> Call:
    """An XML document."""
    return post(raw(head + body), kind)


def xml_safe(text: str) -> str:
    """A text without the control characters that XML does not allow."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", " ", text)


BOUNDARY: Final = "----b4711"


def part(name: str, content: bytes, filename: str = "", kind: str = "", head: str = "") -> bytes:
    """A part: its headers, a line, its content."""
    line = head or f'Content-Disposition: form-data; name="{name}"' + (
        f'; filename="{filename}"' if filename else ""
    )
    kind = kind or ("application/octet-stream" if filename else "")
    return raw(line) + b"\r\n" + (f"Content-Type: {kind}\r\n".encode() if kind else b"") + b"\r\n" + content


def multipart(
    *parts: bytes,
    kind: str = f"multipart/form-data; boundary={BOUNDARY}",
    target: str = "/v1/files",
    close: bool = True,
    line: bytes = b"\r\n",
) -> Call:
    """A body of parts."""
    body = b"".join(
        b"--" + BOUNDARY.encode() + line + (each.replace(b"\r\n", b"\n") if line == b"\n" else each) + line
        for each in parts
    )
    return post(body + (b"--" + BOUNDARY.encode() + b"--" + line if close else b""), kind, target=target)
