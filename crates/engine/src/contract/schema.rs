//! Compiled schemas: one list of nodes for all schemas of an API, which refer to each other by index.
//!
//! A definition that a thousand operations use is here once, so GitHub's document takes a few megabytes.

use std::collections::HashMap;
use std::sync::Arc;

use super::format::Format;
use super::number::Divisor;
use super::pattern::Pattern;
use super::tree::{Kind, Tree};
use crate::shape::CharacterSet;

/// Index of a node.
pub(crate) type NodeId = u32;

/// A set of JSON types, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Types(u8);

impl Types {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOLEAN: Self = Self(1 << 1);
    pub(crate) const INTEGER: Self = Self(1 << 2);
    /// Every number, integers too.
    pub(crate) const NUMBER: Self = Self(1 << 2 | 1 << 3);
    pub(crate) const STRING: Self = Self(1 << 4);
    pub(crate) const ARRAY: Self = Self(1 << 5);
    pub(crate) const OBJECT: Self = Self(1 << 6);
    /// No type is asked for.
    pub(crate) const ANY: Self = Self(0x7f);

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of `other` is in it.
    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether a part of `other` is in it.
    pub(crate) const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The type with this name in JSON Schema.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => return None,
        })
    }
}

/// One schema.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a keyword of its own"
)]
pub(crate) struct Node {
    pub(crate) types: Types,
    /// The schema `false`.
    pub(crate) is_false: bool,
    pub(crate) read_only: bool,
    pub(crate) write_only: bool,
    /// It refers to other schemas for the same value.
    pub(crate) is_composite: bool,
    /// It is a resource of its own (`$id`), by number; what it stands in otherwise.
    pub(crate) resource: u32,
    /// Asserted in this order.
    pub(crate) keywords: Box<[Keyword]>,
}

/// A member, and the members that it asks for.
pub(crate) type Dependency = (Box<str>, Box<[Box<str>]>);

/// Limits of a count, both allowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) min: u64,
    pub(crate) max: u64,
}

impl Bounds {
    pub(crate) const fn contain(self, count: u64) -> bool {
        self.min <= count && count <= self.max
    }
}

/// A keyword that asserts something, with what belongs to it.
#[derive(Debug)]
pub(crate) enum Keyword {
    /// `enum` and `const`: each value is a root.
    Enum(Box<Literals>),
    /// `minimum` and its kin; the text of the number.
    Range(Box<Range>),
    MultipleOf(Divisor),
    /// Characters of a string.
    Length(Bounds),
    Pattern(Arc<Pattern>),
    Format(Format),
    /// `x-starfort-characters`.
    Characters(CharacterSet),
    /// `x-starfort-hashes`, sorted.
    Hashes(Box<[u64]>),
    Items(Box<Items>),
    ItemCount(Bounds),
    UniqueItems,
    Contains(NodeId, Bounds),
    Members(Box<Members>),
    MemberCount(Bounds),
    PropertyNames(NodeId),
    DependentRequired(Box<[Dependency]>),
    DependentSchemas(Box<[(Box<str>, NodeId)]>),
    AllOf(Box<[NodeId]>),
    AnyOf(Box<[NodeId]>),
    OneOf(Box<[NodeId]>),
    Not(NodeId),
    If(Box<Branches>),
    Ref(NodeId),
    /// The schema that it refers to by itself, and the anchor that the dynamic scope is asked for.
    DynamicRef(NodeId, u32),
    UnevaluatedItems(NodeId),
    UnevaluatedProperties(NodeId),
}

/// Limits of a number, as they are written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Range {
    pub(crate) minimum: Option<Box<str>>,
    pub(crate) above: Option<Box<str>>,
    pub(crate) maximum: Option<Box<str>>,
    pub(crate) below: Option<Box<str>>,
}

/// `prefixItems` and `items`.
#[derive(Debug, Clone)]
pub(crate) struct Items {
    pub(crate) prefix: Box<[NodeId]>,
    pub(crate) rest: Option<NodeId>,
}

/// Values of which one must be there.
#[derive(Debug)]
pub(crate) struct Literals {
    /// A root for each.
    pub(crate) tree: Tree,
    /// The strings among them in order, so that long lists (airports, currencies) cost no more than short ones.
    strings: Box<[u32]>,
    /// The others.
    pub(crate) others: Box<[u32]>,
}

impl Literals {
    pub(crate) fn new(tree: Tree) -> Self {
        let is_string = |root: &u32| tree.kind(*root) == Some(Kind::String);
        let (mut strings, others): (Vec<u32>, Vec<u32>) = tree.roots().partition(is_string);
        strings.sort_by(|one, other| tree.text(*one).cmp(tree.text(*other)));
        let (strings, others) = (strings.into(), others.into());
        Self {
            tree,
            strings,
            others,
        }
    }

