//! Where a request is handled: the stages, in their order.
//!
//! The order is that of `docs/concepts.md`, "One request". A request passes through the lists below: its head
//! ([`request_head`]), its body when it is read ([`request_body`]), then the policies ([`policy`]); the head and the
//! body of the response; and at last the [`event`]. A list names its stages one below the other, with the reason why
//! each stands where it stands, and each stage is one function of its own.
//!
//! `conversation.rs` says when the host hands over which part, and what it is told to do then.

pub(crate) mod contract;
pub(crate) mod limits;
mod rules;
mod signals;

use std::borrow::Cow;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;
use smol_str::{SmolStr, StrExt};

use crate::bundle::Phase;
use crate::client::Client;
use crate::contract::Violations;
use crate::endpoint::Found;
use crate::engine::{Engine, Now};
use crate::event::EventRow;
use crate::headers::Headers;
use crate::http::body::Body;
use crate::http::collect::Collect;
use crate::http::listener::Both;
use crate::http::path::Target;
use crate::http::{Anomalies, Anomaly, Parameters, content_type, cookies, headers, path, query};
use crate::identity::{Identity, Offered};
use crate::input::{RequestHead, ResponseHead, StreamEnd};
use crate::policy::Decision;
use crate::rate::RateTable;
use crate::rules::{Environment, QueryFacts};
use crate::schema;
use crate::shape::{self, Sketch};
use crate::transaction::{
    ContractOutcome, Findings, ResponseState, RulesOutcome, Transaction, Watch,
};
use crate::view;
use crate::work::{self, Work};

pub(crate) use contract::Unread;
pub(crate) use rules::{request_trailers, wants_any_body, wants_response_body};

/// Units of work for decompressing, in tenths for each byte of the result.
const WORK_DECOMPRESS: u64 = 20;

/// Units of work for reading a body and looking for sensitive data in it, in tenths for each byte.
const WORK_READ: u64 = 30;

/// A quarter of a request's work is kept for its response, so a request that used up its work does not keep the response
/// from being looked at.
const RESPONSE_SHARE: u64 = 4;

// --- The lists ---

/// The stages that need the head alone.
pub(crate) fn request_head(
    engine: &Engine,
    head: RequestHead<'_, '_>,
    now: Now,
) -> Box<Transaction> {
    let received = Headers::copy(head.headers.iter().copied());
    // The path comes first, because what is called says how much of the rest is read.
    let mut line = http_line(engine, &received);
    let found = endpoint(engine, &mut line);
    let (parameters, arguments) = http_head(engine, &received, &mut line, &found, now);
    // Signals and policies speak of callers, so both are asked after the caller is known.
    let client = client(engine, head, &received);
    let identity = identity(engine, &received, &parameters, &found, now);
    let (method, host, anomalies) = (line.method, line.host, line.anomalies);
    let known = Known {
        method,
        host,
        headers: received,
        parameters,
        anomalies,
        found,
        client,
        identity,
    };
    let mut transaction = begin(engine, head.protocol, known, now);
    signals::ask(engine, &mut transaction, now);
    schema(engine, &mut transaction);
    contract::request_head(engine, &mut transaction);
    // Rules cost the most, and they are told what every parser found odd.
    rules::request_head(engine, &mut transaction, arguments, now);
    transaction
}

/// The stages that look at a body. `truncated`: there is more of it than `bytes`.
pub(crate) fn request_body(
    engine: &Engine,
    transaction: &mut Transaction,
    bytes: &[u8],
    truncated: bool,
    now: Now,
) {
    let body = http_body(engine, transaction, bytes, truncated, now);
    if limits::refuses(engine, transaction) {
        // It is refused whatever the other stages say, and they are what an attacker would make us pay for.
        return;
    }
    // Asked again: only the body of a log-in says which account is tried.
    signals::ask(engine, transaction, now);
    rules::request_body(engine, transaction, now);
    sensitive_request(engine, transaction, &body);
}

/// Rules and contract look at the head again: more of the body has come, and their scores of the part that came first cannot be taken
/// back one by one.
pub(crate) fn rules_again(engine: &Engine, transaction: &mut Transaction, now: Now) {
    rules::request_head(engine, transaction, None, now);
    contract::request_again(engine, transaction);
}

/// The stages for a request without a body, or with a body that is not read. Rules have a phase for bodies in any case.
pub(crate) fn request_without_body(
    engine: &Engine,
    transaction: &mut Transaction,
    what: Unread,
    now: Now,
) {
    contract::request_without_body(engine, transaction, what);
    rules::request_body(engine, transaction, now);
}

