"""A learned schema takes everything that it was learned from."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from starfort.catalogue.schemas.evidence import Evidence
from starfort.catalogue.schemas.learn import Learner, Reading
from starfort.catalogue.schemas.support import Support, Trust
from tests.support.shapes import VALUES, is_valid, shape_of

TRUST = Trust(callers=2, apart_s=10)


def _learned(values: list[object], reading: Reading) -> tuple[dict[str, object], list[object]]:
    evidence, told = Evidence(), []
    for number, value in enumerate(values):
        body = shape_of(value).get("b")
        if body:
            told.append(value)
            for caller in (1, 2, 3):
                evidence.add(body, Support((caller,), number + caller * 20, number + caller * 20), TRUST)
    return Learner(reading, TRUST).schema(evidence), told


@settings(max_examples=150, deadline=None)
@given(values=st.lists(VALUES, min_size=1, max_size=6))
def test_everything_seen_validates(values: list[object]) -> None:
    """Each value validates against the schema of all of them, which is a schema of JSON Schema 2020-12."""
    for reading in Reading:
        schema, told = _learned(values, reading)
        Draft202012Validator.check_schema(schema)
        for value in told:
            assert is_valid(value, schema), (reading, value, schema)
