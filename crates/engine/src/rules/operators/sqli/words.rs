//! libinjection's words, operators and fingerprints, found by hash.
//!
//! The list is that of the crate `libinjectionrs`; it is searched there by halving, which costs more than the rest of
//! the work on a token.

use std::sync::LazyLock;

use libinjectionrs::sqli::sqli_data::SQL_KEYWORDS;

/// Longest word of the list, rounded up: no need to look beyond.
pub(super) const MAX_WORD_BYTES: usize = 32;

/// Places of the table: four for each word, a power of two.
const PLACES: usize = 1 << 15;

/// Start of FNV-1a.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// The hash of a word while it is read, letter case aside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hash(u64);

impl Hash {
    /// Of nothing.
    pub(crate) const EMPTY: Self = Self(OFFSET);

    /// With one more byte (FNV-1a).
    pub(crate) fn with(self, byte: u8) -> Self {
        Self((self.0 ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3))
    }

    /// The hash of a whole word.
    fn of(word: &[u8]) -> Self {
        word.iter().fold(Self::EMPTY, |hash, byte| hash.with(*byte))
    }

    fn place(self) -> usize {
        usize::try_from((self.0 ^ (self.0 >> 29)) % PLACES as u64).unwrap_or(0)
    }
}

/// Index into the list plus one, at the first free place from the word's own on; 0 where there is none.
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

/// What a word is, as libinjection names kinds (`k` keyword, `f` function, `o` operator …); `None` for a bare word.
pub(super) fn kind_of(word: &[u8]) -> Option<u8> {
    kind_of_hashed(word, Hash::of(word))
}

/// The same for a word whose hash is known.
pub(super) fn kind_of_hashed(word: &[u8], hash: Hash) -> Option<u8> {
    let start = hash.place();
    let places = TABLE.get(start..)?.iter().chain(TABLE.get(..start)?);
    for index in places {
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
