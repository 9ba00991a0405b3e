"""Which addresses documents are fetched from.

A name in a configuration may come to lead to the machine itself or to a cloud's metadata service, by mistake
or because somebody changed the name's address. So only public addresses are used, and those that the
configuration allows, and the connection goes to the very address that was checked.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

from starfort.contracts.sources.kept import FetchError


def checked(host: str, port: int, networks: Sequence[str]) -> list[str]:
    """The addresses of a host that may be connected to.

    Args:
        host: its name, or an address.
        port: the port.
        networks: networks beyond the public addresses.

    Raises:
        FetchError: it has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError(f"{host} has no address: {error}") from error
    addresses = list(dict.fromkeys(str(row[4][0]).partition("%")[0] for row in found))
    allowed = [address for address in addresses if is_allowed(address, networks)]
    if not allowed:
        raise FetchError(
            f"{host} is {addresses[0]}, which is not public; if that is right, "
            f"allow it with `networks: [{addresses[0]}]`"
        )
    return allowed


def is_allowed(address: str, networks: Sequence[str]) -> bool:
    """Whether an address is public, or in one of the networks."""
    found = ipaddress.ip_address(address)
    # `::ffff:127.0.0.1` and `64:ff9b::7f00:1` lead to what they hold.
    inner = getattr(found, "ipv4_mapped", None) or _translated(found)
    if inner is not None:
        found = inner
    named = (ipaddress.ip_network(network) for network in networks)
    if any(found.version == network.version and found in network for network in named):
        return True
    return found.is_global and not found.is_multicast


def _translated(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address within one of NAT64 (RFC 6052)."""
    if address.version == 6 and address in ipaddress.ip_network("64:ff9b::/96"):  # noqa: PLR2004
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None
