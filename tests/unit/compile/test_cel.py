"""CEL expressions: what they become, and what is said of wrong ones."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starfort.bundle import expression as e
from starfort.compile.cel import CelError, Environment, compile_expression
from starfort.compile.variables import plain_variables

ENVIRONMENT = Environment(("credential_stuffing", "scraping"), ("office", "tor"))
RUST = Path(__file__).parents[3] / "crates/engine/src/bundle/expression.rs"
F = e.PlainField


def condition(text: str) -> e.Expr:
    """The bundle's form of a condition."""
    return compile_expression(text, ENVIRONMENT, "bool")


def field(plain: e.Field) -> e.FieldExpr:
    """A variable."""
    return e.FieldExpr(plain)


def call(function: e.Function, *arguments: e.Expr) -> e.CallExpr:
    """A call."""
    return e.CallExpr(function, arguments)


def same(text: str, number: int = 0) -> e.CallExpr:
    """A comparison of a macro's variable with a text."""
    return call(e.Function.EQUAL, e.LocalExpr(number), e.StringExpr(text))


LABELS, HEADERS, ADDRESS = field(F.ENDPOINT_LABELS), field(F.REQUEST_HEADERS), field(F.CLIENT_ADDRESS)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("true", e.BoolExpr(True)),
        ('request.method == "GET"', call(e.Function.EQUAL, field(F.REQUEST_METHOD), e.StringExpr("GET"))),
        ("client.asn > -5", call(e.Function.GREATER, field(F.CLIENT_ASN), e.IntExpr(-5))),
        ("1u < 2u", call(e.Function.LESS, e.UintExpr(1), e.UintExpr(2))),
        ("!endpoint.known", call(e.Function.NOT, field(F.ENDPOINT_KNOWN))),
        ('"login" in endpoint.labels', call(e.Function.IN, e.StringExpr("login"), LABELS)),
        ('"host" in request.headers', e.HasKeyExpr(HEADERS, e.StringExpr("host"))),
        ("has(request.headers.host)", e.HasKeyExpr(HEADERS, e.StringExpr("host"))),
        ('request.headers["a"] == ""', call(e.Function.EQUAL, e.IndexExpr(HEADERS, e.StringExpr("a")), e.StringExpr(""))),
        ('request.headers.a == ""', call(e.Function.EQUAL, e.IndexExpr(HEADERS, e.StringExpr("a")), e.StringExpr(""))),
        ("signals.scraping.active", field(e.SignalActive(1))),
        ("signals.credential_stuffing.score > 0.8", call(e.Function.GREATER, field(e.SignalScore(0)), e.DoubleExpr(0.8))),
        ('in_list(client.address, "tor")', call(e.Function.IN_LIST, ADDRESS, e.IntExpr(1))),
        ('in_cidr(client.address, "10.0.0.0/8")', call(e.Function.IN_CIDR, ADDRESS, e.StringExpr("10.0.0.0/8"))),
        ("endpoint.known && identity.verified", e.AndExpr(field(F.ENDPOINT_KNOWN), field(F.IDENTITY_VERIFIED))),
        ("endpoint.known || identity.verified", e.OrExpr(field(F.ENDPOINT_KNOWN), field(F.IDENTITY_VERIFIED))),
        ("endpoint.known ? true : false", e.ConditionalExpr(field(F.ENDPOINT_KNOWN), e.BoolExpr(True), e.BoolExpr(False))),
        ('request.path.matches("^/v[0-9]+")', call(e.Function.MATCHES, field(F.REQUEST_PATH), e.StringExpr("^/v[0-9]+"))),
        ('request.host.lowerAscii() == "a"', call(e.Function.EQUAL, call(e.Function.LOWER_ASCII, field(F.REQUEST_HOST)), e.StringExpr("a"))),
        ("size(findings) == 0", call(e.Function.EQUAL, call(e.Function.SIZE, field(F.FINDINGS)), e.IntExpr(0))),
        ("request.headers.size() > 50", call(e.Function.GREATER, call(e.Function.SIZE, HEADERS), e.IntExpr(50))),
        ('endpoint.labels.exists(l, l == "x")', e.ComprehensionExpr(e.Quantifier.EXISTS, LABELS, same("x"))),
        ('endpoint.labels.all(l, l == "x")', e.ComprehensionExpr(e.Quantifier.ALL, LABELS, same("x"))),
        ('endpoint.labels.exists_one(l, l == "x")', e.ComprehensionExpr(e.Quantifier.EXISTS_ONE, LABELS, same("x"))),
        (
            "findings.exists(a, endpoint.labels.exists(b, a == b))",
            e.ComprehensionExpr(
                e.Quantifier.EXISTS, field(F.FINDINGS),
                e.ComprehensionExpr(e.Quantifier.EXISTS, LABELS, call(e.Function.EQUAL, e.LocalExpr(1), e.LocalExpr(0))),
            ),
        ),
        (
            "findings.exists(x, endpoint.labels.exists(x, x == 'a'))",
            e.ComprehensionExpr(
                e.Quantifier.EXISTS, field(F.FINDINGS), e.ComprehensionExpr(e.Quantifier.EXISTS, LABELS, same("a"))
            ),
        ),
    ],
)  # fmt: skip
def test_expressions_become_the_engines(text: str, wanted: e.Expr) -> None:
    """Every operator, macro and kind of variable."""
    assert condition(text) == wanted


