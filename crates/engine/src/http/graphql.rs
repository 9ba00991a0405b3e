//! GraphQL: executable documents (specification of September 2025, and October 2021 before it, section 2).
//!
//! The grammar itself says what is GraphQL: a text that is one from its first character to its last, and nothing else.
//! What a caller can put freely into such a text is in its literals and comments; these become values, named as the
//! schema has them (`user.id` for the argument `id` of the field `user`, wherever that is selected). All else is names
//! of letters, digits and underscores, and punctuation.

pub(crate) mod document;
mod lexer;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use document::Parsed;
pub use document::{Document, Figures, LeafKind, NoDocument};
use lexer::{Lexer, Token};

use super::listener::Listener;
use super::parameter::Syntax;
use super::{Anomaly, ParameterKind};
use crate::headers::lossy;

/// Selection sets, or lists and objects, within one another. Introspection needs a dozen.
const MAX_DEPTH: usize = 200;
/// Tokens of a document. Servers refuse far smaller ones (graphql-java: 15,000), but not all do.
const MAX_TOKENS: u32 = 500_000;
/// Bytes of a literal's name; objects within objects make it longer.
const MAX_NAME_BYTES: usize = 512;
/// The most names of fields that are told, each name once.
const MAX_FIELDS: usize = 128;

/// Names under which servers read a document (GraphQL over HTTP 6.1: `query`; clients and gateways have the others).
const DOCUMENT_NAMES: &[&str] = &[
    "query",
    "mutation",
    "subscription",
    "document",
    "documents",
    "operation",
    "operations",
    "graphql",
    "gql",
    "doc",
];

impl<'t> Document<'t> {
    /// Reads a text as an executable document.
    pub(crate) fn parse(text: &'t str) -> Parsed<Self> {
        let mut parser = Parser {
            lexer: Lexer::new(text),
            token: Token::End,
            tokens: 0,
            document: Self::default(),
            name: String::new(),
            scratch: String::new(),
            aliased: HashMap::new(),
            told: HashSet::new(),
        };
        parser.document()?;
        Ok(parser.document)
    }
}

/// Whether a parameter's name is one under which servers read documents: its last part, in any case.
pub(crate) fn may_hold_document(name: &[u8]) -> bool {
    // The name that counts is the last part of `batch[0].query` or `variables[query]`.
    let name = name.strip_suffix(b"]").unwrap_or(name);
    let last = name
        .rsplit(|byte| matches!(byte, b'.' | b'['))
        .next()
        .unwrap_or(name);
    DOCUMENT_NAMES
        .iter()
        .any(|known| last.eq_ignore_ascii_case(known.as_bytes()))
}

