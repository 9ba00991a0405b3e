"""Contracts from a document to the engine's decision: what is refused, what is told, and what stays as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from starfort import _engine, bundle, config
from starfort.compile import compile_config

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "paths": {
        "/orders": {
            "post": {
                "security": [{"key": []}, {"basic": []}],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Order"}},
                        "application/x-www-form-urlencoded": {
                            "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}
                        },
                    },
                },
                "responses": {
                    "201": {
                        "description": "made",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
                    },
                    "default": {"description": "an error"},
                },
            },
            "get": {
                "parameters": [
                    {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string", "maxLength": 4}},
                ],
                "responses": {
                    "200": {
                        "description": "some",
                        "headers": {"X-Total": {"required": True, "schema": {"type": "integer"}}},
                        "content": {
                            "application/json": {
                                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}}
                            }
                        },
                    }
                },
            },
        },
        "/orders/{id}": {
            "get": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": {"200": {"description": "one"}},
            }
        },
        "/files": {
            "post": {
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": {
                                "type": "object",
                                "required": ["title", "file"],
                                "properties": {"title": {"type": "string"}, "file": {}},
                            }
                        },
                        "application/octet-stream": {},
                    }
                },
                "responses": {"204": {"description": "kept"}},
            }
        },
    },
    "components": {
        "schemas": {
            "Order": {
                "type": "object",
                "required": ["id", "items"],
                "properties": {
                    "id": {"type": "integer", "readOnly": True},
                    "items": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["price"],
                            "properties": {"price": {"type": "number"}, "note": {"type": "string"}},
                        },
                    },
                    "secret": {"type": "string", "writeOnly": True},
                },
            }
        },
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "basic": {"type": "http", "scheme": "basic"},
        },
    },
}
JSON = {"content-type": "application/json"}
KEY = {"x-key": "k"}
ORDER = {"items": [{"price": 1.5}]}


def _engine_of(
    folder: Path, contract: str, rest: str = "", endpoints: str = "[]", document: Any = DOCUMENT
) -> _engine.Engine:
    (folder / "shop.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "starfort.yaml").write_text(
        f"""\
