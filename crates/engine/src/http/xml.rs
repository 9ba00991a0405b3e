//! XML bodies, and OFX in its SGML form, flattened to parameters.
//!
//! Names are local element names joined with `.` (`OFX.SIGNONMSGSRQV1.SONRQ.USERID`), an attribute adds
//! `@name`; namespace prefixes are dropped, since a client may choose them. Repeated elements repeat the name.
//! No entity but the five predefined ones and character references is ever expanded, so entity bombs and
//! external entities do nothing here; both are flagged for what they might do to the upstream. Elements
//! deeper than the limit are kept under the name of the deepest permitted ancestor.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::json::{has_duplicates, hash};
use super::parameter::{Parameters, Syntax};
use super::{Anomalies, Anomaly, Limits, Location, ParameterKind};

/// Made once: preparing a search costs more than most bodies take to search.
static XINCLUDE: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new("http://www.w3.org/2001/XInclude"));
static OFX_HEADER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("<?OFX"));
static OFX_ROOT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("<OFX>"));

/// How strictly elements must close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// XML 1.0: what does not close is malformed.
    Xml,
    /// SGML as OFX 1 and its users write it: an element with text ends where the next tag begins. Lines
    /// `KEY:VALUE` before the first tag (the OFX header) become parameters.
    Sgml,
}

/// Parses XML or SGML into `parameters`.
///
/// # Arguments
/// * `body` - UTF-8; odd bytes are replaced and flagged.
/// * `truncated` - the end is missing, so open elements are not malformed.
/// * `limits` - `depth` of elements that are named.
pub fn parse(
    body: &[u8],
    truncated: bool,
    dialect: Dialect,
    limits: &Limits,
    parameters: &mut Parameters,
) -> Anomalies {
    let text = String::from_utf8_lossy(body);
    let mut parser = Parser {
        dialect,
        truncated,
        depth: limits.depth as usize,
        over: 0,
        roots: 0,
        name: String::new(),
        frames: Vec::new(),
        text: String::new(),
        anomalies: Anomalies::NONE,
        parameters,
    };
    let replaced = matches!(text, Cow::Owned(_));
    parser
        .anomalies
        .insert_if(replaced && !truncated, Anomaly::InvalidUtf8);
    // XInclude 1.1: the upstream may fetch what its elements name.
    let include = XINCLUDE.find(text.as_bytes());
    parser
        .anomalies
        .insert_if(include.is_some(), Anomaly::XmlExternalEntity);
    parser.run(&text);
    parser.anomalies
}

/// The dialect that a body of an XML type is in: OFX is tolerant whatever its type says.
#[must_use]
pub fn dialect_of(body: &[u8]) -> Dialect {
    let start = body.get(..512).unwrap_or(body);
    let is_ofx = start.trim_ascii_start().starts_with(b"OFXHEADER")
        || OFX_HEADER.find(start).is_some()
        || OFX_ROOT.find(start).is_some();
    if is_ofx { Dialect::Sgml } else { Dialect::Xml }
}

/// The charset that the body itself declares: XML declaration, or `CHARSET:` of an OFX 1 header.
pub fn declared_charset(body: &[u8]) -> Option<Cow<'static, str>> {
    let start = body.get(..256).unwrap_or(body);
    if start.trim_ascii_start().starts_with(b"OFXHEADER") {
        let after = start.get(memchr::memmem::find(start, b"CHARSET:")? + 8..)?;
        let value = after.split(u8::is_ascii_whitespace).next()?;
        // OFX 1.6 section 2.2.1: 1252, ISO-8859-1 or NONE.
        return match value {
            b"1252" => Some(Cow::Borrowed("windows-1252")),
            b"NONE" | b"" => None,
            other => Some(Cow::Owned(String::from_utf8_lossy(other).into_owned())),
        };
    }
    let declaration = start
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(start)
        .strip_prefix(b"<?xml")?;
    let declaration = declaration.get(..memchr::memchr(b'>', declaration)?)?;
    let after = declaration.get(memchr::memmem::find(declaration, b"encoding")? + 8..)?;
    let value = after
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let quote = *value.first().filter(|b| matches!(b, b'"' | b'\''))?;
    let label = value.get(1..)?.split(|b| *b == quote).next()?;
    // A body whose first bytes read as ASCII is not in UTF-16, whatever it says.
    let is_wide = label
        .get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"utf-16"));
    (!is_wide).then(|| Cow::Owned(String::from_utf8_lossy(label).into_owned()))
}

