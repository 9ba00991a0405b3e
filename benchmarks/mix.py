"""The traffic of every benchmark: three reads of a shop and one order, as browsers and partners send them.

One definition makes the upstream's answers and the load generators' requests: every proxy gets the same.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

HOST: Final = "shop.example.com"
ISSUER: Final = "https://id.example.com"
AUDIENCE: Final = "shop"
VARIANTS: Final = 64
"""Different requests of each kind: addresses, ids, sessions and tokens of as many callers."""

CREATED: Final = ("/api/v1/orders", "/api/v1/messages", "/api/v1/import")
"""Paths that take a POST and answer with status 201."""

LOGIN_REFUSED: Final = b'{"error": "no such account or wrong password"}'
"""What the API answers to every log-in, with status 401."""

EXPIRES: Final = 4_102_444_800
"""2100-01-01: tokens that outlive any run."""

AGENTS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1",
)


@dataclass(frozen=True)
class Mix:
    """What is sent and answered.

    Attributes:
        requests: raw HTTP/1.1 requests in the order in which they are sent, over and over; none of them is
            an attack.
        answers: body of each path; a path that ends in `/` stands for all below it.
        jwks: the public key of the tokens, as a JSON Web Key Set.
        api_keys: the partners' API keys.
    """

    requests: list[bytes]
    answers: dict[str, bytes]
    jwks: str
    api_keys: list[str]

    def write_binary(self, path: Path) -> None:
        """Write for `open_loop`: each request after its length (u32, big endian)."""
        path.write_bytes(b"".join(struct.pack(">I", len(each)) + each for each in self.requests))


def write_lua(path: Path, requests: Sequence[bytes]) -> None:
    """Write a script for wrk that sends requests in turn, over and over."""
    lines = [f"  {_lua(request)}," for request in requests]
    path.write_bytes(
        b"local requests = {\n" + "\n".join(lines).encode() + b"\n}\nlocal at = 0\n"
        b"function request()\n  at = at % #requests + 1\n  return requests[at]\nend\n"
    )


def mix() -> Mix:
    """The mix; the same at every call but for the token key."""
    chance = random.Random(7)  # noqa: S311 - the same traffic in every run
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    keys = [hashlib.sha256(f"partner {n}".encode()).hexdigest() for n in range(8)]
    requests = []
    for n in range(VARIANTS):
        address = caller(chance, n)
        headers = browser(AGENTS[n % len(AGENTS)], address, f"{chance.getrandbits(128):032x}")
        token = _token(key, f"user-{n}")
        requests += [
            get(f"/api/v1/products?page={n % 9}&per_page=20&sort=-price&q=red+shoes", headers),
            get(f"/api/v1/products/{chance.randrange(1_000, 99_999)}", headers),
            get(
                f"/api/v1/accounts/{chance.randrange(1_000, 99_999)}/orders?status=open",
                [*headers, ("Authorization", f"Bearer {token}")],
            ),
            order(chance, address, keys[n % len(keys)]),
        ]
    return Mix(requests, _answers(chance), _jwks(key), keys)


def caller(chance: random.Random, number: int) -> str:
    """An address to ask from, of those set apart for benchmarks (RFC 2544)."""
    return f"198.{18 + number % 2}.{chance.randrange(256)}.{chance.randrange(1, 255)}"


def browser(agent: str, address: str, session: str) -> list[tuple[str, str]]:
    """Headers of a browser's script.

    Args:
        agent: the user agent.
        address: the client's, as a proxy before us would say.
        session: an id, hexadecimal, at least eight digits.
    """
    return [
        ("Accept", "application/json, text/plain, */*"),
        ("Accept-Language", "en-GB,en;q=0.9,de;q=0.7"),
        ("Accept-Encoding", "gzip, deflate, br"),
        ("User-Agent", agent),
        ("Referer", f"https://{HOST}/catalogue?view=grid"),
        (
            "Cookie",
            f"session={session}; consent=all; theme=dark; _ga=GA1.2.{int(session[:8], 16)}.1730000000",
        ),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Mode", "cors"),
        ("X-Forwarded-For", address),
    ]


def get(target: str, headers: Sequence[tuple[str, str]]) -> bytes:
    """A request without a body."""
    return _head(f"GET {target} HTTP/1.1", headers) + b"\r\n"


def post(target: str, headers: Sequence[tuple[str, str]], content_type: str, body: bytes) -> bytes:
    """A request with a body of known length."""
    more = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    return _head(f"POST {target} HTTP/1.1", [*headers, *more]) + b"\r\n" + body


def order(
    chance: random.Random, address: str, key: str,
    note: str = "Please ring the bell twice and leave it with the neighbour",
) -> bytes:  # fmt: skip
    """An order, some 440 bytes of JSON, from a partner's program.

    Args:
        chance: chooses what is ordered.
        address: the client's.
        key: the API key.
        note: what the customer wrote.
    """
    content = {
        "customer": {"id": chance.randrange(1_000, 99_999), "name": "Ada Example", "tier": "gold"},
        "items": [
            {"sku": f"SKU-{chance.randrange(10**6):06}", "quantity": chance.randrange(1, 5), "price": 19.95}
            for _ in range(3)
        ],
        "shipping": {"street": "12 Harbour Road", "city": "Bristol", "postcode": "BS1 4RN", "country": "GB"},
        "note": note,
        "express": True,
        "coupon": None,
    }
    return post("/api/v1/orders", partner(address, key), "application/json", json.dumps(content).encode())


def partner(address: str, key: str) -> list[tuple[str, str]]:
    """Headers of a partner's program, which has an API key."""
    return [
        ("Accept", "application/json"),
        ("User-Agent", "partner-sync/4.2 (+https://partner.example.com)"),
        ("X-Api-Key", key),
        ("X-Forwarded-For", address),
    ]


