"""Checks of access: each fires on what it is about, and not on what only looks like it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from starfort.posture.configured import Configured
from starfort.posture.finding import PostureFinding
from starfort.store import Store
from tests.support.checks import findings
from tests.support.events import START, event, stream

_numbers = itertools.count()
BEARER = {"auth_seen": ["bearer"]}


class Api:
    """An API of its own in the suite's store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.name = f"access-{next(_numbers)}"

    def call(self, endpoint: str, count: int = 5, **fields: Any) -> None:
        """Calls of `GET /x`."""
        method, template = endpoint.split(" ")
        named = {"endpoint_id": f"id{template}"[:16], "template": template}
        row = event(api=self.name, method=method, path=template, **(named | fields))
        self.store.insert_arrow(stream([row] * count), token=f"access-{next(_numbers)}")

    def find(self, name: str, **configured: Any) -> list[PostureFinding]:
        """What one check finds here."""
        return findings(self.store, name, self.name, Configured(**configured))


@pytest.fixture
def api(store: Store) -> Api:
    """An API without calls."""
    return Api(store)


def test_an_open_endpoint_among_guarded_ones(api: Api) -> None:
    """Found with its neighbours as evidence; log-ins and health checks are meant to be open."""
    for path in ("/orders", "/users", "/invoices"):
        api.call(f"GET {path}", **BEARER)
    api.call("GET /export")
    api.call("GET /healthz")
    api.call("POST /login")
    api.call("POST /enter", account_hash="a")
    (finding,) = api.find("open_endpoint")
    assert (
        finding.title
        == f"GET /export answers without credentials; 3 other endpoints of {api.name} ask for them"
    )
    assert finding.severity == "medium"
    assert finding.evidence["open_calls"] == 5
    assert (finding.first_seen, finding.last_seen) == (START, START)


@pytest.mark.parametrize("fields", [{"status": 401}, {"upstream": "", "action": "block"}, BEARER])
def test_a_guarded_endpoint_is_no_finding(api: Api, fields: dict[str, Any]) -> None:
    """One that refuses, or that Starfort refuses for, is not open."""
    for path in ("/orders", "/users", "/invoices"):
        api.call(f"GET {path}", **BEARER)
    api.call("GET /export", **fields)
    assert api.find("open_endpoint") == []


def test_a_public_api_is_no_finding(api: Api) -> None:
    """Where most endpoints are open, open is how it is meant."""
    for path in ("/a", "/b", "/c", "/d", "/e"):
        api.call(f"GET {path}")
    api.call("GET /orders", **BEARER)
    api.call("GET /users", **BEARER)
    assert api.find("open_endpoint") == []


def test_sensitive_data_for_everybody(api: Api) -> None:
    """Only what went out, unmasked, to callers without credentials."""
    api.call("GET /a", sensitive_response=["email", "phone"], sensitive_response_count=3)
    api.call("GET /b", sensitive_response=["email"], **BEARER)
    api.call("GET /c", sensitive_response=["email"], tags=["mask:privacy"])
    api.call("GET /e", sensitive_response=["phone"], tags=["mask:other"])
    api.call("GET /d", sensitive_request=["email"])
    finding, partly = sorted(
        api.find("open_sensitive_data", masked=("mask:privacy email", "mask:other email")),
        key=lambda each: each.title,
    )
    assert partly.title == "GET /e sends phone to callers without credentials"
    assert finding.title == "GET /a sends email, phone to callers without credentials"
    assert finding.evidence["values_sent"] == 15


def test_calls_of_no_endpoint_are_told_as_such(api: Api) -> None:
    """Before the catalogue has an endpoint, one path does not stand for all of them."""
    for path in ("/", "/notes/1"):
        api.call(f"GET {path}", endpoint_id="", template="", sensitive_response=["email"])
    (finding,) = api.find("open_sensitive_data")
    assert finding.title.startswith("An unknown endpoint (such as GET /")
    assert finding.title.endswith(") sends email to callers without credentials")
    assert finding.evidence["answers"] == 10


def test_credentials_in_the_address(api: Api) -> None:
    """By the parameter's name, in the query only; passwords are worse."""
    api.call("GET /a", parameters=["query:access_token:string", "query:page:integer"])
    api.call("GET /b", parameters=["query:PASSWORD:string"])
    api.call(
        "GET /c", parameters=["body:password:string", "query:tokens_used:integer", "query:monkey:string"]
    )
    api.call("GET /d", parameters=["query:token:string"], status=401)
    found = {finding.evidence["subject"]: finding for finding in api.find("credential_in_query")}
    assert set(found) == {"GET /a", "GET /b"}
    assert found["GET /a"].severity == "medium"
    assert found["GET /b"].severity == "high"
    assert found["GET /a"].evidence["names"] == ["access_token"]


