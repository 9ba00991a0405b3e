//! Links and lists of pairs that were encoded to stand in a value: `https://host/path?a=b&c=d`, `a=b&c=d`. Each
//! text between `&` and `?` is a value; together they would look like commands to rules that know shells.

/// Bytes that links consist of (RFC 3986, 2), those left out that shells and languages divide words by.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b':'
                | b'/'
                | b'?'
                | b'#'
                | b'@'
                | b'&'
                | b'='
                | b'+'
                | b','
                | b'%'
        )
}

/// Whether a value is a web address of plain characters, or the path of one.
pub(super) fn is_address(value: &[u8]) -> bool {
    let begins = [&b"http://"[..], b"https://", b"/"]
        .iter()
        .any(|start| value.starts_with(start));
    begins && value.iter().copied().all(is_plain)
}

/// Gives `sink` name (`.a`) and value of each piece of a link that has several; answers whether the value is one.
pub(super) fn pairs(value: &[u8], mut sink: impl FnMut(&[u8], &[u8]) -> bool) -> bool {
    let pieces = || value.split(|byte| matches!(byte, b'?' | b'&' | b'#'));
    let is_name = |name: &[u8]| {
        name.iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte))
    };
    let key_of = |piece: &[u8]| memchr::memchr(b'=', piece);
    // An address before its query has no name. Each other piece has a name, or is a single word.
    let rest = usize::from(is_address(value));
    let named = pieces().skip(rest).all(|piece| {
        let name = piece.get(..key_of(piece).unwrap_or(piece.len()));
        is_name(name.unwrap_or_default())
    });
    let has_pieces = pieces().count() > 1 || (rest == 0 && key_of(value).is_some());
    if !named || !has_pieces || !value.iter().copied().all(is_plain) {
        return false;
    }
    let mut name = Vec::new();
    for (number, piece) in pieces().enumerate() {
        let equals = key_of(piece).filter(|_| number >= rest);
        let (key, text) = match equals {
            Some(at) => (
                piece.get(..at).unwrap_or_default(),
                piece.get(at + 1..).unwrap_or_default(),
            ),
            None => (&b""[..], piece),
        };
        name.clear();
        name.push(b'.');
        name.extend_from_slice(key);
        if !text.is_empty() && !sink(&name, text) {
            return true;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(value: &str) -> Option<Vec<(String, String)>> {
        let mut all = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        pairs(value.as_bytes(), |name, piece| {
            all.push((text(name), text(piece)));
            true
        })
        .then_some(all)
    }

    /// Pieces of links and lists, with a name where they have one.
    #[test]
    fn links() {
        let own = |pairs: &[(&str, &str)]| {
            Some(
                pairs
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
            )
        };
        for (value, expected) in [
            (
                "https://example.com/a?b=c&d=e#f",
                &[
                    (".", "https://example.com/a"),
                    (".b", "c"),
                    (".d", "e"),
                    (".", "f"),
                ][..],
            ),
            ("a=1&whoami&b=", &[(".a", "1"), (".", "whoami")]),
            (
                "/login?next=%2Fhome",
                &[(".", "/login"), (".next", "%2Fhome")],
            ),
        ] {
            assert_eq!(found(value), own(expected), "{value}");
        }
    }

    /// What divides words for a shell or a language is in no link; what has no mark of one is none.
    #[test]
    fn other_texts() {
        for value in [
            "a=1; id",
            "a=b|c",
            "https://x/$(id)",
            "a='b'",
            "whoami",
            "a b=c",
            "x`id`=1",
            "php://filter/read=x",
            "https://example.com/a",
            "https://example.com/?a/b=c",
        ] {
            assert_eq!(found(value), None, "{value}");
        }
    }
}
