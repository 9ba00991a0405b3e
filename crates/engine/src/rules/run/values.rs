//! Values after transformations. Each is computed once in a transaction: a transformation that changes nothing shares
//! the value that it was given. Each value is scanned for literals once, however many chains, rules and phases look at
//! it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use crate::rules::bytes::ByteSet;
use crate::rules::operators;
use crate::rules::program::chain::{self, Chain, ChainId};
use crate::rules::program::prefilter::Prefilter;
use crate::rules::program::slots::Side;
use crate::rules::program::slots::Slot;
use crate::rules::run::facts::{Facts, Span};
use crate::rules::transformations::{self, Reach, TRANSFORMATIONS, UnicodeMap};
use crate::work::{self, Work};

const NONE: u32 = u32::MAX;

/// From this number of entries on, equal names and values are looked for. Long lists repeat the same things, and an
/// answer for one of these holds for the others.
const SHARE_ENTRIES: usize = 192;

/// The most digits in a row that count as an index in the name of a list item.
const MAX_INDEX_DIGITS: usize = 7;

/// Values up to this length are inspected even when the work is spent, because scores, levels and names decide on other
/// rules.
pub(crate) const SHORT_BYTES: usize = 64;

// Units of work, each about a nanosecond; measured on the machine of the benchmarks.

/// Work for each entry that a class of the plan or a link looks at, whether it matches or not.
pub(crate) const WORK_ENTRY: u64 = 12;
/// Work for each value that is computed, or looked at for the first time.
const WORK_VALUE: u64 = 60;
/// Work for collecting the bytes that occur in a value, in tenths of a unit for each byte.
const WORK_PRESENT: u64 = 8;
/// Work for a scan for literals, in tenths of a unit for each byte.
const WORK_SCAN: u64 = 22;
/// Work for each position of a value at which literals are compared.
const WORK_COMPARE: u64 = 12;

/// A computed value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    place: Place,
    /// The bytes that occur in the value.
    pub(crate) present: ByteSet,
    /// The output whose scan also holds for this one, because both differ only in case.
    scan_of: u32,
    /// Where the scan begins in `scans`; [`NONE`] before the value is scanned.
    scan: u32,
    /// Where the results of transformations begin in `steps`; [`NONE`] before there are any.
    row: u32,
    /// The output of a name that differs from this one only in its indexes. Answers about that name hold for this one.
    alike: u32,
    /// The class of the plan that asked last.
    asked: u32,
    /// The link that last did not match.
    failed: u32,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            place: Place::Made(0, 0),
            present: ByteSet::EMPTY,
            scan_of: NONE,
            scan: NONE,
            row: NONE,
            alike: NONE,
            asked: NONE,
            failed: NONE,
        }
    }
}

/// Where the bytes of a value are.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// The value is a fact.
    Fact(Span),
    /// The value is in [`Kept::pool`], between these positions.
    Made(u32, u32),
}

/// A handle to an [`Output`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct OutputId(u32);

/// What has been computed in a transaction so far.
#[derive(Default)]
pub(crate) struct Kept {
    /// Transformed values.
    pool: Vec<u8>,
    outputs: Vec<Output>,
    /// For each entry, the outputs of its name and value.
    bases: Vec<[u32; 2]>,
    /// Results of transformations, a row for each output that was transformed.
    steps: Vec<u32>,
    /// Sets of links. The first set stays empty and stands for scans that found nothing.
    scans: Vec<u64>,
    /// When there are many entries: the outputs of facts, by hash.
    shared: Option<(RandomState, HashMap<u64, u32>)>,
    /// When there are many entries: the groups that a class of the plan asks about values with these bytes and this
    /// length.
    groups: HashMap<(u32, ByteSet, u32), u64>,
    buffer: Vec<u8>,
}

/// Values are payload, so only their number is shown.
impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kept({} values)", self.outputs.len())
    }
}

impl Kept {
    fn clear(&mut self) {
        self.pool.clear();
        self.outputs.clear();
        self.bases.clear();
        self.steps.clear();
        self.scans.clear();
        self.shared = None;
        self.groups.clear();
    }

