//! Base64 of printable text (RFC 4648, 4 and 5): both alphabets, with and without padding, in lines, and in `data:` URLs.
//! Identifiers, hashes and images are Base64 of other bytes and stay what they are.

use super::Printable;

/// Decoded bytes below which a word is not taken for Base64: short words are Base64 of something by chance.
const MIN_TEXT_BYTES: usize = 6;

const fn table() -> [u8; 256] {
    let mut table = [NONE; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0u8;
    let mut rest: &[u8] = alphabet;
    while let [letter, tail @ ..] = rest {
        set(&mut table, *letter, value);
        value += 1;
        rest = tail;
    }
    set(&mut table, b'-', 62);
    set(&mut table, b'_', 63);
    // A form turns a `+` that a client did not escape into a blank.
    set(&mut table, b' ', 62);
    set(&mut table, b'\r', SKIP);
    set(&mut table, b'\n', SKIP);
    table
}

#[expect(
    clippy::indexing_slicing,
    reason = "a byte indexes a table of 256, when the program is compiled"
)]
const fn set(table: &mut [u8; 256], letter: u8, value: u8) {
    table[letter as usize] = value;
}

/// No digit.
const NONE: u8 = 0xff;
/// Passed over.
const SKIP: u8 = 0xfe;

static TABLE: [u8; 256] = table();

/// The printable text that the whole value is Base64 of; `None` otherwise. Reading ends at the first byte that shows that
/// it is none, so identifiers cost a few bytes each.
pub(crate) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let value = if value.starts_with(b"data:") {
        let marker = b";base64,";
        // Bounded: the media type of a `data:` URL is short, and a long value must not be searched as a whole.
        let at = memchr::memmem::find(value.get(..128).unwrap_or(value), marker)?;
        value.get(at + marker.len()..)?
    } else {
        value
    };
    let padding = value.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 {
        return None;
    }
    let digits = value.get(..value.len() - padding)?;
    let mut printable = Printable::NEW;
    // Twice over the digits, so that nothing is allocated for the many values that are not Base64 of a text.
    let count = bytes(digits, |byte| printable.take(byte))?;
    // A single digit is not a byte. Few decoders look at bits that are left over (RFC 4648, 3.5).
    if count % 4 == 1 || count / 4 * 3 + count % 4 * 3 / 4 < MIN_TEXT_BYTES {
        return None;
    }
    let mut text = Vec::with_capacity(count / 4 * 3 + 2);
    bytes(digits, |byte| {
        text.push(byte);
        true
    })?;
    // UTF-8 is checked at the end, because a character may lie across two groups of digits.
    std::str::from_utf8(&text).is_ok().then_some(text)
}

/// Gives `take` each byte, until `take` declines or a letter is not a digit. Returns how many digits there were.
fn bytes(digits: &[u8], mut take: impl FnMut(u8) -> bool) -> Option<usize> {
    let (mut bits, mut held, mut count) = (0u32, 0u32, 0usize);
    for letter in digits {
        let digit = *TABLE.get(usize::from(*letter))?;
        if digit == SKIP {
            continue;
        }
        if digit == NONE {
            return None;
        }
        count += 1;
        // Older bits are shifted out at the top; only the last `held` of them count.
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            #[expect(clippy::cast_possible_truncation, reason = "the low byte is meant")]
            let byte = (bits >> held) as u8;
            take(byte).then_some(())?;
        }
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use ::base64::Engine as _;
    use ::base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> Option<String> {
        decode(value.as_bytes()).map(|text| String::from_utf8(text).unwrap())
    }

    /// Text comes out, whichever alphabet, padding and lines it is written in.
    #[test]
    fn printable_text_is_decoded() {
        for (value, expected) in [
            ("JyBPUiAnMSc9JzE=", "' OR '1'='1"),
            ("JyBPUiAnMSc9JzE", "' OR '1'='1"),
            ("JyBPUiAn\r\nMSc9JzE=", "' OR '1'='1"),
            ("data:text/html;base64,PHNjcmlwdD4=", "<script>"),
            ("w7zDpMO2w58=", "\u{fc}\u{e4}\u{f6}\u{df}"),
            ("fn5+fn5+", "~~~~~~"),
            ("fn5-fn5-", "~~~~~~"),
            ("fn5 fn5 ", "~~~~~~"),
        ] {
            assert_eq!(text(value).as_deref(), Some(expected), "{value}");
        }
    }

    /// Words, ids, hashes and images are no text in Base64.
    #[test]
    fn other_words_stay() {
        for value in [
            "",
            "application",
            "username",
            "customer-orders",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "d41d8cd98f00b204e9800998ecf8427e",
            "01HF8Z3K9W6V2N5J7Q4R8T1YBC",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
            "/9j/4AAQSkZJRgABAQAAAQABAAD",
            "hello world this is a text of words",
            "a==b====",
            "AAAAAAAAAAAA",
            "2024-01-01",
        ] {
            assert_eq!(text(value), None, "{value}");
        }
    }

    proptest! {
        /// Any text of at least six bytes comes back.
        #[test]
        fn text_comes_back(value in "[ -~]{6,60}", form in 0..3) {
            let encoded = match form {
                0 => BASE64_STANDARD.encode(&value),
                1 => BASE64_STANDARD_NO_PAD.encode(&value),
                _ => BASE64_URL_SAFE_NO_PAD.encode(&value),
            };
            prop_assert_eq!(text(&encoded), Some(value));
        }

        /// Whatever comes, what comes of it is shorter.
        #[test]
        fn never_longer(value in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(decode(&value).is_none_or(|text| text.len() < value.len()));
        }
    }
}
