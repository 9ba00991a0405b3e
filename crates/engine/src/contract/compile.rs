//! JSON Schema 2020-12 to [`Program`]: references resolved, each schema once, without recursion on the text.
//!
//! Schemas come from documents that people write or that traffic was described by, so every size is bounded and what is
//! wrong is said with its place. `$id`, `$anchor`, `$dynamicRef`, `$vocabulary` and several documents are understood,
//! although the control plane writes `#/$defs/NAME` only: the test suite of JSON Schema asks for them.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::format::Format;
use super::number::{Divisor, Number};
use super::pattern::{Pattern, Room};
use super::schema::{
    Bounds, Branches, Items, Keyword, Literals, Members, Node, NodeId, Program, Range, Slot, Types,
};
use super::tree::{Kind, Tree};
use super::uri;
use crate::shape::CharacterSet;

/// The most schemas of one API. GitHub's document has 40,000.
const MAX_SCHEMAS: usize = 1_000_000;

/// Makes a keyword of what belongs to it.
type Make<T> = fn(T) -> Keyword;

/// What is wrong with a schema: for people, without values of traffic.
pub(crate) type Wrong = String;

/// A resource: a document, or a schema with an `$id` of its own.
#[derive(Debug)]
struct Resource<'a> {
    uri: String,
    root: &'a Value,
    number: u32,
    /// Its dialect asserts (`$vocabulary` names the vocabulary of validation).
    validates: bool,
}

/// A schema that is still to be compiled.
struct Pending<'a> {
    value: &'a Value,
    resource: Rc<Resource<'a>>,
}

/// Compiles schemas of one API, which share everything.
pub(crate) struct Compiler<'a> {
    program: Program,
    pending: Vec<Pending<'a>>,
    /// Nodes by the address of their value, which is fixed as long as the documents live.
    known: HashMap<(*const Value, u32), NodeId>,
    resources: HashMap<String, Rc<Resource<'a>>>,
    /// `URI#anchor`.
    anchors: HashMap<String, (&'a Value, Rc<Resource<'a>>)>,
    dynamic_names: HashMap<String, u32>,
    patterns: HashMap<&'a str, Option<Arc<Pattern>>>,
    /// For expressions.
    room: Room,
    asserts_formats: bool,
}

impl<'a> Compiler<'a> {
    /// # Arguments
    /// * `asserts_formats` - whether `format` is checked.
    pub(crate) fn new(asserts_formats: bool) -> Self {
        Self {
            program: Program::default(),
            pending: Vec::new(),
            known: HashMap::new(),
            resources: HashMap::new(),
            anchors: HashMap::new(),
            dynamic_names: HashMap::new(),
            patterns: HashMap::new(),
            room: Room::default(),
            asserts_formats,
        }
    }

    /// Adds a document that schemas may refer to. Those that others name as their dialect come first.
    pub(crate) fn document(&mut self, uri: &str, root: &'a Value) {
        let resource = self.resource(uri.to_owned(), root, true);
        self.scan(root, resource);
    }

