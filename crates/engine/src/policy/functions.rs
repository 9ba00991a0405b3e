//! Operators and functions of CEL on values.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::value::{EvalError, Evaluated, Facts, Value, compare, equal, items};
use crate::bundle::expression::Function;

/// A function or operator with one argument.
pub(super) fn unary<'a, F: Facts>(
    function: Function,
    value: Value<'a>,
    facts: &'a F,
) -> Evaluated<'a> {
    match (function, value) {
        (Function::Not, Value::Bool(value)) => Ok(Value::Bool(!value)),
        (Function::Negate, Value::Int(value)) => (value.checked_neg())
            .map(Value::Int)
            .ok_or(EvalError::Overflow),
        (Function::Negate, Value::Double(value)) => Ok(Value::Double(-value)),
        // CEL counts code points, not bytes (language definition, list of standard definitions).
        (Function::Size, Value::Text(text)) => length(text.chars().count()),
        (Function::Size, list @ (Value::List(_) | Value::FieldList(_) | Value::FieldMap(_))) => {
            length(items(facts, &list).len())
        }
        (Function::ToInt, value) => to_int(value),
        (Function::ToDouble, value) => to_double(value),
        (Function::ToString, value) => to_text(value),
        (Function::LowerAscii, Value::Text(text)) => Ok(Value::Text(match text {
            // Most texts are lower case already, and then nothing is copied.
            Cow::Borrowed(text) if !text.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                Cow::Borrowed(text)
            }
            other => Cow::Owned(other.to_ascii_lowercase()),
        })),
        _ => Err(EvalError::Overload),
    }
}

/// `int(a)`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "CEL's int() cuts a double's fraction off"
)]
fn to_int(value: Value<'_>) -> Evaluated<'_> {
    match value {
        Value::Int(_) => Ok(value),
        Value::Uint(value) => i64::try_from(value)
            .map(Value::Int)
            .map_err(|_| EvalError::Overflow),
        // 2^63 is the first double that an i64 cannot hold.
        Value::Double(value) if value.is_nan() || value.abs() >= 9_223_372_036_854_775_808.0 => {
            Err(EvalError::Overflow)
        }
        Value::Double(value) => Ok(Value::Int(value as i64)),
        Value::Text(text) => (text.trim_ascii().parse())
            .map(Value::Int)
            .map_err(|_| EvalError::Conversion),
        _ => Err(EvalError::Overload),
    }
}

/// `double(a)`.
#[expect(
    clippy::cast_precision_loss,
    reason = "CEL's double() rounds to the nearest double"
)]
fn to_double(value: Value<'_>) -> Evaluated<'_> {
    match value {
        Value::Double(_) => Ok(value),
        Value::Int(value) => Ok(Value::Double(value as f64)),
        Value::Uint(value) => Ok(Value::Double(value as f64)),
        Value::Text(text) => (text.trim_ascii().parse())
            .map(Value::Double)
            .map_err(|_| EvalError::Conversion),
        _ => Err(EvalError::Overload),
    }
}

/// `string(a)`.
fn to_text(value: Value<'_>) -> Evaluated<'_> {
    match value {
        Value::Text(_) => Ok(value),
        Value::Int(value) => Ok(Value::Text(value.to_string().into())),
        Value::Uint(value) => Ok(Value::Text(value.to_string().into())),
        Value::Double(value) => Ok(Value::Text(double_text(value).into())),
        Value::Bool(value) => Ok(Value::Text(value.to_string().into())),
        _ => Err(EvalError::Overload),
    }
}

/// The text that a value has to be: Python checked that it is one.
pub(super) fn as_text<'v>(value: &'v Value<'_>) -> Result<&'v str, EvalError> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(EvalError::Overload),
    }
}

/// Whether a map has a key.
pub(super) fn has_key<F: Facts>(
    facts: &F,
    map: &Value<'_>,
    key: &Value<'_>,
) -> Result<bool, EvalError> {
    match (map, key) {
        (Value::FieldMap(field), Value::Text(key)) => Ok(facts.has_key(*field, key)),
        _ => Err(EvalError::Overload),
    }
}

/// A double as CEL's own implementation in C++ writes it: the shortest digits that read back, with an exponent of two
/// digits or more from 10^6 on and below 10^-4.
fn double_text(value: f64) -> String {
    if !value.is_finite() {
        // CEL writes `nan` and `inf` in lower case, where Rust writes `NaN`.
        let text = value.to_string();
        return text.to_ascii_lowercase();
    }
    // Rust's `{:e}` gives the shortest digits that read back, which is what CEL asks for; the form is made below.
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

pub(super) fn binary<'a, F: Facts>(
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
        // The transaction searches its own elements, so that no list has to be made of them.
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
        // Texts and lists are matched above, because they need the values themselves, where arithmetic only borrows
        // them.
        (left, right) => arithmetic(Function::Add, &left, &right),
    }
}

/// Arithmetic on two numbers of one kind; CEL mixes none.
fn arithmetic<'a>(function: Function, left: &Value<'_>, right: &Value<'_>) -> Evaluated<'a> {
    // Asked first, because division by zero has an error of its own; below it would only be an overflow.
    let zero = matches!(right, Value::Int(0) | Value::Uint(0));
    if zero && matches!(function, Function::Divide | Function::Modulo) {
        return Err(EvalError::DivideByZero);
    }
    // Each operation is checked: a number that a client chose must not make the engine wrap or panic.
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => match function {
            Function::Add => a.checked_add(*b),
            Function::Subtract => a.checked_sub(*b),
            Function::Multiply => a.checked_mul(*b),
            Function::Divide => a.checked_div(*b),
            _ => a.checked_rem(*b),
        }
        .map(Value::Int)
        .ok_or(EvalError::Overflow),
        (Value::Uint(a), Value::Uint(b)) => match function {
            Function::Add => a.checked_add(*b),
            Function::Subtract => a.checked_sub(*b),
            Function::Multiply => a.checked_mul(*b),
            Function::Divide => a.checked_div(*b),
            _ => a.checked_rem(*b),
        }
        .map(Value::Uint)
        .ok_or(EvalError::Overflow),
        (Value::Double(a), Value::Double(b)) => match function {
            Function::Add => Ok(Value::Double(a + b)),
            Function::Subtract => Ok(Value::Double(a - b)),
            Function::Multiply => Ok(Value::Double(a * b)),
            Function::Divide => Ok(Value::Double(a / b)),
            // CEL has no `%` for doubles (language definition, list of standard definitions).
            _ => Err(EvalError::Overload),
        },
        _ => Err(EvalError::Overload),
    }
}
