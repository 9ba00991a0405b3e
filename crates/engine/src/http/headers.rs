//! Oddities of the request's header list.

use super::{Anomalies, Anomaly, Limits};

/// Headers that must come once. RFC 9110 section 5.3 (singleton fields); the last three because servers
/// differ in which of two they believe.
const SINGLE: [&[u8]; 7] = [
    b"host",
    b"content-length",
    b"content-type",
    b"authorization",
    b"content-encoding",
    b"x-api-key",
    b"x-http-method-override",
];

/// Checks names, values, repetition and size.
///
/// # Arguments
/// * `headers` - name and value as Envoy has them (names lower case, pseudo-headers start with `:`).
/// * `limits` - `headers`, `header_bytes`. Headers beyond the count are not looked at.
pub fn check<'a>(
    headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    limits: &Limits,
) -> Anomalies {
    let mut anomalies = Anomalies::NONE;
    let mut seen = 0_u32;
    let (mut length, mut chunked) = (false, false);
    for (index, (name, value)) in headers.into_iter().enumerate() {
        // Each header costs a look at every byte, so headers beyond the limit are not looked at, and an anomaly says
        // so.
        if index >= limits.headers as usize {
            anomalies.insert(Anomaly::HeaderOverLimit);
            break;
        }
        anomalies.insert_if(
            value.len() > limits.header_bytes as usize,
            Anomaly::HeaderOverLimit,
        );
        let kind = kind_of_name(name);
        anomalies.insert_if(
            kind & TOKEN == 0 || !is_field_value(value),
            Anomaly::OddHeader,
        );
        anomalies.insert_if(kind & NO_UNDERSCORE == 0, Anomaly::HeaderUnderscore);
        let bit = single(name);
        anomalies.insert_if(seen & bit != 0, Anomaly::DuplicateHeader);
        seen |= bit;
        anomalies.insert_if(
            name.eq_ignore_ascii_case(b"authorization") && holds_two(value),
            Anomaly::DuplicateHeader,
        );
        length |= name.eq_ignore_ascii_case(b"content-length");
        chunked |= name.eq_ignore_ascii_case(b"transfer-encoding");
    }
    // A message with both is how requests are smuggled (RFC 9112, 6.1); Envoy refuses them in HTTP/1.
    anomalies.insert_if(length && chunked, Anomaly::OddHeader);
    anomalies
}

/// The bit of a header that must come once, 0 for any other.
fn single(name: &[u8]) -> u32 {
    let mut known = SINGLE.iter();
    let index = known.position(|single| name.eq_ignore_ascii_case(single));
    index.map_or(0, |index| 1 << index)
}

/// Whether a value of `Authorization` is two of them: Envoy joins repeated ones with a comma.
fn holds_two(value: &[u8]) -> bool {
    memchr::memchr_iter(b',', value).any(|comma| {
        let rest = value
            .get(comma + 1..)
            .unwrap_or_default()
            .trim_ascii_start();
        let begins = |scheme: &[u8]| {
            rest.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        begins(b"bearer ") || begins(b"basic ")
    })
}

/// May be part of a token (RFC 9110, section 5.6.2).
const TOKEN: u8 = 1;
/// May be part of a field value (section 5.5: no control character but tab).
const VALUE: u8 = 2;
/// Is no underscore, which CGI and WSGI take for a hyphen (RFC 3875, 4.1.18).
const NO_UNDERSCORE: u8 = 4;

/// The bits of each byte, which say where the byte is allowed.
const ALLOWED: [u8; 256] = allowed();

// A table that is made at compile time: one look-up for each byte answers all three questions.
const fn allowed() -> [u8; 256] {
    let mut table = [0; 256];
    let mut rest: &mut [u8] = &mut table;
    let mut byte = 0_u8;
    while let Some((slot, tail)) = rest.split_first_mut() {
        let punctuation = matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        );
        let token = byte.is_ascii_alphanumeric() || punctuation;
        let value = !matches!(byte, 0..=8 | 10..=0x1f | 0x7f);
        let plain = (byte != b'_') as u8 * NO_UNDERSCORE;
        *slot = (token as u8 * TOKEN) | (value as u8 * VALUE) | plain;
        rest = tail;
        byte = byte.wrapping_add(1);
    }
    table
}

/// The bits that all bytes of a text have, among `bits`.
fn common(text: &[u8], bits: u8) -> u8 {
    let of = |byte: &u8| ALLOWED.get(usize::from(*byte)).copied().unwrap_or_default();
    text.iter().fold(bits, |all, byte| all & of(byte))
}

/// Whether a name is a token, and has no underscore. A leading `:` is HTTP/2's mark of a pseudo-header.
fn kind_of_name(name: &[u8]) -> u8 {
    let name = name.strip_prefix(b":").unwrap_or(name);
    if name.is_empty() {
        return NO_UNDERSCORE;
    }
    common(name, TOKEN | NO_UNDERSCORE)
}

fn is_field_value(value: &[u8]) -> bool {
    common(value, VALUE) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use Anomaly as A;

    fn run(headers: &[(&str, &str)]) -> Vec<Anomaly> {
        let limits = Limits {
            headers: 4,
            header_bytes: 16,
            ..Limits::default()
        };
        check(
            headers.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())),
            &limits,
        )
        .iter()
        .collect()
    }

    /// Ordinary lists pass; each oddity has its code.
    #[test]
    fn header_lists() {
        for (headers, anomalies) in [
            (
                vec![
                    (":path", "/"),
                    ("host", "a"),
                    ("accept", "*/*"),
                    ("accept", "a/b"),
                ],
                vec![],
            ),
            (vec![("x-t", "tab\there"), ("x", "caf\u{e9}")], vec![]),
            (vec![("host", "a"), ("Host", "b")], vec![A::DuplicateHeader]),
            (
                vec![("content-length", "1"), ("content-length", "1")],
                vec![A::DuplicateHeader],
            ),
            (
                vec![("authorization", "a"), ("authorization", "b")],
                vec![A::DuplicateHeader],
            ),
            (
                vec![("authorization", "Basic a,bearer b")],
                vec![A::DuplicateHeader],
            ),
            (vec![("authorization", "D a=1, b=2")], vec![]),
            (
                vec![("content-length", "1"), ("transfer-encoding", "chunked")],
                vec![A::OddHeader],
            ),
            (vec![("bad name", "x")], vec![A::OddHeader]),
            (
                vec![("x_forwarded_for", "192.0.2.1")],
                vec![A::HeaderUnderscore],
            ),
            (
                vec![("a b_c", "x")],
                vec![A::OddHeader, A::HeaderUnderscore],
            ),
            (vec![("x-plain", "a_b")], vec![]),
            (vec![("", "x")], vec![A::OddHeader]),
            (vec![("a", "x\0y")], vec![A::OddHeader]),
            (vec![("a", "x\r\ny: z")], vec![A::OddHeader]),
            (vec![("a", "12345678901234567")], vec![A::HeaderOverLimit]),
            (vec![("a", ""); 5], vec![A::HeaderOverLimit]),
        ] {
            assert_eq!(run(&headers), anomalies, "{headers:?}");
        }
    }
}
