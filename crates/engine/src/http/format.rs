//! The formats of bodies, and what a reader of one is given. Readers know nothing of each other: one that meets a body
//! within its own is handed the way to read it ([`ReadPart`]), so that `body.rs` alone knows all of them.

use super::Anomalies;

/// The format that a body was read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyKind {
    /// No body.
    Empty,
    /// JSON and `+json`.
    Json,
    /// JSON documents one after another.
    JsonLines,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data` and other `multipart/*`.
    Multipart,
    /// XML and `+xml`.
    Xml,
    /// OFX, also in its SGML form.
    Ofx,
    /// `application/graphql`.
    Graphql,
    /// A request within a request (`application/http`).
    Message,
    /// Other text: one parameter without a name.
    Text,
    /// Anything else, which can only be looked at as bytes.
    Other,
}

impl BodyKind {
    /// The stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Json => "json",
            Self::JsonLines => "json_lines",
            Self::Form => "form",
            Self::Multipart => "multipart",
            Self::Xml => "xml",
            Self::Ofx => "ofx",
            Self::Graphql => "graphql",
            Self::Message => "message",
            Self::Text => "text",
            Self::Other => "other",
        }
    }

    /// The family of formats that are read alike: one reading of a body for a family is enough.
    #[must_use]
    pub const fn family(self) -> Self {
        match self {
            Self::JsonLines => Self::Json,
            Self::Ofx => Self::Xml,
            other => other,
        }
    }

    /// Whether a body of this format may begin like one of the format `sniffed`.
    pub(super) fn begins_like(self, sniffed: Self) -> bool {
        match self {
            // A GraphQL document begins as JSON does.
            Self::Json | Self::JsonLines | Self::Graphql => sniffed == Self::Json,
            Self::Xml => matches!(sniffed, Self::Xml | Self::Ofx),
            // OFX is sent in its XML form and in its SGML form under the same types.
            Self::Ofx => sniffed != Self::Json,
            Self::Empty
            | Self::Form
            | Self::Multipart
            | Self::Message
            | Self::Text
            | Self::Other => false,
        }
    }

    /// The kind that a media type stands for.
    ///
    /// # Arguments
    /// * `essence` - `type/subtype`, lower case.
    #[must_use]
    pub fn of(essence: &str) -> Self {
        match essence {
            "application/json" | "text/json" => Self::Json,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/json-seq" => Self::JsonLines,
            "application/x-www-form-urlencoded" => Self::Form,
            "application/xml" | "text/xml" => Self::Xml,
            "application/x-ofx" | "application/ofx" | "application/vnd.intu.qfx" => Self::Ofx,
            "application/graphql" => Self::Graphql,
            "application/http" | "message/http" => Self::Message,
            _ if essence.starts_with("multipart/") => Self::Multipart,
            // By its ending (RFC 6839), so that types that no list has are read too.
            _ if essence.ends_with("+json") => Self::Json,
            _ if essence.ends_with("+xml") => Self::Xml,
            _ if essence.starts_with("text/") => Self::Text,
            _ => Self::Other,
        }
    }
}

/// A body, or a part of one, as a reader is given it.
#[derive(Clone, Copy)]
pub(super) struct BodyBytes<'a> {
    /// The value of its `Content-Type`.
    pub(super) content_type: Option<&'a str>,
    pub(super) content: &'a [u8],
    /// The end is missing.
    pub(super) truncated: bool,
    /// How many other bodies it stands in.
    pub(super) nesting: u8,
    /// What is between the pairs of a form.
    pub(super) separator: u8,
}

/// How a part that is a complete document is read.
pub(super) type ReadPart<L> = fn(BodyKind, BodyBytes<'_>, &mut Anomalies, &mut L);
