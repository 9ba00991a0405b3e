//! `Content-Transfer-Encoding` of a part (RFC 2045 section 6). RFC 7578 deprecates it, and some servers still undo it, so
//! a value can hide in it.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// As lenient as common decoders: padding may be missing, and bits that are left over are ignored.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What an encoding makes of a content.
pub(super) enum Undone {
    /// Nothing: it is as it is.
    Plain,
    /// This.
    Text(Vec<u8>),
    /// Nobody knows the encoding.
    Unknown,
}

/// Undoes a part's transfer encoding.
///
/// # Arguments
/// * `encoding` - the header's value, "" without.
pub(super) fn undo(encoding: &str, content: &[u8]) -> Undone {
    let is = |known: &str| encoding.eq_ignore_ascii_case(known);
    if encoding.is_empty() || is("7bit") || is("8bit") || is("binary") {
        Undone::Plain
    } else if is("base64") {
        Undone::Text(base64(content))
    } else if is("quoted-printable") {
        Undone::Text(quoted_printable(content))
    } else {
        Undone::Unknown
    }
}

/// Skips everything but the alphabet and ends at the padding.
pub(super) fn base64(content: &[u8]) -> Vec<u8> {
    let mut letters: Vec<u8> = content
        .iter()
        .copied()
        .take_while(|byte| *byte != b'=')
        .filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
        .collect();
    // A single letter has no whole byte in it.
    if letters.len() % 4 == 1 {
        letters.pop();
    }
    LENIENT.decode(letters).unwrap_or_default()
}

fn quoted_printable(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len());
    let mut rest = content;
    loop {
        rest = match rest {
            [] => return out,
            // A soft line break (RFC 2045, 6.7, rule 5).
            [b'=', b'\r', b'\n', tail @ ..] | [b'=', b'\n', tail @ ..] => tail,
            [b'=', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.extend(super::super::percent::hex_pair(*high, *low));
                tail
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
}
