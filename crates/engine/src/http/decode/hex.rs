//! Hexadecimal digits of printable text, with or without `0x` before them or `\x` before each pair.

use super::Printable;
use crate::http::percent::hex_pair;

/// Decoded bytes below which digits are no text: `656667` is a number.
const MIN_TEXT_BYTES: usize = 6;

/// The printable text whose bytes a value's digits are, as a whole.
pub(super) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let escaped = value.starts_with(b"\\x");
    let mut rest = if escaped {
        value
    } else {
        value
            .strip_prefix(b"0x")
            .or_else(|| value.strip_prefix(b"0X"))
            .unwrap_or(value)
    };
    // Empty at first: most values are not hexadecimal, and cost no allocation.
    let mut text = Vec::new();
    let mut printable = Printable::NEW;
    let mut letters = false;
    while !rest.is_empty() {
        let (high, low, tail) = match rest {
            [b'\\', b'x', high, low, tail @ ..] if escaped => (*high, *low, tail),
            [high, low, tail @ ..] if !escaped => (*high, *low, tail),
            _ => return None,
        };
        let byte = hex_pair(high, low)?;
        if !printable.take(byte) {
            return None;
        }
        letters |= !byte.is_ascii_digit();
        text.push(byte);
        rest = tail;
    }
    // Digits that stand for digits say nothing new.
    (letters && text.len() >= MIN_TEXT_BYTES && std::str::from_utf8(&text).is_ok()).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> Option<String> {
        decode(value.as_bytes()).map(|text| String::from_utf8(text).unwrap())
    }

    /// Text comes out of its digits in each spelling.
    #[test]
    fn printable_text_is_decoded() {
        for value in [
            "27204f52202731273d2731",
            "27204F52202731273D2731",
            "0x27204f52202731273d2731",
            "\\x27\\x20\\x4f\\x52\\x20\\x27\\x31\\x27\\x3d\\x27\\x31",
        ] {
            assert_eq!(text(value).as_deref(), Some("' OR '1'='1"), "{value}");
        }
    }

    /// Hashes, ids, times and numbers are no text in digits.
    #[test]
    fn other_digits_stay() {
        for value in [
            "d41d8cd98f00b204e9800998ecf8427e",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "20231127153042",
            "32333435363738",
            "4155492",
            "deadbeefcafe",
            "507f1f77bcf86cd799439011",
            "\\x27\\x",
            "",
        ] {
            assert_eq!(text(value), None, "{value}");
        }
    }

    proptest! {
        /// Any text with a letter in it comes back.
        #[test]
        fn text_comes_back(value in "[ -~]{5,40}[a-z<']") {
            use std::fmt::Write as _;
            let mut digits = String::new();
            for byte in value.bytes() {
                write!(digits, "{byte:02x}").unwrap();
            }
            prop_assert_eq!(text(&digits), Some(value));
        }

        /// Whatever comes, what comes of it is at most half as long.
        #[test]
        fn never_longer(value in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(decode(&value).is_none_or(|text| text.len() * 2 <= value.len()));
        }
    }
}
