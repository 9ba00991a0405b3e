"""Targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from starfort.config.problems import ConfigProblem
from starfort.threats.seclang.model import Argument, Selector, Variable
from starfort.threats.seclang.variables import parse_variables


def parse(text: str) -> tuple[tuple[Variable, ...], list[str]]:
    """Targets and problems of a list."""
    found: list[ConfigProblem] = []
    variables = parse_variables(Argument(text, ((0, 1, 1),), Path("f")), found)
    return variables, [str(problem) for problem in found]


def test_every_form() -> None:
    """Whole, member, pattern, count, exclusion, XPath."""
    variables, wrong = parse("ARGS|args_get:q|!REQUEST_COOKIES:/^_ga(?:_a|b)?$/|&TX:'/x y/'|XML:/*|XML://@*")
    assert not wrong
    assert variables == (
        Variable("ARGS"),
        Variable("ARGS_GET", Selector("name", "q")),
        Variable("REQUEST_COOKIES", Selector("regex", "^_ga(?:_a|b)?$"), exclude=True),
        Variable("TX", Selector("regex", "x y"), count=True),
        Variable("XML", Selector("xpath", "/*")),
        Variable("XML", Selector("xpath", "//@*")),
    )


def test_a_slash_in_a_pattern_is_escaped() -> None:
    r"""`\/` does not end it."""
    assert parse(r"ARGS:/a\/b|c/|TX")[0] == (Variable("ARGS", Selector("regex", "a/b|c")), Variable("TX"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("ARG", "f:1:1: unknown variable ARG\n  hint: did you mean ARGS?"),
        ("TX|REQUEST_URI:x", "f:1:4: REQUEST_URI has no members\n  hint: write REQUEST_URI alone"),
        ("STREAM_INPUT_BODY", "variable STREAM_INPUT_BODY is not supported\n  hint: use REQUEST_BODY"),
        ("XML", "XML needs an XPath expression"),
        ("XML:/a[1]", "XML:/a[1] is not supported"),
        ("ARGS||TX", "f:1:6: a target is missing"),
        ("", "a rule needs a target"),
        ("ARGS:", "names no member"),
    ],
)
def test_what_is_wrong_is_said_where(text: str, what: str) -> None:
    """With what would be right."""
    _, wrong = parse(text)
    assert len(wrong) == 1
    assert what in wrong[0]
