"""What attackers and accidents send, through `starfort up` and Envoy: nothing breaks, and the event says what came."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support import http2
from tests.support.envoy_bench import Issuer
from tests.support.installation import MODULE, Installation, eventually, installation
from tests.support.recorder import Received, Recorder, recorder

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not MODULE.exists(), reason=f"{MODULE} is not built: run make setup"),
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]

BODY_LIMIT = 64 * 1024
PASSWORD = "correct horse"
LOGIN = json.dumps({"username": "ann", "password": PASSWORD}).encode()

API = """
  - name: probe
    hosts: [probe.example]
    base_paths: [/]
    upstream: probe
    authentication: [staff]
    endpoints:
      - match: POST /login
        labels: [login]
        login: {username: username, password: password}
"""

IDENTITY = """
identity:
  jwt: [{name: staff, issuer: "https://id.example.com", audiences: [shop], jwks_file: jwks.json}]
limits: {request_body: 64KiB, over_limit: pass}
"""

POLICIES = """policies:
  - {name: staff-only, apis: [probe], when: 'request.path.startsWith("/private") && !identity.verified',
     action: {block: {status: 401}}, mode: enforce}
  - {name: no-evil, apis: [probe], when: '"evil" in request.body', action: block, mode: enforce}
  - {name: mark, apis: [probe], when: 'true', action: {tag: {header: x-client-risk, value: low}}, mode: enforce}
"""


def configured(port: int) -> Any:
    """The demo's configuration with an API of the test's own; only 127.0.0.1 is a trusted proxy."""

    def change(text: str) -> str:
        text = text.replace(
            "\napis:\n", f"  - name: probe\n    addresses: [127.0.0.1:{port}]\n\napis:{API}", 1
        )
        text = text.replace("trusted_proxies: [127.0.0.0/8]", "trusted_proxies: [127.0.0.1/32]")
        return text.replace("\npolicies:\n", f"{IDENTITY}\n{POLICIES}", 1)

    return change


@dataclass
class Probe:
    """The installation, what its upstream got, and an issuer that it trusts."""

    starfort: Installation
    upstream: Recorder
    issuer: Issuer

    async def raw(self, request: bytes, *, peer: str = "127.0.0.1") -> tuple[int, str]:
        """Send bytes on a connection of their own; status (0: closed without answer) and all that came back."""
        port = self.starfort.ports["listen"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(peer, 0))
        writer.write(request)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        try:
            async with asyncio.timeout(30):
                answer = await _answers(reader)
        finally:
            writer.close()
        found = re.match(r"HTTP/1\.1 (\d+)", answer)
        return (int(found[1]) if found else 0), answer

    async def send(  # noqa: PLR0913 (what makes up a request)
        self,
        path: str,
        body: bytes = b"",
        headers: tuple[tuple[str, str], ...] = (),
        *,
        method: str = "POST",
        host: str = "probe.example",
        peer: str = "127.0.0.1",
    ) -> int:
        """Send a request with exactly these headers; the status. No answer of ours may be a 5xx."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        status, answer = await self.raw(head + body, peer=peer)
        assert 0 < status < 500, answer
        return status

    async def event(self, path: str) -> dict[str, Any]:
        """The one event of a path."""

        async def found() -> list[dict[str, Any]]:
            items = (await self.starfort.get("/events", path=path, limit=10))["items"]
            return [item for item in items if item["path"] == path]

        (event,) = await eventually(found, 20, f"the event of {path}")
        return event

    def only(self, path: str) -> Received:
        """The one request for a path that reached the upstream."""
        (request,) = self.upstream.at(path)
        return request


