//! Rules made ready to run: everything that depends on the rules alone is worked out once (`builder`) and kept here.

use std::collections::HashMap;
use std::sync::OnceLock;

use regex::bytes::Regex;
use smallvec::{SmallVec, smallvec};

use super::builder::Builder;
use super::bytes::ByteSet;
use super::chain::{Chain, ChainId};
use super::compiled::{Collection, EngineMode, FORMAT, RuleSet, SetOp, Settings, Variable};
use super::facts::Slot;
use super::guard::Guard;
use super::macros::CompiledMacro;
use super::operators::CompiledOperator;
use super::plan::PhasePlan;
use super::prefilter::{Bits, Prefilter};
use super::tx::TxValue;
use super::values::Side;
use super::weigh::Classes;
use super::xpath::XPath;
use crate::error::EngineError;

/// Rules of one set; a larger one is a mistake or an attack.
const MAX_RULES: usize = 100_000;

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
    Facts(SmallVec<[(Slot, Side); 3]>),
    /// `TX`.
    Tx,
    /// `IP`, `GLOBAL`, …
    Stored(Collection),
    /// Anything that changes while rules run.
    Changing,
}

impl Source {
    /// Whether two sources of one variable have values in common: text and attributes of XML have none.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Facts(these), Self::Facts(those)) => {
                these.iter().any(|place| those.contains(place))
            }
            _ => self == other,
        }
    }
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
    /// What kinds of attacks it looks for, as far as grammar can weigh them.
    pub(crate) classes: Classes,
}

/// [`Disruptive`](super::compiled::Disruptive), ready.
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

/// [`Action`](super::compiled::Action), ready.
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

/// [`Ctl`](super::compiled::Ctl), ready.
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

/// Where a variable's values come from.
pub(crate) fn source_of(variable: Variable) -> Source {
    use Variable as V;
    let one = |variable: V, side| Source::Facts(smallvec![(variable.into(), side)]);
    match variable {
        V::Args => Source::Facts(smallvec![
            (V::ArgsGet.into(), Side::Value),
            (V::ArgsPost.into(), Side::Value),
        ]),
        V::StarfortArgs => Source::Facts(smallvec![
            (V::StarfortArgs.into(), Side::Value),
            (Slot::DECODED_BODY, Side::Value),
            (Slot::TRAILERS, Side::Value),
        ]),
        V::StarfortArgsNames => Source::Facts(smallvec![
            (V::StarfortArgs.into(), Side::Name),
            (Slot::DECODED_BODY, Side::Name),
            (Slot::TRAILERS, Side::Name),
        ]),
        V::ArgsNames => Source::Facts(smallvec![
            (V::ArgsGet.into(), Side::Name),
            (Slot::NAMED_ARGUMENTS, Side::Name),
        ]),
        V::ArgsGetNames => one(V::ArgsGet, Side::Name),
        V::ArgsPostNames => Source::Facts(smallvec![(Slot::NAMED_ARGUMENTS, Side::Name)]),
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
