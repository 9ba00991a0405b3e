"""Which names this server answers to.

A page of another site can make its own name point to 127.0.0.1 (DNS rebinding). The browser then takes both
for one site, and lets the page read what this server answers. Such a request names the other site in `Host`.
An address as `Host` cannot be rebound, so addresses are always answered, and names only when they are ours.
"""

import socket
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from cryptography import x509

from starfort.admin.desk import Desk
from starfort.base.addresses import host_of, is_ip
from starfort.config.operation import Admin


class Hosts:
    """The names of one installation.

    Args:
        settings: the `admin` part of the configuration in force.
    """

    def __init__(self, settings: Callable[[], Admin]) -> None:
        self._settings = settings

    @classmethod
    def of(cls, desk: Desk) -> "Hosts":
        """The names of a desk's installation, as its configuration in force says."""
        return cls(lambda: desk.insight.settings.admin)

    def answers_to(self, host: str) -> bool:
        """Whether a request with this `Host` is ours.

        Ours are addresses, loopback names, this machine's name, the name in `admin.address`, those in
        `admin.hosts`, and those of the certificate in `admin.tls`.

        Args:
            host: the header, with or without a port.
        """
        name = host_of(host)
        if name is None:
            return False
        if is_ip(name) or name == "localhost" or name.endswith(".localhost"):
            return True
        settings = self._settings()
        names = {_own_name(), host_of(settings.address) or ""}
        names |= {each.lower().rstrip(".") for each in settings.hosts}
        if settings.tls is not None:
            names |= _certified(settings.tls.certificate)
        # An address that names no host gives "", which is nobody's name.
        names.discard("")
        # A certificate for *.example.com covers one label in its place (RFC 6125, 6.4.3).
        return name in names or f"*.{name.partition('.')[2]}" in names


# Asked for with every request, and it does not change while this runs.
@lru_cache(maxsize=1)
def _own_name() -> str:
    return socket.gethostname().lower()


def _certified(path: Path) -> frozenset[str]:
    # The time of the file is part of the cache's key: a renewed certificate counts from the next request on.
    try:
        return _names_in(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return frozenset()


@lru_cache(maxsize=4)
def _names_in(path: Path, _changed: int) -> frozenset[str]:
    """The DNS names in a certificate. A browser that got this far has checked them."""
    # The first is the server's own; those of its authorities follow (RFC 8446, 4.4.2).
    certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(name.lower() for name in found.value.get_values_for_type(x509.DNSName))
