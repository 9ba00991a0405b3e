//! Lists of transformations, and what they may make of a value. This is known before any of them runs.

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
    /// If a value has none of these bytes, no step changes it.
    pub(crate) triggers: ByteSet,
    /// Whether the chain makes something of an empty value, as `length` does.
    pub(crate) fills_empty: bool,
}

/// A transformation of a chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) transformation: Transformation,
    /// If a value has none of these bytes, the transformation does not change it.
    pub(crate) triggers: ByteSet,
    /// Whether the transformation makes something of an empty value.
    pub(crate) fills_empty: bool,
}

impl Step {
    /// Whether the transformation may change a value that has these bytes.
    #[inline]
    pub(crate) fn changes(&self, bytes: ByteSet) -> bool {
        self.triggers.meets(bytes) || (self.fills_empty && bytes == ByteSet::EMPTY)
    }
}

impl Chain {
    /// Whether any step may change a value that has these bytes.
    #[inline]
    pub(crate) fn changes(&self, bytes: ByteSet) -> bool {
        self.triggers.meets(bytes) || (self.fills_empty && bytes == ByteSet::EMPTY)
    }
}

/// The bytes and the length that steps may give a value. With `stages`, the length is the longest one after any step.
#[inline]
pub(crate) fn reach(steps: &[Step], bytes: ByteSet, length: usize, stages: bool) -> Reach {
    // Letters are taken in both cases, because literals are compared without case.
    let mut at = Reach {
        bytes: bytes.in_any_case(),
        length,
    };
    let mut longest = 0;
    for step in steps {
        // A step that cannot change the value adds nothing to the reach.
        if step.triggers.meets(at.bytes) || step.fills_empty {
            at = transformations::reach(step.transformation, at);
            longest = longest.max(at.length);
        }
    }
    // `multiMatch` asks after each step, so an early long result counts even if a later step shortens it.
    if stages {
        at.length = longest;
    }
    at
}
