//! What the first bytes of a body show: its format, whatever its type says, and whether it is a file.

use super::content_type;
use super::format::BodyKind;
use super::text;
use super::xml::dialect::{Dialect, dialect_of};

/// Types of files: only their bytes can be looked at, unless they begin like a document.
const FILES: [&str; 10] = [
    "image/",
    "audio/",
    "video/",
    "font/",
    "model/",
    "application/octet-stream",
    "application/grpc",
    "application/protobuf",
    "application/x-protobuf",
    "application/vnd.google.protobuf",
];

/// Whether a body of an unknown type is a file, because its type says so or because it is not text.
pub(super) fn is_file(content_type: &str, content: &[u8]) -> bool {
    let essence = content_type::essence(content_type);
    let is = |known: &str| {
        essence
            .get(..known.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(known))
    };
    FILES.iter().any(|known| is(known)) || !text::is_text(content)
}

/// What the first bytes of a body show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// Too little came to say.
    Undecided,
    /// A format that is read, or white space that hides what it is.
    Read,
    /// A file, or anything else that only has bytes.
    Other,
}

/// First line of OFX 1 (OFX 1.6, 2.2).
const OFX_HEADER: &[u8] = b"OFXHEADER:";

/// How many bytes of a body show what it is.
pub(super) const BEGINNING_BYTES: usize = 512;

/// Looks at the first bytes of a body. Byte order marks and UTF-16 hide nothing.
#[must_use]
pub fn begins(bytes: &[u8]) -> Beginning {
    // Asked with each chunk until it is answered, so the cost must not grow with the body.
    let bytes = bytes.get(..BEGINNING_BYTES).unwrap_or(bytes);
    // Without NUL bytes and byte order marks, the ASCII of UTF-8 and of UTF-16 looks alike.
    let text: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, 0 | 0xef | 0xbb | 0xbf | 0xfe | 0xff))
        .collect();
    let significant = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    // Two bytes, because `sniff` needs the first one and the next one that is not blank.
    match significant.take(2).count() {
        2 if sniff(&text).is_some() => Beginning::Read,
        2 if OFX_HEADER.starts_with(text.trim_ascii_start()) => Beginning::Undecided,
        2 => Beginning::Other,
        _ if bytes.len() < BEGINNING_BYTES => Beginning::Undecided,
        _ => Beginning::Read,
    }
}

/// Whether a long body of a type that is not read is a file. Images of disks begin with thousands of NUL bytes, so these
/// are skipped. A body that has been nothing but blanks so far is no file: what stands behind them is not seen.
pub(crate) fn begins_as_file(bytes: &[u8]) -> bool {
    let first = bytes
        .iter()
        .position(|byte| *byte != 0 && !byte.is_ascii_whitespace());
    match first.and_then(|first| bytes.get(first..)) {
        Some(rest) => begins(rest) != Beginning::Read,
        None => !bytes.iter().any(u8::is_ascii_whitespace),
    }
}

/// JSON objects and lists, XML and OFX by their first bytes; `None` for anything else.
pub(crate) fn sniff(content: &[u8]) -> Option<BodyKind> {
    let trimmed = content.trim_ascii_start();
    let after = trimmed
        .get(1..)
        .unwrap_or_default()
        .trim_ascii_start()
        .first();
    // One byte would not do: prose may begin with a brace, a bracket or `<` too.
    match (trimmed.first(), after) {
        (Some(b'{'), Some(b'"' | b'}')) => Some(BodyKind::Json),
        (Some(b'['), Some(b'"' | b'{' | b'[' | b']' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')) => {
            Some(BodyKind::Json)
        }
        (Some(b'<'), Some(b'?' | b'!' | b'a'..=b'z' | b'A'..=b'Z' | b'_')) => {
            Some(match dialect_of(trimmed) {
                Dialect::Sgml => BodyKind::Ofx,
                Dialect::Xml => BodyKind::Xml,
            })
        }
        _ if trimmed.starts_with(OFX_HEADER) => Some(BodyKind::Ofx),
        _ => None,
    }
}
