"""Postman collections."""

from typing import Any

from starfort.sources.call import Call, Part
from starfort.sources.formats.outcome import Failure
from starfort.sources.formats.postman import UNKNOWN, Collection
from tests.support.sources import (
    POSTMAN,
)

LOG = frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})


def test_postman() -> None:
    """A saved example is a call with its answer; `:id` without a value is a parameter; authorization is inherited."""
    saved, other = Collection(POSTMAN).calls()
    assert isinstance(saved, Call)
    assert isinstance(other, Call)
    assert (saved.host, saved.target) == ("api.example.com", f"/v1/orders/{UNKNOWN}?x=".encode())
    assert (saved.status, saved.response_body) == (200, b'{"id": 1}')
    assert (b"authorization", b"Bearer {{token}}") in saved.headers
    assert (other.host, other.target, other.status) == ("", f"/v1/parts/{UNKNOWN}".encode(), None)
    assert Part.RESPONSE in other.unseen


def test_postman_2_0() -> None:
    """Version 2.0 has authorization as an object and the URL in parts."""
    collection = {
        "info": {"name": "x", "schema": "https://schema.getpostman.com/json/collection/v2.0.0/collection.json"},
        "item": [
            {
                "request": {
                    "method": "post",
                    "auth": {"type": "apikey", "apikey": {"key": "x-key", "value": "v"}},
                    "url": {"protocol": "https", "host": ["api", "example", "com"], "path": ["v1", ":id"],
                            "query": [{"key": "q", "value": "1"}], "variable": [{"key": "id", "value": "7"}]},
                    "body": {"mode": "urlencoded", "urlencoded": [{"key": "a", "value": "b c"}]},
                }
            }
        ],
    }  # fmt: skip
    (call,) = Collection(collection).calls()
    assert isinstance(call, Call)
    assert (call.method, call.host, call.target, call.body) == (
        "POST",
        "api.example.com",
        b"/v1/7?q=1",
        b"a=b+c",
    )
    assert (b"x-key", b"v") in call.headers


def test_postman_folders_in_folders_end() -> None:
    """A collection that nests without end is a mistake and no endless loop."""
    inner: dict[str, Any] = {"request": "http://a.example/x"}
    for _ in range(200):
        inner = {"item": [inner]}
    (outcome,) = Collection(inner).calls()
    assert isinstance(outcome, Failure)
