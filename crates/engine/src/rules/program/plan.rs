//! Which rules of a phase can match at all: asked of all values at once before any rule runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::bytes::{Regex, RegexSet};
use smallvec::SmallVec;

use super::bytes::ByteSet;
use super::chain::{self, Chain, ChainId};
use super::compiled::OperatorKind;
use super::facts::Slot;
use super::operators::Check;
use super::pattern;
use super::prefilter::Bits;
use super::program::{CompiledLink, CompiledRule, Members, Source};
use super::required::commonness;
use super::transformations::Reach;
use super::values::{OutputId, Side, Values, WORK_ENTRY};

/// The rules of a phase.
#[derive(Debug, Default)]
pub(crate) struct PhasePlan {
    /// Those that run whatever the values are.
    always: Bits,
    /// Those that run when a class of values has members, or has such that pass their gates.
    classes: Vec<Class>,
}

/// Values that targets name alike.
#[derive(Debug)]
struct Class {
    slot: Slot,
    side: Side,
    /// Only members of this name.
    name: Option<Box<[u8]>>,
    /// Rules that run when there is any.
    present: Bits,
    /// Rules that run when one is empty.
    empty: Option<Bits>,
    /// What is asked of the value as it is, for all chains: most chains change nothing in most values, and where one
    /// does, this asks too much, never too little.
    plain: Questions,
    /// At most [`MAX_GROUPS`].
    groups: Vec<Group>,
    triggers: Triggers,
}

/// Chains for which a class asks separately; rules of more run whenever there is a value.
const MAX_GROUPS: usize = 64;

/// Which groups of a class have a chain that may change a value, by its bytes.
#[derive(Debug, Default)]
struct Triggers {
    /// Bytes, and a bit for each group whose chain they start. No byte is in two.
    bytes: Vec<(ByteSet, u64)>,
    /// Those that make something of an empty value.
    empty: u64,
}

impl Triggers {
    fn new(groups: &[Group], chains: &[Chain]) -> Self {
        let of = |present: ByteSet| {
            groups.iter().zip(0..).fold(0u64, |mask, (group, number)| {
                let chain = chains.get(usize::from(group.chain));
                mask | u64::from(chain.is_some_and(|chain| chain.changes(present))) << number
            })
        };
        let mut bytes: Vec<(ByteSet, u64)> = Vec::new();
        for byte in 0..=u8::MAX {
            let mask = of(ByteSet::EMPTY.with(byte));
            match bytes.iter_mut().find(|(_, known)| *known == mask) {
                Some((set, _)) => *set = set.with(byte),
                None if mask == 0 => {}
                None => bytes.push((ByteSet::EMPTY.with(byte), mask)),
            }
        }
        Self {
            bytes,
            empty: of(ByteSet::EMPTY),
        }
    }

