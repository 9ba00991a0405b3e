//! Works out what decides whether a rule of a phase can match at all, from the first link of each rule. `run::live`
//! asks these questions about a request.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::bytes::Regex;

use crate::rules::bytes::ByteSet;
use crate::rules::commonness::commonness;
use crate::rules::operators::Check;
use crate::rules::pattern;
use crate::rules::program::Program;
use crate::rules::program::chain::{Chain, ChainId};
use crate::rules::program::plan::{
    Group, MAX_GROUPS, PatternRule, Patterns, PhasePlan, Plans, Questions, Triggers, ValueClass,
};
use crate::rules::program::prefilter::{Bits, Prefilter};
use crate::rules::program::rule::{CompiledLink, CompiledRule};
use crate::rules::program::slots::{Side, Slot};
use crate::rules::program::target::{Members, ValueSource};
use crate::rules::wire::OperatorKind;

/// From this commonness on, the rarest byte set of a pattern rules out almost nothing: it contains an ordinary letter,
/// and most text has one.
const COMMON: u32 = 40;

/// The most literals whose bytes are looked for before a chain is computed. With more literals, almost any value has
/// the bytes of one.
const MAX_LETTERS: usize = 48;

/// What defines a class of values: the slot, the side, and a name when only members of that name count.
type Kind = (Slot, Side, Option<Box<[u8]>>);

/// The plan for all phases.
///
/// # Arguments
/// * `links` - how many links the rules have.
/// * `dead` - the rules that are left out.
pub(crate) fn plans(rules: &[CompiledRule], chains: &[Chain], links: usize, dead: &Bits) -> Plans {
    Plans {
        request: prefilter(rules, links, dead, 1..=2),
        response: prefilter(rules, links, dead, 3..=5),
        // One plan for each phase, because each phase looks at other values.
        phases: [1, 2, 3, 4, 5].map(|phase| phase_plan(phase, rules, chains, links, dead)),
    }
}

/// The plan with all rules, also those that no ordinary transaction runs. Few callers need it, so it is made when the
/// first one asks.
pub(crate) fn whole(program: &Program) -> &Plans {
    program.whole.get_or_init(|| {
        let nothing = Bits::new(program.rules.len());
        plans(&program.rules, &program.chains, program.links, &nothing)
    })
}

fn prefilter(
    rules: &[CompiledRule],
    links: usize,
    dead: &Bits,
    phases: std::ops::RangeInclusive<u8>,
) -> Prefilter {
    let living = (0..).zip(rules).filter(|(index, _)| !dead.contains(*index));
    let literals = living
        .filter(|(_, rule)| phases.contains(&rule.phase))
        .flat_map(|(_, rule)| &rule.links)
        .flat_map(|link| {
            let number = u32::try_from(link.number).unwrap_or(u32::MAX);
            let numbered = move |literal: &Vec<u8>| (literal.clone(), number);
            link.literals.iter().map(numbered)
        });
    Prefilter::new(literals.collect(), links)
}

fn phase_plan(
    phase: u8,
    rules: &[CompiledRule],
    chains: &[Chain],
    links: usize,
    dead: &Bits,
) -> PhasePlan {
    let mut planner = Planner::new(rules.len(), links);
    // An ordered map, so that the same rules always give the same plan.
    let mut alike: BTreeMap<Vec<Kind>, Vec<(usize, &CompiledLink)>> = BTreeMap::new();
    for (index, rule) in rules.iter().enumerate() {
        let runs = rule.phase == phase && !dead.contains(index);
        let Some(first) = rule.links.first().filter(|_| runs) else {
            continue;
        };
        // Only the first link decides: most rules have only one, and further links often depend on what the first one
        // did.
        if !is_decided_by_values(first) {
            planner.plan.always.insert(index);
        } else if common_pattern(first).is_some() {
            alike.entry(kinds(first)).or_default().push((index, first));
        } else {
            planner.add(index, first);
        }
    }
    for (kinds, firsts) in alike {
        planner.add_patterns(kinds, &firsts);
    }
    planner.finish(chains)
}

