"""The outline of an operation: what people read of its schemas."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from starfort.admin.outline import MAX_LINES, facts_of, kind_of, outline
from starfort.contracts.model import Body, Media, Operation, Parameter, Response, Schema

ORDER: Schema = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "lines": {
            "type": "array",
            "maxItems": 9,
            "items": {"type": "object", "properties": {"sku": {"type": "string", "minLength": 3}}},
        },
    },
}


def _operation(request: Schema, response: Schema = True) -> Operation:
    return Operation(
        "POST",
        "/orders/{orderId}",
        (
            Parameter("orderId", "path", True, {"type": "integer", "minimum": 1, "maximum": 50}),
            Parameter("dry", "query", False, {"type": ["boolean", "null"]}),
        ),
        Body(True, (Media("application/json", request),)),
        (Response("200", (), (Media("application/json", response),)), Response("204")),
    )


def test_a_line_for_each_parameter_and_member() -> None:
    """Sections follow a call, members lie below what holds them, and facts are short words."""
    sections = outline(_operation(ORDER), {})
    assert [section.title for section in sections] == [
        "Path", "Query", "Request, application/json", "Answer 200, application/json", "Answer 204",
    ]  # fmt: skip
    path, query, body, *_ = sections
    assert (path.lines[0].name, path.lines[0].kind, path.lines[0].facts) == ("orderId", "integer", "1 to 50")
    assert query.lines[0].kind == "boolean or null"
    assert [(line.name, line.depth, line.kind, line.required) for line in body.lines] == [
        ("id", 0, "uuid", True),
        ("lines", 0, "array", False),
        ("[ ]", 1, "object", False),
        ("sku", 2, "string", False),
    ]
    assert body.lines[1].facts == "up to 9 items"


def test_references_in_a_circle_end() -> None:
    """A tree of comments is shown some levels deep, and a large body only in part."""
    node: Schema = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    loop: Schema = {"$ref": "#/$defs/Self"}
    sections = outline(_operation({"$ref": "#/$defs/Node"}, loop), {"Node": node, "Self": loop})
    assert len(sections[2].lines) < 20
    wide: Schema = {"type": "object", "properties": {f"f{number}": True for number in range(MAX_LINES + 5)}}
    assert len(outline(_operation(wide), {})[2].lines) == MAX_LINES


def test_what_is_known_of_a_value() -> None:
    """Characters and hashed values of learned schemas are said in words."""
    assert facts_of({"x-starfort-characters": "a0-"}) == "only a-z, 0-9, -"
    assert facts_of({"x-starfort-hashes": ["00", "01"]}) == "one of 2 values, known by their hashes"
    assert facts_of({"x-starfort-hashes": ["00"]}) == "always one value, known by its hash"
    assert facts_of({"minItems": 1, "maxItems": 1}) == "1 item"
    assert facts_of({"enum": list(range(8))}) == "one of 0, 1, 2, 3, 4, 5 and 2 more"
    assert facts_of({"minLength": 4, "maxLength": 4}) == "4 characters"
    assert kind_of({"oneOf": [{"type": "string"}, {"type": "integer"}]}) == "string or integer"
    assert (kind_of(True), kind_of(False), kind_of({})) == ("anything", "nothing", "anything")


_schemas = st.recursive(
    st.one_of(
        st.booleans(),
        st.fixed_dictionaries(
            {},
            optional={
                "type": st.sampled_from(["string", "integer", ["null", "object"]]),
                "enum": st.just([None, 1]),
            },
        ),
        st.just({"$ref": "#/$defs/Missing"}),
    ),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"properties": st.dictionaries(st.text(max_size=4), inner, max_size=3)}),
        st.fixed_dictionaries({"items": inner}),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}),
    ),
    max_leaves=12,
)


@given(_schemas)
def test_any_schema_has_an_outline(schema: Schema) -> None:
    """Whatever a document says, an outline is made and bounded."""
    for section in outline(_operation(schema, schema), {}):
        assert len(section.lines) <= MAX_LINES
