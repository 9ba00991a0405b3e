//! `delay`: hold the request, and go on.

use serde::{Deserialize, Serialize};

use super::{Due, PolicyAction, Then};
use crate::policy::decision::{Decision, MAX_DELAY_MS};

/// The action as the bundle has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DelaySpec {
    /// Milliseconds, at most [`MAX_DELAY_MS`].
    pub duration_ms: u64,
}

/// Holds the request.
#[derive(Debug)]
pub(crate) struct Delay {
    duration_ms: u64,
}

impl Delay {
    pub(super) fn compile(spec: &DelaySpec) -> Self {
        Self {
            // Python refuses longer ones and names the line; a bundle from elsewhere is held to the limit too.
            duration_ms: spec.duration_ms.min(MAX_DELAY_MS),
        }
    }
}

impl PolicyAction for Delay {
    const WORD: &'static str = "delay";

    fn act(&self, _policy: &str, _due: Due, decision: &mut Decision) -> Then {
        // Several delays add up, and a request that is held takes memory: so the sum has the limit that one has.
        decision.delay_ms = (decision.delay_ms + self.duration_ms).min(MAX_DELAY_MS);
        Then::GoOn
    }
}
