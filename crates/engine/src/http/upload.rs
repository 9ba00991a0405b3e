//! A multipart body that is too long to be held, while it passes. Fields and the heads of all parts are kept; contents of
//! files are not, whatever their length. What is kept is a multipart body again, with its files cut short, so the
//! reader of multipart bodies can read it.
//!
//! This is how a field behind a large file is inspected before the last bytes of the request go out.

use memchr::memmem::Finder;

use super::{content_type, multipart};

/// Bytes of a file that are kept: enough to tell its type (as much as `beginning.rs` looks at).
const FILE_BEGINNING_BYTES: usize = 512;

/// Bytes of a part's head. Browsers send about 150; a longer head is kept as if it were a field, so it is still seen.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// What the next bytes belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the first part, or behind the last one: kept.
    Outside,
    /// The head of a part: kept, but held back until it is complete.
    Head,
    /// A field: kept.
    Field,
    /// A file, and how many more of its bytes are kept.
    File(usize),
}

/// A multipart body as it passes.
#[derive(Clone)]
pub(crate) struct Upload {
    /// Finds `--boundary`.
    finder: Finder<'static>,
    /// What is kept.
    kept: Vec<u8>,
    limit: usize,
    /// Bytes that came and do not show yet what they are.
    pending: Vec<u8>,
    at: At,
    /// The byte before the next one.
    last: u8,
    /// Delimiters so far.
    parts: u64,
    over_limit: bool,
}

/// Payload: shown by length only.
impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Upload({} bytes kept)", self.kept.len())
    }
}

impl Upload {
    /// The beginning of an upload.
    ///
    /// # Arguments
    /// * `content_type` - the header's value.
    /// * `limit` - bytes that are kept at most.
    ///
    /// # Returns
    /// `None` when the type is not multipart, or has no boundary.
    pub(crate) fn new(content_type: &str, limit: usize) -> Option<Self> {
        let declared = content_type::parse(content_type);
        let is_multipart = declared.essence.starts_with("multipart/");
        let boundary = declared.boundary.filter(|boundary| !boundary.is_empty())?;
        is_multipart.then(|| Self {
            // Made once: an upload may come in a hundred thousand chunks.
            finder: Finder::new(format!("--{boundary}").as_bytes()).into_owned(),
            kept: Vec::new(),
            limit,
            pending: Vec::new(),
            at: At::Outside,
            last: b'\n',
            parts: 0,
            over_limit: false,
        })
    }

    /// What was kept so far: parts with the contents of files cut short.
    pub(crate) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// How many parts began.
    pub(crate) fn parts(&self) -> u64 {
        self.parts
    }

    /// Whether more would have to be kept than the limit allows.
    pub(crate) fn is_over_limit(&self) -> bool {
        self.over_limit
    }

