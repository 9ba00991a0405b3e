//! The nodes of an expression, and how a bundle's expression becomes them.
//!
//! What can be worked out once is worked out here, when a bundle loads: patterns are compiled, networks become ranges,
//! and whatever the engine would otherwise have to check for each request is refused.

use std::borrow::Cow;
use std::net::IpAddr;

use regex::Regex;

use super::value::Value;
use crate::bundle::expression::{Expr, Field, Function, Quantifier};
use crate::client::address;
use crate::error::EngineError;

/// Depth of an expression. It bounds the recursion of compiling and evaluating; Python refuses deeper ones with a line
/// (`compile/lowering.py`, `MAX_DEPTH`), so a bundle that has one was not written by it.
const MAX_DEPTH: u32 = 64;

/// Bytes that the program of one pattern may take: `regex` refuses what would need more, as `(a{1000}){1000}` does.
const MAX_PATTERN_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(super) enum Node {
    Constant(Value<'static>),
    List(Vec<Node>),
    Field(Field),
    Local(u32),
    Index(Box<Node>, Box<Node>),
    HasKey(Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
    Matches(Box<Node>, Regex),
    InList(Box<Node>, usize),
    InCidr(Box<Node>, u128, u128),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Conditional(Box<(Node, Node, Node)>),
    Comprehension(Quantifier, Box<Node>, Box<Node>),
}

/// Makes nodes of expressions.
pub(super) struct Compiler {
    /// How many address lists the bundle has.
    pub(super) lists: usize,
}

impl Compiler {
    pub(super) fn node(&self, expr: &Expr, depth: u32, locals: u32) -> Result<Node, EngineError> {
        if depth > MAX_DEPTH {
            return Err(EngineError::invalid(
                "policies",
                format!("an expression is deeper than {MAX_DEPTH}"),
            ));
        }
        let sub = |expr: &Expr| self.node(expr, depth + 1, locals).map(Box::new);
        Ok(match expr {
            Expr::Null => Node::Constant(Value::Null),
            Expr::Bool(value) => Node::Constant(Value::Bool(*value)),
            Expr::Int(value) => Node::Constant(Value::Int(*value)),
            Expr::Uint(value) => Node::Constant(Value::Uint(*value)),
            Expr::Double(value) => Node::Constant(Value::Double(*value)),
            Expr::String(value) => Node::Constant(Value::Text(Cow::Owned(value.clone()))),
            Expr::List(values) => Node::List(self.nodes(values, depth, locals)?),
            Expr::Field(field) => Node::Field(*field),
            Expr::Local(index) if *index < locals => Node::Local(*index),
            // Python refuses this, and a bundle from elsewhere must not look beyond its variables either.
            Expr::Local(_) => {
                return Err(EngineError::invalid(
                    "policies",
                    "a variable is used outside its macro",
                ));
            }
            Expr::Index(map, key) => Node::Index(sub(map)?, sub(key)?),
            Expr::HasKey(map, key) => Node::HasKey(sub(map)?, sub(key)?),
            Expr::Call(function, arguments) => self.call(*function, arguments, depth, locals)?,
            Expr::And(left, right) => Node::And(sub(left)?, sub(right)?),
            Expr::Or(left, right) => Node::Or(sub(left)?, sub(right)?),
            Expr::Conditional(test, yes, no) => {
                Node::Conditional(Box::new((*sub(test)?, *sub(yes)?, *sub(no)?)))
            }
            Expr::Comprehension(quantifier, list, predicate) => {
                // Only the predicate sees the macro's variable: the list is evaluated outside of it.
                let predicate = self.node(predicate, depth + 1, locals + 1)?;
                Node::Comprehension(*quantifier, sub(list)?, Box::new(predicate))
            }
        })
    }

    fn nodes(&self, exprs: &[Expr], depth: u32, locals: u32) -> Result<Vec<Node>, EngineError> {
        exprs
            .iter()
            .map(|expr| self.node(expr, depth + 1, locals))
            .collect()
    }

    fn call(
        &self,
        function: Function,
        arguments: &[Expr],
        depth: u32,
        locals: u32,
    ) -> Result<Node, EngineError> {
        let text = |expr: &Expr| self.node(expr, depth + 1, locals).map(Box::new);
        match (function, arguments) {
            (Function::Matches, [value, Expr::String(pattern)]) => {
                Ok(Node::Matches(text(value)?, compiled(pattern)?))
            }
            (Function::InList, [value, Expr::Int(index)]) => {
                let index = usize::try_from(*index).ok();
                let index = index.filter(|index| *index < self.lists);
                let list = index.ok_or_else(|| wrong("in_list: no such list"))?;
                Ok(Node::InList(text(value)?, list))
            }
            (Function::InCidr, [value, Expr::String(cidr)]) => {
                let range = cidr_range(cidr);
                let (low, high) =
                    range.ok_or_else(|| wrong(format!("in_cidr: {cidr:?} is no network")))?;
                Ok(Node::InCidr(text(value)?, low, high))
            }
            (Function::Matches | Function::InList | Function::InCidr, _) => Err(wrong(format!(
                "{function:?} needs a literal as its second argument"
            ))),
            _ => {
                // Types are not checked here: Python has done so, and evaluating refuses what does not fit.
                let (found, arity) = (arguments.len(), if is_unary(function) { 1 } else { 2 });
                if found != arity {
                    let detail = format!("{function:?} has {found} arguments, expected {arity}");
                    return Err(wrong(detail));
                }
                Ok(Node::Call(function, self.nodes(arguments, depth, locals)?))
            }
        }
    }
}

fn wrong(detail: impl Into<String>) -> EngineError {
    EngineError::invalid("policies", detail)
}

/// A pattern, compiled. Its program is bounded, and matching takes time that is linear in the text: `regex` has no
/// look-around and no back-references, so no pattern of a policy lets a client make the engine slow.
fn compiled(pattern: &str) -> Result<Regex, EngineError> {
    regex::RegexBuilder::new(pattern)
        .size_limit(MAX_PATTERN_BYTES)
        .build()
        .map_err(|error| wrong(error.to_string()))
}

const fn is_unary(function: Function) -> bool {
    matches!(
        function,
        Function::Not
            | Function::Negate
            | Function::Size
            | Function::ToInt
            | Function::ToDouble
            | Function::ToString
            | Function::LowerAscii
    )
}

/// First and last address of `address/bits`, mapped to IPv6.
fn cidr_range(cidr: &str) -> Option<(u128, u128)> {
    let (text, bits) = cidr.split_once('/').unwrap_or((cidr, ""));
    let parsed: IpAddr = text.parse().ok()?;
    // IPv4 is compared as the IPv6 address that it is mapped to (RFC 4291, 2.5.5.2), so one comparison serves both.
    let width = if parsed.is_ipv4() { 32 } else { 128 };
    let bits: u32 = if bits.is_empty() {
        width
    } else {
        bits.parse().ok().filter(|bits| *bits <= width)?
    };
    // A shift by all 128 bits overflows: `/128` and IPv4's `/32` have no host part.
    let host = u128::MAX.checked_shr(128 - width + bits).unwrap_or(0);
    let low = address::number(parsed) & !host;
    Some((low, low | host))
}
