//! `divert`: send the request to another upstream.

use serde::{Deserialize, Serialize};

use super::{Due, PolicyAction, Then};
use crate::policy::decision::{DIVERT, Decision, Terminal};

/// The action as the bundle has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DivertSpec {
    /// Name of the Envoy cluster.
    pub upstream: String,
}

/// Sends the request to another upstream. The caller cannot tell.
#[derive(Debug)]
pub(crate) struct Divert {
    upstream: Box<str>,
}

impl Divert {
    pub(super) fn compile(spec: &DivertSpec) -> Self {
        Self {
            upstream: spec.upstream.as_str().into(),
        }
    }
}

impl PolicyAction for Divert {
    const WORD: &'static str = DIVERT;

    fn act(&self, _policy: &str, _due: Due, _decision: &mut Decision) -> Then {
        Then::End(Terminal::Divert {
            upstream: self.upstream.clone(),
        })
    }
}
