"""The admin server: where it listens, who is trusted, and how it stops."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from starfort.config.listeners import ListenerTls
from starfort.runtime.admin import AdminServer, bind_tcp
from starfort.runtime.lock import StartError
from tests.support.envoy_bench import Authority, Identity


async def _answer(send: Any, text: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def says_who(scope: Any, receive: Any, send: Any) -> None:
    """Say whether the caller is trusted."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:
        await _answer(send, str(scope.get("state", {}).get("local")))


@pytest.fixture
def unix(tmp_path: Path) -> Path:
    """Path of the Unix socket."""
    return tmp_path / "admin.sock"


async def test_a_taken_port(unix: Path) -> None:
    """A port that somebody has is refused, and nothing listens after that."""
    with bind_tcp("127.0.0.1:0") as taken:
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StartError, match=f"{address}.*choose another"):
            await AdminServer(address, unix).start(says_who)
    assert not unix.exists()


async def test_only_the_unix_socket_is_trusted(unix: Path) -> None:
    """Requests over TCP carry no trust, those over the Unix socket do; the socket is private."""
    server = AdminServer("127.0.0.1:0", unix)
    await server.start(says_who)
    try:
        assert unix.stat().st_mode & 0o777 == 0o600
        async with httpx.AsyncClient() as remote:
            answer = await remote.get(f"http://127.0.0.1:{server.port}/")
            assert answer.text == "None"
            assert "server" not in answer.headers
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(unix))) as local:
            assert (await local.get("http://starfort/")).text == "True"
    finally:
        await server.stop()
    assert not unix.exists()


async def test_stopping_with_a_long_poll_under_way(unix: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A request that waits for news is told that the server stops, and no error is logged."""
    waiting = asyncio.Event()

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        waiting.set()
        await asyncio.Event().wait()

    server = AdminServer("127.0.0.1:0", unix)
    await server.start(waits)
    async with httpx.AsyncClient(timeout=60) as client:
        polling = asyncio.ensure_future(client.get(f"http://127.0.0.1:{server.port}/poll"))
        await waiting.wait()
        with caplog.at_level(logging.WARNING):
            await server.stop()
        assert (await polling).status_code == 503
    assert caplog.records == []


async def says_whence(scope: Any, receive: Any, send: Any) -> None:
    """Say from where the caller comes and how."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:
        await _answer(send, f"{scope['client'][0] if scope['client'] else '-'} {scope['scheme']}")


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [
        ([], "127.0.0.1 http"),
        (["192.0.2.1"], "127.0.0.1 http"),
        (["127.0.0.0/8"], "203.0.113.5 https"),
        (["127.0.0.1/32", "203.0.113.0/24"], "198.51.100.9 https"),
    ],
)
async def test_forwarding_headers(unix: Path, trusted: list[str], expected: str) -> None:
    """They count only from proxies that the configuration trusts: on loopback any program could send them."""
    server = AdminServer("127.0.0.1:0", unix, trusted_proxies=trusted)
    await server.start(says_whence)
    headers = {"X-Forwarded-For": "198.51.100.9, 203.0.113.5", "X-Forwarded-Proto": "https"}
    try:
        async with httpx.AsyncClient(headers=headers) as client:
            assert (await client.get(f"http://127.0.0.1:{server.port}/")).text == expected
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(unix))) as local:
            assert (await local.get("http://starfort/", headers=headers)).text == "- http"
    finally:
        await server.stop()


async def _reached(port: int, authority: Authority, shown: Identity | None = None, old: bool = False) -> bool:
    context = ssl.create_default_context(cafile=str(authority.file))
    if shown is not None:
        context.load_cert_chain(shown.certificate, shown.key)
    if old:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with httpx.AsyncClient(verify=context) as client:
        try:
            return (await client.get(f"https://localhost:{port}/")).status_code == 200
        except httpx.TransportError:
            return False


async def test_what_tls_asks_of_clients(unix: Path, tmp_path: Path) -> None:
    """A certificate where it is required, a right one where one is shown, and the lowest version."""
    ours, other = Authority(tmp_path), Authority(tmp_path, "other")
    own = ours.server()
    person, stranger = ours.issue("person"), other.issue("stranger")
    cases = {
        ListenerTls(certificate=own.certificate, key=own.key): (True, True, True),
        ListenerTls(certificate=own.certificate, key=own.key, min_version="1.3"): (True, True, False),
        ListenerTls(
            certificate=own.certificate, key=own.key, client_ca=ours.file, client_certificate="required"
        ): (False, True, False),
        ListenerTls(certificate=own.certificate, key=own.key, client_ca=ours.file): (True, True, True),
    }
    for tls, expected in cases.items():
        server = AdminServer("localhost:0", unix, tls)
        await server.start(says_who)
        try:
            port = server.port
            answers = (
                await _reached(port, ours),
                await _reached(port, ours, person),
                await _reached(port, ours, old=True),
            )
            assert answers == expected
            if tls.client_ca is not None:
                assert not await _reached(port, ours, stranger)
        finally:
            await server.stop()
