//! Whether what comes next goes on with another condition, query or statement.

use super::super::text::{Word, at, begins, from, is_blank, is_one_token, skip_blank, trim};
use super::reader::{Reader, Token, is_literal, last_part};
use super::words::{AFTER_TABLE, BEHIND_NAME, FUNCTIONS, NO_OPERAND, OBJECTS, WAITS};

/// What a reader stands behind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// A quote; `glued`: the value before it is one word or nothing.
    Quote {
        glued: bool,
        /// It begins a string, in a call or behind an operator, rather than ends one.
        opens: bool,
    },
    Number,
    Name,
}

impl Reader<'_, '_> {
    /// Whether SQL of a kind that adds something comes next.
    pub(super) fn goes_on(&mut self, behind: Behind) -> bool {
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
