//! Checked CEL expressions: compiled once when the bundle loads, evaluated per request.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

use regex::Regex;
use smallvec::SmallVec;

use super::value::{EvalError, Facts, Value, compare, equal, is_collection, items};
use crate::bundle::{Expr, Field, Function, Quantifier};
use crate::client::address;
use crate::error::EngineError;

/// Depth of an expression; bounds the recursion of compiling and evaluating.
const MAX_DEPTH: u32 = 64;

/// An expression that is ready to be evaluated.
#[derive(Debug)]
pub struct Expression {
    node: Node,
}

#[derive(Debug)]
enum Node {
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

type Locals<'a> = SmallVec<[Value<'a>; 2]>;
type Evaluated<'a> = Result<Value<'a>, EvalError>;

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

    /// Evaluate.
    ///
    /// # Errors
    /// What CEL calls an error: a missing key, overflow and so on.
    pub fn evaluate<'a, F: Facts>(&'a self, facts: &'a F) -> Evaluated<'a> {
        self.node.evaluate(facts, &mut Locals::new())
    }

    /// Evaluate a condition.
    ///
    /// # Errors
    /// As [`Self::evaluate`]; also when the value is not a bool.
    pub fn holds<F: Facts>(&self, facts: &F) -> Result<bool, EvalError> {
        self.node.holds(facts, &mut Locals::new())
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

impl Node {
    /// [`Self::evaluate`] for a condition. Most conditions compare a field with a text or ask for a member; those
    /// are answered here without a [`Value`] for each part, which is most of the work.
    fn holds<'a, F: Facts>(
        &'a self,
        facts: &'a F,
        locals: &mut Locals<'a>,
    ) -> Result<bool, EvalError> {
        match self {
            Self::And(left, right) => {
                return decided(left, right, false, |node| node.holds(facts, locals));
            }
            Self::Or(left, right) => {
                return decided(left, right, true, |node| node.holds(facts, locals));
            }
            Self::Call(Function::Not, arguments) => {
                if let [condition] = arguments.as_slice() {
                    return condition.holds(facts, locals).map(|holds| !holds);
                }
            }
            Self::Call(Function::In, arguments) => {
                if let [Self::Constant(Value::Text(text)), Self::Field(field)] =
                    arguments.as_slice()
                {
                    match is_collection(*field) {
                        Some(true) => return Ok(facts.lookup(*field, text).is_some()),
                        Some(false) => return Ok(facts.has_element(*field, text)),
                        None => {}
                    }
                }
            }
            Self::Call(function @ (Function::Equal | Function::NotEqual), arguments) => {
                if let [Self::Field(field), Self::Constant(Value::Text(text))] =
                    arguments.as_slice()
                    && is_collection(*field).is_none()
                    && let Value::Text(found) = facts.scalar(*field)
                {
                    return Ok((*found == **text) == (*function == Function::Equal));
                }
            }
            _ => {}
        }
        match self.evaluate(facts, locals)? {
            Value::Bool(holds) => Ok(holds),
            _ => Err(EvalError::Overload),
        }
    }

    fn evaluate<'a, F: Facts>(&'a self, facts: &'a F, locals: &mut Locals<'a>) -> Evaluated<'a> {
        match self {
            Self::Constant(value) => Ok(borrow(value)),
            Self::List(nodes) => nodes
                .iter()
                .map(|node| node.evaluate(facts, locals))
                .collect::<Result<_, _>>()
                .map(Value::List),
            Self::Field(field) => Ok(match is_collection(*field) {
                Some(true) => Value::FieldMap(*field),
                Some(false) => Value::FieldList(*field),
                None => facts.scalar(*field),
            }),
            Self::Local(depth) => {
                let index = locals
                    .len()
                    .checked_sub(1 + *depth as usize)
                    .ok_or(EvalError::Overload)?;
                locals.get(index).cloned().ok_or(EvalError::Overload)
            }
            Self::Index(map, key) => index(
                facts,
                &map.evaluate(facts, locals)?,
                &key.evaluate(facts, locals)?,
            ),
            Self::HasKey(map, key) => has_key(
                facts,
                &map.evaluate(facts, locals)?,
                &key.evaluate(facts, locals)?,
            )
            .map(Value::Bool),
            Self::Call(function, arguments) => self::call(*function, arguments, facts, locals),
            Self::Matches(text, pattern) => {
                let value = text.evaluate(facts, locals)?;
                Ok(Value::Bool(pattern.is_match(as_text(&value)?)))
            }
            Self::InList(text, list) => {
                let value = text.evaluate(facts, locals)?;
                Ok(Value::Bool(facts.on_list(as_text(&value)?, *list)))
            }
            Self::InCidr(text, low, high) => {
                let value = text.evaluate(facts, locals)?;
                let address = address::parse(as_text(&value)?).ok_or(EvalError::Conversion)?;
                Ok(Value::Bool(
                    (*low..=*high).contains(&address::number(address)),
                ))
            }
            Self::And(..) | Self::Or(..) => self.holds(facts, locals).map(Value::Bool),
            Self::Conditional(parts) => {
                let (test, yes, no) = &**parts;
                match test.evaluate(facts, locals)? {
                    Value::Bool(true) => yes.evaluate(facts, locals),
                    Value::Bool(false) => no.evaluate(facts, locals),
                    _ => Err(EvalError::Overload),
                }
            }
            Self::Comprehension(quantifier, list, predicate) => {
                let list = list.evaluate(facts, locals)?;
                comprehend(*quantifier, &list, predicate, facts, locals)
            }
        }
    }
}

