"""Warnings: what is right and has no effect, each with a twin that has one."""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from examples.demo import geo

from starfort.catalogue.seen import Seen
from starfort.compile import compile_config, openapi
from starfort.compile.warnings import Context, warnings_of
from starfort.config import ConfigProblem, load
from starfort.runtime import checked
from tests.support.corpora import OWN_DOCUMENTS, needs_corpus, public_documents
from tests.support.envoy_bench import Authority, Issuer
from tests.unit.compile.support import HEAD, KINDS, at

ROOT = Path(__file__).parents[4]
NOW = datetime(2026, 6, 1, tzinfo=UTC)

DOCUMENT = """\
openapi: 3.1.0
info: {title: shop, version: "1"}
paths:
  /users/{id}: {get: {}, put: {}}
  /users/{id}/orders: {get: {}}
  /login: {post: {}}
"""

API = "apis: [{name: shop, upstream: shop, openapi: api.yaml, labels: [shop], endpoints: [%s]}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a document."""
    (tmp_path / "api.yaml").write_text(DOCUMENT, encoding="utf-8")
    return tmp_path


def warned(  # noqa: PLR0913
    folder: Path,
    rest: str = "",
    *,
    apis: str = API % "",
    head: str = HEAD,
    seen: tuple[Seen, ...] = (),
    running: tuple[str, ...] = KINDS,
) -> list[ConfigProblem]:
    """Warnings of a configuration, but for the one upstream that nothing is sent to."""
    file = folder / "starfort.yaml"
    file.write_text(head + apis + rest, encoding="utf-8")
    loaded = load(file)
    made = compile_config(loaded, hash_key=bytes(32), signal_kinds=KINDS)
    found = warnings_of(Context(loaded, made, running, seen, NOW))
    return [one for one in found if "'desk'" not in one.what]


def one(found: list[ConfigProblem]) -> tuple[str, str, str]:
    """Text at the place, what and fix of the only warning."""
    assert len(found) == 1, found
    return at(found[0]), found[0].what, found[0].fix


def policy(when: str = "true", more: str = "", name: str = "p", action: str = "block") -> str:
    """A policy, enforced."""
    return f"  - {{name: {name}, when: '{when}', action: {action}, mode: enforce{more}}}\n"


@pytest.mark.parametrize(
    ("named", "told", "fix"),
    [
        ("POST /logn", "neither the document nor the traffic of 'shop'", "did you mean 'POST /login'?"),
        ("GET /user/{id}", "neither the document", "did you mean 'GET /users/{id}'?"),
        ("GET /Login", "neither the document", "did you mean 'POST /login'?"),
        ("GET /users/{id}/order", "neither the document", "did you mean 'GET /users/{id}/orders'?"),
        ("DELETE /users/{id}", "/users/{id} is known with GET, PUT only", "did you mean 'GET /users/{id}'?"),
        (
            "* /nowhere/at/all/like/it",
            "neither the document",
            "mend the path, or add the operation to the document",
        ),
    ],
)
@pytest.mark.parametrize("where", ["policy", "settings", "scope", "exclusion", "patch"])
def test_endpoints_that_nothing_has_are_named(
    folder: Path, where: str, named: str, told: str, fix: str
) -> None:
    """A policy, a setting, and each part of rules for an endpoint that no document has."""
    rest, apis = "", API % ""
    if where == "policy":
        rest = "policies:\n" + policy(more=f', endpoints: ["{named}"]')
    elif where == "settings":
        apis = API % f'{{match: "{named}", labels: [a]}}'
    else:
        entry = {
            "scope": f'scopes: [{{endpoint: "{named}", off: true}}]',
            "exclusion": f'exclusions: [{{rule: 942100, endpoint: "{named}"}}]',
            "patch": f'patches: [{{name: x, endpoint: "{named}", pattern: a, expires: 2027-01-01}}]',
        }[where]
        rest = f"rules: {{{entry}}}\n"
    place, what, proposed = one(warned(folder, rest, apis=apis))
    assert place.strip('"').startswith(named)
    assert told in what
    assert proposed == fix


@pytest.mark.parametrize(
    "named",
    [
        "POST /login", "GET /users/{name}", "GET /users/me", "* /users/{id}", "HEAD /users/{id}", "OPTIONS /login",
        "GET /users/{a}/orders", "GET /users/7/orders", "POST /login/",
    ],
)  # fmt: skip
def test_endpoints_of_the_document_are_not(folder: Path, named: str) -> None:
    """By another parameter's name, narrower, by any method, or by one that is never documented."""
    assert warned(folder, "policies:\n" + policy(more=f', endpoints: ["{named}"]')) == []
    assert warned(folder, apis=API % f'{{match: "{named}", labels: [a]}}') == []


