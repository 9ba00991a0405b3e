//! Holds a value against a schema: whether it is valid, what is wrong, and which fields no schema names.
//!
//! Four things bound it, whatever a caller sends and a document says:
//!
//! * *Work* is counted; each step costs a unit, each byte that an expression looks at too. What does not fit is a
//!   violation ([`Code::Limit`]), never silently valid.
//! * *Repetition*: the result of a schema for a value is kept where several ways lead to it. Without this, alternatives
//!   that refer to themselves would cost 2^n for a value n deep.
//! * *Depth* of calls ([`MAX_CALLS`]).
//! * *Violations* are found in the same pass. Within alternatives nothing is reported: when all fail, the one whose type
//!   fits is held against the value once more for its violations.

use std::collections::HashMap;

use smallvec::SmallVec;
use smol_str::SmolStr;

use super::marks::{Mark, Marks};
use super::number::Number;
use super::parameter::Fields;
use super::schema::{
    Branches, Items, Keyword, Members, NameHasher, Node, NodeId, Program, Range, Types, type_of,
};
use super::tree::{Kind, Tree};
use super::violation::{Code, Direction, Part, Violation, Violations, plain_name, push_segment};
use crate::hash::KeyedHash;
use crate::shape::CharacterSet;

/// Calls that may be open at once. A value 128 deep under schemas that refer twice for each level fits.
const MAX_CALLS: u32 = 400;

/// Violations that are told of, kept or not. Each costs a pointer.
const MAX_TOLD: u32 = 256;

/// Units of work for a value of any size.
const WORK_BASE: u64 = 20_000;

/// Units of work for each value of a body. A schema with 50 alternatives of 20 properties costs 1,000 for an object.
const WORK_EACH: u64 = 2_000;

/// The most units for one body: half a second.
const WORK_MOST: u64 = 50_000_000;

/// What is asked of an evaluation.
#[derive(Clone, Copy)]
pub(crate) struct Options<'a> {
    /// Which message it is: a missing field that only the other one has is no violation. `None`: neither.
    pub(crate) direction: Option<Direction>,
    /// A field that only the other message has is a violation.
    pub(crate) refuses_other: bool,
    /// The part of the message.
    pub(crate) part: Part,
    /// The name of the parameter; empty for a body.
    pub(crate) name: &'a str,
    /// Find the fields that no schema names.
    pub(crate) finds_unknown: bool,
    /// For `x-starfort-hashes`; without it they assert nothing.
    pub(crate) hash: Option<&'a KeyedHash>,
}

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Valid, as JSON Schema has it; fields that no schema names do not count.
    #[cfg(test)]
    pub(crate) is_valid: bool,
    /// Work that was done.
    pub(crate) work: u64,
    /// Members of objects that no schema names, in the order of the text, none within another one.
    pub(crate) unknown: Vec<u32>,
    /// Pointers to the first of them, each once.
    pub(crate) pointers: Vec<SmolStr>,
}

/// The result of a schema for a value.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// It is being found out: a reference that leads to itself for the same value asserts nothing more.
    Open,
    /// With the marks that belong to it.
    Valid(Option<u32>),
    /// Violations were told or not.
    Invalid { told: bool },
}

/// A step into a value.
#[derive(Debug, Clone, Copy)]
struct Step {
    at: u32,
    /// The schema has its name, so the name is shown.
    is_named: bool,
}

