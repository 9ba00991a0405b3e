"""CRS' regression tests through Envoy with the filter: bytes to the listener, findings from the events.

Each stage has a connection and a loopback address of its own; its event is known by that address.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import functools
import ipaddress
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final

from starfort import bundle, config
from starfort.bundle import with_version
from starfort.compile import compile_config
from starfort.dataplane.socket import Callbacks, ControlSocket, Peer
from starfort.dataplane.supervisor import EnvoySupervisor, Patience
from starfort.events.validate import read_batch
from tests.crs.backend import answer
from tests.crs.request import Request, wire
from tests.crs.suite import BAD_REQUEST, Stage, compiled, log_failures
from tests.support.filter_bench import Receive, Scope, Send, serve_upstream

TOGETHER: Final = 16
ANSWER_S: Final = 10.0
MARKER: Final = "127.19.0.1"
"""Address of the request that comes last."""

App = Callable[[Scope, Receive, Send], Awaitable[None]]

CONFIG: Final = """
version: 1
node: crs
data_dir: ./var
listeners: [{name: public, address: "127.0.0.1:0"}]
upstreams: [{name: albedo, addresses: ["127.0.0.1:PORT"]}]
apis: [{name: albedo, upstream: albedo}]
sensitive: {classes: []}
# Some of CRS' tests send such headers, which Starfort leaves out by default.
connections: {headers_with_underscores: allow}
rules: {sets: [], api_rules: false, weigh_content: false}
"""


@dataclasses.dataclass
class Outcome:
    """What became of a stage.

    Attributes:
        status: of the answer; None when the connection ended without one.
        event: the row of it; None when the proxy answered by itself.
    """

    status: int | None
    event: dict[str, Any] | None = None

    @property
    def refused(self) -> bool:
        """Whether the proxy refused the request before any rule."""
        return self.event is None


async def _albedo(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    response = answer(Request(scope["method"].encode(), target, b"HTTP/1.1", list(scope["headers"]), body))
    headers = [(name.lower().encode(), value.encode()) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def exchange(address: tuple[str, int], source: str, raw: bytes) -> int | None:
    """Status of the answer to some bytes; None when there is none."""
    reader, writer = await asyncio.open_connection(*address, local_addr=(source, 0))
    try:
        async with asyncio.timeout(ANSWER_S):
            writer.write(raw)
            await writer.drain()
            line = await reader.readline()
            # the whole answer, so that its event is complete
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(1.0):
                    await reader.read()
    except (TimeoutError, ConnectionError):
        return None
    finally:
        writer.close()
    words = line.split(b" ")
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None


@dataclasses.dataclass(frozen=True)
class Proxy:
    """Envoy with the filter.

    Attributes:
        address: of the listener.
        supervisor: of the process.
    """

    address: tuple[str, int]
    supervisor: EnvoySupervisor

    async def received(self) -> int:
        """Bytes that clients have sent so far, as Envoy counts them."""
        text = (await self.supervisor.metrics()).decode()
        lines = re.findall(r"^envoy_http_downstream_cx_rx_bytes_total\{([^}]*)\} (\d+)", text, re.MULTILINE)
        return sum(int(count) for labels, count in lines if "admin" not in labels)


@contextlib.asynccontextmanager
async def proxied(
    directory: Path,
    rows: dict[str, dict[str, Any]],
    text: str,
    rules: bytes | None = None,
    app: App = _albedo,
) -> AsyncIterator[Proxy]:
    """Envoy with the filter in front of a stand-in for albedo.

    Args:
        directory: where everything is.
        rows: the newest event of each client address is put here.
        text: the configuration; `PORT` becomes the upstream's.
        rules: compiled rules in place of the configuration's.
        app: the upstream.
    """

    async def on_events(_: Peer, __: int, arrow: bytes) -> None:
        for row in read_batch(arrow, dt.datetime.now(dt.UTC)).to_pylist():
            address = ipaddress.IPv6Address(row["address"]).ipv4_mapped
            rows[str(address)] = row

    async with serve_upstream(app) as port:
        file = directory / "starfort.yaml"
        file.write_text(text.replace("PORT", str(port)))
        made = compile_config(config.load(file), hash_key=bytes(32), signal_kinds=())
        made_bundle = made.bundle
        if rules is not None:
            made_bundle = with_version(dataclasses.replace(made_bundle, rules=rules))
        settings = made.dataplane.filter_settings
        settings.bundle.parent.mkdir(mode=0o700, exist_ok=True, parents=True)
        bundle.write(made_bundle, settings.bundle)
        control = ControlSocket(settings.socket, Callbacks(on_events=on_events))
        await control.start()
        supervisor = EnvoySupervisor(directory / "var", patience=Patience(drain_s=1.0))
        try:
            await supervisor.start(dataclasses.replace(made.dataplane, workers=1))
            yield Proxy((await supervisor.addresses())["public"], supervisor)
        finally:
            await supervisor.stop()
            await control.stop()


@contextlib.asynccontextmanager
async def envoy(
    directory: Path, rows: dict[str, dict[str, Any]], text: str, rules: bytes | None = None
) -> AsyncIterator[tuple[str, int]]:
    """As `proxied`; yields the address of the listener alone."""
    async with proxied(directory, rows, text, rules) as proxy:
        yield proxy.address


async def outcomes(stages: Iterable[Stage], directory: Path) -> dict[str, Outcome]:
    """Run stages; what became of each, by id."""
    rows: dict[str, dict[str, Any]] = {}
    found: dict[str, Outcome] = {}
    numbered = {
        stage.id: f"127.{20 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"
        for number, stage in enumerate(stages)
    }
    together = asyncio.Semaphore(TOGETHER)
    async with envoy(directory, rows, CONFIG, compiled().data) as address:

        async def one(stage: Stage) -> None:
            async with together:
                found[stage.id] = Outcome(await exchange(address, numbered[stage.id], wire(stage.input)))

        await asyncio.gather(*(one(stage) for stage in stages))
        # one worker sends events in order: once the marker's is there, all are
        await exchange(address, MARKER, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(30):
            while MARKER not in rows:
                await asyncio.sleep(0.01)
    for name, outcome in found.items():
        outcome.event = rows.get(numbered[name])
    return found


def failures(stage: Stage, outcome: Outcome) -> list[str]:
    """What is not as expected, in words; nothing when all is.

    A refusal that a test wants may have any status of the 400s; where the proxy does not refuse, the rule that the
    test belongs to has to find what it should have refused.
    """
    output = stage.output
    log = output.get("log") or {}
    wanted = output.get("status", 200)
    if output.get("expect_error") or wanted >= BAD_REQUEST:
        if outcome.refused:
            return []
        log = log or {"expect_ids": [stage.rule]}
    elif "status" in output and outcome.status != wanted:
        return [f"status {outcome.status}, expected {wanted}"]
    if outcome.event is None:
        positive = "expect_ids" in log or "match_regex" in log
        return [f"the proxy answered {outcome.status} before any rule"] if positive else []
    return list(log_failures(log, {"matched": list(_matches(outcome.event))}))


@functools.cache
def _messages() -> dict[int, str]:
    return {rule.id: rule.message for rule in compiled().rules}


def _matches(event: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """What rules left in an event, in the form of the engine's matches."""
    codes = (code.partition(":") for code in event["findings"])
    by_rule: dict[int, list[str]] = {int(number): [] for kind, _, number in codes if kind == "rule"}
    for match in map(json.loads, event["evidence"]):
        by_rule.setdefault(match["rule"], []).append(match["variable"])
    for number, names in by_rule.items():
        yield {
            "id": number,
            "log": True,
            "msg": _messages().get(number, ""),
            "logdata": "".join(f"found within {name}: " for name in names),
            "severity": "",
            "vars": [{"name": name} for name in names],
        }
