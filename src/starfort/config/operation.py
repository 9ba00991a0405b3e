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
    """Starfort's own REST API and dashboard."""

    address: Address = "127.0.0.1:9443"
    """Host and port where they listen. Read at the start: after a change run `starfort restart`."""
    metrics: bool = True
    """Serve `/metrics` there, without login."""
    tls: AdminTls | None = None
    """Its certificate; without it, plain HTTP. Where clients must show a certificate of their own, Prometheus
    needs one too, and the command line works on this machine only."""
    hosts: list[
        Annotated[str, Field(pattern=r"^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=253)]
    ] = []
    """Names under which people reach it, in addition to addresses, localhost, this machine's own name and the
    names in the certificate of `tls`; `*.example.com` stands for one label. A request to any other name is
    refused, as a protection from DNS rebinding."""
    trusted_proxies: list[Network] = []
    """Addresses of proxies in front of it whose X-Forwarded-For and X-Forwarded-Proto are believed. Read at
    the start: after a change run `starfort restart`."""
    second_factor: list[Literal["viewer", "operator", "admin"]] = []
    """Roles that must have a second factor. An account of such a role without one can only set one up."""


class Retention(Model):
    """How long things are kept."""

    events: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(days=7)
    """Single events, sums by second, and everything that names callers."""
    rollups: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(days=90)
    """Sums by minute and hour, which name no callers."""


class Health(Model):
    """When `starfort status` says that something needs a person."""

    lag: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=10)
    """Status is not healthy when a call that ended longer ago than this is not in the store, where detection
    would see it, or when events of a longer time than this wait because newer ones overtook them. Detection
    should judge within 3 s of an attack's first call; a busy machine takes longer now and then."""


class Drain(Model):
    """How long old connections and requests may go on when Starfort replaces or stops Envoy."""

    handover: Duration = timedelta(minutes=10)
    """For connections of an Envoy or a listener that was replaced. It is never less than the longest
    `timeout` of an upstream. Choose more than the longest stream (WebSocket, server-sent events) that must
    not be cut."""
    stop: Duration = timedelta(seconds=10)
    """For requests that are under way when Starfort stops."""

    # A validator and not bounds of the type: messages then say durations as people write them.
    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not timedelta(seconds=1) <= self.handover <= timedelta(days=1):
            raise ValueError("handover must be between 1s and 1d")
        if not timedelta(0) <= self.stop <= timedelta(hours=1):
            raise ValueError("stop must be between 0s and 1h")
        return self