    /// A bit for each group whose chain may change a value of these bytes.
    fn of(&self, present: ByteSet) -> u64 {
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
struct Group {
    chain: ChainId,
    /// It is asked after each step (`multiMatch`).
    stages: bool,
    questions: Questions,
}

/// Rules by what decides on them.
#[derive(Debug)]
struct Questions {
    /// Rules whose literals decide.
    literals: Bits,
    /// First and last word of `literals` that is not 0.
    words: std::ops::Range<usize>,
    /// Rules of which a byte set decides, each set once.
    sets: Vec<(ByteSet, Vec<usize>)>,
    /// Patterns that ordinary values may match as far as sets of bytes tell.
    patterns: Vec<Arc<Patterns>>,
    /// The bytes of each literal; those that others include left out, empty when they are too many.
    letters: Vec<ByteSet>,
    /// Length of the shortest literal.
    shortest: usize,
}

/// Patterns of rules with the same targets, in one automaton.
#[derive(Debug)]
struct Patterns {
    any: RegexSet,
    rules: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    rule: usize,
    /// Of each of these a byte has to be there.
    sets: SmallVec<[ByteSet; 2]>,
}

/// Values that a class is of.
type Kind = (Slot, Side, Option<Box<[u8]>>);

/// The rarest set of a pattern is no help from this commonness on: it has an ordinary letter.
const COMMON: u32 = 40;

/// Literals whose bytes are looked for before a chain is computed.
const MAX_LETTERS: usize = 48;

impl PhasePlan {
    pub(crate) fn new(
        phase: u8,
        rules: &[CompiledRule],
        chains: &[Chain],
        links: usize,
        dead: &Bits,
    ) -> Self {
        let mut plan = Self {
            always: Bits::new(rules.len()),
            classes: Vec::new(),
        };
        let mut alike: BTreeMap<Vec<Kind>, Vec<usize>> = BTreeMap::new();
        for (index, rule) in rules.iter().enumerate() {
            let Some(first) = rule
                .links
                .first()
                .filter(|_| rule.phase == phase && !dead.contains(index))
            else {
                continue;
            };
            let by_values = !first.targets.is_empty()
                && first
                    .targets
                    .iter()
                    .all(|target| !target.count && matches!(target.source, Source::Facts(_)));
            if by_values && common_pattern(first).is_some() {
                alike.entry(kinds(first)).or_default().push(index);
            } else if by_values {
                plan.add(index, first, (rules.len(), links));
            } else {
                plan.always.insert(index);
            }
        }
        for (kinds, indexes) in alike {
            plan.add_patterns(kinds, &indexes, rules, links);
        }
        for class in &mut plan.classes {
            class.plain.close();
            class
                .groups
                .iter_mut()
                .for_each(|group| group.questions.close());
            class.triggers = Triggers::new(&class.groups, chains);
        }
        plan
    }

    fn add(&mut self, index: usize, link: &CompiledLink, (rules, links): (usize, usize)) {
        let stages = !link.stages.is_empty();
        for kind in kinds(link) {
            let class = self.class(kind, rules, links);
            if matches!(link.operator.check, Check::Empty)
                && !link.negated
                && link.chain == 0
                && !stages
            {
                class
                    .empty
                    .get_or_insert_with(|| Bits::new(rules))
                    .insert(index);
                continue;
            }
            if link.negated || link.gate.is_open() {
                class.present.insert(index);
                continue;
            }
            class.plain.add(index, link);
            if link.chain != 0 {
                match class.group(link.chain, stages, links) {
                    Some(questions) => questions.add(index, link),
                    None => class.present.insert(index),
                }
            }
        }
    }

    /// Rules whose first links are such patterns, of values of the same kinds.
    fn add_patterns(
        &mut self,
        kinds: Vec<Kind>,
        indexes: &[usize],
        rules: &[CompiledRule],
        links: usize,
    ) {
        let firsts = indexes.iter().filter_map(|index| {
            let link = rules.get(*index)?.links.first()?;
            Some((*index, link, common_pattern(link)?))
        });
        let firsts: Vec<_> = firsts.collect();
        let patterns: Vec<&Regex> = firsts.iter().map(|(_, _, pattern)| *pattern).collect();
        let Some(any) = (patterns.len() > 1)
            .then(|| pattern::all(&patterns))
            .flatten()
        else {
            for (index, link, _) in firsts {
                self.add(index, link, (rules.len(), links));
            }
            return;
        };
        let of = |(rule, link, _): (usize, &CompiledLink, _)| Pattern {
            rule,
            sets: link.gate.sets.clone(),
        };
        let patterns = Arc::new(Patterns {
            any,
            rules: firsts.into_iter().map(of).collect(),
        });
        for kind in kinds {
            let class = self.class(kind, rules.len(), links);
            class.plain.patterns.push(Arc::clone(&patterns));
        }
    }

    fn class(&mut self, (slot, side, name): Kind, rules: usize, links: usize) -> &mut Class {
        let known = self
            .classes
            .iter()
            .position(|class| class.slot == slot && class.side == side && class.name == name);
        let position = known.unwrap_or_else(|| {
            let (present, plain) = (Bits::new(rules), Questions::new(links));
            self.classes.push(Class {
                slot,
                side,
                name,
                present,
                plain,
                empty: None,
                groups: Vec::new(),
                triggers: Triggers::default(),
            });
            self.classes.len() - 1
        });
        #[expect(
            clippy::indexing_slicing,
            reason = "the position was found or made just now"
        )]
        &mut self.classes[position]
    }