    fn resource(&mut self, uri: String, root: &'a Value, inherited: bool) -> Rc<Resource<'a>> {
        let dialect = root.get("$schema").and_then(Value::as_str);
        let resource = Rc::new(Resource {
            validates: dialect.map_or(inherited, |dialect| self.validates(dialect)),
            root,
            number: u32::try_from(self.resources.len()).unwrap_or(u32::MAX),
            uri: uri.clone(),
        });
        self.resources.insert(uri, Rc::clone(&resource));
        resource
    }

    /// Whether schemas of this dialect assert anything.
    fn validates(&self, dialect: &str) -> bool {
        let dialect = dialect.trim_end_matches('#');
        let vocabularies = self
            .resources
            .get(dialect)
            .and_then(|resource| resource.root.get("$vocabulary"))
            .and_then(Value::as_object);
        vocabularies.is_none_or(|all| all.keys().any(|name| name.ends_with("/vocab/validation")))
    }

    /// Finds resources and anchors, with a list of our own instead of recursion.
    fn scan(&mut self, root: &'a Value, resource: Rc<Resource<'a>>) {
        let mut open = vec![(root, resource)];
        while let Some((value, resource)) = open.pop() {
            let Value::Object(members) = value else {
                continue;
            };
            let mut resource = resource;
            if let Some(id) = members.get("$id").and_then(Value::as_str) {
                let uri = uri::resolve(&resource.uri, id.trim_end_matches('#'));
                if uri != resource.uri {
                    resource = self.resource(uri, value, resource.validates);
                }
            }
            for keyword in ["$anchor", "$dynamicAnchor"] {
                let Some(name) = members.get(keyword).and_then(Value::as_str) else {
                    continue;
                };
                let place = (value, Rc::clone(&resource));
                self.anchors
                    .insert(format!("{}#{name}", resource.uri), place);
                if keyword == "$dynamicAnchor" {
                    let (number, id) = (self.dynamic_name(name), resource.number);
                    let node = self.node(value, &resource);
                    self.program.dynamic.insert((id, number), node);
                }
            }
            for (keyword, inner) in members {
                subschemas(keyword, inner, |schema| {
                    open.push((schema, Rc::clone(&resource)));
                });
            }
        }
    }

    fn dynamic_name(&mut self, name: &str) -> u32 {
        let next = u32::try_from(self.dynamic_names.len()).unwrap_or(u32::MAX);
        *self.dynamic_names.entry(name.to_owned()).or_insert(next)
    }

    /// The node of a schema in the document with this URI, to which its references are relative.
    ///
    /// # Errors
    /// A reference leads nowhere, a keyword has a value of another type, or there are too many schemas.
    pub(crate) fn schema(&mut self, uri: &str, value: &'a Value) -> Result<NodeId, Wrong> {
        let resource = match self.resources.get(uri) {
            Some(resource) => Rc::clone(resource),
            None => self.resource(uri.to_owned(), value, true),
        };
        if !std::ptr::eq(resource.root, value) {
            self.scan(value, Rc::clone(&resource));
        }
        let resource = self.own_resource(value, &resource);
        let node = self.node(value, &resource);
        self.work()?;
        Ok(node)
    }

    /// The finished program.
    pub(crate) fn finish(mut self) -> Program {
        self.program.reach = reach(&self.program);
        self.program
    }

    /// The node of a schema, which is compiled later if it is not known yet.
    fn node(&mut self, value: &'a Value, resource: &Rc<Resource<'a>>) -> NodeId {
        let key = (std::ptr::from_ref(value), resource.number);
        if let Some(node) = self.known.get(&key) {
            return *node;
        }
        let node = NodeId::try_from(self.program.nodes.len()).unwrap_or(NodeId::MAX);
        self.known.insert(key, node);
        self.program.nodes.push(Node {
            types: Types::ANY,
            is_false: false,
            read_only: false,
            write_only: false,
            is_composite: false,
            resource: resource.number,
            keywords: Box::default(),
        });
        self.pending.push(Pending {
            value,
            resource: Rc::clone(resource),
        });
        node
    }

    /// The node of a schema within another one.
    fn inner(&mut self, value: &'a Value, outer: &Rc<Resource<'a>>) -> NodeId {
        let resource = self.own_resource(value, outer);
        self.node(value, &resource)
    }

    fn own_resource(&self, value: &Value, outer: &Rc<Resource<'a>>) -> Rc<Resource<'a>> {
        let id = value.get("$id").and_then(Value::as_str);
        let uri = id.map(|id| uri::resolve(&outer.uri, id.trim_end_matches('#')));
        let own = uri.and_then(|uri| self.resources.get(&uri));
        Rc::clone(own.unwrap_or(outer))
    }

    fn work(&mut self) -> Result<(), Wrong> {
        while let Some(pending) = self.pending.pop() {
            if self.program.nodes.len() > MAX_SCHEMAS {
                return Err(format!("there are more than {MAX_SCHEMAS} schemas"));
            }
            let key = (std::ptr::from_ref(pending.value), pending.resource.number);
            let compiled = self.compile(pending.value, &pending.resource)?;
            let id = self.known.get(&key).copied().unwrap_or(NodeId::MAX);
            if let Some(node) = self.program.nodes.get_mut(id as usize) {
                *node = compiled;
            }
        }
        Ok(())
    }

    fn compile(&mut self, value: &'a Value, resource: &Rc<Resource<'a>>) -> Result<Node, Wrong> {
        let mut node = Node {
            types: Types::ANY,
            is_false: *value == Value::Bool(false),
            read_only: false,
            write_only: false,
            is_composite: false,
            resource: resource.number,
            keywords: Box::default(),
        };
        let members = match value {
            Value::Bool(_) => return Ok(node),
            Value::Object(members) => members,
            _ => return Err("a schema must be an object, true or false".to_owned()),
        };
        let mut keywords = Vec::new();
        if resource.validates {
            node.types = types(members)?;
            self.assertions(members, &mut keywords)?;
        }
        self.applicators(members, resource, &mut keywords)?;
        let flag = |name| members.get(name) == Some(&Value::Bool(true));
        (node.read_only, node.write_only) = (flag("readOnly"), flag("writeOnly"));
        self.program.has_directions |= node.read_only || node.write_only;
        node.is_composite = keywords.iter().any(Keyword::is_composite);
        node.keywords = keywords.into();
        Ok(node)
    }

    /// Keywords that look at the value itself.
    fn assertions(
        &mut self,
        members: &'a Map<String, Value>,
        keywords: &mut Vec<Keyword>,
    ) -> Result<(), Wrong> {
        if let Some(values) = members.get("enum").and_then(Value::as_array) {
            keywords.push(Keyword::Enum(Box::new(Literals::new(literals(values)))));
        }
        if let Some(value) = members.get("const") {
            keywords.push(Keyword::Enum(Box::new(Literals::new(literals([value])))));
        }
        self.numbers(members, keywords)?;
        let counts: [(&str, &str, Make<Bounds>); 3] = [
            ("minLength", "maxLength", Keyword::Length),
            ("minItems", "maxItems", Keyword::ItemCount),
            ("minProperties", "maxProperties", Keyword::MemberCount),
        ];
        for (least, most, keyword) in counts {
            keywords.extend(bounds(members, least, most)?.map(keyword));
        }
        self.texts(members, keywords);
        if members.get("uniqueItems") == Some(&Value::Bool(true)) {
            keywords.push(Keyword::UniqueItems);
        }
        if let Some(all) = members.get("dependentRequired").and_then(Value::as_object) {
            let all = all
                .iter()
                .map(|(name, needed)| (name.as_str().into(), strings(needed)));
            keywords.push(Keyword::DependentRequired(all.collect()));
        }
        Ok(())
    }

    fn numbers(
        &mut self,
        members: &Map<String, Value>,
        keywords: &mut Vec<Keyword>,
    ) -> Result<(), Wrong> {
        if let Some(range) = range(members)? {
            keywords.push(Keyword::Range(Box::new(range)));
        }
        if let Some(text) = number(members, "multipleOf")? {
            match Number::parse(&text).as_ref().and_then(Divisor::new) {
                Some(divisor) => keywords.push(Keyword::MultipleOf(divisor)),
                None => self.skip("multipleOf", "it is not above 0, or has too many digits"),
            }
        }
        Ok(())
    }

    fn texts(&mut self, members: &'a Map<String, Value>, keywords: &mut Vec<Keyword>) {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        if let Some(text) = text("pattern") {
            keywords.extend(self.pattern(text).map(Keyword::Pattern));
        }
        let format = text("format").and_then(Format::named);
        keywords.extend(format.filter(|_| self.asserts_formats).map(Keyword::Format));
        self.learned(members, keywords);
    }

    /// Keywords of learned schemas (`src/starfort/catalogue/schemas`).
    fn learned(&mut self, members: &'a Map<String, Value>, keywords: &mut Vec<Keyword>) {
        if let Some(text) = members.get("x-starfort-characters").and_then(Value::as_str) {
            match CharacterSet::parse(text) {
                Some(set) => keywords.push(Keyword::Characters(set)),
                None => self.skip("x-starfort-characters", "it has an unknown class"),
            }
        }
        if let Some(all) = members.get("x-starfort-hashes").and_then(Value::as_array) {
            let hashes = all.iter().filter_map(Value::as_str);
            let mut hashes: Vec<u64> = hashes
                .filter_map(|hash| u64::from_str_radix(hash, 16).ok())
                .collect();
            hashes.sort_unstable();
            keywords.push(Keyword::Hashes(hashes.into()));
        }
    }

    /// Keywords that hold other schemas against the value or its members.
    fn applicators(
        &mut self,
        members: &'a Map<String, Value>,
        resource: &Rc<Resource<'a>>,
        keywords: &mut Vec<Keyword>,
    ) -> Result<(), Wrong> {
        if let Some(target) = members.get("$ref").and_then(Value::as_str) {
            keywords.push(Keyword::Ref(self.reference(target, resource)?.0));
        }
        if let Some(target) = members.get("$dynamicRef").and_then(Value::as_str) {
            keywords.push(self.dynamic_reference(target, resource)?);
        }
        self.members(members, resource, keywords);
        self.items(members, resource, keywords)?;
        self.alternatives(members, resource, keywords);
        let single: [(&str, Make<NodeId>); 4] = [
            ("propertyNames", Keyword::PropertyNames),
            ("not", Keyword::Not),
            // Last, because they ask what everything before has evaluated.
            ("unevaluatedItems", Keyword::UnevaluatedItems),
            ("unevaluatedProperties", Keyword::UnevaluatedProperties),
        ];
        for (name, keyword) in single {
            if let Some(schema) = members.get(name).filter(|value| is_schema(value)) {
                keywords.push(keyword(self.inner(schema, resource)));
                self.program.has_unevaluated |= name.starts_with("unevaluated");
            }
        }
        Ok(())
    }

    fn alternatives(
        &mut self,
        members: &'a Map<String, Value>,
        resource: &Rc<Resource<'a>>,
        keywords: &mut Vec<Keyword>,
    ) {
        if let Some(all) = members.get("dependentSchemas").and_then(Value::as_object) {
            let all = all
                .iter()
                .map(|(name, schema)| (name.as_str().into(), self.inner(schema, resource)));
            keywords.push(Keyword::DependentSchemas(all.collect()));
        }
        let lists: [(&str, Make<Box<[NodeId]>>); 3] = [
            ("allOf", Keyword::AllOf),
            ("anyOf", Keyword::AnyOf),
            ("oneOf", Keyword::OneOf),
        ];
        for (name, keyword) in lists {
            if let Some(all) = members.get(name).and_then(Value::as_array) {
                let all = all.iter().map(|schema| self.inner(schema, resource));
                keywords.push(keyword(all.collect()));
            }
        }
        let mut single = |name: &str| {
            let schema = members.get(name).filter(|value| is_schema(value));
            schema.map(|schema| self.inner(schema, resource))
        };
        if let Some(condition) = single("if") {
            let (then, otherwise) = (single("then"), single("else"));
            keywords.push(Keyword::If(Box::new(Branches {
                condition,
                then,
                otherwise,
            })));
        }
    }

    fn items(
        &mut self,
        members: &'a Map<String, Value>,
        resource: &Rc<Resource<'a>>,
        keywords: &mut Vec<Keyword>,
    ) -> Result<(), Wrong> {
        let prefix = members.get("prefixItems").and_then(Value::as_array);
        let rest = members.get("items").filter(|value| is_schema(value));
        if prefix.is_some() || rest.is_some() {
            let prefix = prefix.into_iter().flatten();
            let prefix = prefix.map(|schema| self.inner(schema, resource)).collect();
            let rest = rest.map(|schema| self.inner(schema, resource));
            keywords.push(Keyword::Items(Box::new(Items { prefix, rest })));
        }
        if let Some(schema) = members.get("contains").filter(|value| is_schema(value)) {
            let schema = self.inner(schema, resource);
            let asserted = if resource.validates {
                bounds(members, "minContains", "maxContains")?
            } else {
                None
            };
            let at_least = members.get("minContains").is_none();
            let bounds = match asserted {
                Some(bounds) if at_least => Bounds { min: 1, ..bounds },
                Some(bounds) => bounds,
                None => Bounds {
                    min: 1,
                    max: u64::MAX,
                },
            };
            keywords.push(Keyword::Contains(schema, bounds));
        }
        Ok(())
    }

    /// `properties` and what belongs to it, in one look at each member.
    fn members(
        &mut self,
        members: &'a Map<String, Value>,
        resource: &Rc<Resource<'a>>,
        keywords: &mut Vec<Keyword>,
    ) {
        let object = |name: &str| members.get(name).and_then(Value::as_object);
        let additional = members
            .get("additionalProperties")
            .filter(|value| is_schema(value));
        let required = members.get("required").filter(|_| resource.validates);
        let required = required.map(strings).unwrap_or_default();
        let (named, patterns) = (object("properties"), object("patternProperties"));
        if named.is_none() && patterns.is_none() && additional.is_none() && required.is_empty() {
            return;
        }
        let mut compiled = Members {
            is_closed: named.is_some_and(|named| !named.is_empty()) || patterns.is_some(),
            additional: additional.map(|schema| self.inner(schema, resource)),
            ..Members::default()
        };
        for (name, schema) in named.into_iter().flatten() {
            let schema = Some(self.inner(schema, resource));
            let required = None;
            compiled
                .named
                .insert(name.as_str().into(), Slot { schema, required });
        }
        compiled.require(&required);
        let mut all = Vec::new();
        for (text, schema) in patterns.into_iter().flatten() {
            let schema = self.inner(schema, resource);
            all.extend(self.pattern(text).map(|pattern| (pattern, schema)));
        }
        compiled.patterns = all.into();
        keywords.push(Keyword::Members(Box::new(compiled)));
    }

    /// An expression, ready to match; `None` when it cannot be checked, which is noted.
    fn pattern(&mut self, text: &'a str) -> Option<Arc<Pattern>> {
        if let Some(known) = self.patterns.get(text) {
            return known.clone();
        }
        let compiled = match Pattern::new(text, &mut self.room) {
            Ok(pattern) => Some(Arc::new(pattern)),
            Err(reason) => {
                self.skip(&format!("pattern {text:?}"), reason);
                None
            }
        };
        self.patterns.insert(text, compiled.clone());
        compiled
    }

    fn skip(&mut self, what: &str, reason: &str) {
        self.program.unchecked.push(format!("{what}: {reason}"));
    }

    // --- References ---

    /// The node that a reference leads to, with its value and resource.
    fn reference(
        &mut self,
        target: &str,
        from: &Rc<Resource<'a>>,
    ) -> Result<(NodeId, &'a Value, Rc<Resource<'a>>), Wrong> {
        let (value, resource) = self
            .find(target, from)
            .ok_or_else(|| format!("the reference {target:?} leads nowhere"))?;
        if !is_schema(value) {
            return Err(format!(
                "the reference {target:?} does not lead to a schema"
            ));
        }
        let resource = self.own_resource(value, &resource);
        Ok((self.node(value, &resource), value, resource))
    }

    fn find(
        &mut self,
        target: &str,
        from: &Rc<Resource<'a>>,
    ) -> Option<(&'a Value, Rc<Resource<'a>>)> {
        let whole = uri::resolve(&from.uri, target);
        let (uri, fragment) = whole.split_once('#').unwrap_or((&whole, ""));
        let fragment = uri::unescape(fragment);
        let resource = Rc::clone(self.resources.get(uri)?);
        if fragment.is_empty() {
            return Some((resource.root, resource));
        }
        if !fragment.starts_with('/') {
            return self.anchors.get(&format!("{uri}#{fragment}")).cloned();
        }
        let (mut value, mut resource) = (resource.root, resource);
        for segment in fragment.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            value = match value {
                Value::Array(items) => items.get(segment.parse::<usize>().ok()?)?,
                other => other.get(&segment)?,
            };
            resource = self.own_resource(value, &resource);
        }
        Some((value, resource))
    }