def test_what_traffic_showed_counts_as_the_document_does(folder: Path) -> None:
    """Without a document, calls say what there is, once they were seen for a day, or where a name is nearly the same."""
    apis = "apis: [{name: shop, upstream: shop}]\n"
    rest = "policies:\n" + policy(more=', endpoints: ["POST /logn"]')
    other = "policies:\n" + policy(more=', endpoints: ["POST /reset"]')
    new, old = NOW - timedelta(minutes=5), NOW - timedelta(days=2)
    login = Seen("shop", "POST", "/login", new)
    assert warned(folder, rest, apis=apis) == [], "nobody knows what there is"
    place, what, fix = one(warned(folder, rest, apis=apis, seen=(login,)))
    assert place.startswith('"POST /logn"')
    assert "no call of POST /logn was ever seen" in what
    assert fix == "did you mean 'POST /login'?"
    assert warned(folder, other, apis=apis, seen=(login,)) == [], "it may still be called"
    begun = Seen("shop", "GET", "/", old)
    assert (
        "no call of POST /reset was ever seen"
        in one(warned(folder, other, apis=apis, seen=(login, begun)))[1]
    )
    called = (login, begun, Seen("shop", "POST", "/reset", new))
    assert warned(folder, other, apis=apis, seen=called) == []
    undocumented = Seen("shop", "POST", "/logn", old)
    assert warned(folder, rest, seen=(undocumented,)) == [], "the document does not have it, its API does"


def test_endpoints_outside_of_their_api_are_named(folder: Path) -> None:
    """A path that its API does not get: below no base path of it, or below a longer one of another API."""
    apis = (
        "apis:\n  - {name: shop, upstream: shop, base_paths: [/v1], endpoints: [{match: %s, labels: [a]}]}\n"
        "  - {name: admin, upstream: shop, base_paths: [/v1/admin]}\n"
    )
    place, what, fix = one(warned(folder, apis=apis % "GET /v2/x"))
    assert (place[:9], what) == ("GET /v2/x", "/v2/x is outside of the API 'shop', so it never applies")
    assert fix.endswith("/v1")
    assert "belongs to the API 'admin'" in one(warned(folder, apis=apis % "GET /v1/admin/x"))[1]
    assert warned(folder, apis=apis % "GET /v1/administrators") == []
    elsewhere = apis.replace("name: admin,", "name: admin, hosts: [admin.example],")
    assert warned(folder, apis=elsewhere % "GET /v1/admin/x") == [], "other hosts do not take it"


