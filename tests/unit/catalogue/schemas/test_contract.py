"""What traffic teaches of an operation, and what it cannot be taught."""

from __future__ import annotations

from collections.abc import Mapping

from starfort.catalogue.schemas.contract import confidence, is_ready
from starfort.catalogue.schemas.learn import Reading
from starfort.catalogue.schemas.record import REQUEST, Record
from tests.support.records import JSON, TRUST, add, body_schema, made, members_of, request, text, usual


def test_one_caller_widens_nothing() -> None:
    """A thousand calls of one caller add no property, kind, character, length, value, type or parameter."""
    record = usual(request(members_of(state=text(4, "a", "", "0" * 16))))
    before = made(record)
    strange = request(
        members_of(
            state=[["i", 70, 70], "n", *text(5000, "a'<")],
            admin=["b"],
            **{f"x{n}": ["n"] for n in range(99)},
        ),
        q=members_of(debug=text()),
    )
    for number in range(1000):
        add(record, strange, caller=77, time_s=number * 864)
        add(record, strange, caller=77, time_s=number * 864, media_type="text/evil")
        add(record, request(), caller=77, time_s=number * 864)
    after = made(record)
    assert (after.parameters, after.body) == (before.parameters, before.body)


def test_several_callers_over_time_widen() -> None:
    """A member that three callers send at different times is a property, and not a required one."""
    record = usual(request(members_of(state=text())))
    for caller in (1, 2, 3):
        add(
            record,
            request(members_of(state=text(), note=text(9))),
            caller=caller,
            time_s=90_000 + caller * 400,
        )
    schema = body_schema(record)
    assert set(schema["properties"]) == {"state", "note"}
    assert schema["required"] == ["state"]


def test_a_flood_of_names_does_not_displace_what_is_trusted() -> None:
    """Ten thousand names of one caller leave the trusted ones, and memory bounded."""
    record = usual(request(members_of(state=text())))
    for number in range(1000):
        names = {f"n{number}_{index}": ["n"] for index in range(10)}
        add(record, request(members_of(**names)), caller=77, time_s=number * 864)
    assert set(body_schema(record)["properties"]) == {"state"}
    assert len(record.sides[REQUEST].bodies[JSON].members) < 100


def test_parameters_of_all_places() -> None:
    """Path, query, header and cookie become parameters; only those of path and query are required."""
    places = {"p": members_of(id=text(3, "0", "integer")), "q": members_of(page=text(1, "0", "integer")),
              "h": members_of(**{"x-tenant": text()}), "c": members_of(theme=text())}  # fmt: skip
    found = made(usual(request(**places)))
    assert [(one.place, one.name, one.required) for one in found.parameters] == [
        ("path", "id", True), ("query", "page", True), ("header", "x-tenant", False), ("cookie", "theme", False),
    ]  # fmt: skip
    assert found.body is None


def test_answers_are_learned_by_status() -> None:
    """Each status has the schema of its answers, and one that never came may have any."""
    record = usual(request())
    for status, body in (("200", members_of(id=[["i", 3, 9]])), ("404", members_of(error=text()))):
        record.merge(usual({"v": 1, "h": members_of(), "b": body, "f": "json"}, side=status), TRUST)
    responses = made(record).responses
    found = {one.status: one.content[0].schema for one in responses if one.content}
    assert [one.status for one in responses] == ["200", "404", "default"]
    assert {
        status: set(schema["properties"]) for status, schema in found.items() if isinstance(schema, Mapping)
    } == {
        "200": {"id"},
        "404": {"error"},
    }


def test_confidence_grows_with_calls_and_falls_with_surprises() -> None:
    """More calls without anything new make a contract surer; facts of single callers make it less sure."""
    shape = request(members_of(state=text()))
    few, many = usual(shape, calls=30), usual(shape, calls=3000)
    assert 0.8 < confidence(few, TRUST) < confidence(many, TRUST) < 1
    sure = confidence(many, TRUST)
    for number in range(60):
        add(many, request(members_of(**{f"x{number}": text()})), caller=100 + number, time_s=number)
    assert confidence(many, TRUST) < sure


def test_a_contract_needs_callers_and_calls() -> None:
    """One caller, or few calls, make no contract; the export shows them all the same."""
    shape = request(members_of(state=text()))
    lonely = Record()
    for number in range(100):
        add(lonely, shape, caller=1, time_s=number * 864)
    assert not is_ready(lonely, TRUST)
    assert confidence(lonely, TRUST) == 0
    assert not is_ready(usual(shape, calls=20), TRUST)
    assert is_ready(usual(shape), TRUST)
    assert set(body_schema(lonely, Reading.SEEN)["properties"]) == {"state"}


def test_bodies_that_were_cut_are_open() -> None:
    """Where bodies are too large for their shape, nothing is said about them."""
    record = usual(request(members_of(state=text())))
    for number in range(10):
        add(record, request(members_of(state=text())) | {"cut": True}, caller=number, time_s=number * 864)
    body = made(record).body
    assert body is not None
    assert body.content[0].schema is True


def test_parameters_without_end_leave_an_operation_open() -> None:
    """Where each caller gives parameters of its own, unknown ones are no breach."""
    record = usual(request(q=members_of(page=text())))
    assert not made(record).is_open
    for caller in range(20):
        places = {"q": members_of(page=text(), **{f"x{caller}": text()})}
        add(record, request(**places), caller=caller, time_s=caller * 864)
    assert made(record).is_open


def test_bodies_without_a_type_may_be_any() -> None:
    """Where several callers do not say what their body is, no media type is asked for."""
    record = usual(request(members_of(state=text())), media_type="")
    body = made(record).body
    assert body is not None
    assert [(one.type, one.schema) for one in body.content] == [("*/*", True)]
