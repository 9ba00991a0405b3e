//! One scan of a value for the required literals of all rules at once.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// A set of links of rules, by index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bits(pub(crate) Vec<u64>);

impl Bits {
    pub(crate) fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    pub(crate) fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

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

/// Patterns beyond which a DFA would take too much memory.
const DFA_LITERALS: usize = 4_000;

/// The literals of all rules.
#[derive(Debug, Default)]
pub(crate) struct Prefilter {
    automaton: Option<AhoCorasick>,
    /// For each literal the links that it is of, in `links`.
    ranges: Vec<(u32, u32)>,
    links: Vec<u32>,
    /// Words of a set of links.
    pub(crate) words: usize,
}

impl Prefilter {
    /// From pairs of a literal (lower case) and a link.
    pub(crate) fn new(mut pairs: Vec<(Vec<u8>, u32)>, link_count: usize) -> Result<Self, String> {
        pairs.sort();
        pairs.dedup();
        let mut literals: Vec<&[u8]> = Vec::new();
        let (mut ranges, mut links) = (Vec::new(), Vec::new());
        for group in pairs.chunk_by(|one, other| one.0 == other.0) {
            let start = u32::try_from(links.len()).unwrap_or(u32::MAX);
            links.extend(group.iter().map(|(_, link)| *link));
            literals.extend(group.first().map(|(literal, _)| literal.as_slice()));
            ranges.push((start, u32::try_from(links.len()).unwrap_or(u32::MAX)));
        }
        let kind = if literals.len() > DFA_LITERALS {
            AhoCorasickKind::ContiguousNFA
        } else {
            AhoCorasickKind::DFA
        };
        let automaton = (!literals.is_empty())
            .then(|| {
                AhoCorasick::builder()
                    .ascii_case_insensitive(true)
                    .match_kind(MatchKind::Standard)
                    .kind(Some(kind))
                    .build(&literals)
                    .map_err(|error| format!("literals: {error}"))
            })
            .transpose()?;
        Ok(Self {
            automaton,
            ranges,
            links,
            words: link_count.div_ceil(64),
        })
    }

    /// Bytes that the automaton takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.automaton.as_ref().map_or(0, AhoCorasick::memory_usage)
    }

    /// How many literals there are.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Adds the links whose literals are in `text` to `found`; whether there are any.
    pub(crate) fn scan(&self, text: &[u8], found: &mut [u64]) -> bool {
        let Some(automaton) = &self.automaton else {
            return false;
        };
        let mut any = false;
        for hit in automaton.find_overlapping_iter(text) {
            any = true;
            let Some((start, end)) = self.ranges.get(hit.pattern().as_usize()) else {
                continue;
            };
            for link in self
                .links
                .get(*start as usize..*end as usize)
                .unwrap_or_default()
            {
                let link = *link as usize;
                if let Some(word) = found.get_mut(link / 64) {
                    *word |= 1 << (link % 64);
                }
            }
        }
        any
    }
}
