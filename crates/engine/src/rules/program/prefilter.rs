//! Looks for the required literals of all rules in one scan of a value.
//!
//! Each literal is found by one window of four of its bytes (two, if the literal is shorter) that is rare in ordinary
//! text. Windows are chosen such that many of them begin with the same pair of bytes. A scan reads the value once and
//! looks each pair of bytes up in a set of 8 KB. Where the pair is in the set, the window is looked up in a Bloom
//! filter, and what passes is compared in full.
//!
//! An automaton over thousands of literals would need megabytes, and ordinary text touches so many places of it that
//! each byte waits for memory. The scan touches a few cache lines, and no byte depends on the one before.

use std::collections::{BTreeSet, HashMap};

use crate::rules::bytes::ByteSet;
use crate::rules::commonness::byte_commonness;

/// A set of rules or links, one bit for each index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bits(pub(crate) Vec<u64>);

impl Bits {
    pub(crate) fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    /// A set of `count` bits with the given indexes. Indexes beyond `count` are ignored.
    pub(crate) fn of(count: usize, indexes: &[u32]) -> Self {
        let mut bits = Self::new(count);
        for index in indexes {
            bits.insert(*index as usize);
        }
        bits
    }

    pub(crate) fn insert(&mut self, index: usize) {
        insert(&mut self.0, index);
    }

    #[inline]
    pub(crate) fn contains(&self, index: usize) -> bool {
        contains(&self.0, index)
    }

    pub(crate) fn union(&mut self, other: &[u64]) {
        for (word, more) in self.0.iter_mut().zip(other) {
            *word |= more;
        }
    }
}

pub(crate) fn contains(words: &[u64], index: usize) -> bool {
    words
        .get(index / 64)
        .is_some_and(|word| word >> (index % 64) & 1 == 1)
}

fn insert(words: &mut [u64], index: usize) {
    if let Some(word) = words.get_mut(index / 64) {
        *word |= 1 << (index % 64);
    }
}

/// The bytes of a window.
const WIDE: usize = 4;
/// The bytes of a window of a literal with fewer than [`WIDE`] bytes.
const NARROW: usize = 2;
/// The words of a filter: 1,024 words of 64 bits are 8 KB, which stay in the first-level cache.
const FILTER_WORDS: usize = 1024;
/// How many windows are looked up before any of them is compared.
const BLOCK: usize = 128;
/// The penalty for each literal that has the same window already, in units of [`byte_commonness`].
const CROWDED: usize = 6;
/// Sets the bit in which the two cases of a letter differ, in four bytes. This makes some other bytes equal too;
/// comparing the whole literal tells them apart.
const FOLD: u32 = 0x2020_2020;

/// The literals of all rules.
#[derive(Debug, Default)]
pub(crate) struct Prefilter {
    /// All literals, one after another, in lower case.
    text: Vec<u8>,
    literals: Vec<Literal>,
    /// The links that need each literal.
    links: Vec<u32>,
    /// The bytes of all literals of one byte, in both cases.
    single_bytes: ByteSet,
    /// Each literal of one byte, with its byte in both cases.
    singles: Vec<(ByteSet, u32)>,
    /// The pairs of bytes that windows begin with.
    pairs: Filter<NARROW>,
    wide: Filter<WIDE>,
    narrow: Filter<NARROW>,
    /// How many words a set of links has.
    pub(crate) words: usize,
}

/// Ranges in the text and the links of a [`Prefilter`].
#[derive(Debug, Clone, Copy)]
struct Literal {
    start: u32,
    end: u32,
    first_link: u32,
    last_link: u32,
}

/// Windows of `BYTES` bytes, and the literals in which they occur.
#[derive(Debug)]
struct Filter<const BYTES: usize> {
    /// For each window that is there, the bits of [`Self::spread`] are set.
    words: Box<[u64; FILTER_WORDS]>,
    /// For each word, where the entries of its windows begin in `places`.
    buckets: Vec<u32>,
    places: Vec<LiteralPosition>,
}

