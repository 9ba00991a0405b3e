//! Which rules need never run, because rules before them always skip them or constants never match.
//!
//! The Core Rule Set is divided by paranoia level: `SecRule TX:DETECTION_PARANOIA_LEVEL "@lt 2" "…,skipAfter:END"`,
//! and the level is set by constants. Here the `TX` variables are followed through the phases; where one depends on
//! a request it is unknown from there on, and so is whatever depends on it. What is left out of the plan for this
//! reason would have been skipped, or not matched, by every transaction, or does nothing but skip such rules. Rules at
//! the beginning that set variables to constants whatever the transaction is are left out as well, and the variables have
//! these values from the start. Callers that set `TX` variables of their own get the whole
//! plan ([`super::Inspection::set_tx`]).

use std::collections::BTreeMap;

use crate::rules::operators::MAX_CAPTURES;
use crate::rules::program::macros::{CompiledMacro, CompiledPart};
use crate::rules::program::prefilter::Bits;
use crate::rules::program::rule::{
    CompiledAction, CompiledCtl, CompiledLink, CompiledRule, Disruption,
};
use crate::rules::program::target::{Members, Source};
use crate::rules::program::tx::Names;
use crate::rules::program::tx::{TxValue, changed};
use crate::rules::wire::{Collection, SetOp, Variable};

/// Names of variables that the pipeline sets begin with this.
pub(crate) const GIVEN: &[u8] = b"starfort_";

/// What is known of a variable: `None` nothing, `Some(None)` that it is not set.
type Known = Option<Option<TxValue>>;

struct Follower<'a> {
    rules: &'a [CompiledRule],
    names: &'a Names,
    known: Vec<Known>,
    /// Where rules that may skip would go on.
    landings: Vec<usize>,
    /// The phase may have ended, or not begun.
    ended: bool,
    dead: Bits,
    /// Variables that a rule of phase 1 that is not left out may look at or set; `None`: any.
    touched: Option<Bits>,
    /// What rules that are left out have set.
    initial: BTreeMap<u16, Option<TxValue>>,
}

/// What is the same in every transaction.
#[derive(Debug)]
pub(crate) struct Constants {
    /// Rules that no transaction runs, or none has match, or that do what `initial` has done.
    pub(crate) dead: Bits,
    /// Variables by place, as they are when phase 1 begins.
    pub(crate) initial: Vec<(u16, TxValue)>,
}

/// Follow the variables through all rules.
pub(crate) fn constants(rules: &[CompiledRule], names: &Names) -> Constants {
    let known = names
        .names
        .iter()
        .map(|name| (!name.starts_with(GIVEN)).then_some(None))
        .collect();
    let mut follower = Follower {
        rules,
        names,
        known,
        landings: Vec::new(),
        ended: false,
        dead: Bits::new(rules.len()),
        touched: Some(Bits::new(names.names.len())),
        initial: BTreeMap::new(),
    };
    for phase in 1..=5 {
        follower.phase(phase);
    }
    let set = |(place, value): (u16, Option<TxValue>)| Some((place, value?));
    Constants {
        dead: follower.dead,
        initial: follower.initial.into_iter().filter_map(set).collect(),
    }
}