async def _answers(reader: asyncio.StreamReader) -> str:
    """One answer, or all until the connection is closed when the first says so."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as closed:
        return closed.partial.decode("latin-1")
    except ConnectionError:
        return ""
    if "connection: close" in head.lower():
        with contextlib.suppress(ConnectionError):
            return head + (await reader.read()).decode("latin-1")
    length = re.search(r"(?i)content-length: (\d+)", head)
    return head + (await reader.readexactly(int(length[1]) if length else 0)).decode("latin-1")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Probe]:
    """One installation for all of this file."""
    folder = tmp_path_factory.mktemp("bad-input")
    issuer = Issuer()
    (folder / "jwks.json").write_text(json.dumps(issuer.keys))
    async with recorder() as (upstream, port), installation(folder, configured(port)) as starfort:
        yield Probe(starfort, upstream, issuer)


@pytest_asyncio.fixture(loop_scope="module")
async def probe(running: Probe) -> AsyncIterator[Probe]:
    """The installation, which is as well after the test as before: nothing restarted, nothing panicked."""
    before = await running.starfort.get("/status")
    yield running
    assert await running.send("/alive", method="GET") == 200
    after = await running.starfort.get("/status")
    assert after["envoy"]["pid"] == before["envoy"]["pid"]
    assert not after["config"]["last_error"]
    async with running.starfort.api() as http:
        metrics = (await http.get("/metrics")).text
    for name in ("panics", "failed_open", "failed_closed"):
        for value in re.findall(
            rf"^starfort_[a-z_]*{name}[a-z_]*(?:\{{[^}}]*\}})? (\S+)$", metrics, re.MULTILINE
        ):
            assert float(value) == 0, f"{name}: {value}"


def multipart(*lines: str) -> bytes:
    """Lines of a multipart body."""
    return "\r\n".join(lines).encode()


JSON = ("Content-Type", "application/json")
JSON_2 = ("content-type", "application/json")
BAD_BODIES: dict[str, tuple[bytes, tuple[tuple[str, str], ...], str]] = {
    "json": (b'{"a": [1, }', (JSON,), "malformed_json"),
    "json-cut": (b'{"a": "', (JSON,), "malformed_json"),
    "json-twice": (b'{"a": 1, "a": 2}', (JSON,), "duplicate_json_key"),
    "json-deep": (b"[" * 1000 + b"]" * 1000, (JSON,), "depth_over_limit"),
    "json-utf8": (b'{"a": "\xff\xfe"}', (JSON,), "invalid_utf8"),
    "xml": (b"<a><b></a>", (("Content-Type", "application/xml"),), "malformed_xml"),
    "xml-deep": (b"<a>" * 1000, (("Content-Type", "application/xml"),), "depth_over_limit"),
    "xml-entity": (
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        (("Content-Type", "text/xml"),),
        "xml_external_entity",
    ),
    "multipart": (
        multipart("--b", "Content-Disposition: form-data; name=a", "", "1"),
        (("Content-Type", "multipart/form-data; boundary=b"),),
        "malformed_multipart",
    ),
    "multipart-none": (b"--b\r\n", (("Content-Type", "multipart/form-data"),), "malformed_multipart"),
    "form": (b"a=%zz&b=1", (("Content-Type", "application/x-www-form-urlencoded"),), "malformed_form"),
    "bomb": (
        gzip.compress(bytes(50 << 20)),
        (JSON, ("Content-Encoding", "gzip")),
        "decompression_over_limit",
    ),
    "not-gzip": (b"\x1f\x8b\x08garbage", (JSON, ("Content-Encoding", "gzip")), "malformed_compression"),
    "encoding": (b"{}", (JSON, ("Content-Encoding", "snappy")), "unsupported_encoding"),
    "over": (b'{"a": "' + b"x" * 3 * BODY_LIMIT + b'"}', (JSON,), "body_over_limit"),
    "untyped": (b'{"a": 1}', (), "content_type_missing"),
    "false-type": (b'{"a": 1}', (("Content-Type", "image/png"),), "content_type_mismatch"),
    "bad-type": (b'{"a": 1}', (("Content-Type", "json, maybe"),), "content_type_malformed"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_a_bad_body_passes_and_is_named(probe: Probe, name: str) -> None:
    """No policy refuses it: it reaches the upstream byte for byte, and the event names what is odd."""
    body, headers, anomaly = BAD_BODIES[name]
    assert await probe.send(f"/bad/{name}", body, headers) == 200
    assert probe.only(f"/bad/{name}").body == body
    event = await probe.event(f"/bad/{name}")
    assert anomaly in event["anomalies"]
    assert (event["status"], event["action"], event["request_bytes"]) == (200, "allow", len(body))


@pytest.mark.parametrize(
    "headers",
    [(), (("Content-Type", "image/png"),), (JSON, ("Connection", "upgrade"), ("Upgrade", "websocket"))],
)
async def test_no_false_type_hides_a_body(probe: Probe, headers: tuple[tuple[str, str], ...]) -> None:
    """A policy on the body decides whatever the client calls it, and be it a WebSocket."""
    path = f"/hidden/{len(headers)}"
    request = [
        f"POST {path} HTTP/1.1",
        "Host: probe.example",
        *(f"{name}: {value}" for name, value in headers),
    ]
    body = b'{"evil": 1}'
    head = "\r\n".join([*request, f"Content-Length: {len(body)}", "", ""]).encode()
    status, _ = await probe.raw(head + body)
    assert status == (400 if len(headers) > 2 else 403)
    assert probe.upstream.at(path) == []
    assert (await probe.event(path))["action"] == "block"


async def test_an_offer_of_http_2_is_no_upgrade(probe: Probe) -> None:
    """Java's client offers HTTP/2 with its first POST; the request passes as it is, its body inspected."""
    offer = (
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAEAAEAAAAIAAAAA"),
    )
    assert await probe.send("/offer", b"{}", (JSON, *offer)) == 200
    assert probe.only("/offer").body == b"{}"
    assert probe.only("/offer").values("upgrade") == []


