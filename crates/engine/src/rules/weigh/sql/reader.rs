//! Reads text as tokens of SQL of any dialect.

use super::super::text::{Word, at, before, from, is_word, skip_blank};

/// How many bytes all attempts together may still read.
pub(super) struct Budget(pub(super) usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// A word, with its start and end.
    Word(usize, usize),
    Number,
    /// A string; `closed`: it ends within the value.
    Text {
        closed: bool,
    },
    /// An operator that compares.
    Compare,
    /// Another operator.
    Operator(u8),
    /// `||`, `&&`.
    Double(u8),
    Open,
    Close,
    Comma,
    Semicolon,
    /// A comment to the end of the line, or a `/*` that is never closed.
    Comment,
    End,
}

pub(super) struct Reader<'v, 'b> {
    pub(super) text: &'v [u8],
    pub(super) place: usize,
    /// The quote with which the statement goes on after the value; 0 for none.
    pub(super) quote: u8,
    budget: &'b mut Budget,
}

impl<'v, 'b> Reader<'v, 'b> {
    pub(super) fn new(text: &'v [u8], place: usize, quote: u8, budget: &'b mut Budget) -> Self {
        Self {
            text,
            place,
            quote,
            budget,
        }
    }

    pub(super) fn peek(&mut self) -> Token {
        let place = self.place;
        let token = self.next();
        self.place = place;
        token
    }

    pub(super) fn next(&mut self) -> Token {
        // When the budget is spent, every token is the end, so that all loops stop. The caller then takes the value for
        // an attack.
        if self.budget.0 == 0 {
            return Token::End;
        }
        let from_here = self.place;
        let token = self.read();
        // Each token costs at least one byte, so that looking ahead at the end is not free.
        let read = self.place.saturating_sub(from_here) + 1;
        self.budget.0 = self.budget.0.saturating_sub(read);
        token
    }

    fn read(&mut self) -> Token {
        self.skip();
        let start = self.place;
        let byte = at(self.text, start);
        if start >= self.text.len() {
            return Token::End;
        }
        let second = at(self.text, start + 1);
        self.place += 1;
        match byte {
            b'(' => Token::Open,
            b')' => Token::Close,
            b',' => Token::Comma,
            b';' => Token::Semicolon,
            b'#' => Token::Comment,
            // MySQL requires a blank after `--`, other databases do not. A comment to any of them is a comment here.
            b'-' if second == b'-' => Token::Comment,
            b'/' if second == b'*' => Token::Comment,
            b'\'' | b'"' => self.string(byte),
            b'`' => self.quoted_name(),
            b'0'..=b'9' => self.number(),
            b'.' if second.is_ascii_digit() => self.number(),
            b'@' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => self.word(start),
            b'|' | b'&' if second == byte => {
                self.place += 1;
                Token::Double(byte)
            }
            b'=' | b'<' | b'>' | b'!' => {
                while matches!(at(self.text, self.place), b'=' | b'<' | b'>') {
                    self.place += 1;
                }
                if byte == b'!' && self.place == start + 1 {
                    Token::Operator(byte)
                } else {
                    Token::Compare
                }
            }
            _ => Token::Operator(byte),
        }
    }

    /// Skips white space and comments that end within the value. The content of comments that `MySQL` runs is read.
    fn skip(&mut self) {
        loop {
            self.place = skip_blank(self.text, self.place);
            let rest = from(self.text, self.place);
            // MySQL runs the content of `/*!50000 … */`, and injections hide there.
            if rest.starts_with(b"/*!") {
                self.place += 3;
                while at(self.text, self.place).is_ascii_digit() {
                    self.place += 1;
                }
            } else if rest.starts_with(b"*/") {
                self.place += 2;
            } else if rest.starts_with(b"/*") {
                let Some(end) = memchr::memmem::find(rest, b"*/") else {
                    // The search went to the end of the value, and starts again after the next quote, so it is charged.
                    self.budget.0 = self.budget.0.saturating_sub(rest.len());
                    return;
                };
                self.place += end + 2;
            } else if at(rest, 0) == 0 && !rest.is_empty() {
                self.place += 1;
            } else {
                return;
            }
        }
    }

    fn string(&mut self, quote: u8) -> Token {
        while let Some(found) = memchr::memchr2(quote, b'\\', from(self.text, self.place)) {
            let place = self.place + found;
            // A backslash (in MySQL) and a doubled quote (everywhere) keep a string open.
            if at(self.text, place) == b'\\' || at(self.text, place + 1) == quote {
                self.place = place + 2;
            } else {
                self.place = place + 1;
                return Token::Text { closed: true };
            }
        }
        self.place = self.text.len();
        Token::Text { closed: false }
    }

    fn quoted_name(&mut self) -> Token {
        let start = self.place;
        match memchr::memchr(b'`', from(self.text, start)) {
            // In MySQL an identifier has at most 64 characters.
            Some(length) if length <= 64 => {
                self.place = start + length + 1;
                Token::Word(start, start + length)
            }
            _ => Token::Operator(b'`'),
        }
    }

    fn number(&mut self) -> Token {
        // Letters too: `0x1f` and `1e5` are numbers in all dialects.
        while at(self.text, self.place).is_ascii_alphanumeric() || at(self.text, self.place) == b'.'
        {
            self.place += 1;
        }
        Token::Number
    }

    fn word(&mut self, start: usize) -> Token {
        let in_word = |byte: u8| is_word(byte) || matches!(byte, b'$' | b'@' | b'.');
        while in_word(at(self.text, self.place)) {
            self.place += 1;
        }
        // A dot at the end belongs to the sentence and not to the name.
        while self.place > start + 1 && before(self.text, self.place) == b'.' {
            self.place -= 1;
        }
        Token::Word(start, self.place)
    }

    /// Whether a token is one of these words, which are sorted.
    pub(super) fn is(&self, token: Token, sorted: &[&str]) -> bool {
        let Token::Word(start, end) = token else {
            return false;
        };
        let word = Word::at(self.text, start);
        word.end == end && word.is_in(sorted)
    }

    pub(super) fn is_word(&self, token: Token, small: &str) -> bool {
        self.is(token, &[small])
    }

    /// Takes the next token if it is this word. Returns whether it is.
    pub(super) fn takes(&mut self, small: &str) -> bool {
        let place = self.place;
        let token = self.next();
        let is = self.is_word(token, small);
        if !is {
            self.place = place;
        }
        is
    }

    pub(super) fn takes_token(&mut self, wanted: Token) -> bool {
        let place = self.place;
        let is = self.next() == wanted;
        if !is {
            self.place = place;
        }
        is
    }
}

/// Whether a token is a constant.
pub(super) fn is_literal(token: Token) -> bool {
    matches!(token, Token::Number | Token::Text { .. })
}

/// The position where the last part of a dotted name begins.
pub(super) fn last_part(text: &[u8], start: usize, end: usize) -> usize {
    let name = text.get(start..end).unwrap_or_default();
    memchr::memrchr(b'.', name).map_or(start, |dot| start + dot + 1)
}
