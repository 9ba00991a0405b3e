//! The row that goes to the control plane for each request. `docs/events.md` describes every field.

mod batch;
mod overload;

pub use batch::EventBatch;

use std::borrow::Cow;
use std::net::Ipv6Addr;

use serde::{Serialize, Serializer};
use smallvec::SmallVec;
use smol_str::{SmolStr, format_smolstr};

use crate::client::bot::{BotClass, truncate};
use crate::client::{Client, address};
use crate::endpoint::segment;
use crate::engine::{Engine, Now};
use crate::http::{Location, Parameter, ParameterKind, version};
use crate::identity::{Identity, IdentityKind};
use crate::input::StreamEnd;
use crate::login::Login;
use crate::policy::{Decision, Terminal};
use crate::response_traits::ResponseTraits;
use crate::sensitive::MASK;
use crate::shape;
use crate::signals::known::Familiarity;
use crate::transaction::{ResponseState, Transaction};

/// The most bytes of `path`; longer ones are cut.
pub const MAX_PATH_BYTES: usize = 1024;

/// The most bytes of `user_agent`; longer ones are cut.
pub const MAX_USER_AGENT_BYTES: usize = 256;

/// The most entries of `parameters`; further ones are left out.
pub const MAX_PARAMETERS: usize = 64;

/// The most entries of `contract`; further ones are left out.
pub const MAX_VIOLATIONS: usize = 16;

/// An address as the store keeps it: IPv6, with IPv4 addresses mapped (RFC 4291, 2.5.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MappedAddress(pub Ipv6Addr);

impl Default for MappedAddress {
    fn default() -> Self {
        Self(Ipv6Addr::UNSPECIFIED)
    }
}

/// An IPv4 address as people write it.
impl Serialize for MappedAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.to_canonical())
    }
}

/// One event. Field by field as in `docs/events.md`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
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
    pub address: MappedAddress,
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
    pub credential_places: Vec<SmolStr>,
    pub content_type: SmolStr,
    pub response_content_type: SmolStr,
    pub api_version: SmolStr,
    pub parameters: Vec<SmolStr>,
    pub object_hash: SmolStr,
    pub anomalies: Vec<&'static str>,
    pub findings: Vec<Cow<'static, str>>,
    pub evidence: Vec<String>,
    pub contract: Vec<SmolStr>,
    pub shape_request: String,
    pub shape_response: String,
    pub response_traits: Vec<&'static str>,
    pub sensitive_request: Vec<&'static str>,
    pub sensitive_response: Vec<&'static str>,
    pub sensitive_response_count: u32,
    pub signals: Vec<SmolStr>,
    pub action: &'static str,
    pub policy: SmolStr,
    pub tags: Vec<String>,
    pub observed: Vec<String>,
    pub weight: u32,
    pub source: SmolStr,
    pub unseen: Vec<&'static str>,
}

impl EventRow {
    /// A row for one call about which nothing is known.
    pub fn empty() -> Self {
        Self {
            bot: BotClass::None.code(),
            identity_kind: IdentityKind::None.code(),
            action: Terminal::Allow.code(),
            weight: 1,
            ..Self::default()
        }
    }

    /// The row of a request that is over. Texts are moved rather than copied: the transaction ends here.
    pub(crate) fn of(
        mut transaction: Box<Transaction>,
        engine: &Engine,
        end: StreamEnd,
        now: Now,
    ) -> Box<Self> {
        let login = Login::of(&transaction, engine);
        // How well the caller was known before this call, so this is asked before the log-in is remembered.
        let familiarity = login.familiarity(&transaction, engine);
        let mut row = Box::new(Self::empty());
        row.note_path(&mut transaction, engine);
        row.signals = signals(&transaction, familiarity);
        row.note_call(&transaction, engine);
        row.note_decision(&transaction);
        // What Starfort answered by itself says nothing about whether the log-in would have succeeded.
        let succeeded = (200..400).contains(&transaction.response.status);
        if succeeded && row.action == Terminal::Allow.code() {
            login.remember(&transaction, engine);
        }
        row.note_login(login);
        row.shape_request = shape::request(&mut transaction, engine);
        row.shape_response = shape::response(&mut transaction, engine);
        row.note_end(end, &transaction, now);
        // Last, because from here on the transaction is taken apart.
        row.id = transaction.id;
        row.method = transaction.method;
        row.scheme = transaction.scheme;
        row.host = transaction.host;
        row.content_type = transaction.content_type;
        row.findings = transaction.findings.into_codes();
        row.contract = transaction.contract.violations;
        row.contract.truncate(MAX_VIOLATIONS);
        row.evidence = transaction.rules.evidence.into_rows();
        row.sensitive_request = transaction.sensitive_request;
        row.note_client(transaction.client);
        row.note_identity(transaction.identity);
        row.note_actions(transaction.decision);
        row.note_response(transaction.response);
        row
    }

