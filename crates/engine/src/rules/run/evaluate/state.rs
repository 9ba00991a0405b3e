//! What rules work with, and what they have done so far.

use std::borrow::Cow;
use std::collections::HashMap;

use regex::bytes::Regex;

use crate::client::geo::GeoRecord;
use crate::rules::program::Program;
use crate::rules::program::prefilter::Bits;
use crate::rules::program::slots::Slot;
use crate::rules::program::tx::TxValue;
use crate::rules::run::collections::Collections;
use crate::rules::run::facts::Facts;
use crate::rules::run::report::{Hit, Interruption, MatchedVar};
use crate::rules::run::tx::Tx;
use crate::rules::run::values::{OutputId, Values};
use crate::rules::weigh::{Classes, Field, Fields};
use crate::rules::wire::{Collection, EngineMode, Variable};
use crate::work::Work;

/// Bytes of an expanded text.
pub(super) const MAX_TEXT_BYTES: usize = 8192;

/// What rules have done so far.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what `ctl` switches")]
pub(crate) struct State {
    pub(crate) tx: Tx,
    pub(crate) mode: EngineMode,
    pub(crate) matched_var: Vec<u8>,
    pub(crate) matched_name: Vec<u8>,
    /// Everything that the last rule with a match matched, along its whole chain.
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
    pub(super) rule: usize,
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
    pub(crate) collections: &'a Collections,
    pub(crate) place: &'a GeoRecord,
    /// What the request's fields hold; `None`: every match counts.
    pub(crate) fields: Option<Fields<'a>>,
    /// Ask every rule instead of those that the plan says can match (to compare with).
    pub(crate) exhaustive: bool,
    /// Report rules that are not for the log too.
    pub(crate) verbose: bool,
}

/// Rules of a phase at work.
pub(super) struct Run<'a, 's> {
    pub(super) context: Context<'a>,
    pub(super) state: &'s mut State,
    pub(super) values: Values<'a>,
    /// Matches of the links of the rule that runs.
    pub(super) links: Vec<Noted<'a>>,
    /// How many of them are in the state's `MATCHED_…`.
    pub(super) settled: usize,
    /// Some are not.
    pub(super) unsettled: bool,
    /// Whether the rule that runs notes what matched.
    pub(super) notes: bool,
    /// The last pattern that was made of macros, and its text; `None` for one that is no pattern.
    pub(super) made: Option<(Vec<u8>, Option<Regex>)>,
    /// What the rule that runs looks for.
    pub(super) classes: Classes,
    /// What was weighed in this phase, and whether it counts.
    pub(super) verdicts: HashMap<Weighing, bool>,
    /// Bytes of values that were weighed.
    pub(super) weighed_bytes: usize,
    /// Bodies without the parts that are content.
    pub(super) rests: HashMap<(Slot, Classes), Option<OutputId>>,
    /// The value that was looked at last matched and does not count.
    pub(super) spared: bool,
}

impl<'a, 's> Run<'a, 's> {
    pub(super) fn new(context: Context<'a>, state: &'s mut State, values: Values<'a>) -> Self {
        Self {
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
        }
    }
}

/// A value that matched: texts are made of it when somebody asks.
pub(super) struct Noted<'a> {
    pub(super) variable: Variable,
    pub(super) name: Cow<'a, [u8]>,
    pub(super) value: OutputId,
}

/// What is weighed once in a phase: a value, as what, for rules of which kind.
pub(super) type Weighing = (OutputId, Field, Classes);
