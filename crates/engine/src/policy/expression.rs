//! Expressions as policies ask them: compiled once when a bundle loads (`node.rs`), evaluated per request
//! (`evaluate.rs`), for each value of a repeated parameter (`outcomes.rs`).

use super::choices::Frame;
use super::node::{Compiler, Node};
use super::outcomes::Outcomes;
use super::value::{EvalError, Facts, Texts, text_of};
use crate::bundle::expression::{Expr, Field};
use crate::error::EngineError;

/// An expression that is ready to be evaluated.
#[derive(Debug)]
pub struct Expression {
    node: Node,
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

    /// The results that a condition can have, over every value of each repeated parameter.
    pub fn outcomes<'a, F: Facts>(&'a self, facts: &'a F) -> Outcomes {
        // First with the first value of each name: nearly every request repeats no name, and then this is all.
        let mut frame = Frame::default();
        let held = self.node.holds(facts, &mut frame);
        if frame.met_repeated() {
            return self.node.outcomes(facts, &mut frame);
        }
        held.into()
    }

    /// The texts that an expression can give, in the order of arrival. Of more than `limit` texts those at both ends
    /// are kept, because servers take the first or the last one.
    ///
    /// # Errors
    /// When no value gives a text: the error that CEL defines for it.
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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use smallvec::SmallVec;

    use super::super::value::{Value, Values};
    use super::*;
    use crate::bundle::expression::{Function, Quantifier};

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