async def test_a_log_in_without_a_type_is_one(probe: Probe) -> None:
    """Leaving the content type out does not keep a log-in from being counted; nothing of it is in the event."""
    assert await probe.send("/login", LOGIN, method="POST") == 200
    event = await probe.event("/login")
    assert {"body:username:string", "body:password:string"} <= set(event["parameters"])
    assert PASSWORD not in json.dumps(event)


async def test_a_body_over_the_limit_is_refused_when_so_configured(probe: Probe) -> None:
    """With `over_limit: reject` it is answered 413 and does not reach the upstream; a picture of that size does."""
    good = probe.starfort.config.read_text()
    large = b'{"a": "' + b"x" * 3 * BODY_LIMIT + b'"}'

    async def answered(status: int) -> bool:
        return await probe.send(f"/large/until-{status}", large, (JSON,)) == status

    probe.starfort.config.write_text(good.replace("over_limit: pass", "over_limit: reject"))
    try:
        await eventually(lambda: answered(413), 20, "the limit rejects")
        assert await probe.send("/large/json", large, (JSON,)) == 413
        encoded = gzip.compress(os.urandom(3 * BODY_LIMIT))
        assert await probe.send("/large/encoded", encoded, (("Content-Encoding", "gzip"),)) == 413
        picture = b"\x89PNG" + bytes(3 * BODY_LIMIT)
        assert await probe.send("/large/png", picture, (("Content-Type", "image/png"),)) == 200
    finally:
        probe.starfort.config.write_text(good)
        await eventually(lambda: answered(200), 20, "the limit passes again")
    assert probe.upstream.at("/large/json") == probe.upstream.at("/large/encoded") == []
    assert probe.only("/large/png").body == picture
    event = await probe.event("/large/json")
    assert (event["status"], event["action"], event["upstream"]) == (413, "block", "")
    assert "body_over_limit" in event["anomalies"]


