//! XML, or SGML as OFX 1 has it; and the charset that either declares.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;

/// Made once, because preparing a search costs more than searching most bodies.
static OFX_HEADER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("<?OFX"));
static OFX_ROOT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("<OFX>"));

/// How strictly elements must close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// XML 1.0: what does not close is malformed.
    Xml,
    /// SGML as OFX 1 and its users write it: an element with text ends where the next tag begins. Lines
    /// `KEY:VALUE` before the first tag (the OFX header) are pairs.
    Sgml,
}

/// The dialect that a body of an XML type is in: OFX is tolerant whatever its type says.
#[must_use]
pub fn dialect_of(body: &[u8]) -> Dialect {
    // Only the beginning, where OFX has its header and root: a whole body would be searched for nothing.
    let start = body.get(..512).unwrap_or(body);
    let is_ofx = start.trim_ascii_start().starts_with(b"OFXHEADER")
        || OFX_HEADER.find(start).is_some()
        || OFX_ROOT.find(start).is_some();
    if is_ofx { Dialect::Sgml } else { Dialect::Xml }
}

/// The charset that the body itself declares: XML declaration, or `CHARSET:` of an OFX 1 header.
pub fn declared_charset(body: &[u8]) -> Option<Cow<'static, str>> {
    let start = body.get(..256).unwrap_or(body);
    if start.trim_ascii_start().starts_with(b"OFXHEADER") {
        let after = start.get(memchr::memmem::find(start, b"CHARSET:")? + 8..)?;
        let value = after.split(u8::is_ascii_whitespace).next()?;
        // OFX 1.6 section 2.2.1: 1252, ISO-8859-1 or NONE.
        return match value {
            b"1252" => Some(Cow::Borrowed("windows-1252")),
            b"NONE" | b"" => None,
            other => Some(Cow::Owned(String::from_utf8_lossy(other).into_owned())),
        };
    }
    let declaration = start
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(start)
        .strip_prefix(b"<?xml")?;
    let declaration = declaration.get(..memchr::memchr(b'>', declaration)?)?;
    let after = declaration.get(memchr::memmem::find(declaration, b"encoding")? + 8..)?;
    let value = after
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let quote = *value.first().filter(|b| matches!(b, b'"' | b'\''))?;
    let label = value.get(1..)?.split(|b| *b == quote).next()?;
    // A body whose first bytes read as ASCII is not in UTF-16, whatever it says.
    let is_wide = label
        .get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"utf-16"));
    (!is_wide).then(|| Cow::Owned(String::from_utf8_lossy(label).into_owned()))
}
