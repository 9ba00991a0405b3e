//! A body while it is read: the listener that keeps what the schema is held against.

use std::borrow::Cow;
use std::collections::HashMap;

use smallvec::SmallVec;
use smol_str::SmolStr;

use super::evaluate::{Options, evaluate};
use super::marks::outermost;
use super::operation::{Checked, Media};
use super::parameter::{Fields, Found, Pair, PairKind, Shape, Written, from_pairs};
use super::schema::{Keyword, NodeId, Program, Types};
use super::tree::{Kind, Tree};
use super::violation::{Code, Direction, Part, Violation, Violations, push_segment};
use crate::bundle::contract::ParameterStyle;
use crate::hash::KeyedHash;
use crate::headers::lossy;
use crate::http::body::BodyKind;
use crate::http::listener::{Container, Listener};
use crate::http::multipart::part;
use crate::http::{Anomaly, ParameterKind, Syntax, content_type, json};

/// The most pairs of a form, and parts of a multipart body.
const MAX_PAIRS: usize = 10_000;

/// What is asked about the fields of a body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Fields that no schema names, `readOnly` ones in requests and `writeOnly` ones in answers are violations.
    pub denies_unknown: bool,
    /// The fields that no schema names are listed.
    pub lists_unknown: bool,
}

/// A part or a pair, kept until the body is over.
#[derive(Debug)]
struct Kept {
    name: String,
    value: String,
    kind: PairKind,
    content_type: Option<String>,
    is_file: bool,
}

/// A body that is held against its schema when it was read.
///
/// It is a [`Listener`]: hand it to the reader beside the others, then call [`BodyCheck::finish`].
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about what was heard"
)]
pub struct BodyCheck<'c> {
    program: &'c Program,
    media: Option<&'c Media>,
    direction: Direction,
    asked: Asked,
    kind: BodyKind,
    tree: Tree,
    kept: Vec<Kept>,
    /// Formats that are open, and whether the outermost is the declared one.
    nesting: u32,
    is_declared: bool,
    was_read: bool,
    is_malformed: bool,
    is_over_limit: bool,
    /// The contract has no body here: `Some(true)` when this one says anything.
    unknown: Option<bool>,
}

/// Values are payload: only their number is shown.
impl std::fmt::Debug for BodyCheck<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "BodyCheck({}, {:?}, {} pairs)",
            self.kind.code(),
            self.tree,
            self.kept.len()
        )
    }
}

impl<'c> BodyCheck<'c> {
    /// # Arguments
    /// * `media` - `None`: nothing is known of the body.
    /// * `kind` - the format of its declared type.
    /// * `bytes` - about how many bytes the body has.
    pub(crate) fn new(
        program: &'c Program,
        media: Option<&'c Media>,
        (direction, asked): (Direction, Asked),
        kind: BodyKind,
        bytes: usize,
    ) -> Self {
        let is_kept = media.is_some_and(|media| media.schema.is_some()) && is_read(kind);
        Self {
            program,
            media: media.filter(|_| is_kept),
            direction,
            asked,
            kind,
            tree: if is_kept {
                Tree::with_capacity(bytes.min(1 << 20))
            } else {
                Tree::default()
            },
            kept: Vec::new(),
            nesting: 0,
            is_declared: false,
            was_read: false,
            is_malformed: false,
            is_over_limit: false,
            unknown: None,
        }
    }

    /// The contract has no body for this request, so one that says anything is a violation. Clients send `{}` and `null`
    /// where they have nothing to say.
    pub(crate) fn must_be_empty(mut self) -> Self {
        self.unknown = Some(self.kind != BodyKind::Json);
        self
    }

    /// Notes a body that must not be there and whose content nobody reads.
    pub(crate) fn unread(&self, violations: &mut Violations) {
        if self.unknown.is_some() {
            self.add(Code::Unknown, violations);
        }
    }

    /// Notes that a body says something.
    fn says(&mut self) {
        if self.nesting == 1 {
            self.unknown = self.unknown.map(|_| true);
        }
    }

    /// Whether calls of the listener are for this check.
    const fn hears(&self) -> bool {
        self.nesting == 1 && self.is_declared && self.media.is_some()
    }