fn borrow<'a>(value: &'a Value<'static>) -> Value<'a> {
    match value {
        Value::Text(text) => Value::Text(Cow::Borrowed(text)),
        other => other.clone(),
    }
}

fn as_text<'v>(value: &'v Value<'_>) -> Result<&'v str, EvalError> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(EvalError::Overload),
    }
}

/// `&&` (`decides` false) and `||` (`decides` true): the deciding value wins over an error on the other side.
fn decided<'a>(
    left: &'a Node,
    right: &'a Node,
    decides: bool,
    mut holds: impl FnMut(&'a Node) -> Result<bool, EvalError>,
) -> Result<bool, EvalError> {
    let left = holds(left);
    if left == Ok(decides) {
        return left;
    }
    match (left, holds(right)) {
        (_, Ok(value)) if value == decides => Ok(decides),
        (Err(error), _) | (_, Err(error)) => Err(error),
        _ => Ok(!decides),
    }
}

fn index<'a, F: Facts>(facts: &'a F, map: &Value<'a>, key: &Value<'a>) -> Evaluated<'a> {
    match (map, key) {
        (Value::FieldMap(field), Value::Text(key)) => facts
            .lookup(*field, key)
            .map(Value::Text)
            .ok_or(EvalError::NoSuchKey),
        (Value::List(_) | Value::FieldList(_), Value::Int(index)) => {
            let index = usize::try_from(*index).map_err(|_| EvalError::NoSuchKey)?;
            items(facts, map)
                .into_iter()
                .nth(index)
                .ok_or(EvalError::NoSuchKey)
        }
        _ => Err(EvalError::Overload),
    }
}

fn has_key<F: Facts>(facts: &F, map: &Value<'_>, key: &Value<'_>) -> Result<bool, EvalError> {
    match (map, key) {
        (Value::FieldMap(field), Value::Text(key)) => Ok(facts.lookup(*field, key).is_some()),
        _ => Err(EvalError::Overload),
    }
}

fn comprehend<'a, F: Facts>(
    quantifier: Quantifier,
    list: &Value<'a>,
    predicate: &'a Node,
    facts: &'a F,
    locals: &mut Locals<'a>,
) -> Evaluated<'a> {
    let (mut error, mut count) = (None, 0_usize);
    for item in items(facts, list) {
        locals.push(item);
        let held = predicate.evaluate(facts, locals);
        locals.pop();
        match (quantifier, held) {
            (Quantifier::Exists, Ok(Value::Bool(true))) => return Ok(Value::Bool(true)),
            (Quantifier::All, Ok(Value::Bool(false))) => return Ok(Value::Bool(false)),
            (Quantifier::ExistsOne, Ok(Value::Bool(held))) => count += usize::from(held),
            (Quantifier::ExistsOne, Err(found)) => return Err(found),
            (_, Ok(Value::Bool(_))) => {}
            (_, Ok(_)) => error = Some(EvalError::Overload),
            (_, Err(found)) => error = Some(found),
        }
    }
    match (error, quantifier) {
        (Some(error), _) => Err(error),
        (None, Quantifier::Exists) => Ok(Value::Bool(false)),
        (None, Quantifier::All) => Ok(Value::Bool(true)),
        (None, Quantifier::ExistsOne) => Ok(Value::Bool(count == 1)),
    }
}

