"""Makes the bootstrap: where Envoy finds all else, its administration, and what it does short of memory."""

from __future__ import annotations

from typing import Final

from envoy.config.bootstrap.v3 import bootstrap_pb2
from envoy.extensions.resource_monitors.downstream_connections.v3 import downstream_connections_pb2
from envoy.extensions.resource_monitors.fixed_heap.v3 import fixed_heap_pb2

from starfort.dataplane import ir
from starfort.dataplane.envoy.messages import build, extension
from starfort.dataplane.envoy.sources import CLUSTERS, LISTENERS, file_source
from starfort.dataplane.json import Json

HEAP_MONITOR: Final = "envoy.resource_monitors.fixed_heap"
CONNECTION_MONITOR: Final = "envoy.resource_monitors.global_downstream_max_connections"

SHED: Final = {
    "envoy.overload_actions.shrink_heap": 0.90,
    "envoy.overload_actions.disable_http_keepalive": 0.93,
    "envoy.overload_actions.stop_accepting_connections": 0.95,
    "envoy.overload_actions.stop_accepting_requests": 0.98,
}
"""Share of the heap limit at which Envoy does less, mildest first (its overload manager's actions)."""


def bootstrap(dataplane: ir.Dataplane) -> Json:
    """The bootstrap. It depends only on node, paths and limits, so no other change needs a restart."""
    # A Unix socket of mode 0600, no port: the interface has no passwords, and a POST there can end Envoy.
    admin = {"pipe": {"path": str(dataplane.admin_socket), "mode": 0o600}}
    value = {
        "node": {"id": dataplane.node, "cluster": "starfort"},
        "admin": {"address": admin},
        "dynamic_resources": {
            "lds_config": file_source(dataplane.directory / LISTENERS),
            "cds_config": file_source(dataplane.directory / CLUSTERS),
        },
        "overload_manager": _overload(dataplane.limits),
        # JSON, because `publish.reasons` picks the worst sentences by their level.
        "application_log_config": {
            "log_format": {
                "json_format": {"time": "%Y-%m-%dT%T.%e%z", "level": "%l", "logger": "%n", "message": "%j"}
            }
        },
    }
    return build(bootstrap_pb2.Bootstrap, value)


def _overload(limits: ir.ListenerLimits) -> Json:
    heap = {"max_heap_size_bytes": limits.heap_bytes}
    connections = {"max_active_downstream_connections": limits.connections}
    return {
        "refresh_interval": "1s",
        # Envoy asks the monitor of connections at each new connection, so no action names that one.
        "resource_monitors": [
            extension(HEAP_MONITOR, fixed_heap_pb2.FixedHeapConfig, heap),
            extension(
                CONNECTION_MONITOR, downstream_connections_pb2.DownstreamConnectionsConfig, connections
            ),
        ],
        "actions": [
            {"name": action, "triggers": [{"name": HEAP_MONITOR, "threshold": {"value": share}}]}
            for action, share in SHED.items()
        ],
    }
