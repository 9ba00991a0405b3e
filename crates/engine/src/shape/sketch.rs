//! What one message looks like, gathered while it is read: a tree with one node for each name, in which the items of a
//! list share a node. It holds no value, and its size depends on the number of different names, not on the body.

use smallvec::SmallVec;

use super::characters::CharacterSet;
use super::format::Format;
use super::names;
use crate::hash::KeyedHash;
use crate::headers::lossy;
use crate::http::body::BodyKind;
use crate::http::listener::{Container, Listener};
use crate::http::multipart::part::Part;
use crate::http::{ParameterKind, Syntax};

/// Nodes of one message. The largest body schemas of public `OpenAPI` documents have some 500 properties.
const MAX_NODES: usize = 768;

/// Containers in each other; deeper ones are left out.
const MAX_DEPTH: usize = 24;

/// How many names are compared for one message at most: names that come in another order each time would otherwise cost
/// the square of their number.
const MAX_STEPS: u32 = 50_000;

/// Hashes of values that a node keeps. A field with more values in one message is no enumeration.
pub(super) const MAX_HASHES: usize = 8;

/// The longest value that is hashed, in bytes. What is longer is no word of an enumeration.
pub(super) const MAX_HASHED_BYTES: usize = 40;

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// The kinds of values that a node had, as bits.
pub(super) mod kinds {
    pub(in super::super) const NULL: u16 = 1;
    pub(in super::super) const BOOLEAN: u16 = 1 << 1;
    pub(in super::super) const INTEGER: u16 = 1 << 2;
    pub(in super::super) const NUMBER: u16 = 1 << 3;
    pub(in super::super) const TEXT: u16 = 1 << 4;
    pub(in super::super) const OBJECT: u16 = 1 << 5;
    pub(in super::super) const LIST: u16 = 1 << 6;
    pub(in super::super) const FILE: u16 = 1 << 7;
    /// Several of one name in one form or query.
    pub(in super::super) const REPEATED: u16 = 1 << 8;
}

/// The least and the greatest of some figures; none: `low > high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range<T> {
    pub(super) low: T,
    pub(super) high: T,
}

impl<T: Copy + Ord> Range<T> {
    fn widen(&mut self, figure: T) {
        self.low = self.low.min(figure);
        self.high = self.high.max(figure);
    }
}

/// What is known of the values that one name had in this message.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Where its name stands in [`Sketch::names`].
    name: (u32, u32),
    /// A hash of the way to it, by names.
    pub(super) way: u64,
    pub(super) first_child: u32,
    pub(super) next: u32,
    last_child: u32,
    /// The child that is looked at first: names come in the same order in each item of a list.
    cursor: u32,
    pub(super) kinds: u16,
    pub(super) format: Format,
    pub(super) characters: CharacterSet,
    /// Characters of texts.
    pub(super) lengths: Range<u32>,
    /// Magnitudes of numbers, see [`magnitude`].
    pub(super) sizes: Range<i16>,
    /// Items of lists, or how often a form repeats the name.
    pub(super) counts: Range<u32>,
    /// Objects that this node was.
    pub(super) objects: u32,
    /// Objects of the node above that had this member.
    pub(super) seen: u32,
    /// The object in which it was seen last.
    object: u32,
    /// How often it came in that object.
    times: u32,
    /// An object: which members it has, as one hash, and whether some objects lack one. See [`Sketch::settle`].
    pub(super) members: u64,
    pub(super) lacks_members: bool,
    /// Different values by their hashes; more than [`MAX_HASHES`] are not kept.
    pub(super) hashes: SmallVec<[u64; 2]>,
    /// Some value was too long to be hashed, or there were too many.
    pub(super) is_unhashed: bool,
}

impl Node {
    fn new(name: (u32, u32), way: u64) -> Self {
        Self {
            name,
            way,
            first_child: NONE,
            next: NONE,
            last_child: NONE,
            cursor: NONE,
            kinds: 0,
            format: Format::Plain,
            characters: CharacterSet::NONE,
            lengths: Range {
                low: u32::MAX,
                high: 0,
            },
            sizes: Range {
                low: i16::MAX,
                high: i16::MIN,
            },
            counts: Range {
                low: u32::MAX,
                high: 0,
            },
            objects: 0,
            seen: 0,
            object: 0,
            times: 0,
            members: 0,
            lacks_members: false,
            hashes: SmallVec::new(),
            is_unhashed: false,
        }
    }

