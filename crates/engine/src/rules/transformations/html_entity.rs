//! The transformation `htmlEntityDecode`, for the entities that rules need, with or without the semicolon.

use crate::rules::bytes::hex_value;

/// Decodes `&#DDD;`, `&#xHHH;` (the low byte), `&quot;`, `&amp;`, `&lt;`, `&gt;` and `&nbsp;`, in any case.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    while let Some(position) = memchr::memchr(b'&', rest) {
        out.extend_from_slice(rest.get(..position).unwrap_or_default());
        rest = rest.get(position + 1..).unwrap_or_default();
        let (byte, tail) = match rest {
            [b'#', b'x' | b'X', tail @ ..] => number(tail, 16),
            [b'#', tail @ ..] => number(tail, 10),
            _ => named(rest),
        };
        match byte {
            Some(byte) => {
                out.push(byte);
                rest = tail;
                if let [b';', tail @ ..] = rest {
                    rest = tail;
                }
            }
            None => out.push(b'&'),
        }
    }
    out.extend_from_slice(rest);
}

fn number(text: &[u8], radix: u32) -> (Option<u8>, &[u8]) {
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let count = text.iter().take_while(is_digit).count();
    if count == 0 {
        return (None, text);
    }
    let (digits, tail) = text.split_at(count);
    let code = digits.iter().fold(0u32, |code, byte| {
        // Only the low byte is kept, and an overflow does not change it.
        code.wrapping_mul(radix)
            .wrapping_add(u32::from(hex_value(*byte).unwrap_or(0)))
    });
    (Some((code & 0xff) as u8), tail)
}

fn named(text: &[u8]) -> (Option<u8>, &[u8]) {
    let count = text
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    let (name, tail) = text.split_at(count);
    let byte = [
        (&b"quot"[..], b'"'),
        (b"amp", b'&'),
        (b"lt", b'<'),
        (b"gt", b'>'),
        // The no-break space of ISO 8859-1, as in `ModSecurity`.
        (b"nbsp", 0xa0),
    ]
    .into_iter()
    .find(|(known, _)| name.eq_ignore_ascii_case(known))
    .map(|(_, byte)| byte);
    (byte, tail)
}
