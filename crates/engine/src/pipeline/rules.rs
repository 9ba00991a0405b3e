//! The rules stage: what a transaction shows to SecLang rules in each of their five phases, and what it keeps of what
//! they found.

use smallvec::SmallVec;

use crate::engine::{Engine, Now};
use crate::http::{Anomalies, Anomaly};
use crate::rules::{Environment, Inspection, QueryFacts, Request, Response};
use crate::transaction::{RulesOutcome, Transaction};

/// Findings of rules that an event carries. The rules of CRS that a request can match number some 200; more than a
/// few of them say nothing more about it.
const MAX_FINDINGS: usize = 32;

/// Variable of `TX` that names the request's anomalies.
const ANOMALIES: &str = "starfort_anomalies";

/// What the rules of an engine work with. `None`: the engine has no rules.
pub(super) fn environment(engine: &Engine, now: Now) -> Option<Environment<'_>> {
    engine
        .rules
        .environment(&engine.shared.collections, now.unix_us)
}

/// The same, with what the fields of a call hold.
///
/// # Arguments
/// * `endpoint` - the endpoint that is called in every reading of the path, if there is one.
fn weighing(engine: &Engine, endpoint: Option<u32>, now: Now) -> Option<Environment<'_>> {
    let fields = engine.fields.of(endpoint);
    environment(engine, now).map(|environment| environment.weighing(fields))
}

/// Phase 1, over the request's head.
///
/// # Arguments
/// * `arguments` - what was heard of the query when it was read; `None`: rules read it by themselves.
pub(super) fn request_head(
    engine: &Engine,
    transaction: &mut Transaction,
    arguments: Option<QueryFacts>,
    now: Now,
) {
    let Some(environment) = weighing(engine, transaction.found.only_endpoint(), now) else {
        return;
    };
    let headers = request_headers(transaction);
    let request = Request {
        method: transaction.headers.get(":method").unwrap_or_default(),
        uri: transaction.headers.get(":path").unwrap_or(b"/"),
        protocol: transaction.protocol.as_bytes(),
        headers: &headers,
        remote_addr: transaction.client.address,
        remote_port: 0,
        server_addr: None,
        server_port: 0,
        unique_id: transaction.id.as_bytes(),
    };
    let geo = transaction.client.geo.clone();
    let mut inspection = Inspection::begin_with(environment, &request, geo, arguments);
    // Before the first phase, because its rules may ask which endpoint is called.
    tell_endpoints(engine, transaction, environment, &mut inspection);
    transaction.inspection = Some(Box::new(inspection));
    run(
        engine,
        transaction,
        now,
        |transaction, inspection, environment| {
            // As late as this, because reading the arguments may have noticed more.
            tell_anomalies(transaction, inspection, environment);
            inspection.request_headers(environment);
        },
    );
}

/// The request's headers as SecLang shows them.
fn request_headers(transaction: &Transaction) -> Vec<(&[u8], &[u8])> {
    let received = &transaction.headers;
    let mut headers: Vec<(&[u8], &[u8])> = Vec::with_capacity(received.len() + 1);
    // HTTP/2 and HTTP/3 have the host in a pseudo header, and Envoy puts HTTP/1's there too.
    if received.get("host").is_none()
        && let Some(host) = received.get(":authority")
    {
        headers.push((b"host", host));
    }
    let is_shown = |name: &[u8]| !name.starts_with(b":") && !name.starts_with(b"x-starfort-");
    headers.extend(received.iter().filter(|(name, _)| is_shown(name)));
    headers
}

