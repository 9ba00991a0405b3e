//! Values of CEL expressions, and the questions that the evaluator asks of a transaction.

use std::borrow::Cow;
use std::cmp::Ordering;

use smallvec::SmallVec;

use crate::bundle::expression::Field;

/// A value while an expression is evaluated. Text is borrowed where it can be, and lists and maps of the transaction stay
/// where they are: most conditions ask them for one element.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// bool
    Bool(bool),
    /// int
    Int(i64),
    /// uint
    Uint(u64),
    /// double
    Double(f64),
    /// string
    Text(Cow<'a, str>),
    /// list
    List(Vec<Value<'a>>),
    /// A list of strings that the transaction holds; read when needed.
    FieldList(Field),
    /// A map of strings that the transaction holds; read when needed.
    FieldMap(Field),
}

/// The result of an evaluation.
pub(super) type Evaluated<'a> = Result<Value<'a>, EvalError>;

/// The texts of one expression.
pub type Texts<'a> = SmallVec<[Cow<'a, str>; 1]>;

/// Why an expression has no value. The policy then does not match, and the error is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvalError {
    /// A map has no such key.
    NoSuchKey,
    /// Arithmetic beyond 64 bits.
    Overflow,
    /// Division by zero.
    DivideByZero,
    /// A conversion that the text or number does not allow.
    Conversion,
    /// Operands that the checker should not have let through.
    Overload,
}

impl EvalError {
    /// Stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoSuchKey => "no_such_key",
            Self::Overflow => "overflow",
            Self::DivideByZero => "divide_by_zero",
            Self::Conversion => "conversion",
            Self::Overload => "no_such_overload",
        }
    }
}

/// The values that a map has under one name.
pub type Values<'a> = SmallVec<[Cow<'a, str>; 1]>;

/// What a transaction tells the evaluator. A trait, so that policies know nothing of transactions and tests need none.
pub trait Facts {
    /// The value of a field that is neither a list nor a map.
    fn scalar(&self, field: Field) -> Value<'_>;
    /// Elements of a list, or keys of a map, each key once.
    fn elements(&self, field: Field) -> SmallVec<[&str; 8]>;
    /// Whether a list has an element.
    fn has_element(&self, field: Field, text: &str) -> bool {
        self.elements(field).contains(&text)
    }
    /// Whether a map has a key.
    fn has_key(&self, field: Field, key: &str) -> bool;
    /// Every value of a map's key, in the order of arrival: a name may come more than once.
    fn values(&self, field: Field, key: &str) -> Values<'_>;
    /// Whether an address, as text, is on a list of the bundle.
    fn on_list(&self, address: &str, list: usize) -> bool;
}

/// Whether a field is a list or a map.
pub(crate) const fn is_collection(field: Field) -> Option<bool> {
    match field {
        Field::RequestHeaders
        | Field::RequestQuery
        | Field::RequestCookies
        | Field::RequestBody
        | Field::IdentityClaims
        | Field::ResponseHeaders => Some(true),
        Field::RequestAnomalies
        | Field::EndpointLabels
        | Field::IdentityScopes
        | Field::Findings
        | Field::SensitiveRequest
        | Field::SensitiveResponse
        | Field::RulesMatched
        | Field::ContractViolations => Some(false),
        _ => None,
    }
}

/// CEL's order of two values; numbers of all kinds compare by value. `None`: not comparable.
pub(crate) fn compare(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    use Value::{Bool, Int, Text, Uint};
    match (left, right) {
        // Numbers of different kinds compare by value: to CEL `client.asn == 64500.0` is not a mistake.
        (Bool(a), Bool(b)) => Some(a.cmp(b)),
        (Int(a), Int(b)) => Some(a.cmp(b)),
        (Uint(a), Uint(b)) => Some(a.cmp(b)),
        (Text(a), Text(b)) => Some(a.cmp(b)),
        // Neither i64 nor u64 holds the other's values, and a double would round them.
        (Int(a), Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Uint(a), Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        _ => number(left)?.partial_cmp(&number(right)?),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "CEL compares ints and doubles as doubles when kinds differ"
)]
fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Uint(number) => Some(*number as f64),
        Value::Double(number) => Some(*number),
        _ => None,
    }
}

/// CEL's equality; values of different kinds are unequal.
pub(crate) fn equal<F: Facts>(facts: &F, left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::List(_) | Value::FieldList(_), Value::List(_) | Value::FieldList(_)) => {
            let (left, right) = (items(facts, left), items(facts, right));
            left.len() == right.len() && left.iter().zip(&right).all(|(a, b)| equal(facts, a, b))
        }
        _ => compare(left, right) == Some(Ordering::Equal),
    }
}

/// Elements of a list value, or keys of a map value.
pub(crate) fn items<'a, F: Facts>(facts: &'a F, value: &Value<'a>) -> Vec<Value<'a>> {
    match value {
        // Copied, because the expression may ask for the same list again.
        Value::List(items) => items.clone(),
        Value::FieldList(field) | Value::FieldMap(field) => facts
            .elements(*field)
            .into_iter()
            .map(|text| Value::Text(Cow::Borrowed(text)))
            .collect(),
        _ => Vec::new(),
    }
}

/// The text that a value is.
///
/// # Errors
/// The value is not a text.
pub(super) fn text_of(value: Value<'_>) -> Result<Cow<'_, str>, EvalError> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(EvalError::Overload),
    }
}