    /// About how many bytes of memory it holds, used or not.
    fn capacity_bytes(&self) -> usize {
        self.pool.capacity()
            + self.outputs.capacity() * size_of::<Output>()
            + self.bases.capacity() * size_of::<[u32; 2]>()
            + self.steps.capacity() * size_of::<u32>()
            + self.scans.capacity() * size_of::<u64>()
            + self.buffer.capacity()
    }
}

/// How many empty [`Kept`]s a thread keeps for the next requests.
const LENDABLE: usize = 4;
/// A [`Kept`] larger than this is freed, so that one large request does not hold memory for good.
const LENDABLE_BYTES: usize = 256 << 10;

thread_local! {
    /// Many requests wait for their answers, but a thread inspects only one at a time. When all of them use the same
    /// memory in turn, it stays in the processor's caches.
    static SPARE: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// Takes an empty [`Kept`] from those that the thread keeps.
pub(crate) fn borrow() -> Kept {
    // The last one that was given back is the one that is most likely still in the caches.
    SPARE.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Gives a [`Kept`] back that is not needed any more.
pub(crate) fn give_back(mut kept: Kept) {
    if kept.capacity_bytes() > LENDABLE_BYTES {
        return;
    }
    kept.clear();
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < LENDABLE {
            spare.push(kept);
        }
    });
}

/// The values of one phase.
pub(crate) struct Values<'a> {
    kept: &'a mut Kept,
    facts: &'a Facts,
    chains: &'a [Chain],
    prefilter: &'a Prefilter,
    unicode_map: &'a UnicodeMap,
    /// The work that is left, and whether the work was not enough.
    pub(crate) work: Work,
}

impl<'a> Values<'a> {
    /// # Arguments
    /// * `kept` - what earlier phases with the same prefilter computed. Since then facts may only have been added.
    pub(crate) fn new(
        kept: &'a mut Kept,
        facts: &'a Facts,
        chains: &'a [Chain],
        prefilter: &'a Prefilter,
        unicode_map: &'a UnicodeMap,
        work: Work,
    ) -> Self {
        if kept.outputs.is_empty() {
            // These are the sizes of an ordinary request, so that the vectors hardly grow while it is inspected.
            kept.outputs.reserve(96);
            kept.pool.reserve(2048);
            kept.scans.reserve(prefilter.words * 32);
            // The first set stays empty and stands for every scan that found nothing.
            kept.scans.resize(prefilter.words, 0);
        }
        kept.bases.resize(facts.len(), [NONE; 2]);
        if facts.len() >= SHARE_ENTRIES {
            // The hash has a random seed, so that clients cannot choose values whose hashes collide.
            kept.shared.get_or_insert_default();
            // Each phase numbers its classes anew, and variables that rules have set since may lead to other answers.
            for output in &mut kept.outputs {
                (output.asked, output.failed) = (NONE, NONE);
            }
        }
        Self {
            kept,
            facts,
            chains,
            prefilter,
            unicode_map,
            work,
        }
    }

    #[inline]
    pub(crate) fn output(&self, id: OutputId) -> Output {
        self.kept
            .outputs
            .get(id.0 as usize)
            .copied()
            .unwrap_or_default()
    }

    /// The bytes of a value.
    #[inline]
    pub(crate) fn bytes(&self, id: OutputId) -> &[u8] {
        self.kept.outputs.get(id.0 as usize).map_or(&[], |output| {
            bytes(output.place, self.facts, &self.kept.pool)
        })
    }

    fn add(&mut self, place: Place, scan_of: Option<u32>) -> OutputId {
        let id = position(self.kept.outputs.len());
        let length = bytes(place, self.facts, &self.kept.pool).len();
        self.work
            .charge_done(WORK_VALUE + work::of_bytes(length, WORK_PRESENT));
        self.kept.outputs.push(Output {
            place,
            present: ByteSet::present(bytes(place, self.facts, &self.kept.pool)),
            scan_of: scan_of.unwrap_or(id),
            ..Output::default()
        });
        OutputId(id)
    }

    /// The indexes of the members of a slot.
    #[inline]
    pub(crate) fn entries(&self, slot: Slot) -> std::ops::Range<u32> {
        self.facts.range(slot)
    }

    /// Whether an entry has a name, without case.
    pub(crate) fn name_is(&self, entry: u32, name: &[u8]) -> bool {
        self.facts
            .bytes(self.facts.entry(entry).name)
            .eq_ignore_ascii_case(name)
    }

