"""Attacks in disguise are found: encodings in layers, odd charsets, doubled keys, comments, sheer number.

CRS at paranoia level 1, as it comes. Each case names the family of rules that must see through it.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any
from urllib.parse import quote

import pytest

from starfort._engine import RuleSet
from starfort.threats.rulesets import BASE_RULES
from starfort.threats.seclang.load import load_rules
from tests.crs.suite import CORPUS
from tests.support.corpora import needs_corpus

pytestmark = needs_corpus("crs")

SQL = "1' UNION SELECT password FROM users-- -"
XSS = "<script>alert(document.cookie)</script>"
PATH = "../../../../etc/passwd"
TAUTOLOGY = "1' OR '1'='1' -- x"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
FILES = "multipart/form-data; boundary=b"
FILE = b'--b\r\nContent-Disposition: form-data; name="f"; %s\r\n\r\nGIF89a\r\n--b--\r\n'
FIELD = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n%s\r\n--b--\r\n'
PART = b"--b\r\nContent-Type: %s\r\n\r\n%s\r\n--b--\r\n"


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
    "field in base64": (
        {
            "body": b'--b\r\nContent-Disposition: form-data; name="q"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + base64.b64encode(SQL.encode()) + b"\r\n--b--\r\n",
            "content_type": "multipart/form-data; boundary=b",
        },
        942,
    ),
    "extended file name": ({"body": FILE % b'filename="a.txt"; filename*=UTF-8\'\'shell.php', "content_type": FILES}, 933),
    "file name in pieces": ({"body": FILE % b'filename*0="shell."; filename*1="php"', "content_type": FILES}, 933),
    "file name in encoded words": ({"body": FILE % b'filename="=?utf-8?q?shell=2Ephp?="', "content_type": FILES}, 933),
    "boundary behind a comma": ({"body": FILE % b'filename="shell.php"', "content_type": "multipart/form-data, boundary=b"}, 933),
    "two boundaries": ({"body": FILE % b'filename="shell.php"', "content_type": FILES + "; boundary=c"}, 933),
    "part of another multipart": ({"body": PART % (b"application/json", json.dumps({"q": TAUTOLOGY}).encode()), "content_type": "multipart/related; boundary=b"}, 942),
    "field of another multipart": ({"body": FIELD % TAUTOLOGY.encode(), "content_type": "multipart/mixed; boundary=b"}, 942),
    "multipart in a multipart": ({"body": PART % (b"multipart/mixed; boundary=c", b"--c\r\nContent-Type: text/xml\r\n\r\n<a>" + TAUTOLOGY.encode() + b"</a>\r\n--c--"), "content_type": "multipart/mixed; boundary=b"}, 942),
    "request in a batch": ({"body": PART % (b"application/http", b"POST /a HTTP/1.1\r\nContent-Type: application/json\r\n\r\n" + json.dumps({"q": TAUTOLOGY}).encode()), "content_type": "multipart/mixed; boundary=b"}, 942),
    "OFX 1": ({"body": f"OFXHEADER:100\r\nDATA:OFXSGML\r\n\r\n<OFX><SONRQ><LANGUAGE>ENG<USERID>{TAUTOLOGY}<USERPASS>x</SONRQ></OFX>".encode(), "content_type": "application/x-ofx"}, 942),
    "OFX 2": ({"body": f'<?xml version="1.0"?><?OFX OFXHEADER="200"?><OFX><USERID>{TAUTOLOGY}</USERID></OFX>'.encode(), "content_type": "application/x-ofx"}, 942),
    "OFX called text": ({"body": f"OFXHEADER:100\n\n<OFX><USERID>{TAUTOLOGY}</OFX>".encode(), "content_type": "text/plain"}, 942),
    "GraphQL": ({"body": f'{{ user(name: "{TAUTOLOGY}") {{ id }} }}'.encode(), "content_type": "application/graphql"}, 942),
    "JSON sequence": ({"body": b"\x1e" + json.dumps({"q": TAUTOLOGY}).encode() + b"\n", "content_type": "application/json-seq"}, 942),
    "JSON lines": ({"body": b'{"q":1}\n' + json.dumps({"q": TAUTOLOGY}).encode(), "content_type": "application/x-ndjson"}, 942),
    "text": ({"body": TAUTOLOGY.encode(), "content_type": "text/plain"}, 942),
    "one value of many in XML": ({"body": f"<a><b>some words before</b><c>{TAUTOLOGY}</c></a>".encode(), "content_type": "text/xml"}, 942),
    "attribute of XML": ({"body": f'<a q="{TAUTOLOGY}"/>'.encode(), "content_type": "application/xml"}, 942),
    "attribute without quotes": ({"body": b"<a q=<script>alert(1)</script>/>", "content_type": "application/xml"}, 941),
    "entity of the document's own": ({"body": f'<!DOCTYPE a [<!ENTITY q "{TAUTOLOGY}">]><a>&q;</a>'.encode(), "content_type": "application/xml"}, 942),
    "entities in entities": ({"body": b"<!DOCTYPE a [<!ENTITY l '&#60;script>'><!ENTITY q '&l;alert(1)&#60;/script>'>]><a>&q;</a>", "content_type": "application/xml"}, 941),
    "behind 2,000 values": ({"body": json.dumps([0] * 2000 + [SQL]).encode(), "content_type": JSON}, 942),
    "below 600 lists": ({"body": b"[" * 600 + json.dumps(SQL).encode() + b"]" * 600, "content_type": JSON}, 942),
    "key of an empty object": ({"body": json.dumps({XSS: {}}).encode(), "content_type": JSON}, 941),
    "UTF-16 that is none": ({"body": json.dumps({"q": SQL}).encode(), "content_type": JSON + "; charset=utf-16"}, 942),
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


# Of a type that CRS does not know: 920420 is not asked here.
ORDINARY: dict[str, tuple[str, bytes]] = {
    "OFX 1": (
        "application/x-ofx",
        (
            b"OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\n\r\n<OFX><SIGNONMSGSRQV1><SONRQ><DTCLIENT>20260228100000<USERID>ann.miller"
            b"<USERPASS>k9$mQ2<LANGUAGE>ENG<FI><ORG>First &lt; Last<FID>7</FI><APPID>QWIN</SONRQ></SIGNONMSGSRQV1></OFX>"
        ),
    ),
    "OFX 2": (
        "application/x-ofx",
        b'<?xml version="1.0"?><?OFX OFXHEADER="200" VERSION="211"?><OFX><SONRQ><USERID>ann</USERID></SONRQ></OFX>',
    ),
    "GraphQL": (
        "application/graphql",
        b'query Q { orders(first: 10, after: "b64==") { id total { amount } } }',
    ),
    "JSON sequence": (
        "application/json-seq",
        b'\x1e{"level":"info","text":"started"}\n\x1e{"level":"info"}\n',
    ),
    "JSON lines": ("application/x-ndjson", b'{"index":{"_id":"1"}}\n{"title":"The union of sets"}\n'),
    "XML": (
        "application/soap+xml",
        (
            b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><getOrder id="42" lang="en-GB">'
            b"<note>Ann &amp; O'Neil</note></getOrder></s:Body></s:Envelope>"
        ),
    ),
    "upload of two files": (
        "multipart/form-data; boundary=----WebKitFormBoundaryAb12Cd34",
        (
            b'------WebKitFormBoundaryAb12Cd34\r\nContent-Disposition: form-data; name="files"; filename="report.pdf"\r\n'
            b"Content-Type: application/pdf\r\n\r\n%PDF-1.7\n%\xe2\xe3\n--- x\n--\n\r\n"
            b'------WebKitFormBoundaryAb12Cd34\r\nContent-Disposition: form-data; name="files"; filename="na\xc3\xafve.png"\r\n'
            b"Content-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\x00\r\n------WebKitFormBoundaryAb12Cd34--\r\n"
        ),
    ),
    "quoted boundary": ('multipart/form-data; boundary="b"', FIELD % b"two\r\n-- lines"),
    "both forms of a name": (FILES, FILE % b"filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
    "metadata and medium": (
        "multipart/related; boundary=b",
        (
            b'--b\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{"name":"Holiday"}\r\n'
            b"--b\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0select\r\n--b--\r\n"
        ),
    ),
    "file of statements": ("application/octet-stream", b"SELECT * FROM users WHERE 1=1; -- x"),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_bodies_of_each_format_pass(name: str, engine: RuleSet) -> None:
    """What is read only since it reaches rules too is no more suspicious for it."""
    content_type, body = ORDINARY[name]
    assert found(engine, body, content_type) - {920420} == set()
