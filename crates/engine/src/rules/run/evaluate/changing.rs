//! Values that change while rules run (`TX`, collections, `MATCHED_…`), and texts with variables in them. Both are in
//! one module because each needs the other: a text names variables, and `RULE.msg` is a text.

use std::borrow::Cow;

use super::state::{Context, MAX_TEXT_BYTES, Run, State};
use crate::rules::program::macros::{CompiledMacro, CompiledPart};
use crate::rules::program::rule::CompiledRule;
use crate::rules::program::slots::Side;
use crate::rules::program::target::{CompiledTarget, Members, ValueSource, source_of};
use crate::rules::program::tx::TxValue;
use crate::rules::run::report::MatchedVar;
use crate::rules::wire::{Collection, Variable};

/// The name and the value of a member.
type Member = (Vec<u8>, Vec<u8>);

impl Run<'_, '_> {
    /// A text with its variables filled in.
    pub(super) fn expand(&self, text: &CompiledMacro) -> Vec<u8> {
        let mut out = Vec::new();
        self.expand_into(text, &mut out);
        out
    }

    /// Appends a text with its variables filled in to `out`.
    pub(super) fn expand_into(&self, text: &CompiledMacro, out: &mut Vec<u8>) {
        expand(&self.context, self.state, text, out);
    }
}

fn key_of(state: &State, collection: Collection) -> Option<&[u8]> {
    state
        .keys
        .iter()
        .find(|(known, _)| *known == collection)
        .map(|(_, key)| key.as_slice())
}

/// The key of the open record of a collection, as the store knows it. For sessions and users it contains the
/// application (`SecWebAppId`), because two applications may use the same names.
pub(super) fn record_key<'s>(
    context: &Context<'_>,
    state: &'s State,
    collection: Collection,
) -> Option<Cow<'s, [u8]>> {
    let key = key_of(state, collection)?;
    // An address means the same client in every application.
    if !matches!(collection, Collection::Session | Collection::User) {
        return Some(Cow::Borrowed(key));
    }
    let application = context.program.settings.web_app_id.as_bytes();
    Some(Cow::Owned([application, b"\0", key].concat()))
}

/// Names and values of a target whose values change while rules run.
pub(super) fn members(
    context: &Context<'_>,
    state: &State,
    target: &CompiledTarget,
) -> Vec<Member> {
    let all = match &target.source {
        ValueSource::Tx => return tx_members(context, state, target),
        ValueSource::Stored(collection) => stored(context, state, *collection),
        _ => changing(context, state, target.variable),
    };
    if matches!(target.members, Members::Name(_) | Members::Regex(_)) {
        let selected = |(name, _): &Member| target.selects(name);
        all.into_iter().filter(selected).collect()
    } else {
        all
    }
}

fn text_of(value: &TxValue) -> Vec<u8> {
    let mut out = Vec::new();
    value.push(&mut out);
    out
}

fn tx_members(context: &Context<'_>, state: &State, target: &CompiledTarget) -> Vec<Member> {
    let names = &context.program.names;
    let member = |(name, value): (&[u8], &TxValue)| (name.to_vec(), text_of(value));
    // The names that appear in rules were compared with the pattern when the rules loaded.
    if let Members::Places(places, regex) = &target.members {
        let selected = state
            .tx
            .selected(names, places, |name| regex.is_match(name));
        return selected.map(member).collect();
    }
    let all = state.tx.iter(names);
    all.filter(|(name, _)| target.selects(name))
        .map(member)
        .collect()
}

/// The members of a collection: those of the open record, or those that rules set without opening one.
fn stored(context: &Context<'_>, state: &State, collection: Collection) -> Vec<Member> {
    if let Some(key) = record_key(context, state, collection) {
        let now_s = state.now_us / 1_000_000;
        let read = context.collections.read(collection, &key, now_s);
        return read
            .into_iter()
            .map(|(name, value)| (name.to_vec(), text_of(&value)))
            .collect();
    }
    let unopened = state.unopened.iter();
    unopened
        .filter(|(of, ..)| *of == collection)
        .map(|(_, name, value)| (name.to_vec(), text_of(value)))
        .collect()
}

