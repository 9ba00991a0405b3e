//! Payment card numbers (ISO/IEC 7812-1).
//!
//! A run of 14 to 19 digits, or groups of digits as cards print them with one kind of separator (space or
//! hyphen), whose first digits belong to a card scheme, whose length that scheme issues and whose Luhn
//! digit is right. Declined: 13-digit Visa (not issued since the 1990s; European article numbers
//! look like it), 12- and 13-digit Maestro, numbers with fraction other than `.0`, exponents.

use super::text::{at, before, is_word};

/// Group lengths as printed on cards: Amex, Diners, most others, 19 digits, `UnionPay`.
const GROUPS: [&[usize]; 5] = [
    &[4, 6, 5],
    &[4, 6, 4],
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 4],
    &[6, 13],
];

/// Finds a card number at a run of digits.
///
/// # Arguments
/// * `start`, `length` - the run; the byte before it is no digit.
///
/// # Returns
/// The end of the number.
pub(super) fn find(text: &[u8], start: usize, length: usize) -> Option<usize> {
    // Decides most runs of digits by their length alone, before anything around them is looked at.
    if !(length == 4 || length == 6 || (14..=19).contains(&length)) || !left_boundary(text, start) {
        return None;
    }
    if length >= 14 {
        let end = start + length;
        return (right_boundary(text, end) && is_card(text.get(start..end)?)).then_some(end);
    }
    // One kind of separator throughout, as cards print it.
    let separator = at(text, start + length).filter(|b| matches!(b, b' ' | b'-'))?;
    GROUPS
        .iter()
        .filter(|groups| groups.first() == Some(&length))
        .find_map(|groups| grouped(text, start, groups, separator))
}

fn grouped(text: &[u8], start: usize, groups: &[usize], separator: u8) -> Option<usize> {
    let mut digits = [0_u8; 19];
    let mut slots = digits.iter_mut();
    let mut position = start;
    for (index, group) in groups.iter().enumerate() {
        if index > 0 {
            if at(text, position)? != separator {
                return None;
            }
            position += 1;
        }
        for byte in text.get(position..position + group)? {
            *slots.next()? = Some(*byte).filter(u8::is_ascii_digit)?;
        }
        position += group;
    }
    let left = slots.len();
    let count = digits.len() - left;
    // `1234-5678-9012-3456-7` is a longer number of another kind (a serial number, for instance).
    let goes_on = separator == b'-'
        && at(text, position) == Some(b'-')
        && at(text, position + 1).is_some_and(|b| b.is_ascii_digit());
    (!goes_on && right_boundary(text, position) && is_card(digits.get(..count)?))
        .then_some(position)
}

/// Whether a number may begin here: not inside a word, a fraction, a signed telephone number or a hyphenated number.
fn left_boundary(text: &[u8], start: usize) -> bool {
    match before(text, start, 1) {
        None => true,
        // `1.4111…` is a fraction and `12-4111…` a longer number, while a sentence or a list may end right before a
        // card.
        Some(b'.' | b'-') => !before(text, start, 2).is_some_and(|b| b.is_ascii_digit()),
        // A plus sign begins a telephone number.
        Some(b'+') => false,
        Some(byte) => !is_word(byte),
    }
}

/// Whether a number may end here: not inside a word or before a fraction. `.0` is allowed, because a card number that
/// became a float on its way ends so.
fn right_boundary(text: &[u8], end: usize) -> bool {
    match at(text, end) {
        None => true,
        Some(b'.') => match at(text, end + 1) {
            Some(b'0') => !at(text, end + 2).is_some_and(|b| b.is_ascii_digit()),
            Some(byte) => !byte.is_ascii_digit(),
            None => true,
        },
        Some(byte) => !is_word(byte),
    }
}

fn is_card(digits: &[u8]) -> bool {
    // The scheme first: it is a few comparisons, and one number in ten passes Luhn by chance.
    scheme_issues(digits) && luhn(digits)
}

