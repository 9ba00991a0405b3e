//! Places other than arguments where an attack may stand: path segments, credentials, and headers that no standard
//! names. The values that decoders find in these places, in cookies and in arguments are added (text and attributes of
//! XML are arguments).
//!
//! All are members of `STARFORT_ARGS`, and their names say where they come from: `path.2`, `header.x-tenant`,
//! `authorization.user`, `json.text|base64`, `cookie.prefs|percent|json.a`. Rules for arguments read this variable too
//! (`rulesets/places.py` says which rules). A value that no decoder changed is not copied, and a value that is one
//! plain word is no member.
//!
//! GraphQL documents are taken apart here too: among the arguments, the values in a document replace the document.

use crate::http::Anomalies;
use crate::http::decode::{self, Decoded};
use crate::http::graphql::{self, Document};
use crate::rules::bytes::ByteSet;
use crate::rules::program::Program;
use crate::rules::program::slots::Slot;
use crate::rules::program::target::{CompiledTarget, Members};
use crate::rules::run::facts::{Entry, Facts, Span};
use crate::rules::run::request::Request;
use crate::rules::transformations;
use crate::rules::wire::{Transformation, Variable as V};

/// The bytes of plain words. A value with only these bytes is not more than a word to any server.
const PLAIN: ByteSet = ByteSet::range(b'a', b'z')
    .union(ByteSet::range(b'A', b'Z'))
    .union(ByteSet::range(b'0', b'9'))
    .union(ByteSet::of(b"-_.~"));

/// Headers that a standard names, or that rules of CRS have as targets by name. Their values have a syntax of their
/// own. Sources: IANA HTTP Field Name Registry; W3C Trace Context and Baggage; Fetch; Client Hints.
// Sorted, because it is searched with a binary search.
const STANDARD: &[&[u8]] = &[
    b"a-im",
    b"alt-used",
    b"authentication-info",
    b"authorization",
    b"b3",
    b"baggage",
    b"cache-control",
    b"cdn-loop",
    b"connection",
    b"cookie",
    b"cookie2",
    b"correlation-context",
    b"date",
    b"depth",
    b"destination",
    b"device-memory",
    b"digest",
    b"dnt",
    b"downlink",
    b"dpop",
    b"dpr",
    b"early-data",
    b"ect",
    b"elastic-apm-traceparent",
    b"expect",
    b"forwarded",
    b"from",
    b"grpc-accept-encoding",
    b"grpc-encoding",
    b"grpc-timeout",
    b"host",
    b"http2-settings",
    b"if",
    b"keep-alive",
    b"link",
    b"lock-token",
    b"max-forwards",
    b"newrelic",
    b"origin",
    b"pragma",
    b"prefer",
    b"priority",
    b"range",
    b"referer",
    b"repr-digest",
    b"rtt",
    b"save-data",
    b"sentry-trace",
    b"signature",
    b"signature-input",
    b"te",
    b"timeout",
    b"traceparent",
    b"tracestate",
    b"trailer",
    b"transfer-encoding",
    b"uber-trace-id",
    b"upgrade",
    b"upgrade-insecure-requests",
    b"user-agent",
    b"via",
    b"viewport-width",
    b"want-content-digest",
    b"want-digest",
    b"want-repr-digest",
    b"warning",
    b"width",
    b"x-amzn-trace-id",
    b"x-cloud-trace-context",
    b"x-forwarded-client-cert",
];

/// Prefixes of such headers.
const STANDARD_PREFIXES: &[&[u8]] = &[
    b"accept-",
    b"access-control-",
    b"content-",
    b"if-",
    b"proxy-",
    b"sec-",
    b"x-b3-",
    b"x-envoy-",
];

/// Collects places and decoded values.
struct Collector<'f> {
    facts: &'f mut Facts,
    entries: Vec<Entry>,
    decoded: Decoded,
    name: Vec<u8>,
}

impl<'f> Collector<'f> {
    fn new(facts: &'f mut Facts) -> Self {
        Self {
            facts,
            entries: Vec::new(),
            decoded: Decoded::default(),
            name: Vec::new(),
        }
    }