/// The stages that need the head of a response.
pub(crate) fn response_head(
    engine: &Engine,
    transaction: &mut Transaction,
    head: ResponseHead<'_, '_>,
    now: Now,
) {
    transaction.response.receive(head);
    // Noted before the response gets its own share of work, which clears the mark that the request's work was used up.
    limits::note_work(transaction);
    let share = limits::of(engine, transaction).work / RESPONSE_SHARE;
    transaction.work = transaction.work.with_at_least(share);
    contract::response_head(engine, transaction);
    rules::response_head(engine, transaction, now);
}

/// The stages that look at the body of a response, without its content encoding. `truncated`: the end is missing.
pub(crate) fn response_body(
    engine: &Engine,
    transaction: &mut Transaction,
    plain: &[u8],
    truncated: bool,
    now: Now,
) {
    http_response_body(engine, transaction, plain, truncated);
    rules::response_body(engine, transaction, Some(plain), now);
    sensitive_response(engine, transaction, plain);
    errors(engine, transaction, plain);
}

/// The stages at the end of the stream, however it ended.
pub(crate) fn finish(
    engine: &Engine,
    mut transaction: Box<Transaction>,
    end: StreamEnd,
    now: Now,
) -> Box<EventRow> {
    // The last phase of rules is for what they log, and that is part of the event.
    rules::finish(engine, &mut transaction, now);
    event(engine, transaction, end, now)
}

// --- The stages ---

/// The parts of the head that `http` reads before it is known which endpoint is called.
struct Line<'a> {
    method: SmolStr,
    host: SmolStr,
    target: Target<'a>,
    query: Option<&'a [u8]>,
    anomalies: Anomalies,
}

/// http: method, host and path as the upstream will see them.
fn http_line<'a>(engine: &Engine, received: &'a Headers) -> Line<'a> {
    let text = |name: &str| received.text(name).unwrap_or_default();
    // The endpoint is not known yet, so the longest target that any endpoint allows is read.
    let raw = received.get(":path").unwrap_or(b"/");
    let target = path::split(raw, &engine.target_limits);
    Line {
        // Upper case, because lenient servers take `get` for GET, and then policies on GET have to hold.
        method: text(":method").to_ascii_uppercase_smolstr(),
        host: host_of(text(":authority")),
        query: target.query,
        anomalies: target.anomalies,
        target,
    }
}

/// endpoint: which API and endpoint is called, in each reading of the path.
fn endpoint(engine: &Engine, line: &mut Line<'_>) -> Found {
    let target = std::mem::take(&mut line.target);
    let found = (engine.matcher).read(&line.host, &line.method, target, &engine.endpoints);
    line.anomalies
        .insert_if(found.misplaced_parameter, Anomaly::PathParameterMisplaced);
    found
}

/// http, and the part of rules that reads: headers, query and cookies, within the limits of what is called. The query is
/// read once, and parameters and rules both listen.
///
/// # Returns
/// The parameters, and what rules have heard of the query; `None` when they have to read it by themselves.
fn http_head(
    engine: &Engine,
    received: &Headers,
    line: &mut Line<'_>,
    found: &Found,
    now: Now,
) -> (Parameters, Option<QueryFacts>) {
    let limits = engine.limits_of_call(found);
    let mut parameters = Parameters::within(limits);
    let target = received.get(":path").unwrap_or(b"/");
    let is_over = target.len() > limits.uri_bytes as usize;
    let anomalies = &mut line.anomalies;
    anomalies.insert_if(is_over, Anomaly::UriOverLimit);
    anomalies.extend(headers::check(received.iter(), limits));
    // Rules see the whole query even where parameters are cut, and know other forms of a target than a path.
    let is_shared = !is_over && target.starts_with(b"/");
    let mut arguments = rules::environment(engine, now)
        .filter(|_| is_shared)
        .and_then(Environment::query_facts);
    if let Some(raw) = line.query {
        let odd = query::read(raw, limits, &mut parameters, &mut arguments);
        anomalies.extend(odd);
        if let Some(arguments) = &mut arguments {
            arguments.note_bad_escape(odd.contains(Anomaly::QueryBadEscape));
        }
    }
    // HTTP/2 clients may send each cookie in a header of its own (RFC 9113, 8.2.3).
    for (_, raw) in received.iter().filter(|(name, _)| *name == b"cookie") {
        anomalies.extend(cookies::parse(raw, limits, &mut parameters));
    }
    (parameters, arguments)
}

/// client: who calls, as the network shows it.
fn client(engine: &Engine, head: RequestHead<'_, '_>, received: &Headers) -> Client {
    engine.clients.identify(head.peer, head.protocol, received)
}