    /// A dynamic reference is one only where it leads to a dynamic anchor of its name (2020-12 core, 8.2.3.2).
    fn dynamic_reference(
        &mut self,
        target: &str,
        from: &Rc<Resource<'a>>,
    ) -> Result<Keyword, Wrong> {
        let (node, value, _) = self.reference(target, from)?;
        let fragment = target.split_once('#').map_or("", |(_, fragment)| fragment);
        let anchor = value.get("$dynamicAnchor").and_then(Value::as_str);
        if anchor.is_some_and(|anchor| anchor == fragment) {
            let name = self.dynamic_name(fragment);
            return Ok(Keyword::DynamicRef(node, name));
        }
        Ok(Keyword::Ref(node))
    }
}

impl Members {
    /// Gives each required name a bit.
    fn require(&mut self, names: &[Box<str>]) {
        let mut unique: Vec<Box<str>> = Vec::new();
        for name in names {
            let slot = self.named.entry(name.clone()).or_default();
            if slot.required.is_none() {
                slot.required = u32::try_from(unique.len()).ok();
                unique.push(name.clone());
            }
        }
        self.required = unique.into();
    }
}

impl Keyword {
    const fn is_composite(&self) -> bool {
        matches!(
            self,
            Self::AllOf(_)
                | Self::AnyOf(_)
                | Self::OneOf(_)
                | Self::Not(_)
                | Self::If(_)
                | Self::Ref(_)
                | Self::DynamicRef(..)
                | Self::DependentSchemas(_)
        )
    }
}

