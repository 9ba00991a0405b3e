//! The transformations `urlDecode`, `urlDecodeUni`, `urlEncode` and `utf8toUnicode`.

use super::UnicodeMap;
use crate::rules::bytes::{hex_byte, hex_digit};

/// Decodes percent escapes, and `+` as a space. Anything else stays as it is.
pub(crate) fn decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            // An invalid escape stays as it is: servers differ in what they make of it, and rules look for it.
            [b'%', high, low, tail @ ..] if hex_byte(*high, *low).is_some() => {
                out.extend(hex_byte(*high, *low));
                tail
            }
            [byte, tail @ ..] => {
                out.push(if *byte == b'+' { b' ' } else { *byte });
                tail
            }
        };
    }
}

/// Decodes like [`decode`], and `%uHHHH` by the code page. Without an entry there, the low byte is kept, and full-width
/// ASCII becomes ASCII.
pub(super) fn decode_uni(input: &[u8], map: &UnicodeMap, out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            [b'%', b'u' | b'U', a, b, c, d, tail @ ..]
                if hex_byte(*a, *b).is_some() && hex_byte(*c, *d).is_some() =>
            {
                let (high, low) = (hex_byte(*a, *b).unwrap_or(0), hex_byte(*c, *d).unwrap_or(0));
                out.push(unicode_byte(high, low, map));
                tail
            }
            [b'%', high, low, tail @ ..] if hex_byte(*high, *low).is_some() => {
                out.extend(hex_byte(*high, *low));
                tail
            }
            [byte, tail @ ..] => {
                out.push(if *byte == b'+' { b' ' } else { *byte });
                tail
            }
        };
    }
}

fn unicode_byte(high: u8, low: u8, map: &UnicodeMap) -> u8 {
    let code = u32::from(high) << 8 | u32::from(low);
    if let Ok(index) = map.binary_search_by_key(&code, |(code, _)| *code)
        && let Some((_, byte)) = map.get(index)
    {
        return *byte;
    }
    // U+FF01 to U+FF5E are the full-width forms of `!` to `~`.
    if high == 0xff && low > 0 && low < 0x5f {
        low + 0x20
    } else {
        low
    }
}

/// Encodes all bytes except letters, digits and `*` as percent escapes; a space becomes `+`.
pub(super) fn encode(input: &[u8], out: &mut Vec<u8>) {
    for byte in input {
        match byte {
            b' ' => out.push(b'+'),
            // `*` stays, as in `application/x-www-form-urlencoded`.
            b'*' => out.push(*byte),
            _ if byte.is_ascii_alphanumeric() => out.push(*byte),
            _ => out.extend([b'%', hex_digit(byte >> 4), hex_digit(byte & 15)]),
        }
    }
}

/// UTF-8 sequences of two or more bytes become `%uHHHH`; other bytes stay.
pub(super) fn utf8_to_unicode(input: &[u8], out: &mut Vec<u8>) {
    let digit = |value: u32| char::from_digit(value & 15, 16).map_or(b'0', |digit| digit as u8);
    let mut rest = input;
    while let Some((first, tail)) = rest.split_first() {
        match sequence(rest) {
            Some((code, length)) => {
                out.extend_from_slice(b"%u");
                // Code points above U+FFFF need more digits, which come in pairs.
                let shifts: &[u32] = if code > 0xffff {
                    &[20, 16, 12, 8, 4, 0]
                } else {
                    &[12, 8, 4, 0]
                };
                out.extend(shifts.iter().map(|shift| digit(code >> shift)));
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
}

/// The code point of a multi-byte sequence, and the length of the sequence. Overlong forms count too, because rules
/// look for them.
fn sequence(text: &[u8]) -> Option<(u32, usize)> {
    let tail = |byte: &u8| (byte & 0xc0 == 0x80).then_some(u32::from(byte & 0x3f));
    match text {
        [a @ 0xc0..=0xdf, b, ..] => Some((u32::from(a & 0x1f) << 6 | tail(b)?, 2)),
        [a @ 0xe0..=0xef, b, c, ..] => {
            Some((u32::from(a & 0x0f) << 12 | tail(b)? << 6 | tail(c)?, 3))
        }
        [a @ 0xf0..=0xf7, b, c, d, ..] => Some((
            u32::from(a & 0x07) << 18 | tail(b)? << 12 | tail(c)? << 6 | tail(d)?,
            4,
        )),
        _ => None,
    }
}
