//! The lexical level of GraphQL (September 2025 specification, 2.1 and 2.9).

use super::document::{NoDocument, Parsed};
use crate::http::json_text::{self, Unit};

/// A piece of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// Nothing follows.
    End,
    /// One of `! $ & ( ) : = @ [ ] { | }`.
    Punctuator(u8),
    /// `...`
    Spread,
    Name(&'t str),
    Number(&'t str),
    /// The inside of a string, escapes as written.
    Text(&'t str),
    /// The inside of a block string, as written.
    Block(&'t str),
}

pub(super) struct Lexer<'t> {
    rest: &'t str,
}

const fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

const fn continues_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text }
    }

    /// Takes `length` bytes.
    fn take(&mut self, length: usize) -> Parsed<&'t str> {
        let taken = self.rest.get(..length).ok_or(NoDocument::Syntax)?;
        self.rest = self.rest.get(length..).ok_or(NoDocument::Syntax)?;
        Ok(taken)
    }

    /// The next token.
    ///
    /// # Arguments
    /// * `comment` - is given each comment before it, without its `#`.
    pub(super) fn next(
        &mut self,
        mut comment: impl FnMut(&'t str) -> Parsed<()>,
    ) -> Parsed<Token<'t>> {
        loop {
            let Some(first) = self.rest.bytes().next() else {
                return Ok(Token::End);
            };
            match first {
                // Commas mean as little as white space (2.1.5, insignificant commas).
                b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                    self.take(1)?;
                }
                b'#' => {
                    let bytes = self.rest.as_bytes();
                    let end = memchr::memchr2(b'\n', b'\r', bytes).unwrap_or(bytes.len());
                    let text = self.take(end)?;
                    comment(text.get(1..).unwrap_or_default())?;
                }
                // A byte order mark is ignored anywhere, as white space is.
                _ if self.rest.starts_with('\u{feff}') => {
                    self.take('\u{feff}'.len_utf8())?;
                }
                _ => return self.token(first),
            }
        }
    }

    fn token(&mut self, first: u8) -> Parsed<Token<'t>> {
        match first {
            b'!' | b'$' | b'&' | b'(' | b')' | b':' | b'=' | b'@' | b'[' | b']' | b'{' | b'|'
            | b'}' => {
                self.take(1)?;
                Ok(Token::Punctuator(first))
            }
            b'.' if self.rest.starts_with("...") => {
                self.take(3)?;
                Ok(Token::Spread)
            }
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            _ if starts_name(first) => {
                let end = self.rest.bytes().position(|byte| !continues_name(byte));
                Ok(Token::Name(self.take(end.unwrap_or(self.rest.len()))?))
            }
            _ => Err(NoDocument::Syntax),
        }
    }

    fn number(&mut self) -> Parsed<Token<'t>> {
        // JSON has the same numbers.
        // Letters count as part of the word, so that `1x` is no number before a name.
        let length = self
            .rest
            .bytes()
            .position(|byte| !(continues_name(byte) || matches!(byte, b'.' | b'-' | b'+')));
        let word = self.take(length.unwrap_or(self.rest.len()))?;
        if json_text::number(word.as_bytes()).is_none() {
            return Err(NoDocument::Syntax);
        }
        Ok(Token::Number(word))
    }

    fn string(&mut self) -> Parsed<Token<'t>> {
        if self.rest.starts_with("\"\"\"") {
            self.take(3)?;
            return self.block();
        }
        self.take(1)?;
        let bytes = self.rest.as_bytes();
        let mut at = 0;
        loop {
            // A string ends on its own line (2.9.4): a raw line break makes it no string.
            let found = bytes
                .get(at..)
                .and_then(|rest| {
                    rest.iter()
                        .position(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r'))
                })
                .ok_or(NoDocument::Syntax)?;
            at += found;
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                _ => return Err(NoDocument::Syntax),
            }
        }
        let text = self.take(at)?;
        self.take(1)?;
        Ok(Token::Text(text))
    }

    fn block(&mut self) -> Parsed<Token<'t>> {
        let mut from = 0;
        loop {
            let found = self
                .rest
                .get(from..)
                .and_then(|rest| rest.find("\"\"\""))
                .ok_or(NoDocument::Syntax)?;
            let end = from + found;
            // `\"""` stands for three quotes and does not end the block.
            if end > 0 && self.rest.as_bytes().get(end - 1) == Some(&b'\\') {
                from = end + 3;
                continue;
            }
            let text = self.take(end)?;
            self.take(3)?;
            return Ok(Token::Block(text));
        }
    }
}

/// Appends the text that the inside of a string stands for.
pub(super) fn unescape_into(raw: &str, out: &mut String) -> Parsed<()> {
    let mut rest = raw;
    while let Some(slash) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(rest.get(..slash).unwrap_or_default());
        let escape = rest.get(slash..).unwrap_or_default();
        let length = if let Some(inside) = escape.strip_prefix("\\u{") {
            let end = memchr::memchr(b'}', inside.as_bytes()).ok_or(NoDocument::Syntax)?;
            let digits = inside.get(..end).unwrap_or_default();
            let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let letter = u32::from_str_radix(digits, 16)
                .ok()
                .filter(|_| plain)
                .and_then(char::from_u32)
                .ok_or(NoDocument::Syntax)?;
            out.push(letter);
            end + 4
        } else {
            match json_text::escape(escape.as_bytes()) {
                Unit::Character(letter, length) => {
                    out.push(letter);
                    length
                }
                // Half a surrogate pair makes the document invalid too (2.9.4).
                Unit::LoneSurrogate(_) | Unit::Bad => return Err(NoDocument::Syntax),
            }
        };
        rest = escape.get(length..).ok_or(NoDocument::Syntax)?;
    }
    out.push_str(rest);
    Ok(())
}

/// Appends the text that the inside of a block string stands for (2.9.4, `BlockStringValue`).
pub(super) fn block_into(raw: &str, out: &mut String) {
    let start = out.len();
    let is_blank = |line: &&str| line.bytes().all(|byte| matches!(byte, b' ' | b'\t'));
    let indent_of = |line: &str| {
        line.bytes()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count()
    };
    // The first line does not count, because it begins right behind the quotes (2.9.4).
    let indent = lines(raw)
        .skip(1)
        .filter(|line| !is_blank(line))
        .map(indent_of)
        .min()
        .unwrap_or(0);
    let mut end = start;
    let mut begun = false;
    for (number, line) in lines(raw).enumerate() {
        let blank = is_blank(&line);
        if blank && !begun {
            continue;
        }
        if begun {
            out.push('\n');
        }
        begun = true;
        let cut = if number == 0 { 0 } else { indent };
        let mut rest = line.get(cut..).unwrap_or_default();
        while let Some(found) = rest.find("\\\"\"\"") {
            out.push_str(rest.get(..found).unwrap_or_default());
            out.push_str("\"\"\"");
            rest = rest.get(found + 4..).unwrap_or_default();
        }
        out.push_str(rest);
        if !blank {
            end = out.len();
        }
    }
    out.truncate(end);
}

/// Lines, whether they end in LF, CR LF or CR.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.split('\r')
    })
}
