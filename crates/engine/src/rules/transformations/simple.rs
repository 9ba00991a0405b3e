//! White space, hexadecimal and digests.

use sha1::Digest as _;

use crate::rules::bytes::{hex_byte, hex_digit, hex_value, is_space};

/// Runs of white space (with the no-break space of ISO 8859-1) become one space.
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

/// White space goes, with the no-break space in ISO 8859-1 and in UTF-8.
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

/// White space (and NUL) off the left.
pub(super) fn trim_left(input: &[u8]) -> &[u8] {
    let mut rest = input;
    while let [byte, tail @ ..] = rest
        && is_space(*byte)
    {
        rest = tail;
    }
    rest
}

/// White space off the right.
pub(super) fn trim_right(input: &[u8]) -> &[u8] {
    let mut rest = input;
    while let [head @ .., byte] = rest
        && is_space(*byte)
    {
        rest = head;
    }
    rest
}

/// Pairs of hexadecimal digits to bytes; other letters count on from `f`, as in C.
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

/// Bytes to lower-case hexadecimal.
pub(super) fn hex_encode(input: &[u8], out: &mut Vec<u8>) {
    for byte in input {
        out.extend([hex_digit(byte >> 4), hex_digit(byte & 15)]);
    }
}

/// `0x` followed by pairs of digits becomes bytes.
pub(super) fn sql_hex_decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            [b'0', b'x' | b'X', high, low, ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let mut digits = rest.get(2..).unwrap_or_default();
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

/// MD5, raw.
pub(super) fn md5(input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&md5::Md5::digest(input));
}

/// SHA-1, raw.
pub(super) fn sha1(input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&sha1::Sha1::digest(input));
}