version: 1
data_dir: {folder}
listeners: [{{name: public, address: 127.0.0.1:8080}}]
upstreams: [{{name: shop, addresses: [127.0.0.1:9001]}}, {{name: desk, addresses: [127.0.0.1:9002]}}]
rules: {{sets: []}}
apis: [{{name: shop, upstream: shop, openapi: shop.json, contract: {contract}, endpoints: {endpoints}}}]
{rest}""",
        encoding="utf-8",
    )
    made = compile_config(config.load(folder / "starfort.yaml"), hash_key=bytes(32), signal_kinds=())
    return _engine.Engine(bundle.encode(made.bundle))


def _ask(engine: _engine.Engine, method: str, url: str, body: Any = None, **request: Any) -> Any:
    headers = {**KEY, **(JSON if isinstance(body, dict | list) else {}), **request.pop("headers", {})}
    text = json.dumps(body) if isinstance(body, dict | list) else body or ""
    return engine.explain({"method": method, "url": url, "headers": headers, "body": text, **request})


def _answer(body: Any, status: int = 200, **headers: str) -> dict[str, Any]:
    named = {"content-type": "application/json", **headers}
    return {"status": status, "headers": named, "body": json.dumps(body)}


@pytest.fixture(name="enforcing", scope="module")
def _enforcing(tmp_path_factory: pytest.TempPathFactory) -> _engine.Engine:
    return _engine_of(tmp_path_factory.mktemp("enforcing"), "{mode: enforce, unknown: deny}")


BROKEN: Sequence[tuple[tuple[str, str, Any, dict[str, str]], int, str]] = [
    (("POST", "/orders", {"items": [{"price": "free"}]}, {}), 400, "body/type:/items/*/price"),
    (("POST", "/orders", {}, {}), 400, "body/required:/items"),
    (("POST", "/orders", {**ORDER, "is_admin": True}, {}), 400, "body/unknown:/is_admin"),
    (
        ("POST", "/orders", {"items": [{"price": 1, "discount": 9}]}, {}),
        400,
        "body/unknown:/items/*/discount",
    ),
    (("POST", "/orders", {**ORDER, "id": 7}, {}), 400, "body/read_only:/id"),
    (("POST", "/orders", '{"items": [', JSON), 400, "body/malformed:"),
    (("POST", "/orders", None, {}), 400, "body/required:"),
    (("POST", "/orders", "<a/>", {"content-type": "application/xml"}), 415, "content_type:"),
    (
        ("POST", "/orders", "n=one", {"content-type": "application/x-www-form-urlencoded"}),
        400,
        "body/type:/n",
    ),
    (("POST", "/orders", ORDER, {"x-key": ""}), 401, "security:"),
    (("GET", "/orders?page=0", None, {}), 400, "query/range:page"),
    (("GET", "/orders?page=one", None, {}), 400, "query/type:page"),
    (("GET", "/orders?debug=1", None, {}), 400, "query/unknown:debug"),
    (("GET", "/orders", None, {"x-trace": "12345"}), 400, "header/length:x-trace"),
    (("GET", "/orders/seven", None, {}), 400, "path/type:id"),
    (("HEAD", "/orders?page=0", None, {}), 400, "query/range:page"),
    (("DELETE", "/orders", None, {}), 405, "method:"),
    (("GET", "/admin", None, {}), 404, "endpoint:"),
]


@pytest.mark.parametrize(("call", "status", "violation"), BROKEN)
def test_what_breaks_the_contract_is_refused(
    enforcing: _engine.Engine, call: tuple[str, str, Any, dict[str, str]], status: int, violation: str
) -> None:
    """With the status that fits, code and pointer, and no value of the request."""
    method, url, body, headers = call
    said = _ask(enforcing, method, url, body, headers=headers)
    assert said["contract"] == [f"request:{violation}"]
    assert (said["action"], said["policy"], said["answer"]["status"]) == ("block", "@contract", status)
    assert dict(said["answer"]["headers"])["content-type"] == "application/problem+json"
    problem = json.loads(said["answer"]["body"])
    code, _, pointer = violation.partition(":")
    assert problem["violations"] == [{"code": code, "pointer": pointer}]
    assert f"contract:{code}" in said["findings"]
    assert "free" not in said["answer"]["body"].decode()


@pytest.mark.parametrize(
    ("method", "url", "body", "headers"),
    [
        ("POST", "/orders", ORDER, {}),
        ("POST", "/orders", ORDER, {"x-key": "", "authorization": "Basic dTpw"}),
        ("POST", "/orders", {**ORDER, "secret": "s"}, {"content-type": "application/json; charset=utf-8"}),
        ("POST", "/orders", "n=1", {"content-type": "application/x-www-form-urlencoded"}),
        ("GET", "/orders?page=2", None, {"x-trace": "1234", "x-other": "any"}),
        ("GET", "/orders/7", None, {}),
        ("HEAD", "/orders?page=1", None, {}),
        ("OPTIONS", "/orders", None, {"origin": "https://a.example", "access-control-request-method": "PUT"}),
        ("POST", "/files", "GIF89a....", {"content-type": "application/octet-stream"}),
    ],
)
def test_what_keeps_the_contract_passes(
    enforcing: _engine.Engine, method: str, url: str, body: Any, headers: dict[str, str]
) -> None:
    """`HEAD` beside `GET`, browsers' preflights and alternatives of credentials are no violations."""
    said = _ask(enforcing, method, url, body, headers=headers)
    assert (said["action"], said["contract"], said["answer"]) == ("allow", [], None)


def test_a_405_names_the_methods(enforcing: _engine.Engine) -> None:
    """As RFC 9110, 15.5.6 asks for."""
    said = _ask(enforcing, "DELETE", "/orders")
    assert dict(said["answer"]["headers"])["allow"] == "GET, HEAD, POST"


def test_an_encoded_spelling_is_held_to_both_readings(tmp_path: Path) -> None:
    """A path that some server reads as another endpoint has to keep that one's contract too."""
    engine = _engine_of(tmp_path, "{mode: enforce}")
    said = _ask(engine, "GET", "/x/..;/orders?page=0")
    assert said["action"] == "block"
    assert _ask(engine, "GET", "/orders/7%2F8")["contract"] == ["request:path/type:id"]