    /// The rules that have to be run.
    pub(crate) fn live(&self, values: &mut Values<'_>, live: &mut Bits) {
        live.union(&self.always.0);
        for (number, class) in self.classes.iter().enumerate() {
            let mut any = false;
            for entry in values.entries(class.slot) {
                // What was not asked is not known to be harmless, but nothing more is looked at.
                if !values.work.charge(WORK_ENTRY) {
                    return;
                }
                if let Some(name) = &class.name
                    && !values.name_is(entry, name)
                {
                    continue;
                }
                any = true;
                if class.plain.is_empty() && class.empty.is_none() {
                    break;
                }
                let base = values.base(entry, class.side);
                if let Some(empty) = &class.empty
                    && values.bytes(base).is_empty()
                {
                    live.union(&empty.0);
                }
                if values.was_asked(base, number) {
                    continue;
                }
                class.plain.ask(values, base, live);
                let mut groups = class.groups_that_may_answer(number, values, base);
                while groups != 0 {
                    if let Some(group) = class.groups.get(groups.trailing_zeros() as usize) {
                        group.ask(values, base, live);
                    }
                    groups &= groups - 1;
                }
            }
            if any {
                live.union(&class.present.0);
            }
        }
    }
}

impl Group {
    /// Whether anything that is asked for may come of values of these bytes and this length.
    fn may_answer(&self, chain: &Chain, (present, length): (ByteSet, usize)) -> bool {
        let reach = chain::reach(&chain.steps, present, length, self.stages);
        self.questions.may_answer(reach)
    }

    /// Asks what comes of a value, as far as that can have what is asked for.
    fn ask(&self, values: &mut Values<'_>, base: OutputId, live: &mut Bits) {
        let mut at = base;
        let mut step = 0;
        while let Some(next) = values.next_step(at, self.chain, step) {
            let reach = values.reach(at, self.chain, next, self.stages);
            if !self.questions.may_answer(reach) {
                return;
            }
            let before = at;
            at = values.step_of(at, self.chain, next);
            step = next + 1;
            if self.stages && at != before {
                self.questions.ask(values, at, live);
            }
        }
        if !self.stages && at != base {
            self.questions.ask(values, at, live);
        }
    }
}

impl Questions {
    fn new(links: usize) -> Self {
        Self {
            literals: Bits::new(links),
            words: 0..0,
            sets: Vec::new(),
            patterns: Vec::new(),
            letters: Vec::new(),
            shortest: usize::MAX,
        }
    }

    fn add(&mut self, index: usize, link: &CompiledLink) {
        if link.gate.literals {
            self.literals.insert(index);
            for literal in &link.literals {
                self.letters.push(ByteSet::of(literal));
                self.shortest = self.shortest.min(literal.len());
            }
        } else if let Some(set) = link.gate.sets.first() {
            match self.sets.iter_mut().find(|(known, _)| known == set) {
                Some((_, rules)) if rules.last() != Some(&index) => rules.push(index),
                Some(_) => {}
                None => self.sets.push((*set, vec![index])),
            }
        }
    }

