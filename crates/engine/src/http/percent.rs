//! Percent decoding, once (RFC 3986 section 2.1; WHATWG URL for `+` in queries and forms).

use std::borrow::Cow;

/// What decoding met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// A `%` without two hexadecimal digits behind it; kept as it is.
    pub(crate) bad_escape: bool,
    /// The decoded bytes are not UTF-8; the odd ones became U+FFFD.
    pub(crate) invalid_utf8: bool,
}

/// The value of two hexadecimal digits.
pub(crate) fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    Some(digit(high)? << 4 | digit(low)?)
}

/// Decodes `raw` and appends it to `out` as UTF-8.
///
/// # Arguments
/// * `plus_is_space` - queries and forms write a space as `+`.
pub(crate) fn decode_into(raw: &[u8], plus_is_space: bool, out: &mut String) -> Decoded {
    let mut decoded = Decoded::default();
    let bytes = decode(raw, plus_is_space, &mut decoded);
    push_lossy(&bytes, out, &mut decoded);
    decoded
}

/// The decoded bytes, whatever they are.
pub(crate) fn decode_bytes(raw: &[u8]) -> Cow<'_, [u8]> {
    decode(raw, false, &mut Decoded::default())
}

/// Appends `bytes` as UTF-8, odd bytes replaced.
pub(crate) fn push_lossy(bytes: &[u8], out: &mut String, decoded: &mut Decoded) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        out.push_str(text);
    } else {
        decoded.invalid_utf8 = true;
        out.push_str(&String::from_utf8_lossy(bytes));
    }
}

/// The decoded bytes; borrowed when there was nothing to decode.
pub(crate) fn decode<'a>(
    raw: &'a [u8],
    plus_is_space: bool,
    decoded: &mut Decoded,
) -> Cow<'a, [u8]> {
    let found = if plus_is_space {
        memchr::memchr2(b'%', b'+', raw)
    } else {
        memchr::memchr(b'%', raw)
    };
    let Some(first) = found else {
        return Cow::Borrowed(raw);
    };
    let (head, mut rest) = raw.split_at(first);
    // Decoding makes no text longer, so this is the only allocation.
    let mut out = Vec::with_capacity(raw.len());
    out.extend_from_slice(head);
    loop {
        rest = match rest {
            [] => return Cow::Owned(out),
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.extend(hex_pair(*high, *low));
                tail
            }
            [b'%', tail @ ..] => {
                decoded.bad_escape = true;
                out.push(b'%');
                tail
            }
            [b'+', tail @ ..] if plus_is_space => {
                out.push(b' ');
                tail
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Escapes are decoded once, bad ones kept and reported.
    #[test]
    fn decoding() {
        for (raw, plus, text, bad, invalid) in [
            ("plain", true, "plain", false, false),
            ("a+b%20c", true, "a b c", false, false),
            ("a+b%20c", false, "a+b c", false, false),
            ("%2541", true, "%41", false, false),
            ("%C3%A4", true, "ä", false, false),
            ("%c0%af", true, "\u{fffd}\u{fffd}", false, true),
            ("100%", true, "100%", true, false),
            ("%u0041%4", true, "%u0041%4", true, false),
            ("%zz%41", true, "%zzA", true, false),
        ] {
            let mut out = String::new();
            let decoded = decode_into(raw.as_bytes(), plus, &mut out);
            assert_eq!(
                (out.as_str(), decoded.bad_escape, decoded.invalid_utf8),
                (text, bad, invalid),
                "{raw}"
            );
        }
    }
}
