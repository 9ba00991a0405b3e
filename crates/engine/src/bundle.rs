//! The policy bundle as the engine reads it: everything that Python computed when it loaded the configuration.
//!
//! On disk a bundle is [`MAGIC`], the format number (u32, big endian), the payload's length (u64, big
//! endian), the payload's SHA-256 (32 bytes) and the payload: one `MessagePack` map whose keys are the
//! field names below. `starfort.bundle` in Python writes the same types.

pub mod contract;
pub mod expression;

use serde::{Deserialize, Serialize};

pub use crate::policy::actions::Action;
pub use contract::{ApiContract, ContractSettings};
pub use expression::{Expr, Field, Function, Quantifier};

/// First bytes of every bundle file.
pub const MAGIC: &[u8; 8] = b"SFBUNDLE";

/// Format of the payload. Raised when a reader of the old format would misread the new one.
pub const FORMAT: u32 = 1;

/// Everything the engine needs to decide on requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bundle {
    /// Hex SHA-256 of the payload with this field empty and `created_ms` 0, first 16 characters: the same
    /// configuration has the same version. Shown by `starfort status`.
    pub version: String,
    /// When the control plane wrote it, Unix milliseconds.
    pub created_ms: u64,
    /// Name of this node; goes into events.
    pub node: String,
    /// HMAC-SHA-256 key for every keyed hash in events (32 bytes). Never logged.
    // `serde_bytes` here and below: MessagePack has a type for bytes, where a `Vec<u8>` would be a list of numbers of up to
    // two bytes each.
    #[serde(with = "serde_bytes")]
    pub hash_key: Vec<u8>,
    /// What to do when the engine itself fails (panic, internal error): `true` lets the request pass.
    pub fail_open: bool,
    /// Limits where an API or endpoint has none of its own.
    pub limits: Limits,
    /// Connections that one client address (of IPv6: one network of 64 bits) may have at once; 0: any number.
    // `default` here and below: fields that came later, so that a last good bundle of an earlier version still loads.
    #[serde(default)]
    pub connections_per_address: u32,
    /// Limits of single APIs and endpoints, which refer to them by index.
    #[serde(default)]
    pub scoped_limits: Vec<Limits>,
    /// Addresses whose `X-Forwarded-For` is believed. Packed ranges, see [`AddressList::ranges`].
    #[serde(with = "serde_bytes")]
    pub trusted_proxies: Vec<u8>,
    /// The APIs, by descending specificity of host and base path: first match wins.
    pub apis: Vec<Api>,
    /// Endpoints known from OpenAPI documents, configuration and the learned catalogue.
    pub endpoints: Vec<Endpoint>,
    /// How callers prove who they are.
    pub identity: Identity,
    /// Named address lists that policies ask with `in_list`.
    pub lists: Vec<AddressList>,
    /// MaxMind databases; the host reads the files, the engine gets bytes.
    pub geo: Geo,
    /// User-agent patterns of known bots, most specific first.
    pub bots: Vec<Bot>,
    /// Canned answers for `deceive`.
    pub responses: Vec<CannedResponse>,
    /// Sensitive-data classes to look for; empty switches the stage off.
    pub sensitive_classes: Vec<String>,
    /// Names of signal kinds; [`Field::SignalScore`] refers to them by index.
    pub signal_kinds: Vec<String>,
    /// Policies in order.
    pub policies: Vec<Policy>,
    /// Fields in which people write, by name, wherever an endpoint says nothing of them.
    #[serde(default)]
    pub content: Content,
    /// Tell shapes of requests and answers, from which schemas are learned.
    #[serde(default)]
    pub shapes: bool,
    /// SecLang rules, compiled (filled by the rules stage's own compiler; empty means none).
    #[serde(with = "serde_bytes", default)]
    pub rules: Vec<u8>,
    /// What calls and answers are held to; at most one for each API.
    #[serde(default)]
    pub contracts: Vec<ApiContract>,
}

/// How matches of rules in fields where people write are weighed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Content {
    /// Weigh them; `false`: every match counts.
    pub weigh: bool,
    /// Names of fields, in lower case, their words joined by `_`, and what such fields hold. A name counts for longer
    /// ones that end with its words too (`text` for `commentText`), unless it begins with `=`.
    pub names: Vec<(String, ContentKind)>,
}

