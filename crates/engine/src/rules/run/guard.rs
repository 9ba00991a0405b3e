//! Asks the guard of a rule, which answers for rules whose first condition compares a number.

use crate::rules::operators::compare_numbers;
use crate::rules::program::guard::{Comparison, Guard, Number};
use crate::rules::program::tx::TxValue;
use crate::rules::run::facts::Facts;
use crate::rules::run::tx::Tx;

impl Guard {
    /// Whether the rule may match. Exclusions by `ctl` are not considered; the caller has to.
    pub(crate) fn may_match(&self, tx: &Tx, facts: &Facts) -> bool {
        let (value, comparison) = match self {
            Self::Open => return true,
            Self::Tx(place, comparison) => match tx.at(*place) {
                Some(value) => (value.integer(), comparison),
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
            Number::Tx(place) => tx.at(place).map_or(0, TxValue::integer),
        };
        compare_numbers(self.operator, value, with) != self.negated
    }
}
