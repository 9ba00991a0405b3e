//! The results that a condition can have when a name has more than one value.
//!
//! Servers differ in which of two values they take, and a list has all of its items. So each comparison is made with
//! every value, and `&&`, `||`, `!`, `?:` and the macros join what comparisons *can* come to. Negation swaps holding and
//! failing: with `role=user&role=admin`, `role == "admin"` and `role != "admin"` can both hold, and so can their
//! negations. A policy that restricts asks whether its condition can hold; one that lets pass asks whether its condition
//! holds whichever value is taken.
//!
//! The cost is the number of values of each comparison, not of their combinations over a condition. The price is that two
//! comparisons of one name are not tied together: each may be met by another of its values.

use super::choices::Frame;
use super::node::Node;
use super::value::{EvalError, Evaluated, Facts, Texts, Value, items, text_of};
use crate::bundle::expression::{Function, Quantifier};

/// Combinations of values that one comparison is made with. No single name is repeated as often as this, because the
/// limits of parsers are lower. Two long lists that are compared with each other could have more combinations; they then
/// count as both equal and unequal, so that no restriction is missed and no permission is given.
const MAX_COMBINATIONS: usize = 1 << 17;

/// The results that a condition can have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcomes {
    holds: bool,
    fails: bool,
    error: Option<EvalError>,
}

impl From<Result<bool, EvalError>> for Outcomes {
    fn from(result: Result<bool, EvalError>) -> Self {
        Self {
            holds: result == Ok(true),
            fails: result == Ok(false),
            error: result.err(),
        }
    }
}

impl Outcomes {
    const HOLDS: Self = Self {
        holds: true,
        fails: false,
        error: None,
    };
    const FAILS: Self = Self {
        holds: false,
        fails: true,
        error: None,
    };

    /// Whether it holds with some values, as `exists()` of CEL would say of them.
    ///
    /// # Errors
    /// It never holds, and is an error with some.
    pub fn for_some(self) -> Result<bool, EvalError> {
        match self.error {
            // A value that makes it hold decides, as in CEL's `exists()`: else a decoy such as `int("x")` beside the real
            // value would turn the policy off.
            _ if self.holds => Ok(true),
            Some(error) => Err(error),
            None => Ok(false),
        }
    }

    /// Whether it holds with all values, as `all()` of CEL would say of them.
    ///
    /// # Errors
    /// It never fails, and is an error with some.
    pub fn for_all(self) -> Result<bool, EvalError> {
        match self.error {
            // And a value that makes it fail takes the permission away, whatever results the others have.
            _ if self.fails => Ok(false),
            Some(error) => Err(error),
            None => Ok(self.holds),
        }
    }

    /// The results that either of two conditions can have.
    #[must_use]
    pub fn or_else(self, other: Self) -> Self {
        Self {
            holds: self.holds || other.holds,
            fails: self.fails || other.fails,
            error: self.error.or(other.error),
        }
    }

    fn not(self) -> Self {
        Self {
            holds: self.fails,
            fails: self.holds,
            error: self.error,
        }
    }

    /// `&&`: a side that fails decides, whatever the other one is.
    fn and(self, other: Self) -> Self {
        // An error counts only beside something that does not decide: CEL absorbs it where the other side is false.
        let beside = |error: Option<EvalError>, side: Self| {
            error.filter(|_| side.holds || side.error.is_some())
        };
        Self {
            holds: self.holds && other.holds,
            fails: self.fails || other.fails,
            error: beside(self.error, other).or_else(|| beside(other.error, self)),
        }
    }

    fn or(self, other: Self) -> Self {
        // De Morgan: what `&&` knows about errors is then true of `||` too.
        self.not().and(other.not()).not()
    }
}

