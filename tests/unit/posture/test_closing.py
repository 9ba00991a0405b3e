"""Findings end when later calls show that they were put right."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path
from typing import Any

import pytest

from starfort.catalogue.model import Endpoint
from starfort.posture.board import PostureBoard
from starfort.posture.checks import Checks
from starfort.posture.closing import put_right
from starfort.posture.configured import Configured
from starfort.posture.finding import PostureFinding
from starfort.state.database import open_state
from starfort.store import Store
from tests.support.checks import CHECKS
from tests.support.events import START, event, stream

_numbers = itertools.count()
CHECK = CHECKS["verbose_errors"]
GIVEN = Configured().parameters(stride=1, limit=500)
TRACE = {"status": 500, "response_traits": ["error:stack_trace"]}


class Api:
    """An API of its own in the suite's store, with a finding about `GET /orders`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.name = f"closing-{next(_numbers)}"
        self.finding = PostureFinding(
            "verbose_errors", "medium", self.name, "orders", "t", {}, START - dt.timedelta(minutes=9), START
        )

    def call(self, count: int, after: float, **fields: Any) -> None:
        """Calls some seconds after the last one that shows the finding."""
        fields = {"endpoint_id": "orders", "template": "/orders", "path": "/orders"} | fields
        row = event(api=self.name, **fields, time=START + dt.timedelta(seconds=after))
        self.store.insert_arrow(stream([row] * count), token=f"{self.name}-{next(_numbers)}")

    def ended(self) -> bool:
        """Whether the finding has ended."""
        now = START + dt.timedelta(minutes=2)
        return self.finding.key in put_right(self.store, CHECK, [self.finding], now, GIVEN)


@pytest.fixture
def api(store: Store) -> Api:
    """An API with a finding."""
    return Api(store)


def test_failures_without_a_trace_end_it(api: Api) -> None:
    """Twenty failures that show nothing prove that the mistake is mended."""
    api.call(20, 5, status=500)
    assert api.ended()


def test_calls_that_prove_nothing_leave_it(api: Api) -> None:
    """Calls that went well, calls before, calls elsewhere, and too few calls end no finding."""
    api.call(50, 5, status=200)
    api.call(50, -5, status=500)
    api.call(50, 5, status=500, endpoint_id="other", template="/other")
    api.call(19, 5, status=500)
    assert not api.ended()


def test_a_check_without_such_calls_ends_nothing(api: Api) -> None:
    """Where a check does not say what proves the contrary, a finding holds for its week."""
    api.call(50, 5, status=500)
    assert put_right(api.store, CHECKS["open_endpoint"], [api.finding], START, GIVEN) == set()


def test_the_board_opens_and_closes_by_itself(store: Store, tmp_path: Path) -> None:
    """What is mended disappears at the next run, and what comes back is found anew."""
    api = Api(store)
    board = PostureBoard(store, open_state(tmp_path / "state.db"))
    board.declare(Configured(), Checks(queries=[CHECK]))
    endpoint = Endpoint("orders", api.name, "*", "GET", "/orders", "learned", first_seen=START)

    def seen(after: float) -> bool:
        board.run([endpoint], START + dt.timedelta(seconds=after))
        return any(row.api == api.name for row in board.findings())

    api.call(3, 0, **TRACE)
    assert seen(31)
    api.call(20, 40, status=503)
    # The check's window still has the calls that show it, and later calls count more.
    assert not seen(62)
    assert not seen(93)
    api.call(3, 100, **TRACE)
    assert seen(124)
