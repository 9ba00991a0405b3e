//! The grammar of SQL: whether a text goes on with another condition, query or statement.

use super::super::text::{Word, at, begins, from, is_blank, is_one_token, skip_blank, trim};
use super::reader::{Reader, Token, is_literal, last_part};
use super::words::{AFTER_TABLE, BEHIND_NAME, COMPARING, FUNCTIONS, NO_OPERAND, OBJECTS, WAITS};

/// What stands before the text that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// A quote; `glued`: the value before it is one word or empty.
    Quote {
        glued: bool,
        /// Whether the quote begins a string, in a call or after an operator, and does not end one.
        opens: bool,
    },
    Number,
    Name,
}

/// How many operands of a condition are read; a longer condition counts.
const MAX_OPERANDS: usize = 32;

/// How many columns of a selection are read; a longer list is prose with many commas.
const MAX_COLUMNS: usize = 256;

/// One side of a comparison.
#[derive(Clone, Copy)]
struct Operand {
    token: Token,
    /// Whether it is a constant.
    literal: bool,
    /// Whether a sign or `not` stands before it.
    negated: bool,
}

impl Reader<'_, '_> {
    /// Whether the next text is SQL that adds something to the statement.
    pub(super) fn goes_on(&mut self, behind: Behind) -> bool {
        let glued_to_quote = !is_blank(at(self.text, self.place));
        let mut closes = 0;
        while self.takes_token(Token::Close) {
            closes += 1;
            // Nobody closes so many parentheses, and a value full of them must not keep the reader busy.
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
            b"is" | b"in" | b"between" | b"not" => self.is_comparison(word.bytes()),
            first => self.is_statement_glued_on(first, behind),
        }
    }

    /// Whether the text after an operator that is a word completes a comparison.
    fn is_comparison(&mut self, operator: &[u8]) -> bool {
        match operator {
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
            _ => self.takes("in") || self.takes("like") || self.takes("between"),
        }
    }

    /// Whether a statement follows without a `;` before it, which `SQL Server` does not need.
    fn is_statement_glued_on(&mut self, first: &[u8], behind: Behind) -> bool {
        match first {
            b"exec" | b"execute" => matches!(self.peek(), Token::Word(..)) && self.is_call(),
            b"select" => {
                matches!(behind, Behind::Quote { opens: false, .. }) && self.is_selection()
            }
            b"drop" | b"delete" | b"insert" | b"update" | b"shutdown" => {
                matches!(behind, Behind::Quote { glued: true, .. }) && self.is_statement_from(first)
            }
            _ => false,
        }
    }

    /// Whether a condition such as `or …` follows, with something that is true, waits or asks.
    fn is_condition(&mut self, alone: bool) -> bool {
        for _ in 0..MAX_OPERANDS {
            if self.is_probe() {
                return true;
            }
            let Some(left) = self.operand() else {
                return false;
            };
            // A string that the statement's own quote closes.
            if left.token == (Token::Text { closed: false }) {
                return alone;
            }
            if let Some(answer) = self.operator_decides(left, alone) {
                return answer;
            }
        }
        true
    }

    /// The left side of a condition; `None` when no operand comes next.
    fn operand(&mut self) -> Option<Operand> {
        while self.takes_token(Token::Open) {}
        let place = self.place;
        while self.takes("not")
            || self.takes_token(Token::Operator(b'!'))
            || self.takes_token(Token::Operator(b'-'))
            || self.takes_token(Token::Operator(b'~'))
            || self.takes_token(Token::Operator(b'+'))
        {}
        let negated = self.place != place;
        let token = self.next();
        let literal = is_literal(token) || self.is(token, &["false", "null", "true"]);
        let is_operand = literal || matches!(token, Token::Word(..));
        (is_operand && !self.is(token, NO_OPERAND)).then_some(Operand {
            token,
            literal,
            negated,
        })
    }

