"""The servers that answer, and how Starfort connects to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from starfort.config.fields import Address, Duration, Model, Name
from starfort.config.paths import InputFile


class Retries(Model):
    """When a request is sent to an upstream again."""

    # The default conditions say that the upstream has not begun with the request (for `refused-stream`:
    # RFC 9113, section 8.7), so a repetition is safe for any method.
    attempts: Annotated[int, Field(ge=0, le=10)] = 0
    """Tries after the first."""
    on: list[
        Literal[
            "connect-failure",
            "refused-stream",
            "reset-before-request",
            "gateway-error",
            "5xx",
            "retriable-4xx",
        ]
    ] = ["connect-failure", "refused-stream"]
    """Envoy's retry conditions."""


class HealthCheck(Model):
    """How Starfort finds out which members of an upstream are alive."""

    path: Annotated[str, Field(pattern=r"^/")] = "/"
    """Path that is requested with GET."""
    interval: Duration = timedelta(seconds=5)
    """Time between checks."""
    timeout: Duration = timedelta(seconds=1)
    """How long an answer may take."""
    healthy: Annotated[int, Field(ge=1, le=100)] = 2
    """How many good answers in a row bring a member back."""
    unhealthy: Annotated[int, Field(ge=1, le=100)] = 3
    """How many failures in a row take a member out."""


class UpstreamTls(Model):
    """TLS towards an upstream."""

    server_name: str | None = None
    """SNI, and the name that the certificate must have."""
    ca: InputFile | None = None
    """PEM of the authorities; default: the system's."""
    certificate: InputFile | None = None
    """Client certificate to show, with `key`."""
    key: InputFile | None = None
    """Its key."""

    @model_validator(mode="after")
    def _pair(self) -> Self:
        # Checked here, where the message can name the line; Envoy would only say that it refuses everything.
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self


class Upstream(Model):
    """Servers that answer."""

    name: Name
    """Unique name; Envoy's cluster has the same name."""
    addresses: Annotated[list[Address], Field(min_length=1, max_length=1000)]
    """`host:port` of each member."""
    connect_timeout: Duration = timedelta(seconds=5)
    """How long a connection may take."""
    timeout: Duration = timedelta(seconds=15)
    """How long a whole answer may take; `0s`: no limit, for streams."""
    retries: Retries = Retries()
    """When a request is sent again."""
    health_check: HealthCheck | None = None
    """Without it, all members count as alive."""
    tls: UpstreamTls | None = None
    """TLS to its members; without it, plain HTTP."""
    http2: bool = False
    """Speak HTTP/2 to it."""
