//! Names of members and parameters: which of them are shown, and which are no names but values.

/// The node of a list's items. No shown name has a control character, so it is no name of a member.
pub(super) const ITEMS: &str = "\0";

/// What stands for every name that looks like a value, as in a map from ids.
pub(super) const ANY: &str = "*";

/// The roots, by what they hold.
pub(super) const PATH: &str = "p";
pub(super) const QUERY: &str = "q";
pub(super) const HEADER: &str = "h";
pub(super) const COOKIE: &str = "c";
pub(super) const BODY: &str = "b";

/// The longest name that is shown, in bytes. The longest of 99.9 % of the properties in public `OpenAPI` documents.
const MAX_BYTES: usize = 64;

/// So many digits make a name a value: a date, a time, an id. Names of properties have four at most (`utf16`, `sha256`,
/// `line1`, `year2024`).
const MAX_DIGITS: usize = 4;

/// Headers of the protocol and of everyday browsers and proxies, which are no parameters of an API. Sorted.
const USUAL_HEADERS: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "access-control-request-headers",
    "access-control-request-method",
    "age",
    "alt-svc",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-security-policy",
    "content-type",
    "cookie",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "dnt",
    "expect",
    "expires",
    "forwarded",
    "host",
    "keep-alive",
    "nel",
    "origin",
    "permissions-policy",
    "pragma",
    "priority",
    "proxy-authorization",
    "range",
    "referer",
    "referrer-policy",
    "report-to",
    "save-data",
    "server",
    "set-cookie",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "vary",
    "via",
    "x-content-type-options",
    "x-frame-options",
    "x-powered-by",
    "x-real-ip",
    "x-request-id",
    "x-xss-protection",
];

/// Groups of such headers.
const USUAL_BEGINNINGS: &[&str] = &[
    ":",
    "sec-",
    "x-envoy-",
    "x-forwarded-",
    "x-starfort-",
    "cf-",
];

/// A name as shapes show it. What looks like a value becomes [`ANY`]: it would tell a value, and a map has no end of them.
pub(super) fn shown(name: &str) -> &str {
    let (mut classes, mut digits) = (0, 0);
    for byte in name.bytes().take(MAX_BYTES) {
        let class = CLASSES.get(usize::from(byte)).copied().unwrap_or_default();
        classes |= class;
        digits += usize::from(class & DIGIT);
    }
    // Nearly every name is of letters.
    if classes == 0 && name.len() <= MAX_BYTES {
        return name;
    }
    // JSON-LD has names that begin with `@`; an address has it in the middle.
    let has_at = classes & AT != 0 && name.bytes().skip(1).any(|byte| byte == b'@');
    let is_number = digits > 0 && digits == name.len();
    let is_value = digits > MAX_DIGITS || is_number || has_at || classes & CONTROL != 0;
    if is_value || name.len() > MAX_BYTES {
        ANY
    } else {
        name
    }
}

const DIGIT: u8 = 1;
const AT: u8 = 2;
const CONTROL: u8 = 4;

/// What may make a name a value, by byte.
const CLASSES: [u8; 128] = classes();

#[expect(clippy::indexing_slicing, reason = "worked out when this is compiled")]
const fn classes() -> [u8; 128] {
    let mut table = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte {
            0x30..=0x39 => DIGIT,
            0x40 => AT,
            0..0x20 | 0x7f => CONTROL,
            _ => 0,
        };
        byte += 1;
    }
    table
}

/// Whether a header (its name in lower case) is one that says nothing about the API.
pub(super) fn is_usual_header(name: &str) -> bool {
    USUAL_HEADERS.binary_search(&name).is_ok()
        || USUAL_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
}

/// The hash of a way, by the hash of the way above it: 64-bit FNV-1a. It has no key, because a client who makes two of
/// them collide gains a shape that nobody learns from.
pub(super) fn way(above: u64, name: &str) -> u64 {
    let start = above.rotate_left(5) ^ 0xcbf2_9ce4_8422_2325;
    name.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that stand in the place of a name are not shown, and names are.
    #[test]
    fn names_and_values() {
        for name in [
            "id",
            "@type",
            "sha256",
            "first name",
            "größe",
            "$ref",
            "items[]",
            "a.b",
            "",
        ] {
            assert_eq!(shown(name), name);
        }
        let long = "x".repeat(65);
        for value in [
            "17",
            "jane@example.com",
            "2024-01-31",
            "4f5a12b09c",
            "a\nb",
            "\0",
            &long,
        ] {
            assert_eq!(shown(value), ANY, "{value:?}");
        }
    }

    /// The list is sorted, or names in it would not be found.
    #[test]
    fn usual_headers() {
        assert!(USUAL_HEADERS.is_sorted());
        assert!(is_usual_header("content-type") && is_usual_header("sec-fetch-mode"));
        assert!(!is_usual_header("x-api-version") && !is_usual_header("idempotency-key"));
    }
}
