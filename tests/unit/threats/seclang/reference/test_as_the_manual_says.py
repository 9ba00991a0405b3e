"""What variables hold and actions do, as the reference manual of ModSecurity says, or its code where that is silent."""

from __future__ import annotations

from typing import Any

import pytest

from starfort._engine import RuleSet
from tests.unit.threats.seclang.support import load

FORM = ("Content-Type", "application/x-www-form-urlencoded")


def inspect(text: str, response: dict[str, Any] | None = None, **request: Any) -> dict[str, Any]:
    """What comes of a request."""
    answer: dict[str, Any] = RuleSet(load(text).data).inspect(request, response)
    return answer


def values(target: str, phase: int = 2, **request: Any) -> list[tuple[str, str]]:
    """Names and values of what a target gives, in order."""
    rule = f'SecRule {target} "@unconditionalMatch" "id:1,phase:{phase},pass,log"'
    found = inspect(rule, **request)["matched"]
    return [(text(var["name"]), text(var["value"])) for rule in found for var in rule["vars"]]


def text(value: bytes | str) -> str:
    """A value as text."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("target", "uri", "value"),
    [
        ("REQUEST_URI", "/%61dmin?a=%62+c", "/admin?a=b+c"),
        ("REQUEST_URI", "/a%2520b", "/a%20b"),
        ("REQUEST_URI", "/plain?q=1", "/plain?q=1"),
        ("REQUEST_URI", "http://h/x%20y?q", "/x y?q"),
        ("REQUEST_URI", "/a?b#c", "/a?b"),
        ("REQUEST_URI_RAW", "/%61dmin?a=%62#c", "/%61dmin?a=%62#c"),
        ("REQUEST_FILENAME", "/a%3fb?c", "/a?b"),
        ("REQUEST_FILENAME", "/a#b?c", "/a"),
        ("REQUEST_BASENAME", "/x/%61.php?q", "a.php"),
        ("QUERY_STRING", "/%61?b=%63#d", "b=%63"),
    ],
)
def test_targets_are_decoded_once(target: str, uri: str, value: str) -> None:
    """REQUEST_URI and its parts are decoded once; what is raw by name stays as it was sent."""
    assert values(target, uri=uri) == [(target, value)]


def test_matched_vars_hold_the_whole_chain() -> None:
    """Each link sees what the links before it matched too, and the next rule sees only what it matched itself."""
    rules = (
        'SecRule ARGS "@contains a" "id:1,phase:2,pass,log,chain"\n'
        'SecRule REQUEST_HEADERS:X-Y "@rx ." "chain"\n'
        'SecRule MATCHED_VARS_NAMES "@rx ." "setvar:tx.names=%{tx.names} %{MATCHED_VAR}"\n'
        'SecRule ARGS "@streq b" "id:2,phase:2,pass,log,chain"\nSecRule &MATCHED_VARS "@eq 1"'
    )
    found = inspect(rules, uri="/?p=a1&q=b&r=a2", headers=[("X-Y", "z")])
    assert found["tx"]["names"] == " ARGS:p ARGS:r REQUEST_HEADERS:X-Y"
    assert [rule["id"] for rule in found["matched"]] == [1, 2]
    assert inspect(rules, uri="/?p=a1")["tx"].get("names") is None


@pytest.mark.parametrize(
    "name",
    ["REQUEST_BODY_LENGTH", "INBOUND_DATA_ERROR", "OUTBOUND_DATA_ERROR", "ARGS_COMBINED_SIZE", "FILES_COMBINED_SIZE",
     "REQBODY_ERROR", "URLENCODED_ERROR", "MSC_PCRE_ERROR", "ARGUMENTS_LIMIT_REACHED", "URI_PARSE_ERROR"],
)  # fmt: skip
def test_numbers_are_0_and_not_absent(name: str) -> None:
    """`@eq 0` holds before anything has been said, in the first phase too."""
    for phase in (1, 2):
        assert values(name, phase, uri="/") == [(name, "0")]


def test_sizes_are_told_where_there_is_a_body() -> None:
    """A form of nine bytes has nine bytes, and is not over its limit."""
    sent: dict[str, Any] = {"method": "POST", "uri": "/", "headers": [FORM], "body": "login=foo"}
    assert values("REQUEST_BODY_LENGTH", **sent) == [("REQUEST_BODY_LENGTH", "9")]
    assert values("INBOUND_DATA_ERROR", **sent) == [("INBOUND_DATA_ERROR", "0")]


def test_the_whole_request_is_there_without_a_body() -> None:
    """FULL_REQUEST is the request line and the headers where nothing follows them."""
    [(_, whole)] = values("FULL_REQUEST", uri="/a", headers=[("Host", "h")])
    assert whole == "GET /a HTTP/1.1\nHost: h\n\n"


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("redirect:'http://x/'", 302),
        ("redirect:'http://x/',status:307", 307),
        ("redirect:'http://x/',status:403", 302),
        ("deny", 403),
        ("deny,status:404", 404),
    ],
)
def test_statuses(action: str, status: int) -> None:
    """A redirection has a status of redirections, 302 if the rule has none."""
    found = inspect(f'SecAction "id:1,phase:1,{action}"', uri="/")["interruption"]
    assert found["status"] == status


def test_a_default_status_is_no_redirections() -> None:
    """What `deny` of the default action answers says nothing of a rule that sends elsewhere; `block` takes all of it."""
    default = 'SecDefaultAction "phase:1,deny,status:404"\n'
    assert inspect(default + 'SecAction "id:1,phase:1,redirect:/x"', uri="/")["interruption"]["status"] == 302
    assert inspect(default + 'SecAction "id:1,phase:1,block"', uri="/")["interruption"]["status"] == 404
    moved = default.replace("deny,status:404", "redirect:/y,status:301")
    assert inspect(moved + 'SecAction "id:1,phase:1,block"', uri="/")["interruption"]["status"] == 301


def test_the_last_status_of_a_chain_counts() -> None:
    """`status` is data of the rule, which any of its links may give."""
    rules = 'SecRule ARGS:a "@rx ." "id:1,phase:2,deny,chain"\nSecRule ARGS:b "@rx ." "status:437"'
    assert inspect(rules, uri="/?a=1&b=2")["interruption"]["status"] == 437
    assert inspect(rules, uri="/?a=1")["interruption"] is None


def test_collections_that_nobody_opened() -> None:
    """Variables of IP and its like work without `initcol`, for this request: without a key they are nobody's."""
    rules = RuleSet(
        load(
            'SecAction "id:1,phase:1,pass,nolog,setvar:ip.n=+2,setvar:ip.n=+3,setvar:global.g=x,setvar:!global.g"\n'
            'SecRule IP:n "@eq 5" "id:2,phase:1,pass"\nSecRule &GLOBAL:g "@eq 1" "id:3,phase:1,pass"\n'
            'SecRule SESSION:n "@eq 5" "id:4,phase:1,pass"'
        ).data
    )
    for _ in range(2):
        assert [rule["id"] for rule in rules.inspect({"uri": "/"})["matched"]] == [1, 2]


