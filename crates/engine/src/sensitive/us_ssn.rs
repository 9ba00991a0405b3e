//! US social security numbers, written `AAA-GG-SSSS` with hyphens or spaces. Nine bare digits are declined:
//! nothing tells them from any other number.

use super::text::{at, before, is_word};

/// Finds a number whose area is the run of three digits at `start`.
///
/// # Returns
/// The end of the number.
pub(super) fn find(text: &[u8], start: usize) -> Option<usize> {
    let end = start + 11;
    let &[a1, a2, a3, first, g1, g2, second, s1, s2, s3, s4] =
        text.get(start..end)?.first_chunk::<11>()?;
    let digits = [a1, a2, a3, g1, g2, s1, s2, s3, s4];
    if !matches!(first, b'-' | b' ') || first != second || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let starts = match before(text, start, 1) {
        // Behind these signs it is a part of a longer number, or of a telephone number.
        Some(b'-' | b'.' | b'+') => false,
        Some(byte) => !is_word(byte),
        None => true,
    };
    let ends = match at(text, end) {
        Some(b'-') => false,
        Some(byte) => !is_word(byte),
        None => true,
    };
    (starts && ends && is_issued([a1, a2, a3], [g1, g2], [s1, s2, s3, s4])).then_some(end)
}

/// SSA, "Social Security Number Randomization" (2011): areas 000, 666 and 900–999, group 00 and serial
/// 0000 are never issued. The two named numbers were printed in advertisements and withdrawn.
fn is_issued(area: [u8; 3], group: [u8; 2], serial: [u8; 4]) -> bool {
    let withdrawn = matches!(
        (&area, &group, &serial),
        (b"078", b"05", b"1120") | (b"219", b"09", b"9999")
    );
    let never =
        matches!(&area, b"000" | b"666" | [b'9', _, _]) || group == *b"00" || serial == *b"0000";
    !withdrawn && !never
}

#[cfg(test)]
mod tests {
    use super::super::Class;
    use super::super::tests::{assert_found, assert_not_found};

    /// Both separators.
    #[test]
    fn found() {
        assert_found(Class::UsSsn, "ssn 536-90-4399.", "536-90-4399");
        assert_found(Class::UsSsn, "536 90 4399", "536 90 4399");
    }

    /// Never issued, bare, mixed separators, or part of a longer number.
    #[test]
    fn not_found() {
        for text in [
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "123-00-4567",
            "123-45-0000",
            "078-05-1120",
            "219-09-9999",
            "536904399",
            "536-90 4399",
            "536-90-43990",
            "1-536-90-4399",
            "536-90-4399-1",
            "a536-90-4399",
            "2026-01-0112",
        ] {
            assert_not_found(Class::UsSsn, text);
        }
    }
}
