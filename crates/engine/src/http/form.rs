//! `application/x-www-form-urlencoded` bodies.

use super::parameter::Parameters;
use super::query::parse_pairs;
use super::{Anomalies, Anomaly, Limits, Location};

/// Parses a form body into `parameters`, as [`super::query::parse`] does a query.
///
/// # Arguments
/// * `body` - decompressed, at most `request_body_bytes` of it are read.
pub fn parse(body: &[u8], limits: &Limits, parameters: &mut Parameters) -> Anomalies {
    let max = limits.decompressed_bytes.max(limits.request_body_bytes) as usize;
    let pairs = parse_pairs(body.get(..max).unwrap_or(body), Location::Body, parameters);
    let mut anomalies = pairs.anomalies;
    anomalies.insert_if(body.len() > max, Anomaly::BodyOverLimit);
    anomalies.insert_if(pairs.bad_escape, Anomaly::MalformedForm);
    anomalies.insert_if(pairs.invalid_utf8, Anomaly::InvalidUtf8);
    anomalies
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A form gives body parameters, and its oddities have the form's names.
    #[test]
    fn forms() {
        let mut parameters = Parameters::new(10);
        let found = parse(
            b"user=a%40b.c&password=p+w&x=%zz&y=%ff",
            &Limits::default(),
            &mut parameters,
        );
        assert_eq!(parameters.get(Location::Body, "user"), Some("a@b.c"));
        assert_eq!(parameters.get(Location::Body, "password"), Some("p w"));
        assert_eq!(
            found.codes().collect::<Vec<_>>(),
            ["malformed_form", "invalid_utf8"]
        );
    }
}
