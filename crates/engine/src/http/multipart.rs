//! `multipart/*` bodies (RFC 2046 section 5.1, RFC 7578).
//!
//! A part is a field or a file. In multiparts other than `form-data`, a part that is neither is read by its own content
//! type, if it is one that is read. Servers differ in how they read multipart bodies, so whatever is not plainly
//! well-formed is noted in [`Flags`] and read as tolerant servers do. Reading goes on after an error, so nothing hides
//! behind it. Only the lines of boundaries and headers count as lines; what a content looks like is up to the client.

mod boundary;
mod head;
mod names;
pub(crate) mod part;
mod transfer;

use std::borrow::Cow;

use memchr::memmem::Finder;

use self::head::Head;
pub use self::part::{Flags, Part};
use super::beginning::is_file;
use super::format::{BodyBytes, BodyKind, ReadPart};
use super::listener::Listener;
use super::{Anomaly, charset, content_type, text};
use crate::headers::lossy;

/// Bytes of one part's headers. Browsers send about 150.
const MAX_PART_HEADER_BYTES: usize = 8 * 1024;

/// The most header lines of a part that are told.
const MAX_PART_HEADERS: usize = 64;

/// Multiparts within multiparts that are read as such.
pub(super) const MAX_NESTING: u8 = 3;

/// Tells `listener` of a multipart body.
///
/// # Arguments
/// * `content_type` - the header's value, for the boundary.
/// * `truncated` - the end is missing, so a missing last boundary is not malformed.
/// * `nesting` - multiparts that this one is in.
/// * `read_part` - reads a part that is a complete document.
pub(super) fn read<L: Listener>(
    content_type: Option<&str>,
    body: &[u8],
    truncated: bool,
    nesting: u8,
    read_part: ReadPart<L>,
    listener: &mut L,
) {
    let content_type = content_type.unwrap_or_default();
    let mut flags = Flags::default();
    let boundary = boundary::find(content_type, &mut flags);
    if let Err(error) = boundary {
        flags.complain(error);
    }
    let delimiter = [b"--", boundary.unwrap_or_default().as_bytes()].concat();
    let essence = content_type::essence(content_type);
    // Any other type counts as a form, because rules may have chosen this reader for it.
    let is_other = essence.len() > 10
        && essence
            .get(..10)
            .is_some_and(|start| start.eq_ignore_ascii_case("multipart/"))
        && !essence.eq_ignore_ascii_case("multipart/form-data");
    let mut reader = Reader {
        body,
        finder: Finder::new(&delimiter),
        is_form: !is_other,
        truncated,
        nesting,
        read_part,
        flags,
        listener,
    };
    reader.run(boundary.is_ok());
    let flags = reader.flags;
    if let Some(error) = flags.error {
        listener.failed(error, "");
    }
    listener.multipart(&flags);
}

/// Whether each server that reads the head of a part takes it for the head of a file, whose content is no field's value.
///
/// # Arguments
/// * `head` - the rest of the delimiter's line, header lines, and the empty line.
pub(super) fn is_head_of_file(head: &[u8]) -> bool {
    let head = head.get(..MAX_PART_HEADER_BYTES).unwrap_or(head);
    let mut lines: Vec<Cow<'_, [u8]>> = Vec::new();
    for line in head
        .split(|byte| *byte == b'\n')
        .skip(1)
        .take(MAX_PART_HEADERS)
    {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        unfold(line, &mut lines);
    }
    // A form or not: that says what is odd, not what is a file.
    Head::of(&lines, false, &mut Flags::default()).is_file
}

/// Adds a header line, or puts it to the line before, which it continues. Answers whether it did continue one.
fn unfold<'b>(line: &'b [u8], lines: &mut Vec<Cow<'b, [u8]>>) -> bool {
    if matches!(line.first(), Some(b' ' | b'\t'))
        && let Some(last) = lines.last_mut()
    {
        let last = last.to_mut();
        last.push(b' ');
        last.extend_from_slice(line.trim_ascii_start());
        return true;
    }
    lines.push(Cow::Borrowed(line));
    false
}

/// A line `--boundary` or `--boundary--`.
#[derive(Clone, Copy)]
struct Delimiter {
    /// Where its line begins.
    start: usize,
    /// End of what precedes it, without the line break that belongs to it.
    before: usize,
    /// Where the text behind its line starts.
    after: usize,
    is_last: bool,
}

struct Reader<'b, 'l, L> {
    body: &'b [u8],
    finder: Finder<'b>,
    /// `multipart/form-data`, where each part has a name.
    is_form: bool,
    truncated: bool,
    nesting: u8,
    read_part: ReadPart<L>,
    flags: Flags,
    listener: &'l mut L,
}

