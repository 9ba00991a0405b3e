//! Values of parameters and forms, put together from text by style and explode (OpenAPI 3.1.0, 4.8.12.2, "Style Values").
//!
//! The schema says whether a value is a list, an object or a scalar, because the text does not: `a=1,2` is a list of two
//! or a text with a comma. The result is a [`Tree`] whose scalars are text that the schema reads as its own type.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::schema::{Keyword, NodeId, Program, Slot, Types};
use super::tree::{Kind, Tree};
use crate::bundle::contract::ParameterStyle;
use crate::http::percent;

/// Levels of `a[b][c]` that are told apart.
const MAX_BRACKETS: usize = 8;

/// How a value is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written<'a> {
    pub(crate) name: &'a str,
    pub(crate) style: ParameterStyle,
    pub(crate) explode: bool,
    /// Escapes are undone after dividing (`%2C` is no separator).
    pub(crate) is_encoded: bool,
}

/// One pair of a query, a form or a set of cookies.
#[derive(Debug, Clone)]
pub(crate) struct Pair<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) value: Cow<'a, str>,
    /// The value is a document in JSON, or bytes.
    pub(crate) kind: PairKind,
}

/// What the value of a pair is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PairKind {
    /// Text of any type.
    Text,
    /// A file.
    Bytes,
    /// A document of its own.
    Json,
}

/// What a schema lets a value be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    types: Types,
}

impl Shape {
    pub(crate) fn of(program: &Program, schema: Option<NodeId>) -> Self {
        let types = schema.map_or(Types::ANY, |schema| program.reach(schema));
        Self { types }
    }

    /// A list, and no scalar: a single value is a list of one.
    fn is_list(self) -> bool {
        self.types.has(Types::ARRAY) && !self.is_scalar()
    }

    fn is_object(self) -> bool {
        self.types.has(Types::OBJECT) && !self.types.has(Types::ARRAY) && !self.is_scalar()
    }

    /// An object, or a list of values that are no scalars by themselves: a part of it is JSON.
    pub(crate) fn asks_object(self) -> bool {
        self.is_object() && self.types != Types::ANY
    }

    const fn is_scalar(self) -> bool {
        self.types
            .has_any(Types::STRING.or(Types::NUMBER).or(Types::BOOLEAN))
    }

    /// An empty text can be a value of it.
    pub(crate) const fn takes_text(self) -> bool {
        self.types.has_any(Types::STRING.or(Types::NULL))
    }

    const fn may_be_list(self) -> bool {
        self.types.has(Types::ARRAY)
    }
}

/// What became of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is not there.
    Missing,
    /// The tree has its value.
    Value,
    /// It is there without a value.
    Empty,
    /// It came several times and is no list; the tree has a root for each.
    Repeated,
    /// It is not written in its style.
    Malformed,
}

/// Names of members that schemas for the same value give an object; whether other ones may be there too.
pub(crate) struct Fields<'p> {
    named: Vec<(&'p str, Slot)>,
    pub(crate) is_open: bool,
}

impl<'p> Fields<'p> {
    pub(crate) fn of(program: &'p Program, schema: Option<NodeId>) -> Self {
        let mut fields = Self {
            named: Vec::new(),
            is_open: schema.is_none(),
        };
        let place = schema
            .map(|schema| program.in_place(schema))
            .unwrap_or_default();
        let mut is_closed = false;
        for node in place.iter().filter_map(|id| program.node(*id)) {
            for keyword in &node.keywords {
                if let Keyword::Members(members) = keyword {
                    let named = members.named.iter().map(|(name, slot)| (&**name, *slot));
                    fields.named.extend(named);
                    is_closed |= members.is_closed;
                    let additional = members.additional.and_then(|id| program.node(id));
                    fields.is_open |= additional.is_some_and(|node| !node.is_false);
                    fields.is_open |= !members.patterns.is_empty();
                }
            }
        }
        fields.is_open |= !is_closed;
        fields
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.named.iter().any(|(known, _)| *known == name)
    }

