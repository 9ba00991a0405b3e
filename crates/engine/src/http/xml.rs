//! XML bodies, and OFX in its SGML form.
//!
//! References to characters and to entities that the document itself declares are replaced, within bounds
//! ([`entities`]); external entities are never loaded. Both are flagged for what they might do to the upstream.

pub(super) mod dialect;
mod entities;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader as Tokens;

pub use self::dialect::{Dialect, declared_charset, dialect_of};
use self::entities::Entities;
use super::Anomaly;
use super::hashes::{has_duplicates, hash};
use super::listener::{Container, Listener};
use crate::headers::lossy;

/// Made once, because preparing a search costs more than searching most bodies.
static XINCLUDE: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new("http://www.w3.org/2001/XInclude"));

/// Tells `listener` of XML or SGML.
///
/// # Arguments
/// * `body` - UTF-8; odd bytes are replaced and flagged.
/// * `truncated` - the end is missing, so open elements are not malformed.
pub fn read<L: Listener>(body: &[u8], truncated: bool, dialect: Dialect, listener: &mut L) {
    let text = lossy(body);
    if matches!(text, Cow::Owned(_)) && !truncated {
        listener.anomaly(Anomaly::InvalidUtf8);
    }
    // XInclude 1.1: the upstream may fetch what its elements name.
    if XINCLUDE.find(text.as_bytes()).is_some() {
        listener.anomaly(Anomaly::XmlExternalEntity);
    }
    let mut reader = Reader {
        dialect,
        truncated,
        depth: 0,
        roots: 0,
        text: String::new(),
        is_text_outside: false,
        open: Open::default(),
        entities: Entities::default(),
        listener,
    };
    reader.run(&text);
}

/// The names of open elements. SGML needs them to know what an end tag closes.
#[derive(Default)]
struct Open {
    names: String,
    /// Where each name begins.
    starts: Vec<usize>,
    /// How many elements of a name are open, by the name's hash, so that an end tag of no open element costs no search.
    counts: HashMap<u64, u32>,
}

impl Open {
    fn push(&mut self, name: &str) {
        self.starts.push(self.names.len());
        self.names.push_str(name);
        *self.counts.entry(hash(name.as_bytes())).or_default() += 1;
    }

    /// Forgets the innermost element; answers its name's hash.
    fn pop(&mut self) -> Option<u64> {
        let start = self.starts.pop()?;
        let name = hash(self.names.get(start..).unwrap_or_default().as_bytes());
        self.names.truncate(start);
        if let Some(count) = self.counts.get_mut(&name) {
            *count = count.saturating_sub(1);
        }
        Some(name)
    }

    fn contains(&self, name: &str) -> bool {
        self.counts
            .get(&hash(name.as_bytes()))
            .is_some_and(|count| *count > 0)
    }
}

struct Reader<'a, L> {
    dialect: Dialect,
    truncated: bool,
    /// Open elements.
    depth: usize,
    roots: usize,
    /// Text since the last tag.
    text: String,
    /// There was text outside of the root.
    is_text_outside: bool,
    /// Kept in SGML only.
    open: Open,
    entities: Entities,
    listener: &'a mut L,
}