    /// Takes a name for the next values. `|` separates what decoders add, so a `|` of the client becomes `_`.
    fn named(&mut self, prefix: &[u8], name: &[u8]) {
        self.name.clear();
        self.name.extend_from_slice(prefix);
        self.name.extend(
            name.iter()
                .map(|byte| if *byte == b'|' { b'_' } else { *byte }),
        );
    }

    /// Adds what decoders make of a fact, under the name that was taken.
    ///
    /// # Arguments
    /// * `itself` - whether the fact is a member too. It is not when it is a document whose parts are members.
    fn take(&mut self, value: Span, itself: bool) {
        self.decoded.decode(self.facts.bytes(value));
        // Rules look at the parts of a JSON document: as a whole it is full of quotes, which rules would match.
        if itself && !self.decoded.has_parts() {
            let name = self.facts.store(&self.name);
            self.entries.push(Entry { name, value });
        }
        self.add_decoded();
    }

    fn add_decoded(&mut self) {
        for (way, value) in self.decoded.values() {
            let name = &self.name;
            self.entries.push(Entry {
                name: self.facts.store_with(|pool| {
                    pool.extend_from_slice(name);
                    pool.extend_from_slice(way);
                }),
                value: self.facts.store(value),
            });
        }
    }

    /// Adds what decoders make of all members of a slot. Of most members they make nothing.
    fn decode_all(&mut self, slot: impl Into<Slot>, prefix: &[u8]) {
        for index in self.facts.range(slot) {
            let entry = self.facts.entry(index);
            // The values themselves are arguments already, so only what decoders add is new.
            self.decoded.decode(self.facts.bytes(entry.value));
            if self.decoded.is_empty() {
                continue;
            }
            let name = self.facts.bytes(entry.name).to_vec();
            self.named(prefix, &name);
            self.add_decoded();
        }
    }

    /// Makes what was collected the members of a slot.
    fn enter(self, slot: impl Into<Slot>) -> Anomalies {
        let mut members = self.facts.begin(slot);
        for entry in self.entries {
            members.push_entry(entry);
        }
        self.decoded.anomalies()
    }
}

fn is_used(program: &Program) -> bool {
    program.uses(V::StarfortArgs) || program.uses(V::StarfortArgsNames)
}

/// Enters the places of a request's head. Arguments of the query and cookies must be among the facts already.
pub(crate) fn enter_head(
    program: &Program,
    request: &Request<'_, '_>,
    facts: &mut Facts,
) -> Anomalies {
    documents(V::ArgsGet, facts);
    if !is_used(program) {
        return Anomalies::NONE;
    }
    let mut collector = Collector::new(facts);
    path(&mut collector, request);
    headers(&mut collector);
    collector.decode_all(V::RequestCookies, b"cookie.");
    collector.decode_all(V::ArgsGet, b"");
    collector.enter(V::StarfortArgs)
}

/// Enters the places of a request's body, whose arguments and nodes must be among the facts already.
pub(crate) fn enter_body(program: &Program, facts: &mut Facts) -> Anomalies {
    documents(V::ArgsPost, facts);
    if !is_used(program) {
        return Anomalies::NONE;
    }
    let mut collector = Collector::new(facts);
    collector.decode_all(V::ArgsPost, b"");
    collector.enter(Slot::DECODED_BODY)
}

/// Enters trailers like custom headers: a server may read a trailer as if it were a header (RFC 9110, section 6.5).
pub(crate) fn enter_trailers(
    program: &Program,
    trailers: &[(&[u8], &[u8])],
    facts: &mut Facts,
) -> Anomalies {
    if !is_used(program) {
        return Anomalies::NONE;
    }
    let mut collector = Collector::new(facts);
    for (name, value) in trailers {
        let plain = PLAIN.includes(ByteSet::present(value));
        if plain && !decode::may_hold(value) {
            continue;
        }
        let value = collector.facts.store(value);
        collector.named(b"trailer.", &name.to_ascii_lowercase());
        collector.take(value, !plain);
    }
    collector.enter(Slot::TRAILERS)
}

