//! JSON Web Tokens (RFC 7519): the payload that Envoy verified, and why a token was not verified.
//!
//! Nothing here verifies a signature, because Envoy does that. What is read of a token that is not verified names the
//! reason, and serves for nothing else.

use base64::Engine as _;
use base64::prelude::{BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use smol_str::{SmolStr, ToSmolStr};

use crate::bundle::JwtProvider;

/// Bytes of a token that are looked at; real ones have one or two thousand, and Envoy's header limit is 60 KiB.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Claims that are handed on.
const MAX_CLAIMS: usize = 64;

pub(super) type Claims = Map<String, Value>;

/// The claims in a base64url payload. `None` when it is not a payload.
pub(super) fn payload(encoded: &[u8]) -> Option<Claims> {
    if encoded.len() > MAX_TOKEN_BYTES {
        return None;
    }
    // The payload of a JWT has no padding (RFC 7515, 2), but Envoy can be told to forward it with padding.
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(encoded)
        .or_else(|_| BASE64_URL_SAFE.decode(encoded))
        .ok()?;
    match serde_json::from_slice(&bytes).ok()? {
        Value::Object(claims) => Some(claims),
        _ => None,
    }
}

/// Why a verified payload cannot be used.
pub(super) fn why_no_payload(encoded: &[u8]) -> &'static str {
    if encoded.len() > MAX_TOKEN_BYTES {
        "jwt_too_large"
    } else {
        "jwt_malformed"
    }
}

/// Whether a bearer token has the three parts of a JWT.
pub(super) fn looks_like_one(token: &[u8]) -> bool {
    memchr::memchr_iter(b'.', token).count() == 2
}

/// Why Envoy did not verify a token, as far as the token itself shows it.
pub(super) fn why_not<'a>(
    token: &[u8],
    mut providers: impl Iterator<Item = &'a JwtProvider>,
    unix_s: u64,
) -> &'static str {
    if token.len() > MAX_TOKEN_BYTES {
        return "jwt_too_large";
    }
    let mut parts = token.split(|byte| *byte == b'.');
    let (Some(header), Some(claims)) = (
        parts.next().and_then(payload),
        parts.next().and_then(payload),
    ) else {
        return "jwt_malformed";
    };
    let algorithm = header
        .get("alg")
        .and_then(Value::as_str)
        .unwrap_or_default();
    // `none` asks a server to skip the signature, which is a known attack (RFC 8725, 2.1).
    if algorithm.is_empty() || algorithm.eq_ignore_ascii_case("none") {
        return "jwt_none_algorithm";
    }
    let issuer = text_claim(&claims, "iss").unwrap_or_default();
    if !providers.any(|provider| provider.issuer == issuer) {
        return "jwt_unknown_issuer";
    }
    // Signature, key, algorithm or audience: Envoy does not say which of them it was, and we do not guess.
    out_of_time(&claims, unix_s).unwrap_or("jwt_not_verified")
}

/// Why a token is not valid at this time, if it is not.
fn out_of_time(claims: &Claims, unix_s: u64) -> Option<&'static str> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "NumericDate may be a fraction (RFC 7519, 2); seconds fit a double"
    )]
    let now = unix_s as f64;
    let date = |claim: &str| claims.get(claim).and_then(Value::as_f64);
    if date("exp").is_some_and(|expires| expires <= now) {
        return Some("jwt_expired");
    }
    let is_early = date("nbf").is_some_and(|from| from > now);
    is_early.then_some("jwt_not_yet_valid")
}

/// A claim as text, when it is a string or a number.
pub(super) fn text_claim(claims: &Claims, name: &str) -> Option<SmolStr> {
    match claims.get(name)? {
        Value::String(text) => Some(text.into()),
        // Some issuers have numbers as subjects.
        Value::Number(number) => Some(number.to_smolstr()),
        _ => None,
    }
}

/// Scopes: a space-separated string (RFC 8693, 4.2) or a list.
pub(super) fn scopes(claims: &Claims, name: &str) -> Vec<String> {
    match claims.get(name) {
        Some(Value::String(text)) => text
            .split_ascii_whitespace()
            .map(ToOwned::to_owned)
            .collect(),
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_str)
            .map(ToOwned::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// Top-level claims as text.
pub(super) fn flatten(claims: Claims) -> Vec<(String, String)> {
    let text = |value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    claims
        .into_iter()
        // Bounded, because conditions look through the list one by one.
        .take(MAX_CLAIMS)
        .map(|(name, value)| (name, text(value)))
        .collect()
}
