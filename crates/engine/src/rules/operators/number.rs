//! Compares numbers, and checks numbers with check digits.

use regex::bytes::Regex;

use super::captures::{Captures, capture_one};
use crate::rules::wire::OperatorKind;

/// How many matches are tried at overlapping positions. After these only disjoint ones are tried, so that time stays
/// linear.
const MAX_OVERLAPPING: usize = 256;

pub(crate) const fn compare(kind: OperatorKind, value: i64, argument: i64) -> bool {
    match kind {
        OperatorKind::Eq => value == argument,
        OperatorKind::Ge => value >= argument,
        OperatorKind::Gt => value > argument,
        OperatorKind::Le => value <= argument,
        OperatorKind::Lt => value < argument,
        _ => false,
    }
}

/// Whether any match of the pattern is a valid number.
pub(crate) fn find_valid(
    regex: &Regex,
    value: &[u8],
    valid: fn(&[u8]) -> bool,
    captures: Option<&mut Captures>,
) -> bool {
    // A match may begin too early: the valid number can begin within an invalid one.
    let (mut at, mut tried) = (0, 0);
    while at <= value.len() {
        let Some(found) = regex.find_at(value, at) else {
            return false;
        };
        if valid(found.as_bytes()) {
            capture_one(captures, found.as_bytes());
            return true;
        }
        tried += 1;
        at = if tried < MAX_OVERLAPPING {
            found.start() + 1
        } else {
            found.end().max(found.start() + 1)
        };
    }
    false
}

fn digits(text: &[u8]) -> impl DoubleEndedIterator<Item = u32> {
    text.iter()
        .filter(|byte| byte.is_ascii_digit())
        .map(|byte| u32::from(byte - b'0'))
}

/// Whether the digits pass the Luhn check of card numbers (ISO/IEC 7812-1, annex B).
pub(crate) fn is_card(text: &[u8]) -> bool {
    let sum: u32 = digits(text)
        .rev()
        .enumerate()
        .map(|(index, digit)| match index % 2 {
            0 => digit,
            _ if digit > 4 => digit * 2 - 9,
            _ => digit * 2,
        })
        .sum();
    // A row of zeros passes the sum, but is a placeholder and no card.
    digits(text).count() > 1 && sum > 0 && sum.is_multiple_of(10)
}

/// Whether a text is a US social security number: nine digits with an area, group and serial that the Social Security
/// Administration issues, and not in sequence.
pub(crate) fn is_ssn(text: &[u8]) -> bool {
    let all: Vec<u32> = digits(text).collect();
    let number = |range: std::ops::Range<usize>| {
        all.get(range)
            .unwrap_or_default()
            .iter()
            .fold(0, |number, digit| number * 10 + digit)
    };
    if all.len() != 9 {
        return false;
    }
    let (area, group, serial) = (number(0..3), number(3..5), number(5..9));
    let pairs = || all.iter().zip(all.iter().skip(1));
    let equal = pairs().all(|(one, next)| one == next);
    let sequence = pairs().all(|(one, next)| one + 1 == *next);
    // Area 666 and those from 740 on are not in the ranges that `ModSecurity` accepts.
    area != 0 && area != 666 && area < 740 && group != 0 && serial != 0 && !equal && !sequence
}

/// Whether a text is a Brazilian CPF: eleven digits, of which the last two are check digits modulo 11.
pub(crate) fn is_cpf(text: &[u8]) -> bool {
    let all: Vec<u32> = digits(text).collect();
    if all.len() != 11 || all.iter().all(|digit| Some(digit) == all.first()) {
        return false;
    }
    let check = |count: usize| {
        let sum: u32 = all
            .iter()
            .take(count)
            .zip((2..=u32::try_from(count).unwrap_or(0) + 1).rev())
            .map(|(digit, weight)| digit * weight)
            .sum();
        match sum % 11 {
            0 | 1 => 0,
            rest => 11 - rest,
        }
    };
    all.get(9) == Some(&check(9)) && all.get(10) == Some(&check(10))
}

/// Whether a text is an Austrian social insurance number: ten digits, of which the fourth is a check digit modulo 11.
pub(crate) fn is_svnr(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 10] = [3, 7, 9, 0, 5, 8, 4, 2, 1, 6];
    let all: Vec<u32> = digits(text).collect();
    if all.len() != 10 || all.iter().all(|digit| Some(digit) == all.first()) {
        return false;
    }
    let sum: u32 = all
        .iter()
        .zip(WEIGHTS)
        .map(|(digit, weight)| digit * weight)
        .sum();
    all.get(3) == Some(&(sum % 11))
}
