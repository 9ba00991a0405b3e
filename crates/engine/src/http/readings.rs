//! How else servers could read a path: the segmentations that common servers and frameworks make of one spelling.
//!
//! The strict reading ([`super::path::normalize`]) is how Envoy routes. The servers behind it read some paths differently,
//! in ways that are known:
//!
//! | server | what it does |
//! |---|---|
//! | Tomcat, Jetty, Spring | cut `;` parameters before they decode and before they resolve dot segments |
//! | nginx, Go, Flask, Starlette, PHP | decode `%2F` to a separator; nginx resolves dot segments after, Starlette never |
//! | ASP.NET | decode all but `%2F` |
//! | IIS, Windows | take a backslash for a slash, also `%5C`; know `%uXXXX` and best-fit forms such as `U+FF0F` |
//! | Express, Rails | split first, decode after, as the strict reading |
//! | gateways in front of one of these | decode once more |
//! | old decoders | take overlong UTF-8 (`%C0%AF`) for the character |
//! | C strings, decode-then-parse | end at NUL, `?` or `#` that came encoded |
//!
//! A reading is a whole path: no server splits at one `%2F` and not at the next. Their number is bounded by the
//! product of these choices ([`MAX_READINGS`]), whatever the path is, and each is made in linear time.

use std::borrow::Cow;

use super::percent;
use super::segments::{joined, replaced, with_slashes_kept};

/// Four ways to decode, backslashes separators or not, three ways with parameters, dot segments resolved or not.
pub const MAX_READINGS: usize = 4 * 2 * 3 * 2;

/// One more way to read a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Begins with `/`; no empty segments.
    pub path: String,
    /// It has a `..` segment. The reading resolves it, or keeps it as some servers do.
    pub climbs: bool,
    /// `;` parameters were cut.
    pub parameters_cut: bool,
}

/// How much is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decoding {
    /// Once, an encoded slash kept: as the strict reading.
    Strict,
    /// Once, all of it.
    All,
    /// Once, with the forms that lenient decoders know.
    Lenient,
    /// Twice, leniently.
    Twice,
}

/// What becomes of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cutting {
    /// They stay.
    Nothing,
    /// Those with a `;` that came as such go.
    Before,
    /// Those with any `;` go, and what is behind a decoded NUL, `?` or `#`.
    After,
}

/// How much is decoded, and whether backslashes that came encoded are separators; the most common ways first.
const WAYS: [(Decoding, bool); 8] = [
    (Decoding::Strict, false),
    (Decoding::Strict, true),
    (Decoding::All, false),
    (Decoding::All, true),
    (Decoding::Lenient, false),
    (Decoding::Lenient, true),
    (Decoding::Twice, false),
    (Decoding::Twice, true),
];

/// Readings that differ from the strict one and from one another, the most common ones first.
///
/// # Arguments
/// * `raw` - the path as it came, no query.
/// * `strict` - its strict reading.
/// * `decoded` - all of it decoded once.
#[must_use]
pub fn others(raw: &[u8], strict: &str, decoded: &str) -> Vec<Reading> {
    let mut readings = Vec::new();
    if !is_ambiguous(raw, decoded.as_bytes()) {
        return readings;
    }
    // Without a parameter nothing is cut, and then no reading says that it was.
    let has_parameters = memchr::memchr(b';', decoded.as_bytes()).is_some();
    // A plain backslash is a slash to Envoy, which hands it on as one.
    let raw = &*replaced(raw, b'\\', b"/");
    for (decoding, backslashes) in WAYS {
        for cutting in [Cutting::Before, Cutting::Nothing, Cutting::After] {
            let text = read(raw, decoding, backslashes, cutting);
            let resolved = joined(&text, true);
            // Some servers (Starlette) hand the dots on to the application.
            let literal = resolved.has_dots.then(|| joined(&text, false));
            for one in std::iter::once(resolved).chain(literal) {
                // Most of the 48 combinations give the same path; what is left is what a policy has to be asked about.
                let is_known = one.path == strict
                    || readings
                        .iter()
                        .any(|known: &Reading| known.path == one.path);
                if !is_known {
                    readings.push(Reading {
                        path: one.path,
                        climbs: one.climbs,
                        parameters_cut: cutting != Cutting::Nothing && has_parameters,
                    });
                }
            }
        }
    }
    readings
}

