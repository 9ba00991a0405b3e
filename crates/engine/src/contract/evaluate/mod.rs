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

mod alternative;
mod container;
mod scalar;

use std::collections::HashMap;

use smallvec::SmallVec;
use smol_str::SmolStr;

use super::marks::{Mark, Marks};
use super::number::Number;
use super::schema::{Keyword, NameHasher, Node, NodeId, Program, Types, type_of};
use super::tree::{Kind, Tree};
use super::violation::{Code, Direction, Part, Violation, Violations, plain_name, push_segment};
use crate::hash::KeyedHash;

/// Calls that may be open at once. A value 128 deep under schemas that refer twice for each level fits.
const MAX_CALLS: u32 = 400;

/// Violations that are told of, kept or not. Each costs a pointer.
const MAX_TOLD: u32 = 256;

/// Units of work for a value of any size.
const WORK_BASE: u64 = 20_000;

/// Units of work for each value of a body. A schema with 50 alternatives of 20 properties costs 1,000 for an object.
const WORK_EACH: u64 = 2_000;

/// Units of work for each byte of a body: so many expressions may look at it, whether it is one long text or many short ones.
const WORK_EACH_BYTE: u64 = 16;

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
    /// Members that only the other message should have, in any order.
    pub(crate) foreign: Vec<u32>,
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
        .saturating_add(WORK_EACH_BYTE.saturating_mul(tree.text_bytes(root)))
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
    let (mut unknown, mut foreign) = (Vec::new(), Vec::new());
    if options.finds_unknown && !evaluation.is_spent() {
        unknown = evaluation.marks.unknown(tree, is_valid);
        if program.has_directions {
            foreign = evaluation.marks.foreign();
        }
    }
    Outcome {
        #[cfg(test)]
        is_valid,
        work: work - evaluation.left,
        pointers: evaluation.pointers(root, &unknown),
        unknown,
        foreign,
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
            Kind::Text => scalar::text_as(node.types, self.tree.text(at)),
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
        let code = match self.options.direction {
            Some(Direction::Request) if node.read_only => Code::ReadOnly,
            Some(Direction::Response) if node.write_only => Code::WriteOnly,
            _ => return true,
        };
        // The body itself is not a property (OpenAPI 3.0.3, Schema Object, readOnly).
        let Some(step) = self.path.last() else {
            return true;
        };
        self.marks.add(Mark::Foreign(step.at));
        !self.options.refuses_other || self.fail(code)
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
