"""Defines the variables of policies: their names and types in CEL, and the bundle's field for each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from cel_expr_python import cel

from starfort.bundle.expression import Field, PlainField, SignalActive, SignalScore

_F: Final = PlainField
_MAPS: Final = {
    _F.REQUEST_HEADERS, _F.REQUEST_QUERY, _F.REQUEST_COOKIES, _F.REQUEST_BODY, _F.IDENTITY_CLAIMS,
    _F.RESPONSE_HEADERS,
}  # fmt: skip
_LISTS: Final = {
    _F.REQUEST_ANOMALIES, _F.ENDPOINT_LABELS, _F.IDENTITY_SCOPES, _F.FINDINGS, _F.SENSITIVE_REQUEST,
    _F.SENSITIVE_RESPONSE, _F.RULES_MATCHED, _F.CONTRACT_VIOLATIONS,
}  # fmt: skip
_INTS: Final = {
    _F.REQUEST_BODY_BYTES, _F.CLIENT_ASN, _F.RESPONSE_STATUS, _F.RULES_SCORE, _F.RULES_OUTBOUND_SCORE,
    _F.RULES_SEVERITY,
}  # fmt: skip
_BOOLS: Final = {
    _F.ENDPOINT_KNOWN, _F.ENDPOINT_DOCUMENTED, _F.IDENTITY_VERIFIED, _F.RULES_INTERRUPTED,
    _F.CONTRACT_REQUEST_VALID, _F.CONTRACT_RESPONSE_VALID,
}  # fmt: skip

_TWO_DOTS: Final = {_F.CONTRACT_REQUEST_VALID, _F.CONTRACT_RESPONSE_VALID}

HEADER_FIELDS: Final = frozenset({_F.REQUEST_HEADERS, _F.RESPONSE_HEADERS})
"""Maps whose keys are lower case: HTTP header names are case-insensitive (RFC 9110, section 5.1)."""

RESPONSE_FIELDS: Final = frozenset(
    {
        _F.RESPONSE_STATUS,
        _F.RESPONSE_HEADERS,
        _F.RESPONSE_CONTENT_TYPE,
        _F.SENSITIVE_RESPONSE,
        _F.RULES_OUTBOUND_SCORE,
        _F.CONTRACT_RESPONSE_VALID,
    }
)
"""Variables that have no value before the upstream has answered."""


def variable_name(field: PlainField) -> str:
    """`request.method` for `PlainField.REQUEST_METHOD`."""
    # Only the first underscore: `client.as_organization` has one of its own.
    dots = 2 if field in _TWO_DOTS else 1
    return field.value.replace("_", ".", dots)


def plain_variables() -> dict[str, tuple[PlainField, cel.Type]]:
    """Field and CEL type by variable name, without signals."""
    return {variable_name(field): (field, _type(field)) for field in PlainField}


def signal_variables(kinds: Sequence[str]) -> dict[str, tuple[Field, cel.Type]]:
    """Field and CEL type of `signals.KIND.score` and `signals.KIND.active`.

    Args:
        kinds: names of signal kinds, in the bundle's order; one that is no CEL identifier has no variables.
    """
    variables: dict[str, tuple[Field, cel.Type]] = {}
    for index, kind in enumerate(kinds):
        if re.fullmatch(r"[A-Za-z_]\w*", kind, re.ASCII):
            variables[f"signals.{kind}.score"] = (SignalScore(index), cel.Type.DOUBLE)
            variables[f"signals.{kind}.active"] = (SignalActive(index), cel.Type.BOOL)
    return variables


def _type(field: PlainField) -> cel.Type:
    if field in _MAPS:
        return cel.Type.Map(cel.Type.STRING, cel.Type.STRING)
    if field in _LISTS:
        return cel.Type.List(cel.Type.STRING)
    if field in _INTS:
        return cel.Type.INT
    return cel.Type.BOOL if field in _BOOLS else cel.Type.STRING