def test_observing_refuses_nothing(tmp_path: Path) -> None:
    """What would have been refused is told; by default fields that no schema names are no violations."""
    engine = _engine_of(tmp_path, "{}")
    said = _ask(
        engine, "POST", "/orders", {"items": [{"price": "free"}], "more": 1}, response=_answer(ORDER, 201)
    )
    assert (said["action"], said["observed"], said["answer"]) == ("allow", ["block:@contract"], None)
    assert said["contract"] == ["request:body/type:/items/*/price", "response:body/required:/id"]
    assert said["findings"] == ["contract:body/type", "contract:response/body/required"]
    fine = _ask(engine, "POST", "/orders", {**ORDER, "more": 1}, response=_answer({**ORDER, "id": 1}, 201))
    assert (fine["contract"], fine["observed"], fine["findings"]) == ([], [], [])


def test_a_document_is_observed_without_settings(tmp_path: Path) -> None:
    """Its requests are; answers, which cost more, only when a contract is written."""
    engine = _engine_of(tmp_path, "null")
    said = _ask(engine, "GET", "/orders?page=0", response=_answer([{}]))
    assert (said["contract"], said["observed"]) == (["request:query/range:page"], ["block:@contract"])
    off = _engine_of(tmp_path, "{mode: off, responses: off}")
    said = _ask(off, "GET", "/orders?page=0", response=_answer([]))
    assert (said["contract"], said["observed"], said["findings"]) == ([], [], [])


def test_endpoints_can_differ(tmp_path: Path) -> None:
    """One endpoint is not ready, the others are enforced."""
    endpoints = "[{match: GET /orders, contract: {mode: observe}}]"
    engine = _engine_of(tmp_path, "{mode: enforce}", endpoints=endpoints)
    assert _ask(engine, "GET", "/orders?page=0")["action"] == "allow"
    assert _ask(engine, "GET", "/orders/seven")["action"] == "block"


def test_unknown_can_be_allowed(tmp_path: Path) -> None:
    """Endpoints, methods, query parameters and fields that nobody named pass then; what is named is still checked."""
    engine = _engine_of(tmp_path, "{mode: enforce, unknown: allow}")
    for method, url in (("GET", "/orders?debug=1"), ("DELETE", "/orders"), ("GET", "/admin")):
        assert _ask(engine, method, url)["contract"] == []
    assert _ask(engine, "POST", "/orders", {**ORDER, "is_admin": True, "id": 7})["contract"] == []
    assert _ask(engine, "GET", "/orders?page=0")["action"] == "block"


def test_policies_come_before_the_contract(tmp_path: Path) -> None:
    """`allow` exempts callers, `divert` takes the call elsewhere, and conditions see the violations."""
    rest = """\
lists: [{name: partners, addresses: [192.0.2.0/24]}]
policies:
  - {name: to-desk, when: '"request:query/type:page" in contract.violations', action: {divert: desk}, mode: enforce}
  - {name: mark, when: '!contract.request.valid', action: {tag: {header: x-contract, value: broken}}, mode: enforce}
  - {name: partners, when: 'in_list(client.address, "partners")', action: allow, mode: enforce}
"""
    engine = _engine_of(tmp_path, "{mode: enforce}", rest)
    partner = _ask(engine, "GET", "/orders?page=0", address="192.0.2.7")
    assert (partner["action"], partner["policy"], partner["done"]) == ("allow", "partners", ["tag:mark"])
    diverted = _ask(engine, "GET", "/orders?page=one", response=_answer({}))
    assert (diverted["action"], diverted["upstream"]) == ("divert", "desk")
    assert not [each for each in diverted["contract"] if each.startswith("response:")]
    assert _ask(engine, "GET", "/orders?page=0")["policy"] == "@contract"
    assert _ask(engine, "GET", "/orders?page=1")["done"] == []


