//! SQL: a value becomes part of a statement inside quotes, or bare where a number is expected. It breaks out when what
//! stands behind its first quote (or number) goes on with another condition, query or statement.
//!
//! The reader takes the text behind each quote that could end the string, and reads it as SQL of any dialect as far as it
//! is SQL. Prose stops being SQL within a few words: two words in a row are no expression.

use super::text::{
    Code, Word, at, before, begins, find, from, is_blank, is_one_token, is_word, skip_blank, trim,
};
use crate::bundle::ContentKind;

/// Bytes that all tries together may read, beyond eight for each byte of the value. Past them the value counts.
const MAX_READ: usize = 64 << 10;

/// Whether a value breaks out of its place in a statement.
pub(super) fn breaks_out(kind: ContentKind, value: &[u8]) -> bool {
    let mut budget = Budget(MAX_READ.saturating_add(value.len().saturating_mul(8)));
    let found = look(kind, value, &mut budget) || budget.0 == 0;
    let plus = |word: &[u8]| find(value, word).is_some();
    if found || !(plus(b"+or+") || plus(b"+and+") || plus(b"+union+") || plus(b"+select+")) {
        return found;
    }
    // A form's blanks, written as a form writes them.
    let spaced: Vec<u8> = value
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    look(kind, &spaced, &mut budget) || budget.0 == 0
}

struct Budget(usize);

fn look(kind: ContentKind, value: &[u8], budget: &mut Budget) -> bool {
    let whole = is_code(kind);
    if is_bare(value, whole, budget) {
        return true;
    }
    for quote in [b'\'', b'"'] {
        if behind_quotes(value, quote, whole, budget) {
            return true;
        }
    }
    !whole && behind_numbers(value, budget)
}

/// In code, quotes end strings all the time: only what breaks out where the value begins is no code.
fn is_code(kind: ContentKind) -> bool {
    matches!(
        kind,
        ContentKind::Code | ContentKind::Pattern | ContentKind::Query
    )
}

fn behind_quotes(value: &[u8], quote: u8, whole: bool, budget: &mut Budget) -> bool {
    let mut count = 0;
    for place in memchr::memchr_iter(quote, value) {
        let (left, right) = (before(value, place), at(value, place + 1));
        // An apostrophe within a word.
        if quote == b'\'' && is_word(left) && right.is_ascii_alphabetic() {
            // Or the end of a string with an operator glued to it: x'or'1'='1.
            if !whole && Word::at(value, place + 1).is_in(GLUED) {
                let mut reader = Reader::new(value, place + 1, quote, budget);
                if reader.goes_on(Behind::Quote {
                    glued: false,
                    opens: false,
                }) {
                    return true;
                }
            }
            continue;
        }
        count += 1;
        let head = value.get(..place).unwrap_or_default();
        if whole && (head.len() > 40 || head.iter().any(|byte| is_blank(*byte))) {
            return false;
        }
        // Quotes come in pairs: the second ends a string that the first began. One that stands alone may be either.
        let alone = (left == 0 || is_blank(left)) && !is_word(right) && right != quote;
        if count % 2 == 0 && !alone {
            continue;
        }
        let mut reader = Reader::new(value, place + 1, quote, budget);
        if reader.goes_on(Behind::Quote {
            glued: is_one_token(head) || head.is_empty(),
            opens: opens_string(head) || is_blank(left) && is_word(right),
        }) {
            return true;
        }
    }
    false
}

/// Whether a quote behind this opens a string of code that is shown: `query("`, `name = '`, `sql: "`.
fn opens_string(head: &[u8]) -> bool {
    let head = head.trim_ascii_end();
    let sign = matches!(
        head.last(),
        Some(b'(' | b'[' | b'{' | b',' | b'=' | b':' | b'+')
    );
    // A value that begins with such signs may be anything.
    sign && head.iter().any(|byte| is_word(*byte))
}

