//! Rules at work: one phase over the facts of a transaction.

use std::borrow::Cow;
use std::ops::Range;

use super::collections::Store;
use super::compiled::{Collection, EngineMode, OperatorKind, SetOp, Variable};
use super::facts::Facts;
use super::macros::{CompiledMacro, CompiledPart};
use super::operators::{Captures, MAX_CAPTURES};
use super::prefilter::{Bits, contains};
use super::program::{
    ChainId, CompiledAction, CompiledCtl, CompiledLink, CompiledRule, CompiledTarget, Disruption,
    Members, Program, Source,
};
use super::report::{Hit, Interruption, MatchedVar, Refusal};
use super::tx::{Tx, TxValue};
use super::values::{Kept, OutputId, Values};

/// Matches that a hit keeps.
const MAX_MATCHED: usize = 16;
/// Hits that a transaction keeps.
const MAX_HITS: usize = 256;
/// Bytes of an expanded text.
const MAX_TEXT_BYTES: usize = 8192;
/// Members of `MATCHED_VARS`.
const MAX_MATCHED_VARS: usize = 256;

/// What rules have done so far.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what `ctl` switches")]
pub(crate) struct State {
    pub(crate) tx: Tx,
    pub(crate) mode: EngineMode,
    pub(crate) matched_var: Vec<u8>,
    pub(crate) matched_name: Vec<u8>,
    /// Of the last link that matched.
    pub(crate) matched_vars: Vec<MatchedVar>,
    pub(crate) highest_severity: Option<u8>,
    pub(crate) hits: Vec<Hit>,
    pub(crate) interruption: Option<Interruption>,
    pub(crate) removed: Option<Bits>,
    pub(crate) removed_targets: Vec<(u32, u16)>,
    pub(crate) keys: Vec<(Collection, Vec<u8>)>,
    pub(crate) environment: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) geo: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) request_body_access: bool,
    pub(crate) response_body_access: bool,
    pub(crate) force_request_body: bool,
    pub(crate) processor: Option<String>,
    pub(crate) allowed: Allowed,
    pub(crate) started_us: u64,
    pub(crate) now_us: u64,
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
            interruption: None,
            removed: None,
            removed_targets: Vec::new(),
            keys: Vec::new(),
            environment: Vec::new(),
            geo: Vec::new(),
            request_body_access: program.settings.request_body_access,
            response_body_access: program.settings.response_body_access,
            force_request_body: false,
            processor: None,
            allowed: Allowed::Nothing,
            started_us: now_us,
            now_us,
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
    pub(crate) place: &'a crate::client::geo::Place,
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
        last_link: 0..0,
        unsettled: false,
        notes: true,
    };
    run.rules(phase, &live);
    run.settle();
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
    /// Those of its link that matched last.
    last_link: Range<usize>,
    /// They are not in the state's `MATCHED_…` yet.
    unsettled: bool,
    /// Whether the rule that runs notes what matched.
    notes: bool,
}

