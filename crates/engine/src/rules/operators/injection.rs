//! `detectSQLi`, `detectXSS`: libinjection.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use libinjectionrs::sqli::sqli_data::SQL_KEYWORDS;

use super::super::bytes::ByteSet;
use super::{Captures, capture_one};

/// A value without any of these is one bare word or number, which is no SQL injection to libinjection.
pub(crate) const SQLI_NEEDS: ByteSet = ByteSet::range(b'0', b'9')
    .union(ByteSet::range(b'a', b'z'))
    .union(ByteSet::range(b'A', b'Z'))
    .union(ByteSet::of(b"_"))
    .complement();

/// libinjection finds XSS in tags, comments and attribute values only: none without one of these.
pub(crate) const XSS_NEEDS: ByteSet = ByteSet::of(b"<=");

/// Bytes of plain text: words, numbers and the punctuation of names, dates, addresses and paths.
const PLAIN: ByteSet = SQLI_NEEDS.complement().union(ByteSet::of(b" .,:/@-"));

/// Bits of the filter of keywords: of ordinary words one in sixty looks like one.
const FILTER_BITS: u64 = 1 << 19;

/// libinjection's keywords, as a filter without false negatives.
static KEYWORDS: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let mut filter = vec![0u64; usize::try_from(FILTER_BITS / 64).unwrap_or(0)];
    for keyword in SQL_KEYWORDS {
        let hash = spread(keyword.word.bytes().fold(OFFSET, step));
        if let Some(word) = filter.get_mut(place(hash)) {
            *word |= 1 << (hash % 64);
        }
    }
    filter
});

/// Start of FNV-1a.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, in lower case.
fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
}

/// Mixes the high bits in.
fn spread(hash: u64) -> u64 {
    hash ^ (hash >> 29)
}

fn place(hash: u64) -> usize {
    usize::try_from(hash % FILTER_BITS / 64).unwrap_or(0)
}

/// Whether a text is plain: words that are no keywords, numbers and simple punctuation, of which libinjection makes no
/// fingerprint of an attack (a test goes through all short sequences of them).
fn is_plain(value: &[u8], present: ByteSet) -> bool {
    if PLAIN.complement().meets(present) {
        return false;
    }
    // Arithmetic with a variable.
    if present.contains(b'@') && present.meets(ByteSet::of(b"/:")) {
        return false;
    }
    let mut previous = b' ';
    for byte in value {
        // Comments, and variables of a server.
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

/// Whether neither a word nor its beginning up to any dot, which libinjection looks up too, can be a keyword.
fn has_no_keyword(word: &[u8]) -> bool {
    let unknown = |hash: u64| {
        let hash = spread(hash);
        KEYWORDS
            .get(place(hash))
            .is_some_and(|bits| bits >> (hash % 64) & 1 == 0)
    };
    let mut hash = OFFSET;
    for byte in word {
        if *byte == b'.' && !unknown(hash) {
            return false;
        }
        hash = step(hash, *byte);
    }
    word.is_empty() || unknown(hash)
}

/// Longest word that is given to libinjection; its keywords are shorter.
const MAX_WORD_BYTES: usize = 128;

/// The value with overlong words cut: libinjection looks up the beginning of a word at each dot in it, which takes
/// quadratic time, and finds nothing beyond the length of its longest keyword.
fn shortened(value: &[u8]) -> Cow<'_, [u8]> {
    let is_word = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'`' | b'$') || *byte >= 0x80
    };
    if value.len() <= MAX_WORD_BYTES {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::new();
    for chunk in value.chunk_by(|one, other| is_word(one) == is_word(other)) {
        let is_long_word = chunk.first().is_some_and(is_word) && chunk.len() > MAX_WORD_BYTES;
        out.extend_from_slice(if is_long_word {
            chunk.get(..MAX_WORD_BYTES).unwrap_or(chunk)
        } else {
            chunk
        });
    }
    Cow::Owned(out)
}

/// SQL injection; captures the fingerprint. The library indexes slices; should that ever panic, the value counts as
/// an attack.
pub(crate) fn sqli(value: &[u8], captures: Option<&mut Captures>) -> bool {
    let present = ByteSet::present(value);
    if !SQLI_NEEDS.meets(present) || is_plain(value, present) {
        return false;
    }
    let value = shortened(value);
    let found = catch_unwind(AssertUnwindSafe(|| {
        let result = libinjectionrs::detect_sqli(&value);
        result.is_injection().then(|| {
            result
                .fingerprint
                .as_ref()
                .map(|fingerprint| fingerprint.as_str().as_bytes().to_vec())
                .unwrap_or_default()
        })
    }));
    match found {
        Ok(None) => false,
        Ok(Some(fingerprint)) => {
            capture_one(captures, &fingerprint);
            true
        }
        Err(_) => true,
    }
}

/// XSS; captures the value.
pub(crate) fn xss(value: &[u8], captures: Option<&mut Captures>) -> bool {
    if !XSS_NEEDS.meets(ByteSet::present(value)) {
        return false;
    }
    let found = catch_unwind(AssertUnwindSafe(|| {
        libinjectionrs::detect_xss(value).is_injection()
    }));
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

    #[test]
    fn long_words_are_cut() {
        let text = format!("1 or {} union", "a.".repeat(10_000));
        assert!(shortened(text.as_bytes()).len() < 200);
        assert!(matches!(shortened(b"1 or 1=1"), Cow::Borrowed(_)));
    }
}
