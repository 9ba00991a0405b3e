//! Rules made ready to run: everything that depends on the rules alone is worked out here, once.

use std::collections::HashMap;
use std::sync::OnceLock;

use regex::bytes::Regex;
use smallvec::{SmallVec, smallvec};

use super::bytes::ByteSet;
use super::compiled::{
    Action, Collection, Ctl, Disruptive, EngineMode, FORMAT, IdRanges, Link, OperatorKind, Rule,
    RuleSet, Selector, SetOp, Settings, Target, Transformation, Variable,
};
use super::facts::Slot;
use super::guard::Guard;
use super::macros::CompiledMacro;
use super::operators::{Check, CompiledOperator, SQLI_NEEDS, XSS_NEEDS};
use super::pattern;
use super::plan::PhasePlan;
use super::prefilter::{Bits, Prefilter};
use super::required;
use super::transformations::{self, Reach};
use super::tx::TxValue;
use super::values::Side;
use super::xpath::XPath;
use crate::error::EngineError;

/// Index of a [`Chain`]; 0 is the empty one.
pub(crate) type ChainId = u16;

/// Rules of one set; a larger one is a mistake or an attack.
const MAX_RULES: usize = 100_000;

/// A list of transformations.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// The chain without its last step.
    parent: ChainId,
    pub(crate) steps: Vec<Step>,
    /// Bytes without which no step changes anything.
    triggers: ByteSet,
    /// It makes something of an empty value.
    fills_empty: bool,
}

/// A transformation of a chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) transformation: Transformation,
    /// Bytes without which it changes nothing.
    pub(crate) triggers: ByteSet,
    /// It makes something of an empty value.
    pub(crate) fills_empty: bool,
}

impl Step {
    /// Whether it may change a value of these bytes.
    pub(crate) fn changes(&self, bytes: ByteSet) -> bool {
        self.triggers.meets(bytes) || (self.fills_empty && bytes == ByteSet::EMPTY)
    }
}

impl Chain {
    /// Whether any step may change a value of these bytes.
    pub(crate) fn changes(&self, bytes: ByteSet) -> bool {
        self.triggers.meets(bytes) || (self.fills_empty && bytes == ByteSet::EMPTY)
    }
}

/// What steps may make of a value; of all that they make on the way the longest length, with `stages`.
pub(crate) fn reach(steps: &[Step], bytes: ByteSet, length: usize, stages: bool) -> Reach {
    let mut at = Reach {
        bytes: bytes.in_any_case(),
        length,
    };
    let mut longest = 0;
    for step in steps {
        if step.triggers.meets(at.bytes) || step.fills_empty {
            at = transformations::reach(step.transformation, at);
            longest = longest.max(at.length);
        }
    }
    if stages {
        at.length = longest;
    }
    at
}

/// Places of `TX` variables that rules name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    places: HashMap<Box<[u8]>, u16>,
    pub(crate) names: Vec<Box<[u8]>>,
}

impl Names {
    /// The place of a name (lower case); a new one when it has none. Past 65,534 all share the last.
    pub(crate) fn place(&mut self, name: &[u8]) -> u16 {
        let name = name.to_ascii_lowercase();
        if let Some(place) = self.places.get(name.as_slice()) {
            return *place;
        }
        let place = u16::try_from(self.names.len()).unwrap_or(u16::MAX);
        self.names.push(name.as_slice().into());
        self.places.insert(name.into(), place);
        place
    }

    /// Find the places of a target that selects by pattern.
    fn select(&self, target: &mut CompiledTarget) {
        if target.source == Source::Tx
            && let Members::Regex(regex) = &target.members
        {
            let numbered = (0..).zip(&self.names);
            let places = numbered
                .filter(|(_, name)| regex.is_match(name))
                .map(|(place, _)| place);
            target.members = Members::Places(places.collect(), regex.clone());
        }
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<u16> {
        self.places.get(name).copied()
    }
}

/// Where the values of a target come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Facts of the transaction.
    Facts(SmallVec<[(Slot, Side); 2]>),
    /// `TX`.
    Tx,
    /// `IP`, `GLOBAL`, …
    Stored(Collection),
    /// Anything that changes while rules run.
    Changing,
}

/// Which members a target selects.
#[derive(Debug, Clone)]
pub(crate) enum Members {
    All,
    /// Lower case.
    Name(Box<[u8]>),
    /// A `TX` variable by place.
    Place(u16),
    Regex(Regex),
    /// `TX` variables by pattern: the places of those whose names rules know, and the pattern for others.
    Places(Vec<u16>, Regex),
    Path(XPath),
}

