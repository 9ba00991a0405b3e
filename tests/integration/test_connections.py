"""What clients' connections may do, in a real Envoy: headers, PROXY protocol, slow bodies, how many at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import grpc.aio
import httpx
import pytest

from starfort import bundle
from starfort.compile import compile_config
from starfort.config import load
from starfort.dataplane import ir
from tests.support import http2
from tests.support.envoy_bench import BASIC, Place, get, place, running, url

pytestmark = pytest.mark.e2e

Address = tuple[str, int]

QUICK = BASIC + "limits: {body_wait: 500ms, body_rate: 1000, body_time: 3s}\n"
"""A body earns a second with each 1000 bytes."""


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Place]:
    """Upstreams and a directory of the test's own."""
    async with place(tmp_path) as made:
        yield made


def prepared(here: Place, text: str) -> ir.Dataplane:
    """The data plane of a configuration, with its own bundle in place."""
    dataplane = here.dataplane(text)
    compiled = compile_config(load(here.directory / "starfort.yaml"), hash_key=bytes(32), signal_kinds=[])
    bundle.write(compiled.bundle, dataplane.filter_settings.bundle)
    return dataplane


@contextlib.asynccontextmanager
async def serving(here: Place, text: str) -> AsyncIterator[tuple[str, Address]]:
    """Envoy with a configuration: its base URL, and the address of its listener."""
    supervisor = here.supervisor()
    async with running(supervisor, prepared(here, text)):
        yield await url(supervisor), (await supervisor.addresses())["public"]


