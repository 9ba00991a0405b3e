//! Query strings (WHATWG URL, `application/x-www-form-urlencoded` parsing).

use super::parameter::{Parameters, Syntax};
use super::percent;
use super::{Anomalies, Anomaly, Limits, Location};

/// Parses a query string into `parameters`.
///
/// Pairs are split at `&`, names from values at the first `=`; both are percent-decoded once and `+` is a
/// space. Empty pairs are skipped. `;` is no separator.
///
/// # Arguments
/// * `raw` - without the `?`.
/// * `limits` - `uri_bytes`: the rest is not read.
pub fn parse(raw: &[u8], limits: &Limits, parameters: &mut Parameters) -> Anomalies {
    let mut anomalies = Anomalies::NONE;
    let max = limits.uri_bytes as usize;
    anomalies.insert_if(raw.len() > max, Anomaly::UriOverLimit);
    let pairs = parse_pairs(raw.get(..max).unwrap_or(raw), Location::Query, parameters);
    anomalies.extend(pairs.anomalies);
    anomalies.insert_if(pairs.bad_escape, Anomaly::QueryBadEscape);
    anomalies.insert_if(pairs.invalid_utf8, Anomaly::QueryInvalidUtf8);
    anomalies
}

/// What a list of pairs had, for query and form to name in their own way.
pub(crate) struct Pairs {
    pub(crate) anomalies: Anomalies,
    pub(crate) bad_escape: bool,
    pub(crate) invalid_utf8: bool,
}

/// Parses `name=value&…` into `parameters`.
pub(crate) fn parse_pairs(raw: &[u8], location: Location, parameters: &mut Parameters) -> Pairs {
    let mut pairs = Pairs {
        anomalies: Anomalies::NONE,
        bad_escape: false,
        invalid_utf8: false,
    };
    let mut name = String::new();
    let mut rest = raw;
    while !rest.is_empty() {
        let end = memchr::memchr(b'&', rest).unwrap_or(rest.len());
        let (pair, tail) = rest.split_at(end);
        rest = tail.get(1..).unwrap_or_default();
        if pair.is_empty() {
            continue;
        }
        let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        let (raw_name, raw_value) = pair.split_at(equals);
        name.clear();
        let in_name = percent::decode_into(raw_name, true, &mut name);
        let mut in_value = percent::Decoded::default();
        let found = parameters.push_with(location, Syntax::Text, &name, |text| {
            in_value = percent::decode_into(raw_value.get(1..).unwrap_or_default(), true, text);
        });
        pairs.anomalies.extend(found);
        pairs.bad_escape |= in_name.bad_escape || in_value.bad_escape;
        pairs.invalid_utf8 |= in_name.invalid_utf8 || in_value.invalid_utf8;
    }
    pairs.anomalies.insert_if(
        parameters.has_duplicate_names(location),
        Anomaly::DuplicateParameter,
    );
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use Anomaly as A;

    /// Names and values come out decoded once, in order, and oddities are named.
    #[test]
    fn queries() {
        for (raw, expected, anomalies) in [
            ("", vec![], vec![]),
            ("a=1&b=two", vec![("a", "1"), ("b", "two")], vec![]),
            ("a", vec![("a", "")], vec![]),
            ("=v", vec![("", "v")], vec![]),
            ("&&a=1&", vec![("a", "1")], vec![]),
            ("a=b=c", vec![("a", "b=c")], vec![]),
            ("q=a+b%26c", vec![("q", "a b&c")], vec![]),
            ("q=%2527", vec![("q", "%27")], vec![]),
            ("na%6de=1", vec![("name", "1")], vec![]),
            ("a=1;b=2", vec![("a", "1;b=2")], vec![]),
            (
                "a=1&a=2",
                vec![("a", "1"), ("a", "2")],
                vec![A::DuplicateParameter],
            ),
            (
                "a=1&%61=2",
                vec![("a", "1"), ("a", "2")],
                vec![A::DuplicateParameter],
            ),
            ("a[]=1&a[]=2", vec![("a[]", "1"), ("a[]", "2")], vec![]),
            ("a=%ff", vec![("a", "\u{fffd}")], vec![A::QueryInvalidUtf8]),
            ("a=50%", vec![("a", "50%")], vec![A::QueryBadEscape]),
        ] {
            let mut parameters = Parameters::new(10);
            let found = parse(raw.as_bytes(), &Limits::default(), &mut parameters);
            let got: Vec<_> = parameters.iter().map(|p| (p.name, p.value)).collect();
            assert_eq!(got, expected, "{raw}");
            assert_eq!(found.iter().collect::<Vec<_>>(), anomalies, "{raw}");
        }
    }

    /// Parameters beyond the limit are counted and flagged.
    #[test]
    fn too_many() {
        let mut parameters = Parameters::new(3);
        let found = parse(b"a=1&b=2&c=3&d=4&e=5", &Limits::default(), &mut parameters);
        assert!(found.contains(A::QueryParametersOverLimit));
        assert_eq!((parameters.len(), parameters.dropped()), (3, 2));
    }
}
