"""The whole of `starfort.yaml`; `docs/configuration.md` is made from the descriptions in these models."""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from starfort.config.apis import Api
from starfort.config.connections import Connections
from starfort.config.detection import AlertChannel, Checks, Detectors, LogAlerts
from starfort.config.fields import Model, Name, Network
from starfort.config.identity import Identity
from starfort.config.limits import Limits
from starfort.config.listeners import Listener
from starfort.config.operation import Admin, Drain, Health, Retention
from starfort.config.paths import DataFolder
from starfort.config.policies import AddressList, CannedResponse, GeoFiles, Policy, Sensitive
from starfort.config.rules import Rules
from starfort.config.upstreams import Upstream


class Config(Model):
    """The whole file."""

    version: Literal[1]
    """Version of this format."""
    node: Name = Field(
        default_factory=lambda: re.sub(r"[^A-Za-z0-9_.-]", "-", platform.node())[:63] or "node"
    )
    """Name of this node; default: the host's."""
    data_dir: Annotated[DataFolder, Field(validate_default=True)] = Path("./var")
    """Store, spool, bundle, sockets. To move it, stop Starfort, move the folder, and start."""
    failure_mode: Literal["open", "closed"] = "open"
    """When the engine itself fails: let requests pass, or refuse them."""
    workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Envoy's worker threads; default: one a core."""
    drain: Drain = Drain()
    """How long the old lives beside the new."""
    listeners: Annotated[list[Listener], Field(min_length=1)]
    """Where clients connect."""
    upstreams: Annotated[list[Upstream], Field(min_length=1)]
    """Who answers."""
    apis: Annotated[list[Api], Field(min_length=1)]
    """The APIs."""
    identity: Identity = Identity()
    """How callers prove who they are."""
    trusted_proxies: list[Network] = []
    """Whose X-Forwarded-For is believed."""
    geo: GeoFiles = GeoFiles()
    """Country and network of addresses."""
    connections: Connections = Connections()
    """What clients' connections may do."""
    limits: Limits = Limits()
    """How much is inspected."""
    lists: list[AddressList] = []
    """Address lists."""
    responses: list[CannedResponse] = []
    """Canned answers."""
    sensitive: Sensitive = Sensitive()
    """Sensitive data."""
    rules: Rules = Rules()
    """SecLang rules."""
    policies: list[Policy] = []
    """Policies, in order."""
    detectors: Detectors = Detectors()
    """Detection."""
    checks: Checks = Checks()
    """Posture checks."""
    alerts: list[AlertChannel] = [AlertChannel(log=LogAlerts())]
    """Where alerts go."""
    admin: Admin = Admin()
    """REST API and dashboard."""
    retention: Retention = Retention()
    """How long things are kept."""
    health: Health = Health()
    """When status says that something is wrong."""
