//! Folds tokens as libinjection does: tokens that do not change the shape of a statement are left out until five tokens
//! remain.
//!
//! The rules and their order are those of libinjection. Each rule either removes something and starts again, or passes
//! on to the next rule.

use super::tokens::{Reading, Token, Tokens, kind};
use super::words;

/// How many tokens a fingerprint has.
pub(super) const MAX_TOKENS: usize = 5;

/// The longest text of two words that are looked up as one: as long as the text that a token keeps.
const MAX_MERGED_BYTES: usize = 31;

/// The tokens that are left of a text.
#[derive(Debug)]
pub(super) struct Folded {
    tokens: [Token; MAX_TOKENS + 3],
    length: usize,
    /// How many tokens were read, including comments.
    pub(super) read: usize,
    /// Whether `MySQL` would read the comments of the text in another way.
    pub(super) differs_in_mysql: bool,
}

impl Folded {
    /// Folds a text.
    pub(super) fn of(input: &[u8], reading: Reading) -> Self {
        let mut folding = Folding::new(Tokens::new(input, reading));
        let length = folding.run();
        let mut folded = Self {
            tokens: folding.tokens,
            length,
            read: folding.read,
            differs_in_mysql: folding.source.differs_in_mysql && !folding.is_evil,
        };
        if length < MAX_TOKENS
            // A comment at the end cuts off the rest of the statement, so it belongs to the fingerprint.
            && folding.last_comment.kind == kind::COMMENT
            && !folding.is_evil
            && let Some(token) = folded.tokens.get_mut(length)
        {
            *token = folding.last_comment;
            folded.length += 1;
        }
        folded
    }

    /// The tokens that are left, at most five.
    pub(super) fn tokens(&self) -> &[Token] {
        self.tokens
            .get(..self.length.min(MAX_TOKENS))
            .unwrap_or(&[])
    }
}

/// What a rule did.
enum Step {
    /// The rule folded something: start again.
    Again,
    /// The rule did nothing: go on.
    Next,
}

struct Folding<'a> {
    source: Tokens<'a>,
    // An array instead of a vector: a text with thousands of tokens is folded without allocating.
    tokens: [Token; MAX_TOKENS + 3],
    /// The index of the next token.
    position: usize,
    /// How many tokens are finished.
    left: usize,
    more: bool,
    read: usize,
    last_comment: Token,
    /// Whether a brace before an empty name was read, which is an attack in itself.
    is_evil: bool,
}

impl<'a> Folding<'a> {
    fn new(source: Tokens<'a>) -> Self {
        Self {
            source,
            tokens: [Token::NONE; MAX_TOKENS + 3],
            position: 0,
            left: 0,
            more: true,
            read: 0,
            last_comment: Token::NONE,
            is_evil: false,
        }
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.source.next();
        match token {
            Some(_) => self.read += 1,
            None => self.more = false,
        }
        token
    }

    fn kind(&self, index: usize) -> u8 {
        self.tokens
            .get(index)
            .map_or(kind::NONE, |token| token.kind)
    }

    fn token(&self, index: usize) -> &Token {
        self.tokens.get(index).unwrap_or(&Token::NONE)
    }

    fn set_kind(&mut self, index: usize, kind: u8) {
        if let Some(token) = self.tokens.get_mut(index) {
            token.kind = kind;
        }
    }

    fn copy(&mut self, from: usize, to: usize) {
        let token = *self.token(from);
        if let Some(place) = self.tokens.get_mut(to) {
            *place = token;
        }
    }

    /// Removes `count` tokens from the end and starts again at the first one.
    fn drop_last(&mut self, count: usize) -> Step {
        self.position = self.position.saturating_sub(count);
        self.left = 0;
        Step::Again
    }

    /// Removes the last token and goes back by one.
    fn drop_last_and_step_back(&mut self) -> Step {
        self.position = self.position.saturating_sub(1);
        self.left = self.left.saturating_sub(1);
        Step::Again
    }

