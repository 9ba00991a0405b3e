"""Which names this server answers to.

A page of another site can make its own name point to 127.0.0.1 (DNS rebinding): the browser then takes both
for one site. Such a request names that site in `Host`. An address as `Host` cannot be rebound, so addresses
are always answered; names only when they are ours.
"""

import ipaddress
import re
import socket
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from cryptography import x509

from starfort.admin.desk import Desk
from starfort.config.model import Admin

_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,32}\.?")


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
        name = _name_of(host)
        if name is None:
            return False
        if _is_address(name) or name == "localhost" or name.endswith(".localhost"):
            return True
        settings = self._settings()
        names = {_own_name(), _name_of(settings.address) or ""}
        names |= {each.lower().rstrip(".") for each in settings.hosts}
        if settings.tls is not None:
            names |= _certified(settings.tls.certificate)
        names.discard("")
        return name in names or f"*.{name.partition('.')[2]}" in names


def _name_of(host: str) -> str | None:
    """The header without its port, lower case; `None` when it is no host at all."""
    text = host.strip().lower()
    if text.startswith("["):
        inner, bracket, port = text[1:].partition("]")
        return inner if bracket and re.fullmatch(r"(:\d{1,5})?", port) and _is_address(inner) else None
    name, colon, port = text.partition(":")
    if colon and not re.fullmatch(r"\d{0,5}", port):
        return None
    return name.rstrip(".") if _NAME.fullmatch(name) else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1)
def _own_name() -> str:
    return socket.gethostname().lower()


def _certified(path: Path) -> frozenset[str]:
    try:
        return _names_in(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return frozenset()


@lru_cache(maxsize=4)
def _names_in(path: Path, _changed: int) -> frozenset[str]:
    """Names of a certificate: a browser has checked that they are the server's."""
    certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(name.lower() for name in found.value.get_values_for_type(x509.DNSName))