    fn note_hash(&mut self, value: &str, hash: &KeyedHash) {
        if value.len() > MAX_HASHED_BYTES || self.is_unhashed {
            self.is_unhashed = true;
            return;
        }
        let hashed = hash.short(value.as_bytes());
        if !self.hashes.contains(&hashed) {
            if self.hashes.len() < MAX_HASHES {
                self.hashes.push(hashed);
            } else {
                self.is_unhashed = true;
            }
        }
    }

    fn note_text(&mut self, text: &str, hash: &KeyedHash) {
        let (characters, length) = CharacterSet::and_length(text);
        let format = Format::of(text, characters);
        let is_first = self.kinds & kinds::TEXT == 0;
        if is_first {
            self.format = format;
        } else if self.format != format {
            self.format = Format::Plain;
        }
        self.kinds |= kinds::TEXT;
        self.characters = self.characters.with(characters);
        self.lengths.widen(length);
        if format.is_of_choices() {
            self.note_hash(text, hash);
        } else {
            self.is_unhashed = true;
        }
    }

    fn note_number(&mut self, word: &str, kind: u16, hash: &KeyedHash) {
        self.kinds |= kind;
        self.sizes.widen(magnitude(word));
        if kind == kinds::INTEGER {
            self.note_hash(word, hash);
        }
    }
}

/// The magnitude of a number: for 0 and above the least k with number < 2^k; below 0 it is -1 - k, for the least k with
/// -number < 2^k. Capped at 1,023.
pub(super) fn magnitude(word: &str) -> i16 {
    let number: f64 = word.parse().unwrap_or(f64::MAX);
    let absolute = number.abs();
    // The exponent of an `f64` (IEEE 754) is the power of two; numbers below 1 all count as 0.
    let exponent = (absolute.to_bits() >> 52 & 0x7ff).saturating_sub(1022);
    let power = i16::try_from(exponent.min(1023)).unwrap_or(1023);
    if number < 0.0 { -1 - power } else { power }
}

/// An open container.
#[derive(Debug, Clone, Copy)]
struct Frame {
    node: u32,
    /// The number of the object; 0 for a list.
    object: u32,
    items: u32,
}

/// What one message looks like.
#[derive(Debug, Default)]
pub(crate) struct Sketch {
    nodes: Vec<Node>,
    names: String,
    frames: SmallVec<[Frame; 8]>,
    /// Open containers beyond [`MAX_DEPTH`].
    over: usize,
    /// The member that comes next.
    member: u32,
    objects: u32,
    steps: u32,
    /// Formats that have begun and not ended.
    nesting: usize,
    /// The format of the body that was read first.
    pub(super) format: Option<BodyKind>,
    /// The body's own node.
    pub(super) body: Option<u32>,
    /// The body is not of its format.
    pub(super) is_broken: bool,
    /// Some of it was left out.
    pub(super) is_cut: bool,
    /// The body was read, and what comes now is another reading of it.
    is_read: bool,
}

impl Sketch {
    /// Listens to the reading of a body.
    pub(crate) fn listen<'a>(&'a mut self, hash: &'a KeyedHash) -> Reading<'a> {
        Reading { sketch: self, hash }
    }

    /// An object that is no part of the body, such as the query.
    pub(super) fn place(&mut self, name: &str) -> u32 {
        let root = self.root(name);
        self.begin_object(root);
        root
    }

    /// A value of a name in such an object.
    pub(super) fn place_text(&mut self, place: u32, name: &str, value: &str, hash: &KeyedHash) {
        let member = self.member_of(place, name);
        if let Some(node) = self.node_mut(member) {
            node.note_text(value, hash);
        }
    }

    /// Note for each object which members it has, when all is told.
    pub(super) fn settle(&mut self) {
        for index in 0..self.nodes.len() {
            let Some(node) = self
                .nodes
                .get(index)
                .filter(|node| node.kinds & kinds::OBJECT != 0)
            else {
                continue;
            };
            let (objects, mut at) = (node.objects, node.first_child);
            let (mut members, mut lacks_members) = (0, false);
            while let Some(child) = self.node(at) {
                members ^= child.way;
                lacks_members |= child.seen < objects;
                at = child.next;
            }
            if let Some(node) = self.nodes.get_mut(index) {
                (node.members, node.lacks_members) = (members, lacks_members);
            }
        }
    }