def test_answers_that_break_the_contract_can_be_replaced(tmp_path: Path) -> None:
    """By a 502 that tells the caller nothing; those that keep it pass as they are."""
    engine = _engine_of(tmp_path, "{responses: enforce}")
    said = _ask(engine, "GET", "/orders", response=_answer([{"items": []}], **{"x-total": "1"}))
    assert (said["action"], said["policy"], said["answer"]["status"]) == ("block", "@contract", 502)
    assert said["contract"] == ["response:body/required:/*/id"]
    assert b"items" not in said["answer"]["body"]
    head = _ask(engine, "GET", "/orders", response=_answer([]))
    assert (head["contract"], head["answer"]["status"]) == (["response:header/required:x-total"], 502)
    status = _ask(engine, "GET", "/orders", response={"status": 418, "headers": {}})
    assert (status["contract"], status["answer"]["status"]) == (["response:status:418"], 502)
    fine = _ask(engine, "GET", "/orders", response=_answer([{"id": 1, "items": []}], **{"x-total": "1"}))
    assert (fine["contract"], fine["answer"], fine["masked_body"]) == ([], None, None)


def test_fields_of_answers_can_be_removed(tmp_path: Path) -> None:
    """By name, by path, or all that no schema names; the rest stays byte for byte."""
    text = '{"id": 1, "secret" : "s",  "items":[{"price":1.50,"cost":1},{"price":2}], "cost": 3}'
    answer = {"status": 201, "headers": JSON, "body": text}

    def body(contract: str) -> Any:
        said = _ask(_engine_of(tmp_path, contract), "POST", "/orders", ORDER, response=answer)
        assert said["answer"] is None
        return said["masked_body"]

    assert body("{remove: [cost]}") == b'{"id": 1, "secret" : "s",  "items":[{"price":1.50},{"price":2}]}'
    by_path = body("{remove: [/items/*/cost]}")
    assert by_path == text.replace(',"cost":1', "").encode()
    undocumented = json.loads(body("{remove: undocumented, responses: off}"))
    assert undocumented.keys() == {"id", "items"}, "what only requests may have is not documented in answers"
    assert undocumented["items"] == [{"price": 1.5}, {"price": 2}]
    assert body("{remove: [nothing]}") is None


def test_removal_and_masking_join(tmp_path: Path) -> None:
    """What is left is masked."""
    rest = "policies: [{name: cards, action: {mask: [card_number]}, mode: enforce}]\n"
    answer = {
        "status": 201,
        "headers": JSON,
        "body": '{"id":1,"cost":1,"items":[],"card":"4111111111111111"}',
    }
    said = _ask(_engine_of(tmp_path, "{remove: [cost]}", rest), "POST", "/orders", ORDER, response=answer)
    assert said["masked_body"] is not None
    assert b"cost" not in said["masked_body"]
    assert b"411111111111" not in said["masked_body"]


def test_a_long_upload_is_held_to_its_fields(tmp_path: Path) -> None:
    """Fields may come behind files that are too long to be held."""

    def upload(*fields: tuple[str, str]) -> bytes:
        parts = [f'--b\r\ncontent-disposition: form-data; name="{name}"{rest}\r\n' for name, rest in fields]
        return ("".join(parts) + "--b--\r\n").encode()

    engine = _engine_of(tmp_path, "{mode: enforce, unknown: deny}", "limits: {request_body: 64KiB}\n")
    headers = {"content-type": "multipart/form-data; boundary=b"}
    large = f'; filename="a.bin"\r\n\r\n{"x" * 100_000}'
    good = upload(("file", large), ("title", "\r\n\r\nhello"))
    said = _ask(engine, "POST", "/files", good, headers=headers)
    assert (said["action"], said["contract"]) == ("allow", [])
    bad = upload(("file", large), ("other", "\r\n\r\nhello"))
    assert set(_ask(engine, "POST", "/files", bad, headers=headers)["contract"]) == {
        "request:body/required:/title", "request:body/unknown:/other",
    }  # fmt: skip


def test_what_is_cut_at_a_limit_cannot_be_checked(tmp_path: Path) -> None:
    """A body that is over the limit and passes breaks the contract: an attacker would hide behind the limit."""
    limits = "limits: {request_body: 1KiB, over_limit: pass}\n"
    engine = _engine_of(tmp_path, "{mode: enforce}", limits)
    long = {"items": [{"price": 1, "note": "x" * 2000}]}
    said = _ask(engine, "POST", "/orders", long)
    assert (said["policy"], said["contract"]) == ("@contract", ["request:body/truncated:"])


