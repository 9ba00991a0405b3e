//! Rules whose first condition compares a number (a score, a level, how many headers there are): answered from one small
//! table, so that a rule that does not match, as most of these do, is not even looked at.

use super::compiled::OperatorKind;
use super::facts::{Facts, Slot};
use super::macros::CompiledPart;
use super::operators::{Check, compare_numbers};
use super::program::{CompiledLink, CompiledRule, CompiledTarget, Members, Source};
use super::tx::{Tx, TxValue};

/// What must hold for a rule to match.
#[derive(Debug)]
pub(crate) enum Guard {
    /// Nothing is known.
    Open,
    /// A `TX` variable compares.
    Tx(u16, Comparison),
    /// The number of variables of this name that are set does, which is 0 or 1.
    TxCount(u16, Comparison),
    /// How many facts there are does.
    Count(Slot, Option<Box<[u8]>>, Comparison),
}

/// `@eq`, `@ge` and their like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comparison {
    operator: OperatorKind,
    negated: bool,
    with: Number,
}

#[derive(Debug, Clone, Copy)]
enum Number {
    Literal(i64),
    /// Of a `TX` variable.
    Tx(u16),
}

impl Comparison {
    fn of(link: &CompiledLink) -> Option<Self> {
        use OperatorKind as K;
        let operator = link.operator.kind;
        let with = match (&link.operator.check, link.argument.0.as_slice()) {
            (Check::Number(number), _) => Number::Literal(*number),
            (Check::Macro, [CompiledPart::Tx(place)])
                if matches!(operator, K::Eq | K::Ge | K::Gt | K::Le | K::Lt) =>
            {
                Number::Tx(*place)
            }
            _ => return None,
        };
        Some(Self {
            operator,
            negated: link.negated,
            with,
        })
    }

    fn holds(self, value: i64, tx: &Tx) -> bool {
        let with = match self.with {
            Number::Literal(number) => number,
            Number::Tx(place) => tx.at(place).map_or(0, TxValue::integer),
        };
        compare_numbers(self.operator, value, with) != self.negated
    }
}

impl Guard {
    pub(crate) fn new(rule: &CompiledRule) -> Self {
        Self::of(rule).unwrap_or(Self::Open)
    }

    fn of(rule: &CompiledRule) -> Option<Self> {
        let link = rule.links.first()?;
        let [target] = link.targets.as_slice() else {
            return None;
        };
        let plain = link.chain == 0 && link.stages.is_empty() && link.exclusions.is_empty();
        let comparison = Comparison::of(link).filter(|_| plain)?;
        Self::target(target, comparison)
    }

    fn target(target: &CompiledTarget, comparison: Comparison) -> Option<Self> {
        match (&target.source, &target.members, target.count) {
            (Source::Tx, Members::Place(place), false) => Some(Self::Tx(*place, comparison)),
            (Source::Tx, Members::Place(place), true) => Some(Self::TxCount(*place, comparison)),
            (Source::Facts(places), members, true) => {
                let [(slot, _)] = places.as_slice() else {
                    return None;
                };
                let name = match members {
                    Members::All => None,
                    Members::Name(name) => Some(name.clone()),
                    _ => return None,
                };
                Some(Self::Count(*slot, name, comparison))
            }
            _ => None,
        }
    }

    /// Whether the rule may match. What `ctl` excludes from it must be looked at apart.
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
