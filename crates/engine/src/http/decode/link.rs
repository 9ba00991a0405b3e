//! Links and lists of pairs that were encoded to stand in a value: `https://host/path?a=b&c=d`, `a=b&c=d`. What `&` and
//! `?` divide is a value each; together they look like commands to rules that know shells.

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

/// Gives `sink` name (`.a`) and value of each piece of a link; answers whether the value is one.
pub(super) fn pairs(value: &[u8], mut sink: impl FnMut(&[u8], &[u8]) -> bool) -> bool {
    let begins =
        value.starts_with(b"http://") || value.starts_with(b"https://") || value.starts_with(b"/");
    let is_list = || memchr::memchr(b'=', value).is_some();
    if !value.iter().copied().all(is_plain) || !(begins || is_list()) {
        return false;
    }
    let mut name = Vec::new();
    for piece in value.split(|byte| matches!(byte, b'?' | b'&' | b'#')) {
        let equals = memchr::memchr(b'=', piece);
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
            "php://filter",
        ] {
            assert_eq!(found(value), None, "{value}");
        }
    }
}