/// identity: who calls, as credentials prove it.
fn identity(
    engine: &Engine,
    received: &Headers,
    parameters: &Parameters,
    found: &Found,
    now: Now,
) -> Identity {
    let offered = Offered {
        headers: received,
        parameters,
        unix_s: now.unix_us / 1_000_000,
    };
    let accepted = accepted_providers(engine, found);
    engine.identities.identify(offered, &accepted, &engine.hash)
}

/// What the stages before signals have found out about a request.
struct Known {
    method: SmolStr,
    host: SmolStr,
    headers: Headers,
    parameters: Parameters,
    anomalies: Anomalies,
    found: Found,
    client: Client,
    identity: Identity,
}

/// The transaction of a request, which the stages from here on write into.
fn begin(engine: &Engine, protocol: &'static str, known: Known, now: Now) -> Box<Transaction> {
    let text = |name: &str| known.headers.text(name).unwrap_or_default();
    let is_shaped = shape::looks(engine, &known.found, &known.method);
    // Boxed at once: a transaction has some 1.5 KB, which each move would copy.
    Box::new(Transaction {
        started: now,
        id: text("x-request-id").into(),
        scheme: text(":scheme").into(),
        content_type: content_type::media_type(text("content-type")),
        protocol,
        method: known.method,
        host: known.host,
        work: Work::within(engine.limits_of_call(&known.found).work),
        headers: known.headers,
        parameters: known.parameters,
        anomalies: known.anomalies,
        found: known.found,
        client: known.client,
        identity: known.identity,
        request_bytes: 0,
        watch: Watch::Nothing,
        is_late: false,
        signals: Vec::new(),
        passed: SmallVec::new(),
        findings: Findings::default(),
        inspection: None,
        rules: RulesOutcome::default(),
        sensitive_request: Vec::new(),
        is_shaped,
        sketch: None,
        contract: ContractOutcome::default(),
        decision: Decision::default(),
        response: ResponseState::default(),
        trace: None,
    })
}

/// schema: what the catalogue knows of the endpoint, and which claims of the caller are false.
fn schema(engine: &Engine, transaction: &mut Transaction) {
    let matched = transaction.found.matched;
    let gap = schema::check(
        matched,
        engine.api(matched.api),
        engine.endpoint(matched.endpoint),
    );
    let (client, identity) = (&transaction.client, &transaction.identity);
    let noticed = [
        gap,
        client.forged_forwarding.then_some("forged_forwarding"),
        client
            .malformed_forwarding
            .then_some("malformed_forwarding"),
        (!identity.error.is_empty()).then_some(identity.error),
        // Some server may read the path as one that no document has.
        transaction.found.leaves.then_some("unknown_endpoint"),
    ];
    for finding in noticed.into_iter().flatten() {
        transaction.findings.note(finding);
    }
}

/// http, and the parts of rules, shape and contract that read: one reading of the body, to which all of them listen.
fn http_body<'b>(
    engine: &Engine,
    transaction: &mut Transaction,
    bytes: &'b [u8],
    truncated: bool,
    now: Now,
) -> Cow<'b, [u8]> {
    let limits = limits::of(engine, transaction);
    let headers = &transaction.headers;
    let (kind, encoding) = (
        headers.text("content-type"),
        headers.text("content-encoding"),
    );
    let body = Body::receive(kind, encoding, bytes, truncated, limits);
    let is_encoded = headers.get("content-encoding").is_some();
    let each = WORK_READ + if is_encoded { WORK_DECOMPRESS } else { 0 };
    let units = work::of_bytes(body.content.len(), each);
    // The size is known only after decompressing, and the limits have bounded it, so this is charged afterwards.
    transaction.work.charge_done(units);
    let mut violations = Violations::default();
    let bytes = body.content.len();
    let mut checks = contract::body_checks(engine, transaction, bytes, &mut violations);
    let mut parameters = Collect::new(&mut transaction.parameters, limits);
    // A shape needs the whole body.
    let mut sketch = (transaction.is_shaped && !body.is_truncated()).then(Box::<Sketch>::default);
    let shape = sketch.as_mut().map(|sketch| sketch.listen(&engine.hash));
    let mut listeners = Both(&mut parameters, Both(shape, &mut checks));
    let environment = rules::environment(engine, now);
    match (environment, transaction.inspection.as_mut()) {
        (Some(environment), Some(inspection)) => {
            inspection.read_body(environment, &body, &mut listeners);
        }
        _ => body.read(None, b'&', &mut listeners),
    }
    transaction.sketch = sketch;
    let anomalies = &mut transaction.anomalies;
    anomalies.extend(parameters.anomalies());
    anomalies.extend(body.anomalies);
    if anomalies.contains(Anomaly::FileOverLimit) {
        // The body was cut inside a file. Whether fields are missing as well is found out apart (`Upload`).
        anomalies.remove(Anomaly::BodyOverLimit);
    }
    let read = (body.kind, body.is_truncated());
    let content = body.content;
    contract::request_body(engine, transaction, read, checks, violations);
    content
}

