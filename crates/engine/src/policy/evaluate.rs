//! Evaluating a checked expression with one value for each parameter, as CEL's own implementation does.

use std::borrow::Cow;

use super::choices::Frame;
use super::functions::{as_text, binary, has_key, unary};
use super::node::Node;
use super::value::{EvalError, Evaluated, Facts, Value, is_collection, items};
use crate::bundle::expression::{Field, Function, Quantifier};
use crate::client::address;

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
                // Any other number of arguments is left to `evaluate`, which answers with an error.
                if let [condition] = arguments.as_slice() {
                    return condition.holds(facts, frame).map(|holds| !holds);
                }
            }
            Self::Call(function, arguments) => {
                if let Some(holds) = asked_of_field(*function, arguments, facts) {
                    return Ok(holds);
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
            Self::HasKey(map, key) => {
                let (map, key) = (map.evaluate(facts, frame)?, key.evaluate(facts, frame)?);
                has_key(facts, &map, &key).map(Value::Bool)
            }
            Self::Call(function, arguments) => self::call(*function, arguments, facts, frame),
            Self::Matches(text, _) | Self::InList(text, _) | Self::InCidr(text, ..) => {
                let value = text.evaluate(facts, frame)?;
                self.test(as_text(&value)?, facts).map(Value::Bool)
            }
            // Through `holds`, so that comparisons below them are answered without values there too.
            Self::And(..) | Self::Or(..) => self.holds(facts, frame).map(Value::Bool),
            Self::Conditional(parts) => chosen(parts, facts, frame)?.evaluate(facts, frame),
            Self::Comprehension(quantifier, list, predicate) => {
                let list = list.evaluate(facts, frame)?;
                comprehend(*quantifier, &list, predicate, facts, frame)
            }
        }
    }

    /// Whether a text matches the pattern, or is an address on the list or in the network, that this node asks for.
    fn test<F: Facts>(&self, text: &str, facts: &F) -> Result<bool, EvalError> {
        match self {
            Self::Matches(_, pattern) => Ok(pattern.is_match(text)),
            Self::InList(_, list) => Ok(facts.on_list(text, *list)),
            Self::InCidr(_, low, high) => {
                let address = address::parse(text).ok_or(EvalError::Conversion)?;
                Ok((*low..=*high).contains(&address::number(address)))
            }
            _ => Err(EvalError::Overload),
        }
    }
}

/// The result of a call that asks a field for an element, a key or a text. `None` for every other call.
#[inline]
fn asked_of_field<F: Facts>(function: Function, arguments: &[Node], facts: &F) -> Option<bool> {
    match (function, arguments) {
        (Function::In, [Node::Constant(Value::Text(text)), Node::Field(field)]) => {
            let is_map = is_collection(*field)?;
            Some(if is_map {
                facts.has_key(*field, text)
            } else {
                facts.has_element(*field, text)
            })
        }
        (
            Function::Equal | Function::NotEqual,
            [Node::Field(field), Node::Constant(Value::Text(text))],
        ) => match facts_text(*field, facts)? {
            Value::Text(found) => Some((*found == **text) == (function == Function::Equal)),
            _ => None,
        },
        _ => None,
    }
}

/// The value of a field that is one value; `None` for lists and maps.
#[inline]
fn facts_text<F: Facts>(field: Field, facts: &F) -> Option<Value<'_>> {
    is_collection(field).is_none().then(|| facts.scalar(field))
}

/// The side of `c ? a : b` that the condition takes.
fn chosen<'a, F: Facts>(
    parts: &'a (Node, Node, Node),
    facts: &'a F,
    frame: &mut Frame<'a>,
) -> Result<&'a Node, EvalError> {
    let (test, yes, no) = parts;
    match test.evaluate(facts, frame)? {
        Value::Bool(true) => Ok(yes),
        Value::Bool(false) => Ok(no),
        _ => Err(EvalError::Overload),
    }
}

fn borrow<'a>(value: &'a Value<'static>) -> Value<'a> {
    match value {
        // A literal lives as long as the bundle, so no comparison has to copy it.
        Value::Text(text) => Value::Text(Cow::Borrowed(text)),
        other => other.clone(),
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
    // CEL: an error on one side is absorbed when the other side decides, in whichever order they stand.
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
        // A negative or too large index is a missing element, as with a map's keys: an error, never a panic.
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

fn comprehend<'a, F: Facts>(
    quantifier: Quantifier,
    list: &Value<'a>,
    predicate: &'a Node,
    facts: &'a F,
    frame: &mut Frame<'a>,
) -> Evaluated<'a> {
    let (mut error, mut count) = (None, 0_usize);
    for item in items(facts, list) {
        // The variable is there for the predicate alone.
        frame.locals.push(item);
        let held = predicate.evaluate(facts, frame);
        frame.locals.pop();
        match (quantifier, held) {
            (Quantifier::Exists, Ok(Value::Bool(true))) => return Ok(Value::Bool(true)),
            (Quantifier::All, Ok(Value::Bool(false))) => return Ok(Value::Bool(false)),
            (Quantifier::ExistsOne, Ok(Value::Bool(held))) => count += usize::from(held),
            // `exists_one` must see every item to count them, so an error cannot be absorbed by a later one.
            (Quantifier::ExistsOne, Err(found)) => return Err(found),
            (_, Ok(Value::Bool(_))) => {}
            // Kept and not returned, because a later item may still decide; then CEL ignores the error.
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
