"""Which names the server answers to: no page of another site reaches it by DNS rebinding."""

import datetime as dt
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

from starfort.api.hosts import Hosts
from starfort.config.operation import Admin, AdminTls

OURS = ["127.0.0.1", "127.0.0.1:9443", "127.8.8.8", "[::1]", "[::1]:9443", "localhost", "LOCALHOST:1", "a.localhost",
        "192.0.2.7:9443", "[2001:db8::1]:9443", "starfort.test", "starfort.test.", "STARFORT.test:8443"]  # fmt: skip
FOREIGN = ["evil.example", "evil.example:9443", "localhost.evil.example", "127.0.0.1.evil.example", "starfort.test.evil.example",
           "", " ", "[::1", "::1", "[evil]:1", "a b", "evil.example@127.0.0.1", "127.0.0.1:80:90", "x.starfort.test"]  # fmt: skip
PATHS = [
    "/api/v1/health",
    "/api/v1/status",
    "/api/v1/openapi.json",
    "/healthz",
    "/metrics",
    "/api/none",
    "/nothing",
]


@pytest.mark.parametrize("host", OURS)
async def test_our_names(client: httpx.AsyncClient, host: str) -> None:
    """Addresses, loopback names and configured names are answered."""
    assert (await client.get("/api/v1/health", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
async def test_foreign_names_on_every_route(client: httpx.AsyncClient, host: str) -> None:
    """Any other name is 421 everywhere, before credentials are looked at."""
    for path in PATHS:
        answer = await client.get(path, headers={"host": host})
        assert answer.status_code == 421
        assert answer.json()["type"] == "urn:starfort:problem:unknown_host"
        assert "admin.hosts" in answer.json()["detail"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    login = {"name": "root", "password": "correct horse battery"}
    assert (await client.post("/api/v1/sessions", json=login, headers={"host": host})).status_code == 421


@pytest.mark.parametrize("headers", [[], [(b"host", b"127.0.0.1"), (b"host", b"127.0.0.1")]])
async def test_one_host_and_no_other_number(app: FastAPI, headers: list[tuple[bytes, bytes]]) -> None:
    """A request without Host, or with two, is not answered."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/healthz",
        "query_string": b"",
        "headers": headers,
        "scheme": "http",
    }

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, None, send)
    assert sent[0]["status"] == 421


async def test_websockets_and_the_local_socket(app: FastAPI) -> None:
    """A WebSocket to a foreign name is closed; over the Unix socket, where no browser comes, any name will do."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"evil.example"), (b"origin", b"http://evil.example")]
    scope: dict[str, Any] = {
        "type": "websocket",
        "path": "/_nicegui_ws/socket.io/",
        "headers": headers,
        "scheme": "ws",
    }
    await app(scope, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
    sent.clear()
    scope = {"type": "http", "method": "GET", "path": "/healthz", "query_string": b"", "scheme": "http"}
    await app(scope | {"headers": headers[:1], "state": {"local": True}}, None, send)
    assert sent[0]["status"] == 200


def test_names_of_the_certificate_and_wildcards(tmp_path: Path) -> None:
    """A browser has checked the certificate's names, so they need not be repeated; a wildcard is one label."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cn.example")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("Console.example.com"), x509.DNSName("*.apps.example.com")]
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path / "admin.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    tls = AdminTls(certificate=path, key=path)
    settings = Admin(address="ops.example.net:9443", hosts=["*.corp.example"], tls=tls)
    hosts = Hosts(lambda: settings)
    for ours in ("console.example.com", "x.apps.example.com", "ops.example.net", "a.corp.example:1"):
        assert hosts.answers_to(ours), ours
    for foreign in ("example.com", "apps.example.com", "a.b.apps.example.com", "corp.example", "cn.example"):
        assert not hosts.answers_to(foreign), foreign
    settings = Admin(tls=AdminTls(certificate=tmp_path / "none.pem", key=path))
    assert not hosts.answers_to("console.example.com")
    path.write_text("no certificate")
    settings = Admin(tls=AdminTls(certificate=path, key=path))
    assert not hosts.answers_to("console.example.com")
