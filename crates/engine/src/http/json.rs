//! JSON bodies (RFC 8259), read by a streaming tokenizer without recursion.
//!
//! Own code rather than `serde_json`, `jiter` or `sonic-rs`: those hide repeated keys or stop at the first
//! error, and what comes after it would go uninspected. After an error here, the rest of the text is told as it is.

use std::borrow::Cow;

use super::hashes::{has_duplicates, hash};
use super::json_text::{self, StringEnd};
use super::listener::{Container, Listener};
use super::parameter::Syntax;
use super::{Anomaly, ParameterKind};
use crate::headers::lossy;

/// Whether the text is one document or a sequence of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Documents {
    /// One value (`application/json`).
    One,
    /// Values one after another (`application/x-ndjson`, `application/json-seq`).
    Many,
}

/// Tells `listener` of JSON.
///
/// # Arguments
/// * `body` - the text; bytes that are not UTF-8 are replaced and flagged.
/// * `truncated` - the end is missing, so an unfinished document is not malformed.
pub fn read<L: Listener>(body: &[u8], truncated: bool, documents: Documents, listener: &mut L) {
    let text = lossy(body);
    let mut reader = Reader {
        text: &text,
        position: 0,
        documents,
        scratch: String::new(),
        open: Vec::new(),
        key_starts: Vec::new(),
        keys: Vec::new(),
        listener,
    };
    // A text that was cut may end within a character, and then the client is not to blame.
    let is_replaced = matches!(text, Cow::Owned(_)) && !truncated;
    if is_replaced {
        reader.listener.anomaly(Anomaly::InvalidUtf8);
        reader.listener.failed("invalid bytes in UTF8 string", "");
    }
    if let Err(reason) = reader.run() {
        reader.fail(reason, truncated);
    }
}

/// The error is a text for people that says what is wrong.
type Read<T> = Result<T, &'static str>;

/// The state; methods answer an error with `position` at the text that broke.
struct Reader<'a, L> {
    text: &'a str,
    position: usize,
    documents: Documents,
    /// Holds a string while its escapes are undone.
    scratch: String,
    /// Whether each open container is a list. One byte each, because there may be millions.
    open: Vec<bool>,
    /// Where the keys of each open object begin in `keys`.
    key_starts: Vec<u32>,
    /// The keys of all open objects.
    keys: Vec<Key>,
    listener: &'a mut L,
}

/// A key by its hash, and where its value stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    hash: u64,
    start: u32,
    end: u32,
}

