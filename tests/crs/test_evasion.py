"""Attacks in disguise are found: encodings in layers, odd charsets, doubled keys, comments, sheer number.

CRS at paranoia level 1, as it comes. Each case names the family of rules that must see through it.
"""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import quote

import pytest

from starfort._engine import RuleSet
from starfort.threats.rulesets import BASE_RULES
from starfort.threats.seclang.load import load_rules
from tests.crs.suite import CORPUS

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason=f"no CRS corpus at {CORPUS}; set STARFORT_CORPORA"
)

SQL = "1' UNION SELECT password FROM users-- -"
XSS = "<script>alert(document.cookie)</script>"
PATH = "../../../../etc/passwd"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@pytest.fixture(scope="module")
def engine() -> RuleSet:
    """CRS with its example set-up."""
    return RuleSet(load_rules([BASE_RULES, CORPUS / "crs-setup.conf.example", CORPUS / "rules"]).data)


def found(
    engine: RuleSet, body: bytes = b"", content_type: str = "", uri: str = "/", **more: Any
) -> set[int]:
    """Ids of what is found, those left out that only add up."""
    headers = [
        ("Host", "api.example.com"),
        ("User-Agent", "client/1"),
        ("Accept", "*/*"),
        *more.get("headers", []),
    ]
    if content_type:
        headers += [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    answer = engine.inspect(
        {
            "method": more.get("method", "POST" if content_type else "GET"),
            "uri": uri,
            "protocol": "HTTP/1.1",
            "headers": headers,
            "body": body,
            "remote_addr": "192.0.2.10",
        }
    )
    return {
        match["id"]
        for match in answer["matched"]
        if match["log"] and match["id"] // 1000 not in {949, 959, 980}
    }


def family(ids: set[int]) -> set[int]:
    """`942` of 942100."""
    return {number // 1000 for number in ids}


def every(text: str) -> str:
    """Each character percent-encoded."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


def unicode_escapes(text: str) -> str:
    """Each character as a JSON escape."""
    return "".join(f"\\u{ord(character):04x}" for character in text)


CASES: dict[str, tuple[dict[str, Any], int]] = {
    "plain query": ({"uri": "/?q=" + quote(SQL)}, 942),
    "every character encoded": ({"uri": f"/?q={every(SQL)}"}, 942),
    "encoded twice": ({"uri": "/?q=" + quote(every(XSS))}, 941),
    "IIS unicode": ({"uri": "/?q=%u003cscript%u003ealert(1)%u003c/script%u003e"}, 941),
    "HTML entities": ({"uri": "/?q=" + quote("&#x3c;script&#x3e;alert(1)&#x3c;/script&#x3e;")}, 941),
    "overlong UTF-8 in a query": ({"uri": "/?q=%c0%bcscript%c0%bealert(1)%c0%bc/script%c0%be"}, 941),
    "overlong UTF-8 in a form": ({"body": b"q=%c0%bcscript%c0%bealert(1)%c0%bc/script%c0%be", "content_type": FORM}, 941),
    "overlong UTF-8 in JSON": ({"body": b'{"q":"..\xc0\xaf..\xc0\xaf..\xc0\xafetc/passwd"}', "content_type": JSON}, 930),
    "overlong UTF-8 of three bytes": ({"uri": "/?f=%e0%80%ae%e0%80%ae%e0%80%afetc%e0%80%afpasswd"}, 930),
    "full width letters": ({"uri": "/?q=" + "%ef%bc%9cscript%ef%bc%9ealert(1)%ef%bc%9c/script%ef%bc%9e"}, 941),
    "overlong UTF-8 in a path": ({"uri": "/?file=..%c0%af..%c0%af..%c0%afetc/passwd"}, 930),
    "backslashes": ({"uri": "/?file=" + quote("..\\..\\..\\windows\\win.ini")}, 930),
    "dots encoded": ({"uri": "/?file=%2e%2e/%2e%2e/%2e%2e/etc/passwd"}, 930),
    "NUL inside": ({"uri": "/?q=" + quote("<scr" + chr(0) + "ipt>alert(1)</script>")}, 941),
    "comments for blanks": ({"uri": "/?q=" + quote("1'/**/UNION/**/SELECT/**/password/**/FROM/**/users--")}, 942),
    "MySQL version comment": ({"uri": "/?q=" + quote("1' /*!50000UNION*/ /*!50000SELECT*/ 1,2,3-- -")}, 942),
    "mixed case and line ends": ({"uri": "/?q=" + quote("1'" + chr(10) + "uNiOn" + chr(9) + "aLl" + chr(13) + "sElEcT 1,2")}, 942),
    "name of a parameter": ({"uri": f"/?{quote(XSS)}=1"}, 941),
    "duplicate parameters": ({"uri": f"/?q=harmless&q={quote(SQL)}&q=harmless"}, 942),
    "form body": ({"body": f"a=1&q={quote(SQL)}".encode(), "content_type": FORM}, 942),
    "form with charset": ({"body": f"q={quote(XSS)}".encode(), "content_type": FORM + "; charset=utf-8"}, 941),
    "JSON value": ({"body": json.dumps({"q": SQL}).encode(), "content_type": JSON}, 942),
    "JSON escapes": ({"body": f'{{"q":"{unicode_escapes(XSS)}"}}'.encode(), "content_type": JSON}, 941),
    "JSON key": ({"body": json.dumps({XSS: 1}).encode(), "content_type": JSON}, 941),
    "JSON key twice": ({"body": f'{{"q":{json.dumps(SQL)},"q":"harmless"}}'.encode(), "content_type": JSON}, 942),
    "JSON deep": ({"body": b'{"a":' * 30 + json.dumps(SQL).encode() + b"}" * 30, "content_type": JSON}, 942),
    "JSON array": ({"body": json.dumps([1, [2, [SQL]]]).encode(), "content_type": JSON}, 942),
    "JSON with suffix type": ({"body": json.dumps({"q": XSS}).encode(), "content_type": "application/vnd.api+json"}, 941),
    "JSON type in upper case": ({"body": json.dumps({"q": XSS}).encode(), "content_type": "Application/JSON;charset=UTF-8"}, 941),
    "JSON behind a byte order mark": ({"body": b"\xef\xbb\xbf" + json.dumps({"q": XSS}).encode(), "content_type": JSON}, 941),
    "JSON in UTF-16": ({"body": json.dumps({"q": SQL}).encode("utf-16"), "content_type": JSON + "; charset=utf-16"}, 920),
    "JSON called a form": ({"body": json.dumps({"q": SQL}).encode(), "content_type": FORM}, 942),
    "JSON called text": ({"body": json.dumps({"q": SQL}).encode(), "content_type": "text/plain"}, 942),
    "JSON called an image": ({"body": json.dumps({"q": SQL}).encode(), "content_type": "image/png"}, 942),
    "JSON called two things": ({"body": json.dumps({"q": SQL}).encode(), "content_type": "text/plain, application/json"}, 942),
    "JSON without a type": ({"body": json.dumps({"q": SQL}).encode(), "method": "POST"}, 942),
    "XML without a type": ({"body": f"<a><b>{SQL}</b></a>".encode(), "method": "POST"}, 942),
    "XML called JSON": ({"body": f"<a>{SQL}</a>".encode(), "content_type": JSON}, 942),
    "form called JSON": ({"body": f"q={quote(SQL)}".encode(), "content_type": JSON}, 942),
    "form in UTF-7": ({"body": b"q=+ADw-script+AD4-alert(1)+ADw-/script+AD4-", "content_type": FORM + "; charset=utf-7"}, 941),
    "form in EBCDIC": ({"body": b"q=" + quote(SQL.encode("cp037")).encode(), "content_type": FORM + "; charset=ibm037"}, 920),
    "XML text": ({"body": f"<a><b><![CDATA[{SQL}]]></b></a>".encode(), "content_type": "text/xml"}, 942),
    "XML attribute": ({"body": f'<a b="{SQL}"/>'.encode(), "content_type": "application/xml"}, 942),
    "XML references": ({"body": b"<a>&#x3c;script&#x3e;alert(1)&#x3c;/script&#x3e;</a>", "content_type": "application/soap+xml"}, 941),
    "multipart field": (
        {
            "body": f'--b\r\nContent-Disposition: form-data; name="q"\r\n\r\n{SQL}\r\n--b--\r\n'.encode(),
            "content_type": "multipart/form-data; boundary=b",
        },
        942,
    ),
    "multipart file name": (
        {
            "body": b'--b\r\nContent-Disposition: form-data; name="f"; filename="../../x.php"\r\n\r\nx\r\n--b--\r\n',
            "content_type": "multipart/form-data; boundary=b",
        },
        930,
    ),
    "cookie": ({"headers": [("Cookie", f"a=1; q={quote(SQL)}")]}, 942),
    "header": ({"headers": [("Referer", f"https://x/?{XSS}")]}, 941),
    "body without a type": ({"body": f"q={quote(SQL)}".encode(), "content_type": "", "headers": [("Content-Length", "70")], "method": "POST"}, 920),
    "the last of 500 parameters": ({"uri": "/?" + "&".join(f"p{n}=1" for n in range(500)) + f"&q={quote(SQL)}"}, 942),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_disguise(name: str, engine: RuleSet) -> None:
    """The family of rules that is for it finds it."""
    request, expected = CASES[name]
    assert expected in family(found(engine, **request))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"q": "harmless"', JSON),
        (b'{"q": "harmless"} trailing', JSON),
        (b"q=harmless", JSON),
        (b"<a><b></a>", "text/xml"),
        (b"--x\r\nno header\r\n", "multipart/form-data; boundary=b"),
        (gzip.compress(b'{"q": 1}'), JSON),
    ],
)
def test_a_body_that_is_not_what_its_type_says_is_a_finding(
    body: bytes, content_type: str, engine: RuleSet
) -> None:
    """What cannot be read cannot be inspected, and that is said."""
    assert {9_530_010, 9_530_011} & found(engine, body, content_type)


def test_more_parameters_than_are_read_is_a_finding(engine: RuleSet) -> None:
    """100,000 of them hide nothing: what is left out is said."""
    body = "&".join(f"p{number}=1" for number in range(100_000)) + f"&q={quote(SQL)}"
    assert {9_530_010, 942100} & found(engine, body.encode(), FORM)


def test_what_is_ordinary_passes(engine: RuleSet) -> None:
    """Else none of the above would mean anything."""
    assert found(engine, uri="/items/42?sort=name&page=2") == set()
    assert found(engine, json.dumps({"name": "Ann O'Neil", "note": "1 < 2 & 3 > 2"}).encode(), JSON) == set()
    assert found(engine, b"name=Ann&city=K%C3%B6ln", FORM) == set()