    /// Note the path, without what must not be stored. A secret in it is a credential of the call.
    fn note_path(&mut self, transaction: &mut Transaction, engine: &Engine) {
        // Cut first, so that a long path costs no more to look through than the event keeps of it.
        let path = truncate(&transaction.found.path, MAX_PATH_BYTES);
        let Some(masked) = engine.path_mask.mask(path) else {
            self.path = path.into();
            return;
        };
        self.path = truncate(&masked.path, MAX_PATH_BYTES).into();
        if masked.has_secret {
            transaction.identity.seen.note("token", "path", "token");
        }
    }

    /// Note which endpoint was called, and with which parameters.
    fn note_call(&mut self, transaction: &Transaction, engine: &Engine) {
        let found = &transaction.found;
        if let Some(api) = engine.api(found.matched.api) {
            self.api = SmolStr::new(&api.name);
        }
        if let Some(endpoint) = engine.endpoint(found.matched.endpoint) {
            self.endpoint_id = SmolStr::new(&endpoint.id);
            self.template = SmolStr::new(&endpoint.path);
        }
        self.node = engine.node.clone();
        self.bundle = engine.version.clone();
        self.protocol = transaction.protocol;
        self.api_version = version::asked(&transaction.headers, &transaction.parameters);
        self.response_traits = response_traits(transaction);
        self.parameters = parameters(transaction, engine);
        self.anomalies = transaction.anomalies.codes().collect();
        // As a hash, because detectors only count how many different objects are called.
        if let Some(object) = object(transaction) {
            self.object_hash = engine.hash.of(&[object.as_bytes()]);
        }
    }

    /// Note what decided: the policies of the response if one of them did anything, else those of the request.
    fn note_decision(&mut self, transaction: &Transaction) {
        let response = &transaction.response.decision;
        let is_silent = response.terminal == Terminal::Allow && response.policy.is_empty();
        let deciding = if is_silent {
            &transaction.decision
        } else {
            response
        };
        self.action = deciding.terminal.code();
        self.policy = SmolStr::new(&deciding.policy);
    }

    /// Note which account was tried. A log-in with several values counts as one on all of them together.
    fn note_login(&mut self, login: Login) {
        let first = |hashes: SmallVec<[SmolStr; 1]>| hashes.into_iter().next().unwrap_or_default();
        self.account_hash = first(login.accounts);
        self.password_hash = first(login.passwords);
    }

    /// Note how much was sent, and how long it took.
    fn note_end(&mut self, end: StreamEnd, transaction: &Transaction, now: Now) {
        let started = transaction.started;
        let elapsed_ns = now.monotonic_ns.saturating_sub(started.monotonic_ns);
        self.time_us = started.unix_us;
        self.duration_us = u32::try_from(elapsed_ns / 1000).unwrap_or(u32::MAX);
        self.request_bytes = end.request_bytes;
        self.response_bytes = end.response_bytes;
        self.engine_us = end.engine_us;
    }

    fn note_client(&mut self, client: Client) {
        self.address = MappedAddress(address::mapped(client.address));
        self.country = client.geo.country;
        self.asn = client.geo.asn;
        self.as_organization = client.geo.as_organization;
        self.ja4 = client.ja4;
        self.fingerprint = client.fingerprint;
        // Moved when it is short enough, which it nearly always is.
        self.user_agent = if client.user_agent.len() > MAX_USER_AGENT_BYTES {
            truncate(&client.user_agent, MAX_USER_AGENT_BYTES).into()
        } else {
            client.user_agent
        };
        self.bot = client.bot.code();
        self.bot_name = client.bot_name;
    }

