"""The example APIs: a shop, a bank and its fraud desk, in one process on loopback.

Run: python examples/shop/serve.py --shop-port 9001 --bank-port 9002 --fraud-desk-port 9003
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import uuid
from collections import Counter
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response

TEST_CARDS = ["4111111111111111", "5555555555554444", "378282246310005"]
"""Card numbers that the schemes publish for testing. They pass the Luhn check and belong to nobody."""

PRODUCTS = 500


def _counted(app: FastAPI, calls: Counter[str]) -> None:
    @app.middleware("http")
    async def count(request: Request, call_next: Any) -> Response:
        calls[f"{request.method} {request.url.path}"] += 1
        response: Response = await call_next(request)
        return response

    @app.get("/_stats")
    def stats() -> dict[str, int]:
        return dict(calls)


def _person(number: int) -> dict[str, Any]:
    return {
        "id": str(uuid.UUID(int=number + 1, version=4)),
        "name": f"Customer {number}",
        "email": f"customer{number}@shop.example",
        "card": TEST_CARDS[number % len(TEST_CARDS)],
    }


def password_of(account: int) -> str:
    """The password of a demo account: derived from its number, so that traffic can log in without a list."""
    return "pw-" + hashlib.sha256(f"demo {account}".encode()).hexdigest()[:12]


class Release:
    """Whether version 2 of the shop's API is live; nobody tells the security team when it becomes so."""

    def __init__(self, *, live: bool) -> None:
        self.live = live


def shop(*, released: bool = False) -> FastAPI:
    """The shop's API. Version 2 answers 404 until `released` or `POST /_release`."""
    app = FastAPI(openapi_url=None)
    _counted(app, Counter())
    release = Release(live=released)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/_release")
    def go_live() -> dict[str, bool]:
        release.live = True
        return {"released": True}

    _accounts(app)
    _products(app)
    _orders(app)
    _version_2(app, release)
    return app


def _json(content: object) -> Response:
    return Response(json.dumps(content), media_type="application/json")


def _error(what: str, status: int) -> Response:
    # byte for byte what `starfort.yaml` answers when it deceives, so that nobody can tell the two apart
    return Response(f'{{"error":"{what}"}}', status, media_type="application/json")


def _accounts(app: FastAPI) -> None:
    """Log-in, and the account of the caller."""

    @app.post("/login")
    async def login(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
            account = int(str(body["email"]).removeprefix("customer").split("@")[0])
            right = body["password"] == password_of(account)
        except (ValueError, KeyError, TypeError):
            right, account = False, -1
        if not right:
            return _error("invalid credentials", 401)
        return _json({"token": hashlib.sha256(f"session {account}".encode()).hexdigest()})

    @app.get("/v1/account")
    def account(request: Request) -> Response:
        if not request.headers.get("authorization"):
            return _error("log in first", 401)
        return _json(_person(7))


def _product(number: int) -> dict[str, Any]:
    return {"id": number, "name": f"Product {number}", "price": 5 + number % 90, "stock": number % 7}


def _products(app: FastAPI) -> None:
    @app.get("/v1/products")
    def products(page: int = 1) -> dict[str, Any]:
        first = (max(page, 1) - 1) * 20
        return {"page": page, "items": [_product(n) for n in range(first, min(first + 20, PRODUCTS))]}

    @app.get("/v1/products/{product_id}")
    def one_product(product_id: int) -> Response:
        if not 0 <= product_id < PRODUCTS:
            return _error("no such product", 404)
        return _json(_product(product_id))


def _orders(app: FastAPI) -> None:
    @app.post("/v1/orders", status_code=201)
    async def order(request: Request) -> dict[str, str]:
        await request.body()
        return {"id": str(uuid.uuid4()), "status": "placed"}

    @app.get("/v1/orders/{order_id}")
    def one_order(order_id: uuid.UUID) -> dict[str, Any]:
        return {"id": str(order_id), "status": "shipped", "total": 42.5}


def _version_2(app: FastAPI, release: Release) -> None:
    """The version that goes live without a document: it gives away suppliers and any customer's card."""

    @app.get("/v2/products/{product_id}")
    def product_v2(product_id: int) -> Response:
        if not release.live:
            return _error("not found", 404)
        return _json({**_product(product_id), "supplier": "internal"})

    @app.get("/v2/customers/{customer_id}")
    def customer_v2(customer_id: uuid.UUID) -> Response:
        if not release.live:
            return _error("not found", 404)
        return _json(_person(customer_id.int % 1000))


def bank(name: str) -> FastAPI:
    """An OFX server: answers every statement request with an empty, well-formed OFX 1.0 response."""
    app = FastAPI(openapi_url=None)
    _counted(app, Counter())

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/ofx")
    async def ofx(request: Request) -> Response:
        await request.body()
        body = (
            "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\n\r\n"
            f"<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><ORG>{name}</SONRS></SIGNONMSGSRSV1></OFX>"
        )
        return Response(body, media_type="application/x-ofx", headers={"x-answered-by": name})

    return app


async def _serve(apps: list[tuple[FastAPI, int]]) -> None:
    servers = [
        uvicorn.Server(
            uvicorn.Config(
                app,
                host="127.0.0.1",
                port=port,
                log_level="warning",
                access_log=False,
                # Envoy keeps an idle connection for an hour. If this end closed it first, Envoy could send a
                # request on it at the same moment, and the request would be lost.
                timeout_keep_alive=4000,
            )
        )
        for app, port in apps
    ]
    await asyncio.gather(*(server.serve() for server in servers))


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop-port", type=int, default=9001)
    parser.add_argument("--bank-port", type=int, default=9002)
    parser.add_argument("--fraud-desk-port", type=int, default=9003)
    parser.add_argument("--released", action="store_true", help="version 2 is live from the start")
    arguments = parser.parse_args()
    asyncio.run(
        _serve(
            [
                (shop(released=arguments.released), arguments.shop_port),
                (bank("bank"), arguments.bank_port),
                (bank("fraud-desk"), arguments.fraud_desk_port),
            ]
        )
    )


if __name__ == "__main__":
    main()
