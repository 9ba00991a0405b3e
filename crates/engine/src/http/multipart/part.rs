//! What the reader of multipart bodies tells: each part, and what was odd about the whole body.

use std::borrow::Cow;

/// What was odd about a multipart body, each as SecLang's variable of the same name has it (`MULTIPART_…`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a variable of SecLang"
)]
pub struct Flags {
    /// The boundary is a quoted string: ordinary.
    pub boundary_quoted: bool,
    /// Blanks around the boundary or in it.
    pub boundary_whitespace: bool,
    /// Something before the first boundary.
    pub data_before: bool,
    /// Something after the last boundary.
    pub data_after: bool,
    /// A header goes on in a second line.
    pub header_folding: bool,
    /// A part begins with the second line of a header.
    pub invalid_header_folding: bool,
    /// A line of a boundary or header ends with LF alone.
    pub lf_line: bool,
    /// A line of a boundary or header ends with CRLF.
    pub crlf_line: bool,
    /// Parameters without a semicolon between them.
    pub missing_semicolon: bool,
    /// A value in single quotes, or in double ones that do not end.
    pub invalid_quoting: bool,
    /// A part without an empty line behind its headers, with control characters in them, without any, or with a line
    /// that some readers take for the boundary.
    pub invalid_part: bool,
    /// No line is the boundary, and one looks like it.
    pub unmatched_boundary: bool,
    /// The first error, as a text for people.
    pub error: Option<&'static str>,
}

impl Flags {
    /// Whether anything is such that readers may differ about it.
    #[must_use]
    pub const fn is_strict(&self) -> bool {
        self.error.is_some()
            || self.boundary_whitespace
            || self.data_before
            || self.data_after
            || self.header_folding
            || self.invalid_header_folding
            || self.lf_line
            || self.missing_semicolon
            || self.invalid_quoting
            || self.invalid_part
    }

    pub(super) const fn complain(&mut self, error: &'static str) {
        // The first error is kept, because later ones often follow from it.
        if self.error.is_none() {
            self.error = Some(error);
        }
    }

    /// A line's text, without what ends it, which is noted.
    pub(super) fn line<'l>(&mut self, line: &'l [u8]) -> &'l [u8] {
        if let Some(text) = line.strip_suffix(b"\r") {
            self.crlf_line = true;
            text
        } else {
            self.lf_line = true;
            line
        }
    }
}

/// A part of a multipart body.
#[derive(Debug, Default)]
pub struct Part<'a> {
    /// Header lines, folded ones joined.
    pub headers: Vec<Cow<'a, [u8]>>,
    /// Every file name that a common server would read. Empty: no server takes the part for a file.
    pub file_names: Vec<Vec<u8>>,
    /// Its content, as it was sent.
    pub content: &'a [u8],
    pub(super) names: Vec<Vec<u8>>,
    /// Its content as the value of a field, in each reading.
    pub(super) values: Vec<Cow<'a, [u8]>>,
}

impl Part<'_> {
    /// Every name that a common server would take its field to have; at least one, which may be "".
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        let nameless = self.names.is_empty().then_some(&b""[..]);
        self.names.iter().map(Vec::as_slice).chain(nameless)
    }

    /// The fields that servers may take it for, none for a file: name and value. The first name has every reading of
    /// the content (as sent, with its charset and its transfer encoding undone), the others have it as sent.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let first = self.names().next().unwrap_or_default();
        let values = self.values.iter().map(move |value| (first, value.as_ref()));
        let sent = self.values.first();
        let others = self.names().skip(1);
        values.chain(others.filter_map(move |name| Some((name, sent?.as_ref()))))
    }

    /// Whether a server may take it for a field. One whose file name only some servers read is a file, too.
    #[must_use]
    pub fn is_field(&self) -> bool {
        !self.values.is_empty()
    }
}
