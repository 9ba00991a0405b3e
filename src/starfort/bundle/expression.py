"""Checked CEL expressions as the engine reads them. They mirror `crates/engine/src/bundle/expression.rs`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from starfort.bundle.variant import Variant


class Quantifier(StrEnum):
    """The macro of a comprehension."""

    EXISTS = "exists"
    ALL = "all"
    EXISTS_ONE = "exists_one"


# The names are the bundle's own and not CEL's, so that a new release of the checker changes no bundle.
class Function(StrEnum):
    """Operators and functions that the engine evaluates."""

    NOT = "not"
    NEGATE = "negate"
    EQUAL = "equal"
    NOT_EQUAL = "not_equal"
    LESS = "less"
    LESS_OR_EQUAL = "less_or_equal"
    GREATER = "greater"
    GREATER_OR_EQUAL = "greater_or_equal"
    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    DIVIDE = "divide"
    MODULO = "modulo"
    IN = "in"
    SIZE = "size"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    CONTAINS = "contains"
    MATCHES = "matches"
    TO_INT = "to_int"
    TO_DOUBLE = "to_double"
    TO_STRING = "to_string"
    LOWER_ASCII = "lower_ascii"
    IN_LIST = "in_list"
    IN_CIDR = "in_cidr"


class PlainField(StrEnum):
    """Variables without a parameter; `bundle.rs` has the name and type of each in CEL."""

    REQUEST_METHOD = "request_method"
    REQUEST_SCHEME = "request_scheme"
    REQUEST_HOST = "request_host"
    REQUEST_PATH = "request_path"
    REQUEST_PROTOCOL = "request_protocol"
    REQUEST_HEADERS = "request_headers"
    REQUEST_QUERY = "request_query"
    REQUEST_COOKIES = "request_cookies"
    REQUEST_BODY = "request_body"
    REQUEST_CONTENT_TYPE = "request_content_type"
    REQUEST_BODY_BYTES = "request_body_bytes"
    REQUEST_ANOMALIES = "request_anomalies"
    ENDPOINT_API = "endpoint_api"
    ENDPOINT_ID = "endpoint_id"
    ENDPOINT_PATH = "endpoint_path"
    ENDPOINT_KNOWN = "endpoint_known"
    ENDPOINT_DOCUMENTED = "endpoint_documented"
    ENDPOINT_LABELS = "endpoint_labels"
    CLIENT_ADDRESS = "client_address"
    CLIENT_COUNTRY = "client_country"
    CLIENT_CONTINENT = "client_continent"
    CLIENT_ASN = "client_asn"
    CLIENT_AS_ORGANIZATION = "client_as_organization"
    CLIENT_JA4 = "client_ja4"
    CLIENT_FINGERPRINT = "client_fingerprint"
    CLIENT_BOT = "client_bot"
    CLIENT_BOT_NAME = "client_bot_name"
    CLIENT_USER_AGENT = "client_user_agent"
    IDENTITY_KIND = "identity_kind"
    IDENTITY_VERIFIED = "identity_verified"
    IDENTITY_SUBJECT = "identity_subject"
    IDENTITY_ISSUER = "identity_issuer"
    IDENTITY_ERROR = "identity_error"
    IDENTITY_SCOPES = "identity_scopes"
    IDENTITY_CLAIMS = "identity_claims"
    FINDINGS = "findings"
    SENSITIVE_REQUEST = "sensitive_request"
    SENSITIVE_RESPONSE = "sensitive_response"
    RESPONSE_STATUS = "response_status"
    RESPONSE_HEADERS = "response_headers"
    RESPONSE_CONTENT_TYPE = "response_content_type"
    RULES_SCORE = "rules_score"
    RULES_OUTBOUND_SCORE = "rules_outbound_score"
    RULES_MATCHED = "rules_matched"
    RULES_INTERRUPTED = "rules_interrupted"
    RULES_SEVERITY = "rules_severity"
    CONTRACT_REQUEST_VALID = "contract_request_valid"
    CONTRACT_RESPONSE_VALID = "contract_response_valid"
    CONTRACT_VIOLATIONS = "contract_violations"


# A signal's variables name its kind by index: kinds are known only when detectors are loaded.
class SignalField(Variant):
    """A variable of one signal kind."""


@dataclass(frozen=True)
class SignalScore(SignalField):
    """`signals.KIND.score`."""

    TAG: ClassVar[str] = "signal_score"
    kind: int
    """Index in `Bundle.signal_kinds`."""


@dataclass(frozen=True)
class SignalActive(SignalField):
    """`signals.KIND.active`."""

    TAG: ClassVar[str] = "signal_active"
    kind: int
    """Index in `Bundle.signal_kinds`."""


Field = PlainField | SignalField


# Types are checked before these nodes are made, so the engine needs no types and checks none per request.
class Expr(Variant):
    """A node of a checked expression."""


@dataclass(frozen=True)
class NullExpr(Expr):
    """`null`."""

    TAG: ClassVar[str] = "null"


@dataclass(frozen=True)
class BoolExpr(Expr):
    """Boolean literal."""

    TAG: ClassVar[str] = "bool"
    value: bool


@dataclass(frozen=True)
class IntExpr(Expr):
    """Integer literal (64 bits)."""

    TAG: ClassVar[str] = "int"
    value: int


@dataclass(frozen=True)
class UintExpr(Expr):
    """Unsigned literal (64 bits)."""

    TAG: ClassVar[str] = "uint"
    value: int


@dataclass(frozen=True)
class DoubleExpr(Expr):
    """Double literal."""

    TAG: ClassVar[str] = "double"
    value: float


@dataclass(frozen=True)
class StringExpr(Expr):
    """String literal."""

    TAG: ClassVar[str] = "string"
    value: str


@dataclass(frozen=True)
class ListExpr(Expr):
    """List of expressions."""

    TAG: ClassVar[str] = "list"
    items: tuple[Expr, ...]


@dataclass(frozen=True)
class FieldExpr(Expr):
    """A variable of the request."""

    TAG: ClassVar[str] = "field"
    field: Field


# By depth rather than name: the engine keeps the values of enclosing macros on a stack.
@dataclass(frozen=True)
class LocalExpr(Expr):
    """A variable that an enclosing comprehension binds."""

    TAG: ClassVar[str] = "local"
    depth: int
    """0 is the innermost."""


@dataclass(frozen=True)
class IndexExpr(Expr):
    """`collection[key]`."""

    TAG: ClassVar[str] = "index"
    collection: Expr
    key: Expr


@dataclass(frozen=True)
class HasKeyExpr(Expr):
    """`has(map.key)` and `key in map`."""

    TAG: ClassVar[str] = "has_key"
    map: Expr
    key: Expr


@dataclass(frozen=True)
class CallExpr(Expr):
    """Operator or function with its arguments."""

    TAG: ClassVar[str] = "call"
    function: Function
    arguments: tuple[Expr, ...]


# `&&`, `||` and `?:` are not functions: a part that they do not need is not evaluated, and an error in that
# part does not count (cel-spec, "Logical Operators").
@dataclass(frozen=True)
class AndExpr(Expr):
    """`left && right`."""

    TAG: ClassVar[str] = "and"
    left: Expr
    right: Expr


@dataclass(frozen=True)
class OrExpr(Expr):
    """`left || right`."""

    TAG: ClassVar[str] = "or"
    left: Expr
    right: Expr


@dataclass(frozen=True)
class ConditionalExpr(Expr):
    """`test ? yes : no`."""

    TAG: ClassVar[str] = "conditional"
    test: Expr
    yes: Expr
    no: Expr


@dataclass(frozen=True)
class ComprehensionExpr(Expr):
    """`range.exists(x, predicate)` and the other macros; for a map, the range is its keys."""

    TAG: ClassVar[str] = "comprehension"
    quantifier: Quantifier
    range: Expr
    predicate: Expr
