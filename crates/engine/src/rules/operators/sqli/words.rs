//! The words, operators and fingerprints of libinjection, looked up by hash.
//!
//! The list comes from the crate `libinjectionrs`. A binary search in it costs more than all other work on a token.

use std::sync::LazyLock;

use libinjectionrs::sqli::sqli_data::SQL_KEYWORDS;

/// The longest word of the list, rounded up. A longer word is not in the list.
pub(super) const MAX_WORD_BYTES: usize = 32;

/// The number of places in the table: a power of two with more than three places for each word, so that searches are
/// short.
const PLACES: usize = 1 << 15;

/// The initial value of FNV-1a.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// The hash of a word while the word is read. Both cases of a letter have the same hash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hash(u64);

impl Hash {
    /// The hash of the empty word.
    pub(crate) const EMPTY: Self = Self(OFFSET);

    /// The hash with one more byte (FNV-1a).
    pub(crate) fn with(self, byte: u8) -> Self {
        Self((self.0 ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3))
    }

    /// The hash of a whole word.
    fn of(word: &[u8]) -> Self {
        word.iter().fold(Self::EMPTY, |hash, byte| hash.with(*byte))
    }

    fn place(self) -> usize {
        // The low bits of FNV-1a depend only on the low bits of each byte, so higher bits are mixed in.
        usize::try_from((self.0 ^ (self.0 >> 29)) % PLACES as u64).unwrap_or(0)
    }
}

/// For each word, its index in the list plus one, at the first free place from the word's own place on; 0 for a free
/// place.
static TABLE: LazyLock<Vec<u16>> = LazyLock::new(|| {
    let mut table = vec![0u16; PLACES];
    for (index, keyword) in SQL_KEYWORDS.iter().enumerate() {
        let start = Hash::of(keyword.word.as_bytes()).place();
        let free = (start..PLACES)
            .chain(0..start)
            .find(|place| table.get(*place) == Some(&0));
        if let Some(slot) = free.and_then(|place| table.get_mut(place)) {
            *slot = u16::try_from(index + 1).unwrap_or(0);
        }
    }
    table
});

/// The kind of a word, by libinjection's letter (`k` keyword, `f` function, `o` operator …); `None` for a bare word.
pub(super) fn kind_of(word: &[u8]) -> Option<u8> {
    kind_of_hashed(word, Hash::of(word))
}

/// The kind of a word whose hash is known.
pub(super) fn kind_of_hashed(word: &[u8], hash: Hash) -> Option<u8> {
    let start = hash.place();
    let places = TABLE.get(start..)?.iter().chain(TABLE.get(..start)?);
    for index in places {
        // A free place ends the search: the word is not in the list.
        let keyword = SQL_KEYWORDS.get(usize::from(*index).checked_sub(1)?)?;
        if keyword.word.as_bytes().eq_ignore_ascii_case(word) {
            return Some(keyword.token_type).filter(|kind| b"kfUETto&v1ABF".contains(kind));
        }
    }
    None
}

/// Whether the list has this word.
pub(crate) fn is_known(word: &[u8], hash: Hash) -> bool {
    kind_of_hashed(word, hash).is_some()
}

#[cfg(test)]
mod tests {
    use libinjectionrs::sqli::TokenType;
    use libinjectionrs::sqli::sqli_data::lookup_word;

    use super::*;

    /// Every word is found, in any case; its beginnings and what is not there are not unless the list has them.
    #[test]
    fn words_are_those_of_the_list() {
        assert!(SQL_KEYWORDS.len() * 3 < PLACES);
        let same = |word: &str| {
            let expected = lookup_word(word);
            let found = kind_of(word.as_bytes());
            assert_eq!(
                found.map_or('n', char::from),
                expected.to_char(),
                "{word:?}"
            );
            found.is_some() == (expected != TokenType::Bareword)
        };
        for keyword in SQL_KEYWORDS {
            assert!(keyword.word.len() < MAX_WORD_BYTES);
            for end in 0..=keyword.word.len() {
                if let Some(start) = keyword.word.get(..end) {
                    assert!(same(start));
                    assert!(same(&start.to_ascii_lowercase()));
                }
            }
            assert!(same(&format!("{}x", keyword.word)));
        }
    }
}
