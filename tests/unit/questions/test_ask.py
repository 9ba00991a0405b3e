"""Asking a question: how much is asked at once, and that a query stays in its bounds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from starfort.questions.ask import Effort, ask, bounded
from tests.support.detectors import SAMPLED, counting


class Rows:
    """A store that answers with so many rows, and remembers what it was asked."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[str] = []

    def query(self, sql: str, _: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows."""
        self.asked.append(sql)
        return [{"number": number} for number in range(self.count)]


def test_shares_come_round_in_time() -> None:
    """A share of the keys is judged within half a window, and twice within the TTL."""
    assert Effort.most(counting(SAMPLED)) == 16
    assert Effort.most(counting(SAMPLED, every="5s")) == 4
    assert Effort.most(counting(SAMPLED, every="5s", ttl="10s")) == 1
    assert Effort.most(counting()) == 4


def test_rows_beyond_the_limit_are_left_out_and_counted() -> None:
    """One row more than counts is asked for, so that it is known that some were left out."""
    question = counting()
    parameters = question.parameters(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    store = Rows(3)
    assert (len(ask(store, question, parameters, 2).rows), ask(store, question, parameters, 2).left_out) == (
        2,
        1,
    )
    assert "LIMIT 3 " in store.asked[0]
    assert ask(Rows(2), question, parameters, 2).left_out == 0


def test_a_query_is_asked_within_brackets_and_limits() -> None:
    """Whatever a text is, it stands inside a SELECT that bounds time and rows."""
    sql = bounded("SELECT 1", 7, "score DESC")
    assert sql.startswith("SELECT * FROM (\nSELECT 1\n) ORDER BY score DESC LIMIT 7 ")
    assert "max_execution_time = 5" in sql
    assert "max_result_rows = 7" in sql
