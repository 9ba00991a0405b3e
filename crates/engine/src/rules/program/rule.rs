//! Rules, ready to run.

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
    pub(crate) actions: Vec<CompiledRuleAction>,
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

/// [`Disruptive`](crate::rules::wire::Disruptive), ready.
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

/// [`RuleAction`](crate::rules::wire::RuleAction), ready.
#[derive(Debug)]
pub(crate) enum CompiledRuleAction {
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

/// [`Ctl`](crate::rules::wire::Ctl), ready.
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
