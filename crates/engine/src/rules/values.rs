//! Values after transformations, each computed once: a chain that changes nothing shares the value of its beginning,
//! and a value is scanned for literals once, whatever chains and rules look at it.

use std::collections::HashMap;

use bumpalo::Bump;

use super::bytes::ByteSet;
use super::facts::{Facts, Slot};
use super::prefilter::Prefilter;
use super::program::{Chain, ChainId};
use super::transformations::{self, UnicodeMap};

const NONE: u32 = u32::MAX;

/// Entries from which on equal names and values are looked for: long lists say the same things again and again, and
/// what is asked of one of these need not be asked of the others.
const SHARE_ENTRIES: usize = 192;

/// A computed value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output<'a> {
    pub(crate) bytes: &'a [u8],
    /// The bytes that are in it.
    pub(crate) present: ByteSet,
    /// The output whose scan holds for this one (it differs in case only).
    scan_of: u32,
    /// Where its scan is, in `scans`; [`NONE`] before it is made.
    scan: u32,
    /// Where the results of chains begin in `rows`; [`NONE`] before there are any.
    row: u32,
    /// The class of the plan that asked last.
    asked: u32,
    /// The link that last did not match.
    failed: u32,
}

/// A handle to an [`Output`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputId(u32);

/// Which part of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Side {
    Name,
    Value,
}

/// The values of one phase.
pub(crate) struct Values<'a> {
    bump: &'a Bump,
    facts: &'a Facts,
    chains: &'a [Chain],
    prefilter: &'a Prefilter,
    unicode_map: &'a UnicodeMap,
    outputs: Vec<Output<'a>>,
    /// For each entry its name and value.
    bases: Vec<[u32; 2]>,
    rows: Vec<u32>,
    scans: Vec<u64>,
    buffer: Vec<u8>,
    /// Facts and their outputs, where there are many entries.
    shared: Option<HashMap<&'a [u8], u32>>,
}

impl<'a> Values<'a> {
    pub(crate) fn new(
        bump: &'a Bump,
        facts: &'a Facts,
        chains: &'a [Chain],
        prefilter: &'a Prefilter,
        unicode_map: &'a UnicodeMap,
    ) -> Self {
        // The first set stays empty: scans that found nothing.
        let mut scans = Vec::with_capacity(prefilter.words * 32);
        scans.resize(prefilter.words, 0);
        Self {
            bump,
            facts,
            chains,
            prefilter,
            unicode_map,
            outputs: Vec::with_capacity(64),
            bases: vec![[NONE; 2]; facts.len()],
            rows: Vec::with_capacity(chains.len() * 32),
            scans,
            buffer: Vec::new(),
            shared: (facts.len() >= SHARE_ENTRIES).then(HashMap::new),
        }
    }