/// Holds the value at `root` against a schema.
pub(crate) fn evaluate(
    program: &Program,
    schema: NodeId,
    tree: &Tree,
    root: u32,
    options: Options<'_>,
    violations: &mut Violations,
) -> Outcome {
    let values = tree.next(root).saturating_sub(root);
    let work = WORK_BASE
        .saturating_add(WORK_EACH.saturating_mul(u64::from(values)))
        .min(WORK_MOST);
    let marks = Marks::new(
        tree,
        root,
        program.has_unevaluated || options.finds_unknown,
        options.finds_unknown,
    );
    let mut evaluation = Evaluation::new(program, tree, options, violations, (marks, work));
    evaluation.entry = schema;
    let mut is_valid = evaluation.check(schema, root);
    if evaluation.is_spent() {
        is_valid = false;
        evaluation.told = 0;
        evaluation.trials = 0;
        evaluation.path.clear();
        evaluation.tell(Code::Limit, None);
    }
    let unknown = if options.finds_unknown && !evaluation.is_spent() {
        evaluation.marks.unknown(tree, is_valid)
    } else {
        Vec::new()
    };
    Outcome {
        #[cfg(test)]
        is_valid,
        work: work - evaluation.left,
        pointers: evaluation.pointers(root, &unknown),
        unknown,
    }
}

/// Unknown fields whose pointers are worked out. Lists repeat the same ones.
const MAX_POINTERS: usize = 256;

struct Evaluation<'a, 'v> {
    program: &'a Program,
    tree: &'a Tree,
    options: Options<'a>,
    violations: &'v mut Violations,
    told: u32,
    /// Open trials: alternatives that may fail without a violation.
    trials: u32,
    path: SmallVec<[Step; 16]>,
    left: u64,
    calls: u32,
    is_too_deep: bool,
    /// The schema through which the current value was reached.
    entry: NodeId,
    known: HashMap<u64, Known, NameHasher>,
    marks: Marks,
    /// How many marks there were when the schema at work began.
    since: usize,
    /// Resources that are entered, where dynamic references may ask for them.
    scope: Vec<u32>,
}

impl<'a, 'v> Evaluation<'a, 'v> {
    fn new(
        program: &'a Program,
        tree: &'a Tree,
        options: Options<'a>,
        violations: &'v mut Violations,
        (marks, work): (Marks, u64),
    ) -> Self {
        Self {
            program,
            tree,
            options,
            violations,
            told: 0,
            trials: 0,
            path: SmallVec::new(),
            left: work,
            calls: 0,
            is_too_deep: false,
            entry: 0,
            known: HashMap::default(),
            marks,
            since: 0,
            scope: Vec::new(),
        }
    }

    const fn is_spent(&self) -> bool {
        self.left == 0 || self.is_too_deep
    }

    fn charge(&mut self, units: u64) {
        self.left = self.left.saturating_sub(units);
    }

    /// Whether violations are told here.
    const fn tells(&self) -> bool {
        self.trials == 0 && self.told < MAX_TOLD
    }

    /// Whether a failure ends the schema at work. Outside of trials the rest is looked at too: for its violations, and for
    /// the fields that it names.
    const fn stops(&self, is_valid: bool) -> bool {
        !is_valid && self.trials > 0
    }

    // --- One schema, one value ---

    fn check(&mut self, schema: NodeId, at: u32) -> bool {
        self.charge(1);
        if self.is_spent() || self.calls >= MAX_CALLS {
            self.is_too_deep |= self.calls >= MAX_CALLS;
            return false;
        }
        let program = self.program;
        let (Some(node), Some(kind)) = (program.node(schema), self.tree.kind(at)) else {
            return false;
        };
        if node.is_false {
            return self.fail(Code::Forbidden);
        }
        let is_scoped = !program.dynamic.is_empty() && self.scope.last() != Some(&node.resource);
        if is_scoped {
            self.scope.push(node.resource);
        }
        self.calls += 1;
        let is_valid = self.keywords(node, at, kind);
        self.calls -= 1;
        if is_scoped {
            self.scope.pop();
        }
        is_valid
    }

