"""The policy bundle: types that mirror `crates/engine/src/bundle.rs`, and how they are written and read."""

from starfort.bundle.contract import ApiContract
from starfort.bundle.file import BundleError, decode, encode, read, with_version, write
from starfort.bundle.learned import LearnedEndpoint
from starfort.bundle.model import (
    Api,
    ApiKey,
    Bot,
    Bundle,
    CannedResponse,
    Content,
    ContentKind,
    Endpoint,
    Geo,
    Identity,
    JwtProvider,
    Limits,
    OverLimit,
    endpoint_id,
)
from starfort.bundle.policy import Mode, Phase, Policy

__all__ = [
    "Api",
    "ApiContract",
    "ApiKey",
    "Bot",
    "Bundle",
    "BundleError",
    "CannedResponse",
    "Content",
    "ContentKind",
    "Endpoint",
    "Geo",
    "Identity",
    "JwtProvider",
    "LearnedEndpoint",
    "Limits",
    "Mode",
    "OverLimit",
    "Phase",
    "Policy",
    "decode",
    "encode",
    "endpoint_id",
    "read",
    "with_version",
    "write",
]