/// A target, ready.
#[derive(Debug, Clone)]
pub(crate) struct CompiledTarget {
    pub(crate) variable: Variable,
    pub(crate) source: Source,
    pub(crate) members: Members,
    pub(crate) count: bool,
}

impl CompiledTarget {
    /// Whether a member of this name (any case) is selected.
    pub(crate) fn selects(&self, name: &[u8]) -> bool {
        match &self.members {
            Members::All | Members::Place(_) => true,
            Members::Name(wanted) => name.eq_ignore_ascii_case(wanted),
            Members::Regex(regex) | Members::Places(_, regex) => regex.is_match(name),
            Members::Path(path) => path.selects(name),
        }
    }
}

/// What a value must contain for the operator to hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate {
    /// Its literals are in the prefilter under the link's number.
    pub(crate) literals: bool,
    /// A byte of each of these.
    pub(crate) sets: SmallVec<[ByteSet; 2]>,
}

impl Gate {
    pub(crate) fn is_open(&self) -> bool {
        !self.literals && self.sets.is_empty()
    }
}

/// A link, ready.
#[derive(Debug)]
pub(crate) struct CompiledLink {
    /// Its number in the prefilter.
    pub(crate) number: usize,
    pub(crate) targets: Vec<CompiledTarget>,
    pub(crate) exclusions: Vec<CompiledTarget>,
    pub(crate) operator: CompiledOperator,
    pub(crate) argument: CompiledMacro,
    pub(crate) negated: bool,
    pub(crate) chain: ChainId,
    /// `multiMatch`: every beginning of the chain too, shortest first.
    pub(crate) stages: Vec<ChainId>,
    pub(crate) capture: bool,
    pub(crate) msg: Option<CompiledMacro>,
    pub(crate) logdata: Option<CompiledMacro>,
    pub(crate) actions: Vec<CompiledAction>,
    pub(crate) gate: Gate,
    /// It asks for `MATCHED_…`, but for message and log data.
    pub(crate) reads_matched: bool,
    /// Literals of the prefilter.
    pub(crate) literals: Vec<Vec<u8>>,
}

/// A rule, ready.
#[derive(Debug)]
pub(crate) struct CompiledRule {
    pub(crate) id: u64,
    pub(crate) phase: u8,
    pub(crate) file: u32,
    pub(crate) line: u32,
    pub(crate) links: Vec<CompiledLink>,
    pub(crate) rev: String,
    pub(crate) ver: String,
    pub(crate) severity: Option<u8>,
    pub(crate) tags: Vec<String>,
    pub(crate) disruptive: Disruption,
    pub(crate) status: Option<u16>,
    pub(crate) log: bool,
    pub(crate) audit_log: bool,
    pub(crate) skip: u32,
    pub(crate) skip_to: Option<u32>,
    /// Somebody may ask what matched: it is reported, or `MATCHED_…` is read.
    pub(crate) notes: bool,
}

/// [`Disruptive`], ready.
#[derive(Debug)]
pub(crate) enum Disruption {
    Pass,
    Deny,
    Drop,
    Allow,
    AllowPhase,
    AllowRequest,
    Redirect(CompiledMacro),
    Proxy(CompiledMacro),
}

/// [`Action`], ready.
#[derive(Debug)]
pub(crate) enum CompiledAction {
    /// A `TX` variable whose name is known.
    SetTx(u16, SetOp, CompiledMacro),
    /// The same, to a constant.
    SetTxTo(u16, TxValue),
    SetVar(Collection, CompiledMacro, SetOp, CompiledMacro),
    ExpireVar(Collection, CompiledMacro, CompiledMacro),
    InitCol(Collection, CompiledMacro),
    SetEnv(CompiledMacro, CompiledMacro),
    Ctl(CompiledCtl),
}

/// [`Ctl`], ready.
#[derive(Debug)]
pub(crate) enum CompiledCtl {
    Engine(EngineMode),
    RequestBodyAccess(bool),
    ResponseBodyAccess(bool),
    ForceRequestBodyVariable(bool),
    RequestBodyProcessor(String),
    RemoveRules(Bits),
    RemoveTarget(Bits, CompiledTarget),
    /// Concerns the audit log, which Starfort does not keep.
    Nothing,
}

