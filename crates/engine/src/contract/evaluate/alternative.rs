//! Keywords that hold other schemas against the same value: all of them, any of them, one that is referred to.

use super::{Evaluation, Known};
use crate::contract::marks::Mark;
use crate::contract::parameter::Fields;
use crate::contract::schema::{Branches, NodeId, type_of};
use crate::contract::tree::Kind;
use crate::contract::violation::Code;

impl Evaluation<'_, '_> {
    pub(super) fn all_of(&mut self, all: &[NodeId], at: u32) -> bool {
        let mut is_valid = true;
        for schema in all {
            is_valid &= self.check(*schema, at);
            if self.stops(is_valid) {
                return false;
            }
        }
        is_valid
    }

    /// Whether a schema holds, without violations. Marks of what fails are forgotten.
    pub(super) fn attempt(&mut self, schema: NodeId, at: u32) -> bool {
        let mark = self.marks.now();
        self.trials += 1;
        let is_valid = self.check(schema, at);
        self.trials -= 1;
        if !is_valid {
            self.marks.forget(mark);
        }
        is_valid
    }

    pub(super) fn any_of(&mut self, all: &[NodeId], at: u32) -> bool {
        let mut is_valid = false;
        for schema in all {
            is_valid |= self.attempt(*schema, at);
            // Where marks are kept, every alternative counts that holds.
            if is_valid && !self.marks.are_kept() {
                return true;
            }
        }
        is_valid || self.no_alternative(all, at)
    }

    pub(super) fn one_of(&mut self, all: &[NodeId], at: u32) -> bool {
        let count = all
            .iter()
            .filter(|schema| self.attempt(**schema, at))
            .count();
        // Text can be a number and a string at once, so several may hold.
        let is_text = self.tree.has_text();
        match count {
            0 => self.no_alternative(all, at),
            1 => true,
            _ => is_text || self.fail(Code::Ambiguous),
        }
    }

    /// All alternatives failed. If the types leave just one of them, its violations say more than that none fits.
    pub(super) fn no_alternative(&mut self, all: &[NodeId], at: u32) -> bool {
        if self.trials > 0 {
            return false;
        }
        self.name_any(all, at);
        if !self.tells() {
            return false;
        }
        let kind = self.tree.kind(at).unwrap_or(Kind::Null);
        let fits = |schema: &&NodeId| self.program.reach(**schema).has_any(type_of(kind));
        let mut fitting = all.iter().filter(fits);
        if let (Some(only), None) = (fitting.next().copied(), fitting.next()) {
            let told = self.told;
            self.check(only, at);
            if self.told > told {
                return false;
            }
        }
        self.fail(Code::Alternative)
    }

    /// Which alternative was meant is not known, so a field that any of them names is known.
    pub(super) fn name_any(&mut self, all: &[NodeId], at: u32) {
        if !self.options.finds_unknown || self.tree.kind(at) != Some(Kind::Object) {
            return;
        }
        let tree = self.tree;
        let fields: Vec<Fields<'_>> = all
            .iter()
            .map(|schema| Fields::of(self.program, Some(*schema)))
            .collect();
        let names: u64 = fields
            .iter()
            .map(|fields| fields.names().count() as u64)
            .sum();
        self.charge(names.saturating_mul(u64::from(tree.count(at))));
        self.marks.close_maybe(at);
        let is_open = fields.iter().any(|fields| fields.is_open);
        for member in tree.members(at) {
            let name = tree.member_name(member);
            if is_open || fields.iter().any(|fields| fields.has(name)) {
                self.marks.name(member);
            }
        }
    }

    pub(super) fn branch(&mut self, branches: &Branches, at: u32) -> bool {
        let next = if self.attempt(branches.condition, at) {
            branches.then
        } else {
            branches.otherwise
        };
        next.is_none_or(|schema| self.check(schema, at))
    }

    /// The schema that a dynamic reference means: the outermost resource with such an anchor has it.
    pub(super) fn dynamic(&self, target: NodeId, name: u32) -> NodeId {
        let mut found = self
            .scope
            .iter()
            .filter_map(|resource| self.program.dynamic.get(&(*resource, name)));
        found.next().copied().unwrap_or(target)
    }

    /// Another schema for the same value. Its result is kept, since alternatives may ask again.
    pub(super) fn refer(&mut self, target: NodeId, at: u32) -> bool {
        let is_container = matches!(self.tree.kind(at), Some(Kind::Array | Kind::Object));
        let is_composite = self
            .program
            .node(target)
            .is_some_and(|node| node.is_composite);
        // The result of a dynamic reference depends on the way, and a simple schema for a scalar costs less than this.
        if !self.program.dynamic.is_empty() || !is_container && !is_composite {
            return self.check(target, at);
        }
        let key = u64::from(target) << 32 | u64::from(at);
        match self.known.get(&key) {
            Some(Known::Open) => return true,
            Some(Known::Valid(marks)) => {
                if let Some(marks) = marks {
                    self.marks.add(Mark::Kept(*marks));
                }
                return true;
            }
            Some(Known::Invalid { told }) if *told || !self.tells() => return false,
            _ => {}
        }
        self.known.insert(key, Known::Open);
        let mark = self.marks.now();
        let told = self.told;
        let is_valid = self.check(target, at);
        let known = if is_valid {
            Known::Valid(self.marks.keep(mark, at))
        } else {
            Known::Invalid {
                told: self.told > told,
            }
        };
        self.known.insert(key, known);
        is_valid
    }
}