impl Follower<'_> {
    fn phase(&mut self, phase: u8) {
        // A phase that another one ended before does not run at all: `ended` stays.
        self.landings.clear();
        let mut from = 0;
        let rules = self.rules;
        for (index, rule) in rules.iter().enumerate() {
            if rule.phase != phase || index < from {
                continue;
            }
            let before = self.known.clone();
            if rule.links.first().and_then(|link| self.matches(link)) == Some(0) {
                self.dead.insert(index);
            }
            let matches = self.rule(rule);
            let passed = self.landings.iter().any(|landing| index < *landing);
            let sure = !(passed || self.ended || self.is_removable(index));
            if !sure {
                self.join(&before);
            }
            if phase == 1 && !self.dead.contains(index) {
                if sure && matches == Some(true) && self.is_settled(rule) {
                    self.settle(index, rule);
                } else {
                    self.touch(rule);
                }
            }
            match (matches, rule.skip_to) {
                (Some(true), Some(target)) => {
                    let target = target as usize;
                    if self.always_skips(index, target) {
                        for (skipped, other) in
                            rules.iter().enumerate().take(target).skip(index + 1)
                        {
                            if other.phase == phase {
                                self.dead.insert(skipped);
                            }
                        }
                        from = target;
                        if is_silent(rule) && rule.links.iter().all(|link| link.actions.is_empty())
                        {
                            self.dead.insert(index);
                        }
                    } else {
                        self.landings.push(target);
                    }
                }
                (None, Some(target)) => self.landings.push(target as usize),
                _ => {}
            }
            if matches != Some(false) {
                if rule.skip > 0 {
                    self.landings.push(self.after_skip(index, rule));
                }
                self.ended |= !matches!(rule.disruptive, Disruption::Pass);
            }
        }
    }

    /// Whether a rule that matches in every transaction does nothing but set variables to what is known, none of which
    /// matters to a rule before it.
    fn is_settled(&self, rule: &CompiledRule) -> bool {
        let Some(touched) = &self.touched else {
            return false;
        };
        let mut actions = rule.links.iter().flat_map(|link| &link.actions);
        is_silent(rule)
            && rule.skip_to.is_none()
            && actions.all(|action| match action {
                CompiledAction::SetTx(place, ..) | CompiledAction::SetTxTo(place, _) => {
                    let known = self.known.get(usize::from(*place));
                    known.is_some_and(Option::is_some) && !touched.contains(usize::from(*place))
                }
                _ => false,
            })
    }

    fn settle(&mut self, index: usize, rule: &CompiledRule) {
        self.dead.insert(index);
        for action in rule.links.iter().flat_map(|link| &link.actions) {
            if let CompiledAction::SetTx(place, ..) | CompiledAction::SetTxTo(place, _) = action
                && let Some(Some(value)) = self.known.get(usize::from(*place))
            {
                self.initial.insert(*place, value.clone());
            }
        }
    }

    /// Note the variables that a rule may look at or set.
    fn touch(&mut self, rule: &CompiledRule) {
        let touched = self.touched.take();
        self.touched = touched.and_then(|mut touched| {
            for link in &rule.links {
                touch_link(link, &mut touched)?;
            }
            if let Disruption::Redirect(text) | Disruption::Proxy(text) = &rule.disruptive {
                touch_text(text, &mut touched)?;
            }
            Some(touched)
        });
    }

    /// Where a rule that passes over a number of rules goes on.
    fn after_skip(&self, index: usize, rule: &CompiledRule) -> usize {
        let count = usize::try_from(rule.skip).unwrap_or(usize::MAX);
        let mut later = self.rules.iter().enumerate().skip(index + 1);
        let mut of_phase = later
            .by_ref()
            .filter(|(_, other)| other.phase == rule.phase);
        of_phase
            .nth(count - 1)
            .map_or(self.rules.len(), |(last, _)| last + 1)
    }

    /// Whether the skip of a rule that always matches can be counted on: nothing passes over the rule alone.
    fn always_skips(&self, index: usize, target: usize) -> bool {
        let passed_over = self
            .landings
            .iter()
            .any(|landing| index < *landing && target > *landing);
        let phase = self.rules.get(index).map_or(0, |rule| rule.phase);
        let removed_alone = self.removals().any(|(_, removed)| {
            removed.contains(index)
                && self
                    .rules
                    .iter()
                    .enumerate()
                    .take(target)
                    .skip(index + 1)
                    .any(|(other, rule)| rule.phase == phase && !removed.contains(other))
        });
        !passed_over && !removed_alone
    }

    /// Whether a `ctl` that runs before a rule may remove it.
    fn is_removable(&self, index: usize) -> bool {
        let phase = self.rules.get(index).map_or(0, |rule| rule.phase);
        self.removals().any(|(by, removed)| {
            let earlier = self
                .rules
                .get(by)
                .is_some_and(|rule| (rule.phase, by) < (phase, index));
            earlier && removed.contains(index)
        })
    }

    /// Rules that remove others, and which.
    fn removals(&self) -> impl Iterator<Item = (usize, &Bits)> {
        self.rules.iter().enumerate().flat_map(|(index, rule)| {
            let actions = rule.links.iter().flat_map(|link| &link.actions);
            actions.filter_map(move |action| match action {
                CompiledAction::Ctl(CompiledCtl::RemoveRules(bits)) => Some((index, bits)),
                _ => None,
            })
        })
    }

    /// Forget what differs from before.
    fn join(&mut self, before: &[Known]) {
        for (now, before) in self.known.iter_mut().zip(before) {
            if now != before {
                *now = None;
            }
        }
    }

    /// Whether a rule matches, `None` when that depends on the transaction; follows its actions.
    fn rule(&mut self, rule: &CompiledRule) -> Option<bool> {
        for (position, link) in rule.links.iter().enumerate() {
            match self.matches(link) {
                Some(0) => return Some(false),
                Some(times) => {
                    for _ in 0..times {
                        self.act(link);
                    }
                }
                None => {
                    for link in rule.links.get(position..).unwrap_or_default() {
                        self.forget(link);
                    }
                    return None;
                }
            }
        }
        Some(true)
    }

    /// How often a link's actions run.
    fn matches(&self, link: &CompiledLink) -> Option<usize> {
        if link.targets.is_empty() {
            return Some(1);
        }
        let simple = link.chain == 0
            && link.stages.is_empty()
            && !link.capture
            && link.exclusions.is_empty();
        if !simple {
            return None;
        }
        let argument = self.expand(&link.argument)?;
        let mut times = 0;
        for target in &link.targets {
            let Members::Place(place) = target.members else {
                return None;
            };
            if target.source != Source::Tx {
                return None;
            }
            let value = self.known.get(usize::from(place))?.as_ref()?;
            let mut text = Vec::new();
            match (value, target.count) {
                (value, true) => text.push(if value.is_some() { b'1' } else { b'0' }),
                (Some(value), false) => value.push(&mut text),
                (None, false) => continue,
            }
            times += usize::from(link.operator.holds(&text, &argument, None) != link.negated);
        }
        Some(times)
    }

    fn expand(&self, text: &CompiledMacro) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for part in &text.0 {
            match part {
                CompiledPart::Text(text) => out.extend_from_slice(text),
                CompiledPart::Tx(place) => {
                    if let Some(value) = self.known.get(usize::from(*place))?.as_ref()? {
                        value.push(&mut out);
                    }
                }
                CompiledPart::Var(..) | CompiledPart::Pattern(..) => return None,
            }
        }
        Some(out)
    }

    /// Actions of a link that matches whatever the transaction is.
    fn act(&mut self, link: &CompiledLink) {
        for action in &link.actions {
            match action {
                CompiledAction::SetTx(place, op, value) => {
                    let old = self.known.get(usize::from(*place)).cloned().flatten();
                    let new = match (old, self.expand(value), op) {
                        (_, Some(value), SetOp::Set | SetOp::Unset) => {
                            Some(changed(None, *op, &value))
                        }
                        (Some(old), Some(value), _) => Some(changed(old.as_ref(), *op, &value)),
                        _ => None,
                    };
                    self.set(*place, new);
                }
                CompiledAction::SetTxTo(place, value) => {
                    self.set(*place, Some(Some(value.clone())));
                }
                other => self.forget_action(other),
            }
        }
    }

    fn set(&mut self, place: u16, value: Known) {
        if let Some(slot) = self.known.get_mut(usize::from(place)) {
            *slot = value;
        }
    }

    /// Actions of a link that may run, and captures.
    fn forget(&mut self, link: &CompiledLink) {
        if link.capture {
            for place in 0..u16::try_from(MAX_CAPTURES).unwrap_or(u16::MAX) {
                self.set(place, None);
            }
        }
        for action in &link.actions {
            self.forget_action(action);
        }
    }

    fn forget_action(&mut self, action: &CompiledAction) {
        match action {
            CompiledAction::SetTx(place, ..) | CompiledAction::SetTxTo(place, _) => {
                self.set(*place, None);
            }
            CompiledAction::SetVar(Collection::Tx, key, ..) => {
                // Any variable whose name begins as this one's does.
                let prefix = match key.0.first() {
                    Some(CompiledPart::Text(text)) => text.to_ascii_lowercase(),
                    _ => Vec::new(),
                };
                for (name, known) in self.names.names.iter().zip(&mut self.known) {
                    if name.starts_with(&prefix) {
                        *known = None;
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whether nobody learns that a rule matched, and it goes on to the next one or where it skips to.
fn is_silent(rule: &CompiledRule) -> bool {
    !rule.log
        && !rule.audit_log
        && rule.severity.is_none()
        && rule.skip == 0
        && matches!(rule.disruptive, Disruption::Pass)
        && !rule.links.iter().any(|link| link.capture)
}

/// Note the variables of a link; `None` when they may be any.
fn touch_link(link: &CompiledLink, touched: &mut Bits) -> Option<()> {
    if link.capture {
        (0..MAX_CAPTURES).for_each(|place| touched.insert(place));
    }
    for target in link.targets.iter().chain(&link.exclusions) {
        match (&target.source, &target.members) {
            (Source::Tx, Members::Place(place)) => touched.insert(usize::from(*place)),
            (Source::Tx, _) => return None,
            _ => {}
        }
    }
    touch_text(&link.argument, touched)?;
    for text in link.msg.iter().chain(&link.logdata) {
        touch_text(text, touched)?;
    }
    for action in &link.actions {
        match action {
            CompiledAction::SetTx(place, _, value) => {
                touched.insert(usize::from(*place));
                touch_text(value, touched)?;
            }
            CompiledAction::SetTxTo(place, _) => touched.insert(usize::from(*place)),
            CompiledAction::Ctl(_) => {}
            CompiledAction::SetVar(Collection::Tx, ..) => return None,
            CompiledAction::SetVar(_, key, _, value)
            | CompiledAction::ExpireVar(_, key, value)
            | CompiledAction::SetEnv(key, value) => {
                touch_text(key, touched)?;
                touch_text(value, touched)?;
            }
            CompiledAction::InitCol(_, key) => touch_text(key, touched)?,
        }
    }
    Some(())
}

/// Note the variables of a text; `None` when they may be any.
fn touch_text(text: &CompiledMacro, touched: &mut Bits) -> Option<()> {
    for part in &text.0 {
        match part {
            CompiledPart::Tx(place) => touched.insert(usize::from(*place)),
            CompiledPart::Var(Variable::Tx, _) | CompiledPart::Pattern(Variable::Tx, _) => {
                return None;
            }
            CompiledPart::Text(_) | CompiledPart::Var(..) | CompiledPart::Pattern(..) => {}
        }
    }
    Some(())
}