    fn note_identity(&mut self, identity: Identity) {
        self.identity_kind = identity.kind.code();
        self.identity_verified = identity.verified();
        self.subject = identity.subject;
        self.subject_hash = identity.subject_hash;
        self.credential_hash = identity.credential_hash;
        self.identity_error = identity.error;
        self.session_hash = identity.session_hash;
        self.auth_seen = identity.seen.kinds;
        self.credential_places = identity.seen.places;
    }

    /// Note what policies of one phase did, and what they would have done.
    fn note_actions(&mut self, decision: Decision) {
        self.tags.extend(decision.done);
        self.observed.extend(decision.observed);
    }

    fn note_response(&mut self, response: ResponseState) {
        self.status = response.status;
        self.upstream = response.upstream;
        self.response_content_type = response.content_type;
        self.sensitive_response = response.sensitive;
        self.sensitive_response_count = response.sensitive_count;
        self.note_actions(response.decision);
    }
}

/// The kinds of signals that apply, those that do not with the reason, and how well the caller who logs in is known.
fn signals(transaction: &Transaction, familiarity: Familiarity) -> Vec<SmolStr> {
    let active = transaction.signals.iter();
    let active = active.map(|signal| SmolStr::new(&signal.kind));
    let passed = transaction.passed.iter();
    let passed = passed.map(|(kind, why)| format_smolstr!("{}:{kind}", why.code()));
    let known = familiarity.marks().map(SmolStr::new_static);
    active.chain(passed).chain(known).collect()
}

/// `location:name:type` of each parameter, each name once.
fn parameters(transaction: &Transaction, engine: &Engine) -> Vec<SmolStr> {
    let mut described: Vec<SmolStr> =
        Vec::with_capacity(transaction.parameters.len().min(MAX_PARAMETERS));
    let mut text = String::with_capacity(64);
    let mut push = |location: Location, name: &str, kind: ParameterKind| {
        if described.len() < MAX_PARAMETERS && !name.is_empty() {
            text.clear();
            // `format!` takes three times as long, and this is done for each parameter of each request.
            for part in [location.code(), ":", name, ":", kind.code()] {
                text.push_str(part);
            }
            // Compared one by one: there are at most 64 short texts, and a set would allocate for each request.
            if !described.iter().any(|known| known.as_str() == text) {
                described.push(SmolStr::new(&text));
            }
        }
    };
    // Parameters of the path come from the template: only it names them.
    if let Some(endpoint) = engine.endpoint(transaction.found.matched.endpoint) {
        for (template, value) in endpoint
            .path
            .split('/')
            .zip(transaction.found.path.split('/'))
        {
            for (name, value) in segment::captures(template, value).into_iter().flatten() {
                push(Location::Path, name, ParameterKind::of_text(value));
            }
        }
    }
    for parameter in transaction.parameters.iter() {
        push(
            parameter.location,
            name_of(&parameter, engine),
            parameter.kind(),
        );
    }
    described
}

/// The name of a parameter, as the API calls it. Text that is too long for a name is cut, and clients choose names too:
/// those that are secrets or personal data themselves are masked.
fn name_of<'a>(parameter: &Parameter<'a>, engine: &Engine) -> &'a str {
    let name = truncate(parameter.name, 128);
    if engine.path_mask.hides_name(name) {
        MASK
    } else {
        name
    }
}

/// Facts about the upstream's response; none when Starfort answered.
fn response_traits(transaction: &Transaction) -> Vec<&'static str> {
    let response = &transaction.response;
    if response.upstream.is_empty() {
        return Vec::new();
    }
    let of_headers = ResponseTraits::of_headers(&response.headers, &transaction.headers);
    of_headers.or(response.errors).codes().collect()
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
    // Without a template: words in a path seldom have a digit, and identifiers nearly always have one.
    path.rsplit('/')
        .next()
        .filter(|segment| segment.bytes().any(|byte| byte.is_ascii_digit()))
}
