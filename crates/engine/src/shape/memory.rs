//! What shapes have told lately, so that a message is told only when it shows something that was not told, plus a bounded
//! rate of ordinary ones.
//!
//! There is one slot for each field and group of callers. It holds what was told of the field: kinds, formats, classes of
//! characters, ranges. A message is new when it is not within that. Callers are spread over groups, so each fact is told
//! of several callers, which is what learning needs ("Shapes" in `docs/events.md`). Slots are overwritten when two fields
//! fall on one; then a field is told once more. All of it is atomic numbers, so no worker waits for another; two that race
//! tell a fact twice.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::sketch::{Node, Range, kinds};

/// Slots: 1.5 MB, of which only what is used is ever touched. 2,000 fields with 8 groups of callers each have a slot of
/// their own with few overlaps.
const SLOTS: usize = 1 << 16;

/// Groups of callers.
const GROUPS: u64 = 8;

/// After so long a field is told again: learning wants to see a fact at different times.
const EPOCH_US: u64 = 10 * 60 * 1_000_000;

/// Different values (marks in a filter of 32 bits) after which a field is no enumeration any more.
const MAX_MARKS: u32 = 24;

/// Counters of endpoints; endpoints that share one share its rate.
const PACES: usize = 1 << 12;

/// Calls of an endpoint without anything new after which only one of [`SPARED`] is looked at: a sketch takes some 20,000
/// instructions for a body of 400 bytes, and most calls of a known endpoint tell nothing.
const QUIET: u32 = 256;
const SPARED: u32 = 8;

/// New shapes of one endpoint: per second, and at once.
const NEW: Pace = Pace::new(50, 500);
/// Ordinary ones.
const ORDINARY: Pace = Pace::new(1, 8);
/// Bodies of answers of one endpoint that are read.
const READ: Pace = Pace::new(10, 100);
/// All shapes of this process.
const ALL: Pace = Pace::new(400, 2000);

/// A rate and a burst, counted by the generic cell rate algorithm (see `rate`), in microseconds.
struct Pace {
    interval_us: u64,
    tolerance_us: u64,
}

impl Pace {
    const fn new(per_second: u64, burst: u64) -> Self {
        Self {
            interval_us: 1_000_000 / per_second,
            tolerance_us: 1_000_000 / per_second * burst,
        }
    }

    /// Whether one more is within the rate.
    fn admits(&self, counter: &AtomicU64, now_us: u64) -> bool {
        let known = counter.load(Ordering::Relaxed);
        // A clock that was set back must not stop shapes for as long.
        let arrival = if known > now_us + self.tolerance_us + self.interval_us {
            now_us
        } else {
            known.max(now_us)
        };
        let is_admitted = arrival - now_us <= self.tolerance_us;
        if is_admitted {
            counter.store(arrival + self.interval_us, Ordering::Relaxed);
        }
        is_admitted
    }
}

/// One field, told by one group of callers.
#[derive(Default)]
struct Slot {
    /// 32 bits that tell fields apart, 16 of the time, 16 of kinds.
    tag: AtomicU64,
    /// Classes of characters; above them (from bit 48) formats.
    characters: AtomicU64,
    /// Lengths and magnitudes, each as a byte for the least and the greatest; the marks of values.
    ranges: AtomicU64,
}

/// What a slot says.
#[derive(Clone, Copy)]
struct Told {
    kinds: u64,
    characters: u64,
    lengths: Range<u8>,
    sizes: Range<u8>,
    marks: u32,
}

const NOTHING: Told = Told {
    kinds: 0,
    characters: 0,
    lengths: Range {
        low: u8::MAX,
        high: 0,
    },
    sizes: Range {
        low: u8::MAX,
        high: 0,
    },
    marks: 0,
};

/// Bit of the kinds for objects of which some lack a member.
const LACKING: u64 = 1 << 15;

/// See the module.
pub struct Memory {
    slots: Box<[Slot]>,
    new: Box<[AtomicU64]>,
    ordinary: Box<[AtomicU64]>,
    read: Box<[AtomicU64]>,
    all: AtomicU64,
    /// Calls of each endpoint since one showed something new.
    quiet: Box<[AtomicU32]>,
    /// Everything is told: for calls that were described or imported.
    is_unlimited: AtomicBool,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Memory({} slots)", self.slots.len())
    }
}

