//! Runs the rules of one phase over the facts of a transaction, one rule after the other.
//!
//! | what | where |
//! |---|---|
//! | what rules work with, and what they have done so far | `state` |
//! | whether a rule's condition holds | `link` |
//! | counts, and what is left out of a target | `exclusions` |
//! | values that change while rules run, and texts with variables in them | `changing` |
//! | what matched | `noted` |
//! | whether a match in a field where people write counts | `weighed` |
//! | what rules do then | `actions` |

mod actions;
mod changing;
mod exclusions;
mod link;
mod noted;
mod state;
mod weighed;

use state::{Allowed, Run};
pub(crate) use state::{Context, State};

use super::live;
use super::report::{Hit, Interruption, Refusal};
use super::values::{Kept, Values};
use crate::rules::load::plan;
use crate::rules::program::macros::CompiledMacro;
use crate::rules::program::plan::Plans;
use crate::rules::program::prefilter::Bits;
use crate::rules::program::rule::{CompiledRule, Disruption};
use crate::rules::wire::EngineMode;

/// How many matches a hit keeps.
// A client chooses how many values match. Reports need examples, not every match, so memory is bounded here.
const MAX_MATCHED: usize = 16;
/// How many hits a transaction keeps.
const MAX_HITS: usize = 256;

/// Runs the rules of a phase.
///
/// # Arguments
/// * `kept` - what earlier phases computed of values.
pub(crate) fn run(context: Context<'_>, phase: u8, state: &mut State, kept: &mut Kept) {
    if state.mode == EngineMode::Off || is_allowed(state, phase) {
        return;
    }
    let program = context.program;
    let plans = if state.whole {
        plan::whole(program)
    } else {
        &program.plans
    };
    if phase == 1 && !state.whole && !context.exhaustive {
        // The plan leaves out the rules that set these variables. When every rule is asked, those rules run and set the
        // variables themselves.
        for (place, value) in &program.initial {
            state.tx.set_at(*place, Some(value.clone()));
        }
    }
    let mut values = Values::new(
        kept,
        context.facts,
        &program.chains,
        plans.prefilter(phase),
        &program.settings.unicode_map,
        state.work,
    );
    let live = rules_to_run(context, plans, phase, &mut values);
    let mut run = Run::new(context, state, values);
    run.rules(phase, &live);
    // The last matches become text while their values still exist, because a later phase may read `MATCHED_…`.
    run.settle();
    // `values` counts the work of a phase, so the state gets back what is left for the next phase.
    let work = run.values.work;
    state.work = work;
}

/// The rules of a phase that can match; when every rule is asked, all rules of the phase.
fn rules_to_run(context: Context<'_>, plans: &Plans, phase: u8, values: &mut Values<'_>) -> Bits {
    let rules = &context.program.rules;
    let mut live = Bits::new(rules.len());
    if context.exhaustive {
        for (index, rule) in rules.iter().enumerate() {
            if rule.phase == phase {
                live.insert(index);
            }
        }
    } else if let Some(plan) = plans.phase(phase) {
        live::ask(plan, values, &mut live);
    }
    live
}

fn is_allowed(state: &State, phase: u8) -> bool {
    match state.allowed {
        Allowed::Nothing => false,
        Allowed::Request => phase <= 2,
        Allowed::All => phase <= 4,
    }
}

/// Which rule runs next.
enum Next {
    Rule,
    Skip(u32),
    SkipTo(u32),
    End,
}

