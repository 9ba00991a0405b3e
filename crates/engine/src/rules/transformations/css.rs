//! The transformation `cssDecode` (CSS 2, section 4.1.3 "Characters and case").

use crate::rules::bytes::{hex_value, is_space};

/// Decodes `\` with one to six hexadecimal digits and one white space after them, `\` before a line break, and `\c`.
/// The last two digits count; full-width forms of ASCII are recognised.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] | [b'\\'] => return,
            [b'\\', tail @ ..] => escape(tail, out),
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
}

fn escape<'a>(tail: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let count = tail
        .iter()
        .take(6)
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let (digits, mut rest) = tail.split_at(count);
    if digits.is_empty() {
        let Some((first, rest)) = tail.split_first() else {
            return tail;
        };
        // An escaped line break stands for nothing (CSS 2, section 4.1.3).
        if *first != b'\n' {
            out.push(*first);
        }
        return rest;
    }
    let code = digits.iter().fold(0u32, |code, byte| {
        code << 4 | u32::from(hex_value(*byte).unwrap_or(0))
    });
    let mut byte = (code & 0xff) as u8;
    // Full-width ASCII is U+FF01 to U+FF5E. With five digits the first must be 0, with six digits the first two.
    if digits.len() >= 4 && code >> 8 == 0xff && byte > 0 && byte < 0x5f {
        byte += 0x20;
    }
    out.push(byte);
    // One white space ends the escape and belongs to it (CSS 2, section 4.1.3).
    if let [space, tail @ ..] = rest
        && is_space(*space)
    {
        rest = tail;
    }
    rest
}
