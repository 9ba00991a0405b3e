//! Weighs SQL: a value becomes part of a statement, within quotes or, where a number is expected, without them. It
//! breaks out when the text after its first quote (or number) goes on with another condition, query or statement.
//!
//! The reader takes the text after each quote that could end the string, and reads it as SQL of any dialect as far as
//! it is SQL. Prose stops being SQL within a few words, because two words in a row are no expression.

mod grammar;
mod reader;
mod words;

use super::text::{
    Code, Word, at, before, find, from, is_blank, is_one_token, is_word, skip_blank,
};
use crate::bundle::ContentKind;
use grammar::Behind;
use reader::{Budget, Reader};
#[cfg(test)]
pub(super) use words::functions_are_sorted;
use words::{GLUED, KEYWORDS, STATEMENTS, WAITS};

/// How many bytes all attempts together may read, in addition to eight for each byte of the value. A value that needs
/// more counts.
const MAX_READ: usize = 64 << 10;

/// Whether a value breaks out of its place in a statement.
pub(super) fn breaks_out(kind: ContentKind, value: &[u8]) -> bool {
    let mut budget = Budget(MAX_READ.saturating_add(value.len().saturating_mul(8)));
    let found = look(kind, value, &mut budget) || budget.0 == 0;
    let plus = |word: &[u8]| find(value, word).is_some();
    // A form writes blanks as `+`. They are read as blanks only around a word of SQL, because in prose a plus is a
    // plus.
    if found || !(plus(b"+or+") || plus(b"+and+") || plus(b"+union+") || plus(b"+select+")) {
        return found;
    }
    // The value may still be encoded as a form encodes it.
    let spaced: Vec<u8> = value
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    look(kind, &spaced, &mut budget) || budget.0 == 0
}

fn look(kind: ContentKind, value: &[u8], budget: &mut Budget) -> bool {
    let whole = is_code(kind);
    if is_bare(value, whole, budget) {
        return true;
    }
    for quote in [b'\'', b'"'] {
        if behind_quotes(value, quote, whole, budget) {
            return true;
        }
    }
    !whole && behind_numbers(value, budget)
}

/// Whether a kind of content is code. Quotes end strings everywhere in code, so only a value that breaks out at its
/// beginning counts.
fn is_code(kind: ContentKind) -> bool {
    matches!(
        kind,
        ContentKind::Code | ContentKind::Pattern | ContentKind::Query
    )
}

fn behind_quotes(value: &[u8], quote: u8, whole: bool, budget: &mut Budget) -> bool {
    let mut count = 0;
    for place in memchr::memchr_iter(quote, value) {
        let (left, right) = (before(value, place), at(value, place + 1));
        // Apostrophes within words (`don't`) are the most frequent quotes of all.
        if quote == b'\'' && is_word(left) && right.is_ascii_alphabetic() {
            // Or the end of a string with an operator glued to it: x'or'1'='1.
            if !whole && Word::at(value, place + 1).is_in(GLUED) {
                let mut reader = Reader::new(value, place + 1, quote, budget);
                if reader.goes_on(Behind::Quote {
                    glued: false,
                    opens: false,
                }) {
                    return true;
                }
            }
            continue;
        }
        count += 1;
        // In code, only a quote after the first word can end a string of the application.
        let head = value.get(..place).unwrap_or_default();
        if whole && (head.len() > 40 || head.iter().any(|byte| is_blank(*byte))) {
            return false;
        }
        // Quotes come in pairs: the second one ends a string that the first one began. A quote that stands alone may be
        // either.
        let alone = (left == 0 || is_blank(left)) && !is_word(right) && right != quote;
        if count % 2 == 0 && !alone {
            continue;
        }
        let mut reader = Reader::new(value, place + 1, quote, budget);
        if reader.goes_on(Behind::Quote {
            glued: is_one_token(head) || head.is_empty(),
            opens: opens_string(head) || is_blank(left) && is_word(right),
        }) {
            return true;
        }
    }
    false
}

/// Whether a quote after this text opens a string of code that is shown: `query("`, `name = '`, `sql: "`.
fn opens_string(head: &[u8]) -> bool {
    let head = head.trim_ascii_end();
    let sign = matches!(
        head.last(),
        Some(b'(' | b'[' | b'{' | b',' | b'=' | b':' | b'+')
    );
    // A value that begins with such signs may be anything.
    sign && head.iter().any(|byte| is_word(*byte))
}

/// Whether a value breaks out where a number is expected.
fn is_bare(value: &[u8], whole: bool, budget: &mut Budget) -> bool {
    let start = skip_blank(value, 0);
    let first = at(value, start);
    if first == b'(' || first.is_ascii_alphabetic() {
        let mut reader = Reader::new(value, start, 0, budget);
        let name = Word::at(value, start);
        let asks = first == b'('
            || name.is_in(WAITS)
            || name.bytes() == b"if" && at(value, name.end) == b'(';
        if !whole && asks && reader.is_probe() {
            return true;
        }
    }
    let mut end = start;
    if matches!(first, b'-' | b'+' | b'(') {
        end = skip_blank(value, end + 1);
    }
    if !is_word(at(value, end)) {
        return false;
    }
    let digits = at(value, end).is_ascii_digit();
    while is_word(at(value, end)) || (at(value, end) == b'.' && is_word(at(value, end + 1))) {
        end += 1;
    }
    // A program that begins with a statement does not break out of anything.
    if !digits && (whole || Word::at(value, start).is_in(STATEMENTS)) {
        return false;
    }
    let mut reader = Reader::new(value, end, 0, budget);
    reader.goes_on(if digits { Behind::Number } else { Behind::Name })
}

/// Whether SQL follows a number in a sentence: `and 1 OR 1=1`.
fn behind_numbers(value: &[u8], budget: &mut Budget) -> bool {
    let code = Code::of(value);
    let mut place = 0;
    while let Some(found) = from(value, place).iter().position(u8::is_ascii_digit) {
        let start = place + found;
        place = start;
        while is_word(at(value, place))
            || at(value, place) == b'.' && at(value, place + 1).is_ascii_digit()
        {
            place += 1;
        }
        let sign = usize::from(before(value, start) == b'-');
        let left = value.get(..start - sign).unwrap_or_default();
        let spaced = left.last().is_some_and(|byte| is_blank(*byte));
        // A number in an expression that is shown (`where id = 1 or …`) belongs to that expression.
        if !spaced || code.has(start) || !ends_sentence(left) {
            continue;
        }
        let mut reader = Reader::new(value, place, 0, budget);
        if reader.goes_on(Behind::Name) {
            return true;
        }
    }
    false
}

/// Whether the text before a number is no expression or statement that the number belongs to.
fn ends_sentence(left: &[u8]) -> bool {
    let left = left.trim_ascii_end();
    match left.last() {
        None | Some(b'.' | b',' | b'!' | b'?' | b':') => true,
        Some(last) if is_word(*last) => {
            let start = left
                .iter()
                .rposition(|byte| !is_word(*byte))
                .map_or(0, |place| place + 1);
            !Word::at(left, start).is_in(KEYWORDS)
        }
        Some(_) => false,
    }
}