    pub(crate) fn output(&self, id: OutputId) -> Output<'a> {
        self.outputs.get(id.0 as usize).copied().unwrap_or(Output {
            bytes: b"",
            present: ByteSet::EMPTY,
            scan_of: NONE,
            scan: NONE,
            row: NONE,
            asked: NONE,
            failed: NONE,
        })
    }

    fn add(&mut self, bytes: &'a [u8], scan_of: Option<u32>) -> OutputId {
        let id = u32::try_from(self.outputs.len()).unwrap_or(NONE);
        self.outputs.push(Output {
            bytes,
            present: ByteSet::present(bytes),
            scan_of: scan_of.unwrap_or(id),
            scan: NONE,
            row: NONE,
            asked: NONE,
            failed: NONE,
        });
        OutputId(id)
    }

    /// Indexes of the members of a slot.
    pub(crate) fn entries(&self, slot: Slot) -> std::ops::Range<u32> {
        self.facts.range(slot)
    }

    /// Whether an entry has a name, without case.
    pub(crate) fn name_is(&self, entry: u32, name: &[u8]) -> bool {
        self.facts
            .bytes(self.facts.entry(entry).name)
            .eq_ignore_ascii_case(name)
    }

    /// A value that is no fact.
    pub(crate) fn foreign(&mut self, bytes: &[u8]) -> OutputId {
        let copy = self.bump.alloc_slice_copy(bytes);
        self.add(copy, None)
    }

    /// The untransformed name or value of an entry.
    pub(crate) fn base(&mut self, entry: u32, side: Side) -> OutputId {
        let column = usize::from(side == Side::Value);
        if let Some(known) = self
            .bases
            .get(entry as usize)
            .and_then(|base| base.get(column))
            && *known != NONE
        {
            return OutputId(*known);
        }
        let facts: &'a Facts = self.facts;
        let found = facts.entry(entry);
        let bytes = facts.bytes(if side == Side::Name {
            found.name
        } else {
            found.value
        });
        let known = self.shared.as_ref().and_then(|shared| shared.get(bytes));
        let id = if let Some(known) = known {
            OutputId(*known)
        } else {
            let id = self.add(bytes, None);
            if let Some(shared) = &mut self.shared {
                shared.insert(bytes, id.0);
            }
            id
        };
        if let Some(slot) = self
            .bases
            .get_mut(entry as usize)
            .and_then(|base| base.get_mut(column))
        {
            *slot = id.0;
        }
        id
    }

    /// Whether a class of the plan has asked of an equal value already.
    pub(crate) fn was_asked(&mut self, base: OutputId, class: usize) -> bool {
        if self.shared.is_none() {
            return false;
        }
        let class = u32::try_from(class).unwrap_or(NONE);
        let output = self.outputs.get_mut(base.0 as usize);
        output.is_some_and(|output| std::mem::replace(&mut output.asked, class) == class)
    }

    /// Note that a link did not match a value.
    pub(crate) fn fail(&mut self, base: OutputId, link: usize) {
        if self.shared.is_some()
            && let Some(output) = self.outputs.get_mut(base.0 as usize)
        {
            output.failed = u32::try_from(link).unwrap_or(NONE);
        }
    }

    /// Whether a link did not match an equal value just now.
    pub(crate) fn has_failed(&self, base: OutputId, link: usize) -> bool {
        self.shared.is_some()
            && self.outputs.get(base.0 as usize).is_some_and(|output| {
                output.failed != NONE && usize::try_from(output.failed) == Ok(link)
            })
    }

    /// A value after a chain.
    pub(crate) fn after(&mut self, base: OutputId, chain: ChainId) -> OutputId {
        let chains = self.chains;
        let Some(steps) = chains.get(chain as usize) else {
            return base;
        };
        let Some(output) = self.outputs.get(base.0 as usize) else {
            return base;
        };
        let changes =
            steps.triggers.meets(output.present) || (steps.fills_empty && output.bytes.is_empty());
        if !changes {
            return base;
        }
        let row = if output.row == NONE {
            self.new_row(base)
        } else {
            output.row
        };
        let cell = row as usize + chain as usize;
        if let Some(known) = self.rows.get(cell)
            && *known != NONE
        {
            return OutputId(*known);
        }
        let parent = self.after(base, steps.parent);
        let result = self.step(parent, steps);
        if let Some(slot) = self.rows.get_mut(cell) {
            *slot = result.0;
        }
        result
    }

    fn new_row(&mut self, base: OutputId) -> u32 {
        let row = u32::try_from(self.rows.len()).unwrap_or(NONE);
        self.rows.resize(self.rows.len() + self.chains.len(), NONE);
        if let Some(output) = self.outputs.get_mut(base.0 as usize) {
            output.row = row;
        }
        row
    }

    fn step(&mut self, parent: OutputId, chain: &Chain) -> OutputId {
        let Some(last) = chain.last else {
            return parent;
        };
        let input = self.output(parent);
        self.buffer.clear();
        transformations::apply(last, input.bytes, self.unicode_map, &mut self.buffer);
        if self.buffer == input.bytes {
            return parent;
        }
        let copy = self.bump.alloc_slice_copy(&self.buffer);
        let scan_of = transformations::is_case_only(last).then_some(input.scan_of);
        self.add(copy, scan_of)
    }

    /// The links whose literals are in a value; `None` when there are none.
    pub(crate) fn scan(&mut self, id: OutputId) -> Option<&[u64]> {
        let source = self.output(id).scan_of;
        let output = self.output(OutputId(source));
        let mut scan = output.scan;
        if scan == NONE {
            let start = self.scans.len();
            self.scans.resize(start + self.prefilter.words, 0);
            let found = self.scans.get_mut(start..).unwrap_or_default();
            if self.prefilter.scan(output.bytes, output.present, found) {
                scan = u32::try_from(start).unwrap_or(0);
            } else {
                self.scans.truncate(start);
                scan = 0;
            }
            if let Some(slot) = self.outputs.get_mut(source as usize) {
                slot.scan = scan;
            }
        }
        if scan == 0 {
            return None;
        }
        self.scans
            .get(scan as usize..scan as usize + self.prefilter.words)
    }
}
