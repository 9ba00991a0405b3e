//! One operation of a contract: what its calls and answers are held to beside the schemas of bodies.

use std::borrow::Cow;

use smol_str::SmolStr;

use super::evaluate::{Options, evaluate};
use super::parameter::{Fields, Found, Pair, PairKind, Shape, Written, from_pairs, from_text};
use super::schema::{NodeId, Program};
use super::tree::{Kind, Tree};
use super::violation::{Code, Direction, Part, Violation, Violations, plain_name};
use crate::bundle::contract::{
    ContractMedia, ContractOperation, ContractParameter, ContractResponse, ParameterPlace,
    ParameterStyle, PropertyEncoding, SecurityScheme,
};
use crate::endpoint::segment::captures;
use crate::hash::KeyedHash;
use crate::headers::{Headers, lossy};
use crate::http::body::BodyKind;
use crate::http::{Location, Parameters, content_type, percent};

/// What a check has found besides violations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Units of work that it cost, as [`crate::bundle::Limits::work`] counts them.
    pub work: u64,
    /// Numbers of fields that no schema names, or that only the other message should have, for [`super::remove`].
    pub unknown: Vec<u32>,
    /// JSON pointers to the first of those that no schema names, each once.
    pub pointers: Vec<SmolStr>,
    /// The body is of a format whose content is not held against schemas (XML, files, GraphQL …).
    pub is_unread: bool,
}

/// What a request's head is checked with.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// The path in the reading that found the endpoint.
    pub path: &'a str,
    /// The target as it was sent: `/users/7?x=1`.
    pub target: &'a [u8],
    /// All headers.
    pub headers: &'a Headers,
    /// Query parameters and cookies, as they were read.
    pub parameters: &'a Parameters,
    /// Whether the client has shown a certificate that was verified.
    pub has_certificate: bool,
    /// For learned values.
    pub hash: Option<&'a KeyedHash>,
}

/// A media type of a body, compiled.
#[derive(Debug)]
pub(crate) struct Media {
    pub(crate) range: Box<str>,
    pub(crate) schema: Option<NodeId>,
    pub(crate) encoding: Vec<PropertyEncoding>,
}

/// A parameter or a header, compiled.
#[derive(Debug)]
struct Parameter {
    written: ContractParameter,
    schema: Option<NodeId>,
}

/// A set of answers, compiled.
#[derive(Debug)]
pub(crate) struct Response {
    status: Box<str>,
    headers: Vec<Parameter>,
    pub(crate) content: Vec<Media>,
}

/// An operation, compiled.
#[derive(Debug)]
pub struct Operation {
    parameters: Vec<Parameter>,
    /// Whether a body must be there, and what it may be.
    pub(crate) body: Option<(bool, Vec<Media>)>,
    responses: Vec<Response>,
    security: Option<Vec<Vec<SecurityScheme>>>,
    /// It should not be called any more.
    pub is_deprecated: bool,
}

impl Operation {
    /// # Arguments
    /// * `nodes` - the nodes of the contract's schemas, by index.
    pub(crate) fn new(
        operation: &ContractOperation,
        nodes: &[NodeId],
        schemes: &[SecurityScheme],
    ) -> Self {
        let parameters = operation.parameters.iter();
        let body = operation.body.as_ref();
        let schemes_of = |names: &Vec<u32>| {
            let all = names
                .iter()
                .filter_map(|index| schemes.get(*index as usize));
            all.cloned().collect()
        };
        Self {
            parameters: parameters
                .map(|parameter| Parameter::new(parameter, nodes))
                .collect(),
            body: body.map(|body| (body.required, media(&body.content, nodes))),
            responses: operation
                .responses
                .iter()
                .map(|response| Response::new(response, nodes))
                .collect(),
            security: operation
                .security
                .as_ref()
                .map(|all| all.iter().map(schemes_of).collect()),
            is_deprecated: operation.deprecated,
        }
    }

    /// Credentials and parameters.
    ///
    /// # Arguments
    /// * `template` - the path with the contract's names of parameters.
    /// * `denies_unknown` - query parameters that are not named are violations.
    pub(crate) fn request_head(
        &self,
        program: &Program,
        template: &str,
        head: RequestHead<'_>,
        denies_unknown: bool,
        violations: &mut Violations,
    ) -> Checked {
        let mut sink = Sink {
            program,
            direction: Direction::Request,
            hash: head.hash,
            violations,
            work: 0,
        };
        self.security(head, &mut sink);
        self.path(template, head, &mut sink);
        self.query(head, denies_unknown, &mut sink);
        self.cookies(head, &mut sink);
        for parameter in self.of(ParameterPlace::Header) {
            sink.header(parameter, head.headers);
        }
        Checked {
            work: sink.work,
            ..Checked::default()
        }
    }