impl<L: Listener> Reader<'_, L> {
    fn run(&mut self) -> Read<()> {
        loop {
            self.value()?;
            while let Some(is_list) = self.open.last().copied() {
                if self.next_member(is_list)? {
                    self.value()?;
                }
            }
            let end = self.position;
            match (self.peek(), self.documents) {
                (None, _) => return Ok(()),
                (Some(_), Documents::Many) => {}
                // One document on each line, as bulk interfaces of search engines take them under this type too. A server
                // may read only one of them, so all are told.
                (Some(b'{' | b'['), Documents::One) if self.is_new_line(end) => {
                    self.listener.anomaly(Anomaly::ContentTypeMismatch);
                    self.documents = Documents::Many;
                }
                (Some(_), Documents::One) => return Err("trailing garbage"),
            }
        }
    }

    /// Whether a line ended between there and here.
    fn is_new_line(&self, from: usize) -> bool {
        let between = self.text.get(from..self.position).unwrap_or_default();
        between.contains('\n')
    }

    /// A scalar, an empty container, or the start of a container down to its first scalar.
    fn value(&mut self) -> Read<()> {
        loop {
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    self.position += 1;
                    let is_list = open == b'[';
                    self.enter(is_list);
                    if self.peek() == Some(if is_list { b']' } else { b'}' }) {
                        self.leave();
                        return Ok(());
                    }
                    if !is_list {
                        self.key()?;
                    }
                }
                Some(b'"') => return self.string(),
                Some(_) => return self.word(),
                None => return Err("premature EOF"),
            }
        }
    }

    fn enter(&mut self, is_list: bool) {
        // A stack of our own instead of recursion: a body of a million `[` must not overflow a worker's stack.
        self.open.push(is_list);
        if is_list {
            self.listener.open(Container::List);
        } else {
            // A body is at most 4 GiB, and each key takes four bytes or more of it.
            let start = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
            self.key_starts.push(start);
            self.listener.open(Container::Object);
        }
    }

    /// After a value in a container: `true` when another value follows, `false` when the container closed.
    fn next_member(&mut self, is_list: bool) -> Read<bool> {
        match self.peek() {
            Some(b',') => {
                if !is_list {
                    self.end_of_value();
                }
                self.position += 1;
                if !is_list {
                    self.key()?;
                }
                Ok(true)
            }
            Some(b']') if is_list => {
                self.leave();
                Ok(false)
            }
            Some(b'}') if !is_list => {
                self.leave();
                Ok(false)
            }
            Some(_) => Err("after a value: expected a comma or the end of its container"),
            None => Err("premature EOF"),
        }
    }

    /// Leaves a container, at its bracket.
    fn leave(&mut self) {
        if self.open.last() == Some(&false) {
            self.end_of_value();
        }
        self.position += 1;
        self.compare_keys();
        self.listener.close();
    }

    /// Looks for repeated keys in the innermost container, which is over.
    fn compare_keys(&mut self) {
        if self.open.pop() != Some(false) {
            return;
        }
        let start = self.key_starts.pop().unwrap_or(u32::MAX) as usize;
        let keys = self.keys.get_mut(start..).unwrap_or_default();
        // Keys are compared by their hash alone. A client that makes two of them collide gains an anomaly, nothing else.
        if has_duplicates(keys, |key| key.hash) {
            self.listener.anomaly(Anomaly::DuplicateJsonKey);
            // Equal values stand next to each other, in the order of the text. Each is compared with one other, and two
            // equal ones are at least as long as what is in them, so nesting adds a logarithm at most.
            keys.sort_unstable();
            let value = |key: &Key| {
                let value = self.text.get(key.start as usize..key.end as usize);
                value.unwrap_or_default().trim_ascii()
            };
            if keys
                .windows(2)
                .any(|pair| matches!(pair, [a, b] if a.hash == b.hash && value(a) != value(b)))
            {
                self.listener.anomaly(Anomaly::ConflictingJsonKey);
            }
        }
        self.keys.truncate(start);
    }

    /// The last key's value ends here.
    fn end_of_value(&mut self) {
        let end = u32::try_from(self.position).unwrap_or(u32::MAX);
        if let Some(key) = self.keys.last_mut() {
            key.end = end;
        }
    }

    /// A key and its colon.
    fn key(&mut self) -> Read<()> {
        if self.peek() != Some(b'"') {
            return Err("an object's key must be a string");
        }
        let start = self.position + 1;
        let text = self.text;
        let Some((end, kind)) = json_text::string_end(text.as_bytes(), start) else {
            return Err("a key does not end, or has a raw control character in it");
        };
        let raw = text.get(start..end).unwrap_or_default();
        if kind == StringEnd::Escaped {
            self.unescape(raw).ok_or("invalid escape in a key")?;
            self.push_key(hash(self.scratch.as_bytes()));
            self.listener.name(&self.scratch);
        } else {
            self.push_key(hash(raw.as_bytes()));
            self.listener.name(raw);
        }
        self.position = end + 1;
        if self.peek() != Some(b':') {
            return Err("expected a colon after a key");
        }
        self.position += 1;
        let start = u32::try_from(self.position).unwrap_or(u32::MAX);
        if let Some(key) = self.keys.last_mut() {
            (key.start, key.end) = (start, u32::MAX);
        }
        Ok(())
    }

    fn push_key(&mut self, hash: u64) {
        let (start, end) = (0, 0);
        self.keys.push(Key { hash, start, end });
    }

    fn string(&mut self) -> Read<()> {
        let start = self.position + 1;
        let text = self.text;
        let Some((end, kind)) = json_text::string_end(text.as_bytes(), start) else {
            return Err("a string does not end, or has a raw control character in it");
        };
        let raw = text.get(start..end).unwrap_or_default();
        // Most strings have no escapes, and the listener gets them without a copy.
        if kind == StringEnd::Escaped {
            self.unescape(raw).ok_or("invalid escape in a string")?;
            self.listener.leaf(&self.scratch, Syntax::String);
        } else {
            self.listener.leaf(raw, Syntax::String);
        }
        self.position = end + 1;
        Ok(())
    }

    /// Undoes escapes into `scratch`; `None` at a bad one.
    fn unescape(&mut self, raw: &str) -> Option<()> {
        self.scratch.clear();
        let is_valid = json_text::unescape_into(raw, &mut self.scratch)?;
        if !is_valid {
            self.listener.anomaly(Anomaly::InvalidUtf8);
        }
        Some(())
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Read<()> {
        let text = self.text;
        let end = json_text::word_end(text.as_bytes(), self.position);
        let word = text.get(self.position..end).unwrap_or_default();
        let kind = match word {
            "true" | "false" => ParameterKind::Boolean,
            "null" => ParameterKind::Empty,
            _ => json_text::number(word.as_bytes()).ok_or("lexical error: invalid character")?,
        };
        let value = if kind == ParameterKind::Empty {
            ""
        } else {
            word
        };
        self.listener.leaf(value, Syntax::Typed(kind));
        self.position = end;
        Ok(())
    }

    /// The next byte that is not white space, which is skipped.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.position) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.position += 1,
                // RFC 7464 puts a record separator before each text of a sequence.
                Some(0x1e) if self.documents == Documents::Many && self.open.is_empty() => {
                    self.position += 1;
                }
                other => return other.copied(),
            }
        }
    }

    /// Reading ends here: the listener gets the rest of the text as it is.
    fn fail(&mut self, reason: &str, truncated: bool) {
        // Repeated keys before the error still count: a lenient server may have read them.
        while !self.open.is_empty() {
            self.compare_keys();
        }
        let rest = self.text.get(self.position..).unwrap_or_default();
        // What a truncated document ends in is a string, number or word without its end.
        let is_cut_short = truncated && (rest.is_empty() || json_text::is_unfinished(rest));
        if !is_cut_short {
            self.listener.anomaly(Anomaly::MalformedJson);
        }
        // Nothing but white space is not a document, and there is nothing to inspect.
        if !self.text.trim_ascii().is_empty() {
            self.listener.failed(reason, rest);
        }
    }
}

#[cfg(test)]
mod tests;
