//! `validateByteRange`, `validateUrlEncoding`.

use crate::rules::bytes::ByteSet;

/// Reads byte ranges, such as `1-255` or `9,10,13,32-126`.
pub(crate) fn byte_ranges(text: &str) -> Result<ByteSet, String> {
    let mut set = ByteSet::EMPTY;
    let number = |text: &str| {
        let text = text.trim();
        text.parse::<u8>()
            .map_err(|_| format!("validateByteRange: {text:?} is no byte from 0 to 255"))
    };
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(format!("validateByteRange: {part:?} ends before it begins"));
        }
        set = set.union(ByteSet::range(first, last));
    }
    Ok(set)
}

/// Whether a `%` is not followed by two hexadecimal digits.
pub(crate) fn bad_url_encoding(value: &[u8]) -> bool {
    memchr::memchr_iter(b'%', value).any(|position| {
        let digits = value.get(position + 1..position + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}
