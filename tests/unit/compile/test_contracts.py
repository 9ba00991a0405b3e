"""Contracts as the engine reads them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from starfort.bundle import contract as b
from starfort.compile import contracts
from starfort.compile.contracts import TooLargeError, compile_contract, merged
from starfort.contracts.model import (
    Body,
    Contract,
    Encoding,
    Media,
    Operation,
    Parameter,
    Response,
    SecurityScheme,
)

PET = {
    "type": "object",
    "description": "for people",
    "properties": {
        "description": {"type": "string", "examples": ["x"], "maxLength": 5},
        "owner": {"$ref": "#/$defs/Owner"},
        "id": {"type": "integer", "readOnly": True, "x-order": 1},
    },
    "required": ["id"],
    "x-starfort-note": "not ours",
}
OWNER = {"anyOf": [{"$ref": "#/$defs/Pet"}, {"type": "null", "title": "none"}]}
ORDERS = Operation(
    "POST", "/orders",
    parameters=(
        Parameter("n", "query", schema={"type": "integer", "description": "how many"}, style="form"),
        Parameter("X-Trace", "header", style="simple", explode=False),
        Parameter("Authorization", "header", required=True, style="simple"),
        Parameter("filter", "query", style="deepObject", allow_reserved=True, media_type="application/json"),
    ),
    body=Body(True, (
        Media("application/json", {"$ref": "#/$defs/Pet"}),
        Media("multipart/form-data", {"type": "object"}, encoding={"f": Encoding(("image/*",), "form", False)}),
    )),
    responses=(
        Response("2XX", (Parameter("X-Left", "header", schema={"type": "integer"}),), (Media("*/*"),)),
        Response("default", (), (Media("application/jsonl", True, {"$ref": "#/$defs/Owner"}),)),
    ),
    security=({"key": (), "oauth": ("read",)}, {}),
)  # fmt: skip
SCHEMES = {
    "key": SecurityScheme("apiKey", "header", "X-Key"),
    "query": SecurityScheme("apiKey", "query", "Key"),
    "cookie": SecurityScheme("apiKey", "cookie", "sid"),
    "basic": SecurityScheme("http", scheme="basic"),
    "oauth": SecurityScheme("oauth2"),
    "tls": SecurityScheme("mutualTLS"),
    "odd": SecurityScheme("unknown"),
}
CONTRACT = Contract("shop", (ORDERS,), {"Pet": PET, "Owner": OWNER, "Unused": {"type": "string"}}, SCHEMES)


def test_schemas_lose_what_only_people_read() -> None:
    """Names of properties stay whatever they are; definitions that nothing leads to are left out."""
    made = compile_contract("shop", CONTRACT).bundle
    assert json.loads(made.definitions) == {
        "$defs": {
            "Owner": {"anyOf": [{"$ref": "#/$defs/Pet"}, {"type": "null"}]},
            "Pet": {
                "type": "object",
                "properties": {
                    "description": {"type": "string", "maxLength": 5},
                    "owner": {"$ref": "#/$defs/Owner"},
                    "id": {"type": "integer", "readOnly": True},
                },
                "required": ["id"],
            },
        }
    }
    assert [json.loads(one) for one in made.schemas] == [
        {"type": "integer"}, {"$ref": "#/$defs/Pet"}, {"type": "object"}, {"$ref": "#/$defs/Owner"},
    ]  # fmt: skip


def test_operations_refer_to_schemas() -> None:
    """Each schema is there once; headers have lower case; `Authorization` is no parameter."""
    (operation,) = compile_contract("shop", CONTRACT).bundle.operations
    query, header, filtered = operation.parameters
    assert query == b.ContractParameter(
        "n", b.ParameterPlace.QUERY, False, 0, b.ParameterStyle.FORM, explode=True
    )
    assert (header.name, header.schema, header.style) == ("x-trace", None, b.ParameterStyle.SIMPLE)
    assert filtered.style is b.ParameterStyle.DEEP_OBJECT
    assert (filtered.allow_reserved, filtered.media_type) == (True, "application/json")
    assert operation.body is not None
    pet, form = operation.body.content
    assert (pet.media_type, pet.schema, form.schema) == ("application/json", 1, 2)
    assert form.encoding == (b.PropertyEncoding("f", ("image/*",), b.ParameterStyle.FORM, explode=False),)
    success, other = operation.responses
    assert (success.status, success.headers[0].name, success.headers[0].schema) == ("2XX", "x-left", 0)
    assert success.content == (b.ContractMedia("*/*", None),)
    assert other.content == (b.ContractMedia("application/jsonl", 3),)


def test_security_is_about_what_can_be_seen() -> None:
    """OAuth tokens count with any word before them, and an alternative may ask for nothing."""
    made = compile_contract("shop", CONTRACT).bundle
    assert made.schemes == (
        b.HeaderScheme("x-key"), b.QueryScheme("Key"), b.CookieScheme("sid"), b.AuthorizationScheme("basic"),
        b.AuthorizationScheme(""), b.MutualTlsScheme(), b.OtherScheme(),
    )  # fmt: skip
    assert made.operations[0].security == ((0, 4), ())
    nothing = replace(CONTRACT, operations=(replace(ORDERS, security=()), replace(ORDERS, security=None)))
    assert [one.security for one in compile_contract("shop", nothing).bundle.operations] == [((),), None]


def test_the_same_contract_is_compiled_once() -> None:
    """By identity, for each API; the digest depends on what the engine gets and on nothing else."""
    first = compile_contract("shop", CONTRACT)
    assert compile_contract("shop", CONTRACT) is first
    renamed = replace(CONTRACT, title="another title")
    assert compile_contract("shop", renamed) is not first
    assert compile_contract("shop", renamed).bundle.digest == first.bundle.digest
    changed = replace(CONTRACT, definitions={**CONTRACT.definitions, "Owner": {"type": "null"}})
    assert compile_contract("shop", changed).bundle.digest != first.bundle.digest


def test_size_and_depth_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema that nests deeper than the limit takes anything there, and too much text is an error."""
    deep: dict[str, object] = {"type": "string"}
    for _ in range(5000):
        deep = {"items": deep}
    operation = Operation("GET", "/deep", responses=(Response("200", (), (Media("a/b", deep),)),))
    (text,) = compile_contract("deep", Contract("", (operation,))).bundle.schemas
    assert text.count("items") == contracts.MAX_DEPTH
    monkeypatch.setattr(contracts, "MAX_SCHEMA_BYTES", 100)
    with pytest.raises(TooLargeError, match="schemas of more than 0 MiB"):
        compile_contract("large", CONTRACT)


