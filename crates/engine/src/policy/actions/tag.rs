//! `tag`: set a request header for the upstream, and go on.

use serde::{Deserialize, Serialize};

use super::{Due, PolicyAction, Then};
use crate::policy::decision::Decision;

/// The action as the bundle has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TagSpec {
    /// Name, lower case.
    pub header: String,
    /// Value.
    pub value: String,
}

/// Sets a header.
#[derive(Debug)]
pub(crate) struct Tag {
    header: Box<str>,
    value: Box<str>,
}

impl Tag {
    pub(super) fn compile(spec: &TagSpec) -> Self {
        Self {
            header: spec.header.as_str().into(),
            value: spec.value.as_str().into(),
        }
    }
}

impl PolicyAction for Tag {
    const WORD: &'static str = "tag";

    fn act(&self, _policy: &str, _due: Due, decision: &mut Decision) -> Then {
        // Two policies may set one header: both are noted, and the host, which sets them in order, keeps the last.
        decision
            .tags
            .push((self.header.clone(), self.value.clone()));
        Then::GoOn
    }

    fn sets_header(&self) -> Option<&str> {
        Some(&self.header)
    }
}