fn call<'a, F: Facts>(
    function: Function,
    arguments: &'a [Node],
    facts: &'a F,
    locals: &mut Locals<'a>,
) -> Evaluated<'a> {
    let mut values = arguments.iter();
    let first = values
        .next()
        .ok_or(EvalError::Overload)?
        .evaluate(facts, locals)?;
    match values.next() {
        None => unary(function, first, facts),
        Some(second) => binary(function, first, second.evaluate(facts, locals)?, facts),
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "CEL's double() and int() round so"
)]
fn unary<'a, F: Facts>(function: Function, value: Value<'a>, facts: &'a F) -> Evaluated<'a> {
    Ok(match (function, value) {
        (Function::Not, Value::Bool(value)) => Value::Bool(!value),
        (Function::Negate, Value::Int(value)) => {
            Value::Int(value.checked_neg().ok_or(EvalError::Overflow)?)
        }
        (Function::Negate, Value::Double(value)) => Value::Double(-value),
        (Function::Size, Value::Text(text)) => length(text.chars().count())?,
        (Function::Size, list @ (Value::List(_) | Value::FieldList(_) | Value::FieldMap(_))) => {
            length(items(facts, &list).len())?
        }
        (Function::ToInt, value @ Value::Int(_))
        | (Function::ToDouble, value @ Value::Double(_))
        | (Function::ToString, value @ Value::Text(_)) => value,
        (Function::ToInt, Value::Uint(value)) => {
            Value::Int(i64::try_from(value).map_err(|_| EvalError::Overflow)?)
        }
        (Function::ToInt, Value::Double(value)) => {
            // 2^63 is the first double that an i64 cannot hold.
            if value.is_nan() || value.abs() >= 9_223_372_036_854_775_808.0 {
                return Err(EvalError::Overflow);
            }
            Value::Int(value as i64)
        }
        (Function::ToInt, Value::Text(text)) => Value::Int(
            text.trim_ascii()
                .parse()
                .map_err(|_| EvalError::Conversion)?,
        ),
        (Function::ToDouble, Value::Int(value)) => Value::Double(value as f64),
        (Function::ToDouble, Value::Uint(value)) => Value::Double(value as f64),
        (Function::ToDouble, Value::Text(text)) => Value::Double(
            text.trim_ascii()
                .parse()
                .map_err(|_| EvalError::Conversion)?,
        ),
        (Function::ToString, Value::Int(value)) => Value::Text(value.to_string().into()),
        (Function::ToString, Value::Uint(value)) => Value::Text(value.to_string().into()),
        (Function::ToString, Value::Double(value)) => Value::Text(double_text(value).into()),
        (Function::ToString, Value::Bool(value)) => Value::Text(value.to_string().into()),
        (Function::LowerAscii, Value::Text(text)) => Value::Text(match text {
            Cow::Borrowed(text) if !text.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                Cow::Borrowed(text)
            }
            other => Cow::Owned(other.to_ascii_lowercase()),
        }),
        _ => return Err(EvalError::Overload),
    })
}

/// A double as CEL's own implementation in C++ writes it: the shortest digits that read back, with an exponent of two
/// digits or more from 10^6 on and below 10^-4.
fn double_text(value: f64) -> String {
    if !value.is_finite() {
        let text = value.to_string();
        return text.to_ascii_lowercase();
    }
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if exponent < -4 => format!("{digits}e-{:02}", -exponent),
        Ok(exponent) if exponent >= 6 => format!("{digits}e+{exponent:02}"),
        _ => value.to_string(),
    }
}

fn length(count: usize) -> Evaluated<'static> {
    i64::try_from(count)
        .map(Value::Int)
        .map_err(|_| EvalError::Overflow)
}

