//! Everything that shows by its digits: card numbers, IBANs, US social security numbers, telephone numbers.
//!
//! Most bodies have a run of digits every few bytes, and hardly any of them is a value. So digits are found
//! eight bytes at a time, and the bytes around a run say whether any detector could want it.

use super::text::{at, before};
use super::{Class, ClassSet, SensitiveMatch};
use super::{card, iban, phone, us_ssn};

/// Bytes whose digits are known at once.
const BLOCK: usize = 64;

/// Adds what it finds to `found`, in order.
pub(super) fn find(text: &[u8], classes: ClassSet, found: &mut Vec<SensitiveMatch>) {
    let ours = [Class::CardNumber, Class::Iban, Class::UsSsn, Class::Phone];
    if !ours.into_iter().any(|class| classes.contains(class)) {
        return;
    }
    let (mut block, mut position) = (0, 0);
    while block < text.len() {
        let mut mask = digits_from(text, block) & (u64::MAX << (position.max(block) - block));
        while mask != 0 {
            let offset = mask.trailing_zeros() as usize;
            let start = block + offset;
            let mut length = (mask >> offset).trailing_ones() as usize;
            if offset + length == BLOCK {
                length = run_length(text, start);
            }
            position = start + length;
            if is_wanted(text, start, position)
                && let Some(next) = at_run(text, start, length, classes)
            {
                position = next.end;
                found.push(next);
            }
            let done = u32::try_from(position - block).unwrap_or(u32::MAX);
            mask &= u64::MAX.checked_shl(done).unwrap_or(0);
        }
        block = (block + BLOCK).max(position - position % BLOCK);
    }
}

/// One bit for each byte of the block that is a digit; there are none behind the text's end.
fn digits_from(text: &[u8], block: usize) -> u64 {
    let rest = text.get(block..).unwrap_or_default();
    if let Some(whole) = rest.first_chunk::<BLOCK>() {
        return digit_mask(whole);
    }
    let mut padded = [0; BLOCK];
    if let Some(beginning) = padded.get_mut(..rest.len()) {
        beginning.copy_from_slice(rest);
    }
    digit_mask(&padded)
}

fn run_length(text: &[u8], start: usize) -> usize {
    text.get(start..)
        .unwrap_or_default()
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count()
}

/// An upper-case letter or a plus: before an IBAN's check digits or a telephone number.
const BEFORE: u8 = 1;
/// Space or hyphen: between the groups of a card number or social security number.
const GROUP: u8 = 2;
/// Between the parts of a North American telephone number.
const PUNCTUATION: u8 = 4;
/// Whatever follows.
const ANY: u8 = 8;

/// What a byte beside a run of digits may be good for.
const fn beside(byte: Option<u8>) -> u8 {
    match byte {
        Some(b'A'..=b'Z' | b'+') => ANY | BEFORE,
        Some(b'-') => ANY | GROUP | PUNCTUATION,
        Some(b' ') => ANY | GROUP,
        Some(b'.' | b')') => ANY | PUNCTUATION,
        _ => ANY,
    }
}

/// Whether the bytes around a run of digits allow it to be of any class: all but few are told so.
fn is_wanted(text: &[u8], start: usize, end: usize) -> bool {
    let behind = match end - start {
        3 => GROUP | PUNCTUATION,
        4 | 6 => GROUP,
        14.. => ANY,
        _ => 0,
    };
    beside(before(text, start, 1)) & BEFORE != 0 || beside(at(text, end)) & behind != 0
}

/// One bit for each byte that is a digit, the first byte's lowest.
fn digit_mask(bytes: &[u8; BLOCK]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().rev().fold(0, |mask, word| {
        mask << 8 | u64::from(digits_of_word(u64::from_le_bytes(*word)))
    })
}

