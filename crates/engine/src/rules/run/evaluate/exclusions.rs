//! Counts members of targets, and decides which members are left out: by the rule itself (`!ARGS:x`), or by a `ctl`
//! that ran before.

use super::changing::members;
use super::state::Run;
use crate::rules::program::Program;
use crate::rules::program::prefilter::{Bits, contains};
use crate::rules::program::rule::{CompiledCtl, CompiledLink, CompiledRuleAction};
use crate::rules::program::target::{CompiledTarget, Members, ValueSource};
use crate::rules::run::places;
use crate::rules::wire::Variable;

impl Run<'_, '_> {
    /// How many members a target has.
    pub(super) fn count(&self, index: usize, link: &CompiledLink, target: &CompiledTarget) -> i64 {
        let excluded = |name: &[u8]| self.is_excluded(index, link, target, name);
        let count = match &target.source {
            ValueSource::Facts(places) => places
                .iter()
                .flat_map(|(slot, _)| self.context.facts.members(*slot))
                .filter(|(name, _)| target.selects(name) && !excluded(name))
                .count(),
            // A named variable is either set or not, so its text is not needed.
            ValueSource::Tx if let Members::Place(place) = target.members => {
                usize::from(self.state.tx.at(place).is_some())
            }
            _ => members(&self.context, self.state, target)
                .iter()
                .filter(|(name, _)| !excluded(name))
                .count(),
        };
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    /// Whether a member is left out.
    pub(super) fn is_excluded(
        &self,
        index: usize,
        link: &CompiledLink,
        target: &CompiledTarget,
        name: &[u8],
    ) -> bool {
        // This is the usual case, and it is asked for every value of every rule.
        if link.exclusions.is_empty() && self.state.removed_targets.is_empty() {
            return false;
        }
        let excludes = |exclusion: &CompiledTarget| {
            if exclusion.variable != target.variable {
                // `!ARGS:x` also excludes what decoders make of `x`, although those values are in another variable.
                return matches!(
                    target.variable,
                    Variable::StarfortArgs | Variable::StarfortArgsNames
                ) && places::is_excluded_by(exclusion, name);
            }
            exclusion.source.meets(&target.source)
                && match exclusion.members {
                    // `selects` is always true for one variable of `TX`, so the name is compared here.
                    Members::Place(place) => self
                        .context
                        .program
                        .names
                        .names
                        .get(usize::from(place))
                        .is_some_and(|known| **known == *name),
                    _ => exclusion.selects(name),
                }
        };
        if link.exclusions.iter().any(excludes) {
            return true;
        }
        self.state.removed_targets.iter().any(|(rule, action)| {
            removal(self.context.program, *rule, *action)
                .is_some_and(|(rules, exclusion)| contains(&rules.0, index) && excludes(exclusion))
        })
    }
}

/// The `ctl:ruleRemoveTarget…` at a position: the rules that it concerns, and the target that it removes.
fn removal(program: &Program, rule: u32, action: u16) -> Option<(&Bits, &CompiledTarget)> {
    let mut actions = program
        .rules
        .get(rule as usize)?
        .links
        .iter()
        .flat_map(|link| &link.actions);
    match actions.nth(usize::from(action))? {
        CompiledRuleAction::Ctl(CompiledCtl::RemoveTarget(rules, target)) => Some((rules, target)),
        _ => None,
    }
}