@pytest.mark.parametrize(
    ("text", "line", "column", "what", "fix"),
    [
        ('request.methd == "GET"', 1, 1, "no variable 'request.methd'", "did you mean request.method?"),
        ('true &&\n  request.methd == "GET"', 2, 3, "no variable 'request.methd'", "request.method"),
        ('request.method == "é😀" && x', 1, 27, "no variable 'x'", ""),
        ("client == 1", 1, 1, "'client' alone has no value", "client.address"),
        ("signals.stuffing.score > 0.5", 1, 1, "no signal 'stuffing'", "there are: credential_stuffing, scraping"),
        ("signals.scrapin.active", 1, 1, "no signal 'scrapin'", "did you mean signals.scraping?"),
        ("signals.scraping.scor > 0.5", 1, 1, "no variable 'signals.scraping.scor'", "signals.scraping.score"),
        ("login in endpoint.labels", 1, 1, "no variable 'login'", "quotes"),
        ("true && foo(1)", 1, 9, "no function 'foo'", "there are: startsWith"),
        ("request.method + 1 == 2", 1, 16, "'+' cannot be applied to a text and a whole number", 'in quotes: "1"'),
        ("true && 1", 1, 6, "'&&' cannot be applied to true or false and a whole number", "compare"),
        ("signals.scraping.score > 1", 1, 24, "'>' cannot be applied to a number with a point and a whole number", "1.0"),
        ("size(client.asn) == 1", 1, 1, "'size' cannot be applied to a whole number", ""),
        ("request.method ==", 1, 16, "nothing stands behind ==", ""),
        ("(true", 1, 1, "( is never closed", "write )"),
        ("request.method", 1, 1, "is a text, it must be true or false", '== "GET"'),
        ("findings.map(x, x) == ['a']", 1, 10, "map() cannot be used", "exists()"),
        ("size(findings.filter(x, x == 'a')) > 0", 1, 15, "filter() cannot be used", "exists()"),
        ('request.path.matches("(")', 1, 22, "regular expression is wrong: unclosed group", ""),
        ('request.path.matches("a(?=b)")', 1, 22, "regular expression is wrong: look-around", ""),
        (r'request.path.matches(r"\Qa\E")', 1, 22, "unrecognized escape sequence", ""),
        ("request.path.matches(request.host)", 1, 29, "second argument of matches() must be a text", ""),
        ('in_list(client.address, "tro")', 1, 25, "no list 'tro'", "did you mean 'tor'?"),
        ("in_list(client.address, request.host)", 1, 32, "second argument of in_list() must be a text", ""),
        ('in_cidr(client.address, "10.0.0.0/33")', 1, 25, "'10.0.0.0/33' is no network", "10.0.0.0/8"),
        ('request.headers["X-Api-Key"] == ""', 1, 17, "header names are lower case", "write 'x-api-key'"),
        ('"Host" in request.headers', 1, 1, "header names are lower case", "write 'host'"),
        ("request.headers == request.query", 1, 17, "maps cannot be compared", ""),
        ('timestamp("2020-01-01T00:00:00Z") == timestamp("2020-01-01T00:00:00Z")', 1, 1, "timestamp() cannot be used", ""),
        ('b"a" == b"a"', 1, 1, "bytes, timestamps", ""),
        ('{"a": 1}["a"] == 1', 1, 1, "maps and messages", "lists"),
        ('[1, "a"].exists(x, x == 1)', 1, 1, "one type", ""),
        ("type(1) == int", 1, 1, "type() cannot be used", ""),
        ("(" * 50 + "true" + ")" * 50, 1, 1, "nested too deeply", "split"),
    ],
)  # fmt: skip
def test_problems_say_where_and_what(text: str, line: int, column: int, what: str, fix: str) -> None:
    """The first character of what is wrong, our words, and a way out."""
    with pytest.raises(CelError) as error:
        condition(text)
    problem = error.value.problems[0]
    assert (problem.line, problem.column) == (line, column), problem
    assert what in problem.what
    assert fix in problem.fix