/// All rules, ready.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) settings: Settings,
    pub(crate) signatures: Vec<String>,
    pub(crate) files: Vec<String>,
    pub(crate) rules: Vec<CompiledRule>,
    /// By rule.
    pub(crate) guards: Vec<Guard>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) names: Names,
    /// Without the rules that no transaction runs.
    pub(crate) plans: Plans,
    /// A rule reads `MATCHED_…` of an earlier one.
    pub(crate) reads_earlier: bool,
    /// The variables in which the Core Rule Set keeps the anomaly scores that count for blocking.
    pub(crate) score: Option<u16>,
    pub(crate) outbound_score: Option<u16>,
    /// Variables that rules left out of the plans would have set.
    pub(crate) initial: Vec<(u16, TxValue)>,
    /// With all rules, made when a caller sets variables that decide on them.
    whole: OnceLock<Plans>,
    /// Names of the variables that rules look at, by variable.
    pub(crate) variable_names: Vec<String>,
    uses: Vec<bool>,
    links: usize,
}

struct Builder {
    names: Names,
    chains: Vec<Chain>,
    known: HashMap<Vec<Transformation>, ChainId>,
    links: usize,
    uses: Vec<bool>,
    variable_names: Vec<String>,
    /// The rule being compiled reads `MATCHED_…`.
    reads_matched: bool,
    /// A rule reads `MATCHED_…` before it has matched anything itself.
    reads_earlier: bool,
}

impl Program {
    /// Read and compile rules.
    pub(crate) fn new(compiled: &[u8]) -> Result<Self, EngineError> {
        let set: RuleSet = rmp_serde::from_slice(compiled).map_err(|error| {
            EngineError::invalid("rules", format!("not compiled rules: {error}"))
        })?;
        Self::of(set)
    }

    pub(crate) fn of(set: RuleSet) -> Result<Self, EngineError> {
        let refuse = |message: String| Err(EngineError::invalid("rules", message));
        if set.format != FORMAT {
            return refuse(format!(
                "format {} is not {FORMAT}; compile the rules again",
                set.format
            ));
        }
        if set.rules.len() > MAX_RULES {
            return refuse(format!("{} rules; at most {MAX_RULES}", set.rules.len()));
        }
        let mut builder = Builder::new(set.rules.len());
        let mut rules = Vec::with_capacity(set.rules.len());
        for (index, rule) in set.rules.iter().enumerate() {
            let compiled = builder.rule(index, rule, &set).map_err(|error| {
                let file = set
                    .files
                    .get(rule.file as usize)
                    .map_or("?", String::as_str);
                EngineError::invalid(
                    "rules",
                    format!("{file}:{}: rule {}: {error}", rule.line, rule.id),
                )
            })?;
            rules.push(compiled);
        }
        for rule in &mut rules {
            // What an earlier rule matched may be asked for.
            rule.notes |= builder.reads_earlier;
            for target in rule.links.iter_mut().flat_map(|link| &mut link.targets) {
                builder.names.select(target);
            }
        }
        let constants = super::constants::constants(&rules, &builder.names);
        let guards = rules.iter().map(Guard::new).collect();
        let plans = Plans::new(&rules, &builder.chains, builder.links, &constants.dead);
        Ok(Self {
            settings: set.settings,
            signatures: set.signatures,
            files: set.files,
            score: builder.names.find(b"blocking_inbound_anomaly_score"),
            outbound_score: builder.names.find(b"blocking_outbound_anomaly_score"),
            guards,
            rules,
            chains: builder.chains,
            names: builder.names,
            plans,
            reads_earlier: builder.reads_earlier,
            initial: constants.initial,
            whole: OnceLock::new(),
            links: builder.links,
            uses: builder.uses,
            variable_names: builder.variable_names,
        })
    }

    /// Whether any rule looks at a variable.
    pub(crate) fn uses(&self, variable: Variable) -> bool {
        self.uses.get(variable as usize).copied().unwrap_or(true)
    }

    /// The plans of a transaction.
    ///
    /// # Arguments
    /// * `whole` - with all rules.
    pub(crate) fn plans(&self, whole: bool) -> &Plans {
        if !whole {
            return &self.plans;
        }
        self.whole.get_or_init(|| {
            let nothing = Bits::new(self.rules.len());
            Plans::new(&self.rules, &self.chains, self.links, &nothing)
        })
    }
}