    /// Holds the body against its schema.
    ///
    /// # Arguments
    /// * `truncated` - its end is missing.
    /// * `hash` - for learned values ([`crate::shape`]).
    pub fn finish(
        mut self,
        truncated: bool,
        hash: Option<&KeyedHash>,
        violations: &mut Violations,
    ) -> Checked {
        let mut checked = Checked::default();
        if let Some(says) = self.unknown {
            if says || truncated || self.is_malformed || !self.was_read {
                self.add(Code::Unknown, violations);
            }
            return checked;
        }
        if truncated {
            self.add(Code::Truncated, violations);
            return checked;
        }
        let Some(media) = self.media else {
            if self.is_malformed && is_read(self.kind) {
                self.add(Code::Malformed, violations);
            }
            checked.is_unread = !is_read(self.kind) && self.kind != BodyKind::Empty;
            return checked;
        };
        self.assemble(media, violations);
        let roots = self.tree.roots().count();
        let is_one = self.kind == BodyKind::JsonLines || roots == 1;
        if self.is_malformed || self.tree.is_unfinished() || !is_one {
            self.add(Code::Malformed, violations);
            return checked;
        }
        if self.tree.is_over_limit() || self.is_over_limit {
            self.add(Code::Limit, violations);
            return checked;
        }
        self.hold(media, hash, violations, &mut checked);
        checked
    }

    fn hold(
        &self,
        media: &Media,
        hash: Option<&KeyedHash>,
        violations: &mut Violations,
        checked: &mut Checked,
    ) {
        let Some(schema) = media.schema else {
            return;
        };
        let options = Options {
            direction: Some(self.direction),
            refuses_other: self.asked.denies_unknown,
            part: Part::Body,
            name: "",
            finds_unknown: self.asked.denies_unknown || self.asked.lists_unknown,
            hash,
        };
        for root in self.tree.roots() {
            let outcome = evaluate(self.program, schema, &self.tree, root, options, violations);
            checked.work = checked.work.saturating_add(outcome.work);
            let mut removable = outcome.unknown;
            removable.extend(outcome.foreign);
            checked.unknown.extend(outermost(&self.tree, removable));
            for pointer in outcome.pointers {
                if self.asked.denies_unknown {
                    self.add_pointer(Code::Unknown, pointer.clone(), violations);
                }
                if checked.pointers.len() < super::violation::MAX_VIOLATIONS
                    && !checked.pointers.contains(&pointer)
                {
                    checked.pointers.push(pointer);
                }
            }
        }
    }

    fn add(&self, code: Code, violations: &mut Violations) {
        self.add_pointer(code, "".into(), violations);
    }

    /// A violation of a property that the document names.
    fn add_at(&self, code: Code, name: &str, violations: &mut Violations) {
        let mut pointer = String::new();
        push_segment(&mut pointer, name);
        self.add_pointer(code, pointer.into(), violations);
    }

    fn add_pointer(&self, code: Code, pointer: SmolStr, violations: &mut Violations) {
        violations.add(Violation {
            direction: self.direction,
            part: Part::Body,
            code,
            pointer,
        });
    }

    // --- Forms ---

    /// Makes an object of the pairs of a form or the parts of a multipart body.
    fn assemble(&mut self, media: &Media, violations: &mut Violations) {
        if !matches!(self.kind, BodyKind::Form | BodyKind::Multipart) {
            return;
        }
        let kept = std::mem::take(&mut self.kept);
        let fields = Fields::of(self.program, media.schema);
        let pairs: Vec<Pair<'_>> = kept
            .iter()
            .map(|kept| self.pair_of(kept, &fields))
            .collect();
        self.part_types(media, &kept, violations);
        let by_name = by_name(&pairs);
        let mut names: Vec<&str> = fields.names().collect();
        names.sort_unstable();
        names.dedup();
        self.tree.open(false);
        let mut taken = vec![false; pairs.len()];
        for name in names {
            let written = written(media, name);
            let is_deep = written.style == ParameterStyle::DeepObject;
            let own = by_name.get(name).map(Vec::as_slice).unwrap_or_default();
            let own = own
                .iter()
                .copied()
                .filter(|(_, pair)| is_deep || pair.name == name);
            let own: Vec<Pair<'_>> = own
                .map(|(index, pair)| {
                    if let Some(taken) = taken.get_mut(index) {
                        *taken = true;
                    }
                    pair.clone()
                })
                .collect();
            if !own.is_empty() {
                self.property(written, fields.schema(name), &own, violations);
            }
        }
        for (pair, _) in pairs.iter().zip(&taken).filter(|(_, taken)| !**taken) {
            self.tree.name(&pair.name);
            match pair.kind {
                PairKind::Bytes => self.tree.scalar(Kind::Bytes, ""),
                _ => self.tree.scalar(Kind::Text, &pair.value),
            }
        }
        self.tree.close();
    }

    /// A part is JSON where it says so, and where the schema asks for an object (OpenAPI 3.1.0, 4.8.14.4).
    fn pair_of<'k>(&self, kept: &'k Kept, fields: &Fields<'_>) -> Pair<'k> {
        let declared = kept.content_type.as_deref().map(content_type::essence);
        let is_json = declared
            .is_some_and(|declared| BodyKind::of(&declared.to_ascii_lowercase()) == BodyKind::Json);
        let asks_object = self.kind == BodyKind::Multipart
            && Shape::of(self.program, fields.schema(&kept.name)).asks_object();
        let kind = match kept.kind {
            // A file that happens to be JSON, where the document asks for any file.
            PairKind::Text
                if kept.is_file && !takes_document(self.program, fields.schema(&kept.name)) =>
            {
                PairKind::Bytes
            }
            PairKind::Text if is_json || asks_object => PairKind::Json,
            kind => kind,
        };
        Pair {
            name: Cow::Borrowed(&kept.name),
            value: Cow::Borrowed(&kept.value),
            kind,
        }
    }

