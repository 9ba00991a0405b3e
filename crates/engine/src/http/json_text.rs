//! The lexical level of JSON, shared by the body parser and by masking.

use super::ParameterKind;

/// Whether a string needs unescaping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StringEnd {
    /// The string has no escapes.
    Plain,
    /// It has escapes.
    Escaped,
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Non-zero when a byte of `word` is `"`, `\` or a control character. May be wrong only towards "yes", for
/// bytes above 0x7f. The subtraction trick is "hasless" of Sean Anderson's Bit Twiddling Hacks.
const fn special(word: u64) -> u64 {
    let quote = word ^ (LOW * b'"' as u64);
    let slash = word ^ (LOW * b'\\' as u64);
    let zero_quote = quote.wrapping_sub(LOW) & !quote;
    let zero_slash = slash.wrapping_sub(LOW) & !slash;
    let control = word.wrapping_sub(LOW * 0x20) & !word;
    (zero_quote | zero_slash | control) & HIGH
}

/// Finds the closing quote.
///
/// # Arguments
/// * `start` - the byte after the opening quote.
///
/// # Returns
/// Where the closing quote stands. `None` when there is no quote, or when a raw control character comes first.
pub(crate) fn string_end(bytes: &[u8], start: usize) -> Option<(usize, StringEnd)> {
    let mut position = start;
    let mut kind = StringEnd::Plain;
    loop {
        // Eight bytes at a time: strings are most of a JSON body, and this is its hottest loop (`bench-engine`, json).
        while let Some(chunk) = bytes.get(position..).and_then(<[u8]>::first_chunk::<8>) {
            let found = special(u64::from_le_bytes(*chunk));
            if found != 0 {
                position += found.trailing_zeros() as usize / 8;
                break;
            }
            position += 8;
        }
        match *bytes.get(position)? {
            b'"' => return Some((position, kind)),
            b'\\' => {
                // The byte behind a backslash cannot end the string, whatever it is.
                kind = StringEnd::Escaped;
                position += 2;
            }
            0..=0x1f => return None,
            _ => position += 1,
        }
    }
}

/// Where a number, `true`, `false`, `null` or any other bare word ends.
pub(crate) fn word_end(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest.iter().position(|b| {
        matches!(
            b,
            b',' | b']' | b'}' | b':' | b'"' | b'[' | b'{' | b' ' | b'\t' | b'\n' | b'\r'
        )
    });
    start + length.unwrap_or(rest.len())
}

/// RFC 8259 section 6: integer or number, `None` when it is neither.
pub(crate) fn number(word: &[u8]) -> Option<ParameterKind> {
    let unsigned = word.strip_prefix(b"-").unwrap_or(word);
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = digits(unsigned);
    // No leading zeros: `01` is not a number (RFC 8259, 6).
    if whole == 0 || (whole > 1 && unsigned.first() == Some(&b'0')) {
        return None;
    }
    let mut rest = unsigned.get(whole..)?;
    if rest.is_empty() {
        return Some(ParameterKind::Integer);
    }
    if let [b'.', fraction @ ..] = rest {
        let count = digits(fraction);
        if count == 0 {
            return None;
        }
        rest = fraction.get(count..)?;
    }
    if let [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] = rest {
        let count = digits(exponent);
        if count == 0 {
            return None;
        }
        rest = exponent.get(count..)?;
    }
    rest.is_empty().then_some(ParameterKind::Number)
}

/// One unit of a string's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A character that its escape stands for, with the escape's length in bytes.
    Character(char, usize),
    /// Half a surrogate pair: no character at all. With its length.
    LoneSurrogate(usize),
    /// No escape of JSON.
    Bad,
}

/// Reads the escape at the start of `bytes`, which begins with a backslash (RFC 8259 section 7).
pub(crate) fn escape(bytes: &[u8]) -> Unit {
    let Some(letter) = bytes.get(1) else {
        return Unit::Bad;
    };
    let character = match letter {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(bytes),
        _ => return Unit::Bad,
    };
    Unit::Character(character, 2)
}

fn unicode_escape(bytes: &[u8]) -> Unit {
    let Some(first) = bytes.get(2..6).and_then(hex4) else {
        return Unit::Bad;
    };
    if let Some(character) = char::from_u32(first) {
        return Unit::Character(character, 6);
    }
    // A high surrogate means a character only together with a low one behind it (RFC 8259, 7).
    let second = match bytes.get(6..12) {
        Some([b'\\', b'u', digits @ ..]) if first < 0xdc00 => hex4(digits),
        _ => None,
    };
    match second {
        Some(low @ 0xdc00..=0xdfff) => {
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00);
            char::from_u32(code).map_or(Unit::LoneSurrogate(6), |character| {
                Unit::Character(character, 12)
            })
        }
        _ => Unit::LoneSurrogate(6),
    }
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| {
        Some(value << 4 | char::from(*digit).to_digit(16)?)
    })
}

/// Appends the text that `raw`, a string's inside, stands for.
///
/// # Returns
/// `Some(false)` when half surrogate pairs became U+FFFD; `None` at a bad escape.
pub(crate) fn unescape_into(raw: &str, out: &mut String) -> Option<bool> {
    let mut rest = raw;
    let mut valid = true;
    while let Some(slash) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(rest.get(..slash)?);
        let length = match escape(rest.as_bytes().get(slash..)?) {
            Unit::Character(character, length) => {
                out.push(character);
                length
            }
            Unit::LoneSurrogate(length) => {
                valid = false;
                // A `String` cannot hold half a pair; the result says that this one was replaced.
                out.push(char::REPLACEMENT_CHARACTER);
                length
            }
            Unit::Bad => return None,
        };
        rest = rest.get(slash + length..)?;
    }
    out.push_str(rest);
    Some(valid)
}

/// Whether `rest`, the text from an error on, is the beginning of something that a longer text could finish:
/// a string without its quote, a number or word without its end.
pub(crate) fn is_unfinished(rest: &str) -> bool {
    let bytes = rest.as_bytes();
    match bytes {
        [b'"', ..] => string_end(bytes, 1).is_none() && !bytes.iter().any(|b| *b < 0x20),
        _ if word_end(bytes, 0) < bytes.len() => false,
        [b'-' | b'0'..=b'9', ..] => true,
        _ => ["true", "false", "null"]
            .iter()
            .any(|word| word.starts_with(rest)),
    }
}
