//! Rules that are ready to run.

use smallvec::SmallVec;

use super::chain::ChainId;
use super::macros::CompiledMacro;
use super::prefilter::Bits;
use super::target::CompiledTarget;
use super::tx::TxValue;
use crate::rules::bytes::ByteSet;
use crate::rules::operators::CompiledOperator;
use crate::rules::weigh::Classes;
use crate::rules::wire::{Collection, EngineMode, SetOp};

/// What a value must contain for the operator to hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate {
    /// Whether the link has literals in the prefilter, under its number.
    pub(crate) literals: bool,
    /// The value must have a byte of each of these sets.
    // Most operators need one or two sets, so a gate is read without following a pointer.
    pub(crate) sets: SmallVec<[ByteSet; 2]>,
}

impl Gate {
    pub(crate) fn is_open(&self) -> bool {
        !self.literals && self.sets.is_empty()
    }
}

/// A link that is ready to run.
#[derive(Debug)]
pub(crate) struct CompiledLink {
    /// The link's number in the prefilter.
    pub(crate) number: usize,
    pub(crate) targets: Vec<CompiledTarget>,
    pub(crate) exclusions: Vec<CompiledTarget>,
    pub(crate) operator: CompiledOperator,
    pub(crate) argument: CompiledMacro,
    pub(crate) negated: bool,
    pub(crate) chain: ChainId,
    /// For `multiMatch`, every beginning of the chain, shortest first; empty for other links.
    pub(crate) stages: Vec<ChainId>,
    pub(crate) capture: bool,
    pub(crate) msg: Option<CompiledMacro>,
    pub(crate) logdata: Option<CompiledMacro>,
    pub(crate) actions: Vec<CompiledRuleAction>,
    pub(crate) gate: Gate,
    /// Whether the link reads `MATCHED_…`, apart from its message and log data.
    pub(crate) reads_matched: bool,
    /// The literals by which the prefilter finds the link.
    // Only loading reads these: a request asks the prefilter by number.
    pub(crate) literals: Vec<Vec<u8>>,
}

/// A rule that is ready to run.
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
    /// Whether anything may ask what the rule matched: a report, or a rule that reads `MATCHED_…`.
    pub(crate) notes: bool,
    /// The kinds of attacks that the rule looks for, if grammar can weigh them.
    pub(crate) classes: Classes,
}

/// [`Disruptive`](crate::rules::wire::Disruptive) with compiled texts.
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

/// [`RuleAction`](crate::rules::wire::RuleAction) with compiled texts and targets.
#[derive(Debug)]
pub(crate) enum CompiledRuleAction {
    /// Changes a `TX` variable whose name is known when rules load.
    SetTx(u16, SetOp, CompiledMacro),
    /// Sets such a variable to a constant. Copying the shared text is cheaper than expanding it for each request.
    SetTxTo(u16, TxValue),
    SetVar(Collection, CompiledMacro, SetOp, CompiledMacro),
    ExpireVar(Collection, CompiledMacro, CompiledMacro),
    InitCol(Collection, CompiledMacro),
    SetEnv(CompiledMacro, CompiledMacro),
    Ctl(CompiledCtl),
}

/// [`Ctl`](crate::rules::wire::Ctl) with compiled targets.
#[derive(Debug)]
pub(crate) enum CompiledCtl {
    Engine(EngineMode),
    RequestBodyAccess(bool),
    ResponseBodyAccess(bool),
    ForceRequestBodyVariable(bool),
    RequestBodyProcessor(String),
    RemoveRules(Bits),
    RemoveTarget(Bits, CompiledTarget),
}
