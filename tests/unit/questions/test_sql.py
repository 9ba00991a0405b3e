"""What is said of a query before ClickHouse sees it."""

from __future__ import annotations

import pytest

from starfort.questions.sql import placeholders, sql_problems, unused, without_comments

SINCE = "{since:DateTime64(6)}"


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("DROP TABLE events", "begins with no SELECT"),
        (f"SELECT {SINCE}; SELECT 2", "more than one statement; a check is one SELECT"),
        (f"SELECT {SINCE} FROM remote('h', t)", "remote() leaves the store"),
        (f"SELECT {SINCE}, {{other:UInt8}}", "parameter other is no threshold"),
        ("SELECT 1", "its window is not bounded"),
        (f"SELECT {SINCE}, {{slot:UInt8}}", "it needs both, or none"),
    ],
)
def test_a_mistake_is_said(sql: str, what: str) -> None:
    """Each kind of mistake has a sentence of its own."""
    problems = sql_problems(sql, {"since", "slot", "slots"}, {}, "check")
    assert [problem for problem in problems if what in problem.what]


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT 1 WHERE {SINCE} -- ; url(",
        f"SELECT '; DROP url(x) {{no:UInt8}}' WHERE {SINCE}",
        f"WITH 1 AS a SELECT a /* file('x'); */ WHERE {SINCE}",
        f"SELECT `a;b` WHERE {SINCE}",
    ],
)
def test_comments_and_quoted_text_mean_nothing(sql: str) -> None:
    """What stands in a comment, a literal or a quoted name is no statement, function or parameter."""
    assert sql_problems(sql, {"since"}, {}, "detector") == []


def test_every_character_keeps_its_place() -> None:
    """Offsets of problems hold for the query as it is written."""
    sql = "SELECT 1 -- a comment\n/* two\nlines */ ;"
    bare = without_comments(sql)
    assert len(bare) == len(sql)
    assert bare.index(";") == sql.index(";")


def test_a_threshold_without_effect_is_a_mistake() -> None:
    """A threshold that only a comment names is not used."""
    sql = "SELECT {a:UInt8} -- {b:UInt8}"
    assert placeholders(sql) == {"a", "b"}
    assert [problem.what for problem in unused(sql, {"a", "b"})] == ["threshold b is not used in the query"]