async def sent(address: Address, request: bytes, *, source: str = "127.0.0.1") -> bytes:
    """What comes back for raw bytes until the connection ends."""
    reader, writer = await asyncio.open_connection(*address, local_addr=(source, 0))
    writer.write(request)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def status(answer: bytes) -> int:
    """The status of a raw answer; 0: none."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


def headers_of(answer: bytes) -> dict[str, str]:
    """The headers that the upstream says it got."""
    found: dict[str, str] = json.loads(answer.partition(b"\r\n\r\n")[2])["headers"]
    return found


UNDERSCORES = (
    b"GET / HTTP/1.1\r\nhost: a\r\nX_Forwarded_For: 192.0.2.1\r\nx_starfort_upstream: other\r\n"
    b"x-own: 1\r\nconnection: close\r\n\r\n"
)


@pytest.mark.parametrize("setting", ["drop", "reject", "allow"])
async def test_headers_with_underscores_are_dropped_rejected_or_allowed(here: Place, setting: str) -> None:
    """The setting holds over HTTP/1.1 and HTTP/2; other headers pass; Envoy counts what it drops."""
    text = BASIC if setting == "drop" else f"{BASIC}connections: {{headers_with_underscores: {setting}}}\n"
    supervisor = here.supervisor()
    async with running(supervisor, prepared(here, text)):
        address = (await supervisor.addresses())["public"]
        answer = await sent(address, UNDERSCORES)
        second = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")]
        over_http2 = await http2.request(address[1], [*second, ("x_forwarded_for", "192.0.2.1")])
        assert await http2.request(address[1], [*second, ("x-own", "1")]) == 200
        counted = (await supervisor.metrics()).decode()
    if setting == "reject":
        assert (status(answer), over_http2) == (400, 0)
        return
    assert (status(answer), over_http2) == (200, 200)
    found = headers_of(answer)
    assert found["x-own"] == "1"
    assert ("x_forwarded_for" in found) == (setting == "allow")
    assert "x_starfort_upstream" not in found, "no client says what is ours, however it is spelt"
    for version, dropped in (("http1", 2), ("http2", 1)):
        line = f"envoy_{version}_dropped_headers_with_underscores{{}} {dropped if setting == 'drop' else 0}"
        assert line in counted


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example", 400),
        ("GET / HTTP/1.1\r\nHost: a.example\r\nhost: a.example", 400),
        ("POST / HTTP/1.1\r\nHost: a.example:80\r\nHost: b.example:81\r\ncontent-length: 0", 400),
        ("GET / HTTP/1.1", 400),
        ("GET / HTTP/1.1\r\nHost: a.example", 200),
        ("GET / HTTP/1.1\r\nHost: a.example:8080", 200),
        ("GET / HTTP/1.1\r\nHost: [2001:db8::1]:80", 200),
        ("GET http://a.example/ HTTP/1.1\r\nHost: b.example", 200),
    ],
)
async def test_two_hosts_are_a_bad_request(here: Place, head: str, expected: int) -> None:
    """More than one Host line is 400 (RFC 9112, 3.2); of an absolute target and a Host line the target counts."""
    async with serving(here, BASIC) as (_, address):
        answer = await sent(address, f"{head}\r\nconnection: close\r\n\r\n".encode())
    assert status(answer) == expected
    if "http://" in head:
        assert headers_of(answer)["host"] == "a.example"


async def test_two_hosts_over_http2_reach_no_upstream(here: Place) -> None:
    """`:authority` counts, and no second one passes in any form."""
    plain = [(":method", "GET"), (":scheme", "http"), (":path", "/")]
    async with serving(here, BASIC) as (_, (_, port)):
        for hosts, expected in [
            ([(":authority", "a.example,b.example")], 400),
            ([("host", "a.example"), ("host", "b.example")], 0),
            ([(":authority", "a.example"), ("host", "a.example"), ("host", "b.example")], 0),
            ([(":authority", "a.example")], 200),
            ([("host", "a.example")], 200),
        ]:
            assert await http2.request(port, [*plain, *hosts]) == expected, hosts


PROXIED = BASIC.replace(
    'address: "127.0.0.1:0"',
    'address: "127.0.0.1:0", proxy_protocol: {peers: [127.0.0.1], optional: OPTIONAL}',
)
ONLY_CLIENT = "policies: [{name: one, when: 'client.address != \"CLIENT\"', action: block, mode: enforce}]\n"
REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
V1 = b"PROXY TCP4 203.0.113.9 192.0.2.1 5555 80\r\n"
V2 = (
    b"\r\n\r\n\x00\r\nQUIT\n" + bytes([0x21, 0x11, 0, 12])
    + socket.inet_aton("203.0.113.9") + socket.inet_aton("192.0.2.1") + b"\x15\xb3\x00\x50"
)  # fmt: skip
V2_LOCAL = b"\r\n\r\n\x00\r\nQUIT\n" + bytes([0x20, 0x00, 0, 0])


async def test_the_proxy_protocol_says_who_the_client_is(here: Place) -> None:
    """In versions 1 and 2 its address is the peer: for policies, for the upstream, and before X-Forwarded-For."""
    text = PROXIED.replace("OPTIONAL", "false") + ONLY_CLIENT.replace("CLIENT", "203.0.113.9")
    async with serving(here, text) as (_, address):
        for header in (V1, V2):
            answer = await sent(address, header + REQUEST)
            assert status(answer) == 200, header
            assert headers_of(answer)["x-forwarded-for"] == "203.0.113.9"
        claimed = REQUEST.replace(b"host: a", b"host: a\r\nx-forwarded-for: 198.51.100.1")
        answer = await sent(address, V1 + claimed)
        assert status(answer) == 200
        assert headers_of(answer)["x-forwarded-for"] == "198.51.100.1,203.0.113.9"
        assert status(await sent(address, V2_LOCAL + REQUEST)) == 403, (
            "the balancer's own check: its own address"
        )
        assert status(await sent(address, REQUEST)) == 0, "without the header there is no connection"


async def test_a_trusted_proxy_behind_a_balancer_is_believed(here: Place) -> None:
    """Where the PROXY protocol names a trusted proxy, X-Forwarded-For says who the client is, empty elements or not."""
    text = PROXIED.replace("OPTIONAL", "false") + ONLY_CLIENT.replace("CLIENT", "198.51.100.1")
    text += "trusted_proxies: [203.0.113.0/24]\n"
    async with serving(here, text) as (_, address):
        claimed = REQUEST.replace(b"host: a", b"host: a\r\nx-forwarded-for: 198.51.100.1, ,")
        assert status(await sent(address, V1 + claimed)) == 200
        assert status(await sent(address, V1 + REQUEST)) == 403


async def test_the_proxy_protocol_is_believed_of_its_peers_only(here: Place) -> None:
    """Others have no connection, with and without the header; peers may leave it out where it is optional."""
    text = PROXIED.replace("OPTIONAL", "true") + ONLY_CLIENT.replace("CLIENT", "127.0.0.1")
    async with serving(here, text) as (_, address):
        assert status(await sent(address, REQUEST)) == 200
        assert status(await sent(address, V1 + REQUEST)) == 403
        assert status(await sent(address, REQUEST, source="127.0.0.2")) == 0
        assert status(await sent(address, V1 + REQUEST, source="127.0.0.2")) == 0


POST = b"POST /up HTTP/1.1\r\nhost: a\r\ncontent-type: TYPE\r\ncontent-length: 1000000\r\n\r\n"


async def trickled(address: Address, head: bytes, every_s: float, size: int = 1) -> tuple[int, float]:
    """Status and seconds until the end of a request whose body comes in small pieces."""
    reader, writer = await asyncio.open_connection(*address)
    begun = time.monotonic()
    writer.write(head)

    async def trickle() -> None:
        with contextlib.suppress(ConnectionError):
            while every_s:
                await asyncio.sleep(every_s)
                writer.write(b"x" * size)
                await writer.drain()

    sender = asyncio.create_task(trickle())
    try:
        async with asyncio.timeout(20):
            answer = await reader.readuntil(b"\r\n\r\n")
    finally:
        sender.cancel()
        writer.close()
    return status(answer), time.monotonic() - begun


@pytest.mark.parametrize("kind", ["application/json", "image/png", "application/grpc"])
@pytest.mark.parametrize("every_s", [0, 0.1])
async def test_bodies_that_come_too_slowly_are_answered_408(here: Place, kind: str, every_s: float) -> None:
    """A body of which nothing comes, or too little, held or passed on, ends its connection in the time given."""
    async with serving(here, QUICK) as (_, address):
        found, took_s = await trickled(address, POST.replace(b"TYPE", kind.encode()), every_s)
        # Who says gRPC gets the status in gRPC's own way, and nothing else for it.
        assert found == (200 if "grpc" in kind else 408)
        assert 0.4 < took_s < 3


async def test_many_slow_bodies_end_together(here: Place) -> None:
    """150 of them hold nothing for long, and others are served meanwhile."""
    async with serving(here, QUICK) as (base, address):
        head = POST.replace(b"TYPE", b"application/json")
        slow = [asyncio.create_task(trickled(address, head, 0.2)) for _ in range(150)]
        await asyncio.sleep(0.2)
        assert (await get(base)).status_code == 200
        assert {found for found, _ in await asyncio.gather(*slow)} == {408}


async def test_a_whole_body_has_its_time(here: Place) -> None:
    """One that is quick enough at any moment still ends after `body_time`."""
    async with serving(here, QUICK) as (_, address):
        found, took_s = await trickled(address, POST.replace(b"TYPE", b"image/png"), 0.1, size=500)
        assert found == 408
        assert 2.9 < took_s < 6


async def test_a_slow_http2_body_is_answered_408_and_others_of_the_connection_go_on(here: Place) -> None:
    """Over HTTP/2 only the stream ends."""

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(10)

    async with serving(here, QUICK) as (base, _):  # noqa: SIM117 (the client needs the address)
        async with httpx.AsyncClient(http1=False, http2=True, base_url=base, timeout=10) as client:
            slow = asyncio.create_task(
                client.post("/up", content=never(), headers={"content-type": "application/json"})
            )
            await asyncio.sleep(0.1)
            assert (await client.get("/")).status_code == 200
            with contextlib.suppress(httpx.RemoteProtocolError):  # httpx sends on although it has its answer
                assert (await slow).status_code == 408
            assert (await client.get("/")).status_code == 200


async def test_pauses_that_a_client_earned_do_no_harm(here: Place) -> None:
    """What came before earns time; so does a wider limit of the endpoint; small bodies may come in pieces."""
    wider = QUICK.replace(
        "upstream: shop}]",
        "upstream: shop, endpoints: [{match: POST /files, limits: {body_rate: 0, body_time: 0s}}]}]",
    )

    async def paused(first: int, pause_s: float) -> AsyncIterator[bytes]:
        yield b"x" * first
        await asyncio.sleep(pause_s)
        yield b"y"

    async with serving(here, wider) as (base, _), httpx.AsyncClient(base_url=base, timeout=10) as client:
        kind = {"content-type": "application/octet-stream"}
        for path, first, pause_s in [("/up", 2000, 1.5), ("/files", 1, 3.5), ("/up", 1, 0.3)]:
            answer = await client.post(path, content=paused(first, pause_s), headers=kind)
            assert answer.status_code == 200, (path, first)


async def test_time_in_which_a_request_is_held_is_not_its_clients(here: Place) -> None:
    """A delay holds a request longer than bodies are waited for, and nothing is read meanwhile."""
    delay = "policies: [{name: wait, when: 'request.path == \"/slow\"', action: {delay: 1500ms}, mode: enforce}]\n"
    async with serving(here, QUICK + delay) as (base, _):  # noqa: SIM117 (the client needs the address)
        async with httpx.AsyncClient(base_url=base, timeout=10) as client:
            for content in (b"{}", b"z" * 3_000_000):
                answer = await client.post("/slow", content=content, headers={"content-type": "image/png"})
                assert answer.status_code == 200


@contextlib.asynccontextmanager
async def raw_upstream(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """An upstream that is a few lines over TCP."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_web_sockets_are_no_bodies(here: Place) -> None:
    """A WebSocket may be silent longer than a body may, on either side."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
        while data := await reader.read(100):
            writer.write(data)

    async with raw_upstream(echo) as port, serving(here, QUICK.replace("{shop}", str(port))) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(
            b"GET /socket HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        for pause_s in (1.5, 2.0):
            await asyncio.sleep(pause_s)
            writer.write(b"still here")
            assert await asyncio.wait_for(reader.readexactly(10), 5) == b"still here"
        writer.close()


UPLOAD = (
    b"POST / HTTP/1.1\r\nhost: a\r\ncontent-type: image/png\r\ncontent-length: 9999\r\n\r\n"
    b"\x89PNG\r\n\x1a\n" + bytes(100)
)
"""The beginning of a file: it goes on to the upstream, and its end does not come."""


async def test_answers_that_take_long_are_not_slow_bodies(here: Place) -> None:
    """Long polls and event streams, also behind a body that is not at its end, take longer than a body may."""

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
        await asyncio.sleep(3.5)
        writer.write(b"data: 2\n\n")

    text = QUICK + "rules: {sets: [], api_rules: false}\n"  # rules would want the whole body first
    async with raw_upstream(stream) as port, serving(here, text.replace("{shop}", str(port))) as (_, address):
        for head in (REQUEST, UPLOAD):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(head)
            came = b""
            while b"data: 1" not in came:
                came += (more := await asyncio.wait_for(reader.read(1000), 5))
                assert more, came
            assert b"data: 2" in await asyncio.wait_for(reader.readuntil(b"data: 2\n\n"), 10)
            writer.close()
    async with serving(here, QUICK) as (base, _), httpx.AsyncClient(base_url=base, timeout=10) as client:
        poll = asyncio.create_task(client.post("/wait", json={"since": 1}))
        await here.echo.waiting.wait()
        await asyncio.sleep(3.5)
        here.echo.gate.set()
        assert (await poll).status_code == 200


async def test_grpc_streams_may_be_silent(here: Place) -> None:
    """A client's stream is no body, where the upstream can speak gRPC at all."""

    async def collect(messages: AsyncIterator[bytes], _: object) -> bytes:
        return b",".join([message async for message in messages])

    server = grpc.aio.server()
    handler = grpc.stream_unary_rpc_method_handler(collect)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Log", {"Push": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    text = QUICK.replace('addresses: ["127.0.0.1:{shop}"]', f'addresses: ["127.0.0.1:{port}"], http2: true')
    try:
        async with serving(here, text) as (_, (host, envoy)):  # noqa: SIM117 (the channel needs the address)
            async with grpc.aio.insecure_channel(f"{host}:{envoy}") as channel:

                async def messages() -> AsyncIterator[bytes]:
                    yield b"one"
                    await asyncio.sleep(3.5)
                    yield b"two"

                assert await channel.stream_unary("/test.Log/Push")(messages()) == b"one,two"
    finally:
        await server.stop(0)


