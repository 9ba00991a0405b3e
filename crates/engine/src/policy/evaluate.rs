//! Evaluating a checked expression with one value for each parameter: CEL as its own implementation has it.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::choices::Frame;
use super::expression::Node;
use super::value::{EvalError, Facts, Value, compare, equal, is_collection, items};
use crate::bundle::{Function, Quantifier};
use crate::client::address;

pub(super) type Evaluated<'a> = Result<Value<'a>, EvalError>;

impl Node {
    /// [`Self::evaluate`] for a condition. Most conditions compare a field with a text or ask for a member; those
    /// are answered here without a [`Value`] for each part, which is most of the work.
    pub(super) fn holds<'a, F: Facts>(
        &'a self,
        facts: &'a F,
        frame: &mut Frame<'a>,
    ) -> Result<bool, EvalError> {
        match self {
            Self::And(left, right) => {
                return decided(left, right, false, |node| node.holds(facts, frame));
            }
            Self::Or(left, right) => {
                return decided(left, right, true, |node| node.holds(facts, frame));
            }
            Self::Call(Function::Not, arguments) => {
                if let [condition] = arguments.as_slice() {
                    return condition.holds(facts, frame).map(|holds| !holds);
                }
            }
            Self::Call(Function::In, arguments) => {
                if let [Self::Constant(Value::Text(text)), Self::Field(field)] =
                    arguments.as_slice()
                {
                    match is_collection(*field) {
                        Some(true) => return Ok(facts.has_key(*field, text)),
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
        match self.evaluate(facts, frame)? {
            Value::Bool(holds) => Ok(holds),
            _ => Err(EvalError::Overload),
        }
    }

    pub(super) fn evaluate<'a, F: Facts>(
        &'a self,
        facts: &'a F,
        frame: &mut Frame<'a>,
    ) -> Evaluated<'a> {
        match self {
            Self::Constant(value) => Ok(borrow(value)),
            Self::List(nodes) => nodes
                .iter()
                .map(|node| node.evaluate(facts, frame))
                .collect::<Result<_, _>>()
                .map(Value::List),
            Self::Field(field) => Ok(match is_collection(*field) {
                Some(true) => Value::FieldMap(*field),
                Some(false) => Value::FieldList(*field),
                None => facts.scalar(*field),
            }),
            Self::Local(depth) => frame.local(*depth).ok_or(EvalError::Overload),
            Self::Index(map, key) => {
                let (map, key) = (map.evaluate(facts, frame)?, key.evaluate(facts, frame)?);
                index(facts, &map, &key, frame)
            }
            Self::HasKey(map, key) => has_key(
                facts,
                &map.evaluate(facts, frame)?,
                &key.evaluate(facts, frame)?,
            )
            .map(Value::Bool),
            Self::Call(function, arguments) => self::call(*function, arguments, facts, frame),
            Self::Matches(text, pattern) => {
                let value = text.evaluate(facts, frame)?;
                Ok(Value::Bool(pattern.is_match(as_text(&value)?)))
            }
            Self::InList(text, list) => {
                let value = text.evaluate(facts, frame)?;
                Ok(Value::Bool(facts.on_list(as_text(&value)?, *list)))
            }
            Self::InCidr(text, low, high) => {
                let value = text.evaluate(facts, frame)?;
                let address = address::parse(as_text(&value)?).ok_or(EvalError::Conversion)?;
                Ok(Value::Bool(
                    (*low..=*high).contains(&address::number(address)),
                ))
            }
            Self::And(..) | Self::Or(..) => self.holds(facts, frame).map(Value::Bool),
            Self::Conditional(parts) => {
                let (test, yes, no) = &**parts;
                match test.evaluate(facts, frame)? {
                    Value::Bool(true) => yes.evaluate(facts, frame),
                    Value::Bool(false) => no.evaluate(facts, frame),
                    _ => Err(EvalError::Overload),
                }
            }
            Self::Comprehension(quantifier, list, predicate) => {
                let list = list.evaluate(facts, frame)?;
                comprehend(*quantifier, &list, predicate, facts, frame)
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

fn index<'a, F: Facts>(
    facts: &'a F,
    map: &Value<'a>,
    key: &Value<'a>,
    frame: &mut Frame<'a>,
) -> Evaluated<'a> {
    match (map, key) {
        (Value::FieldMap(field), Value::Text(key)) => frame
            .value(facts, *field, key)
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
        (Value::FieldMap(field), Value::Text(key)) => Ok(facts.has_key(*field, key)),
        _ => Err(EvalError::Overload),
    }
}

fn comprehend<'a, F: Facts>(
    quantifier: Quantifier,
    list: &Value<'a>,
    predicate: &'a Node,
    facts: &'a F,
    frame: &mut Frame<'a>,
) -> Evaluated<'a> {
    let (mut error, mut count) = (None, 0_usize);
    for item in items(facts, list) {
        frame.locals.push(item);
        let held = predicate.evaluate(facts, frame);
        frame.locals.pop();
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
    frame: &mut Frame<'a>,
) -> Evaluated<'a> {
    let mut values = arguments.iter();
    let first = values
        .next()
        .ok_or(EvalError::Overload)?
        .evaluate(facts, frame)?;
    match values.next() {
        None => unary(function, first, facts),
        Some(second) => binary(function, first, second.evaluate(facts, frame)?, facts),
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
