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
        if position - range.start > MAX_PART_HEADER_BYTES {
            anomalies.insert(Anomaly::PartHeadersOverLimit);
            break;
        }
        let Some(end) = memchr::memchr(b'\n', rest) else {
            // No empty line: the part has no content.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Anomaly as A;

    type Fields = Vec<(String, String)>;

    fn run(boundary: Option<&str>, body: &str) -> (Fields, Vec<FilePart>, Vec<Anomaly>) {
        let limits = Limits {
            multipart_parts: 4,
            ..Limits::default()
        };
        let mut parameters = Parameters::new(100);
        let mut files = Vec::new();
        let found = parse(
            boundary,
            body.as_bytes(),
            false,
            &limits,
            &mut parameters,
            &mut files,
        );
        (
            parameters
                .iter()
                .map(|p| (p.name.into(), p.value.into()))
                .collect(),
            files,
            found.iter().collect(),
        )
    }

    fn field(name: &str, value: &str) -> String {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    fn fields(expected: &[(&str, &str)]) -> Fields {
        expected
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    }

    /// Fields and files as browsers and curl send them.
    #[test]
    fn well_formed() {
        let body = format!(
            "preamble\r\n{}{}--B--\r\nepilogue",
            field("a", "1"),
            field("b", "two\r\nlines\r\n--Bx")
        );
        let (got, files, anomalies) = run(Some("B"), &body);
        // The line `--Bx` is content for strict readers and a delimiter for sloppy ones.
        assert_eq!(got, fields(&[("a", "1"), ("b", "two\r\nlines\r\n--Bx")]));
        assert_eq!((files, anomalies), (vec![], vec![A::MalformedMultipart]));

        let body = "--B \r\nContent-Disposition: form-data; name=\"f\"; filename=\"a \\\"b\\\".txt\"\r\nContent-Type: text/plain\r\n\r\n--B-in-line? content\r\n--B--";
        let (got, files, anomalies) = run(Some("B"), body);
        assert_eq!(got, fields(&[("f", "a \"b\".txt")]));
        assert_eq!(files[0].content_type, "text/plain");
        assert_eq!(&body[files[0].content.clone()], "--B-in-line? content");
        assert_eq!(anomalies, [A::MalformedMultipart]);

        let body = format!("{}{}--B--\r\n", field("a", ""), field("a[]", "x"));
        assert_eq!(
            run(Some("B"), &body),
            (fields(&[("a", ""), ("a[]", "x")]), vec![], vec![])
        );
    }

    /// What readers disagree on is flagged and still read.
    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn odd() {
        let part = "Content-Disposition: form-data; name=a\r\n\r\n1\r\n";
        let close = "--B--\r\n";
        let long = field("a", &"x".repeat(10)).replace(
            "Content-D",
            &format!("X: {}\r\nContent-D", "y".repeat(9_000)),
        );
        for (name, boundary, body, expected, anomalies) in [
            (
                "no boundary",
                None,
                format!("--B\r\n{part}{close}"),
                vec![],
                vec![A::MalformedMultipart],
            ),
            (
                "empty boundary",
                Some(""),
                format!("--B\r\n{part}{close}"),
                vec![],
                vec![A::MalformedMultipart],
            ),
            (
                "other boundary",
                Some("C"),
                format!("--B\r\n{part}{close}"),
                vec![],
                vec![A::MalformedMultipart],
            ),
            (
                "no end",
                Some("B"),
                format!("--B\r\n{part}"),
                vec![("a", "1\r\n")],
                vec![A::MalformedMultipart],
            ),
            (
                "bare LF",
                Some("B"),
                format!("--B\r\n{part}{close}").replace("\r\n", "\n"),
                vec![("a", "1")],
                vec![A::MalformedMultipart],
            ),
            (
                "no name",
                Some("B"),
                format!("--B\r\n{part}{close}").replace("; name=a", ""),
                vec![("", "1")],
                vec![A::MalformedMultipart],
            ),
            (
                "two names",
                Some("B"),
                format!("--B\r\n{part}{close}").replace("name=a", "name=a; name=b"),
                vec![("a", "1")],
                vec![A::MalformedMultipart],
            ),
            (
                "attachment",
                Some("B"),
                format!("--B\r\n{part}{close}").replace("form-data", "attachment"),
                vec![("a", "1")],
                vec![A::MalformedMultipart],
            ),
            (
                "folded",
                Some("B"),
                format!("--B\r\n{part}{close}").replace("; name", ";\r\n name"),
                vec![("", "1")],
                vec![A::MalformedMultipart],
            ),
            (
                "base64",
                Some("B"),
                format!("--B\r\nContent-Transfer-Encoding: base64\r\n{part}{close}"),
                vec![("a", "1")],
                vec![A::UnsupportedEncoding],
            ),
            (
                "twice",
                Some("B"),
                format!("--B\r\n{part}--B\r\n{part}{close}"),
                vec![("a", "1"), ("a", "1")],
                vec![A::DuplicateParameter],
            ),
            (
                "nothing",
                Some("B"),
                close.to_owned(),
                vec![],
                vec![A::MalformedMultipart],
            ),
            (
                "too many",
                Some("B"),
                format!("--B\r\n{part}").repeat(5) + close,
                vec![("a", "1"); 4],
                vec![A::MultipartPartsOverLimit],
            ),
            (
                "filename*",
                Some("B"),
                format!("--B\r\n{part}{close}").replace("=a", "=a; filename*=UTF-8''%C3%A4.sh"),
                vec![("a", "ä.sh")],
                vec![A::MalformedMultipart],
            ),
            (
                "long headers",
                Some("B"),
                format!("{long}{close}"),
                vec![("", &long[long.find("Content-D").unwrap()..long.len() - 2])],
                vec![A::MalformedMultipart, A::PartHeadersOverLimit],
            ),
        ] {
            let (got, _, found) = run(boundary, &body);
            assert_eq!((got, found), (fields(&expected), anomalies), "{name}");
        }
    }

    /// A body cut short is not malformed when it is known to be cut, and gives what it has.
    #[test]
    fn truncated() {
        let body = format!("{}{}", field("a", "1"), field("b", "2"));
        let mut parameters = Parameters::new(10);
        let mut files = Vec::new();
        let found = parse(
            Some("B"),
            body.as_bytes(),
            true,
            &Limits::default(),
            &mut parameters,
            &mut files,
        );
        assert!(found.is_empty());
        assert_eq!(parameters.len(), 2);
    }

    proptest! {
        /// Any text: no panic, and file ranges are inside the body.
        #[test]
        fn any_text(body in "(--B|--B--|\r\n|\n|Content-Disposition: form-data|; name=|; filename=|\"|a|\\\\|:|\\PC){0,60}") {
            let (_, files, _) = run(Some("B"), &body);
            for file in files {
                prop_assert!(file.content.start <= file.content.end && file.content.end <= body.len());
            }
        }
    }
}