fn changing(context: &Context<'_>, state: &State, variable: Variable) -> Vec<Member> {
    let one = |value: Vec<u8>| vec![(Vec::new(), value)];
    let number = |value: i64| one(value.to_string().into_bytes());
    let matched = |member: fn(&MatchedVar) -> Member| state.matched_vars.iter().map(member);
    let key = |collection| key_of(state, collection).map(|key| one(key.to_vec()));
    match variable {
        Variable::MatchedVar => one(state.matched_var.clone()),
        Variable::MatchedVarName => one(state.matched_name.clone()),
        Variable::MatchedVars => matched(|var| (var.name.clone(), var.value.clone())).collect(),
        Variable::MatchedVarsNames => matched(|var| (var.name.clone(), var.name.clone())).collect(),
        // 255 means that no rule with a severity has matched (ModSecurity manual, HIGHEST_SEVERITY).
        Variable::HighestSeverity => number(state.highest_severity.map_or(255, i64::from)),
        // Microseconds, as in ModSecurity v2.
        Variable::Duration => {
            number(i64::try_from(state.now_us.saturating_sub(state.started_us)).unwrap_or(i64::MAX))
        }
        Variable::ReqbodyProcessor => one(state.processor.clone().unwrap_or_default().into_bytes()),
        Variable::Env => state.environment.clone(),
        Variable::Geo => state.geo.clone(),
        // These are the keys of the collections that `setsid` and `setuid` opened.
        Variable::Sessionid => key(Collection::Session).unwrap_or_default(),
        Variable::Userid => key(Collection::User).unwrap_or_default(),
        Variable::Rule => {
            let rule = context.program.rules.get(state.rule);
            rule.map_or_else(Vec::new, |rule| about(context, state, rule))
        }
        _ => Vec::new(),
    }
}

/// The members of `RULE` that the rule has.
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

/// A text without the parts that name `RULE`. A message that names `RULE.msg` would otherwise expand without end.
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

/// A text with its variables filled in.
pub(super) fn expand(
    context: &Context<'_>,
    state: &State,
    text: &CompiledMacro,
    out: &mut Vec<u8>,
) {
    for part in &text.0 {
        match part {
            CompiledPart::Text(text) => out.extend_from_slice(text),
            CompiledPart::Tx(place) => {
                if let Some(value) = state.tx.at(*place) {
                    value.push(out);
                }
            }
            CompiledPart::Var(variable, key) => {
                let selected = |name: &[u8]| {
                    key.as_ref()
                        .is_none_or(|key| name.eq_ignore_ascii_case(key))
                };
                push_variable(context, state, *variable, selected, out);
            }
            CompiledPart::Pattern(variable, pattern) => {
                let selected = |name: &[u8]| pattern.0.is_match(name);
                push_variable(context, state, *variable, selected, out);
            }
        }
    }
    // A text may name a value as large as a body, and may name it several times.
    out.truncate(MAX_TEXT_BYTES.max(out.len().min(MAX_TEXT_BYTES)));
}

/// Appends the value of the first member whose name is `selected`.
fn push_variable(
    context: &Context<'_>,
    state: &State,
    variable: Variable,
    selected: impl Fn(&[u8]) -> bool,
    out: &mut Vec<u8>,
) {
    let source = source_of(variable);
    if let ValueSource::Facts(places) = &source {
        for (slot, side) in places {
            let found = context
                .facts
                .members(*slot)
                .find(|(name, _)| selected(name));
            if let Some((name, value)) = found {
                let text = if *side == Side::Name { name } else { value };
                return out.extend_from_slice(text.get(..MAX_TEXT_BYTES).unwrap_or(text));
            }
        }
        return;
    }
    // A text names one value at a time, so its target is made here instead of being stored for each text when rules
    // load.
    let target = CompiledTarget {
        variable,
        source,
        members: Members::All,
        count: false,
    };
    let found = members(context, state, &target)
        .into_iter()
        .find(|(name, _)| selected(name));
    if let Some((_, value)) = found {
        out.extend_from_slice(&value);
    }
}
