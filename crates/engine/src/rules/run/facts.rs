//! The facts that rules look at, under SecLang's names: every value of the transaction is in one pool, grouped by
//! variable.

use std::ops::Range;

use crate::rules::program::slots::{SLOTS, Slot};
use crate::rules::wire::Variable;

/// A range of bytes in the pool.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    // Four bytes each: an entry is copied for every value that is asked, and the pool is far smaller than 4 GiB.
    start: u32,
    end: u32,
}

/// A member of a collection, or a scalar, whose name is empty.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Entry {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// The most bytes of the pool. What does not fit is left out, and [`Facts::overflowed`] says so.
const POOL_LIMIT_BYTES: usize = 256 << 20;

/// The facts of a transaction.
pub(crate) struct Facts {
    pool: Vec<u8>,
    entries: Vec<Entry>,
    // Members of a slot are adjacent, so a slot is a range. Entries that a slot had before stay unused in `entries`:
    // few slots are set twice.
    ranges: [Range<u32>; SLOTS],
    overflowed: bool,
    arguments_left_out: bool,
}

/// Facts are payload, so only their size is shown.
impl std::fmt::Debug for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Facts({} entries, {} bytes)",
            self.entries.len(),
            self.pool.len()
        )
    }
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            // An ordinary head, and what is derived from it, fits without growing.
            pool: Vec::with_capacity(2048),
            entries: Vec::with_capacity(96),
            ranges: [const { 0..0 }; SLOTS],
            overflowed: false,
            arguments_left_out: false,
        }
    }
}

impl Facts {
    /// Begins the members of a variable; its earlier members are forgotten.
    pub(crate) fn begin(&mut self, slot: impl Into<Slot>) -> Members<'_> {
        let start = self.mark();
        Members {
            slot: slot.into(),
            facts: self,
            start,
        }
    }

    /// The position of the next entry, for [`Facts::close`].
    pub(crate) fn mark(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// Adds an entry, which [`Facts::close`] assigns to a variable.
    pub(crate) fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Makes all entries since a mark the members of a variable; its earlier members are forgotten.
    pub(crate) fn close(&mut self, slot: impl Into<Slot>, mark: u32) {
        let end = self.mark();
        if let Some(range) = self.ranges.get_mut(usize::from(slot.into().0)) {
            *range = mark..end;
        }
    }

    /// Makes these entries the members of a variable; its earlier members are forgotten.
    pub(crate) fn set_members(&mut self, slot: impl Into<Slot>, entries: &[Entry]) {
        let mark = self.mark();
        self.entries.extend_from_slice(entries);
        self.close(slot, mark);
    }

    /// Sets a scalar.
    pub(crate) fn set(&mut self, variable: Variable, value: &[u8]) {
        let entry = Entry {
            name: Span::default(),
            value: self.store(value),
        };
        self.begin(variable).push_entry(entry);
    }

    /// Sets a scalar to an integer.
    pub(crate) fn set_integer(&mut self, variable: Variable, value: i64) {
        let mut text = Vec::new();
        crate::rules::bytes::push_integer(value, &mut text);
        self.set(variable, &text);
    }

    /// Sets a scalar to bytes that are in the pool already.
    pub(crate) fn set_span(&mut self, variable: Variable, value: Span) {
        self.begin(variable).push_entry(Entry {
            name: Span::default(),
            value,
        });
    }

    /// Copies bytes into the pool.
    pub(crate) fn store(&mut self, bytes: &[u8]) -> Span {
        self.store_with(|pool| pool.extend_from_slice(bytes))
    }

    /// Lets `write` append to the pool.
    pub(crate) fn store_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let start = self.pool.len();
        write(&mut self.pool);
        // Checked after writing, because only `write` knows how much it appends. A part of a value would look harmless,
        // so all of it is dropped.
        if self.pool.len() > POOL_LIMIT_BYTES {
            self.pool.truncate(start);
            self.overflowed = true;
        }
        let position = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        Span {
            start: position(start),
            end: position(self.pool.len()),
        }
    }

    /// Whether a value did not fit into the pool.
    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Notes that some arguments are over `SecArgumentsLimit`.
    pub(crate) fn leave_out_arguments(&mut self) {
        self.arguments_left_out = true;
    }

    /// Whether some arguments were over `SecArgumentsLimit`.
    pub(crate) fn arguments_left_out(&self) -> bool {
        self.arguments_left_out
    }

    #[inline]
    pub(crate) fn bytes(&self, span: Span) -> &[u8] {
        self.pool
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    /// A part of a span. It shares the bytes, so nothing is copied.
    pub(crate) fn part(span: Span, range: Range<usize>) -> Span {
        let at = |offset: usize| {
            span.start
                .saturating_add(u32::try_from(offset).unwrap_or(u32::MAX))
                .min(span.end)
        };
        Span {
            start: at(range.start),
            end: at(range.end),
        }
    }

    /// The indexes of the members of a variable, for [`Facts::entry`].
    #[inline]
    pub(crate) fn range(&self, slot: impl Into<Slot>) -> Range<u32> {
        let slot: Slot = slot.into();
        self.ranges
            .get(usize::from(slot.0))
            .cloned()
            .unwrap_or(0..0)
    }

    #[inline]
    pub(crate) fn entry(&self, index: u32) -> Entry {
        self.entries
            .get(index as usize)
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn members(&self, slot: impl Into<Slot>) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.range(slot).map(|index| {
            let entry = self.entry(index);
            (self.bytes(entry.name), self.bytes(entry.value))
        })
    }

    /// The value of a scalar; `None` when it was never set.
    pub(crate) fn scalar(&self, variable: Variable) -> Option<&[u8]> {
        self.members(variable).next().map(|(_, value)| value)
    }

    /// The first member of this name, without case.
    pub(crate) fn member(&self, variable: Variable, name: &[u8]) -> Option<&[u8]> {
        self.members(variable)
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// How many entries all variables have.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Collects members of a variable; they become its members when this is dropped.
pub(crate) struct Members<'a> {
    facts: &'a mut Facts,
    slot: Slot,
    start: u32,
}

impl Members<'_> {
    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) {
        let entry = Entry {
            name: self.facts.store(name),
            value: self.facts.store(value),
        };
        self.push_entry(entry);
    }

    pub(crate) fn push_entry(&mut self, entry: Entry) {
        self.facts.entries.push(entry);
    }
}

impl Drop for Members<'_> {
    fn drop(&mut self) {
        self.facts.close(self.slot, self.start);
    }
}