/// A window of a literal.
#[derive(Debug, Clone, Copy)]
struct LiteralPosition {
    window: u32,
    literal: u32,
    /// The offset of the window in the literal.
    offset: u32,
}

impl<const BYTES: usize> Default for Filter<BYTES> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl<const BYTES: usize> Filter<BYTES> {
    fn new(mut places: Vec<LiteralPosition>) -> Self {
        // Sorted by word, so that the entries of a word are adjacent and two numbers describe a bucket.
        places.sort_by_key(|place| (Self::spread(place.window).0, place.window));
        let mut words = Box::new([0; FILTER_WORDS]);
        let mut buckets = vec![0; FILTER_WORDS + 1];
        for place in &places {
            let (word, bits) = Self::spread(place.window);
            if let Some(slot) = words.get_mut(word) {
                *slot |= bits;
            }
            if let Some(slot) = buckets.get_mut(word + 1) {
                *slot += 1;
            }
        }
        let mut sum = 0;
        for slot in &mut buckets {
            sum += *slot;
            *slot = sum;
        }
        Self {
            words,
            buckets,
            places,
        }
    }

    /// The word that a window belongs to, and its bits in that word. Each pair of bytes has a bit of its own. For
    /// longer windows two bits are taken from a hash (a blocked Bloom filter; multiplicative hashing is from Knuth,
    /// TAOCP volume 3, section 6.4).
    const fn spread(window: u32) -> (usize, u64) {
        if BYTES <= NARROW {
            // There are 65,536 pairs and as many bits in the filter, so no pair is taken for another.
            return ((window >> 6 & 0x3ff) as usize, 1 << (window & 63));
        }
        let hash = window.wrapping_mul(0x9e37_79b1);
        let bits = 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63);
        ((hash >> 22) as usize, bits)
    }

    /// The first bytes of a text as a number that is the same for both cases of a letter.
    fn window(text: &[u8]) -> Option<u32> {
        if BYTES <= NARROW {
            let bytes = text.first_chunk::<NARROW>()?;
            return Some(u32::from(u16::from_le_bytes(*bytes)) | FOLD);
        }
        let bytes = text.first_chunk::<WIDE>()?;
        Some(u32::from_le_bytes(*bytes) | FOLD)
    }

    /// Whether a window may be in the filter.
    fn passes(&self, window: u32) -> bool {
        let (word, bits) = Self::spread(window);
        self.words
            .get(word)
            .is_some_and(|known| known & bits == bits)
    }

    /// The literals that contain the window with which a text begins.
    fn places(&self, text: &[u8]) -> impl Iterator<Item = &LiteralPosition> {
        let window = Self::window(text).filter(|window| self.passes(*window));
        let bucket = window.and_then(|window| {
            let (word, _) = Self::spread(window);
            let [start, end] = self.buckets.get(word..word + 2)? else {
                return None;
            };
            self.places.get(*start as usize..*end as usize)
        });
        let bucket = bucket.unwrap_or_default().iter();
        bucket.filter(move |place| Some(place.window) == window)
    }

    fn memory_bytes(&self) -> usize {
        size_of_val(self.words.as_slice())
            + size_of_val(self.buckets.as_slice())
            + size_of_val(self.places.as_slice())
    }
}

/// The windows that were chosen so far.
#[derive(Default)]
struct Windows {
    /// How many literals were given each window.
    crowds: HashMap<u32, usize>,
    /// The pairs of bytes that windows begin with.
    pairs: BTreeSet<u32>,
}

