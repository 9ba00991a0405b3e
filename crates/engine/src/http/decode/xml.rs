//! XML that a string holds: text of its elements and values of its attributes, named by path. Fragments of HTML, which
//! are content and inspected as they are, are left alone; no entity but the predefined ones and references to characters
//! is expanded.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// Elements within one another.
const MAX_DEPTH: usize = 64;
/// Bytes of a path.
const MAX_PATH_BYTES: usize = 256;

/// Elements that begin a fragment of HTML (WHATWG HTML, 4); a document that begins with another is data.
const HTML: &[&str] = &[
    "a",
    "abbr",
    "address",
    "article",
    "aside",
    "audio",
    "b",
    "blockquote",
    "body",
    "br",
    "button",
    "center",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figure",
    "font",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "i",
    "iframe",
    "img",
    "input",
    "ins",
    "kbd",
    "label",
    "li",
    "link",
    "main",
    "mark",
    "nav",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "script",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "template",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
    "video",
];

/// Gives `sink` path (`.order.note`, `.order.@id`) and text of each element and attribute, if the whole value is a
/// document; `sink` answers whether it takes more.
pub(super) fn texts(value: &[u8], mut sink: impl FnMut(&[u8], &[u8]) -> bool) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    // Read to its end before anything is told: half a document is none.
    if value.last() != Some(&b'>') || walk(text, |_, _| true).is_none() {
        return false;
    }
    walk(text, |path, found| sink(path, found)).is_some()
}

#[derive(Default)]
struct State {
    path: Vec<u8>,
    lengths: Vec<usize>,
    /// Text of the current element since its last child.
    text: Vec<u8>,
}

// Entities that a document type declares are not expanded here; `http/xml.rs` does so for whole bodies.
fn walk(text: &str, mut sink: impl FnMut(&[u8], &[u8]) -> bool) -> Option<()> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut state = State::default();
    let mut roots = 0;
    loop {
        let event = reader.read_event().ok()?;
        match &event {
            Event::Start(start) | Event::Empty(start) => {
                if state.lengths.is_empty() {
                    roots += 1;
                    // Fragments of HTML have several roots, and are inspected as content anyway.
                    if roots > 1 || is_html(start) || !state.text.trim_ascii().is_empty() {
                        return None;
                    }
                }
                state.flush(&mut sink)?;
                state.open(start)?;
                state.attributes(start, &mut sink)?;
                if matches!(event, Event::Empty(_)) {
                    state.close();
                }
            }
            Event::End(_) => {
                state.flush(&mut sink)?;
                state.close();
            }
            Event::Text(text) => state.text.extend_from_slice(text.as_bytes()),
            Event::CData(data) => state.text.extend_from_slice(data.as_bytes()),
            Event::GeneralRef(reference) => entity(reference, &mut state.text),
            Event::Eof => {
                return (state.lengths.is_empty()
                    && roots == 1
                    && state.text.trim_ascii().is_empty())
                .then_some(());
            }
            Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => {}
        }
    }
}

