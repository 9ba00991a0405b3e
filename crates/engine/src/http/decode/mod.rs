//! Values within values: text that a server may decode before it uses it. Each way to decode has a file.
//!
//! | what | file | name |
//! |---|---|---|
//! | JSON in a string | `json` | `\|json.a.b` |
//! | XML in a string | `xml` | `\|xml.a.b` |
//! | a JSON Web Token, or anything signed like one | `token` | `\|jwt.sub` |
//! | Base64 of printable text | `base64` | `\|base64` |
//! | hexadecimal digits of printable text | `hex` | `\|hex` |
//! | fullwidth forms, overlong UTF-8, `%uHHHH` | `fold` | `\|fold` |
//! | percent escapes that are still there | `percent` | `\|percent` |
//! | links and pairs `a=b&c=d` that were encoded | `link` | `\|link.a` |
//!
//! Most values are told apart from all of these by their first bytes. A decoder answers only when the whole value is
//! what it decodes, and never with more bytes than it was given; one may follow another up to [`MAX_DEPTH`].

mod base64;
mod fold;
mod hex;
mod json;
mod link;
mod percent;
mod token;
mod xml;

pub(crate) use self::json::leaves as json_leaves;

use std::ops::Range;

use super::{Anomalies, Anomaly};

/// Decoders that may follow one another: Base64 of JSON in JSON.
pub(crate) const MAX_DEPTH: u8 = 3;
/// Values of a request that decoders make.
const MAX_VALUES: usize = 65_536;
/// Bytes of a request that decoders make.
const MAX_BYTES: usize = 2 << 20;
/// Bytes of a name that are kept.
const MAX_NAME_BYTES: usize = 512;
/// Bytes of the shortest value that says anything in another form.
const MIN_BYTES: usize = 6;

/// The values that decoders made of other values, one after another.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    pool: Vec<u8>,
    items: Vec<Item>,
    anomalies: Anomalies,
    /// How many bytes all values have so far.
    bytes: usize,
    values: usize,
    has_parts: bool,
}

#[derive(Debug, Clone)]
struct Item {
    name: Range<usize>,
    value: Range<usize>,
    depth: u8,
    /// It came from Base64 or hexadecimal digits: one of these within the other is made to hide something.
    is_text_of_text: bool,
    /// It has parts, which are told in its place.
    has_parts: bool,
}

/// One way to decode, as an [`Item`] remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Structure,
    TextOfText,
    /// Another spelling of the same text.
    Fold,
}

impl Decoded {
    /// Decodes a value in every way that it can be, and what comes of it too. What was made before is forgotten; limits
    /// and anomalies hold over all calls.
    ///
    /// # Arguments
    /// * `value` - as the server has it before it decodes further.
    pub(crate) fn decode(&mut self, value: &[u8]) {
        self.pool.clear();
        self.items.clear();
        self.has_parts = false;
        if !may_hold(value) {
            return;
        }
        let parent = Item {
            name: 0..0,
            value: 0..0,
            depth: 0,
            is_text_of_text: false,
            has_parts: false,
        };
        self.has_parts = self.expand(b"", value, &parent);
        let mut next = 0;
        while let Some(item) = self.items.get(next).cloned() {
            next += 1;
            let bytes = self.pool.get(item.value.clone()).unwrap_or_default();
            if item.depth >= MAX_DEPTH || !may_hold(bytes) {
                continue;
            }
            // Copied, because `expand` appends to the pool in which both lie.
            let (name, value) = (
                self.pool
                    .get(item.name.clone())
                    .unwrap_or_default()
                    .to_vec(),
                bytes.to_vec(),
            );
            let has_parts = self.expand(&name, &value, &item);
            if let Some(item) = self.items.get_mut(next - 1) {
                item.has_parts = has_parts;
            }
        }
    }

    /// Whether the value of the last call has parts, which are told in its place.
    pub(crate) fn has_parts(&self) -> bool {
        self.has_parts
    }

