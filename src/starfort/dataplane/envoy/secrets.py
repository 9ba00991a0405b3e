"""Makes the secrets, which tell Envoy the files of certificates, keys and authorities.

Envoy reads these files again when anything is renamed into the directory of the secrets. When the content of
a certificate changes, the file of its secret is written anew. So Envoy reads the new certificate, whether it
was renamed, linked or written in place. Keys are never copied.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from envoy.extensions.transport_sockets.tls.v3 import secret_pb2

from starfort.dataplane import ir
from starfort.dataplane.envoy.messages import packed
from starfort.dataplane.envoy.sources import SECRETS
from starfort.dataplane.json import Json

MAX_CERTIFICATE_CHAIN: Final = 10
"""Certificates between a client's and an authority; public chains have two or three."""


def key_pair_name(owner: str) -> str:
    """Name of the secret with an owner's key pair. `owner`: `listener-NAME`, `upstream-NAME`, `jwks-NAME`."""
    return f"{owner}-key-pair"


def authorities_name(owner: str) -> str:
    """Name of the secret with the authorities that an owner verifies against."""
    return f"{owner}-authorities"


def secrets(dataplane: ir.Dataplane) -> dict[str, tuple[Json, str]]:
    """Every secret by name, with a fingerprint of the files that it points to."""
    # By default Envoy watches the folder of the certificate, and misses a file that is written in place.
    watched = {"path": str(dataplane.directory / SECRETS)}
    found: dict[str, tuple[Json, str]] = {}

    def add_pair(owner: str, pair: ir.KeyPair) -> None:
        name = key_pair_name(owner)
        certificate = {
            "certificate_chain": _file(pair.certificate),
            "private_key": _file(pair.key),
            "watched_directory": watched,
        }
        # A renewed certificate has the same path, so the fingerprint is what gives the secret a new version.
        found[name] = (_secret(name, "tls_certificate", certificate), pair.fingerprint)

    def add_authorities(owner: str, authorities: ir.Authorities) -> None:
        name = authorities_name(owner)
        context = {
            "trusted_ca": _file(authorities.file),
            "watched_directory": watched,
            "max_verify_depth": MAX_CERTIFICATE_CHAIN,
        }
        found[name] = (_secret(name, "validation_context", context), authorities.fingerprint)

    for listener in dataplane.listeners:
        if listener.tls is not None:
            add_pair(f"listener-{listener.name}", listener.tls.key_pair)
            if listener.tls.client_ca is not None:
                add_authorities(f"listener-{listener.name}", listener.tls.client_ca)
    for owner, tls in _client_sides(dataplane):
        add_authorities(owner, tls.ca)
        if tls.key_pair is not None:
            add_pair(owner, tls.key_pair)
    return found


def _client_sides(dataplane: ir.Dataplane) -> list[tuple[str, ir.ClientTls]]:
    sides = [(f"upstream-{one.name}", one.tls) for one in dataplane.upstreams]
    sides += [
        (f"jwks-{one.name}", one.keys.tls)
        for one in dataplane.jwt_providers
        if isinstance(one.keys, ir.RemoteKeys)
    ]
    return [(owner, tls) for owner, tls in sides if tls is not None]


def _file(path: Path) -> Json:
    return {"filename": str(path)}


def _secret(name: str, kind: str, value: Json) -> Json:
    return packed(secret_pb2.Secret, {"name": name, kind: value})