async def test_forged_forwarding_is_not_believed(probe: Probe) -> None:
    """Of a peer that is no trusted proxy the address is its own; of a trusted one the last entry counts."""
    forged = (("X-Forwarded-For", "192.0.2.1, 198.51.100.7"),)
    assert await probe.send("/forwarded/forged", headers=forged, method="GET", peer="127.0.0.2") == 200
    event = await probe.event("/forwarded/forged")
    assert (event["address"], event["country"]) == ("127.0.0.2", "")
    assert "forged_forwarding" in event["findings"]
    assert probe.only("/forwarded/forged").values("x-forwarded-for") == ["192.0.2.1, 198.51.100.7,127.0.0.2"]
    assert await probe.send("/forwarded/trusted", headers=forged, method="GET") == 200
    event = await probe.event("/forwarded/trusted")
    assert (event["address"], event["country"]) == ("198.51.100.7", "SG")
    assert "forged_forwarding" not in event["findings"]
    odd = (("X-Forwarded-For", "nonsense, ::::, 999.1.1.1"),)
    assert await probe.send("/forwarded/odd", headers=odd, method="GET") == 200
    assert "malformed_forwarding" in (await probe.event("/forwarded/odd"))["findings"]


async def test_our_headers_cannot_be_forged(probe: Probe) -> None:
    """What only Starfort says neither reaches the upstream nor is believed; ids of requests are ours."""
    payload = "eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwic3ViIjoiZXZpbCJ9"
    forged = (
        ("X-Starfort-Jwt", payload),
        ("x-starfort-upstream", "fraud-desk"),
        ("X-STARFORT-JA4", "t13d1516h2_forged"),
        ("x-starfort-peer", "CN=admin"),
        ("x-envoy-upstream-rq-timeout-ms", "1"),
        ("x-envoy-original-path", "/private"),
        ("X-Client-Risk", "none"),
        ("x_client_risk", "none"),
        ("X-Request-Id", "chosen"),
    )
    assert await probe.send("/forged/headers", headers=forged, method="GET") == 200
    got = probe.only("/forged/headers")
    assert not [name for name, _ in got.headers if name.startswith(("x-starfort", "x-envoy"))]
    assert [value for name, value in got.headers if name.replace("_", "-") == "x-client-risk"] == ["low"]
    event = await probe.event("/forged/headers")
    assert (event["identity_verified"], event["subject"], event["ja4"]) == (False, "", "")
    assert event["upstream"] == "probe"
    assert event["id"] != "chosen"
    assert await probe.send("/private/forged", headers=forged, method="GET") == 401