/// `TX:starfort_api` and `TX:starfort_endpoint`, and for each reading of the path that ends elsewhere `…_2`, `…_3`
/// and so on: a rule that restricts looks at all of them, a rule that exempts asks that there is only one.
fn tell_endpoints(
    engine: &Engine,
    transaction: &Transaction,
    environment: Environment<'_>,
    inspection: &mut Inspection,
) {
    // Several readings often lead to the same endpoint, of which rules are told once.
    let mut told: SmallVec<[(Option<u32>, Option<u32>); 4]> = SmallVec::new();
    for matched in transaction.found.every_match() {
        let called = (matched.api, matched.endpoint);
        if told.contains(&called) {
            continue;
        }
        told.push(called);
        let api = engine.api(matched.api).map_or("", |api| &api.name);
        let endpoint = engine
            .endpoint(matched.endpoint)
            .map(|endpoint| format!("{} {}", endpoint.method, endpoint.path))
            .unwrap_or_default();
        let mut tell = |name: &str, value: &str| {
            if told.len() == 1 {
                inspection.set_tx(environment, name, value);
            } else {
                inspection.set_tx(environment, &format!("{name}_{}", told.len()), value);
            }
        };
        tell("starfort_api", api);
        tell("starfort_endpoint", &endpoint);
    }
}

/// Tells rules what parsers found odd: codes with a space before and behind each, so that ` code ` finds one as a word.
fn tell_anomalies(
    transaction: &mut Transaction,
    inspection: &mut Inspection,
    environment: Environment<'_>,
) {
    transaction.anomalies.extend(inspection.anomalies());
    let anomalies: Anomalies = transaction.anomalies;
    // Most requests have none, and then the variable is not set at all.
    if anomalies.is_empty() {
        return;
    }
    let mut text = String::from(" ");
    for code in anomalies.codes() {
        text.push_str(code);
        text.push(' ');
    }
    inspection.set_tx(environment, ANOMALIES, &text);
}

/// Whether rules look at bodies of any type.
pub(crate) fn wants_any_body(transaction: &Transaction) -> bool {
    let inspection = transaction.inspection.as_ref();
    inspection.is_some_and(|inspection| inspection.wants_any_body())
}

/// What came after the body. No phase runs: the body's phase, which follows, sees the trailers.
pub(crate) fn request_trailers(
    engine: &Engine,
    transaction: &mut Transaction,
    trailers: &[(&[u8], &[u8])],
    now: Now,
) {
    if let (Some(environment), Some(inspection)) =
        (environment(engine, now), transaction.inspection.as_mut())
    {
        inspection.request_trailers(environment, trailers);
    }
}

/// Phase 2, over what was read of the request's body, if it has one.
pub(super) fn request_body(engine: &Engine, transaction: &mut Transaction, now: Now) {
    run(
        engine,
        transaction,
        now,
        |transaction, inspection, environment| {
            tell_anomalies(transaction, inspection, environment);
            inspection.run_request_body(environment);
        },
    );
}

/// Phase 3, over the response's head.
pub(super) fn response_head(engine: &Engine, transaction: &mut Transaction, now: Now) {
    run(
        engine,
        transaction,
        now,
        |transaction, inspection, environment| {
            let received = transaction.response.headers.iter();
            let headers: Vec<(&[u8], &[u8])> = received
                .filter(|(name, _)| !name.starts_with(b":"))
                .collect();
            let response = Response {
                status: transaction.response.status,
                protocol: transaction.protocol.as_bytes(),
                // HTTP/2 has no reason phrase (RFC 9113, 8.3.2), and Envoy shows filters none.
                reason: b"",
                headers: &headers,
            };
            inspection.response_headers(environment, &response);
        },
    );
}

/// Whether rules look at the response's body.
pub(crate) fn wants_response_body(engine: &Engine, transaction: &Transaction, now: Now) -> bool {
    let endpoint = transaction.found.only_endpoint();
    match (weighing(engine, endpoint, now), &transaction.inspection) {
        (Some(environment), Some(inspection)) => inspection.wants_response_body(environment),
        _ => false,
    }
}

/// Phase 4, over the response's body (`None` when it was not looked at). It runs once: a body that was held is not
/// inspected again at the end of the stream.
pub(super) fn response_body(
    engine: &Engine,
    transaction: &mut Transaction,
    body: Option<&[u8]>,
    now: Now,
) {
    if std::mem::replace(&mut transaction.rules.responded, true) {
        return;
    }
    run(engine, transaction, now, |_, inspection, environment| {
        inspection.response_body(environment, body);
    });
}

