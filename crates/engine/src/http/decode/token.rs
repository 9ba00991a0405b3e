//! JSON Web Tokens (RFC 7519) and other tokens of their form: parts between dots, each Base64 of JSON. Nothing is verified
//! here: servers read claims before they verify, and some never do.

use super::{base64, json, link};

/// The first two bytes of any object, `{"`, in Base64.
const OBJECT: &[u8] = b"eyJ";
/// Parts that are looked at: header and claims.
const MAX_PARTS: usize = 2;

/// Gives `sink` path (`.sub`, `.header.kid`) and text of each string that is more than a word, as most are not; answers
/// whether the value is a token.
pub(super) fn claims(value: &[u8], mut sink: impl FnMut(&[u8], &[u8]) -> bool) -> bool {
    if !value.starts_with(OBJECT) || memchr::memchr(b'.', value).is_none() {
        return false;
    }
    // The third part is the signature: bytes, no text.
    let parts = value.split(|byte| *byte == b'.').take(MAX_PARTS);
    let texts: Vec<Vec<u8>> = parts.filter_map(base64::decode).collect();
    let mut any = false;
    for (number, text) in texts.iter().enumerate() {
        let prefix: &[u8] = if number == 0 && texts.len() == MAX_PARTS {
            b".header"
        } else {
            b""
        };
        let mut name = Vec::new();
        any |= json::leaves(text, |path, leaf| {
            name.clear();
            name.extend_from_slice(prefix);
            name.extend_from_slice(path);
            // Issuer and audience are addresses by design, and within clusters they name machines of the network.
            let names = matches!(name.as_slice(), b".iss" | b".aud") && link::is_address(leaf);
            let is_word = leaf
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte));
            names || is_word || sink(&name, leaf)
        });
    }
    any
}

#[cfg(test)]
mod tests {
    use ::base64::Engine as _;
    use ::base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::*;

    fn found(value: &str) -> Option<Vec<(String, String)>> {
        let mut all = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        claims(value.as_bytes(), |path, leaf| {
            all.push((text(path), text(leaf)));
            true
        })
        .then_some(all)
    }

    /// Claims and header of a token, the payload of a signed cookie; words with dots are none.
    #[test]
    fn tokens() {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let own = |path: &str, leaf: &str| (path.to_owned(), leaf.to_owned());
        let token = format!(
            "{}.{}.c2lnbmF0dXJl",
            part(r#"{"alg":"HS256","kid":"x/y"}"#),
            part(r#"{"sub":"anna s","n":1,"iss":"https://kubernetes.default.svc","aud":["/a"]}"#)
        );
        assert_eq!(
            found(&token),
            Some(vec![own(".header.kid", "x/y"), own(".sub", "anna s")])
        );
        let cookie = format!("{}.ZxYw1A.sIg_nature", part(r#"{"user":"anna s"}"#));
        assert_eq!(found(&cookie), Some(vec![own(".user", "anna s")]));
        for value in [
            "eyJ",
            "eyJ.eyJ.eyJ",
            "www.example.com",
            "eyJhbGciOiJIUzI1NiJ9",
            "",
        ] {
            assert_eq!(found(value), None, "{value}");
        }
    }
}
