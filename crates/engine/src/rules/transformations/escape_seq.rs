//! The transformation `escapeSeqDecode`, for the escapes of ANSI C.

use crate::rules::bytes;
use crate::rules::bytes::hex_byte;

/// Decodes `\a \b \f \n \r \t \v \\ \? \' \" \xHH \OOO`. Any other escape loses its backslash.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            [b'\\', b'x' | b'X', high, low, tail @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                out.extend(hex_byte(*high, *low));
                tail
            }
            [b'\\', b'0'..=b'7', ..] => octal(rest, out),
            [b'\\', letter, tail @ ..] => {
                match letter {
                    b'a' => out.push(0x07),
                    b'b' => out.push(0x08),
                    b'f' => out.push(0x0c),
                    b'n' => out.push(b'\n'),
                    b'r' => out.push(b'\r'),
                    b't' => out.push(b'\t'),
                    b'v' => out.push(0x0b),
                    other => out.push(*other),
                }
                tail
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
}

fn octal<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let tail = rest.get(1..).unwrap_or_default();
    let count = tail
        .iter()
        .take(3)
        .take_while(|byte| matches!(byte, b'0'..=b'7'))
        .count();
    let (digits, tail) = tail.split_at(count);
    // Three octal digits reach 511, so only the low byte is kept.
    out.push((bytes::octal(digits) & 0xff) as u8);
    tail
}
