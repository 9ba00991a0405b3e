//! The data that rules work with, and the state that they change.

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

/// The most bytes of an expanded text.
pub(super) const MAX_TEXT_BYTES: usize = 8192;

/// What the rules of a transaction have done so far.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what `ctl` switches")]
pub(crate) struct State {
    pub(crate) tx: Tx,
    pub(crate) mode: EngineMode,
    pub(crate) matched_var: Vec<u8>,
    pub(crate) matched_name: Vec<u8>,
    /// All matches of the last rule that matched something, along its whole chain.
    pub(crate) matched_vars: Vec<MatchedVar>,
    pub(crate) highest_severity: Option<u8>,
    pub(crate) hits: Vec<Hit>,
    /// Matches in fields where people write that were weighed and do not count.
    pub(crate) weighed: Vec<Hit>,
    pub(crate) interruption: Option<Interruption>,
    // A set, because rules ask about it one by one while each may be removed several times.
    pub(crate) removed: Option<Bits>,
    // The positions of the actions, so that their targets are not copied for each request.
    pub(crate) removed_targets: Vec<(u32, u16)>,
    // There are six collections and one key for each at most, so a list is searched faster than a map.
    pub(crate) keys: Vec<(Collection, Vec<u8>)>,
    /// Variables of collections that no rule opened. They live as long as the transaction: without a key, the store
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
    /// The work that is left.
    pub(crate) work: Work,
    /// Whether all rules run, also those that the constants of the set rule out.
    pub(crate) whole: bool,
    /// The rule that runs, for `RULE`.
    pub(super) rule: usize,
}

/// Which phases an `allow` has ended.
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
            // `ctl` may change these for one transaction, so each begins with a copy of the settings.
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
    /// Which fields hold content that people write; `None`: every match counts.
    pub(crate) fields: Option<Fields<'a>>,
    /// Whether every rule is asked, not only those that the plan says can match. Tests compare both ways.
    pub(crate) exhaustive: bool,
    /// Whether rules that are not logged are reported too.
    pub(crate) verbose: bool,
}

/// The run of the rules of one phase.
pub(super) struct Run<'a, 's> {
    pub(super) context: Context<'a>,
    pub(super) state: &'s mut State,
    pub(super) values: Values<'a>,
    /// Matches of the links of the rule that runs.
    pub(super) links: Vec<Noted<'a>>,
    /// How many of `links` are in the state's `MATCHED_…` already.
    pub(super) settled: usize,
    /// Whether some of `links` are not in the state's `MATCHED_…` yet.
    pub(super) unsettled: bool,
    /// Whether the rule that runs notes what matched.
    pub(super) notes: bool,
    /// The last pattern that was made of macros, and its text. The pattern is `None` when the text is no valid pattern.
    pub(super) made: Option<(Vec<u8>, Option<Regex>)>,
    /// The kinds of attacks that the running rule looks for.
    pub(super) classes: Classes,
    /// The values that were weighed in this phase, and whether a match in them counts.
    pub(super) verdicts: HashMap<Weighing, bool>,
    /// How many bytes were weighed in this phase.
    pub(super) weighed_bytes: usize,
    /// Bodies and request targets without the parts that are content; `None` when no part is.
    pub(super) rests: HashMap<(Slot, Classes), Option<OutputId>>,
    /// Whether the value that was looked at last matched, and does not count.
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

/// A value that matched. It becomes text when something asks for it.
pub(super) struct Noted<'a> {
    pub(super) variable: Variable,
    pub(super) name: Cow<'a, [u8]>,
    pub(super) value: OutputId,
}

/// What is weighed once in a phase: a value, the field that it is read as, and the kinds of attacks of the rule.
pub(super) type Weighing = (OutputId, Field, Classes);
