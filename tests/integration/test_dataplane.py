"""A configuration in a real Envoy: what clients, the filter and upstreams see."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from starfort import bundle
from starfort._engine import normalise_path
from starfort.compile import compile_config
from starfort.config import load
from tests.support.envoy_bench import (
    BASIC,
    Authority,
    Issuer,
    Place,
    get,
    modes,
    place,
    running,
    seen_by_the_filter,
    url,
)  # fmt: skip

pytestmark = pytest.mark.e2e


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Place]:
    """Upstreams and a directory of the test's own."""
    async with place(tmp_path) as made:
        yield made


async def test_a_request_passes_to_the_upstream_and_nothing_of_us_shows(here: Place) -> None:
    """Host, path and body arrive; answers carry no trace of Envoy; files are private."""
    supervisor = here.supervisor()
    async with running(supervisor, here.dataplane(BASIC)):
        base = await url(supervisor)
        answer = await get(base, "/a/./b//c%2fd?x=1", headers={"host": "shop.example.com:9"})
        assert answer.json()["path"] == "/a/b/c%2fd"
        assert answer.json()["headers"]["host"] == "shop.example.com:9"
        assert not [name for name in answer.headers if name.startswith(("x-envoy", "x-starfort"))]
        assert answer.headers["server"] == "uvicorn"
        assert b"envoy_cluster_upstream_rq_total" in await supervisor.metrics()
        found = modes(here.directory / "var" / "envoy")
        assert set(found.values()) <= {0o600, 0o700}
        assert (here.directory / "var" / "run" / "envoy.sock").stat().st_mode & 0o777 == 0o600