def test_an_endpoint_that_is_set_twice_is_named(folder: Path) -> None:
    """Also by another parameter's name; other methods are other endpoints."""
    twice = API % '{match: "GET /users/{id}", labels: [a]}, {match: "GET /users/{key}", labels: [b]}'
    assert "is the endpoint of line 6 again" in one(warned(folder, apis=twice))[1]
    assert warned(folder, apis=twice.replace("GET /users/{key}", "PUT /users/{key}")) == []


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("  /a: {get: {}}\n  /b: {get: {}}\n  /a: {post: {}}\n", "/a", "'/a' is there twice"),
        ("  /a:\n    get: {}\n    post: {}\n    get: {}\n", "get", "'get' is there twice"),
        ("  /a/{id}: {get: {}}\n  /a/{key}: {put: {}}\n", "/a/{key}", "/a/{key} is the path /a/{id} once more"),
        ("  /a/{x}/b/{y}: {get: {}}\n  /a/{y}/b/{x}: {put: {}}\n", "/a/{y}", "once more"),
        ('  /a: {get: {requestBody: {$ref: "#/components/none"}}}\n', "$ref", "refers to nothing"),
        ('  /a: {get: {responses: {200: {$ref: "#/paths/~1b/get"}}}}\n', "$ref", "refers to nothing"),
        ('  /a: {get: {parameters: [{$ref: "#/paths/~1a/get/parameters/7"}]}}\n', "$ref", "refers to nothing"),
        ('  /a: {get: {requestBody: {$ref: "other.yaml#/none"}}}\n', "$ref", "other.yaml, which is no file here"),
        ('  /a: {get: {requestBody: {$ref: "../../etc/hosts"}}}\n', "$ref", "leads out of the document's folder"),
        ('  /a: {get: {requestBody: {$ref: "https://a.example/b"}}}\n', "$ref", "and none is fetched"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_json", [False, True])
def test_documents_are_read_as_their_authors_believe(
    folder: Path, text: str, place: str, told: str, as_json: bool
) -> None:
    """A key twice, one path twice, a reference to nothing: in YAML and in JSON, with the place."""
    head = 'openapi: 3.1.0\ninfo: {title: x, version: "1"}\npaths:\n'
    if as_json and "twice" in told:
        text = text and (
            '{"openapi": "3.1.0",\n "paths": {"/a": {"get": {}},\n  "/b": {},\n  "/a": {"post": {}}}}'
            if place == "/a"
            else '{"openapi": "3.1.0",\n "paths": {"/a": {"get": {},\n  "post": {},\n  "get": {}}}}'
        )
        head = ""
        place = f'"{place}"'
    elif as_json:
        import yaml

        text = json.dumps(yaml.safe_load(head + text), indent=1)
        head = ""
        place = place if place.startswith('"') else f'"{place}'
    (folder / "api.yaml").write_text(head + text, encoding="utf-8")
    found_at, what, fix = one(warned(folder))
    assert told in what
    assert found_at.startswith(place)
    assert fix


@pytest.mark.parametrize(
    "text",
    [
        "  /a/{id}: {get: {}}\n  /a/{id}/b: {get: {}}\n  /b/{key}: {get: {}}\n",
        "  /a?x=1: {get: {}}\n  /a?x=2: {get: {}}\n",
        "  /a: &a {get: {}}\n  /b: &b {<<: *a, get: {summary: x}}\n  /c: {<<: *a, <<: *b}\n",
        '  /a: {get: {responses: {200: {$ref: "#/components/responses/Ok~1fine%20"}}}}\ncomponents: {responses: {"Ok/fine ": {description: ok}}}\n',
        '  /a: {get: {responses: {200: {description: x}, 201: {$ref: "#/paths/~1a/get/responses/200"}}}}\n',
        '  /a: {get: {requestBody: {content: {a/b: {example: {$ref: "#/none"}, schema: {default: {$ref: "#/none"}}}}}}}\n',
        '  /a: {get: {x-own: {$ref: "#/none"}}}\n',
        '  /a: {get: {}}\ncomponents: {schemas: {A: {$id: "http://x/a", items: {$ref: "#/$defs/b"}, $defs: {b: {}}}}}\n',
        '  /a: {get: {}}\ncomponents: {schemas: {A: {properties: {$ref: {type: string}, default: {$ref: "#/components/schemas/A"}}}}}\n',
    ],
)  # fmt: skip
def test_sound_documents_have_no_warnings(folder: Path, text: str) -> None:
    """Merges, pointers with escapes and numbers, examples, extensions, references with a base of their own."""
    head = 'openapi: 3.1.0\ninfo: {title: x, version: "1"}\npaths:\n'
    (folder / "api.yaml").write_text(head + text, encoding="utf-8")
    assert warned(folder) == []


@pytest.mark.parametrize("document", OWN_DOCUMENTS, ids=lambda path: path.stem)
def test_our_own_documents_have_no_warnings(document: Path) -> None:
    """Parameters, enumerations and examples as people write them are nothing to warn of."""
    assert openapi.read(document).warnings == ()


@needs_corpus("openapi")
def test_real_documents_have_warnings_only_for_what_openapi_forbids() -> None:
    """Of 60 documents that vendors publish, five have warnings, each of a mistake that they do have."""
    doubtful = {file.name: found for file in public_documents() if (found := openapi.read(file).warnings)}
    told = {
        "biapi.pro.json": "is no media type",
        "contract-p.fit.json": "once more",
        "dnd5eapi.co.json": "allOf must be a list of schemas",
        "googleapis.com__containeranalysis.json": "once more",
        "learnifier.com.json": "has no {APIKEY}",
    }
    assert set(doubtful) == set(told)
    assert all(told[name] in each.what for name, found in doubtful.items() for each in found)


def test_headers_that_are_dropped_are_named(folder: Path) -> None:
    """Of a document, a source of keys and a condition, unless names with underscores are allowed."""
    (folder / "api.yaml").write_text(
        DOCUMENT + "components: {securitySchemes: {key: {type: apiKey, in: header, name: api_key}}}\n"
    )
    digest = "'" + "0" * 64 + "'"
    key = f"identity: {{api_keys: {{sources: [{{header: my_key}}], keys: [{{subject: a, sha256: {digest}}}]}}}}\n"
    rest = key + "policies:\n" + policy('request.headers["x_token"] == "1" && "x_other" in request.headers')
    found = [(each.file.name, at(each)) for each in warned(folder, rest)]
    assert [name for name, _ in found] == ["api.yaml", *["starfort.yaml"] * 3]
    for (_, place), begun in zip(found, ["name: api_key", "my_key", "x_token", "x_other"], strict=True):
        assert place.startswith(begun)
    assert warned(folder, rest + "connections: {headers_with_underscores: allow}\n") == []


@pytest.mark.parametrize(
    ("when", "place", "told", "fix"),
    [
        ('"shp" in endpoint.labels', "shp", "no API and no endpoint has the label 'shp'", "did you mean 'shop'?"),
        ('endpoint.labels.exists(l, l == "a" || l == "shop")', 'a"', "the label 'a'", "give one `labels: [a]`"),
        ('endpoint.labels.exists(l, l in ["shop", "z"])', 'z"', "the label 'z'", "give one `labels: [z]`"),
        ('"path_traversl" in request.anomalies', "path_t", "there is no anomaly", "did you mean 'path_traversal'?"),
        ('"slow_body" in findings', "slow_body", "is an anomaly, no finding", 'write "slow_body" in request.anomalies'),
        ('"passport" in sensitive.request', "passport", "sensitive.classes does not have", "add it there"),
        ('request.method == "post"', "post", "methods are upper case", "write 'POST'"),
        ('request.method in ["POST", "put"]', "put", "methods are upper case", "write 'PUT'"),
        ("request.method in []", "[]", "nothing is in an empty list", "name what it holds"),
        ('client.country == "DE"', "client.country", "never has a value here: it needs geo.country", "set it, or"),
        ("client.asn == 64500", "client.asn", "it needs geo.asn", "set it, or"),
        ('client.ja4 != ""', "client.ja4", "it needs tls on a listener", "set it, or"),
        ('"admin" in identity.scopes', "identity.scopes", "it needs a provider in identity", "set it, or"),
        ("signals.scraping.score > 0.5", "signals.scraping", "no detector that runs raises", "take its detector out"),
    ],
)  # fmt: skip
def test_conditions_that_never_hold_are_named(
    folder: Path, when: str, place: str, told: str, fix: str
) -> None:
    """A word that nothing has, an empty list, a variable without a source, a signal that is switched off."""
    found = warned(folder, "policies:\n" + policy(when), running=("credential_stuffing",))
    where, what, proposed = one(found)
    assert where.startswith(place)
    assert told in what
    assert proposed.startswith(fix)


@pytest.mark.parametrize(
    "when",
    [
        '"shop" in endpoint.labels', 'endpoint.labels.exists(l, l == "shop")', '"path_traversal" in request.anomalies',
        '"over_limit" in findings', '"rule:942100" in findings', '"email" in sensitive.request',
        'request.method == "PURGE"', 'request.method in ["POST"]', "signals.credential_stuffing.active",
        'request.headers["x-token"] == "a_b"', 'endpoint.labels.exists(l, l.startsWith("x"))',
        'request.path.contains("post")', 'request.query["method"] == "post"', "size(endpoint.labels) == 0",
    ],
)  # fmt: skip
def test_conditions_that_can_hold_are_not(folder: Path, when: str) -> None:
    """Words that there are, and words that are anybody's."""
    assert warned(folder, "policies:\n" + policy(when), running=("credential_stuffing",)) == []


@pytest.mark.parametrize(
    ("first", "second", "hidden"),
    [
        (policy(name="first"), policy('request.method == "GET"', name="second"), True),
        (policy('request.path == "/a"', name="first"), policy('request.path == "/a"', name="second"), True),
        (policy(name="first", action="allow"), policy(name="second"), True),
        (policy(name="first", more=", endpoints: [POST /login]"), policy(name="second", more=", endpoints: [POST /login]"), True),
        (policy(name="first", more=", endpoints: [POST /login]"), policy(name="second"), False),
        (policy('request.path == "/a"', name="first"), policy('request.path == "/b"', name="second"), False),
        (policy(name="first").replace("enforce", "observe"), policy(name="second"), False),
        (policy(name="first", action="{tag: {header: x-a, value: b}}"), policy(name="second"), False),
        (policy(name="first", action="{limit: {rate: 1/s}}"), policy(name="second"), False),
        (policy(name="first", more=", expires: 2027-01-01"), policy(name="second"), False),
        (policy(name="first"), policy("response.status == 500", name="second"), False),
    ],
)  # fmt: skip
def test_policies_that_are_never_reached_are_named(
    folder: Path, first: str, second: str, hidden: bool
) -> None:
    """Behind one that ends the list for all that they are for; not behind one that may pass them on."""
    found = warned(folder, "policies:\n" + first + second)
    if hidden:
        place, what, fix = one(found)
        assert place.startswith("second")
        assert what.startswith("'second' is never reached: 'first' before it")
        assert "move it before 'first'" in fix
    else:
        assert found == []


def test_empty_lists_are_named(folder: Path) -> None:
    """No list means everything, an empty one nothing."""
    for name in ("apis", "endpoints"):
        place, what, _ = one(warned(folder, "policies:\n" + policy(more=f", {name}: []")))
        assert place.startswith("[]")
        assert f"{name} is an empty list, so 'p' is for nothing" in what
    used = "policies:\n" + policy('in_list(client.address, "office")')
    assert "is empty" in one(warned(folder, "lists: [{name: office}]\n" + used))[1]
    assert warned(folder, "lists: [{name: office, addresses: [192.0.2.1]}]\n" + used) == []


def test_what_had_its_time_is_named(folder: Path) -> None:
    """Policies, exclusions, patches and keys, from the day on; not before."""
    key = "'" + "0" * 64 + "'"
    rest = (
        "policies:\n  - {name: p, action: block, expires: DATE}\n"
        "rules:\n  exclusions: [{rule: 942100, expires: DATE}]\n"
        "  patches: [{name: hole, api: shop, pattern: a, expires: DATE}]\n"
        f"identity: {{api_keys: {{keys: [{{subject: a, sha256: {key}, expires: DATE}}]}}}}\n"
    )
    found = warned(folder, rest.replace("DATE", "2026-05-31"))
    assert [at(each)[:10] for each in found] == ["2026-05-31"] * 4
    assert {each.what.split(" expired")[0] for each in found} == {
        "the policy 'p'", "this exclusion", "the patch 'hole'", "the key of 'a'",
    }  # fmt: skip
    assert warned(folder, rest.replace("DATE", "2026-06-02")) == []


def test_parts_that_nothing_uses_are_named(folder: Path) -> None:
    """An upstream, a provider, a list, keys that are none, client certificates that nobody is asked for."""
    (folder / "keys.json").write_text(json.dumps(Issuer().keys))
    (folder / "office.txt").write_text("192.0.2.1\n")
    rest = (
        "lists: [{name: office, file: office.txt}]\n"
        "identity: {jwt: [{name: staff, issuer: x, jwks_file: keys.json}], api_keys: {}, mtls: true}\n"
    )
    assert [each.what.split(",")[0] for each in warned(folder, rest)] == [
        "no policy asks whether somebody is on the list 'office'",
        "no API accepts tokens of the provider 'staff'",
        "no API key is known",
        "no listener asks for client certificates",
    ]
    Authority(folder).server()
    tls = "127.0.0.1:8080, tls: {certificate: server.crt, key: server.key, client_ca: ca.crt}"
    used = (API % "").replace("labels:", "authentication: [staff], labels:")
    asked = rest.replace("api_keys: {}, ", "") + "policies:\n" + policy('!in_list(client.address, "office")')
    assert warned(folder, asked, apis=used, head=HEAD.replace("127.0.0.1:8080", tls)) == []
    file = folder / "starfort.yaml"
    file.write_text(HEAD + API % "" + "policies:\n" + policy(action="{divert: desk}"))
    loaded = load(file)
    made = compile_config(loaded, hash_key=bytes(32), signal_kinds=KINDS)
    assert warnings_of(Context(loaded, made, KINDS)) == (), "a diversion uses an upstream too"


def test_the_demo_and_the_template_have_no_warnings(tmp_path: Path) -> None:
    """What people begin with is without any."""
    (tmp_path / "geo").mkdir()
    geo.write(tmp_path / "geo")
    text = string.Template((ROOT / "examples/demo/starfort.yaml").read_text()).substitute(
        DATA_DIR=tmp_path, EXAMPLES=ROOT / "examples", LISTEN_PORT=1, ADMIN_PORT=2, SHOP_PORT=3, BANK_PORT=4,
        FRAUD_DESK_PORT=5,
    )  # fmt: skip
    (tmp_path / "demo.yaml").write_text(text)
    template = (ROOT / "src/starfort/cli/starfort.yaml.template").read_text()
    (tmp_path / "template.yaml").write_text(template)
    for name in ("demo", "template"):
        assert checked.check(tmp_path / f"{name}.yaml").warnings == ()


def test_warnings_are_bounded(folder: Path) -> None:
    """A thousand misspelt endpoints are two hundred warnings and a figure, in a moment."""
    many = "".join(
        policy(name=f"p{n}", more=f', endpoints: ["GET /nowhere/{n}"]', action="{limit: {rate: 1/s}}")
        for n in range(1000)
    )
    found = warned(folder, "policies:\n" + many)
    assert len(found) == 200, "and one for the upstream"
    assert found[-1].what == "801 further warnings are not shown"
