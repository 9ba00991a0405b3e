//! Answers the guards of rules whose first condition compares a number.

use crate::rules::operators::compare_numbers;
use crate::rules::program::guard::{Comparison, Guard, Number};
use crate::rules::program::tx::TxValue;
use crate::rules::run::facts::Facts;
use crate::rules::run::tx::Tx;

impl Guard {
    /// Whether the rule may match. The guard does not know about exclusions by `ctl`; the caller must check these.
    pub(crate) fn may_match(&self, tx: &Tx, facts: &Facts) -> bool {
        let (value, comparison) = match self {
            Self::Open => return true,
            Self::Tx(place, comparison) => match tx.at(*place) {
                Some(value) => (value.integer(), comparison),
                // A variable that is not set has no value that could match, also when the operator is negated.
                None => return false,
            },
            Self::TxCount(place, comparison) => (i64::from(tx.at(*place).is_some()), comparison),
            Self::Count(slot, None, comparison) => {
                let range = facts.range(*slot);
                (i64::try_from(range.len()).unwrap_or(i64::MAX), comparison)
            }
            Self::Count(slot, Some(name), comparison) => {
                let members = facts.members(*slot);
                let count = members
                    .filter(|(known, _)| known.eq_ignore_ascii_case(name))
                    .count();
                (i64::try_from(count).unwrap_or(i64::MAX), comparison)
            }
        };
        comparison.holds(value, tx)
    }
}

impl Comparison {
    fn holds(self, value: i64, tx: &Tx) -> bool {
        let with = match self.with {
            Number::Literal(number) => number,
            // An unset variable expands to an empty text, which counts as 0 (as `bytes::integer` reads it).
            Number::Tx(place) => tx.at(place).map_or(0, TxValue::integer),
        };
        compare_numbers(self.operator, value, with) != self.negated
    }
}
