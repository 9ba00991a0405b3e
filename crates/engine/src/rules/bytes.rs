//! Sets of byte values, and small functions on bytes that transformations and operators share.

/// A set of byte values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
// 256 bits in four words: a union or a comparison takes four instructions, and a set is copied in registers.
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(crate) const EMPTY: Self = Self([0; 4]);
    pub(crate) const ALL: Self = Self([u64::MAX; 4]);

    /// The set of these bytes.
    pub(crate) const fn of(bytes: &[u8]) -> Self {
        let mut set = Self::EMPTY;
        let mut rest = bytes;
        // A `for` loop is not allowed in a `const fn`, and most sets are constants.
        while let [byte, tail @ ..] = rest {
            set = set.with(*byte);
            rest = tail;
        }
        set
    }

    /// The set of all bytes from `first` to `last`.
    pub(crate) const fn range(first: u8, last: u8) -> Self {
        let mut set = Self::EMPTY;
        let mut byte = first;
        loop {
            set = set.with(byte);
            if byte >= last {
                return set;
            }
            byte += 1;
        }
    }

    #[inline]
    pub(crate) const fn with(self, byte: u8) -> Self {
        let Self([a, b, c, d]) = self;
        let bit = 1u64 << (byte & 63);
        match byte >> 6 {
            0 => Self([a | bit, b, c, d]),
            1 => Self([a, b | bit, c, d]),
            2 => Self([a, b, c | bit, d]),
            _ => Self([a, b, c, d | bit]),
        }
    }

    #[inline]
    pub(crate) const fn union(self, other: Self) -> Self {
        let (Self([a, b, c, d]), Self(more)) = (self, other);
        let [a_more, b_more, c_more, d_more] = more;
        Self([a | a_more, b | b_more, c | c_more, d | d_more])
    }

    #[inline]
    pub(crate) const fn complement(self) -> Self {
        let Self([a, b, c, d]) = self;
        Self([!a, !b, !c, !d])
    }

    /// Whether any byte is in both sets.
    #[inline]
    pub(crate) const fn meets(self, other: Self) -> bool {
        let (Self([a, b, c, d]), Self(more)) = (self, other);
        let [a_more, b_more, c_more, d_more] = more;
        (a & a_more) | (b & b_more) | (c & c_more) | (d & d_more) != 0
    }

    /// Whether all bytes of another set are in this one.
    #[inline]
    pub(crate) const fn includes(self, other: Self) -> bool {
        !self.complement().meets(other)
    }

    /// The set with both cases of each of its letters.
    #[inline]
    pub(crate) const fn in_any_case(self) -> Self {
        const LETTERS: u64 = 0x07ff_fffe;
        let Self([a, b, c, d]) = self;
        // `A` is 65 and `a` 97: bits 1 to 26 and 33 to 58 of the second word.
        let letters = (b | b >> 32) & LETTERS;
        Self([a, b | letters | letters << 32, c, d])
    }

    #[inline]
    pub(crate) const fn contains(self, byte: u8) -> bool {
        self.meets(Self::EMPTY.with(byte))
    }

    pub(crate) const fn len(self) -> u32 {
        let Self([a, b, c, d]) = self;
        a.count_ones() + b.count_ones() + c.count_ones() + d.count_ones()
    }

    /// The set of the bytes of a text.
    pub(crate) fn present(text: &[u8]) -> Self {
        if text.len() >= LONG {
            return Self::present_of_long(text);
        }
        if text.is_ascii() {
            // The words stay in registers. All letters fall into one word, so in memory each write would wait for the
            // one before.
            let (mut low, mut high) = (0u64, 0u64);
            for byte in text {
                let bit = 1u64 << (byte & 63);
                let is_high = 0u64.wrapping_sub(u64::from(byte >> 6));
                low |= bit & !is_high;
                high |= bit & is_high;
            }
            return Self([low, high, 0, 0]);
        }
        let mut words = [0u64; 4];
        for byte in text {
            if let Some(word) = words.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
        Self(words)
    }

    /// Uses a table of flags, in which no write waits for another.
    fn present_of_long(text: &[u8]) -> Self {
        let mut flags = [0u8; 256];
        for byte in text {
            if let Some(flag) = flags.get_mut(usize::from(*byte)) {
                *flag = 1;
            }
        }
        let mut words = [0u64; 4];
        for (word, flags) in words.iter_mut().zip(flags.chunks_exact(64)) {
            for (shift, eight) in (0..64).step_by(8).zip(flags.chunks_exact(8)) {
                let flags = eight
                    .first_chunk::<8>()
                    .map_or(0, |eight| u64::from_le_bytes(*eight));
                // The multiplication collects the lowest bits of eight bytes in the highest byte.
                *word |= (flags.wrapping_mul(0x0102_0408_1020_4080) >> 56) << shift;
            }
        }
        Self(words)
    }
}