impl Windows {
    /// Chooses the window of a literal that is rare in ordinary text and has been given to few other literals. Returns
    /// its offset and its number.
    fn choose(&mut self, text: &[u8], length: usize) -> Option<(usize, u32)> {
        let windows = text
            .windows(length)
            .enumerate()
            .filter_map(|(offset, bytes)| {
                let window = Filter::<WIDE>::window(bytes).or(Filter::<NARROW>::window(bytes))?;
                Some((offset, window, bytes))
            });
        let (offset, window, bytes) = windows.min_by_key(|(_, window, bytes)| {
            let common: usize = bytes.iter().map(|byte| byte_commonness(*byte)).sum();
            let crowd = self.crowds.get(window).copied().unwrap_or_default();
            let pair = bytes.iter().take(NARROW);
            let begins: usize = pair.map(|byte| byte_commonness(*byte)).product();
            // A pair that another window begins with is looked up anyway, so it costs nothing more.
            let is_known =
                Filter::<NARROW>::window(bytes).is_some_and(|pair| self.pairs.contains(&pair));
            common + CROWDED * crowd + if is_known { 0 } else { begins }
        })?;
        self.pairs.extend(Filter::<NARROW>::window(bytes));
        *self.crowds.entry(window).or_default() += 1;
        Some((offset, window))
    }
}

impl Prefilter {
    /// Makes the prefilter from pairs of a literal (lower case, not empty) and a link.
    pub(crate) fn new(mut pairs: Vec<(Vec<u8>, u32)>, link_count: usize) -> Self {
        pairs.retain(|(literal, _)| !literal.is_empty());
        pairs.sort();
        pairs.dedup();
        let mut all = Self {
            words: link_count.div_ceil(64),
            ..Self::default()
        };
        // Rules share literals (`select`, `script`), so each is stored and compared once.
        for group in pairs.chunk_by(|one, other| one.0 == other.0) {
            let (start, first_link) = (position(all.text.len()), position(all.links.len()));
            all.links.extend(group.iter().map(|(_, link)| *link));
            all.text
                .extend(group.iter().take(1).flat_map(|(literal, _)| literal));
            all.literals.push(Literal {
                start,
                end: position(all.text.len()),
                first_link,
                last_link: position(all.links.len()),
            });
        }
        // Windows are chosen last, because how crowded a window is depends on all literals.
        all.index();
        all
    }

    /// Chooses the window by which each literal is found.
    fn index(&mut self) {
        let mut chosen = Windows::default();
        let (mut wides, mut narrows) = (Vec::new(), Vec::new());
        let mut numbers: Vec<u32> = (0..position(self.literals.len())).collect();
        // Short literals come first, because they have fewer windows to choose from.
        numbers.sort_by_key(|number| self.literal(*number).0.len());
        for literal in numbers {
            let (text, _) = self.literal(literal);
            if let [byte] = text {
                let either = ByteSet::EMPTY
                    .with(byte.to_ascii_lowercase())
                    .with(byte.to_ascii_uppercase());
                self.single_bytes = self.single_bytes.union(either);
                self.singles.push((either, literal));
                continue;
            }
            let (length, places) = if text.len() < WIDE {
                (NARROW, &mut narrows)
            } else {
                (WIDE, &mut wides)
            };
            if let Some((offset, window)) = chosen.choose(text, length) {
                places.push(LiteralPosition {
                    window,
                    literal,
                    offset: position(offset),
                });
            }
        }
        let begins = |window| LiteralPosition {
            window,
            literal: 0,
            offset: 0,
        };
        self.pairs = Filter::new(chosen.pairs.into_iter().map(begins).collect());
        self.wide = Filter::new(wides);
        self.narrow = Filter::new(narrows);
    }

    /// A literal and its links.
    fn literal(&self, number: u32) -> (&[u8], &[u32]) {
        let Some(found) = self.literals.get(number as usize) else {
            return (&[], &[]);
        };
        let text = self.text.get(found.start as usize..found.end as usize);
        let links = self
            .links
            .get(found.first_link as usize..found.last_link as usize);
        (text.unwrap_or_default(), links.unwrap_or_default())
    }

