//! Which members schemas have spoken of: what `unevaluatedProperties` asks, and which fields no schema names.
//!
//! Marks are a list that grows while schemas hold and is cut back where an alternative fails. The marks of a result that is
//! kept ([`super::evaluate`]) move into a list of their own, to which one mark then leads, so that using the result again
//! costs one mark however much it covers.

use super::tree::{Kind, Tree};

/// One mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A schema speaks of this member or item.
    Member(u32),
    /// A schema names fields of this object, so others are not documented.
    Closed(u32),
    /// A schema says that only the other message has this member.
    Foreign(u32),
    /// The marks of a kept result.
    Kept(u32),
}

/// Marks of a kept result.
#[derive(Debug, Clone, Copy)]
struct Segment {
    /// The value that the result is about.
    about: u32,
    start: u32,
    end: u32,
}

/// All marks of an evaluation.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    is_kept: bool,
    /// The value that is evaluated; others stand within it.
    root: u32,
    list: Vec<Mark>,
    segments: Vec<Segment>,
    kept: Vec<Mark>,
    /// For each value: some schema names it, whether that schema holds or not. Empty: nobody asks for unknown fields.
    named: Vec<bool>,
    /// For each object: alternatives name fields of it, of which none holds.
    closed: Vec<bool>,
}

/// Members of one object or array that are evaluated.
#[derive(Debug)]
pub(crate) struct Evaluated {
    members: Vec<u32>,
    /// What finding them cost.
    pub(crate) work: u64,
}

impl Evaluated {
    pub(crate) fn has(&self, member: u32) -> bool {
        self.members.binary_search(&member).is_ok()
    }
}

impl Marks {
    /// # Arguments
    /// * `is_kept` - somebody asks for marks.
    /// * `finds_unknown` - the fields that no schema names are asked for.
    pub(crate) fn new(tree: &Tree, root: u32, is_kept: bool, finds_unknown: bool) -> Self {
        let length = if finds_unknown {
            tree.next(root).saturating_sub(root) as usize
        } else {
            0
        };
        Self {
            is_kept,
            root,
            named: vec![false; length],
            closed: vec![false; length],
            ..Self::default()
        }
    }

    pub(crate) const fn are_kept(&self) -> bool {
        self.is_kept
    }

    pub(crate) fn add(&mut self, mark: Mark) {
        if self.is_kept {
            self.list.push(mark);
        }
    }

    /// Some schema has the name of this member.
    pub(crate) fn name(&mut self, member: u32) {
        if let Some(named) = self.named.get_mut((member - self.root) as usize) {
            *named = true;
        }
    }

    /// Some schema names fields of this object.
    pub(crate) fn close(&mut self, object: u32) {
        if !self.closed.is_empty() {
            self.list.push(Mark::Closed(object));
        }
    }

    /// Some alternative would name fields of this object, if it held.
    pub(crate) fn close_maybe(&mut self, object: u32) {
        if let Some(closed) = self.closed.get_mut((object - self.root) as usize) {
            *closed = true;
        }
    }

    /// A place to come back to.
    pub(crate) const fn now(&self) -> usize {
        self.list.len()
    }

    /// What came since then does not count.
    pub(crate) fn forget(&mut self, since: usize) {
        self.list.truncate(since);
    }

    /// Keeps what came since then as one result about a value.
    pub(crate) fn keep(&mut self, since: usize, about: u32) -> Option<u32> {
        if self.list.len() == since {
            return None;
        }
        let start = u32::try_from(self.kept.len()).ok()?;
        self.kept.extend(self.list.drain(since..));
        let end = u32::try_from(self.kept.len()).ok()?;
        let index = u32::try_from(self.segments.len()).ok()?;
        self.segments.push(Segment { about, start, end });
        self.list.push(Mark::Kept(index));
        Some(index)
    }

    /// The members of a container that were marked since then. Only results about the container itself can have marked
    /// them, so no others are looked into.
    pub(crate) fn members_of(&self, tree: &Tree, container: u32, since: usize) -> Evaluated {
        let within = container + 1..tree.next(container);
        let mut members = Vec::new();
        let mut work = 0;
        self.visit(
            since,
            |segment| segment.about == container,
            |mark| {
                work += 1;
                if let Mark::Member(member) = mark
                    && within.contains(&member)
                {
                    members.push(member);
                }
            },
        );
        members.sort_unstable();
        Evaluated { members, work }
    }

    /// Members of objects that no schema names, in the order of the text; what is in one of them is not looked at.
    ///
    /// # Arguments
    /// * `is_valid` - if the value is not, what any schema names that was tried counts: which of several alternatives was
    ///   meant is not known.
    pub(crate) fn unknown(&self, tree: &Tree, is_valid: bool) -> Vec<u32> {
        let root = self.root;
        let length = self.named.len();
        let (mut marked, mut closed) = (vec![false; length], vec![false; length]);
        self.visit(
            0,
            |_| true,
            |mark| {
                let (list, at) = match mark {
                    Mark::Member(at) => (&mut marked, at),
                    Mark::Closed(at) => (&mut closed, at),
                    Mark::Kept(_) | Mark::Foreign(_) => return,
                };
                if let Some(slot) = list.get_mut((at - root) as usize) {
                    *slot = true;
                }
            },
        );
        let is =
            |list: &[bool], at: u32| list.get((at - root) as usize).copied().unwrap_or_default();
        let mut unknown = Vec::new();
        let (mut at, end) = (root, tree.next(root));
        while at < end {
            if tree.kind(at) == Some(Kind::Object)
                && (is(&closed, at) || !is_valid && is(&self.closed, at))
            {
                unknown.extend(tree.members(at).filter(|member| {
                    !is(&marked, *member) && (is_valid || !is(&self.named, *member))
                }));
            }
            at += 1;
        }
        outermost(tree, unknown)
    }

    /// Members that only the other message should have, in the order of the text.
    pub(crate) fn foreign(&self) -> Vec<u32> {
        let mut foreign = Vec::new();
        self.visit(
            0,
            |_| true,
            |mark| {
                if let Mark::Foreign(member) = mark {
                    foreign.push(member);
                }
            },
        );
        foreign
    }

    /// Whether some schema has the name of this member.
    pub(crate) fn is_named(&self, member: u32) -> bool {
        let index = member.wrapping_sub(self.root) as usize;
        self.named.get(index).copied().unwrap_or_default()
    }

    /// Tells of every mark that counts, those of a kept result once.
    fn visit(&self, since: usize, enters: impl Fn(&Segment) -> bool, mut tell: impl FnMut(Mark)) {
        let mut entered = vec![false; self.segments.len()];
        let mut open: Vec<&[Mark]> = vec![self.list.get(since..).unwrap_or_default()];
        while let Some(marks) = open.pop() {
            for mark in marks {
                let Mark::Kept(index) = mark else {
                    tell(*mark);
                    continue;
                };
                let (Some(segment), Some(seen)) = (
                    self.segments.get(*index as usize),
                    entered.get_mut(*index as usize),
                ) else {
                    continue;
                };
                if !*seen && enters(segment) {
                    *seen = true;
                    open.extend(self.kept.get(segment.start as usize..segment.end as usize));
                }
            }
        }
    }
}

/// Members in the order of the text, without those that are within other ones.
pub(crate) fn outermost(tree: &Tree, members: Vec<u32>) -> Vec<u32> {
    let mut end = 0;
    let mut kept = members;
    kept.sort_unstable();
    kept.retain(|member| {
        let is_inside = *member < end;
        if !is_inside {
            end = tree.next(*member);
        }
        !is_inside
    });
    kept
}
