//! The questions that decide which rules of a phase can match at all. Loading (`load::plan`) makes them; `run::live`
//! asks them about all values at once, before any rule runs.

use std::ops::Range;
use std::sync::Arc;

use regex::bytes::RegexSet;
use smallvec::SmallVec;

use super::chain::{self, Chain, ChainId};
use super::prefilter::{Bits, Prefilter};
use super::slots::{Side, Slot};
use crate::rules::bytes::ByteSet;
use crate::rules::transformations::Reach;

/// What the rules of all phases need of values.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    /// The prefilter of phases 1 and 2.
    pub(crate) request: Prefilter,
    /// The prefilter of phases 3 to 5, which look for other literals, and mostly at other values.
    pub(crate) response: Prefilter,
    /// The plan of each phase, phase 1 first.
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

    /// The number of literals of all phases, and the bytes of memory that they take.
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

/// What decides on the rules of a phase.
#[derive(Debug, Default)]
pub(crate) struct PhasePlan {
    /// Rules that run for every request.
    pub(crate) always: Bits,
    /// For each class of values, the rules that run when the class has a member, or a member that passes their gates.
    pub(crate) classes: Vec<ValueClass>,
}

/// Values that targets name in the same way.
#[derive(Debug)]
pub(crate) struct ValueClass {
    pub(crate) slot: Slot,
    pub(crate) side: Side,
    /// The name, when only members of this name belong to the class.
    pub(crate) name: Option<Box<[u8]>>,
    /// Rules that run when the class has any value.
    pub(crate) present: Bits,
    /// Rules that run when a value is empty.
    pub(crate) empty: Option<Bits>,
    /// What is asked about the value before transformations, for all chains. Most chains change nothing in most values.
    /// When a chain does change a value, this lets too many rules run, never too few.
    pub(crate) plain: Questions,
    /// What is asked about values after a chain; at most [`MAX_GROUPS`].
    pub(crate) groups: Vec<Group>,
    pub(crate) triggers: Triggers,
}

/// The most chains for which a class asks separately: each is one bit of a word. Rules with further chains run whenever
/// there is a value.
pub(crate) const MAX_GROUPS: usize = 64;

/// Which groups of a class have a chain that may change a value, by the value's bytes.
#[derive(Debug, Default)]
pub(crate) struct Triggers {
    /// Sets of bytes, each with a bit for every group whose chain these bytes start. No byte is in two sets.
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

/// What is asked about a value after a chain.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) chain: ChainId,
    /// Whether it is asked after each step (`multiMatch`).
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

/// Rules, grouped by what decides on them.
#[derive(Debug)]
pub(crate) struct Questions {
    /// The rules that are decided by their literals.
    pub(crate) literals: Bits,
    /// The range of the words of `literals` that are not 0.
    pub(crate) words: Range<usize>,
    /// The rules that are decided by a set of bytes; each set is listed once.
    pub(crate) sets: Vec<(ByteSet, Vec<usize>)>,
    /// Patterns whose byte sets most ordinary values have, so that only the patterns themselves decide.
    pub(crate) patterns: Vec<Arc<Patterns>>,
    /// The bytes of each literal, without sets that include another one; empty when there are too many.
    pub(crate) letters: Vec<ByteSet>,
    /// Length of the shortest literal.
    pub(crate) shortest: usize,
}

impl Questions {
    /// Whether there is no question.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.sets.is_empty() && self.patterns.is_empty()
    }

    /// Whether any literal or byte that the rules need can occur in a value within this reach.
    #[inline]
    pub(crate) fn may_answer(&self, reach: Reach) -> bool {
        let has_letters = |letters: &ByteSet| reach.bytes.includes(*letters);
        // A value that is too short or lacks a byte of every literal cannot contain one.
        let literals = !self.words.is_empty()
            && reach.length >= self.shortest
            && (self.letters.is_empty() || self.letters.iter().any(has_letters));
        literals || self.sets.iter().any(|(set, _)| set.meets(reach.bytes))
    }
}

/// Patterns of rules with the same targets, in one automaton: one pass over a value answers all of them.
#[derive(Debug)]
pub(crate) struct Patterns {
    pub(crate) any: RegexSet,
    pub(crate) rules: Vec<PatternRule>,
}

/// A rule whose pattern is part of such an automaton.
#[derive(Debug)]
pub(crate) struct PatternRule {
    pub(crate) rule: usize,
    /// A value that matches has a byte of each of these sets.
    pub(crate) sets: SmallVec<[ByteSet; 2]>,
}
