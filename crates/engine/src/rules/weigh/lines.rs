//! Lines of HTTP: a value becomes part of a header. It adds a header, or a second message, when one of its
//! lines is one.

use super::text::{Code, Word, at, begins, from, skip_blank, trim};
use crate::bundle::ContentKind;

/// The most line ends of a value that may be injected into a header. A text with more lines shows a message.
const MAX_LINES: usize = 8;

/// Whether a value adds a header or a message after a line end.
pub(super) fn adds_header(kind: ContentKind, value: &[u8]) -> bool {
    if matches!(
        kind,
        ContentKind::Code | ContentKind::Pattern | ContentKind::Query
    ) {
        return false;
    }
    let value = trim_end(value);
    // An injected header comes with few lines; a text with many lines shows a message.
    if memchr::memchr_iter(b'\n', value).count() > MAX_LINES {
        return false;
    }
    let code = Code::of(value);
    memchr::memchr2_iter(b'\r', b'\n', value)
        .any(|place| !code.has(place) && is_header(from(value, skip_blank(value, place))))
}

fn trim_end(value: &[u8]) -> &[u8] {
    value.trim_ascii_end()
}

/// Headers that change what is sent or where it goes.
const NAMES: [&[u8]; 9] = [
    b"content-type",
    b"content-length",
    b"set-cookie",
    b"location",
    b"refresh",
    b"transfer-encoding",
    b"x-forwarded-for",
    b"host",
    b"connection",
];

/// Methods of HTTP and of `WebDAV`.
const METHODS: &[&str] = &[
    "connect", "delete", "get", "head", "options", "patch", "post", "propfind", "put", "trace",
];

/// Whether a line is a header, or the first line of a message or a document.
fn is_header(line: &[u8]) -> bool {
    // Only this line is looked at, because each line is asked on its own.
    let end = memchr::memchr2(b'\r', b'\n', line).unwrap_or(line.len());
    let line = trim(line.get(..end).unwrap_or(line));
    let begins_message = begins(line, b"http/") && at(line, 5).is_ascii_digit()
        || begins(line, b"<html")
        || begins(line, b"<meta");
    let is_named =
        |name: &&[u8]| begins(line, name) && at(line, skip_blank(line, name.len())) == b':';
    if begins_message || NAMES.iter().any(is_named) {
        return true;
    }
    // A request line ends with its version (RFC 9112, section 3), so a sentence that begins with `get` is none.
    let mut words = line.rsplit(|byte| *byte == b' ');
    Word::at(line, 0).is_in(METHODS) && words.next().is_some_and(|last| begins(last, b"http/"))
}
