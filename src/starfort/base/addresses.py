"""`host:port` as people write it, with IPv6 addresses in brackets (RFC 3986, section 3.2.2)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

MAX_PORT: Final = 65535
"""A port has 16 bits (RFC 9293, section 3.1)."""

_ADDRESS: Final = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9_.-]+)):(?P<port>[0-9]{1,5})"
)

_NAME: Final = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,32}\.?")
"""Labels of at most 63 characters (RFC 1035, section 2.3.4), as few as any name in use has."""


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """Where to listen or to connect.

    Attributes:
        host: IP address without brackets, or for a member of an upstream also a host name.
        port: 0 to 65535; 0: any free port (listeners only).
    """

    host: str
    port: int

    def __str__(self) -> str:
        """`host:port`, with an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> SocketAddress:
    """Split `127.0.0.1:8080`, `[::1]:8080` or `api.test:443` into host and port.

    Raises:
        ValueError: the text is anything else; the message says what is expected.
    """
    found = _ADDRESS.fullmatch(text)
    # Only an IPv6 address may stand in brackets: without them its last group would be taken for the port.
    if found is None or int(found["port"]) > MAX_PORT or (found["ipv6"] and not is_ip(found["ipv6"])):
        raise ValueError(f"{text!r} is no address: write host:port, such as 127.0.0.1:8080 or [::1]:8080")
    return SocketAddress(found["ipv6"] or found["host"], int(found["port"]))


def host_of(header: str) -> str | None:
    """The host in a `Host` header, in lower case, without port and brackets.

    The port may be missing or empty (RFC 9110, section 7.2). A dot at the end means the same host (RFC 1034,
    section 3.1) and is left out.

    Returns:
        `None` when no host name or IP address stands where one is expected.
    """
    # Names of hosts have no case (RFC 9110, section 4.2.3).
    text = header.strip().lower()
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        return host if bracket and re.fullmatch(r"(:[0-9]{1,5})?", port) and is_ip(host) else None
    # An IPv6 address without brackets is refused below: what follows its first colon is not a number.
    host, _, port = text.partition(":")
    if not re.fullmatch(r"[0-9]{0,5}", port):
        return None
    return host.rstrip(".") if _NAME.fullmatch(host) else None


def is_ip(host: str) -> bool:
    """Whether a host is an IPv4 or IPv6 address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
