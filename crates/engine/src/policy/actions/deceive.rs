//! `deceive`: answer as the API might, without asking it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{CompileContext, Due, PolicyAction, Then};
use crate::policy::decision::{AnswerBody, CannedAnswer, Decision, Terminal};

/// The action as the bundle has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeceiveSpec {
    /// Index in [`crate::bundle::Bundle::responses`].
    pub response: u32,
}

/// Answers with a canned response.
#[derive(Debug)]
pub(crate) struct Deceive {
    response: Arc<CannedAnswer>,
}

impl Deceive {
    /// # Errors
    /// A sentence where the bundle has no such response.
    pub(super) fn compile(
        spec: &DeceiveSpec,
        context: &CompileContext<'_>,
    ) -> Result<Self, String> {
        // Held by each policy that answers with it, so that nothing has to be looked up, and could be missing, when a
        // request comes.
        let response = (context.responses)
            .get(spec.response as usize)
            .ok_or("deceive: no such canned response")?;
        Ok(Self {
            response: Arc::clone(response),
        })
    }
}

impl PolicyAction for Deceive {
    const WORD: &'static str = "deceive";

    fn act(&self, _policy: &str, _due: Due, _decision: &mut Decision) -> Then {
        let canned = Arc::clone(&self.response);
        let status = canned.status;
        Then::End(Terminal::answer(
            Self::WORD,
            status,
            AnswerBody::Canned(canned),
        ))
    }
}