fn path(collector: &mut Collector<'_>, request: &Request<'_, '_>) {
    let raw = crate::rules::run::request::path_of(request.uri);
    for (number, segment) in raw.split(|byte| *byte == b'/').enumerate() {
        let present = ByteSet::present(segment);
        let plain = PLAIN.includes(present);
        // Most segments are plain words, which need no entry.
        if segment.is_empty() || (plain && !decode::may_hold(segment)) {
            continue;
        }
        collector.name.clear();
        collector.name.extend_from_slice(b"path.");
        crate::rules::bytes::push_integer(
            i64::try_from(number).unwrap_or(i64::MAX),
            &mut collector.name,
        );
        let value = collector
            .facts
            .store_with(|pool| crate::rules::run::request::percent_decode(segment, pool));
        // Rules for NoSQL take a dollar before a word for an operator; in a path of OData it is not one.
        let is_system = is_system_segment(collector.facts.bytes(value));
        collector.take(value, !plain && !is_system);
    }
}

/// Whether a segment is a dollar and a word, such as `$metadata`, `$count` or `$batch` (`OData` 4.01, URL Conventions).
fn is_system_segment(segment: &[u8]) -> bool {
    segment
        .strip_prefix(b"$")
        .is_some_and(|word| !word.is_empty() && word.iter().all(u8::is_ascii_alphabetic))
}

fn headers(collector: &mut Collector<'_>) {
    for index in collector.facts.range(V::RequestHeaders) {
        let entry = collector.facts.entry(index);
        let value = collector.facts.bytes(entry.value);
        let plain = PLAIN.includes(ByteSet::present(value));
        if plain && !decode::may_hold(value) {
            continue;
        }
        let name = collector.facts.bytes(entry.name).to_ascii_lowercase();
        // Standard headers have a syntax of their own, and CRS has rules for them. Of `authorization`, clients choose
        // the parts, so these are places.
        if name == b"authorization" {
            authorization(collector, entry.value);
        } else if is_custom(&name) {
            collector.named(b"header.", &name);
            collector.take(entry.value, !plain);
        }
    }
}