impl Default for Memory {
    fn default() -> Self {
        let counters = || (0..PACES).map(|_| AtomicU64::new(0)).collect();
        Self {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            new: counters(),
            ordinary: counters(),
            read: counters(),
            all: AtomicU64::new(0),
            quiet: (0..PACES).map(|_| AtomicU32::new(0)).collect(),
            is_unlimited: AtomicBool::new(false),
        }
    }
}

/// The call whose shape may be told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// A hash of what is called.
    pub(super) endpoint: u64,
    /// A hash of who calls.
    pub(super) caller: u64,
    pub(super) now_us: u64,
}

impl Memory {
    /// Tell every shape, whatever was told before.
    pub fn tell_everything(&self) {
        self.is_unlimited.store(true, Ordering::Relaxed);
    }

    /// Whether a call of an endpoint is looked at, which is asked once for each call.
    pub(super) fn looks(&self, endpoint: u64) -> bool {
        let quiet = self
            .quiet_of(endpoint)
            .map_or(0, |counter| counter.fetch_add(1, Ordering::Relaxed));
        quiet < QUIET || quiet.is_multiple_of(SPARED) || self.is_unlimited.load(Ordering::Relaxed)
    }

    fn quiet_of(&self, endpoint: u64) -> Option<&AtomicU32> {
        self.quiet.get(place(spread(endpoint), PACES))
    }

    /// Whether the body of an answer may be read for its shape.
    pub(super) fn reads_answer(&self, endpoint: u64, now_us: u64) -> bool {
        self.is_unlimited.load(Ordering::Relaxed)
            || Self::admits(&READ, &self.read, endpoint, now_us)
    }

    /// Whether to tell a shape; if so, its fields count as told.
    pub(super) fn tells(&self, call: Call, nodes: &[Node]) -> bool {
        if self.is_unlimited.load(Ordering::Relaxed) {
            return true;
        }
        let is_new = nodes.iter().any(|node| self.is_new(call, node));
        let tells = (is_new && Self::admits(&NEW, &self.new, call.endpoint, call.now_us)
            || Self::admits(&ORDINARY, &self.ordinary, call.endpoint, call.now_us))
            && ALL.admits(&self.all, call.now_us);
        if is_new && let Some(quiet) = self.quiet_of(call.endpoint) {
            quiet.store(0, Ordering::Relaxed);
        }
        if tells && is_new {
            for node in nodes {
                self.note(call, node);
            }
        }
        tells
    }

    /// Whether a field has shown more values than an enumeration has.
    pub(super) fn has_many_values(&self, call: Call, node: &Node) -> bool {
        let told = self
            .slot(call, node)
            .and_then(|(slot, tag)| read(slot, tag));
        told.is_some_and(|told| told.marks.count_ones() >= MAX_MARKS)
    }

    fn admits(pace: &Pace, counters: &[AtomicU64], endpoint: u64, now_us: u64) -> bool {
        counters
            .get(place(spread(endpoint), PACES))
            .is_some_and(|counter| pace.admits(counter, now_us))
    }

    /// The slot of a field, and the tag that it has when it holds this field now.
    fn slot(&self, call: Call, node: &Node) -> Option<(&Slot, u64)> {
        let group = call.caller % GROUPS;
        let key = spread(node.way ^ call.endpoint.rotate_left(17) ^ (group << 56));
        // Groups begin anew at different times, so that a field is not told by all of them at once.
        let epoch = ((call.now_us + group * EPOCH_US / GROUPS) / EPOCH_US) & 0xffff;
        let slot = self.slots.get(place(key, SLOTS))?;
        Some((slot, key >> 32 << 32 | epoch << 16))
    }

    fn is_new(&self, call: Call, node: &Node) -> bool {
        let Some((slot, tag)) = self.slot(call, node) else {
            return false;
        };
        let Some(told) = read(slot, tag) else {
            return true;
        };
        let shown = Told::of(node);
        shown.kinds & !told.kinds != 0
            || shown.characters & !told.characters != 0
            || !is_within(shown.lengths, told.lengths)
            || !is_within(shown.sizes, told.sizes)
            || (shown.marks & !told.marks != 0 && told.marks.count_ones() < MAX_MARKS)
    }

