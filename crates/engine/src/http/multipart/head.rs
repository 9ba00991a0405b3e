//! What a part's headers say.

use std::borrow::Cow;

use super::names::{Names, agree};
use super::part::Flags;
use crate::headers::lossy;

/// The most names of one field. Its value is told under each of them, so there may not be many.
const MAX_NAMES: usize = 3;

/// Names of a file.
const MAX_FILE_NAMES: usize = 8;

/// The head of a part, as servers may understand it.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Names of the field: the plain one first.
    pub(super) names: Vec<Vec<u8>>,
    /// Names of the file: the plain one first.
    pub(super) file_names: Vec<Vec<u8>>,
    /// Servers will not agree on the name of the field or file, or on whether it is a file.
    pub(super) names_differ: bool,
    /// Some server takes it for a field.
    pub(super) is_field: bool,
    /// It has a file's name, and no server finds an empty one or none in its place: more than is asked of what is read
    /// as a file, for the content of such a part is left out of a long body.
    pub(super) is_file: bool,
    /// `Content-Type`, "" without.
    pub(super) content_type: String,
    /// `Content-Transfer-Encoding`, "" without.
    pub(super) transfer_encoding: String,
}

impl Head {
    /// Reads header lines, and notes what is odd in them.
    ///
    /// # Arguments
    /// * `is_form` - of `multipart/form-data`, where each part must have a name.
    pub(super) fn of(lines: &[Cow<'_, [u8]>], is_form: bool, flags: &mut Flags) -> Self {
        let mut head = Self::default();
        let (mut name, mut file_name) = (Names::default(), Names::default());
        let mut dispositions = 0;
        for line in lines {
            let (field, value) = field_of(line);
            if field.eq_ignore_ascii_case(b"content-disposition") {
                dispositions += 1;
                disposition(value, is_form, &mut name, &mut file_name, flags);
            } else if field.eq_ignore_ascii_case(b"content-type") {
                head.content_type = lossy(value).into_owned();
            } else if field.eq_ignore_ascii_case(b"content-transfer-encoding") {
                head.transfer_encoding = lossy(value).into_owned();
            }
        }
        if dispositions > 1 {
            flags.complain("Multipart: Duplicate part header: Content-Disposition.");
        }
        if is_form && dispositions == 0 {
            flags.invalid_part = true;
            flags.complain("Multipart: Part is missing Content-Disposition header.");
        }
        // Asked before `finish`, which takes both apart.
        let (name_is_plain, file_name_is_plain) = (name.has_plain(), file_name.has_plain());
        head.names = name.finish(MAX_NAMES, flags);
        head.file_names = file_name.finish(MAX_FILE_NAMES, flags);
        if is_form && dispositions > 0 && head.names.is_empty() {
            flags.complain("Multipart: Content-Disposition header missing name field.");
        }
        // Go takes a part with an empty file name for a field. Browsers give the name `blob` to what a page makes itself,
        // such as JSON that Spring reads as an argument.
        let is_nameless = |name: &Vec<u8>| name.is_empty() || name == b"blob";
        // Of two lines a server takes the first or the last one, and one of them may have no file name.
        let is_repeated = dispositions > 1;
        head.is_field =
            !file_name_is_plain || is_repeated || head.file_names.iter().all(is_nameless);
        let has_name = head.file_names.iter().any(|name| !name.is_empty());
        head.is_file = has_name && !is_repeated;
        head.names_differ = !agree(&head.names)
            || !agree(&head.file_names)
            || (!name_is_plain && !needs_more_than_plain(&head.names))
            || (!file_name_is_plain && !needs_more_than_plain(&head.file_names));
        head
    }
}

/// Name and value of a header line, without blanks around them.
fn field_of(line: &[u8]) -> (&[u8], &[u8]) {
    let colon = memchr::memchr(b':', line).unwrap_or(line.len());
    let (field, value) = line.split_at(colon);
    let value = value.get(1..).unwrap_or_default();
    (field.trim_ascii(), value.trim_ascii())
}

/// Whether a name is one that clients send in the extended form only (urllib3 1 does that for names outside of ASCII).
fn needs_more_than_plain(names: &[Vec<u8>]) -> bool {
    let is_odd = |byte: &u8| !byte.is_ascii() || matches!(byte, b'"' | b'\\');
    names.is_empty() || names.iter().any(|name| name.iter().any(is_odd))
}

/// Reads the value of `Content-Disposition`.
fn disposition(
    value: &[u8],
    is_form: bool,
    name: &mut Names,
    file_name: &mut Names,
    flags: &mut Flags,
) {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let (kind, mut rest) = value.split_at(end);
    if is_form && !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
        flags.complain("Multipart: Invalid Content-Disposition header (-1).");
    }
    loop {
        rest = rest.trim_ascii_start();
        match rest {
            [] => return,
            [b';', tail @ ..] => rest = tail.trim_ascii_start(),
            _ => flags.missing_semicolon = true,
        }
        if rest.is_empty() {
            return;
        }
        // A parameter without a value is passed over; servers differ in whether they refuse the part.
        let end = memchr::memchr2(b'=', b';', rest);
        let Some(equals) = end.filter(|at| rest.get(*at) == Some(&b'=')) else {
            flags.complain("Multipart: Invalid Content-Disposition header (-4).");
            rest = end.and_then(|at| rest.get(at..)).unwrap_or_default();
            continue;
        };
        let (key, value) = rest.split_at(equals);
        let key = key.trim_ascii().to_ascii_lowercase();
        let readings;
        (readings, rest) = quoted(value.get(1..).unwrap_or_default(), flags);
        if let Some(kind) = key.strip_prefix(b"filename") {
            file_name.add(kind, readings, flags);
        } else if let Some(kind) = key.strip_prefix(b"name") {
            name.add(kind, readings, flags);
        }
    }
}

