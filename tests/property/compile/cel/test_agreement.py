"""The engine evaluates what the control plane compiled as CEL's own implementation does, errors included.

Expressions are made by type, so that the checker takes them. `in_list`, `in_cidr` and `lowerAscii` are ours: CEL's
implementation has nothing to compare them with.

CEL knows one value for a name. Where a name came more than once, CEL is asked about each choice of values: what it says
of one choice, the engine says too. Each comparison may choose for itself, so what the engine says, CEL says of some
choice at each place where a name stands.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cel_expr_python import cel
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from starfort import bundle
from starfort._engine import Engine
from starfort.bundle.model import Api, Endpoint, Limits
from starfort.bundle.policy import Action, AllowAction, Mode, Phase, Policy, TagAction
from starfort.compile.cel import Environment, compile_expression
from starfort.compile.variables import plain_variables, signal_variables

KINDS = ("k",)
ENVIRONMENT = Environment(KINDS, ())
NOW_MS = 1_700_000_000_000
WORDS = (
    "",
    "a",
    "A",
    "ab",
    "b",
    "GET",
    "é",
    "日本",
    "1",
    "-5",
    "+7",
    " 3",
    "1.5",
    "1e3",
    "true",
    "NaN",
    "9223372036854775808",
    "a b",
)
NAMES = ("a", "b", "missing")
PATTERNS = ("^a", "b$", "[0-9]+", "^$", "(?i)A", "é|日", ".")


@dataclass(frozen=True)
class Facts:
    """What a request says."""

    method: str
    query: dict[str, tuple[str, ...]]
    """Values by name, one or more of each."""
    labels: tuple[str, ...]
    score: float
    status: int

    def choices(self) -> Iterator[dict[str, str]]:
        """Every choice of one value for each name of the query."""
        for values in itertools.product(*self.query.values()):
            yield dict(zip(self.query, values, strict=True))

    def variables(self, query: dict[str, str]) -> dict[str, Any]:
        """For CEL's own implementation, with one choice of values."""
        return {
            "request.method": self.method,
            "request.query": query,
            "endpoint.labels": list(self.labels),
            "endpoint.known": True,
            "identity.verified": False,
            "signals.k.score": self.score,
            "signals.k.active": self.score > 0,
            "response.status": self.status,
            "client.asn": 0,
        }


def facts(most: int) -> st.SearchStrategy[Facts]:
    """Requests with at most so many values of a name."""
    values = st.lists(st.sampled_from(WORDS), min_size=1, max_size=most).map(tuple)
    return st.builds(
        Facts,
        method=st.sampled_from(["GET", "POST"]),
        query=st.dictionaries(st.sampled_from(NAMES[:2]), values),
        labels=st.lists(st.sampled_from(WORDS), max_size=3).map(tuple),
        score=st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]),
        status=st.sampled_from([200, 204, 404, 503]),
    )


def literal(text: str) -> str:
    """A text as CEL writes it."""
    return json.dumps(text, ensure_ascii=False)


def infix(operands: st.SearchStrategy[str], *operators: str) -> st.SearchStrategy[str]:
    """`(a + b)` of operands of one type."""
    return st.builds("({} {} {})".format, operands, st.sampled_from(operators), operands)


