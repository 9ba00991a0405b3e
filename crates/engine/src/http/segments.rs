//! Taking paths apart and putting them together: what the strict reading ([`super::path`]) and the other readings
//! ([`super::readings`]) of a path have in common.

use std::borrow::Cow;

/// Every `%2F` encoded once more, so that decoding keeps it.
pub(super) fn with_slashes_kept(raw: &[u8]) -> Cow<'_, [u8]> {
    let is_slash = |escape: &[u8]| matches!(escape, [b'%', b'2', b'f' | b'F', ..]);
    if !raw.windows(3).any(is_slash) {
        return Cow::Borrowed(raw);
    }
    // Room for a few replacements, so that the buffer seldom has to grow.
    let mut kept = Vec::with_capacity(raw.len() + 16);
    let mut rest = raw;
    while let [first, tail @ ..] = rest {
        if is_slash(rest) {
            kept.extend_from_slice(b"%252F");
            rest = tail.get(2..).unwrap_or_default();
        } else {
            kept.push(*first);
            rest = tail;
        }
    }
    Cow::Owned(kept)
}

/// Every `byte` as `text`.
pub(super) fn replaced<'a>(bytes: &'a [u8], byte: u8, text: &[u8]) -> Cow<'a, [u8]> {
    if memchr::memchr(byte, bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len() + 16);
    for one in bytes {
        if *one == byte {
            out.extend_from_slice(text);
        } else {
            out.push(*one);
        }
    }
    Cow::Owned(out)
}

/// A path put together from its segments.
#[derive(Debug)]
pub(super) struct Joined {
    /// Starts with `/`, without empty segments.
    pub(super) path: String,
    /// A `..` segment was among them.
    pub(super) climbs: bool,
    /// A `.` or `..` segment was.
    pub(super) has_dots: bool,
}

/// RFC 3986 section 5.2.4 on segments, with empty segments dropped; `resolve`: else dot segments stay.
pub(super) fn joined(decoded: &str, resolve: bool) -> Joined {
    let mut out = String::with_capacity(decoded.len() + 1);
    // A backslash that is left at this point is one that this reading takes for a separator.
    let mut segments = decoded.split(['/', '\\']).peekable();
    let (mut directory, mut climbs, mut has_dots) = (true, false, false);
    while let Some(segment) = segments.next() {
        climbs |= segment == "..";
        has_dots |= matches!(segment, "." | "..");
        directory = match segment {
            "" => true,
            "." if resolve => true,
            ".." if resolve => {
                // Above the root there is nothing, so `..` stays there (RFC 3986, 5.2.4).
                out.truncate(out.rfind('/').unwrap_or(0));
                true
            }
            _ => {
                out.push('/');
                out.push_str(segment);
                segments.peek().is_some()
            }
        };
    }
    // A slash at the end is kept, because servers tell `/a` from `/a/`.
    if directory {
        out.push('/');
    }
    Joined {
        path: out,
        climbs,
        has_dots,
    }
}
