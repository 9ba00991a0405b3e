//! Everything that shows by its digits: card numbers, IBANs, US social security numbers, telephone numbers.

use super::{Class, ClassSet, SensitiveMatch};
use super::{card, iban, phone, us_ssn};

/// Bytes that are tested for digits at once; the compiler turns the loop into vector instructions.
const BLOCK: usize = 32;

/// Adds what it finds to `found`, in order.
pub(super) fn find(text: &[u8], classes: ClassSet, found: &mut Vec<SensitiveMatch>) {
    let ours = [Class::CardNumber, Class::Iban, Class::UsSsn, Class::Phone];
    if !ours.into_iter().any(|class| classes.contains(class)) {
        return;
    }
    let mut position = 0;
    while let Some(start) = next_digit(text, position) {
        let length = run_length(text, start);
        // Two digits begin nothing but an IBAN's check digits or a telephone number's country code.
        let next = at_run(text, start, length, classes);
        position = next.map_or(start + length, |found| found.end);
        found.extend(next);
    }
}

fn next_digit(text: &[u8], from: usize) -> Option<usize> {
    let mut position = from;
    let mut rest = text.get(from..)?;
    // What follows a run of digits is often another within a few bytes: look closely first.
    let (near, _) = rest.split_at(rest.len().min(8));
    if let Some(offset) = near.iter().position(u8::is_ascii_digit) {
        return Some(from + offset);
    }
    position += near.len();
    rest = rest.get(near.len()..)?;
    while let Some((block, tail)) = rest.split_first_chunk::<BLOCK>() {
        let any = block
            .iter()
            .fold(false, |any, byte| any | (byte.wrapping_sub(b'0') < 10));
        if any {
            break;
        }
        position += BLOCK;
        rest = tail;
    }
    rest.iter()
        .position(u8::is_ascii_digit)
        .map(|offset| position + offset)
}

fn run_length(text: &[u8], start: usize) -> usize {
    text.get(start..)
        .unwrap_or_default()
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count()
}

/// The value that the run of digits at `start` begins or belongs to.
fn at_run(text: &[u8], start: usize, length: usize, classes: ClassSet) -> Option<SensitiveMatch> {
    let has = |class| classes.contains(class);
    if length >= 2
        && has(Class::Iban)
        && let Some((start, end)) = iban::find(text, start)
    {
        return Some(SensitiveMatch {
            class: Class::Iban,
            start,
            end,
        });
    }
    if length >= 4
        && has(Class::CardNumber)
        && let Some(end) = card::find(text, start, length)
    {
        return Some(SensitiveMatch {
            class: Class::CardNumber,
            start,
            end,
        });
    }
    if length == 3
        && has(Class::UsSsn)
        && let Some(end) = us_ssn::find(text, start)
    {
        return Some(SensitiveMatch {
            class: Class::UsSsn,
            start,
            end,
        });
    }
    if has(Class::Phone)
        && let Some((start, end)) = phone::find(text, start, length)
    {
        return Some(SensitiveMatch {
            class: Class::Phone,
            start,
            end,
        });
    }
    None
}
