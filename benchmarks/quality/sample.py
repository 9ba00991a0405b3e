"""A request of the quality corpora, and the answers that are made from it."""

from __future__ import annotations

import os
import random
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.report import ROOT

if TYPE_CHECKING:
    from starfort._engine import RequestDescription

DATA: Final = Path(os.environ.get("STARFORT_QUALITY", ROOT / "build/quality"))
"""Where scripts/fetch-quality puts what is measured with."""

CORPORA: Final = Path(os.environ.get("STARFORT_CORPORA") or "$STARFORT_CORPORA")
"""The folder of public collections. Parts that want one go without it when the variable is not set."""

ADDRESS: Final = "203.0.113.9"
"""Where every request comes from (TEST-NET-3, RFC 5737)."""

Headers = tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One request.

    Attributes:
        kind: the row that counts it, such as `documents: json`.
        name: where it comes from, for people: a document and operation, a file, a payload's name.
        target: path and query as sent.
        headers: in the order sent, names in lower case; `host` and `content-length` among them.
        trailers: sent behind the body; the engine in process has none, so only Envoy sees them.
    """

    kind: str
    name: str
    method: str
    target: str
    headers: Headers
    body: bytes = b""
    trailers: Headers = ()

    def described(self) -> RequestDescription:
        """The request in the form that the engine takes."""
        host = next((value for name, value in self.headers if name == "host"), "api.example.com")
        host = host if isinstance(host, str) else host.decode("latin-1")
        return {
            "method": self.method,
            "url": f"https://{host}{self.target}",
            "headers": self.headers,
            "body": self.body,
            "address": ADDRESS,
        }

    def wire(self) -> bytes:
        """The bytes that HTTP/1.1 sends; one chunk if there are trailers."""
        headers, body = self.headers, self.body
        if self.trailers:
            headers = (
                *(pair for pair in headers if pair[0] != "content-length"),
                ("transfer-encoding", "chunked"),
            )
            body = (
                (f"{len(body):x}\r\n".encode() + body + b"\r\n" if body else b"")
                + b"0\r\n"
                + _lines(self.trailers)
                + b"\r\n"
            )
        return f"{self.method} {self.target} HTTP/1.1\r\n".encode() + _lines(headers) + b"\r\n" + body

    def text(self, limit: int = 4000) -> str:
        """The request as text for people, cut if it is long."""
        raw = self.wire()
        shown = raw[:limit].decode("utf-8", "backslashreplace").replace("\r\n", "\n")
        return shown + (f"… ({len(raw):,} bytes)" if len(raw) > limit else "")


def _lines(headers: Headers) -> bytes:
    return b"".join(name.encode() + b": " + _bytes(value) + b"\r\n" for name, value in headers)


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def chance(*names: object) -> random.Random:
    """A source of choices that is the same in every run, one for each name."""
    return random.Random(zlib.crc32("\0".join(map(str, names)).encode("utf-8", "surrogatepass")))