impl<'b, L: Listener> Reader<'b, '_, L> {
    fn run(&mut self, has_boundary: bool) {
        let first = has_boundary.then(|| self.next_delimiter(0)).flatten();
        let Some(first) = first else {
            let looks_like_one =
                self.body.starts_with(b"--") || memchr::memmem::find(self.body, b"\n--").is_some();
            self.flags.unmatched_boundary = has_boundary && looks_like_one;
            self.flags
                .complain("Multipart: No boundaries found in payload.");
            // A server that reads it anyway uses another boundary than we know.
            self.listener.failed(
                "Multipart: No boundaries found in payload.",
                &lossy(self.body),
            );
            return;
        };
        // A preamble is allowed (RFC 2046, 5.1.1), but not every server skips it.
        self.flags.data_before = first.before > 0;
        let mut current = first;
        while !current.is_last {
            let Some(next) = self.part(current.after) else {
                let error = "Multipart: Final boundary missing.";
                // Our own limit cut the end off, so the client is not to blame for it.
                if self.truncated {
                    self.listener.failed(error, "");
                } else {
                    self.flags.complain(error);
                }
                return;
            };
            current = next;
        }
        let after = self.body.get(current.after..).unwrap_or_default();
        self.flags.data_after = !after.trim_ascii().is_empty();
    }

    /// Finds the next line that is the delimiter, from `from` on, which is the start of a line.
    fn next_delimiter(&mut self, from: usize) -> Option<Delimiter> {
        let mut search = from;
        loop {
            let start = search + self.finder.find(self.body.get(search..)?)?;
            search = start + self.finder.needle().len();
            let before = self.body.get(from..start)?;
            // A delimiter stands at the start of a line (RFC 2046, 5.1.1); within a line it is content.
            if !before.is_empty() && !before.ends_with(b"\n") {
                continue;
            }
            let Some((after, is_last)) = self.rest_of_delimiter(search) else {
                // Another word that begins with the boundary: some readers take it for the boundary.
                self.flags.invalid_part = true;
                continue;
            };
            let before = match before {
                [] => start,
                [.., b'\r', b'\n'] => {
                    self.flags.crlf_line = true;
                    start - 2
                }
                _ => {
                    self.flags.lf_line = true;
                    start - 1
                }
            };
            return Some(Delimiter {
                start,
                before,
                after,
                is_last,
            });
        }
    }

    /// What follows `--boundary` on its line: where the next line begins, and whether it was the last delimiter.
    /// `None`: it is not the boundary that ends here.
    fn rest_of_delimiter(&mut self, end: usize) -> Option<(usize, bool)> {
        let rest = self.body.get(end..)?;
        let (is_last, rest) = rest
            .strip_prefix(b"--")
            .map_or((false, rest), |rest| (true, rest));
        // RFC 2046 section 5.1.1 allows white space between the boundary and its line's end.
        let padding = rest
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        let after = self.body.len() - rest.len() + padding;
        match rest.get(padding..)? {
            [b'\r', b'\n', ..] => {
                self.flags.crlf_line = true;
                Some((after + 2, is_last))
            }
            [b'\n', ..] => {
                self.flags.lf_line = true;
                Some((after + 1, is_last))
            }
            [] => Some((after, is_last)),
            _ => None,
        }
    }

    /// The part that begins at `position`. Answers the delimiter that ends it, if one does.
    fn part(&mut self, position: usize) -> Option<Delimiter> {
        let mut lines = Vec::new();
        let (start, mut next) = self.head(position, &mut lines);
        if next.is_none() {
            next = self.next_delimiter(start);
            // The empty line's break is no part of the delimiter, whatever a grammar makes of it: Starlette reads the
            // next part as this one's content.
            self.flags.invalid_part |= next.is_some_and(|next| next.start == start);
        }
        let end = next.map_or(self.body.len(), |next| next.before);
        // A delimiter right behind the head takes the line break in front of it, so `end` may be before `start`.
        let content = self.body.get(start..end.max(start)).unwrap_or_default();
        let head = Head::of(&lines, self.is_form, &mut self.flags);
        self.tell(lines, head, content, self.truncated && next.is_none());
        next
    }

    /// Reads header lines. Answers where the content begins, and the delimiter when one came before any.
    fn head(
        &mut self,
        position: usize,
        lines: &mut Vec<Cow<'b, [u8]>>,
    ) -> (usize, Option<Delimiter>) {
        let mut at = position;
        let mut count = 0;
        loop {
            let rest = self.body.get(at..).unwrap_or_default();
            let (line, next) = match memchr::memchr(b'\n', rest) {
                Some(end) => {
                    let line = rest.get(..end).unwrap_or_default();
                    (self.flags.line(line), at + end + 1)
                }
                None => (rest, self.body.len()),
            };
            if let Some(delimiter) = self.delimiter_among_headers(line, at) {
                return (at, Some(delimiter));
            }
            if line.is_empty() && next > at {
                return (next, None);
            }
            if next == self.body.len() {
                // No empty line behind the headers.
                self.flags.invalid_part = true;
                self.header_line(line, lines);
                return (next, None);
            }
            count += 1;
            // Lines beyond the limit are told as content, where rules see them.
            if count > MAX_PART_HEADERS || next - position > MAX_PART_HEADER_BYTES {
                self.flags.complain("Multipart: Too many part headers.");
                self.listener.anomaly(Anomaly::PartHeadersOverLimit);
                return (at, None);
            }
            self.header_line(line, lines);
            at = next;
        }
    }

    /// The delimiter that stands where a header is expected, if one does: the part has no empty line and no content.
    fn delimiter_among_headers(&mut self, line: &[u8], at: usize) -> Option<Delimiter> {
        if !line.starts_with(self.finder.needle()) {
            return None;
        }
        let (after, is_last) = self.rest_of_delimiter(at + self.finder.needle().len())?;
        self.flags.invalid_part = true;
        Some(Delimiter {
            start: at,
            before: at,
            after,
            is_last,
        })
    }

    fn header_line(&mut self, line: &'b [u8], lines: &mut Vec<Cow<'b, [u8]>>) {
        let is_control = |byte: &u8| matches!(byte, 0..=8 | 0x0a..=0x1f | 0x7f);
        self.flags.invalid_part |= line.iter().any(is_control);
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            if !line.contains(&b':') {
                self.flags
                    .complain("Multipart: Invalid part header (colon missing).");
            }
            lines.push(Cow::Borrowed(line));
        } else if unfold(line, lines) {
            // Folded lines are one header (RFC 5322, 2.2.3), and are joined as servers join them.
            self.flags.header_folding = true;
        } else {
            self.flags.invalid_header_folding = true;
        }
    }

    // Parts are only nested in multiparts other than `form-data`, where servers take each part for a field or a file.
    fn tell(
        &mut self,
        headers: Vec<Cow<'b, [u8]>>,
        mut head: Head,
        content: &'b [u8],
        truncated: bool,
    ) {
        let mut part = Part {
            headers,
            file_names: std::mem::take(&mut head.file_names),
            content,
            names: std::mem::take(&mut head.names),
            values: Vec::new(),
        };
        if head.names_differ {
            self.listener.anomaly(Anomaly::FileNameMismatch);
        }
        let media_type = content_type::parse(&head.content_type);
        let kind = BodyKind::of(&media_type.essence);
        let is_nested = !self.is_form
            && part.names.is_empty()
            && part.file_names.is_empty()
            && !matches!(kind, BodyKind::Other | BodyKind::Text);
        let is_binary =
            !self.is_form && kind == BodyKind::Other && is_file(&head.content_type, content);
        // What only some servers take for a file is a field to the others. Only text is dangerous in a field, so bytes of a
        // picture are not told as one.
        let is_field = head.is_field && (part.file_names.is_empty() || text::is_text(content));
        if is_field && !is_nested && !is_binary {
            self.values(
                &mut part,
                &head.transfer_encoding,
                media_type.charset.as_deref(),
            );
        }
        self.listener.part(&part);
        if is_nested {
            self.nested(kind, &head, content, truncated);
        }
    }

    /// The readings of a field's content.
    fn values(&mut self, part: &mut Part<'b>, transfer_encoding: &str, charset: Option<&str>) {
        let mut anomalies = super::Anomalies::NONE;
        let mut add = |text: Cow<'b, [u8]>, anomalies: &mut super::Anomalies| {
            let (value, other) = charset::readings(charset, text, anomalies);
            part.values.push(value);
            part.values.extend(other.map(Cow::Owned));
        };
        // The content as it was sent comes first, because most servers undo no transfer encoding.
        add(Cow::Borrowed(part.content), &mut anomalies);
        match transfer::undo(transfer_encoding, part.content) {
            transfer::Undone::Plain => {}
            transfer::Undone::Text(text) => {
                anomalies.insert(Anomaly::EncodedPart);
                add(Cow::Owned(text), &mut anomalies);
            }
            transfer::Undone::Unknown => anomalies.insert(Anomaly::UnsupportedEncoding),
        }
        for anomaly in anomalies.iter() {
            self.listener.anomaly(anomaly);
        }
    }

    /// Reads a part that is a complete document.
    fn nested(&mut self, kind: BodyKind, head: &Head, content: &[u8], truncated: bool) {
        // Each level calls the next one, so depth is bounded here and not by the client.
        if self.nesting >= MAX_NESTING {
            self.listener.anomaly(Anomaly::DepthOverLimit);
            self.listener
                .failed("Multipart: nested too deeply.", &lossy(content));
            return;
        }
        let mut anomalies = super::Anomalies::NONE;
        let content = match transfer::undo(&head.transfer_encoding, content) {
            transfer::Undone::Text(text) => Cow::Owned(text),
            transfer::Undone::Plain => Cow::Borrowed(content),
            transfer::Undone::Unknown => {
                anomalies.insert(Anomaly::UnsupportedEncoding);
                Cow::Borrowed(content)
            }
        };
        let part = BodyBytes {
            content_type: Some(&head.content_type),
            content: &content,
            truncated,
            nesting: self.nesting + 1,
            separator: b'&',
        };
        (self.read_part)(kind, part, &mut anomalies, self.listener);
        for anomaly in anomalies.iter() {
            self.listener.anomaly(anomaly);
        }
    }
}

#[cfg(test)]
mod tests;