    pub(crate) fn has_string(&self, text: &str) -> bool {
        let found = self
            .strings
            .binary_search_by(|root| self.tree.text(*root).cmp(text));
        found.is_ok()
    }
}

/// `if`, `then`, `else`.
#[derive(Debug, Clone)]
pub(crate) struct Branches {
    pub(crate) condition: NodeId,
    pub(crate) then: Option<NodeId>,
    pub(crate) otherwise: Option<NodeId>,
}

/// `properties`, `patternProperties`, `additionalProperties`, `required`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    pub(crate) named: HashMap<Box<str>, Slot, NameHasher>,
    pub(crate) patterns: Box<[(Arc<Pattern>, NodeId)]>,
    pub(crate) additional: Option<NodeId>,
    /// Names of `required`, in the order of their bits.
    pub(crate) required: Box<[Box<str>]>,
    /// `properties` or `patternProperties` is there, so an object has fields with names.
    pub(crate) is_closed: bool,
}

/// What is known of one name.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slot {
    /// `None`: it is only required.
    pub(crate) schema: Option<NodeId>,
    /// Its place in [`Members::required`].
    pub(crate) required: Option<u32>,
}

/// Names of a document are chosen by who wrote it and looked up by callers, whose names are never put in, so the hash
/// needs no key.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NameHasher;

impl std::hash::BuildHasher for NameHasher {
    type Hasher = NameState;

    fn build_hasher(&self) -> NameState {
        NameState(0)
    }
}

/// See [`NameHasher`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameState(u64);

impl std::hash::Hasher for NameState {
    fn write(&mut self, text: &[u8]) {
        self.0 = super::tree::mix(self.0, super::tree::bytes(text));
    }

    // A `str` ends with this byte, which adds nothing: names are hashed alone.
    fn write_u8(&mut self, _: u8) {}

    fn write_u64(&mut self, value: u64) {
        self.0 = super::tree::mix(self.0, value);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// All schemas of an API.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) nodes: Vec<Node>,
    /// The types that a value can have by everything that is asserted of it in place, for each node.
    pub(crate) reach: Vec<Types>,
    /// Whether any node asks what others left unevaluated.
    pub(crate) has_unevaluated: bool,
    /// Whether any node is `readOnly` or `writeOnly`.
    pub(crate) has_directions: bool,
    /// Dynamic anchors: resource and anchor.
    pub(crate) dynamic: HashMap<(u32, u32), NodeId>,
    /// Assertions that are not checked, because they cannot be in linear time: each with its reason.
    pub(crate) unchecked: Vec<String>,
}

impl Program {
    pub(crate) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    /// The types that a value of this schema can have.
    pub(crate) fn reach(&self, id: NodeId) -> Types {
        self.reach.get(id as usize).copied().unwrap_or(Types::ANY)
    }

    /// The schemas that apply to the same value as this one does, itself first, at most [`MAX_PLACE`] of them.
    pub(crate) fn in_place(&self, id: NodeId) -> Vec<NodeId> {
        let mut found = vec![id];
        let mut done = 0;
        while let Some(node) = found.get(done).and_then(|id| self.node(*id)) {
            done += 1;
            for next in node.keywords.iter().flat_map(Keyword::in_place) {
                if found.len() < MAX_PLACE && !found.contains(&next) {
                    found.push(next);
                }
            }
        }
        found
    }
}

/// The most schemas that are looked at for one value when only names or types are wanted.
const MAX_PLACE: usize = 256;

impl Keyword {
    /// The schema of a list's items, but those that are named by place.
    pub(crate) fn rest_of_items(&self) -> Option<NodeId> {
        match self {
            Self::Items(items) => items.rest,
            _ => None,
        }
    }

    /// The schemas that it holds against the same value.
    pub(crate) fn in_place(&self) -> Vec<NodeId> {
        match self {
            Self::AllOf(all) | Self::AnyOf(all) | Self::OneOf(all) => all.to_vec(),
            Self::Ref(target) | Self::DynamicRef(target, _) => vec![*target],
            Self::If(branches) => branches
                .then
                .into_iter()
                .chain(branches.otherwise)
                .collect(),
            Self::DependentSchemas(all) => all.iter().map(|(_, schema)| *schema).collect(),
            _ => Vec::new(),
        }
    }
}

/// The type of a value, where its syntax says it.
pub(crate) fn type_of(kind: Kind) -> Types {
    match kind {
        Kind::Null => Types::NULL,
        Kind::True | Kind::False => Types::BOOLEAN,
        Kind::Number => Types::NUMBER,
        Kind::String | Kind::Bytes => Types::STRING,
        Kind::Array => Types::ARRAY,
        Kind::Object => Types::OBJECT,
        Kind::Text => Types::ANY,
    }
}