/// Tells `listener` of a body that says it is a document: each literal and comment is a member. A text that is no
/// document is told as it is.
pub fn read<L: Listener>(body: &[u8], listener: &mut L) {
    let text = lossy(body);
    if matches!(text, Cow::Owned(_)) {
        listener.anomaly(Anomaly::InvalidUtf8);
    }
    match Document::parse(&text) {
        Ok(document) => {
            for (name, value, kind) in document.leaves() {
                listener.name(name);
                listener.leaf(
                    value,
                    match kind {
                        LeafKind::Number | LeafKind::Boolean => {
                            Syntax::Typed(ParameterKind::of_text(value))
                        }
                        LeafKind::String | LeafKind::Enum | LeafKind::Comment => Syntax::String,
                    },
                );
            }
            listener.document(&document, &text);
        }
        Err(reason) => {
            let (anomaly, reason) = match reason {
                NoDocument::Syntax => (Anomaly::MalformedGraphql, "no executable document"),
                NoDocument::Limit => (Anomaly::DepthOverLimit, "too large or too deep a document"),
            };
            listener.anomaly(anomaly);
            listener.failed(reason, &text);
        }
    }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    /// What comes next.
    token: Token<'t>,
    tokens: u32,
    document: Document<'t>,
    /// Name of the value that is read.
    name: String,
    scratch: String,
    /// Fields under aliases, by the number of their selection set.
    aliased: HashMap<(u32, &'t str), u32>,
    /// Fields that were told.
    told: HashSet<&'t str>,
}

/// A list or object that is being read.
struct Container {
    is_list: bool,
    /// Length of the name without what this container adds.
    name_length: usize,
}

/// What comes after a value within containers.
enum After {
    /// Another value.
    Value,
    /// No container is open any more.
    Nothing,
}

impl<'t> Parser<'t> {
    fn advance(&mut self) -> Parsed<()> {
        self.tokens += 1;
        // Counted here, because every token passes here: so no loop of the grammar needs a bound.
        if self.tokens > MAX_TOKENS {
            return Err(NoDocument::Limit);
        }
        let document = &mut self.document;
        self.token = self.lexer.next(|comment| {
            if comment.trim_ascii().is_empty() {
                return Ok(());
            }
            document.push("comment", LeafKind::Comment, comment)
        })?;
        Ok(())
    }

    fn is(&self, punctuator: u8) -> bool {
        matches!(self.token, Token::Punctuator(found) if found == punctuator)
    }

    fn expect(&mut self, punctuator: u8) -> Parsed<()> {
        if !self.is(punctuator) {
            return Err(NoDocument::Syntax);
        }
        self.advance()
    }

    fn take_if(&mut self, punctuator: u8) -> Parsed<bool> {
        let found = self.is(punctuator);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect_name(&mut self) -> Parsed<&'t str> {
        let Token::Name(name) = self.token else {
            return Err(NoDocument::Syntax);
        };
        self.advance()?;
        Ok(name)
    }

    fn document(&mut self) -> Parsed<()> {
        self.advance()?;
        loop {
            self.definition()?;
            if matches!(self.token, Token::End) {
                return Ok(());
            }
        }
    }

    fn definition(&mut self) -> Parsed<()> {
        // A selection set alone is a query (2.3, query shorthand).
        if self.is(b'{') {
            return self.selections();
        }
        self.description()?;
        match self.expect_name()? {
            "query" | "mutation" | "subscription" => {
                if matches!(self.token, Token::Name(_)) {
                    self.advance()?;
                }
            }
            "fragment" => {
                // No fragment can have the name `on`, because `on` begins the type condition (2.8).
                if self.expect_name()? == "on" {
                    return Err(NoDocument::Syntax);
                }
                // Variables of fragments were an experiment that some servers still read.
                self.variables()?;
                self.type_condition()?;
                self.directives()?;
                return self.selections();
            }
            _ => return Err(NoDocument::Syntax),
        }
        self.variables()?;
        self.directives()?;
        self.selections()
    }

    /// A text before a definition.
    fn description(&mut self) -> Parsed<()> {
        if matches!(self.token, Token::Text(_) | Token::Block(_)) {
            self.name.clear();
            self.name.push_str("description");
            self.scalar()?;
        }
        Ok(())
    }

    fn type_condition(&mut self) -> Parsed<()> {
        if self.expect_name()? != "on" {
            return Err(NoDocument::Syntax);
        }
        self.expect_name().map(drop)
    }

    /// `($name: Type = default @directive, …)`, if it is there.
    fn variables(&mut self) -> Parsed<()> {
        if !self.take_if(b'(')? {
            return Ok(());
        }
        loop {
            self.description()?;
            self.expect(b'$')?;
            let name = self.expect_name()?;
            self.expect(b':')?;
            self.type_reference()?;
            if self.take_if(b'=')? {
                self.value(&["variables.", name], true)?;
            }
            self.directives()?;
            if self.take_if(b')')? {
                return Ok(());
            }
        }
    }

    fn type_reference(&mut self) -> Parsed<()> {
        // Counted, without recursion, so that `[[[[…` takes no stack.
        let mut lists = 0_usize;
        while self.take_if(b'[')? {
            lists += 1;
            if lists > MAX_DEPTH {
                return Err(NoDocument::Limit);
            }
        }
        self.expect_name()?;
        self.take_if(b'!')?;
        for _ in 0..lists {
            self.expect(b']')?;
            self.take_if(b'!')?;
        }
        Ok(())
    }

    fn directives(&mut self) -> Parsed<()> {
        let mut count = 0;
        while self.take_if(b'@')? {
            count += 1;
            let name = self.expect_name()?;
            self.arguments(&["@", name, "."])?;
        }
        let most = &mut self.document.figures.directives;
        *most = (*most).max(count);
        Ok(())
    }

    /// `(name: value, …)`, if it is there.
    fn arguments(&mut self, owner: &[&str]) -> Parsed<()> {
        if !self.take_if(b'(')? {
            return Ok(());
        }
        loop {
            let name = self.expect_name()?;
            self.expect(b':')?;
            if let [mark, owner, dot] = owner {
                self.value(&[mark, owner, dot, name], false)?;
            } else {
                self.value(&[name], false)?;
            }
            if self.take_if(b')')? {
                return Ok(());
            }
        }
    }

    /// A selection set with all that is in it.
    fn selections(&mut self) -> Parsed<()> {
        // The number of each open set, and whether nothing is in it yet.
        // A stack instead of recursion: `{a{a{a…` costs no stack of the worker's.
        let mut open: Vec<(u32, bool)> = Vec::new();
        let mut sets = 0;
        self.open_set(&mut open, &mut sets)?;
        loop {
            let Some((set, is_empty)) = open.last_mut() else {
                return Ok(());
            };
            match self.token {
                Token::Punctuator(b'}') if !*is_empty => {
                    self.advance()?;
                    open.pop();
                }
                Token::Spread => {
                    *is_empty = false;
                    self.advance()?;
                    if self.spread()? {
                        self.open_set(&mut open, &mut sets)?;
                    }
                }
                Token::Name(first) => {
                    *is_empty = false;
                    let set = *set;
                    self.field(first, set)?;
                    if self.is(b'{') {
                        self.open_set(&mut open, &mut sets)?;
                    }
                }
                _ => return Err(NoDocument::Syntax),
            }
        }
    }

    fn open_set(&mut self, open: &mut Vec<(u32, bool)>, sets: &mut u32) -> Parsed<()> {
        self.expect(b'{')?;
        if open.len() >= MAX_DEPTH {
            return Err(NoDocument::Limit);
        }
        *sets += 1;
        open.push((*sets, true));
        let depth = u32::try_from(open.len()).unwrap_or(u32::MAX);
        self.document.figures.depth = self.document.figures.depth.max(depth);
        Ok(())
    }

    /// What follows `…`; answers whether that has a selection set.
    fn spread(&mut self) -> Parsed<bool> {
        match self.token {
            Token::Name("on") => {
                self.type_condition()?;
                self.directives()?;
                Ok(true)
            }
            Token::Name(_) => {
                self.advance()?;
                self.directives()?;
                Ok(false)
            }
            // An inline fragment without a type: `... { }` or `... @include(if: $a) { }` (2.8.2).
            _ => {
                self.directives()?;
                Ok(true)
            }
        }
    }

    fn field(&mut self, first: &'t str, set: u32) -> Parsed<()> {
        self.advance()?;
        let mut name = first;
        if self.take_if(b':')? {
            name = self.expect_name()?;
            // Aliases are how one request asks for the same thing a thousand times (log-ins, for instance).
            let count = self.aliased.entry((set, name)).or_default();
            *count += 1;
            let most = &mut self.document.figures.aliases;
            *most = (*most).max(*count);
        }
        // Names are for the event and for rules; a query of thousands of fields needs no more of them.
        if self.told.len() < MAX_FIELDS && self.told.insert(name) {
            self.document.fields.push(name);
        }
        let figures = &mut self.document.figures;
        figures.fields += 1;
        figures.introspection += u32::from(matches!(name, "__schema" | "__type"));
        self.arguments(&["", name, "."])?;
        self.directives()
    }

    /// A value with all that is in it.
    ///
    /// # Arguments
    /// * `name` - its name, in pieces.
    /// * `constant` - variables may not stand in it.
    fn value(&mut self, name: &[&str], constant: bool) -> Parsed<()> {
        self.name.clear();
        for piece in name {
            self.name.push_str(piece);
        }
        let mut open: Vec<Container> = Vec::new();
        loop {
            // Checked here for lists and objects alike; the name is copied for each literal, so its length counts too.
            if open.len() > MAX_DEPTH || self.name.len() > MAX_NAME_BYTES {
                return Err(NoDocument::Limit);
            }
            match self.token {
                Token::Punctuator(bracket @ (b'[' | b'{')) => {
                    if self.enter(bracket == b'[', &mut open)? {
                        continue;
                    }
                }
                // A variable has no text of its own here: its value comes beside the document.
                Token::Punctuator(b'$') if !constant => {
                    self.advance()?;
                    self.expect_name()?;
                }
                _ => self.scalar()?,
            }
            if matches!(self.after_value(&mut open)?, After::Nothing) {
                return Ok(());
            }
        }
    }

    /// Enters a list or an object. Answers whether there is a value in it.
    fn enter(&mut self, is_list: bool, open: &mut Vec<Container>) -> Parsed<bool> {
        self.advance()?;
        let name_length = self.name.len();
        open.push(Container {
            is_list,
            name_length,
        });
        if self.is(if is_list { b']' } else { b'}' }) {
            return Ok(false);
        }
        if !is_list {
            self.object_field(name_length)?;
        }
        Ok(true)
    }

    /// Leaves containers that end; goes on to the next value.
    fn after_value(&mut self, open: &mut Vec<Container>) -> Parsed<After> {
        loop {
            let Some(container) = open.last() else {
                return Ok(After::Nothing);
            };
            let (is_list, name_length) = (container.is_list, container.name_length);
            if self.take_if(if is_list { b']' } else { b'}' })? {
                self.name.truncate(name_length);
                open.pop();
                continue;
            }
            if !is_list {
                self.object_field(name_length)?;
            }
            return Ok(After::Value);
        }
    }

    fn object_field(&mut self, name_length: usize) -> Parsed<()> {
        let name = self.expect_name()?;
        self.expect(b':')?;
        self.name.truncate(name_length);
        self.name.push('.');
        self.name.push_str(name);
        Ok(())
    }

    fn scalar(&mut self) -> Parsed<()> {
        let (kind, value) = match self.token {
            Token::Text(raw) => {
                self.scratch.clear();
                lexer::unescape_into(raw, &mut self.scratch)?;
                (LeafKind::String, self.scratch.as_str())
            }
            Token::Block(raw) => {
                self.scratch.clear();
                lexer::block_into(raw, &mut self.scratch);
                (LeafKind::String, self.scratch.as_str())
            }
            Token::Number(number) => (LeafKind::Number, number),
            // `null` holds nothing that could be inspected.
            Token::Name("null") => return self.advance(),
            Token::Name(word @ ("true" | "false")) => (LeafKind::Boolean, word),
            Token::Name(word) => (LeafKind::Enum, word),
            _ => return Err(NoDocument::Syntax),
        };
        self.document.push(&self.name, kind, value)?;
        self.advance()
    }
}

#[cfg(test)]
mod tests;
