//! Asks all values of a phase which rules can match at all, before any rule runs.

use crate::rules::bytes::ByteSet;
use crate::rules::program::plan::{Group, PhasePlan, Questions, ValueClass};
use crate::rules::program::prefilter::Bits;
use crate::rules::run::values::{OutputId, Values, WORK_ENTRY};

/// Adds the rules that have to run to `live`.
pub(crate) fn ask(plan: &PhasePlan, values: &mut Values<'_>, live: &mut Bits) {
    live.union(&plan.always.0);
    // Class by class: each asks only the values of its own slot.
    for (number, class) in plan.classes.iter().enumerate() {
        let mut any = false;
        for entry in values.entries(class.slot) {
            // When the work is spent, nothing more is looked at. The values that remain are not known to be harmless;
            // the request is over a limit.
            if !values.work.charge(WORK_ENTRY) {
                return;
            }
            if let Some(name) = &class.name
                && !values.name_is(entry, name)
            {
                continue;
            }
            any = true;
            // Here it matters only whether there is a value, so the first one is enough.
            if class.plain.is_empty() && class.empty.is_none() {
                break;
            }
            let base = values.base(entry, class.side);
            ask_value(class, number, values, base, live);
        }
        if any {
            live.union(&class.present.0);
        }
    }
}

/// Asks about one value of a class, as it is and after each chain that may change it.
#[inline]
fn ask_value(
    class: &ValueClass,
    number: usize,
    values: &mut Values<'_>,
    base: OutputId,
    live: &mut Bits,
) {
    if let Some(empty) = &class.empty
        && values.bytes(base).is_empty()
    {
        live.union(&empty.0);
    }
    // Equal values share an output, and the answer for the first one holds for all of them.
    if values.was_asked(base, number) {
        return;
    }
    ask_questions(&class.plain, values, base, live);
    let mut groups = groups_that_may_answer(class, number, values, base);
    while groups != 0 {
        if let Some(group) = class.groups.get(groups.trailing_zeros() as usize) {
            ask_group(group, values, base, live);
        }
        groups &= groups - 1;
    }
}

/// A bit for each group whose rules a value may answer. In long lists this is worked out once for all values with the
/// same bytes and length.
fn groups_that_may_answer(
    class: &ValueClass,
    number: usize,
    values: &mut Values<'_>,
    base: OutputId,
) -> u64 {
    // For few values a look at the triggers is cheaper than working out and storing the reach of each chain.
    let Some(kind) = values.kind_of(base) else {
        return class.triggers.of(values.output(base).present);
    };
    if let Some(known) = values.groups_of(number, kind) {
        return known;
    }
    let mut groups = class.triggers.of(kind.0);
    for (group, bit) in class.groups.iter().zip(0..) {
        let chain = values.chain(group.chain);
        if !chain.is_some_and(|chain| group.may_answer(chain, kind)) {
            groups &= !(1 << bit);
        }
    }
    values.note_groups(number, kind, groups);
    groups
}

/// Runs the chain of a group over a value while the result may still contain what the rules need, and asks about the
/// result.
fn ask_group(group: &Group, values: &mut Values<'_>, base: OutputId, live: &mut Bits) {
    let mut at = base;
    let mut step = 0;
    while let Some(next) = values.next_step(at, group.chain, step) {
        let reach = values.reach(at, group.chain, next, group.stages);
        // Most values end here: after a cheap step it is clear that no further step can make what the rules need.
        if !group.questions.may_answer(reach) {
            return;
        }
        let before = at;
        at = values.step_of(at, group.chain, next);
        step = next + 1;
        if group.stages && at != before {
            ask_questions(&group.questions, values, at, live);
        }
    }
    // A value that no step changed was asked about before, as it is.
    if !group.stages && at != base {
        ask_questions(&group.questions, values, at, live);
    }
}

/// Asks about a value: first byte sets, which cost nothing, then patterns, then the prefilter.
fn ask_questions(questions: &Questions, values: &mut Values<'_>, value: OutputId, live: &mut Bits) {
    let present = values.output(value).present;
    for (_, rules) in questions.sets.iter().filter(|(set, _)| set.meets(present)) {
        for rule in rules {
            live.insert(*rule);
        }
    }
    ask_patterns(questions, values, value, present, live);
    if questions.words.is_empty() {
        return;
    }
    let Some(found) = values.scan(value) else {
        return;
    };
    let (Some(mask), Some(found), Some(live)) = (
        questions.literals.0.get(questions.words.clone()),
        found.get(questions.words.clone()),
        live.0.get_mut(questions.words.clone()),
    ) else {
        return;
    };
    // The scan found literals of all links; the mask keeps the rules that asked about this class and chain.
    for ((live, found), mask) in live.iter_mut().zip(found).zip(mask) {
        *live |= found & mask;
    }
}

#[inline]
fn ask_patterns(
    questions: &Questions,
    values: &mut Values<'_>,
    value: OutputId,
    present: ByteSet,
    live: &mut Bits,
) {
    for patterns in &questions.patterns {
        let mut rules = patterns.rules.iter();
        if rules.any(|one| one.sets.iter().all(|set| set.meets(present)))
            && values.charge_for_pattern(value)
            && patterns.any.is_match(values.bytes(value))
        {
            // The automaton says only that some pattern matches, not which one, so each rule runs and asks its own
            // pattern.
            patterns.rules.iter().for_each(|one| live.insert(one.rule));
        }
    }
}