/// What rules of all phases need of values.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    /// Of phases 1 and 2.
    request: Prefilter,
    /// Of phases 3 to 5.
    response: Prefilter,
    /// By phase, 1 first.
    phases: [PhasePlan; 5],
}

impl Plans {
    fn new(rules: &[CompiledRule], chains: &[Chain], links: usize, dead: &Bits) -> Self {
        let living = rules
            .iter()
            .enumerate()
            .filter(|(index, _)| !dead.contains(*index));
        let (request, response): (Vec<_>, Vec<_>) = living.partition(|(_, rule)| rule.phase <= 2);
        let prefilter = |living: Vec<(usize, &CompiledRule)>| {
            let pairs = living
                .into_iter()
                .flat_map(|(_, rule)| &rule.links)
                .flat_map(|link| {
                    let number = u32::try_from(link.number).unwrap_or(u32::MAX);
                    link.literals
                        .iter()
                        .map(move |literal| (literal.clone(), number))
                });
            Prefilter::new(pairs.collect(), links)
        };
        Self {
            request: prefilter(request),
            response: prefilter(response),
            phases: [1, 2, 3, 4, 5].map(|phase| PhasePlan::new(phase, rules, chains, links, dead)),
        }
    }

    pub(crate) fn prefilter(&self, phase: u8) -> &Prefilter {
        if phase <= 2 {
            &self.request
        } else {
            &self.response
        }
    }

    /// Literals of all phases, and the bytes that they take.
    pub(crate) fn size(&self) -> (usize, usize) {
        let both = [&self.request, &self.response];
        (
            both.iter().map(|one| one.len()).sum(),
            both.iter().map(|one| one.memory_bytes()).sum(),
        )
    }

    pub(crate) fn phase(&self, phase: u8) -> Option<&PhasePlan> {
        self.phases.get(usize::from(phase).checked_sub(1)?)
    }
}

impl Builder {
    fn new(rules: usize) -> Self {
        let mut names = Names::default();
        for digit in 0..super::operators::MAX_CAPTURES {
            names.place(digit.to_string().as_bytes());
        }
        Self {
            names,
            chains: vec![Chain::default()],
            known: HashMap::from([(Vec::new(), 0)]),
            links: rules,
            uses: vec![false; super::facts::VARIABLES],
            variable_names: vec![String::new(); super::facts::VARIABLES],
            reads_matched: false,
            reads_earlier: false,
        }
    }

    fn rule(&mut self, index: usize, rule: &Rule, set: &RuleSet) -> Result<CompiledRule, String> {
        if !(1..=5).contains(&rule.phase) {
            return Err(format!("phase {} is not 1 to 5", rule.phase));
        }
        if rule.links.is_empty() {
            return Err("it has no condition".into());
        }
        self.reads_matched = false;
        let mut links = Vec::with_capacity(rule.links.len());
        for (position, link) in rule.links.iter().enumerate() {
            // First links are numbered as their rules are.
            let number = if position == 0 { index } else { self.links };
            self.links += usize::from(position > 0);
            links.push(self.link(number, link, set)?);
            // A `SecAction` matches nothing, and targets are looked at before anything has matched.
            self.reads_earlier |= position == 0
                && (link.targets.is_empty() && self.reads_matched
                    || link
                        .targets
                        .iter()
                        .any(|target| is_matched(target.variable)));
        }
        let disruptive = self.disruption(&rule.disruptive);
        Ok(CompiledRule {
            notes: rule.log || rule.audit_log || self.reads_matched,
            id: rule.id,
            phase: rule.phase,
            file: rule.file,
            line: rule.line,
            links,
            rev: rule.rev.clone(),
            ver: rule.ver.clone(),
            severity: rule.severity,
            tags: rule.tags.clone(),
            disruptive,
            status: rule.status,
            log: rule.log,
            audit_log: rule.audit_log,
            skip: rule.skip,
            skip_to: rule.skip_to,
        })
    }

    fn disruption(&mut self, disruptive: &Disruptive) -> Disruption {
        match disruptive {
            Disruptive::Pass => Disruption::Pass,
            Disruptive::Deny => Disruption::Deny,
            Disruptive::Drop => Disruption::Drop,
            Disruptive::Allow => Disruption::Allow,
            Disruptive::AllowPhase => Disruption::AllowPhase,
            Disruptive::AllowRequest => Disruption::AllowRequest,
            Disruptive::Redirect(to) => Disruption::Redirect(self.text(to)),
            Disruptive::Proxy(to) => Disruption::Proxy(self.text(to)),
        }
    }