/// A value that stands where a number is expected.
fn is_bare(value: &[u8], whole: bool, budget: &mut Budget) -> bool {
    let start = skip_blank(value, 0);
    let first = at(value, start);
    if first == b'(' || first.is_ascii_alphabetic() {
        let mut reader = Reader::new(value, start, 0, budget);
        let name = Word::at(value, start);
        let asks = first == b'('
            || name.is_in(WAITS)
            || name.bytes() == b"if" && at(value, name.end) == b'(';
        if !whole && asks && reader.is_probe() {
            return true;
        }
    }
    let mut end = start;
    if matches!(first, b'-' | b'+' | b'(') {
        end = skip_blank(value, end + 1);
    }
    if !is_word(at(value, end)) {
        return false;
    }
    let digits = at(value, end).is_ascii_digit();
    while is_word(at(value, end)) || (at(value, end) == b'.' && is_word(at(value, end + 1))) {
        end += 1;
    }
    // A program that begins with a statement breaks out of nothing.
    if !digits && (whole || Word::at(value, start).is_in(STATEMENTS)) {
        return false;
    }
    let mut reader = Reader::new(value, end, 0, budget);
    reader.goes_on(if digits { Behind::Number } else { Behind::Name })
}

/// A number in a sentence with SQL behind it: `and 1 OR 1=1`.
fn behind_numbers(value: &[u8], budget: &mut Budget) -> bool {
    let code = Code::of(value);
    let mut place = 0;
    while let Some(found) = from(value, place).iter().position(u8::is_ascii_digit) {
        let start = place + found;
        place = start;
        while is_word(at(value, place))
            || at(value, place) == b'.' && at(value, place + 1).is_ascii_digit()
        {
            place += 1;
        }
        let sign = usize::from(before(value, start) == b'-');
        let left = value.get(..start - sign).unwrap_or_default();
        let spaced = left.last().is_some_and(|byte| is_blank(*byte));
        if !spaced || code.has(start) || !ends_sentence(left) {
            continue;
        }
        let mut reader = Reader::new(value, place, 0, budget);
        if reader.goes_on(Behind::Name) {
            return true;
        }
    }
    false
}

/// Whether what stands before a number is no expression or statement that the number belongs to.
fn ends_sentence(left: &[u8]) -> bool {
    let left = left.trim_ascii_end();
    match left.last() {
        None | Some(b'.' | b',' | b'!' | b'?' | b':') => true,
        Some(last) if is_word(*last) => {
            let start = left
                .iter()
                .rposition(|byte| !is_word(*byte))
                .map_or(0, |place| place + 1);
            !Word::at(left, start).is_in(KEYWORDS)
        }
        Some(_) => false,
    }
}

/// What a reader stands behind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// A quote; `glued`: the value before it is one word or nothing.
    Quote {
        glued: bool,
        /// It begins a string, in a call or behind an operator, rather than ends one.
        opens: bool,
    },
    Number,
    Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// From and to.
    Word(usize, usize),
    Number,
    /// A string; `closed` within the value.
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
    /// A comment to the end of the line, `/*` that is never closed.
    Comment,
    End,
}

struct Reader<'v, 'b> {
    text: &'v [u8],
    place: usize,
    /// The quote that the statement closes behind the value; 0 none.
    quote: u8,
    budget: &'b mut Budget,
}

impl<'v, 'b> Reader<'v, 'b> {
    fn new(text: &'v [u8], place: usize, quote: u8, budget: &'b mut Budget) -> Self {
        Self {
            text,
            place,
            quote,
            budget,
        }
    }

    fn peek(&mut self) -> Token {
        let place = self.place;
        let token = self.next();
        self.place = place;
        token
    }

