"""Conditions as other languages write them: where the mistake is, and what CEL writes instead."""

from __future__ import annotations

import pytest

from starfort.compile.cel import CelError, Environment, compile_expression
from starfort.compile.cel_messages import CelProblem

ENVIRONMENT = Environment(("credential_stuffing", "scraping"), ("scanners",))


def problems(text: str) -> list[CelProblem]:
    """What is wrong with a condition."""
    try:
        compile_expression(text, ENVIRONMENT, "bool")
    except CelError as error:
        return error.problems
    return []


@pytest.mark.parametrize(
    ("text", "wrong", "right"),
    [
        ('client.country = "DE"', "=", "=="),
        ('request.method=="GET" && client.country = "DE"', " = ", " == "),
        ('client.country === "DE"', "===", "=="),
        ('client.country !== "DE"', "!==", "!="),
        ('client.country <> "DE"', "<>", "!="),
        ("endpoint.known & endpoint.documented", "&", "&&"),
        ("endpoint.known | endpoint.documented", "|", "||"),
        ("endpoint.known and endpoint.documented", "and", "&&"),
        ("endpoint.known AND endpoint.documented", "AND", "&&"),
        ("endpoint.known or endpoint.documented", "or", "||"),
        ("not endpoint.known", "not", "!"),
        ("endpoint.known && NOT endpoint.documented", "NOT", "!"),
        ('client.country is "DE"', "is", "=="),
    ],
)
def test_operators_of_other_languages(text: str, wrong: str, right: str) -> None:
    """One problem, on the operator; with what the fix says in its place the condition is right."""
    (problem,) = problems(text)
    at = text.index(wrong) + len(wrong) - len(wrong.lstrip())
    assert (problem.line, problem.column) == (1, at + 1)
    assert problem.fix == f"write {right.strip()}"
    assert problems(text.replace(wrong, right, 1)) == []