fn is_schema(value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Bool(_))
}

/// Tells of the schemas in the value of a keyword (2020-12 core, 10, and `definitions` of older documents).
fn subschemas<'a>(keyword: &str, value: &'a Value, mut tell: impl FnMut(&'a Value)) {
    match (keyword, value) {
        (
            "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
            Value::Object(all),
        ) => all.values().for_each(tell),
        ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(all)) => {
            all.iter().for_each(tell);
        }
        (
            "items"
            | "contains"
            | "additionalProperties"
            | "propertyNames"
            | "if"
            | "then"
            | "else"
            | "not"
            | "unevaluatedItems"
            | "unevaluatedProperties"
            | "contentSchema",
            schema,
        ) => tell(schema),
        _ => {}
    }
}

fn types(members: &Map<String, Value>) -> Result<Types, Wrong> {
    let named = |value: &Value| {
        let name = value.as_str().and_then(Types::named);
        name.ok_or_else(|| format!("{value} is no type"))
    };
    match members.get("type") {
        None => Ok(Types::ANY),
        Some(Value::Array(all)) => all
            .iter()
            .try_fold(Types::NONE, |types, value| Ok(types.or(named(value)?))),
        Some(value) => named(value),
    }
}

fn strings(value: &Value) -> Box<[Box<str>]> {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(Value::as_str).map(Into::into).collect()
}