    /// Nothing is asked.
    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.sets.is_empty() && self.patterns.is_empty()
    }

    fn close(&mut self) {
        let used = |word: &u64| *word != 0;
        let start = self.literals.0.iter().position(used).unwrap_or(0);
        let end = self
            .literals
            .0
            .iter()
            .rposition(used)
            .map_or(0, |last| last + 1);
        self.words = start..end;
        self.letters.sort_by_key(|letters| letters.len());
        let mut least: Vec<ByteSet> = Vec::new();
        for letters in &self.letters {
            if least.len() <= MAX_LETTERS && !least.iter().any(|known| letters.includes(*known)) {
                least.push(*letters);
            }
        }
        self.letters = least;
        if self.letters.len() > MAX_LETTERS {
            self.letters.clear();
        }
    }

    /// Whether a value within reach can have anything of what is asked for.
    fn may_answer(&self, reach: Reach) -> bool {
        let literals = !self.words.is_empty()
            && reach.length >= self.shortest
            && (self.letters.is_empty()
                || self
                    .letters
                    .iter()
                    .any(|letters| reach.bytes.includes(*letters)));
        literals || self.sets.iter().any(|(set, _)| set.meets(reach.bytes))
    }

    fn ask(&self, values: &mut Values<'_>, value: OutputId, live: &mut Bits) {
        let present = values.output(value).present;
        for (_, rules) in self.sets.iter().filter(|(set, _)| set.meets(present)) {
            for rule in rules {
                live.insert(*rule);
            }
        }
        for patterns in &self.patterns {
            let mut rules = patterns.rules.iter();
            if rules.any(|one| one.sets.iter().all(|set| set.meets(present)))
                && values.charge_for_pattern(value)
                && patterns.any.is_match(values.bytes(value))
            {
                patterns.rules.iter().for_each(|one| live.insert(one.rule));
            }
        }
        if self.words.is_empty() {
            return;
        }
        let Some(found) = values.scan(value) else {
            return;
        };
        let (Some(mask), Some(found), Some(live)) = (
            self.literals.0.get(self.words.clone()),
            found.get(self.words.clone()),
            live.0.get_mut(self.words.clone()),
        ) else {
            return;
        };
        for ((live, found), mask) in live.iter_mut().zip(found).zip(mask) {
            *live |= found & mask;
        }
    }
}

/// The kinds of values that a link looks at.
fn kinds(link: &CompiledLink) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for target in &link.targets {
        let Source::Facts(places) = &target.source else {
            continue;
        };
        let name = match &target.members {
            Members::Name(name) => Some(name.clone()),
            _ => None,
        };
        kinds.extend(
            places
                .iter()
                .map(|(slot, side)| (*slot, *side, name.clone())),
        );
    }
    kinds.sort();
    kinds.dedup();
    kinds
}

/// The pattern of a link that has to be asked of most values as they are.
fn common_pattern(link: &CompiledLink) -> Option<&Regex> {
    let Check::Regex(pattern) = &link.operator.check else {
        return None;
    };
    let common = link.operator.kind == OperatorKind::Rx
        && !link.negated
        && link.chain == 0
        && link.stages.is_empty()
        && !link.gate.literals
        && link
            .gate
            .sets
            .first()
            .is_some_and(|set| commonness(*set) >= COMMON);
    common.then_some(pattern)
}

impl Class {
    /// A bit for each group that may have an answer to a value. Of many values this is worked out once for all that have
    /// the same bytes.
    fn groups_that_may_answer(
        &self,
        number: usize,
        values: &mut Values<'_>,
        base: OutputId,
    ) -> u64 {
        let Some(kind) = values.kind_of(base) else {
            return self.triggers.of(values.output(base).present);
        };
        if let Some(known) = values.groups_of(number, kind) {
            return known;
        }
        let mut groups = self.triggers.of(kind.0);
        for (group, bit) in self.groups.iter().zip(0..) {
            let chain = values.chain(group.chain);
            if !chain.is_some_and(|chain| group.may_answer(chain, kind)) {
                groups &= !(1 << bit);
            }
        }
        values.note_groups(number, kind, groups);
        groups
    }

    fn group(&mut self, chain: ChainId, stages: bool, links: usize) -> Option<&mut Questions> {
        let known = self
            .groups
            .iter()
            .position(|group| group.chain == chain && group.stages == stages);
        if let Some(position) = known {
            return self
                .groups
                .get_mut(position)
                .map(|group| &mut group.questions);
        }
        if self.groups.len() == MAX_GROUPS {
            return None;
        }
        self.groups.push(Group {
            chain,
            stages,
            questions: Questions::new(links),
        });
        self.groups.last_mut().map(|group| &mut group.questions)
    }
}