/// One bit for each byte of a little-endian word that is a digit. Comparisons of all bytes at once without a
/// carry between them: with its high bit cleared, a byte plus `0x80 - limit` has it set when it reaches the limit.
const fn digits_of_word(word: u64) -> u8 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = EACH << 7;
    let low = word & !HIGH;
    let from_zero = low + EACH * (0x80 - b'0' as u64);
    let past_nine = low + EACH * (0x80 - (b'9' as u64 + 1));
    let digits = from_zero & !past_nine & !word & HIGH;
    // Gathers the eight high bits in the highest byte: each product bit there comes from one of them.
    ((digits >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// The value that the run of digits at `start` begins or belongs to.
fn at_run(text: &[u8], start: usize, length: usize, classes: ClassSet) -> Option<SensitiveMatch> {
    let has = |class| classes.contains(class);
    let found = |class, start, end| Some(SensitiveMatch { class, start, end });
    if length >= 2
        && has(Class::Iban)
        && let Some((start, end)) = iban::find(text, start)
    {
        return found(Class::Iban, start, end);
    }
    if length >= 4
        && has(Class::CardNumber)
        && let Some(end) = card::find(text, start, length)
    {
        return found(Class::CardNumber, start, end);
    }
    if length == 3
        && has(Class::UsSsn)
        && let Some(end) = us_ssn::find(text, start)
    {
        return found(Class::UsSsn, start, end);
    }
    if has(Class::Phone)
        && let Some((start, end)) = phone::find(text, start, length)
    {
        return found(Class::Phone, start, end);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Byte by byte, and every detector asked at every run.
    fn slowly(text: &[u8], classes: ClassSet) -> Vec<SensitiveMatch> {
        let mut found = Vec::new();
        let mut position = 0;
        while position < text.len() {
            if !text[position].is_ascii_digit() {
                position += 1;
                continue;
            }
            let start = position;
            let rest = text[start..].iter();
            let length = rest.take_while(|byte| byte.is_ascii_digit()).count();
            let of = |class: Class, range: Option<(usize, usize)>| {
                range
                    .filter(|_| classes.contains(class))
                    .map(|(start, end)| SensitiveMatch { class, start, end })
            };
            let here = |end: Option<usize>| end.map(|end| (start, end));
            let iban = if length >= 2 {
                iban::find(text, start)
            } else {
                None
            };
            let ssn = if length == 3 {
                us_ssn::find(text, start)
            } else {
                None
            };
            let next = of(Class::Iban, iban)
                .or_else(|| of(Class::CardNumber, here(card::find(text, start, length))))
                .or_else(|| of(Class::UsSsn, here(ssn)))
                .or_else(|| of(Class::Phone, phone::find(text, start, length)));
            position = next.map_or(start + length, |found| found.end);
            found.extend(next);
        }
        found
    }

    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let values = [
            "4111111111111111",
            "4111 1111 1111 1111",
            "378282246310005",
            "3782-822463-10005",
            "DE89370400440532013000",
            "GB29 NWBK 6016 1331 9268 19",
            "536-90-4399",
            "+1 (415) 555-2671",
            "(415)555-2671",
            "415.555.2671",
            "+49.30.901820",
        ];
        let piece = prop_oneof![
            prop::sample::select(values.to_vec()).prop_map(|value| value.as_bytes().to_vec()),
            prop::collection::vec(
                prop::sample::select(b"0123456789 -.+()ABZ\"".to_vec()),
                0..12
            ),
            prop::collection::vec(any::<u8>(), 0..70),
            prop::collection::vec(prop::sample::select(b"0189".to_vec()), 0..140),
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn every_byte_is_told_from_its_neighbours() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                for other in [0, b'0', b'9', 0x7f, 0x80, 0xff] {
                    let mut bytes = [other; 8];
                    bytes[place] = byte;
                    let expected = (0..8).fold(0, |mask, index| {
                        mask | u8::from(bytes[index].is_ascii_digit()) << index
                    });
                    assert_eq!(digits_of_word(u64::from_le_bytes(bytes)), expected);
                }
            }
        }
    }

    proptest! {
        /// What is skipped quickly would have been no value.
        #[test]
        fn agrees_with_the_slow_way(text in pieces(), classes in 0..256_u32) {
            let chosen = Class::ALL.into_iter().enumerate().filter(|(index, _)| classes >> index & 1 == 1);
            for classes in [ClassSet::ALL, chosen.map(|(_, class)| class).collect()] {
                let mut found = Vec::new();
                find(&text, classes, &mut found);
                prop_assert_eq!(found, slowly(&text, classes));
            }
        }
    }
}