/// The text of a number.
fn number(members: &Map<String, Value>, name: &str) -> Result<Option<Box<str>>, Wrong> {
    match members.get(name) {
        Some(Value::Number(number)) => Ok(Some(number.to_string().into())),
        Some(_) => Err(format!("{name} must be a number")),
        None => Ok(None),
    }
}

fn range(members: &Map<String, Value>) -> Result<Option<Range>, Wrong> {
    let range = Range {
        minimum: number(members, "minimum")?,
        above: number(members, "exclusiveMinimum")?,
        maximum: number(members, "maximum")?,
        below: number(members, "exclusiveMaximum")?,
    };
    let all = [&range.minimum, &range.above, &range.maximum, &range.below];
    let is_there = all.iter().any(|limit| limit.is_some());
    Ok(is_there.then_some(range))
}

fn bounds(members: &Map<String, Value>, least: &str, most: &str) -> Result<Option<Bounds>, Wrong> {
    let count = |name: &str| match members.get(name) {
        None => Ok(None),
        // `2.0` is an integer too (2020-12 core, 4.2.3).
        Some(value) => {
            let count = value.as_u64().or_else(|| {
                let float = value
                    .as_f64()
                    .filter(|float| *float >= 0.0 && float.fract() == 0.0);
                // Nothing is as long as 2^64, so a greater bound holds as this one does.
                float.and_then(|float| {
                    if float < 1.8e19 {
                        format!("{float}").parse().ok()
                    } else {
                        Some(u64::MAX)
                    }
                })
            });
            count
                .map(Some)
                .ok_or_else(|| format!("{name} must be a whole number that is not negative"))
        }
    };
    let (min, max) = (count(least)?, count(most)?);
    Ok((min.is_some() || max.is_some()).then_some(Bounds {
        min: min.unwrap_or(0),
        max: max.unwrap_or(u64::MAX),
    }))
}