impl Node {
    /// The results that this node can have as a condition.
    pub(super) fn outcomes<'a, F: Facts>(
        &'a self,
        facts: &'a F,
        frame: &mut Frame<'a>,
    ) -> Outcomes {
        match self {
            Self::And(left, right) => {
                let left = left.outcomes(facts, frame);
                // Only where it can do nothing but fail: if it can hold too, the other side matters.
                if left == Outcomes::FAILS {
                    return left;
                }
                left.and(right.outcomes(facts, frame))
            }
            Self::Or(left, right) => {
                let left = left.outcomes(facts, frame);
                if left == Outcomes::HOLDS {
                    return left;
                }
                left.or(right.outcomes(facts, frame))
            }
            Self::Conditional(parts) => either(parts, facts, frame),
            Self::Comprehension(quantifier, list, predicate) => {
                let mut all = Outcomes::default();
                list.each(facts, frame, |list, frame| {
                    all = all.or_else(match list {
                        Ok(list) => over(*quantifier, &list, predicate, facts, frame),
                        Err(error) => Err(error).into(),
                    });
                    true
                });
                all
            }
            Self::Call(Function::Not, arguments) if arguments.len() == 1 => arguments
                .first()
                .map(|condition| condition.outcomes(facts, frame).not())
                .unwrap_or_default(),
            comparison => comparison.compared(facts, frame),
        }
    }

    /// One comparison with each value.
    fn compared<'a, F: Facts>(&'a self, facts: &'a F, frame: &mut Frame<'a>) -> Outcomes {
        let mut all = Outcomes::default();
        let complete = self.each(facts, frame, |value, _| {
            let held = value.and_then(|value| match value {
                Value::Bool(held) => Ok(held),
                _ => Err(EvalError::Overload),
            });
            all = all.or_else(held.into());
            // Nothing more can be learned once it can both hold and fail.
            !(all.holds && all.fails)
        });
        if !complete {
            // Not every combination was tried, so both are assumed: then no restriction is missed and no permission
            // given.
            (all.holds, all.fails) = (true, true);
        }
        all
    }

    /// Evaluates an expression with each value of the names in it, until `then` wants no more. Returns `false` when
    /// there are more combinations than are tried.
    fn each<'a, F: Facts>(
        &'a self,
        facts: &'a F,
        frame: &mut Frame<'a>,
        mut then: impl FnMut(Evaluated<'a>, &mut Frame<'a>) -> bool,
    ) -> bool {
        let before = frame.begin();
        let mut left = MAX_COMBINATIONS;
        let complete = loop {
            let value = self.evaluate(facts, frame);
            if !then(value, frame) || !frame.next() {
                break true;
            }
            left -= 1;
            if left == 0 {
                break false;
            }
        };
        frame.end(before);
        complete
    }

    /// See [`super::expression::Expression::texts`].
    pub(super) fn texts<'a, F: Facts>(
        &'a self,
        facts: &'a F,
        frame: &mut Frame<'a>,
        limit: usize,
    ) -> Result<Texts<'a>, EvalError> {
        let (mut texts, mut failed) = (Texts::new(), None);
        self.each(facts, frame, |value, _| {
            match value.and_then(text_of) {
                Ok(text) => texts.push(text),
                // One value's error must not hide the texts of the others.
                Err(error) => failed = Some(error),
            }
            true
        });
        if texts.is_empty() {
            return Err(failed.unwrap_or(EvalError::NoSuchKey));
        }
        // Servers take the first or the last value, so the texts at both ends are kept.
        if texts.len() > limit {
            let behind = texts.len() - limit / 2;
            texts.drain(limit.div_ceil(2)..behind);
        }
        Ok(texts)
    }
}

/// The results that `c ? a : b` can have: those of both sides, when the condition can hold and fail.
fn either<'a, F: Facts>(
    parts: &'a (Node, Node, Node),
    facts: &'a F,
    frame: &mut Frame<'a>,
) -> Outcomes {
    let (test, yes, no) = parts;
    let test = test.outcomes(facts, frame);
    let mut all = Outcomes {
        error: test.error,
        ..Outcomes::default()
    };
    if test.holds {
        all = all.or_else(yes.outcomes(facts, frame));
    }
    if test.fails {
        all = all.or_else(no.outcomes(facts, frame));
    }
    all
}

/// The results of a macro over a list, of which each item's predicate can have several results.
fn over<'a, F: Facts>(
    quantifier: Quantifier,
    list: &Value<'a>,
    predicate: &'a Node,
    facts: &'a F,
    frame: &mut Frame<'a>,
) -> Outcomes {
    let mut each = |item| {
        frame.locals.push(item);
        let one = predicate.outcomes(facts, frame);
        frame.locals.pop();
        one
    };
    let mut items = items(facts, list).into_iter();
    match quantifier {
        Quantifier::All => folded(&mut items, Outcomes::HOLDS, Outcomes::FAILS, |all, item| {
            all.and(each(item))
        }),
        Quantifier::Exists => folded(&mut items, Outcomes::FAILS, Outcomes::HOLDS, |all, item| {
            all.or(each(item))
        }),
        Quantifier::ExistsOne => exactly_one(&mut items, each),
    }
}

/// Joins the results of items, until the joined result is `decided`, which no further item can change.
fn folded<'a>(
    items: &mut impl Iterator<Item = Value<'a>>,
    begin: Outcomes,
    decided: Outcomes,
    mut join: impl FnMut(Outcomes, Value<'a>) -> Outcomes,
) -> Outcomes {
    let mut all = begin;
    for item in items {
        all = join(all, item);
        if all == decided {
            break;
        }
    }
    all
}

/// `exists_one`: counts the items that hold at least, and those that hold at most.
fn exactly_one<'a>(
    items: &mut impl Iterator<Item = Value<'a>>,
    mut each: impl FnMut(Value<'a>) -> Outcomes,
) -> Outcomes {
    let (mut least, mut most, mut error) = (0_usize, 0_usize, None);
    for item in items {
        let one = each(item);
        // An item that is an error with every value makes the macro an error (CEL: `exists_one` absorbs no errors).
        if !one.holds && !one.fails {
            return one;
        }
        least += usize::from(!one.fails);
        most += usize::from(one.holds);
        error = error.or(one.error);
    }
    // It can hold when the number of items that hold, which lies between `least` and `most`, can be 1.
    Outcomes {
        holds: least <= 1 && most >= 1,
        fails: least != 1 || most != 1,
        error,
    }
}
