"""Opens the sockets that sources listen on."""

from __future__ import annotations

import socket

from starfort.base.addresses import parse_address


def bound(address: str) -> socket.socket:
    """A bound TCP socket.

    Args:
        address: `HOST:PORT`.

    Raises:
        OSError: the port is taken, not allowed, or the address is not of this host.
    """
    place = parse_address(address)
    listening = socket.socket(socket.AF_INET6 if ":" in place.host else socket.AF_INET, socket.SOCK_STREAM)
    # After a restart, old connections in TIME_WAIT must not keep the port.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((place.host, place.port))
    except OSError:
        listening.close()
        raise
    return listening
