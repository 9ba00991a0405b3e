//! Guards for rules whose first condition compares a number (a score, a level, how many headers there are). One small
//! table answers them, so that most of these rules are ruled out without being looked at.

use crate::rules::operators::Check;
use crate::rules::program::macros::CompiledPart;
use crate::rules::program::rule::{CompiledLink, CompiledRule};
use crate::rules::program::slots::Slot;
use crate::rules::program::target::{CompiledTarget, Members, ValueSource};
use crate::rules::wire::OperatorKind;

/// What must hold for a rule to match.
#[derive(Debug)]
pub(crate) enum Guard {
    /// Nothing is known, so the rule may match.
    Open,
    /// The number in a `TX` variable must compare so.
    Tx(u16, Comparison),
    /// The number of `TX` variables of this name, which is 0 or 1, must compare so.
    TxCount(u16, Comparison),
    /// The number of facts in this slot, of this name if there is one, must compare so.
    Count(Slot, Option<Box<[u8]>>, Comparison),
}

/// `@eq`, `@ge` and their like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comparison {
    pub(crate) operator: OperatorKind,
    pub(crate) negated: bool,
    pub(crate) with: Number,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Literal(i64),
    /// The number in a `TX` variable.
    Tx(u16),
}

impl Comparison {
    fn of(link: &CompiledLink) -> Option<Self> {
        use OperatorKind as K;
        let operator = link.operator.kind;
        let with = match (&link.operator.check, link.argument.0.as_slice()) {
            (Check::Number(number), _) => Number::Literal(*number),
            // This is the usual comparison of CRS: a score with a threshold from the settings.
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
}

impl Guard {
    pub(crate) fn new(rule: &CompiledRule) -> Self {
        Self::of(rule).unwrap_or(Self::Open)
    }

    fn of(rule: &CompiledRule) -> Option<Self> {
        let link = rule.links.first()?;
        // With several targets, one of them may match although another does not.
        let [target] = link.targets.as_slice() else {
            return None;
        };
        // A guard compares the number itself, so transformations and exclusions leave it open.
        let plain = link.chain == 0 && link.stages.is_empty() && link.exclusions.is_empty();
        let comparison = Comparison::of(link).filter(|_| plain)?;
        Self::target(target, comparison)
    }

    fn target(target: &CompiledTarget, comparison: Comparison) -> Option<Self> {
        match (&target.source, &target.members, target.count) {
            (ValueSource::Tx, Members::Place(place), false) => Some(Self::Tx(*place, comparison)),
            (ValueSource::Tx, Members::Place(place), true) => {
                Some(Self::TxCount(*place, comparison))
            }
            (ValueSource::Facts(places), members, true) => {
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
}
