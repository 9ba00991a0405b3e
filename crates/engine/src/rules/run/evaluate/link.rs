//! Decides whether a link of a rule matches: reads its targets, transforms their values, and asks its operator.

use std::borrow::Cow;

use super::changing::members;
use super::state::{Context, Run, State};
use crate::rules::bytes;
use crate::rules::operators::{Captures, Check, compare_numbers, holds_regex, made_pattern};
use crate::rules::program::chain::ChainId;
use crate::rules::program::prefilter::contains;
use crate::rules::program::rule::CompiledLink;
use crate::rules::program::slots::{Side, Slot};
use crate::rules::program::target::{CompiledTarget, Members, ValueSource};
use crate::rules::run::facts::Facts;
use crate::rules::run::values::{OutputId, SHORT_BYTES, WORK_ENTRY};
use crate::rules::transformations;
use crate::rules::wire::{OperatorKind, Variable};

impl<'a> Run<'a, '_> {
    /// Whether a link matches. Its actions run for each value that matches.
    pub(super) fn link(&mut self, index: usize, link: &'a CompiledLink) -> bool {
        // A link without targets is a `SecAction`, which always matches.
        if link.targets.is_empty() {
            return self.matched(link, None);
        }
        if link.reads_matched {
            self.settle();
        }
        let mut any = false;
        let mut argument = Vec::new();
        // The argument is expanded once for all values of the link, before any action of the link can change a variable
        // in it.
        if link.operator.needs_argument() {
            self.expand_into(&link.argument, &mut argument);
        }
        for target in &link.targets {
            // `|=` and not `||`: each value that matches runs the actions, so a score counts all of them.
            any |= self.target(index, link, target, &argument);
        }
        any
    }

    fn target(
        &mut self,
        index: usize,
        link: &'a CompiledLink,
        target: &'a CompiledTarget,
        argument: &[u8],
    ) -> bool {
        if target.count {
            return self.counted(index, link, target, argument);
        }
        match &target.source {
            ValueSource::Facts(places) => {
                let mut any = false;
                for (slot, side) in places {
                    any |= self.facts(index, link, target, (*slot, *side), argument);
                }
                any
            }
            ValueSource::Tx => match target.members {
                Members::Place(place) => self.tx_variable(index, link, target, place, argument),
                _ => self.others(index, link, target, argument),
            },
            ValueSource::Stored(_) | ValueSource::Changing => {
                self.others(index, link, target, argument)
            }
        }
    }

    /// Asks the operator about the number of members of a target.
    fn counted(
        &mut self,
        index: usize,
        link: &'a CompiledLink,
        target: &'a CompiledTarget,
        argument: &[u8],
    ) -> bool {
        let count = self.count(index, link, target);
        if let Some(holds) = number_holds(link, count)
            && let Some(done) = self.number(link, holds)
        {
            return done;
        }
        let mut text = Vec::new();
        bytes::push_integer(count, &mut text);
        let base = self.values.foreign(&text);
        let name = Cow::Borrowed(member_key(&self.context, target));
        self.value(link, target, name, base, argument)
    }

    /// Asks the operator about the members of a slot.
    #[inline]
    fn facts(
        &mut self,
        index: usize,
        link: &'a CompiledLink,
        target: &'a CompiledTarget,
        (slot, side): (Slot, Side),
        argument: &[u8],
    ) -> bool {
        let mut any = false;
        for entry in self.values.entries(slot) {
            // When no work is left, the remaining values are not looked at. Rules that compare scores still run.
            if !self.values.work.charge(WORK_ENTRY) {
                return any;
            }
            let facts: &'a Facts = self.context.facts;
            let name = facts.bytes(facts.entry(entry).name);
            if !target.selects(name) {
                continue;
            }
            let base = self.values.base(entry, side);
            // Several entries may have the same value, and several targets may have the same entry. A link asks about
            // each value once.
            if !self.context.exhaustive && self.values.has_failed(base, link.number) {
                continue;
            }
            if !self.may_match(link, base) {
                self.values.fail(base, link.number);
            // Exclusions are asked last, because most values fail at the gate, which is cheaper.
            } else if !self.is_excluded(index, link, target, name) {
                self.spared = false;
                if self.value(link, target, Cow::Borrowed(name), base, argument) {
                    any = true;
                } else if !self.spared {
                    // A value that is spared only in this field may count in another field.
                    self.values.fail(base, link.number);
                }
            }
        }
        any
    }

    /// Asks the operator about a variable of `TX`, by its number.
    fn tx_variable(
        &mut self,
        index: usize,
        link: &'a CompiledLink,
        target: &'a CompiledTarget,
        place: u16,
        argument: &[u8],
    ) -> bool {
        let names: &'a [Box<[u8]>] = &self.context.program.names.names;
        let name: &'a [u8] = names.get(usize::from(place)).map_or(b"", |name| name);
        let Some(value) = self.state.tx.at(place) else {
            return false;
        };
        if self.is_excluded(index, link, target, name) {
            return false;
        }
        if let Some(holds) = number_holds(link, value.integer())
            && let Some(done) = self.number(link, holds)
        {
            return done;
        }
        let mut text = Vec::new();
        if let Some(value) = self.state.tx.at(place) {
            value.push(&mut text);
        }
        let base = self.values.foreign(&text);
        self.value(link, target, Cow::Borrowed(name), base, argument)
    }

    /// What follows from the answer of a numeric operator. `None`: the link matched, and the text of the value is
    /// needed.
    fn number(&mut self, link: &'a CompiledLink, holds: bool) -> Option<bool> {
        if !holds {
            return Some(false);
        }
        (!self.notes && !link.capture).then(|| self.matched(link, None))
    }

    /// Whether the gate of a link allows a value to match. It is asked before everything that costs more.
    fn may_match(&mut self, link: &CompiledLink, base: OutputId) -> bool {
        // A gate says what a match needs. A negated link matches where that is missing, and `multiMatch` may match
        // after an earlier step, so for both the gate says nothing.
        let unknown = self.context.exhaustive
            || link.negated
            || link.gate.is_open()
            || !link.stages.is_empty();
        if unknown {
            return true;
        }
        let reach = self.values.reach(base, link.chain, 0, false);
        if !link.gate.sets.iter().all(|set| set.meets(reach.bytes)) {
            return false;
        }
        let id = self.values.after(base, link.chain);
        self.passes(link, id)
    }

    /// Whether a value contains what the operator needs in order to hold.
    fn passes(&mut self, link: &CompiledLink, id: OutputId) -> bool {
        let present = self.values.output(id).present;
        link.gate.sets.iter().all(|set| set.meets(present))
            && (!link.gate.literals
                || self
                    .values
                    .scan(id)
                    .is_some_and(|found| contains(found, link.number)))
    }

    /// Asks the operator about values that change while rules run.
    fn others(
        &mut self,
        index: usize,
        link: &'a CompiledLink,
        target: &'a CompiledTarget,
        argument: &[u8],
    ) -> bool {
        let mut any = false;
        for (name, value) in members(&self.context, self.state, target) {
            if !self.is_excluded(index, link, target, &name) {
                let base = self.values.foreign(&value);
                any |= self.value(link, target, Cow::Owned(name), base, argument);
            }
        }
        any
    }

    /// Asks the operator about a value, and does what follows from a match.
    fn value(
        &mut self,
        link: &'a CompiledLink,
        target: &'a CompiledTarget,
        name: Cow<'a, [u8]>,
        base: OutputId,
        argument: &[u8],
    ) -> bool {
        if link.stages.is_empty() {
            return self.stage(link, target, name, base, link.chain, argument);
        }
        let mut any = false;
        let mut last = None;
        // `multiMatch` asks about the value as it is, and after each step that changed it.
        for stage in &link.stages {
            let value = self.values.after(base, *stage);
            // A step that changed nothing gives the same value, which would match and score twice.
            if last != Some(value) {
                any |= self.stage(link, target, name.clone(), base, *stage, argument);
            }
            last = Some(value);
        }
        any
    }

    fn stage(
        &mut self,
        link: &'a CompiledLink,
        target: &'a CompiledTarget,
        name: Cow<'a, [u8]>,
        base: OutputId,
        chain: ChainId,
        argument: &[u8],
    ) -> bool {
        let id = self.values.after(base, chain);
        let mut captures: Option<Captures> = link.capture.then(Vec::new);
        if self.holds(link, id, argument, captures.as_mut()) == link.negated {
            return false;
        }
        if self.is_content(link, target, &name, (base, id), argument) {
            self.spared = true;
            return false;
        }
        self.note(target.variable, name, id);
        self.matched(link, captures)
    }

    pub(super) fn holds(
        &mut self,
        link: &CompiledLink,
        id: OutputId,
        argument: &[u8],
        captures: Option<&mut Captures>,
    ) -> bool {
        let passes = self.context.exhaustive || self.passes(link, id);
        // A value that was not inspected must not match, whether the link is negated or not: returning `negated` says
        // "no match" for both.
        if self.values.work.is_spent() && self.values.bytes(id).len() > SHORT_BYTES {
            return link.negated;
        }
        if !passes {
            return false;
        }
        if link.operator.makes_pattern() {
            return self.holds_made(link, id, argument, captures);
        }
        let bytes = self.values.bytes(id);
        // This is answered here because operators have no access to the transaction.
        if link.operator.kind == OperatorKind::GeoLookup {
            return geo(&self.context, self.state, bytes);
        }
        let length = bytes.len();
        let present = self.values.output(id).present;
        // Patterns with counted repetitions are slow only on text that an attacker can vary freely.
        let varied = !transformations::is_base64_file(present, bytes);
        let cost = link.operator.work(length, varied);
        if !self.values.work.charge(cost) && length > SHORT_BYTES {
            return link.negated;
        }
        link.operator
            .holds(self.values.bytes(id), argument, captures)
    }
}

