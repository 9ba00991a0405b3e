//! A value as it was sent, in one list of nodes: what schemas are held against.
//!
//! The reader of a body tells it, so a body is read once for parameters, rules and contract. Memory is some ten times the
//! text at worst (`[1,1,1…]`), in two buffers whatever the number of values.

use std::sync::OnceLock;

use super::number::Number;

/// The most values of one body. A body of a megabyte that is nothing but `1,` has half as many.
pub(crate) const MAX_NODES: usize = 1 << 20;

/// The deepest nesting. Policies and rules see 64 levels by default; the deepest of 20,000 schemas in public documents is
/// below 20.
pub(crate) const MAX_DEPTH: usize = 128;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `null`.
    Null,
    /// `true`.
    True,
    /// `false`.
    False,
    /// A number; its text is kept.
    Number,
    /// A string.
    String,
    /// Text that says nothing of its type: a value of a form, a query, a header. A schema decides what it is.
    Text,
    /// Bytes that are no text (a file): only its presence is known.
    Bytes,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One value. A container's members follow it; `next` is behind the last of them.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// The name ends where the value starts, so one offset less is kept.
    name_start: u32,
    start: u32,
    /// Of a scalar: where its text ends. Of a container: how many members it has.
    end: u32,
    next: u32,
    kind: Kind,
}

/// Values in the order of the text.
#[derive(Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    text: String,
    open: Vec<u32>,
    /// Containers that are open beyond [`MAX_DEPTH`].
    over: usize,
    name_start: Option<u32>,
    is_over_limit: bool,
    has_text: bool,
    hashes: OnceLock<Vec<u64>>,
}

/// Values are payload: only their number is shown.
impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tree({} values)", self.nodes.len())
    }
}

