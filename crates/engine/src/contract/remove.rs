//! Takes fields out of a JSON text: everything else stays as it is, byte for byte.
//!
//! One pass without recursion over the text, for members by name at any depth, by path, and by the number that the reading
//! of the body has given them ([`super::Checked::unknown`]).

use std::collections::{HashMap, HashSet};

use smallvec::SmallVec;

use crate::http::json_text::{StringEnd, number, string_end, unescape_into, word_end};

/// The deepest nesting. What is deeper is not looked at by the check either.
const MAX_DEPTH: usize = super::tree::MAX_DEPTH;

/// The segments of a path before its last one.
type Segments = Box<[Box<str>]>;

/// Fields that are always taken out.
#[derive(Debug, Clone, Default)]
pub struct Removal {
    names: HashSet<Box<str>>,
    /// Paths by their last segment.
    paths: HashMap<Box<str>, Vec<Segments>>,
}

/// The text is no JSON, or is cut short: nothing was taken out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson;

/// A text without some of its fields.
#[derive(Clone, PartialEq, Eq)]
pub struct Removed {
    /// The text.
    pub body: Vec<u8>,
    /// How many fields were taken out.
    pub count: u32,
}

/// Bytes are payload: shown by length only.
impl std::fmt::Debug for Removed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Removed({} bytes, {} fields)",
            self.body.len(),
            self.count
        )
    }
}

impl Removal {
    /// # Arguments
    /// * `fields` - names, which are taken out at any depth, and paths that begin with `/` (`/items/*/ssn`, `*` for any
    ///   item or member; `~1` and `~0` as in JSON pointers).
    #[must_use]
    pub fn new<'f>(fields: impl IntoIterator<Item = &'f str>) -> Self {
        let mut removal = Self::default();
        for field in fields {
            let Some(path) = field.strip_prefix('/') else {
                removal.names.insert(field.into());
                continue;
            };
            let segments = path
                .split('/')
                .map(|segment| segment.replace("~1", "/").replace("~0", "~"));
            let mut segments: Vec<Box<str>> = segments.map(Into::into).collect();
            if let Some(last) = segments.pop() {
                removal.paths.entry(last).or_default().push(segments.into());
            }
        }
        removal
    }

    /// Whether nothing is taken out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.paths.is_empty()
    }

    fn has(&self, name: &str, open: &[Frame]) -> bool {
        let is_path = |last: &str| {
            let paths = self.paths.get(last).into_iter().flatten();
            paths.into_iter().any(|path| {
                path.len() + 1 == open.len()
                    && path.iter().zip(open).all(|(segment, frame)| {
                        **segment == *"*" || !frame.is_list && **segment == *frame.name
                    })
            })
        };
        self.names.contains(name) || !self.paths.is_empty() && (is_path(name) || is_path("*"))
    }
}

/// Takes fields out of a JSON text.
///
/// # Arguments
/// * `body` - JSON in UTF-8; one document or several, one after another.
/// * `unknown` - numbers of members that go too, in ascending order: values are counted from 0 in the order of the text.
///
/// # Returns
/// `None`: there is nothing to take out.
///
/// # Errors
/// [`NotJson`]: the text is no JSON, or its end is missing.
pub fn remove(body: &[u8], removal: &Removal, unknown: &[u32]) -> Result<Option<Removed>, NotJson> {
    if removal.is_empty() && unknown.is_empty() {
        return Ok(None);
    }
    let mut remover = Remover {
        body,
        removal,
        unknown,
        // A byte order mark is no part of the text (RFC 8259, 8.1).
        position: if body.starts_with(b"\xEF\xBB\xBF") {
            3
        } else {
            0
        },
        values: 0,
        open: SmallVec::new(),
        out: Vec::with_capacity(body.len()),
        copied: 0,
        count: 0,
        skips: None,
    };
    remover.run().ok_or(NotJson)?;
    if remover.count == 0 {
        return Ok(None);
    }
    remover.copy_to(body.len());
    Ok(Some(Removed {
        body: remover.out,
        count: remover.count,
    }))
}

/// An open container.
#[derive(Debug, Default)]
struct Frame {
    is_list: bool,
    /// The name of the member at work, without escapes.
    name: Box<str>,
    /// A member before this one stays.
    has_kept: bool,
    /// A member before this one is gone.
    has_gone: bool,
    /// Where the last member that stays, or the opening bracket, ends.
    end: usize,
}

struct Remover<'a> {
    body: &'a [u8],
    removal: &'a Removal,
    unknown: &'a [u32],
    position: usize,
    /// Values so far.
    values: u32,
    open: SmallVec<[Frame; 16]>,
    out: Vec<u8>,
    copied: usize,
    count: u32,
    /// The depth at which a member is taken out at present.
    skips: Option<usize>,
}