/// Texts of at least this length are read by [`ByteSet::present_of_long`]: only there the table pays for itself.
const LONG: usize = 96;

/// The value of a hexadecimal digit.
pub(crate) const fn hex_value(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The lower-case hexadecimal digit of a value below 16.
pub(crate) const fn hex_digit(value: u8) -> u8 {
    if value < 10 {
        b'0' + value
    } else {
        b'a' + value - 10
    }
}

/// The number that octal digits stand for.
pub(crate) fn octal(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |code, digit| {
        code << 3 | u32::from(digit.wrapping_sub(b'0'))
    })
}

/// The byte that two hexadecimal digits stand for.
pub(crate) const fn hex_byte(high: u8, low: u8) -> Option<u8> {
    match (hex_value(high), hex_value(low)) {
        (Some(high), Some(low)) => Some(high << 4 | low),
        _ => None,
    }
}

/// Whether C's `isspace` takes a byte for white space.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// The set of the bytes that are white space to [`is_space`].
pub(crate) const SPACES: ByteSet = ByteSet::of(b" \t\n\x0b\x0c\r");

/// An integer as SecLang's numeric operators read it: leading white space, a sign, digits. A text without digits is 0.
pub(crate) fn integer(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest.strip_prefix(b"+").unwrap_or(rest)),
    };
    // Saturating: a number of a hundred digits must not become a small one.
    let value =
        digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0i64, |value, digit| {
                value
                    .saturating_mul(10)
                    .saturating_add(i64::from(digit - b'0'))
            });
    if negative { -value } else { value }
}

/// A copy with ASCII letters in lower case.
pub(crate) fn lower(text: &[u8]) -> Vec<u8> {
    text.to_ascii_lowercase()
}

/// Appends an integer in decimal.
pub(crate) fn push_integer(value: i64, out: &mut Vec<u8>) {
    use std::io::Write as _;
    // Writing to a vector does not fail.
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let set = ByteSet::of(b"a\xff").union(ByteSet::range(b'0', b'9'));
        assert_eq!(set.len(), 12);
        assert!(set.contains(b'5') && set.contains(0xff) && !set.contains(b'b'));
        assert!(set.meets(ByteSet::present(b"xx7")) && !set.meets(ByteSet::present(b"xx")));
        assert_eq!(set.complement().len(), 244);
        assert_eq!(ByteSet::range(0, 255), ByteSet::ALL);
        assert_eq!(ByteSet::of(b"aZ@{").in_any_case(), ByteSet::of(b"aAzZ@{"));
        assert!(
            ByteSet::of(b"abc").includes(ByteSet::of(b"ca"))
                && !ByteSet::of(b"ab").includes(ByteSet::of(b"c"))
        );
        for text in [&b"a\xff\x00?@"[..], b"abc", b"\x7f\x80\xbf\xc0"] {
            let long = text.repeat(LONG);
            assert_eq!(ByteSet::present(&long), ByteSet::of(text));
            assert_eq!(ByteSet::present(text), ByteSet::of(text));
        }
    }

    #[test]
    fn integers() {
        for (text, value) in [
            ("", 0),
            ("12", 12),
            (" -3x", -3),
            ("x", 0),
            ("+4", 4),
            ("99999999999999999999", i64::MAX),
        ] {
            assert_eq!(integer(text.as_bytes()), value, "{text}");
        }
    }
}
