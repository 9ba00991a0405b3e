"""Where clients connect, and with what TLS."""

from __future__ import annotations

from typing import Literal

from starfort.config.connections import ProxyProtocol
from starfort.config.fields import Address, Model, Name
from starfort.config.paths import InputFile


class ListenerTls(Model):
    """TLS towards clients. Files are read by Envoy, which notices when they are replaced."""

    certificate: InputFile
    """PEM chain."""
    key: InputFile
    """PEM private key."""
    client_ca: InputFile | None = None
    """PEM of the authorities that client certificates are verified against."""
    client_certificate: Literal["optional", "required"] = "optional"
    """Whether clients must show a certificate; needs `client_ca`."""
    min_version: Literal["1.2", "1.3"] = "1.2"
    """Lowest TLS version."""


class Listener(Model):
    """Where clients connect."""

    name: Name
    """Unique name."""
    address: Address
    """Host and port to listen on."""
    tls: ListenerTls | None = None
    """Without it the listener speaks plain HTTP."""
    http2: bool = True
    """Offer HTTP/2 (by ALPN; without TLS by prior knowledge)."""
    proxy_protocol: ProxyProtocol | None = None
    """The PROXY protocol, with which load balancers say where a connection comes from; default: not
    accepted."""
