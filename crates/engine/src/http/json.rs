//! JSON bodies (RFC 8259), flattened to parameters by a streaming tokenizer without recursion.
//!
//! Names: keys joined with `.`; a list's items share the name of the list and `[]`, so that
//! `{"items": [{"sku": 1}, {"sku": 2}]}` gives `items[].sku` twice and a name stays the same however many
//! items there are. A root scalar is named "". A key that holds a dot is not told apart from nesting.
//!
//! Own code rather than `serde_json`, `jiter` or `sonic-rs`: those hide repeated keys or stop at the first
//! error, and what comes after it would go uninspected. After an error here, the rest of the text becomes
//! one parameter, named as the value that broke. Values nested deeper than the limit are kept under the
//! name of the deepest permitted ancestor.

use super::json_text::{self, StringEnd};
use super::parameter::{Parameters, Syntax};
use super::{Anomalies, Anomaly, Limits, Location, ParameterKind};
use crate::headers::lossy;

/// Whether the text is one document or a sequence of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Documents {
    /// One value (`application/json`).
    One,
    /// Values one after another (`application/x-ndjson`, `application/json-seq`).
    Many,
}

/// Parses JSON into `parameters`.
///
/// # Arguments
/// * `body` - the text; bytes that are not UTF-8 are replaced and flagged.
/// * `truncated` - the end is missing, so an unfinished document is not malformed.
/// * `limits` - `depth` of nesting that is named.
pub fn parse(
    body: &[u8],
    truncated: bool,
    documents: Documents,
    limits: &Limits,
    parameters: &mut Parameters,
) -> Anomalies {
    let text = lossy(body);
    let mut parser = Parser {
        text: &text,
        position: 0,
        documents,
        depth: limits.depth as usize,
        name: String::new(),
        scratch: String::new(),
        frames: Vec::new(),
        keys: Vec::new(),
        anomalies: Anomalies::NONE,
        parameters,
    };
    let invalid = matches!(text, std::borrow::Cow::Owned(_));
    parser
        .anomalies
        .insert_if(invalid && !truncated, Anomaly::InvalidUtf8);
    if parser.run().is_none() {
        parser.keep_rest();
        let cut_short = truncated && parser.position >= parser.text.len();
        parser
            .anomalies
            .insert_if(!cut_short, Anomaly::MalformedJson);
    }
    while parser.close().is_some() {}
    parser.anomalies
}

/// An open object or list.
struct Frame {
    is_list: bool,
    /// Length of the name before this container's own part.
    name_length: usize,
    /// Where its keys begin in `keys`.
    keys_start: usize,
}

/// The state; methods return `None` at the first error, with `position` at the text that broke.
struct Parser<'a> {
    text: &'a str,
    position: usize,
    documents: Documents,
    depth: usize,
    name: String,
    /// Holds a string while its escapes are undone.
    scratch: String,
    frames: Vec<Frame>,
    /// Hashes of the keys of all open objects.
    keys: Vec<u64>,
    anomalies: Anomalies,
    parameters: &'a mut Parameters,
}

