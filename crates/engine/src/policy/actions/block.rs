//! `block`: refuse.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Due, PolicyAction, Then};
use crate::policy::decision::{AnswerBody, Decision, Terminal};

/// The content type of a body when the bundle names none: people write sentences.
const DEFAULT_CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// The action as the bundle has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BlockSpec {
    /// HTTP status.
    pub status: u16,
    /// `None`: problem+json (RFC 9457) with the request id.
    pub body: Option<String>,
    /// Content type of `body`.
    pub content_type: Option<String>,
}

/// Refuses the request with an answer that the configuration gives.
#[derive(Debug)]
pub(crate) struct Block {
    status: u16,
    body: AnswerBody,
}

impl Block {
    /// # Errors
    /// A sentence for the status that no answer can have.
    pub(super) fn compile(spec: &BlockSpec) -> Result<Self, String> {
        // Statuses below 200 are interim answers, which end no exchange (RFC 9110, 15.2).
        if !(200..600).contains(&spec.status) {
            return Err("a block's status must be 200 to 599".into());
        }
        let content_type = spec.content_type.as_deref();
        Ok(Self {
            status: spec.status,
            body: match spec.body.as_deref() {
                None => AnswerBody::Problem,
                Some(text) => AnswerBody::Text {
                    text: Arc::from(text),
                    content_type: content_type.unwrap_or(DEFAULT_CONTENT_TYPE).into(),
                },
            },
        })
    }

    // The code that refuses makes the answer itself (`LocalResponse::over_limit` and its like); only the action's word
    // counts here.
    /// The end of a request that Starfort refused without asking a policy, for its event.
    pub(crate) fn without_policy(status: u16) -> Terminal {
        Terminal::answer(Self::WORD, status, AnswerBody::Problem)
    }
}

impl PolicyAction for Block {
    const WORD: &'static str = "block";

    fn act(&self, _policy: &str, _due: Due, _decision: &mut Decision) -> Then {
        Then::End(Terminal::answer(Self::WORD, self.status, self.body.clone()))
    }
}
