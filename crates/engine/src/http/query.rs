//! Query strings (WHATWG URL, `application/x-www-form-urlencoded` parsing).

use std::borrow::Cow;

use super::listener::{Both, Listener};
use super::pairs;
use super::parameter::Parameters;
use super::{Anomalies, Anomaly, Limits, Location};
use crate::headers::lossy;

/// Parses a query string into `parameters`.
///
/// Pairs are split at `&`, names from values at the first `=`; both are percent-decoded once and `+` is a
/// space. Empty pairs are skipped. `;` is no separator.
///
/// # Arguments
/// * `raw` - without the `?`.
/// * `limits` - `uri_bytes`: the rest is not read.
pub fn parse(raw: &[u8], limits: &Limits, parameters: &mut Parameters) -> Anomalies {
    read(raw, limits, parameters, &mut Anomalies::default())
}

/// [`parse`], with another listener of the same reading.
pub(crate) fn read<L: Listener>(
    raw: &[u8],
    limits: &Limits,
    parameters: &mut Parameters,
    other: &mut L,
) -> Anomalies {
    let mut anomalies = Anomalies::NONE;
    let max = limits.uri_bytes as usize;
    anomalies.insert_if(raw.len() > max, Anomaly::UriOverLimit);
    let kept = Kept {
        parameters,
        anomalies,
    };
    let mut both = Both(kept, other);
    // The limit is in raw bytes, so a pair may be cut within an escape; the request is over a limit then.
    let is_bad = pairs::read(raw.get(..max).unwrap_or(raw), b'&', &mut both);
    let mut anomalies = both.0.anomalies;
    anomalies.insert_if(is_bad, Anomaly::QueryBadEscape);
    anomalies.insert_if(
        parameters.has_duplicate_names(Location::Query),
        Anomaly::DuplicateParameter,
    );
    anomalies
}

/// The listener that keeps a query's pairs.
struct Kept<'p> {
    parameters: &'p mut Parameters,
    anomalies: Anomalies,
}

impl Listener for Kept<'_> {
    fn pair(&mut self, name: &[u8], value: &[u8]) {
        let (name, value) = (lossy(name), lossy(value));
        let is_replaced = matches!(name, Cow::Owned(_)) || matches!(value, Cow::Owned(_));
        self.anomalies
            .insert_if(is_replaced, Anomaly::QueryInvalidUtf8);
        self.anomalies
            .extend(self.parameters.push(Location::Query, &name, &value));
    }
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