/// A value without quotes: some servers end it at a blank, others at the semicolon.
fn unquoted<'v>(value: &'v [u8], flags: &mut Flags) -> (Vec<Vec<u8>>, &'v [u8]) {
    let whole = memchr::memchr(b';', value).unwrap_or(value.len());
    let end = memchr::memchr3(b';', b' ', b'\t', value).unwrap_or(value.len());
    let (text, tail) = value.split_at(end);
    flags.invalid_quoting |= text.first() == Some(&b'\'');
    let mut readings = vec![text.to_vec()];
    let longer = value.get(..whole).unwrap_or_default().trim_ascii_end();
    if longer.len() > text.len() {
        readings.push(longer.to_vec());
    }
    (readings, tail)
}

/// A value, quoted or not, in each reading of it, and the text that comes after it.
fn quoted<'v>(value: &'v [u8], flags: &mut Flags) -> (Vec<Vec<u8>>, &'v [u8]) {
    let Some(inside) = value.trim_ascii_start().strip_prefix(b"\"") else {
        return unquoted(value.trim_ascii_start(), flags);
    };
    let mut text = Vec::new();
    // Up to the first quote, escaped or not: not every server knows escapes.
    let mut shorter = None;
    let mut rest = inside;
    loop {
        rest = match rest {
            [] => {
                flags.invalid_quoting = true;
                flags.complain("Multipart: Invalid Content-Disposition header (-10).");
                break;
            }
            [b'"', tail @ ..] => {
                rest = tail;
                break;
            }
            // Browsers escape quotes as `%22` (WHATWG HTML, 4.10.21.8); command-line tools and libraries use a
            // backslash.
            [b'\\', b'"', tail @ ..] => {
                shorter.get_or_insert_with(|| text.clone());
                text.push(b'"');
                tail
            }
            [b'\\', b'\\', tail @ ..] => {
                text.push(b'\\');
                tail
            }
            [byte, tail @ ..] => {
                text.push(*byte);
                tail
            }
        };
    }
    let mut readings = vec![text];
    readings.extend(shorter);
    (readings, rest)
}
