//! `application/http`: a request within a request, as batches have them (`OData` 4.01, section 11.7; Google APIs).

use std::borrow::Cow;

use super::beginning::sniff;
use super::format::{BodyBytes, BodyKind, ReadPart};
use super::listener::Listener;
use super::parameter::Syntax;
use super::{Anomalies, content_type, pairs};
use crate::headers::lossy;

/// Tells `listener` of a message: the path that it asks for, the pairs of its query, and its body, by its own type.
///
/// # Arguments
/// * `nesting` - bodies that this one is in.
/// * `read_part` - reads the message's own body.
pub(super) fn read<L: Listener>(
    message: &[u8],
    nesting: u8,
    read_part: ReadPart<L>,
    listener: &mut L,
) {
    let (head, content) = divide(message);
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.next().unwrap_or_default();
    // `GET /path?query HTTP/1.1`. Any other line is told whole.
    let target = first.split(|byte| *byte == b' ').nth(1).unwrap_or(first);
    let question = memchr::memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at(question);
    listener.leaf(&lossy(path), Syntax::Text);
    pairs::read(query.get(1..).unwrap_or_default(), b'&', listener);
    // The inner message has a type of its own, whatever the outer one declares.
    let declared = lines.find_map(content_type_of).unwrap_or_default();
    if content.trim_ascii().is_empty() {
        return;
    }
    let kind = match BodyKind::of(&content_type::parse(&declared).essence) {
        // Without a known type the content is read as what it begins like, or at least as text.
        BodyKind::Other => sniff(content).unwrap_or(BodyKind::Text),
        kind => kind,
    };
    let mut anomalies = Anomalies::NONE;
    let part = BodyBytes {
        content_type: Some(&declared),
        content,
        truncated: false,
        nesting,
        separator: b'&',
    };
    read_part(kind, part, &mut anomalies, listener);
    for anomaly in anomalies.iter() {
        listener.anomaly(anomaly);
    }
}

/// The value of a header line that is a `Content-Type`.
fn content_type_of(line: &[u8]) -> Option<Cow<'_, str>> {
    let (name, value) = line.split_at(memchr::memchr(b':', line)?);
    name.eq_ignore_ascii_case(b"content-type")
        .then(|| lossy(value.get(1..).unwrap_or_default().trim_ascii()))
}

/// The head of a message, and the text behind its empty line.
fn divide(message: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    loop {
        let rest = message.get(at..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', rest) else {
            return (message, b"");
        };
        let next = at + end + 1;
        // Blank lines before the first are skipped (RFC 9112, section 2.2).
        let is_empty = rest.get(..end).unwrap_or_default().trim_ascii().is_empty();
        if is_empty && at > 0 {
            let head = message.get(..at).unwrap_or_default();
            if !head.trim_ascii().is_empty() {
                return (
                    head.trim_ascii_start(),
                    message.get(next..).unwrap_or_default(),
                );
            }
        }
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Limits;
    use crate::http::body::read_part;
    use crate::http::collect::collected;

    /// Path, query and body are told. The request line is not, because it looks like a smuggled request.
    #[test]
    fn messages() {
        for (message, expected) in [
            (
                "GET /a/b?c=d%20e&f HTTP/1.1\r\nHost: x\r\n\r\n",
                vec![("", "/a/b"), ("c", "d e"), ("f", "")],
            ),
            (
                "POST /a HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{\"a\":\"b\"}",
                vec![("", "/a"), ("a", "b")],
            ),
            (
                "\r\nPATCH a(1) HTTP/1.1\nx: y\n\n{\"a\":\"b\"}",
                vec![("", "a(1)"), ("a", "b")],
            ),
            (
                "POST /a HTTP/1.1\r\ncontent-type: text/plain\r\n\r\nsome\r\n\r\ntext",
                vec![("", "/a"), ("", "some\r\n\r\ntext")],
            ),
            ("nonsense", vec![("", "nonsense")]),
        ] {
            let (parameters, found) = collected(BodyKind::Message, &Limits::default(), |collect| {
                read(message.as_bytes(), 1, read_part, collect);
            });
            let got: Vec<_> = parameters.iter().map(|p| (p.name, p.value)).collect();
            assert_eq!(got, expected, "{message}");
            assert!(found.is_empty(), "{message}: {found:?}");
        }
    }
}