@pytest.mark.parametrize(
    ("text", "column", "what", "fix"),
    [
        ('request.path =~ "^/x"', 14, "no =~", 'request.path.matches("^/x")'),
        ('request.path ~ "^/x"', 14, "no ~", 'request.path.matches("^/x")'),
        ('request.path like "/x"', 14, "'like'", 'request.path.contains("/x")'),
        ('request.path contains "/x"', 14, "'contains'", 'request.path.contains("/x")'),
        ('request.path startsWith "/x"', 14, "'startsWith'", 'request.path.startsWith("/x")'),
        ('request.path.startsWith "/x"', 25, "nothing stands between", 'request.path.startsWith("/x")'),
        ('client.country not in ["DE"]', 16, "`not in`", "!(client.country in"),
        ('client.country is not "DE"', 16, "`is not`", "!="),
        ('client.country in ("DE", "FR")', 19, "stands in [ ]", 'in ["DE", "FR"]'),
        ("client.asn between 1 and 9", 12, "'between'", "client.asn >= 1 && client.asn <= 9"),
        ("client.asn in 1..9", 16, "no ranges", "client.asn >= 1 && client.asn <= 9"),
        ("client.address == 10.0.0.1", 19, "an address is a text", '"10.0.0.1"'),
        ("in_cidr(client.address, 10.0.0.0/8)", 25, "an address is a text", '"10.0.0.0/8"'),
        ('if client.country == "DE"', 1, "no 'if'", "condition alone"),
        ('client.country == "DE"; true', 23, "without ;", "&&"),
        ("$client.country == 'DE'", 1, "no $", "alone"),
        ('client.country == "DE', 19, "no second one", '"'),
        ('client.country == DE"', 21, "no second one", '"DE"'),
        ("client.country == \u201cDE\u201d", 19, "no quote in CEL", '"'),
        (r'request.path == "/a\d"', 20, r"\d is no escape", r'r"/a\d"'),
        ('(client.country == "DE"', 1, "never closed", ")"),
        ('client.country == "DE")', 23, "closes nothing", "remove"),
        ('client.country in ["DE")', 24, ") does not close [", "write ]"),
        ('client.country == "DE" &&', 24, "nothing stands behind &&", "value"),
        ('|| client.country == "DE"', 1, "nothing stands before ||", "value"),
        ('client.country == "DE" "FR"', 24, "nothing stands between", "&&"),
        ("endpoint.known ? true", 16, "no :", "a : b"),
        ("", 1, "empty", "true"),
        ("   ", 1, "empty", "true"),
    ],
)
def test_sentences_that_are_no_cel(text: str, column: int, what: str, fix: str) -> None:
    """The first mistake only: what the parser stumbles over behind it follows from it."""
    (problem,) = problems(text)
    assert problem.column == column, problem
    assert what in problem.what
    assert fix in problem.fix


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ('client.countr == "DE"', "no variable 'client.countr'", "did you mean client.country?"),
        ('client.ip == "a"', "no variable 'client.ip'", "did you mean client.address?"),
        ('ip == "a"', "no variable 'ip'", "did you mean client.address?"),
        ('request.uri == "a"', "no variable 'request.uri'", "did you mean request.path?"),
        ("status == 404", "no variable 'status'", "did you mean response.status?"),
        ('user_agent == "a"', "no variable 'user_agent'", "did you mean client.user_agent?"),
        ("client.country == DE", "no variable 'DE'", 'in quotes: "DE"'),
        ("endpoint.known == True", "no True", "write true"),
        ("endpoint.known && FALSE", "no FALSE", "write false"),
        ("client.country == None", "no None", '""'),
        ("client.country != null", "null", '""'),
        ('client.country in "DE"', "'in' cannot be applied", "write [ ]"),
        ('endpoint.labels == "login"', "a list of texts and a text", '"…" in endpoint.labels'),
        ('endpoint.labels.contains("login")', "a list of texts and a text", '"…" in endpoint.labels'),
        ("client.country == 5", "a text and a whole number", 'in quotes: "5"'),
        ('response.status == "404"', "a whole number and a text", "without quotes: 404"),
        ('signals.scraping.score > "0.8"', "a number with a point and a text", "without quotes: 0.8"),
        ("signals.scraping.score > 1", "a number with a point and a whole number", "1.0"),
        ('endpoint.known == "true"', "true or false and a text", "write true without quotes"),
        ('!client.country in ["DE"]', "'!' cannot be applied to a text", "!(a in"),
        ("endpoint.known && client.country", "true or false and a text", "compare"),
        ('request.path.startswith("/x")', "no function 'startswith'", 'write request.path.startsWith("/x")'),
        ('request.path.toLowerCase() == "x"', "no function 'toLowerCase'", "write request.path.lowerAscii()"),
        ("len(request.path) > 3", "no function 'len'", "write size(request.path)"),
        ("request.path.length() > 3", "no function 'length'", "write size(request.path)"),
        ("request.path.length > 3", "request.path has no length", "write size(request.path)"),
        (
            'inList(client.address, "scanners")',
            "no function 'inList'",
            'write in_list(client.address, "scanners")',
        ),
        ('client.country.equals("DE")', "no function 'equals'", "write client.country == …"),
        ('endpoint.labels.any(l, l == "a")', "no function 'any'", "exists(l, "),
        ('endpoint.labels.exists("login")', "exists() cannot be called", "exists(l, "),
        ('endpoint.labels.exists(l == "login")', "exists() cannot be called", "exists(l, "),
        ('in_list("scanners")', "in_list() cannot be called", "in_list(client.address, "),
        ('in_cidr(client.address, "10.0.0.1/8")', "the length of a network", "10.0.0.0/8 for the network"),
        ("client.country", "the expression is a text", '== "GET"'),
        ("signals.scraping.score", "a number with a point", "> 0.8"),
        ("endpoint.labels", "a list", '"login" in endpoint.labels'),
    ],
)
def test_names_and_types(text: str, what: str, fix: str) -> None:
    """Names of other products, and values of another type, with what to write."""
    (problem,) = problems(text)
    assert what in problem.what, problem
    assert fix in problem.fix, problem


@pytest.mark.parametrize(
    "text",
    [
        'client.country == "and" || client.country == "or"',
        'request.path == "a = b & c | d; $x <> 10.0.0.1"',
        'request.path.contains("not in")',
        'request.headers["if"] == "then"',
        "endpoint.labels.exists(not_l, not_l == 'is')",
        "!endpoint.known == true",
        '"login" in endpoint.labels',
        'client.country in ["DE", "FR"]',
        '(client.country in ["DE"])',
        "endpoint.known ? true : false",
        'request.path == r"/a\\d"',
        'request.path == "it\'s"',
        'in_cidr(client.address, "10.0.0.0/8") // not = ; here',
        "size(request.path) > 3 && response.status >= 500",
        'request.query.is == "1" && request.query.and == "2"',
    ],
)
def test_what_is_right_is_compiled(text: str) -> None:
    """The same words and signs in texts, names and comments."""
    assert problems(text) == []


def test_a_long_expression_has_the_parsers_message() -> None:
    """The search for known mistakes is bounded."""
    (problem,) = problems("true && " * 2000 + "client.country = 'DE'")
    assert problem.what.startswith(("syntax error", "the expression is nested"))