impl Parser<'_> {
    fn run(&mut self) -> Option<()> {
        loop {
            self.value()?;
            while !self.frames.is_empty() {
                if self.next_member()? {
                    self.value()?;
                }
            }
            let next = self.peek();
            match (next, self.documents) {
                (None, _) => return Some(()),
                (Some(_), Documents::Many) => {}
                (Some(_), Documents::One) => return None,
            }
        }
    }

    /// A scalar, an empty container, or the start of a container down to its first scalar.
    fn value(&mut self) -> Option<()> {
        loop {
            let start = self.position;
            match self.peek()? {
                open @ (b'{' | b'[') => {
                    if self.frames.len() >= self.depth {
                        self.anomalies.insert(Anomaly::DepthOverLimit);
                        return self.flat();
                    }
                    self.position += 1;
                    let is_list = open == b'[';
                    if self.peek() == Some(if is_list { b']' } else { b'}' }) {
                        self.position += 1;
                        self.leaf(Syntax::Typed(ParameterKind::Empty), "");
                        return Some(());
                    }
                    self.open(is_list);
                    if !is_list {
                        self.key()?;
                    }
                }
                _ => {
                    return self.scalar().or_else(|| {
                        self.position = self.position.max(start);
                        None
                    });
                }
            }
        }
    }

    /// After a value in a container: `true` when another value follows, `false` when the container closed.
    fn next_member(&mut self) -> Option<bool> {
        let is_list = self.frames.last()?.is_list;
        match self.peek()? {
            b',' => {
                self.position += 1;
                if !is_list {
                    self.key()?;
                }
                Some(true)
            }
            b']' if is_list => self.end(),
            b'}' if !is_list => self.end(),
            _ => None,
        }
    }

    fn end(&mut self) -> Option<bool> {
        self.position += 1;
        self.close()?;
        Some(false)
    }

    fn open(&mut self, is_list: bool) {
        self.frames.push(Frame {
            is_list,
            name_length: self.name.len(),
            keys_start: self.keys.len(),
        });
        if is_list {
            self.name.push_str("[]");
        }
    }

    /// Leaves a container and looks for repeated keys in it.
    fn close(&mut self) -> Option<()> {
        let frame = self.frames.pop()?;
        self.name.truncate(frame.name_length);
        let keys = self.keys.get_mut(frame.keys_start..)?;
        self.anomalies
            .insert_if(has_duplicates(keys), Anomaly::DuplicateJsonKey);
        self.keys.truncate(frame.keys_start);
        Some(())
    }

    /// A key and its colon; the name becomes that of the value to come.
    fn key(&mut self) -> Option<()> {
        let prefix = self.frames.last()?.name_length;
        self.name.truncate(prefix);
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.position + 1;
        let (end, kind) = json_text::string_end(self.text.as_bytes(), start)?;
        if prefix > 0 {
            self.name.push('.');
        }
        let from = self.name.len();
        let raw = self.text.get(start..end)?;
        if kind == StringEnd::Escaped {
            self.anomalies.insert_if(
                !json_text::unescape_into(raw, &mut self.name)?,
                Anomaly::InvalidUtf8,
            );
        } else {
            self.name.push_str(raw);
        }
        self.keys.push(hash(self.name.as_bytes().get(from..)?));
        self.position = end + 1;
        if self.peek()? != b':' {
            return None;
        }
        self.position += 1;
        Some(())
    }

    fn scalar(&mut self) -> Option<()> {
        let start = self.position;
        let text = self.text;
        let bytes = text.as_bytes();
        if bytes.get(start) == Some(&b'"') {
            let (end, kind) = json_text::string_end(bytes, start + 1)?;
            let raw = text.get(start + 1..end)?;
            if kind == StringEnd::Escaped {
                self.escaped_leaf(raw)?;
            } else {
                self.leaf(Syntax::String, raw);
            }
            self.position = end + 1;
            return Some(());
        }
        let end = json_text::word_end(bytes, start);
        let word = text.get(start..end)?;
        let kind = match word {
            "true" | "false" => ParameterKind::Boolean,
            "null" => ParameterKind::Empty,
            _ => json_text::number(word.as_bytes())?,
        };
        self.leaf(
            Syntax::Typed(kind),
            if kind == ParameterKind::Empty {
                ""
            } else {
                word
            },
        );
        self.position = end;
        Some(())
    }

    fn leaf(&mut self, syntax: Syntax, value: &str) {
        let found = self
            .parameters
            .push_with(Location::Body, syntax, &self.name, |text| {
                text.push_str(value);
            });
        self.anomalies.extend(found);
    }

    fn escaped_leaf(&mut self, raw: &str) -> Option<()> {
        let mut value = std::mem::take(&mut self.scratch);
        value.clear();
        let valid = json_text::unescape_into(raw, &mut value);
        if let Some(valid) = valid {
            self.anomalies.insert_if(!valid, Anomaly::InvalidUtf8);
            self.leaf(Syntax::String, &value);
        }
        self.scratch = value;
        valid.map(|_| ())
    }

    /// Deeper than the limit: scalars, and keys too, are kept under the present name; brackets are only counted.
    fn flat(&mut self) -> Option<()> {
        let mut open = 0_usize;
        loop {
            match self.peek()? {
                b'{' | b'[' => {
                    open += 1;
                    self.position += 1;
                }
                b'}' | b']' => {
                    open = open.checked_sub(1)?;
                    self.position += 1;
                    if open == 0 {
                        return Some(());
                    }
                }
                b',' | b':' => self.position += 1,
                _ => self.scalar()?,
            }
        }
    }

    /// The next byte that is not white space, which is skipped.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.position) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.position += 1,
                // RFC 7464 puts a record separator before each text of a sequence.
                Some(0x1e) if self.documents == Documents::Many && self.frames.is_empty() => {
                    self.position += 1;
                }
                other => return other.copied(),
            }
        }
    }

    /// After an error: the rest of the text is one value.
    fn keep_rest(&mut self) {
        let text = self.text;
        if let Some(rest) = text.get(self.position..).filter(|rest| !rest.is_empty()) {
            self.leaf(Syntax::Text, rest);
            // What a truncated document ends in is a string, number or word without its end.
            let unfinished = json_text::is_unfinished(rest);
            if unfinished {
                self.position = text.len();
            }
        }
    }
}

/// 64-bit FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv). Keys are only compared by it: whoever makes two keys
/// collide gets an anomaly for it and nothing else.
pub(super) fn hash(key: &[u8]) -> u64 {
    key.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Whether a value repeats; sorts long lists, so an object of a million keys stays cheap.
pub(super) fn has_duplicates(keys: &mut [u64]) -> bool {
    if keys.len() <= 16 {
        return keys
            .iter()
            .enumerate()
            .any(|(index, key)| keys.iter().take(index).any(|earlier| earlier == key));
    }
    keys.sort_unstable();
    keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
}

#[cfg(test)]
mod tests;
