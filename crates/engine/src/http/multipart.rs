//! `multipart/form-data` bodies (RFC 7578, RFC 2046 section 5.1).
//!
//! A field becomes a body parameter. A file becomes a [`FilePart`] and a body parameter whose value is the
//! file's name; its content is not copied. Readers of multipart differ in many ways, so whatever is not
//! plainly well-formed is flagged [`Anomaly::MalformedMultipart`], and read as the tolerant ones do.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem::Finder;

use super::content_type::Pairs;
use super::parameter::Parameters;
use super::{Anomalies, Anomaly, Limits, Location, percent};

/// Bytes of one part's headers. Browsers send about 150.
const MAX_PART_HEADER_BYTES: usize = 8 * 1024;

/// RFC 2046 section 5.1.1: a boundary has 1 to 70 characters.
const MAX_BOUNDARY_BYTES: usize = 70;

/// A file in a multipart body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// The field's name.
    pub name: String,
    /// The file's name as the client gives it, path and all.
    pub filename: String,
    /// `Content-Type` of the part, "" without.
    pub content_type: String,
    /// Where its content is in the (decompressed) body.
    pub content: Range<usize>,
}

/// Parses a multipart body into `parameters` and `files`.
///
/// # Arguments
/// * `boundary` - of the `Content-Type`; `None` is malformed.
/// * `truncated` - the end is missing, so a missing last boundary is not malformed.
/// * `limits` - `multipart_parts`: the rest is not read.
pub fn parse(
    boundary: Option<&str>,
    body: &[u8],
    truncated: bool,
    limits: &Limits,
    parameters: &mut Parameters,
    files: &mut Vec<FilePart>,
) -> Anomalies {
    let mut anomalies = Anomalies::NONE;
    let Some(boundary) = boundary.filter(|b| (1..=MAX_BOUNDARY_BYTES).contains(&b.len())) else {
        anomalies.insert(Anomaly::MalformedMultipart);
        return anomalies;
    };
    let delimiter = format!("--{boundary}");
    let finder = Finder::new(&delimiter);
    let mut current = next_delimiter(body, 0, &finder, &mut anomalies);
    let mut parts = 0_u32;
    while let Some(Delimiter { after, is_last, .. }) = current {
        if is_last {
            anomalies.insert_if(parts == 0, Anomaly::MalformedMultipart);
            anomalies.insert_if(
                parameters.has_duplicate_names(Location::Body),
                Anomaly::DuplicateParameter,
            );
            return anomalies;
        }
        if parts >= limits.multipart_parts {
            anomalies.insert(Anomaly::MultipartPartsOverLimit);
            return anomalies;
        }
        parts += 1;
        let next = next_delimiter(body, after, &finder, &mut anomalies);
        let end = next
            .as_ref()
            .map_or(body.len(), |delimiter| delimiter.before);
        part(
            body,
            after..end.max(after),
            parameters,
            files,
            &mut anomalies,
        );
        current = next;
    }
    anomalies.insert_if(!truncated, Anomaly::MalformedMultipart);
    anomalies
}

/// A line `--boundary` or `--boundary--`.
struct Delimiter {
    /// End of what precedes it, without the line break that belongs to it.
    before: usize,
    /// Start of what follows its line.
    after: usize,
    is_last: bool,
}

/// Finds the next line that is the delimiter, from `from` on, which is the start of a line.
fn next_delimiter(
    body: &[u8],
    from: usize,
    finder: &Finder<'_>,
    anomalies: &mut Anomalies,
) -> Option<Delimiter> {
    let mut search = from;
    loop {
        let start = search + finder.find(body.get(search..)?)?;
        let end = start + finder.needle().len();
        search = end;
        let before = match body.get(from..start)? {
            [] => start,
            [.., b'\r', b'\n'] => start - 2,
            [.., b'\n'] => {
                anomalies.insert(Anomaly::MalformedMultipart);
                start - 1
            }
            _ => continue,
        };
        let rest = body.get(end..)?;
        let (is_last, rest) = rest
            .strip_prefix(b"--")
            .map_or((false, rest), |rest| (true, rest));
        // RFC 2046 section 5.1.1 allows white space between the boundary and its line's end.
        let padding = rest
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        let after = body.len() - rest.len() + padding;
        match rest.get(padding..)? {
            [b'\r', b'\n', ..] => {
                return Some(Delimiter {
                    before,
                    after: after + 2,
                    is_last,
                });
            }
            [b'\n', ..] => {
                anomalies.insert(Anomaly::MalformedMultipart);
                return Some(Delimiter {
                    before,
                    after: after + 1,
                    is_last,
                });
            }
            [] if is_last => {
                return Some(Delimiter {
                    before,
                    after,
                    is_last,
                });
            }
            // Another word that begins with the boundary: some readers take it for the boundary.
            _ => anomalies.insert(Anomaly::MalformedMultipart),
        }
    }
}

