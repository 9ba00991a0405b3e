//! The transformations of white space, hexadecimal digits and digests.

use sha1::Digest as _;

use crate::rules::bytes::{hex_byte, hex_digit, hex_value, is_space};

/// Each run of white space (including the no-break space of ISO 8859-1) becomes one space.
pub(super) fn compress_whitespace(input: &[u8], out: &mut Vec<u8>) {
    let mut space = false;
    for byte in input {
        if is_space(*byte) || *byte == 0xa0 {
            if !space {
                out.push(b' ');
            }
            space = true;
        } else {
            out.push(*byte);
            space = false;
        }
    }
}

/// Removes white space, including the no-break space in ISO 8859-1 and in UTF-8.
pub(super) fn remove_whitespace(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            [0xc2, 0xa0, tail @ ..] | [0xa0, tail @ ..] => tail,
            [byte, tail @ ..] => {
                if !is_space(*byte) {
                    out.push(*byte);
                }
                tail
            }
        };
    }
}

/// Removes white space from the beginning.
pub(super) fn trim_left(input: &[u8]) -> &[u8] {
    let mut rest = input;
    while let [byte, tail @ ..] = rest
        && is_space(*byte)
    {
        rest = tail;
    }
    rest
}

/// Removes white space from the end.
pub(super) fn trim_right(input: &[u8]) -> &[u8] {
    let mut rest = input;
    while let [head @ .., byte] = rest
        && is_space(*byte)
    {
        rest = head;
    }
    rest
}

/// Pairs of hexadecimal digits become bytes. Letters after `f` count on from it, as in the C code of `ModSecurity`.
pub(super) fn hex_decode(input: &[u8], out: &mut Vec<u8>) {
    for pair in input.chunks_exact(2) {
        if let [high, low] = pair {
            let digit = |byte: u8| match hex_value(byte) {
                Some(value) => value,
                None if byte >= b'A' => (byte & 0xdf).wrapping_sub(b'A').wrapping_add(10),
                None => byte.wrapping_sub(b'0'),
            };
            out.push(digit(*high).wrapping_mul(16).wrapping_add(digit(*low)));
        }
    }
}

/// Bytes become hexadecimal digits in lower case.
pub(super) fn hex_encode(input: &[u8], out: &mut Vec<u8>) {
    for byte in input {
        out.extend([hex_digit(byte >> 4), hex_digit(byte & 15)]);
    }
}

/// Replaces `0x` and the pairs of digits after it by bytes.
pub(super) fn sql_hex_decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            [b'0', b'x' | b'X', high, low, ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let mut digits = rest.get(2..).unwrap_or_default();
                // An odd digit at the end stays as text.
                while let [high, low, tail @ ..] = digits
                    && let Some(byte) = hex_byte(*high, *low)
                {
                    out.push(byte);
                    digits = tail;
                }
                digits
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
}

/// The MD5 digest as raw bytes.
pub(super) fn md5(input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&md5::Md5::digest(input));
}

/// The SHA-1 digest as raw bytes.
pub(super) fn sha1(input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&sha1::Sha1::digest(input));
}