CLIENTS = {
    "openapi": "3.0.3",
    "info": {"title": "Clients", "version": "1"},
    "paths": {
        "/items": {
            "get": {
                "parameters": [
                    {"name": "ids", "in": "query", "explode": False, "schema": {"type": "array", "items": {"type": "integer"}}},
                    {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
                ],
                "responses": {"200": {"description": "some", "content": {"application/json": {"schema": {"type": "array"}}}}},
            },
            "post": {"responses": {"204": {"description": "made"}}},
        },
        "/both/{ids}": {
            "get": {
                "parameters": [{"name": "ids", "in": "path", "required": True, "schema": {"type": "array", "items": {"type": "integer"}}}],
                "responses": {"200": {"description": "some"}},
            }
        },
        "/files": {
            "put": {"requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}, "responses": {"204": {"description": "kept"}}},
            "post": {
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": {
                                "type": "object",
                                "properties": {
                                    "file": {"type": "string", "format": "binary"},
                                    "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                                    "meta": {"type": "object", "properties": {"k": {"type": "string"}}},
                                },
                            }
                        },
                        "application/x-www-form-urlencoded": {
                            "schema": {
                                "type": "object",
                                "required": ["n"],
                                "properties": {"n": {"type": "integer"}, "age": {"type": "integer"}, "ok": {"type": "boolean"}},
                            }
                        },
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {
                                    "picture": {"type": "string", "pattern": "^data:image/[a-z]+;base64,[A-Za-z0-9+/=]*$"},
                                    "ports": {"type": "array", "items": {"type": "string", "enum": [f"port-{n}" for n in range(5000)]}},
                                },
                            }
                        },
                    }
                },
                "responses": {"204": {"description": "kept"}},
            },
        },
    },
}  # fmt: skip
FORM = {"content-type": "application/x-www-form-urlencoded"}
PARTS = {"content-type": "multipart/form-data; boundary=B"}


def _part(name: str, content: str, *, file: str = "", media: str = "application/json") -> str:
    named = f'; filename="{file}"' if file else ""
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"{named}\r\nContent-Type: {media}\r\n\r\n'
    return f"{head}{content}\r\n--B--\r\n"


@pytest.fixture(name="clients", scope="module")
def _clients(tmp_path_factory: pytest.TempPathFactory) -> _engine.Engine:
    settings = "{mode: enforce, unknown: deny, responses: enforce}"
    return _engine_of(tmp_path_factory.mktemp("clients"), settings, document=CLIENTS)


@pytest.mark.parametrize(
    ("method", "url", "body", "headers"),
    [
        ("GET", "/items?ids=1%2C2", None, {}),
        ("GET", "/items?ids=1,2", None, {}),
        ("GET", "/both/1%2c2", None, {}),
        ("GET", "/items?filter=", None, {}),
        ("GET", "/items?filter%5Bn%5D=1", None, {}),
        ("POST", "/items", {}, {}),
        ("POST", "/items", "null", JSON),
        ("PUT", "/files", "bytes", {}),
        ("POST", "/files", _part("file", '{"a": 1}', file="a.json"), PARTS),
        ("POST", "/files", _part("files", "[1]", file="a.json"), PARTS),
        ("POST", "/files", _part("meta", '{"k": "v"}', file="blob"), PARTS),
        ("POST", "/files", "n=1&age=&ok=", FORM),
        ("POST", "/files", {"picture": "data:image/png;base64," + "QUJD" * 50_000}, {}),
        ("POST", "/files", {"ports": ["port-4999"] * 1000}, {}),
    ],
)
def test_what_ordinary_clients_send_passes(
    clients: _engine.Engine, method: str, url: str, body: Any, headers: dict[str, str]
) -> None:
    """Encoded commas, files of JSON, files without a type, fields left empty, `{}` for nothing, long texts, long lists."""
    said = _ask(clients, method, url, body, headers=headers)
    assert (said["action"], said["contract"]) == ("allow", [])