    /// Whether the contract names a header.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.of(ParameterPlace::Header)
            .any(|parameter| parameter.written.name.eq_ignore_ascii_case(name))
    }

    fn of(&self, place: ParameterPlace) -> impl Iterator<Item = &Parameter> {
        self.parameters
            .iter()
            .filter(move |parameter| parameter.written.place == place)
    }

    // --- Credentials ---

    /// Whether one alternative has all its credentials. That they are right is the identity stage's to say.
    fn security(&self, head: RequestHead<'_>, sink: &mut Sink<'_, '_>) {
        let Some(alternatives) = &self.security else {
            return;
        };
        let has = |scheme: &SecurityScheme| has_credential(scheme, head);
        if !alternatives.is_empty() && !alternatives.iter().any(|all| all.iter().all(has)) {
            sink.message(Code::Security, "");
        }
    }

    // --- Parameters ---

    fn path(&self, template: &str, head: RequestHead<'_>, sink: &mut Sink<'_, '_>) {
        if self.of(ParameterPlace::Path).next().is_none() {
            return;
        }
        let raw = head
            .target
            .split(|byte| *byte == b'?')
            .next()
            .unwrap_or_default();
        let raw = lossy(raw);
        // Only where both have the same segments is it certain that they stand for each other.
        let sent: Vec<&str> = segments(&raw).collect();
        let seen: Vec<&str> = segments(head.path).collect();
        let fixed: Vec<&str> = segments(template).collect();
        let seen_count = seen.len();
        if fixed.len() != seen_count {
            return;
        }
        for (at, (fixed, seen)) in fixed.iter().zip(&seen).enumerate() {
            let sent = sent.get(at).filter(|_| sent.len() == seen_count);
            for parameter in self.of(ParameterPlace::Path) {
                let is_here = fixed.contains(&format!("{{{}}}", parameter.written.name));
                if is_here {
                    sink.path_parameter(parameter, fixed, seen, sent.copied());
                }
            }
        }
    }

    fn query(&self, head: RequestHead<'_>, denies_unknown: bool, sink: &mut Sink<'_, '_>) {
        let named: Vec<&Parameter> = self.of(ParameterPlace::Query).collect();
        let pairs: Vec<Pair<'_>> = pairs_of(head.parameters, Location::Query);
        // Divided values need the text as it was sent, in which an encoded separator is none.
        let raw = named
            .iter()
            .any(|parameter| parameter.is_divided())
            .then(|| raw_pairs(head.target));
        let is_named = |name: &str| named.iter().any(|parameter| parameter.written.name == name);
        let is_credential = |name: &str| {
            let all = self.security.iter().flatten().flatten();
            all.into_iter()
                .any(|scheme| matches!(scheme, SecurityScheme::Query(key) if key == name))
        };
        let takes = |name: &str| !is_named(name) && !is_credential(name);
        for parameter in &named {
            let (pairs, is_encoded) = match &raw {
                Some(raw) if parameter.is_divided() => (raw.as_slice(), true),
                _ => (pairs.as_slice(), false),
            };
            sink.pairs(parameter, pairs, is_encoded, &takes);
        }
        if denies_unknown {
            let is_member = |name: &str| {
                named
                    .iter()
                    .any(|parameter| parameter.takes(sink.program, name))
            };
            let unknown = pairs
                .iter()
                .filter(|pair| takes(&pair.name) && !is_member(&pair.name));
            let names: Vec<SmolStr> = unknown.map(|pair| plain_name(&pair.name)).collect();
            for name in names {
                sink.add(Part::Query, Code::Unknown, &name);
            }
        }
    }

    fn cookies(&self, head: RequestHead<'_>, sink: &mut Sink<'_, '_>) {
        if self.of(ParameterPlace::Cookie).next().is_none() {
            return;
        }
        let pairs = pairs_of(head.parameters, Location::Cookie);
        for parameter in self.of(ParameterPlace::Cookie) {
            let is_encoded = parameter.written.style != ParameterStyle::Cookie;
            sink.pairs(parameter, &pairs, is_encoded, &|_| false);
        }
    }

    // --- Answers ---

    /// The answers with this status: by itself, by its class, or the rest of them.
    pub(crate) fn response(&self, status: u16) -> Option<&Response> {
        let (exact, class) = (status.to_string(), format!("{}XX", status / 100));
        let find = |wanted: &str| {
            let mut all = self.responses.iter();
            all.find(|response| response.status.eq_ignore_ascii_case(wanted))
        };
        find(&exact)
            .or_else(|| find(&class))
            // A part of what 200 gives (RFC 9110, 15.3.7).
            .or_else(|| find("200").filter(|_| status == 206))
            .or_else(|| find("default"))
    }

    /// Status and headers of an answer.
    pub(crate) fn response_head(
        &self,
        program: &Program,
        status: u16,
        headers: &Headers,
        hash: Option<&KeyedHash>,
        violations: &mut Violations,
    ) -> Checked {
        let mut sink = Sink {
            program,
            direction: Direction::Response,
            hash,
            violations,
            work: 0,
        };
        // Interim answers and those to conditions and ranges belong to HTTP (RFC 9110, 13 and 14), and documents do not list
        // them.
        let is_protocol = status < 200 || matches!(status, 304 | 412 | 416);
        match self.response(status) {
            Some(response) => {
                for header in &response.headers {
                    sink.header(header, headers);
                }
            }
            None if is_protocol || self.responses.is_empty() => {}
            None => sink.message(Code::Status, &status.to_string()),
        }
        Checked {
            work: sink.work,
            ..Checked::default()
        }
    }
}