async def test_hosts_written_oddly_are_the_same_host(probe: Probe) -> None:
    """Port, letter case and a dot at the end take a request past no policy of the API that it reaches."""
    for host in ("PROBE.example", "probe.example:", "probe.example:1", "probe.example:x", "probe.example."):
        status, answer = await probe.raw(
            f"GET /private/host HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        assert status in {400, 401, 404}, (host, answer)
    for target in ("http://probe.example/private/host", "http://PROBE.example:80/private/./host"):
        status, _ = await probe.raw(f"GET {target} HTTP/1.1\r\nHost: shop.example\r\n\r\n".encode())
        assert status == 401, target
    assert probe.upstream.at("/private/host") == []


async def test_duplicate_and_odd_headers_are_named(probe: Probe) -> None:
    """Repeated single headers, other alphabets and empty values pass or are refused, and are named when they pass."""
    twice = (("Authorization", "Basic YTpi"), ("Authorization", "Basic Yzpk"))
    assert await probe.send("/headers/twice", headers=twice, method="GET") == 200
    assert "duplicate_header" in (await probe.event("/headers/twice"))["anomalies"]
    odd = (("X-Latin", "caf\udce9"), ("X-Empty", ""), ("X-Emoji", "\U0001f3f0"), ("X-Tab", "a\tb"))
    assert await probe.send("/headers/odd", headers=odd, method="GET") == 200
    assert await probe.send("/headers/path/%ff%fe?q=%ff", method="GET") == 200
    found = {"path_invalid_utf8", "query_invalid_utf8"}
    (event,) = (await probe.starfort.get("/events", path="/headers/path", limit=5))["items"] or [
        await probe.event("/headers/path/\ufffd\ufffd")
    ]
    assert found <= set(event["anomalies"])
    many = tuple((f"X-H{number}", "1") for number in range(500))
    assert await probe.send("/headers/many", headers=many, method="GET") == 431
    for name, head in {
        "nul": b"X-A: a\0b", "space": b"X A: b", "colon": b": b", "none": b"X-A",
    }.items():  # fmt: skip
        request = (
            b"GET /headers/" + name.encode() + b" HTTP/1.1\r\nHost: probe.example\r\n" + head + b"\r\n\r\n"
        )
        status, answer = await probe.raw(request)
        assert status == 400, (name, answer)
        assert probe.upstream.at(f"/headers/{name}") == []


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: probe.example\r\n\r\n"
SMUGGLING = {
    "length and chunks": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 49\r\n\r\n",
    "listed lengths": b"Content-Length: 0, 49\r\n\r\n",
    "signed length": b"Content-Length: +49\r\n\r\n",
    "negative length": b"Content-Length: -1\r\n\r\n",
    "unknown encoding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "encoding twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "space before colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "vertical tab": b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunk size": b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "huge chunk size": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLING)
async def test_smuggling_is_refused(probe: Probe, name: str) -> None:
    """What two servers could read as one request or as two is refused, and nothing reaches the upstream whole."""
    before = len(probe.upstream.seen)
    head = b"POST /smuggling HTTP/1.1\r\nHost: probe.example\r\n"
    status, answer = await probe.raw(head + SMUGGLING[name] + SMUGGLED)
    # 501 is for codings that are not known (RFC 9112, 6.1).
    assert status in {400, 501}, answer
    assert answer.count("HTTP/1.1 ") == 1
    assert [request for request in probe.upstream.seen[before:] if "smuggled" in request.line] == []


@pytest.mark.parametrize(
    "lenient",
    [
        b"X-A: a\r\n b\r\nTransfer-Encoding:\r\n chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"X-A: a b\nTransfer-Encoding: chunked\n\n2\n{}\n0\n\n",
    ],
)
async def test_what_is_read_leniently_is_passed_on_strictly(probe: Probe, lenient: bytes) -> None:
    """Folded lines and bare line feeds, if they are taken, are gone behind us: one request, seen by policies."""
    before = len(probe.upstream.seen)
    head = b"POST /lenient HTTP/1.1\r\nHost: probe.example\r\nContent-Type: application/json\r\n"
    status, answer = await probe.raw(head + lenient)
    if status == 400:
        assert probe.upstream.seen[before:] == []
        return
    assert status == 200, answer
    (got,) = probe.upstream.seen[before:]
    assert got.values("x-a") == ["a b"]
    assert (got.values("transfer-encoding"), got.body) == (["chunked"], b"{}")


async def test_a_bare_carriage_return_makes_no_header(probe: Probe) -> None:
    """Behind us it is refused or gone: what reads it as the end of a line finds none."""
    status, answer = await probe.raw(
        b"GET /carriage HTTP/1.1\r\nHost: probe.example\r\nX-A: a\rX-B: b\r\n\r\n"
    )
    assert status in {200, 400}, answer
    for request in probe.upstream.at("/carriage"):
        assert [value for name, value in request.headers if "\r" in name + value] == []
        assert request.values("x-b") == []


async def test_odd_requests_are_refused(probe: Probe) -> None:
    """No host, two hosts, old versions, CONNECT, foreign protocols: answered or cut, never passed on."""
    for request, allowed in (
        (b"GET /odd HTTP/1.1\r\n\r\n", {400}),
        (b"GET /odd HTTP/1.1\r\nHost: probe.example\r\nHost: shop.example\r\n\r\n", {400, 404}),
        (b"GET /odd HTTP/1.0\r\nHost: probe.example\r\n\r\n", {426, 400}),
        (b"GET /odd\r\n\r\n", {400, 426}),
        (b"GET /odd HTTP/9.9\r\nHost: probe.example\r\n\r\n", {400, 426, 505}),
        (b"CONNECT probe.example:443 HTTP/1.1\r\nHost: probe.example:443\r\n\r\n", {403, 404, 400}),
        (b"GET /odd#x HTTP/1.1\r\nHost: probe.example\r\n\r\n", {400}),
        (b"GET odd HTTP/1.1\r\nHost: probe.example\r\n\r\n", {400, 404}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), {400, 0}),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", {400, 0}),
    ):
        status, answer = await probe.raw(request)
        assert status in allowed, (request, answer)
    assert not [request for request in probe.upstream.seen if request.path.startswith(("/odd", "odd"))]