    /// Adds a value that is not among the facts.
    pub(crate) fn foreign(&mut self, bytes: &[u8]) -> OutputId {
        let start = position(self.kept.pool.len());
        self.kept.pool.extend_from_slice(bytes);
        let end = position(self.kept.pool.len());
        self.add(Place::Made(start, end), None)
    }

    /// The untransformed name or value of an entry.
    pub(crate) fn base(&mut self, entry: u32, side: Side) -> OutputId {
        let column = usize::from(side == Side::Value);
        if let Some(known) = self
            .kept
            .bases
            .get(entry as usize)
            .and_then(|base| base.get(column))
            && *known != NONE
        {
            return OutputId(*known);
        }
        let found = self.facts.entry(entry);
        let span = if side == Side::Name {
            found.name
        } else {
            found.value
        };
        // Values of a list are often equal, and their names are equal except for their indexes.
        let id = self.shared(span);
        if side == Side::Name {
            self.share_verdicts(id);
        }
        if let Some(slot) = self
            .kept
            .bases
            .get_mut(entry as usize)
            .and_then(|base| base.get_mut(column))
        {
            *slot = id.0;
        }
        id
    }

    /// The output of a fact; in long lists, the output of an equal fact.
    fn shared(&mut self, span: Span) -> OutputId {
        let text = self.facts.bytes(span);
        let Some((hasher, known)) = &self.kept.shared else {
            return self.add(Place::Fact(span), None);
        };
        let hash = hasher.hash_one(text);
        // Only equal bytes share an output. With the hash alone, a client could hide a value behind another one with
        // the same hash.
        if let Some(id) = known.get(&hash).map(|id| OutputId(*id))
            && self.bytes(id) == text
        {
            return id;
        }
        let id = self.add(Place::Fact(span), None);
        if let Some((_, known)) = &mut self.kept.shared {
            known.insert(hash, id.0);
        }
        id
    }

    /// Gives a name the answers of an earlier name that differs only in its indexes: in a list of 10,000 items,
    /// `items.17.id` says no more than `items.18.id`.
    fn share_verdicts(&mut self, id: OutputId) {
        let Some((hasher, known)) = &mut self.kept.shared else {
            return;
        };
        let Some(output) = self.kept.outputs.get_mut(id.0 as usize) else {
            return;
        };
        let text = bytes(output.place, self.facts, &self.kept.pool);
        // A text that is not a plain name keeps answers of its own, because its digits may be part of an attack.
        if output.alike != NONE || !is_indexed(text) {
            return;
        }
        let hash = hash_without_digits(hasher, text);
        output.alike = *known.entry(hash).or_insert(id.0);
    }

    /// The index of the output at which the answers about an output are kept.
    #[inline]
    fn verdicts_of(&self, base: OutputId) -> usize {
        let alike = self.kept.outputs.get(base.0 as usize);
        let alike = alike.map_or(NONE, |output| output.alike);
        if alike == NONE {
            base.0 as usize
        } else {
            alike as usize
        }
    }

    /// Whether a class of the plan has asked about an equal value already.
    pub(crate) fn was_asked(&mut self, base: OutputId, class: usize) -> bool {
        if self.kept.shared.is_none() {
            return false;
        }
        let class = position(class);
        let at = self.verdicts_of(base);
        let output = self.kept.outputs.get_mut(at);
        output.is_some_and(|output| std::mem::replace(&mut output.asked, class) == class)
    }

    /// The groups that a class asks about values with these bytes and about this length, if that is known.
    pub(crate) fn groups_of(&self, class: usize, kind: (ByteSet, usize)) -> Option<u64> {
        let (present, length) = kind;
        let key = (position(class), present, position(length));
        self.kept.groups.get(&key).copied()
    }

    /// Remembers an answer for [`Values::groups_of`].
    pub(crate) fn note_groups(&mut self, class: usize, kind: (ByteSet, usize), groups: u64) {
        let (present, length) = kind;
        let key = (position(class), present, position(length));
        self.kept.groups.insert(key, groups);
    }