def call(name: str, argument: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """`name(argument)`."""
    return argument.map(lambda text: f"{name}({text})")


def member(
    target: st.SearchStrategy[str], name: str, argument: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    """`target.name(argument)`."""
    return st.builds(lambda one, other: f"{one}.{name}({other})", target, argument)


def choice(condition: st.SearchStrategy[str], of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """`(c ? a : b)`."""
    return st.builds("({} ? {} : {})".format, condition, of, of)


@dataclass(frozen=True)
class Typed:
    """Expressions by type."""

    int: st.SearchStrategy[str]
    uint: st.SearchStrategy[str]
    double: st.SearchStrategy[str]
    string: st.SearchStrategy[str]
    list: st.SearchStrategy[str]
    bool: st.SearchStrategy[str]


TEXT = st.sampled_from(WORDS).map(literal)
LEAVES = Typed(
    int=st.sampled_from(
        ["0", "1", "-1", "7", "9223372036854775807", "-9223372036854775808", "response.status", "client.asn"]
    ),
    uint=st.sampled_from(["0u", "3u", "18446744073709551615u"]),
    double=st.sampled_from(["0.0", "1.5", "-2.25", "1e300", "1234567.0", "0.00001", "signals.k.score"]),
    string=TEXT | st.sampled_from(["request.method"]) | st.sampled_from(NAMES).map("request.query.{}".format),
    list=st.just("endpoint.labels") | st.lists(TEXT, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
    bool=st.sampled_from(["true", "false", "endpoint.known", "identity.verified", "signals.k.active"])
    | st.sampled_from(NAMES).map("has(request.query.{})".format)
    | st.sampled_from(NAMES).map('("{}" in request.query)'.format),
)


def deeper(of: Typed) -> Typed:
    """One level more, the level below included."""
    return Typed(
        int=of.int
        | infix(of.int, "+", "-", "*", "/", "%")
        | of.int.map("-({})".format)
        | call("size", of.string | of.list | st.just("request.query"))
        | call("int", of.string | of.double | of.uint)
        | choice(of.bool, of.int),
        uint=of.uint | infix(of.uint, "+", "-", "*", "/", "%"),
        double=of.double
        | infix(of.double, "+", "-", "*", "/")
        | of.double.map("-({})".format)
        | call("double", of.string | of.int | of.uint)
        | choice(of.bool, of.double),
        string=of.string
        | infix(of.string, "+")
        | call("string", of.int | of.uint | of.double | of.bool)
        | choice(of.bool, of.string),
        list=of.list | infix(of.list, "+"),
        bool=of.bool
        | infix(of.bool, "&&", "||", "==", "!=")
        | of.bool.map("!({})".format)
        | st.one_of(
            *(
                infix(kind, "<", "<=", ">", ">=", "==", "!=")
                for kind in (of.int, of.uint, of.double, of.string)
            )
        )
        | infix(of.list, "==", "!=")
        | st.builds("({} in {})".format, of.string, of.list)
        | st.one_of(*(member(of.string, name, of.string) for name in ("startsWith", "endsWith", "contains")))
        | member(of.string, "matches", st.sampled_from(PATTERNS).map(literal))
        | st.builds(
            lambda items, macro, test: f"{items}.{macro}(x, {test})",
            of.list | st.just("request.query"),
            st.sampled_from(["exists", "all", "exists_one"]),
            st.builds("x {} {}".format, st.sampled_from(["==", "!=", "<", ">="]), of.string)
            | st.builds("int(x) > {}".format, of.int)
            | of.list.map(lambda inner: f"{inner}.exists(y, y == x)"),
        )
        | choice(of.bool, of.bool),
    )


CONDITIONS = deeper(deeper(deeper(LEAVES))).bool


def evaluated(checker: cel.Env, text: str, variables: list[dict[str, Any]]) -> set[bool | None]:
    """What CEL's own implementation says with each of these variables; `None`: an error."""
    compiled = checker.compile(text)
    values = [compiled.eval(data=one) for one in variables]
    return {None if value.type().name() == "ERROR" else bool(value.plain_value()) for value in values}


def by_cel(text: str, facts: Facts) -> set[bool | None]:
    """What CEL's own implementation says, over every choice of values for the names."""
    return evaluated(ENVIRONMENT.checker, text, [facts.variables(query) for query in facts.choices()])


USE = re.compile(r"(?<!has\()request\.query\.(a|b|missing)\b")
MACRO = re.compile(r"\.(exists|all|exists_one)\(")
PLACES = cel.NewEnv(
    variables={name: kind for name, (_, kind) in {**plain_variables(), **signal_variables(KINDS)}.items()}
    | {"place": cel.Type.Map(cel.Type.STRING, cel.Type.STRING)}
)


def by_cel_at_each_place(text: str, facts: Facts) -> set[bool | None]:
    """What CEL says over every choice of values for each place where a name stands."""
    names = [use[1] for use in USE.finditer(text)]
    numbers = itertools.count()
    placed = USE.sub(lambda _: f"place.p{next(numbers)}", text)
    present = [(f"p{number}", facts.query[name]) for number, name in enumerate(names) if name in facts.query]
    first = next(facts.choices())
    variables = [
        facts.variables(first)
        | {"place": {place: value for (place, _), value in zip(present, values, strict=True)}}
        for values in itertools.product(*(values for _, values in present))
    ]
    return evaluated(PLACES, placed, variables)


def by_engine(text: str, facts: Facts, action: Action | None = None) -> bool | None:
    """What the engine says of the compiled expression; `None`: an error.

    Args:
        text: the condition.
        facts: the request.
        action: what the policy does, which decides for how many values a condition must hold; default `tag`.
    """
    policy = Policy(
        name="p",
        phase=Phase.RESPONSE,
        apis=None,
        endpoints=None,
        when=compile_expression(text, ENVIRONMENT, "bool"),
        action=action or TagAction(header="x-a", value="1"),
        mode=Mode.OBSERVE,
    )
    made = bundle.Bundle(
        node="n",
        hash_key=bytes(32),
        fail_open=True,
        limits=Limits(16384, 100, 16384, 1 << 20, 1 << 20, 1 << 23, 100, 64, 1000, 100, 1000, 100, 10**9),
        apis=(Api("shop", ("*",), ("/",), "shop"),),
        endpoints=(Endpoint("1", 0, "*", "/", labels=facts.labels),),
        signal_kinds=KINDS,
        policies=(policy,),
    )
    engine = Engine(bundle.encode(made))
    if facts.score:
        signal = {
            "kind": "k",
            "key_type": "address",
            "key": "192.0.2.1",
            "score": facts.score,
            "ttl_ms": 1000,
        }
        engine.signals([signal], now_ms=NOW_MS)
    query = "&".join(
        f"{quote(name)}={quote(value)}" for name, values in facts.query.items() for value in values
    )
    told = engine.explain(
        {
            "method": facts.method,
            "url": f"https://shop.example.com/?{query}",
            "address": "192.0.2.1",
            "response": {"status": facts.status},
        },
        now_ms=NOW_MS,
    )
    (trace,) = told["policies"]
    assert (trace["matched"] is None) == bool(trace["error"])
    return trace["matched"]


PLAIN = Facts("GET", {"a": ("1",)}, ("a", "é"), 0.9, 200)
TWICE = Facts("GET", {"a": ("1", "2"), "b": ("x", "7")}, ("1", "2"), 0.9, 200)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(text=CONDITIONS, facts=facts(1))
@example(text="1 / 0 == 1 || true", facts=PLAIN)
@example(text="1 / 0 == 1 && false", facts=PLAIN)
@example(text='request.query.missing == "" || endpoint.known', facts=PLAIN)
@example(text='["1", "x"].exists(x, int(x) > 0)', facts=PLAIN)
@example(text='["x", "1"].all(x, int(x) > 9)', facts=PLAIN)
@example(text='["x", "1"].exists_one(x, int(x) > 0)', facts=PLAIN)
@example(text="9223372036854775807 + response.status > 0", facts=PLAIN)
@example(text="-(-9223372036854775808) == 0", facts=PLAIN)
@example(text="-9223372036854775808 / -1 == 0", facts=PLAIN)
@example(text="-9223372036854775808 % -1 == 0", facts=PLAIN)
@example(text="0u - 3u == 0u", facts=PLAIN)
@example(text="0.0 / 0.0 == 0.0 / 0.0", facts=PLAIN)
@example(text='string(1234567.0) == "1.234567e+06"', facts=PLAIN)
@example(text='string(-0.0) == "-0"', facts=PLAIN)
@example(text='int(" 3") == 3', facts=PLAIN)
@example(text='size("é日") == 2', facts=PLAIN)
@example(text="int(9223372036854775807.0) > 0", facts=PLAIN)
@example(text='double("NaN") != double("NaN")', facts=PLAIN)
def test_the_engine_agrees_with_cel(text: str, facts: Facts) -> None:
    """The same bool, or an error in both; for every action, when no name is repeated."""
    assert {by_engine(text, facts)} == by_cel(text, facts)
    assert {by_engine(text, facts, AllowAction())} == by_cel(text, facts)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(text=CONDITIONS, facts=facts(2))
@example(text='request.query.a == "2"', facts=TWICE)
@example(text='request.query.a != "1"', facts=TWICE)
@example(text='!(request.query.a == "1" || request.query.a == "3")', facts=TWICE)
@example(text='request.query.a == "1" && request.query.a == "2"', facts=TWICE)
@example(text="int(request.query.b) > 5", facts=TWICE)
@example(text="int(request.query.b) > 9", facts=TWICE)
@example(text="!(int(request.query.b) > 9)", facts=TWICE)
@example(text="request.query.a == request.query.a", facts=TWICE)
@example(text='request.query.a + request.query.b == "2x"', facts=TWICE)
@example(text='(request.query.a == "2" ? request.query.b : "") == "7"', facts=TWICE)
@example(text="endpoint.labels.all(x, x == request.query.a)", facts=TWICE)
@example(text="endpoint.labels.exists_one(x, x == request.query.a)", facts=TWICE)
@example(text='[request.query.a].exists(x, x == "2")', facts=TWICE)
@example(text='request.query.exists(x, x == "a")', facts=TWICE)
@example(text='request.query.exists_one(x, x == "a")', facts=TWICE)
@example(text="size(request.query) == 2", facts=TWICE)
@example(text="has(request.query.a)", facts=TWICE)
def test_the_engine_says_what_cel_says_of_some_choice_of_values(text: str, facts: Facts) -> None:
    """A restriction holds if CEL says so of a choice of values; a permission only if CEL says so of every one."""
    assume(len(USE.findall(text)) <= 6)
    restricts, permits = by_engine(text, facts), by_engine(text, facts, AllowAction())
    chosen = by_cel(text, facts)
    if True in chosen:
        assert restricts is True
    if chosen != {True}:
        assert permits is not True
    if restricts is False:
        assert chosen == {False}
    if not (MACRO.search(text) and USE.search(text)):
        assert restricts in by_cel_at_each_place(text, facts)


def test_both_answers_and_errors_are_seen() -> None:
    """The comparison can tell: each way of answering is met."""
    for text, wanted in (("1 < 2", True), ("2 < 1", False), ("1 / 0 == 1", None)):
        assert by_engine(text, PLAIN) is wanted
        assert by_cel(text, PLAIN) == {wanted}
    assert by_cel('request.query.a == "1"', TWICE) == {True, False}
    both = 'request.query.a == "1" && request.query.a == "2"'
    assert by_cel(both, TWICE) == {False}
    assert by_cel_at_each_place(both, TWICE) == {True, False}