    fn text(&mut self, source: &super::compiled::Macro) -> CompiledMacro {
        let compiled = CompiledMacro::new(source, &mut self.names);
        for variable in compiled.variables() {
            self.note(variable);
        }
        compiled
    }

    fn note(&mut self, variable: Variable) {
        self.reads_matched |= is_matched(variable);
        if let Some(name) = self.variable_names.get_mut(variable as usize)
            && name.is_empty()
        {
            *name = variable_name(variable);
        }
        if let Some(used) = self.uses.get_mut(variable as usize) {
            *used = true;
        }
    }

    fn link(&mut self, number: usize, link: &Link, set: &RuleSet) -> Result<CompiledLink, String> {
        let operator = CompiledOperator::new(&link.operator)?;
        let (mut targets, mut exclusions) = (Vec::new(), Vec::new());
        for target in &link.targets {
            let list = if target.exclude {
                &mut exclusions
            } else {
                &mut targets
            };
            list.push(self.target(target)?);
        }
        let chain = self.chain(&link.transformations);
        let stages = if link.multi_match {
            self.stages(chain)
        } else {
            Vec::new()
        };
        let required = required_of(link, &operator);
        let gate = Gate {
            literals: required.literals.is_some(),
            sets: required.sets.into(),
        };
        let before = std::mem::take(&mut self.reads_matched);
        let mut actions = Vec::with_capacity(link.actions.len());
        for action in &link.actions {
            actions.push(self.action(action, set)?);
        }
        let argument = self.text(&link.operator.argument);
        let reads_matched =
            self.reads_matched || targets.iter().any(|target| is_matched(target.variable));
        self.reads_matched |= before;
        Ok(CompiledLink {
            number,
            reads_matched,
            targets,
            exclusions,
            operator,
            argument,
            negated: link.negated,
            chain,
            stages,
            capture: link.capture,
            msg: link.msg.as_ref().map(|text| self.text(text)),
            logdata: link.logdata.as_ref().map(|text| self.text(text)),
            actions,
            gate,
            literals: required.literals.unwrap_or_default(),
        })
    }

    fn chain(&mut self, steps: &[Transformation]) -> ChainId {
        if let Some(known) = self.known.get(steps) {
            return *known;
        }
        let Some((last, before)) = steps.split_last() else {
            return 0;
        };
        let parent = self.chain(before);
        let last = Step {
            transformation: *last,
            triggers: transformations::triggers(*last),
            fills_empty: transformations::fills_empty(*last),
        };
        let before = self.chains.get(usize::from(parent));
        let mut chain = Chain {
            parent,
            steps: before.map(|chain| chain.steps.clone()).unwrap_or_default(),
            triggers: last
                .triggers
                .union(before.map_or(ByteSet::EMPTY, |chain| chain.triggers)),
            fills_empty: last.fills_empty || before.is_some_and(|chain| chain.fills_empty),
        };
        chain.steps.push(last);
        let id = ChainId::try_from(self.chains.len()).unwrap_or(0);
        self.chains.push(chain);
        self.known.insert(steps.to_vec(), id);
        id
    }

    fn stages(&self, chain: ChainId) -> Vec<ChainId> {
        let mut stages = vec![chain];
        let mut at = chain;
        while let Some(chain) = self.chains.get(usize::from(at)).filter(|_| at != 0) {
            at = chain.parent;
            stages.push(at);
        }
        stages.reverse();
        stages
    }

    fn target(&mut self, target: &Target) -> Result<CompiledTarget, String> {
        self.note(target.variable);
        let (mut source, mut members) = (source_of(target.variable), Members::All);
        match &target.selector {
            None => {}
            Some(Selector::Name(name)) if source == Source::Tx => {
                members = Members::Place(self.names.place(name.as_bytes()));
            }
            Some(Selector::Name(name)) => {
                members = Members::Name(name.to_ascii_lowercase().into_bytes().into());
            }
            Some(Selector::Regex(pattern)) => {
                members = Members::Regex(pattern::compile_selector(pattern)?);
            }
            Some(Selector::Xpath(text)) => match text.trim() {
                "/*" => {}
                "//@*" => source = Source::Facts(smallvec![(Slot::XML_ATTRIBUTES, Side::Value)]),
                other => {
                    let path = XPath::new(other)?;
                    let slot = if path.attribute {
                        Slot::XML_ATTRIBUTES
                    } else {
                        Slot::XML_TEXTS
                    };
                    source = Source::Facts(smallvec![(slot, Side::Value)]);
                    members = Members::Path(path);
                }
            },
        }
        Ok(CompiledTarget {
            variable: target.variable,
            source,
            members,
            count: target.count,
        })
    }

