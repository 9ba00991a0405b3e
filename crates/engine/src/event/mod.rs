//! The row that goes to the control plane for each request. `docs/events.md` describes every field.

mod batch;
mod overload;

pub use batch::EventBatch;

use std::borrow::Cow;
use std::net::Ipv6Addr;

use serde::{Serialize, Serializer};
use smallvec::SmallVec;
use smol_str::{SmolStr, format_smolstr};

use crate::client::address;
use crate::client::bot::truncate;
use crate::engine::{Engine, Now};
use crate::http::{Location, Parameter, ParameterKind};
use crate::input::StreamEnd;
use crate::login::Login;
use crate::policy::Terminal;
use crate::signals::known::Familiarity;
use crate::transaction::Transaction;

/// Bytes of `path`.
pub const MAX_PATH_BYTES: usize = 1024;

/// Bytes of `user_agent`.
pub const MAX_USER_AGENT_BYTES: usize = 256;

/// Entries of `parameters`.
pub const MAX_PARAMETERS: usize = 64;

/// Classes whose presence in a path segment hides the segment.
const HIDDEN_IN_PATHS: &[&str] = &[
    "card_number",
    "us_ssn",
    "iban",
    "email",
    "jwt",
    "private_key",
    "cloud_key",
];

/// One event. Field by field as in `docs/events.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "docs/events.md is the one description of the columns"
)]
pub struct EventRow {
    #[serde(rename = "time")]
    pub time_us: u64,
    pub id: SmolStr,
    pub node: SmolStr,
    pub bundle: SmolStr,
    pub api: SmolStr,
    pub endpoint_id: SmolStr,
    pub method: SmolStr,
    pub scheme: SmolStr,
    pub host: SmolStr,
    pub path: SmolStr,
    pub template: SmolStr,
    pub protocol: &'static str,
    pub status: u16,
    pub upstream: SmolStr,
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub duration_us: u32,
    pub engine_us: u32,
    #[serde(serialize_with = "as_text")]
    pub address: Ipv6Addr,
    pub country: SmolStr,
    pub asn: u32,
    pub as_organization: SmolStr,
    pub ja4: SmolStr,
    pub fingerprint: SmolStr,
    pub user_agent: SmolStr,
    pub bot: &'static str,
    pub bot_name: SmolStr,
    pub identity_kind: &'static str,
    pub identity_verified: bool,
    pub subject: SmolStr,
    pub subject_hash: SmolStr,
    pub credential_hash: SmolStr,
    pub identity_error: &'static str,
    pub account_hash: SmolStr,
    pub password_hash: SmolStr,
    pub session_hash: SmolStr,
    pub auth_seen: Vec<&'static str>,
    pub content_type: SmolStr,
    pub response_content_type: SmolStr,
    pub parameters: Vec<SmolStr>,
    pub object_hash: SmolStr,
    pub anomalies: Vec<&'static str>,
    pub findings: Vec<Cow<'static, str>>,
    pub evidence: Vec<String>,
    pub sensitive_request: Vec<&'static str>,
    pub sensitive_response: Vec<&'static str>,
    pub sensitive_response_count: u32,
    pub signals: Vec<SmolStr>,
    pub action: &'static str,
    pub policy: SmolStr,
    pub tags: Vec<String>,
    pub observed: Vec<String>,
    pub weight: u32,
}

impl EventRow {
    pub(crate) fn of(
        transaction: Box<Transaction>,
        engine: &Engine,
        end: StreamEnd,
        now: Now,
    ) -> Box<Self> {
        let login = Login::of(&transaction, engine);
        let familiarity = login.familiarity(&transaction, engine);
        let first = |hashes: SmallVec<[SmolStr; 1]>| hashes.into_iter().next().unwrap_or_default();
        let parameters = parameters(&transaction, engine);
        let object = object(&transaction);
        let object_hash = object
            .map(|object| engine.hash.of(&[object.as_bytes()]))
            .unwrap_or_default();
        let path = masked_path(&transaction.found.path, engine).into();
        let api = engine.api(transaction.found.matched.api);
        let endpoint = engine.endpoint(transaction.found.matched.endpoint);
        let deciding = if transaction.response.decision.terminal == Terminal::Allow
            && transaction.response.decision.policy.is_empty()
        {
            &transaction.decision
        } else {
            &transaction.response.decision
        };
        let (action, policy) = (deciding.terminal.code(), SmolStr::new(&deciding.policy));
        // What Starfort answered by itself says nothing about whether the log-in would have succeeded.
        let succeeded = (200..400).contains(&transaction.response.status);
        if succeeded && action == Terminal::Allow.code() {
            login.remember(&transaction, engine);
        }
        let (account_hash, password_hash) = (first(login.accounts), first(login.passwords));
        let signals = signals(&transaction, familiarity);
        let elapsed_ns = now
            .monotonic_ns
            .saturating_sub(transaction.started.monotonic_ns);
        let response = transaction.response;
        let mut tags = transaction.decision.done;
        tags.extend(response.decision.done);
        let mut observed = transaction.decision.observed;
        observed.extend(response.decision.observed);
        let (mut client, identity) = (transaction.client, transaction.identity);
        if client.user_agent.len() > MAX_USER_AGENT_BYTES {
            client.user_agent = truncate(&client.user_agent, MAX_USER_AGENT_BYTES).into();
        }
        Box::new(Self {
            time_us: transaction.started.unix_us,
            id: transaction.id,
            node: engine.node.clone(),
            bundle: engine.version.clone(),
            api: api.map(|api| SmolStr::new(&api.name)).unwrap_or_default(),
            endpoint_id: endpoint
                .map(|endpoint| SmolStr::new(&endpoint.id))
                .unwrap_or_default(),
            method: transaction.method,
            scheme: transaction.scheme,
            host: transaction.host,
            path,
            template: endpoint
                .map(|endpoint| SmolStr::new(&endpoint.path))
                .unwrap_or_default(),
            protocol: transaction.protocol,
            status: response.status,
            upstream: response.upstream,
            request_bytes: end.request_bytes,
            response_bytes: end.response_bytes,
            duration_us: u32::try_from(elapsed_ns / 1000).unwrap_or(u32::MAX),
            engine_us: end.engine_us,
            address: address::mapped(client.address),
            country: client.place.country,
            asn: client.place.asn,
            as_organization: client.place.as_organization,
            ja4: client.ja4,
            fingerprint: client.fingerprint,
            user_agent: client.user_agent,
            bot: client.bot.code(),
            bot_name: client.bot_name,
            identity_kind: identity.kind.code(),
            identity_verified: identity.verified(),
            subject: identity.subject,
            subject_hash: identity.subject_hash,
            credential_hash: identity.credential_hash,
            identity_error: identity.error,
            account_hash,
            password_hash,
            session_hash: identity.session_hash,
            auth_seen: identity.auth_seen,
            content_type: transaction.content_type,
            response_content_type: response.content_type,
            parameters,
            object_hash,
            anomalies: transaction.anomalies.codes().collect(),
            findings: transaction.findings.into_codes(),
            evidence: transaction.rules.evidence.into_rows(),
            sensitive_request: transaction.sensitive_request,
            sensitive_response: response.sensitive,
            sensitive_response_count: response.sensitive_count,
            signals,
            action,
            policy,
            tags,
            observed,
            weight: 1,
        })
    }
}