    /// Folds the tokens. Returns how many are left.
    fn run(&mut self) -> usize {
        if !self.skip_start() {
            return 0;
        }
        loop {
            // Five tokens are a fingerprint, but a longer text may still fold into fewer.
            self.shorten_full();
            if !self.more || self.left >= MAX_TOKENS {
                break;
            }
            self.fill(2);
            if self.position - self.left < 2 {
                self.left = self.position;
                continue;
            }
            if let Step::Again = self.fold_two() {
                continue;
            }
            // Nothing that follows can make the text harmless.
            if self.is_evil {
                self.set_kind(0, kind::EVIL);
                return 1;
            }
            self.fill(3);
            if self.position - self.left < 3 {
                self.left = self.position;
                continue;
            }
            if let Step::Next = self.fold_three() {
                self.left += 1;
            }
        }
        let left = self.position.min(MAX_TOKENS);
        self.end_with_tick(left);
        left
    }

    /// Skips comments, opening parentheses, types and unary operators at the beginning, which do not count. Returns
    /// whether a token was found.
    fn skip_start(&mut self) -> bool {
        while let Some(token) = self.next() {
            let skipped = matches!(token.kind, kind::COMMENT | kind::OPEN | kind::SQL_TYPE);
            if !skipped && !token.is_unary() {
                if let Some(first) = self.tokens.first_mut() {
                    *first = token;
                }
                self.position = 1;
                return true;
            }
        }
        false
    }

    /// Shortens forms of five tokens that are only the beginning of a longer repetition.
    fn shorten_full(&mut self) {
        use kind::{BARE, CLOSE, COMMA, NUMBER, OPEN, OPERATOR};
        if self.position < MAX_TOKENS {
            return;
        }
        let kinds = [0, 1, 2, 3, 4].map(|index| self.kind(index));
        if !matches!(
            kinds,
            [NUMBER, OPERATOR | COMMA, OPEN, NUMBER, CLOSE]
                | [BARE, OPERATOR, OPEN, BARE | NUMBER, CLOSE]
                | [NUMBER, CLOSE, COMMA, OPEN, NUMBER]
                | [BARE, CLOSE, OPERATOR, OPEN, BARE]
        ) {
            return;
        }
        if self.position > MAX_TOKENS {
            self.copy(MAX_TOKENS, 1);
            self.position = 2;
        } else {
            self.position = 1;
        }
        self.left = 0;
    }

    /// Reads on until there are `wanted` tokens to fold. Comments are only remembered.
    fn fill(&mut self, wanted: usize) {
        while self.more && self.position <= MAX_TOKENS && self.position - self.left < wanted {
            let Some(token) = self.next() else { return };
            if token.kind == kind::COMMENT {
                self.last_comment = token;
                continue;
            }
            self.last_comment.kind = kind::NONE;
            if let Some(place) = self.tokens.get_mut(self.position) {
                *place = token;
            }
            self.position += 1;
        }
    }

    fn fold_two(&mut self) -> Step {
        use kind::{LOGIC, OPEN, OPERATOR, SEMICOLON, SQL_TYPE, STRING};
        let (one, two) = (*self.token(self.left), *self.token(self.left + 1));
        match (one.kind, two.kind) {
            // `"a" "b"` is one string, and `;;` is one semicolon.
            (STRING, STRING) | (SEMICOLON, SEMICOLON) => {
                self.position -= 1;
                Step::Again
            }
            (OPERATOR | LOGIC, second) if second == SQL_TYPE || two.is_unary() => self.drop_last(1),
            (OPEN, _) if two.is_unary() => self.drop_last_and_step_back(),
            _ if self.merge(&one, &two) => self.drop_last_and_step_back(),
            _ => match self.retype(&one, &two) {
                Some(step) => step,
                None => self.fold_brackets(&one, &two),
            },
        }
    }