def test_learned_definitions_get_names_of_their_own() -> None:
    """A learned definition never stands for the document's of the same name, nor a scheme."""
    schema = {"anyOf": [{"$ref": "#/$defs/Pet"}, {"enum": ["$ref"]}]}
    operation = Operation(
        "GET", "/learned", parameters=(Parameter("p", "query", schema=schema),),
        body=Body(content=(Media("a/b", {"$ref": "#/$defs/Pet"}),)),
        responses=(Response("200", (), (Media("a/b", item_schema={"$ref": "#/$defs/Pet"}),)),),
        security=({"key": ()},),
    )  # fmt: skip
    learned = Contract(
        "shop", (operation,), {"Pet": {"items": {"$ref": "#/$defs/Pet"}}}, {"key": SCHEMES["cookie"]},
        source="learned",
    )  # fmt: skip
    both = merged("shop", CONTRACT, learned)
    assert both is merged("shop", CONTRACT, learned)
    assert both.source == "both"
    assert both.definitions["Pet"] is PET
    assert both.definitions["learned.Pet"] == {"items": {"$ref": "#/$defs/learned.Pet"}}
    assert both.schemes["learned.key"] == SCHEMES["cookie"]
    mine = both.operations[-1]
    assert mine.security == ({"learned.key": ()},)
    assert mine.parameters[0].schema == {"anyOf": [{"$ref": "#/$defs/learned.Pet"}, {"enum": ["$ref"]}]}
    assert json.loads(compile_contract("shop", both).bundle.schemas[-1]) == {"$ref": "#/$defs/learned.Pet"}
    other = replace(CONTRACT, definitions={**CONTRACT.definitions, "learned.Pet": True})
    assert "learned..Pet" in merged("shop", other, learned).definitions