    /// When there are many values: what a value has in common with others, so that one answer holds for all of them. It
    /// is the bytes (any digit counts as all digits) and the length, rounded up: always more than the value has, never
    /// less.
    pub(crate) fn kind_of(&self, base: OutputId) -> Option<(ByteSet, usize)> {
        const DIGITS: ByteSet = ByteSet::range(b'0', b'9');
        self.kept.shared.as_ref()?;
        let present = self.output(base).present;
        let present = if present.meets(DIGITS) {
            present.union(DIGITS)
        } else {
            present
        };
        let length = self.bytes(base).len();
        Some((present, length.next_multiple_of(8).next_power_of_two()))
    }

    /// Notes that a link did not match a value.
    pub(crate) fn fail(&mut self, base: OutputId, link: usize) {
        if self.kept.shared.is_some() {
            let at = self.verdicts_of(base);
            if let Some(output) = self.kept.outputs.get_mut(at) {
                output.failed = position(link);
            }
        }
    }

    /// Whether the same link has just failed to match an equal value.
    #[inline]
    pub(crate) fn has_failed(&self, base: OutputId, link: usize) -> bool {
        self.kept.shared.is_some()
            && self
                .kept
                .outputs
                .get(self.verdicts_of(base))
                .is_some_and(|output| {
                    output.failed != NONE && usize::try_from(output.failed) == Ok(link)
                })
    }

    #[inline]
    pub(crate) fn chain(&self, chain: ChainId) -> Option<&'a Chain> {
        self.chains.get(usize::from(chain))
    }

    /// Charges the work of a pattern on a value. `false`: the work is spent, so the pattern must not be asked.
    pub(crate) fn charge_for_pattern(&mut self, id: OutputId) -> bool {
        let length = self.bytes(id).len();
        let cost = work::of_bytes(length, operators::WORK_PATTERN);
        self.work.charge(operators::WORK_OPERATOR + cost)
    }

    /// The next step of a chain, from `from` on, that may change a value.
    #[inline]
    pub(crate) fn next_step(&self, at: OutputId, chain: ChainId, from: usize) -> Option<usize> {
        let output = self.output(at);
        let chain = self.chains.get(usize::from(chain))?;
        if !chain.changes(output.present) {
            return None;
        }
        // Most chains change nothing in most values, and the bytes of a value show this without running a step.
        let steps = chain.steps.get(from..)?;
        let found = steps.iter().position(|step| step.changes(output.present))?;
        Some(from + found)
    }

    /// What the rest of a chain, from a step on, may make of a value.
    ///
    /// # Arguments
    /// * `stages` - whether the result of each step counts, and not only the last one.
    pub(crate) fn reach(&self, at: OutputId, chain: ChainId, from: usize, stages: bool) -> Reach {
        let rest = self
            .chains
            .get(usize::from(chain))
            .and_then(|chain| chain.steps.get(from..))
            .unwrap_or_default();
        chain::reach(rest, self.output(at).present, self.bytes(at).len(), stages)
    }

    /// A value after a step of a chain.
    pub(crate) fn step_of(&mut self, at: OutputId, chain: ChainId, step: usize) -> OutputId {
        let chains: &'a [Chain] = self.chains;
        let step = chains
            .get(usize::from(chain))
            .and_then(|chain| chain.steps.get(step));
        step.map_or(at, |step| {
            self.step(at, self.output(at), step.transformation)
        })
    }

    /// A value after a chain.
    pub(crate) fn after(&mut self, base: OutputId, chain: ChainId) -> OutputId {
        let mut at = base;
        let mut from = 0;
        while let Some(step) = self.next_step(at, chain, from) {
            at = self.step_of(at, chain, step);
            from = step + 1;
        }
        at
    }

    fn step(
        &mut self,
        input: OutputId,
        output: Output,
        transformation: crate::rules::wire::Transformation,
    ) -> OutputId {
        let mut row = output.row;
        if row == NONE {
            row = position(self.kept.steps.len());
            self.kept
                .steps
                .resize(self.kept.steps.len() + TRANSFORMATIONS, NONE);
            if let Some(output) = self.kept.outputs.get_mut(input.0 as usize) {
                output.row = row;
            }
        }
        // Each result is computed once for all rules that need it.
        let cell = row as usize + transformation as usize;
        if let Some(known) = self.kept.steps.get(cell)
            && *known != NONE
        {
            return OutputId(*known);
        }
        let result = self.transform(input, output, transformation);
        if let Some(slot) = self.kept.steps.get_mut(cell) {
            *slot = result.0;
        }
        result
    }

    fn transform(
        &mut self,
        input: OutputId,
        output: Output,
        transformation: crate::rules::wire::Transformation,
    ) -> OutputId {
        let text = bytes(output.place, self.facts, &self.kept.pool);
        // An upload in Base64 would cost most of the work, and contains nothing that these transformations undo.
        if transformations::spares_base64(transformation)
            && transformations::is_base64_file(output.present, text)
        {
            return input;
        }
        let cost = work::of_bytes(text.len(), transformations::work(transformation));
        // When the work is spent, the value stays as it is. It does not count as harmless: the request is marked as not
        // fully inspected.
        if !self.work.charge(WORK_VALUE + cost) && text.len() > SHORT_BYTES {
            return input;
        }
        let mut buffer = std::mem::take(&mut self.kept.buffer);
        buffer.clear();
        transformations::apply(transformation, text, self.unicode_map, &mut buffer);
        // An equal result is the same output, so that everything known about the output still holds.
        let result = if buffer == text {
            input
        } else {
            let start = position(self.kept.pool.len());
            self.kept.pool.extend_from_slice(&buffer);
            let end = position(self.kept.pool.len());
            // Literals are compared without case, so a value and its lower case need only one scan.
            let scan_of = transformations::is_case_only(transformation).then_some(output.scan_of);
            self.add(Place::Made(start, end), scan_of)
        };
        self.kept.buffer = buffer;
        result
    }

    /// The links whose literals are in a value; `None` when there are none.
    pub(crate) fn scan(&mut self, id: OutputId) -> Option<&[u64]> {
        let source = self.output(id).scan_of;
        let output = self.output(OutputId(source));
        let words = self.prefilter.words;
        let mut scan = output.scan;
        if scan == NONE {
            let length = bytes(output.place, self.facts, &self.kept.pool).len();
            let cost = WORK_VALUE + work::of_bytes(length, WORK_SCAN);
            if !self.work.charge(cost) && length > SHORT_BYTES {
                return None;
            }
            let kept = &mut *self.kept;
            let start = kept.scans.len();
            kept.scans.resize(start + words, 0);
            let found = kept.scans.get_mut(start..).unwrap_or_default();
            let text = bytes(output.place, self.facts, &kept.pool);
            // How often literals are compared depends on the text, so it cannot be charged before the scan.
            let (any, compared) = self.prefilter.scan(text, output.present, found);
            self.work.charge_done(WORK_COMPARE * compared as u64);
            if any {
                scan = position(start);
            } else {
                // Most scans find nothing, and a set of links for each of them would take most of the memory.
                kept.scans.truncate(start);
                scan = 0;
            }
            if let Some(slot) = kept.outputs.get_mut(source as usize) {
                slot.scan = scan;
            }
        }
        if scan == 0 {
            return None;
        }
        self.kept.scans.get(scan as usize..scan as usize + words)
    }
}

