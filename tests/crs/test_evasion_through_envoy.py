"""Attacks in disguise through Envoy: patterns cut in two, compressed bodies, charsets, false types, sheer number.

What `test_evasion` sends to the rules alone is sent here over connections, where the filter puts bodies together, undoes
encodings and charsets, and the event says what was found.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import pyarrow as pa
import pytest
import pytest_asyncio

from starfort.threats.rulesets import BASE_RULES
from starfort.threats.seclang.load import load_rules
from tests.crs.suite import CORPUS
from tests.crs.test_evasion import FORM, JSON, PATH, SQL, XSS, every, unicode_escapes
from tests.crs.through_envoy import CONFIG, Proxy, proxied
from tests.support.corpora import needs_corpus
from tests.support.filter_bench import MODULE, Receive, Scope, Send

pytestmark = [
    pytest.mark.e2e,
    needs_corpus("crs"),
    pytest.mark.skipif(not MODULE.exists(), reason=f"{MODULE} is not built: run make setup"),
    pytest.mark.asyncio(loop_scope="module"),
]

MULTIPART: Final = "multipart/form-data; boundary=b"
LEAK: Final = (
    b"<p>You have an error in your SQL syntax; check the manual that corresponds to your MySQL server</p>"
)
DOCUMENT: Final = json.dumps({"q": SQL}).encode()
HARMLESS: Final = json.dumps({"q": "Ann O'Neil"}).encode()


async def _answers(scope: Scope, receive: Receive, send: Send) -> None:
    """An empty answer; to `/leak` an error message in two pieces, the second once the first went out."""
    while (await receive()).get("more_body", False):
        pass
    pieces = [b""]
    if scope["path"].startswith("/leak"):
        half = len(LEAK) // 3
        pieces = [LEAK[:half], LEAK[half:]]
    headers = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for piece in pieces[:-1]:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": pieces[-1]})


@dataclass
class Sender:
    """Sends requests, each from an address of its own, and has the events that they left.

    Attributes:
        rows: the newest event of each client address.
    """

    proxy: Proxy
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    count: int = 0

    async def send(  # noqa: PLR0913 (what makes up a request)
        self,
        body: bytes = b"",
        content_type: str = "",
        *,
        path: str = "/",
        headers: Sequence[str] = (),
        cuts: Sequence[int] = (),
        chunked: bool = False,
    ) -> dict[str, Any]:
        """The event of a request whose body goes out in pieces: each once Envoy has what was sent before.

        Args:
            body: as it goes over the wire.
            content_type: "" for none.
            path: of the request.
            headers: more lines of the head.
            cuts: where the body is cut.
            chunked: without a length; each piece is a chunk.
        """
        self.count += 1
        source = f"127.40.{self.count // 250}.{self.count % 250 + 1}"
        framing = ["Transfer-Encoding: chunked"] if chunked else [f"Content-Length: {len(body)}"]
        lines = [
            "Host: a.example",
            "User-Agent: client/1",
            "Accept: */*",
            "Connection: close",
            *headers,
            *framing,
        ]
        lines += [f"Content-Type: {content_type}"] if content_type else []
        head = "\r\n".join([f"POST {path} HTTP/1.1", *lines, "", ""]).encode()
        ends = [*cuts, len(body)]
        pieces = [body[start:end] for start, end in zip([0, *cuts], ends, strict=True)]
        if chunked:
            pieces = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece] + [b"0\r\n\r\n"]
        reader, writer = await asyncio.open_connection(*self.proxy.address, local_addr=(source, 0))
        try:
            async with asyncio.timeout(20):
                before = await self.proxy.received() if cuts else 0
                sent = 0
                for piece in [head, *pieces]:
                    writer.write(piece)
                    await writer.drain()
                    sent += len(piece)
                    while cuts and await self.proxy.received() < before + sent:
                        await asyncio.sleep(0)
                assert (await reader.read()).startswith(b"HTTP/1.1 200")
                while source not in self.rows:
                    await asyncio.sleep(0.01)
        finally:
            writer.close()
        return self.rows[source]

    async def families(self, body: bytes = b"", content_type: str = "", **more: Any) -> set[int]:
        """`942` of `rule:942100`, of what a request left."""
        return families((await self.send(body, content_type, **more))["findings"])


def families(findings: Sequence[str]) -> set[int]:
    """Families of the rules among findings."""
    return {int(code[5:]) // 1000 for code in findings if code.startswith("rule:")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sender(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sender]:
    """Envoy with CRS as it comes."""
    rules = load_rules([BASE_RULES, CORPUS / "crs-setup.conf.example", CORPUS / "rules"]).data
    rows: dict[str, dict[str, Any]] = {}
    async with proxied(tmp_path_factory.mktemp("evasion"), rows, CONFIG, rules, _answers) as proxy:
        yield Sender(proxy, rows)


def _part(value: str) -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="q"\r\n\r\n{value}\r\n--b--\r\n'.encode()


CUT: dict[str, tuple[bytes, str, bytes, int]] = {
    # body, type, what is cut in the middle, family
    "a word": (DOCUMENT, JSON, b"UNION", 942),
    "a tag in a form": (f"a=1&q={quote(XSS)}".encode(), FORM, b"script", 941),
    "a percent escape": (f"q={every(SQL)}".encode(), FORM, b"%55", 942),
    "a JSON escape": (f'{{"q":"{unicode_escapes(XSS)}"}}'.encode(), JSON, b"\\u0073", 941),
    "a boundary": (_part(SQL), MULTIPART, b"--b\r\n", 942),
    "a part's header": (_part(SQL), MULTIPART, b"form-data", 942),
    "a path": (f"file={PATH}".encode(), FORM, b"/../", 930),
    "an XML reference": (b"<a>&#x3c;script&#x3e;alert(1)&#x3c;/script&#x3e;</a>", "text/xml", b"&#x3c;", 941),
    "the beginning of a body without a type": (DOCUMENT, "", b'{"', 942),
}


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
@pytest.mark.parametrize("name", CUT)
async def test_a_pattern_in_two_pieces_is_found(name: str, chunked: bool, sender: Sender) -> None:
    """Where a body is cut on its way makes no difference."""
    body, content_type, cut, family = CUT[name]
    at = body.index(cut) + len(cut) // 2
    assert family in await sender.families(body, content_type, cuts=[at], chunked=chunked)


async def test_a_body_byte_by_byte_is_found(sender: Sender) -> None:
    """One chunk a byte."""
    body = f"q={quote(SQL)}".encode()
    assert 942 in await sender.families(body, FORM, cuts=range(1, len(body)), chunked=True)


async def test_a_leak_in_two_pieces_is_found(sender: Sender) -> None:
    """Responses too."""
    assert 951 in await sender.families(path="/leak")
    assert 951 not in await sender.families(path="/else")


COMPRESSED: dict[str, tuple[bytes, str]] = {
    "gzip": (gzip.compress(DOCUMENT), "gzip"),
    "x-gzip": (gzip.compress(DOCUMENT), "X-GZIP"),
    "two members": (gzip.compress(DOCUMENT[:9]) + gzip.compress(DOCUMENT[9:]), "gzip"),
    "deflate": (zlib.compress(DOCUMENT), "deflate"),
    "raw deflate": (zlib.compress(DOCUMENT, wbits=-15), "deflate"),
    "brotli": (pa.compress(DOCUMENT, codec="brotli", asbytes=True), "br"),
    "zstd": (pa.compress(DOCUMENT, codec="zstd", asbytes=True), "zstd"),
    "twice": (gzip.compress(gzip.compress(DOCUMENT)), "gzip, gzip"),
    "in layers": (gzip.compress(zlib.compress(DOCUMENT)), "deflate, gzip"),
}


@pytest.mark.parametrize("name", COMPRESSED)
async def test_a_compressed_attack_is_found(name: str, sender: Sender) -> None:
    """Rules see what the upstream will see once it has undone the encoding."""
    body, encoding = COMPRESSED[name]
    assert 942 in await sender.families(body, JSON, headers=[f"Content-Encoding: {encoding}"])


UNREADABLE: dict[str, tuple[bytes, str, list[str], str, set[int]]] = {
    # body, type, headers, anomaly, rules of which one must find it
    "JSON cut short": (b'{"q": "harmless"', JSON, [], "malformed_json", {9_530_010}),
    "JSON and more": (b'{"q": 1} trailing', JSON, [], "malformed_json", {9_530_010}),
    "a form as JSON": (b"q=harmless", JSON, [], "malformed_json", {9_530_010}),
    "JSON with a key twice": (b'{"q": 1, "q": 2}', JSON, [], "duplicate_json_key", set()),
    "JSON as a form": (b'{"q": 1}', FORM, [], "content_type_mismatch", set()),
    "XML that does not close": (b"<a><b></a>", "text/xml", [], "malformed_xml", {9_530_010}),
    "a form with half an escape": (b"q=%4", FORM, [], "malformed_form", {9_530_012}),
    "multipart without parts": (
        b"--x\r\nno\r\n",
        MULTIPART,
        [],
        "malformed_multipart",
        {9_530_010, 9_530_011},
    ),
    "gzip that is none": (HARMLESS, JSON, ["Content-Encoding: gzip"], "malformed_compression", set()),
    "an encoding nobody knows": (HARMLESS, JSON, ["Content-Encoding: x-own"], "unsupported_encoding", set()),
    "a charset nobody knows": (HARMLESS, JSON + "; charset=x-own", [], "charset_unsupported", {920_480}),
    "bytes that are no UTF-8": (b'{"q": "\xff\xfe\xfd"}', JSON, [], "invalid_utf8", {9_530_010}),
    "no type": (HARMLESS, "", [], "content_type_missing", {920_340}),
    "a false type": (HARMLESS, "image/png", [], "content_type_mismatch", {920_420}),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_a_body_that_is_not_what_it_says_is_a_finding(name: str, sender: Sender) -> None:
    """The event names what is odd, and rules find it where they have one for it."""
    body, content_type, headers, anomaly, rules = UNREADABLE[name]
    event = await sender.send(body, content_type, headers=headers)
    assert anomaly in event["anomalies"]
    ids = {int(code[5:]) for code in event["findings"] if code.startswith("rule:")}
    assert not rules or rules & ids


DISGUISED: dict[str, tuple[bytes, str, int]] = {
    "UTF-16": (json.dumps({"q": SQL}).encode("utf-16-le"), JSON + "; charset=utf-16le", 942),
    "UTF-16 unsaid": (json.dumps({"q": SQL}).encode("utf-16"), JSON, 942),
    "UTF-32 unsaid": (json.dumps({"q": SQL}).encode("utf-32"), JSON, 9530),
    "Latin-1": (json.dumps({"q": XSS + "\xe9"}, ensure_ascii=False).encode("latin-1"), JSON + "; charset=iso-8859-1", 941),
    "an image": (DOCUMENT, "image/png", 942),
    "text": (DOCUMENT, "text/plain", 942),
    "no type": (DOCUMENT, "", 942),
    "blanks before it and no type": (b" \r\n\t" * 200 + DOCUMENT, "", 942),
    "a key twice": (f'{{"q":{json.dumps(SQL)},"q":"harmless"}}'.encode(), JSON, 942),
    "100,000 parameters": (b"&".join(b"p%d=1" % n for n in range(100_000)) + f"&q={quote(SQL)}".encode(), FORM, 9530),
    "100,000 members": (json.dumps({f"p{n}": 1 for n in range(60_000)} | {"q": SQL}).encode(), JSON, 9530),
}  # fmt: skip


@pytest.mark.parametrize("name", DISGUISED)
async def test_a_disguise_hides_nothing(name: str, sender: Sender) -> None:
    """It is found, or (too many parameters, no charset that is read) it is found that not all was read."""
    body, content_type, family = DISGUISED[name]
    assert await sender.families(body, content_type) & {family, 942}


ORDINARY: dict[str, tuple[bytes, str, list[str]]] = {
    "JSON": (HARMLESS, JSON, []),
    "JSON in pieces": (HARMLESS, JSON, []),
    "a form": (b"name=Ann&city=K%C3%B6ln", FORM, []),
    "multipart": (_part("Ann"), MULTIPART, []),
    "XML": (b"<a><b>Ann</b></a>", "text/xml", []),
}


@pytest.mark.parametrize("name", ORDINARY)
async def test_what_is_ordinary_passes(name: str, sender: Sender) -> None:
    """Else none of the above would mean anything."""
    body, content_type, headers = ORDINARY[name]
    cuts = [len(body) // 2] if "pieces" in name else []
    event = await sender.send(body, content_type, headers=headers, cuts=cuts)
    assert families(event["findings"]) == set()
