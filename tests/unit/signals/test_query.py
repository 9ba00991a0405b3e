"""One run: rows become signals, a query stays in its bounds, and one that is too slow is asked for less."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from starfort.questions.ask import Effort, RowError
from starfort.signals.detector import Detector
from starfort.signals.query import MAX_ROWS, run_once, signals_of
from starfort.store import QueryError, Store
from tests.support.detectors import FRONT, SAMPLED, counting, detector

NOW = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"score": 1}, "no column key"),
        ({"key": "a"}, "no column score"),
        ({"key": "", "score": 1}, "is no text of 1 to"),
        ({"key": 7, "score": 1}, "type int"),
        ({"key": "a", "score": 1.5}, "is no number from 0 to 1"),
        ({"key": "a", "score": float("nan")}, "is no number from 0 to 1"),
        ({"key": "a", "score": 1, "key_type": "subject"}, "none of address"),
    ],
)
def test_row_that_is_no_signal_is_refused(row: dict[str, Any], what: str) -> None:
    """A detector that returns nonsense fails with what is wrong with it."""
    with pytest.raises(RowError, match=what):
        signals_of(detector(), [row])


def test_other_columns_are_the_evidence() -> None:
    """Evidence is the query's own row, fit for JSON; the title takes its values."""
    row = {
        "key": "a",
        "score": 1,
        "requests": 7,
        "at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "nan": float("nan"),
    }
    (signal,) = signals_of(detector(), [row])
    assert signal.evidence == ({"requests": 7, "at": "2026-01-01T00:00:00+00:00", "nan": None},)
    assert signal.title == "Many: 7"


def many(sql: str) -> Detector:
    """A detector with this query."""
    front = FRONT[: FRONT.index("thresholds:")] + FRONT[FRONT.index("severity:") :]
    return Detector.parse(front + sql, Path("many.sql"))


SINCE = " WHERE {since:DateTime64(6)} > 0"


def test_rows_are_bounded(store: Store) -> None:
    """Of a million keys the `MAX_ROWS` with the highest scores are taken; that some were left out is said."""
    sql = "SELECT toString(number) AS key, number / 1e6 AS score FROM numbers(1000000)" + SINCE
    found, left_out = run_once(store, many(sql), dt.datetime.now(dt.UTC))
    assert len(found) == MAX_ROWS
    assert left_out
    assert found[0].key == "999999"


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT 'a' AS key, 1 AS score" + SINCE + ") UNION ALL (INSERT INTO events VALUES (1)", "62"),
        ("SELECT toString(sleepEachRow(1)) AS key, 1 AS score FROM numbers(100)" + SINCE, "1(59|60)"),
    ],
)
def test_query_that_breaks_out_fails(store: Store, sql: str, code: str) -> None:
    """A detector's query can't leave its brackets or run for long."""
    with pytest.raises(QueryError, match=f"Code: {code}"):
        run_once(store, many(sql), dt.datetime.now(dt.UTC))


class Asked:
    """A store that remembers what it was asked with."""

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {}

    def query(self, _: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """One row."""
        self.parameters = dict(parameters or {})
        return [{"key": "a", "score": 1, "requests": 7}]


def test_shorter_window_asks_for_fewer_and_says_so() -> None:
    """Half a window asks for half of what counts a window, rounded up and not below the minimum; a share stays."""
    asked = Asked()
    (signal,), _ = run_once(asked, counting(), NOW, Effort(2))
    assert asked.parameters == {
        "since": NOW - dt.timedelta(seconds=30),
        "until": NOW,
        "most": 6,
        "share": 0.5,
    }
    assert signal.evidence[0]["judged_window_s"] == 30
    (signal,), _ = run_once(asked, counting(), NOW)
    assert asked.parameters["most"] == 11
    assert "judged_window_s" not in signal.evidence[0]
    run_once(asked, counting().with_settings({"most": 4}), NOW, Effort(4))
    assert asked.parameters["most"] == 3


def test_threshold_that_says_nothing_stays() -> None:
    """A detector that does not say what counts its window is asked no softer: less is found, and nothing more."""
    asked = Asked()
    run_once(asked, detector(), NOW, Effort(2))
    assert asked.parameters["most"] == 10


def test_share_of_keys_has_its_whole_window() -> None:
    """A detector that samples keys is given a share, with the whole window and unchanged thresholds."""
    asked = Asked()
    (signal,), _ = run_once(asked, counting(SAMPLED), NOW, Effort(4, 3))
    assert asked.parameters == {
        "since": NOW - dt.timedelta(seconds=60), "until": NOW, "most": 11, "share": 0.5, "slots": 4, "slot": 3,
    }  # fmt: skip
    assert "judged_window_s" not in signal.evidence[0]
    run_once(asked, counting(SAMPLED), NOW)
    assert (asked.parameters["slots"], asked.parameters["slot"]) == (1, 0)
