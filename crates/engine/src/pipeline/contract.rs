//! contract: a call and its answer are held to what the API's contract says of them.
//!
//! This stage finds what breaks the contract. Whether a call is refused for it is decided behind the policies
//! ([`refuse_request`], [`refuse_response`]): it is as if the contract were the last policy of the list.

use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;
use smol_str::{SmolStr, format_smolstr};

use crate::bundle::{ContractSettings, Mode};
use crate::contract::{
    self, BodyCheck, Call, Code, Direction, Part, RequestHead, Violation, Violations,
};
use crate::endpoint::{EndpointMatch, Found};
use crate::engine::Engine;
use crate::http::body::{Body, BodyKind};
use crate::http::listener::{Both, Listener};
use crate::outcome::LocalResponse;
use crate::policy::actions::Block;
use crate::policy::{Decision, Terminal};
use crate::transaction::{CONTRACT_POLICY, OBSERVED_CONTRACT, Transaction};

/// The most operations that one request is held to. It has several only where servers read its path differently.
const MAX_CALLS: usize = 2;

/// The methods that a 405 names, if the path has them (RFC 9110, 15.5.6).
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What listens to a request's body for its contract.
pub(crate) type BodyChecks<'e> = Both<Option<BodyCheck<'e>>, Option<BodyCheck<'e>>>;

/// What follows the head of a request whose body is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Nothing.
    Nothing,
    /// A body of a type that is not read.
    Body,
    /// A conversation, which no contract describes.
    Conversation,
}

// --- The request ---

/// Credentials, parameters, and whether the contract has such a call.
pub(crate) fn request_head(engine: &Engine, transaction: &mut Transaction) {
    if engine.contracts.is_empty() {
        return;
    }
    note_get(engine, transaction);
    let calls = calls(engine, transaction);
    let mode = mode(engine, transaction, &calls);
    let (mut violations, mut work) = (Violations::default(), 0_u64);
    if mode.is_some() {
        unknown(engine, transaction, &calls, &mut violations);
        for (call, path) in &calls {
            let head = RequestHead {
                path,
                target: transaction.headers.get(":path").unwrap_or(b"/"),
                headers: &transaction.headers,
                parameters: &transaction.parameters,
                has_certificate: transaction.identity.seen.kinds.contains(&"mtls"),
                hash: Some(&engine.hash),
            };
            let checked = call.request_head(head, &mut violations);
            work = work.saturating_add(checked.work);
        }
    }
    drop(calls);
    transaction.contract.mode = mode;
    note(transaction, &violations, work);
}

/// What listens while the body is read.
///
/// # Arguments
/// * `bytes` - how many bytes it has.
pub(crate) fn body_checks<'e>(
    engine: &'e Engine,
    transaction: &Transaction,
    bytes: usize,
    violations: &mut Violations,
) -> BodyChecks<'e> {
    let state = &transaction.contract;
    if state.mode.is_none() || state.waits_for_body {
        return Both(None, None);
    }
    let declared = transaction.headers.joined("content-type");
    let declared = declared.as_deref();
    let mut checks = calls(engine, transaction)
        .into_iter()
        .filter_map(|(call, _)| {
            if bytes > 0 {
                return Some(call.request_body(declared, bytes, violations));
            }
            call.request_without_body(violations);
            None
        });
    let first = checks.next();
    Both(first, checks.next())
}

/// The body was read: hold it to the schemas.
pub(crate) fn request_body(
    engine: &Engine,
    transaction: &mut Transaction,
    (kind, truncated): (BodyKind, bool),
    checks: BodyChecks<'_>,
    mut violations: Violations,
) {
    let mut work = 0_u64;
    for check in [checks.0, checks.1].into_iter().flatten() {
        // The end of a file is not looked at by anybody.
        if kind != BodyKind::Other || !truncated {
            let checked = check.finish(truncated, Some(&engine.hash), &mut violations);
            work = work.saturating_add(checked.work);
        } else {
            check.unread(&mut violations);
        }
    }
    note(transaction, &violations, work);
}

/// There is no body, or one that is not read.
pub(crate) fn request_without_body(engine: &Engine, transaction: &mut Transaction, what: Unread) {
    if transaction.contract.mode.is_none() || what == Unread::Conversation {
        return;
    }
    let mut violations = Violations::default();
    // One byte stands for any number: what counts is that there are some.
    let bytes = usize::from(what == Unread::Body);
    let checks = body_checks(engine, transaction, bytes, &mut violations);
    for check in [checks.0, checks.1].into_iter().flatten() {
        check.unread(&mut violations);
    }
    note(transaction, &violations, 0);
}

