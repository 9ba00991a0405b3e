"""Running Starfort: its own REST API and dashboard, what it keeps, when it is healthy, how it stops."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from starfort.config.fields import Address, Duration, Model, Network
from starfort.config.listeners import ListenerTls


class AdminTls(ListenerTls):
    """TLS of dashboard and REST API. Read at the start: after a change run `starfort restart`."""


class Admin(Model):
    """REST API and dashboard."""

    address: Address = "127.0.0.1:9443"
    """Where they listen. Read at the start: after a change run `starfort restart`."""
    metrics: bool = True
    """Serve `/metrics` there, without login."""
    tls: AdminTls | None = None
    """Certificate for it; without it plain HTTP. Where clients must show one of their own, Prometheus needs
    it too, and the command line works on this machine only."""
    hosts: list[
        Annotated[str, Field(pattern=r"^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=253)]
    ] = []
    """Names under which people reach it, besides addresses, localhost, this machine's own name and the names
    in `tls`'s certificate; `*.example.com` for one label. A request to any other name is refused (DNS
    rebinding)."""
    trusted_proxies: list[Network] = []
    """Addresses of proxies in front of it whose X-Forwarded-For and X-Forwarded-Proto are believed. Read at
    the start: after a change run `starfort restart`."""
    second_factor: list[Literal["viewer", "operator", "admin"]] = []
    """Roles that must have a second factor: who has none can do nothing but set one up."""


class Retention(Model):
    """How long things are kept."""

    events: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(days=7)
    """Single events, sums by second, and everything that names callers."""
    rollups: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(days=90)
    """Sums by minute and hour, which name no callers."""


class Health(Model):
    """When `starfort status` says that something needs a person."""

    lag: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=10)
    """Not healthy when a call that ended longer ago than this is not in the store, so that detection does not
    see it; and when events of more time than this wait that newer ones overtook. Detection is meant to judge
    within 3 s of an attack's first call; a busy machine takes longer now and then."""


class Drain(Model):
    """How long connections and requests live on that Starfort would rather end."""

    handover: Duration = timedelta(minutes=10)
    """Connections of an Envoy or a listener that was replaced. Never less than the longest `timeout` of an
    upstream; choose more than the longest stream (WebSocket, server-sent events) that must not be cut."""
    stop: Duration = timedelta(seconds=10)
    """Requests under way when Starfort is stopped."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not timedelta(seconds=1) <= self.handover <= timedelta(days=1):
            raise ValueError("handover must be between 1s and 1d")
        if not timedelta(0) <= self.stop <= timedelta(hours=1):
            raise ValueError("stop must be between 0s and 1h")
        return self
