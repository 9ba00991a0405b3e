//! Splits SQL into tokens as libinjection does.
//!
//! Each function reads one token at `position` and says where the next begins. What looks odd (a byte 0xA0 is a blank,
//! a comment is searched for another one byte too far) is as in libinjection, because its fingerprints were learned
//! that way.

use libinjectionrs::sqli::sqli_data::{CharType, get_char_type};

use super::words::{self, Hash};
use crate::rules::bytes::ByteSet;

/// How many bytes of a token are kept; libinjection keeps as many.
const MAX_VALUE_BYTES: usize = 31;

/// The bytes that end a word.
const WORD_ENDS: ByteSet = ByteSet::of(b" []{}<>:\\?=@!#~+-*/&|^%(),';\t\n\x0b\x0c\r\"\xa0\x00");

/// The bytes that end the name of a variable.
const VARIABLE_ENDS: ByteSet = ByteSet::of(b" <>:\\?=@!#~+-*/&|^%(),;'\t\n\x0b\x0c\r`\"");

/// Kinds of tokens, by the letter that stands for them in a fingerprint.
pub(super) mod kind {
    pub(crate) const NONE: u8 = 0;
    pub(crate) const KEYWORD: u8 = b'k';
    pub(crate) const UNION: u8 = b'U';
    pub(crate) const GROUP: u8 = b'B';
    pub(crate) const EXPRESSION: u8 = b'E';
    pub(crate) const SQL_TYPE: u8 = b't';
    pub(crate) const FUNCTION: u8 = b'f';
    pub(crate) const BARE: u8 = b'n';
    pub(crate) const NUMBER: u8 = b'1';
    pub(crate) const VARIABLE: u8 = b'v';
    pub(crate) const STRING: u8 = b's';
    pub(crate) const OPERATOR: u8 = b'o';
    pub(crate) const LOGIC: u8 = b'&';
    pub(crate) const COMMENT: u8 = b'c';
    pub(crate) const COLLATE: u8 = b'A';
    pub(crate) const OPEN: u8 = b'(';
    pub(crate) const CLOSE: u8 = b')';
    pub(crate) const BRACE_OPEN: u8 = b'{';
    pub(crate) const BRACE_CLOSE: u8 = b'}';
    pub(crate) const DOT: u8 = b'.';
    pub(crate) const COMMA: u8 = b',';
    pub(crate) const COLON: u8 = b':';
    pub(crate) const SEMICOLON: u8 = b';';
    pub(crate) const TSQL: u8 = b'T';
    pub(crate) const UNKNOWN: u8 = b'?';
    pub(crate) const EVIL: u8 = b'X';
    pub(crate) const FINGERPRINT: u8 = b'F';
    pub(crate) const BACKSLASH: u8 = b'\\';
}

/// One token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    /// The kind, one of [`kind`].
    pub(super) kind: u8,
    /// The quote with which the token begins; 0 for none.
    pub(super) opened: u8,
    /// The quote with which the token ends; 0 for none.
    pub(super) closed: u8,
    length: u8,
    value: [u8; MAX_VALUE_BYTES],
}

impl Token {
    /// No token.
    pub(super) const NONE: Self = Self {
        kind: kind::NONE,
        opened: 0,
        closed: 0,
        length: 0,
        value: [0; MAX_VALUE_BYTES],
    };

    fn new(kind: u8, value: &[u8]) -> Self {
        let mut token = Self { kind, ..Self::NONE };
        token.set_value(value);
        token
    }

    /// The text of the token that is kept.
    pub(super) fn value(&self) -> &[u8] {
        self.value.get(..usize::from(self.length)).unwrap_or(&[])
    }

    /// Replaces the text.
    pub(super) fn set_value(&mut self, value: &[u8]) {
        let length = value.len().min(MAX_VALUE_BYTES);
        if let (Some(to), Some(from)) = (self.value.get_mut(..length), value.get(..length)) {
            to.copy_from_slice(from);
            self.length = u8::try_from(length).unwrap_or(0);
        }
    }

