//! Rules at work: one phase over the facts of a transaction, rule by rule.
//!
//! | what | where |
//! |---|---|
//! | whether a rule's condition holds | `link` |
//! | values that change while rules run, and what is excluded | `members` |
//! | what matched | `noted` |
//! | whether a match in a field where people write counts | `weighed` |
//! | what rules do then, and texts with variables in them | `actions` |

mod actions;
mod link;
mod members;
mod noted;
mod weighed;

use std::collections::HashMap;

use noted::Noted;
use weighed::Weighing;

use super::collections::Store;
use super::compiled::{Collection, EngineMode};
use super::facts::{Facts, Slot};
use super::prefilter::Bits;
use super::program::{CompiledRule, Disruption, Program};
use super::report::{Hit, Interruption, MatchedVar, Refusal};
use super::tx::{Tx, TxValue};
use super::values::{Kept, OutputId, Values};
use super::weigh::{Classes, Fields};
use crate::work::Work;

/// Matches that a hit keeps.
const MAX_MATCHED: usize = 16;
/// Hits that a transaction keeps.
const MAX_HITS: usize = 256;
/// Bytes of an expanded text.
const MAX_TEXT_BYTES: usize = 8192;

/// What rules have done so far.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what `ctl` switches")]
pub(crate) struct State {
    pub(crate) tx: Tx,
    pub(crate) mode: EngineMode,
    pub(crate) matched_var: Vec<u8>,
    pub(crate) matched_name: Vec<u8>,
    /// Of the last rule that matched anything, its whole chain.
    pub(crate) matched_vars: Vec<MatchedVar>,
    pub(crate) highest_severity: Option<u8>,
    pub(crate) hits: Vec<Hit>,
    /// Matches in fields where people write that count for nothing.
    pub(crate) weighed: Vec<Hit>,
    pub(crate) interruption: Option<Interruption>,
    pub(crate) removed: Option<Bits>,
    pub(crate) removed_targets: Vec<(u32, u16)>,
    pub(crate) keys: Vec<(Collection, Vec<u8>)>,
    /// Variables of collections that no rule opened: they live as long as the transaction, for without a key the store
    /// would share them among all clients.
    pub(crate) unopened: Vec<(Collection, Box<[u8]>, TxValue)>,
    pub(crate) environment: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) geo: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) request_body_access: bool,
    pub(crate) response_body_access: bool,
    pub(crate) force_request_body: bool,
    pub(crate) processor: Option<String>,
    pub(crate) allowed: Allowed,
    pub(crate) started_us: u64,
    pub(crate) now_us: u64,
    /// What may still be done.
    pub(crate) work: Work,
    /// Ask all rules, also those that the usual constants rule out.
    pub(crate) whole: bool,
    /// The rule that runs, for `RULE`.
    rule: usize,
}

/// What `allow` passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    Nothing,
    Request,
    All,
}

impl State {
    pub(crate) fn new(program: &Program, now_us: u64) -> Self {
        Self {
            tx: Tx::new(&program.names),
            mode: program.settings.engine,
            matched_var: Vec::new(),
            matched_name: Vec::new(),
            matched_vars: Vec::new(),
            highest_severity: None,
            hits: Vec::new(),
            weighed: Vec::new(),
            interruption: None,
            removed: None,
            removed_targets: Vec::new(),
            keys: Vec::new(),
            unopened: Vec::new(),
            environment: Vec::new(),
            geo: Vec::new(),
            request_body_access: program.settings.request_body_access,
            response_body_access: program.settings.response_body_access,
            force_request_body: false,
            processor: None,
            allowed: Allowed::Nothing,
            started_us: now_us,
            now_us,
            work: Work::unlimited(),
            whole: false,
            rule: 0,
        }
    }
}

/// What rules work with.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) program: &'a Program,
    pub(crate) facts: &'a Facts,
    pub(crate) store: &'a Store,
    pub(crate) place: &'a crate::client::geo::GeoRecord,
    /// What the request's fields hold; `None`: every match counts.
    pub(crate) fields: Option<Fields<'a>>,
    /// Ask every rule instead of those that the plan says can match (to compare with).
    pub(crate) exhaustive: bool,
    /// Report rules that are not for the log too.
    pub(crate) verbose: bool,
}