    /// One property of a form, of its own pairs.
    fn property(
        &mut self,
        written: Written<'_>,
        schema: Option<NodeId>,
        own: &[Pair<'_>],
        violations: &mut Violations,
    ) {
        let mut value = Tree::default();
        let source = (self.program, schema);
        let takes_text = Shape::of(self.program, schema).takes_text();
        match from_pairs(written, own, source, &|_| true, &mut value) {
            // A browser sends each field of a form, also those that were left empty.
            Found::Empty if !takes_text => return,
            Found::Repeated => self.add_at(Code::Repeated, written.name, violations),
            Found::Malformed => self.add_at(Code::Malformed, written.name, violations),
            _ => {}
        }
        // A value that came several times is held against the schema each time.
        for root in value.roots() {
            self.tree.name(written.name);
            self.tree.graft(&value, root);
        }
    }

    /// The media types of parts, where the document says which ones they may have.
    fn part_types(&self, media: &Media, kept: &[Kept], violations: &mut Violations) {
        for part in kept {
            let encoding = media
                .encoding
                .iter()
                .find(|encoding| encoding.name == part.name);
            let allowed = encoding.map(|encoding| &encoding.content_types);
            let (Some(allowed), Some(declared)) = (allowed, &part.content_type) else {
                continue;
            };
            let declared = content_type::essence(declared).to_ascii_lowercase();
            let fits = allowed
                .iter()
                .any(|range| super::operation::fits(range, &declared));
            if !allowed.is_empty() && !fits {
                self.add_at(Code::ContentType, &part.name, violations);
            }
        }
    }

    fn keep(
        &mut self,
        (name, value): (&[u8], &[u8]),
        kind: PairKind,
        content_type: Option<String>,
        is_file: bool,
    ) {
        if self.kept.len() >= MAX_PAIRS {
            self.is_over_limit = true;
            return;
        }
        self.kept.push(Kept {
            name: lossy(name).into_owned(),
            value: lossy(value).into_owned(),
            kind,
            content_type,
            is_file,
        });
    }
}

/// Pairs by name, with their places; those with brackets also by the name before the first bracket.
///
/// Names are the caller's, so the map is one whose hash has a key.
type ByName<'p> = HashMap<&'p str, Vec<(usize, &'p Pair<'p>)>>;

fn by_name<'p>(pairs: &'p [Pair<'p>]) -> ByName<'p> {
    let mut by_name = ByName::new();
    for (index, pair) in pairs.iter().enumerate() {
        by_name.entry(&pair.name).or_default().push((index, pair));
        if let Some((base, _)) = pair.name.split_once('[') {
            by_name.entry(base).or_default().push((index, pair));
        }
    }
    by_name
}

/// How a property is written.
fn written<'n>(media: &Media, name: &'n str) -> Written<'n> {
    let encoding = media.encoding.iter().find(|encoding| encoding.name == name);
    Written {
        name,
        style: encoding.map_or(ParameterStyle::Form, |encoding| encoding.style),
        explode: encoding.is_none_or(|encoding| encoding.explode),
        is_encoded: false,
    }
}

/// Formats whose values are held against a schema.
const fn is_read(kind: BodyKind) -> bool {
    matches!(
        kind,
        BodyKind::Json
            | BodyKind::JsonLines
            | BodyKind::Form
            | BodyKind::Multipart
            | BodyKind::Text
    )
}