/// Whether only facts of the transaction decide on a link. A count may match when there is no value, and values that
/// change while rules run are not known before.
fn is_decided_by_values(link: &CompiledLink) -> bool {
    let mut targets = link.targets.iter();
    !link.targets.is_empty()
        && targets.all(|target| !target.count && matches!(target.source, ValueSource::Facts(_)))
}

/// Makes the plan of a phase.
struct Planner {
    plan: PhasePlan,
    rules: usize,
    links: usize,
}

impl Planner {
    fn new(rules: usize, links: usize) -> Self {
        let plan = PhasePlan {
            always: Bits::new(rules),
            classes: Vec::new(),
        };
        Self { plan, rules, links }
    }

    fn finish(mut self, chains: &[Chain]) -> PhasePlan {
        for class in &mut self.plan.classes {
            close(&mut class.plain);
            class
                .groups
                .iter_mut()
                .for_each(|group| close(&mut group.questions));
            class.triggers = triggers(&class.groups, chains);
        }
        self.plan
    }

    /// Adds a rule by its first link.
    fn add(&mut self, index: usize, link: &CompiledLink) {
        let (rules, links) = (self.rules, self.links);
        let stages = !link.stages.is_empty();
        let asks_for_nothing = matches!(link.operator.check, Check::Empty)
            && !link.negated
            && link.chain == 0
            && !stages;
        for kind in kinds(link) {
            let class = self.class(kind);
            // `^$` matches only empty values, which contain no literal to look for.
            if asks_for_nothing {
                class
                    .empty
                    .get_or_insert_with(|| Bits::new(rules))
                    .insert(index);
            } else if link.negated || link.gate.is_open() {
                // Nothing is known of what a match needs, so any value lets the rule run.
                class.present.insert(index);
            } else {
                ask_for(&mut class.plain, index, link);
                // `plain` asks about the value as it is; the group asks about what the chain makes of the value.
                if link.chain != 0 {
                    match group(class, link.chain, stages, links) {
                        Some(questions) => ask_for(questions, index, link),
                        None => class.present.insert(index),
                    }
                }
            }
        }
    }

    /// Adds rules whose first links are common patterns over values of the same kinds. The patterns become one
    /// automaton, unless it would be too large.
    fn add_patterns(&mut self, kinds: Vec<Kind>, firsts: &[(usize, &CompiledLink)]) {
        let patterns: Vec<&Regex> = firsts
            .iter()
            .filter_map(|(_, link)| common_pattern(link))
            .collect();
        let Some(any) = (patterns.len() > 1)
            // One pattern alone gains nothing from a common automaton.
            .then(|| pattern::all(&patterns))
            .flatten()
        else {
            for (index, link) in firsts {
                self.add(*index, link);
            }
            return;
        };
        let rules = firsts.iter().map(|(rule, link)| PatternRule {
            rule: *rule,
            sets: link.gate.sets.clone(),
        });
        let patterns = Arc::new(Patterns {
            any,
            rules: rules.collect(),
        });
        for kind in kinds {
            let class = self.class(kind);
            class.plain.patterns.push(Arc::clone(&patterns));
        }
    }

    /// The class of a kind; a new class when there is none yet.
    fn class(&mut self, (slot, side, name): Kind) -> &mut ValueClass {
        let classes = &mut self.plan.classes;
        let known = classes
            .iter()
            .position(|class| class.slot == slot && class.side == side && class.name == name);
        let position = known.unwrap_or_else(|| {
            classes.push(ValueClass {
                slot,
                side,
                name,
                present: Bits::new(self.rules),
                empty: None,
                plain: questions(self.links),
                groups: Vec::new(),
                triggers: Triggers::default(),
            });
            classes.len() - 1
        });
        #[expect(
            clippy::indexing_slicing,
            reason = "the position was found or made just now"
        )]
        &mut classes[position]
    }
}

/// The questions of a class for values after a chain; `None` when the class has too many chains already.
fn group(
    class: &mut ValueClass,
    chain: ChainId,
    stages: bool,
    links: usize,
) -> Option<&mut Questions> {
    let mut groups = class.groups.iter();
    let known = groups.position(|group| group.chain == chain && group.stages == stages);
    if known.is_none() {
        if class.groups.len() == MAX_GROUPS {
            return None;
        }
        class.groups.push(Group {
            chain,
            stages,
            questions: questions(links),
        });
    }
    let position = known.unwrap_or(class.groups.len() - 1);
    let group = class.groups.get_mut(position)?;
    Some(&mut group.questions)
}