def test_applications_have_sessions_of_their_own() -> None:
    """SecWebAppId keeps the records of SESSION apart; SESSIONID is the key as the rule gave it."""
    rules = 'SecAction "id:1,phase:1,pass,nolog,setsid:abc,setvar:session.n=+1"\nSecRule SESSIONID "@streq abc" "id:2,phase:1,pass,msg:\'%{session.n}\'"'
    for application in ("", "SecWebAppId shop\n"):
        [_, found] = inspect(application + rules, uri="/")["matched"]
        assert text(found["msg"]) == "1"


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("a=1; b=2 ", [("a", "1"), ("b", "2")]),
        (" a = 1 ; b =2;; c\t", [("a ", " 1 "), ("b ", "2"), ("c", "")]),
        ('a="q v"; b=x=y', [("a", '"q v"'), ("b", "x=y")]),
        ("a=%41; b=1+2", [("a", "%41"), ("b", "1+2")]),
        ("; ;", []),
    ],
)
def test_cookies(header: str, cookies: list[tuple[str, str]]) -> None:
    """Values are not decoded and keep their blanks, but those at the end of the header."""
    found = values("REQUEST_COOKIES", 1, uri="/", headers=[("Cookie", header)])
    assert found == [(f"REQUEST_COOKIES:{name}", value) for name, value in cookies]


def test_a_pattern_takes_names_out_too() -> None:
    """`!ARGS:/x/` of an update takes the members' names out as well; a member by name and other rules are not touched."""
    rules = 'SecRule ARGS|ARGS_NAMES "@rx ." "id:1,phase:2,pass"\n'
    uri = "/?token=a&other=b"

    def left(update: str) -> list[str]:
        [rule] = inspect(rules + update, uri=uri)["matched"]
        return [text(var["name"]) for var in rule["vars"]]

    assert left('SecRuleUpdateTargetById 1 "!ARGS:/^tok/"') == ["ARGS:other", "ARGS_NAMES:other"]
    assert left('SecRuleUpdateTargetById 1 "!ARGS:token"') == [
        "ARGS:other",
        "ARGS_NAMES:token",
        "ARGS_NAMES:other",
    ]
    assert len(left('SecRuleUpdateTargetById 1 "!ARGS:/^nothing/"')) == 4


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("! ^127", False),
        ("!^127", False),
        ("! ^10", True),
        ("!@rx ^10", True),
        ("! @rx ^10", True),
        ("^127", True),
    ],
)
def test_negation_without_a_name(operator: str, holds: bool) -> None:
    """Blanks between `!` and a pattern are no part of the pattern."""
    found = inspect(f'SecRule REMOTE_ADDR "{operator}" "id:1,phase:1,pass"', uri="/", remote_addr="127.0.0.1")
    assert bool(found["matched"]) is holds


