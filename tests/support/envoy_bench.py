"""A data plane under the supervisor, in front of small upstreams, and certificates for it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import datetime as dt
import ipaddress
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from starfort import config
from starfort.compile.dataplane import to_dataplane
from starfort.dataplane import ir
from starfort.dataplane.envoy import resources
from starfort.dataplane.supervisor import EnvoySupervisor, Patience
from tests.support.filter_bench import Receive, Scope, Send, serve_upstream, write_bundle

PATIENCE: Final = Patience(drain_s=2.0, end_s=5.0, restart_s=0.05, longest_restart_s=0.2)


@dataclass
class Echo:
    """Upstreams that answer with the request that they got.

    Attributes:
        gate: requests to `/wait` are answered once it is set.
        waiting: set as soon as such a request is there.
    """

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self, name: str) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """The ASGI application of one upstream."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            while (await receive()).get("more_body"):
                pass
            if scope["path"] == "/wait":
                self.waiting.set()
                await self.gate.wait()
            headers = {key.decode(): value.decode() for key, value in scope["headers"]}
            target = scope["raw_path"].decode()
            body = json.dumps({"upstream": name, "path": target, "headers": headers}).encode()
            head = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"x-envoy-upstream-service-time", b"1"),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": body})

        return serve


@dataclass
class Place:
    """The folder, upstreams and ports of a test's Envoy.

    Attributes:
        directory: holds configuration, certificates and `var`, the data directory.
        ports: port of each upstream.
        echo: the upstreams.
    """

    directory: Path
    ports: dict[str, int]
    echo: Echo

    def dataplane(self, text: str) -> ir.Dataplane:
        """The data plane of a configuration; `{shop}` and `{other}` become the upstreams' ports."""
        for name, port in self.ports.items():
            text = text.replace("{" + name + "}", str(port))
        path = self.directory / "starfort.yaml"
        path.write_text(text)
        made = to_dataplane(config.load(path))
        made.filter_settings.bundle.parent.mkdir(mode=0o700, exist_ok=True)
        write_bundle(made.filter_settings.bundle, "v1", [])
        return dataclasses.replace(made, workers=1)

    def supervisor(self, patience: Patience = PATIENCE) -> EnvoySupervisor:
        """A supervisor for the data directory."""
        return EnvoySupervisor(self.directory / "var", patience=patience)


BASIC: Final = """
version: 1
node: test
listeners: [{name: public, address: "127.0.0.1:0"}]
upstreams: [{name: shop, addresses: ["127.0.0.1:{shop}"]}]
apis: [{name: shop, upstream: shop}]
"""


@contextlib.asynccontextmanager
async def place(directory: Path) -> AsyncIterator[Place]:
    """Two upstreams, `shop` and `other`, and a directory for an Envoy in front of them."""
    echo = Echo()
    async with contextlib.AsyncExitStack() as stack:
        ports = {
            name: await stack.enter_async_context(serve_upstream(echo.app(name)))
            for name in ("shop", "other")
        }
        try:
            yield Place(directory, ports, echo)
        finally:
            echo.gate.set()


@contextlib.asynccontextmanager
async def running(supervisor: EnvoySupervisor, dataplane: ir.Dataplane) -> AsyncIterator[None]:
    """An Envoy that runs during the block."""
    await supervisor.start(dataplane)
    try:
        yield
    finally:
        await supervisor.stop()


async def url(supervisor: EnvoySupervisor, listener: str = "public", scheme: str = "http") -> str:
    """Base URL of a listener."""
    host, port = (await supervisor.addresses())[listener]
    return f"{scheme}://{host}:{port}"


async def get(base: str, path: str = "/", **arguments: Any) -> httpx.Response:
    """One request over a connection of its own. `arguments`: of httpx's `AsyncClient`, and `headers`."""
    headers = arguments.pop("headers", {})
    arguments.setdefault("verify", False)  # reading the system's authorities takes longer than the request
    async with httpx.AsyncClient(base_url=base, timeout=10, **arguments) as client:
        return await client.get(path, headers=headers)


def seen_by_the_filter(monkeypatch: Any) -> None:
    """Leave Starfort's own filter out, and let the upstream see the headers that are meant for it."""
    render = resources.render

    def without(dataplane: ir.Dataplane) -> resources.Resources:
        made = render(dataplane)
        text = json.dumps(made.files)
        files = json.loads(text)
        for listener in files["listeners.json"]["resources"]:
            manager = listener["filter_chains"][0]["filters"][-1]["typed_config"]
            manager["http_filters"] = [one for one in manager["http_filters"] if one["name"] != "starfort"]
        table = files["routes.json"]["resources"][0]
        routes = [route for host in table["virtual_hosts"] for route in host["routes"]]
        for place in (table, *routes):
            place.pop("request_headers_to_remove", None)
        return resources.Resources(made.bootstrap, files)

    monkeypatch.setattr("starfort.dataplane.envoy.placement.render", without)


@dataclass
class Identity:
    """A certificate with its key, as files."""

    certificate: Path
    key: Path
    serial: int


class Authority:
    """A certificate authority that tests trust."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.file = directory / f"{name}.crt"
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *names: x509.GeneralName) -> Identity:
        """A certificate for alternative names, in files called `name`; an existing one is written over."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key.public_key())
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        made = Identity(
            self._directory / f"{name}.crt", self._directory / f"{name}.key", certificate.serial_number
        )
        made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        made.key.write_bytes(pem(key))
        return made

    def server(self, name: str = "server") -> Identity:
        """A certificate for localhost and 127.0.0.1."""
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        return self.issue(name, x509.DNSName("localhost"), address)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """A private key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def base64url(value: bytes) -> str:
    """Base64 in the form of JWTs: URL-safe and without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class Issuer:
    """Issues JWTs."""

    def __init__(self, name: str = "https://id.example.com") -> None:
        self.name = name
        self.key = rsa.generate_private_key(65537, 2048)
        numbers = self.key.public_key().public_numbers()
        modulus = base64url(numbers.n.to_bytes(256, "big"))
        self.keys = {"keys": [{"kty": "RSA", "kid": "1", "alg": "RS256", "n": modulus, "e": "AQAB"}]}

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Claims that are valid for ten minutes."""
        now = int(dt.datetime.now(dt.UTC).timestamp())
        return {"iss": self.name, "sub": "alice", "aud": "shop", "iat": now, "exp": now + 600, **changed}

    def token(self, **changed: Any) -> str:
        """A token that this issuer signed."""
        text = self._unsigned({"alg": "RS256", "kid": "1"}, self.claims(**changed))
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{base64url(signature)}"

    def unsigned(self) -> str:
        """A token with the algorithm `none`."""
        return self._unsigned({"alg": "none"}, self.claims()) + "."

    def confused(self) -> str:
        """A token whose HMAC key is the issuer's public key, as PEM."""
        text = self._unsigned({"alg": "HS256", "kid": "1"}, self.claims(sub="mallory"))
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        signer = hmac.HMAC(public, hashes.SHA256())
        signer.update(text.encode())
        return f"{text}.{base64url(signer.finalize())}"

    @staticmethod
    def _unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
        return ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))


def modes(directory: Path) -> dict[str, int]:
    """Permission bits of everything in a directory that is a file or a directory."""
    return {str(path): path.stat().st_mode & 0o777 for path in (directory, *directory.rglob("*"))}