    fn next(&mut self) -> Token {
        if self.budget.0 == 0 {
            return Token::End;
        }
        let from_here = self.place;
        let token = self.read();
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

    /// White space and comments that end within the value; those for `MySQL` alone are read as what is in them.
    fn skip(&mut self) {
        loop {
            self.place = skip_blank(self.text, self.place);
            let rest = from(self.text, self.place);
            if rest.starts_with(b"/*!") {
                self.place += 3;
                while at(self.text, self.place).is_ascii_digit() {
                    self.place += 1;
                }
            } else if rest.starts_with(b"*/") {
                self.place += 2;
            } else if rest.starts_with(b"/*") {
                let Some(end) = memchr::memmem::find(rest, b"*/") else {
                    // Looked for up to the end of the value, and again from the next quote on.
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
            Some(length) if length <= 64 => {
                self.place = start + length + 1;
                Token::Word(start, start + length)
            }
            _ => Token::Operator(b'`'),
        }
    }

    fn number(&mut self) -> Token {
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
        // A name, not the end of a sentence.
        while self.place > start + 1 && before(self.text, self.place) == b'.' {
            self.place -= 1;
        }
        Token::Word(start, self.place)
    }

    /// The word's letters in lower case, when it is not too long for a keyword.
    fn is(&self, token: Token, sorted: &[&str]) -> bool {
        let Token::Word(start, end) = token else {
            return false;
        };
        let word = Word::at(self.text, start);
        word.end == end && word.is_in(sorted)
    }

    fn is_word(&self, token: Token, small: &str) -> bool {
        self.is(token, &[small])
    }

    /// Take the next token if it is this word.
    fn takes(&mut self, small: &str) -> bool {
        let place = self.place;
        let token = self.next();
        let is = self.is_word(token, small);
        if !is {
            self.place = place;
        }
        is
    }

    fn takes_token(&mut self, wanted: Token) -> bool {
        let place = self.place;
        let is = self.next() == wanted;
        if !is {
            self.place = place;
        }
        is
    }

    /// Whether SQL of a kind that adds something comes next.
    fn goes_on(&mut self, behind: Behind) -> bool {
        let glued_to_quote = !is_blank(at(self.text, self.place));
        let mut closes = 0;
        while self.takes_token(Token::Close) {
            closes += 1;
            if closes > 16 {
                return false;
            }
        }
        let glued = glued_to_quote && !is_blank(at(self.text, self.place));
        let place = self.place;
        let token = self.next();
        match token {
            Token::Comment => self.is_cut_off(behind, place, glued),
            Token::Semicolon => self.is_statement() || self.is_ended(behind),
            Token::Double(_) | Token::Operator(b'|' | b'&' | b'^') => self.is_condition(false),
            Token::Operator(b'+' | b'-' | b'*' | b'/' | b'%') => {
                self.is_probe() || self.is_compact(behind, token)
            }
            Token::Compare => self.is_probe() || self.is_compact(behind, token),
            Token::Open => self.is_query(),
            Token::Word(start, _) => self.word_goes_on(token, start, behind),
            _ => false,
        }
    }

    fn word_goes_on(&mut self, token: Token, start: usize, behind: Behind) -> bool {
        let word = Word::at(self.text, start);
        if behind == Behind::Name && !word.is_in(BEHIND_NAME) {
            return false;
        }
        match word.bytes() {
            // `1 or 2.` ends many a sentence.
            b"or" | b"and" | b"xor" | b"div" | b"mod" => {
                self.is_condition(behind != Behind::Name && word.bytes() != b"div")
            }
            b"union" | b"except" | b"intersect" | b"minus" => {
                let _ = self.takes("all") || self.takes("distinct");
                while self.takes_token(Token::Open) {}
                self.takes("select") || (word.bytes() == b"union" && self.takes("values"))
            }
            b"having" | b"where" | b"when" | b"oor" | b"orr" => self.is_condition(true),
            b"order" | b"group" => self.takes("by") && self.is_column_list(),
            b"limit" | b"offset" => matches!(self.next(), Token::Number) && self.is_end(),
            b"into" => {
                (self.takes("outfile") || self.takes("dumpfile"))
                    && matches!(self.next(), Token::Text { .. } | Token::Number)
            }
            b"procedure" => self.takes("analyse"),
            b"waitfor" => self.takes("delay") || self.takes("time"),
            b"rlike" | b"regexp" | b"like" | b"ilike" | b"glob" | b"sounds" => {
                self.is_probe() || self.is_compact(behind, token)
            }
            b"is" => {
                let _ = self.takes("not");
                self.takes("null") && (self.is_end() || self.is_joined())
            }
            b"in" => self.takes_token(Token::Open) && (self.is_query() || self.is_probe()),
            b"between" => {
                matches!(self.next(), Token::Number | Token::Text { .. })
                    && self.takes("and")
                    && is_literal(self.next())
                    && (self.is_end() || self.is_joined())
            }
            b"not" => self.takes("in") || self.takes("like") || self.takes("between"),
            b"exec" | b"execute" => {
                matches!(self.peek(), Token::Word(..)) && self.is_statement_from(b"exec")
            }
            b"select" if matches!(behind, Behind::Quote { opens: false, .. }) => {
                self.is_selection()
            }
            b"drop" | b"delete" | b"insert" | b"update" | b"shutdown"
                if matches!(behind, Behind::Quote { glued: true, .. }) =>
            {
                self.is_statement_from(word.bytes())
            }
            _ => false,
        }
    }

    /// `or …`, with something that is true, waits or asks.
    fn is_condition(&mut self, alone: bool) -> bool {
        for _ in 0..32 {
            if self.is_probe() {
                return true;
            }
            while self.takes_token(Token::Open) {}
            let place = self.place;
            while self.takes("not")
                || self.takes_token(Token::Operator(b'!'))
                || self.takes_token(Token::Operator(b'-'))
                || self.takes_token(Token::Operator(b'~'))
                || self.takes_token(Token::Operator(b'+'))
            {}
            let negated = self.place != place;
            let left = self.next();
            let literal = is_literal(left) || self.is(left, &["false", "null", "true"]);
            let name = matches!(left, Token::Word(..)) && !literal;
            if self.is(left, NO_OPERAND) || !(literal || name) {
                return false;
            }
            // A string that the statement's own quote closes.
            if left == (Token::Text { closed: false }) {
                return alone;
            }
            let place = self.place;
            let operator = self.next();
            match operator {
                Token::Compare => {
                    let place = self.place;
                    if self.is_probe() {
                        return true;
                    }
                    self.place = place;
                    let right = self.next();
                    if literal {
                        return is_literal(right)
                            || matches!(right, Token::Word(..) if self.is_end() || self.is_joined());
                    }
                    return is_literal(right) && self.name_is_compared(right);
                }
                Token::Word(..)
                    if self.is(
                        operator,
                        &[
                            "between", "glob", "ilike", "in", "is", "like", "not", "regexp",
                            "rlike",
                        ],
                    ) =>
                {
                    if self.is_word(operator, "is") {
                        let _ = self.takes("not");
                        return self.takes("null") || self.takes("true");
                    }
                    if self.is_word(operator, "not")
                        && !(self.takes("like") || self.takes("in") || self.takes("between"))
                    {
                        return false;
                    }
                    let _ = self.takes_token(Token::Open);
                    let right = self.next();
                    return is_literal(right) && (literal || self.name_is_compared(right))
                        || self.is_query();
                }
                Token::Operator(b'+' | b'-' | b'*' | b'/' | b'%' | b'|' | b'&' | b'^') => {
                    if literal && negated {
                        return true;
                    }
                    // An operand more: read on.
                }
                Token::Double(_) => {}
                Token::Word(..)
                    if self.is(operator, &["and", "or", "xor"])
                        && (literal || self.is_known(left)) => {}
                _ => {
                    self.place = place;
                    return alone
                        && literal
                        && matches!(left, Token::Number | Token::Word(..))
                        && self.is_end();
                }
            }
        }
        true
    }

    fn is_known(&self, token: Token) -> bool {
        self.is(token, FUNCTIONS)
    }

    /// A column compared with a constant: SQL only when more SQL or the end follows.
    fn name_is_compared(&mut self, right: Token) -> bool {
        matches!(right, Token::Text { closed: false }) || self.is_end() || self.is_joined()
    }

    /// A function that waits, tells or compares, or a query in parentheses.
    fn is_probe(&mut self) -> bool {
        let place = self.place;
        while self.takes_token(Token::Open)
            || self.takes_token(Token::Operator(b'-'))
            || self.takes_token(Token::Operator(b'+'))
            || self.takes("not")
            || self.takes_token(Token::Operator(b'!'))
        {}
        let opened = self.place != place;
        let token = self.next();
        let found = if let Token::Word(start, end) = token {
            let name = last_part(self.text, start, end);
            let word = Word::at(self.text, name);
            // Prose has blanks before its parentheses: a user (or two).
            let next = at(self.text, end);
            let waits = word.is_in(WAITS);
            let called = next == b'('
                || next == b'/'
                || waits && at(self.text, skip_blank(self.text, end)) == b'(';
            (called && word.end == end && (waits || word.is_in(FUNCTIONS)))
                || (word.bytes() == b"exists" && called && {
                    let _ = self.takes_token(Token::Open);
                    self.takes("select")
                })
                || (word.bytes() == b"case" && self.takes("when"))
                || (opened && word.bytes() == b"select" && self.is_selection())
                || at(self.text, start) == b'@'
                    && at(self.text, start + 1) == b'@'
                    && end > start + 2
        } else {
            false
        };
        if !found {
            self.place = place;
        }
        found
    }

    /// `select …` in parentheses.
    fn is_query(&mut self) -> bool {
        while self.takes_token(Token::Open) {}
        self.takes("select") && self.is_selection()
    }

    /// What is behind `select`: a list that no sentence would have.
    fn is_selection(&mut self) -> bool {
        let _ = self.takes("distinct") || self.takes("all") || self.takes("top");
        for _ in 0..256 {
            if self.is_probe() {
                return true;
            }
            match self.next() {
                Token::Operator(b'*') | Token::Number | Token::Text { .. } => {}
                Token::Word(..) => {
                    if self.takes_token(Token::Open) {
                        return true;
                    }
                }
                Token::Open => continue,
                _ => return false,
            }
            match self.next() {
                Token::Comma | Token::Operator(_) | Token::Double(_) => {}
                Token::Word(start, _)
                    if begins(from(self.text, start), b"as")
                        && Word::at(self.text, start).bytes() == b"as" =>
                {
                    if !matches!(self.next(), Token::Word(..)) {
                        return false;
                    }
                    if self.takes_token(Token::Comma) {
                        continue;
                    }
                    return self.takes("from") || self.is_end();
                }
                token if self.is_word(token, "from") => {
                    let table = self.next();
                    return match table {
                        Token::Open => true,
                        Token::Word(..) => !self.is(table, NO_OPERAND) && self.ends_table(),
                        _ => false,
                    };
                }
                Token::Comment | Token::End | Token::Semicolon | Token::Close => return true,
                _ => return false,
            }
        }
        false
    }

    /// What may follow the name of a table in SQL, and hardly in a sentence.
    fn ends_table(&mut self) -> bool {
        self.is_end() || self.is_joined() || {
            let token = self.peek();
            token == Token::Comma || self.is(token, AFTER_TABLE)
        }
    }

    /// A list of columns to order or group by.
    fn is_column_list(&mut self) -> bool {
        for _ in 0..64 {
            if self.is_probe() {
                return true;
            }
            let token = self.next();
            if !matches!(token, Token::Number | Token::Word(..)) {
                return token == Token::Open && self.is_query();
            }
            let _ = self.takes("asc") || self.takes("desc");
            if !self.takes_token(Token::Comma) {
                return self.is_end() || self.takes("having") || self.takes("limit");
            }
        }
        true
    }

    /// Another statement behind `;`.
    fn is_statement(&mut self) -> bool {
        let mut again = 0;
        while self.takes_token(Token::Semicolon) && again < 16 {
            again += 1;
        }
        let token = self.next();
        let Token::Word(start, end) = token else {
            return false;
        };
        let word = Word::at(self.text, start);
        word.end == end && self.is_statement_from(word.bytes())
    }

    /// What follows the first word of a statement.
    fn is_statement_from(&mut self, first: &[u8]) -> bool {
        match first {
            b"select" => self.is_selection(),
            b"with" => matches!(self.next(), Token::Word(..)) && self.takes("as"),
            b"drop" | b"create" | b"alter" | b"truncate" => {
                let token = self.next();
                let object = self.is(token, OBJECTS);
                object && {
                    let _ = self.takes("if") && (self.takes("exists") || self.takes("not"));
                    let name = self.next();
                    let drops =
                        first == b"drop" && self.is(token, &["database", "schema", "table"]);
                    matches!(name, Token::Word(..))
                        && !self.is(name, NO_OPERAND)
                        && (drops || self.is_end() || self.is_clause())
                } || first == b"truncate" && matches!(token, Token::Word(..)) && self.is_end()
            }
            b"delete" => {
                self.takes("from") && matches!(self.next(), Token::Word(..)) && self.ends_table()
            }
            b"insert" | b"replace" | b"merge" => {
                self.takes("into") && matches!(self.next(), Token::Word(..)) && {
                    let token = self.peek();
                    token == Token::Open || self.is(token, &["select", "set", "value", "values"])
                }
            }
            b"update" => {
                matches!(self.next(), Token::Word(..))
                    && self.takes("set")
                    && matches!(self.next(), Token::Word(..))
                    && self.next() == Token::Compare
            }
            b"exec" | b"execute" | b"call" => {
                let token = self.next();
                match token {
                    Token::Open => true,
                    Token::Word(start, end) => {
                        let name = self.text.get(start..end).unwrap_or_default();
                        name.contains(&b'.')
                            || begins(name, b"xp_")
                            || begins(name, b"sp_")
                            || begins(name, b"@")
                            || (name != b"immediate"
                                && matches!(self.peek(), Token::Text { .. } | Token::Open))
                            || begins(name, b"immediate")
                    }
                    _ => false,
                }
            }
            b"declare" | b"set" => {
                matches!(self.next(), Token::Word(start, _) if at(self.text, start) == b'@')
            }
            b"waitfor" => self.takes("delay") || self.takes("time"),
            b"grant" | b"revoke" => {
                matches!(self.next(), Token::Word(..)) && {
                    let token = self.next();
                    self.is(token, &["on", "to"]) || token == Token::Comma
                }
            }
            b"copy" => {
                self.takes_token(Token::Open)
                    || (matches!(self.next(), Token::Word(..))
                        && (self.takes("from") || self.takes("to")))
            }
            b"load" => self.takes("data") || self.takes("extension"),
            b"backup" => self.takes("database") || self.takes("log"),
            b"attach" => self.takes("database"),
            b"vacuum" | b"pragma" => !self.is_end(),
            b"rename" => self.takes("table"),
            b"bulk" => self.takes("insert"),
            b"shutdown" | b"begin" | b"commit" | b"rollback" => self.is_end(),
            b"if" => self.is_condition(false),
            b"handler" => {
                matches!(self.next(), Token::Word(..)) && (self.takes("open") || self.takes("read"))
            }
            b"do" => self.is_probe(),
            b"use" => matches!(self.next(), Token::Word(..)) && self.is_end(),
            _ => false,
        }
    }

    /// A statement goes on: definitions, values, who may.
    fn is_clause(&mut self) -> bool {
        let token = self.peek();
        token == Token::Open
            || token == Token::Comma
            || self.is(
                token,
                &[
                    "add",
                    "as",
                    "cascade",
                    "column",
                    "drop",
                    "identified",
                    "on",
                    "rename",
                    "restrict",
                    "set",
                    "to",
                    "using",
                    "with",
                ],
            )
    }

    /// Whether the statement ends here: the end of the value, `;`, a comment, a parenthesis that the value did not open,
    /// a quote that the statement's own closes.
    fn is_end(&mut self) -> bool {
        match self.peek() {
            Token::End | Token::Semicolon | Token::Comment | Token::Close => true,
            Token::Text { closed } => !closed,
            _ => false,
        }
    }

    /// Whether another condition or clause follows.
    fn is_joined(&mut self) -> bool {
        let place = self.place;
        let token = self.next();
        let joins = match token {
            Token::Double(_) => true,
            Token::Word(..) if self.is(token, &["and", "or"]) => {
                let token = self.next();
                is_literal(token)
                    || (token == Token::Open && !matches!(self.peek(), Token::Word(..)))
                    || matches!(token, Token::Word(..)) && matches!(self.peek(), Token::Compare)
            }
            Token::Word(..) if self.is(token, &["union"]) => {
                self.takes("all") || self.takes("select")
            }
            Token::Word(..) if self.is(token, &["limit"]) => matches!(self.next(), Token::Number),
            Token::Word(..) if self.is(token, &["group", "order"]) => self.takes("by"),
            _ => false,
        };
        self.place = place;
        joins
    }

    /// The rest of the statement is cut off by a comment: `admin'--`.
    fn is_cut_off(&mut self, behind: Behind, place: usize, glued: bool) -> bool {
        let Behind::Quote {
            glued: one_word, ..
        } = behind
        else {
            return false;
        };
        let rest = from(self.text, skip_blank(self.text, place));
        let mark = rest
            .iter()
            .take_while(|byte| matches!(**byte, b'-' | b'#' | b'/' | b'*' | b'+'))
            .count();
        let after = from(rest, mark);
        let ends = trim(after).is_empty();
        // `--` is followed by white space or the end; so is a rest that nobody reads.
        one_word && (ends || glued && is_blank(at(after, 0)))
            || glued
                && (ends || at(rest, 0) == b'-' && is_blank(at(after, 0)) && self.quote == b'\'')
    }

    /// `x'; --`, `x';`: the statement ends, and a comment hides the rest.
    fn is_ended(&mut self, behind: Behind) -> bool {
        let Behind::Quote {
            glued: one_word, ..
        } = behind
        else {
            return false;
        };
        // Behind the first token after `;`, which was no statement: look again.
        let Some(semicolon) =
            memchr::memrchr(b';', self.text.get(..self.place).unwrap_or_default())
        else {
            return false;
        };
        self.place = semicolon + 1;
        one_word
            && self.next() == Token::Comment
            && trim(from(self.text, self.place + 1)).len() <= 2
    }

    /// `'='`, `'-'`, `' or '`: an operator between two strings, and nothing else in the value.
    fn is_compact(&mut self, behind: Behind, operator: Token) -> bool {
        let Behind::Quote { glued: true, .. } = behind else {
            return behind == Behind::Number
                && operator == Token::Compare
                && is_literal(self.next())
                && self.is_end();
        };
        let place = self.place;
        let right = self.next();
        let open = right == (Token::Text { closed: false });
        if open {
            let rest = trim(from(self.text, place));
            return is_one_token(rest) && rest.len() <= 24 && self.text.len() <= 64;
        }
        is_literal(right) && (self.is_end() || self.is_joined())
    }
}

fn is_literal(token: Token) -> bool {
    matches!(token, Token::Number | Token::Text { .. })
}

/// Where the last part of a dotted name begins.
fn last_part(text: &[u8], start: usize, end: usize) -> usize {
    let name = text.get(start..end).unwrap_or_default();
    memchr::memrchr(b'.', name).map_or(start, |dot| start + dot + 1)
}

/// Whether a sentence names a function's call that only SQL has, say in a value that is nothing else.
#[cfg(test)]
pub(super) fn functions_are_sorted() -> bool {
    let sorted = |words: &[&str]| words.windows(2).all(|pair| pair[0] < pair[1]);
    sorted(FUNCTIONS)
        && sorted(KEYWORDS)
        && sorted(NO_OPERAND)
        && sorted(OBJECTS)
        && sorted(STATEMENTS)
        && sorted(AFTER_TABLE)
}

/// What may follow a table's name.
const AFTER_TABLE: &[&str] = &[
    "cross",
    "group",
    "having",
    "inner",
    "into",
    "join",
    "left",
    "limit",
    "natural",
    "order",
    "outer",
    "procedure",
    "union",
    "where",
];

/// Operators that may be glued to the end of a string.
const GLUED: &[&str] = &[
    "and", "div", "having", "into", "like", "or", "order", "regexp", "rlike", "union", "xor",
];

/// Words that go on behind a name or a number in a sentence.
const BEHIND_NAME: &[&str] = &[
    "and",
    "except",
    "intersect",
    "into",
    "or",
    "procedure",
    "union",
    "waitfor",
    "xor",
];

/// Words that programs begin with.
const STATEMENTS: &[&str] = &[
    "alter", "begin", "commit", "create", "declare", "delete", "explain", "grant", "insert",
    "merge", "rollback", "select", "set", "show", "update", "use", "with",
];

/// Objects of definitions.
const OBJECTS: &[&str] = &[
    "column",
    "constraint",
    "database",
    "event",
    "extension",
    "function",
    "index",
    "login",
    "materialized",
    "or",
    "procedure",
    "role",
    "schema",
    "sequence",
    "table",
    "tablespace",
    "temp",
    "temporary",
    "trigger",
    "unique",
    "user",
    "view",
];

/// Words that are no operand.
const NO_OPERAND: &[&str] = &[
    "a", "an", "and", "as", "by", "from", "group", "having", "in", "into", "is", "join", "limit",
    "not", "of", "on", "or", "order", "our", "that", "the", "their", "these", "this", "those",
    "union", "where", "xor", "your",
];

/// Words in front of a number that belong to a statement.
const KEYWORDS: &[&str] = &[
    "and", "between", "by", "elif", "elsif", "if", "in", "into", "is", "like", "limit", "not",
    "offset", "or", "return", "select", "set", "then", "top", "values", "when", "where", "while",
];

/// Functions that nothing but an injection calls.
const WAITS: &[&str] = &[
    "benchmark",
    "dbms_pipe",
    "extractvalue",
    "load_file",
    "pg_sleep",
    "sleep",
    "updatexml",
    "utl_http",
    "utl_inaddr",
    "xp_cmdshell",
];

/// Functions with which injections wait, read and compare (the manuals of `MySQL` 8, `PostgreSQL` 17, `SQL Server`
/// 2022, Oracle 23 and `SQLite` 3), that prose and other languages hardly call.
const FUNCTIONS: &[&str] = &[
    "ascii",
    "benchmark",
    "bin",
    "cast",
    "char",
    "char_length",
    "chr",
    "coalesce",
    "concat",
    "concat_ws",
    "convert",
    "count",
    "current_user",
    "database",
    "db_name",
    "dbms_lock",
    "dbms_pipe",
    "elt",
    "exp",
    "extractvalue",
    "floor",
    "geometrycollection",
    "get_host_address",
    "group_concat",
    "gtid_subset",
    "hex",
    "host_name",
    "if",
    "ifnull",
    "iif",
    "instr",
    "is_srvrolemember",
    "json_keys",
    "left",
    "length",
    "linestring",
    "lo_import",
    "load_extension",
    "load_file",
    "lower",
    "lpad",
    "make_set",
    "md5",
    "mid",
    "multipoint",
    "multipolygon",
    "name_const",
    "now",
    "nullif",
    "nvl",
    "openquery",
    "openrowset",
    "ord",
    "pg_ls_dir",
    "pg_read_file",
    "pg_sleep",
    "polygon",
    "position",
    "quote_literal",
    "rand",
    "randomblob",
    "receive_message",
    "replace",
    "reverse",
    "right",
    "row",
    "row_count",
    "schema",
    "sha1",
    "sleep",
    "soundex",
    "space",
    "sqlite_version",
    "strcmp",
    "string_agg",
    "substr",
    "substring",
    "substring_index",
    "suser_name",
    "sys_context",
    "sysdate",
    "system_user",
    "to_char",
    "unhex",
    "unicode",
    "updatexml",
    "upper",
    "user",
    "user_name",
    "utl_http",
    "utl_inaddr",
    "uuid",
    "version",
    "xmltype",
    "xp_cmdshell",
];
