"""The same traffic gives the same catalogue: inline, from files, and out of band, through real Envoy and nginx."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.support import calls, proxies
from tests.support.installation import eventually, free_ports, starfort_command

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

APIS: Final = (
    "inline",
    "har",
    "nginx",
    "envoy",
    "envoyjson",
    "spans",
    "mirror",
    "nginxmirror",
    "tap",
    "grpclog",
)
"""An API each, with a host of its own: the same calls are sent to each in another way."""

WHOLE: Final = ("har", "tap")
"""Ways that carry bodies of answers."""


@dataclass
class Running:
    """A Starfort with every kind of source.

    Attributes:
        folder: configuration and data.
        ports: by what listens there.
        process: `starfort up`.
    """

    folder: Path
    ports: dict[str, int]
    process: asyncio.subprocess.Process | None = None

    async def get(self, path: str, **parameters: Any) -> Any:
        """GET of the REST API as the local administrator."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.folder / "var/run/admin.sock"))
        async with httpx.AsyncClient(transport=transport, base_url="http://starfort", timeout=20) as client:
            answer = await client.get(f"/api/v1{path}", params=parameters)
            answer.raise_for_status()
            return answer.json()

    async def endpoints(self, api: str) -> dict[tuple[str, str], Any]:
        """Endpoints of an API."""
        found = await self.get("/catalogue", api=api, limit=200)
        return {(each["method"], each["path"]): each for each in found["items"]}

    async def discover(self, *arguments: str) -> Any:
        """What `starfort discover --json` prints."""
        process = await asyncio.create_subprocess_exec(
            starfort_command(), "discover", "--json", "-c", str(self.folder / "starfort.yaml"), *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, error = await process.communicate()
        assert process.returncode == 0, (output, error)
        return json.loads(output)


def _configuration(ports: dict[str, int]) -> str:
    apis = "\n".join(f"  - {{name: {name}, hosts: [{name}.example], upstream: api}}" for name in APIS)
    return f"""
version: 1
listeners: [{{name: main, address: 127.0.0.1:{ports["listen"]}}}]
upstreams: [{{name: api, addresses: [127.0.0.1:{ports["api"]}]}}]
admin: {{address: 127.0.0.1:{ports["admin"]}}}
apis:
{apis}
sources:
  - {{name: edge, mirror: {{address: 127.0.0.1:{ports["mirror"]}}}}}
  - {{name: web, mirror: {{address: 127.0.0.1:{ports["nginxmirror"]}, proxy: nginx}}}}
  - {{name: log, envoy_access_log: {{address: 127.0.0.1:{ports["grpclog"]}}}}}
  - {{name: whole, tap: {{admin: "http://127.0.0.1:{ports["envoy_admin"]}"}}}}
"""


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """Starfort with all sources, and the API behind it."""
    names = ("listen", "api", "admin", "mirror", "nginxmirror", "grpclog", "envoy_admin", "envoy", "nginx")
    found = Running(tmp_path, dict(zip(names, free_ports(len(names)), strict=True)))
    (tmp_path / "starfort.yaml").write_text(_configuration(found.ports))
    async with calls.serving(found.ports["api"]):
        with (tmp_path / "starfort.log").open("wb") as log:
            found.process = await asyncio.create_subprocess_exec(
                starfort_command(), "up", "-c", str(tmp_path / "starfort.yaml"), stdout=log, stderr=log
            )
        try:

            async def up() -> bool:
                assert found.process is not None
                assert found.process.returncode is None, (tmp_path / "starfort.log").read_text()
                with contextlib.suppress(httpx.TransportError, httpx.HTTPStatusError):
                    return any(node["connected"] for node in (await found.get("/status"))["nodes"])
                return False

            await eventually(up, 180, "starfort is up")
            yield found
        finally:
            if found.process.returncode is None:
                found.process.terminate()
            await found.process.wait()


async def _through(running: Running, port: str, api: str) -> None:
    """Send all calls to an API through what listens on a port."""
    statuses = await calls.send_all(running.ports[port], calls.calls(), f"{api}.example")
    assert set(statuses) == {200, 201, 404}


async def _out_of_band(running: Running) -> None:
    """Send the calls through proxies of other people."""
    folder, ports = running.folder, running.ports
    api = proxies.cluster("api", ports["api"])
    mirror = {"request_mirror_policies": [{"cluster": "starfort"}]}
    clusters = [api, proxies.cluster("starfort", ports["mirror"])]
    async with proxies.envoy(
        folder,
        proxies.envoy_config(ports["envoy"], ports["envoy_admin"], clusters, mirror, {}),
        ports["envoy"],
    ):
        await _through(running, "envoy", "mirror")
    log = {
        "access_log": [
            proxies.access_log("http_grpc", "grpc.v3.HttpGrpcAccessLogConfig", {
                "common_config": {"log_name": "main", "transport_api_version": "V3",
                                  "grpc_service": {"envoy_grpc": {"cluster_name": "starfort"}}},
            }),
            proxies.access_log("file", "file.v3.FileAccessLog", {"path": str(folder / "envoy-access.log")}),
        ]
    }  # fmt: skip
    clusters = [api, proxies.cluster("starfort", ports["grpclog"], http2=True)]
    async with proxies.envoy(
        folder, proxies.envoy_config(ports["envoy"], ports["envoy_admin"], clusters, {}, log), ports["envoy"]
    ):
        await _through(running, "envoy", "grpclog")
        await _through(running, "envoy", "envoy")
        await _until(running, "grpclog", 2 * len(calls.calls()))
    tap = {"http_filters": [proxies.tap(), proxies.router()]}
    async with proxies.envoy(
        folder, proxies.envoy_config(ports["envoy"], ports["envoy_admin"], [api], {}, tap), ports["envoy"]
    ):
        await asyncio.sleep(0)

        async def tapped() -> bool:
            return not [each for each in (await running.get("/status"))["problems"] if "whole" in each]

        await eventually(tapped, 120, "the tap is on")
        await _through(running, "envoy", "tap")
        await _until(running, "tap", len(calls.calls()))
    if proxies.NGINX:
        mirrored = proxies.nginx_server(ports["api"], ports["nginxmirror"])
        async with proxies.nginx(folder, mirrored, ports["nginx"]):
            await _through(running, "nginx", "nginxmirror")
        (folder / "nginx-access.log").unlink()
        async with proxies.nginx(folder, proxies.nginx_server(ports["api"]), ports["nginx"]):
            await _through(running, "nginx", "nginx")


async def _until(running: Running, kind: str, count: int) -> None:
    """Wait until a source has taken in so many calls."""

    async def taken() -> bool:
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://127.0.0.1:{running.ports['admin']}/metrics")).text
        kind_ = {"grpclog": "envoy_access_log"}.get(kind, kind)
        lines = [
            line
            for line in text.splitlines()
            if line.startswith("starfort_source_calls_total{") and f'kind="{kind_}"' in line
        ]
        return sum(float(line.rpartition(" ")[2]) for line in lines) >= count

    await eventually(taken, 120, f"{kind} has taken in {count} calls")


def _har(host: str) -> dict[str, Any]:
    entries = []
    for method, target, headers, body in calls.calls():
        status, answer = calls.answer_to(method, target)
        entries.append({
            "startedDateTime": datetime(2025, 3, 4, tzinfo=UTC).isoformat(), "time": 3,
            "request": {
                "method": method, "url": f"https://{host}{target}", "httpVersion": "HTTP/1.1",
                "headers": [{"name": name, "value": value} for name, value in headers.items()],
                **({"postData": {"mimeType": "application/json", "text": body}} if body else {}),
            },
            "response": {
                "status": status, "headers": [{"name": "content-type", "value": "application/json"}],
                "content": {"size": len(answer), "mimeType": "application/json", "text": answer},
            },
        })  # fmt: skip
    return {"log": {"version": "1.2", "creator": {"name": "test", "version": "1"}, "entries": entries}}


def _spans(host: str) -> str:
    from tests.support.sources import otlp, span

    return "\n".join(
        json.dumps(otlp(span(
            http__request__method=method, url__path=target.partition("?")[0], url__query=target.partition("?")[2],
            server__address=host, http__response__status_code=calls.answer_to(method, target)[0],
        )))
        for method, target, _, _ in calls.calls()
    )  # fmt: skip


def _envoy_json(host: str) -> str:
    return "\n".join(
        json.dumps({
            "start_time": "2025-03-04T05:06:07.000Z", "method": method, "path": target, "protocol": "HTTP/1.1",
            "response_code": calls.answer_to(method, target)[0], "authority": host, "duration": 3,
        })
        for method, target, _, _ in calls.calls()
    )  # fmt: skip


async def _imported(running: Running) -> dict[str, Any]:
    folder = running.folder
    (folder / "recording").write_text(json.dumps(_har("har.example")))
    (folder / "spans").write_text(_spans("spans.example"))
    (folder / "log.json").write_text(_envoy_json("envoyjson.example"))
    files = ["recording", "spans", "log.json", "envoy-access.log"]
    if proxies.NGINX:
        files.append("nginx-access.log")
    form = f"{proxies.NGINX_FORMAT}"
    first = await running.discover(*(str(folder / name) for name in files[:4]))
    if proxies.NGINX:
        await running.discover(str(folder / "nginx-access.log"), "--log-format", form)
    return dict(first)


async def test_the_same_traffic_gives_the_same_catalogue(running: Running) -> None:
    """The same calls lead to the same endpoints inline, from files and out of band; what a way carries is equal."""
    await _through(running, "listen", "inline")
    await _out_of_band(running)
    summary = await _imported(running)
    assert summary["first"].startswith("2022-04-15")
    assert summary["failed"] == 0

    async def inline() -> bool:
        return len(await running.endpoints("inline")) >= 5

    await eventually(inline, 120, "the inline traffic was learned")
    expected = await running.endpoints("inline")
    assert set(expected) == {
        ("GET", "/v1/orders/{orderId}"), ("DELETE", "/v1/orders/{orderId}"), ("POST", "/v1/orders"),
        ("GET", "/v1/customers"), ("GET", "/v1/health"),
    }  # fmt: skip
    for api in APIS[1:]:
        if "nginx" in api and not proxies.NGINX:
            continue

        async def same(api: str = api) -> bool:
            return set(await running.endpoints(api)) == set(expected)

        await eventually(same, 120, f"{api} has the endpoints of inline: {set(await running.endpoints(api))}")
    for api in WHOLE:
        found = await running.endpoints(api)
        assert {key: each["sensitive"] for key, each in found.items()} == {
            key: each["sensitive"] for key, each in expected.items()
        }, api
    assert (await running.endpoints("har"))["GET", "/v1/health"]["first_seen"].startswith("2025-03-04")
    status = await running.get("/status")
    assert status["signals_active"] == 0
    # Nothing was refused and nothing is wrong but the Envoy that is away.
    assert [each for each in status["problems"] if "whole" not in each] == []


async def test_a_stopped_starfort_learns_from_files(running: Running) -> None:
    """Without a running Starfort the command opens the data directory itself, and the next start knows the endpoints."""
    assert running.process is not None
    running.process.terminate()
    await running.process.wait()
    recording = running.folder / "recording"
    recording.write_text(json.dumps(_har("har.example")))
    summary = await running.discover(str(recording))
    assert {(each["method"], each["path"]) for each in summary["new"]} == {
        ("GET", "/v1/orders/{orderId}"), ("DELETE", "/v1/orders/{orderId}"), ("POST", "/v1/orders"),
        ("GET", "/v1/customers"), ("GET", "/v1/health"),
    }  # fmt: skip
    again = await running.discover(str(recording))
    assert (again["new"], again["endpoints"]) == ([], 5)
