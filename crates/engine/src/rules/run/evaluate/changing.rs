//! Values that change while rules run (`TX`, collections, `MATCHED_…`), counts, and what is left out of a target.

use std::borrow::Cow;

use super::actions::expand;
use super::{Context, Run, State};
use crate::rules::program::Program;
use crate::rules::program::macros::{CompiledMacro, CompiledPart};
use crate::rules::program::prefilter::{Bits, contains};
use crate::rules::program::rule::{CompiledCtl, CompiledLink, CompiledRule, CompiledRuleAction};
use crate::rules::program::target::{CompiledTarget, Members, ValueSource};
use crate::rules::program::tx::TxValue;
use crate::rules::run::places;
use crate::rules::wire::{Collection, Variable};

impl Run<'_, '_> {
    pub(super) fn count(&self, index: usize, link: &CompiledLink, target: &CompiledTarget) -> i64 {
        let excluded = |name: &[u8]| self.is_excluded(index, link, target, name);
        let count = match &target.source {
            ValueSource::Facts(places) => places
                .iter()
                .flat_map(|(slot, _)| self.context.facts.members(*slot))
                .filter(|(name, _)| target.selects(name) && !excluded(name))
                .count(),
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

    pub(super) fn is_excluded(
        &self,
        index: usize,
        link: &CompiledLink,
        target: &CompiledTarget,
        name: &[u8],
    ) -> bool {
        if link.exclusions.is_empty() && self.state.removed_targets.is_empty() {
            return false;
        }
        let excludes = |exclusion: &CompiledTarget| {
            if exclusion.variable != target.variable {
                return matches!(
                    target.variable,
                    Variable::StarfortArgs | Variable::StarfortArgsNames
                ) && places::is_excluded_by(exclusion, name);
            }
            exclusion.source.meets(&target.source)
                && match exclusion.members {
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

/// The `ctl:ruleRemoveTarget…` at a place.
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

fn key_of(state: &State, collection: Collection) -> Option<&[u8]> {
    state
        .keys
        .iter()
        .find(|(known, _)| *known == collection)
        .map(|(_, key)| key.as_slice())
}

/// Whose record of a collection is open, as the store knows it: sessions and users of two applications (`SecWebAppId`)
/// are not the same.
pub(super) fn record_key<'s>(
    context: &Context<'_>,
    state: &'s State,
    collection: Collection,
) -> Option<Cow<'s, [u8]>> {
    let key = key_of(state, collection)?;
    if !matches!(collection, Collection::Session | Collection::User) {
        return Some(Cow::Borrowed(key));
    }
    let application = context.program.settings.web_app_id.as_bytes();
    Some(Cow::Owned([application, b"\0", key].concat()))
}

/// Names and values of what changes while rules run.
pub(super) fn members(
    context: &Context<'_>,
    state: &State,
    target: &CompiledTarget,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let text = |value: &TxValue| {
        let mut out = Vec::new();
        value.push(&mut out);
        out
    };
    let all: Vec<(Vec<u8>, Vec<u8>)> = match &target.source {
        ValueSource::Tx => {
            let names = &context.program.names;
            if let Members::Places(places, regex) = &target.members {
                return state
                    .tx
                    .selected(names, places, |name| regex.is_match(name))
                    .map(|(name, value)| (name.to_vec(), text(value)))
                    .collect();
            }
            state
                .tx
                .iter(names)
                .filter(|(name, _)| target.selects(name))
                .map(|(name, value)| (name.to_vec(), text(value)))
                .collect()
        }
        ValueSource::Stored(collection) => match record_key(context, state, *collection) {
            Some(key) => context
                .collections
                .read(*collection, &key, state.now_us / 1_000_000)
                .into_iter()
                .map(|(name, value)| (name.to_vec(), text(&value)))
                .collect(),
            None => state
                .unopened
                .iter()
                .filter(|(of, ..)| of == collection)
                .map(|(_, name, value)| (name.to_vec(), text(value)))
                .collect(),
        },
        _ => changing(context, state, target),
    };
    let by_name = matches!(target.members, Members::Name(_) | Members::Regex(_));
    if by_name {
        all.into_iter()
            .filter(|(name, _)| target.selects(name))
            .collect()
    } else {
        all
    }
}

fn changing(
    context: &Context<'_>,
    state: &State,
    target: &CompiledTarget,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let one = |value: Vec<u8>| vec![(Vec::new(), value)];
    let number = |value: i64| one(value.to_string().into_bytes());
    match target.variable {
        Variable::MatchedVar => one(state.matched_var.clone()),
        Variable::MatchedVarName => one(state.matched_name.clone()),
        Variable::MatchedVars => state
            .matched_vars
            .iter()
            .map(|matched| (matched.name.clone(), matched.value.clone()))
            .collect(),
        Variable::MatchedVarsNames => state
            .matched_vars
            .iter()
            .map(|matched| (matched.name.clone(), matched.name.clone()))
            .collect(),
        Variable::HighestSeverity => number(state.highest_severity.map_or(255, i64::from)),
        // Microseconds, as in ModSecurity v2.
        Variable::Duration => {
            number(i64::try_from(state.now_us.saturating_sub(state.started_us)).unwrap_or(i64::MAX))
        }
        Variable::ReqbodyProcessor => one(state.processor.clone().unwrap_or_default().into_bytes()),
        Variable::Env => state.environment.clone(),
        Variable::Geo => state.geo.clone(),
        Variable::Sessionid => key_of(state, Collection::Session)
            .map(|key| one(key.to_vec()))
            .unwrap_or_default(),
        Variable::Userid => key_of(state, Collection::User)
            .map(|key| one(key.to_vec()))
            .unwrap_or_default(),
        Variable::Rule => {
            let Some(rule) = context.program.rules.get(state.rule) else {
                return Vec::new();
            };
            about(context, state, rule)
        }
        _ => Vec::new(),
    }
}

/// The members of `RULE`: those that the rule has.
fn about(context: &Context<'_>, state: &State, rule: &CompiledRule) -> Vec<(Vec<u8>, Vec<u8>)> {
    let texts = [
        ("id", Some(rule.id.to_string())),
        ("rev", Some(rule.rev.clone()).filter(|rev| !rev.is_empty())),
        ("ver", Some(rule.ver.clone()).filter(|ver| !ver.is_empty())),
        (
            "severity",
            rule.severity.map(|severity| severity.to_string()),
        ),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?.into_bytes())));
    let macros = [
        (
            "logdata",
            rule.links
                .iter()
                .rev()
                .find_map(|link| link.logdata.as_ref()),
        ),
        (
            "msg",
            rule.links.iter().rev().find_map(|link| link.msg.as_ref()),
        ),
    ];
    let macros = macros.into_iter().filter_map(|(name, text)| {
        let mut out = Vec::new();
        expand(context, state, &without_rule(text?), &mut out);
        Some((name, out))
    });
    texts
        .chain(macros)
        .map(|(name, text)| (name.as_bytes().to_vec(), text))
        .collect()
}

/// A message or log data that names `RULE` would be filled in without end: what it says of that stays out.
fn without_rule(text: &CompiledMacro) -> CompiledMacro {
    let is_about_rule = |part: &&CompiledPart| {
        matches!(
            part,
            CompiledPart::Var(Variable::Rule, _) | CompiledPart::Pattern(Variable::Rule, _)
        )
    };
    let parts = text.0.iter().filter(|part| !is_about_rule(part));
    CompiledMacro(parts.cloned().collect())
}
