"""What traffic teaches of an operation, and what it cannot be taught."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starfort.catalogue.schemas.contract import confidence, is_ready, operation
from starfort.catalogue.schemas.learn import CHARACTERS, HASHES, Reading
from starfort.catalogue.schemas.record import REQUEST, Record
from starfort.catalogue.schemas.support import Support, Trust
from starfort.contracts.model import Operation

TRUST = Trust(callers=3, apart_s=600)
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def _object(**members: Any) -> list[Any]:
    return [["o", members, []]]


def _text(length: int = 4, characters: str = "a", form: str = "", *hashes: str) -> list[Any]:
    return [["s", form, length, length, characters, *([list(hashes)] if hashes else [])]]


def _request(body: list[Any] | None = None, **places: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {place: places.get(place, _object()) for place in "pqhc"}
    return {"v": 1, **found, **({} if body is None else {"b": body, "f": "json"})}


def _add(  # noqa: PLR0913 (all that differs between calls)
    record: Record,
    shape: dict[str, Any],
    *,
    caller: int,
    time_s: int,
    media_type: str = JSON,
    side: str = REQUEST,
) -> None:
    record.add(side, shape, media_type, Support((caller,), time_s, time_s), TRUST)


def _usual(shape: dict[str, Any], *, media_type: str = JSON, calls: int = 100, side: str = REQUEST) -> Record:
    """A record of calls of ten callers over a day."""
    record = Record()
    for number in range(calls):
        _add(record, shape, caller=number % 10, time_s=number * 864, media_type=media_type, side=side)
    return record


def _operation(record: Record, reading: Reading = Reading.TRUSTED) -> Operation:
    return operation(record, "POST", "/orders/{id}", reading=reading, trust=TRUST)


def _body(record: Record, reading: Reading = Reading.TRUSTED) -> Mapping[str, Any]:
    body = _operation(record, reading).body
    assert body is not None
    schema = body.content[0].schema
    assert isinstance(schema, Mapping)
    return schema


def test_nested_objects_and_lists_are_learned() -> None:
    """Members of members are properties of properties, and no name has a dot."""
    shape = _request(
        _object(owner=_object(email=_text(20, "a@.", "email")), items=[["a", 1, 3, _object(n=[["i", 2, 3]])]])
    )
    schema = _body(_usual(shape))
    owner = schema["properties"]["owner"]
    assert owner["required"] == ["email"]
    assert owner["properties"]["email"]["format"] == "email"
    assert schema["properties"]["items"]["items"]["properties"]["n"]["type"] == "integer"
    assert schema["additionalProperties"] is False


def test_one_caller_widens_nothing() -> None:
    """A thousand calls of one caller add no property, kind, character, length, value, type or parameter."""
    record = _usual(_request(_object(state=_text(4, "a", "", "0" * 16))))
    before = _operation(record)
    strange = _request(
        _object(
            state=[["i", 70, 70], "n", *_text(5000, "a'<")],
            admin=["b"],
            **{f"x{n}": ["n"] for n in range(99)},
        ),
        q=_object(debug=_text()),
    )
    for number in range(1000):
        _add(record, strange, caller=77, time_s=number * 864)
        _add(record, strange, caller=77, time_s=number * 864, media_type="text/evil")
        _add(record, _request(), caller=77, time_s=number * 864)
    after = _operation(record)
    assert (after.parameters, after.body) == (before.parameters, before.body)


def test_several_callers_over_time_widen() -> None:
    """A member that three callers send at different times is a property, and not a required one."""
    record = _usual(_request(_object(state=_text())))
    for caller in (1, 2, 3):
        _add(
            record,
            _request(_object(state=_text(), note=_text(9))),
            caller=caller,
            time_s=90_000 + caller * 400,
        )
    schema = _body(record)
    assert set(schema["properties"]) == {"state", "note"}
    assert schema["required"] == ["state"]


def test_a_flood_of_names_does_not_displace_what_is_trusted() -> None:
    """Ten thousand names of one caller leave the trusted ones, and memory bounded."""
    record = _usual(_request(_object(state=_text())))
    for number in range(1000):
        names = {f"n{number}_{index}": ["n"] for index in range(10)}
        _add(record, _request(_object(**names)), caller=77, time_s=number * 864)
    assert set(_body(record)["properties"]) == {"state"}
    assert len(record.sides[REQUEST].bodies[JSON].members) < 100


def test_enumerations_are_hashes() -> None:
    """Few values of many calls are an enumeration; a value of one caller is not in it."""
    record = Record()
    for number in range(300):
        value = f"{number % 3:016x}"
        _add(
            record, _request(_object(state=_text(4, "a", "", value))), caller=number % 10, time_s=number * 864
        )
    _add(record, _request(_object(state=_text(4, "a", "", "f" * 16))), caller=77, time_s=5)
    assert _body(record)["properties"]["state"][HASHES] == [f"{value:016x}" for value in range(3)]


def test_many_values_are_no_enumeration() -> None:
    """A field whose values have no end has no list of them, however often a few come."""
    record = Record()
    for number in range(600):
        value = f"{number if number % 2 else number % 10:016x}"
        _add(
            record, _request(_object(name=_text(4, "a", "", value))), caller=number % 10, time_s=number * 864
        )
    assert HASHES not in _body(record)["properties"]["name"]


def test_null_and_absence_are_told_apart() -> None:
    """A member that is null sometimes is required and nullable; one that is missing sometimes is neither."""
    record = Record()
    for number in range(100):
        members = {"a": ["n"] if number % 2 else [["i", 1, 1]]} | ({"b": ["b"]} if number % 3 else {})
        _add(record, _request(_object(**members)), caller=number % 10, time_s=number * 864)
    schema = _body(record)
    assert set(schema["properties"]["a"]["type"]) == {"null", "integer"}
    assert schema["properties"]["b"] == {"type": "boolean"}
    assert schema["required"] == ["a"]


def test_forms_have_typed_fields() -> None:
    """A field that is always a number has that type, and others say which characters come."""
    shape = _request(_object(amount=_text(2, "0", "integer"), name=_text(6, "aA'")))
    schema = _body(_usual(shape, media_type=FORM))
    assert schema["properties"]["amount"] == {"type": "integer", "minimum": 0, "maximum": 99}
    assert schema["properties"]["name"][CHARACTERS] == "'aA"


def test_parameters_of_all_places() -> None:
    """Path, query, header and cookie become parameters; only those of path and query are required."""
    places = {"p": _object(id=_text(3, "0", "integer")), "q": _object(page=_text(1, "0", "integer")),
              "h": _object(**{"x-tenant": _text()}), "c": _object(theme=_text())}  # fmt: skip
    made = _operation(_usual(_request(**places)))
    assert [(one.place, one.name, one.required) for one in made.parameters] == [
        ("path", "id", True), ("query", "page", True), ("header", "x-tenant", False), ("cookie", "theme", False),
    ]  # fmt: skip
    assert made.body is None


def test_answers_are_learned_by_status() -> None:
    """Each status has the schema of its answers."""
    record = _usual(_request())
    for status, body in (("200", _object(id=[["i", 3, 9]])), ("404", _object(error=_text()))):
        record.merge(_usual({"v": 1, "h": _object(), "b": body, "f": "json"}, side=status), TRUST)
    found = {one.status: one.content[0].schema for one in _operation(record).responses}
    assert {
        status: set(schema["properties"]) for status, schema in found.items() if isinstance(schema, Mapping)
    } == {
        "200": {"id"},
        "404": {"error"},
    }


def test_confidence_grows_with_calls_and_falls_with_surprises() -> None:
    """More calls without anything new make a contract surer; facts of single callers make it less sure."""
    shape = _request(_object(state=_text()))
    few, many = _usual(shape, calls=30), _usual(shape, calls=3000)
    assert 0.8 < confidence(few, TRUST) < confidence(many, TRUST) < 1
    sure = confidence(many, TRUST)
    for number in range(60):
        _add(many, _request(_object(**{f"x{number}": _text()})), caller=100 + number, time_s=number)
    assert confidence(many, TRUST) < sure


def test_a_contract_needs_callers_and_calls() -> None:
    """One caller, or few calls, make no contract; the export shows them all the same."""
    shape = _request(_object(state=_text()))
    lonely = Record()
    for number in range(100):
        _add(lonely, shape, caller=1, time_s=number * 864)
    assert not is_ready(lonely, TRUST)
    assert confidence(lonely, TRUST) == 0
    assert not is_ready(_usual(shape, calls=20), TRUST)
    assert is_ready(_usual(shape), TRUST)
    assert set(_body(lonely, Reading.SEEN)["properties"]) == {"state"}


def test_bodies_that_were_cut_are_open() -> None:
    """Where bodies are too large for their shape, nothing is said about them."""
    record = _usual(_request(_object(state=_text())))
    for number in range(10):
        _add(record, _request(_object(state=_text())) | {"cut": True}, caller=number, time_s=number * 864)
    body = _operation(record).body
    assert body is not None
    assert body.content[0].schema is True


def test_maps_from_ids_have_one_schema() -> None:
    """Names that look like values are one member, whose schema holds for all of them."""
    schema = _body(_usual(_request(_object(**{"*": [["i", 1, 2]]}))))
    assert schema["additionalProperties"]["type"] == "integer"
    assert "properties" not in schema


def test_names_without_end_leave_an_object_open() -> None:
    """An object to which each caller gives names of its own takes any."""
    record = _usual(_request(_object(state=_text())))
    for caller in range(20):
        _add(
            record,
            _request(_object(state=_text(), **{f"label_{caller}": _text()})),
            caller=caller,
            time_s=caller * 864,
        )
    assert "additionalProperties" not in _body(record)