/// Kinds that apply, kinds that don't and why, and how well the one who logs in is known.
fn signals(transaction: &Transaction, familiarity: Familiarity) -> Vec<SmolStr> {
    let active = transaction.signals.iter();
    let active = active.map(|signal| SmolStr::new(&signal.kind));
    let passed = transaction.passed.iter();
    let passed = passed.map(|(kind, why)| format_smolstr!("{}:{kind}", why.code()));
    let known = familiarity.marks().map(SmolStr::new_static);
    active.chain(passed).chain(known).collect()
}

/// An IPv4 address as people write it.
fn as_text<S: Serializer>(address: &Ipv6Addr, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&address.to_canonical())
}

/// `location:name:type` of each parameter, each name once.
fn parameters(transaction: &Transaction, engine: &Engine) -> Vec<SmolStr> {
    let mut described: Vec<SmolStr> =
        Vec::with_capacity(transaction.parameters.len().min(MAX_PARAMETERS));
    let mut text = String::with_capacity(64);
    let mut push = |location: Location, name: &str, kind: ParameterKind| {
        if described.len() < MAX_PARAMETERS && !name.is_empty() {
            text.clear();
            // `format!` takes three times as long, for each parameter of each request.
            for part in [location.code(), ":", name, ":", kind.code()] {
                text.push_str(part);
            }
            if !described.iter().any(|known| known.as_str() == text) {
                described.push(SmolStr::new(&text));
            }
        }
    };
    if let Some(endpoint) = engine.endpoint(transaction.found.matched.endpoint) {
        for (template, value) in endpoint
            .path
            .split('/')
            .zip(transaction.found.path.split('/'))
        {
            if let Some(name) = template
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'))
            {
                push(Location::Path, name, ParameterKind::of_text(value));
            }
        }
    }
    for parameter in transaction.parameters.iter() {
        push(parameter.location, name_of(&parameter), parameter.kind());
    }
    described
}

/// A name is what the API calls it; one that is too long to be a name is cut.
fn name_of<'a>(parameter: &Parameter<'a>) -> &'a str {
    truncate(parameter.name, 128)
}

/// The value that names the object of the call: the template's last parameter, or of an unknown endpoint the last
/// segment when it has a digit.
fn object(transaction: &Transaction) -> Option<&str> {
    let path = &transaction.found.path;
    if let Some((start, end)) = transaction.found.matched.object {
        return path.get(start as usize..end as usize);
    }
    if transaction.found.matched.endpoint.is_some() {
        return None;
    }
    path.rsplit('/')
        .next()
        .filter(|segment| segment.bytes().any(|byte| byte.is_ascii_digit()))
}

/// The path with secrets and personal data replaced by `{masked}`, cut to [`MAX_PATH_BYTES`].
fn masked_path(path: &str, engine: &Engine) -> String {
    let path = truncate(path, MAX_PATH_BYTES);
    if !engine.scanner.finds_any(path.as_bytes(), HIDDEN_IN_PATHS) {
        return path.to_owned();
    }
    let hide = |segment| {
        if engine
            .scanner
            .finds_any(str::as_bytes(segment), HIDDEN_IN_PATHS)
        {
            "{masked}"
        } else {
            segment
        }
    };
    let masked = path.split('/').map(hide).collect::<Vec<_>>().join("/");
    // A value that spans segments hides them all.
    if engine.scanner.finds_any(masked.as_bytes(), HIDDEN_IN_PATHS) {
        "/{masked}".into()
    } else {
        masked
    }
}