    /// The schema of a field, the first that any schema names for it.
    pub(crate) fn schema(&self, name: &str) -> Option<NodeId> {
        let mut found = self.named.iter().filter(|(known, _)| *known == name);
        found.find_map(|(_, slot)| slot.schema)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'p str> {
        self.named.iter().map(|(name, _)| *name)
    }
}

/// Puts a parameter of a query, a form or cookies together.
///
/// # Arguments
/// * `pairs` - all of them, decoded unless `written.is_encoded`.
/// * `takes` - whether a pair that no other parameter has may be a member of this one, if it is an object.
pub(crate) fn from_pairs(
    written: Written<'_>,
    pairs: &[Pair<'_>],
    (program, schema): (&Program, Option<NodeId>),
    takes: &dyn Fn(&str) -> bool,
    tree: &mut Tree,
) -> Found {
    let shape = Shape::of(program, schema);
    if written.style == ParameterStyle::DeepObject {
        return deep_object(written.name, pairs, tree);
    }
    let own: SmallVec<[&Pair<'_>; 4]> = pairs
        .iter()
        .filter(|pair| pair.name == written.name)
        .collect();
    if shape.is_object() && written.explode && own.iter().all(|pair| pair.kind == PairKind::Text) {
        return exploded_object(pairs, &Fields::of(program, schema), takes, tree);
    }
    let [first, rest @ ..] = own.as_slice() else {
        return Found::Missing;
    };
    if rest.is_empty() && first.kind == PairKind::Text {
        if first.value.is_empty() && !shape.is_object() {
            // One root, so that a schema that allows an empty text is asked.
            list_or_text(shape, &[""], tree);
            return Found::Empty;
        }
        if !written.explode && (shape.is_list() || shape.is_object()) {
            return divided(written, &first.value, shape, tree);
        }
    }
    if shape.is_list() || shape.may_be_list() && !rest.is_empty() {
        tree.open(true);
        own.iter().for_each(|pair| one(pair, tree));
        tree.close();
        return Found::Value;
    }
    own.iter().for_each(|pair| one(pair, tree));
    if rest.is_empty() {
        Found::Value
    } else {
        Found::Repeated
    }
}

/// The value of one pair.
fn one(pair: &Pair<'_>, tree: &mut Tree) {
    match pair.kind {
        PairKind::Text => tree.scalar(Kind::Text, &pair.value),
        PairKind::Bytes => tree.scalar(Kind::Bytes, ""),
        PairKind::Json => {
            super::body::json(&pair.value, tree);
        }
    }
}

fn list_or_text(shape: Shape, texts: &[&str], tree: &mut Tree) {
    if shape.is_list() {
        tree.open(true);
        for text in texts.iter().filter(|text| !text.is_empty()) {
            tree.scalar(Kind::Text, text);
        }
        tree.close();
    } else {
        for text in texts {
            tree.scalar(Kind::Text, text);
        }
    }
}

/// `R=100&G=200`: each member is a pair of its own.
fn exploded_object(
    pairs: &[Pair<'_>],
    fields: &Fields<'_>,
    takes: &dyn Fn(&str) -> bool,
    tree: &mut Tree,
) -> Found {
    let is_member = |name: &str| fields.has(name) || fields.is_open && takes(name);
    if !pairs.iter().any(|pair| is_member(&pair.name)) {
        return Found::Missing;
    }
    tree.open(false);
    for pair in pairs.iter().filter(|pair| is_member(&pair.name)) {
        tree.name(&pair.name);
        one(pair, tree);
    }
    tree.close();
    Found::Value
}

/// `R,100,G,200` or `3,4,5`, in one text.
fn divided(written: Written<'_>, text: &str, shape: Shape, tree: &mut Tree) -> Found {
    let pieces = divide(text, written.style);
    let pieces: Vec<Cow<'_, str>> = pieces
        .into_iter()
        .map(|piece| decoded(piece, written))
        .collect();
    if !shape.is_object() {
        tree.open(true);
        for piece in &pieces {
            tree.scalar(Kind::Text, piece);
        }
        tree.close();
        return Found::Value;
    }
    let (members, rest) = pieces.as_chunks::<2>();
    if !rest.is_empty() {
        return Found::Malformed;
    }
    tree.open(false);
    for [name, value] in members {
        tree.name(name);
        tree.scalar(Kind::Text, value);
    }
    tree.close();
    Found::Value
}

/// Divides a text as its style says. In a query that is still encoded, the separators may be encoded too.
fn divide(text: &str, style: ParameterStyle) -> Vec<&str> {
    let separators: &[&str] = match style {
        ParameterStyle::SpaceDelimited => &["%20", "+", " "],
        ParameterStyle::PipeDelimited => &["%7C", "%7c", "|"],
        ParameterStyle::TabDelimited => &["%09", "\t"],
        _ => &[","],
    };
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let next = separators
            .iter()
            .filter_map(|separator| Some((rest.find(separator)?, separator.len())))
            .min();
        let Some((at, length)) = next else {
            pieces.push(rest);
            return pieces;
        };
        pieces.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + length..).unwrap_or_default();
    }
}

fn decoded<'t>(piece: &'t str, written: Written<'_>) -> Cow<'t, str> {
    if !written.is_encoded {
        return Cow::Borrowed(piece);
    }
    let bytes = percent::decode(piece.as_bytes(), true, &mut percent::Decoded::default());
    match bytes {
        Cow::Borrowed(_) => Cow::Borrowed(piece),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// `filter[price][gte]=5`: brackets name members.
fn deep_object(name: &str, pairs: &[Pair<'_>], tree: &mut Tree) -> Found {
    let mut members: Vec<(Brackets<'_>, &Pair<'_>)> = Vec::new();
    for pair in pairs {
        let rest = pair.name.strip_prefix(name);
        // Servers take `filter=5` for the parameter too. Without a value it is a field of a page that was left empty.
        if rest == Some("") && !pair.value.is_empty() {
            return Found::Malformed;
        }
        let Some(rest) = rest.filter(|rest| rest.starts_with('[')) else {
            continue;
        };
        let Some(path) = brackets(rest) else {
            return Found::Malformed;
        };
        members.push((path, pair));
    }
    if members.is_empty() {
        return Found::Missing;
    }
    // Members of one object stand together then; their order means nothing.
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    nest(&members, 0, tree);
    Found::Value
}

/// The names in the brackets behind a name.
type Brackets<'t> = SmallVec<[&'t str; 4]>;

/// The names in `[a][b]`.
fn brackets(text: &str) -> Option<Brackets<'_>> {
    let mut path = SmallVec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, behind) = rest.strip_prefix('[')?.split_once(']')?;
        if path.len() >= MAX_BRACKETS {
            return None;
        }
        path.push(name);
        rest = behind;
    }
    Some(path)
}

