//! Checked CEL expressions: compiled once when the bundle loads, evaluated per request (`evaluate.rs`), for each value
//! of a repeated parameter (`outcomes.rs`).

use std::borrow::Cow;
use std::net::IpAddr;

use regex::Regex;
use smallvec::SmallVec;

use super::choices::Frame;
use super::outcomes::Outcomes;
use super::value::{EvalError, Facts, Value};
use crate::bundle::{Expr, Field, Function, Quantifier};
use crate::client::address;
use crate::error::EngineError;

/// Depth of an expression; bounds the recursion of compiling and evaluating.
const MAX_DEPTH: u32 = 64;

/// The texts of one expression.
pub type Texts<'a> = SmallVec<[Cow<'a, str>; 1]>;

/// An expression that is ready to be evaluated.
#[derive(Debug)]
pub struct Expression {
    node: Node,
}

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

impl Expression {
    /// Compile a checked expression. `lists`: how many address lists the bundle has.
    ///
    /// # Errors
    /// [`EngineError::BundleInvalid`] for a pattern, range, list or variable that cannot be.
    pub fn compile(expr: &Expr, lists: usize) -> Result<Self, EngineError> {
        Ok(Self {
            node: Compiler { lists }.node(expr, 0, 0)?,
        })
    }

    /// What a condition can come to, over every value that a repeated parameter has.
    pub fn outcomes<'a, F: Facts>(&'a self, facts: &'a F) -> Outcomes {
        let mut frame = Frame::default();
        let held = self.node.holds(facts, &mut frame);
        if frame.met_repeated() {
            return self.node.outcomes(facts, &mut frame);
        }
        held.into()
    }

    /// The texts that an expression can come to, in the order of arrival; of more than `limit` those at both ends, for
    /// servers take the first or the last one.
    ///
    /// # Errors
    /// What CEL calls an error, when no value gives a text.
    pub fn texts<'a, F: Facts>(
        &'a self,
        facts: &'a F,
        limit: usize,
    ) -> Result<Texts<'a>, EvalError> {
        let mut frame = Frame::default();
        let first = self.node.evaluate(facts, &mut frame);
        if !frame.met_repeated() {
            return first.and_then(text_of).map(|text| Texts::from([text]));
        }
        self.node.texts(facts, &mut frame, limit)
    }
}

/// Whether an expression, or one in it, is for a field that `wanted` names.
pub fn uses(expr: &Expr, wanted: &impl Fn(Field) -> bool) -> bool {
    match expr {
        Expr::Field(field) => wanted(*field),
        Expr::List(items) | Expr::Call(_, items) => items.iter().any(|item| uses(item, wanted)),
        Expr::Index(a, b)
        | Expr::HasKey(a, b)
        | Expr::And(a, b)
        | Expr::Or(a, b)
        | Expr::Comprehension(_, a, b) => uses(a, wanted) || uses(b, wanted),
        Expr::Conditional(a, b, c) => uses(a, wanted) || uses(b, wanted) || uses(c, wanted),
        Expr::Null
        | Expr::Bool(_)
        | Expr::Int(_)
        | Expr::Uint(_)
        | Expr::Double(_)
        | Expr::String(_)
        | Expr::Local(_) => false,
    }
}

struct Compiler {
    lists: usize,
}