impl Tree {
    /// An empty tree with room for a text of this many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            // JSON has a value in some 16 bytes; a longer list grows.
            nodes: Vec::with_capacity(bytes / 16 + 8),
            text: String::with_capacity(bytes),
            ..Self::default()
        }
    }

    // --- Building ---

    /// The name of the member that comes next.
    pub(crate) fn name(&mut self, name: &str) {
        if self.over == 0 {
            self.name_start = u32::try_from(self.text.len()).ok();
            self.text.push_str(name);
        }
    }

    /// A container begins.
    pub(crate) fn open(&mut self, is_list: bool) {
        if self.over > 0 || self.open.len() >= MAX_DEPTH {
            self.over += 1;
            self.is_over_limit = true;
            return;
        }
        let kind = if is_list { Kind::Array } else { Kind::Object };
        if let Some(index) = self.push(kind, "") {
            if let Some(node) = self.nodes.get_mut(index as usize) {
                node.end = 0;
            }
            self.open.push(index);
        } else {
            self.over += 1;
        }
    }

    /// The innermost container ends.
    pub(crate) fn close(&mut self) {
        if self.over > 0 {
            self.over -= 1;
            return;
        }
        let next = self.len();
        let index = self.open.pop();
        if let Some(node) = index.and_then(|index| self.nodes.get_mut(index as usize)) {
            node.next = next;
        }
    }

    /// A scalar.
    pub(crate) fn scalar(&mut self, kind: Kind, text: &str) {
        if self.over == 0 {
            self.has_text |= kind == Kind::Text;
            self.push(kind, text);
        }
    }

    fn push(&mut self, kind: Kind, text: &str) -> Option<u32> {
        let start = u32::try_from(self.text.len()).ok();
        let name_start = self.name_start.take();
        self.text.push_str(text);
        let end = u32::try_from(self.text.len()).ok();
        let (Some(start), Some(end)) = (start, end) else {
            self.is_over_limit = true;
            return None;
        };
        if self.nodes.len() >= MAX_NODES {
            self.is_over_limit = true;
            return None;
        }
        let index = self.len();
        self.nodes.push(Node {
            name_start: name_start.unwrap_or(start),
            start,
            end,
            next: index + 1,
            kind,
        });
        let parent = self.open.last().copied();
        if let Some(parent) = parent.and_then(|parent| self.nodes.get_mut(parent as usize)) {
            parent.end += 1;
        }
        Some(index)
    }

    /// Copies a value of another tree, as the next value of this one.
    pub(crate) fn graft(&mut self, other: &Self, root: u32) {
        let mut ends: Vec<u32> = Vec::new();
        for at in root..other.next(root).min(other.len()) {
            while ends.last().is_some_and(|end| *end <= at) {
                ends.pop();
                self.close();
            }
            let Some(kind) = other.kind(at) else {
                break;
            };
            if at > root && other.has_name(at) {
                self.name(other.member_name(at));
            }
            if matches!(kind, Kind::Array | Kind::Object) {
                self.open(kind == Kind::Array);
                ends.push(other.next(at));
            } else {
                self.scalar(kind, other.text(at));
            }
        }
        for _ in ends {
            self.close();
        }
        self.is_over_limit |= other.is_over_limit;
    }

    fn has_name(&self, at: u32) -> bool {
        self.nodes
            .get(at as usize)
            .is_some_and(|node| node.name_start < node.start)
    }

    // --- Reading ---

    /// How many values there are.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    /// There was more than is kept.
    pub(crate) const fn is_over_limit(&self) -> bool {
        self.is_over_limit
    }

    /// Some value is text whose type a schema decides.
    pub(crate) const fn has_text(&self) -> bool {
        self.has_text
    }

    /// A container is still open.
    pub(crate) const fn is_unfinished(&self) -> bool {
        !self.open.is_empty() || self.over > 0
    }

    /// What the value is; `None` when there is no such value.
    pub(crate) fn kind(&self, at: u32) -> Option<Kind> {
        self.nodes.get(at as usize).map(|node| node.kind)
    }

    /// The text of a scalar: of a string without escapes, of a number as it was written.
    pub(crate) fn text(&self, at: u32) -> &str {
        self.nodes
            .get(at as usize)
            .and_then(|node| self.text.get(node.start as usize..node.end as usize))
            .unwrap_or_default()
    }

    /// How many bytes of text a value has, with all that is in it.
    pub(crate) fn text_bytes(&self, root: u32) -> u64 {
        let start_of = |at: u32| self.nodes.get(at as usize).map(|node| node.start as usize);
        let end = start_of(self.next(root)).unwrap_or(self.text.len());
        end.saturating_sub(start_of(root).unwrap_or(end)) as u64
    }

    /// The name of an object's member.
    pub(crate) fn member_name(&self, at: u32) -> &str {
        self.nodes
            .get(at as usize)
            .and_then(|node| self.text.get(node.name_start as usize..node.start as usize))
            .unwrap_or_default()
    }

    /// How many members a container has.
    pub(crate) fn count(&self, at: u32) -> u32 {
        self.nodes.get(at as usize).map_or(0, |node| node.end)
    }

    /// The value behind this one and all that is in it.
    pub(crate) fn next(&self, at: u32) -> u32 {
        self.nodes
            .get(at as usize)
            .map_or(u32::MAX, |node| node.next)
    }

    /// The members of a container, one after another.
    pub(crate) fn members(&self, at: u32) -> Members<'_> {
        let is_container = matches!(self.kind(at), Some(Kind::Array | Kind::Object));
        Members {
            tree: self,
            at: at + 1,
            end: if is_container { self.next(at) } else { at + 1 },
        }
    }

    /// The values that stand in no other one: one for a document, several for a sequence of them.
    pub(crate) fn roots(&self) -> Members<'_> {
        Members {
            tree: self,
            at: 0,
            end: self.len(),
        }
    }

    /// A hash of each value that equal values share (2020-12 core, 4.2.2): numbers by their value, objects in any order.
    ///
    /// It has no key: who makes two values collide has them called equal, and gains a violation.
    pub(crate) fn hashes(&self) -> &[u64] {
        self.hashes.get_or_init(|| self.all_hashes())
    }

    fn all_hashes(&self) -> Vec<u64> {
        let mut hashes = vec![0_u64; self.nodes.len()];
        let mut parents: Vec<(u32, u32)> = Vec::new();
        let mut parent_of = vec![u32::MAX; self.nodes.len()];
        for (index, node) in (0_u32..).zip(&self.nodes) {
            while parents.last().is_some_and(|(_, end)| *end <= index) {
                parents.pop();
            }
            if let (Some((parent, _)), Some(slot)) =
                (parents.last(), parent_of.get_mut(index as usize))
            {
                *slot = *parent;
            }
            if matches!(node.kind, Kind::Array | Kind::Object) {
                parents.push((index, node.next));
            }
        }
        // Backwards, so that members are done before what they are in.
        for index in (0..self.len()).rev() {
            let inner = hashes.get(index as usize).copied().unwrap_or_default();
            let hash = self.hash(index, inner);
            if let Some(slot) = hashes.get_mut(index as usize) {
                *slot = hash;
            }
            let parent = parent_of.get(index as usize).copied().unwrap_or(u32::MAX);
            let is_object = self.kind(parent) == Some(Kind::Object);
            if let Some(sum) = hashes.get_mut(parent as usize) {
                *sum = if is_object {
                    let name = bytes(self.member_name(index).as_bytes());
                    // A sum, because the order of members does not matter.
                    sum.wrapping_add(mix(name, hash))
                } else {
                    mix(*sum, hash)
                };
            }
        }
        hashes
    }

    fn hash(&self, at: u32, members: u64) -> u64 {
        match self.kind(at) {
            Some(Kind::Number) => Number::parse(self.text(at)).map_or(0, |number| number.hash()),
            Some(Kind::String | Kind::Text | Kind::Bytes) => {
                mix(11, bytes(self.text(at).as_bytes()))
            }
            Some(Kind::Array) => mix(13, members),
            Some(Kind::Object) => mix(17, members),
            Some(Kind::True) => 19,
            Some(Kind::False) => 23,
            Some(Kind::Null) | None => 29,
        }
    }
}

/// See [`Tree::members`].
pub(crate) struct Members<'t> {
    tree: &'t Tree,
    at: u32,
    end: u32,
}

impl Iterator for Members<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let at = self.at;
        if at >= self.end {
            return None;
        }
        self.at = self.tree.next(at);
        Some(at)
    }
}

/// One step of a hash: multiplied and folded, as in `FxHash`, with the high bits brought down.
pub(crate) const fn mix(hash: u64, value: u64) -> u64 {
    let product = (hash.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ (product >> 29)
}

/// A hash of bytes, eight at a time.
pub(crate) fn bytes(text: &[u8]) -> u64 {
    let (chunks, rest) = text.as_chunks::<8>();
    let start = text.len() as u64;
    let hash = chunks
        .iter()
        .fold(start, |hash, chunk| mix(hash, u64::from_le_bytes(*chunk)));
    let tail = rest
        .iter()
        .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    mix(hash, tail)
}
