//! Keywords for arrays and objects.

use smallvec::SmallVec;

use super::{Evaluation, Options, Step};
use crate::contract::marks::{Mark, Marks};
use crate::contract::schema::{Items, Keyword, Members, NodeId};
use crate::contract::tree::{Kind, Tree};
use crate::contract::violation::{Code, Direction, Violations};

impl<'a> Evaluation<'a, '_> {
    pub(super) fn array(&mut self, keyword: &'a Keyword, at: u32) -> bool {
        match keyword {
            Keyword::Items(items) => self.items(items, at),
            Keyword::ItemCount(bounds) => {
                bounds.contain(u64::from(self.tree.count(at))) || self.fail(Code::Count)
            }
            Keyword::UniqueItems => self.unique(at) || self.fail(Code::Unique),
            Keyword::Contains(schema, bounds) => {
                let mut count = 0;
                for item in self.tree.members(at) {
                    let mark = self.marks.now();
                    if self.attempt_member(*schema, item) {
                        count += 1;
                        self.marks.add(Mark::Member(item));
                    } else {
                        self.marks.forget(mark);
                    }
                }
                bounds.contain(count) || self.fail(Code::Contains)
            }
            Keyword::UnevaluatedItems(schema) => self.unevaluated(*schema, at),
            _ => self.any(keyword, at),
        }
    }

    pub(super) fn items(&mut self, items: &Items, at: u32) -> bool {
        let mut is_valid = true;
        let mut prefix = items.prefix.iter();
        for item in self.tree.members(at) {
            let Some(schema) = prefix.next().copied().or(items.rest) else {
                break;
            };
            is_valid &= self.member(schema, item, false);
            self.marks.add(Mark::Member(item));
            if self.stops(is_valid) {
                break;
            }
        }
        is_valid
    }

    pub(super) fn unique(&mut self, at: u32) -> bool {
        let tree = self.tree;
        self.charge(u64::from(tree.count(at)));
        let hashes = tree.hashes();
        let of = |item: u32| hashes.get(item as usize).copied().unwrap_or_default();
        let mut all: Vec<u64> = tree.members(at).map(of).collect();
        all.sort_unstable();
        !all.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
    }

    pub(super) fn object(&mut self, keyword: &'a Keyword, at: u32) -> bool {
        match keyword {
            Keyword::Members(members) => self.members(members, at),
            Keyword::MemberCount(bounds) => {
                bounds.contain(u64::from(self.tree.count(at))) || self.fail(Code::Count)
            }
            Keyword::PropertyNames(schema) => self.names(*schema, at),
            Keyword::DependentRequired(all) => {
                let mut is_valid = true;
                for (name, needed) in all {
                    if self.has(at, name) {
                        for name in needed {
                            is_valid &= self.has(at, name) || self.missing(name);
                        }
                    }
                }
                is_valid
            }
            Keyword::DependentSchemas(all) => {
                let mut is_valid = true;
                for (name, schema) in all {
                    is_valid &= !self.has(at, name) || self.check(*schema, at);
                }
                is_valid
            }
            Keyword::UnevaluatedProperties(schema) => self.unevaluated(*schema, at),
            _ => self.any(keyword, at),
        }
    }

    pub(super) fn members(&mut self, members: &'a Members, at: u32) -> bool {
        let tree = self.tree;
        let mut is_valid = true;
        let mut seen: SmallVec<[u64; 2]> = SmallVec::new();
        seen.resize(members.required.len().div_ceil(64), 0);
        if members.is_closed {
            self.marks.close(at);
        }
        for member in tree.members(at) {
            let name = tree.member_name(member);
            let slot = members.named.get(name);
            if let Some(bit) = slot.and_then(|slot| slot.required)
                && let Some(bits) = seen.get_mut(bit as usize / 64)
            {
                *bits |= 1 << (bit % 64);
            }
            self.charge(1);
            is_valid &= self.one_member(members, slot.and_then(|slot| slot.schema), member);
            if slot.is_some() {
                self.marks.name(member);
            }
            if self.stops(is_valid) {
                return false;
            }
        }
        for (bit, name) in members.required.iter().enumerate() {
            let is_there = seen
                .get(bit / 64)
                .is_some_and(|bits| bits >> (bit % 64) & 1 == 1);
            is_valid &= is_there || self.is_exempt(members, name) || self.missing(name);
        }
        is_valid
    }

    /// A member by its name, by expressions that match its name, or else as an additional one.
    pub(super) fn one_member(
        &mut self,
        members: &'a Members,
        named: Option<NodeId>,
        member: u32,
    ) -> bool {
        let mut is_known = false;
        let mut is_valid = true;
        if let Some(schema) = named {
            is_known = true;
            is_valid &= self.member(schema, member, true);
        }
        let tree = self.tree;
        for (pattern, schema) in &members.patterns {
            let name = tree.member_name(member);
            self.charge(name.len() as u64);
            if pattern.is_match(name) {
                is_known = true;
                is_valid &= self.member(*schema, member, named.is_some());
            }
        }
        if !is_known && let Some(schema) = members.additional {
            is_known = true;
            is_valid &= self.other_member(schema, member);
        }
        if is_known {
            self.marks.add(Mark::Member(member));
        }
        is_valid
    }

    /// A member that only `additionalProperties` or `unevaluatedProperties` speaks of.
    pub(super) fn other_member(&mut self, schema: NodeId, member: u32) -> bool {
        let is_object = !self.tree.member_name(member).is_empty();
        if is_object && self.program.node(schema).is_some_and(|node| node.is_false) {
            return self.fail_at(Code::Unknown, Some(member));
        }
        self.member(schema, member, false)
    }

    /// A member's value. What was reached through is remembered, and the path grows by it.
    pub(super) fn member(&mut self, schema: NodeId, member: u32, is_named: bool) -> bool {
        let outer = std::mem::replace(&mut self.entry, schema);
        self.path.push(Step {
            at: member,
            is_named,
        });
        let is_valid = self.check(schema, member);
        self.path.pop();
        self.entry = outer;
        is_valid
    }

    pub(super) fn attempt_member(&mut self, schema: NodeId, member: u32) -> bool {
        self.trials += 1;
        let is_valid = self.member(schema, member, false);
        self.trials -= 1;
        is_valid
    }

    /// Whether a missing name is one that this direction does not have: an `id` that the API gives is no part of a
    /// request, although `required` names it (OpenAPI 3.0.3, Schema Object, readOnly).
    pub(super) fn is_exempt(&mut self, members: &Members, name: &str) -> bool {
        if self.options.direction.is_none() || !self.program.has_directions {
            return false;
        }
        let own = members.named.get(name).and_then(|slot| slot.schema);
        if own.is_some_and(|schema| self.is_absent(schema)) {
            return true;
        }
        // The property may stand in another part of an `allOf`.
        let place = self.program.in_place(self.entry);
        self.charge(place.len() as u64);
        place.iter().any(|id| {
            let keywords = self.program.node(*id).map(|node| &node.keywords);
            keywords.into_iter().flatten().any(|keyword| match keyword {
                Keyword::Members(other) => {
                    let slot = other.named.get(name).and_then(|slot| slot.schema);
                    slot.is_some_and(|schema| self.is_absent(schema))
                }
                _ => false,
            })
        })
    }

    pub(super) fn is_absent(&self, schema: NodeId) -> bool {
        let place = self.program.in_place(schema);
        let mut nodes = place.iter().filter_map(|id| self.program.node(*id));
        nodes.any(|node| match self.options.direction {
            Some(Direction::Request) => node.read_only,
            Some(Direction::Response) => node.write_only,
            None => false,
        })
    }

    pub(super) fn has(&mut self, at: u32, name: &str) -> bool {
        let tree = self.tree;
        self.charge(u64::from(tree.count(at)));
        tree.members(at)
            .any(|member| tree.member_name(member) == name)
    }

    /// Each name as a string of its own.
    pub(super) fn names(&mut self, schema: NodeId, at: u32) -> bool {
        let tree = self.tree;
        for member in tree.members(at) {
            let mut name = Tree::default();
            name.scalar(Kind::String, tree.member_name(member));
            let mut ignored = Violations::default();
            let options = Options {
                direction: None,
                finds_unknown: false,
                ..self.options
            };
            let marks = Marks::new(&name, 0, false, false);
            let work = (marks, self.left);
            let mut inner = Evaluation::new(self.program, &name, options, &mut ignored, work);
            inner.calls = self.calls;
            inner.trials = 1;
            let is_valid = inner.check(schema, 0);
            let (left, is_too_deep) = (inner.left, inner.is_too_deep);
            self.left = left;
            self.is_too_deep |= is_too_deep;
            if !is_valid {
                return self.fail_at(Code::Name, Some(member));
            }
        }
        true
    }

    /// Members that nothing before has evaluated, by this schema or by those that it holds against the same value.
    pub(super) fn unevaluated(&mut self, schema: NodeId, at: u32) -> bool {
        let tree = self.tree;
        let evaluated = self.marks.members_of(tree, at, self.since);
        self.charge(evaluated.work);
        let mut is_valid = true;
        for member in tree.members(at) {
            if !evaluated.has(member) {
                is_valid &= self.other_member(schema, member);
                self.marks.add(Mark::Member(member));
            }
        }
        is_valid
    }
}
