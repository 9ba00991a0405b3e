//! Request bodies as SecLang's body processors read them.

mod json;
mod multipart;
mod xml;

use super::compiled::Variable as V;
use super::facts::Facts;
use super::places;
use super::program::Program;
use super::request;
use crate::http::body::{BodyKind, sniff};
use crate::http::content_type;

/// How a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Processor {
    UrlEncoded,
    Multipart,
    Xml,
    Json,
}

impl Processor {
    /// By the name that `ctl:requestBodyProcessor` uses.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "URLENCODED" => Self::UrlEncoded,
            "MULTIPART" => Self::Multipart,
            "XML" => Self::Xml,
            "JSON" => Self::Json,
            _ => return None,
        })
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::UrlEncoded => "URLENCODED",
            Self::Multipart => "MULTIPART",
            Self::Xml => "XML",
            Self::Json => "JSON",
        }
    }

    /// What a body of no known type is by its beginning: many upstreams read JSON whatever its type.
    fn sniffed(body: &[u8]) -> Option<Self> {
        match sniff(body)? {
            BodyKind::Json => Some(Self::Json),
            BodyKind::Xml => Some(Self::Xml),
            _ => None,
        }
    }

    /// What the engine takes by itself; XML and JSON are chosen by rules.
    pub(crate) fn of(content_type: &[u8]) -> Option<Self> {
        let essence = content_type
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        if essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            Some(Self::UrlEncoded)
        } else if essence.eq_ignore_ascii_case(b"multipart/form-data") {
            Some(Self::Multipart)
        } else {
            None
        }
    }
}

/// Enter a body.
///
/// # Arguments
/// * `processor` - how it is read; `None`: as what it looks like.
/// * `force` - `ctl:forceRequestBodyVariable`.
pub(crate) fn enter(
    program: &Program,
    processor: Option<Processor>,
    force: bool,
    body: &[u8],
    content_type: &[u8],
    facts: &mut Facts,
) {
    facts.set_integer(
        V::RequestBodyLength,
        i64::try_from(body.len()).unwrap_or(i64::MAX),
    );
    if force || processor == Some(Processor::UrlEncoded) {
        facts.set(V::RequestBody, body);
    }
    let error = match processor {
        // That it cannot be read is no error: nobody said what it is.
        None => {
            match Processor::sniffed(body) {
                Some(Processor::Json) => drop(json::enter(program, body, facts)),
                Some(Processor::Xml) => drop(xml::enter(body, facts)),
                _ if is_graphql(content_type) => places::enter_document_body(body, facts),
                _ => {}
            }
            None
        }
        Some(Processor::UrlEncoded) => url_encoded(program, body, facts),
        Some(Processor::Multipart) => multipart::enter(program, body, content_type, facts),
        Some(Processor::Json) => json::enter(program, body, facts),
        Some(Processor::Xml) => xml::enter(body, facts),
    };
    if let Some(message) = error {
        set_error(facts, &message);
    }
    if program.uses(V::FullRequest) || program.uses(V::FullRequestLength) {
        full_request(body, facts);
    }
}

/// Whether a media type is that of GraphQL documents.
fn is_graphql(content_type: &[u8]) -> bool {
    std::str::from_utf8(content_type)
        .is_ok_and(|text| content_type::parse(text).essence == "application/graphql")
}

/// A body that cannot be read.
pub(crate) fn set_error(facts: &mut Facts, message: &str) {
    for variable in [V::ReqbodyError, V::ReqbodyProcessorError] {
        facts.set(variable, b"1");
    }
    for variable in [V::ReqbodyErrorMsg, V::ReqbodyProcessorErrorMsg] {
        facts.set(variable, message.as_bytes());
    }
}

fn url_encoded(program: &Program, body: &[u8], facts: &mut Facts) -> Option<String> {
    let mut bad = false;
    let whole = request::arguments(V::ArgsPost, body, program, facts, &mut bad);
    if bad && program.uses(V::UrlencodedError) {
        facts.set(V::UrlencodedError, b"1");
    }
    (!whole).then(|| "URLENCODED: more arguments than SecArgumentsLimit".to_owned())
}

fn full_request(body: &[u8], facts: &mut Facts) {
    let mut whole = facts.scalar(V::RequestLine).unwrap_or_default().to_vec();
    whole.extend_from_slice(b"\n");
    for (name, value) in facts.members(V::RequestHeaders) {
        for part in [name, b": ", value, b"\n"] {
            whole.extend_from_slice(part);
        }
    }
    whole.extend_from_slice(b"\n");
    whole.extend_from_slice(body);
    facts.set_integer(
        V::FullRequestLength,
        i64::try_from(whole.len()).unwrap_or(i64::MAX),
    );
    facts.set(V::FullRequest, &whole);
}