    fn keywords(&mut self, node: &'a Node, at: u32, kind: Kind) -> bool {
        let Some(kind) = self.read_as(node, at, kind) else {
            return self.fail(Code::Type);
        };
        let outer = std::mem::replace(&mut self.since, self.marks.now());
        let mut is_valid = self.direction(node);
        for keyword in &node.keywords {
            if self.stops(is_valid) {
                break;
            }
            is_valid &= match kind {
                Kind::Object => self.object(keyword, at),
                Kind::Array => self.array(keyword, at),
                _ => self.scalar(keyword, at, kind, node.types),
            };
        }
        self.since = outer;
        is_valid
    }

    /// What the value is for this schema. Text becomes what the schema asks for, if it can be read as that.
    ///
    /// # Returns
    /// `None`: it is of no type that the schema allows.
    fn read_as(&self, node: &Node, at: u32, kind: Kind) -> Option<Kind> {
        match kind {
            // Without a type the text stays what it is, and each keyword reads it as what the keyword speaks of.
            Kind::Text if node.types == Types::ANY => Some(Kind::Text),
            Kind::Text => text_as(node.types, self.tree.text(at)),
            Kind::Number if !node.types.has(Types::NUMBER) => {
                let wants_integer = node.types.has(Types::INTEGER);
                let number = Number::parse(self.tree.text(at));
                (wants_integer && number.is_some_and(|number| number.is_integer())).then_some(kind)
            }
            // A file is any text: `type: string, format: binary`.
            _ => node.types.has(type_of(kind)).then_some(kind),
        }
    }

    /// `readOnly` in a request, `writeOnly` in an answer.
    fn direction(&mut self, node: &Node) -> bool {
        match self.options.direction {
            _ if !self.options.refuses_other => true,
            // The body itself is not a property (OpenAPI 3.0.3, Schema Object, readOnly).
            Some(Direction::Request) if node.read_only && !self.path.is_empty() => {
                self.fail(Code::ReadOnly)
            }
            Some(Direction::Response) if node.write_only && !self.path.is_empty() => {
                self.fail(Code::WriteOnly)
            }
            _ => true,
        }
    }

    /// Keywords for values of any type.
    fn any(&mut self, keyword: &'a Keyword, at: u32) -> bool {
        match keyword {
            Keyword::Enum(values) => {
                let is_one = self.is_one_of(values, at);
                is_one || self.fail(Code::Enum)
            }
            Keyword::Ref(target) => self.refer(*target, at),
            Keyword::DynamicRef(target, name) => {
                let target = self.dynamic(*target, *name);
                self.refer(target, at)
            }
            Keyword::AllOf(all) => self.all_of(all, at),
            Keyword::AnyOf(all) => self.any_of(all, at),
            Keyword::OneOf(all) => self.one_of(all, at),
            Keyword::Not(schema) => {
                let mark = self.marks.now();
                let is_valid = self.attempt(*schema, at);
                self.marks.forget(mark);
                !is_valid || self.fail(Code::Forbidden)
            }
            Keyword::If(branches) => self.branch(branches, at),
            _ => true,
        }
    }

    // --- Scalars ---

    fn scalar(&mut self, keyword: &'a Keyword, at: u32, kind: Kind, types: Types) -> bool {
        let tree = self.tree;
        let text = tree.text(at);
        match keyword {
            Keyword::Range(_) | Keyword::MultipleOf(_) => {
                let number = matches!(kind, Kind::Number | Kind::Text).then(|| Number::parse(text));
                number
                    .flatten()
                    .is_none_or(|number| self.number(keyword, &number))
            }
            Keyword::Format(format) if format.is_numeric() => {
                let number = matches!(kind, Kind::Number | Kind::Text).then(|| Number::parse(text));
                let is_right = number
                    .flatten()
                    .is_none_or(|number| format.has_number(&number));
                is_right || self.fail(Code::Format)
            }
            Keyword::Length(_)
            | Keyword::Pattern(_)
            | Keyword::Format(_)
            | Keyword::Characters(_)
                if matches!(kind, Kind::String)
                    || kind == Kind::Text && types.has(Types::STRING) =>
            {
                self.string(keyword, text)
            }
            Keyword::Hashes(hashes) => {
                let is_hashed = matches!(kind, Kind::String | Kind::Text | Kind::Number);
                let is_one = match self.options.hash.filter(|_| is_hashed) {
                    Some(hash) => hashes.binary_search(&hash.short(text.as_bytes())).is_ok(),
                    None => true,
                };
                is_one || self.fail(Code::Enum)
            }
            _ => self.any(keyword, at),
        }
    }