/// Begin anew, because more of the body has come.
pub(crate) fn request_again(engine: &Engine, transaction: &mut Transaction) {
    transaction.contract.forget();
    transaction.findings.forget_contract();
    request_head(engine, transaction);
}

/// What becomes of a request that breaks the contract, when no policy has ended the list.
pub(crate) fn refuse_request(
    engine: &Engine,
    transaction: &mut Transaction,
) -> Option<LocalResponse> {
    if !transaction.contract.request {
        return None;
    }
    if !transaction.is_late {
        count(&engine.shared.contract_broken);
    }
    match (transaction.contract.mode, is_open(&transaction.decision)) {
        (Some(Mode::Enforce), true) => {}
        (Some(Mode::Observe), true) => {
            observe(&mut transaction.decision);
            return None;
        }
        _ => return None,
    }
    count(&engine.shared.contract_refused);
    let broken = &transaction.contract.violations;
    let mut response = LocalResponse::broken_contract(broken, &transaction.id);
    if response.status == 405 {
        let allowed = allowed_methods(engine, transaction);
        response.headers.push(("allow".into(), allowed));
    }
    response.delay_ms = transaction.decision.delay_ms;
    refuse(&mut transaction.decision, response.status);
    Some(response)
}

// --- The response ---

/// Status and headers of an answer.
pub(crate) fn response_head(engine: &Engine, transaction: &mut Transaction) {
    let Some(call) =
        answering(engine, transaction).filter(|call| call.settings.responses.is_some())
    else {
        return;
    };
    let response = &transaction.response;
    let mut violations = Violations::default();
    let checked = call.response_head(
        response.status,
        &response.headers,
        Some(&engine.hash),
        &mut violations,
    );
    note(transaction, &violations, checked.work);
}

/// Whether the contract has to see the body of an answer.
pub(crate) fn wants_response_body(engine: &Engine, transaction: &Transaction) -> bool {
    answering(engine, transaction)
        .is_some_and(|call| call.settings.responses.is_some() || removes(&call))
}

/// Whether the answer has to be held until its body was read.
pub(crate) fn holds_response(engine: &Engine, transaction: &Transaction) -> bool {
    answering(engine, transaction)
        .is_some_and(|call| call.settings.responses == Some(Mode::Enforce) || removes(&call))
}

/// The body of an answer, without its content encoding.
///
/// # Arguments
/// * `incomplete` - its end is missing. That is no violation: the API and not the caller decides how long answers are.
/// * `other` - listens to the same reading.
///
/// # Returns
/// Whether the body was read.
pub(crate) fn response_body<L: Listener>(
    engine: &Engine,
    transaction: &mut Transaction,
    plain: &[u8],
    incomplete: bool,
    other: &mut L,
) -> bool {
    let Some(call) = answering(engine, transaction) else {
        return false;
    };
    if call.settings.responses.is_none() && !call.settings.remove_undocumented {
        return false;
    }
    let response = &transaction.response;
    let declared = response.headers.text("content-type");
    let mut violations = Violations::default();
    let mut check = call.response_body(response.status, declared, plain.len(), &mut violations);
    Body::plain(declared, plain, incomplete).read(None, b'&', &mut Both(&mut check, other));
    let mut work = 0;
    // What a range cuts is no document any more.
    if !incomplete && response.status != 206 {
        let checked = check.finish(false, Some(&engine.hash), &mut violations);
        work = checked.work;
        transaction.response.undocumented = checked.unknown;
    }
    if call.settings.responses.is_none() {
        violations = Violations::default();
    }
    note(transaction, &violations, work);
    true
}

/// The body of an answer without the fields that are to be removed. `None`: it stays as it is.
pub(crate) fn without_fields(
    engine: &Engine,
    transaction: &Transaction,
    plain: &[u8],
) -> Option<Vec<u8>> {
    let call = answering(engine, transaction).filter(removes)?;
    let unknown = &transaction.response.undocumented;
    let removed = contract::remove(plain, call.removal, unknown).ok()??;
    Some(removed.body)
}

