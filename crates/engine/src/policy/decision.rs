//! What the policies of one phase decide, as data from which the outcome of a request is made.

use std::sync::Arc;

/// Longest that one request is held by policies. Each request that is held keeps its memory, and a client that waits
/// longer than this has mostly given up.
pub const MAX_DELAY_MS: u64 = 30_000;

/// Word of requests that pass.
pub(crate) const ALLOW: &str = "allow";

/// Word of requests that go to another upstream.
pub(crate) const DIVERT: &str = "divert";

/// What the policies of one phase decide.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// What ended the list.
    pub terminal: Terminal,
    /// Name of the policy that did.
    pub policy: Box<str>,
    /// Request headers for the upstream.
    pub tags: Vec<(Box<str>, Box<str>)>,
    /// Sum of delays, at most [`MAX_DELAY_MS`].
    pub delay_ms: u64,
    /// Classes to mask; `Some` of an empty list: all.
    // A further way to change a response would be a field here, so that `observed` and `done` keep their meaning.
    pub mask: Option<Vec<Box<str>>>,
    /// Non-terminal actions that were done, `action:policy`.
    pub done: Vec<String>,
    /// What policies in observe mode would have done, `action:policy`.
    pub observed: Vec<String>,
    /// Policies whose condition was an error.
    pub errors: u32,
}

/// What ended the list, by its effect: actions that differ only in the answer that they give are one case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Terminal {
    /// Nothing, or `allow`: the message goes on.
    #[default]
    Allow,
    /// The request goes on to this upstream instead of the API's own.
    Divert {
        /// Name of the Envoy cluster.
        upstream: Box<str>,
    },
    /// Starfort answers by itself. Boxed, because every request carries a `Terminal` and few are answered.
    Answer(Box<Answer>),
}

/// An answer of Starfort's own, as a policy's action asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The word of the action that answers, as events and metrics have it.
    pub action: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Headers beside those that the body brings: names (lower case) and values.
    pub headers: Vec<(String, String)>,
    /// What the answer says.
    pub body: AnswerBody,
}

/// What an answer says. Texts are shared with the policy: a flood of refused requests copies none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerBody {
    /// Problem details (RFC 9457) with the id of the request, and nothing about the rule.
    Problem,
    /// A text of the configuration's own.
    Text {
        /// Body.
        text: Arc<str>,
        /// Its content type.
        content_type: Arc<str>,
    },
    /// A canned response, with its headers.
    Canned(Arc<CannedAnswer>),
}

/// A canned response of the bundle, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct CannedAnswer {
    /// HTTP status.
    pub status: u16,
    /// Names (lower case) and values.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Terminal {
    /// Word of the action, as in events.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Allow => ALLOW,
            Self::Divert { .. } => DIVERT,
            Self::Answer(answer) => answer.action,
        }
    }

    /// An answer without headers of its own.
    pub(crate) fn answer(action: &'static str, status: u16, body: AnswerBody) -> Self {
        Self::Answer(Box::new(Answer {
            action,
            status,
            headers: Vec::new(),
            body,
        }))
    }
}
