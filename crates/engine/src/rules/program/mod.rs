//! Rules made ready to run: what loading worked out, and what a request reads and never changes.
//!
//! | what | where |
//! |---|---|
//! | rules, their links and what they do | [`rule`] |
//! | what a rule looks at | [`target`], [`slots`], [`xpath`] |
//! | names of `TX` variables and constants | [`tx`] |
//! | texts with variables in them | [`macros`] |
//! | lists of transformations | [`chain`] |
//! | which rules can match at all | [`plan`], [`prefilter`], [`guard`] |

pub(crate) mod chain;
pub(crate) mod guard;
pub(crate) mod macros;
pub(crate) mod plan;
pub(crate) mod prefilter;
pub(crate) mod rule;
pub(crate) mod slots;
pub(crate) mod target;
pub(crate) mod tx;
pub(crate) mod xpath;

use std::sync::OnceLock;

use chain::Chain;
use guard::Guard;
use plan::Plans;
use rule::CompiledRule;
use tx::{Names, TxValue};

use crate::rules::wire::{Settings, Variable};

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
    pub(crate) whole: OnceLock<Plans>,
    /// Names of the variables that rules look at, by variable.
    pub(crate) variable_names: Vec<String>,
    /// By variable: a rule looks at it.
    pub(crate) uses: Vec<bool>,
    /// How many links all rules have.
    pub(crate) links: usize,
}

impl Program {
    /// Whether any rule looks at a variable.
    pub(crate) fn uses(&self, variable: Variable) -> bool {
        self.uses.get(variable as usize).copied().unwrap_or(true)
    }
}