def test_arguments_are_counted_once() -> None:
    """SecArgumentsLimit counts those of the query and of a form together; what is beyond it is told."""
    rules = (
        "SecArgumentsLimit 3\n"
        'SecRule ARGUMENTS_LIMIT_REACHED "@eq 1" "id:1,phase:2,pass"\n'
        'SecRule REQBODY_ERROR "@eq 1" "id:2,phase:2,pass"\nSecRule &ARGS "@ge 3" "id:3,phase:2,pass"'
    )

    def ids(uri: str, body: str) -> list[int]:
        found = inspect(rules, method="POST", uri=uri, headers=[FORM], body=body)
        return [rule["id"] for rule in found["matched"]]

    assert ids("/?a=1", "b=2&c=3") == [3]
    assert ids("/?a=1&b=2", "c=3&d=4") == [1, 2, 3]
    assert ids("/?a=1&b=2&c=3&d=4", "") == [1, 3]
    assert ids("/?a=1", "b=2") == []


def test_rule_tells_of_itself() -> None:
    """RULE has what the rule has, message and log data filled in; what it has not is absent."""
    rules = (
        'SecRule ARGS:a "@rx ." "id:7,phase:2,pass,log,rev:3,severity:2,msg:\'saw %{MATCHED_VAR}\','
        "logdata:'%{rule.id} %{rule.msg} %{RULE.severity}',setvar:'tx.said=%{rule.msg}'\"\n"
        'SecRule &RULE "@rx ." "id:8,phase:2,pass,log,logdata:\'%{MATCHED_VAR}\'"\n'
        'SecRule RULE:msg "@rx ." "id:9,phase:2,pass"'
    )
    found = inspect(rules, uri="/?a=x")
    assert [(rule["id"], text(rule["logdata"])) for rule in found["matched"]] == [(7, "7 saw x 2"), (8, "2")]
    assert found["tx"]["said"] == "saw x"


def test_a_message_that_quotes_itself_ends() -> None:
    """A message within itself would have no end: it stands in itself as nothing."""
    rule = "SecAction \"id:1,phase:1,pass,log,msg:'a%{rule.msg}b%{rule.logdata}',logdata:'%{rule.logdata}c'\""
    [found] = inspect(rule, uri="/")["matched"]
    assert (text(found["msg"]), text(found["logdata"])) == ("aabbc", "cc")


@pytest.mark.parametrize(
    ("pattern", "value", "holds"),
    [
        ("^a%{tx.p}$", "ab.d", True),
        ("^a%{tx.p}$", "abcd", True),
        ("^a%{tx.p}$", "abd", False),
        ("^a(?:%{nothing}|%{tx.p})$", "ab.d", True),
        ("^a(?:%{nothing}|%{tx.p})$", "a%{nothing}", True),
        ("^%{ARGS:/^other/}$", "z", True),
        ("^%{ARGS:/^other/}$", "y", False),
        ("(%{tx.open}", "(", False),
    ],
)
def test_macros_in_patterns(pattern: str, value: str, holds: bool) -> None:
    """A macro is filled in before the pattern is read; what names no variable is text; a bad pattern finds nothing."""
    rules = f'SecAction "id:1,phase:1,pass,nolog,setvar:tx.p=b.d"\nSecRule ARGS:v "@rx {pattern}" "id:2,phase:2,pass"'
    encoded = "".join(f"%{byte:02x}" for byte in value.encode())
    found = inspect(rules, uri=f"/?v={encoded}&others=z")
    assert (2 in [rule["id"] for rule in found["matched"]]) is holds


def test_macros_by_pattern() -> None:
    """`%{ARGS:/x/}` is the first member whose name the pattern finds, in any case."""
    [found] = inspect(
        "SecAction \"id:1,phase:2,pass,log,msg:'%{ARGS:/^ID_/} %{tx./none/}.'\"", uri="/?a=1&id_b=2&id_c=3"
    )["matched"]
    assert text(found["msg"]) == "2 ."


@pytest.mark.parametrize("wanted", ["said %{ARGS.a}", "SAID %{args.A}"])
def test_messages_are_compared_as_they_are_written(wanted: str) -> None:
    """A rule is taken out by its message, macros as they stand in it."""
    rules = 'SecRule ARGS:a "@rx ." "id:2,phase:2,pass,msg:\'said %{ARGS.a}\'"'
    out = f"SecAction \"id:1,phase:1,pass,nolog,ctl:ruleRemoveByMsg='{wanted}'\"\n"
    assert [rule["id"] for rule in inspect(out + rules, uri="/?a=1")["matched"]] == [1]
    other = out.replace("%{", "%{x")
    assert [rule["id"] for rule in inspect(other + rules, uri="/?a=1")["matched"]] == [1, 2]