/// A value that matched: texts are made of it when somebody asks.
struct Noted<'a> {
    variable: Variable,
    name: Cow<'a, [u8]>,
    value: OutputId,
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
        (self.last_link, self.unsettled) = (0..0, false);
        self.state.rule = index;
        self.notes = rule.notes || self.context.verbose;
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
                self.state.interruption = Some(Interruption {
                    rule: rule.id,
                    phase: rule.phase,
                    status: rule.status.unwrap_or(403),
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

    /// Whether a link matches; its actions run at each value that does.
    fn link(&mut self, index: usize, link: &'a CompiledLink) -> bool {
        if link.targets.is_empty() {
            return self.matched(link, None);
        }
        if link.reads_matched {
            self.settle();
        }
        let before = self.links.len();
        let mut any = false;
        let mut argument = Vec::new();
        if link.operator.needs_argument() {
            self.expand_into(&link.argument, &mut argument);
        }
        for target in &link.targets {
            any |= self.target(index, link, target, &argument);
        }
        if any && self.notes {
            (self.last_link, self.unsettled) = (before..self.links.len(), true);
        }
        any
    }

    fn target(
        &mut self,
        index: usize,
        link: &'a CompiledLink,
        target: &'a CompiledTarget,
        argument: &[u8],
    ) -> bool {
        if target.count {
            let count = self.count(index, link, target);
            if let Some(holds) = number_holds(link, count)
                && let Some(done) = self.number(link, holds)
            {
                return done;
            }
            let mut text = Vec::new();
            super::bytes::push_integer(count, &mut text);
            let base = self.values.foreign(&text);
            let name = Cow::Borrowed(member_key(&self.context, target));
            return self.value(link, target, name, base, argument);
        }
        let mut any = false;
        match &target.source {
            Source::Facts(places) => {
                for (slot, side) in places {
                    for entry in self.values.entries(*slot) {
                        let facts: &'a Facts = self.context.facts;
                        let name = facts.bytes(facts.entry(entry).name);
                        if !target.selects(name) {
                            continue;
                        }
                        let base = self.values.base(entry, *side);
                        if !self.context.exhaustive && self.values.has_failed(base, link.number) {
                            continue;
                        }
                        if !self.may_match(link, base) {
                            self.values.fail(base, link.number);
                        } else if !self.is_excluded(index, link, target, name) {
                            if self.value(link, target, Cow::Borrowed(name), base, argument) {
                                any = true;
                            } else {
                                self.values.fail(base, link.number);
                            }
                        }
                    }
                }
            }
            Source::Tx => {
                if let Members::Place(place) = target.members {
                    let name: &'a [u8] = self
                        .context
                        .program
                        .names
                        .names
                        .get(usize::from(place))
                        .map_or(b"", |name| name);
                    if let Some(value) = self.state.tx.at(place)
                        && !self.is_excluded(index, link, target, name)
                    {
                        if let Some(holds) = number_holds(link, value.integer())
                            && let Some(done) = self.number(link, holds)
                        {
                            return done;
                        }
                        let mut text = Vec::new();
                        if let Some(value) = self.state.tx.at(place) {
                            value.push(&mut text);
                        }
                        let base = self.values.foreign(&text);
                        return self.value(link, target, Cow::Borrowed(name), base, argument);
                    }
                    return false;
                }
                any |= self.others(index, link, target, argument);
            }
            Source::Stored(_) | Source::Changing => {
                any |= self.others(index, link, target, argument);
            }
        }
        any
    }

    /// What comes of a numeric operator's answer; `None` when the value's text is needed.
    fn number(&mut self, link: &'a CompiledLink, holds: bool) -> Option<bool> {
        if !holds {
            return Some(false);
        }
        (!self.notes && !link.capture).then(|| self.matched(link, None))
    }

    /// Whether a value can match by its gate, asked before what costs more.
    fn may_match(&mut self, link: &CompiledLink, base: OutputId) -> bool {
        let unknown = self.context.exhaustive
            || link.negated
            || link.gate.is_open()
            || !link.stages.is_empty();
        if unknown {
            return true;
        }
        let reach = self.values.reach(base, link.chain, 0, false);
        if !link.gate.sets.iter().all(|set| set.meets(reach.bytes)) {
            return false;
        }
        let id = self.values.after(base, link.chain);
        self.passes(link, id)
    }

    /// Whether a value has what the operator must see to hold.
    fn passes(&mut self, link: &CompiledLink, id: OutputId) -> bool {
        let present = self.values.output(id).present;
        link.gate.sets.iter().all(|set| set.meets(present))
            && (!link.gate.literals
                || self
                    .values
                    .scan(id)
                    .is_some_and(|found| contains(found, link.number)))
    }

    /// Values that change while rules run.
    fn others(
        &mut self,
        index: usize,
        link: &'a CompiledLink,
        target: &'a CompiledTarget,
        argument: &[u8],
    ) -> bool {
        let mut any = false;
        for (name, value) in members(&self.context, self.state, target) {
            if !self.is_excluded(index, link, target, &name) {
                let base = self.values.foreign(&value);
                any |= self.value(link, target, Cow::Owned(name), base, argument);
            }
        }
        any
    }

    fn count(&self, index: usize, link: &CompiledLink, target: &CompiledTarget) -> i64 {
        let excluded = |name: &[u8]| self.is_excluded(index, link, target, name);
        let count = match &target.source {
            Source::Facts(places) => places
                .iter()
                .flat_map(|(slot, _)| self.context.facts.members(*slot))
                .filter(|(name, _)| target.selects(name) && !excluded(name))
                .count(),
            Source::Tx if let Members::Place(place) = target.members => {
                usize::from(self.state.tx.at(place).is_some())
            }
            _ => members(&self.context, self.state, target)
                .iter()
                .filter(|(name, _)| !excluded(name))
                .count(),
        };
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    fn is_excluded(
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
            exclusion.variable == target.variable
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

    /// Ask the operator about a value, and do what follows.
    fn value(
        &mut self,
        link: &'a CompiledLink,
        target: &'a CompiledTarget,
        name: Cow<'a, [u8]>,
        base: OutputId,
        argument: &[u8],
    ) -> bool {
        if link.stages.is_empty() {
            return self.stage(link, target, name, base, link.chain, argument);
        }
        let mut any = false;
        let mut last = None;
        for stage in &link.stages {
            let value = self.values.after(base, *stage);
            // Stages that changed nothing are not asked again.
            if last != Some(value) {
                any |= self.stage(link, target, name.clone(), base, *stage, argument);
            }
            last = Some(value);
        }
        any
    }

    fn stage(
        &mut self,
        link: &'a CompiledLink,
        target: &'a CompiledTarget,
        name: Cow<'a, [u8]>,
        base: OutputId,
        chain: ChainId,
        argument: &[u8],
    ) -> bool {
        let id = self.values.after(base, chain);
        let mut captures: Option<Captures> = link.capture.then(Vec::new);
        if self.holds(link, id, argument, captures.as_mut()) == link.negated {
            return false;
        }
        self.note(target.variable, name, id);
        self.matched(link, captures)
    }

    fn holds(
        &mut self,
        link: &CompiledLink,
        id: OutputId,
        argument: &[u8],
        captures: Option<&mut Captures>,
    ) -> bool {
        if !self.context.exhaustive && !self.passes(link, id) {
            return false;
        }
        let bytes = self.values.bytes(id);
        if link.operator.kind == OperatorKind::GeoLookup {
            return geo(&self.context, self.state, bytes);
        }
        link.operator.holds(bytes, argument, captures)
    }

    /// Note what matched, for `MATCHED_VAR` and reports.
    fn note(&mut self, variable: Variable, name: Cow<'a, [u8]>, value: OutputId) {
        if !self.notes {
            return;
        }
        if self.links.len() >= MAX_MATCHED_VARS {
            self.links.pop();
        }
        self.links.push(Noted {
            variable,
            name,
            value,
        });
        self.unsettled = true;
    }

    /// Bring the state's `MATCHED_…` in line with what was noted.
    fn settle(&mut self) {
        if !std::mem::take(&mut self.unsettled) {
            return;
        }
        if let Some(last) = self.links.last() {
            let last = self.text_of(last);
            (self.state.matched_name, self.state.matched_var) = (last.name, last.value);
        }
        let last_link = self.links.get(self.last_link.clone());
        let last_link = last_link.unwrap_or_default().iter();
        let texts: Vec<MatchedVar> = last_link.map(|noted| self.text_of(noted)).collect();
        if !texts.is_empty() {
            self.state.matched_vars = texts;
        }
    }

    fn text_of(&self, noted: &Noted<'_>) -> MatchedVar {
        let known = self
            .context
            .program
            .variable_names
            .get(noted.variable as usize)
            .map_or("", String::as_str);
        let mut name = known.as_bytes().to_vec();
        if !noted.name.is_empty() {
            name.push(b':');
            name.extend_from_slice(noted.name.get(..256).unwrap_or(&noted.name));
        }
        let value = self.values.bytes(noted.value);
        MatchedVar {
            name,
            value: value.get(..MAX_TEXT_BYTES).unwrap_or(value).to_vec(),
        }
    }

    /// Captures and actions of a match.
    fn matched(&mut self, link: &'a CompiledLink, captures: Option<Captures>) -> bool {
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

    fn act(&mut self, action: &'a CompiledAction) {
        match action {
            CompiledAction::SetTx(place, op, value) => self.set_tx(*place, *op, value),
            CompiledAction::SetTxTo(place, value) => {
                self.state.tx.set_at(*place, Some(value.clone()));
            }
            CompiledAction::SetVar(collection, key, op, value) => {
                let (mut name, value) = (self.expand(key), self.expand(value));
                name.make_ascii_lowercase();
                if *collection == Collection::Tx {
                    self.state
                        .tx
                        .change(&self.context.program.names, &name, *op, &value);
                } else if let Some(key) = key_of(self.state, *collection) {
                    let now_s = self.state.now_us / 1_000_000;
                    self.context
                        .store
                        .change(*collection, key, &name, *op, &value, now_s);
                }
            }
            CompiledAction::ExpireVar(collection, key, seconds) => {
                let (name, seconds) = (self.expand(key).to_ascii_lowercase(), self.expand(seconds));
                let seconds = u64::try_from(super::bytes::integer(&seconds)).unwrap_or(0);
                let expires_s = (self.state.now_us / 1_000_000).saturating_add(seconds);
                if let Some(key) = key_of(self.state, *collection) {
                    self.context
                        .store
                        .expire(*collection, key, &name, expires_s);
                }
            }
            CompiledAction::InitCol(collection, key) => {
                let key = self.expand(key);
                let timeout_s = self.context.program.settings.collection_timeout_s;
                self.context.store.touch(
                    *collection,
                    &key,
                    self.state.now_us / 1_000_000,
                    timeout_s,
                );
                self.state.keys.retain(|(known, _)| known != collection);
                self.state.keys.push((*collection, key));
            }
            CompiledAction::SetEnv(name, value) => {
                let (name, value) = (self.expand(name), self.expand(value));
                if self.state.environment.len() < 64 {
                    self.state.environment.push((name, value));
                }
            }
            CompiledAction::Ctl(ctl) => self.ctl(ctl, action),
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

    fn ctl(&mut self, ctl: &'a CompiledCtl, action: &'a CompiledAction) {
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
            CompiledCtl::Nothing => {}
        }
    }

    fn expand(&self, text: &CompiledMacro) -> Vec<u8> {
        let mut out = Vec::new();
        self.expand_into(text, &mut out);
        out
    }

    fn expand_into(&self, text: &CompiledMacro, out: &mut Vec<u8>) {
        for part in &text.0 {
            match part {
                CompiledPart::Text(text) => out.extend_from_slice(text),
                CompiledPart::Tx(place) => {
                    if let Some(value) = self.state.tx.at(*place) {
                        value.push(out);
                    }
                }
                CompiledPart::Var(variable, key) => self.variable(*variable, key.as_deref(), out),
            }
        }
        out.truncate(MAX_TEXT_BYTES.max(out.len().min(MAX_TEXT_BYTES)));
    }

    /// The first value of a variable.
    fn variable(&self, variable: Variable, key: Option<&[u8]>, out: &mut Vec<u8>) {
        let source = super::program::source_of(variable);
        if let Source::Facts(places) = &source {
            for (slot, side) in places {
                let found = self
                    .context
                    .facts
                    .members(*slot)
                    .find(|(name, _)| key.is_none_or(|key| name.eq_ignore_ascii_case(key)));
                if let Some((name, value)) = found {
                    let text = if *side == super::values::Side::Name {
                        name
                    } else {
                        value
                    };
                    return out.extend_from_slice(text.get(..MAX_TEXT_BYTES).unwrap_or(text));
                }
            }
            return;
        }
        let target = CompiledTarget {
            variable,
            source,
            members: key.map_or(Members::All, |key| Members::Name(key.into())),
            count: false,
        };
        if let Some((_, value)) = members(&self.context, self.state, &target)
            .into_iter()
            .next()
        {
            out.extend_from_slice(&value);
        }
    }
}

/// `geoLookup` of the client's address, which the engine has looked up already.
fn geo(context: &Context<'_>, state: &mut State, value: &[u8]) -> bool {
    let place = context.place;
    let of_client = context.facts.scalar(Variable::RemoteAddr) == Some(value);
    if !of_client || (place.country.is_empty() && place.asn == 0) {
        return false;
    }
    state.geo = [
        ("country_code", place.country.as_str().to_owned()),
        ("country_continent", place.continent.as_str().to_owned()),
        ("asn", place.asn.to_string()),
        ("as_organization", place.as_organization.as_str().to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes()))
    .collect();
    true
}

/// Where an action is: its rule and its number among the rule's actions.
fn place_of(program: &Program, rule: usize, wanted: &CompiledAction) -> Option<(u32, u16)> {
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

/// The `ctl:ruleRemoveTarget…` at a place.
fn removal(program: &Program, rule: u32, action: u16) -> Option<(&Bits, &CompiledTarget)> {
    let mut actions = program
        .rules
        .get(rule as usize)?
        .links
        .iter()
        .flat_map(|link| &link.actions);
    match actions.nth(usize::from(action))? {
        CompiledAction::Ctl(CompiledCtl::RemoveTarget(rules, target)) => Some((rules, target)),
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

/// The name that a count is reported under.
fn member_key<'a>(context: &Context<'a>, target: &'a CompiledTarget) -> &'a [u8] {
    let names: &'a [Box<[u8]>] = &context.program.names.names;
    match &target.members {
        Members::Name(name) => name,
        Members::Place(place) => names.get(usize::from(*place)).map_or(&[], |name| name),
        _ => &[],
    }
}

/// Whether a link with a numeric operator matches a number that nothing transforms: the usual case of counts, scores
/// and levels, answered without making text of the number. `None` for other links.
fn number_holds(link: &CompiledLink, value: i64) -> Option<bool> {
    match &link.operator.check {
        super::operators::Check::Number(argument) if link.chain == 0 && link.stages.is_empty() => {
            let holds = super::operators::compare_numbers(link.operator.kind, value, *argument);
            Some(holds != link.negated)
        }
        _ => None,
    }
}

/// Names and values of what changes while rules run.
fn members(
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
        Source::Tx => {
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
        Source::Stored(collection) => {
            let Some(key) = key_of(state, *collection) else {
                return Vec::new();
            };
            let stored = context
                .store
                .read(*collection, key, state.now_us / 1_000_000);
            stored
                .into_iter()
                .map(|(name, value)| (name.to_vec(), text(&value)))
                .collect()
        }
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
            let severity = rule
                .severity
                .map(|severity| severity.to_string())
                .unwrap_or_default();
            [
                ("id", rule.id.to_string()),
                ("rev", rule.rev.clone()),
                ("ver", rule.ver.clone()),
                ("severity", severity),
            ]
            .into_iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes()))
            .collect()
        }
        _ => Vec::new(),
    }
}
