//! International bank account numbers (ISO 13616).
//!
//! Upper case, in one piece or with a space after each four characters (the print form), of the length
//! that the country has, with check digits that are right modulo 97.

use super::text::{at, before};

/// Country and length: SWIFT, IBAN Registry (release 99).
const LENGTHS: [(&[u8; 2], usize); 88] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
];

/// Finds an IBAN whose check digits are at `digits`.
///
/// # Returns
/// Start and end.
pub(super) fn find(text: &[u8], digits: usize) -> Option<(usize, usize)> {
    let (first, second) = (before(text, digits, 2)?, before(text, digits, 1)?);
    if !(first.is_ascii_uppercase() && second.is_ascii_uppercase()) {
        return None;
    }
    let start = digits - 2;
    // Within a longer word or number it is no IBAN: identifiers are full of `DE12`.
    if before(text, start, 1).is_some_and(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let length = LENGTHS
        .iter()
        .find(|(country, _)| **country == [first, second])?
        .1;
    // 34 characters are the most that ISO 13616 allows.
    let mut characters = [0_u8; 34];
    let mut position = start;
    for index in 0..length {
        let mut byte = at(text, position)?;
        // The print form (ISO 13616) has a space after each fourth character.
        if index > 0 && index % 4 == 0 && byte == b' ' {
            position += 1;
            byte = at(text, position)?;
        }
        if !(byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
            return None;
        }
        *characters.get_mut(index)? = byte;
        position += 1;
    }
    let ends = !at(text, position).is_some_and(|b| b.is_ascii_alphanumeric());
    (ends && remainder(characters.get(..length)?) == 1).then_some((start, position))
}

/// ISO 7064 MOD 97-10 of the IBAN with its first four characters moved to the end, letters as 10 to 35.
fn remainder(iban: &[u8]) -> u32 {
    let (head, tail) = iban.split_at(iban.len().min(4));
    // The remainder at each step, because the whole number has up to 68 digits.
    tail.iter().chain(head).fold(0, |value, byte| match byte {
        b'0'..=b'9' => (value * 10 + u32::from(byte - b'0')) % 97,
        _ => (value * 100 + u32::from(byte.wrapping_sub(b'A')) + 10) % 97,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Class;
    use super::super::tests::{assert_found, assert_not_found};

    /// The registry's own examples, in both forms.
    #[test]
    fn found() {
        for (text, iban) in [
            ("GB29NWBK60161331926819", "GB29NWBK60161331926819"),
            (
                "to DE89 3704 0044 0532 0130 00.",
                "DE89 3704 0044 0532 0130 00",
            ),
            (
                "{\"iban\":\"FR1420041010050500013M02606\"}",
                "FR1420041010050500013M02606",
            ),
            ("NO9386011117947", "NO9386011117947"),
            (
                "MT84MALT011000012345MTLCAST001S",
                "MT84MALT011000012345MTLCAST001S",
            ),
            ("BE68 5390 0754 7034", "BE68 5390 0754 7034"),
        ] {
            assert_found(Class::Iban, text, iban);
        }
    }

    /// Wrong check digits, unknown country, wrong length, or part of a longer word.
    #[test]
    fn not_found() {
        for text in [
            "GB28NWBK60161331926819",
            "ZZ29NWBK60161331926819",
            "GB29NWBK6016133192681",
            "GB29NWBK601613319268199",
            "XGB29NWBK60161331926819",
            "gb29nwbk60161331926819",
            "DE8 93704 0044 0532 0130 00",
        ] {
            assert_not_found(Class::Iban, text);
        }
    }
}