impl Compiler {
    fn node(&self, expr: &Expr, depth: u32, locals: u32) -> Result<Node, EngineError> {
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
        let wrong = |detail: String| EngineError::invalid("policies", detail);
        let first = |node: Option<&Expr>| match node {
            Some(expr) => self.node(expr, depth + 1, locals).map(Box::new),
            None => Err(wrong(format!("{function:?} has no argument"))),
        };
        Ok(match (function, arguments) {
            (Function::Matches, [text, Expr::String(pattern)]) => {
                let pattern = regex::RegexBuilder::new(pattern)
                    .size_limit(1 << 20)
                    .build();
                Node::Matches(
                    first(Some(text))?,
                    pattern.map_err(|error| wrong(error.to_string()))?,
                )
            }
            (Function::InList, [text, Expr::Int(index)]) => {
                let index = usize::try_from(*index)
                    .ok()
                    .filter(|index| *index < self.lists);
                Node::InList(
                    first(Some(text))?,
                    index.ok_or_else(|| wrong("in_list: no such list".into()))?,
                )
            }
            (Function::InCidr, [text, Expr::String(cidr)]) => {
                let (low, high) = cidr_range(cidr)
                    .ok_or_else(|| wrong(format!("in_cidr: {cidr:?} is no network")))?;
                Node::InCidr(first(Some(text))?, low, high)
            }
            (Function::Matches | Function::InList | Function::InCidr, _) => {
                return Err(wrong(format!(
                    "{function:?} needs a literal as its second argument"
                )));
            }
            _ => {
                let arity = if is_unary(function) { 1 } else { 2 };
                if arguments.len() != arity {
                    return Err(wrong(format!(
                        "{function:?} has {} arguments, expected {arity}",
                        arguments.len()
                    )));
                }
                Node::Call(function, self.nodes(arguments, depth, locals)?)
            }
        })
    }
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
    let width = if parsed.is_ipv4() { 32 } else { 128 };
    let bits: u32 = if bits.is_empty() {
        width
    } else {
        bits.parse().ok().filter(|bits| *bits <= width)?
    };
    let host = u128::MAX.checked_shr(128 - width + bits).unwrap_or(0);
    let low = address::number(parsed) & !host;
    Some((low, low | host))
}