    fn note(&self, call: Call, node: &Node) {
        if let Some((slot, tag)) = self.slot(call, node) {
            let told = read(slot, tag).unwrap_or(NOTHING).with(Told::of(node));
            slot.tag.store(tag | told.kinds, Ordering::Relaxed);
            slot.characters.store(told.characters, Ordering::Relaxed);
            slot.ranges.store(told.ranges(), Ordering::Relaxed);
        }
    }
}

/// What a slot says of the field with this tag; `None`: nothing.
fn read(slot: &Slot, tag: u64) -> Option<Told> {
    let found = slot.tag.load(Ordering::Relaxed);
    if found >> 16 != tag >> 16 {
        return None;
    }
    let ranges = slot.ranges.load(Ordering::Relaxed).to_be_bytes();
    let [lengths_low, lengths_high, sizes_low, sizes_high, marks @ ..] = ranges;
    Some(Told {
        kinds: found & 0xffff,
        characters: slot.characters.load(Ordering::Relaxed),
        lengths: Range {
            low: lengths_low,
            high: lengths_high,
        },
        sizes: Range {
            low: sizes_low,
            high: sizes_high,
        },
        marks: u32::from_be_bytes(marks),
    })
}

impl Told {
    /// What a message shows of a field.
    fn of(node: &Node) -> Self {
        let mut told = Self {
            kinds: node.kinds.into(),
            ..NOTHING
        };
        if node.kinds & kinds::TEXT != 0 {
            told.characters = node.characters.bits() | 1 << (48 + node.format as u32);
            told.lengths = Range {
                low: step(node.lengths.low),
                high: step(node.lengths.high),
            };
        }
        if node.kinds & (kinds::INTEGER | kinds::NUMBER) != 0 {
            told.sizes = Range {
                low: small(node.sizes.low),
                high: small(node.sizes.high),
            };
        }
        if node.kinds & kinds::OBJECT != 0 {
            // Which members an object has: another set of them is new, up to a number of sets.
            told.marks = mark(node.members);
            told.kinds |= if node.lacks_members { LACKING } else { 0 };
        } else {
            told.marks = node
                .hashes
                .iter()
                .fold(0, |marks, hash| marks | mark(*hash));
        }
        told
    }

    fn with(self, other: Self) -> Self {
        let join = |one: Range<u8>, two: Range<u8>| Range {
            low: one.low.min(two.low),
            high: one.high.max(two.high),
        };
        Self {
            kinds: self.kinds | other.kinds,
            characters: self.characters | other.characters,
            lengths: join(self.lengths, other.lengths),
            sizes: join(self.sizes, other.sizes),
            marks: self.marks | other.marks,
        }
    }

    fn ranges(self) -> u64 {
        let [m1, m2, m3, m4] = self.marks.to_be_bytes();
        u64::from_be_bytes([
            self.lengths.low,
            self.lengths.high,
            self.sizes.low,
            self.sizes.high,
            m1,
            m2,
            m3,
            m4,
        ])
    }
}

fn is_within(shown: Range<u8>, told: Range<u8>) -> bool {
    shown.low > shown.high || (shown.low >= told.low && shown.high <= told.high)
}

/// A length as one of 256 steps: exact below 16, then eight steps for each power of two.
fn step(length: u32) -> u8 {
    if length < 16 {
        return u8::try_from(length).unwrap_or(0);
    }
    let power = length.ilog2();
    let eighth = length >> (power - 3) & 7;
    u8::try_from(16 + (power - 4) * 8 + eighth).unwrap_or(u8::MAX)
}

/// A magnitude as a byte.
fn small(size: i16) -> u8 {
    u8::try_from(size.clamp(-127, 127) + 128).unwrap_or(128)
}

/// One of 32 bits for a hash.
fn mark(hash: u64) -> u32 {
    1 << (spread(hash) >> 59)
}

/// A place among so many for a hash that is mixed already.
fn place(hash: u64, places: usize) -> usize {
    usize::try_from(hash % places as u64).unwrap_or_default()
}

/// Mixes a hash (the finalizer of `SplitMix64`, Steele and others, 2014).
fn spread(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}