/// Values of a schema as a tree with a root for each. `serde_json` bounds how deep a text nests (128), which bounds the
/// recursion here.
fn literals<'v>(values: impl IntoIterator<Item = &'v Value>) -> Tree {
    let mut tree = Tree::default();
    values
        .into_iter()
        .for_each(|value| literal(value, &mut tree));
    tree
}

fn literal(value: &Value, tree: &mut Tree) {
    match value {
        Value::Null => tree.scalar(Kind::Null, ""),
        Value::Bool(true) => tree.scalar(Kind::True, "true"),
        Value::Bool(false) => tree.scalar(Kind::False, "false"),
        Value::Number(number) => tree.scalar(Kind::Number, &number.to_string()),
        Value::String(text) => tree.scalar(Kind::String, text),
        Value::Array(items) => {
            tree.open(true);
            for item in items {
                literal(item, tree);
            }
            tree.close();
        }
        Value::Object(members) => {
            tree.open(false);
            for (name, member) in members {
                tree.name(name);
                literal(member, tree);
            }
            tree.close();
        }
    }
}

/// The types that values of each schema can have, as far as schemas for the same value say so.
///
/// `allOf` and references narrow, alternatives widen. Rounds are few: a chain of references is as long as documents make
/// it, and what is not known after them counts as any type.
fn reach(program: &Program) -> Vec<Types> {
    let mut reach: Vec<Types> = program.nodes.iter().map(|node| node.types).collect();
    for _ in 0..MAX_ROUNDS {
        let mut is_changed = false;
        for (at, node) in program.nodes.iter().enumerate() {
            let of = |id: &NodeId| reach.get(*id as usize).copied().unwrap_or(Types::ANY);
            let narrowed = node.keywords.iter().fold(node.types, |types, keyword| {
                let any = |all: &[NodeId]| all.iter().map(of).fold(Types::NONE, Types::or);
                types.and(match keyword {
                    Keyword::AllOf(all) => all.iter().map(of).fold(Types::ANY, Types::and),
                    Keyword::AnyOf(all) | Keyword::OneOf(all) => any(all),
                    Keyword::Ref(target) | Keyword::DynamicRef(target, _) => of(target),
                    Keyword::Enum(values) => literal_types(&values.tree),
                    _ => Types::ANY,
                })
            });
            if let Some(slot) = reach.get_mut(at).filter(|slot| **slot != narrowed) {
                *slot = narrowed;
                is_changed = true;
            }
        }
        if !is_changed {
            break;
        }
    }
    reach
}

/// See [`reach`].
const MAX_ROUNDS: usize = 8;

fn literal_types(values: &Tree) -> Types {
    let kinds = values.roots().filter_map(|root| values.kind(root));
    kinds
        .map(super::schema::type_of)
        .fold(Types::NONE, Types::or)
}
