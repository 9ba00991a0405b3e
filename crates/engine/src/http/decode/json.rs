//! JSON that a string holds: its strings, named by their path. Numbers and words carry nothing and are left out, unless
//! their name begins with a dollar, as operators of query languages do.

use crate::http::json_text::{self, StringEnd};

/// Objects and lists within one another.
const MAX_DEPTH: usize = 64;
/// Bytes of a path.
const MAX_PATH_BYTES: usize = 256;

struct Frame {
    is_list: bool,
    path_length: usize,
}

struct Walker<'t, F> {
    bytes: &'t [u8],
    text: &'t str,
    at: usize,
    path: String,
    leaf: String,
    frames: Vec<Frame>,
    sink: F,
}

/// Gives `sink` path (`.a.b`) and text of each string of an object, a list or a string, if the whole value is one.
///
/// A key with other than letters, digits and `_-.$ ` in it is a text too, of the path `.key`. `sink` answers whether it
/// takes more.
pub(crate) fn leaves(value: &[u8], mut sink: impl FnMut(&[u8], &[u8]) -> bool) -> bool {
    // The value is read to its end before anything is told: half an object is not JSON.
    if walk(value, |_, _| true).is_none() {
        return false;
    }
    // The same walk once more; it can only end early now when `sink` declines.
    walk(value, |path, leaf| sink(path, leaf));
    true
}

fn walk(value: &[u8], sink: impl FnMut(&[u8], &[u8]) -> bool) -> Option<()> {
    // Most texts that are no JSON show it by their last byte.
    match (value.first()?, value.last()?) {
        (b'{', b'}') | (b'[', b']') | (b'"', b'"') => {}
        _ => return None,
    }
    let text = std::str::from_utf8(value).ok()?;
    Walker {
        bytes: value,
        text,
        at: 0,
        path: String::new(),
        leaf: String::new(),
        frames: Vec::new(),
        sink,
    }
    .run()
}