    /// The bytes of memory that the index takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.text.len()
            + size_of_val(self.literals.as_slice())
            + size_of_val(self.links.as_slice())
            + self.wide.memory_bytes()
            + self.narrow.memory_bytes()
    }

    /// How many literals there are.
    pub(crate) fn len(&self) -> usize {
        self.literals.len()
    }

    /// Adds the links whose literals are in `text` to `found`. Returns whether there are any, and at how many positions
    /// literals were compared.
    ///
    /// # Arguments
    /// * `present` - the bytes of the text.
    pub(crate) fn scan(&self, text: &[u8], present: ByteSet, found: &mut [u64]) -> (bool, usize) {
        let (mut any, mut compared) = (false, 0);
        if self.single_bytes.meets(present) {
            for (bytes, literal) in &self.singles {
                if bytes.meets(present) {
                    any |= add(self.literal(*literal).1, found);
                }
            }
        }
        let mut start = 0;
        while let Some(block) = text.get(start..).filter(|rest| rest.len() >= NARROW) {
            // Blocks overlap by one byte, so that the pair at the border is not lost.
            let block = block.get(..BLOCK + NARROW - 1).unwrap_or(block);
            // Positions of pairs that pass are collected without a branch, because the processor would mispredict it at
            // each of them.
            let (mut passed, mut count) = ([0u8; BLOCK], 0usize);
            for (at, bytes) in (0u8..).zip(block.windows(NARROW)) {
                let pair = Filter::<NARROW>::window(bytes).unwrap_or_default();
                // The position is always written; only the count says which entries hold. The remainder changes
                // nothing: it lets the compiler see that the index is within bounds.
                if let Some(slot) = passed.get_mut(count % BLOCK) {
                    *slot = at;
                }
                count += usize::from(self.pairs.passes(pair));
            }
            compared += count;
            for at in passed.get(..count).unwrap_or_default() {
                let at = start + usize::from(*at);
                let rest = text.get(at..).unwrap_or_default();
                any |= self.compare(self.wide.places(rest), text, at, found);
                any |= self.compare(self.narrow.places(rest), text, at, found);
            }
            start += BLOCK;
        }
        (any, compared)
    }

    /// Compares the literals of a window with the text around it.
    fn compare<'a>(
        &self,
        places: impl Iterator<Item = &'a LiteralPosition>,
        text: &[u8],
        at: usize,
        found: &mut [u64],
    ) -> bool {
        let mut any = false;
        for place in places {
            let (literal, links) = self.literal(place.literal);
            let matches = at
                .checked_sub(place.offset as usize)
                .and_then(|start| text.get(start..start + literal.len()))
                // `FOLD` also makes `@` equal to a backtick and `[` equal to `{`; the full comparison tells them apart.
                .is_some_and(|here| here.eq_ignore_ascii_case(literal));
            if matches {
                any |= add(links, found);
            }
        }
        any
    }
}

/// Adds links to a set. Returns whether there are any.
fn add(links: &[u32], found: &mut [u64]) -> bool {
    for link in links {
        insert(found, *link as usize);
    }
    !links.is_empty()
}

fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_is_there(
            literals in prop::collection::vec("[a-c@`{\\[ .]{1,6}", 1..40),
            text in "[a-cA-C@`{\\[ .\u{e9}]{0,40}",
        ) {
            let pairs = literals.iter().zip(0u32..).map(|(literal, link)| (literal.clone().into_bytes(), link));
            let prefilter = Prefilter::new(pairs.collect(), literals.len());
            let mut found = vec![0; prefilter.words];
            let (any, _) = prefilter.scan(text.as_bytes(), ByteSet::present(text.as_bytes()), &mut found);
            let lower = text.to_ascii_lowercase();
            for (index, literal) in literals.iter().enumerate() {
                prop_assert_eq!(contains(&found, index), lower.contains(literal), "{:?}", literal);
            }
            prop_assert_eq!(any, found.iter().any(|word| *word != 0));
        }
    }

    #[test]
    fn windows_are_spread_over_literals_that_share_them() {
        let literals: Vec<(Vec<u8>, u32)> = (0..200u32)
            .map(|number| (format!("http://{number:03}.internal/").into_bytes(), number))
            .collect();
        let prefilter = Prefilter::new(literals, 200);
        let crowded = (0..FILTER_WORDS)
            .filter_map(|word| prefilter.wide.buckets.get(word..word + 2))
            .filter_map(|range| Some(range.get(1)? - range.first()?))
            .max();
        assert!(crowded.is_some_and(|most| most < 20), "{crowded:?}");
    }
}
