//! Rules that are ready to run. Loading makes them; requests read them and never change them.
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

/// All rules of a set, ready to run.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) settings: Settings,
    pub(crate) signatures: Vec<String>,
    pub(crate) files: Vec<String>,
    pub(crate) rules: Vec<CompiledRule>,
    /// A guard for each rule, by the index of the rule.
    pub(crate) guards: Vec<Guard>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) names: Names,
    /// The plans without the rules that no transaction runs.
    pub(crate) plans: Plans,
    /// Whether any rule reads the `MATCHED_…` variables of an earlier rule.
    pub(crate) reads_earlier: bool,
    /// The variables in which the Core Rule Set keeps the anomaly scores that count for blocking.
    pub(crate) score: Option<u16>,
    pub(crate) outbound_score: Option<u16>,
    /// The variables that rules left out of the plans would have set, and their values.
    pub(crate) initial: Vec<(u16, TxValue)>,
    /// The plans with all rules. They are made when a caller sets variables that decide on the rules that were left
    /// out.
    pub(crate) whole: OnceLock<Plans>,
    /// Names of the variables that rules look at, by variable.
    pub(crate) variable_names: Vec<String>,
    /// For each variable, whether a rule looks at it.
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