    /// The next bytes.
    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        // At most a delimiter or a head is pending, so putting both together copies little more than the chunk.
        let mut buffer = std::mem::take(&mut self.pending);
        buffer.extend_from_slice(chunk);
        let mut from = 0;
        while let Some(taken) = self.step(buffer.get(from..).unwrap_or_default(), false) {
            from += taken;
        }
        buffer.drain(..from.min(buffer.len()));
        self.pending = buffer;
    }

    /// There are no more bytes.
    pub(crate) fn end(&mut self) {
        let buffer = std::mem::take(&mut self.pending);
        let mut from = 0;
        while let Some(rest) = buffer.get(from..).filter(|rest| !rest.is_empty()) {
            match self.step(rest, true) {
                // A step that takes nothing would be repeated for ever.
                Some(taken) if taken > 0 => from += taken,
                _ => break,
            }
        }
    }

    /// Take some bytes; `None` when it takes more to say what they are.
    fn step(&mut self, rest: &[u8], is_last: bool) -> Option<usize> {
        if rest.is_empty() {
            return None;
        }
        if self.at == At::Head {
            return self.head(rest, is_last);
        }
        let needle = self.finder.needle().len();
        match self.finder.find(rest) {
            Some(at) if self.is_line_start(rest, at) => {
                self.content(rest.get(..at).unwrap_or_default());
                // The line break before a delimiter belongs to the delimiter, and was cut off with the file's rest.
                if matches!(self.at, At::File(0)) {
                    self.keep(b"\r\n");
                }
                let delimiter = rest.get(at..at + needle).unwrap_or_default();
                self.keep(delimiter);
                self.at = At::Head;
                self.parts += 1;
                Some(at + needle)
            }
            // Not at the start of a line: content.
            Some(at) => {
                let taken = at + 1;
                self.content(rest.get(..taken).unwrap_or_default());
                Some(taken)
            }
            // The delimiter may begin in the last bytes, and the line break before it belongs to it.
            None => {
                let held = if is_last { 0 } else { needle + 1 };
                let taken = rest.len().saturating_sub(held);
                self.content(rest.get(..taken).unwrap_or_default());
                (taken > 0).then_some(taken)
            }
        }
    }

    /// Whether a place is the start of a line.
    fn is_line_start(&self, rest: &[u8], at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|before| rest.get(before));
        *before.unwrap_or(&self.last) == b'\n'
    }

    /// The rest of a delimiter's line and the head of a part.
    fn head(&mut self, rest: &[u8], is_last: bool) -> Option<usize> {
        let window = rest.get(..MAX_HEAD_BYTES).unwrap_or(rest);
        // `--boundary--`: the last delimiter.
        if window.starts_with(b"--") {
            self.at = At::Outside;
            self.content(b"--");
            return Some(2);
        }
        let Some(length) = head_length(window) else {
            // The empty line that ends the head may still come.
            if rest.len() < MAX_HEAD_BYTES && !is_last {
                return None;
            }
            self.at = At::Field;
            self.content(window);
            return Some(window.len());
        };
        let head = window.get(..length).unwrap_or_default();
        self.keep(head);
        self.last = b'\n';
        self.at = if multipart::is_head_of_file(head) {
            At::File(FILE_BEGINNING_BYTES)
        } else {
            At::Field
        };
        Some(length)
    }

    fn content(&mut self, bytes: &[u8]) {
        self.last = bytes.last().copied().unwrap_or(self.last);
        let At::File(room) = self.at else {
            return self.keep(bytes);
        };
        let beginning = bytes.get(..room).unwrap_or(bytes);
        self.keep(beginning);
        self.at = At::File(room - beginning.len());
    }

    fn keep(&mut self, bytes: &[u8]) {
        // The bound holds for everything together, so a million small fields fill no more memory than one large field.
        let room = self.limit.saturating_sub(self.kept.len());
        self.over_limit |= bytes.len() > room;
        self.kept
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}

