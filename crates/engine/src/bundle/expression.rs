//! Conditions and keys of policies, as Python checked them.
//!
//! Python parses CEL and checks every type, so that the engine never sees a text that it would have to parse or a
//! comparison that could not be made. `starfort.bundle.expression` writes the same types.

use serde::{Deserialize, Serialize};

/// A checked CEL expression. Types were checked in Python; the engine may still meet missing map keys
/// and out-of-range numbers, which make the expression an error. A policy whose condition is an error does not match, and
/// is counted (`policy_errors`).
// Tagged by the variant's name, as `starfort.bundle.expression` writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expr {
    /// `null`
    Null,
    /// Boolean literal.
    Bool(bool),
    /// Integer literal.
    Int(i64),
    /// Unsigned literal.
    Uint(u64),
    /// Double literal.
    Double(f64),
    /// String literal.
    String(String),
    /// List of expressions.
    List(Vec<Expr>),
    /// A variable of the transaction.
    Field(Field),
    /// A variable bound by an enclosing comprehension, by depth from the innermost (0).
    // By depth and not by name: nothing has to be compared, and an inner variable of the same name hides the outer one.
    Local(u32),
    /// `map[key]`; missing keys are an error, as in CEL.
    Index(Box<Expr>, Box<Expr>),
    /// `has(map.key)` and `key in map`.
    HasKey(Box<Expr>, Box<Expr>),
    /// Operator or function with its arguments.
    Call(Function, Vec<Expr>),
    // No `Function`, because its right side is not evaluated when the left side decides.
    /// `a && b` (CEL semantics: an error on one side is absorbed by `false` on the other).
    And(Box<Expr>, Box<Expr>),
    /// `a || b`.
    Or(Box<Expr>, Box<Expr>),
    /// `c ? a : b`.
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `list.exists(x, p)`, `list.all(x, p)`, `list.exists_one(x, p)`; over a map: its keys.
    Comprehension(Quantifier, Box<Expr>, Box<Expr>),
}

/// The kind of a comprehension macro.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantifier {
    /// `exists`
    Exists,
    /// `all`
    All,
    /// `exists_one`
    ExistsOne,
}

