//! Secrets that begin with a literal: JSON Web Tokens, PEM private keys, keys of cloud services.

use aho_corasick::packed;

use super::text::{at, before, is_base64url, is_word};
use super::{Class, ClassSet};

/// The kind of secret that a literal begins.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Jwt,
    PrivateKey,
    Key {
        alphabet: fn(u8) -> bool,
        least: usize,
        most: usize,
    },
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn hexadecimal(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn dotted(byte: u8) -> bool {
    is_base64url(byte) || byte == b'.'
}

fn azure(byte: u8) -> bool {
    dotted(byte) || byte == b'~'
}

const fn key(
    prefix: &'static str,
    alphabet: fn(u8) -> bool,
    least: usize,
    most: usize,
) -> (&'static str, Kind) {
    (
        prefix,
        Kind::Key {
            alphabet,
            least,
            most,
        },
    )
}

/// Literal and what it begins; for keys the alphabet and length of what follows. Forms as the issuers
/// document them: AWS IAM unique identifiers, Google API keys, GitHub and GitLab token formats, Slack token
/// types, Stripe keys, Azure storage connection strings and Entra client secrets, npm, `SendGrid`,
/// `DigitalOcean`, Hugging Face, Shopify and Square tokens.
const LITERALS: [(&str, Kind); 34] = [
    ("eyJ", Kind::Jwt),
    ("-----BEGIN ", Kind::PrivateKey),
    key("AKIA", upper_or_digit, 16, 16),
    key("ASIA", upper_or_digit, 16, 16),
    key("ABIA", upper_or_digit, 16, 16),
    key("ACCA", upper_or_digit, 16, 16),
    key("AIza", is_base64url, 35, 35),
    key("ghp_", alphanumeric, 36, 251),
    key("gho_", alphanumeric, 36, 251),
    key("ghu_", alphanumeric, 36, 251),
    key("ghs_", alphanumeric, 36, 251),
    key("ghr_", alphanumeric, 36, 251),
    key("github_pat_", word, 82, 251),
    key("glpat-", is_base64url, 20, 300),
    key("xoxb-", is_base64url, 20, 300),
    key("xoxp-", is_base64url, 20, 300),
    key("xoxa-", is_base64url, 20, 300),
    key("xoxr-", is_base64url, 20, 300),
    key("xoxs-", is_base64url, 20, 300),
    key("xapp-", is_base64url, 20, 300),
    key("sk_live_", alphanumeric, 16, 256),
    key("sk_test_", alphanumeric, 16, 256),
    key("rk_live_", alphanumeric, 16, 256),
    key("rk_test_", alphanumeric, 16, 256),
    key("AccountKey=", base64, 88, 88),
    key("8Q~", azure, 31, 34),
    key("7Q~", azure, 31, 34),
    key("npm_", alphanumeric, 36, 36),
    key("SG.", dotted, 66, 66),
    key("dop_v1_", hexadecimal, 64, 64),
    key("hf_", alphanumeric, 34, 40),
    key("shpat_", hexadecimal, 32, 32),
    key("sq0atp-", is_base64url, 22, 22),
    key("sq0csp-", is_base64url, 43, 43),
];

/// Searches for all literals at once.
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    searcher: packed::Searcher,
    kinds: Vec<(usize, Kind)>,
}

/// A secret found.
pub(super) struct Found {
    pub(super) class: Class,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Tokens {
    /// A searcher for the secrets of `classes` that begin with a literal. `None` when no class has such secrets.
    pub(super) fn new(classes: ClassSet) -> Option<Self> {
        let wanted = |kind: &Kind| match kind {
            Kind::Jwt => classes.contains(Class::Jwt),
            Kind::PrivateKey => classes.contains(Class::PrivateKey),
            Kind::Key { .. } => classes.contains(Class::CloudKey),
        };
        let chosen = || LITERALS.iter().filter(|(_, kind)| wanted(kind));
        let searcher = packed::Searcher::new(chosen().map(|(literal, _)| literal))?;
        Some(Self {
            searcher,
            kinds: chosen()
                .map(|(literal, kind)| (literal.len(), *kind))
                .collect(),
        })
    }