/// What becomes of an answer that breaks the contract, when no policy has ended the list.
///
/// # Arguments
/// * `is_held` - it can still be replaced.
pub(crate) fn refuse_response(
    engine: &Engine,
    transaction: &mut Transaction,
    is_held: bool,
) -> Option<LocalResponse> {
    if !transaction.contract.response {
        return None;
    }
    count(&engine.shared.contract_broken);
    let mode = answering(engine, transaction)?.settings.responses?;
    let decision = &mut transaction.response.decision;
    // Whoever was allowed as a caller is allowed the answer too.
    if !is_open(decision) || !is_open(&transaction.decision) {
        return None;
    }
    if mode == Mode::Observe || !is_held {
        // Said once for the call, whichever of its messages breaks the contract.
        if !transaction
            .decision
            .observed
            .iter()
            .any(|label| label == OBSERVED_CONTRACT)
        {
            observe(decision);
        }
        return None;
    }
    count(&engine.shared.contract_refused);
    let response = LocalResponse::bad_answer(&transaction.id);
    refuse(decision, response.status);
    Some(response)
}

// --- What a call is held to ---

/// The operation of each endpoint that a request could be a call of, with the path in that reading. The first one is that of
/// the reading that counts, if it has one.
fn calls<'e, 't>(
    engine: &'e Engine,
    transaction: &'t Transaction,
) -> SmallVec<[(Call<'e>, &'t str); MAX_CALLS]> {
    let mut found: SmallVec<[(Call<'e>, &str); MAX_CALLS]> = SmallVec::new();
    let mut seen: SmallVec<[u32; MAX_CALLS]> = SmallVec::new();
    for (matched, path) in readings(transaction) {
        if let Some(endpoint) = matched
            && found.len() < MAX_CALLS
            && !seen.contains(&endpoint)
            && let Some(call) = engine.contracts.of(endpoint)
        {
            seen.push(endpoint);
            found.push((call, path));
        }
    }
    found
}

/// The endpoint and the path in each reading that can restrict. A reading that ends the path within a value, at a `#` or `?`
/// that was encoded, is left out: such characters are ordinary in names, and few servers end a path there.
fn readings(transaction: &Transaction) -> impl Iterator<Item = (Option<u32>, &str)> {
    let found = &transaction.found;
    let strict = transaction.contract.get.or(found.matched.endpoint);
    let ends_early = |path: &str| {
        let rest = found.path.strip_prefix(path);
        rest.is_some_and(|rest| rest.starts_with(['#', '?']))
    };
    let also = found.also.iter();
    let also = also.filter(move |seen| !seen.grants_only && !ends_early(&seen.path));
    std::iter::once((strict, found.path.as_str()))
        .chain(also.map(|seen| (seen.matched.endpoint, seen.path.as_str())))
}

/// What an answer is held to: the operation that the API's own upstream was most likely asked for.
fn answering<'e>(engine: &'e Engine, transaction: &Transaction) -> Option<Call<'e>> {
    // Another upstream has another contract, which nobody knows.
    if engine.contracts.is_empty() || transaction.decision.terminal != Terminal::Allow {
        return None;
    }
    let (endpoint, _) = readings(transaction).next()?;
    engine.contracts.of(endpoint?)
}

/// How a call is held to the contract that belongs to no operation of it.
fn settings<'e>(engine: &'e Engine, matched: &EndpointMatch) -> Option<&'e ContractSettings> {
    engine.contracts.settings(matched.api?)
}

