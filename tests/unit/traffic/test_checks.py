"""Checks of traffic: what nobody limits."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from starfort.posture.configured import Configured
from starfort.posture.finding import PostureFinding
from starfort.store import Store
from tests.support.checks import findings
from tests.support.events import event, stream

_numbers = itertools.count()


class Api:
    """An API of its own in the suite's store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.name = f"traffic-{next(_numbers)}"

    def call(self, path: str, count: int = 50, **fields: Any) -> None:
        """Calls of `GET path`."""
        row = event(api=self.name, endpoint_id=path[1:], template=path, path=path, **fields)
        self.store.insert_arrow(stream([row] * count), token=f"{self.name}-{next(_numbers)}")

    def find(self, *limited: str) -> list[PostureFinding]:
        """What the check finds here, with limits on these APIs."""
        return findings(self.store, "no_rate_limit", self.name, Configured(limited_apis=limited))


@pytest.fixture
def api(store: Store) -> Api:
    """An API without calls."""
    return Api(store)


def test_log_ins_and_data_without_a_limit(api: Api) -> None:
    """Log-ins are most urgent; what gives away nothing may be called as often as anybody likes."""
    api.call("/login", account_hash="a")
    api.call("/users", sensitive_response=["email"])
    api.call("/health")
    found = {row.evidence["subject"]: row.severity for row in api.find()}
    assert found == {"GET /login": "medium", "GET /users": "low"}


def test_limits_are_no_finding(api: Api) -> None:
    """A policy's limit, an answer 429, and headers that tell a limit each say that somebody counts."""
    api.call("/login", account_hash="a")
    assert api.find(api.name) == []
    api.call("/login", 1, status=429)
    api.call("/users", sensitive_response=["email"], response_traits=["rate_limit"])
    assert api.find() == []


def test_a_few_calls_are_no_finding(api: Api) -> None:
    """Nobody is told to limit what is hardly called."""
    api.call("/login", 5, account_hash="a")
    assert api.find() == []