/// ISO/IEC 7812-1 annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, byte)| {
            let digit = u32::from(byte.wrapping_sub(b'0'));
            // Every second digit from the right, because numbers differ in length.
            let weighted = if index % 2 == 1 { digit * 2 } else { digit };
            if weighted > 9 { weighted - 9 } else { weighted }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether a scheme issues numbers of these first six digits and this length. The ranges are the
/// schemes' own, as published to merchants and acquirers (Visa, Mastercard 51–55 and 2221–2720, American
/// Express 34 and 37, Discover, Diners, JCB, `UnionPay`, Maestro, Mir, Troy, `RuPay`, Elo).
fn scheme_issues(digits: &[u8]) -> bool {
    let prefix = digits.iter().take(6).fold(0_u32, |value, byte| {
        value * 10 + u32::from(byte.wrapping_sub(b'0'))
    });
    let length = digits.len();
    match prefix {
        340_000..=349_999 | 370_000..=379_999 => length == 15,
        400_000..=499_999 => length == 16 || length == 19,
        300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999 => {
            (14..=19).contains(&length)
        }
        352_800..=358_999
        | 220_000..=220_499
        | 601_100..=601_199
        | 620_000..=629_999
        | 644_000..=659_999
        | 810_000..=829_999 => (16..=19).contains(&length),
        979_200..=979_299
        | 222_100..=272_099
        | 510_000..=559_999
        | 508_000..=508_999
        | 600_000..=600_999
        | 606_900..=608_999
        | 636_297..=636_368 => length == 16,
        500_000..=500_999
        | 501_800..=501_899
        | 502_000..=502_099
        | 503_800..=503_899
        | 560_000..=569_999
        | 589_300..=589_399
        | 630_400..=630_499
        | 675_900..=676_399 => (14..=19).contains(&length),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Class;
    use super::super::tests::{assert_found, assert_not_found};

    /// Test numbers that the schemes publish are found, bare and grouped.
    #[test]
    fn found() {
        for (text, number) in [
            ("4111111111111111", "4111111111111111"),
            ("card: 4111 1111 1111 1111, thanks", "4111 1111 1111 1111"),
            ("4111-1111-1111-1111", "4111-1111-1111-1111"),
            ("{\"n\":5555555555554444}", "5555555555554444"),
            ("2223003122003222", "2223003122003222"),
            ("378282246310005", "378282246310005"),
            ("3782 822463 10005", "3782 822463 10005"),
            ("6011111111111117", "6011111111111117"),
            ("30569309025904", "30569309025904"),
            ("3056 930902 5904", "3056 930902 5904"),
            ("3530111333300000", "3530111333300000"),
            ("6200000000000005", "6200000000000005"),
            ("4111111111111111.0", "4111111111111111"),
            ("paid with 4111111111111111.", "4111111111111111"),
            ("4111 1111 1111 1111 123", "4111 1111 1111 1111"),
            ("2024 4111 1111 1111 1111", "4111 1111 1111 1111"),
            ("x-4111111111111111", "4111111111111111"),
        ] {
            assert_found(Class::CardNumber, text, number);
        }
    }

    /// Wrong Luhn digit, no scheme, wrong length, or part of something longer: not a card.
    #[test]
    fn not_found() {
        for text in [
            "4111111111111112",
            "9999999999999995",
            "1234567890123456",
            "411111111111111",
            "41111111111111111111",
            "0.4111111111111111",
            "4111111111111111.25",
            "a4111111111111111",
            "4111111111111111b",
            "ord_4111111111111111",
            "4111 1111-1111 1111",
            "4111  1111 1111 1111",
            "4222222222222",
            "+4111111111111111",
            "550e8400-e29b-41d4-a716-446655440000",
            "1700000000000",
            "2026-01-01T00:00:00Z",
            "0000000000000000",
            "4111-1111-1111-1111-1",
        ] {
            assert_not_found(Class::CardNumber, text);
        }
    }
}