/// Whether no standard names a header (lower case).
fn is_custom(name: &[u8]) -> bool {
    // `accept` is compared as a whole: as a prefix it would cover custom headers such as `accepted-terms`.
    name != b"accept"
        && STANDARD.binary_search(&name).is_err()
        && !STANDARD_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Enters credentials by their scheme (RFC 9110, section 11.4): user and password of Basic, the claims of a token, and
/// the parameters of other schemes.
fn authorization(collector: &mut Collector<'_>, value: Span) {
    let text = collector.facts.bytes(value);
    // A value that does not begin with a scheme is inspected as a whole.
    let space = memchr::memchr(b' ', text)
        .filter(|at| PLAIN.includes(ByteSet::present(text.get(..*at).unwrap_or_default())))
        .unwrap_or(0);
    let (scheme, rest) = text.split_at(space);
    let start = text.len() - rest.trim_ascii_start().len();
    let length = text.len();
    if scheme.eq_ignore_ascii_case(b"basic") {
        let mut plain = Vec::new();
        let encoded = rest.trim_ascii();
        transformations::apply(Transformation::Base64Decode, encoded, &[], &mut plain);
        let colon = memchr::memchr(b':', &plain).unwrap_or(plain.len());
        let (user, password) = plain.split_at(colon);
        // User and password are two places, so that an exclusion can name one of them.
        for (name, part) in [
            (&b"authorization.user"[..], user),
            (
                b"authorization.password",
                password.get(1..).unwrap_or_default(),
            ),
        ] {
            collector.named(b"", name);
            let value = collector.facts.store(part);
            collector.take(value, !PLAIN.includes(ByteSet::present(part)));
        }
        return;
    }
    let credentials = Facts::part(value, start..length);
    let list = collector.facts.bytes(credentials).to_vec();
    if !parameters(collector, &list) {
        // An opaque token: decoders find the claims of a JWT in it.
        collector.named(b"", b"authorization.token");
        collector.take(credentials, !PLAIN.includes(ByteSet::present(&list)));
    }
}

/// Enters parameters of credentials, `name=value, name="value"`. Returns whether the list consists of parameters.
fn parameters(collector: &mut Collector<'_>, list: &[u8]) -> bool {
    let parts = || list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let pair = |part| -> Option<(&[u8], &[u8])> {
        let part: &[u8] = part;
        let equals = memchr::memchr(b'=', part)?;
        let (name, value) = part.split_at_checked(equals)?;
        let value = value.get(1..).unwrap_or_default();
        // The `=` that pads Base64 does not begin a value.
        let padding = value.iter().all(|byte| *byte == b'=');
        (!padding && !name.is_empty() && PLAIN.includes(ByteSet::present(name)))
            .then_some((name, value))
    };
    // If one part is no parameter, the whole is a token, as in `Bearer a,b`.
    if !parts().all(|part| pair(part).is_some()) {
        return false;
    }
    for (name, value) in parts().filter_map(pair) {
        let value = match value {
            [b'"', inside @ .., b'"'] => inside,
            _ => value,
        };
        if PLAIN.includes(ByteSet::present(value)) {
            continue;
        }
        collector.named(b"authorization.", name);
        let value = collector.facts.store_with(|pool| {
            let mut rest = value;
            loop {
                rest = match rest {
                    [] => break,
                    // In a quoted string, a backslash escapes the next character (RFC 9110, section 5.6.4).
                    [b'\\', byte, tail @ ..] | [byte, tail @ ..] => {
                        pool.push(*byte);
                        tail
                    }
                };
            }
        });
        collector.take(value, true);
    }
    true
}

/// Replaces GraphQL documents among the arguments by the values in them, and notes how much they ask for.
fn documents(variable: V, facts: &mut Facts) {
    let is_candidate = |facts: &Facts, entry: Entry| {
        graphql::may_hold_document(facts.bytes(entry.name)) && facts.bytes(entry.value).len() > 2
    };
    let range = facts.range(variable);
    if !range
        .clone()
        .any(|index| is_candidate(facts, facts.entry(index)))
    {
        return;
    }
    let mut entries = Vec::new();
    // Figures of documents in the query are kept when the body has documents too.
    let mut told: Vec<Entry> = facts
        .range(V::StarfortGraphql)
        .map(|index| facts.entry(index))
        .collect();
    let before = told.len();
    for index in range {
        let entry = facts.entry(index);
        if !is_candidate(facts, entry) || !document(entry, facts, &mut entries, &mut told) {
            entries.push(entry);
        }
    }
    // When no candidate is a document, the arguments stay as they are, without a copy.
    if told.len() == before {
        return;
    }
    for (variable, entries) in [(variable, entries), (V::StarfortGraphql, told)] {
        let mut members = facts.begin(variable);
        for entry in entries {
            members.push_entry(entry);
        }
    }
}

/// Enters the values of an argument that is a document, or a JSON request with documents in it (the field `operations`
/// of the GraphQL multipart request specification). Returns whether the argument is one of these.
fn document(
    entry: Entry,
    facts: &mut Facts,
    entries: &mut Vec<Entry>,
    told: &mut Vec<Entry>,
) -> bool {
    let name = facts.bytes(entry.name).to_vec();
    let value = facts.bytes(entry.value).to_vec();
    if enter_document(&name, &value, facts, entries, told) {
        return true;
    }
    let before = (entries.len(), told.len());
    let mut path = name.clone();
    decode::json_leaves(&value, |inner, leaf| {
        path.truncate(name.len());
        path.extend_from_slice(inner);
        let is_document =
            graphql::may_hold_document(&path) && enter_document(&path, leaf, facts, entries, told);
        if !is_document {
            entries.push(Entry {
                name: facts.store(&path),
                value: facts.store(leaf),
            });
        }
        true
    });
    let found = told.len() > before.1;
    if !found {
        // It was no GraphQL request, so its leaves are no arguments of their own.
        entries.truncate(before.0);
    }
    found
}

fn enter_document(
    name: &[u8],
    value: &[u8],
    facts: &mut Facts,
    entries: &mut Vec<Entry>,
    told: &mut Vec<Entry>,
) -> bool {
    let Some(document) = std::str::from_utf8(value)
        .ok()
        .and_then(|text| Document::parse(text).ok())
    else {
        return false;
    };
    for (leaf, value, _) in document.leaves() {
        let name = facts.store_with(|pool| {
            pool.extend_from_slice(name);
            pool.push(b'.');
            pool.extend_from_slice(leaf.as_bytes());
        });
        let value = facts.store(value.as_bytes());
        entries.push(Entry { name, value });
    }
    enter_figures(value, &document, facts, told);
    true
}

/// Enters how much a document asks for, the fields that it names, and its text.
pub(crate) fn enter_figures(
    text: &[u8],
    document: &Document<'_>,
    facts: &mut Facts,
    told: &mut Vec<Entry>,
) {
    let figures = document.figures;
    for (name, figure) in [
        ("depth", figures.depth),
        ("fields", figures.fields),
        ("aliases", figures.aliases),
        ("directives", figures.directives),
        ("introspection", figures.introspection),
    ] {
        let mut number = Vec::new();
        crate::rules::bytes::push_integer(figure.into(), &mut number);
        told.push(Entry {
            name: facts.store(name.as_bytes()),
            value: facts.store(&number),
        });
    }
    let field = facts.store(b"field");
    for name in &document.fields {
        told.push(Entry {
            name: field,
            value: facts.store(name.as_bytes()),
        });
    }
    told.push(Entry {
        name: facts.store(b"document"),
        value: facts.store(text),
    });
}

/// Whether an exclusion of another target holds for a member of `STARFORT_ARGS`. A value that is excluded is excluded
/// in every form that a decoder makes of it.
pub(crate) fn is_excluded_by(exclusion: &CompiledTarget, name: &[u8]) -> bool {
    let base = name.split(|byte| *byte == b'|').next().unwrap_or(name);
    let selects =
        |base: &[u8]| matches!(exclusion.members, Members::All) || exclusion.selects(base);
    match exclusion.variable {
        V::Args | V::ArgsGet | V::ArgsPost => is_argument(base) && selects(base),
        V::RequestCookies => base.strip_prefix(b"cookie.").is_some_and(selects),
        V::RequestHeaders => {
            base.strip_prefix(b"header.").is_some_and(selects)
                || (base.starts_with(b"authorization") && selects(b"authorization"))
        }
        // Only the path as written is excluded. CRS exempts plain paths from its rules, and what a decoder finds in a
        // path is not plain.
        V::RequestFilename | V::RequestUri | V::RequestUriRaw => {
            base.starts_with(b"path.") && base.len() == name.len()
        }
        _ => false,
    }
}

/// The field to which a decoded value of an argument belongs: the field of the JSON or XML that contains it
/// (`json.comment` in `json.payload|json.comment`), or the argument. `None` for places that are no fields.
pub(crate) fn field_of(name: &[u8]) -> Option<&[u8]> {
    let mut ways = name.split(|byte| *byte == b'|');
    let base = ways.next().filter(|base| is_argument(base))?;
    let inner = ways.rfind(|way| way.starts_with(b"json.") || way.starts_with(b"xml."));
    Some(inner.unwrap_or(base))
}

/// Whether a name is the name of an argument and not of another place.
fn is_argument(base: &[u8]) -> bool {
    const PLACES: &[&[u8]] = &[
        b"path.",
        b"header.",
        b"cookie.",
        b"authorization",
        b"xml/",
        b"trailer.",
    ];
    !PLACES.iter().any(|place| base.starts_with(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lists are searched by halves.
    #[test]
    fn standard_headers_are_sorted() {
        assert!(STANDARD.is_sorted());
    }

    /// Decoded values are of the field that people know, values of other places of none.
    #[test]
    fn fields_of_decoded_values() {
        for (name, field) in [
            ("json.text|base64", Some("json.text")),
            ("q|percent|link.a", Some("q")),
            ("json.payload|json.comment", Some("json.comment")),
            ("json.a|base64|json.b|percent", Some("json.b")),
            ("header.x-note|json.comment", None),
            ("cookie.c|json.comment", None),
            ("path.2", None),
        ] {
            assert_eq!(
                field_of(name.as_bytes()),
                field.map(str::as_bytes),
                "{name}"
            );
        }
    }
}