    /// Whether an operand and the operator after it are a condition; `None`: another operand has to be read first.
    fn operator_decides(&mut self, left: Operand, alone: bool) -> Option<bool> {
        let place = self.place;
        let operator = self.next();
        match operator {
            Token::Compare => Some(self.is_compared(left.literal)),
            Token::Word(..) if self.is(operator, COMPARING) => {
                Some(self.is_compared_by_word(operator, left.literal))
            }
            Token::Operator(b'+' | b'-' | b'*' | b'/' | b'%' | b'|' | b'&' | b'^') => {
                (left.literal && left.negated).then_some(true)
            }
            Token::Double(_) => None,
            Token::Word(..)
                if self.is(operator, &["and", "or", "xor"])
                    && (left.literal || self.is_known(left.token)) =>
            {
                None
            }
            _ => {
                self.place = place;
                let is_alone = alone && left.literal;
                Some(
                    is_alone
                        && matches!(left.token, Token::Number | Token::Word(..))
                        && self.is_end(),
                )
            }
        }
    }

    /// Whether the right side of a comparison by a sign makes it SQL.
    fn is_compared(&mut self, is_with_literal: bool) -> bool {
        if self.is_probe() {
            return true;
        }
        let right = self.next();
        if is_with_literal {
            return is_literal(right)
                || matches!(right, Token::Word(..) if self.is_end() || self.is_joined());
        }
        is_literal(right) && self.name_is_compared(right)
    }

    /// Whether the right side of a comparison by a word makes it SQL.
    fn is_compared_by_word(&mut self, operator: Token, is_with_literal: bool) -> bool {
        if self.is_word(operator, "is") {
            let _ = self.takes("not");
            return self.takes("null") || self.takes("true");
        }
        let is_not = self.is_word(operator, "not");
        if is_not && !(self.takes("like") || self.takes("in") || self.takes("between")) {
            return false;
        }
        let _ = self.takes_token(Token::Open);
        let right = self.next();
        is_literal(right) && (is_with_literal || self.name_is_compared(right)) || self.is_query()
    }

    fn is_known(&self, token: Token) -> bool {
        self.is(token, FUNCTIONS)
    }

    /// Whether a column compared with a constant is SQL: only when more SQL or the end follows.
    fn name_is_compared(&mut self, right: Token) -> bool {
        matches!(right, Token::Text { closed: false }) || self.is_end() || self.is_joined()
    }