impl<'a> Run<'a, '_> {
    /// Runs those rules of a phase that can match, in the order of the files.
    fn rules(&mut self, phase: u8, live: &Bits) {
        let rules: &'a [CompiledRule] = &self.context.program.rules;
        let (mut from, mut skip) = (0usize, 0u32);
        // Word by word: for an ordinary request most words are 0, and their 64 rules cost one comparison.
        for (word_index, word) in live.0.iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                let index = word_index * 64 + word.trailing_zeros() as usize;
                word &= word - 1;
                if index < from || (skip == 0 && !self.may_match_rule(index)) {
                    continue;
                }
                let Some(rule) = rules.get(index) else {
                    continue;
                };
                if skip > 0 {
                    match still_to_skip(rules, from..index, phase, skip) {
                        0 => skip = 0,
                        left => {
                            skip = left - 1;
                            from = index + 1;
                            continue;
                        }
                    }
                }
                if self.is_removed(index) {
                    continue;
                }
                match self.rule(index, rule) {
                    Next::Rule => {}
                    Next::Skip(count) => {
                        skip = count;
                        from = index + 1;
                    }
                    Next::SkipTo(target) => from = target as usize,
                    Next::End => return,
                }
            }
        }
    }

    /// Whether a rule's guard allows a match.
    fn may_match_rule(&self, index: usize) -> bool {
        let guard = self.context.program.guards.get(index);
        self.context.exhaustive
            // A guard counts all members of a target, so it is wrong once a `ctl` has removed some of them.
            || !self.state.removed_targets.is_empty()
            || guard.is_none_or(|guard| guard.may_match(&self.state.tx, self.context.facts))
    }

    /// Whether a `ctl` has removed a rule.
    fn is_removed(&self, index: usize) -> bool {
        let removed = self.state.removed.as_ref();
        removed.is_some_and(|removed| removed.contains(index))
    }

    fn rule(&mut self, index: usize, rule: &'a CompiledRule) -> Next {
        // A rule may read what an earlier rule matched, so those matches become text before this rule begins.
        if self.context.program.reads_earlier {
            self.settle();
        }
        self.links.clear();
        (self.settled, self.unsettled) = (0, false);
        self.state.rule = index;
        self.notes = rule.notes || self.context.verbose;
        self.classes = rule.classes;
        let (mut msg, mut logdata) = (None, None);
        for link in &rule.links {
            if !self.link(index, link) {
                return Next::Rule;
            }
            // The last link that has a message gives the message of the rule.
            msg = link.msg.as_ref().or(msg);
            logdata = link.logdata.as_ref().or(logdata);
        }
        // Lower numbers are worse: 0 is EMERGENCY and 7 is DEBUG.
        if let Some(severity) = rule.severity {
            let highest = self.state.highest_severity;
            self.state.highest_severity =
                Some(highest.map_or(severity, |highest| highest.min(severity)));
        }
        self.settle();
        self.tell(index, rule, msg, logdata);
        self.outcome(rule)
    }

    /// Keeps what a rule matched, if the rule is logged.
    fn tell(
        &mut self,
        index: usize,
        rule: &CompiledRule,
        msg: Option<&CompiledMacro>,
        logdata: Option<&CompiledMacro>,
    ) {
        let is_told = rule.log || rule.audit_log || self.context.verbose;
        if !is_told || self.state.hits.len() >= MAX_HITS {
            return;
        }
        let matched = self.links.iter().take(MAX_MATCHED);
        let hit = Hit {
            rule: u32::try_from(index).unwrap_or(u32::MAX),
            msg: msg.map(|text| self.expand(text)).unwrap_or_default(),
            logdata: logdata.map(|text| self.expand(text)).unwrap_or_default(),
            vars: matched.map(|noted| self.text_of(noted)).collect(),
        };
        self.state.hits.push(hit);
    }

    /// Does what a rule that matched asks for, and returns what runs next. When rules only detect, nothing is refused
    /// and nothing is allowed.
    fn outcome(&mut self, rule: &'a CompiledRule) -> Next {
        if self.state.mode == EngineMode::On && self.disrupts(rule) {
            return Next::End;
        }
        match (rule.skip_to, rule.skip) {
            (Some(target), _) => Next::SkipTo(target),
            (None, 0) => Next::Rule,
            (None, count) => Next::Skip(count),
        }
    }

    /// Does the disruptive action of a rule. Returns whether the phase ends with it.
    fn disrupts(&mut self, rule: &'a CompiledRule) -> bool {
        let refusal = match &rule.disruptive {
            Disruption::Pass => return false,
            Disruption::Allow => {
                self.state.allowed = Allowed::All;
                return true;
            }
            Disruption::AllowRequest => {
                self.state.allowed = Allowed::Request;
                return true;
            }
            Disruption::AllowPhase => return true,
            Disruption::Deny => Refusal::Deny,
            Disruption::Drop => Refusal::Drop,
            Disruption::Redirect(to) => Refusal::Redirect(self.expand(to)),
            Disruption::Proxy(to) => Refusal::Proxy(self.expand(to)),
        };
        // The first refusal stands; phase 5 runs after it and may ask for another.
        if self.state.interruption.is_none() {
            self.state.interruption = Some(Interruption {
                rule: rule.id,
                phase: rule.phase,
                status: status_of(rule, &refusal),
                refusal,
            });
        }
        true
    }
}

/// How many rules are still to be skipped when only some rules of a phase are visited; 0 when the rule behind `passed`
/// runs. `skip` counts every rule of the phase, also rules that cannot match.
fn still_to_skip(
    rules: &[CompiledRule],
    passed: std::ops::Range<usize>,
    phase: u8,
    skip: u32,
) -> u32 {
    let between = rules.get(passed).unwrap_or_default();
    let passed = between.iter().filter(|rule| rule.phase == phase).count();
    skip.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX))
}

/// The status of a refusal. As in the manual of `ModSecurity`, a redirection keeps its own status only if it is a
/// status of redirections.
fn status_of(rule: &CompiledRule, refusal: &Refusal) -> u16 {
    match refusal {
        Refusal::Redirect(_) => rule
            .status
            .filter(|status| (300..=308).contains(status))
            .unwrap_or(302),
        _ => rule.status.unwrap_or(403),
    }
}