/// Length of the rest of a delimiter's line and of a head with its empty line.
fn head_length(text: &[u8]) -> Option<usize> {
    let mut start = 0;
    let mut first = true;
    for end in memchr::memchr_iter(b'\n', text) {
        let line = text.get(start..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() && !first {
            return Some(end + 1);
        }
        first = false;
        start = end + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=XyZ";

    fn kept(body: &[u8], chunk: usize, limit: usize) -> (String, bool) {
        let mut upload = Upload::new(TYPE, limit).unwrap();
        for part in body.chunks(chunk.max(1)) {
            upload.feed(part);
        }
        upload.end();
        let text = String::from_utf8_lossy(upload.kept()).into_owned();
        (text, upload.is_over_limit())
    }

    fn field(name: &str, value: &str) -> String {
        format!("--XyZ\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    fn file(content: &str) -> String {
        let head = "Content-Disposition: form-data; name=\"f\"; FileName=\"a.bin\"";
        format!("--XyZ\r\n{head}\r\nContent-Type: application/octet-stream\r\n\r\n{content}\r\n")
    }

    /// Fields before and behind a large file are kept whole, the file's beginning only, however it is cut into chunks.
    #[test]
    fn fields_behind_a_file_are_kept() {
        let large = "x".repeat(100_000);
        let body = [
            field("a", "1"),
            file(&large),
            field("late", "2"),
            "--XyZ--\r\n".into(),
        ]
        .concat();
        let short = "x".repeat(FILE_BEGINNING_BYTES);
        let expected = [
            field("a", "1"),
            file(&short),
            field("late", "2"),
            "--XyZ--\r\n".into(),
        ]
        .concat();
        for chunk in [1, 7, 1000, 1 << 20] {
            assert_eq!(
                kept(body.as_bytes(), chunk, 1 << 20),
                (expected.clone(), false),
                "{chunk}"
            );
        }
    }

    /// A body without large files is kept as it is; the delimiter within a line is content.
    #[test]
    fn small_bodies_are_kept_as_they_are() {
        for body in [
            [
                field("a", "1"),
                field("b", "see --XyZ for more"),
                "--XyZ--".into(),
            ]
            .concat(),
            [file("short"), field("b", "")].concat(),
            "no part at all".into(),
            "--XyZ\r\nno end of the head".into(),
        ] {
            for chunk in [1, 5, 1000] {
                assert_eq!(kept(body.as_bytes(), chunk, 1 << 20), (body.clone(), false));
            }
        }
    }

    /// Fields beyond the limit are told, contents of files are not.
    #[test]
    fn limit_counts_fields_only() {
        let large = "x".repeat(100_000);
        assert!(!kept(file(&large).as_bytes(), 1000, 4096).1);
        let (text, over) = kept(field("a", &large).as_bytes(), 1000, 4096);
        assert!(over && text.len() == 4096);
    }

    /// A part that some server reads as a field is kept whole, wherever its head has the word `filename`.
    #[test]
    fn fields_that_look_like_files_are_kept() {
        let long = "x".repeat(2 * FILE_BEGINNING_BYTES);
        for head in [
            "Content-Disposition: form-data; name=\"filename\"",
            "Content-Disposition: form-data; name=filename",
            "Content-Disposition: form-data; name=\"a; filename=b\"",
            "Content-Disposition: form-data; name=\"a\\\"; filename=\\\"b\"",
            "Content-Disposition: form-data; name=\"a\"; filename=\"\"",
            "Content-Disposition: form-data; name=\"a\"; filename",
            "Content-Disposition: form-data; name=\"a\"; filenames=\"b\"",
            "Content-Disposition: form-data; name=\"a\"\r\nX-Note: a; filename=\"b\"",
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"",
        ] {
            let body = format!("--XyZ\r\n{head}\r\n\r\n{long}\r\n--XyZ--\r\n");
            assert_eq!(kept(body.as_bytes(), 100, 1 << 20).0, body, "{head}");
        }
    }

    /// Files of all spellings that clients have are cut, so that uploads pass.
    #[test]
    fn files_are_cut_however_they_are_spelt() {
        let long = "x".repeat(2 * FILE_BEGINNING_BYTES);
        for head in [
            "content-disposition:form-data;name=f;filename=a.bin",
            "Content-Type: image/png\r\nContent-Disposition: form-data; name=\"f\"; FileName = \"a b.png\"",
            "Content-Disposition: form-data; name=\"f\"; filename=\"blob\"",
            "Content-Disposition: form-data; name=\"f\"; filename*=UTF-8''na%C3%AFve.bin",
            "Content-Disposition: form-data; name=\"f\"; filename*0=\"a\"; filename*1=\".bin\"",
            "Content-Disposition: form-data; name=\"f\"; filename=\"\\\"a\\\".bin\"",
            "Content-Disposition: form-data; name=\"f\" filename=\"C:\\temp\\\"",
            "Content-Disposition: attachment;\r\n filename=\"a.bin\"",
        ] {
            let body = format!("--XyZ\r\n{head}\r\n\r\n{long}\r\n--XyZ--\r\n");
            let text = kept(body.as_bytes(), 100, 1 << 20).0;
            assert!(text.len() + FILE_BEGINNING_BYTES == body.len(), "{head}");
        }
    }

    /// Other types are no uploads, nor is one without a boundary.
    #[test]
    fn other_types() {
        for other in [
            "application/json",
            "multipart/form-data",
            "multipart/form-data; boundary=\"\"",
        ] {
            assert!(Upload::new(other, 10).is_none(), "{other}");
        }
    }

    proptest! {
        /// What is kept does not depend on how the body is cut into chunks, and is never more than the limit.
        #[test]
        fn chunks_make_no_difference(
            pieces in prop::collection::vec(prop_oneof![
                Just("--XyZ"), Just("\r\n"), Just("\n"), Just("--"), Just("filename=a"), Just("\r\n\r\n"), Just("text"), Just("--Xy"),
            ], 0..40),
            chunk in 1..30_usize,
            limit in 0..200_usize,
        ) {
            let body = pieces.concat();
            let whole = kept(body.as_bytes(), body.len(), limit);
            prop_assert!(whole.0.len() <= limit);
            prop_assert_eq!(kept(body.as_bytes(), chunk, limit), whole);
        }
    }
}