/// Run the rules of a phase.
///
/// # Arguments
/// * `kept` - what earlier phases computed of values.
pub(crate) fn run(context: Context<'_>, phase: u8, state: &mut State, kept: &mut Kept) {
    let plans = context.program.plans(state.whole);
    let Some(plan) = plans.phase(phase) else {
        return;
    };
    if state.mode == EngineMode::Off || is_allowed(state, phase) {
        return;
    }
    let program = context.program;
    if phase == 1 && !state.whole && !context.exhaustive {
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
    let mut live = Bits::new(program.rules.len());
    if context.exhaustive {
        for (index, rule) in program.rules.iter().enumerate() {
            if rule.phase == phase {
                live.insert(index);
            }
        }
    } else {
        plan.live(&mut values, &mut live);
    }
    let mut run = Run {
        context,
        state,
        values,
        links: Vec::new(),
        settled: 0,
        unsettled: false,
        notes: true,
        made: None,
        classes: Classes::NONE,
        verdicts: HashMap::new(),
        rests: HashMap::new(),
        weighed_bytes: 0,
        spared: false,
    };
    run.rules(phase, &live);
    run.settle();
    let work = run.values.work;
    state.work = work;
}

fn is_allowed(state: &State, phase: u8) -> bool {
    match state.allowed {
        Allowed::Nothing => false,
        Allowed::Request => phase <= 2,
        Allowed::All => phase <= 4,
    }
}

struct Run<'a, 's> {
    context: Context<'a>,
    state: &'s mut State,
    values: Values<'a>,
    /// Matches of the links of the rule that runs.
    links: Vec<Noted<'a>>,
    /// How many of them are in the state's `MATCHED_…`.
    settled: usize,
    /// Some are not.
    unsettled: bool,
    /// Whether the rule that runs notes what matched.
    notes: bool,
    /// The last pattern that was made of macros, and its text; `None` for one that is no pattern.
    made: Option<(Vec<u8>, Option<regex::bytes::Regex>)>,
    /// What the rule that runs looks for.
    classes: Classes,
    /// What was weighed in this phase, and whether it counts.
    verdicts: HashMap<Weighing, bool>,
    /// Bytes of values that were weighed.
    weighed_bytes: usize,
    /// Bodies without the parts that are content.
    rests: HashMap<(Slot, Classes), Option<OutputId>>,
    /// The value that was looked at last matched and does not count.
    spared: bool,
}

/// What comes after a rule.
enum Next {
    Rule,
    Skip(u32),
    SkipTo(u32),
    End,
}

impl<'a> Run<'a, '_> {
    fn rules(&mut self, phase: u8, live: &Bits) {
        let rules: &'a [CompiledRule] = &self.context.program.rules;
        let (mut from, mut skip) = (0usize, 0u32);
        for (word_index, word) in live.0.iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                let index = word_index * 64 + word.trailing_zeros() as usize;
                word &= word - 1;
                if index < from {
                    continue;
                }
                if skip == 0 && !self.may_match_rule(index) {
                    continue;
                }
                let Some(rule) = rules.get(index) else {
                    continue;
                };
                if skip > 0 {
                    // `skip` counts rules of the phase, those that cannot match too.
                    let between = rules.get(from..index).unwrap_or_default();
                    let passed = between.iter().filter(|rule| rule.phase == phase).count();
                    let passed = u32::try_from(passed).unwrap_or(u32::MAX);
                    if passed < skip {
                        skip -= passed + 1;
                        from = index + 1;
                        continue;
                    }
                    skip = 0;
                }
                if self
                    .state
                    .removed
                    .as_ref()
                    .is_some_and(|removed| removed.contains(index))
                {
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

    /// Whether a rule may match by its guard.
    fn may_match_rule(&self, index: usize) -> bool {
        let guard = self.context.program.guards.get(index);
        self.context.exhaustive
            || !self.state.removed_targets.is_empty()
            || guard.is_none_or(|guard| guard.may_match(&self.state.tx, self.context.facts))
    }

    fn rule(&mut self, index: usize, rule: &'a CompiledRule) -> Next {
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
            msg = link.msg.as_ref().or(msg);
            logdata = link.logdata.as_ref().or(logdata);
        }
        if let Some(severity) = rule.severity {
            let highest = self
                .state
                .highest_severity
                .map_or(severity, |highest| highest.min(severity));
            self.state.highest_severity = Some(highest);
        }
        let told = rule.log || rule.audit_log;
        self.settle();
        if (told || self.context.verbose) && self.state.hits.len() < MAX_HITS {
            let hit = Hit {
                rule: u32::try_from(index).unwrap_or(u32::MAX),
                msg: msg.map(|text| self.expand(text)).unwrap_or_default(),
                logdata: logdata.map(|text| self.expand(text)).unwrap_or_default(),
                vars: self
                    .links
                    .iter()
                    .take(MAX_MATCHED)
                    .map(|noted| self.text_of(noted))
                    .collect(),
            };
            self.state.hits.push(hit);
        }
        self.outcome(rule)
    }

    /// What the rule asks for, now that it matched.
    fn outcome(&mut self, rule: &'a CompiledRule) -> Next {
        let refusal = match &rule.disruptive {
            Disruption::Pass => None,
            Disruption::Deny => Some(Refusal::Deny),
            Disruption::Drop => Some(Refusal::Drop),
            Disruption::Redirect(to) => Some(Refusal::Redirect(self.expand(to))),
            Disruption::Proxy(to) => Some(Refusal::Proxy(self.expand(to))),
            Disruption::Allow | Disruption::AllowPhase | Disruption::AllowRequest => {
                if self.state.mode == EngineMode::On {
                    match rule.disruptive {
                        Disruption::Allow => self.state.allowed = Allowed::All,
                        Disruption::AllowRequest => self.state.allowed = Allowed::Request,
                        _ => {}
                    }
                    return Next::End;
                }
                None
            }
        };
        if let Some(refusal) = refusal
            && self.state.mode == EngineMode::On
        {
            if self.state.interruption.is_none() {
                // The manual: a redirection's own status counts where it is one of redirections.
                let status = match &refusal {
                    Refusal::Redirect(_) => rule
                        .status
                        .filter(|status| (300..=308).contains(status))
                        .unwrap_or(302),
                    _ => rule.status.unwrap_or(403),
                };
                self.state.interruption = Some(Interruption {
                    rule: rule.id,
                    phase: rule.phase,
                    status,
                    refusal,
                });
            }
            return Next::End;
        }
        match (rule.skip_to, rule.skip) {
            (Some(target), _) => Next::SkipTo(target),
            (None, 0) => Next::Rule,
            (None, count) => Next::Skip(count),
        }
    }
}