impl Parameter {
    fn new(written: &ContractParameter, nodes: &[NodeId]) -> Self {
        Self {
            schema: node(written.schema, nodes),
            written: written.clone(),
        }
    }

    /// Its text is divided at separators, which may be escaped in the value.
    fn is_divided(&self) -> bool {
        !self.written.explode
            && self.written.media_type.is_none()
            && matches!(
                self.written.style,
                ParameterStyle::Form
                    | ParameterStyle::SpaceDelimited
                    | ParameterStyle::PipeDelimited
                    | ParameterStyle::TabDelimited
            )
    }

    /// Whether a name of the query belongs to it: `filter[price]`, or a member of an object that is written as pairs.
    fn takes(&self, program: &Program, name: &str) -> bool {
        if self.written.style == ParameterStyle::DeepObject {
            let rest = name.strip_prefix(&self.written.name);
            return rest.is_some_and(|rest| rest.starts_with('['));
        }
        let is_pairs = self.written.explode && Shape::of(program, self.schema).asks_object();
        is_pairs && {
            let fields = Fields::of(program, self.schema);
            fields.is_open || fields.has(name)
        }
    }
}

impl Response {
    fn new(response: &ContractResponse, nodes: &[NodeId]) -> Self {
        let headers = response.headers.iter();
        Self {
            status: response.status.as_str().into(),
            headers: headers
                .map(|header| Parameter::new(header, nodes))
                .collect(),
            content: media(&response.content, nodes),
        }
    }
}

fn media(content: &[ContractMedia], nodes: &[NodeId]) -> Vec<Media> {
    let compiled = content.iter().map(|media| Media {
        range: media.media_type.to_ascii_lowercase().into(),
        schema: node(media.schema, nodes),
        encoding: media.encoding.clone(),
    });
    compiled.collect()
}

/// The segments of a path, without the empty one before the first `/`.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

fn node(index: Option<u32>, nodes: &[NodeId]) -> Option<NodeId> {
    nodes.get(index? as usize).copied()
}

/// The media type that fits best: a whole one before `image/*` before `*/*` (OpenAPI 3.1.0, 4.8.14).
pub(crate) fn best<'m>(content: &'m [Media], essence: &str) -> Option<&'m Media> {
    let fitting = content.iter().filter(|media| fits(&media.range, essence));
    fitting.max_by_key(|media| match media.range.split_once('*') {
        None => usize::MAX,
        Some((before, after)) => before.len() + after.len(),
    })
}

/// Whether a media type is in a range: itself, `image/*`, `*/*`, `application/*+json`.
pub(crate) fn fits(range: &str, essence: &str) -> bool {
    let range = content_type::essence(range);
    if range == "*/*" || range == "*" {
        return true;
    }
    match range.split_once('*') {
        None => range.eq_ignore_ascii_case(essence),
        Some((before, after)) => {
            essence.len() >= before.len() + after.len()
                && essence.starts_with(before)
                && essence.ends_with(after)
        }
    }
}

