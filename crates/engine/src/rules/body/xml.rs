//! XML as text and attributes. No entity but the predefined ones and character references is expanded.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::super::compiled::Variable as V;
use super::super::facts::{Facts, Slot};

/// Depth of elements.
const MAX_DEPTH: usize = 256;
/// Nodes that are kept.
const MAX_NODES: usize = 20_000;

#[derive(Default)]
struct Document {
    text: Vec<u8>,
    texts: Vec<(Vec<u8>, Vec<u8>)>,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
    path: Vec<u8>,
    lengths: Vec<usize>,
    roots: u32,
}

/// Enter an XML body; answers what is wrong with it.
pub(super) fn enter(body: &[u8], facts: &mut Facts) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    if text.trim_ascii().is_empty() {
        return None;
    }
    let mut document = Document::default();
    let error = read(&text, &mut document);
    if error.is_some() || document.roots > 0 {
        facts.set(V::Xml, &document.text);
    }
    let mut members = facts.begin(Slot::XML_ATTRIBUTES);
    for (path, value) in &document.attributes {
        members.push(path, value);
    }
    drop(members);
    let mut members = facts.begin(Slot::XML_TEXTS);
    for (path, value) in &document.texts {
        members.push(path, value);
    }
    drop(members);
    error.map(|error| format!("XML parsing error: {error}"))
}

/// Reads until the end or the first error; the rest is kept as text then.
fn read(text: &str, document: &mut Document) -> Option<String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    loop {
        let position = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => {
                let rest = text.get(position..).unwrap_or_default();
                document.text.extend_from_slice(rest.as_bytes());
                return Some(error.to_string());
            }
        };
        let result = match event {
            Event::Start(start) => document
                .open(&start)
                .and_then(|()| document.attributes(&start)),
            Event::Empty(start) => {
                let opened = document
                    .open(&start)
                    .and_then(|()| document.attributes(&start));
                document.close();
                opened
            }
            Event::End(_) => {
                document.close();
                Ok(())
            }
            Event::Text(text) => {
                document.add(text.into_inner().as_bytes());
                Ok(())
            }
            Event::CData(data) => {
                document.add(data.into_inner().as_bytes());
                Ok(())
            }
            Event::GeneralRef(reference) => {
                let name = reference.into_inner();
                document.add(&entity(name.as_ref()));
                Ok(())
            }
            Event::Eof if document.lengths.is_empty() && document.roots == 1 => return None,
            Event::Eof if document.lengths.is_empty() => {
                return Some("there must be one root element".to_owned());
            }
            Event::Eof => return Some("an element does not end".to_owned()),
            _ => Ok(()),
        };
        if let Err(error) = result {
            return Some(error);
        }
    }
}

impl Document {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        if self.lengths.len() >= MAX_DEPTH {
            return Err("elements are nested too deeply".to_owned());
        }
        if self.lengths.is_empty() {
            self.roots += 1;
        }
        self.lengths.push(self.path.len());
        self.path.push(b'/');
        self.path
            .extend_from_slice(start.name().as_ref().as_bytes());
        Ok(())
    }

    fn close(&mut self) {
        if let Some(length) = self.lengths.pop() {
            self.path.truncate(length);
        }
    }

    fn attributes(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| error.to_string())?;
            // Declarations of namespaces are no attributes to XPath.
            let key: &[u8] = attribute.key.as_ref().as_bytes();
            if key == b"xmlns" || key.starts_with(b"xmlns:") {
                continue;
            }
            let raw = attribute.value.as_ref();
            let mut path = self.path.clone();
            path.extend_from_slice(b"/@");
            path.extend_from_slice(key);
            if self.attributes.len() < MAX_NODES {
                self.attributes.push((path, unescape(raw.as_bytes())));
            }
        }
        Ok(())
    }

    fn add(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
        if !text.trim_ascii().is_empty() && self.texts.len() < MAX_NODES {
            self.texts.push((self.path.clone(), text.to_vec()));
        }
    }
}

/// What an entity or character reference stands for; one that is not known stays.
fn entity(name: &str) -> Vec<u8> {
    let code = name
        .strip_prefix("#x")
        .or_else(|| name.strip_prefix("#X"))
        .map(|digits| u32::from_str_radix(digits, 16))
        .or_else(|| name.strip_prefix('#').map(str::parse));
    if let Some(letter) = code.and_then(Result::ok).and_then(char::from_u32) {
        return letter.to_string().into_bytes();
    }
    match name {
        "lt" => b"<".to_vec(),
        "gt" => b">".to_vec(),
        "amp" => b"&".to_vec(),
        "quot" => b"\"".to_vec(),
        "apos" => b"'".to_vec(),
        other => format!("&{other};").into_bytes(),
    }
}

fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(start) = memchr::memchr(b'&', rest) {
        out.extend_from_slice(rest.get(..start).unwrap_or_default());
        rest = rest.get(start + 1..).unwrap_or_default();
        match memchr::memchr(b';', rest).filter(|end| *end <= 16) {
            Some(end) => {
                let name = String::from_utf8_lossy(rest.get(..end).unwrap_or_default());
                out.extend(entity(&name));
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            None => out.push(b'&'),
        }
    }
    out.extend_from_slice(rest);
    out
}