fn is_html(start: &BytesStart<'_>) -> bool {
    let name = start.name();
    let name: &[u8] = name.as_ref().as_bytes();
    HTML.iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

impl State {
    fn open(&mut self, start: &BytesStart<'_>) -> Option<()> {
        if self.lengths.len() >= MAX_DEPTH {
            return None;
        }
        self.lengths.push(self.path.len());
        self.step(b".", start.name().as_ref().as_bytes());
        Some(())
    }

    fn step(&mut self, mark: &[u8], name: &[u8]) {
        if self.path.len() + name.len() < MAX_PATH_BYTES {
            self.path.extend_from_slice(mark);
            self.path.extend_from_slice(name);
        }
    }

    fn close(&mut self) {
        if let Some(length) = self.lengths.pop() {
            self.path.truncate(length);
        }
    }

    fn flush(&mut self, sink: &mut impl FnMut(&[u8], &[u8]) -> bool) -> Option<()> {
        let more = self.text.trim_ascii().is_empty() || sink(&self.path, &self.text);
        self.text.clear();
        more.then_some(())
    }

    fn attributes(
        &mut self,
        start: &BytesStart<'_>,
        sink: &mut impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Option<()> {
        let length = self.path.len();
        let mut value = Vec::new();
        // The library's check for repeated names compares each with all before it: quadratic.
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.ok()?;
            let key: &[u8] = attribute.key.as_ref().as_bytes();
            if is_namespace(key) {
                continue;
            }
            value.clear();
            unescape(attribute.value.as_ref().as_bytes(), &mut value);
            self.step(b".@", key);
            let more = sink(&self.path, &value);
            self.path.truncate(length);
            more.then_some(())?;
        }
        Some(())
    }
}

/// Whether an attribute says where names come from instead of carrying a value.
fn is_namespace(key: &[u8]) -> bool {
    key == b"xmlns"
        || key.starts_with(b"xmlns:")
        || key.ends_with(b"schemaLocation")
        || key.ends_with(b"SchemaLocation")
}

/// Appends the character that a reference stands for. An unknown reference stays as it is.
fn entity(name: &str, out: &mut Vec<u8>) {
    let code = match name.strip_prefix('#') {
        Some(digits) => match digits.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => digits.parse().ok(),
        },
        None => match name {
            "lt" => Some(0x3c),
            "gt" => Some(0x3e),
            "amp" => Some(0x26),
            "quot" => Some(0x22),
            "apos" => Some(0x27),
            _ => None,
        },
    };
    if let Some(letter) = code.and_then(char::from_u32) {
        let mut buffer = [0; 4];
        out.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
    } else {
        out.push(b'&');
        out.extend_from_slice(name.as_bytes());
        out.push(b';');
    }
}

fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(start) = memchr::memchr(b'&', rest) {
        out.extend_from_slice(rest.get(..start).unwrap_or_default());
        rest = rest.get(start + 1..).unwrap_or_default();
        // The longest reference that is known has eight characters; a bare `&` must not search the whole text.
        match memchr::memchr(b';', rest).filter(|end| *end <= 16) {
            Some(end) => {
                let name = String::from_utf8_lossy(rest.get(..end).unwrap_or_default());
                entity(&name, out);
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            None => out.push(b'&'),
        }
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(value: &str) -> Option<Vec<(String, String)>> {
        let mut all = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        texts(value.as_bytes(), |path, leaf| {
            all.push((text(path), text(leaf)));
            true
        })
        .then_some(all)
    }

    /// Text and attributes by path, references and CDATA undone.
    #[test]
    fn documents() {
        let own = |path: &str, leaf: &str| (path.to_owned(), leaf.to_owned());
        assert_eq!(
            found(
                "<?xml version=\"1.0\"?><o xmlns=\"http://x/y\"><n id='1&#39; or'>a &lt;b<![CDATA['--]]></n><e/></o>"
            ),
            Some(vec![own(".o.n.@id", "1' or"), own(".o.n", "a <b'--")])
        );
        assert_eq!(
            found("<a:o>x &unknown; y</a:o>"),
            Some(vec![own(".a:o", "x &unknown; y")])
        );
    }

    /// Fragments of HTML, broken documents and other texts are none.
    #[test]
    fn other_texts() {
        for value in [
            "<p>Hello</p>",
            "<DIV class='x'>y</DIV>",
            "<o>",
            "<o></p>",
            "<o/><o/>",
            "<o/> and",
            "<>",
            "<3 you>",
            "< b >",
            "a<o/>",
        ] {
            assert_eq!(found(value), None, "{value}");
        }
        assert_eq!(
            found(&format!("{}{}", "<o>".repeat(100), "</o>".repeat(100))),
            None
        );
    }

    proptest! {
        /// Reading ends without a panic, and tells nothing of what is no document.
        #[test]
        fn any_text_is_read(value in "<[<>/a-c&;#x' =\"!\\[\\]-]{0,40}>") {
            let mut told = 0;
            let whole = texts(value.as_bytes(), |_, _| { told += 1; true });
            prop_assert!(whole || told == 0);
        }
    }
}