/// The stricter of the modes that hold for a request.
fn mode(engine: &Engine, transaction: &Transaction, calls: &[(Call<'_>, &str)]) -> Option<Mode> {
    let own = calls.iter().filter_map(|(call, _)| call.settings.requests);
    let all: SmallVec<[Mode; MAX_CALLS]> = if calls.is_empty() {
        let settings = settings(engine, &transaction.found.matched);
        settings
            .and_then(|settings| settings.requests)
            .into_iter()
            .collect()
    } else {
        own.collect()
    };
    if all.contains(&Mode::Enforce) {
        return Some(Mode::Enforce);
    }
    all.first().copied()
}

/// `HEAD` is held to the contract of `GET`, because a server that has the one has the other (RFC 9110, 9.3.2) and documents
/// name one of them. The catalogue may have learned an endpoint of its own for it.
fn note_get(engine: &Engine, transaction: &mut Transaction) {
    let found = &transaction.found;
    let is_held =
        |endpoint: Option<u32>| endpoint.and_then(|one| engine.contracts.of(one)).is_some();
    if transaction.method == "HEAD" && !is_held(found.matched.endpoint) {
        let get = engine.matcher.find(&transaction.host, "GET", &found.path);
        transaction.contract.get = get.endpoint;
    }
}

/// Notes that the contract has no such endpoint, or not with this method.
fn unknown(
    engine: &Engine,
    transaction: &Transaction,
    calls: &[(Call<'_>, &str)],
    violations: &mut Violations,
) {
    let found = &transaction.found;
    let denies = settings(engine, &found.matched).is_some_and(|settings| settings.deny_unknown);
    if !denies {
        return;
    }
    let has_none =
        |endpoint: Option<u32>| endpoint.and_then(|one| engine.contracts.of(one)).is_none();
    let strict = readings(transaction)
        .next()
        .and_then(|(endpoint, _)| endpoint);
    let code = if strict.is_none() && found.matched.other_method {
        (!is_preflight(transaction)).then_some(Code::Method)
    } else if has_none(strict) || found.leaves || is_cut(found) {
        Some(Code::Endpoint)
    } else {
        other_method(transaction, calls).then_some(Code::Method)
    };
    if let Some(code) = code {
        violations.add(Violation {
            direction: Direction::Request,
            part: Part::Message,
            code,
            pointer: SmolStr::default(),
        });
    }
}

/// Whether the path has an endpoint only where a `?`, `#` or NUL that was encoded ends it: few servers do that, and to the
/// others it is unknown.
fn is_cut(found: &Found) -> bool {
    let mut unknown = found.also.iter().filter(|seen| seen.grants_only);
    unknown.any(|seen| {
        let rest = seen.path.strip_prefix(&found.path);
        rest.is_some_and(|rest| rest.starts_with(['?', '#', '\0']))
    })
}

/// The method that a header asks for instead of the request's own, which frameworks obey. A contract that has the header
/// among the operation's parameters allows it.
fn other_method(transaction: &Transaction, calls: &[(Call<'_>, &str)]) -> bool {
    const OVERRIDES: [&str; 3] = [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ];
    OVERRIDES.iter().any(|name| {
        let value = transaction.headers.joined(name);
        let asked = value.as_deref().map(str::trim).unwrap_or_default();
        !asked.is_empty()
            && !asked.eq_ignore_ascii_case(&transaction.method)
            && !calls
                .iter()
                .any(|(call, _)| call.operation.has_header(name))
    })
}

/// A browser asks whether a page of another origin may make a call (Fetch, "CORS-preflight fetch"). Documents name no such
/// requests, and they have no effect.
fn is_preflight(transaction: &Transaction) -> bool {
    let has = |name: &str| transaction.headers.get(name).is_some();
    transaction.method == "OPTIONS" && has("origin") && has("access-control-request-method")
}

/// The methods that the path has.
fn allowed_methods(engine: &Engine, transaction: &Transaction) -> String {
    let has = |method: &&&str| {
        let found = engine
            .matcher
            .find(&transaction.host, method, &transaction.found.path);
        found
            .endpoint
            .is_some_and(|endpoint| engine.contracts.of(endpoint).is_some())
    };
    let allowed: Vec<&str> = METHODS.iter().filter(has).copied().collect();
    allowed.join(", ")
}

fn removes(call: &Call<'_>) -> bool {
    call.settings.remove_undocumented || !call.removal.is_empty()
}

// --- What was found ---

/// Note violations for policies, findings and the event.
fn note(transaction: &mut Transaction, violations: &Violations, work: u64) {
    if work > 0 {
        transaction.work.charge_done(work);
    }
    for violation in violations.iter() {
        let state = &mut transaction.contract;
        match violation.direction {
            Direction::Request => state.request = true,
            Direction::Response => state.response = true,
        }
        state.note(format_smolstr!("{violation}"));
        transaction.findings.note_contract(violation);
    }
}

/// Whether no policy has ended the list.
fn is_open(decision: &Decision) -> bool {
    decision.terminal == Terminal::Allow && decision.policy.is_empty()
}

fn observe(decision: &mut Decision) {
    if !decision
        .observed
        .iter()
        .any(|label| label == OBSERVED_CONTRACT)
    {
        decision.observed.push(OBSERVED_CONTRACT.into());
    }
}

fn refuse(decision: &mut Decision, status: u16) {
    decision.terminal = Block::without_policy(status);
    decision.policy = CONTRACT_POLICY.into();
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
