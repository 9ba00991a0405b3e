//! `mask`: mask sensitive values in the response (JSON), and go on.

use serde::{Deserialize, Serialize};

use super::{Due, PolicyAction, Then};
use crate::policy::decision::Decision;

/// The action as the bundle has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MaskSpec {
    /// Classes to mask; empty: all that are looked for.
    pub classes: Vec<String>,
}

/// Masks values of these classes.
#[derive(Debug)]
pub(crate) struct Mask {
    classes: Vec<Box<str>>,
}

impl Mask {
    pub(super) fn compile(spec: &MaskSpec) -> Self {
        let classes = spec.classes.iter();
        Self {
            classes: classes.map(|class| class.as_str().into()).collect(),
        }
    }
}

impl PolicyAction for Mask {
    const WORD: &'static str = "mask";
    const READS_RESPONSE_BODY: bool = true;

    fn act(&self, _policy: &str, _due: Due, decision: &mut Decision) -> Then {
        match &mut decision.mask {
            // An empty list stands for every class, so nothing can be added to it.
            Some(known) if known.is_empty() => {}
            Some(known) if !self.classes.is_empty() => known.extend_from_slice(&self.classes),
            _ => decision.mask = Some(self.classes.clone()),
        }
        Then::GoOn
    }
}
