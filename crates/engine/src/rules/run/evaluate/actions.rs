//! What rules do when they match: captures, `setvar`, collections, `ctl`; and texts with variables in them.

use super::members::{members, record_key};
use super::{Context, MAX_TEXT_BYTES, Run, State};
use crate::rules::bytes;
use crate::rules::operators::{Captures, MAX_CAPTURES};
use crate::rules::program::Program;
use crate::rules::program::macros::{CompiledMacro, CompiledPart};
use crate::rules::program::prefilter::Bits;
use crate::rules::program::rule::{CompiledCtl, CompiledLink, CompiledRuleAction};
use crate::rules::program::slots::Side;
use crate::rules::program::target::{CompiledTarget, Members, ValueSource, source_of};
use crate::rules::program::tx::{TxValue, changed};
use crate::rules::wire::{Collection, SetOp, Variable};

/// Variables of collections that no rule opened.
const MAX_UNOPENED: usize = 256;

impl<'a> Run<'a, '_> {
    /// Captures and actions of a match.
    pub(super) fn matched(&mut self, link: &'a CompiledLink, captures: Option<Captures>) -> bool {
        if let Some(captures) = captures {
            let mut captures = captures.into_iter();
            for place in 0..u16::try_from(MAX_CAPTURES).unwrap_or(0) {
                let text = captures.next().map(|text| TxValue::Text(text.into()));
                self.state.tx.set_at(place, text);
            }
        }
        if link.reads_matched {
            self.settle();
        }
        for action in &link.actions {
            self.act(action);
        }
        true
    }

    fn act(&mut self, action: &'a CompiledRuleAction) {
        match action {
            CompiledRuleAction::SetTx(place, op, value) => self.set_tx(*place, *op, value),
            CompiledRuleAction::SetTxTo(place, value) => {
                self.state.tx.set_at(*place, Some(value.clone()));
            }
            CompiledRuleAction::SetVar(collection, key, op, value) => {
                let (mut name, value) = (self.expand(key), self.expand(value));
                name.make_ascii_lowercase();
                if *collection == Collection::Tx {
                    self.state
                        .tx
                        .change(&self.context.program.names, &name, *op, &value);
                } else if let Some(key) = record_key(&self.context, self.state, *collection) {
                    let now_s = self.state.now_us / 1_000_000;
                    self.context
                        .collections
                        .change(*collection, &key, &name, *op, &value, now_s);
                } else {
                    self.change_unopened(*collection, &name, *op, &value);
                }
            }
            CompiledRuleAction::ExpireVar(collection, key, seconds) => {
                let (name, seconds) = (self.expand(key).to_ascii_lowercase(), self.expand(seconds));
                let seconds = u64::try_from(bytes::integer(&seconds)).unwrap_or(0);
                let expires_s = (self.state.now_us / 1_000_000).saturating_add(seconds);
                if let Some(key) = record_key(&self.context, self.state, *collection) {
                    self.context
                        .collections
                        .expire(*collection, &key, &name, expires_s);
                }
            }
            CompiledRuleAction::InitCol(collection, key) => {
                let key = self.expand(key);
                let timeout_s = self.context.program.settings.collection_timeout_s;
                self.state.keys.retain(|(known, _)| known != collection);
                self.state.keys.push((*collection, key));
                if let Some(key) = record_key(&self.context, self.state, *collection) {
                    let now_s = self.state.now_us / 1_000_000;
                    self.context
                        .collections
                        .touch(*collection, &key, now_s, timeout_s);
                }
            }
            CompiledRuleAction::SetEnv(name, value) => {
                let (name, value) = (self.expand(name), self.expand(value));
                if self.state.environment.len() < 64 {
                    self.state.environment.push((name, value));
                }
            }
            CompiledRuleAction::Ctl(ctl) => self.ctl(ctl, action),
        }
    }

    /// `setvar` on a collection that no rule opened.
    fn change_unopened(&mut self, collection: Collection, name: &[u8], op: SetOp, value: &[u8]) {
        let unopened = &mut self.state.unopened;
        let position = unopened
            .iter()
            .position(|(of, known, _)| *of == collection && **known == *name);
        let old = position
            .and_then(|at| unopened.get(at))
            .map(|(_, _, value)| value);
        match (position, changed(old, op, value)) {
            (Some(at), Some(new)) => {
                if let Some((_, _, value)) = unopened.get_mut(at) {
                    *value = new;
                }
            }
            (Some(at), None) => drop(unopened.remove(at)),
            (None, Some(new)) if unopened.len() < MAX_UNOPENED => {
                unopened.push((collection, name.into(), new));
            }
            (None, _) => {}
        }
    }

    fn set_tx(&mut self, place: u16, op: SetOp, value: &CompiledMacro) {
        // Adding one variable to another is what scoring does all the time.
        if let ([CompiledPart::Tx(other)], SetOp::Add | SetOp::Subtract) = (value.0.as_slice(), op)
        {
            let tx = &mut self.state.tx;
            let number = tx.at(*other).map_or(0, TxValue::integer);
            let old = tx.at(place).map_or(0, TxValue::integer);
            let new = if op == SetOp::Add {
                old.saturating_add(number)
            } else {
                old.saturating_sub(number)
            };
            return tx.set_at(place, Some(TxValue::Integer(new)));
        }
        if let ([CompiledPart::Tx(other)], SetOp::Set) = (value.0.as_slice(), op) {
            let copy = self.state.tx.at(*other).cloned();
            let copy = copy.unwrap_or_else(|| TxValue::Text([].as_slice().into()));
            return self.state.tx.set_at(place, Some(copy));
        }
        let text = self.expand(value);
        self.state.tx.change_at(place, op, &text);
    }

    fn ctl(&mut self, ctl: &'a CompiledCtl, action: &'a CompiledRuleAction) {
        let state = &mut *self.state;
        match ctl {
            CompiledCtl::Engine(mode) => state.mode = *mode,
            CompiledCtl::RequestBodyAccess(on) => state.request_body_access = *on,
            CompiledCtl::ResponseBodyAccess(on) => state.response_body_access = *on,
            CompiledCtl::ForceRequestBodyVariable(on) => state.force_request_body = *on,
            CompiledCtl::RequestBodyProcessor(name) => state.processor = Some(name.clone()),
            CompiledCtl::RemoveRules(bits) => {
                let removed = state
                    .removed
                    .get_or_insert_with(|| Bits::new(self.context.program.rules.len()));
                removed.union(&bits.0);
            }
            CompiledCtl::RemoveTarget(..) => {
                let place = place_of(self.context.program, state.rule, action);
                if let Some(place) = place
                    && !state.removed_targets.contains(&place)
                {
                    state.removed_targets.push(place);
                }
            }
        }
    }

    pub(super) fn expand(&self, text: &CompiledMacro) -> Vec<u8> {
        let mut out = Vec::new();
        self.expand_into(text, &mut out);
        out
    }

    pub(super) fn expand_into(&self, text: &CompiledMacro, out: &mut Vec<u8>) {
        expand(&self.context, self.state, text, out);
    }
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
    out.truncate(MAX_TEXT_BYTES.max(out.len().min(MAX_TEXT_BYTES)));
}

/// The first value of a variable, of those with a name that is `selected`.
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

/// Where an action is: its rule and its number among the rule's actions.
fn place_of(program: &Program, rule: usize, wanted: &CompiledRuleAction) -> Option<(u32, u16)> {
    let actions = program
        .rules
        .get(rule)?
        .links
        .iter()
        .flat_map(|link| &link.actions);
    let position = actions
        .into_iter()
        .position(|action| std::ptr::eq(action, wanted))?;
    Some((u32::try_from(rule).ok()?, u16::try_from(position).ok()?))
}
