"""Limits of clients' connections before there is a request to decide on. Envoy enforces them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from starfort.config.fields import Duration, Model, Network


class ProxyProtocol(Model):
    """The PROXY protocol (versions 1 and 2): a load balancer says where a connection comes from.

    What it says becomes the peer: `client.address`, unless that is itself one of `trusted_proxies`.
    """

    peers: list[Network] = []
    """Peers that may connect and are believed; default: `trusted_proxies`. Connections of other peers are
    closed."""
    optional: bool = False
    """Also accept connections of these peers without the header; such a connection comes from the peer
    itself."""


class Connections(Model):
    """What clients' connections may do, on every listener."""

    headers_with_underscores: Literal["drop", "reject", "allow"] = "drop"
    """What to do with headers that have `_` in their names. Servers that speak CGI or WSGI take
    `X_Forwarded_For` for `X-Forwarded-For`, which clients must not set. `drop` removes the header (as nginx
    does), `reject` refuses the request (400), `allow` passes it on, for APIs that use such names and whose
    upstreams tell the two apart. Policies can ask for the anomaly `header_underscore`."""
    header_timeout: Duration = timedelta(seconds=15)
    """How long the head of a request may take; after that the answer is 408."""
    idle_timeout: Duration = timedelta(minutes=5)
    """How long a connection without a request stays open."""
    stream_idle_timeout: Duration = timedelta(minutes=5)
    """How long a request or its answer may stand still in both directions; after that the answer is 408, or
    the answer that had begun ends. This also ends clients that do not read their answers. Upstreams with
    `timeout: 0s` (streams) have an hour."""
    total: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Connections that all clients together may have at once; further ones are closed. Default: half of the
    file descriptors that the process may have, at most 100,000."""
    per_address: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Connections that one client address (for IPv6 one /64 network) may have at once; further ones are
    closed. Trusted proxies have no such limit. Default: half of `total`, so that no single address takes all
    of them. Many people share one address behind a mobile network or an office, so choose a lower figure with
    them in mind. 0: no limit."""
