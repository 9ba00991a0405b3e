"""The types of the policy bundle. They mirror `crates/engine/src/bundle.rs`, which explains each field."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final

from starfort.bundle.contract import ApiContract
from starfort.bundle.policy import Policy
from starfort.bundle.variant import Variant

ANOMALIES: Final = (
    "path_traversal",
    "path_double_encoding",
    "path_invalid_utf8",
    "path_nul",
    "path_control_character",
    "path_encoded_slash",
    "path_backslash",
    "path_bad_escape",
    "path_parameter_misplaced",
    "uri_over_limit",
    "query_invalid_utf8",
    "query_bad_escape",
    "duplicate_parameter",
    "query_parameters_over_limit",
    "cookies_over_limit",
    "parameters_over_limit",
    "parameter_name_over_limit",
    "duplicate_cookie",
    "malformed_cookie",
    "duplicate_header",
    "odd_header",
    "header_over_limit",
    "body_over_limit",
    "file_over_limit",
    "depth_over_limit",
    "malformed_json",
    "duplicate_json_key",
    "conflicting_json_key",
    "malformed_form",
    "malformed_multipart",
    "multipart_parts_over_limit",
    "part_headers_over_limit",
    "encoded_part",
    "file_name_mismatch",
    "malformed_xml",
    "xml_doctype",
    "xml_entity",
    "xml_entity_over_limit",
    "xml_external_entity",
    "malformed_graphql",
    "unsupported_encoding",
    "malformed_compression",
    "decompression_over_limit",
    "content_type_mismatch",
    "content_type_missing",
    "content_type_malformed",
    "charset_unsupported",
    "charset_not_utf8",
    "invalid_utf8",
    "work_over_limit",
    "overlong_utf8",
    "percent_unicode_escape",
    "nested_encoding",
    "decoding_over_limit",
    "slow_body",
    "header_underscore",
)
"""Codes of the anomalies that parsers report, as in `crates/engine/src/http/anomaly.rs`."""

SENSITIVE_CLASSES: Final = (
    "private_key", "jwt", "cloud_key", "email", "iban", "card_number", "us_ssn", "phone",
)  # fmt: skip
"""Classes of sensitive data that the engine finds (`crates/engine/src/sensitive/class.rs`)."""

BOT_CLASSES: Final = ("good", "bad", "tool")
"""Classes of bots that the engine knows (`crates/engine/src/client/bot.rs`)."""


# Every class below is frozen: a bundle that is in force is shared by threads, and a change is a new bundle.
class OverLimit(StrEnum):
    """What happens to a request that is over a limit."""

    REFUSE = "refuse"
    PASS = "pass"  # noqa: S105 - no password


@dataclass(frozen=True)
class Limits:
    """Limits of the parsers."""

    uri_bytes: int
    headers: int
    header_bytes: int
    request_body_bytes: int
    response_body_bytes: int
    decompressed_bytes: int
    decompression_ratio: int
    depth: int
    query_parameters: int
    cookies: int
    body_parameters: int
    multipart_parts: int
    work: int
    over_limit: OverLimit = OverLimit.REFUSE
    over_limit_files: OverLimit = OverLimit.PASS
    body_wait_ms: int = 30_000
    body_rate: int = 240
    body_time_ms: int = 21_600_000


class ContentKind(StrEnum):
    """The kind of text in a field, as far as it matters to rules; `other` means no content."""

    OTHER = "other"
    PROSE = "prose"
    MARKDOWN = "markdown"
    HTML = "html"
    CODE = "code"
    PATTERN = "pattern"
    QUERY = "query"


@dataclass(frozen=True)
class Content:
    """Whether matches of rules are weighed in fields where people write, and which fields these are."""

    # Pairs and not a map: a value of a frozen class must not be changed, and a map could be.
    weigh: bool = False
    names: tuple[tuple[str, ContentKind], ...] = ()


@dataclass(frozen=True)
class Api:
    """One API: where its calls come in and where they go."""

    name: str
    hosts: tuple[str, ...]
    base_paths: tuple[str, ...]
    upstream: str
    labels: tuple[str, ...] = ()
    jwt_providers: tuple[str, ...] = ()
    documented: bool = False
    limits: int | None = None
    grpc: bool = False
    """Whether its upstream speaks HTTP/2, without which there is no gRPC."""


@dataclass(frozen=True)
class Endpoint:
    """Method and path template of an API."""

    id: str
    # An index, because no name is compared while a request waits.
    api: int
    method: str
    path: str
    labels: tuple[str, ...] = ()
    documented: bool = False
    username_field: str | None = None
    password_field: str | None = None
    limits: int | None = None
    content: tuple[tuple[str, ContentKind], ...] = ()


@dataclass(frozen=True)
class JwtProvider:
    """A JWT provider. Envoy verifies the tokens."""

    name: str
    issuer: str
    subject_claim: str
    scopes_claim: str


# The order of sources is the order in which the engine looks, and the first key that it finds counts.
class ApiKeySource(Variant):
    """A place where the engine looks for an API key."""


@dataclass(frozen=True)
class HeaderSource(ApiKeySource):
    """A header."""

    TAG: ClassVar[str] = "header"
    name: str
    """Lower case."""


@dataclass(frozen=True)
class QuerySource(ApiKeySource):
    """A query parameter."""

    TAG: ClassVar[str] = "query"
    name: str


@dataclass(frozen=True)
class CookieSource(ApiKeySource):
    """A cookie."""

    TAG: ClassVar[str] = "cookie"
    name: str


@dataclass(frozen=True)
class ApiKey:
    """A known API key."""

    # Only the hash, so that no bundle gives a key away. A key of 256 random bits needs no slow hash.
    sha256: bytes
    subject: str
    scopes: tuple[str, ...] = ()
    expires_s: int | None = None


@dataclass(frozen=True)
class Identity:
    """How callers prove who they are."""

    jwt_payload_header: str = ""
    jwt_providers: tuple[JwtProvider, ...] = ()
    api_key_sources: tuple[ApiKeySource, ...] = ()
    api_keys: tuple[ApiKey, ...] = ()
    mtls: bool = False


@dataclass(frozen=True)
class AddressList:
    """A named address list; `compile.addresses` makes the packed ranges."""

    name: str
    ranges: bytes = field(repr=False)


@dataclass(frozen=True)
class Geo:
    """Paths of MaxMind databases."""

    # Paths and not contents: a database has 10 to 100 MB, and the engine reads it by itself.
    country_path: str | None = None
    asn_path: str | None = None


@dataclass(frozen=True)
class Bot:
    """A known bot."""

    name: str
    class_: str
    """One of `BOT_CLASSES`."""
    pattern: str
    """Regular expression (Rust `regex` syntax) on the user agent."""


@dataclass(frozen=True)
class CannedResponse:
    """A canned answer."""

    name: str
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True)
class Bundle:
    """Everything that the engine needs to decide about requests."""

    node: str
    hash_key: bytes = field(repr=False)
    """32 bytes. It is in no representation, so that no log line can show it."""
    fail_open: bool
    limits: Limits
    # In the order of `compile.apis`: the first API that matches is the one.
    apis: tuple[Api, ...]
    endpoints: tuple[Endpoint, ...] = ()
    identity: Identity = Identity()
    lists: tuple[AddressList, ...] = ()
    geo: Geo = Geo()
    bots: tuple[Bot, ...] = ()
    responses: tuple[CannedResponse, ...] = ()
    sensitive_classes: tuple[str, ...] = ()
    signal_kinds: tuple[str, ...] = ()
    policies: tuple[Policy, ...] = ()
    trusted_proxies: bytes = b""
    content: Content = Content()
    # Compiled rules have a form of their own, which changes independently of the bundle's.
    rules: bytes = b""
    created_ms: int = 0
    """When it was made, in Unix milliseconds."""
    scoped_limits: tuple[Limits, ...] = ()
    """Limits of single APIs and endpoints, which refer to them by index."""
    connections_per_address: int = 0
    """Connections of one client address; 0: any number."""
    contracts: tuple[ApiContract, ...] = ()
    shapes: bool = False
    version: str = ""
    """A digest of the content, which `file.with_version` fills in."""


def endpoint_id(api: str, method: str, path: str) -> str:
    """The stable id of an endpoint: 16 hexadecimal digits.

    Args:
        api: the API's name.
        method: upper case, or `*`.
        path: the template from the root, as it is in the bundle.
    """
    # 64 bits are enough to tell the endpoints of one installation apart, and they are short in every event.
    # None of the three has a line feed, so no two endpoints give the same text.
    return hashlib.sha256(f"{api}\n{method}\n{path}".encode()).digest()[:8].hex()
