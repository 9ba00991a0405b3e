//! Which rules of a phase can match at all, as loading worked it out (`load::plan`). All values are asked at once
//! before any rule runs (`run::live`).

use std::ops::Range;
use std::sync::Arc;

use regex::bytes::RegexSet;
use smallvec::SmallVec;

use super::chain::{self, Chain, ChainId};
use super::prefilter::{Bits, Prefilter};
use super::slots::{Side, Slot};
use crate::rules::bytes::ByteSet;
use crate::rules::transformations::Reach;

/// What rules of all phases need of values.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    /// The prefilter of phases 1 and 2.
    pub(crate) request: Prefilter,
    /// The prefilter of phases 3 to 5: they look for other literals, and mostly at other values.
    pub(crate) response: Prefilter,
    /// By phase, 1 first.
    pub(crate) phases: [PhasePlan; 5],
}

impl Plans {
    pub(crate) fn prefilter(&self, phase: u8) -> &Prefilter {
        if phase <= 2 {
            &self.request
        } else {
            &self.response
        }
    }

    /// Literals of all phases, and the bytes that they take.
    pub(crate) fn size(&self) -> (usize, usize) {
        let both = [&self.request, &self.response];
        (
            both.iter().map(|one| one.len()).sum(),
            both.iter().map(|one| one.memory_bytes()).sum(),
        )
    }

    pub(crate) fn phase(&self, phase: u8) -> Option<&PhasePlan> {
        self.phases.get(usize::from(phase).checked_sub(1)?)
    }
}

/// The rules of a phase.
#[derive(Debug, Default)]
pub(crate) struct PhasePlan {
    /// Rules that run for every request.
    pub(crate) always: Bits,
    /// Rules that run when a class of values has a member, or has one that passes their gates.
    pub(crate) classes: Vec<ValueClass>,
}

/// Values that targets name in the same way.
#[derive(Debug)]
pub(crate) struct ValueClass {
    pub(crate) slot: Slot,
    pub(crate) side: Side,
    /// Only members of this name.
    pub(crate) name: Option<Box<[u8]>>,
    /// Rules that run when the class has any value.
    pub(crate) present: Bits,
    /// Rules that run when a value is empty.
    pub(crate) empty: Option<Bits>,
    /// What is asked of the value as it is, for all chains. Most chains change nothing in most values; where one does,
    /// this asks too much, never too little.
    pub(crate) plain: Questions,
    /// At most [`MAX_GROUPS`].
    pub(crate) groups: Vec<Group>,
    pub(crate) triggers: Triggers,
}

/// Chains for which a class asks separately: one bit of a word each. Rules of further chains run whenever there is a
/// value.
pub(crate) const MAX_GROUPS: usize = 64;

/// Which groups of a class have a chain that may change a value, by the value's bytes.
#[derive(Debug, Default)]
pub(crate) struct Triggers {
    /// Bytes, and a bit for each group whose chain they start. No byte is in two entries.
    pub(crate) bytes: Vec<(ByteSet, u64)>,
    /// Groups whose chain makes something of an empty value.
    pub(crate) empty: u64,
}

impl Triggers {
    /// A bit for each group whose chain may change a value that has just these bytes.
    #[inline]
    pub(crate) fn of(&self, present: ByteSet) -> u64 {
        if present == ByteSet::EMPTY {
            return self.empty;
        }
        self.bytes.iter().fold(0, |mask, (set, groups)| {
            mask | if set.meets(present) { *groups } else { 0 }
        })
    }
}

/// What is asked of a value after a chain.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) chain: ChainId,
    /// It is asked after each step (`multiMatch`).
    pub(crate) stages: bool,
    pub(crate) questions: Questions,
}

impl Group {
    /// Whether the chain may turn a value with these bytes and this length into one that has what is asked for.
    #[inline]
    pub(crate) fn may_answer(&self, chain: &Chain, (present, length): (ByteSet, usize)) -> bool {
        let reach = chain::reach(&chain.steps, present, length, self.stages);
        self.questions.may_answer(reach)
    }
}

/// Rules by what decides on them.
#[derive(Debug)]
pub(crate) struct Questions {
    /// Rules whose literals decide.
    pub(crate) literals: Bits,
    /// First and last word of `literals` that is not 0.
    pub(crate) words: Range<usize>,
    /// Rules on which a set of bytes decides; each set is listed once.
    pub(crate) sets: Vec<(ByteSet, Vec<usize>)>,
    /// Patterns whose sets of bytes most ordinary values have, so that only the patterns themselves decide.
    pub(crate) patterns: Vec<Arc<Patterns>>,
    /// The bytes of each literal, without those that include another's; empty when they are too many.
    pub(crate) letters: Vec<ByteSet>,
    /// Length of the shortest literal.
    pub(crate) shortest: usize,
}

impl Questions {
    /// Whether nothing is asked.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.sets.is_empty() && self.patterns.is_empty()
    }

    /// Whether any literal or byte that the rules need can occur in a value within this reach.
    #[inline]
    pub(crate) fn may_answer(&self, reach: Reach) -> bool {
        let has_letters = |letters: &ByteSet| reach.bytes.includes(*letters);
        let literals = !self.words.is_empty()
            && reach.length >= self.shortest
            && (self.letters.is_empty() || self.letters.iter().any(has_letters));
        literals || self.sets.iter().any(|(set, _)| set.meets(reach.bytes))
    }
}

/// Patterns of rules with the same targets, in one automaton: one pass over a value asks all of them.
#[derive(Debug)]
pub(crate) struct Patterns {
    pub(crate) any: RegexSet,
    pub(crate) rules: Vec<PatternRule>,
}

/// A rule whose pattern is among others.
#[derive(Debug)]
pub(crate) struct PatternRule {
    pub(crate) rule: usize,
    /// A value that matches has a byte of each of these sets.
    pub(crate) sets: SmallVec<[ByteSet; 2]>,
}
