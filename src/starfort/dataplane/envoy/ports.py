"""Checks whether the addresses of listeners are free, and whether somebody listens there."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Iterable
from typing import Final

from starfort.base.addresses import SocketAddress
from starfort.dataplane import ir
from starfort.dataplane.envoy.errors import EnvoyError

_BIND_ERRORS: Final = {
    errno.EADDRINUSE: "another program listens there; end it or choose another address",
    errno.EACCES: "ports below 1024 need a privilege (CAP_NET_BIND_SERVICE); choose a higher one",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
}


def require_free(listeners: Iterable[ir.Listener]) -> None:
    """Check that the addresses of these listeners are free.

    Envoy's sockets share their port (`SO_REUSEPORT`, one socket for each worker). If another Envoy of this
    user listens there, a new one gets half of its connections and no error, so this is checked before.

    Raises:
        EnvoyError: one is not free; the text names listener and address.
    """
    for listener in listeners:
        address = listener.address
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            # Old connections in TIME_WAIT are no reason to refuse. `SO_REUSEPORT` is left out on purpose:
            # with it the trial would succeed beside another Envoy.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((address.host, address.port))
            except OSError as error:
                why = _BIND_ERRORS.get(error.errno or 0, os.strerror(error.errno or 0))
                raise EnvoyError(f"the listener {listener.name!r} can't have {address}: {why}") from error


async def accepts(address: SocketAddress) -> bool:
    """Whether somebody listens at an address of this machine."""
    # A listener on "all addresses" is on loopback too; a wildcard address itself is no destination.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104 (not bound here)
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(host, address.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
