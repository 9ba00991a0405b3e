//! Other spellings of ASCII that servers take for it: fullwidth forms (U+FF01 to U+FF5E and U+3000, folded by Unicode
//! normalisation and by the best-fit maps of Windows), overlong UTF-8, and `%uHHHH` (IIS, and `unescape` of JavaScript).

use crate::http::percent::hex_pair;
use crate::http::{Anomalies, Anomaly};

/// A value in plain spelling, which differs from the value that it was made from.
pub(super) struct Folded {
    pub(super) text: Vec<u8>,
    pub(super) anomalies: Anomalies,
}

/// The value in plain spelling. `None` when it is spelt plainly already.
pub(super) fn fold(value: &[u8]) -> Option<Folded> {
    // Nearly every value: one pass, no allocation.
    if value.is_ascii() && !has_escape(value) {
        return None;
    }
    let mut text = Vec::with_capacity(value.len());
    let mut anomalies = Anomalies::NONE;
    let mut changed = false;
    let mut rest = value;
    while let Some((letter, length)) = next(rest, &mut anomalies) {
        match letter {
            Some(letter) => {
                changed = true;
                let mut buffer = [0; 4];
                text.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
            }
            None => text.extend_from_slice(rest.get(..length).unwrap_or_default()),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    changed.then_some(Folded { text, anomalies })
}

fn has_escape(value: &[u8]) -> bool {
    memchr::memchr_iter(b'%', value).any(|at| matches!(value.get(at + 1), Some(b'u' | b'U')))
}

/// The character that the beginning is another spelling of (`None` when it is its own), and its length; nothing at the
/// end.
fn next(rest: &[u8], anomalies: &mut Anomalies) -> Option<(Option<char>, usize)> {
    Some(match rest {
        [] => return None,
        [b'%', b'u' | b'U', a, b, c, d, ..] => match (hex_pair(*a, *b), hex_pair(*c, *d)) {
            (Some(high), Some(low)) => {
                let code = u32::from(high) << 8 | u32::from(low);
                // `escape` of JavaScript, which writes such escapes, writes characters below 256 as `%HH`.
                anomalies.insert_if(code < 0x80, Anomaly::PercentUnicodeEscape);
                (char::from_u32(plain(code)), 6)
            }
            _ => (None, 1),
        },
        // U+FF01 to U+FF5E.
        [0xef, 0xbc, low @ 0x81..=0xbf, ..] => (ascii(u32::from(*low) - 0x81 + 0x21), 3),
        [0xef, 0xbd, low @ 0x80..=0x9e, ..] => (ascii(u32::from(*low) - 0x80 + 0x60), 3),
        [0xe3, 0x80, 0x80, ..] => (Some(' '), 3),
        // Two, three and four bytes for what one says.
        [first @ 0xc0..=0xc1, low @ 0x80..=0xbf, ..] => {
            anomalies.insert(Anomaly::OverlongUtf8);
            (ascii(u32::from(first & 1) << 6 | u32::from(low & 0x3f)), 2)
        }
        [0xe0, middle @ 0x80..=0x81, low @ 0x80..=0xbf, ..] => {
            anomalies.insert(Anomaly::OverlongUtf8);
            (ascii(u32::from(middle & 1) << 6 | u32::from(low & 0x3f)), 3)
        }
        [0xf0, 0x80, middle @ 0x80..=0x81, low @ 0x80..=0xbf, ..] => {
            anomalies.insert(Anomaly::OverlongUtf8);
            (ascii(u32::from(middle & 1) << 6 | u32::from(low & 0x3f)), 4)
        }
        [..] => {
            // As many bytes as possible in one piece: up to the next one that may begin another spelling.
            let plain = rest
                .iter()
                .skip(1)
                .position(|byte| *byte >= 0x80 || *byte == b'%');
            (None, plain.map_or(rest.len(), |at| at + 1))
        }
    })
}

fn ascii(code: u32) -> Option<char> {
    char::from_u32(code).filter(char::is_ascii)
}

/// The code of the ASCII character that a fullwidth form stands for; any other code stays.
fn plain(code: u32) -> u32 {
    match code {
        0xff01..=0xff5e => code - 0xff01 + 0x21,
        0x3000 => 0x20,
        _ => code,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folded(value: &[u8]) -> Option<(String, Vec<Anomaly>)> {
        fold(value).map(|folded| {
            (
                String::from_utf8_lossy(&folded.text).into_owned(),
                folded.anomalies.iter().collect(),
            )
        })
    }

    /// Each spelling becomes plain; only those that nobody writes by chance are odd.
    #[test]
    fn spellings() {
        let text = |text: &str, odd: &[Anomaly]| Some((text.to_owned(), odd.to_vec()));
        let fullwidth = "\u{ff07}\u{3000}\u{ff2f}\u{ff32}\u{3000}\u{ff11}\u{ff1d}\u{ff11}\u{ff5e}!";
        assert_eq!(folded(fullwidth.as_bytes()), text("' OR 1=1~!", &[]));
        for overlong in [
            &b"\xc0\xa7 or"[..],
            b"\xe0\x80\xa7 or",
            b"\xf0\x80\x80\xa7 or",
        ] {
            assert_eq!(folded(overlong), text("' or", &[Anomaly::OverlongUtf8]));
        }
        assert_eq!(folded(b"\xc1\xa1b"), text("ab", &[Anomaly::OverlongUtf8]));
        assert_eq!(
            folded(b"%u0027 or %U003d"),
            text("' or =", &[Anomaly::PercentUnicodeEscape])
        );
        assert_eq!(folded(b"%uff07x%u4e2d"), text("'x\u{4e2d}", &[]));
    }

    /// Ordinary text of any script stays, and escapes that are none.
    #[test]
    fn plain_text_stays() {
        for value in [
            "plain",
            "\u{e4}\u{4e2d}\u{6587}\u{1f600}",
            "100%",
            "%u12",
            "%uzzzz",
            "%27",
            "\u{ff71}",
            "50%user",
        ] {
            assert_eq!(folded(value.as_bytes()), None, "{value}");
        }
        assert_eq!(folded(b"\xff\xc0"), None);
    }

    proptest! {
        /// Any ASCII text in fullwidth forms comes back.
        #[test]
        fn fullwidth_comes_back(value in "[!-~]{1,40}") {
            let wide: String = value.bytes().filter_map(|byte| char::from_u32(u32::from(byte) - 0x21 + 0xff01)).collect();
            prop_assert_eq!(folded(wide.as_bytes()), Some((value, vec![])));
        }

        /// Whatever comes, what comes of it is no longer, and folding ends.
        #[test]
        fn never_longer(value in prop::collection::vec(prop::sample::select(vec![0xefu8, 0xbc, 0xbd, 0x81, 0x9e, 0xc0, 0xc1, 0xe0, 0x80, 0xf0, b'%', b'u', b'0', b'f', b'a']), 0..60)) {
            prop_assert!(fold(&value).is_none_or(|folded| folded.text.len() <= value.len()));
        }
    }
}