async def test_headers_between_envoy_and_filter_cannot_be_forged(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a client sends under our names, in any case, is gone before a filter sees it."""
    seen_by_the_filter(monkeypatch)
    supervisor = here.supervisor()
    forged = {
        "x-starfort-peer": "spiffe://admin", "X-Starfort-JWT": "e30", "x-starfort-ja4": "t13d",
        "x-starfort-upstream": "other", "x-starfort-new": "1", "x-envoy-upstream-alt-stat-name": "x",
        "x-request-id": "11111111-2222-3333-4444-555555555555",
    }  # fmt: skip
    async with running(supervisor, here.dataplane(BASIC)):
        answer = await get(await url(supervisor), headers={**forged, "x-forwarded-for": "192.0.2.7"})
    headers = answer.json()["headers"]
    assert answer.json()["upstream"] == "shop"
    assert not [name for name in headers if name.startswith("x-starfort") or "alt-stat" in name]
    assert headers["x-forwarded-for"] == "192.0.2.7,127.0.0.1"
    assert headers["x-request-id"] != forged["x-request-id"]


TLS = BASIC.replace(
    'address: "127.0.0.1:0"',
    'address: "127.0.0.1:0", tls: {certificate: server.crt, key: server.key, client_ca: ca.crt}',
)


def _context(authority: Authority, client: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if client:
        context.load_cert_chain(
            authority.file.with_name(f"{client}.crt"), authority.file.with_name(f"{client}.key")
        )
    return context


async def test_tls_tells_fingerprint_and_verified_peer(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """JA4 is set over TLS; the peer is the URI SAN, else the DNS SAN, else the subject; only a verified one."""
    authority = Authority(here.directory)
    authority.server()
    uri = x509.UniformResourceIdentifier("spiffe://test/a")
    authority.issue("uri", x509.DNSName("a.test"), uri)
    authority.issue("dns", x509.DNSName("b.test"))
    authority.issue("plain")
    stranger = Authority(here.directory, "stranger")
    stranger.issue("foreign")
    seen_by_the_filter(monkeypatch)
    supervisor = here.supervisor()
    async with running(supervisor, here.dataplane(TLS)):
        base = await url(supervisor, scheme="https")
        peers = {}
        for client in ("uri", "dns", "plain", ""):
            answer = await get(
                base, verify=_context(authority, client), headers={"x-starfort-peer": "forged"}
            )
            peers[client] = answer.json()["headers"].get("x-starfort-peer", "")
            assert answer.json()["headers"]["x-starfort-ja4"].startswith("t13")
        assert peers == {"uri": "spiffe://test/a", "dns": "b.test", "plain": "CN=plain", "": ""}
        context = ssl.create_default_context(cafile=str(authority.file))
        context.load_cert_chain(here.directory / "foreign.crt", here.directory / "foreign.key")
        with pytest.raises((httpx.TransportError, ssl.SSLError)):
            await get(base, verify=context)


async def test_a_client_certificate_can_be_required(here: Place) -> None:
    """Without one there is no connection."""
    authority = Authority(here.directory)
    authority.server()
    authority.issue("client")
    required = TLS.replace("client_ca: ca.crt", "client_ca: ca.crt, client_certificate: required")
    supervisor = here.supervisor()
    async with running(supervisor, here.dataplane(required)):
        base = await url(supervisor, scheme="https")
        assert (await get(base, verify=_context(authority, "client"))).status_code == 200
        with pytest.raises((httpx.TransportError, ssl.SSLError)):
            await get(base, verify=_context(authority))


async def test_http2_by_alpn_and_by_prior_knowledge(here: Place) -> None:
    """A listener speaks HTTP/2 with and without TLS, and HTTP/1.1 beside it."""
    authority = Authority(here.directory)
    authority.server()
    both = TLS.replace("]\nupstreams", ', {name: plain, address: "127.0.0.2:0"}]\nupstreams')
    supervisor = here.supervisor()
    async with running(supervisor, here.dataplane(both)):
        secure, plain = await url(supervisor, scheme="https"), await url(supervisor, "plain")
        two = await get(secure, verify=_context(authority), http2=True)
        one = await get(secure, verify=_context(authority))
        prior = await get(plain, http1=False, http2=True)
        assert [answer.http_version for answer in (two, one, prior)] == ["HTTP/2", "HTTP/1.1", "HTTP/2"]
        assert {answer.status_code for answer in (two, one, prior)} == {200}


async def _serial(supervisor: object, authority: Authority) -> int:
    host, port = (await supervisor.addresses())["public"]  # type: ignore[attr-defined]
    _, writer = await asyncio.open_connection(
        host, port, ssl=_context(authority), server_hostname="localhost"
    )
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(der).serial_number


async def test_a_certificate_is_rotated_without_restart(here: Place) -> None:
    """New files, written in place, are shown to new connections; old ones live on; a wrong pair changes nothing."""
    authority = Authority(here.directory)
    first = authority.server()
    supervisor = here.supervisor()
    async with running(supervisor, here.dataplane(TLS)):
        pid = supervisor.status().pid
        assert await _serial(supervisor, authority) == first.serial
        base = await url(supervisor, scheme="https")
        async with httpx.AsyncClient(base_url=base, verify=_context(authority)) as client:
            await client.get("/")
            second = authority.server()
            assert second.serial != first.serial
            await supervisor.apply(here.dataplane(TLS))
            async with asyncio.timeout(10):
                while await _serial(supervisor, authority) != second.serial:
                    await asyncio.sleep(0.01)
            assert (await client.get("/")).status_code == 200
        assert supervisor.status().pid == pid


JWT = (
    BASIC.replace("upstream: shop}]", "upstream: shop, authentication: [staff], base_paths: [/a]}, {name: open, upstream: shop}]")
    + 'identity: {jwt: [{name: staff, issuer: "https://id.example.com", audiences: [shop], jwks_file: jwks.json}]}\n'
)  # fmt: skip


async def test_only_verified_tokens_reach_the_filter(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good token's payload is handed on; none, expired, foreign, confused and misplaced ones are not."""
    issuer = Issuer()
    (here.directory / "jwks.json").write_text(json.dumps(issuer.keys))
    seen_by_the_filter(monkeypatch)
    supervisor = here.supervisor()
    async with running(supervisor, here.dataplane(JWT)):
        base = await url(supervisor)

        async def payload(token: str, path: str = "/a", scheme: str = "Bearer") -> str | None:
            headers = {"authorization": f"{scheme} {token}", "x-starfort-jwt": "e30"}
            answer = await get(base, path, headers=headers)
            assert answer.status_code == 200
            assert answer.json()["headers"]["authorization"] == headers["authorization"]
            found: str | None = answer.json()["headers"].get("x-starfort-jwt")
            return found

        good = issuer.token()
        assert await payload(good) == good.split(".")[1]
        assert await payload(good, scheme="bearer") == good.split(".")[1]
        head, claims, signature = good.split(".")
        refused = {
            "unsigned": issuer.unsigned(),
            "confused": issuer.confused(),
            "expired": issuer.token(exp=1_600_000_000),
            "not yet": issuer.token(nbf=4_000_000_000),
            "audience": issuer.token(aud="other"),
            "issuer": issuer.token(iss="https://evil.example.com"),
            "other key": Issuer().token(),
            "changed": f"{head}.{claims[:-2]}AA.{signature}",
        }
        assert {name: await payload(token) for name, token in refused.items()} == dict.fromkeys(refused)
        assert await payload(good, "/elsewhere") is None
        in_url = await get(base, f"/a?access_token={good}")
        assert "x-starfort-jwt" not in in_url.json()["headers"]


async def test_keys_change_without_a_listener_change(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key set, and a new provider, are in force for the next request of an open connection."""
    old, new = Issuer(), Issuer()
    (here.directory / "jwks.json").write_text(json.dumps(old.keys))
    seen_by_the_filter(monkeypatch)
    supervisor = here.supervisor()
    async with (
        running(supervisor, here.dataplane(JWT)),
        httpx.AsyncClient(timeout=10) as client,
    ):
        base = await url(supervisor)

        async def known(token: str) -> bool:
            answer = await client.get(f"{base}/a", headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 200
            assert "connection" not in answer.headers
            return "x-starfort-jwt" in answer.json()["headers"]

        assert (await known(old.token()), await known(new.token())) == (True, False)
        (here.directory / "jwks.json").write_text(json.dumps(new.keys))
        await supervisor.apply(here.dataplane(JWT))
        assert (await known(old.token()), await known(new.token())) == (False, True)
        (here.directory / "other.json").write_text(json.dumps(old.keys))
        more = JWT.replace("authentication: [staff]", "authentication: [staff, partner]").replace(
            "jwt: [", 'jwt: [{name: partner, issuer: "https://p.example.com", jwks_file: other.json}, '
        )
        await supervisor.apply(here.dataplane(more))
        assert await known(new.token())
        assert await known(old.token(iss="https://p.example.com"))


HOSTS = """
version: 1
node: test
listeners: [{name: public, address: "127.0.0.1:0"}]
upstreams: [{name: shop, addresses: ["127.0.0.1:{shop}"]}, {name: other, addresses: ["127.0.0.1:{other}"]}]
apis:
  - {name: wide, hosts: ["*.example.com"], base_paths: [/v1], upstream: shop}
  - {name: one, hosts: [a.example.com], base_paths: [/v1/admin, /v2], upstream: other}
"""


async def test_routes_follow_host_and_base_path(here: Place) -> None:
    """The most specific host and the longest base path win, by whole segments; the rest is a problem document."""
    supervisor = here.supervisor()
    async with running(supervisor, here.dataplane(HOSTS)):
        base = await url(supervisor)

        async def upstream(host: str, path: str) -> str | int:
            answer = await get(base, path, headers={"host": host})
            return str(answer.json()["upstream"]) if answer.is_success else answer.status_code

        asked = {
            ("a.example.com", "/v1/admin/x"): "other", ("a.example.com", "/v1/administrator"): "shop",
            ("A.Example.Com:8080", "/v2"): "other", ("a.example.com.", "/v2/"): "other",
            ("a.example.com", "/v1"): "shop", ("b.example.com", "/v1/admin"): "shop",
            ("b.example.com", "/v2"): 404, ("example.com", "/v1"): 404, ("a.example.com", "/v11"): 404,
        }  # fmt: skip
        assert {key: await upstream(*key) for key in asked} == asked
        nowhere = await get(base, "/nowhere")
        assert nowhere.headers["content-type"] == "application/problem+json"
        assert nowhere.json()["title"] == "Not Found"
        assert nowhere.json()["request_id"]
        for path in (
            "/v1/admin/..%2fpublic",
            "/v1/%2e%2e%2Fx",
            "/v1/a%2F..",
            "/v1/a%5c..%5cb",
            "/v1/a%2f..;x/b",
            "/v1/%2e%2e;/x",
            "/v1/..%3b/x",
        ):
            hidden = await get(base, path, headers={"host": "a.example.com"})
            assert (path, hidden.status_code) == (path, 400)
            assert hidden.headers["content-type"] == "application/problem+json"
        for path in ("/v1/group%2Fproject", "/v1/a..%2fb", "/v1/x%2f...", "/v1/a%2f.b"):
            kept = await get(base, path, headers={"host": "a.example.com"})
            assert (kept.status_code, kept.json()["path"]) == (200, path)


async def test_paths_are_what_the_engine_takes_them_for(here: Place) -> None:
    """Dots and backslashes, encoded or not, are gone before routing; other escapes reach the upstream as sent or plain."""
    supervisor = here.supervisor()
    async with running(supervisor, here.dataplane(HOSTS)):
        address = (await supervisor.addresses())["public"]

        async def seen(path: str) -> str:
            """Path that the upstream gets, for a target that no client library touches."""
            reader, writer = await asyncio.open_connection(*address)
            writer.write(f"GET {path} HTTP/1.1\r\nhost: b.example.com\r\nconnection: close\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            return str(json.loads(answer.partition(b"\r\n\r\n")[2]).get("path"))

        expected = {
            "/v1/x/../y": "/v1/y", "/v1/x/%2e%2E/y": "/v1/y", "/v2/..//v1/./x": "/v1/x", "/v1\\x": "/v1/x",
            "/v1/%61": "/v1/a", "/v1/%252e%252e/x": "/v1/%252e%252e/x", "/v1/a%2Fb": "/v1/a%2Fb",
        }  # fmt: skip
        assert {path: await seen(path) for path in expected} == expected
        for path in [*expected, "/v1/%7e%2d", "/v1/caf%c3%a9", "/v1/a%5cb", "/v1/a;b/%20", "/v1/.%2e/v1/%3f"]:
            assert normalise_path(path) == normalise_path(await seen(path)), path
        # Envoy resolves dots with a parameter, as Tomcat does; the filter and the upstream get what it makes of them.
        assert await seen("/v1/a/..;/x") == "/v1/x"
        assert await seen("/v1/a;b/x") == "/v1/a;b/x"


READINGS = """
version: 1
node: test
listeners: [{name: public, address: "127.0.0.1:0"}]
upstreams: [{name: shop, addresses: ["127.0.0.1:{shop}"]}]
apis:
  - name: shop
    upstream: shop
    endpoints: [{match: "GET /public/{name}"}, {match: "GET /projects/{id}/issues"}]
policies:
  - {name: private, endpoints: ["GET /private/{id}"], action: {block: {status: 403}}, mode: enforce}
  - {name: items, endpoints: ["GET /items/{id}"], action: {limit: {rate: 1/1m, burst: 1}}, mode: enforce}
  - {name: admin, when: 'request.query["role"] == "admin"', action: {block: {status: 451}}, mode: enforce}
"""


async def test_policies_hold_in_every_reading_of_a_request(here: Place) -> None:
    """What Envoy hands to the filter and to the upstream is judged in each way that the upstream may read it."""
    supervisor = here.supervisor()
    dataplane = here.dataplane(READINGS)
    compiled = compile_config(load(here.directory / "starfort.yaml"), hash_key=bytes(32), signal_kinds=[])
    bundle.write(compiled.bundle, dataplane.filter_settings.bundle)
    async with running(supervisor, dataplane):
        address = (await supervisor.addresses())["public"]

        async def asked(path: str) -> tuple[int, str]:
            """Status, and the path that the upstream got, of a target that no client library touches."""
            reader, writer = await asyncio.open_connection(*address)
            writer.write(f"GET {path} HTTP/1.1\r\nhost: a.example.com\r\nconnection: close\r\n\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            return int(head.split(b" ", 2)[1]), str(json.loads(body).get("path", ""))

        for path in (
            "/private/7", "/private%2F7", "/private%5c7", "/private\\7", "/private;x=1/7", "/;/private/7",
            "//private//7", "/public/../private/7", "/public/%2e%2e/private/7", "/public/%252e%252e/private/7",
            "/private%252f7", "/%70rivate/7", "/Private/7", "/private/7/", "/private/7;a=b",
            "http://a.example.com/private/7", "/private/%2e/7", "/./private;/7", "/private%c0%af7",
        ):  # fmt: skip
            assert (path, await asked(path)) == (path, (403, ""))
        for path in ("/public/..;/private/7", "/public/%2e%2e;/private/7", "/public/..%2fprivate/7"):
            assert (path, (await asked(path))[0] in {400, 403}) == (path, True)
        for path in (
            "/projects/group%2Fapp/issues", "/public/@scope%2fname", "/public/https%3A%2F%2Fexample.com",
            "/public/a;b=c", "/public/private%2F7", "/public/caf%C3%A9",
        ):  # fmt: skip
            assert (path, await asked(path)) == (path, (200, path))
        statuses = [(await asked(f"/items{path}"))[0] for path in ("/7", "/7%2Fx", "/7%5cx", ";a/7", "/8%2F")]
        assert statuses == [200, 200, 429, 429, 429]
        for query in ("role=user&role=admin", "role=admin&role=user"):
            assert (await asked(f"/public/7?{query}"))[0] == 451
        assert (await asked("/public/7?role=user&role=guest"))[0] == 200


async def test_an_upstream_is_known_by_its_certificate(here: Place) -> None:
    """TLS towards an upstream verifies chain and name."""
    authority = Authority(here.directory)
    made = authority.server("upstream")
    stranger = Authority(here.directory, "stranger")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    supervisor = here.supervisor()

    def towards(tls: str) -> str:
        return BASIC.replace('["127.0.0.1:{shop}"]', f'["127.0.0.1:{port}"], tls: {{{tls}}}')

    async with server, running(supervisor, here.dataplane(towards("ca: ca.crt, server_name: localhost"))):
        base = await url(supervisor)
        assert (await get(base)).text == "ok"
        assert names[-1] == "localhost"
        for tls, status in {
            "ca: ca.crt": 200,
            "ca: ca.crt, server_name: other.test": 503,
            f"ca: {stranger.file.name}": 503,
        }.items():
            await supervisor.apply(here.dataplane(towards(tls)))
            assert (tls, (await get(base)).status_code) == (tls, status)


async def test_websockets_pass(here: Place) -> None:
    """An upgrade is answered by the upstream, and bytes go both ways."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        writer.write(await reader.readexactly(4))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    supervisor = here.supervisor()
    async with server, running(supervisor, here.dataplane(BASIC.replace("{shop}", str(port)))):
        reader, writer = await asyncio.open_connection(*(await supervisor.addresses())["public"])
        writer.write(
            b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        writer.write(b"ping")
        assert await reader.readexactly(4) == b"ping"
        writer.close()
        await writer.wait_closed()


async def test_diverted_requests_take_the_divert_upstream(here: Place) -> None:
    """The filter's word moves a request to the upstream of a divert policy, and does not leave us."""
    from tests.support.filter_bench import at, policy, write_bundle

    text = BASIC.replace(
        "upstreams: [", 'upstreams: [{name: other, addresses: ["127.0.0.1:{other}"]}, '
    ) + "policies: [{name: away, action: {divert: other}}]\n"  # fmt: skip
    dataplane = here.dataplane(text)
    moved = [policy("away", at("/away"), {"divert": {"upstream": "other"}})]
    write_bundle(dataplane.filter_settings.bundle, "v2", moved)
    supervisor = here.supervisor()
    async with running(supervisor, dataplane):
        base = await url(supervisor)
        away, stays = (await get(base, "/away")).json(), (await get(base, "/x")).json()
    assert (away["upstream"], stays["upstream"]) == ("other", "shop")
    assert not [name for name in away["headers"] if name.startswith("x-starfort")]


async def test_too_many_headers_are_refused_above_the_engines_limit(here: Place) -> None:
    """Between the engine's limit and twice it a request passes to the filter; above that Envoy answers 431."""
    supervisor = here.supervisor()
    async with running(supervisor, here.dataplane(BASIC)):
        base = await url(supervisor)
        some, many = ({f"h{number}": "1" for number in range(count)} for count in (150, 250))
        assert (await get(base, headers=some)).status_code == 200
        assert (await get(base, headers=many)).status_code == 431


def closed_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


async def test_an_upstream_that_is_away_is_a_problem_document(here: Place) -> None:
    """503 from Envoy itself has the same form as the filter's answers."""
    supervisor = here.supervisor()
    async with running(supervisor, here.dataplane(BASIC.replace("{shop}", str(closed_port())))):
        answer = await get(await url(supervisor))
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.json()["status"] == 503