/// The name at this depth.
fn name_at<'t>(path: &Brackets<'t>, depth: usize) -> Option<&'t str> {
    path.get(depth).copied()
}

/// The value of all members that share their first names, sorted by name. The recursion is [`MAX_BRACKETS`] deep at most.
fn nest(members: &[(Brackets<'_>, &Pair<'_>)], depth: usize, tree: &mut Tree) {
    if let [(path, pair)] = members
        && path.len() == depth
    {
        return one(pair, tree);
    }
    let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    // `a[]=1&a[]=2`, `a[0]=1`, and a name that comes again.
    let is_list = members
        .iter()
        .all(|(path, _)| name_at(path, depth).is_none_or(is_number));
    tree.open(is_list);
    for same in
        members.chunk_by(|(one, _), (other, _)| name_at(one, depth) == name_at(other, depth))
    {
        let name = same.first().and_then(|(path, _)| name_at(path, depth));
        if !is_list {
            tree.name(name.unwrap_or_default());
        }
        match name {
            Some(name) if !(is_list && name.is_empty()) => nest(same, depth + 1, tree),
            _ => same.iter().for_each(|(_, pair)| one(pair, tree)),
        }
    }
    tree.close();
}

/// Puts a parameter of a path or a header together, which is one text.
///
/// # Returns
/// [`Found::Malformed`] when the text does not begin as its style asks.
pub(crate) fn from_text(
    written: Written<'_>,
    text: &str,
    (program, schema): (&Program, Option<NodeId>),
    tree: &mut Tree,
) -> Found {
    let shape = Shape::of(program, schema);
    let body = match written.style {
        ParameterStyle::Label => text.strip_prefix('.'),
        ParameterStyle::Matrix => text.strip_prefix(';'),
        _ => Some(text),
    };
    let Some(body) = body else {
        return Found::Malformed;
    };
    if written.style == ParameterStyle::Matrix {
        return matrix(written, body, shape, tree);
    }
    if !shape.is_list() && !shape.is_object() {
        tree.scalar(Kind::Text, &decoded_text(body, written));
        return if body.is_empty() {
            Found::Empty
        } else {
            Found::Value
        };
    }
    let separator = match written.style {
        ParameterStyle::Label if written.explode => '.',
        ParameterStyle::TabDelimited => '\t',
        _ => ',',
    };
    let pieces: Vec<&str> = body.split(separator).map(str::trim).collect();
    collect(written, &pieces, shape, tree)
}