    /// Folds brackets and braces that do not matter, and the backslash of T-SQL.
    fn fold_brackets(&mut self, one: &Token, two: &Token) -> Step {
        use kind::{BACKSLASH, BARE, BRACE_CLOSE, BRACE_OPEN, CLOSE, OPEN};
        match (one.kind, two.kind) {
            (BACKSLASH, _) => self.fold_backslash(two),
            (OPEN, OPEN) | (CLOSE, CLOSE) | (_, BRACE_CLOSE) => self.drop_last(1),
            (BRACE_OPEN, BARE) if two.value().is_empty() => {
                self.is_evil = true;
                Step::Next
            }
            // ODBC writes `{foo expression}`.
            (BRACE_OPEN, BARE) => self.drop_last(2),
            _ => Step::Next,
        }
    }

    /// Folds a backslash: T-SQL reads `\1` as `1` and `\%1` as `0 % 1`.
    fn fold_backslash(&mut self, two: &Token) -> Step {
        if two.is_arithmetic() {
            self.set_kind(self.left, kind::NUMBER);
            return self.drop_last(0);
        }
        self.copy(self.left + 1, self.left);
        self.drop_last(1)
    }

    /// Changes the kind of a token when the token beside it decides on the kind; `None` when it does not.
    fn retype(&mut self, one: &Token, two: &Token) -> Option<Step> {
        use kind::{
            BARE, COLLATE, FUNCTION, KEYWORD, NUMBER, OPEN, OPERATOR, SEMICOLON, SQL_TYPE, STRING,
            TSQL, VARIABLE,
        };
        let (at, next) = (self.left, self.left + 1);
        Some(match (one.kind, two.kind) {
            // `IF` begins a statement in T-SQL.
            (SEMICOLON, FUNCTION) if is_if(two) => {
                self.set_kind(next, TSQL);
                Step::Again
            }
            (BARE | VARIABLE, OPEN) if names_function(one) => {
                self.set_kind(at, FUNCTION);
                Step::Again
            }
            (KEYWORD, second) if one.says(b"IN") || one.says(b"NOT IN") => {
                self.set_kind(at, if second == OPEN { OPERATOR } else { BARE });
                Step::Again
            }
            (OPERATOR, second) if one.says(b"LIKE") || one.says(b"NOT LIKE") => {
                self.set_kind(at, if second == OPEN { FUNCTION } else { OPERATOR });
                Step::Next
            }
            (SQL_TYPE, BARE | NUMBER | SQL_TYPE | OPEN | FUNCTION | VARIABLE | STRING) => {
                self.copy(next, at);
                self.drop_last(1)
            }
            // An underscore tells collations from names.
            (COLLATE, BARE)
                if std::str::from_utf8(two.value()).is_ok_and(|text| text.contains('_')) =>
            {
                self.set_kind(next, SQL_TYPE);
                self.left = 0;
                Step::Next
            }
            _ => return None,
        })
    }

    /// Merges two words that libinjection knows as one, such as `UNION ALL` and `NOT IN`. Returns whether it did.
    fn merge(&mut self, one: &Token, two: &Token) -> bool {
        use kind::{BARE, EXPRESSION, FUNCTION, KEYWORD, LOGIC, OPERATOR, SQL_TYPE, TSQL, UNION};
        let is_word = |kind: u8| {
            matches!(
                kind,
                KEYWORD | BARE | OPERATOR | UNION | FUNCTION | EXPRESSION | TSQL | SQL_TYPE
            )
        };
        if !is_word(one.kind) || !(is_word(two.kind) || two.kind == LOGIC) {
            return false;
        }
        let length = one.value().len() + two.value().len() + 1;
        let mut merged = [b' '; MAX_MERGED_BYTES];
        let Some(merged) = merged.get_mut(..length) else {
            return false;
        };
        for (to, from) in merged.iter_mut().zip(one.value()) {
            *to = *from;
        }
        for (to, from) in merged.iter_mut().rev().zip(two.value().iter().rev()) {
            *to = *from;
        }
        let Some(kind) = words::kind_of(merged) else {
            return false;
        };
        if let Some(token) = self.tokens.get_mut(self.left) {
            token.kind = kind;
            token.set_value(merged);
        }
        true
    }

