"""From files to statements."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from starfort.config.problems import ConfigProblem
from starfort.threats.seclang.lexer import statements


def lex(text: str) -> list[tuple[str, list[str]]]:
    """Names and arguments of a text without faults."""
    found: list[ConfigProblem] = []
    result = [(s.name, [a.text for a in s.arguments]) for s in statements(text, Path("f"), found)]
    assert not found
    return result


def test_quotes_hold_blanks_and_escaped_quotes() -> None:
    r"""`\"` is a quote; every other backslash stays for the pattern."""
    assert lex(r'SecRule ARGS "@rx a\"b \\ \d" "id:1"') == [("SecRule", ["ARGS", r'@rx a"b \\ \d', "id:1"])]


def test_single_quotes_hold_double_quotes() -> None:
    """Either quote may hold the other."""
    assert lex("""SecRule ARGS '@rx "x"' "msg:'y'\"""") == [("SecRule", ["ARGS", '@rx "x"', "msg:'y'"])]


def test_a_backslash_joins_lines() -> None:
    """The backslash and the line end vanish; blanks at the next line's beginning stay."""
    assert lex('SecAction \\\n    "id:1,\\\r\n    pass"\r\n') == [("SecAction", ["id:1,    pass"])]


def test_comments_and_blank_lines_are_nothing() -> None:
    """A comment is a whole line; `#` elsewhere is text."""
    assert lex("# SecRule\n\n   # x \\\n#  y\nSecMarker a#b") == [("SecMarker", ["a#b"])]


def test_a_comment_that_might_swallow_a_rule_is_refused() -> None:
    """Apache joins it with the next line, others do not."""
    found: list[ConfigProblem] = []
    assert len(list(statements("# note \\\nSecMarker x", Path("f"), found))) == 1
    assert str(found[0]).startswith("f:1:8: a comment ends with a backslash")


def test_an_open_quote_is_named_where_it_opens() -> None:
    """The place is that of the quote, not of the end of the file; the directive is known to be broken."""
    found: list[ConfigProblem] = []
    read = statements('SecMarker a\nSecRule ARGS \\\n  "@rx x', Path("f"), found)
    assert [(s.name, s.broken) for s in read] == [("SecMarker", False), ("SecRule", True)]
    assert str(found[0]).startswith('f:3:3: the quote " is never closed')


def test_places_reach_into_joined_lines_and_past_escapes() -> None:
    """Every character of an argument knows its line and column."""
    text = 'SecAction \\\n  "id:1,\\\n   x\\"yz"'
    argument = next(statements(text, Path("f"), [])).arguments[0]
    assert argument.text == 'id:1,   x"yz'
    where = argument.location(argument.text.index("z"))
    assert (where.line, where.column) == (3, 8)
    assert text.splitlines()[2][7] == "z"


@settings(deadline=None)
@given(st.text(alphabet="SecRul \\\n\"'#,:|abc\r\t", max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No input breaks the lexer, and what it reads has places inside of the file."""
    lines = text.split("\n")
    for statement in statements(text, Path("f"), []):
        for argument in statement.arguments:
            for offset in range(len(argument.text)):
                place = argument.location(offset)
                assert lines[place.line - 1][place.column - 1] == argument.text[offset]
