//! A request body of any kind: decompressed, converted to UTF-8, read by its content type.
//!
//! What the client declares is what the upstream will read, so the declared reader always runs. When rules chose
//! another one it runs too, and when the body is plainly of another kind, it is read as that as well and flagged:
//! nothing hides behind a false type. Whoever listens hears all of it.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::collect::Collect;
use super::listener::Listener;
use super::parameter::Parameters;
use super::xml::Dialect;
use super::{Anomalies, Anomaly, Limits};
use super::{
    charset, content_type, decompress, form, graphql, json, message, multipart, text, xml,
};

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
    /// A request within a request (`application/http`).
    Message,
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
            Self::Message => "message",
            Self::Text => "text",
            Self::Other => "other",
        }
    }

    /// What is read alike: one reading of a body in a family is enough.
    #[must_use]
    pub const fn family(self) -> Self {
        match self {
            Self::JsonLines => Self::Json,
            Self::Ofx => Self::Xml,
            other => other,
        }
    }

    /// Whether a body of this kind may begin as one of `sniffed` does.
    fn begins_like(self, sniffed: Self) -> bool {
        match self {
            // A GraphQL document begins as JSON does.
            Self::Json | Self::JsonLines | Self::Graphql => sniffed == Self::Json,
            Self::Xml => matches!(sniffed, Self::Xml | Self::Ofx),
            Self::Ofx => sniffed != Self::Json,
            Self::Empty
            | Self::Form
            | Self::Multipart
            | Self::Message
            | Self::Text
            | Self::Other => false,
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
            "application/http" | "message/http" => Self::Message,
            _ if essence.starts_with("multipart/") => Self::Multipart,
            _ if essence.ends_with("+json") => Self::Json,
            _ if essence.ends_with("+xml") => Self::Xml,
            _ if essence.starts_with("text/") => Self::Text,
            _ => Self::Other,
        }
    }
}

/// Formats that one body is read as: as it is declared, as rules chose, as it begins, and a form in another charset.
type Formats = SmallVec<[BodyKind; 4]>;

/// A body with its encodings undone, to be read.
#[derive(Clone, PartialEq, Eq)]
pub struct Body<'b, 't> {
    /// What it is by its declared type; by its first bytes when none is declared.
    pub kind: BodyKind,
    /// The body without content encodings, in UTF-8 where its charset is known: what raw scans look at.
    pub content: Cow<'b, [u8]>,
    /// What was odd so far.
    pub anomalies: Anomalies,
    content_type: Option<&'t str>,
    /// The end is missing.
    truncated: bool,
    /// What it begins like, when that is not what it is declared to be.
    sniffed: Option<BodyKind>,
}

/// Bytes are payload: shown by kind and length only.
impl std::fmt::Debug for Body<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Body({}, {} bytes, {:?})",
            self.kind.code(),
            self.content.len(),
            self.anomalies
        )
    }
}

/// What came of a body; its parameters are in the collection that was given.
#[derive(Clone, PartialEq, Eq)]
pub struct ParsedBody<'a> {
    /// What it was read as, by its declared type (by its first bytes when none was declared).
    pub kind: BodyKind,
    /// What was odd.
    pub anomalies: Anomalies,
    /// See [`Body::content`].
    pub content: Cow<'a, [u8]>,
}

/// Bytes are payload: shown by kind and length only.
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
    let body = Body::receive(content_type, content_encoding, bytes, truncated, limits);
    let mut collect = Collect::new(parameters, limits);
    body.read(None, b'&', &mut collect);
    let mut anomalies = body.anomalies;
    anomalies.extend(collect.anomalies());
    ParsedBody {
        kind: body.kind,
        anomalies,
        content: body.content,
    }
}

impl<'b, 't> Body<'b, 't> {
    /// Undoes the encodings of a body as it was received.
    ///
    /// # Arguments
    /// As of [`parse`].
    #[must_use]
    pub fn receive(
        content_type: Option<&'t str>,
        content_encoding: Option<&str>,
        bytes: &'b [u8],
        truncated: bool,
        limits: &Limits,
    ) -> Self {
        let max = limits.request_body_bytes as usize;
        let truncated = truncated || bytes.len() > max;
        let mut anomalies = Anomalies::NONE;
        anomalies.insert_if(truncated, Anomaly::BodyOverLimit);
        if bytes.is_empty() {
            return Self {
                kind: BodyKind::Empty,
                content: Cow::Borrowed(bytes),
                anomalies,
                content_type,
                truncated,
                sniffed: None,
            };
        }
        let plain = decompress::decompress(
            content_encoding,
            bytes.get(..max).unwrap_or(bytes),
            truncated,
            limits,
        );
        anomalies.extend(plain.anomalies);
        Self::open(content_type, plain.body, plain.incomplete, anomalies)
    }

