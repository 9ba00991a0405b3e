//! Percent escapes that a value still has (RFC 3986, 2.1): it was encoded twice, or stands where nothing decodes.

use crate::http::percent::hex_pair;

/// The value with its escapes undone once; `None` when it has none.
pub(super) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    if !has_escape(value) {
        return None;
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    loop {
        rest = match rest {
            [] => return Some(out),
            [b'%', high, low, tail @ ..] => {
                // A `%` without two digits stays, as servers leave it.
                if let Some(byte) = hex_pair(*high, *low) {
                    out.push(byte);
                    tail
                } else {
                    out.push(b'%');
                    rest.get(1..).unwrap_or_default()
                }
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
}

/// Whether there is an escape.
fn has_escape(value: &[u8]) -> bool {
    memchr::memchr_iter(b'%', value).any(|at| {
        matches!(value.get(at + 1..at + 3), Some([high, low]) if hex_pair(*high, *low).is_some())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Escapes are undone once; what is none stays.
    #[test]
    fn escapes() {
        for (value, expected) in [
            ("%7B%22a%22%3A1%7D", Some("{\"a\":1}")),
            ("%2527", Some("%27")),
            ("a+b%20", Some("a+b ")),
            ("100%%41", Some("100%A")),
            ("100%", None),
            ("%zz%4", None),
            ("plain", None),
        ] {
            assert_eq!(
                decode(value.as_bytes()),
                expected.map(|text| text.as_bytes().to_vec()),
                "{value}"
            );
        }
    }

    fn encoded(value: &[u8]) -> Vec<u8> {
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap() as u8;
        value
            .iter()
            .flat_map(|byte| [b'%', digit(byte >> 4), digit(byte & 15)])
            .collect()
    }

    proptest! {
        /// Any bytes, encoded, come back.
        #[test]
        fn bytes_come_back(value in prop::collection::vec(any::<u8>(), 1..40)) {
            prop_assert_eq!(decode(&encoded(&value)), Some(value));
        }
    }
}