    fn action(&mut self, action: &Action, set: &RuleSet) -> Result<CompiledAction, String> {
        Ok(match action {
            Action::SetVar(setvar) => {
                let key = self.text(&setvar.key);
                let value = self.text(&setvar.value);
                match (setvar.collection, key.literal()) {
                    (Collection::Tx, Some(name)) => {
                        let place = self.names.place(&name);
                        match (setvar.op, value.literal()) {
                            (SetOp::Set, Some(text)) => {
                                CompiledAction::SetTxTo(place, TxValue::Text(text.into()))
                            }
                            _ => CompiledAction::SetTx(place, setvar.op, value),
                        }
                    }
                    (collection, _) => CompiledAction::SetVar(collection, key, setvar.op, value),
                }
            }
            Action::ExpireVar {
                collection,
                key,
                seconds,
            } => CompiledAction::ExpireVar(*collection, self.text(key), self.text(seconds)),
            Action::InitCol { collection, key } => {
                CompiledAction::InitCol(*collection, self.text(key))
            }
            Action::SetEnv { name, value } => {
                CompiledAction::SetEnv(self.text(name), self.text(value))
            }
            Action::Ctl(ctl) => CompiledAction::Ctl(self.ctl(ctl, set)?),
        })
    }

    fn ctl(&mut self, ctl: &Ctl, set: &RuleSet) -> Result<CompiledCtl, String> {
        let by_id = |ranges: &IdRanges| {
            select(set, |rule| {
                ranges
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&rule.id))
            })
        };
        let by_tag = |tag: &String| select(set, |rule| rule.tags.contains(tag));
        let by_msg = |text: &String| {
            select(set, |rule| {
                message(rule).is_some_and(|message| message == *text)
            })
        };
        Ok(match ctl {
            Ctl::RuleEngine(mode) => CompiledCtl::Engine(*mode),
            Ctl::RequestBodyAccess(on) => CompiledCtl::RequestBodyAccess(*on),
            Ctl::ResponseBodyAccess(on) => CompiledCtl::ResponseBodyAccess(*on),
            Ctl::ForceRequestBodyVariable(on) => CompiledCtl::ForceRequestBodyVariable(*on),
            Ctl::RequestBodyProcessor(name) => match name.as_str() {
                "URLENCODED" | "MULTIPART" | "XML" | "JSON" => {
                    CompiledCtl::RequestBodyProcessor(name.clone())
                }
                other => return Err(format!("there is no request body processor {other:?}")),
            },
            Ctl::AuditEngine(_) | Ctl::AuditLogParts(_) => CompiledCtl::Nothing,
            Ctl::RuleRemoveById(ranges) => CompiledCtl::RemoveRules(by_id(ranges)),
            Ctl::RuleRemoveByTag(tag) => CompiledCtl::RemoveRules(by_tag(tag)),
            Ctl::RuleRemoveByMsg(text) => CompiledCtl::RemoveRules(by_msg(text)),
            Ctl::RuleRemoveTargetById(ranges, target) => {
                CompiledCtl::RemoveTarget(by_id(ranges), self.target(target)?)
            }
            Ctl::RuleRemoveTargetByTag(tag, target) => {
                CompiledCtl::RemoveTarget(by_tag(tag), self.target(target)?)
            }
            Ctl::RuleRemoveTargetByMsg(text, target) => {
                CompiledCtl::RemoveTarget(by_msg(text), self.target(target)?)
            }
        })
    }
}

/// Whether a variable is about what matched last.
fn is_matched(variable: Variable) -> bool {
    matches!(
        variable,
        Variable::MatchedVar
            | Variable::MatchedVarName
            | Variable::MatchedVars
            | Variable::MatchedVarsNames
    )
}

fn select(set: &RuleSet, wanted: impl Fn(&Rule) -> bool) -> Bits {
    let mut bits = Bits::new(set.rules.len());
    for (index, rule) in set.rules.iter().enumerate() {
        if wanted(rule) {
            bits.insert(index);
        }
    }
    bits
}