/// http, for the contract and the shape of an answer: one reading, to which both listen.
fn http_response_body(
    engine: &Engine,
    transaction: &mut Transaction,
    plain: &[u8],
    truncated: bool,
) {
    let is_wanted = transaction.response.reads_shape && !truncated;
    let mut sketch = is_wanted.then(Box::<Sketch>::default);
    let mut shape = sketch.as_mut().map(|sketch| sketch.listen(&engine.hash));
    if !contract::response_body(engine, transaction, plain, truncated, &mut shape) && is_wanted {
        let declared = transaction.response.headers.text("content-type");
        Body::plain(declared, plain, false).read(None, b'&', &mut shape);
    }
    transaction.response.sketch = sketch;
}

/// sensitive: personal, financial and secret data in a request's body.
fn sensitive_request(engine: &Engine, transaction: &mut Transaction, body: &[u8]) {
    transaction.sensitive_request = engine.scanner.scan(body).classes;
}

/// sensitive: personal, financial and secret data in a response's body.
fn sensitive_response(engine: &Engine, transaction: &mut Transaction, plain: &[u8]) {
    let found = engine.scanner.scan(plain);
    let response = &mut transaction.response;
    (response.sensitive, response.sensitive_count) = (found.classes, found.count);
}

/// event: what the body of a failure gives away. Only here, where a body is read anyway.
fn errors(engine: &Engine, transaction: &mut Transaction, plain: &[u8]) {
    let response = &mut transaction.response;
    if response.status >= 400 {
        response.errors = engine.errors.of(plain);
    }
}

/// policy, with rate: your policies in order, and the counters that some of them ask.
///
/// Rate has no place of its own before policies, for only a policy whose condition holds may count a request.
pub(crate) fn policy(
    engine: &Engine,
    transaction: &mut Transaction,
    phase: Phase,
    now: Now,
) -> Decision {
    let mut trace = transaction.trace.take();
    let uncounted;
    let rates = if transaction.is_late {
        // A request that is decided on twice is counted once.
        uncounted = RateTable::default();
        &uncounted
    } else {
        &engine.shared.rates
    };
    let worlds = view::worlds(transaction, engine, now);
    let decision = (engine.policies).decide(phase, &worlds, rates, trace.as_mut());
    drop(worlds);
    transaction.trace = trace;
    if decision.errors > 0 {
        let errors = &engine.shared.policy_errors;
        errors.fetch_add(decision.errors.into(), Ordering::Relaxed);
    }
    decision
}

/// event: the row for the control plane.
fn event(
    engine: &Engine,
    transaction: Box<Transaction>,
    end: StreamEnd,
    now: Now,
) -> Box<EventRow> {
    EventRow::of(transaction, engine, end, now)
}

// --- What stages need ---

/// Names of the JWT providers that an API takes tokens of. Where readings of the path belong to several APIs, these are
/// the providers that all of them take.
fn accepted_providers<'a>(engine: &'a Engine, found: &Found) -> Cow<'a, [String]> {
    let of = |api| engine.api(api).map_or(&[][..], |api| &*api.jwt_providers);
    let own = of(found.matched.api);
    let mut others = found.also.iter().map(|seen| seen.matched.api);
    // Nearly every request belongs to one API in each reading, and then its list is borrowed.
    if others.all(|api| api == found.matched.api) {
        return Cow::Borrowed(own);
    }
    let also = found.also.iter().filter(|seen| seen.matched.api.is_some());
    let in_all = |name: &&String| {
        let mut also = also.clone();
        also.all(|seen| of(seen.matched.api).contains(name))
    };
    Cow::Owned(own.iter().filter(in_all).cloned().collect())
}

/// Host without port, lower case, as Envoy's route table takes it (`HeaderUtility::getPortStart`): what follows the
/// last colon is the port, whatever it is, unless the colon stands in the brackets of an IPv6 address. One dot at the
/// end belongs to the name (RFC 1034, 3.1); with more dots, Envoy takes it for another name.
fn host_of(authority: &str) -> SmolStr {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    };
    host.strip_suffix('.')
        .unwrap_or(host)
        .to_ascii_lowercase_smolstr()
}
