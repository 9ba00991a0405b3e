"""Checks the files that a data plane depends on, before Envoy is told about them.

Each function takes a file's content and raises `ValueError` with a text that continues the file's name: "is
no PEM certificate". No message has any of the content. `cryptography` is imported only when there is a file
to read, because most configurations name none.
"""

from __future__ import annotations

import hashlib
import json
import ssl
from pathlib import Path
from typing import Final

SYSTEM_AUTHORITIES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
"""The files of Debian, Fedora and Alpine, for a Python whose OpenSSL looks elsewhere."""


def chain(content: bytes) -> tuple[bytes, bytes]:
    """Public key of the first certificate of a PEM chain (DER), and the content.

    Raises:
        ValueError: it is none.
    """
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    # The first certificate is the server's own (RFC 8446, section 4.4.2), so the key must belong to it.
    try:
        first = x509.load_pem_x509_certificate(content)
        public = first.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except ValueError as error:
        raise ValueError("is no PEM certificate") from error
    return public, content


def private_key(content: bytes) -> tuple[bytes, bytes]:
    """Public key of a PEM private key (DER), and the content.

    Raises:
        ValueError: it is none, or it is encrypted.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    try:
        key = serialization.load_pem_private_key(content, None)
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except TypeError as error:
        raise ValueError("is encrypted: Envoy needs the key without a passphrase") from error
    except ValueError as error:
        raise ValueError("is no PEM private key") from error
    return public, content


def authorities(content: bytes) -> str:
    """SHA-256 of a PEM file of certificate authorities.

    Raises:
        ValueError: it is none.
    """
    # The first certificate is enough: what matters is that it is PEM, and Envoy reads the rest.
    chain(content)
    return hashlib.sha256(content).hexdigest()


def key_set(content: bytes) -> str:
    """A JSON Web Key Set (RFC 7517), as text.

    Raises:
        ValueError: it is none.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError("is no JSON") from error
    # With an empty set no token would ever verify, which looks like an attack and is a wrong file.
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise ValueError('is no key set: expected {"keys": [{"kty": …}]} (RFC 7517)')
    return content.decode("utf-8")


def system_authorities() -> Path | None:
    """The file of the system's certificate authorities, `None` when there is none."""
    found = ssl.get_default_verify_paths().cafile
    places = [found] if found else []
    return next((path for path in map(Path, [*places, *SYSTEM_AUTHORITIES]) if path.is_file()), None)