struct Frame {
    /// Length of the name before this element's own part.
    name_length: usize,
    /// It had a child or a text, so its end is no empty value.
    has_content: bool,
}

struct Parser<'a> {
    dialect: Dialect,
    truncated: bool,
    depth: usize,
    /// Open elements beyond `depth`.
    over: usize,
    roots: usize,
    name: String,
    frames: Vec<Frame>,
    /// Text of the innermost element so far.
    text: String,
    anomalies: Anomalies,
    parameters: &'a mut Parameters,
}

impl Parser<'_> {
    fn run(&mut self, document: &str) {
        let tags = match self.dialect {
            Dialect::Xml => document,
            Dialect::Sgml => self.header(document),
        };
        let mut reader = Reader::from_str(tags);
        let config = reader.config_mut();
        config.check_end_names = self.dialect == Dialect::Xml;
        config.allow_unmatched_ends = self.dialect == Dialect::Sgml;
        config.allow_dangling_amp = self.dialect == Dialect::Sgml;
        loop {
            let position = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            match reader.read_event() {
                Ok(Event::Eof) => break,
                Ok(event) => self.event(event),
                Err(_) => {
                    self.flush();
                    self.anomalies
                        .insert_if(!self.truncated, Anomaly::MalformedXml);
                    self.leaf(None, tags.get(position..).unwrap_or_default());
                    return;
                }
            }
        }
        let outside = !self.text.trim().is_empty() && self.frames.is_empty();
        self.flush();
        let open = self.dialect == Dialect::Xml && !(self.frames.is_empty() && self.over == 0);
        let rootless = self.roots == 0 || (self.roots > 1 && self.dialect == Dialect::Xml);
        self.anomalies.insert_if(
            (open || rootless || outside) && !self.truncated,
            Anomaly::MalformedXml,
        );
    }

    /// The `KEY:VALUE` lines of an OFX 1 header. Returns the text from the first tag on.
    fn header<'d>(&mut self, document: &'d str) -> &'d str {
        let start = memchr::memchr(b'<', document.as_bytes()).unwrap_or(document.len());
        let (header, tags) = document.split_at(start);
        for field in header.split_ascii_whitespace() {
            let (key, value) = field.split_once(':').unwrap_or(("", field));
            self.anomalies
                .extend(self.parameters.push(Location::Body, key, value));
        }
        tags
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::Empty(tag) => {
                self.start(&tag);
                self.end();
            }
            Event::End(tag) => self.end_named(tag.local_name().into_inner()),
            Event::Text(text) => self.text.push_str(&text.into_inner()),
            Event::CData(text) => self.text.push_str(&text.into_inner()),
            Event::GeneralRef(reference) => self.reference(&reference),
            Event::DocType(declaration) => self.doctype(&declaration.into_inner()),
            // Comments, the XML declaration and processing instructions carry no parameter.
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Eof => {}
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) {
        let has_text = !self.text.trim().is_empty();
        self.flush();
        if has_text && self.dialect == Dialect::Sgml {
            self.end();
        }
        if let Some(parent) = self.frames.last_mut() {
            parent.has_content = true;
        } else {
            self.roots += 1;
        }
        if self.frames.len() >= self.depth {
            self.over += 1;
            self.anomalies.insert(Anomaly::DepthOverLimit);
        } else {
            self.frames.push(Frame {
                name_length: self.name.len(),
                has_content: false,
            });
            if self.frames.len() > 1 {
                self.name.push('.');
            }
            self.name.push_str(tag.local_name().into_inner());
        }
        self.attributes(tag);
    }

    fn attributes(&mut self, tag: &BytesStart<'_>) {
        let mut seen = Vec::new();
        // quick-xml's own check for repeated names compares each with all before it: quadratic.
        for attribute in tag.attributes().with_checks(false) {
            let Ok(attribute) = attribute else {
                self.anomalies.insert(Anomaly::MalformedXml);
                return;
            };
            seen.push(hash(attribute.key.0.as_bytes()));
            if attribute.key.0 == "xmlns" || attribute.key.0.starts_with("xmlns:") {
                continue;
            }
            let value = quick_xml::escape::unescape(&attribute.value).unwrap_or_else(|_| {
                self.anomalies.insert(Anomaly::XmlEntity);
                Cow::Borrowed(attribute.value.as_ref())
            });
            self.leaf(Some(attribute.key.local_name().into_inner()), &value);
        }
        self.anomalies
            .insert_if(has_duplicates(&mut seen), Anomaly::MalformedXml);
    }

    /// Closes the element of that name. SGML closes what is still open in it, and ignores ends of nothing.
    fn end_named(&mut self, name: &str) {
        if self.dialect == Dialect::Xml || self.over > 0 {
            self.end();
            return;
        }
        let mut end = self.name.len();
        let found = self.frames.iter().rev().position(|frame| {
            let own = self.name.get(frame.name_length..end).unwrap_or_default();
            end = frame.name_length;
            own.strip_prefix('.').unwrap_or(own) == name
        });
        for _ in 0..found.map_or(0, |levels| levels + 1) {
            self.end();
        }
    }

    fn end(&mut self) {
        self.flush();
        if self.over > 0 {
            self.over -= 1;
            return;
        }
        if self.frames.last().is_some_and(|frame| !frame.has_content) {
            self.leaf(None, "");
        }
        if let Some(frame) = self.frames.pop() {
            self.name.truncate(frame.name_length);
        }
    }

    /// Hands over the text collected since the last tag.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        let value = text.trim();
        if !value.is_empty() {
            if let Some(frame) = self.frames.last_mut() {
                frame.has_content = true;
            }
            self.leaf(None, value);
        }
        self.text = text;
        self.text.clear();
    }

    fn leaf(&mut self, attribute: Option<&str>, value: &str) {
        let length = self.name.len();
        if let Some(attribute) = attribute {
            self.name.push('@');
            self.name.push_str(attribute);
        }
        let syntax = if value.is_empty() {
            Syntax::Typed(ParameterKind::Empty)
        } else {
            Syntax::Text
        };
        let found = self
            .parameters
            .push_with(Location::Body, syntax, &self.name, |text| {
                text.push_str(value);
            });
        self.anomalies.extend(found);
        self.name.truncate(length);
    }

    fn reference(&mut self, reference: &BytesRef<'_>) {
        let name: &str = reference;
        let character = match name {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            // OFX 1.6 section 2.3.2.1 allows it beside lt, gt and amp.
            "nbsp" if self.dialect == Dialect::Sgml => Some(' '),
            _ => reference.resolve_char_ref().ok().flatten(),
        };
        if let Some(character) = character {
            self.text.push(character);
        } else {
            self.anomalies.insert(Anomaly::XmlEntity);
            self.text.push('&');
            self.text.push_str(name);
            self.text.push(';');
        }
    }

    fn doctype(&mut self, declaration: &str) {
        self.anomalies.insert(Anomaly::XmlDoctype);
        let has =
            |word: &str| memchr::memmem::find(declaration.as_bytes(), word.as_bytes()).is_some();
        self.anomalies
            .insert_if(has("<!ENTITY"), Anomaly::XmlEntity);
        self.anomalies
            .insert_if(has("SYSTEM") || has("PUBLIC"), Anomaly::XmlExternalEntity);
    }
}

#[cfg(test)]
mod tests;
