//! Everything that shows by its digits: card numbers, IBANs, US social security numbers, telephone numbers.
//!
//! Most bodies have a run of digits every few bytes, and hardly any of them is a value. So 64 bytes at a time are
//! sorted into digits and what may stand beside them, one bit a byte, and a few operations on those bits say at
//! which runs a detector has to look.

use wide::u8x16;

use super::text::{at, before};
use super::{Class, ClassSet, SensitiveMatch};
use super::{card, iban, phone, us_ssn};

/// Bytes that are sorted at once.
const WINDOW: usize = 64;

/// For a run that begins among this many first bytes of a window, the window shows all that decides: 14 digits, or fewer
/// digits and the byte behind them.
const STRIDE: usize = 48;

/// Adds what it finds to `found`, in order.
pub(super) fn find(text: &[u8], classes: ClassSet, found: &mut Vec<SensitiveMatch>) {
    let ours = [Class::CardNumber, Class::Iban, Class::UsSsn, Class::Phone];
    if !ours.into_iter().any(|class| classes.contains(class)) {
        return;
    }
    let (mut block, mut position) = (0, 0);
    while block < text.len() {
        let mut runs = wanted_runs(text, block);
        while runs != 0 {
            let start = block + runs.trailing_zeros() as usize;
            // Clears the lowest bit, so the loop runs once for each candidate rather than for each byte.
            runs &= runs - 1;
            if start >= position {
                position = matches_from(text, start, classes, found);
            }
        }
        // A match may reach beyond the window; what it covers is not looked at again.
        block = (block + STRIDE).max(position - position % STRIDE);
    }
}

/// Asks the detectors at the run of digits at `start`, and at what a match left of its last run. Returns where to go on.
fn matches_from(
    text: &[u8],
    start: usize,
    classes: ClassSet,
    found: &mut Vec<SensitiveMatch>,
) -> usize {
    let mut start = start;
    loop {
        let length = run_length(text, start);
        let Some(next) = at_run(text, start, length, classes) else {
            return start + length;
        };
        start = next.end;
        found.push(next);
        // The match ended within a run of digits, and the rest of the run may be a value too.
        if !at(text, start).is_some_and(|byte| byte.is_ascii_digit()) {
            return start;
        }
    }
}

fn run_length(text: &[u8], start: usize) -> usize {
    text.get(start..)
        .unwrap_or_default()
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count()
}

/// One bit for each byte of a window, the first byte's lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sorted {
    digits: u64,
    /// Upper-case letters and plus: before an IBAN's check digits or a telephone number.
    before: u64,
    /// Space and hyphen: between the groups of a card number or social security number.
    groups: u64,
    /// Those, dot and closing parenthesis: between the parts of a North American telephone number.
    parts: u64,
}

/// Where runs of digits begin, among the first [`STRIDE`] bytes of the window at `block`, that could be a value of any class
/// by the bytes around them. Nearly all runs are ruled out here.
fn wanted_runs(text: &[u8], block: usize) -> u64 {
    let rest = text.get(block..).unwrap_or_default();
    let sorted = if let Some(whole) = rest.first_chunk::<WINDOW>() {
        sort(whole)
    } else {
        // At the end of the text: zero bytes are not digits, and no value stands beside them.
        let mut padded = [0; WINDOW];
        if let Some(beginning) = padded.get_mut(..rest.len()) {
            beginning.copy_from_slice(rest);
        }
        sort(&padded)
    };
    let digits = sorted.digits;
    if digits == 0 {
        return 0;
    }
    // The byte before the window decides about a run that begins right at its start.
    let last = before(text, block, 1);
    let after_digit = digits << 1 | u64::from(last.is_some_and(|byte| byte.is_ascii_digit()));
    let after_before = sorted.before << 1 | u64::from(matches!(last, Some(b'A'..=b'Z' | b'+')));
    // Runs of at least 2, 3 … digits, at the place of their first.
    let two = digits & digits >> 1;
    let three = two & digits >> 2;
    let four = two & two >> 2;
    let six = four & two >> 4;
    let fourteen = four & four >> 4 & six >> 8;
    let wanted = after_before
        | three & sorted.parts >> 3
        | four & sorted.groups >> 4
        | six & sorted.groups >> 6
        | fourteen;
    // Only where a run begins, and only where the window shows enough of it (`STRIDE`).
    digits & !after_digit & wanted & ((1 << STRIDE) - 1)
}

fn sort(bytes: &[u8; WINDOW]) -> Sorted {
    let mut sorted = Sorted {
        digits: 0,
        before: 0,
        groups: 0,
        parts: 0,
    };
    let (sixteens, _) = bytes.as_chunks::<16>();
    for (index, sixteen) in sixteens.iter().enumerate() {
        let sixteen = u8x16::new(*sixteen);
        let is = |byte| sixteen.cmp_eq(u8x16::splat(byte));
        let is_from = |first, last: u8| {
            // A byte below `first` wraps around to a large number, so one comparison tests both ends.
            let above = sixteen - u8x16::splat(first);
            above.min(u8x16::splat(last - first)).cmp_eq(above)
        };
        let bits = |of: u8x16| u64::from(of.move_mask().cast_unsigned()) << (16 * index);
        let groups = is(b' ') | is(b'-');
        sorted.digits |= bits(is_from(b'0', b'9'));
        sorted.before |= bits(is_from(b'A', b'Z') | is(b'+'));
        sorted.groups |= bits(groups);
        sorted.parts |= bits(groups | is(b'.') | is(b')'));
    }
    sorted
}

/// The value that the run of digits at `start` begins or belongs to.
fn at_run(text: &[u8], start: usize, length: usize, classes: ClassSet) -> Option<SensitiveMatch> {
    let has = |class| classes.contains(class);
    let found = |class, start, end| Some(SensitiveMatch { class, start, end });
    // In the order of `Class::ALL`: digits of an IBAN may look like a card number.
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
    fn every_byte_is_sorted_whatever_its_neighbours() {
        let bits = |bytes: &[u8; WINDOW], wanted: fn(u8) -> bool| {
            let set = bytes.iter().enumerate();
            set.fold(0, |mask, (index, byte)| {
                mask | u64::from(wanted(*byte)) << index
            })
        };
        for byte in 0..=u8::MAX {
            for other in [0, b' ', b'+', b'0', b'9', b'A', b'Z', 0x7f, 0x80, 0xff] {
                for place in 0..WINDOW {
                    let mut bytes = [other; WINDOW];
                    bytes[place] = byte;
                    let expected = Sorted {
                        digits: bits(&bytes, |byte| byte.is_ascii_digit()),
                        before: bits(&bytes, |byte| byte.is_ascii_uppercase() || byte == b'+'),
                        groups: bits(&bytes, |byte| b" -".contains(&byte)),
                        parts: bits(&bytes, |byte| b" -.)".contains(&byte)),
                    };
                    assert_eq!(sort(&bytes), expected, "{byte} among {other}");
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