    /// Whether the last call made nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Values that the last call made, each with what its way adds to the name of the value that was decoded.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let part = |range: &Range<usize>| self.pool.get(range.clone()).unwrap_or_default();
        self.items
            .iter()
            .filter(|item| !item.has_parts)
            .map(move |item| (part(&item.name), part(&item.value)))
    }

    /// What was odd so far.
    pub(crate) fn anomalies(&self) -> Anomalies {
        self.anomalies
    }

    /// Decodes a value; answers whether it has parts.
    fn expand(&mut self, name: &[u8], value: &[u8], parent: &Item) -> bool {
        if let Some(folded) = fold::fold(value) {
            self.anomalies.extend(folded.anomalies);
            self.push(name, b"|fold", &folded.text, parent, Way::Fold);
        }
        let trimmed = value.trim_ascii();
        let has_parts = match trimmed.first() {
            Some(b'{' | b'[' | b'"') => json::leaves(trimmed, |path, leaf| {
                self.structure(name, b"|json", path, leaf, parent)
            }),
            Some(b'<') => xml::texts(trimmed, |path, text| {
                self.structure(name, b"|xml", path, text, parent)
            }),
            Some(_) => self.text(name, trimmed, parent),
            None => false,
        };
        if let Some(plain) = percent::decode(value) {
            self.push(name, b"|percent", &plain, parent, Way::Fold);
        }
        has_parts
    }

    /// A value that may be text in another alphabet; answers whether it has parts.
    fn text(&mut self, name: &[u8], value: &[u8], parent: &Item) -> bool {
        if token::claims(value, |path, leaf| {
            self.structure(name, b"|jwt", path, leaf, parent)
        }) {
            return true;
        }
        // One of the two at most: hexadecimal digits are digits of Base64 too.
        if let Some(text) = base64::decode(value) {
            self.push(name, b"|base64", &text, parent, Way::TextOfText);
        } else if let Some(text) = hex::decode(value) {
            self.push(name, b"|hex", &text, parent, Way::TextOfText);
        }
        // Only within another value: a link that was not encoded stands where links are expected.
        parent.depth > 0
            && link::pairs(value, |path, piece| {
                self.structure(name, b"|link", path, piece, parent)
            })
    }

    /// A part of a value; answers whether there is room for more.
    fn structure(
        &mut self,
        name: &[u8],
        kind: &[u8],
        path: &[u8],
        leaf: &[u8],
        parent: &Item,
    ) -> bool {
        let mut suffix = Vec::with_capacity(kind.len() + path.len());
        suffix.extend_from_slice(kind);
        suffix.extend_from_slice(path);
        self.push(name, &suffix, leaf, parent, Way::Structure)
    }

    fn push(&mut self, name: &[u8], suffix: &[u8], value: &[u8], parent: &Item, way: Way) -> bool {
        if self.values >= MAX_VALUES || self.bytes.saturating_add(value.len()) > MAX_BYTES {
            self.anomalies.insert(Anomaly::DecodingOverLimit);
            return false;
        }
        self.values += 1;
        self.bytes += value.len();
        let is_text_of_text = way == Way::TextOfText;
        if is_text_of_text && parent.is_text_of_text {
            self.anomalies.insert(Anomaly::NestedEncoding);
        }
        let start = self.pool.len();
        self.pool.extend_from_slice(name);
        self.pool.extend_from_slice(suffix);
        // Only the name can be cut here, because the value is appended after it.
        self.pool.truncate(start + MAX_NAME_BYTES);
        let end = self.pool.len();
        self.pool.extend_from_slice(value);
        self.items.push(Item {
            name: start..end,
            value: end..self.pool.len(),
            depth: parent.depth + 1,
            is_text_of_text: is_text_of_text || (way != Way::Structure && parent.is_text_of_text),
            has_parts: false,
        });
        true
    }
}

/// Whether a value is long enough for a decoder to have an answer.
pub(crate) fn may_hold(value: &[u8]) -> bool {
    value.len() >= MIN_BYTES
}

/// Whether bytes are what people read: UTF-8, and at most one control character in sixteen.
struct Printable {
    odd: usize,
    count: usize,
}

impl Printable {
    const NEW: Self = Self { odd: 0, count: 0 };

    /// Takes a byte; answers whether it may still be text.
    fn take(&mut self, byte: u8) -> bool {
        self.count += 1;
        if matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 127) {
            self.odd += 1;
        }
        self.odd == 0 || self.odd <= self.count / 16
    }
}

#[cfg(test)]
mod tests;