    /// The first secret from `from` on.
    pub(super) fn find(&self, text: &[u8], from: usize) -> Option<Found> {
        let mut position = from;
        loop {
            let span = aho_corasick::Span {
                start: position,
                end: text.len(),
            };
            let found = self.searcher.find_in(text, span)?;
            let start = found.start();
            let (length, kind) = self.kinds.get(found.pattern().as_usize())?;
            let hit = match kind {
                Kind::Jwt => jwt(text, start).map(|end| (Class::Jwt, start, end)),
                Kind::PrivateKey => {
                    private_key(text, start).map(|end| (Class::PrivateKey, start, end))
                }
                Kind::Key {
                    alphabet,
                    least,
                    most,
                } => {
                    let tail = key_tail(text, start, start + length, *alphabet, *least..=*most);
                    tail.map(|(start, end)| (Class::CloudKey, start, end))
                }
            };
            if let Some((class, start, end)) = hit {
                return Some(Found { class, start, end });
            }
            // By one byte, because another literal may begin within this one.
            position = start + 1;
        }
    }
}

/// Bytes of a JWT header that are looked at; real ones have 30 to 300.
const MAX_JWT_HEADER_BYTES: usize = 2048;

/// RFC 7519 in compact form: a base64url header that names an algorithm, and two or (RFC 7516) four more parts.
fn jwt(text: &[u8], start: usize) -> Option<usize> {
    if before(text, start, 1).is_some_and(is_base64url) {
        return None;
    }
    let run = |from: usize| {
        text.get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|b| is_base64url(**b))
            .count()
    };
    let window = text.get(start..).unwrap_or_default();
    let header = window
        .iter()
        .take(MAX_JWT_HEADER_BYTES)
        .take_while(|b| is_base64url(**b))
        .count();
    let mut end = start + header;
    if !names_algorithm(text.get(start..end)?) {
        return None;
    }
    let mut parts = 0;
    let mut payload = 0;
    while parts < 4 && at(text, end) == Some(b'.') {
        let length = run(end + 1);
        payload = if parts == 0 { length } else { payload };
        end += 1 + length;
        parts += 1;
    }
    // RFC 7516 appendix A: only an encrypted token, of five parts, may have an empty second one.
    ((parts >= 2 && payload >= 2) || parts == 4).then_some(end)
}

/// Whether base64url text decodes to something with `"alg"` in it (RFC 7515 section 4.1.1 requires it).
fn names_algorithm(encoded: &[u8]) -> bool {
    let mut decoded = Vec::with_capacity(encoded.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in encoded {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            // `_`: the caller takes only characters of the alphabet.
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count & 0xff) as u8);
        }
    }
    memchr::memmem::find(&decoded, b"\"alg\"").is_some()
}

/// RFC 7468: `-----BEGIN … PRIVATE KEY-----` to its end line, or to the end of the text when that is missing.
fn private_key(text: &[u8], start: usize) -> Option<usize> {
    let label_start = start + b"-----BEGIN ".len();
    let label = text.get(label_start..)?;
    // Labels are short. Without a bound, each `-----BEGIN` would search the rest of the text.
    let length = memchr::memmem::find(label.get(..48).unwrap_or(label), b"-----")?;
    let label = label.get(..length)?;
    let is_label = label
        .iter()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b' ');
    // "PGP PRIVATE KEY BLOCK" (RFC 9580 section 6.2) and every "… PRIVATE KEY".
    if !is_label || memchr::memmem::find(label, b"PRIVATE KEY").is_none() {
        return None;
    }
    let body = label_start + length + 5;
    let Some(end) = memchr::memmem::find(text.get(body..)?, b"-----END ") else {
        return Some(text.len());
    };
    let tail = body + end + 9;
    let close = text.get(tail..)?;
    let close = memchr::memmem::find(close.get(..64).unwrap_or(close), b"-----");
    Some(close.map_or(text.len().min(tail), |length| tail + length + 5))
}

/// The characters behind a key's prefix: as many as it has, and then something else.
fn key_tail(
    text: &[u8],
    start: usize,
    from: usize,
    alphabet: fn(u8) -> bool,
    lengths: std::ops::RangeInclusive<usize>,
) -> Option<(usize, usize)> {
    // An Entra client secret has three characters before its `8Q~`.
    let is_azure = text.get(from.checked_sub(2)?..from) == Some(b"Q~");
    let start = if is_azure {
        start.checked_sub(3)?
    } else {
        start
    };
    if before(text, start, 1).is_some_and(is_word) {
        return None;
    }
    let rest = text.get(from..)?;
    let length = rest
        .iter()
        // One more than the longest key, so that a longer word is not taken for a key.
        .take(lengths.end() + 1)
        .take_while(|b| alphabet(**b))
        .count();
    // A full stop at the end of a sentence does not belong to the key.
    let stops = rest
        .get(..length)?
        .iter()
        .rev()
        .take_while(|b| **b == b'.')
        .count();
    let length = length - stops;
    (lengths.contains(&length)).then_some((start, from + length))
}