impl<F: FnMut(&[u8], &[u8]) -> bool> Walker<'_, F> {
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn run(&mut self) -> Option<()> {
        loop {
            if self.value()? {
                continue;
            }
            loop {
                let Some(frame) = self.frames.last() else {
                    return self.peek().is_none().then_some(());
                };
                let (is_list, path_length) = (frame.is_list, frame.path_length);
                let next = self.peek()?;
                self.at += 1;
                match next {
                    b',' => {
                        self.path.truncate(path_length);
                        if !is_list {
                            self.key()?;
                        }
                        break;
                    }
                    b']' if is_list => {}
                    b'}' if !is_list => {}
                    _ => return None,
                }
                self.path.truncate(path_length);
                self.frames.pop();
            }
        }
    }

    /// Reads a value; `true` when it was the beginning of a container with something in it.
    fn value(&mut self) -> Option<bool> {
        let first = self.peek()?;
        match first {
            b'{' | b'[' => {
                // A deeper document stays one text, which rules inspect as it is.
                if self.frames.len() >= MAX_DEPTH {
                    return None;
                }
                self.at += 1;
                let is_list = first == b'[';
                if self.peek()? == if is_list { b']' } else { b'}' } {
                    self.at += 1;
                    return Some(false);
                }
                self.frames.push(Frame {
                    is_list,
                    path_length: self.path.len(),
                });
                if !is_list {
                    self.key()?;
                }
                Some(true)
            }
            b'"' => {
                self.string()?;
                (self.sink)(self.path.as_bytes(), self.leaf.as_bytes()).then_some(false)
            }
            _ => self.word().map(|()| false),
        }
    }

    /// Reads a number, `true`, `false` or `null`.
    fn word(&mut self) -> Option<()> {
        let end = json_text::word_end(self.bytes, self.at);
        let word = self.bytes.get(self.at..end)?;
        let known = matches!(word, b"true" | b"false" | b"null");
        if !known && json_text::number(word).is_none() {
            return None;
        }
        self.at = end;
        // The name alone makes `{"$ne": null}` an operator, whatever its value.
        let last = self.path.rsplit('.').next().unwrap_or_default();
        let more = !last.starts_with('$') || (self.sink)(self.path.as_bytes(), word);
        more.then_some(())
    }

    /// Reads a string into `leaf`.
    fn string(&mut self) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at + 1;
        let (end, kind) = json_text::string_end(self.bytes, start)?;
        let raw = self.text.get(start..end)?;
        self.leaf.clear();
        if kind == StringEnd::Escaped {
            json_text::unescape_into(raw, &mut self.leaf)?;
        } else {
            self.leaf.push_str(raw);
        }
        self.at = end + 1;
        Some(())
    }

    fn key(&mut self) -> Option<()> {
        self.string()?;
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.$ @:/".contains(&byte);
        if !self.leaf.bytes().all(plain) && !(self.sink)(b".key", self.leaf.as_bytes()) {
            return None;
        }
        // A path that would be too long stays as it is, because it only names the value.
        if self.path.len() + self.leaf.len() < MAX_PATH_BYTES {
            self.path.push('.');
            self.path.push_str(&self.leaf);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(value: &str) -> Option<Vec<(String, String)>> {
        let mut all = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        leaves(value.as_bytes(), |path, leaf| {
            all.push((text(path), text(leaf)));
            true
        })
        .then_some(all)
    }

    /// Strings are told by path, keys that are no plain names too; escapes are undone.
    #[test]
    fn strings_by_path() {
        let pairs = |expected: &[(&str, &str)]| {
            Some(
                expected
                    .iter()
                    .map(|(path, leaf)| ((*path).to_owned(), (*leaf).to_owned()))
                    .collect(),
            )
        };
        for (value, expected) in [
            (
                r#"{"a": {"b": "x", "n": 1}, "c": ["y", {"d": "z"}, null]}"#,
                &[(".a.b", "x"), (".c", "y"), (".c.d", "z")][..],
            ),
            (r#"{"q": "\u0027 or 1=1"}"#, &[(".q", "' or 1=1")]),
            (
                r#"{"a'--": 1, "$ne": true}"#,
                &[(".key", "a'--"), (".$ne", "true")],
            ),
            (r#"{"a": "x", "a": "y"}"#, &[(".a", "x"), (".a", "y")]),
            (r#""a\"b""#, &[("", "a\"b")]),
            ("{}", &[]),
            ("[[], {}]", &[]),
        ] {
            assert_eq!(found(value), pairs(expected), "{value}");
        }
    }

    /// What is JSON only in part is none, and nothing of it is told.
    #[test]
    fn other_texts() {
        for value in [
            "",
            "{",
            "{a}",
            "{{name}}",
            "[link](x)",
            "{\"a\": 1} }",
            "[1,]",
            "{\"a\" 1}",
            "\"a\" and \"b\"",
            "[\"\\x\"]",
            "[01]",
            "[tru]",
        ] {
            assert_eq!(found(value), None, "{value}");
        }
        assert_eq!(
            found(&format!("{}{}", "[".repeat(100), "]".repeat(100))),
            None
        );
    }

    proptest! {
        /// Any string comes back out of an object that is written as JSON.
        #[test]
        fn strings_come_back(value in any::<String>(), key in "[a-z]{1,5}") {
            let text = serde_json::json!({ key.clone(): [value.clone()] }).to_string();
            prop_assert_eq!(found(&text), Some(vec![(format!(".{key}"), value)]));
        }

        /// It says JSON of what serde_json says JSON of.
        #[test]
        fn as_strict_as_others(value in r#"[{\[]["\[\]{},:0-9a-z \\.-]{0,16}[}\]]"#) {
            let theirs = serde_json::from_str::<serde_json::Value>(&value).is_ok();
            prop_assert_eq!(found(&value).is_some(), theirs);
        }
    }
}
