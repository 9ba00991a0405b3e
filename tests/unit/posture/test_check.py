"""Checks: what their rows become, and the example of the documents."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from starfort.posture.check import MAX_TEXT, Check
from starfort.posture.configured import GIVEN, Configured
from starfort.posture.runner import Scope, run_check
from starfort.questions.ask import WHOLE, RowError
from starfort.store import Store
from tests.support.checks import CHECKS
from tests.support.events import START, event, stream

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/checks.md").read_text()
_numbers = itertools.count()
ROW = {
    "api": "shop",
    "endpoint_id": "e1",
    "subject": "GET /a",
    "severity": "medium",
    "first_seen": START,
    "last_seen": START,
    "open_calls": 3,
    "guarded_endpoints": 2,
}


def test_a_row_becomes_a_finding() -> None:
    """Title, severity and times come from the row, and every other column is evidence."""
    (finding,) = CHECKS["open_endpoint"].findings_of([ROW])
    assert finding.title == "GET /a answers without credentials; 2 other endpoints of shop ask for them"
    assert (finding.severity, finding.key) == ("medium", ("open_endpoint", "shop", "e1", ""))
    assert finding.evidence == {"subject": "GET /a", "open_calls": 3, "guarded_endpoints": 2}
    assert finding.first_seen.tzinfo is dt.UTC


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"severity": "critical"}, "severity 'critical' is none of medium, high"),
        ({"severity": None}, "severity None is none of"),
        ({"api": 7}, "api of type int is no text"),
        ({"endpoint_id": "x" * 17}, "is no text of up to 16 characters"),
        ({"first_seen": "yesterday"}, "first_seen of type str is no time"),
    ],
)
def test_a_row_that_is_no_finding_is_refused(change: dict[str, object], what: str) -> None:
    """A check that returns nonsense fails with what is wrong, and keeps nothing of it."""
    with pytest.raises(RowError, match=re.escape(what)):
        CHECKS["open_endpoint"].findings_of([ROW | change])


def test_long_texts_are_cut() -> None:
    """No column of a user's query makes a title or evidence grow without bound."""
    (finding,) = CHECKS["open_endpoint"].findings_of([ROW | {"guarded_endpoints": "x" * 10_000}])
    assert len(finding.title) == MAX_TEXT
    assert len(str(finding.evidence["guarded_endpoints"])) == MAX_TEXT


def test_every_check_says_why_and_what_to_do() -> None:
    """Each check belongs to a bastion, and the page lists it with its thresholds' defaults in the file."""
    for name, check in CHECKS.items():
        assert check.name == name
        assert check.bastion in ("visibility", "access", "traffic", "threats", "data")
        assert check.advice.endswith(".")
        assert f"| `{name}` | {check.bastion} |" in PAGE, name


def test_every_parameter_is_documented() -> None:
    """docs/checks.md has each parameter that checks are given."""
    for name in (*GIVEN, "since", "until"):
        assert f"`{{{name}:" in PAGE, name
    assert Configured().parameters(stride=1, limit=1).keys() == GIVEN


def _example() -> Check:
    text = re.search(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert text is not None
    return Check.parse(text[1], Path("html_answers.sql"))


def test_the_example_of_the_page_finds_what_it_says(store: Store) -> None:
    """HTML is found, with its severity; JSON answers of the same API, and two HTML answers, are not."""
    api = f"html-{next(_numbers)}"

    def calls(path: str, count: int, **fields: Any) -> list[dict[str, Any]]:
        return [event(api=api, endpoint_id=path[1:], template=path, **fields)] * count

    html = {"response_content_type": "text/html; charset=utf-8"}
    rows = [
        *calls("/page", 3, **html),
        *calls("/error", 4, status=500, **html),
        *calls("/json", 9),
        *calls("/few", 2, **html),
    ]
    store.insert_arrow(stream(rows), token=api)
    scope = Scope(store, Configured(), START + dt.timedelta(minutes=1))
    found, left_out = run_check(store, _example(), scope, WHOLE)
    mine = {finding.title: finding.severity for finding in found if finding.api == api}
    assert mine == {
        "GET /page answered 3 calls with HTML": "low",
        "GET /error answered 4 calls with HTML": "medium",
    }
    assert left_out == 0
