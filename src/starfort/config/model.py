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
from starfort.config.learning import Learning
from starfort.config.limits import Limits
from starfort.config.listeners import Listener
from starfort.config.operation import Admin, Drain, Health, Retention
from starfort.config.paths import DataFolder
from starfort.config.policies import AddressList, CannedResponse, GeoFiles, Policy, Sensitive
from starfort.config.rules import Rules
from starfort.config.sources import Source
from starfort.config.upstreams import Upstream


class Config(Model):
    """The whole file."""

    version: Literal[1]
    """Version of this format."""
    # The host's name may have characters that a name here may not have, and may be empty in a container.
    node: Name = Field(
        default_factory=lambda: re.sub(r"[^A-Za-z0-9_.-]", "-", platform.node())[:63] or "node"
    )
    """Name of this node; default: the host's name."""
    data_dir: Annotated[DataFolder, Field(validate_default=True)] = Path("./var")
    """Folder of store, spool, bundle and sockets. To move it, stop Starfort, move the folder, and start."""
    failure_mode: Literal["open", "closed"] = "open"
    """Whether requests pass (`open`) or are refused (`closed`) when the engine itself fails."""
    workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Envoy's worker threads; default: one for each core."""
    drain: Drain = Drain()
    """How long old connections go on after a change or a stop."""
    listeners: Annotated[list[Listener], Field(min_length=1)]
    """Where clients connect."""
    upstreams: Annotated[list[Upstream], Field(min_length=1)]
    """The servers that answer."""
    apis: Annotated[list[Api], Field(min_length=1)]
    """The APIs."""
    identity: Identity = Identity()
    """How callers prove who they are."""
    trusted_proxies: list[Network] = []
    """Addresses of proxies whose X-Forwarded-For is believed."""
    geo: GeoFiles = GeoFiles()
    """Databases of countries and networks of addresses."""
    connections: Connections = Connections()
    """What clients' connections may do."""
    limits: Limits = Limits()
    """How much of a request is inspected."""
    lists: list[AddressList] = []
    """Address lists."""
    responses: list[CannedResponse] = []
    """Canned answers."""
    sensitive: Sensitive = Sensitive()
    """Sensitive data."""
    learning: Learning = Learning()
    """What is learned from traffic."""
    rules: Rules = Rules()
    """SecLang rules."""
    policies: list[Policy] = []
    """Policies, in order."""
    detectors: Detectors = Detectors()
    """Detection."""
    checks: Checks = Checks()
    """Posture checks."""
    sources: list[Source] = []
    """Proxies that Starfort is not inline with, and that tell it what they see."""
    alerts: list[AlertChannel] = [AlertChannel(log=LogAlerts())]
    """Where alerts go."""
    admin: Admin = Admin()
    """REST API and dashboard."""
    retention: Retention = Retention()
    """How long things are kept."""
    health: Health = Health()
    """When `starfort status` says that something is wrong."""
