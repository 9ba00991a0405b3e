"""Inputs of any size by shape: what is repeated, how it is disguised, cut and wrapped.

A shape is a gene for the search in `tests.crs.worst`: the same shape can be made small or large, so growth can be told
from cost.
"""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

import msgpack

from tests.crs.request import read, wire
from tests.crs.suite import compiled, stages

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"

PIECES = (0, 4096, 512, 64, 12, 3)
"""Bytes of one value; 0: all in one."""

SQL_WORDS = [
    "and",
    "between",
    "collate",
    "div",
    "if",
    "in",
    "into",
    "is",
    "like",
    "not",
    "null",
    "or",
    "select",
    "union",
    "user",
    "xor",
    "0x",
    "1e",
    "b'",
    "x'",
    "q'",
    "e'",
    "n'",
    "u&'",
    "@",
    "$a",
]
"""What libinjection takes for words, operators and beginnings of strings."""

MAX_ATOMS = 6
MAX_REPEAT = 64


def _every(data: bytes) -> bytes:
    return b"".join(b"%%%02x" % byte for byte in data)


ENCODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "percent": _every,
    "percent twice": lambda data: _every(data).replace(b"%", b"%25"),
    "iis": lambda data: b"".join(b"%%u00%02x" % byte for byte in data),
    "entities": lambda data: b"".join(b"&#x%x;" % byte for byte in data),
    "escapes": lambda data: b"".join(b"\\u00%02x" % byte for byte in data),
    "hex": lambda data: data.hex().encode(),
    "base64": base64.b64encode,
    "base64 twice": lambda data: base64.b64encode(base64.b64encode(data)),
    "spaced by comments": lambda data: b"/**/".join(bytes([byte]) for byte in data),
}


@dataclass(frozen=True)
class Atom:
    """Bytes, how they are encoded, and how often they stand one after another."""

    data: bytes
    encoding: str = "plain"
    repeat: int = 1

    def render(self) -> bytes:
        """The bytes."""
        return ENCODINGS[self.encoding](self.data) * self.repeat