def _head(line: str, headers: Sequence[tuple[str, str]]) -> bytes:
    fields = [line, f"Host: {HOST}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(fields) + "\r\n").encode()


def _answers(chance: random.Random) -> dict[str, bytes]:
    """Answers of 1 to 4 KB, an e-mail address and a phone number in one of them, as such APIs have."""
    products = [_product(chance) for _ in range(20)]
    orders = [
        {"id": chance.randrange(10**6), "status": "open", "total": chance.randrange(1_000, 90_000) / 100,
         "currency": "GBP", "placed": f"2026-03-0{n % 9 + 1}T10:21:07Z", "items": chance.randrange(1, 9)}
        for n in range(16)
    ]  # fmt: skip
    contact = {"email": "ada@example.com", "phone": "+44 117 496 0123"}
    detail = {**_product(chance), "description": "A comfortable shoe for long days. " * 20,
              "related": [chance.randrange(99_999) for _ in range(20)]}  # fmt: skip
    return {
        "/api/v1/products": _json({"items": products, "page": 1, "pages": 9}),
        "/api/v1/products/": _json(detail),
        "/api/v1/accounts/": _json({"contact": contact, "orders": orders}),
        "/api/v1/orders": _json({"id": 4711, "status": "accepted", "total": 59.85, "currency": "GBP",
                                 "links": {"self": "/api/v1/orders/4711"}}),
        "/api/v1/messages": _json({"id": 815, "status": "received"}),
        "/api/v1/import": _json({"id": 42, "status": "queued", "items": 100}),
    }  # fmt: skip


def _product(chance: random.Random) -> dict[str, Any]:
    return {
        "id": chance.randrange(1_000, 99_999),
        "name": f"Runner {chance.randrange(100)}",
        "price": chance.randrange(1_000, 20_000) / 100,
        "currency": "GBP",
        "stock": chance.randrange(200),
        "colours": ["red", "black", "white"],
        "image": f"/img/{chance.getrandbits(48):012x}.webp",
    }


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _token(key: rsa.RSAPrivateKey, subject: str) -> str:
    """A JWT signed with RS256 (RFC 7515, RFC 7518)."""
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "scope": "orders:read profile",
        "iat": 1_767_225_600, "exp": EXPIRES,
    }  # fmt: skip
    signed = ".".join(_base64url(_json(part)) for part in ({"alg": "RS256", "kid": "bench"}, claims))
    return f"{signed}.{_base64url(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _jwks(key: rsa.RSAPrivateKey) -> str:
    numbers = key.public_key().public_numbers()
    n, e = (
        _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))
        for number in (numbers.n, numbers.e)
    )
    return json.dumps(
        {"keys": [{"kty": "RSA", "kid": "bench", "alg": "RS256", "use": "sig", "n": n, "e": e}]}
    )


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _lua(raw: bytes) -> str:
    """A Lua string literal."""
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03}" for b in raw) + '"'  # noqa: PLR2004
