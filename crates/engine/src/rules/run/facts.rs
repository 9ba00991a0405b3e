//! What rules look at, as SecLang names it: every value of the transaction in one pool, grouped by variable.

use std::ops::Range;

use crate::rules::program::slots::{SLOTS, Slot};
use crate::rules::wire::Variable;

/// A piece of the pool.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

/// A member of a collection, or a scalar (its name is empty).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Entry {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// Bytes that the pool may hold; what would go beyond is left out and told ([`Facts::overflowed`]).
const POOL_LIMIT_BYTES: usize = 256 << 20;

/// The facts of a transaction.
pub(crate) struct Facts {
    pool: Vec<u8>,
    entries: Vec<Entry>,
    ranges: [Range<u32>; SLOTS],
    overflowed: bool,
    arguments_left_out: bool,
}

/// Payload: shown by size only.
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
            // An ordinary head with what is derived from it fits.
            pool: Vec::with_capacity(2048),
            entries: Vec::with_capacity(96),
            ranges: [const { 0..0 }; SLOTS],
            overflowed: false,
            arguments_left_out: false,
        }
    }
}

impl Facts {
    /// Begin the members of a variable; those it had are forgotten.
    pub(crate) fn begin(&mut self, slot: impl Into<Slot>) -> Members<'_> {
        let start = self.mark();
        Members {
            slot: slot.into(),
            facts: self,
            start,
        }
    }

    /// Where the next entry will be, for [`Facts::close`].
    pub(crate) fn mark(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// Add an entry to those that [`Facts::close`] makes a variable's.
    pub(crate) fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// The entries from a mark on are the members of a variable; those it had are forgotten.
    pub(crate) fn close(&mut self, slot: impl Into<Slot>, mark: u32) {
        let end = self.mark();
        if let Some(range) = self.ranges.get_mut(usize::from(slot.into().0)) {
            *range = mark..end;
        }
    }

    /// Entries are the members of a variable; those it had are forgotten.
    pub(crate) fn set_members(&mut self, slot: impl Into<Slot>, entries: &[Entry]) {
        let mark = self.mark();
        self.entries.extend_from_slice(entries);
        self.close(slot, mark);
    }

    /// Set a scalar.
    pub(crate) fn set(&mut self, variable: Variable, value: &[u8]) {
        let entry = Entry {
            name: Span::default(),
            value: self.store(value),
        };
        self.begin(variable).push_entry(entry);
    }

    /// Set a scalar to an integer.
    pub(crate) fn set_integer(&mut self, variable: Variable, value: i64) {
        let mut text = Vec::new();
        crate::rules::bytes::push_integer(value, &mut text);
        self.set(variable, &text);
    }

    /// Set a scalar to something that is in the pool.
    pub(crate) fn set_span(&mut self, variable: Variable, value: Span) {
        self.begin(variable).push_entry(Entry {
            name: Span::default(),
            value,
        });
    }

    /// Copy bytes into the pool.
    pub(crate) fn store(&mut self, bytes: &[u8]) -> Span {
        self.store_with(|pool| pool.extend_from_slice(bytes))
    }

    /// Let `write` append to the pool.
    pub(crate) fn store_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let start = self.pool.len();
        write(&mut self.pool);
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

    /// Whether something did not fit.
    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Some arguments are beyond `SecArgumentsLimit`.
    pub(crate) fn leave_out_arguments(&mut self) {
        self.arguments_left_out = true;
    }

    /// Whether some arguments were beyond `SecArgumentsLimit`.
    pub(crate) fn arguments_left_out(&self) -> bool {
        self.arguments_left_out
    }

    #[inline]
    pub(crate) fn bytes(&self, span: Span) -> &[u8] {
        self.pool
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    /// Part of a span.
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

    /// Indexes of the members of a variable, for [`Facts::entry`].
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

    /// How many entries there are, of all variables.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Members being added to a variable; they are its members when this is dropped.
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
