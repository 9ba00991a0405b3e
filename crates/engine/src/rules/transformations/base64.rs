//! `base64Decode`, `base64DecodeExt`, `base64Encode` (RFC 4648 section 4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const fn digit(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => (byte - b'A') as u32,
        b'a'..=b'z' => (byte - b'a') as u32 + 26,
        b'0'..=b'9' => (byte - b'0') as u32 + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// Decodes digits. An incomplete group at the end gives the bytes that it has.
fn decode_digits(digits: impl Iterator<Item = u32>, out: &mut Vec<u8>) {
    let (mut group, mut bits) = (0u32, 0);
    for digit in digits {
        group = group << 6 | digit;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((group >> bits & 0xff) as u8);
        }
    }
}

/// Decodes up to the first byte that is not in the alphabet.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) {
    decode_digits(input.iter().map_while(|byte| digit(*byte)), out);
}

/// Decodes up to the padding and skips bytes that are not in the alphabet.
pub(super) fn decode_ext(input: &[u8], out: &mut Vec<u8>) {
    let digits = input.iter().take_while(|byte| **byte != b'=');
    decode_digits(digits.filter_map(|byte| digit(*byte)), out);
}

/// Encodes.
pub(super) fn encode(input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(STANDARD.encode(input).as_bytes());
}
