//! The operators `detectSQLi` and `detectXSS`, which use libinjection.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::captures::{Captures, capture_one};
use super::sqli::{self, Hash};
use crate::rules::bytes::ByteSet;

/// A value without any of these bytes is one bare word or number, which libinjection never takes for an SQL injection.
pub(crate) const SQLI_NEEDS: ByteSet = ByteSet::range(b'0', b'9')
    .union(ByteSet::range(b'a', b'z'))
    .union(ByteSet::range(b'A', b'Z'))
    .union(ByteSet::of(b"_"))
    .complement();

/// libinjection finds XSS only in tags, comments and attribute values, so never in a value without these bytes.
pub(crate) const XSS_NEEDS: ByteSet = ByteSet::of(b"<=");

/// The bytes of plain text: words, numbers and the punctuation of names, dates, addresses and paths.
const PLAIN: ByteSet = SQLI_NEEDS.complement().union(ByteSet::of(b" .,:/@-"));

/// Whether a text is plain: words that are no keywords, numbers and simple punctuation. libinjection finds no attack in
/// such a text (a test goes through all short sequences).
fn is_plain(value: &[u8], present: ByteSet) -> bool {
    if PLAIN.complement().meets(present) {
        return false;
    }
    // These may be arithmetic with a variable.
    if present.contains(b'@') && present.meets(ByteSet::of(b"/:")) {
        return false;
    }
    let mut previous = b' ';
    for byte in value {
        // These begin comments, casts and variables of a server.
        if matches!(
            (previous, byte),
            (b'-' | b'@', b'-' | b'@') | (b':', b':') | (b' ', b'@')
        ) {
            return false;
        }
        previous = *byte;
    }
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    value.split(|byte| !is_word(byte)).all(has_no_keyword)
}

/// Whether a word contains no keyword: neither as a whole nor as its beginning up to any dot, which libinjection looks
/// up too.
fn has_no_keyword(word: &[u8]) -> bool {
    let mut hash = Hash::EMPTY;
    for (length, byte) in word.iter().enumerate() {
        if *byte == b'.' && sqli::is_known(word.get(..length).unwrap_or(word), hash) {
            return false;
        }
        hash = hash.with(*byte);
    }
    !sqli::is_known(word, hash)
}

/// Whether a value is an SQL injection. The fingerprint is captured.
pub(crate) fn sqli(value: &[u8], captures: Option<&mut Captures>) -> bool {
    let present = ByteSet::present(value);
    // Most values end here: both questions cost a fraction of reading tokens.
    if !SQLI_NEEDS.meets(present) || is_plain(value, present) {
        return false;
    }
    let found = sqli::detect(value);
    if let Some(fingerprint) = found {
        capture_one(captures, fingerprint.letters());
    }
    found.is_some()
}

/// Whether a value is XSS. The value is captured. The library indexes slices; if that ever panics, the value counts as
/// an attack.
pub(crate) fn xss(value: &[u8], captures: Option<&mut Captures>) -> bool {
    if !XSS_NEEDS.meets(ByteSet::present(value)) {
        return false;
    }
    let found = catch_unwind(AssertUnwindSafe(|| {
        libinjectionrs::detect_xss(value).is_injection()
    }));
    // An ordinary value does not make a library panic.
    let found = found.unwrap_or(true);
    if found {
        capture_one(captures, value);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every sequence of up to five pieces (libinjection looks at five tokens) of plain text is harmless to libinjection as it is to the gate.
    #[test]
    fn plain_text_is_no_injection() {
        let pieces = ["zqx ", "zq.x", "4.5 ", "7", ",", ":", "/", "-", "@zqx"];
        let mut texts: Vec<String> = vec![String::new()];
        for _ in 0..5 {
            let longer = texts
                .iter()
                .flat_map(|text| pieces.map(|piece| format!("{text}{piece}")))
                .collect();
            texts = longer;
            for text in &texts {
                let plain = is_plain(text.as_bytes(), ByteSet::present(text.as_bytes()));
                assert!(
                    !plain || !libinjectionrs::detect_sqli(text.as_bytes()).is_injection(),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn keywords_are_not_plain() {
        for text in ["1 union select 2", "a or b", "x--", "sleep 5", "select.x"] {
            assert!(
                !is_plain(text.as_bytes(), ByteSet::present(text.as_bytes())),
                "{text}"
            );
        }
        let text = b"KB-101, zqx@zqx.example 2026-01-02";
        assert!(is_plain(text, ByteSet::present(text)));
    }
}
