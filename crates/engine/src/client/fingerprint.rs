//! A fingerprint of how a client writes its requests: our own, because JA4H is not free for commercial use.
//!
//! It is the SHA-256 (first 64 bits) of the protocol, the names of the headers in the order sent, and the values
//! of three headers that depend on the software rather than on the person or the call. Headers that come
//! and go with the call (a body, a cookie, a cache, a login) or that proxies add are left out, so that one
//! program has one fingerprint for all its calls of a kind.

use sha2::Digest;
use smol_str::SmolStr;

use crate::hash::unkeyed;
use crate::headers::Headers;

/// Prefixes of headers that depend on the call or on proxies on the way.
const VOLATILE_PREFIXES: &[&[u8]] = &[
    b":",
    b"x-forwarded-",
    b"x-envoy-",
    b"x-starfort-",
    b"x-b3-",
    b"sec-fetch-",
    b"cf-",
];

/// Headers whose values depend on the software rather than on the person or the call.
const VALUES: &[&[u8]] = &[b"accept-encoding", b"connection", b"te"];

/// The fingerprint: 16 hexadecimal characters.
pub fn of(protocol: &str, headers: &Headers) -> SmolStr {
    unkeyed(|hasher| {
        // The same program writes other headers over HTTP/1.1 than over HTTP/2, so its fingerprints differ anyway.
        hasher.update(protocol);
        for (name, value) in headers.iter() {
            if is_volatile(name) {
                continue;
            }
            // No header name has a line break in it, so two lists never give the same bytes.
            hasher.update(b"\n");
            hasher.update(name);
            if VALUES.contains(&name) {
                hasher.update(b"=");
                hasher.update(value);
            }
        }
    })
}

/// Headers that depend on the call or on proxies on the way. A match on literals compares by length first, which
/// is quicker than a search.
fn is_volatile(name: &[u8]) -> bool {
    matches!(
        name,
        b"authorization"
            | b"cache-control"
            | b"content-encoding"
            | b"content-length"
            | b"content-type"
            | b"cookie"
            | b"expect"
            | b"forwarded"
            | b"host"
            | b"if-match"
            | b"if-modified-since"
            | b"if-none-match"
            | b"if-range"
            | b"origin"
            | b"pragma"
            | b"range"
            | b"referer"
            | b"traceparent"
            | b"tracestate"
            | b"transfer-encoding"
            | b"upgrade-insecure-requests"
            | b"via"
            | b"x-api-key"
            | b"x-real-ip"
            | b"x-request-id"
    ) || VOLATILE_PREFIXES
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(headers: &[(&str, &str)]) -> SmolStr {
        of(
            "HTTP/1.1",
            &Headers::copy(
                headers
                    .iter()
                    .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
            ),
        )
    }

    #[test]
    fn order_counts_and_the_call_does_not() {
        let plain = fingerprint(&[
            ("user-agent", "x"),
            ("accept", "*/*"),
            ("accept-encoding", "gzip"),
        ]);
        let post = fingerprint(&[
            (":path", "/b"),
            ("user-agent", "other version"),
            ("content-length", "3"),
            ("cookie", "a=b"),
            ("accept", "application/json"),
            ("accept-encoding", "gzip"),
        ]);
        assert_eq!(plain, post);
        assert_ne!(
            plain,
            fingerprint(&[
                ("accept", "*/*"),
                ("user-agent", "x"),
                ("accept-encoding", "gzip")
            ])
        );
        assert_ne!(
            plain,
            fingerprint(&[
                ("user-agent", "x"),
                ("accept", "*/*"),
                ("accept-encoding", "identity")
            ])
        );
    }
}