async def test_odd_http_2_is_refused_or_the_same_request(probe: Probe) -> None:
    """Without :authority, with another Host, with HTTP/1's own headers, with trailers: policies see what the API sees."""
    port = probe.starfort.ports["listen"]
    base = [(":method", "GET"), (":scheme", "http")]
    authority = (":authority", "probe.example")
    private = (":path", "/private/h2")
    for odd in (
        [*base, private, ("host", "probe.example")],
        [*base, authority, private, ("host", "shop.example")],
        [*base, authority, private, ("transfer-encoding", "chunked")],
        [*base, authority, private, ("connection", "keep-alive")],
        [*base, authority, private, ("upgrade", "websocket")],
        [*base, authority, private, ("X-Upper", "1")],
        [*base, authority, private, (":path", "/public")],
        [*base, authority, (":path", "/public h2\r\nx: y")],
        [*base, authority, (":path", "")],
        [(":method", "GET"), authority, private],
        [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), authority, private],
        [(":method", "CONNECT"), authority],
        [(":method", "POST"), (":scheme", "http"), authority, private, ("content-length", "0")],
    ):
        assert await http2.request(port, odd) in {0, 400, 401, 403, 404}, odd
    assert probe.upstream.at("/private/h2") == []
    length = [(":method", "POST"), (":scheme", "http"), authority, (":path", "/h2/length")]
    assert await http2.request(port, [*length, ("content-length", "1")], b"GET / HTTP/1.1") in {0, 400}
    assert probe.upstream.at("/h2/length") == []
    forged = [("x-starfort-upstream", "fraud-desk"), ("x-trailer", "1")]
    trailed = [(":method", "POST"), (":scheme", "http"), authority, (":path", "/h2/trailers"), JSON_2]
    assert await http2.request(port, trailed, b'{"evil": 1}', forged) == 403
    assert await http2.request(port, trailed, b"{}", forged) == 200
    assert not [name for name, _ in probe.only("/h2/trailers").headers if name.startswith("x-starfort")]


async def test_half_a_head_is_cut_and_holds_up_nobody(probe: Probe) -> None:
    """A client that never ends its head loses its connection; others are served meanwhile."""
    slow = [await asyncio.open_connection("127.0.0.1", probe.starfort.ports["listen"]) for _ in range(200)]
    for _, writer in slow:
        writer.write(b"GET /slow HTTP/1.1\r\nHost: probe.example\r\nX-A:")
    for number in range(20):
        assert await probe.send(f"/meanwhile/{number}", method="GET") == 200
    async with asyncio.timeout(40):
        answers = await asyncio.gather(*(reader.read() for reader, _ in slow), return_exceptions=True)
    for _, writer in slow:
        writer.close()
    assert {answer[:12] for answer in answers if isinstance(answer, bytes) and answer} <= {b"HTTP/1.1 408"}
    assert probe.upstream.at("/slow") == []