/// Whether a credential is there at all.
fn has_credential(scheme: &SecurityScheme, head: RequestHead<'_>) -> bool {
    let has = |location, name: &str| {
        let value = head.parameters.get(location, name);
        value.is_some_and(|value| !value.is_empty())
    };
    match scheme {
        SecurityScheme::Header(name) => head
            .headers
            .get(name)
            .is_some_and(|value| !value.trim_ascii().is_empty()),
        SecurityScheme::Query(name) => has(Location::Query, name),
        SecurityScheme::Cookie(name) => has(Location::Cookie, name),
        SecurityScheme::Authorization(scheme) => {
            let value = head
                .headers
                .text("authorization")
                .unwrap_or_default()
                .trim();
            let (name, rest) = value.split_once(' ').unwrap_or((value, ""));
            if scheme.is_empty() {
                !value.is_empty()
            } else {
                name.eq_ignore_ascii_case(scheme) && !rest.trim().is_empty()
            }
        }
        SecurityScheme::MutualTls => head.has_certificate,
        SecurityScheme::Other => true,
    }
}

fn pairs_of(parameters: &Parameters, location: Location) -> Vec<Pair<'_>> {
    let all = parameters
        .iter()
        .filter(|parameter| parameter.location == location);
    let pairs = all.map(|parameter| Pair {
        name: Cow::Borrowed(parameter.name),
        value: Cow::Borrowed(parameter.value),
        kind: PairKind::Text,
    });
    pairs.collect()
}

/// The pairs of a query with names decoded and values as they were sent. The target's length is bounded, and so is this.
fn raw_pairs(target: &[u8]) -> Vec<Pair<'_>> {
    let query = memchr::memchr(b'?', target).map(|at| target.get(at + 1..).unwrap_or_default());
    let pairs = query
        .unwrap_or_default()
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
            let (name, value) = pair.split_at(equals);
            let name = percent::decode(name, true, &mut percent::Decoded::default());
            Pair {
                name: Cow::Owned(lossy(&name).into_owned()),
                value: lossy(value.get(1..).unwrap_or_default()),
                kind: PairKind::Text,
            }
        })
        .collect()
}

/// Where values of parameters are held against their schemas, and violations go.
struct Sink<'a, 'v> {
    program: &'a Program,
    direction: Direction,
    hash: Option<&'a KeyedHash>,
    violations: &'v mut Violations,
    work: u64,
}

impl Sink<'_, '_> {
    fn add(&mut self, part: Part, code: Code, pointer: &str) {
        self.violations.add(Violation {
            direction: self.direction,
            part,
            code,
            pointer: pointer.into(),
        });
    }

    fn message(&mut self, code: Code, pointer: &str) {
        self.add(Part::Message, code, pointer);
    }

