"""What clients' connections may do before there is a request to decide on; Envoy holds them to it."""

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
    """Who may connect, and is believed; default: `trusted_proxies`. Connections of all others are closed."""
    optional: bool = False
    """Take connections of these peers without the header too: they come from the peer itself."""


class Connections(Model):
    """What clients' connections may do, on every listener."""

    headers_with_underscores: Literal["drop", "reject", "allow"] = "drop"
    """Headers with `_` in their names: servers that speak CGI or WSGI take `X_Forwarded_For` for
    `X-Forwarded-For`, which clients must not set. Drop them (as nginx does), reject the request (400), or
    allow them, where an API has such names of its own and its upstreams tell the two apart; policies can ask
    for the anomaly `header_underscore`."""
    header_timeout: Duration = timedelta(seconds=15)
    """How long the head of a request may take; longer: 408."""
    idle_timeout: Duration = timedelta(minutes=5)
    """How long a connection without a request stays open."""
    stream_idle_timeout: Duration = timedelta(minutes=5)
    """How long nothing may be sent or taken, either way, while a request or its answer is under way; longer:
    408, or the end of the answer. For clients that do not read their answers too. Upstreams with
    `timeout: 0s` (streams) have an hour."""
    total: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Connections at once, all clients together; further ones are closed. Default: half of
    the file descriptors that the process may have, at most 100,000."""
    per_address: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Connections at once of one client address, of IPv6 of one /64 network; further ones are closed. Trusted
    proxies have no such limit. Default: half of `total`, so that no single address takes all of them; many
    people share an address behind a mobile network or an office, so a lower figure must suit them. 0: no
    limit."""
