//! Path normalisation: one form for endpoint look-up, policies, rules and events.
//!
//! That form is the *strict reading*: RFC 3986 as Envoy routes by it. The path is split at slashes as they came, each
//! segment is percent-decoded once, empty and dot segments are removed (RFC 3986 section 5.2.4). A separator that came
//! encoded is data of its segment and stays encoded (`%2F`, `%5C`), for ids such as `group%2Fproject` are common.
//! Envoy sends the upstream *its* path, so decisions agree with what the upstream sees only when Envoy and the
//! upstream read the path alike. Starfort's listener sets `normalize_path: true` and `merge_slashes: true`, which do
//! the same to plain paths; both take a backslash for a slash.
//!
//! What servers read differently gives [`other readings`](super::readings), and is flagged. Letter case and a
//! trailing slash are kept.

use super::readings::{self, Reading};
use super::segments::{joined, replaced, with_slashes_kept};
use super::{Anomalies, Anomaly, Limits, percent};

/// A normalised path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalizedPath {
    /// The strict reading: starts with `/` (or is `*`, as in `OPTIONS *`); no query; valid UTF-8.
    pub path: String,
    /// Other ways in which servers could read it. Nearly every path has none.
    pub others: Vec<Reading>,
    /// What was odd about it.
    pub anomalies: Anomalies,
}

/// Request target split at the first `?`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target<'a> {
    /// The normalised path.
    pub path: String,
    /// Other ways in which servers could read the path.
    pub others: Vec<Reading>,
    /// The raw query without `?`; `None` when the target has no `?`.
    pub query: Option<&'a [u8]>,
    /// What was odd about length and path.
    pub anomalies: Anomalies,
}

/// Splits `:path` into path and query and normalises the path.
///
/// # Arguments
/// * `raw` - `:path` as Envoy has it: origin-form, or `*`; of an absolute-form the scheme and the authority are
///   cut (RFC 9112, 3.2.2). A fragment, which no client should send, is cut.
/// * `limits` - `uri_bytes`: what is beyond is not read and flagged.
#[must_use]
pub fn split<'a>(raw: &'a [u8], limits: &Limits) -> Target<'a> {
    let max = limits.uri_bytes as usize;
    let mut anomalies = Anomalies::NONE;
    anomalies.insert_if(raw.len() > max, Anomaly::UriOverLimit);
    let raw = without_authority(raw.get(..max).unwrap_or(raw));
    // Envoy refuses a target with a fragment; the binding for Python can be given one.
    let raw = memchr::memchr(b'#', raw)
        .and_then(|hash| raw.get(..hash))
        .unwrap_or(raw);
    // At the first `?` that came as such: servers divide before they decode.
    let (path, query) = match memchr::memchr(b'?', raw) {
        Some(mark) => (raw.get(..mark).unwrap_or(raw), raw.get(mark + 1..)),
        None => (raw, None),
    };
    let normalized = normalize(path, limits);
    anomalies.extend(normalized.anomalies);
    Target {
        path: normalized.path,
        others: normalized.others,
        query,
        anomalies,
    }
}

/// The target behind `http://authority`.
fn without_authority(raw: &[u8]) -> &[u8] {
    // Nearly every target is in origin-form (RFC 9112, 3.2.1).
    if raw.first().is_none_or(|first| *first == b'/') {
        return raw;
    }
    let behind = |scheme: &[u8]| {
        let (start, rest) = raw.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let Some(rest) = behind(b"http://").or_else(|| behind(b"https://")) else {
        return raw;
    };
    // A backslash ends the authority too, as in browsers (WHATWG URL, special schemes).
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'\\' | b'?' | b'#'));
    end.and_then(|end| rest.get(end..)).unwrap_or_default()
}

