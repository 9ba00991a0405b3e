//! References of schemas (RFC 3986, 5.2), as far as they occur: absolute, relative to a path, and fragments.

use std::borrow::Cow;

use crate::http::percent;

/// The absolute URI of `reference`, seen from `base`.
pub(crate) fn resolve(base: &str, reference: &str) -> String {
    let base = base.split('#').next().unwrap_or_default();
    if reference.is_empty() || reference.starts_with('#') {
        return format!("{base}{reference}");
    }
    if has_scheme(reference) {
        return reference.to_owned();
    }
    let (scheme, rest) = match base.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), base),
    };
    let (host, path) = if scheme.is_empty() {
        ("", rest)
    } else {
        rest.split_at(rest.find('/').unwrap_or(rest.len()))
    };
    if let Some(absolute) = reference.strip_prefix("//") {
        return format!("{}//{absolute}", scheme.trim_end_matches('/'));
    }
    let path = if reference.starts_with('/') {
        reference.to_owned()
    } else {
        let folder = path
            .rfind('/')
            .map_or("", |end| path.get(..=end).unwrap_or_default());
        let folder = if folder.is_empty() && !host.is_empty() {
            "/"
        } else {
            folder
        };
        format!("{folder}{reference}")
    };
    format!("{scheme}{host}{}", without_dots(&path))
}

fn has_scheme(reference: &str) -> bool {
    reference.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// Removes `.` and `..` (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let (path, fragment) = path.split_at(path.find('#').unwrap_or(path.len()));
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            ".." if segments.len() > 1 => {
                segments.pop();
            }
            "." | ".." => {}
            other => segments.push(other),
        }
    }
    format!("{}{fragment}", segments.join("/"))
}

/// The text of a fragment.
pub(crate) fn unescape(fragment: &str) -> Cow<'_, str> {
    match percent::decode_bytes(fragment.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(fragment),
        Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// References are resolved as RFC 3986, 5.4, has it.
    #[test]
    fn references() {
        for (base, reference, expected) in [
            ("http://a/b/c/d", "g", "http://a/b/c/g"),
            ("http://a/b/c/d", "./g", "http://a/b/c/g"),
            ("http://a/b/c/d", "../g", "http://a/b/g"),
            ("http://a/b/c/d", "/g", "http://a/g"),
            ("http://a", "g", "http://a/g"),
            ("http://a/b/", "g/", "http://a/b/g/"),
            ("http://a/b#old", "#new", "http://a/b#new"),
            ("http://a/b", "urn:x:y", "urn:x:y"),
            ("urn:x:y", "#z", "urn:x:y#z"),
            ("", "#/$defs/a", "#/$defs/a"),
            ("", "a.json", "a.json"),
        ] {
            assert_eq!(resolve(base, reference), expected, "{base} {reference}");
        }
    }
}