/// The message as written, variables as `%{NAME}` left out.
fn message(rule: &Rule) -> Option<String> {
    let message = rule.links.iter().find_map(|link| link.msg.as_ref())?;
    Some(
        message
            .iter()
            .filter_map(|part| match part {
                super::compiled::Part::Text(text) => Some(text.as_str()),
                super::compiled::Part::Var(..) => None,
            })
            .collect(),
    )
}

fn required_of(link: &Link, operator: &CompiledOperator) -> required::Required {
    use OperatorKind as K;
    let none = required::Required::default;
    // A value without what the operator needs matches a negated link, so there only what is cheap to ask helps.
    if link.negated && !matches!(operator.kind, K::Pm) {
        return none();
    }
    let sets = |set: ByteSet| required::Required {
        literals: None,
        sets: vec![set],
    };
    let literals = |list: Vec<Vec<u8>>| required::Required {
        // An empty text is in all others.
        literals: Some(list).filter(|list| list.iter().all(|literal| !literal.is_empty())),
        sets: Vec::new(),
    };
    match (&operator.check, operator.kind) {
        (Check::Regex(_), _) => super::operators::literal(&link.operator)
            .map_or_else(none, |text| {
                required::of_pattern(&pattern::translate(&text))
            }),
        (Check::Phrases(phrases), _) => {
            literals(phrases.phrases.iter().map(|phrase| short(phrase)).collect())
        }
        (Check::Bytes(allowed), _) => sets(allowed.complement()),
        (
            Check::Literal(text),
            K::Contains | K::ContainsWord | K::Streq | K::BeginsWith | K::EndsWith | K::Strmatch,
        ) if !text.is_empty() => literals(vec![short(text)]),
        (Check::None, K::DetectSqli) => sets(SQLI_NEEDS),
        (Check::None, K::DetectXss) => sets(XSS_NEEDS),
        (Check::None, K::ValidateUrlEncoding) => sets(ByteSet::of(b"%")),
        (Check::None, K::ValidateUtf8Encoding) => sets(ByteSet::range(0x80, 0xff)),
        (Check::None, K::NoMatch) => sets(ByteSet::EMPTY),
        _ => none(),
    }
}

/// Lower case, and no longer than a literal of the prefilter is.
fn short(text: &[u8]) -> Vec<u8> {
    let mut literal = super::bytes::lower(text);
    literal.truncate(24);
    literal
}

/// A variable as SecLang writes it.
fn variable_name(variable: Variable) -> String {
    let mut name = String::new();
    for letter in format!("{variable:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Where a variable's values come from.
pub(crate) fn source_of(variable: Variable) -> Source {
    use Variable as V;
    let both = |side| {
        Source::Facts(smallvec![
            (V::ArgsGet.into(), side),
            (V::ArgsPost.into(), side)
        ])
    };
    let one = |variable: V, side| Source::Facts(smallvec![(variable.into(), side)]);
    match variable {
        V::Args => both(Side::Value),
        V::ArgsNames => both(Side::Name),
        V::ArgsGetNames => one(V::ArgsGet, Side::Name),
        V::ArgsPostNames => one(V::ArgsPost, Side::Name),
        V::RequestCookiesNames => one(V::RequestCookies, Side::Name),
        V::RequestHeadersNames => one(V::RequestHeaders, Side::Name),
        V::ResponseHeadersNames => one(V::ResponseHeaders, Side::Name),
        V::FilesNames | V::MultipartName => one(V::Files, Side::Name),
        V::MultipartFilename => one(V::Files, Side::Value),
        V::MultipartSemicolonMissing => one(V::MultipartMissingSemicolon, Side::Value),
        V::Tx => Source::Tx,
        V::Ip => Source::Stored(Collection::Ip),
        V::Global => Source::Stored(Collection::Global),
        V::Session => Source::Stored(Collection::Session),
        V::User => Source::Stored(Collection::User),
        V::Resource => Source::Stored(Collection::Resource),
        V::MatchedVar
        | V::MatchedVarName
        | V::MatchedVars
        | V::MatchedVarsNames
        | V::HighestSeverity
        | V::Duration
        | V::ReqbodyProcessor
        | V::Env
        | V::Geo
        | V::Rule
        | V::Sessionid
        | V::Userid => Source::Changing,
        other => one(other, Side::Value),
    }
}