fn questions(links: usize) -> Questions {
    Questions {
        literals: Bits::new(links),
        words: 0..0,
        sets: Vec::new(),
        patterns: Vec::new(),
        letters: Vec::new(),
        shortest: usize::MAX,
    }
}

/// Adds what a rule needs of a value: its literals or, if it has none, the rarest set of bytes.
fn ask_for(questions: &mut Questions, index: usize, link: &CompiledLink) {
    if link.gate.literals {
        questions.literals.insert(index);
        for literal in &link.literals {
            questions.letters.push(ByteSet::of(literal));
            questions.shortest = questions.shortest.min(literal.len());
        }
    } else if let Some(set) = link.gate.sets.first() {
        // The sets are sorted and the first is the rarest. One missing set is enough to rule the match out.
        match questions.sets.iter_mut().find(|(known, _)| known == set) {
            // Rules are added in order, so a rule that has several targets of one class would be the last one again.
            Some((_, rules)) if rules.last() != Some(&index) => rules.push(index),
            Some(_) => {}
            None => questions.sets.push((*set, vec![index])),
        }
    }
}

/// Works out what is asked first. It is called when all rules are added.
fn close(questions: &mut Questions) {
    let words = &questions.literals.0;
    let is_used = |word: &u64| *word != 0;
    let start = words.iter().position(is_used).unwrap_or(0);
    let end = words.iter().rposition(is_used).map_or(0, |last| last + 1);
    questions.words = start..end;
    // Smallest first: a value that has all letters of the larger set has those of the smaller one, so the smaller set
    // alone is enough.
    questions.letters.sort_by_key(|letters| letters.len());
    let mut least: Vec<ByteSet> = Vec::new();
    for letters in &questions.letters {
        if least.len() <= MAX_LETTERS && !least.iter().any(|known| letters.includes(*known)) {
            least.push(*letters);
        }
    }
    // An empty list means "any letters", which asks too much but loses no match.
    if least.len() > MAX_LETTERS {
        least.clear();
    }
    questions.letters = least;
}

fn triggers(groups: &[Group], chains: &[Chain]) -> Triggers {
    let of = |present: ByteSet| {
        groups.iter().zip(0..).fold(0u64, |mask, (group, number)| {
            let chain = chains.get(usize::from(group.chain));
            mask | u64::from(chain.is_some_and(|chain| chain.changes(present))) << number
        })
    };
    // Bytes that start the same groups share an entry: a value is compared with a few sets instead of with each chain.
    let mut bytes: Vec<(ByteSet, u64)> = Vec::new();
    for byte in 0..=u8::MAX {
        let mask = of(ByteSet::EMPTY.with(byte));
        match bytes.iter_mut().find(|(_, known)| *known == mask) {
            Some((set, _)) => *set = set.with(byte),
            None if mask == 0 => {}
            None => bytes.push((ByteSet::EMPTY.with(byte), mask)),
        }
    }
    Triggers {
        bytes,
        empty: of(ByteSet::EMPTY),
    }
}

/// The kinds of values that a link looks at, each once.
fn kinds(link: &CompiledLink) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for target in &link.targets {
        let ValueSource::Facts(places) = &target.source else {
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

/// The pattern of a link, if its byte sets rule out so few values that the pattern itself has to be asked about most of
/// them.
fn common_pattern(link: &CompiledLink) -> Option<&Regex> {
    let Check::Regex(pattern) = &link.operator.check else {
        return None;
    };
    let is_common = |set: &ByteSet| commonness(*set) >= COMMON;
    let is_plain = link.operator.kind == OperatorKind::Rx
        && !link.negated
        && link.chain == 0
        && link.stages.is_empty()
        && !link.gate.literals;
    (is_plain && link.gate.sets.first().is_some_and(is_common)).then_some(pattern)
}
