//! The transformation `jsDecode`, for the escapes of JavaScript strings.

use crate::rules::bytes;
use crate::rules::bytes::{hex_byte, hex_value};

/// Decodes `\uHHHH` (the low byte, full-width forms of ASCII recognised), `\u{H…}`, `\xHH`, `\OOO` and
/// single-character escapes.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            [b'\\', b'u', a, b, c, d, tail @ ..]
                if [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit()) =>
            {
                let high = hex_byte(*a, *b).unwrap_or(0);
                let low = hex_byte(*c, *d).unwrap_or(0);
                out.push(narrow(u32::from(high) << 8 | u32::from(low)));
                tail
            }
            [b'\\', b'u', b'{', tail @ ..] if braced(tail).is_some() => {
                let (code, tail) = braced(tail).unwrap_or((0, tail));
                out.push(narrow(code));
                tail
            }
            [b'\\', b'x', high, low, tail @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                out.extend(hex_byte(*high, *low));
                tail
            }
            [b'\\', b'0'..=b'7', ..] => octal(rest, out),
            [b'\\', letter, tail @ ..] => {
                out.push(escaped(*letter));
                tail
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
}

/// What a letter after a backslash stands for (ECMA-262, section 12.9.4); `\\a` comes from older engines.
const fn escaped(letter: u8) -> u8 {
    match letter {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        other => other,
    }
}

/// The byte for a code point: ASCII for its full-width form, else the low eight bits.
fn narrow(code: u32) -> u8 {
    let low = (code & 0xff) as u8;
    if code >> 8 == 0xff && low > 0 && low < 0x5f {
        low + 0x20
    } else {
        low
    }
}

/// Reads `H…}` with one to six digits (ECMAScript, code point escapes).
fn braced(text: &[u8]) -> Option<(u32, &[u8])> {
    let count = text
        .iter()
        .take(6)
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let (digits, tail) = text.split_at(count);
    let [b'}', tail @ ..] = tail else { return None };
    if digits.is_empty() {
        return None;
    }
    let code = digits.iter().fold(0u32, |code, byte| {
        code << 4 | u32::from(hex_value(*byte).unwrap_or(0))
    });
    Some((code, tail))
}

fn octal<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let tail = rest.get(1..).unwrap_or_default();
    let mut count = tail
        .iter()
        .take(3)
        .take_while(|byte| matches!(byte, b'0'..=b'7'))
        .count();
    // Three digits stand for a byte only up to `\377` (ECMA-262, section B.1.2).
    if count == 3 && tail.first().is_some_and(|first| *first > b'3') {
        count = 2;
    }
    let (digits, tail) = tail.split_at(count);
    out.push((bytes::octal(digits) & 0xff) as u8);
    tail
}