def test_credentials_over_plain_http(api: Api) -> None:
    """Basic is worse than a token; over TLS neither is found."""
    api.call("GET /a", scheme="http", auth_seen=["basic"])
    api.call("GET /b", scheme="http", **BEARER)
    api.call("GET /c", scheme="https", auth_seen=["basic"])
    api.call("GET /d", scheme="http")
    severities = {row.evidence["subject"]: row.severity for row in api.find("credential_over_http")}
    assert severities == {"GET /a": "high", "GET /b": "medium"}


def test_an_api_that_takes_every_providers_tokens(api: Api) -> None:
    """Only where it is configured so and called with tokens."""
    api.call("GET /a", identity_kind="jwt", identity_verified=True, subject_hash="s")
    (finding,) = api.find("any_jwt_accepted", any_jwt_apis=(api.name,), jwt_providers=2)
    assert finding.severity == "medium"
    assert finding.endpoint_id == ""
    assert api.find("any_jwt_accepted", any_jwt_apis=("another",), jwt_providers=2) == []


def test_an_api_that_nobody_calls_with_tokens_is_no_finding(api: Api) -> None:
    """An API that would take every provider's tokens, and is called with keys or with tokens that failed."""
    api.call("GET /a", identity_kind="api_key", identity_verified=True, subject_hash="s")
    api.call("GET /b", identity_kind="jwt", identity_verified=False, identity_error="expired")
    assert api.find("any_jwt_accepted", any_jwt_apis=(api.name,), jwt_providers=2) == []


def test_answers_without_a_verified_caller(api: Api) -> None:
    """Where `authentication` is configured, an upstream that answers anyway is found."""
    api.call("GET /a", identity_error="expired", **BEARER)
    api.call("GET /b", identity_verified=True, identity_kind="jwt", **BEARER)
    api.call("GET /c", status=401)
    api.call("POST /login", account_hash="x")
    found = api.find("unverified_identity", verified_apis=(api.name,))
    assert [row.evidence["subject"] for row in found] == ["GET /a"]
    assert found[0].evidence["errors"] == ["expired"]
    assert api.find("unverified_identity") == []


CORS = ["cors:credentials"]


def test_cors_with_credentials(api: Api) -> None:
    """An origin of another site, or null, with credentials; `*` and the API's own site are no case."""
    api.call("GET /me", response_traits=["cors:reflected", *CORS])
    api.call("GET /frame", response_traits=["cors:null", *CORS])
    api.call("GET /open", response_traits=["cors:any"])
    api.call("GET /own", response_traits=CORS)
    api.call("GET /partner", response_traits=["cors:reflected"])
    found = {row.evidence["subject"]: row.severity for row in api.find("cors_with_credentials")}
    assert found == {"GET /me": "medium", "GET /frame": "high"}


def _ids(api: Api, endpoint: str, kind: str, **fields: Any) -> None:
    for number in range(12):
        api.call(endpoint, 1, parameters=[f"path:id:{kind}"], object_hash=f"{number:016x}", **fields)


def test_guessable_object_ids(api: Api) -> None:
    """Numbers are found, more urgent with data and without credentials; random ids and one object are not."""
    _ids(api, "GET /orders/{id}", "integer", **BEARER)
    _ids(api, "GET /users/{id}", "integer", sensitive_response=["email"], **BEARER)
    _ids(api, "GET /cards/{id}", "integer", sensitive_response=["card_number"])
    _ids(api, "GET /files/{id}", "uuid")
    api.call("GET /years/{id}", 30, parameters=["path:id:integer"], object_hash="one")
    _ids(api, "GET /gone/{id}", "integer", status=404)
    found = {row.evidence["subject"]: row.severity for row in api.find("guessable_object_ids")}
    assert found == {"GET /orders/{id}": "info", "GET /users/{id}": "low", "GET /cards/{id}": "medium"}


def test_weak_session_cookie(api: Api) -> None:
    """A session cookie without Secure or HttpOnly is found, and says which of them is missing."""
    api.call("POST /login", response_traits=["cookie:insecure", "cookie:script"])
    api.call("GET /me", response_traits=["cookie:script"])
    api.call("GET /orders", response_traits=["hsts"])
    found = {row.evidence["subject"]: row.evidence["weakness"] for row in api.find("weak_session_cookie")}
    assert found == {"POST /login": "without Secure and HttpOnly", "GET /me": "without HttpOnly"}
