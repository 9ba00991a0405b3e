"""How endpoints stand to their API's document."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from starfort.catalogue.model import Endpoint, Origin, State
from starfort.catalogue.states import state_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CALLED = Endpoint("1", "shop", "*", "GET", "/a", "documented", first_seen=NOW, last_seen=NOW, calls=1)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (CALLED, "documented"),
        (replace(CALLED, first_seen=None, last_seen=None), "orphan"),
        (replace(CALLED, last_seen=NOW - timedelta(days=31)), "orphan"),
        (replace(CALLED, deprecated=True), "zombie"),
        (replace(CALLED, deprecated=True, last_seen=NOW - timedelta(days=31)), "orphan"),
        (replace(CALLED, drift=("response:status:",)), "drifting"),
    ],
)
def test_documented_endpoints(endpoint: Endpoint, expected: State) -> None:
    """Called, silent, deprecated and called, or different from what the document says."""
    watching = NOW - timedelta(days=40)
    assert state_of(endpoint, api_documented=True, watching=watching, now=NOW) == expected


@pytest.mark.parametrize(
    ("origin", "documented", "expected"),
    [("learned", True, "shadow"), ("learned", False, "learned"), ("configured", True, "configured")],
)
def test_other_endpoints(origin: Origin, documented: bool, expected: State) -> None:
    """Only an API with a document has endpoints in the shadow."""
    endpoint = replace(CALLED, origin=origin)
    assert state_of(endpoint, api_documented=documented, watching=NOW, now=NOW) == expected


def test_nobody_is_an_orphan_before_anybody_watches() -> None:
    """Silence says nothing on the first day, nor without any call at all."""
    silent = replace(CALLED, first_seen=None, last_seen=None)
    for watching in (None, NOW - timedelta(days=1)):
        assert state_of(silent, api_documented=True, watching=watching, now=NOW) == "documented"