pub(super) fn text_of(value: Value<'_>) -> Result<Cow<'_, str>, EvalError> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(EvalError::Overload),
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::Values;
    use super::*;

    struct NoFacts;

    impl Facts for NoFacts {
        fn scalar(&self, field: Field) -> Value<'_> {
            match field {
                Field::ClientAsn => Value::Int(64500),
                _ => Value::Text(Cow::Borrowed("text")),
            }
        }
        fn elements(&self, _: Field) -> SmallVec<[&str; 8]> {
            SmallVec::from_slice(&["login", "public"])
        }
        fn has_key(&self, _: Field, key: &str) -> bool {
            key == "there"
        }
        fn values(&self, _: Field, key: &str) -> Values<'_> {
            let values: &[&str] = match key {
                "there" => &["value"],
                "role" => &["user", "admin"],
                "n" => &["x", "7"],
                _ => &[],
            };
            values.iter().map(|value| Cow::Borrowed(*value)).collect()
        }
        fn on_list(&self, address: &str, list: usize) -> bool {
            address == "10.0.0.1" && list == 0
        }
    }

    fn holds(expr: &Expr) -> Result<bool, EvalError> {
        let outcomes = Expression::compile(expr, 1).unwrap().outcomes(&NoFacts);
        outcomes.for_some()
    }

    fn call(function: Function, arguments: Vec<Expr>) -> Expr {
        Expr::Call(function, arguments)
    }

    fn text(text: &str) -> Expr {
        Expr::String(text.into())
    }

    fn failing() -> Expr {
        Expr::Index(
            Box::new(Expr::Field(Field::RequestHeaders)),
            Box::new(text("missing")),
        )
    }

    #[test]
    fn an_error_is_absorbed_by_the_deciding_side() {
        let error = || Box::new(call(Function::Equal, vec![failing(), text("x")]));
        assert_eq!(
            holds(&Expr::And(error(), Box::new(Expr::Bool(false)))),
            Ok(false)
        );
        assert_eq!(
            holds(&Expr::Or(error(), Box::new(Expr::Bool(true)))),
            Ok(true)
        );
        assert_eq!(
            holds(&Expr::And(error(), Box::new(Expr::Bool(true)))),
            Err(EvalError::NoSuchKey)
        );
        assert_eq!(
            holds(&Expr::Or(Box::new(Expr::Bool(false)), error())),
            Err(EvalError::NoSuchKey)
        );
    }

    #[test]
    fn lists_and_maps_answer_membership() {
        let labels = || Expr::Field(Field::EndpointLabels);
        assert_eq!(
            holds(&call(Function::In, vec![text("login"), labels()])),
            Ok(true)
        );
        assert_eq!(
            holds(&call(Function::In, vec![text("admin"), labels()])),
            Ok(false)
        );
        let has = |key| {
            Expr::HasKey(
                Box::new(Expr::Field(Field::RequestHeaders)),
                Box::new(text(key)),
            )
        };
        assert_eq!(
            (holds(&has("there")), holds(&has("missing"))),
            (Ok(true), Ok(false))
        );
        let is_login = || Box::new(call(Function::Equal, vec![Expr::Local(0), text("login")]));
        for (quantifier, expected) in [
            (Quantifier::Exists, true),
            (Quantifier::All, false),
            (Quantifier::ExistsOne, true),
        ] {
            assert_eq!(
                holds(&Expr::Comprehension(
                    quantifier,
                    Box::new(labels()),
                    is_login()
                )),
                Ok(expected)
            );
        }
    }

    #[test]
    fn networks_and_lists_are_asked_by_address() {
        let in_cidr =
            |address, cidr| holds(&call(Function::InCidr, vec![text(address), text(cidr)]));
        assert_eq!(in_cidr("10.1.2.3", "10.0.0.0/8"), Ok(true));
        assert_eq!(in_cidr("11.1.2.3", "10.0.0.0/8"), Ok(false));
        assert_eq!(in_cidr("2001:db8::7", "2001:db8::/32"), Ok(true));
        assert_eq!(in_cidr("1.1.1.1", "0.0.0.0/0"), Ok(true));
        assert_eq!(in_cidr("2001:db8::7", "0.0.0.0/0"), Ok(false));
        assert_eq!(in_cidr("nonsense", "::/0"), Err(EvalError::Conversion));
        assert_eq!(
            holds(&call(
                Function::InList,
                vec![text("10.0.0.1"), Expr::Int(0)]
            )),
            Ok(true)
        );
    }

    #[test]
    fn arithmetic_never_wraps_or_panics() {
        for (function, left, right, error) in [
            (Function::Add, i64::MAX, 1, EvalError::Overflow),
            (Function::Subtract, i64::MIN, 1, EvalError::Overflow),
            (Function::Divide, i64::MIN, -1, EvalError::Overflow),
            (Function::Modulo, 1, 0, EvalError::DivideByZero),
            (Function::Divide, 1, 0, EvalError::DivideByZero),
        ] {
            let sum = call(function, vec![Expr::Int(left), Expr::Int(right)]);
            assert_eq!(
                holds(&call(Function::Equal, vec![sum, Expr::Int(0)])),
                Err(error)
            );
        }
    }

    #[test]
    fn numbers_of_different_kinds_compare_by_value() {
        let less = |a, b| holds(&call(Function::Less, vec![a, b])).unwrap();
        assert!(less(Expr::Int(-1), Expr::Uint(0)));
        assert!(less(Expr::Int(1), Expr::Double(1.5)));
        assert!(!less(Expr::Double(f64::NAN), Expr::Int(1)));
        assert_eq!(
            holds(&call(
                Function::Equal,
                vec![Expr::Field(Field::ClientAsn), Expr::Double(64500.0)]
            )),
            Ok(true)
        );
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused_when_it_loads() {
        for expr in [
            call(Function::Matches, vec![text("a"), text("(")]),
            call(Function::InCidr, vec![text("a"), text("10.0.0.0/99")]),
            call(Function::InList, vec![text("a"), Expr::Int(7)]),
            call(Function::Equal, vec![text("a")]),
            Expr::Local(0),
            (0..100).fold(Expr::Bool(true), |inner, _| {
                call(Function::Not, vec![inner])
            }),
        ] {
            assert!(Expression::compile(&expr, 1).is_err(), "{expr:?}");
        }
    }
}