    /// A body without content encodings.
    ///
    /// # Arguments
    /// * `truncated` - the end is missing.
    #[must_use]
    pub fn plain(content_type: Option<&'t str>, bytes: &'b [u8], truncated: bool) -> Self {
        Self::open(
            content_type,
            Cow::Borrowed(bytes),
            truncated,
            Anomalies::NONE,
        )
    }

    /// Undoes the charset.
    fn open(
        content_type: Option<&'t str>,
        content: Cow<'b, [u8]>,
        truncated: bool,
        anomalies: Anomalies,
    ) -> Self {
        let mut body = Self {
            kind: BodyKind::Other,
            content,
            anomalies,
            content_type,
            truncated,
            sniffed: None,
        };
        let Some(content_type) = content_type else {
            body.anomalies.insert(Anomaly::ContentTypeMissing);
            body.uncover(None);
            body.kind = sniff(&body.content).unwrap_or(BodyKind::Other);
            return body;
        };
        let declared = content_type::parse(content_type);
        body.anomalies
            .insert_if(declared.malformed, Anomaly::ContentTypeMalformed);
        body.kind = BodyKind::of(&declared.essence);
        match body.kind {
            BodyKind::Multipart | BodyKind::Form | BodyKind::Message => {}
            BodyKind::Other => body.uncover(declared.charset.as_deref()),
            BodyKind::Xml | BodyKind::Ofx => {
                let own = || xml::declared_charset(&body.content);
                let label = declared.charset.clone().or_else(own);
                body.convert(label.as_deref());
            }
            _ => body.convert(declared.charset.as_deref()),
        }
        body.sniffed = sniff(&body.content).filter(|sniffed| !body.kind.begins_like(*sniffed));
        body.anomalies
            .insert_if(body.sniffed.is_some(), Anomaly::ContentTypeMismatch);
        body
    }

    fn convert(&mut self, label: Option<&str>) {
        let content = std::mem::take(&mut self.content);
        self.content = charset::of_cow(label, content, &mut self.anomalies);
    }

    /// Converts a body of no known type, should it turn out to be a document then: a file is left as it is.
    fn uncover(&mut self, label: Option<&str>) {
        let start = self.content.get(..BEGINNING_BYTES).unwrap_or(&self.content);
        let start = start.get(..start.len() & !1).unwrap_or(start);
        let converted = charset::to_utf8(label, start, &mut Anomalies::default());
        if sniff(&converted).is_some() || text::is_text(&converted) {
            self.convert(label);
        }
    }

    /// Whether there is more than [`Body::content`].
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Tells `listener` what the body holds, in each format that somebody may read it in.
    ///
    /// # Arguments
    /// * `chosen` - the format that rules chose.
    /// * `separator` - what is between the pairs of a form.
    pub fn read<L: Listener>(&self, chosen: Option<BodyKind>, separator: u8, listener: &mut L) {
        self.read_start(usize::MAX, chosen, separator, listener);
    }

    /// As [`Body::read`], of the first so many bytes.
    pub(crate) fn read_start<L: Listener>(
        &self,
        bytes: usize,
        chosen: Option<BodyKind>,
        separator: u8,
        listener: &mut L,
    ) {
        let content = self.content.get(..bytes).unwrap_or(&self.content);
        let truncated = self.truncated || content.len() < self.content.len();
        for kind in self.formats(chosen) {
            read_format(
                kind,
                Source {
                    content_type: self.content_type,
                    content,
                    truncated,
                    nesting: 0,
                    separator,
                },
                listener,
            );
        }
        if self.kind == BodyKind::Form {
            self.read_wide_form(separator, listener);
        }
    }