    /// Whether a function that waits, reveals or compares follows, or a query in parentheses.
    pub(super) fn is_probe(&mut self) -> bool {
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
            // In prose a blank stands before a parenthesis: `a user (or two)`.
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

    /// Whether a `select …` in parentheses follows.
    fn is_query(&mut self) -> bool {
        while self.takes_token(Token::Open) {}
        self.takes("select") && self.is_selection()
    }

    /// Whether the text after `select` is a list that no sentence has.
    fn is_selection(&mut self) -> bool {
        let _ = self.takes("distinct") || self.takes("all") || self.takes("top");
        for _ in 0..MAX_COLUMNS {
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
            if let Some(answer) = self.column_decides() {
                return answer;
            }
        }
        false
    }

    /// Whether the text after a column turns the list of columns into a selection; `None`: another column has to be
    /// read first.
    fn column_decides(&mut self) -> Option<bool> {
        match self.next() {
            Token::Comma | Token::Operator(_) | Token::Double(_) => None,
            Token::Word(start, _) if Word::at(self.text, start).bytes() == b"as" => {
                if !matches!(self.next(), Token::Word(..)) {
                    return Some(false);
                }
                if self.takes_token(Token::Comma) {
                    return None;
                }
                Some(self.takes("from") || self.is_end())
            }
            token if self.is_word(token, "from") => {
                let table = self.next();
                Some(match table {
                    Token::Open => true,
                    Token::Word(..) => !self.is(table, NO_OPERAND) && self.ends_table(),
                    _ => false,
                })
            }
            Token::Comment | Token::End | Token::Semicolon | Token::Close => Some(true),
            _ => Some(false),
        }
    }

    /// Whether the text after the name of a table is SQL; in a sentence other words follow.
    fn ends_table(&mut self) -> bool {
        self.is_end() || self.is_joined() || {
            let token = self.peek();
            token == Token::Comma || self.is(token, AFTER_TABLE)
        }
    }

    /// Whether a list of columns to order or group by follows.
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

    /// Whether another statement follows after `;`.
    fn is_statement(&mut self) -> bool {
        let mut again = 0;
        // `;;` is an empty statement.
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

    /// Whether the text after the first word of a statement makes it one.
    fn is_statement_from(&mut self, first: &[u8]) -> bool {
        match first {
            b"select" => self.is_selection(),
            b"with" => matches!(self.next(), Token::Word(..)) && self.takes("as"),
            b"drop" | b"create" | b"alter" | b"truncate" => self.is_definition(first),
            b"delete" | b"insert" | b"replace" | b"merge" | b"update" => self.is_change(first),
            b"exec" | b"execute" | b"call" => self.is_call(),
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

    /// Whether the text after `drop`, `create` and similar words is a definition.
    fn is_definition(&mut self, first: &[u8]) -> bool {
        let token = self.next();
        if self.is(token, OBJECTS) {
            let _ = self.takes("if") && (self.takes("exists") || self.takes("not"));
            let name = self.next();
            let drops = first == b"drop" && self.is(token, &["database", "schema", "table"]);
            if matches!(name, Token::Word(..))
                && !self.is(name, NO_OPERAND)
                && (drops || self.is_end() || self.is_clause())
            {
                return true;
            }
        }
        first == b"truncate" && matches!(token, Token::Word(..)) && self.is_end()
    }

    /// Whether the text after `delete`, `insert` and similar words changes data.
    fn is_change(&mut self, first: &[u8]) -> bool {
        match first {
            b"delete" => {
                self.takes("from") && matches!(self.next(), Token::Word(..)) && self.ends_table()
            }
            b"update" => {
                matches!(self.next(), Token::Word(..))
                    && self.takes("set")
                    && matches!(self.next(), Token::Word(..))
                    && self.next() == Token::Compare
            }
            _ => {
                self.takes("into") && matches!(self.next(), Token::Word(..)) && {
                    let token = self.peek();
                    token == Token::Open || self.is(token, &["select", "set", "value", "values"])
                }
            }
        }
    }

    /// Whether the text after `exec` is a call: a procedure that no sentence names in this way, or a procedure with an
    /// argument.
    fn is_call(&mut self) -> bool {
        match self.next() {
            Token::Open => true,
            Token::Word(start, end) => {
                let name = self.text.get(start..end).unwrap_or_default();
                name.contains(&b'.')
                    || begins(name, b"xp_")
                    || begins(name, b"sp_")
                    || begins(name, b"@")
                    || begins(name, b"immediate")
                    || matches!(self.peek(), Token::Text { .. } | Token::Open)
            }
            _ => false,
        }
    }

    /// Whether a statement goes on with definitions, values or permissions.
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

    /// Whether the statement ends here: at the end of the value, at `;`, at a comment, at a parenthesis that the value
    /// did not open, or at a quote that the statement's own quote closes.
    fn is_end(&mut self) -> bool {
        match self.peek() {
            Token::End | Token::Semicolon | Token::Comment | Token::Close => true,
            Token::Text { closed } => !closed,
            _ => false,
        }
    }

    /// Whether another condition or clause follows.
    fn is_joined(&mut self) -> bool {
        // This only looks ahead; the caller reads on from here.
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

    /// Whether a comment cuts off the rest of the statement: `admin'--`.
    fn is_cut_off(&mut self, behind: Behind, place: usize, glued: bool) -> bool {
        let Behind::Quote {
            glued: one_word, ..
        } = behind
        else {
            return false;
        };
        // The mark of the comment may be `--`, `#`, `/*` or `--+`.
        let rest = from(self.text, skip_blank(self.text, place));
        let mark = rest
            .iter()
            .take_while(|byte| matches!(**byte, b'-' | b'#' | b'/' | b'*' | b'+'))
            .count();
        let after = from(rest, mark);
        let ends = trim(after).is_empty();
        // White space, the end, or a rest that nobody reads follows `--`.
        one_word && (ends || glued && is_blank(at(after, 0)))
            || glued
                && (ends || at(rest, 0) == b'-' && is_blank(at(after, 0)) && self.quote == b'\'')
    }

    /// Whether the statement ends, and a comment hides the rest: `x'; --`, `x';`.
    fn is_ended(&mut self, behind: Behind) -> bool {
        let Behind::Quote {
            glued: one_word, ..
        } = behind
        else {
            return false;
        };
        // The first token after `;` was no statement, so the reader goes back to the `;`.
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

    /// Whether the value is only an operator between two strings: `'='`, `'-'`, `' or '`.
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
            // A longer value is a sentence with a quote in it.
            return is_one_token(rest) && rest.len() <= 24 && self.text.len() <= 64;
        }
        is_literal(right) && (self.is_end() || self.is_joined())
    }
}
