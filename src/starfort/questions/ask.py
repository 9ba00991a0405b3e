"""Asks the store a question, within bounds, over one window.

The store is known only as something that answers a query, so that a test gives rows, and a backtest the past.

A query that runs into a limit is asked for less (`Effort`). How depends on the question: one that uses the
parameters `slots` and `slot` judges one share of its keys, each with its whole window and unchanged
thresholds, and the other shares follow on later runs. Any other question judges a shorter window; then those
of its thresholds that count what a window holds (`per_window`) shrink with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from starfort.questions.question import Question
from starfort.questions.sql import placeholders

if TYPE_CHECKING:  # checking a configuration needs questions, and no store
    from starfort.store.parameters import Value
    from starfort.store.rows import Row

MAX_EXECUTION_S: Final = 5.0
"""A query that runs longer is stopped by ClickHouse and asked for less."""

MAX_SLOTS: Final = 16
"""Shares of the keys at most: with so many, each key is judged on every 16th run."""

MAX_PARTS: Final = 4
"""A window is cut to a quarter at most: in an even shorter one, bursts that people cause look like the pace
of an attack."""


class Queryable(Protocol):
    """Answers the query of a question, as the store does."""

    def query(self, sql: str, parameters: Mapping[str, Value] | None = None) -> list[Row]:
        """Rows of a SELECT with bound parameters."""


class RowError(Exception):
    """A query returned a row that is not what its kind of question returns."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much of a question's work one query does.

    Attributes:
        parts: 1 for all of it; more: one of so many shares of the keys, or so much shorter a window.
        slot: which share of the keys, from 0.
    """

    parts: int = 1
    slot: int = 0

    @staticmethod
    def most(question: Question) -> int:
        """Largest sensible `parts` of a question.

        A share of the keys must come round twice within `must_return_within`, so that no burst falls between
        two turns and no signal lapses between them. The result is a power of two because `parts` doubles.
        """
        if not question.samples_keys:
            return MAX_PARTS
        turns = max(1, int(question.must_return_within / (2 * question.spec.every)))
        return min(MAX_SLOTS, 1 << (turns.bit_length() - 1))

    def window(self, question: Question) -> timedelta:
        """Length of the window that the query is given."""
        return question.spec.window if question.samples_keys else question.spec.window / self.parts

    def parameters(
        self, question: Question, until: datetime, given: Mapping[str, Value] | None = None
    ) -> dict[str, Value]:
        """What the query is given for the window that ends at `until` (UTC), `given` included."""
        whole = question if question.samples_keys else question.within(1 / self.parts)
        slots = {"slots": self.parts, "slot": self.slot % self.parts} if question.samples_keys else {}
        return whole.parameters(until, until - self.window(question), {**(given or {}), **slots})


WHOLE: Final = Effort()
"""The whole of a question in one query."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of one query.

    Attributes:
        rows: its rows, `most` at most.
        left_out: how many rows beyond that were left out; a lower bound, since ClickHouse stops early.
    """

    rows: Sequence[Mapping[str, object]] = ()
    left_out: int = 0


def bounded(sql: str, rows: int, order: str = "") -> str:
    """A query inside another one that bounds what it may cost and return.

    Being inside, it can be nothing but a SELECT; the store's readers are read-only besides.

    Args:
        sql: the query.
        rows: rows that it may return.
        order: the column by which rows are chosen when there are more, with `DESC` for the largest.
    """
    by = f"ORDER BY {order} " if order else ""
    # `optimize_and_compare_chain` derives comparisons from others (a < b AND b < 5: a < 5). It goes through
    # every expression for that, and through nested ones again each time: half the CPU of a long query.
    return (
        f"SELECT * FROM (\n{sql}\n) {by}LIMIT {rows} "  # noqa: S608 (the question's own text, see `Question`)
        f"SETTINGS max_execution_time = {MAX_EXECUTION_S:g}, max_result_rows = {rows}, "
        "result_overflow_mode = 'break', enable_materialized_cte = 1, optimize_and_compare_chain = 0"
    )


def ask(
    store: Queryable, question: Question, parameters: Mapping[str, Value], most: int, order: str = ""
) -> Answer:
    """Ask a question once.

    Args:
        store: what answers.
        question: whose gate and query.
        parameters: what they are given, as `Effort.parameters` says.
        most: rows that count.
        order: by which rows are chosen when there are more.

    Raises:
        Exception: whatever the store raises.
    """

    # The gate and the query may use different parameters, and the store refuses none but encodes all.
    def used(sql: str) -> dict[str, Value]:
        names = placeholders(sql)
        return {name: value for name, value in parameters.items() if name in names}

    if question.gate is not None and not store.query(bounded(question.gate, 1), used(question.gate)):
        return Answer()
    # One row more than counts is asked for, to know whether rows were left out.
    rows = store.query(bounded(question.sql, most + 1, order), used(question.sql))
    return Answer(rows[:most], max(0, len(rows) - most))
