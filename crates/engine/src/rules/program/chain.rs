//! Lists of transformations: what they may make of a value, known before any of them runs.

use crate::rules::bytes::ByteSet;
use crate::rules::transformations::{self, Reach};
use crate::rules::wire::Transformation;

/// Index of a [`Chain`]; 0 is the empty one.
pub(crate) type ChainId = u16;

/// A list of transformations.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// The chain without its last step.
    pub(crate) parent: ChainId,
    pub(crate) steps: Vec<Step>,
    /// Bytes without which no step changes anything.
    pub(crate) triggers: ByteSet,
    /// It makes something of an empty value.
    pub(crate) fills_empty: bool,
}

/// A transformation of a chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) transformation: Transformation,
    /// Bytes without which it changes nothing.
    pub(crate) triggers: ByteSet,
    /// It makes something of an empty value.
    pub(crate) fills_empty: bool,
}

impl Step {
    /// Whether it may change a value of these bytes.
    #[inline]
    pub(crate) fn changes(&self, bytes: ByteSet) -> bool {
        self.triggers.meets(bytes) || (self.fills_empty && bytes == ByteSet::EMPTY)
    }
}

impl Chain {
    /// Whether any step may change a value of these bytes.
    #[inline]
    pub(crate) fn changes(&self, bytes: ByteSet) -> bool {
        self.triggers.meets(bytes) || (self.fills_empty && bytes == ByteSet::EMPTY)
    }
}

/// What steps may make of a value; of all that they make on the way the longest length, with `stages`.
#[inline]
pub(crate) fn reach(steps: &[Step], bytes: ByteSet, length: usize, stages: bool) -> Reach {
    // Letters in both cases, for literals are compared without case.
    let mut at = Reach {
        bytes: bytes.in_any_case(),
        length,
    };
    let mut longest = 0;
    for step in steps {
        // A step that cannot change anything adds nothing to what may come of the value.
        if step.triggers.meets(at.bytes) || step.fills_empty {
            at = transformations::reach(step.transformation, at);
            longest = longest.max(at.length);
        }
    }
    if stages {
        at.length = longest;
    }
    at
}