    fn number(&mut self, keyword: &Keyword, number: &Number<'_>) -> bool {
        match keyword {
            Keyword::Range(range) => is_within(range, number) || self.fail(Code::Range),
            Keyword::MultipleOf(divisor) => {
                number.is_multiple_of(divisor) || self.fail(Code::Multiple)
            }
            _ => true,
        }
    }

    fn string(&mut self, keyword: &Keyword, text: &str) -> bool {
        let length = text.len() as u64;
        match keyword {
            // A character has one to four bytes, so most texts need not be counted.
            Keyword::Length(bounds)
                if length >= 4 * bounds.min.min(u64::MAX / 4) && length <= bounds.max =>
            {
                true
            }
            Keyword::Length(bounds) => {
                bounds.contain(text.chars().count() as u64) || self.fail(Code::Length)
            }
            Keyword::Pattern(pattern) => {
                self.charge(length);
                !self.is_spent() && (pattern.is_match(text) || self.fail(Code::Pattern))
            }
            Keyword::Format(format) => format.has_text(text) || self.fail(Code::Format),
            Keyword::Characters(allowed) => {
                CharacterSet::of(text).is_within(*allowed) || self.fail(Code::Characters)
            }
            _ => true,
        }
    }

    fn is_one_of(&mut self, values: &Tree, at: u32) -> bool {
        let tree = self.tree;
        if self.tree.kind(at) == Some(Kind::Text) {
            let text = tree.text(at);
            return values.roots().any(|root| is_text_of(values, root, text));
        }
        self.charge(u64::from(values.len()));
        values.roots().any(|root| equals(values, root, tree, at))
    }

    // --- Arrays ---