/// `;name=3,4`, `;name=3;name=4`, `;R=100;G=200`.
fn matrix(written: Written<'_>, body: &str, shape: Shape, tree: &mut Tree) -> Found {
    let parts: Vec<(&str, &str)> = body
        .split(';')
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .collect();
    if shape.is_object() && written.explode {
        let pieces: Vec<String> = parts
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        return collect(written, &pieces, shape, tree);
    }
    let own = parts.iter().filter(|(name, _)| *name == written.name);
    let values: Vec<&str> = own.map(|(_, value)| *value).collect();
    match values.as_slice() {
        [] => Found::Malformed,
        [value] if !shape.is_list() && !shape.is_object() => {
            tree.scalar(Kind::Text, &decoded_text(value, written));
            Found::Value
        }
        [value] if !written.explode => {
            let pieces: Vec<&str> = value.split(',').collect();
            collect(written, &pieces, shape, tree)
        }
        values => collect(written, values, shape, tree),
    }
}

/// A list or an object of pieces: `a=1` each where it is exploded, names and values in turn otherwise.
fn collect(written: Written<'_>, pieces: &[&str], shape: Shape, tree: &mut Tree) -> Found {
    if !shape.is_object() {
        tree.open(true);
        for piece in pieces {
            tree.scalar(Kind::Text, &decoded_text(piece, written));
        }
        tree.close();
        return Found::Value;
    }
    let members: Option<Vec<(&str, &str)>> = if written.explode {
        pieces.iter().map(|piece| piece.split_once('=')).collect()
    } else {
        let (pairs, rest) = pieces.as_chunks::<2>();
        let pairs = pairs.iter().map(|[name, value]| (*name, *value)).collect();
        rest.is_empty().then_some(pairs)
    };
    let Some(members) = members else {
        return Found::Malformed;
    };
    tree.open(false);
    for (name, value) in members {
        tree.name(&decoded_text(name, written));
        tree.scalar(Kind::Text, &decoded_text(value, written));
    }
    tree.close();
    Found::Value
}

/// `+` stands for itself in paths and headers.
fn decoded_text<'t>(text: &'t str, written: Written<'_>) -> Cow<'t, str> {
    if !written.is_encoded {
        return Cow::Borrowed(text);
    }
    match percent::decode_bytes(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}