/// Normalises a path.
///
/// # Arguments
/// * `raw` - the path without its query, as it came.
/// * `limits` - `uri_bytes`: the rest is cut off and flagged.
#[must_use]
pub fn normalize(raw: &[u8], limits: &Limits) -> NormalizedPath {
    let mut anomalies = Anomalies::NONE;
    let max = limits.uri_bytes as usize;
    anomalies.insert_if(raw.len() > max, Anomaly::UriOverLimit);
    let raw = raw.get(..max).unwrap_or(raw);
    let as_it_is = |path: &str| NormalizedPath {
        path: path.to_owned(),
        others: Vec::new(),
        anomalies,
    };
    // `OPTIONS *` asks the server itself (RFC 9110, 9.3.7).
    if raw == b"*" {
        return as_it_is("*");
    }
    // The path of nearly every call: one look at each byte, and one copy.
    if is_plain(raw)
        && let Ok(path) = std::str::from_utf8(raw)
    {
        return as_it_is(path);
    }
    let mut decoded = String::with_capacity(raw.len() + 1);
    let report = percent::decode_into(raw, false, &mut decoded);
    anomalies.insert_if(report.bad_escape, Anomaly::PathBadEscape);
    anomalies.insert_if(report.invalid_utf8, Anomaly::PathInvalidUtf8);
    anomalies.extend(inspect(raw, decoded.as_bytes()));
    let has_odd_slash =
        anomalies.contains(Anomaly::PathEncodedSlash) || anomalies.contains(Anomaly::PathBackslash);
    let path = if has_odd_slash {
        with_separators_kept(raw)
    } else {
        joined(&decoded, true).path
    };
    let others = readings::others(raw, &path, &decoded);
    anomalies.insert_if(others.iter().any(|one| one.climbs), Anomaly::PathTraversal);
    NormalizedPath {
        path,
        others,
        anomalies,
    }
}

/// The strict reading of a path that has encoded slashes or backslashes: as Envoy has it, a backslash is a slash, and a
/// separator that came encoded stays data of its segment.
fn with_separators_kept(raw: &[u8]) -> String {
    let slashes = replaced(raw, b'\\', b"/");
    let bytes = percent::decode_bytes(&with_slashes_kept(&slashes)).into_owned();
    let kept = String::from_utf8_lossy(&replaced(&bytes, b'\\', b"%5C")).into_owned();
    joined(&kept, true).path
}

/// Whether normalising would change nothing: the path of nearly every call.
fn is_plain(raw: &[u8]) -> bool {
    let mut previous = 0;
    let clean = raw.iter().all(|byte| {
        let after_slash = previous == b'/';
        previous = *byte;
        match byte {
            b'%' | b'\\' | b';' | 0..=0x1f | 0x7f..=0xff => false,
            // An empty segment, or one that begins with a dot and may be a dot segment.
            b'/' | b'.' => !after_slash,
            _ => true,
        }
    });
    clean && raw.first() == Some(&b'/')
}

