//! `multipart/form-data` (RFC 7578), with the flags that rules ask for (`MULTIPART_…`, reference manual of
//! `ModSecurity`). Reading goes on after whatever is wrong, so that nothing hides behind it.

use std::ops::Range;

use super::super::compiled::Variable as V;
use super::super::facts::Facts;
use super::super::program::Program;

/// Parts that are read.
const MAX_PARTS: usize = 2_000;
/// Header lines of a part that are read.
const MAX_HEADERS: usize = 64;

#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a variable of SecLang"
)]
struct Flags {
    boundary_quoted: bool,
    boundary_whitespace: bool,
    data_before: bool,
    data_after: bool,
    header_folding: bool,
    invalid_header_folding: bool,
    lf_line: bool,
    crlf_line: bool,
    missing_semicolon: bool,
    invalid_quoting: bool,
    invalid_part: bool,
    unmatched_boundary: bool,
    file_limit_exceeded: bool,
}

#[derive(Debug, Default)]
struct Part {
    /// Header lines, folded ones joined.
    headers: Vec<Vec<u8>>,
    name: Option<Vec<u8>>,
    filename: Option<Vec<u8>>,
    content: Range<usize>,
}

struct Reader<'b> {
    body: &'b [u8],
    boundary: &'b [u8],
    flags: Flags,
    parts: Vec<Part>,
    error: Option<&'static str>,
}

/// Enter a multipart body; answers what is wrong with it.
pub(super) fn enter(
    program: &Program,
    body: &[u8],
    content_type: &[u8],
    facts: &mut Facts,
) -> Option<String> {
    let mut flags = Flags::default();
    let found = boundary(content_type, &mut flags);
    let mut reader = Reader {
        body,
        boundary: b"",
        flags,
        parts: Vec::new(),
        error: None,
    };
    match found {
        Ok(boundary) => {
            reader.boundary = boundary;
            reader.read();
        }
        Err(error) => reader.error = Some(error),
    }
    reader.publish(program, facts);
    reader
        .error
        .map(|error| format!("Multipart parsing error: {error}"))
}

/// The boundary that a content type declares.
fn boundary<'a>(content_type: &'a [u8], flags: &mut Flags) -> Result<&'a [u8], &'static str> {
    let mut named = content_type
        .split(|byte| *byte == b';')
        .skip(1)
        .filter_map(|parameter| {
            let parameter = parameter.trim_ascii_start();
            let name = parameter.get(..8)?;
            name.eq_ignore_ascii_case(b"boundary")
                .then(|| parameter.get(8..).unwrap_or_default())
        });
    let after = named
        .next()
        .ok_or("Multipart: Boundary not found in C-T.")?;
    if named.next().is_some() {
        return Err("Multipart: Multiple boundary parameters in C-T.");
    }
    let equals =
        memchr::memchr(b'=', after).ok_or("Multipart: Invalid boundary in C-T (malformed).")?;
    let between = after.get(..equals).unwrap_or_default();
    if !between.trim_ascii().is_empty() {
        return Err("Multipart: Invalid boundary in C-T (parameter name).");
    }
    let value = after.get(equals + 1..).unwrap_or_default();
    flags.boundary_whitespace |=
        !between.is_empty() || value.first().is_some_and(u8::is_ascii_whitespace);
    let value = value.trim_ascii();
    let value = match value {
        [b'"', inside @ ..] => {
            flags.boundary_quoted = true;
            let end = memchr::memchr(b'"', inside)
                .ok_or("Multipart: Invalid boundary in C-T (quote).")?;
            inside.get(..end).unwrap_or_default()
        }
        _ => {
            let end = value
                .iter()
                .position(|byte| matches!(byte, b';' | b',' | b' ' | b'\t'));
            value.get(..end.unwrap_or(value.len())).unwrap_or_default()
        }
    };
    if value.is_empty() {
        return Err("Multipart: Invalid boundary in C-T (empty).");
    }
    if value.len() > 256 || value.iter().any(|byte| !(0x20..0x7f).contains(byte)) {
        return Err("Multipart: Invalid boundary in C-T (characters).");
    }
    Ok(value)
}

/// What a line is to the reader.
enum Line {
    Delimiter,
    Final,
    Other,
}