async def test_heads_idle_connections_and_slow_readers_have_their_time(here: Place) -> None:
    """A head that does not end is 408; a connection without a request, and an answer nobody reads, end."""
    large = b"x" * (8 << 20)

    async def download(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(large) + large)
        await writer.drain()

    limits = "connections: {header_timeout: 500ms, idle_timeout: 1s, stream_idle_timeout: 1s}\n"
    async with (
        raw_upstream(download) as port,
        serving(here, BASIC.replace("{shop}", str(port)) + limits) as (base, address),
    ):
        for begun, expected in [(b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: ", 408), (b"", 0)]:
            started = time.monotonic()
            assert status(await sent(address, begun)) == expected
            assert time.monotonic() - started < 4
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, address)
        await loop.sock_sendall(client, REQUEST)
        await asyncio.sleep(3.5)
        read = 0
        with contextlib.suppress(ConnectionError):
            while data := await asyncio.wait_for(loop.sock_recv(client, 1 << 20), 5):
                read += len(data)
        client.close()
        assert 0 < read < len(large), "what was not read in time did not come"
        async with httpx.AsyncClient(base_url=base, timeout=10) as reading:
            assert len((await reading.get("/")).content) == len(large)


async def test_an_address_has_so_many_connections(here: Place) -> None:
    """One more is closed at once; another address, and a trusted proxy, still connect; a closed one makes room."""
    text = BASIC + "connections: {per_address: 3}\ntrusted_proxies: [127.0.0.3]\n"

    async def opened(source: str) -> asyncio.StreamWriter | None:
        """A connection on which a request was answered; `None` when it was closed."""
        reader, writer = await asyncio.open_connection(*address, local_addr=(source, 0))
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()
            return None
        assert status(head) == 200
        return writer

    async with serving(here, text) as (_, address):
        kept = [await opened("127.0.0.1") for _ in range(3)]
        assert None not in kept
        assert await opened("127.0.0.1") is None
        others = [await opened("127.0.0.2"), *[await opened("127.0.0.3") for _ in range(5)]]
        assert None not in others
        first = kept.pop(0)
        assert first is not None
        first.close()
        await first.wait_closed()
        async with asyncio.timeout(5):
            while (again := await opened("127.0.0.1")) is None:
                await asyncio.sleep(0.05)
        for writer in [*kept, *others, again]:
            assert writer is not None
            writer.close()


async def test_all_clients_together_have_so_many_connections(here: Place) -> None:
    """`connections.total` holds over all addresses."""
    async with serving(here, BASIC + "connections: {total: 4, per_address: 0}\n") as (_, address):
        kept = []
        closed = 0
        for number in range(1, 9):
            reader, writer = await asyncio.open_connection(*address, local_addr=(f"127.0.0.{number}", 0))
            kept.append(writer)
            writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            try:
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            except (ConnectionError, asyncio.IncompleteReadError):
                closed += 1
        assert closed == 4
        for writer in kept:
            writer.close()