/// What a part's headers say.
#[derive(Default)]
struct Head {
    name: Option<String>,
    filename: Option<String>,
    content_type: String,
}

fn part(
    body: &[u8],
    range: Range<usize>,
    parameters: &mut Parameters,
    files: &mut Vec<FilePart>,
    anomalies: &mut Anomalies,
) {
    let mut head = Head::default();
    let mut position = range.start;
    loop {
        let rest = body.get(position..range.end).unwrap_or_default();
        let Some(end) =
            memchr::memchr(b'\n', rest).filter(|_| position - range.start < MAX_PART_HEADER_BYTES)
        else {
            // No empty line: the part has no content, or its headers are too long.
            anomalies.insert(Anomaly::MalformedMultipart);
            break;
        };
        position += end + 1;
        let line = rest.get(..end).unwrap_or_default();
        let stripped = line.strip_suffix(b"\r");
        anomalies.insert_if(stripped.is_none(), Anomaly::MalformedMultipart);
        let line = stripped.unwrap_or(line);
        if line.is_empty() {
            break;
        }
        header(&String::from_utf8_lossy(line), &mut head, anomalies);
    }
    anomalies.insert_if(head.name.is_none(), Anomaly::MalformedMultipart);
    let name = head.name.unwrap_or_default();
    let content = position.min(range.end)..range.end;
    if let Some(filename) = head.filename {
        anomalies.extend(parameters.push(Location::Body, &name, &filename));
        files.push(FilePart {
            name,
            filename,
            content_type: head.content_type,
            content,
        });
        return;
    }
    let bytes = body.get(content).unwrap_or_default();
    let value = String::from_utf8_lossy(bytes);
    anomalies.insert_if(matches!(value, Cow::Owned(_)), Anomaly::InvalidUtf8);
    anomalies.extend(parameters.push(Location::Body, &name, &value));
}

/// One header line of a part.
fn header(line: &str, head: &mut Head, anomalies: &mut Anomalies) {
    // A line that begins with white space continues the one before (RFC 822): obsolete, and read differently.
    let Some((field, value)) = line
        .split_once(':')
        .filter(|(field, _)| !field.contains([' ', '\t']))
    else {
        anomalies.insert(Anomaly::MalformedMultipart);
        return;
    };
    let value = value.trim();
    if field.eq_ignore_ascii_case("content-disposition") {
        disposition(value, head, anomalies);
    } else if field.eq_ignore_ascii_case("content-type") {
        value.clone_into(&mut head.content_type);
    } else if field.eq_ignore_ascii_case("content-transfer-encoding") {
        let plain = ["7bit", "8bit", "binary"]
            .iter()
            .any(|known| value.eq_ignore_ascii_case(known));
        anomalies.insert_if(!plain, Anomaly::UnsupportedEncoding);
    }
}

fn disposition(value: &str, head: &mut Head, anomalies: &mut Anomalies) {
    let (kind, rest) = value.split_at(value.find(';').unwrap_or(value.len()));
    anomalies.insert_if(
        !kind.trim().eq_ignore_ascii_case("form-data"),
        Anomaly::MalformedMultipart,
    );
    for pair in Pairs::new(rest) {
        let Some((key, text)) = pair else {
            anomalies.insert(Anomaly::MalformedMultipart);
            return;
        };
        let slot = if key.eq_ignore_ascii_case("name") {
            &mut head.name
        } else if key.eq_ignore_ascii_case("filename") {
            &mut head.filename
        } else if key.eq_ignore_ascii_case("filename*") {
            // RFC 7578 section 4.2 forbids it; some servers prefer it to `filename`.
            anomalies.insert(Anomaly::MalformedMultipart);
            let encoded = text.rsplit('\'').next().unwrap_or_default();
            let mut decoded = String::new();
            let _ = percent::decode_into(encoded.as_bytes(), false, &mut decoded);
            head.filename.get_or_insert(decoded);
            continue;
        } else {
            continue;
        };
        anomalies.insert_if(slot.is_some(), Anomaly::MalformedMultipart);
        slot.get_or_insert(text.into_owned());
    }
}