    pub(super) fn node(&self, index: u32) -> Option<&Node> {
        self.nodes.get(index as usize)
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn name_of(&self, node: &Node) -> &str {
        let (start, end) = node.name;
        self.names
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    fn node_mut(&mut self, index: u32) -> Option<&mut Node> {
        self.nodes.get_mut(index as usize)
    }

    fn root(&mut self, name: &str) -> u32 {
        self.add(name, 0)
    }

    /// Adds a node, without a place in the tree.
    fn add(&mut self, name: &str, above: u64) -> u32 {
        let (Ok(index), Ok(start)) = (
            u32::try_from(self.nodes.len()),
            u32::try_from(self.names.len()),
        ) else {
            return NONE;
        };
        self.names.push_str(name);
        let end = u32::try_from(self.names.len()).unwrap_or(start);
        self.nodes
            .push(Node::new((start, end), names::way(above, name)));
        index
    }

    fn begin_object(&mut self, index: u32) -> u32 {
        self.objects = self.objects.saturating_add(1);
        let object = self.objects;
        if let Some(node) = self.node_mut(index) {
            node.kinds |= kinds::OBJECT;
            node.objects = node.objects.saturating_add(1);
            // The next object usually begins with the same name.
            node.cursor = node.first_child;
        }
        object
    }

    /// The member of a form or another flat object, and note that it came.
    fn member_of(&mut self, parent: u32, name: &str) -> u32 {
        let member = self.child(parent, names::shown(name));
        self.count(member, 0);
        member
    }

    /// Note that a member came in an object.
    fn count(&mut self, member: u32, object: u32) {
        let Some(node) = self.node_mut(member) else {
            return;
        };
        if node.seen == 0 || node.object != object {
            (node.object, node.times) = (object, 1);
            node.seen = node.seen.saturating_add(1);
        } else {
            node.times = node.times.saturating_add(1);
        }
        // A flat object has the number 0, and there it matters how often a name comes.
        if object == 0 {
            if node.times > 1 {
                node.kinds |= kinds::REPEATED;
            }
            node.counts = Range {
                low: node.times,
                high: node.times,
            };
        }
    }

    /// The child of a name, which is made if it is new. [`NONE`]: there are too many.
    fn child(&mut self, parent: u32, name: &str) -> u32 {
        let Some(above) = self.node(parent) else {
            return NONE;
        };
        let (way, first) = (names::way(above.way, name), above.first_child);
        let start = if above.cursor == NONE {
            first
        } else {
            above.cursor
        };
        let mut at = start;
        while let Some(node) = self.node(at) {
            if node.way == way {
                let next = node.next;
                self.steps = self.steps.saturating_add(1);
                self.remember(parent, next);
                return at;
            }
            at = if node.next == NONE { first } else { node.next };
            self.steps += 1;
            if at == start {
                break;
            }
            if self.steps >= MAX_STEPS {
                self.is_cut = true;
                return NONE;
            }
        }
        self.new_child(parent, name)
    }

    fn remember(&mut self, parent: u32, next: u32) {
        if let Some(parent) = self.node_mut(parent) {
            parent.cursor = next;
        }
    }

    fn new_child(&mut self, parent: u32, name: &str) -> u32 {
        if self.nodes.len() >= MAX_NODES {
            self.is_cut = true;
            return NONE;
        }
        let way = self.node(parent).map_or(0, |node| node.way);
        let child = self.add(name, way);
        let last = self.node(parent).map_or(NONE, |node| node.last_child);
        if let Some(last) = self.node_mut(last) {
            last.next = child;
        }
        if let Some(parent) = self.node_mut(parent) {
            if parent.first_child == NONE {
                parent.first_child = child;
            }
            parent.last_child = child;
            parent.cursor = NONE;
        }
        child
    }

    /// The node that the next value belongs to.
    fn target(&mut self) -> u32 {
        if self.over > 0 {
            return NONE;
        }
        let Some(frame) = self.frames.last_mut() else {
            return self.body.unwrap_or(NONE);
        };
        if frame.object != 0 {
            return self.member;
        }
        frame.items = frame.items.saturating_add(1);
        let node = frame.node;
        // The node of the items has no name.
        self.child(node, names::ITEMS)
    }
}

/// A sketch that listens.
pub(crate) struct Reading<'a> {
    sketch: &'a mut Sketch,
    hash: &'a KeyedHash,
}

impl Reading<'_> {
    /// Whether what is told belongs to the sketch: the body itself, in the first format that it is read in.
    fn is_on(&self) -> bool {
        !self.sketch.is_read && self.sketch.nesting == 1
    }
}

