//! What rules do when they match: captures, `setvar`, collections, `ctl`.

use super::changing::record_key;
use super::state::Run;
use crate::rules::bytes;
use crate::rules::operators::{Captures, MAX_CAPTURES};
use crate::rules::program::Program;
use crate::rules::program::macros::{CompiledMacro, CompiledPart};
use crate::rules::program::prefilter::Bits;
use crate::rules::program::rule::{CompiledCtl, CompiledLink, CompiledRuleAction};
use crate::rules::program::tx::{TxValue, changed};
use crate::rules::wire::{Collection, SetOp};

/// How many variables `setenv` keeps in one transaction. Rules choose the names, but a rule may run for each of many
/// values.
const MAX_ENVIRONMENT: usize = 64;

/// How many variables a transaction keeps for collections that no rule opened. A name may contain what a client sent.
const MAX_UNOPENED: usize = 256;

impl<'a> Run<'a, '_> {
    /// Sets the captures and runs the actions of a match. Returns `true`, so that callers can return it as their
    /// answer.
    pub(super) fn matched(&mut self, link: &'a CompiledLink, captures: Option<Captures>) -> bool {
        if let Some(captures) = captures {
            // All ten are set, so that a group of an earlier match is never taken for a group of this match.
            let mut captures = captures.into_iter();
            for place in 0..u16::try_from(MAX_CAPTURES).unwrap_or(0) {
                let text = captures.next().map(|text| TxValue::Text(text.into()));
                self.state.tx.set_at(place, text);
            }
        }
        if link.reads_matched {
            self.settle();
        }
        // Actions run after captures and `MATCHED_…` are set, because their texts may read both.
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
                let (name, value) = (self.expand(key).to_ascii_lowercase(), self.expand(value));
                self.set_variable(*collection, &name, *op, &value);
            }
            CompiledRuleAction::ExpireVar(collection, key, seconds) => {
                let (name, seconds) = (self.expand(key).to_ascii_lowercase(), self.expand(seconds));
                self.expire(*collection, &name, bytes::integer(&seconds));
            }
            CompiledRuleAction::InitCol(collection, key) => {
                let key = self.expand(key);
                self.open(*collection, key);
            }
            CompiledRuleAction::SetEnv(name, value) => {
                let (name, value) = (self.expand(name), self.expand(value));
                if self.state.environment.len() < MAX_ENVIRONMENT {
                    self.state.environment.push((name, value));
                }
            }
            CompiledRuleAction::Ctl(ctl) => self.ctl(ctl, action),
        }
    }

    /// `setvar` on a `TX` variable whose name is made while rules run, or on a variable of another collection.
    fn set_variable(&mut self, collection: Collection, name: &[u8], op: SetOp, value: &[u8]) {
        if collection == Collection::Tx {
            let names = &self.context.program.names;
            self.state.tx.change(names, name, op, value);
        } else if let Some(key) = record_key(&self.context, self.state, collection) {
            let collections = self.context.collections;
            collections.change(collection, &key, name, op, value, self.now_s());
        } else {
            self.change_unopened(collection, name, op, value);
        }
    }

    /// `expirevar`; a number of seconds below 0 is 0.
    fn expire(&mut self, collection: Collection, name: &[u8], seconds: i64) {
        let seconds = u64::try_from(seconds).unwrap_or(0);
        let expires_s = self.now_s().saturating_add(seconds);
        if let Some(key) = record_key(&self.context, self.state, collection) {
            let collections = self.context.collections;
            collections.expire(collection, &key, name, expires_s);
        }
    }

    /// `initcol` and its siblings.
    fn open(&mut self, collection: Collection, key: Vec<u8>) {
        let timeout_s = self.context.program.settings.collection_timeout_s;
        // The latest `initcol` counts.
        self.state.keys.retain(|(known, _)| *known != collection);
        self.state.keys.push((collection, key));
        if let Some(key) = record_key(&self.context, self.state, collection) {
            let collections = self.context.collections;
            collections.touch(collection, &key, self.now_s(), timeout_s);
        }
    }

    fn now_s(&self) -> u64 {
        self.state.now_us / 1_000_000
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
        // Adding one variable to another is what each scoring rule does, so it is done here without making text of
        // numbers.
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
            // A variable that is not set expands to an empty text, and a variable that is set to an empty text counts
            // as set.
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
                // Few transactions remove rules, so the set is made only when the first rule is removed.
                let removed = state
                    .removed
                    .get_or_insert_with(|| Bits::new(self.context.program.rules.len()));
                removed.union(&bits.0);
            }
            CompiledCtl::RemoveTarget(..) => {
                let place = place_of(self.context.program, state.rule, action);
                // A rule that matches many values would list its removal once for each of them.
                if let Some(place) = place
                    && !state.removed_targets.contains(&place)
                {
                    state.removed_targets.push(place);
                }
            }
        }
    }
}

/// The position of an action: the index of its rule, and the action's number among the actions of all links of the
/// rule.
fn place_of(program: &Program, rule: usize, wanted: &CompiledRuleAction) -> Option<(u32, u16)> {
    let actions = program
        .rules
        .get(rule)?
        .links
        .iter()
        .flat_map(|link| &link.actions);
    let position = actions
        .into_iter()
        // By address: two actions with the same content may stand in one rule, and comparing content would cost more.
        .position(|action| std::ptr::eq(action, wanted))?;
    Some((u32::try_from(rule).ok()?, u16::try_from(position).ok()?))
}