@dataclass(frozen=True)
class Shape:
    """An input of any size.

    Attributes:
        wrapper: key of `WRAPPERS`.
        atoms: what is repeated until the size is reached; never empty.
        piece: bytes of one value, of `PIECES`.
        distinct: a number before each value, so that no two are equal.
        once: what stands before what is repeated; may be empty.
    """

    wrapper: str
    atoms: tuple[Atom, ...]
    piece: int = 0
    distinct: bool = True
    once: bytes = b""

    def values(self, size: int) -> list[bytes]:
        """The values that are wrapped, of about `size` bytes together."""
        unit = b"".join(atom.render() for atom in self.atoms) or b"a"
        text = (self.once + unit * (size // len(unit) + 1))[:size]
        if not self.piece:
            return [text]
        cut = [text[start : start + self.piece] for start in range(0, size, self.piece)]
        return [b"%d%s" % (number, value) for number, value in enumerate(cut)] if self.distinct else cut

    def render(self, size: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Request and response as `RuleSet.inspect` takes them."""
        return WRAPPERS[self.wrapper](self.values(size))

    def __str__(self) -> str:
        """On one line, for people; long atoms cut."""
        shown = " ".join(
            f"{atom.data[:40]!r}"
            + (f":{atom.encoding}" if atom.encoding != "plain" else "")
            + f"*{atom.repeat}"
            for atom in self.atoms
        )
        cut = f", values of {self.piece} bytes{'' if self.distinct else ' (equal)'}" if self.piece else ""
        before = f", after {self.once[:40]!r}" if self.once else ""
        return f"{self.wrapper}: {shown}{cut}{before}"


def weight(request: Mapping[str, Any], response: Mapping[str, Any] | None) -> int:
    """Bytes that are inspected: target, headers and bodies."""
    total = len(request["uri"]) + len(request["body"])
    total += sum(len(name) + len(value) for name, value in request["headers"])
    return total + (len(response["body"]) if response else 0)


_Sent = tuple[dict[str, Any], dict[str, Any] | None]


def _request(
    *,
    uri: bytes = b"/",
    headers: Sequence[tuple[bytes, bytes]] = (),
    body: bytes = b"",
    content_type: str = "",
) -> dict[str, Any]:
    plain = [(b"Host", b"api.example.com"), (b"User-Agent", b"client/1"), (b"Accept", b"*/*"), *headers]
    if content_type:
        plain += [(b"Content-Type", content_type.encode()), (b"Content-Length", b"%d" % len(body))]
    return {
        "method": "POST" if content_type else "GET",
        "uri": uri,
        "protocol": "HTTP/1.1",
        "headers": plain,
        "body": body,
        "remote_addr": "192.0.2.10",
    }


def _posted(content_type: str, make: Callable[[list[bytes]], bytes]) -> Callable[[list[bytes]], _Sent]:
    return lambda values: (_request(body=make(values), content_type=content_type), None)


def _answered(content_type: str) -> Callable[[list[bytes]], _Sent]:
    def wrap(values: list[bytes]) -> _Sent:
        body = b"\n".join(values)
        return _request(), {"status": 200, "headers": [("Content-Type", content_type)], "body": body}

    return wrap


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _texts(values: list[bytes]) -> list[str]:
    return [value.decode("latin-1") for value in values]


def _json_pairs(values: list[bytes]) -> bytes:
    return b"{" + b",".join(_json(text) + b":1" for text in _texts(values)) + b"}"


def _nested(values: list[bytes]) -> bytes:
    # 60 deep: within the limit of the parser
    roots: list[Any] = []
    out: Any = []
    for number, text in enumerate(_texts(values)):
        out = {"k": text, "n": out} if number % 2 else [text, out]
        if number % 60 == 0:
            roots.append(out)
            out = []
    return _json([*roots, out])


def _parts(values: list[bytes], head: bytes, *, in_head: bool) -> bytes:
    return (
        b"".join(
            b"--b\r\nContent-Disposition: form-data; "
            + (head % _line(value) + b"\r\n\r\nx" if in_head else head + b"\r\n\r\n" + value)
            + b"\r\n"
            for value in values
        )
        + b"--b--\r\n"
    )


def _line(value: bytes) -> bytes:
    return re.sub(rb"[\r\n\0]", b" ", value)


def _xml_name(value: bytes) -> bytes:
    return b"a" + re.sub(rb"[^A-Za-z0-9]", b"", value)[:60]


_REFERENCES = {b"&": b"&amp;", b"<": b"&lt;", b'"': b"&quot;"}


def _xml_text(value: bytes) -> bytes:
    text = re.sub(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", b" ", value)
    return re.sub(rb'[&<"]', lambda found: _REFERENCES[found[0]], text).decode("latin-1").encode()


WRAPPERS: Mapping[str, Callable[[list[bytes]], _Sent]] = {
    "path": lambda values: (_request(uri=b"/" + b"/".join(values)), None),
    "query values": lambda values: (
        _request(uri=b"/?" + b"&".join(b"p%d=%s" % pair for pair in enumerate(values))),
        None,
    ),
    "query names": lambda values: (_request(uri=b"/?" + b"=&".join(values)), None),
    "header values": lambda values: (
        _request(headers=[(b"X-H%d" % number, _line(value)) for number, value in enumerate(values)]),
        None,
    ),
    "same header": lambda values: (
        _request(headers=[(b"Referer", _line(value)) for value in values]),
        None,
    ),
    "user agent": lambda values: (_request(headers=[(b"User-Agent", _line(b" ".join(values)))]), None),
    "cookies": lambda values: (
        _request(headers=[(b"Cookie", b"; ".join(b"c%d=%s" % (n, _line(v)) for n, v in enumerate(values)))]),
        None,
    ),
    "content type": lambda values: (
        _request(body=b"a=1", content_type=FORM + "; " + _line(b";".join(values)).decode("latin-1")),
        None,
    ),
    "form values": _posted(FORM, lambda values: b"&".join(b"p%d=%s" % pair for pair in enumerate(values))),
    "form names": _posted(FORM, b"=&".join),
    "one form name": _posted(FORM, lambda values: b"&".join(b"p=" + value for value in values)),
    "json strings": _posted("application/json", lambda values: _json(_texts(values))),
    "json keys": _posted("application/json", _json_pairs),
    "json nested": _posted("application/json", _nested),
    "json as it is": _posted("application/json", b"".join),
    "json numbers": _posted(
        "application/json", lambda values: _json(list(range(sum(map(len, values)) // 6)))
    ),
    "xml text": _posted(
        "text/xml", lambda values: b"<r>" + b"".join(b"<a>%s</a>" % _xml_text(v) for v in values) + b"</r>"
    ),
    "xml attributes": _posted(
        "text/xml", lambda values: b"<r>" + b"".join(b'<a b="%s"/>' % _xml_text(v) for v in values) + b"</r>"
    ),
    "xml nested": _posted(
        "text/xml",
        lambda values: (
            b"".join(b"<%s>" % _xml_name(v) for v in values)
            + b"".join(b"</%s>" % _xml_name(v) for v in reversed(values))
        ),
    ),
    "xml as it is": _posted("text/xml", b"".join),
    "parts": _posted(MULTIPART, lambda values: _parts(values, b'name="p"', in_head=False)),
    "part names": _posted(MULTIPART, lambda values: _parts(values, b'name="%s"', in_head=True)),
    "file names": _posted(MULTIPART, lambda values: _parts(values, b'name="f"; filename="%s"', in_head=True)),
    "part headers": _posted(MULTIPART, lambda values: _parts(values, b'name="p"\r\nX-H: %s', in_head=True)),
    "multipart as it is": _posted(MULTIPART, lambda values: b"--b\r\n" + b"\r\n--b\r\n".join(values)),
    "text": _posted("text/plain", b"".join),
    "html answer": _answered("text/html"),
    "json answer": _answered("application/json"),
}


def vocabulary() -> list[bytes]:
    """What atoms are made of: bytes that are no letters, words of SQL and of the rules, inputs of their tests."""
    words = {bytes([byte]) for byte in range(256) if not chr(byte).isalpha() or byte in b"aZx"}
    for rule in msgpack.unpackb(compiled().data)["rules"]:
        for link in rule["links"]:
            words.update(phrase.encode() for phrase in link["operator"]["phrases"][:300] if phrase)
            pattern = "".join(part.get("text", "") for part in link["operator"]["argument"])
            words.update(found.encode() for found in re.findall(r"[\w<>/.:=()'\" -]{2,24}", pattern)[:100])
    for stage in stages():
        request = read(wire(stage.input))
        for text in (
            request.target.partition(b"?")[2],
            request.body,
            *(value for _, value in request.headers),
        ):
            words.update((unquote_to_bytes(text)[:96], quote_from_bytes(text[:32]).encode()))
    words.update(
        f"{word}{end}".encode() for word in SQL_WORDS for end in (".", "`", "(", ",", " ", "/**/", "$")
    )
    return sorted(word for word in words if word)


def made(words: Sequence[bytes], chance: random.Random) -> Shape:
    """A shape by chance."""
    atoms = tuple(_atom(words, chance) for _ in range(chance.choice((1, 1, 1, 2, 3))))
    return Shape(chance.choice(list(WRAPPERS)), atoms, chance.choice(PIECES), chance.random() < 0.8)


def _atom(words: Sequence[bytes], chance: random.Random) -> Atom:
    # one byte half of the time: there are few of them, and they are what scanners trip over
    word = bytes([chance.randrange(256)]) if chance.random() < 0.3 else chance.choice(words)
    if chance.random() < 0.2:
        start = chance.randrange(len(word))
        word = word[start : start + 1 + chance.randrange(len(word))]
    encoding = chance.choice(list(ENCODINGS)) if chance.random() < 0.3 else "plain"
    return Atom(word, encoding, chance.choice((1, 1, 1, 2, 8, MAX_REPEAT)))


def mutated(shape: Shape, other: Shape, words: Sequence[bytes], chance: random.Random) -> Shape:
    """A shape like `shape`, with something changed or taken from `other`."""
    atoms = list(shape.atoms)
    at = chance.randrange(len(atoms))
    match chance.randrange(10):
        case 0:
            return replace(shape, wrapper=chance.choice(list(WRAPPERS)))
        case 1:
            return replace(shape, piece=chance.choice(PIECES), distinct=chance.random() < 0.8)
        case 2:
            return replace(shape, once=chance.choice([b"", *words]))
        case 3:
            atoms[at] = replace(atoms[at], repeat=chance.randint(1, MAX_REPEAT))
        case 4:
            atoms[at] = replace(atoms[at], encoding=chance.choice(list(ENCODINGS)))
        case 5 if len(atoms) > 1:
            del atoms[at]
        case 6:
            atoms += other.atoms
        case 7:
            data = bytearray(atoms[at].data)
            data[chance.randrange(len(data))] = chance.randrange(256)
            atoms[at] = replace(atoms[at], data=bytes(data))
        case 8:
            atoms[at] = _atom(words, chance)
        case _:
            atoms.insert(at, _atom(words, chance))
    return replace(shape, atoms=tuple(atoms[:MAX_ATOMS]))