/// Flags what shows in the raw and the decoded bytes.
fn inspect(raw: &[u8], decoded: &[u8]) -> Anomalies {
    let mut anomalies = Anomalies::NONE;
    anomalies.insert_if(memchr::memchr(0, decoded).is_some(), Anomaly::PathNul);
    let control = decoded.iter().any(|b| matches!(b, 1..=0x1f | 0x7f));
    anomalies.insert_if(control, Anomaly::PathControlCharacter);
    anomalies.insert_if(
        memchr::memchr(b'\\', decoded).is_some(),
        Anomaly::PathBackslash,
    );
    let escapes = |text: &[u8], wanted: fn(u8, u8) -> bool| {
        text.windows(3)
            .any(|w| matches!(w, [b'%', high, low] if wanted(*high, *low)))
    };
    let slash = |high: u8, low: u8| high == b'2' && low.eq_ignore_ascii_case(&b'f');
    anomalies.insert_if(escapes(raw, slash), Anomaly::PathEncodedSlash);
    let any = |high: u8, low: u8| high.is_ascii_hexdigit() && low.is_ascii_hexdigit();
    anomalies.insert_if(escapes(decoded, any), Anomaly::PathDoubleEncoding);
    // At both separators, because servers on Windows take a backslash for a slash.
    for segment in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
        let mut parts = segment.splitn(2, |byte| *byte == b';');
        let (bare, has_parameter) = (parts.next().unwrap_or_default(), parts.next().is_some());
        anomalies.insert_if(bare == b"..", Anomaly::PathTraversal);
        // A parameter of nothing, or of a dot segment, is there to be cut away.
        anomalies.insert_if(
            has_parameter && matches!(bare, b"" | b"." | b".."),
            Anomaly::PathParameterMisplaced,
        );
    }
    anomalies
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Anomaly as A;

    fn run(raw: &str) -> (String, Vec<Anomaly>) {
        let normalized = normalize(raw.as_bytes(), &Limits::default());
        (normalized.path, normalized.anomalies.iter().collect())
    }

    /// Plain paths come out as they are, with nothing flagged.
    #[test]
    fn plain_paths_are_kept() {
        for raw in [
            "/",
            "/users/17",
            "/a/b/",
            "/a.b/c.json",
            "/~x/a-b_c",
            "*",
            "/a/..b/c..",
            "/.well-known/x",
        ] {
            assert_eq!(run(raw), (raw.to_owned(), vec![]), "{raw}");
        }
    }

    /// Each way to write a path differently ends in the same path, and says what it was.
    #[test]
    fn odd_paths_are_normalised_and_flagged() {
        for (raw, path, anomalies) in [
            ("", "/", vec![]),
            ("users", "/users", vec![]),
            ("//users///17", "/users/17", vec![]),
            ("/./users/./17/.", "/users/17/", vec![]),
            ("/a/b/../c", "/a/c", vec![A::PathTraversal]),
            ("/a/..", "/", vec![A::PathTraversal]),
            ("/../../etc/passwd", "/etc/passwd", vec![A::PathTraversal]),
            ("/a/%2e%2E/b", "/b", vec![A::PathTraversal]),
            (
                "/a%2f..%2fb",
                "/a%2F..%2Fb",
                vec![A::PathTraversal, A::PathEncodedSlash],
            ),
            ("/a\\..\\b", "/b", vec![A::PathTraversal, A::PathBackslash]),
            ("/a%5cb", "/a%5Cb", vec![A::PathBackslash]),
            ("/A/b;v=1", "/A/b;v=1", vec![]),
            (
                "/a/..;x/b",
                "/a/..;x/b",
                vec![A::PathTraversal, A::PathParameterMisplaced],
            ),
            ("/;x/b", "/;x/b", vec![A::PathParameterMisplaced]),
            (
                "/a/%252e%252e%252fb",
                "/a/%2e%2e%2fb",
                vec![A::PathTraversal, A::PathDoubleEncoding],
            ),
            ("/%61dmin", "/admin", vec![]),
            ("/%2561dmin", "/%61dmin", vec![A::PathDoubleEncoding]),
            ("/a%00.png", "/a\0.png", vec![A::PathNul]),
            ("/a%0d%0ab", "/a\r\nb", vec![A::PathControlCharacter]),
            ("/%c0%ae", "/\u{fffd}\u{fffd}", vec![A::PathInvalidUtf8]),
            ("/%u002e/100%", "/%u002e/100%", vec![A::PathBadEscape]),
            ("/caf%C3%A9", "/café", vec![]),
        ] {
            assert_eq!(run(raw), (path.to_owned(), anomalies), "{raw}");
        }
    }

    /// The target is split at the first `?`, cut at `#`, and bounded.
    #[test]
    fn target_is_split() {
        let limits = Limits {
            uri_bytes: 8,
            ..Limits::default()
        };
        let target = split(b"/a?b=?c", &limits);
        assert_eq!(
            (target.path.as_str(), target.query, target.anomalies),
            ("/a", Some(&b"b=?c"[..]), Anomalies::NONE)
        );
        assert_eq!(split(b"/a", &limits).query, None);
        assert_eq!(split(b"/a?", &limits).query, Some(&b""[..]));
        assert_eq!(
            split(b"/a#b?c", &limits),
            Target {
                path: "/a".into(),
                others: Vec::new(),
                query: None,
                anomalies: Anomalies::NONE
            }
        );
        for (raw, path, query) in [
            (&b"http://h/a"[..], "/a", None),
            (b"HTTPS://h?b", "/", Some(&b"b"[..])),
            (b"http://h", "/", None),
            (b"httpx", "/httpx", None),
        ] {
            let limits = Limits::default();
            let target = split(raw, &limits);
            assert_eq!((target.path.as_str(), target.query), (path, query));
        }
        let long = split(b"/a?bcdefghijk", &limits);
        assert_eq!(long.query, Some(&b"bcdef"[..]));
        assert!(long.anomalies.contains(A::UriOverLimit));
    }

    proptest! {
        /// Any bytes give a rooted path without empty or dot segments, and normalising it again changes nothing
        /// unless a second layer of encoding was flagged.
        #[test]
        fn normalising_is_idempotent(raw in prop::collection::vec(
            prop_oneof![Just(b'/'), Just(b'.'), Just(b'%'), Just(b'2'), Just(b'e'), Just(b'\\'), Just(b';'), any::<u8>()], 0..40)) {
            let once = normalize(&raw, &Limits::default());
            prop_assume!(once.path != "*");
            prop_assert!(once.path.starts_with('/'));
            prop_assert!(!once.path.contains("//"));
            prop_assert!(once.path.split('/').all(|s| s != "." && s != ".."));
            if !once.anomalies.contains(A::PathDoubleEncoding) {
                let twice = normalize(once.path.as_bytes(), &Limits::default());
                prop_assert_eq!(twice.path, once.path);
            }
        }
    }
}