/// What a field holds, as far as it matters to rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentKind {
    /// No content: numbers, identifiers, names, addresses, choices. Every match of a rule counts.
    Other,
    /// Sentences.
    Prose,
    /// Markdown: prose with code in it that is shown as it is.
    Markdown,
    /// HTML: prose with elements that are meant.
    Html,
    /// Source code, configuration, logs.
    Code,
    /// Regular expressions.
    Pattern,
    /// Queries that the application runs as they are.
    Query,
}

/// How much of a request is inspected. What is over a limit is an anomaly, and [`Limits::over_limit`] says what happens
/// to the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of path and query together.
    pub uri_bytes: u32,
    /// Number of request headers.
    pub headers: u32,
    /// Bytes of one header's value.
    pub header_bytes: u32,
    /// Bytes of a request body that are inspected.
    pub request_body_bytes: u32,
    /// Bytes of a response body that are inspected.
    pub response_body_bytes: u32,
    /// Bytes after decompression.
    pub decompressed_bytes: u32,
    /// Decompressed size over compressed size.
    pub decompression_ratio: u32,
    /// Nesting of JSON and XML.
    pub depth: u32,
    /// Parameters of the query.
    pub query_parameters: u32,
    /// Cookies.
    pub cookies: u32,
    /// Parameters of the body (form fields, JSON leaves, multipart parts, XML texts and attributes).
    pub body_parameters: u32,
    /// Parts of one multipart body.
    pub multipart_parts: u32,
    /// Units of work for one request and its response; one is about a nanosecond of one core.
    pub work: u64,
    /// What happens to a request of a type that is read (JSON, XML, form, text …) and is over a limit.
    pub over_limit: OverLimit,
    /// What happens to a file (a body whose type is not read, or the content of a multipart file) that is longer
    /// than `request_body_bytes`.
    pub over_limit_files: OverLimit,
    /// How many milliseconds a body is waited for before its rate counts.
    #[serde(default)]
    pub body_wait_ms: u64,
    /// Least bytes of a body per second; 0: any.
    #[serde(default)]
    pub body_rate: u32,
    /// Milliseconds that a whole body may take; 0: any time.
    #[serde(default)]
    pub body_time_ms: u64,
}

/// What happens to a request that is over a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverLimit {
    /// Refused: 413, or what fits the limit better.
    Refuse,
    /// Passed; what is beyond the limit is looked at as far as it can be, and the event says which limit it was.
    Pass,
}

/// One API: where its calls come in and where they go.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Api {
    /// Unique name.
    pub name: String,
    /// Lower case, no port. `*` is any host, `*.example.com` any host below that name, and anything else one host.
    pub hosts: Vec<String>,
    /// Normalised prefixes that start with `/`; a prefix matches whole segments.
    pub base_paths: Vec<String>,
    /// Name of the Envoy cluster.
    pub upstream: String,
    /// Labels of every endpoint of this API.
    pub labels: Vec<String>,
    /// Names of the JWT providers that this API accepts.
    pub jwt_providers: Vec<String>,
    /// Whether the API has an OpenAPI document, so that an unmatched call is undocumented.
    pub documented: bool,
    /// Index in [`Bundle::scoped_limits`]; `None`: [`Bundle::limits`].
    #[serde(default)]
    pub limits: Option<u32>,
    /// Whether its upstream speaks HTTP/2, without which there is no gRPC.
    #[serde(default)]
    pub grpc: bool,
}

/// One endpoint: method and path template of an API.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoint {
    /// Stable id: hex of the first 8 bytes of SHA-256 of `api \n method \n template`.
    pub id: String,
    /// Index in [`Bundle::apis`].
    pub api: u32,
    /// Upper case, or `*`.
    pub method: String,
    /// Path template from the root (base path included), as in `OpenAPI`: `/users/{id}`.
    pub path: String,
    /// Labels beyond the API's own.
    pub labels: Vec<String>,
    /// Whether it comes from an OpenAPI document; otherwise it was learned or configured.
    pub documented: bool,
    /// Where a login endpoint carries the account name and password, as parameter names of the parsed body
    /// or query (`email`, `user.name` for nested JSON). Only keyed hashes of them leave the engine.
    pub username_field: Option<String>,
    /// See `username_field`.
    pub password_field: Option<String>,
    /// Index in [`Bundle::scoped_limits`]; `None`: as its API.
    #[serde(default)]
    pub limits: Option<u32>,
    /// What its fields hold, by path (`issue.body`, `messages.content`); those not named here go by [`Bundle::content`].
    #[serde(default)]
    pub content: Vec<(String, ContentKind)>,
}

