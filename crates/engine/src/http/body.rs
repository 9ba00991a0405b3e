//! A request body of any kind: decompressed, converted to UTF-8, parsed by its content type.
//!
//! What the client declares is what the upstream will read, so the declared parser always runs. When the
//! body is plainly of another kind, it is parsed as that too and flagged: nothing hides behind a false type.

use std::borrow::Cow;

use super::content_type::{self, ContentType};
use super::multipart::FilePart;
use super::parameter::Parameters;
use super::xml::Dialect;
use super::{Anomalies, Anomaly, Limits, Location};
use super::{charset, decompress, form, graphql, json, multipart, xml};

/// What a body was read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyKind {
    /// No body.
    Empty,
    /// JSON and `+json`.
    Json,
    /// JSON documents one after another.
    JsonLines,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data` and other `multipart/*`.
    Multipart,
    /// XML and `+xml`.
    Xml,
    /// OFX, also in its SGML form.
    Ofx,
    /// `application/graphql`.
    Graphql,
    /// Other text: one parameter without a name.
    Text,
    /// Anything else; only its bytes are there to be looked at.
    Other,
}

impl BodyKind {
    /// The stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Json => "json",
            Self::JsonLines => "json_lines",
            Self::Form => "form",
            Self::Multipart => "multipart",
            Self::Xml => "xml",
            Self::Ofx => "ofx",
            Self::Graphql => "graphql",
            Self::Text => "text",
            Self::Other => "other",
        }
    }

    /// The kind that a media type stands for.
    ///
    /// # Arguments
    /// * `essence` - `type/subtype`, lower case.
    #[must_use]
    pub fn of(essence: &str) -> Self {
        match essence {
            "application/json" | "text/json" => Self::Json,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/json-seq" => Self::JsonLines,
            "application/x-www-form-urlencoded" => Self::Form,
            "application/xml" | "text/xml" => Self::Xml,
            "application/x-ofx" | "application/ofx" | "application/vnd.intu.qfx" => Self::Ofx,
            "application/graphql" => Self::Graphql,
            _ if essence.starts_with("multipart/") => Self::Multipart,
            _ if essence.ends_with("+json") => Self::Json,
            _ if essence.ends_with("+xml") => Self::Xml,
            _ if essence.starts_with("text/") => Self::Text,
            _ => Self::Other,
        }
    }
}

/// What came of a body; its parameters are in the collection that was given.
#[derive(Clone, PartialEq, Eq)]
pub struct ParsedBody<'a> {
    /// What it was read as, by its declared type (by its first bytes when none was declared).
    pub kind: BodyKind,
    /// What was odd.
    pub anomalies: Anomalies,
    /// Files of a multipart body; their ranges are in `content`.
    pub files: Vec<FilePart>,
    /// The body without content encodings, in UTF-8 where its charset was known: what raw scans look at.
    pub content: Cow<'a, [u8]>,
}

/// Bodies are payload: shown by kind and length only.
impl std::fmt::Debug for ParsedBody<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "ParsedBody({}, {} bytes, {:?})",
            self.kind.code(),
            self.content.len(),
            self.anomalies
        )
    }
}

/// Parses a request body into `parameters`.
///
/// # Arguments
/// * `content_type`, `content_encoding` - the headers' values.
/// * `bytes` - the body as received; what is beyond `request_body_bytes` is not read and flagged.
/// * `truncated` - there was more than `bytes` (flagged as `body_over_limit`).
pub fn parse<'a>(
    content_type: Option<&str>,
    content_encoding: Option<&str>,
    bytes: &'a [u8],
    truncated: bool,
    limits: &Limits,
    parameters: &mut Parameters,
) -> ParsedBody<'a> {
    let max = limits.request_body_bytes as usize;
    let truncated = truncated || bytes.len() > max;
    let mut anomalies = Anomalies::NONE;
    anomalies.insert_if(truncated, Anomaly::BodyOverLimit);
    if bytes.is_empty() {
        return ParsedBody {
            kind: BodyKind::Empty,
            anomalies,
            files: Vec::new(),
            content: Cow::Borrowed(bytes),
        };
    }
    let plain = decompress::decompress(
        content_encoding,
        bytes.get(..max).unwrap_or(bytes),
        truncated,
        limits,
    );
    anomalies.extend(plain.anomalies);
    let mut body = Body {
        content: plain.body,
        truncated: plain.incomplete,
        limits,
        anomalies,
        files: Vec::new(),
    };
    let kind = body.dispatch(content_type, parameters);
    ParsedBody {
        kind,
        anomalies: body.anomalies,
        files: body.files,
        content: body.content,
    }
}

struct Body<'a, 'l> {
    content: Cow<'a, [u8]>,
    truncated: bool,
    limits: &'l Limits,
    anomalies: Anomalies,
    files: Vec<FilePart>,
}

impl Body<'_, '_> {
    fn dispatch(&mut self, content_type: Option<&str>, parameters: &mut Parameters) -> BodyKind {
        let declared = content_type.map(content_type::parse);
        let Some(declared) = declared else {
            self.anomalies.insert(Anomaly::ContentTypeMissing);
            self.convert(None);
            let kind = sniff(&self.content).unwrap_or(BodyKind::Other);
            self.read(kind, None, parameters);
            return kind;
        };
        self.anomalies
            .insert_if(declared.malformed, Anomaly::ContentTypeMalformed);
        let kind = BodyKind::of(&declared.essence);
        if !matches!(kind, BodyKind::Multipart | BodyKind::Other) {
            let own = || xml::declared_charset(&self.content);
            let label = match kind {
                BodyKind::Xml | BodyKind::Ofx => declared.charset.clone().or_else(own),
                _ => declared.charset.clone(),
            };
            self.convert(label.as_deref());
        }
        self.read(kind, Some(&declared), parameters);
        if let Some(sniffed) = self.other_kind(kind) {
            self.anomalies.insert(Anomaly::ContentTypeMismatch);
            self.read(sniffed, None, parameters);
        }
        kind
    }

    fn convert(&mut self, label: Option<&str>) {
        let content = std::mem::take(&mut self.content);
        self.content = match content {
            Cow::Borrowed(bytes) => charset::to_utf8(label, bytes, &mut self.anomalies),
            Cow::Owned(bytes) => {
                Cow::Owned(charset::to_utf8(label, &bytes, &mut self.anomalies).into_owned())
            }
        };
    }

    /// The kind that the first bytes show, when it is not the declared one.
    fn other_kind(&self, declared: BodyKind) -> Option<BodyKind> {
        let sniffed = sniff(&self.content)?;
        let same = match declared {
            // A GraphQL document begins as JSON does.
            BodyKind::Json | BodyKind::JsonLines | BodyKind::Graphql => sniffed == BodyKind::Json,
            BodyKind::Xml => matches!(sniffed, BodyKind::Xml | BodyKind::Ofx),
            BodyKind::Ofx => sniffed != BodyKind::Json,
            BodyKind::Empty
            | BodyKind::Form
            | BodyKind::Multipart
            | BodyKind::Text
            | BodyKind::Other => false,
        };
        (!same).then_some(sniffed)
    }

    fn read(
        &mut self,
        kind: BodyKind,
        declared: Option<&ContentType<'_>>,
        parameters: &mut Parameters,
    ) {
        let (content, truncated, limits) = (self.content.as_ref(), self.truncated, self.limits);
        let found = match kind {
            BodyKind::Json => {
                json::parse(content, truncated, json::Documents::One, limits, parameters)
            }
            BodyKind::JsonLines => json::parse(
                content,
                truncated,
                json::Documents::Many,
                limits,
                parameters,
            ),
            BodyKind::Form => form::parse(content, limits, parameters),
            BodyKind::Multipart => {
                let boundary = declared.and_then(|d| d.boundary.as_deref());
                multipart::parse(
                    boundary,
                    content,
                    truncated,
                    limits,
                    parameters,
                    &mut self.files,
                )
            }
            BodyKind::Xml => xml::parse(
                content,
                truncated,
                xml::dialect_of(content),
                limits,
                parameters,
            ),
            BodyKind::Ofx => xml::parse(content, truncated, Dialect::Sgml, limits, parameters),
            BodyKind::Graphql => graphql::parse(content, limits, parameters),
            BodyKind::Text => {
                let text = String::from_utf8_lossy(content);
                let mut found = parameters.push(Location::Body, "", &text);
                found.insert_if(
                    matches!(text, Cow::Owned(_)) && !truncated,
                    Anomaly::InvalidUtf8,
                );
                found
            }
            BodyKind::Empty | BodyKind::Other => Anomalies::NONE,
        };
        self.anomalies.extend(found);
    }
}

/// What the first bytes of a body show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// Too little came to say.
    Undecided,
    /// It is of a kind that is read, or hides what it is behind white space.
    Read,
    /// A file, or anything else of which only the bytes are there.
    Other,
}

/// First line of OFX 1 (OFX 1.6, 2.2).
const OFX_HEADER: &[u8] = b"OFXHEADER:";

/// Bytes of a body that are looked at to say what it is.
const BEGINNING_BYTES: usize = 512;

/// What the first bytes of a body show; byte order marks and UTF-16 hide nothing.
#[must_use]
pub fn begins(bytes: &[u8]) -> Beginning {
    let bytes = bytes.get(..BEGINNING_BYTES).unwrap_or(bytes);
    let text: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, 0 | 0xef | 0xbb | 0xbf | 0xfe | 0xff))
        .collect();
    let significant = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    match significant.take(2).count() {
        2 if sniff(&text).is_some() => Beginning::Read,
        2 if OFX_HEADER.starts_with(text.trim_ascii_start()) => Beginning::Undecided,
        2 => Beginning::Other,
        _ if bytes.len() < BEGINNING_BYTES => Beginning::Undecided,
        _ => Beginning::Read,
    }
}

/// Whether a long body of a type that is not read is a file. Images of disks begin with thousands of NUL; a body of
/// nothing but blanks so far is none, for what they are put before is not seen.
pub(crate) fn is_file(bytes: &[u8]) -> bool {
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
    match (trimmed.first(), after) {
        (Some(b'{'), Some(b'"' | b'}')) => Some(BodyKind::Json),
        (Some(b'['), Some(b'"' | b'{' | b'[' | b']' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')) => {
            Some(BodyKind::Json)
        }
        (Some(b'<'), Some(b'?' | b'!' | b'a'..=b'z' | b'A'..=b'Z' | b'_')) => {
            Some(match xml::dialect_of(trimmed) {
                Dialect::Sgml => BodyKind::Ofx,
                Dialect::Xml => BodyKind::Xml,
            })
        }
        _ if trimmed.starts_with(OFX_HEADER) => Some(BodyKind::Ofx),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