@pytest.mark.parametrize(
    ("call", "violation"),
    [
        (("GET", "/items?ids=1%2Cx", None, {}), "query/type:ids"),
        (("GET", "/both/1%2cx", None, {}), "path/type:ids"),
        (("GET", "/items?filter=1", None, {}), "query/malformed:filter"),
        (("GET", "/items%3Fids=x", None, {}), "endpoint:"),
        (("GET", "/items%23x", None, {}), "endpoint:"),
        (("POST", "/items", {"a": 1}, {}), "body/unknown:"),
        (("POST", "/items", [1], {}), "body/unknown:"),
        (("POST", "/items", "{", JSON), "body/unknown:"),
        (("POST", "/items", "a", {"content-type": "text/plain"}), "body/unknown:"),
        (("POST", "/items", None, {"x-http-method-override": "DELETE"}), "method:"),
        (("POST", "/items", None, {"x-method-override": "get"}), "method:"),
        (("PUT", "/files", "bytes", {"content-type": "application/octet-stream, text/xml"}), "content_type:"),
        (("POST", "/files", "n=&age=1", FORM), "body/required:/n"),
        (("POST", "/files", "n=1&age=x", FORM), "body/type:/age"),
        (("POST", "/files", _part("meta", '{"k": 1}', file="blob"), PARTS), "body/type:/meta/k"),
        (("POST", "/files", {"picture": "data:text/html,"}, {}), "body/pattern:/picture"),
        (("POST", "/files", {"ports": ["port-5000"]}, {}), "body/enum:/ports/*"),
    ],
)
def test_their_twins_are_refused(
    clients: _engine.Engine, call: tuple[str, str, Any, dict[str, str]], violation: str
) -> None:
    """What looks like an ordinary client's call and says something that the contract does not have."""
    method, url, body, headers = call
    said = _ask(clients, method, url, body, headers=headers)
    assert (said["action"], said["contract"]) == ("block", [f"request:{violation}"])


def test_a_content_type_that_comes_twice_is_none_of_the_contract(clients: _engine.Engine) -> None:
    """Servers differ in which one they believe."""
    headers = [("content-type", "application/octet-stream"), ("content-type", "text/xml")]
    said = clients.explain({"method": "PUT", "url": "/files", "headers": headers, "body": "bytes"})
    assert said["contract"] == ["request:content_type:"]


def test_answers_to_conditions_and_ranges_are_no_violations(clients: _engine.Engine) -> None:
    """206 is part of what 200 gives, and not read; 304, 412 and 416 belong to HTTP."""
    for status, text in ((206, "[1, 2"), (304, ""), (412, ""), (416, "")):
        answer = {"status": status, "headers": JSON if text else {}, "body": text}
        said = _ask(clients, "GET", "/items", response=answer)
        assert (said["contract"], said["answer"]) == ([], None)
    said = _ask(
        clients,
        "GET",
        "/items",
        response={"status": 206, "headers": {"content-type": "text/xml"}, "body": "<"},
    )
    assert said["contract"] == ["response:content_type:"]


def test_fields_are_removed_behind_a_byte_order_mark(tmp_path: Path) -> None:
    """Readers of JSON skip it, and so does the removal."""
    answer = {"status": 201, "headers": JSON, "body": '\ufeff{"id":1,"cost":1,"items":[]}'}
    for contract in ("{remove: [cost]}", "{remove: undocumented}"):
        said = _ask(_engine_of(tmp_path, contract), "POST", "/orders", ORDER, response=answer)
        assert said["masked_body"] == '\ufeff{"id":1,"items":[]}'.encode()


def test_schemas_with_absurd_numbers_make_a_bundle(tmp_path: Path) -> None:
    """One document with such a number must not keep the configuration of all APIs from being loaded."""
    schema = {
        "maxLength": 10**30,
        "maxItems": 2**64,
        "minProperties": 0.0,
        "maximum": 10**400,
        "enum": ["a", 10**400],
    }
    content = {"application/json": {"schema": schema}}
    document = {**CLIENTS, "paths": {"/a": {"post": {"requestBody": {"content": content}, "responses": {}}}}}
    engine = _engine_of(tmp_path, "{mode: enforce}", document=document)
    assert _ask(engine, "POST", "/a", '"b"', headers=JSON)["contract"] == []