/// How callers prove who they are.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Identity {
    /// Header in which Envoy's `jwt_authn` forwards the verified payload (base64url JSON); empty: no JWT.
    /// Envoy removes it from what clients send.
    pub jwt_payload_header: String,
    /// JWT providers.
    pub jwt_providers: Vec<JwtProvider>,
    /// Where API keys are looked for, in order.
    pub api_key_sources: Vec<ApiKeySource>,
    /// Known API keys, by hash.
    pub api_keys: Vec<ApiKey>,
    /// Accept the subject of a client certificate that Envoy verified.
    pub mtls: bool,
}

/// A JWT provider (its verification is Envoy's).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JwtProvider {
    /// Unique name.
    pub name: String,
    /// `iss` of its tokens.
    pub issuer: String,
    /// Claim that names the subject, normally `sub`.
    pub subject_claim: String,
    /// Claim with scopes: space-separated string or list, normally `scope`.
    pub scopes_claim: String,
}

/// Where an API key is looked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiKeySource {
    /// Header, lower case; a `Bearer ` or `ApiKey ` prefix is dropped.
    Header(String),
    /// Query parameter.
    Query(String),
    /// Cookie.
    Cookie(String),
}

/// A known API key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiKey {
    /// SHA-256 of the key (keys are 256-bit random, so no salt or stretching is needed).
    #[serde(with = "serde_bytes")]
    pub sha256: Vec<u8>,
    /// Who it belongs to.
    pub subject: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Unix seconds after which it is refused.
    pub expires_s: Option<u64>,
}

/// A named address list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddressList {
    /// Unique name.
    pub name: String,
    /// Sorted, merged, inclusive ranges of 32 bytes each: first and last address, both as IPv6 in network
    /// byte order (IPv4 as `::ffff:a.b.c.d`).
    #[serde(with = "serde_bytes")]
    pub ranges: Vec<u8>,
}

/// Paths of MaxMind databases; `None` leaves the fields empty.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Geo {
    /// Country or City database.
    pub country_path: Option<String>,
    /// ASN database.
    pub asn_path: Option<String>,
}

/// A known bot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bot {
    /// `Googlebot`.
    pub name: String,
    /// `good`, `bad` or `tool` (curl and libraries).
    pub class: String,
    /// Regular expression on the user agent.
    pub pattern: String,
}

/// A canned answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CannedResponse {
    /// Unique name.
    pub name: String,
    /// HTTP status.
    pub status: u16,
    /// Header names (lower case) and values.
    pub headers: Vec<(String, String)>,
    /// Body.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
}

/// When a policy is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before the request goes to the upstream.
    Request,
    /// When the response came (it uses `response.*`, `sensitive.response`, or masks).
    Response,
}

/// Whether a policy acts or only says what it would have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Record only.
    Observe,
    /// Act.
    Enforce,
}

/// One policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Policy {
    /// Unique name.
    pub name: String,
    /// When it is asked.
    pub phase: Phase,
    /// APIs it is for (index in [`Bundle::apis`]); `None`: all.
    // `None` and not an empty list: an empty list is a policy for nothing, which Python warns of and the engine keeps.
    pub apis: Option<Vec<u32>>,
    /// Endpoints it is for (index in [`Bundle::endpoints`]); `None`: all.
    pub endpoints: Option<Vec<u32>>,
    /// The checked condition; its type is bool.
    pub when: Expr,
    /// What to do.
    pub action: Action,
    /// Act or only record.
    pub mode: Mode,
    /// Unix seconds after which it is ignored.
    pub expires_s: Option<u64>,
}