    fn fold_three(&mut self) -> Step {
        use kind::{
            BARE, COMMA, DOT, EXPRESSION, FUNCTION, GROUP, KEYWORD, LOGIC, NUMBER, OPEN, OPERATOR,
            SQL_TYPE, STRING, VARIABLE,
        };
        let at = self.left;
        let middle = *self.token(at + 1);
        match (self.kind(at), middle.kind, self.kind(at + 2)) {
            (NUMBER, OPERATOR, NUMBER)
            | (LOGIC, _, LOGIC)
            | (VARIABLE, OPERATOR, VARIABLE | NUMBER | BARE)
            | (BARE | NUMBER, OPERATOR, NUMBER | BARE)
            | (BARE | NUMBER | STRING | VARIABLE, kind::COMMA, NUMBER | BARE | STRING | VARIABLE)
            | (BARE, DOT, BARE) => self.drop_last(2),
            (OPERATOR, second, OPERATOR) if second != OPEN => self.drop_last(2),
            (BARE | NUMBER | STRING | VARIABLE, OPERATOR, SQL_TYPE) if middle.value() == b"::" => {
                self.drop_last(2)
            }
            (EXPRESSION | GROUP | COMMA, _, OPEN)
            | (KEYWORD | EXPRESSION | GROUP, _, NUMBER | BARE | VARIABLE | STRING | FUNCTION)
            | (COMMA, _, FUNCTION)
                if middle.is_unary() =>
            {
                self.drop_middle()
            }
            // `1,-1` becomes `1,1`, which may fold with what stands before it.
            (COMMA, _, NUMBER | BARE | VARIABLE | STRING) if middle.is_unary() => {
                self.copy(at + 2, at + 1);
                self.drop_last(3)
            }
            (EXPRESSION, DOT, BARE) => self.drop_middle(),
            // `USER()` is a function, `USER(x)` is not.
            (FUNCTION, OPEN, third) if third != kind::CLOSE && self.token(at).says(b"USER") => {
                self.set_kind(at, BARE);
                Step::Next
            }
            _ => Step::Next,
        }
    }

    /// Removes the middle one of three tokens.
    fn drop_middle(&mut self) -> Step {
        self.copy(self.left + 2, self.left + 1);
        self.drop_last(1)
    }

    /// Turns an empty name in an open backtick at the end into a comment, as libinjection does because of applications
    /// in PHP.
    fn end_with_tick(&mut self, left: usize) {
        if left <= 2 {
            return;
        }
        if let Some(last) = self.tokens.get_mut(left - 1)
            && last.kind == kind::BARE
            && last.opened == b'`'
            && last.closed == 0
            && last.value().is_empty()
        {
            last.kind = kind::COMMENT;
        }
    }
}

/// Whether a token is a name that is a function when a parenthesis follows.
fn names_function(token: &Token) -> bool {
    const NAMES: [&[u8]; 11] = [
        b"USER_ID",
        b"USER_NAME",
        b"DATABASE",
        b"PASSWORD",
        b"USER",
        b"CURRENT_USER",
        b"CURRENT_DATE",
        b"CURRENT_TIME",
        b"CURRENT_TIMESTAMP",
        b"LOCALTIME",
        b"LOCALTIMESTAMP",
    ];
    NAMES.iter().any(|name| token.says(name))
}

/// Whether a function's name begins with `IF`.
fn is_if(token: &Token) -> bool {
    let start = token.value().get(..2);
    start.is_some_and(|start| start.eq_ignore_ascii_case(b"IF"))
}