    fn formats(&self, chosen: Option<BodyKind>) -> Formats {
        let mut formats = Formats::new();
        let mut add = |kind: BodyKind| {
            let family = kind.family();
            if !formats.iter().any(|known| known.family() == family) {
                formats.push(kind);
            }
        };
        // Nobody reads a JSON document as prose, while what begins like XML may be meant as HTML.
        let is_document = chosen.is_some() || self.sniffed == Some(BodyKind::Json);
        match self.kind {
            BodyKind::Empty => {}
            BodyKind::Text if is_document => {}
            BodyKind::Other if is_document || self.sniffed.is_some() => {}
            BodyKind::Other if is_file(self.content_type.unwrap_or_default(), &self.content) => {}
            BodyKind::Other => add(BodyKind::Text),
            kind => add(kind),
        }
        if self.kind != BodyKind::Empty {
            chosen.into_iter().for_each(&mut add);
            self.sniffed.into_iter().for_each(&mut add);
        }
        formats
    }

    /// ASP.NET reads a form in the charset that it declares, PHP in none: where that makes a difference it is read both
    /// ways.
    fn read_wide_form<L: Listener>(&self, separator: u8, listener: &mut L) {
        let declared = content_type::parse(self.content_type.unwrap_or_default());
        let mut anomalies = Anomalies::NONE;
        let converted =
            charset::to_utf8(declared.charset.as_deref(), &self.content, &mut anomalies);
        for anomaly in anomalies.iter() {
            listener.anomaly(anomaly);
        }
        // A byte order mark may have gone.
        if converted.len() != self.content.len() || matches!(converted, Cow::Owned(_)) {
            let source = Source {
                content_type: None,
                content: &converted,
                truncated: self.truncated,
                nesting: 0,
                separator,
            };
            read_format(BodyKind::Form, source, listener);
        }
    }
}

/// Types of which only the bytes are there to be looked at, unless they begin like a document.
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

/// Whether a body of no known type is a file: by its type, or because it is no text.
pub(super) fn is_file(content_type: &str, content: &[u8]) -> bool {
    let essence = content_type::essence(content_type);
    let is = |known: &str| {
        essence
            .get(..known.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(known))
    };
    FILES.iter().any(|known| is(known)) || !text::is_text(content)
}

/// What a reader is given.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) content_type: Option<&'a str>,
    pub(super) content: &'a [u8],
    /// The end is missing.
    pub(super) truncated: bool,
    /// Bodies that it is in.
    pub(super) nesting: u8,
    /// What is between the pairs of a form.
    pub(super) separator: u8,
}

/// Where each format is read. A new one is a line here.
fn read_format<L: Listener>(kind: BodyKind, source: Source<'_>, listener: &mut L) {
    let Source {
        content, truncated, ..
    } = source;
    listener.begin(kind);
    match kind {
        BodyKind::Json => json::read(content, truncated, json::Documents::One, listener),
        BodyKind::JsonLines => json::read(content, truncated, json::Documents::Many, listener),
        BodyKind::Form => form::read(content, source.separator, listener),
        BodyKind::Multipart => multipart::read(
            source.content_type,
            content,
            truncated,
            source.nesting,
            listener,
        ),
        BodyKind::Xml => xml::read(content, truncated, xml::dialect_of(content), listener),
        BodyKind::Ofx => xml::read(content, truncated, xml::Dialect::Sgml, listener),
        BodyKind::Graphql => graphql::read(content, listener),
        // A message has a body, which may be one in turn.
        BodyKind::Message if source.nesting < multipart::MAX_NESTING => {
            message::read(content, source.nesting + 1, listener);
        }
        BodyKind::Message | BodyKind::Text => text::read(content, truncated, listener),
        BodyKind::Empty | BodyKind::Other => {}
    }
    listener.end();
}

/// Reads a part of a body that is a document of its own.
pub(super) fn read_part<L: Listener>(
    kind: BodyKind,
    part: Source<'_>,
    anomalies: &mut Anomalies,
    listener: &mut L,
) {
    let content = match kind {
        BodyKind::Multipart | BodyKind::Form | BodyKind::Message => Cow::Borrowed(part.content),
        _ => {
            let declared = content_type::parse(part.content_type.unwrap_or_default());
            charset::to_utf8(declared.charset.as_deref(), part.content, anomalies)
        }
    };
    let source = Source {
        content: &content,
        ..part
    };
    read_format(kind, source, listener);
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
