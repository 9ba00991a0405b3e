//! Which characters a text is made of, as a set of classes.

/// A set of classes of characters: each ASCII punctuation character is a class of its own, because that is what attacks
/// are made of; letters, digits and what cannot be seen are classes of many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CharacterSet(u64);

/// The characters that stand for the classes, in the order of their bits. Those behind the punctuation stand for: small
/// and capital ASCII letters, digits, the space, the tabulator, line ends, other control characters, letters and digits
/// beyond ASCII, anything else beyond ASCII.
const CODES: &[u8; 41] = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~aA0stnclu";

/// Where the classes of many begin in [`CODES`].
const FIRST_OF_MANY: usize = 32;

/// The class of each ASCII character, as a set.
const CLASSES: [u64; 128] = classes();

const LETTER: u64 = 1 << (FIRST_OF_MANY + 7);
const OTHER: u64 = 1 << (FIRST_OF_MANY + 8);

#[expect(clippy::indexing_slicing, reason = "worked out when this is compiled")]
const fn classes() -> [u64; 128] {
    let mut table = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        #[expect(clippy::cast_possible_truncation, reason = "below 128")]
        let bit = match byte as u8 {
            b'a'..=b'z' => FIRST_OF_MANY,
            b'A'..=b'Z' => FIRST_OF_MANY + 1,
            b'0'..=b'9' => FIRST_OF_MANY + 2,
            b' ' => FIRST_OF_MANY + 3,
            b'\t' => FIRST_OF_MANY + 4,
            b'\r' | b'\n' => FIRST_OF_MANY + 5,
            0..=0x1f | 0x7f => FIRST_OF_MANY + 6,
            punctuation => {
                let mut at = 0;
                while CODES[at] != punctuation {
                    at += 1;
                }
                at
            }
        };
        table[byte] = 1 << bit;
        byte += 1;
    }
    table
}

impl CharacterSet {
    /// No class.
    pub const NONE: Self = Self(0);

    /// The classes of the ASCII characters in `text`, for constants.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "worked out when this is compiled")]
    pub(super) const fn constant(text: &[u8]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < text.len() {
            set |= CLASSES[text[at] as usize];
            at += 1;
        }
        Self(set)
    }

    /// The classes of a text's characters, and how many characters it has.
    #[must_use]
    pub fn and_length(text: &str) -> (Self, u32) {
        let mut set = 0;
        let mut beyond = 0_u8;
        for byte in text.bytes() {
            set |= CLASSES.get(usize::from(byte)).copied().unwrap_or_default();
            beyond |= byte;
        }
        let mut length = text.len();
        if beyond >= 0x80 {
            length = 0;
            for character in text.chars() {
                length += 1;
                if !character.is_ascii() {
                    let is_letter = character.is_alphanumeric();
                    set |= if is_letter { LETTER } else { OTHER };
                }
            }
        }
        (Self(set), u32::try_from(length).unwrap_or(u32::MAX))
    }

    /// The classes of a text's characters.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::and_length(text).0
    }

    /// The set that a text names, as `x-starfort-characters` has it. `None`: a character of the text names no class.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.bytes().try_fold(Self::NONE, |set, code| {
            let bit = CODES.iter().position(|known| *known == code)?;
            Some(Self(set.0 | 1 << bit))
        })
    }

    /// The characters that stand for the classes of the set, always in the same order.
    pub fn codes(self) -> impl Iterator<Item = char> {
        let codes = CODES.iter().enumerate();
        codes
            .filter(move |(bit, _)| self.0 >> bit & 1 == 1)
            .map(|(_, code)| char::from(*code))
    }

    /// Whether every class of this set is in the other one.
    #[must_use]
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The classes of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set as a number of 41 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether the set has the class of an ASCII character.
    #[must_use]
    pub fn has(self, character: u8) -> bool {
        let class = CLASSES.get(usize::from(character)).copied();
        self.0 & class.unwrap_or_default() != 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn codes(text: &str) -> String {
        CharacterSet::of(text).codes().collect()
    }

    /// Each character has one class, and punctuation stands for itself.
    #[test]
    fn classes_of_characters() {
        for (text, expected) in [
            ("", ""),
            ("ab", "a"),
            ("Ab9", "aA0"),
            ("a b", "as"),
            ("O'Brien", "'aA"),
            ("1\r\n2\t\u{7f}\0", "0tnc"),
            ("é", "l"),
            ("Straße 7, 東京", ",aA0sl"),
            ("🎉", "u"),
            ("' OR 1=1--", "'-=A0s"),
        ] {
            assert_eq!(codes(text), expected, "{text:?}");
        }
    }

    /// Lengths are counted in characters, as JSON Schema counts them.
    #[test]
    fn lengths() {
        for (text, length) in [("", 0), ("abc", 3), ("é", 1), ("東京🎉", 3)] {
            assert_eq!(CharacterSet::and_length(text).1, length);
        }
    }

    /// A text that names no class is refused.
    #[test]
    fn codes_that_are_unknown() {
        assert_eq!(CharacterSet::parse("b"), None);
        assert_eq!(CharacterSet::parse("é"), None);
    }

    proptest! {
        /// What `codes` writes, `parse` reads.
        #[test]
        fn written_and_read(text in ".{0,40}") {
            let set = CharacterSet::of(&text);
            let codes: String = set.codes().collect();
            prop_assert_eq!(CharacterSet::parse(&codes), Some(set));
        }

        /// A text's set is the union of its parts' sets.
        #[test]
        fn union_of_parts(one in ".{0,20}", two in ".{0,20}") {
            let both = CharacterSet::of(&format!("{one}{two}"));
            prop_assert_eq!(both, CharacterSet::of(&one).with(CharacterSet::of(&two)));
            prop_assert!(CharacterSet::of(&one).is_within(both));
        }
    }
}
