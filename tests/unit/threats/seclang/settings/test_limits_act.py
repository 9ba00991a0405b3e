"""The limits of bodies act: what is over one is told, and asks for a refusal where the rules say so."""

from __future__ import annotations

from typing import Any

import pytest

from starfort._engine import RuleSet
from tests.unit.threats.seclang.support import load

FORM = ("Content-Type", "application/x-www-form-urlencoded")
RULES = (
    'SecRule INBOUND_DATA_ERROR "@eq 1" "id:1,phase:2,pass"\n'
    'SecRule REQBODY_ERROR "@eq 1" "id:2,phase:2,pass"\n'
    'SecRule ARGS:first "@streq seen" "id:3,phase:2,pass"\n'
    'SecRule OUTBOUND_DATA_ERROR "@eq 1" "id:4,phase:4,pass"\n'
    'SecRule RESPONSE_BODY "@contains begin" "id:5,phase:4,pass"\n'
)


def send(settings: str, body: str, content_type: str = FORM[1]) -> tuple[list[int], dict[str, Any] | None]:
    """The rules that match a request with this body, and the interruption."""
    request = {"method": "POST", "uri": "/", "headers": [("Content-Type", content_type)], "body": body}
    found = RuleSet(load(settings + RULES).data).inspect(request)
    return [rule["id"] for rule in found["matched"]], found["interruption"]


def answer(settings: str, body: str) -> tuple[list[int], dict[str, Any] | None]:
    """The same of a response."""
    response = {"status": 200, "headers": [("Content-Type", "text/plain")], "body": body}
    found = RuleSet(load(settings + RULES).data).inspect({"uri": "/"}, response)
    return [rule["id"] for rule in found["matched"]], found["interruption"]


BODY = "first=seen&last=" + "x" * 100
LIMIT = "SecRequestBodyLimit 50\n"


@pytest.mark.parametrize("action", ["", "SecRequestBodyLimitAction Reject\n"])
def test_a_body_over_its_limit_is_refused(action: str) -> None:
    """`Reject`, which is the default, asks for 413 (manual, SecRequestBodyLimit); rules see what is within."""
    ids, interruption = send(LIMIT + action, BODY)
    assert ids == [1, 3]
    assert interruption is not None
    assert {key: interruption[key] for key in ("id", "phase", "status", "action")} == {
        "id": 0,
        "phase": 2,
        "status": 413,
        "action": "deny",
    }
    assert send(LIMIT + action, BODY[:50]) == ([3], None)


def test_part_of_a_body_is_processed() -> None:
    """`ProcessPartial` looks at what is within and asks for nothing, and so does an engine that only detects."""
    assert send(LIMIT + "SecRequestBodyLimitAction ProcessPartial\n", BODY) == ([1, 3], None)
    assert send("SecRuleEngine DetectionOnly\n" + LIMIT, BODY) == ([1, 3], None)


@pytest.mark.parametrize(
    ("processor", "content_type", "body"),
    [
        ("JSON", "application/json", '{"first":"seen","last":"' + "x" * 100 + '"}'),
        ("XML", "application/xml", "<first>seen</first><last>" + "x" * 100 + "</last>"),
        ("MULTIPART", "multipart/form-data; boundary=b", '--b\r\nContent-Disposition: form-data; name="first"\r\n\r\nseen'
         "\r\n--b\r\nContent-Disposition: form-data; name=last\r\n\r\n" + "x" * 100 + "\r\n--b--\r\n"),
    ],
)  # fmt: skip
def test_a_body_that_is_cut_is_not_malformed(processor: str, content_type: str, body: str) -> None:
    """With `ProcessPartial` a missing end is INBOUND_DATA_ERROR and no REQBODY_ERROR; a broken body still is one."""
    choose = f'SecAction "id:99,phase:1,pass,nolog,ctl:requestBodyProcessor={processor}"\n'
    settings = choose + "SecRequestBodyLimitAction ProcessPartial\nSecRequestBodyLimit "
    ids, _ = send(f"{settings}{len(body) - 30}\n", body, content_type)
    assert 1 in ids
    assert 2 not in ids
    assert 1 not in send(f"{settings}{len(body)}\n", body, content_type)[0]
    assert 2 in send(f"{settings}{len(body)}\n", body[:-30], content_type)[0]


def test_what_a_rule_asks_for_comes_first() -> None:
    """Rules see what is within the limit before it is refused, so an interruption of theirs stands."""
    deny = 'SecRule ARGS:first "@streq seen" "id:9,phase:2,deny,status:400"\n'
    _, interruption = send(LIMIT + deny, BODY)
    assert interruption is not None
    assert (interruption["id"], interruption["status"]) == (9, 400)


PARTS = (
    '--b\r\nContent-Disposition: form-data; name="first"\r\n\r\nseen\r\n'
    '--b\r\nContent-Disposition: form-data; name="f"; filename="x.bin"\r\n\r\n' + "y" * 500 + "\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("body", "content_type", "limit", "over"),
    [
        (BODY, FORM[1], len(BODY), False),
        (BODY, FORM[1], len(BODY) - 1, True),
        # ModSecurity 3 counts the headers of all parts and the contents of those that are no files.
        (PARTS, "multipart/form-data; boundary=b", 200, False),
        (PARTS.replace("seen", "seen" * 50), "multipart/form-data; boundary=b", 200, True),
    ],
)
def test_files_do_not_count(body: str, content_type: str, limit: int, over: bool) -> None:
    """SecRequestBodyNoFilesLimit sets REQBODY_ERROR and asks for 413; uploads do not count for it."""
    settings = f"SecRequestBodyNoFilesLimit {limit}\n"
    ids, interruption = send(settings, body, content_type)
    assert (2 in ids) is over
    assert (interruption is not None and interruption["status"] == 413) is over
    assert send(settings + "SecRequestBodyLimitAction ProcessPartial\n", body, content_type)[1] is None


def test_large_bodies_are_ordinary_without_directives() -> None:
    """A body of two megabytes is over no limit that nobody gave."""
    assert send("", "first=seen&last=" + "x" * (2 << 20)) == ([3], None)


def test_responses_over_their_limit() -> None:
    """`Reject` asks for 500 (manual, SecResponseBodyLimit); `ProcessPartial`, the default, asks for nothing."""
    limit, body = "SecResponseBodyLimit 20\n", "begin" + "x" * 50
    ids, interruption = answer(limit + "SecResponseBodyLimitAction Reject\n", body)
    assert ids == [4, 5]
    assert interruption is not None
    assert (interruption["phase"], interruption["status"]) == (4, 500)
    assert answer(limit, body) == ([4, 5], None)
    assert answer(limit + "SecResponseBodyLimitAction Reject\n", body[:20]) == ([5], None)