impl Listener for BodyCheck<'_> {
    fn begin(&mut self, format: BodyKind) {
        self.nesting += 1;
        if self.nesting == 1 {
            // The declared format comes first, and what else a body may be read as is none of the contract's.
            self.is_declared = !self.was_read && format == self.kind;
            self.was_read |= self.is_declared;
        }
    }

    fn end(&mut self) {
        self.nesting = self.nesting.saturating_sub(1);
    }

    fn open(&mut self, container: Container<'_>) {
        if self.hears() {
            self.tree.open(container == Container::List);
        }
    }

    fn name(&mut self, name: &str) {
        self.says();
        if self.hears() {
            self.tree.name(name);
        }
    }

    fn close(&mut self) {
        if self.hears() {
            self.tree.close();
        }
    }

    fn leaf(&mut self, value: &str, syntax: Syntax) {
        if !value.is_empty() && syntax != Syntax::Typed(ParameterKind::Empty) {
            self.says();
        }
        if self.hears() {
            leaf(value, syntax, &mut self.tree);
        }
    }

    fn pair(&mut self, name: &[u8], value: &[u8]) {
        if self.hears() {
            self.keep((name, value), PairKind::Text, None, false);
        }
    }

    fn part(&mut self, part: &part::Part<'_>) {
        if !self.hears() {
            return;
        }
        let declared = header(part, b"content-type");
        if part.file_names.is_empty() && part.is_field() {
            let fields: SmallVec<[(&[u8], &[u8]); 1]> = part.fields().take(1).collect();
            for (name, value) in fields {
                self.keep((name, value), PairKind::Text, declared.clone(), false);
            }
            return;
        }
        let is_json = declared.as_deref().is_some_and(|declared| {
            BodyKind::of(&content_type::essence(declared).to_ascii_lowercase()) == BodyKind::Json
        });
        let name = part.names().next().unwrap_or_default();
        // A file of JSON has a schema of its own; of other files only their presence is known.
        if is_json {
            self.keep((name, part.content), PairKind::Text, declared, true);
        } else {
            self.keep((name, b""), PairKind::Bytes, declared, true);
        }
    }

    fn multipart(&mut self, flags: &part::Flags) {
        let is_broken = flags.error.is_some() || flags.unmatched_boundary;
        self.is_malformed |= is_broken && self.nesting == 1 && self.is_declared;
    }

    fn anomaly(&mut self, anomaly: Anomaly) {
        let is_broken = matches!(anomaly, Anomaly::MalformedJson | Anomaly::MalformedForm);
        self.is_malformed |= is_broken && self.nesting == 1 && self.is_declared;
    }

    fn failed(&mut self, _reason: &str, _rest: &str) {
        self.is_malformed |= self.nesting == 1 && self.is_declared;
    }
}

/// Whether a schema asks for what a document has: members or items. One for any file (`type: string`) does not.
fn takes_document(program: &Program, schema: Option<NodeId>) -> bool {
    let Some(schema) = schema else {
        return true;
    };
    let types = program.reach(schema);
    if !types.has(Types::ARRAY) || types.has(Types::OBJECT) {
        return types.has(Types::OBJECT);
    }
    let place = program.in_place(schema);
    let nodes = place.iter().filter_map(|id| program.node(*id));
    let mut items = nodes.flat_map(|node| node.keywords.iter().filter_map(Keyword::rest_of_items));
    items.all(|items| program.reach(items).has_any(Types::OBJECT.or(Types::ARRAY)))
}

/// A header of a part.
fn header(part: &part::Part<'_>, wanted: &[u8]) -> Option<String> {
    part.headers.iter().find_map(|line| {
        let (name, value) = line.split_at(memchr::memchr(b':', line)?);
        let is_wanted = name.trim_ascii().eq_ignore_ascii_case(wanted);
        is_wanted.then(|| lossy(value.get(1..).unwrap_or_default().trim_ascii()).into_owned())
    })
}

fn leaf(value: &str, syntax: Syntax, tree: &mut Tree) {
    let kind = match syntax {
        Syntax::Text => Kind::Text,
        Syntax::String => Kind::String,
        Syntax::Typed(ParameterKind::Boolean) if value == "true" => Kind::True,
        Syntax::Typed(ParameterKind::Boolean) => Kind::False,
        Syntax::Typed(ParameterKind::Empty) => Kind::Null,
        Syntax::Typed(_) => Kind::Number,
    };
    tree.scalar(kind, value);
}

/// Reads a document in JSON that is the value of a parameter or a part.
///
/// # Returns
/// Whether it is one document of JSON. If not, the tree has its text as a string.
pub(crate) fn json(text: &str, tree: &mut Tree) -> bool {
    let mut reader = JsonValue {
        tree: Tree::default(),
        is_malformed: false,
    };
    json::read(text.as_bytes(), false, json::Documents::One, &mut reader);
    let is_one = reader.tree.roots().count() == 1 && !reader.tree.is_unfinished();
    if reader.is_malformed || !is_one || reader.tree.is_over_limit() {
        tree.scalar(Kind::Text, text);
        return false;
    }
    tree.graft(&reader.tree, 0);
    true
}

/// The listener of [`json`].
struct JsonValue {
    tree: Tree,
    is_malformed: bool,
}

impl Listener for JsonValue {
    fn open(&mut self, container: Container<'_>) {
        self.tree.open(container == Container::List);
    }

    fn name(&mut self, name: &str) {
        self.tree.name(name);
    }

    fn close(&mut self) {
        self.tree.close();
    }

    fn leaf(&mut self, value: &str, syntax: Syntax) {
        leaf(value, syntax, &mut self.tree);
    }

    fn failed(&mut self, _reason: &str, _rest: &str) {
        self.is_malformed = true;
    }
}
