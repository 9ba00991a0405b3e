//! The `Cookie` header (RFC 6265 section 4.2.1, read as tolerantly as servers do).

use super::parameter::{Parameters, Syntax};
use super::percent::{Decoded, push_lossy};
use super::{Anomalies, Anomaly, Limits, Location};

/// Parses one `Cookie` header value into `parameters`; call it for each such header (HTTP/2 splits them).
///
/// Values are kept as they are, without their surrounding double quotes; nothing is percent-decoded,
/// because RFC 6265 gives cookie values no encoding.
///
/// # Arguments
/// * `raw` - the header's value.
/// * `limits` - `header_bytes`: the rest is not read.
pub fn parse(raw: &[u8], limits: &Limits, parameters: &mut Parameters) -> Anomalies {
    let mut anomalies = Anomalies::NONE;
    let max = limits.header_bytes as usize;
    anomalies.insert_if(raw.len() > max, Anomaly::HeaderOverLimit);
    for pair in raw.get(..max).unwrap_or(raw).split(|b| *b == b';') {
        let pair = pair.trim_ascii();
        // `a=1;; b=2` and a semicolon at the end are common, and mean nothing.
        if pair.is_empty() {
            continue;
        }
        let (name, value) = divide(pair);
        let mut decoded = Decoded::default();
        let mut in_value = Decoded::default();
        let mut name_text = String::new();
        push_lossy(name.trim_ascii(), &mut name_text, &mut decoded);
        anomalies.insert_if(name_text.is_empty(), Anomaly::MalformedCookie);
        anomalies.extend(parameters.push_with(
            Location::Cookie,
            Syntax::Text,
            &name_text,
            |text| push_lossy(value, text, &mut in_value),
        ));
        anomalies.insert_if(
            decoded.invalid_utf8 || in_value.invalid_utf8,
            Anomaly::MalformedCookie,
        );
    }
    // Over all headers so far, because the repeated cookie may stand in another one.
    anomalies.insert_if(
        parameters.has_duplicate_names(Location::Cookie),
        Anomaly::DuplicateCookie,
    );
    anomalies
}

/// Name and value of a pair. A pair without `=` is a value without a name, as browsers send it.
fn divide(pair: &[u8]) -> (&[u8], &[u8]) {
    let (name, value) = match memchr::memchr(b'=', pair) {
        Some(equals) => (
            pair.get(..equals).unwrap_or_default(),
            pair.get(equals + 1..).unwrap_or_default(),
        ),
        None => (&b""[..], pair),
    };
    let value = value.trim_ascii();
    let inside = value
        .strip_prefix(b"\"")
        .and_then(|v| v.strip_suffix(b"\""));
    (name, inside.unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Anomaly as A;

    /// Cookies are split and unquoted, not decoded.
    #[test]
    fn cookies() {
        for (raw, expected, anomalies) in [
            ("a=1; b=2", vec![("a", "1"), ("b", "2")], vec![]),
            ("a=1;b=\"x y\";", vec![("a", "1"), ("b", "x y")], vec![]),
            ("s=a%20b=c", vec![("s", "a%20b=c")], vec![]),
            (
                "a=1; a=2",
                vec![("a", "1"), ("a", "2")],
                vec![A::DuplicateCookie],
            ),
            ("lonely", vec![("", "lonely")], vec![A::MalformedCookie]),
            ("=v", vec![("", "v")], vec![A::MalformedCookie]),
            ("", vec![], vec![]),
            (" ; ;", vec![], vec![]),
        ] {
            let mut parameters = Parameters::new(10);
            let found = parse(raw.as_bytes(), &Limits::default(), &mut parameters);
            let got: Vec<_> = parameters.iter().map(|p| (p.name, p.value)).collect();
            assert_eq!(got, expected, "{raw}");
            assert_eq!(found.iter().collect::<Vec<_>>(), anomalies, "{raw}");
            assert!(parameters.iter().all(|p| p.location == Location::Cookie));
        }
    }

    /// Bytes that are not UTF-8 are replaced and flagged.
    #[test]
    fn odd_bytes() {
        let mut parameters = Parameters::new(10);
        let found = parse(b"a=\xff", &Limits::default(), &mut parameters);
        assert_eq!(parameters.get(Location::Cookie, "a"), Some("\u{fffd}"));
        assert!(found.contains(A::MalformedCookie));
    }
}