/// Whether a name looks like the name of a list item: letters, indexes, and the signs between them.
fn is_indexed(name: &[u8]) -> bool {
    let mut digits = 0;
    let (mut longest, mut letters) = (0, 0);
    for byte in name {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        longest = longest.max(digits);
        letters += usize::from(byte.is_ascii_alphabetic());
        if !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'_' | b'-' | b'[' | b']') {
            return false;
        }
    }
    letters > 0 && (1..=MAX_INDEX_DIGITS).contains(&longest)
}

/// A hash of a name with one mark for each row of digits. It never equals the hash of a name as it is.
fn hash_without_digits(hasher: &RandomState, name: &[u8]) -> u64 {
    use std::hash::Hasher as _;
    let mut state = hasher.build_hasher();
    for part in name.split(u8::is_ascii_digit) {
        if !part.is_empty() {
            state.write(part);
            // A row of digits has one mark, however long it is, so that items 9 and 10 are alike.
            state.write_u8(b'0');
        }
    }
    // The hash of a name as it is begins with the length (`Hash for [u8]`) and ends in another way.
    state.write_u32(NONE);
    state.finish()
}

fn bytes<'a>(place: Place, facts: &'a Facts, pool: &'a [u8]) -> &'a [u8] {
    match place {
        Place::Fact(span) => facts.bytes(span),
        Place::Made(start, end) => pool.get(start as usize..end as usize).unwrap_or_default(),
    }
}

#[inline]
fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(NONE)
}