    /// The first byte of the text; 0 when it is empty.
    pub(super) fn first(&self) -> u8 {
        self.value().first().copied().unwrap_or(0)
    }

    /// Whether the text is this word, in any case.
    pub(super) fn says(&self, word: &[u8]) -> bool {
        self.value().eq_ignore_ascii_case(word)
    }

    /// Whether the token is an operator that may stand before a single value.
    pub(super) fn is_unary(&self) -> bool {
        self.kind == kind::OPERATOR
            && match self.value() {
                [byte] => b"+-!~".contains(byte),
                value => value == b"!!" || value.eq_ignore_ascii_case(b"NOT"),
            }
    }

    /// Whether the token is `*`, `/`, `-`, `+` or `%`.
    pub(super) fn is_arithmetic(&self) -> bool {
        self.kind == kind::OPERATOR && matches!(self.value(), [b'*' | b'/' | b'-' | b'+' | b'%'])
    }
}

/// How a text is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// The quote that the text is read as standing behind; 0 when it is read as it is.
    pub(super) quote: u8,
    /// Whether comments are read by the rules of `MySQL`.
    pub(super) mysql: bool,
}

/// The tokens of a text.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    input: &'a [u8],
    reading: Reading,
    position: usize,
    /// Whether there was a `#`, or a `--` that no blank follows: `MySQL` reads both in another way.
    pub(super) differs_in_mysql: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(input: &'a [u8], reading: Reading) -> Self {
        Self {
            input,
            reading,
            position: 0,
            differs_in_mysql: false,
        }
    }

    fn at(&self, position: usize) -> Option<u8> {
        self.input.get(position).copied()
    }

    fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.input.get(start..end).unwrap_or(&[])
    }

    /// How many bytes from `start` on, in a row, meet a condition.
    fn run(&self, start: usize, is_such: impl Fn(u8) -> bool) -> usize {
        self.slice(start, self.input.len())
            .iter()
            .take_while(|byte| is_such(**byte))
            .count()
    }

    /// The next token; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Token> {
        if self.position == 0 && self.reading.quote != 0 && !self.input.is_empty() {
            // The text is read as if it stood within a string, so it begins with the rest of that string.
            let (token, next) = self.string(0, self.reading.quote, 0);
            self.position = next;
            return Some(Token { opened: 0, ..token });
        }
        while let Some(byte) = self.at(self.position) {
            let kind = get_char_type(byte);
            if matches!(kind, CharType::White) {
                self.position += 1;
                continue;
            }
            let (token, next) = self.token(byte, kind, self.position);
            // A token has at least one byte, so that reading always ends.
            self.position = next.max(self.position + 1);
            return Some(token);
        }
        None
    }

    fn token(&mut self, byte: u8, kind: CharType, position: usize) -> (Token, usize) {
        match kind {
            CharType::Bang | CharType::Op2 => self.operator(position),
            CharType::String => self.string(position, byte, 1),
            CharType::Hash => self.hash(position),
            CharType::Money => self.money(position),
            CharType::Dash => self.dash(position),
            CharType::Number => self.number(position),
            CharType::Slash => self.slash(position),
            CharType::Variable => self.variable(position),
            CharType::Word => self.word(position),
            CharType::BString => self.digits(position, |byte| matches!(byte, b'0' | b'1')),
            CharType::XString => self.digits(position, |byte| byte.is_ascii_hexdigit()),
            CharType::EString => self.escaped(position),
            CharType::NQString => self.national(position),
            CharType::QString => self.oracle(position, 0),
            CharType::UString => self.unicode(position),
            CharType::BWord => self.bracketed(position),
            // `\N` is NULL in MySQL.
            CharType::Backslash if self.at(position + 1) == Some(b'N') => {
                (Token::new(kind::NUMBER, b"\\N"), position + 2)
            }
            CharType::Tick => self.tick(position),
            other => {
                let kind = match other {
                    CharType::Op1 | CharType::Unary => kind::OPERATOR,
                    CharType::Backslash => kind::BACKSLASH,
                    CharType::Other | CharType::White => kind::UNKNOWN,
                    _ => byte,
                };
                (Token::new(kind, &[byte]), position + 1)
            }
        }
    }

    fn operator(&self, position: usize) -> (Token, usize) {
        let (three, two) = (
            self.slice(position, position + 3),
            self.slice(position, position + 2),
        );
        // With `<=>`, MySQL compares values including NULL.
        if three == b"<=>" {
            return (Token::new(kind::OPERATOR, three), position + 3);
        }
        if let Some(found) = words::kind_of(two).filter(|_| two.len() == 2) {
            let kind = if found == kind::LOGIC {
                kind::LOGIC
            } else {
                kind::OPERATOR
            };
            return (Token::new(kind, two), position + 2);
        }
        let one = self.slice(position, position + 1);
        let kind = if one == b":" && two.len() == 2 {
            kind::COLON
        } else {
            kind::OPERATOR
        };
        (Token::new(kind, one), position + 1)
    }

    fn hash(&mut self, position: usize) -> (Token, usize) {
        // `#` begins a comment only in MySQL; in PostgreSQL it is an operator.
        self.differs_in_mysql = true;
        if self.reading.mysql {
            self.comment_to_end_of_line(position)
        } else {
            (Token::new(kind::OPERATOR, b"#"), position + 1)
        }
    }

    fn dash(&mut self, position: usize) -> (Token, usize) {
        let minus = (Token::new(kind::OPERATOR, b"-"), position + 1);
        if self.at(position + 1) != Some(b'-') {
            return minus;
        }
        // To all databases, `--` and a blank begin a comment. Without the blank, they do not in MySQL.
        if self.at(position + 2).is_none_or(is_blank) {
            return self.comment_to_end_of_line(position);
        }
        self.differs_in_mysql = true;
        if self.reading.mysql {
            minus
        } else {
            self.comment_to_end_of_line(position)
        }
    }

    fn comment_to_end_of_line(&self, position: usize) -> (Token, usize) {
        let end = position + self.run(position, |byte| byte != b'\n');
        (
            Token::new(kind::COMMENT, self.slice(position, end)),
            (end + 1).min(self.input.len()),
        )
    }

    fn slash(&self, position: usize) -> (Token, usize) {
        if self.at(position + 1) != Some(b'*') {
            return (Token::new(kind::OPERATOR, b"/"), position + 1);
        }
        let inside = self.slice(position + 2, self.input.len());
        let closes = find(inside, b"*/");
        let end = closes.map_or(self.input.len(), |at| position + at + 4);
        let nested = closes.is_some_and(|at| {
            // As in libinjection, the search goes one byte further than the comment.
            find(inside.get(..=at).unwrap_or(inside), b"/*").is_some()
        });
        // Only attackers write a comment within a comment, or `/*!`, so libinjection decides without looking further.
        let kind = if nested || inside.first() == Some(&b'!') {
            kind::EVIL
        } else {
            kind::COMMENT
        };
        (Token::new(kind, self.slice(position, end)), end)
    }

    /// Reads a string whose quote is `skip` bytes long. A quote ends it unless it is doubled or follows an odd number
    /// of backslashes.
    fn string(&self, position: usize, quote: u8, skip: usize) -> (Token, usize) {
        let start = position + skip;
        // Backslashes are counted from the beginning of the text, which gives the same answer when no quote stands
        // before the string.
        let mut search = start;
        while let Some(found) = self
            .input
            .get(search..)
            .and_then(|rest| memchr::memchr(quote, rest))
        {
            let at = search + found;
            // Backslashes are counted back from the quote. An even number of them escape each other, so the quote ends
            // the string.
            let backslashes = self
                .slice(0, at)
                .iter()
                .rev()
                .take_while(|byte| **byte == b'\\')
                .count();
            if backslashes % 2 == 1 {
                search = at + 1;
            } else if self.at(at + 1) == Some(quote) {
                search = at + 2;
            } else {
                return (quoted(self.slice(start, at), quote, quote), at + 1);
            }
        }
        let end = self.input.len();
        (quoted(self.slice(start, end), quote, 0), end)
    }

    fn escaped(&self, position: usize) -> (Token, usize) {
        if position + 2 >= self.input.len() || self.at(position + 1) != Some(b'\'') {
            return self.word(position);
        }
        self.string(position, b'\'', 2)
    }

    fn unicode(&self, position: usize) -> (Token, usize) {
        if self.slice(position + 1, position + 3) != b"&'" {
            return self.word(position);
        }
        let (token, next) = self.string(position + 2, b'\'', 1);
        let closed = if token.closed == b'\'' {
            b'u'
        } else {
            token.closed
        };
        let token = Token {
            opened: b'u',
            closed,
            ..token
        };
        (token, next)
    }

    fn national(&self, position: usize) -> (Token, usize) {
        if position + 2 < self.input.len() && self.at(position + 1) == Some(b'\'') {
            return self.escaped(position);
        }
        self.oracle(position, 1)
    }

    /// Reads a string of Oracle, `q'(…)'`, with or without a letter before it.
    fn oracle(&self, position: usize, skip: usize) -> (Token, usize) {
        let [b'q' | b'Q', b'\'', opening] = self.slice(position + skip, position + skip + 3) else {
            return self.word(position);
        };
        // libinjection refuses blanks and, because its characters are signed, all bytes beyond ASCII.
        if *opening < 33 || !opening.is_ascii() {
            return self.word(position);
        }
        // Oracle closes a bracket with its counterpart, and any other sign with itself.
        let closing = match opening {
            b'(' => b')',
            b'[' => b']',
            b'{' => b'}',
            b'<' => b'>',
            other => *other,
        };
        self.delimited(position + skip + 3, &[closing, b'\''], b'q')
    }

    /// Reads a string that goes on to the next `end`.
    fn delimited(&self, start: usize, end: &[u8], sign: u8) -> (Token, usize) {
        let rest = self.slice(start, self.input.len());
        match find(rest, end) {
            Some(at) => (
                quoted(self.slice(start, start + at), sign, sign),
                start + at + end.len(),
            ),
            None => (quoted(rest, sign, 0), self.input.len()),
        }
    }

    /// Reads a number in quotes, such as `b'01'` and `x'0f'`.
    fn digits(&self, position: usize, is_digit: impl Fn(u8) -> bool) -> (Token, usize) {
        if position + 2 >= self.input.len() || self.at(position + 1) != Some(b'\'') {
            return self.word(position);
        }
        let end = position + 2 + self.run(position + 2, is_digit);
        if self.at(end) != Some(b'\'') {
            return self.word(position);
        }
        (
            Token::new(kind::NUMBER, self.slice(position, end + 1)),
            end + 1,
        )
    }

    /// Reads a name in brackets, `[name]`.
    fn bracketed(&self, position: usize) -> (Token, usize) {
        let end = (position + self.run(position, |byte| byte != b']') + 1).min(self.input.len());
        (Token::new(kind::BARE, self.slice(position, end)), end)
    }

    fn word(&self, position: usize) -> (Token, usize) {
        let mut hash = Hash::EMPTY;
        let mut length = 0;
        while let Some(byte) = self.at(position + length)
            && length < words::MAX_WORD_BYTES
            && !WORD_ENDS.contains(byte)
        {
            // The part before a dot is a word of its own if the list has it. It is looked up before the end of the
            // whole word is known: otherwise `like.like.…` would be read to its end for each word.
            if matches!(byte, b'.' | b'`')
                && let start = self.slice(position, position + length)
                && let Some(kind) = words::kind_of_hashed(start, hash)
            {
                return (Token::new(kind, start), position + length);
            }
            hash = hash.with(byte);
            length += 1;
        }
        if length < words::MAX_WORD_BYTES {
            let word = self.slice(position, position + length);
            let kind = words::kind_of_hashed(word, hash).unwrap_or(kind::BARE);
            return (Token::new(kind, word), position + length);
        }
        let end = position + length + self.run(position + length, |byte| !WORD_ENDS.contains(byte));
        (Token::new(kind::BARE, self.slice(position, end)), end)
    }

    fn tick(&self, position: usize) -> (Token, usize) {
        let (mut token, next) = self.string(position, b'`', 1);
        // MySQL takes a name in backticks for a function if a function has this name.
        token.kind = match words::kind_of(token.value()) {
            Some(kind::FUNCTION) => kind::FUNCTION,
            _ => kind::BARE,
        };
        (token, next)
    }

    fn variable(&self, position: usize) -> (Token, usize) {
        let signs = if self.at(position + 1) == Some(b'@') {
            2
        } else {
            1
        };
        let start = position + signs;
        let (mut token, next) = match self.at(start) {
            Some(b'`') => self.tick(start),
            Some(quote @ (b'\'' | b'"')) => self.string(start, quote, 1),
            _ => {
                let end = start + self.run(start, |byte| !VARIABLE_ENDS.contains(byte));
                (Token::new(kind::VARIABLE, self.slice(position, end)), end)
            }
        };
        token.kind = kind::VARIABLE;
        (token, next)
    }

    fn money(&self, position: usize) -> (Token, usize) {
        let dollar = (Token::new(kind::BARE, b"$"), position + 1);
        // T-SQL writes amounts of money as `$1,000.00`.
        let is_amount = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b',');
        let end = position + 1 + self.run(position + 1, is_amount);
        if end > position + 1 {
            // `$.` alone is not an amount.
            if self.slice(position, end) == b"$." {
                return self.word(position);
            }
            return (Token::new(kind::NUMBER, self.slice(position, end)), end);
        }
        let end = end + self.run(end, |byte| byte.is_ascii_alphabetic());
        // PostgreSQL writes strings as `$tag$ … $tag$`.
        if self.at(end) == Some(b'$') {
            return self.delimited(end + 1, self.slice(position, end + 1), b'$');
        }
        dollar
    }

    fn number(&self, position: usize) -> (Token, usize) {
        match self.slice(position, position + 2) {
            [b'0', b'x' | b'X'] => {
                return self.prefixed_number(position, |byte| byte.is_ascii_hexdigit());
            }
            [b'0', b'b' | b'B'] => {
                return self.prefixed_number(position, |byte| matches!(byte, b'0' | b'1'));
            }
            _ => {}
        }
        let digits = |from: usize| self.run(from, |byte| byte.is_ascii_digit());
        let mut end = position + digits(position);
        if self.at(end) == Some(b'.') {
            end += 1 + digits(end + 1);
            if end == position + 1 {
                return (Token::new(kind::DOT, b"."), end);
            }
        }
        // Without a digit after the `e`, the text is a name.
        let mut is_bare = false;
        if matches!(self.at(end), Some(b'e' | b'E')) {
            end += 1;
            if matches!(self.at(end), Some(b'+' | b'-')) {
                end += 1;
            }
            let exponent = digits(end);
            is_bare = exponent == 0;
            end += exponent;
        }
        // These are Oracle's suffixes. They also count before the `u` of `UNION`.
        if matches!(self.at(end), Some(b'd' | b'D' | b'f' | b'F'))
            && self
                .at(end + 1)
                .is_none_or(|byte| is_blank(byte) || matches!(byte, b';' | b'u' | b'U'))
        {
            end += 1;
        }
        let kind = if is_bare { kind::BARE } else { kind::NUMBER };
        (Token::new(kind, self.slice(position, end)), end)
    }

    /// Reads a number after `0x` or `0b`. Without digits it is a name.
    fn prefixed_number(&self, position: usize, is_digit: fn(u8) -> bool) -> (Token, usize) {
        let start = position + 2;
        let end = start + self.run(start, is_digit);
        let kind = if end == start {
            kind::BARE
        } else {
            kind::NUMBER
        };
        (Token::new(kind, self.slice(position, end)), end)
    }
}

fn quoted(content: &[u8], opened: u8, closed: u8) -> Token {
    Token {
        opened,
        closed,
        ..Token::new(kind::STRING, content)
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(haystack, needle)
}

/// Whether libinjection takes a byte for a blank after `--` and numbers.
fn is_blank(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r' | 0xa0 | 0x00
    )
}