def test_all_problems_are_told_at_once() -> None:
    """Not only the first."""
    with pytest.raises(CelError) as error:
        condition(
            'in_list(client.address, "a") ||\nin_list(client.address, "b") || request.path.matches("[")'
        )
    assert [(p.line, p.column) for p in error.value.problems] == [(1, 25), (2, 25), (2, 54)]


def test_keys_of_limits_are_strings() -> None:
    """A number has to be converted."""
    assert compile_expression("client.address", ENVIRONMENT, "string") == ADDRESS
    assert compile_expression("string(client.asn)", ENVIRONMENT, "string")
    with pytest.raises(CelError, match="is a whole number, it must be a text"):
        compile_expression("client.asn", ENVIRONMENT, "string")


def test_variables_have_the_names_and_types_of_the_engine() -> None:
    """The comments of `Field` in the engine are the reference."""
    text = RUST.read_text(encoding="utf-8").split("pub enum Field")[1]
    wanted = dict(re.findall(r"/// `((?!signals)[a-z][\w.]+)`: (\w+(?:\(\w+(?:, \w+)?\))?)", text))
    assert len(wanted) == len(F)
    kinds = {"STRING": "string", "INT": "int", "BOOL": "bool", "LIST<STRING>": "list(string)",
             "MAP<STRING, STRING>": "map(string, string)"}  # fmt: skip
    assert {name: kinds[kind.name()] for name, (_, kind) in plain_variables().items()} == wanted


@pytest.mark.parametrize("text", ["true \ud800", '"\x00" == ""'])
def test_characters_that_cannot_be_written_are_a_problem(text: str) -> None:
    """YAML's escapes can make them; neither CEL nor the bundle can hold them."""
    with pytest.raises(CelError, match="cannot stand here") as error:
        condition(text)
    assert error.value.problems[0].column == min(text.find(odd) for odd in "\ud800\x00" if odd in text) + 1


TOKENS = [
    "request.method",
    "request.headers",
    "endpoint.labels",
    "client.asn",
    "signals.scraping.score",
    '"a"',
    "'b'",
    "1",
    "-1",
    "1u",
    "1.5",
    "1e400",
    "true",
    "null",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    "?",
    ":",
    "!",
    "&&",
    "||",
    "==",
    "<",
    ">=",
    "+",
    "-",
    "*",
    "%",
    "in",
    "has(",
    "size(",
    ".exists(x,",
    ".map(x,",
    "x",
    ".matches(",
    '"("',
    "in_list(",
    '"tor"',
    "int(",
    'b"x"',
    'r"\\d"',
    "9223372036854775808",
    "é",
    "😀",
    "//",
    "@",
    'duration("1s")',
    'request.headers["a"]',
    "\n",
]


@given(st.lists(st.sampled_from(TOKENS), max_size=12), st.sampled_from(["", " "]))
def test_any_text_is_an_expression_or_a_problem(tokens: list[str], between: str) -> None:
    """Nothing else is raised, and every problem is at a place that the text has."""
    text = between.join(tokens)
    problems = []
    try:
        condition(text)
    except CelError as error:
        problems = error.problems
    lines = text.split("\n")
    for problem in problems:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
