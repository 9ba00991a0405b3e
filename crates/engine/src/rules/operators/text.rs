//! Compares texts.

use memchr::memmem;

use super::captures::{Captures, capture_one};
use crate::rules::wire::OperatorKind;

pub(crate) fn compare(
    kind: OperatorKind,
    value: &[u8],
    argument: &[u8],
    captures: Option<&mut Captures>,
) -> bool {
    let found = match kind {
        OperatorKind::Streq => value == argument,
        OperatorKind::Contains | OperatorKind::Strmatch => memmem::find(value, argument).is_some(),
        OperatorKind::ContainsWord => contains_word(value, argument),
        OperatorKind::BeginsWith => value.starts_with(argument),
        OperatorKind::EndsWith => value.ends_with(argument),
        OperatorKind::Within => memmem::find(argument, value).is_some(),
        _ => false,
    };
    if found {
        let matched = if kind == OperatorKind::Within {
            value
        } else {
            argument
        };
        capture_one(captures, matched);
    }
    found
}

/// Whether the argument occurs with no letter on either side of it (digits and `_` separate words here, as in
/// `ModSecurity` v3).
fn contains_word(value: &[u8], word: &[u8]) -> bool {
    if word.is_empty() {
        return true;
    }
    let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
    memmem::find_iter(value, word).any(|position| {
        let before = position.checked_sub(1).and_then(|index| value.get(index));
        !is_word(before) && !is_word(value.get(position + word.len()))
    })
}
