//! A request body of any kind: decompressed, converted to UTF-8, read by its content type.
//!
//! What the client declares is what the upstream will read, so the declared reader always runs. When rules chose
//! another one it runs too, and when the body is plainly of another kind, it is read as that as well and flagged:
//! nothing hides behind a false type. All of it is told to the listener.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::beginning::{BEGINNING_BYTES, is_file};
pub use super::beginning::{Beginning, begins};
pub(crate) use super::beginning::{begins_as_file, sniff};
use super::collect::Collect;
use super::format::BodyBytes;
pub use super::format::BodyKind;
use super::listener::Listener;
use super::parameter::Parameters;
use super::{Anomalies, Anomaly, Limits};
use super::{
    charset, content_type, decompress, form, graphql, json, message, multipart, text, xml,
};

/// The formats that one body is read in: the declared one, the one that rules chose, the one that it begins like, and a
/// form in another charset.
type Formats = SmallVec<[BodyKind; 4]>;

/// A body with its encodings undone, to be read.
#[derive(Clone, PartialEq, Eq)]
pub struct Body<'b, 't> {
    /// The format by its declared type, or by its first bytes when no type is declared.
    pub kind: BodyKind,
    /// The body without content encodings, in UTF-8 where its charset is known: what raw scans look at.
    pub content: Cow<'b, [u8]>,
    /// What was odd so far.
    pub anomalies: Anomalies,
    content_type: Option<&'t str>,
    /// The end is missing.
    truncated: bool,
    /// The format that it begins like, when that is not the declared one.
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

/// The result of reading a body. Its parameters are in the collection that the caller gave.
#[derive(Clone, PartialEq, Eq)]
pub struct ParsedBody<'a> {
    /// The format in which it was read: by its declared type, or by its first bytes when none was declared.
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
    /// See [`parse`].
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
        // An empty body is neither JSON nor a form, and it is no anomaly either.
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
            // These name charsets for each part, or are read in ASCII before escapes are undone.
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

    /// Converts a body of no known type if the result is a document; a file is left as it is.
    fn uncover(&mut self, label: Option<&str>) {
        let start = self.content.get(..BEGINNING_BYTES).unwrap_or(&self.content);
        // An even number of bytes, so that no unit of UTF-16 is cut in two.
        let start = start.get(..start.len() & !1).unwrap_or(start);
        // What is odd in this trial does not count; `convert` notes it when the body is converted.
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

    /// Tells `listener` what the body holds, in each format in which a server may read it.
    ///
    /// # Arguments
    /// * `chosen` - the format that rules chose.
    /// * `separator` - what is between the pairs of a form.
    pub fn read<L: Listener>(&self, chosen: Option<BodyKind>, separator: u8, listener: &mut L) {
        self.read_start(usize::MAX, chosen, separator, listener);
    }

    /// [`Body::read`] for the first `bytes` bytes only.
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
                BodyBytes {
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
            // Readers of one family report the same values, so one of them is enough.
            let family = kind.family();
            if !formats.iter().any(|known| known.family() == family) {
                formats.push(kind);
            }
        };
        // Nobody reads a JSON document as prose, but a body that begins like XML may be meant as HTML.
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

    /// Reads a form a second time in the charset that it declares, where that makes a difference: ASP.NET obeys the
    /// charset, PHP ignores it.
    fn read_wide_form<L: Listener>(&self, separator: u8, listener: &mut L) {
        let declared = content_type::parse(self.content_type.unwrap_or_default());
        let mut anomalies = Anomalies::NONE;
        let converted =
            charset::to_utf8(declared.charset.as_deref(), &self.content, &mut anomalies);
        for anomaly in anomalies.iter() {
            listener.anomaly(anomaly);
        }
        // The length differs too when only a byte order mark was removed.
        if converted.len() != self.content.len() || matches!(converted, Cow::Owned(_)) {
            let source = BodyBytes {
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

/// Where each format is read. A new one is a line here.
fn read_format<L: Listener>(kind: BodyKind, source: BodyBytes<'_>, listener: &mut L) {
    let BodyBytes {
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
            read_part,
            listener,
        ),
        BodyKind::Xml => xml::read(content, truncated, xml::dialect_of(content), listener),
        BodyKind::Ofx => xml::read(content, truncated, xml::Dialect::Sgml, listener),
        BodyKind::Graphql => graphql::read(content, listener),
        // A message has a body, which may be a message in turn. The depth is bounded, because reading recurses.
        BodyKind::Message if source.nesting < multipart::MAX_NESTING => {
            message::read(content, source.nesting + 1, read_part, listener);
        }
        BodyKind::Message | BodyKind::Text => text::read(content, truncated, listener),
        BodyKind::Empty | BodyKind::Other => {}
    }
    listener.end();
}

/// Reads a part of a body that is a complete document.
pub(super) fn read_part<L: Listener>(
    kind: BodyKind,
    part: BodyBytes<'_>,
    anomalies: &mut Anomalies,
    listener: &mut L,
) {
    let content = match kind {
        // The parts of these name their charsets, or their escapes are undone first.
        BodyKind::Multipart | BodyKind::Form | BodyKind::Message => Cow::Borrowed(part.content),
        _ => {
            let declared = content_type::parse(part.content_type.unwrap_or_default());
            charset::to_utf8(declared.charset.as_deref(), part.content, anomalies)
        }
    };
    let source = BodyBytes {
        content: &content,
        ..part
    };
    read_format(kind, source, listener);
}

#[cfg(test)]
mod tests;