impl Listener for Reading<'_> {
    fn begin(&mut self, format: BodyKind) {
        let sketch = &mut *self.sketch;
        sketch.nesting += 1;
        if sketch.nesting == 1 && !sketch.is_read {
            sketch.format = Some(format);
            let root = sketch.root(names::BODY);
            sketch.body = Some(root);
            if matches!(format, BodyKind::Form | BodyKind::Multipart) {
                sketch.begin_object(root);
            }
        }
    }

    fn end(&mut self) {
        self.sketch.nesting = self.sketch.nesting.saturating_sub(1);
        self.sketch.is_read |= self.sketch.nesting == 0;
    }

    fn open(&mut self, container: Container<'_>) {
        if !self.is_on() || matches!(container, Container::Element(_)) {
            return;
        }
        let sketch = &mut *self.sketch;
        if sketch.over > 0 || sketch.frames.len() >= MAX_DEPTH {
            sketch.over += 1;
            sketch.is_cut = true;
            return;
        }
        let node = sketch.target();
        let object = if container == Container::Object {
            sketch.begin_object(node)
        } else {
            if let Some(node) = sketch.node_mut(node) {
                node.kinds |= kinds::LIST;
            }
            0
        };
        sketch.frames.push(Frame {
            node,
            object,
            items: 0,
        });
    }

    fn name(&mut self, name: &str) {
        if !self.is_on() || self.sketch.over > 0 {
            return;
        }
        let sketch = &mut *self.sketch;
        if let Some(frame) = sketch.frames.last().copied() {
            let member = sketch.child(frame.node, names::shown(name));
            sketch.count(member, frame.object);
            sketch.member = member;
        }
    }

    fn close(&mut self) {
        if !self.is_on() {
            return;
        }
        let sketch = &mut *self.sketch;
        if sketch.over > 0 {
            sketch.over -= 1;
        } else if let Some(frame) = sketch.frames.pop()
            && frame.object == 0
            && let Some(node) = sketch.node_mut(frame.node)
        {
            node.counts.widen(frame.items);
        }
    }

    fn leaf(&mut self, value: &str, syntax: Syntax) {
        if !self.is_on() {
            return;
        }
        let target = self.sketch.target();
        let Some(node) = self.sketch.node_mut(target) else {
            return;
        };
        match syntax {
            Syntax::Typed(ParameterKind::Empty) => node.kinds |= kinds::NULL,
            Syntax::Typed(ParameterKind::Boolean) => node.kinds |= kinds::BOOLEAN,
            Syntax::Typed(ParameterKind::Integer) => {
                node.note_number(value, kinds::INTEGER, self.hash)
            }
            Syntax::Typed(_) => node.note_number(value, kinds::NUMBER, self.hash),
            Syntax::String | Syntax::Text => node.note_text(value, self.hash),
        }
    }

    fn pair(&mut self, name: &[u8], value: &[u8]) {
        if self.is_on()
            && let Some(root) = self.sketch.body
        {
            (self.sketch).place_text(root, &lossy(name), &lossy(value), self.hash);
        }
    }

    fn part(&mut self, part: &Part<'_>) {
        if !self.is_on() {
            return;
        }
        let Some(root) = self.sketch.body else {
            return;
        };
        let Some(name) = part.names().next() else {
            return;
        };
        let member = self.sketch.member_of(root, &lossy(name));
        let Some(node) = self.sketch.node_mut(member) else {
            return;
        };
        if part.file_names.is_empty() {
            node.note_text(&lossy(part.content), self.hash);
        } else {
            node.kinds |= kinds::FILE;
        }
    }

    fn failed(&mut self, _reason: &str, _rest: &str) {
        self.sketch.is_broken |= self.is_on();
    }
}