/// Whether there can be another reading. Most paths with escapes (`%20`, `%40`) have only one.
fn is_ambiguous(raw: &[u8], decoded: &[u8]) -> bool {
    let escapes = |escape: &[u8]| match escape {
        [b'%', b'u' | b'U', _] => true,
        [b'%', high, low] => matches!(
            percent::hex_pair(*high, *low),
            Some(b'/' | b'\\' | b';' | b'?' | b'#' | b'%' | 0)
        ),
        _ => false,
    };
    memchr::memchr(b';', raw).is_some()
        || raw.windows(3).any(escapes)
        || decoded.iter().any(|byte| *byte >= 0x80)
}

/// The text from which segments are made. `backslashes`: encoded backslashes are separators.
fn read(raw: &[u8], decoding: Decoding, backslashes: bool, cutting: Cutting) -> String {
    let raw = match cutting {
        // Tomcat and its heirs cut before they decode, so an encoded `;` stays.
        Cutting::Before => without_parameters(Cow::Borrowed(raw)),
        Cutting::Nothing | Cutting::After => Cow::Borrowed(raw),
    };
    let bytes = match decoding {
        Decoding::Strict => percent::decode_bytes(&with_slashes_kept(&raw)).into_owned(),
        Decoding::All => percent::decode_bytes(&raw).into_owned(),
        Decoding::Lenient => folded(&percent::decode_bytes(&with_units_decoded(&raw))),
        Decoding::Twice => {
            let once = percent::decode_bytes(&with_units_decoded(&raw)).into_owned();
            folded(&percent::decode_bytes(&with_units_decoded(&once)))
        }
    };
    let bytes = if backslashes {
        bytes
    } else {
        replaced(&bytes, b'\\', b"%5C").into_owned()
    };
    let bytes = match cutting {
        Cutting::After => {
            let end = bytes
                .iter()
                .position(|byte| matches!(byte, b'?' | b'#' | 0));
            let kept = end.and_then(|end| bytes.get(..end)).unwrap_or(&bytes);
            without_parameters(Cow::Borrowed(kept)).into_owned()
        }
        Cutting::Nothing | Cutting::Before => bytes,
    };
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

/// Each segment up to its first `;`.
fn without_parameters(path: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if memchr::memchr(b';', &path).is_none() {
        return path;
    }
    let mut kept = Vec::with_capacity(path.len());
    let mut in_parameter = false;
    for byte in path.iter() {
        match byte {
            b'/' | b'\\' => in_parameter = false,
            b';' => in_parameter = true,
            _ => {}
        }
        if !in_parameter {
            kept.push(*byte);
        }
    }
    Cow::Owned(kept)
}

/// `%u002f`, as IIS writes a UTF-16 unit, as the character it is; halves of pairs stay.
fn with_units_decoded(raw: &[u8]) -> Cow<'_, [u8]> {
    let unit = |rest: &[u8]| match rest {
        [b'%', b'u' | b'U', a, b, c, d, ..] => {
            let high = percent::hex_pair(*a, *b)?;
            let low = percent::hex_pair(*c, *d)?;
            char::from_u32(u32::from(high) << 8 | u32::from(low))
        }
        _ => None,
    };
    // Nearly every path has no such unit, and is not copied.
    if !raw.windows(6).any(|window| unit(window).is_some()) {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [first, tail @ ..] = rest {
        if let Some(decoded) = unit(rest) {
            out.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
            rest = rest.get(6..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    Cow::Owned(out)
}

/// Overlong UTF-8 and lookalikes of ASCII as the character that lenient decoders make of them.
fn folded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        if *first < 0x80 {
            out.push(*first);
            rest = tail;
            continue;
        }
        match lookalike(rest) {
            Some((ascii, length)) => {
                out.push(ascii);
                // The two dot leader is two.
                if rest.starts_with("\u{2025}".as_bytes()) {
                    out.push(ascii);
                }
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

/// The ASCII character of an overlong sequence or a lookalike at the beginning of `bytes`, and the sequence's length.
///
/// Lookalikes are those of Unicode's compatibility forms (NFKC, `UnicodeData.txt`) and of Windows' best-fit tables
/// (`bestfit1252.txt`) that end in a character that separates or names segments.
fn lookalike(bytes: &[u8]) -> Option<(u8, usize)> {
    let tail = |byte: &u8| (0x80..0xc0).contains(byte).then_some(byte & 0x3f);
    match bytes {
        // U+037E, the Greek question mark, is a semicolon (canonical).
        [0xcd, 0xbe, ..] => Some((b';', 2)),
        [first @ 0xc0..=0xc1, second, ..] => Some(((first & 1) << 6 | tail(second)?, 2)),
        [0xe0, second @ 0x80..=0x81, third, ..] => Some(((second & 1) << 6 | tail(third)?, 3)),
        [0xf0, 0x80, third @ 0x80..=0x81, fourth, ..] => {
            Some(((third & 1) << 6 | tail(fourth)?, 4))
        }
        // U+FF01 to U+FF5E are the full-width forms of `!` to `~`.
        [0xef, 0xbc, third @ 0x81..=0xbf, ..] => Some((third - 0x81 + b'!', 3)),
        [0xef, 0xbd, third @ 0x80..=0x9e, ..] => Some((third - 0x80 + b'`', 3)),
        // One dot leader, two dot leader; small full stop, semicolon and reverse solidus.
        [0xe2, 0x80, 0xa4 | 0xa5, ..] | [0xef, 0xb9, 0x92, ..] => Some((b'.', 3)),
        [0xef, 0xb9, 0x94, ..] => Some((b';', 3)),
        // U+2216, set minus (best fit).
        [0xef, 0xb9, 0xa8, ..] | [0xe2, 0x88, 0x96, ..] => Some((b'\\', 3)),
        // Fraction slash and division slash (best fit).
        [0xe2, 0x81, 0x84, ..] | [0xe2, 0x88, 0x95, ..] => Some((b'/', 3)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::path::normalize;
    use super::super::{Anomaly, Limits};
    use super::*;

    fn paths(raw: &str) -> Vec<String> {
        let normalized = normalize(raw.as_bytes(), &Limits::default());
        let others = normalized.others.into_iter().map(|one| one.path);
        std::iter::once(normalized.path).chain(others).collect()
    }

    /// Whatever hides `/private/x` in a path, one reading shows it.
    #[test]
    fn every_spelling_has_its_reading() {
        for raw in [
            "/private/x",
            "/private%2Fx",
            "/private%2fx",
            "/private%5cx",
            "/private\\x",
            "/private;a=b/x",
            "/private;/x",
            "/private/x;v=1",
            "/;/private/x",
            "/;a=b/private/x",
            "//private//x",
            "/./private/x",
            "/public/../private/x",
            "/public/%2e%2e;/private/x",
            "/public/..;/private/x",
            "/public/..;a=b/private/x",
            "/public;/..;/private;/x;",
            "/public/..%2fprivate/x",
            "/public%2f..%2fprivate%2fx",
            "/public/..%5cprivate/x",
            "/public/%2e%2e%2fprivate/x",
            "/public/%252e%252e/private/x",
            "/public/%252e%252e%252fprivate/x",
            "/public/..%253b/private/x",
            "/private%252fx",
            "/private%255cx",
            "/%2570rivate/x",
            "/private%253ba=b/x",
            "/private%3ba=b/x",
            "/private%u002fx",
            "/public/%u002e%u002e/private/x",
            "/public/%uff0e%uff0e%uff0fprivate/x",
            "/private%c0%afx",
            "/private%e0%80%afx",
            "/private%f0%80%80%afx",
            "/public/%c0%ae%c0%ae/private/x",
            "/public/%25c0%25ae%25c0%25ae/private/x",
            "/private%ef%bc%8fx",
            "/private%ef%bc%bcx",
            "/public/%ef%bc%8e%ef%bc%8e/private/x",
            "/public/%e2%80%a5/private/x",
            "/%ef%bd%90rivate/x",
            "/private/x%00.png",
            "/private/x%00",
            "/private/x%3fa=b",
            "/private/x%23a",
            "/private/x%253fa=b",
            "/private%2fx;a=b",
            "/private;a%2fb/x",
            "/private%5cx;a=b",
            "HTTP://shop/private/x",
        ] {
            let raw = raw.strip_prefix("HTTP://shop").unwrap_or(raw);
            assert!(paths(raw).contains(&"/private/x".to_owned()), "{raw}");
        }
    }

    /// Servers that split at slashes that came encoded, and leave dot segments alone, are among them; also one that
    /// splits at `%5C` only.
    #[test]
    fn servers_that_do_half_of_it_have_a_reading() {
        assert!(paths("/a/..%2Fb").contains(&"/a/../b".to_owned()));
        assert!(paths("/a%5Cb/c%2Fd").contains(&"/a/b/c%2Fd".to_owned()));
        assert!(paths("/a/..;/b").contains(&"/a/..;/b".to_owned()));
    }

    /// Ordinary paths, also odd ones, have one reading.
    #[test]
    fn ordinary_paths_have_one_reading() {
        for raw in [
            "/users/17",
            "/users/a%20b",
            "/users/ann%40example.com",
            "/v1/users:batchGet",
            "/odata/Products(17)",
            "/a~b/c+d/e,f/g=h&i",
            "/maps/@48.85,2.29,17z",
            "/100%25",
            "/users/%7Bid%7D",
            "/a/b/",
            "/caf%C3%A9/%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82/%E6%97%A5%E6%9C%AC",
        ] {
            assert_eq!(paths(raw).len(), 1, "{raw}: {:?}", paths(raw));
        }
    }

    /// Values that have separators of their own are read in few ways, and none of them climbs.
    #[test]
    fn values_with_separators_are_read_in_two_or_three_ways() {
        for (raw, readings) in [
            ("/v4/projects/group%2Fapp/issues/3", 2),
            ("/@scope%2fname", 2),
            ("/fetch/https%3A%2F%2Fexample.com%2Fa", 2),
            ("/bucket/2026/11/photo%2Bone%2F1.jpg", 2),
            ("/cars;color=red/parts", 2),
            ("/wiki/What%3F", 2),
            ("/tags/C%23", 2),
        ] {
            let normalized = normalize(raw.as_bytes(), &Limits::default());
            assert_eq!(
                normalized.others.len() + 1,
                readings,
                "{raw}: {normalized:?}"
            );
            assert!(
                !normalized.anomalies.contains(Anomaly::PathTraversal),
                "{raw}"
            );
        }
    }

    proptest! {
        /// Readings are rooted, have no empty segments, are as many as the choices allow at most, and differ.
        #[test]
        fn readings_are_paths(raw in prop::collection::vec(
            prop_oneof![Just(b'/'), Just(b'.'), Just(b'%'), Just(b'2'), Just(b'5'), Just(b'e'), Just(b'f'), Just(b'c'),
                Just(b'u'), Just(b'0'), Just(b'\\'), Just(b';'), Just(0xc0), Just(0xaf), any::<u8>()], 0..60)) {
            let normalized = normalize(&raw, &Limits::default());
            prop_assume!(normalized.path != "*");
            prop_assert!(normalized.others.len() <= MAX_READINGS);
            let mut seen = vec![normalized.path];
            for reading in normalized.others {
                prop_assert!(reading.path.starts_with('/') && !reading.path.contains("//"));
                prop_assert!(reading.path.split('/').all(|part| part != "..") || reading.climbs);
                prop_assert!(!seen.contains(&reading.path));
                seen.push(reading.path);
            }
        }
    }
}