    fn array(&mut self, keyword: &'a Keyword, at: u32) -> bool {
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

    fn items(&mut self, items: &Items, at: u32) -> bool {
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

    fn unique(&mut self, at: u32) -> bool {
        let tree = self.tree;
        self.charge(u64::from(tree.count(at)));
        let hashes = tree.hashes();
        let of = |item: u32| hashes.get(item as usize).copied().unwrap_or_default();
        let mut all: Vec<u64> = tree.members(at).map(of).collect();
        all.sort_unstable();
        !all.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
    }

    // --- Objects ---

    fn object(&mut self, keyword: &'a Keyword, at: u32) -> bool {
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

    fn members(&mut self, members: &'a Members, at: u32) -> bool {
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
    fn one_member(&mut self, members: &'a Members, named: Option<NodeId>, member: u32) -> bool {
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
    fn other_member(&mut self, schema: NodeId, member: u32) -> bool {
        let is_object = !self.tree.member_name(member).is_empty();
        if is_object && self.program.node(schema).is_some_and(|node| node.is_false) {
            return self.fail_at(Code::Unknown, Some(member));
        }
        self.member(schema, member, false)
    }

    /// A member's value. What was reached through is remembered, and the path grows by it.
    fn member(&mut self, schema: NodeId, member: u32, is_named: bool) -> bool {
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

    fn attempt_member(&mut self, schema: NodeId, member: u32) -> bool {
        self.trials += 1;
        let is_valid = self.member(schema, member, false);
        self.trials -= 1;
        is_valid
    }

    /// Whether a missing name is one that this direction does not have: an `id` that the API gives is no part of a
    /// request, although `required` names it (OpenAPI 3.0.3, Schema Object, readOnly).
    fn is_exempt(&mut self, members: &Members, name: &str) -> bool {
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

    fn is_absent(&self, schema: NodeId) -> bool {
        let place = self.program.in_place(schema);
        let mut nodes = place.iter().filter_map(|id| self.program.node(*id));
        nodes.any(|node| match self.options.direction {
            Some(Direction::Request) => node.read_only,
            Some(Direction::Response) => node.write_only,
            None => false,
        })
    }

    fn has(&mut self, at: u32, name: &str) -> bool {
        let tree = self.tree;
        self.charge(u64::from(tree.count(at)));
        tree.members(at)
            .any(|member| tree.member_name(member) == name)
    }

    /// Each name as a string of its own.
    fn names(&mut self, schema: NodeId, at: u32) -> bool {
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
    fn unevaluated(&mut self, schema: NodeId, at: u32) -> bool {
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

    // --- Schemas for the same value ---

    fn all_of(&mut self, all: &[NodeId], at: u32) -> bool {
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
    fn attempt(&mut self, schema: NodeId, at: u32) -> bool {
        let mark = self.marks.now();
        self.trials += 1;
        let is_valid = self.check(schema, at);
        self.trials -= 1;
        if !is_valid {
            self.marks.forget(mark);
        }
        is_valid
    }

    fn any_of(&mut self, all: &[NodeId], at: u32) -> bool {
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

    fn one_of(&mut self, all: &[NodeId], at: u32) -> bool {
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
    fn no_alternative(&mut self, all: &[NodeId], at: u32) -> bool {
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
    fn name_any(&mut self, all: &[NodeId], at: u32) {
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

    fn branch(&mut self, branches: &Branches, at: u32) -> bool {
        let next = if self.attempt(branches.condition, at) {
            branches.then
        } else {
            branches.otherwise
        };
        next.is_none_or(|schema| self.check(schema, at))
    }

    /// The schema that a dynamic reference means: the outermost resource with such an anchor has it.
    fn dynamic(&self, target: NodeId, name: u32) -> NodeId {
        let mut found = self
            .scope
            .iter()
            .filter_map(|resource| self.program.dynamic.get(&(*resource, name)));
        found.next().copied().unwrap_or(target)
    }

    /// Another schema for the same value. Its result is kept, since alternatives may ask again.
    fn refer(&mut self, target: NodeId, at: u32) -> bool {
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

    // --- Violations ---

    fn fail(&mut self, code: Code) -> bool {
        self.fail_at(code, None)
    }

    fn fail_at(&mut self, code: Code, member: Option<u32>) -> bool {
        if self.tells() && !self.is_spent() {
            self.tell(
                code,
                member.map(|member| plain_name(self.tree.member_name(member))),
            );
        }
        false
    }

    /// Pointers to members, each once.
    fn pointers(&self, root: u32, members: &[u32]) -> Vec<SmolStr> {
        let mut pointers: Vec<SmolStr> = Vec::new();
        for member in members.iter().take(MAX_POINTERS) {
            let pointer = self.pointer_to(root, *member);
            if pointers.len() < super::violation::MAX_VIOLATIONS && !pointers.contains(&pointer) {
                pointers.push(pointer);
            }
        }
        pointers
    }

    fn pointer_to(&self, root: u32, member: u32) -> SmolStr {
        let mut pointer = String::new();
        let mut at = root;
        while at < member {
            let inside = |child: &u32| (*child..self.tree.next(*child)).contains(&member);
            let Some(child) = self.tree.members(at).find(inside) else {
                break;
            };
            let name = self.tree.member_name(child);
            if child == member {
                push_segment(&mut pointer, &plain_name(name));
            } else if self.marks.is_named(child) {
                push_segment(&mut pointer, name);
            } else {
                push_segment(&mut pointer, "*");
            }
            at = child;
        }
        pointer.into()
    }

    /// The name is the document's, so it is shown as it is.
    fn missing(&mut self, name: &str) -> bool {
        if self.tells() && !self.is_spent() {
            self.tell(Code::Required, Some(name.into()));
        }
        false
    }

    fn tell(&mut self, code: Code, last: Option<SmolStr>) {
        self.told += 1;
        let mut pointer = String::new();
        if self.options.name.is_empty() {
            for step in &self.path {
                let name = if step.is_named {
                    self.tree.member_name(step.at)
                } else {
                    "*"
                };
                push_segment(&mut pointer, name);
            }
            if let Some(last) = last {
                push_segment(&mut pointer, &last);
            }
        } else {
            pointer.push_str(self.options.name);
        }
        self.violations.add(Violation {
            direction: self.options.direction.unwrap_or(Direction::Request),
            part: self.options.part,
            code,
            pointer: pointer.into(),
        });
    }
}

/// What text is read as: the first of number, boolean, null and string that the schema allows and that it can be.
fn text_as(types: Types, text: &str) -> Option<Kind> {
    if types.has_any(Types::NUMBER)
        && let Some(number) = Number::parse(text)
        && (types.has(Types::NUMBER) || number.is_integer())
    {
        return Some(Kind::Number);
    }
    match text {
        "true" if types.has(Types::BOOLEAN) => Some(Kind::True),
        "false" if types.has(Types::BOOLEAN) => Some(Kind::False),
        "" | "null" if types.has(Types::NULL) => Some(Kind::Null),
        _ => types.has(Types::STRING).then_some(Kind::String),
    }
}

fn is_within(range: &Range, number: &Number<'_>) -> bool {
    let order = |limit: &Option<Box<str>>| {
        let limit = limit.as_deref().and_then(Number::parse);
        limit.map(|limit| number.compare(&limit))
    };
    order(&range.minimum).is_none_or(std::cmp::Ordering::is_ge)
        && order(&range.above).is_none_or(std::cmp::Ordering::is_gt)
        && order(&range.maximum).is_none_or(std::cmp::Ordering::is_le)
        && order(&range.below).is_none_or(std::cmp::Ordering::is_lt)
}

/// Whether text is the value of a schema, by whatever type that has.
fn is_text_of(values: &Tree, root: u32, text: &str) -> bool {
    match values.kind(root) {
        Some(Kind::Null) => text.is_empty() || text == "null",
        Some(Kind::Number) => {
            let (one, other) = (Number::parse(values.text(root)), Number::parse(text));
            matches!((one, other), (Some(one), Some(other)) if one.compare(&other).is_eq())
        }
        Some(Kind::Array | Kind::Object) | None => false,
        _ => values.text(root) == text,
    }
}

/// Whether a value of a schema is equal to one of a body (2020-12 core, 4.2.2). The recursion is as deep as the schema's
/// value, which [`super::compile`] bounds.
fn equals(values: &Tree, one: u32, tree: &Tree, other: u32) -> bool {
    match (values.kind(one), tree.kind(other)) {
        (Some(Kind::Number), Some(Kind::Number)) => is_text_of(values, one, tree.text(other)),
        (Some(Kind::Array), Some(Kind::Array)) => {
            values.count(one) == tree.count(other)
                && values
                    .members(one)
                    .zip(tree.members(other))
                    .all(|(one, other)| equals(values, one, tree, other))
        }
        (Some(Kind::Object), Some(Kind::Object)) => {
            values.count(one) == tree.count(other)
                && values.members(one).all(|one| {
                    let name = values.member_name(one);
                    let mut same = tree
                        .members(other)
                        .filter(|other| tree.member_name(*other) == name);
                    same.next()
                        .is_some_and(|other| equals(values, one, tree, other))
                        && same.next().is_none()
                })
        }
        (Some(Kind::String), Some(_)) if tree.kind(other) == Some(Kind::Text) => {
            values.text(one) == tree.text(other)
        }
        (Some(a), Some(b)) => a == b && values.text(one) == tree.text(other),
        _ => false,
    }
}