/// Phase 5; before it phase 4, when the response had no body to look at.
pub(super) fn finish(engine: &Engine, transaction: &mut Transaction, now: Now) {
    // Without a response there is nothing for phase 4 to look at.
    if transaction.response.status != 0 {
        response_body(engine, transaction, None, now);
    }
    run(engine, transaction, now, |_, inspection, environment| {
        inspection.finish(environment);
    });
}

/// Run a phase within what the request may still cost, and keep what rules found in it.
///
/// The inspection is taken out of the transaction meanwhile, so that the phase can read the one and change the other.
#[inline]
fn run(
    engine: &Engine,
    transaction: &mut Transaction,
    now: Now,
    phase: impl FnOnce(&mut Transaction, &mut Inspection, Environment<'_>),
) {
    let endpoint = transaction.found.only_endpoint();
    let (Some(environment), Some(mut inspection)) = (
        weighing(engine, endpoint, now),
        transaction.inspection.take(),
    ) else {
        return;
    };
    // The budget goes in with the phase and comes back after it, so rules spend from the same work as other stages.
    *inspection.work() = transaction.work;
    phase(transaction, &mut inspection, environment);
    transaction.work = *inspection.work();
    note_outcome(&mut transaction.rules, &inspection, environment);
    note_matched(engine, transaction, &inspection, environment);
    note_refusal(transaction, &inspection);
    transaction.inspection = Some(inspection);
}

/// Keep the scores as they are after a phase.
fn note_outcome(outcome: &mut RulesOutcome, inspection: &Inspection, environment: Environment<'_>) {
    outcome.score = inspection.score(environment);
    outcome.outbound_score = inspection.outbound_score(environment);
    outcome.interrupted = inspection.interruption().is_some();
    outcome.severity = inspection.severity();
}

/// Keep the rules that matched since the last phase, with their evidence.
fn note_matched(
    engine: &Engine,
    transaction: &mut Transaction,
    inspection: &Inspection,
    environment: Environment<'_>,
) {
    let names = &environment.program.names;
    // Evidence never shows a password, not even masked.
    let secret = (transaction.found.every_match())
        .filter_map(|matched| engine.endpoint(matched.endpoint))
        .find_map(|endpoint| endpoint.password_field.as_deref());
    let outcome = &mut transaction.rules;
    let mut count = 0;
    for rule in inspection.matched(environment) {
        count += 1;
        // The event stands in for the audit log: what goes to either log is a finding, and what matched is shown with
        // it unless `noauditlog` keeps it out.
        if count <= outcome.told || !(rule.log || rule.audit_log) {
            continue;
        }
        if rule.audit_log {
            outcome.evidence.note(&rule, names, secret);
        }
        // Only matches get here, and most requests have none.
        let id = rule.id.to_string();
        if outcome.matched.len() < MAX_FINDINGS && !outcome.matched.contains(&id) {
            transaction.findings.note_rule(&id);
            outcome.matched.push(id);
        }
    }
    outcome.told = count;
    let mut weighed = 0;
    for rule in inspection.weighed(environment) {
        weighed += 1;
        if weighed > outcome.weighed && rule.log {
            outcome.evidence.note_weighed(&rule, names, secret);
        }
    }
    outcome.weighed = weighed;
}

/// When a body is over a limit of SecLang's own, rules ask for a refusal that no rule stands for. It is noted as being
/// over a limit.
fn note_refusal(transaction: &mut Transaction, inspection: &Inspection) {
    match inspection.interruption() {
        Some(interruption) if interruption.rule != 0 => {}
        // Rule 0 is no rule: a limit of SecLang asks for this refusal.
        Some(interruption) if interruption.phase <= 2 => {
            transaction.anomalies.insert(Anomaly::BodyOverLimit);
        }
        Some(_) => transaction.findings.note("response_over_limit"),
        None => {}
    }
}