impl Run<'_, '_> {
    /// Asks a pattern that contains macros. It is compiled once for all values of a link.
    fn holds_made(
        &mut self,
        link: &CompiledLink,
        id: OutputId,
        argument: &[u8],
        captures: Option<&mut Captures>,
    ) -> bool {
        // Compiling costs much more than matching, and the argument of a link is the same for all its values, so the
        // last pattern is kept.
        let made = self.made.take().filter(|(text, _)| text == argument);
        let (text, pattern) = made.unwrap_or_else(|| (argument.to_vec(), made_pattern(argument)));
        let holds = pattern.as_ref().is_some_and(|pattern| {
            holds_regex(link.operator.kind, pattern, self.values.bytes(id), captures)
        });
        self.made = Some((text, pattern));
        holds
    }
}

/// `geoLookup` for the client's address, which the engine has looked up already. Other addresses never match.
fn geo(context: &Context<'_>, state: &mut State, value: &[u8]) -> bool {
    let place = context.place;
    let of_client = context.facts.scalar(Variable::RemoteAddr) == Some(value);
    if !of_client || (place.country.is_empty() && place.asn == 0) {
        return false;
    }
    state.geo = [
        ("country_code", place.country.as_str().to_owned()),
        ("country_continent", place.continent.as_str().to_owned()),
        ("asn", place.asn.to_string()),
        ("as_organization", place.as_organization.as_str().to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes()))
    .collect();
    true
}

/// The name that a count is reported under.
fn member_key<'a>(context: &Context<'a>, target: &'a CompiledTarget) -> &'a [u8] {
    let names: &'a [Box<[u8]>] = &context.program.names.names;
    match &target.members {
        Members::Name(name) => name,
        Members::Place(place) => names.get(usize::from(*place)).map_or(&[], |name| name),
        _ => &[],
    }
}

/// Whether a link with a numeric operator matches a number without transformations. This is the usual case for counts,
/// scores and levels, and it needs no text of the number. `None` for other links.
fn number_holds(link: &CompiledLink, value: i64) -> Option<bool> {
    match &link.operator.check {
        Check::Number(argument) if link.chain == 0 && link.stages.is_empty() => {
            let holds = compare_numbers(link.operator.kind, value, *argument);
            Some(holds != link.negated)
        }
        _ => None,
    }
}