#[cfg(test)]
mod tests {
    use super::super::Class;
    use super::super::tests::{assert_found, assert_not_found};

    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

    /// Tokens alone, behind `Bearer`, unsigned, and encrypted.
    #[test]
    fn jwts() {
        assert_found(Class::Jwt, JWT, JWT);
        assert_found(Class::Jwt, &format!("Bearer {JWT}\""), JWT);
        let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.";
        assert_found(Class::Jwt, unsigned, unsigned);
        let encrypted = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXY.Y2lwaGVy.dGFn";
        assert_found(Class::Jwt, encrypted, encrypted);
        let wrapped = "eyJhbGciOiJSU0EtT0FFUCJ9.a2V5.aXY.Y2lwaGVy.dGFn";
        assert_found(Class::Jwt, wrapped, wrapped);
        for text in [
            "eyJ",
            "eyJhbGciOiJIUzI1NiJ9",
            "eyJhbGciOiJIUzI1NiJ9.x.y",
            "eyJmb28iOiJiYXIifQ.eyJzdWIiOiIxIn0.c2ln",
        ] {
            assert_not_found(Class::Jwt, text);
        }
        assert_not_found(Class::Jwt, &format!("x{JWT}"));
    }

    /// Private keys of every label, whole or cut short; public keys and certificates are none.
    #[test]
    fn private_keys() {
        for label in [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "PGP PRIVATE KEY BLOCK",
        ] {
            let pem = format!("-----BEGIN {label}-----\nMIIB\n-----END {label}-----");
            assert_found(Class::PrivateKey, &format!("x {pem} y"), &pem);
            let open = format!("-----BEGIN {label}-----\nMIIB");
            assert_found(Class::PrivateKey, &open, &open);
        }
        for text in [
            "-----BEGIN PUBLIC KEY-----\nx",
            "-----BEGIN CERTIFICATE-----",
            "BEGIN PRIVATE KEY",
            "-----BEGIN ",
        ] {
            assert_not_found(Class::PrivateKey, text);
        }
    }

    /// One made-up key of each issuer's form; too short, too long and in a word are none.
    #[test]
    fn cloud_keys() {
        let filler = "a1B2c3D4e5F6g7H8i9J0".repeat(16);
        let hex = "0123456789abcdef".repeat(16);
        let of = |prefix: &str, length: usize| format!("{prefix}{}", filler.get(..length).unwrap());
        let keys = [
            "AKIAIOSFODNN7EXAMPLE".to_owned(),
            "ASIAIOSFODNN7EXAMPLE".to_owned(),
            of("AIza", 35),
            of("ghp_", 36),
            of("gho_", 36),
            of("github_pat_", 82),
            of("glpat-", 20),
            of("xoxb-", 40),
            of("xapp-", 40),
            of("sk_live_", 24),
            of("rk_test_", 24),
            format!("AccountKey={}==", filler.get(..86).unwrap()),
            of("abc8Q~", 34),
            of("npm_", 36),
            format!(
                "SG.{}.{}",
                filler.get(..22).unwrap(),
                filler.get(..43).unwrap()
            ),
            format!("dop_v1_{}", hex.get(..64).unwrap()),
            of("hf_", 34),
            format!("shpat_{}", hex.get(..32).unwrap()),
            of("sq0atp-", 22),
            of("sq0csp-", 43),
        ];
        for key in &keys {
            assert_found(Class::CloudKey, key, key);
            assert_found(Class::CloudKey, &format!("key={key}, "), key);
            assert_found(Class::CloudKey, &format!("{{\"k\":\"{key}\"}}"), key);
            assert_not_found(Class::CloudKey, &format!("x{key}"));
        }
        for text in [
            "AKIAIOSFODNN7EXAMPL",
            "AKIAIOSFODNN7EXAMPLEX",
            "AKIAiosfodnn7example",
            "ghp_short",
            "sk_live_",
            "npm_install",
            "SG.1",
        ] {
            assert_not_found(Class::CloudKey, text);
        }
    }
}