impl Remover<'_> {
    fn run(&mut self) -> Option<()> {
        loop {
            self.value()?;
            while let Some(frame) = self.open.last() {
                let is_list = frame.is_list;
                self.end_of_member();
                match self.peek() {
                    Some(b',') => {
                        self.position += 1;
                        self.begin_member()?;
                        self.value()?;
                    }
                    Some(b']') if is_list => self.close(),
                    Some(b'}') if !is_list => self.close(),
                    _ => return None,
                }
            }
            if self.peek().is_none() {
                return Some(());
            }
        }
    }

    /// A value; of a container that is not empty, its beginning down to the first scalar.
    fn value(&mut self) -> Option<()> {
        loop {
            self.values += 1;
            match self.peek()? {
                bracket @ (b'{' | b'[') => {
                    if self.open.len() >= MAX_DEPTH {
                        return None;
                    }
                    self.position += 1;
                    let is_list = bracket == b'[';
                    self.open.push(Frame {
                        is_list,
                        end: self.position,
                        ..Frame::default()
                    });
                    if self.peek() == Some(if is_list { b']' } else { b'}' }) {
                        self.close();
                        return Some(());
                    }
                    self.begin_member()?;
                }
                b'"' => {
                    self.position = string_end(self.body, self.position + 1)?.0 + 1;
                    return Some(());
                }
                _ => {
                    let end = word_end(self.body, self.position);
                    let word = self.body.get(self.position..end)?;
                    if !matches!(word, b"true" | b"false" | b"null") {
                        number(word)?;
                    }
                    self.position = end;
                    return Some(());
                }
            }
        }
    }

    /// The name of the next member, and whether it goes. Items have no name and stay.
    fn begin_member(&mut self) -> Option<()> {
        let first = self.peek()?;
        let start = self.position;
        let depth = self.open.len();
        if self.open.last().is_some_and(|frame| frame.is_list) {
            return Some(());
        }
        if first != b'"' {
            return None;
        }
        let (end, kind) = string_end(self.body, start + 1)?;
        let raw = std::str::from_utf8(self.body.get(start + 1..end)?).ok()?;
        let mut name = String::new();
        if kind == StringEnd::Escaped {
            unescape_into(raw, &mut name)?;
        } else {
            name.push_str(raw);
        }
        self.position = end + 1;
        if self.peek() != Some(b':') {
            return None;
        }
        self.position += 1;
        let is_unknown = self.unknown.binary_search(&self.values).is_ok();
        let goes = self.skips.is_none() && (is_unknown || self.removal.has(&name, &self.open));
        let frame = self.open.last_mut()?;
        frame.name = name.into();
        let (end, is_first) = (frame.end, !frame.has_kept && frame.has_gone);
        if goes {
            // Up to the end of what stays before it: the comma between the two goes as well.
            self.copy_to(end);
            self.skips = Some(depth);
        } else if self.skips.is_none() && is_first {
            // All before it are gone, and so is the comma behind the last of them.
            self.copied = start;
        }
        Some(())
    }

    /// A member ends here.
    fn end_of_member(&mut self) {
        let depth = self.open.len();
        let position = self.position;
        if self.skips == Some(depth) {
            self.skips = None;
            self.count = self.count.saturating_add(1);
            // Copying goes on behind the member.
            self.copied = position;
            if let Some(frame) = self.open.last_mut() {
                frame.has_gone = true;
            }
        } else if self.skips.is_none()
            && let Some(frame) = self.open.last_mut()
        {
            frame.has_kept = true;
            frame.end = position;
        }
    }

    fn close(&mut self) {
        self.position += 1;
        self.open.pop();
    }

    fn copy_to(&mut self, end: usize) {
        if end > self.copied {
            self.out
                .extend_from_slice(self.body.get(self.copied..end).unwrap_or_default());
            self.copied = end;
        }
    }

    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.body.get(self.position) {
                // The last one separates the texts of a sequence (RFC 7464).
                Some(b' ' | b'\t' | b'\n' | b'\r' | 0x1e) => self.position += 1,
                other => return other.copied(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn removed(body: &str, fields: &[&str]) -> String {
        let removal = Removal::new(fields.iter().copied());
        match remove(body.as_bytes(), &removal, &[]).unwrap() {
            Some(removed) => String::from_utf8(removed.body).unwrap(),
            None => body.to_owned(),
        }
    }

    /// Fields go with one comma; every other byte stays.
    #[test]
    fn fields() {
        for (body, fields, expected) in [
            (r#"{"a":1,"b":2,"c":3}"#, vec!["b"], r#"{"a":1,"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, vec!["a"], r#"{"b":2,"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, vec!["c"], r#"{"a":1,"b":2}"#),
            (r#"{"a":1,"b":2,"c":3}"#, vec!["a", "b"], r#"{"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, vec!["b", "c"], r#"{"a":1}"#),
            (r#"{"a":1,"b":2,"c":3}"#, vec!["a", "c"], r#"{"b":2}"#),
            (r#"{ "a" : 1 }"#, vec!["a"], "{ }"),
            (
                "{ \"a\" : 1.50e1 ,\r\n\t\"b\":\"\\u00e9\" }",
                vec!["x", "a"],
                "{\"b\":\"\\u00e9\" }",
            ),
            (
                r#"[{"s":1,"t":2},{"t":[{"s":{}}]}]"#,
                vec!["s"],
                r#"[{"t":2},{"t":[{}]}]"#,
            ),
            (r#"{"a":{"s":1},"s":2}"#, vec!["/a/s"], r#"{"a":{},"s":2}"#),
            (
                r#"{"a":[{"s":1,"k":0}],"s":2}"#,
                vec!["/a/*/s"],
                r#"{"a":[{"k":0}],"s":2}"#,
            ),
            (r#"{"a":{"x":1,"y":2}}"#, vec!["/a/*"], r#"{"a":{}}"#),
            (r#"{"\u0073":1,"k":"s"}"#, vec!["s"], r#"{"k":"s"}"#),
            (
                r#"{"a/b":1,"c~d":2,"k":3}"#,
                vec!["/a~1b", "/c~0d"],
                r#"{"k":3}"#,
            ),
            (r#"{"s":1,"s":2,"k":3}"#, vec!["s"], r#"{"k":3}"#),
            (r#"{"s":{"s":1},"k":{"s":[1,2]}}"#, vec!["s"], r#"{"k":{}}"#),
            ("{\"s\":1}\n{\"k\":1}", vec!["s"], "{}\n{\"k\":1}"),
            ("3", vec!["s"], "3"),
        ] {
            assert_eq!(removed(body, &fields), expected, "{body} {fields:?}");
        }
    }

    /// Members are also taken out by their number.
    #[test]
    fn numbers() {
        let body = br#"{"a":[1,{"b":2}],"c":3}"#;
        let cut = |numbers: &[u32]| {
            let removed = remove(body, &Removal::default(), numbers).unwrap();
            removed.map(|removed| String::from_utf8(removed.body).unwrap())
        };
        // 0 {, 1 a [, 2 1, 3 {, 4 b, 5 c
        assert_eq!(cut(&[4]).unwrap(), r#"{"a":[1,{}],"c":3}"#);
        assert_eq!(cut(&[1, 5]).unwrap(), "{}");
        assert_eq!(cut(&[]), None);
    }

    /// Nothing is taken out of a text that is no JSON or is cut short, and that is said.
    #[test]
    fn broken_texts() {
        let removal = Removal::new(["s"]);
        for body in [
            "",
            "{",
            r#"{"s":1"#,
            r#"{"s":1,}"#,
            "{'s':1}",
            r#"{"s" 1}"#,
            r#"{"s":1}}"#,
            "nul",
            &"[".repeat(500),
        ] {
            assert_eq!(
                remove(body.as_bytes(), &removal, &[]),
                Err(NotJson),
                "{body}"
            );
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<i32>().prop_map(Value::from),
            "[a-z\"\\\\é]{0,4}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                prop::collection::hash_map("[a-f]", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn without(value: &Value, names: &[&str]) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| without(item, names)).collect(),
            Value::Object(members) => members
                .iter()
                .filter(|(name, _)| !names.contains(&name.as_str()))
                .map(|(name, member)| (name.clone(), without(member, names)))
                .collect(),
            other => other.clone(),
        }
    }

    proptest! {
        /// What is left is what a parser would leave, for compact and for indented texts.
        #[test]
        fn agrees_with_a_parser(value in value(), is_pretty in any::<bool>()) {
            let text = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let left: Value = serde_json::from_str(&removed(&text, &["a", "c", "e"])).unwrap();
            prop_assert_eq!(left, without(&value, &["a", "c", "e"]));
        }

        /// No text breaks it.
        #[test]
        fn any_text(text in "[\\[\\]{}:,\"a1 \\\\s]{0,24}", numbers in prop::collection::vec(0_u32..8, 0..4)) {
            let mut numbers = numbers;
            numbers.sort_unstable();
            let _ = remove(text.as_bytes(), &Removal::new(["a", "/a/*"]), &numbers);
        }
    }
}