    /// A parameter of a query or a cookie.
    fn pairs(
        &mut self,
        parameter: &Parameter,
        pairs: &[Pair<'_>],
        is_encoded: bool,
        takes: &dyn Fn(&str) -> bool,
    ) {
        let written = &parameter.written;
        let part = match written.place {
            ParameterPlace::Cookie => Part::Cookie,
            _ => Part::Query,
        };
        let mut tree = Tree::default();
        let found = if written.media_type.is_some() {
            let mut own = pairs.iter().filter(|pair| pair.name == written.name);
            match (own.next(), own.next()) {
                (None, _) => Found::Missing,
                (Some(pair), None) => document(written, &pair.value, &mut tree),
                _ => Found::Repeated,
            }
        } else {
            let how = how(written, is_encoded);
            let source = (self.program, parameter.schema);
            let found = from_pairs(how, pairs, source, takes, &mut tree);
            let own = pairs.iter().position(|pair| pair.name == written.name);
            let value = own.and_then(|at| Some((at, with_commas(&pairs.get(at)?.value)?)));
            if let Some((at, value)) = value.filter(|_| is_encoded) {
                let mut pairs = pairs.to_vec();
                if let Some(pair) = pairs.get_mut(at) {
                    pair.value = Cow::Owned(value);
                }
                let mut loose = Tree::default();
                let also = from_pairs(how, &pairs, source, takes, &mut loose);
                return self.either(parameter, part, (found, &tree), (also, &loose));
            }
            found
        };
        self.value(parameter, part, found, &tree);
    }

    /// A list whose commas were encoded, as most clients do: servers divide it before or after they decode it, so that one
    /// of the two fits is enough.
    fn either(
        &mut self,
        parameter: &Parameter,
        part: Part,
        strict: (Found, &Tree),
        loose: (Found, &Tree),
    ) {
        if !self.fits(parameter, part, strict) && self.fits(parameter, part, loose) {
            return;
        }
        self.value(parameter, part, strict.0, strict.1);
    }

    fn fits(&mut self, parameter: &Parameter, part: Part, (found, tree): (Found, &Tree)) -> bool {
        let mut violations = Violations::default();
        let mut sink = Sink {
            program: self.program,
            direction: self.direction,
            hash: self.hash,
            violations: &mut violations,
            work: 0,
        };
        sink.value(parameter, part, found, tree);
        self.work = self.work.saturating_add(sink.work);
        violations.is_empty()
    }

    fn path_parameter(
        &mut self,
        parameter: &Parameter,
        fixed: &str,
        seen: &str,
        sent: Option<&str>,
    ) {
        let written = &parameter.written;
        let has_style = matches!(
            written.style,
            ParameterStyle::Matrix | ParameterStyle::Label
        );
        let decoded = sent.map(|sent| percent::decode_bytes(sent.as_bytes()));
        // What was sent is used where it is certain that it is this segment.
        let is_same = has_style
            || decoded
                .as_deref()
                .is_some_and(|bytes| bytes == seen.as_bytes());
        let (segment, is_encoded) = match sent {
            Some(sent) if is_same => (sent, true),
            _ => (seen, false),
        };
        let values = captures(fixed, segment).unwrap_or_default();
        let mut values = values.iter().filter(|(name, _)| *name == written.name);
        let Some((_, text)) = values.next() else {
            return;
        };
        let mut tree = Tree::default();
        let found = if written.media_type.is_some() {
            let bytes = percent::decode_bytes(text.as_bytes());
            document(written, &lossy(&bytes), &mut tree)
        } else {
            let source = (self.program, parameter.schema);
            let how = how(written, is_encoded);
            let found = from_text(how, text, source, &mut tree);
            if let Some(text) = with_commas(text).filter(|_| is_encoded) {
                let mut loose = Tree::default();
                let also = from_text(how, &text, source, &mut loose);
                return self.either(parameter, Part::Path, (found, &tree), (also, &loose));
            }
            found
        };
        self.value(parameter, Part::Path, found, &tree);
    }

    fn header(&mut self, parameter: &Parameter, headers: &Headers) {
        let written = &parameter.written;
        // OpenAPI 3.1.0, 4.8.12.2.1: these are described elsewhere in a document.
        let is_elsewhere = matches!(
            written.name.as_str(),
            "accept" | "content-type" | "authorization"
        );
        if is_elsewhere {
            return;
        }
        let mut tree = Tree::default();
        let found = match headers.joined(&written.name) {
            None => Found::Missing,
            Some(text) if written.media_type.is_some() => document(written, text.trim(), &mut tree),
            Some(text) => {
                let source = (self.program, parameter.schema);
                from_text(how(written, false), text.trim(), source, &mut tree)
            }
        };
        self.value(parameter, Part::Header, found, &tree);
    }

    /// Holds what was found against the schema.
    fn value(&mut self, parameter: &Parameter, part: Part, found: Found, tree: &Tree) {
        let written = &parameter.written;
        match found {
            Found::Missing if written.required => {
                return self.add(part, Code::Required, &written.name);
            }
            Found::Missing => return,
            Found::Malformed => return self.add(part, Code::Malformed, &written.name),
            Found::Repeated => self.add(part, Code::Repeated, &written.name),
            Found::Empty if written.allow_empty => return,
            Found::Empty | Found::Value => {}
        }
        let Some(schema) = parameter.schema else {
            return;
        };
        let options = Options {
            direction: Some(self.direction),
            refuses_other: false,
            part,
            name: &written.name,
            finds_unknown: false,
            hash: self.hash,
        };
        for root in tree.roots() {
            let outcome = evaluate(self.program, schema, tree, root, options, self.violations);
            self.work = self.work.saturating_add(outcome.work);
        }
    }
}

/// The text with encoded commas as commas; `None` when it has none.
fn with_commas(text: &str) -> Option<String> {
    let has = text.contains("%2C") || text.contains("%2c");
    has.then(|| text.replace("%2C", ",").replace("%2c", ","))
}

fn how(written: &ContractParameter, is_encoded: bool) -> Written<'_> {
    Written {
        name: &written.name,
        style: written.style,
        explode: written.explode,
        is_encoded,
    }
}

/// A value that is a document by itself (`content` of parameters).
fn document(written: &ContractParameter, text: &str, tree: &mut Tree) -> Found {
    let media_type = written.media_type.as_deref().unwrap_or_default();
    if BodyKind::of(content_type::essence(media_type)) != BodyKind::Json {
        tree.scalar(Kind::Text, text);
        return Found::Value;
    }
    if super::body::json(text, tree) {
        Found::Value
    } else {
        Found::Malformed
    }
}
