"""Schemas that are compared as wholes."""

from __future__ import annotations

from starfort.contracts import Operation, Parameter
from starfort.contracts.changes import compare
from starfort.contracts.changes.compare import MAX_CHANGES
from tests.unit.contracts.changes.support import contract, found, obj, request, response

S = {"type": "string"}


def test_what_only_answers_have_breaks_no_request() -> None:
    """And the other way round."""
    old = obj(a=S | {"readOnly": True}, b=S | {"writeOnly": True})
    new = obj(["a", "b"], a=S | {"readOnly": True, "maxLength": 3}, b=S | {"writeOnly": True})
    assert {one for one in found(request(old), request(new)) if one[1] == "error"} == {
        ("request-property-became-required", "error")
    }
    wider = obj(a=S, b={"writeOnly": True})
    assert ("response-property-type-generalized", "info") in found(response(old), response(wider))


def test_the_same_in_other_words_is_no_change() -> None:
    """Names of path parameters and definitions, order, nullable in either form, references or none."""
    old = request(
        {"$ref": "#/$defs/A"},
        definitions={"A": obj(a={"type": ["string", "null"]}, n={"$ref": "#/$defs/A"})},
    )
    new = request(
        {"$ref": "#/$defs/B"},
        definitions={"B": obj(n={"$ref": "#/$defs/B"}, a={"anyOf": [{"type": "null"}, S]})},
    )
    assert found(old, new) == set()
    one = Operation("GET", "/a/{id}", parameters=(Parameter("id", "path", True, S),))
    other = Operation("GET", "/a/{key}", parameters=(Parameter("key", "path", True, S),))
    assert found(contract(one), contract(other)) == set()
    alternatives = {"oneOf": [S, {"type": "integer"}]}
    assert found(request(alternatives), request({"oneOf": alternatives["oneOf"][::-1]})) == set()


def test_changes_say_where() -> None:
    """Method, path, part and the way through the schema."""
    (change,) = compare(
        response(obj(items={"type": "array", "items": obj(["id"], id=S)})),
        response(obj(items={"type": "array", "items": obj(id=S)})),
    )
    assert (change.method, change.path) == ("POST", "/a")
    assert change.where == "response 200 application/json #/items/*/id"


def test_schemas_that_contain_themselves_end() -> None:
    """Also when the circle is as long as one likes, and changes are kept to a number."""
    definitions = {f"D{n}": obj(next={"$ref": f"#/$defs/D{(n + 1) % 500}"}) for n in range(500)}
    new = {name: obj(["x"], x=S, **one["properties"]) for name, one in definitions.items()}
    start = {"$ref": "#/$defs/D0"}
    assert found(request(start, definitions=definitions), request(start, definitions=new))
    many = {f"p{n}": S for n in range(MAX_CHANGES)}
    assert len(compare(request(obj()), request(obj(**many)))) <= MAX_CHANGES
