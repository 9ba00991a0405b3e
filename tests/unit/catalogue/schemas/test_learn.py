"""Evidence becomes schemas."""

from __future__ import annotations

from starfort.catalogue.schemas.learn import CHARACTERS, HASHES
from starfort.catalogue.schemas.record import Record
from tests.support.records import FORM, add, body_schema, members_of, request, text, usual


def test_nested_objects_and_lists_are_learned() -> None:
    """Members of members are properties of properties, and no name has a dot."""
    shape = request(
        members_of(
            owner=members_of(email=text(20, "a@.", "email")), items=[["a", 1, 3, members_of(n=[["i", 2, 3]])]]
        )
    )
    schema = body_schema(usual(shape))
    owner = schema["properties"]["owner"]
    assert owner["required"] == ["email"]
    assert owner["properties"]["email"]["format"] == "email"
    assert schema["properties"]["items"]["items"]["properties"]["n"]["type"] == "integer"
    assert schema["additionalProperties"] is False


def test_enumerations_are_hashes() -> None:
    """Few values of many calls are an enumeration; a value of one caller is not in it."""
    record = Record()
    for number in range(300):
        value = f"{number % 3:016x}"
        add(
            record,
            request(members_of(state=text(4, "a", "", value))),
            caller=number % 10,
            time_s=number * 864,
        )
    add(record, request(members_of(state=text(4, "a", "", "f" * 16))), caller=77, time_s=5)
    assert body_schema(record)["properties"]["state"][HASHES] == [f"{value:016x}" for value in range(3)]


def test_many_values_are_no_enumeration() -> None:
    """A field whose values have no end has no list of them, however often a few come."""
    record = Record()
    for number in range(600):
        value = f"{number if number % 2 else number % 10:016x}"
        add(
            record, request(members_of(name=text(4, "a", "", value))), caller=number % 10, time_s=number * 864
        )
    assert HASHES not in body_schema(record)["properties"]["name"]


def test_null_and_absence_are_told_apart() -> None:
    """A member that is null sometimes is required and nullable; one that is missing sometimes is neither."""
    record = Record()
    for number in range(100):
        members = {"a": ["n"] if number % 2 else [["i", 1, 1]]} | ({"b": ["b"]} if number % 3 else {})
        add(record, request(members_of(**members)), caller=number % 10, time_s=number * 864)
    schema = body_schema(record)
    assert set(schema["properties"]["a"]["type"]) == {"null", "integer"}
    assert schema["properties"]["b"] == {"type": "boolean"}
    assert schema["required"] == ["a"]


def test_forms_have_typed_fields() -> None:
    """A field that is always a number has that type, and others say which characters come."""
    shape = request(members_of(amount=text(2, "0", "integer"), name=text(6, "aA'")))
    schema = body_schema(usual(shape, media_type=FORM))
    assert schema["properties"]["amount"] == {"type": "integer", "minimum": 0, "maximum": 99}
    assert schema["properties"]["name"][CHARACTERS] == "'aA"


def test_maps_from_ids_have_one_schema() -> None:
    """Names that look like values are one member, whose schema holds for all of them."""
    schema = body_schema(usual(request(members_of(**{"*": [["i", 1, 2]]}))))
    assert schema["additionalProperties"]["type"] == "integer"
    assert "properties" not in schema


def test_names_without_end_leave_an_object_open() -> None:
    """An object to which each caller gives names of its own takes any."""
    record = usual(request(members_of(state=text())))
    for caller in range(20):
        add(
            record,
            request(members_of(state=text(), **{f"label_{caller}": text()})),
            caller=caller,
            time_s=caller * 864,
        )
    assert "additionalProperties" not in body_schema(record)