impl<L: Listener> Reader<'_, L> {
    fn run(&mut self, document: &str) {
        let tags = match self.dialect {
            Dialect::Xml => document,
            Dialect::Sgml => self.header(document),
        };
        let mut tokens = Tokens::from_str(tags);
        let config = tokens.config_mut();
        // SGML leaves end tags out, so only the readers' own stack can tell what an end tag closes.
        config.check_end_names = self.dialect == Dialect::Xml;
        config.allow_unmatched_ends = self.dialect == Dialect::Sgml;
        config.allow_dangling_amp = self.dialect == Dialect::Sgml;
        loop {
            // Remembered before each event, because after an error the rest from here on is told as one text.
            let position = usize::try_from(tokens.buffer_position()).unwrap_or(usize::MAX);
            match tokens.read_event() {
                Ok(Event::Eof) => break,
                Ok(event) => self.event(event),
                Err(error) => {
                    self.flush();
                    let rest = tags.get(position..).unwrap_or_default();
                    return self.malformed(&error.to_string(), rest);
                }
            }
        }
        self.flush();
        if self.depth > 0 && self.dialect == Dialect::Xml {
            self.malformed("an element does not end", "");
        } else if self.roots != 1 && (self.roots == 0 || self.dialect == Dialect::Xml) {
            // Nothing but white space is not a document, but to rules it is not an error either.
            if document.trim_ascii().is_empty() {
                self.malformed_only();
            } else {
                self.malformed("there must be one root element", "");
            }
        } else if self.is_text_outside {
            self.malformed_only();
        }
    }

    fn malformed(&mut self, reason: &str, rest: &str) {
        self.malformed_only();
        self.listener.failed(reason, rest);
    }

    fn malformed_only(&mut self) {
        if !self.truncated {
            self.listener.anomaly(Anomaly::MalformedXml);
        }
    }

    /// The `KEY:VALUE` lines of an OFX 1 header. Returns the text from the first tag on.
    fn header<'d>(&mut self, document: &'d str) -> &'d str {
        let start = memchr::memchr(b'<', document.as_bytes()).unwrap_or(document.len());
        let (header, tags) = document.split_at(start);
        for field in header.split_ascii_whitespace() {
            let (key, value) = field.split_once(':').unwrap_or(("", field));
            self.listener.pair(key.as_bytes(), value.as_bytes());
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
            Event::End(tag) => self.end_named(tag.name().into_inner()),
            Event::Text(text) => self.add(&text.into_inner()),
            Event::CData(text) => self.add(&text.into_inner()),
            Event::GeneralRef(reference) => {
                let is_sgml = self.dialect == Dialect::Sgml;
                self.is_text_outside |= self.depth == 0;
                self.entities.replace(&reference, is_sgml, &mut self.text);
                self.note_entities();
            }
            Event::DocType(declaration) => {
                self.listener.anomaly(Anomaly::XmlDoctype);
                self.entities.declare(&declaration.into_inner());
                self.note_entities();
            }
            // Comments, the XML declaration and processing instructions carry no value.
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Eof => {}
        }
    }

    fn add(&mut self, text: &str) {
        self.is_text_outside |= self.depth == 0 && !text.trim_ascii().is_empty();
        self.text.push_str(text);
    }

    fn note_entities(&mut self) {
        for anomaly in self.entities.take_anomalies().iter() {
            self.listener.anomaly(anomaly);
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) {
        let has_text = !self.text.trim_ascii().is_empty();
        self.flush();
        // In SGML a value has no end tag, so its element ends where the next one begins.
        if has_text && self.dialect == Dialect::Sgml {
            self.end();
        }
        if self.depth == 0 {
            self.roots += 1;
        }
        self.depth += 1;
        let name = tag.name().into_inner();
        if self.dialect == Dialect::Sgml {
            self.open.push(name);
        }
        self.listener.open(Container::Element(name));
        self.attributes(tag);
    }

    fn attributes(&mut self, tag: &BytesStart<'_>) {
        let mut seen = Vec::new();
        let mut value = String::new();
        // quick-xml's own check for repeated names compares each with all before it: quadratic.
        for attribute in tag.attributes().with_checks(false) {
            let Ok(attribute) = attribute else {
                self.malformed("an attribute is malformed", "");
                // Servers read such a tag in different ways, so everything inside it is told as one value and
                // inspected.
                self.listener.attribute("", tag.attributes_raw());
                break;
            };
            let key = attribute.key.into_inner();
            seen.push(hash(key.as_bytes()));
            // Declarations of namespaces are no attributes to XPath.
            if key == "xmlns" || key.starts_with("xmlns:") {
                continue;
            }
            value.clear();
            self.entities
                .replace_all(&attribute.value, self.dialect == Dialect::Sgml, &mut value);
            self.listener.attribute(key, &value);
        }
        self.note_entities();
        if has_duplicates(&mut seen, |hash| *hash) {
            self.malformed_only();
        }
    }

    /// Closes the element of that name. SGML also closes the elements that are still open in it, and ignores end tags
    /// of no open element.
    fn end_named(&mut self, name: &str) {
        if self.dialect == Dialect::Xml {
            self.end();
            return;
        }
        if !self.open.contains(name) {
            return;
        }
        let wanted = hash(name.as_bytes());
        while self.depth > 0 {
            if self.end() == Some(wanted) {
                return;
            }
        }
    }

    /// Ends the innermost element. Answers the hash of its name, in SGML.
    fn end(&mut self) -> Option<u64> {
        self.flush();
        if self.depth > 0 {
            self.depth -= 1;
            self.listener.close();
        }
        self.open.pop()
    }

    /// Hands over the text collected since the last tag.
    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.listener.text(&self.text);
            self.text.clear();
        }
    }
}

#[cfg(test)]
mod tests;