async def test_wrong_tokens_prove_nothing(probe: Probe) -> None:
    """Of all tokens only the issuer's own for this audience, in time, is believed; the event says why not."""

    async def call(name: str, token: str) -> tuple[int, dict[str, Any]]:
        bearer = (("Authorization", f"Bearer {token}"),)
        status = await probe.send(f"/private/{name}", headers=bearer, method="GET")
        return status, await probe.event(f"/private/{name}")

    issuer = probe.issuer
    status, event = await call("good", issuer.token())
    assert (status, event["identity_verified"], event["subject"]) == (200, True, "alice")
    for name, token, reason in (
        ("none", issuer.unsigned(), "jwt_none_algorithm"),
        ("confused", issuer.confused(), "jwt_not_verified"),
        ("expired", issuer.token(exp=1_600_000_000), "jwt_expired"),
        ("audience", issuer.token(aud="other"), "jwt_not_verified"),
        ("stranger", Issuer().token(), "jwt_not_verified"),
        ("issuer", issuer.token(iss="https://evil.example"), "jwt_unknown_issuer"),
        ("large", issuer.token(padding="x" * 20_000), "jwt_too_large"),
        ("garbage", "a.b.c", "jwt_malformed"),
    ):
        status, event = await call(name, token)
        assert (status, event["identity_verified"], event["identity_error"]) == (401, False, reason), name
        assert reason in event["findings"]
        assert token[:40] not in json.dumps(event)
        assert probe.upstream.at(f"/private/{name}") == []
    huge = (("Authorization", f"Bearer {issuer.token(padding='x' * 100_000)}"),)
    assert await probe.send("/private/huge", headers=huge, method="GET") == 431
    assert probe.upstream.at("/private/huge") == []


async def refused(starfort: Installation) -> str:
    """What `status` says of the last file."""
    return str((await starfort.get("/status"))["config"]["last_error"])


async def test_a_broken_geo_database_leaves_the_good_one_in_force(running: Probe) -> None:
    """Garbage for a MaxMind file is told; addresses are looked up as before; the mended file is taken."""
    starfort = running.starfort
    file = starfort.data / "geo" / "country.mmdb"
    good = file.read_bytes()
    file.write_bytes(os.urandom(2000))
    try:
        error = await eventually(lambda: refused(starfort), 20, "the broken database is told")
        assert "country.mmdb" in error
        caller = (("X-Forwarded-For", "198.51.100.9"),)
        assert await running.send("/geo/still", headers=caller, method="GET") == 200
        assert (await running.event("/geo/still"))["country"] == "SG"
    finally:
        file.write_bytes(good)

        async def mended() -> bool:
            return not await refused(starfort)

        await eventually(mended, 20, "the mended database is in force")


async def test_a_broken_geo_database_at_start_is_named(tmp_path: Path) -> None:
    """`starfort up` with one ends with a sentence that names file and place."""
    async with installation(tmp_path, start=False) as starfort:
        (starfort.data / "geo" / "asn.mmdb").write_bytes(b"\0" * 500)
        process = await starfort.run_up()
        assert await asyncio.wait_for(process.wait(), 60) not in (0, None)
        said = starfort.log()
    assert "asn.mmdb" in said
    assert "Traceback" not in said


async def test_a_corrupted_bundle_is_replaced(running: Probe) -> None:
    """An Envoy that starts with one, and so with no policies, has the good one as soon as it is connected."""
    starfort = running.starfort
    before = await starfort.get("/status")
    bundle = starfort.data / "bundle.sfb"
    good = bundle.read_bytes()
    bundle.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    os.kill(before["envoy"]["pid"], signal.SIGKILL)

    async def decides() -> bool:
        with contextlib.suppress(OSError, AssertionError):
            return await running.send("/private/corrupted", method="GET") == 401
        return False

    await eventually(decides, 20, "the policies decide again")
    assert bundle.read_bytes() == good
    status = await starfort.get("/status")
    assert status["envoy"]["restarts"] == before["envoy"]["restarts"] + 1
    assert any(node["connected"] and node["bundle"] == before["config"]["bundle"] for node in status["nodes"])