fn binary<'a, F: Facts>(
    function: Function,
    left: Value<'a>,
    right: Value<'a>,
    facts: &'a F,
) -> Evaluated<'a> {
    let ordered = |wanted: fn(Ordering) -> bool| {
        // Doubles that are not numbers compare as false, as in CEL.
        Ok(Value::Bool(compare(&left, &right).is_some_and(wanted)))
    };
    match function {
        Function::Equal => Ok(Value::Bool(equal(facts, &left, &right))),
        Function::NotEqual => Ok(Value::Bool(!equal(facts, &left, &right))),
        Function::Less => ordered(Ordering::is_lt),
        Function::LessOrEqual => ordered(Ordering::is_le),
        Function::Greater => ordered(Ordering::is_gt),
        Function::GreaterOrEqual => ordered(Ordering::is_ge),
        Function::In => member(&left, &right, facts),
        Function::StartsWith => Ok(Value::Bool(as_text(&left)?.starts_with(as_text(&right)?))),
        Function::EndsWith => Ok(Value::Bool(as_text(&left)?.ends_with(as_text(&right)?))),
        Function::Contains => Ok(Value::Bool(as_text(&left)?.contains(as_text(&right)?))),
        Function::Add => add(left, right, facts),
        Function::Subtract | Function::Multiply | Function::Divide | Function::Modulo => {
            arithmetic(function, &left, &right)
        }
        _ => Err(EvalError::Overload),
    }
}

fn member<'a, F: Facts>(item: &Value<'a>, list: &Value<'a>, facts: &'a F) -> Evaluated<'a> {
    Ok(Value::Bool(match (item, list) {
        (Value::Text(text), Value::FieldList(field)) => facts.has_element(*field, text),
        (_, Value::FieldMap(_)) => has_key(facts, list, item)?,
        (_, Value::List(values)) => values.iter().any(|value| equal(facts, item, value)),
        _ => return Err(EvalError::Overload),
    }))
}

fn add<'a, F: Facts>(left: Value<'a>, right: Value<'a>, facts: &'a F) -> Evaluated<'a> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Ok(Value::Text(left + right)),
        (
            left @ (Value::List(_) | Value::FieldList(_)),
            right @ (Value::List(_) | Value::FieldList(_)),
        ) => {
            let mut both = items(facts, &left);
            both.extend(items(facts, &right));
            Ok(Value::List(both))
        }
        (left, right) => arithmetic(Function::Add, &left, &right),
    }
}

fn arithmetic<'a>(function: Function, left: &Value<'_>, right: &Value<'_>) -> Evaluated<'a> {
    let zero = matches!(right, Value::Int(0) | Value::Uint(0));
    if zero && matches!(function, Function::Divide | Function::Modulo) {
        return Err(EvalError::DivideByZero);
    }
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => {
            let result = match function {
                Function::Add => a.checked_add(*b),
                Function::Subtract => a.checked_sub(*b),
                Function::Multiply => a.checked_mul(*b),
                Function::Divide => a.checked_div(*b),
                _ => a.checked_rem(*b),
            };
            result.map(Value::Int).ok_or(EvalError::Overflow)
        }
        (Value::Uint(a), Value::Uint(b)) => {
            let result = match function {
                Function::Add => a.checked_add(*b),
                Function::Subtract => a.checked_sub(*b),
                Function::Multiply => a.checked_mul(*b),
                Function::Divide => a.checked_div(*b),
                _ => a.checked_rem(*b),
            };
            result.map(Value::Uint).ok_or(EvalError::Overflow)
        }
        (Value::Double(a), Value::Double(b)) => match function {
            Function::Add => Ok(Value::Double(a + b)),
            Function::Subtract => Ok(Value::Double(a - b)),
            Function::Multiply => Ok(Value::Double(a * b)),
            Function::Divide => Ok(Value::Double(a / b)),
            _ => Err(EvalError::Overload),
        },
        _ => Err(EvalError::Overload),
    }
}

#[cfg(test)]
mod tests {
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
        fn lookup(&self, _: Field, key: &str) -> Option<Cow<'_, str>> {
            (key == "there").then_some(Cow::Borrowed("value"))
        }
        fn on_list(&self, address: &str, list: usize) -> bool {
            address == "10.0.0.1" && list == 0
        }
    }

    fn holds(expr: &Expr) -> Result<bool, EvalError> {
        Expression::compile(expr, 1).unwrap().holds(&NoFacts)
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
