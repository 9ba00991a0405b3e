//! Telephone numbers, conservatively: international ones with `+` (ITU-T E.164), and North American ones
//! written with their punctuation (`(415) 555-2671`, `415-555-2671`, `415.555.2671`). Bare digits are declined.

use super::text::{at, before, is_word};

/// Finds a number at the run of digits at `start`.
///
/// # Returns
/// Start (of the `+` or parenthesis) and end.
pub(super) fn find(text: &[u8], start: usize, length: usize) -> Option<(usize, usize)> {
    if before(text, start, 1) == Some(b'+') {
        let plus = start - 1;
        if before(text, plus, 1).is_some_and(|b| is_word(b) || b == b'+') {
            return None;
        }
        return Some((plus, international(text, start)?));
    }
    if length == 3 {
        north_american(text, start)
    } else {
        None
    }
}

/// E.164: at most 15 digits, a country code first. Groups are split by up to two of ` -.()`.
fn international(text: &[u8], start: usize) -> Option<usize> {
    let mut digits = [0_u8; 15];
    let mut count = 0;
    let mut position = start;
    let mut end = None;
    loop {
        while let Some(byte) = at(text, position).filter(u8::is_ascii_digit) {
            let Some(slot) = digits.get_mut(count) else {
                // This is a sixteenth digit, so the number ended before this group, or there is none.
                return end.filter(|_| is_number(&digits, 15));
            };
            *slot = byte;
            count += 1;
            position += 1;
        }
        // With fewer than eight digits it could be any signed number.
        if count >= 8 && !at(text, position).is_some_and(is_word) && is_number(&digits, count) {
            end = Some(position);
        }
        // Two characters are for `) ` and ` (`.
        let gap = (1..=2).find(|gap| {
            let separators = text.get(position..position + gap).unwrap_or_default();
            separators
                .iter()
                .all(|b| matches!(b, b' ' | b'-' | b'.' | b'(' | b')'))
                && at(text, position + gap).is_some_and(|b| b.is_ascii_digit())
        });
        match gap {
            Some(gap) => position += gap,
            None => return end,
        }
    }
}

/// Country code 1 has exactly ten more digits, with area and exchange from 2 up (NANP); the others exist.
fn is_number(digits: &[u8; 15], count: usize) -> bool {
    match digits {
        [b'1', area, _, _, exchange, ..] => count == 11 && *area >= b'2' && *exchange >= b'2',
        [first, second, ..] => is_country_code(*first, *second),
    }
}

/// ITU-T E.164 annex: zones of the country codes that are assigned, by their first two digits.
fn is_country_code(first: u8, second: u8) -> bool {
    match first {
        b'2' => second != b'8',
        b'8' => !matches!(second, b'3' | b'9'),
        _ => matches!(first, b'3'..=b'7' | b'9'),
    }
}

/// `NPA` and `NXX` begin with 2 to 9; `NXX` does not end in 11 (NANPA numbering rules).
fn north_american(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let parenthesis = before(text, start, 1) == Some(b'(');
    let begin = if parenthesis { start - 1 } else { start };
    if before(text, begin, 1).is_some_and(|b| is_word(b) || matches!(b, b'-' | b'.' | b'+')) {
        return None;
    }
    let rest = text.get(start + 3..)?;
    let (separator, skip) = match rest {
        [b')', b' ', ..] if parenthesis => (b'-', 2),
        [b')', ..] if parenthesis => (b'-', 1),
        [separator @ (b'-' | b'.'), ..] if !parenthesis => (*separator, 1),
        _ => return None,
    };
    let &[n1, n2, n3, between, l1, l2, l3, l4] = rest.get(skip..)?.first_chunk::<8>()?;
    let digits = [n1, n2, n3, l1, l2, l3, l4].iter().all(u8::is_ascii_digit);
    let area = at(text, start).is_some_and(|b| b >= b'2');
    let exchange = n1 >= b'2' && (n2, n3) != (b'1', b'1');
    let end = start + 3 + skip + 8;
    let ends = match at(text, end) {
        Some(b'-' | b'.') => !at(text, end + 1).is_some_and(|b| b.is_ascii_digit()),
        Some(byte) => !is_word(byte),
        None => true,
    };
    (digits && between == separator && area && exchange && ends).then_some((begin, end))
}

#[cfg(test)]
mod tests {
    use super::super::Class;
    use super::super::tests::{assert_found, assert_not_found};

    /// International and North American forms.
    #[test]
    fn found() {
        for (text, number) in [
            ("+14155552671", "+14155552671"),
            ("call +1 (415) 555-2671!", "+1 (415) 555-2671"),
            ("+44 20 7946 0958", "+44 20 7946 0958"),
            ("+49.30.901820", "+49.30.901820"),
            ("\"+8613800138000\"", "+8613800138000"),
            ("(415) 555-2671", "(415) 555-2671"),
            ("(415)555-2671", "(415)555-2671"),
            ("415-555-2671", "415-555-2671"),
            ("415.555.2671", "415.555.2671"),
            ("+44 20 7946 0958 2026 2027 2028", "+44 20 7946 0958 202"),
        ] {
            if text.ends_with("2028") {
                assert_found(Class::Phone, text, "+44 20 7946 0958");
            } else {
                assert_found(Class::Phone, text, number);
            }
        }
    }

    /// Bare digits, dates, offsets, versions, sums and too long or short numbers.
    #[test]
    fn not_found() {
        for text in [
            "4155552671",
            "2026-01-01T00:00:00+02:00",
            "+0200",
            "1e+15551234567",
            "+1234567",
            "+1415555267",
            "+141555526711",
            "+12345678901234567",
            "+01234567890",
            "192.168.100.200",
            "115-555-2671",
            "415-155-2671",
            "415-555-26711",
            "1.415.555.2671.3",
            "a+4915112345678",
            "415-555.2671",
            "2024-555-2671",
            "+3",
        ] {
            assert_not_found(Class::Phone, text);
        }
    }
}