impl Reader<'_> {
    fn complain(&mut self, error: &'static str) {
        self.error.get_or_insert(error);
    }

    /// The line that begins at `position`: its content, where the next begins.
    fn line(&mut self, position: usize) -> (Range<usize>, usize) {
        let rest = self.body.get(position..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', rest) else {
            return (position..self.body.len(), self.body.len());
        };
        let crlf = end > 0 && rest.get(end - 1) == Some(&b'\r');
        if crlf {
            self.flags.crlf_line = true;
        } else {
            self.flags.lf_line = true;
        }
        (
            position..position + end - usize::from(crlf),
            position + end + 1,
        )
    }

    fn kind(&mut self, line: &[u8]) -> Line {
        let Some(rest) = line.strip_prefix(b"--") else {
            return Line::Other;
        };
        let Some(rest) = rest.strip_prefix(self.boundary) else {
            self.flags.unmatched_boundary = true;
            return Line::Other;
        };
        match rest.trim_ascii_end() {
            b"" => Line::Delimiter,
            b"--" => Line::Final,
            _ => {
                self.flags.unmatched_boundary = true;
                Line::Other
            }
        }
    }

    fn read(&mut self) {
        let mut position = 0;
        let mut ended = false;
        while position < self.body.len() && !ended {
            let (line, next) = self.line(position);
            let text = self.body.get(line).unwrap_or_default();
            match self.kind(text) {
                Line::Delimiter => {
                    position = next;
                    while let Some((after, is_final)) = self.part(position) {
                        position = after;
                        if is_final {
                            ended = true;
                            break;
                        }
                    }
                    if !ended {
                        break;
                    }
                }
                Line::Final => {
                    position = next;
                    ended = true;
                }
                Line::Other => {
                    self.flags.data_before |= !text.is_empty();
                    position = next;
                }
            }
        }
        if ended {
            self.flags.data_after = position < self.body.len();
        } else if self.parts.is_empty() {
            self.complain("Multipart: No boundaries found in payload.");
        } else {
            self.complain("Multipart: Final boundary missing.");
        }
    }

    /// A part that begins at `position`: where the next begins and whether there is none; `None` when the body ended.
    fn part(&mut self, position: usize) -> Option<(usize, bool)> {
        if self.parts.len() >= MAX_PARTS {
            self.complain("Multipart: Too many parts.");
            return None;
        }
        let mut part = Part::default();
        let (start, delimiter) = self.headers(position, &mut part);
        let mut found = delimiter;
        let mut at = start;
        let mut end = start;
        while found.is_none() && at < self.body.len() {
            let (line, next) = self.line(at);
            end = line.end;
            let text = self.body.get(line.clone()).unwrap_or_default();
            match self.kind(text) {
                Line::Delimiter => found = Some((next, false, line.start)),
                Line::Final => found = Some((next, true, line.start)),
                Line::Other => {
                    // Without a line break at the end all of it is content.
                    end = if next == self.body.len() { next } else { end };
                    at = next;
                }
            }
        }
        let content_end = found.map_or(end, |(_, _, line_start)| {
            self.before_break(start, line_start)
        });
        part.content = start..content_end.max(start);
        self.disposition(&mut part);
        self.parts.push(part);
        found.map(|(next, is_final, _)| (next, is_final))
    }

    /// The content's end: the line break before a delimiter is the delimiter's.
    fn before_break(&self, start: usize, line_start: usize) -> usize {
        let content = self.body.get(start..line_start).unwrap_or_default();
        let content = content.strip_suffix(b"\n").unwrap_or(content);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        start + content.len()
    }

    /// Reads header lines; where the content begins, and the delimiter when one came before it.
    fn headers(
        &mut self,
        position: usize,
        part: &mut Part,
    ) -> (usize, Option<(usize, bool, usize)>) {
        let mut at = position;
        while at < self.body.len() {
            let (line, next) = self.line(at);
            let text = self.body.get(line.clone()).unwrap_or_default();
            match self.kind(text) {
                Line::Delimiter | Line::Final if text.is_empty() => {}
                Line::Delimiter => {
                    self.flags.invalid_part = true;
                    return (at, Some((next, false, line.start)));
                }
                Line::Final => {
                    self.flags.invalid_part |= !part.headers.is_empty();
                    return (at, Some((next, true, line.start)));
                }
                Line::Other => {}
            }
            at = next;
            if text.is_empty() {
                return (at, None);
            }
            if matches!(text.first(), Some(b' ' | b'\t')) {
                self.fold(text, part);
            } else if part.headers.len() < MAX_HEADERS {
                if !text.contains(&b':') {
                    self.complain("Multipart: Invalid part header (colon missing).");
                }
                part.headers.push(text.to_vec());
            } else {
                self.complain("Multipart: Too many part headers.");
            }
        }
        self.flags.invalid_part = true;
        (at, None)
    }

    fn fold(&mut self, text: &[u8], part: &mut Part) {
        match part.headers.last_mut() {
            Some(last) => {
                self.flags.header_folding = true;
                last.push(b' ');
                last.extend_from_slice(text.trim_ascii_start());
            }
            None => {
                self.flags.invalid_header_folding = true;
                part.headers.push(text.to_vec());
            }
        }
    }

    fn disposition(&mut self, part: &mut Part) {
        let mut found = part.headers.iter().filter_map(|line| {
            let colon = memchr::memchr(b':', line)?;
            let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
            name.trim_ascii()
                .eq_ignore_ascii_case(b"content-disposition")
                .then(|| value.to_vec())
        });
        let (first, second) = (found.next(), found.next());
        drop(found);
        if second.is_some() {
            self.complain("Multipart: Duplicate part header: Content-Disposition.");
        }
        let Some(value) = first else {
            self.flags.invalid_part = true;
            self.complain("Multipart: Part is missing Content-Disposition header.");
            return;
        };
        self.parameters(value.trim_ascii(), part);
        if part.name.is_none() {
            self.complain("Multipart: Content-Disposition header missing name field.");
        }
    }

    fn parameters(&mut self, value: &[u8], part: &mut Part) {
        let kind = value
            .iter()
            .position(|byte| *byte == b';')
            .unwrap_or(value.len());
        if !value
            .get(..kind)
            .unwrap_or_default()
            .trim_ascii()
            .eq_ignore_ascii_case(b"form-data")
        {
            self.complain("Multipart: Invalid Content-Disposition header (-1).");
        }
        let mut rest = value.get(kind..).unwrap_or_default();
        loop {
            rest = rest.trim_ascii_start();
            match rest {
                [] => return,
                [b';', tail @ ..] => rest = tail.trim_ascii_start(),
                _ => self.flags.missing_semicolon = true,
            }
            if rest.is_empty() {
                return;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'=' | b';'));
            let Some(equals) = end.filter(|at| rest.get(*at) == Some(&b'=')) else {
                self.complain("Multipart: Invalid Content-Disposition header (-4).");
                rest = end.map_or(&b""[..], |at| rest.get(at..).unwrap_or_default());
                continue;
            };
            let key = rest
                .get(..equals)
                .unwrap_or_default()
                .trim_ascii()
                .to_ascii_lowercase();
            let (text, tail) = self.quoted(
                rest.get(equals + 1..)
                    .unwrap_or_default()
                    .trim_ascii_start(),
            );
            rest = tail;
            self.parameter(&key, text, part);
        }
    }

    fn parameter(&mut self, key: &[u8], text: Vec<u8>, part: &mut Part) {
        let slot = match key {
            b"name" => &mut part.name,
            b"filename" => &mut part.filename,
            b"filename*" => {
                let encoded = text
                    .rsplit(|byte| *byte == b'\'')
                    .next()
                    .unwrap_or_default()
                    .to_vec();
                let mut decoded = Vec::new();
                super::super::transformations::url_decode(&encoded, &mut decoded);
                part.filename.get_or_insert(decoded);
                return;
            }
            _ => return,
        };
        if slot.is_some() {
            return self.complain("Multipart: Duplicate Content-Disposition name or filename.");
        }
        if text.contains(&b'\'') {
            self.flags.invalid_quoting = true;
        }
        *slot = Some(text);
    }

    /// A value, quoted or not, and what comes after it.
    fn quoted<'v>(&mut self, value: &'v [u8]) -> (Vec<u8>, &'v [u8]) {
        let [b'"', inside @ ..] = value else {
            let end = value
                .iter()
                .position(|byte| matches!(byte, b';' | b' ' | b'\t'))
                .unwrap_or(value.len());
            let (text, tail) = value.split_at(end);
            self.flags.invalid_quoting |= text.first() == Some(&b'\'');
            return (text.to_vec(), tail);
        };
        let mut text = Vec::new();
        let mut rest = inside;
        loop {
            rest = match rest {
                [] => {
                    self.flags.invalid_quoting = true;
                    self.complain("Multipart: Invalid Content-Disposition header (-10).");
                    return (text, rest);
                }
                [b'"', tail @ ..] => return (text, tail),
                [b'\\', byte @ (b'"' | b'\\'), tail @ ..] | [byte, tail @ ..] => {
                    text.push(*byte);
                    tail
                }
            };
        }
    }

    fn publish(&mut self, program: &Program, facts: &mut Facts) {
        let body = self.body;
        let content = |part: &Part| body.get(part.content.clone()).unwrap_or_default();
        let files: Vec<&Part> = self
            .parts
            .iter()
            .filter(|part| part.filename.is_some())
            .collect();
        self.flags.file_limit_exceeded = files.len() > program.settings.upload_file_limit as usize;
        let limit = program.settings.arguments_limit as usize;
        let fields = self.parts.iter().filter(|part| part.filename.is_none());
        let mut members = facts.begin(V::ArgsPost);
        for part in fields.clone().take(limit) {
            members.push(part.name.as_deref().unwrap_or_default(), content(part));
        }
        drop(members);
        if fields.count() > limit {
            self.error
                .get_or_insert("Multipart: more arguments than SecArgumentsLimit.");
        }
        let mut members = facts.begin(V::Files);
        for part in &files {
            members.push(
                part.name.as_deref().unwrap_or_default(),
                part.filename.as_deref().unwrap_or_default(),
            );
        }
        drop(members);
        let sizes: Vec<String> = files
            .iter()
            .map(|part| part.content.len().to_string())
            .collect();
        let mut members = facts.begin(V::FilesSizes);
        for (part, size) in files.iter().zip(&sizes) {
            members.push(part.name.as_deref().unwrap_or_default(), size.as_bytes());
        }
        drop(members);
        if program.uses(V::FilesTmpContent) {
            let mut members = facts.begin(V::FilesTmpContent);
            for part in &files {
                members.push(part.name.as_deref().unwrap_or_default(), content(part));
            }
        }
        let combined: usize = files.iter().map(|part| part.content.len()).sum();
        facts.set_integer(
            V::FilesCombinedSize,
            i64::try_from(combined).unwrap_or(i64::MAX),
        );
        let mut members = facts.begin(V::MultipartPartHeaders);
        for part in &self.parts {
            for line in &part.headers {
                members.push(part.name.as_deref().unwrap_or_default(), line);
            }
        }
        drop(members);
        self.publish_flags(facts);
    }

    fn publish_flags(&self, facts: &mut Facts) {
        let flags = &self.flags;
        let strict = self.error.is_some()
            || flags.boundary_quoted
            || flags.boundary_whitespace
            || flags.data_before
            || flags.data_after
            || flags.header_folding
            || flags.invalid_header_folding
            || flags.lf_line
            || flags.missing_semicolon
            || flags.invalid_quoting
            || flags.invalid_part
            || flags.file_limit_exceeded;
        for (variable, value) in [
            (V::MultipartBoundaryQuoted, flags.boundary_quoted),
            (V::MultipartBoundaryWhitespace, flags.boundary_whitespace),
            (V::MultipartDataBefore, flags.data_before),
            (V::MultipartDataAfter, flags.data_after),
            (V::MultipartHeaderFolding, flags.header_folding),
            (
                V::MultipartInvalidHeaderFolding,
                flags.invalid_header_folding,
            ),
            (V::MultipartLfLine, flags.lf_line),
            (V::MultipartCrlfLfLines, flags.lf_line && flags.crlf_line),
            (V::MultipartMissingSemicolon, flags.missing_semicolon),
            (V::MultipartInvalidQuoting, flags.invalid_quoting),
            (V::MultipartInvalidPart, flags.invalid_part),
            (V::MultipartUnmatchedBoundary, flags.unmatched_boundary),
            (V::MultipartFileLimitExceeded, flags.file_limit_exceeded),
            (V::MultipartStrictError, strict),
        ] {
            facts.set(variable, if value { b"1" } else { b"0" });
        }
    }
}
