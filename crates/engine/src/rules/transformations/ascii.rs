//! The transformation `utf8toAscii`: characters that servers, databases or fonts take for ASCII become ASCII; all other
//! text stays as it is.
//!
//! `utf8toUnicode` and `urlDecodeUni` keep the low byte of a character, so that Cyrillic becomes random letters, digits
//! and punctuation, in which rules find what nobody wrote. Here only characters change that some software really turns
//! into ASCII.

/// Replaces overlong forms of ASCII (RFC 3629, section 3), fullwidth and small forms (Unicode, compatibility
/// decompositions of U+FF01 to U+FF5E and U+FE50 to U+FE6B), and the quotes and brackets that code pages map to their
/// nearest character (best fit of Windows code pages, as SQL Server does from NVARCHAR to VARCHAR).
pub(super) fn from_utf8(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    while let Some((first, tail)) = rest.split_first() {
        if let Some((byte, length)) = folded(rest) {
            out.push(byte);
            rest = rest.get(length..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = tail;
        }
    }
}

/// The ASCII character for which a sequence passes, and the length of the sequence.
fn folded(text: &[u8]) -> Option<(u8, usize)> {
    let tail = |byte: &u8| (byte & 0xc0 == 0x80).then_some(byte & 0x3f);
    let ascii = |code: u32| u8::try_from(code).ok().filter(u8::is_ascii);
    match text {
        // These three are overlong: UTF-8 forbids them, but lenient decoders read them as ASCII.
        [a @ 0xc0..=0xc1, b, ..] => Some(((a & 1) << 6 | tail(b)?, 2)),
        [0xe0, b @ 0x80..=0x81, c, ..] => Some(((b & 1) << 6 | tail(c)?, 3)),
        [0xf0, 0x80, b @ 0x80..=0x81, c, ..] => Some(((b & 1) << 6 | tail(c)?, 4)),
        // U+02B9 to U+02BC, U+02C8
        [0xca, 0xb9 | 0xbb | 0xbc, ..] | [0xcb, 0x88, ..] => Some((b'\'', 2)),
        [0xca, 0xba, ..] => Some((b'"', 2)),
        // U+FF01 to U+FF5E
        [0xef, b @ 0xbc..=0xbd, c, ..] => {
            let code = 0xf000 | u32::from(b & 0x3f) << 6 | u32::from(tail(c)?);
            (0xff01..=0xff5e)
                .contains(&code)
                .then(|| ascii(code - 0xfee0))
                .flatten()
                .map(|byte| (byte, 3))
        }
        [a, b, c, ..] => Some((lookalike([*a, *b, *c])?, 3)),
        _ => None,
    }
}

/// The ASCII character for which a character of three bytes passes.
const fn lookalike(bytes: [u8; 3]) -> Option<u8> {
    Some(match bytes {
        // U+2032, U+2035
        [0xe2, 0x80, 0xb2 | 0xb5] => b'\'',
        // U+2033, U+2036
        [0xe2, 0x80, 0xb3 | 0xb6] => b'"',
        // U+2039, U+2329, U+3008, U+FE64
        [0xe2, 0x80, 0xb9] | [0xe2, 0x8c, 0xa9] | [0xe3, 0x80, 0x88] | [0xef, 0xb9, 0xa4] => b'<',
        // U+203A, U+232A, U+3009, U+FE65
        [0xe2, 0x80, 0xba] | [0xe2, 0x8c, 0xaa] | [0xe3, 0x80, 0x89] | [0xef, 0xb9, 0xa5] => b'>',
        // U+2044, U+2215
        [0xe2, 0x81, 0x84] | [0xe2, 0x88, 0x95] => b'/',
        // U+2216, U+FE68
        [0xe2, 0x88, 0x96] | [0xef, 0xb9, 0xa8] => b'\\',
        // U+FE54, U+FE59, U+FE5A, U+FE60, U+FE66, U+FE69
        [0xef, 0xb9, 0x94] => b';',
        [0xef, 0xb9, 0x99] => b'(',
        [0xef, 0xb9, 0x9a] => b')',
        [0xef, 0xb9, 0xa0] => b'&',
        [0xef, 0xb9, 0xa6] => b'=',
        [0xef, 0xb9, 0xa9] => b'$',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    fn ascii(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        super::from_utf8(text, &mut out);
        out
    }

    /// What passes for ASCII becomes it.
    #[test]
    fn lookalikes_become_ascii() {
        assert_eq!(
            ascii("＜script＞alert（１）".as_bytes()),
            b"<script>alert(1)"
        );
        assert_eq!(ascii("ʼ or 1＝1 〈b〉".as_bytes()), b"' or 1=1 <b>");
        assert_eq!(
            ascii(b"\xc0\xae\xc0\xae\xc0\xaf \xe0\x80\xa7 \xf0\x80\x80\xbc"),
            b"../ ' <"
        );
    }

    /// Text of any script stays, whatever the low bytes of its characters.
    #[test]
    fn other_scripts_stay() {
        for text in [
            "Онлайн = быстро; «да»",
            "中文：你好",
            "Ελληνικά",
            "עברית",
            "ไทย",
            "日本語 “quoted” ‘it’s’ — …",
            "👍🏽",
        ] {
            let expected = text.replace('：', ":");
            assert_eq!(ascii(text.as_bytes()), expected.as_bytes(), "{text}");
        }
    }

    proptest! {
        /// Never longer, and plain ASCII is never changed.
        #[test]
        fn never_longer(input in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(ascii(&input).len() <= input.len());
            let plain: Vec<u8> = input.iter().map(|byte| byte & 0x7f).collect();
            prop_assert_eq!(ascii(&plain), plain);
        }
    }
}
