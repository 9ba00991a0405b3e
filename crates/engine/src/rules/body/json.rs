//! JSON as arguments: `json.a.b`, items of a list `json.a.array_0` (`ModSecurity` v3 names them so), and the list
//! itself with its length (as Coraza has it).
//!
//! After an error the rest of the text becomes one argument, named as the place that broke: what a lenient upstream
//! would still read does not go uninspected.

use super::super::compiled::Variable as V;
use super::super::facts::{Facts, Members};
use super::super::program::Program;
use crate::http::json_text::{self, StringEnd};

/// Bytes of an argument's name.
const MAX_NAME_BYTES: usize = 4096;

struct Frame {
    is_list: bool,
    /// Length of the name without what this container adds.
    name_length: usize,
    index: u32,
}

struct Parser<'t, 'f> {
    text: &'t str,
    position: usize,
    depth: usize,
    arguments: usize,
    name: String,
    scratch: String,
    frames: Vec<Frame>,
    members: Members<'f>,
}

/// Enter a JSON body; answers what is wrong with it.
pub(super) fn enter(program: &Program, body: &[u8], facts: &mut Facts) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let invalid = matches!(text, std::borrow::Cow::Owned(_));
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim_ascii().is_empty() {
        return None;
    }
    let mut parser = Parser {
        text,
        position: 0,
        depth: program.settings.json_depth_limit as usize,
        arguments: program.settings.arguments_limit as usize,
        name: "json".to_owned(),
        scratch: String::new(),
        frames: Vec::new(),
        members: facts.begin(V::ArgsPost),
    };
    match parser.run() {
        Ok(()) if invalid => Some("JSON parsing error: invalid bytes in UTF8 string".to_owned()),
        Ok(()) => None,
        Err(reason) => {
            let rest = parser
                .text
                .get(parser.position..)
                .unwrap_or_default()
                .to_owned();
            parser.members.push(parser.name.as_bytes(), rest.as_bytes());
            Some(format!("JSON parsing error: {reason}"))
        }
    }
}

type Parsed<T> = Result<T, &'static str>;

impl Parser<'_, '_> {
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.position) {
            self.position += 1;
        }
        bytes.get(self.position).copied()
    }

    fn run(&mut self) -> Parsed<()> {
        loop {
            self.value()?;
            loop {
                let Some(frame) = self.frames.last_mut() else {
                    return if self.peek().is_none() {
                        Ok(())
                    } else {
                        Err("trailing garbage")
                    };
                };
                let is_list = frame.is_list;
                frame.index += 1;
                match self.peek() {
                    Some(b',') => {
                        self.position += 1;
                        self.member(is_list)?;
                        break;
                    }
                    Some(b']') if is_list => self.close()?,
                    Some(b'}') if !is_list => self.close()?,
                    None => return Err("premature EOF"),
                    Some(_) => {
                        return Err("after a value: expected a comma or the end of its container");
                    }
                }
            }
        }
    }

    /// Leaves a container. A list is an argument too, with its length: its name would end no argument's otherwise.
    fn close(&mut self) -> Parsed<()> {
        self.position += 1;
        if let Some(frame) = self.frames.pop() {
            self.name.truncate(frame.name_length);
            if frame.is_list {
                self.leaf(frame.index.to_string().as_bytes())?;
            }
        }
        Ok(())
    }

    /// The name of the next member: its key, or its place in the list.
    fn member(&mut self, is_list: bool) -> Parsed<()> {
        let Some(frame) = self.frames.last() else {
            return Err("no container");
        };
        self.name.truncate(frame.name_length);
        if is_list {
            let index = frame.index;
            self.name.push_str(".array_");
            self.name.push_str(&index.to_string());
            return Ok(());
        }
        if self.peek() != Some(b'"') {
            return Err("an object's key must be a string");
        }
        let start = self.position + 1;
        let Some((end, kind)) = json_text::string_end(self.text.as_bytes(), start) else {
            return Err("a key does not end, or has a raw control character in it");
        };
        self.name.push('.');
        let raw = self.text.get(start..end).unwrap_or_default();
        if kind == StringEnd::Escaped {
            json_text::unescape_into(raw, &mut self.name).ok_or("invalid escape in a key")?;
        } else {
            self.name.push_str(raw);
        }
        if self.name.len() > MAX_NAME_BYTES {
            return Err("a name is too long");
        }
        self.position = end + 1;
        if self.peek() != Some(b':') {
            return Err("expected a colon after a key");
        }
        self.position += 1;
        Ok(())
    }

    /// A scalar, or containers down to the first scalar.
    fn value(&mut self) -> Parsed<()> {
        loop {
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    if self.frames.len() >= self.depth {
                        return Err("nested more deeply than SecRequestBodyJsonDepthLimit");
                    }
                    self.position += 1;
                    let is_list = open == b'[';
                    if self.peek() == Some(if is_list { b']' } else { b'}' }) {
                        self.position += 1;
                        return Ok(());
                    }
                    self.frames.push(Frame {
                        is_list,
                        name_length: self.name.len(),
                        index: 0,
                    });
                    self.member(is_list)?;
                }
                Some(b'"') => return self.string(),
                Some(_) => return self.word(),
                None => return Err("premature EOF"),
            }
        }
    }

    fn string(&mut self) -> Parsed<()> {
        let start = self.position + 1;
        let Some((end, kind)) = json_text::string_end(self.text.as_bytes(), start) else {
            return Err("a string does not end, or has a raw control character in it");
        };
        let text = self.text;
        let raw = text.get(start..end).unwrap_or_default();
        if kind == StringEnd::Escaped {
            self.scratch.clear();
            json_text::unescape_into(raw, &mut self.scratch).ok_or("invalid escape in a string")?;
            let scratch = std::mem::take(&mut self.scratch);
            self.leaf(scratch.as_bytes())?;
            self.scratch = scratch;
        } else {
            self.leaf(raw.as_bytes())?;
        }
        self.position = end + 1;
        Ok(())
    }

    fn word(&mut self) -> Parsed<()> {
        let end = json_text::word_end(self.text.as_bytes(), self.position);
        let text = self.text;
        let word = text.get(self.position..end).unwrap_or_default();
        let is_number = || json_text::number(word.as_bytes()).is_some();
        if !matches!(word, "true" | "false" | "null") && !is_number() {
            return Err("lexical error: invalid character");
        }
        self.leaf(if word == "null" { b"" } else { word.as_bytes() })?;
        self.position = end;
        Ok(())
    }

    fn leaf(&mut self, value: &[u8]) -> Parsed<()> {
        if self.arguments == 0 {
            return Err("more arguments than SecArgumentsLimit");
        }
        self.arguments -= 1;
        self.members.push(self.name.as_bytes(), value);
        Ok(())
    }
}
