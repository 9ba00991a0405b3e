//! The outcome of each policy for one request, which `starfort policy test` shows.

use serde::Serialize;

use super::value::EvalError;
use crate::bundle::{Mode, Phase};

/// The outcome of one policy, which `starfort policy test` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyTrace {
    /// Name.
    pub policy: String,
    /// When it is asked.
    pub phase: Phase,
    /// Whether it may act.
    pub mode: Mode,
    /// The word of its action.
    pub action: &'static str,
    /// `expired`, `not_for_this_api`, `not_for_this_endpoint`, `no_match`, `error`, `within_limit`, `observed`,
    /// `applied`, `not_reached` (an earlier one ended the list) or `not_asked` (its phase did not come).
    pub outcome: &'static str,
    /// Whether the condition held; `None` when it was not asked or was an error.
    pub matched: Option<bool>,
    /// Why the condition was an error, "" when it was none: see [`EvalError::code`].
    pub error: &'static str,
}

/// The result of asking one policy.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    /// It was not asked, and why.
    Skipped(&'static str),
    /// Its condition does not hold.
    NoMatch,
    /// Its condition or its key is an error.
    Failed(EvalError),
    /// Its condition holds, and its rate is not exceeded.
    WithinLimit,
    /// It would have acted.
    Observed,
    /// It acted.
    Applied,
}

impl Asked {
    /// Outcome, whether the condition held, and the error, as [`PolicyTrace`] has them.
    // The words are part of what `starfort policy test --json` prints: they stay.
    pub(super) const fn told(self) -> (&'static str, Option<bool>, &'static str) {
        match self {
            Self::Skipped(reason) => (reason, None, ""),
            Self::NoMatch => ("no_match", Some(false), ""),
            Self::Failed(error) => ("error", None, error.code()),
            Self::WithinLimit => ("within_limit", Some(true), ""),
            Self::Observed => ("observed", Some(true), ""),
            Self::Applied => ("applied", Some(true), ""),
        }
    }
}