/// Operators and functions of CEL that the engine evaluates, and our own two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// `!a`
    Not,
    /// `-a`
    Negate,
    /// `a == b`
    Equal,
    /// `a != b`
    NotEqual,
    /// `a < b`
    Less,
    /// `a <= b`
    LessOrEqual,
    /// `a > b`
    Greater,
    /// `a >= b`
    GreaterOrEqual,
    /// `a + b` (numbers, strings, lists)
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`
    Divide,
    /// `a % b`
    Modulo,
    /// `a in list`
    In,
    /// `size(a)`
    Size,
    /// `a.startsWith(b)`
    StartsWith,
    /// `a.endsWith(b)`
    EndsWith,
    /// `a.contains(b)`
    Contains,
    // The pattern has to be known when the bundle loads: compiling one for a request would let clients choose its cost.
    /// `a.matches(b)`; `b` is a literal, checked and compiled when the bundle loads.
    Matches,
    /// `int(a)`
    ToInt,
    /// `double(a)`
    ToDouble,
    /// `string(a)`
    ToString,
    /// `a.lowerAscii()`
    LowerAscii,
    // By index: a name would have to be looked up for each request.
    /// `in_list(address, "name")`; the second argument was replaced by the list's index.
    InList,
    /// `in_cidr(address, "10.0.0.0/8")`; the second argument is a literal.
    InCidr,
}

/// The variables that policies may use. The comment is the name and type in CEL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    // Variants instead of dotted names: Python has checked that the field exists, and the engine compares no text.
    /// `request.method`: string, upper case.
    RequestMethod,
    /// `request.scheme`: string.
    RequestScheme,
    /// `request.host`: string, lower case, no port.
    RequestHost,
    /// `request.path`: string, normalised, no query.
    RequestPath,
    /// `request.protocol`: string, `HTTP/1.1`, `HTTP/2` or `HTTP/3`.
    RequestProtocol,
    /// `request.headers`: map(string, string), lower-case names, repeated values joined with `, `.
    RequestHeaders,
    /// `request.query`: map(string, string), first value of each.
    RequestQuery,
    /// `request.cookies`: map(string, string).
    RequestCookies,
    /// `request.body`: map(string, string), leaves of the parsed body by dotted name.
    RequestBody,
    /// `request.content_type`: string, lower case, no parameters.
    RequestContentType,
    /// `request.body_bytes`: int, bytes received (0 before the body came).
    RequestBodyBytes,
    /// `request.anomalies`: list(string), see [`crate::http`].
    RequestAnomalies,
    /// `endpoint.api`: string, "" when no API matched.
    EndpointApi,
    /// `endpoint.id`: string, "" when unknown.
    EndpointId,
    /// `endpoint.path`: string, the template; the normalised path when unknown.
    EndpointPath,
    /// `endpoint.known`: bool.
    EndpointKnown,
    /// `endpoint.documented`: bool.
    EndpointDocumented,
    /// `endpoint.labels`: list(string).
    EndpointLabels,
    /// `client.address`: string.
    ClientAddress,
    /// `client.country`: string, ISO 3166-1 alpha-2 or "".
    ClientCountry,
    /// `client.continent`: string, AF AN AS EU NA OC SA or "".
    ClientContinent,
    /// `client.asn`: int, 0 when unknown.
    ClientAsn,
    /// `client.as_organization`: string.
    ClientAsOrganization,
    /// `client.ja4`: string, "" without TLS.
    ClientJa4,
    /// `client.fingerprint`: string, our header-order fingerprint.
    ClientFingerprint,
    /// `client.bot`: string: `none`, `good`, `bad` or `tool`.
    ClientBot,
    /// `client.bot_name`: string.
    ClientBotName,
    /// `client.user_agent`: string.
    ClientUserAgent,
    /// `identity.kind`: string: `none`, `jwt`, `api_key` or `mtls`.
    IdentityKind,
    /// `identity.verified`: bool.
    IdentityVerified,
    /// `identity.subject`: string.
    IdentitySubject,
    /// `identity.issuer`: string.
    IdentityIssuer,
    /// `identity.error`: string: why a credential that was presented did not verify.
    IdentityError,
    /// `identity.scopes`: list(string).
    IdentityScopes,
    /// `identity.claims`: map(string, string), top-level claims; objects and lists as JSON.
    IdentityClaims,
    // Signals by index: which kinds there are depends on the detectors that run, so their names are no variants.
    /// `signals.KIND.score`: double, 0 when the signal is not active; index in [`super::Bundle::signal_kinds`].
    SignalScore(u32),
    /// `signals.KIND.active`: bool.
    SignalActive(u32),
    /// `findings`: list(string), codes so far.
    Findings,
    /// `sensitive.request`: list(string), classes found in the request.
    SensitiveRequest,
    /// `sensitive.response`: list(string), classes found in the response.
    SensitiveResponse,
    /// `response.status`: int.
    ResponseStatus,
    /// `response.headers`: map(string, string).
    ResponseHeaders,
    /// `response.content_type`: string.
    ResponseContentType,
    /// `rules.score`: int, the request's anomaly score that counts for blocking.
    RulesScore,
    /// `rules.outbound_score`: int, the response's.
    RulesOutboundScore,
    /// `rules.matched`: list(string), ids of the rules that matched and are worth a log line.
    RulesMatched,
    /// `rules.interrupted`: bool, a rule asked to end the transaction (`deny`, `drop`, `redirect`).
    RulesInterrupted,
    /// `rules.severity`: int, 0 (emergency) to 7 (debug) of the most severe match, 255 without one.
    RulesSeverity,
    /// `contract.request.valid`: bool, the request keeps the contract of its API, or there is none.
    ContractRequestValid,
    /// `contract.response.valid`: bool, the response keeps it, or there is none.
    ContractResponseValid,
    /// `contract.violations`: list(string), `request:body/type:/items/*/price` and so on, those so far.
    ContractViolations,
}
