//! Takes one described request through the pipeline of Envoy's requests, and tells what every stage learned.
//!
//! This is for `starfort policy test` and for tests, so it copies freely. Rate limits count described requests too, in
//! the [`crate::SharedState`] of the engine that is asked.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Serialize;
use smol_str::SmolStr;

use crate::engine::{Engine, Now};
use crate::event::EventRow;
use crate::input::{RequestHead, ResponseHead, StreamEnd};
use crate::outcome::{
    LocalResponse, RequestEffects, RequestOutcome, ResponseBodyOutcome, ResponseOutcome,
};
use crate::policy::PolicyTrace;
use crate::transaction::Transaction;

/// Names and values.
pub(crate) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// A request as the filter would meet it, and the answer of the upstream.
#[derive(Debug, Clone)]
pub struct Described {
    /// Names (lower case) and values in order, pseudo headers and Starfort's internal ones included.
    pub headers: Pairs,
    /// Address of the direct peer.
    pub peer: IpAddr,
    /// The protocol, as in [`RequestHead::protocol`].
    pub protocol: &'static str,
    /// Body; empty: none follows the head.
    pub body: Vec<u8>,
    /// What the upstream answers if it is asked. `None`: the explanation ends before the response.
    pub response: Option<DescribedResponse>,
}

/// The upstream's answer.
#[derive(Debug, Clone)]
pub struct DescribedResponse {
    /// Names (lower case) and values, `:status` included.
    pub headers: Pairs,
    /// Body; empty: none follows the head.
    pub body: Vec<u8>,
}

/// What Starfort did, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The word of the action that decided, one of [`crate::policy::actions::DECISIONS`].
    pub action: &'static str,
    /// Name of the policy that ended the list, "" when none did.
    pub policy: SmolStr,
    /// What the client gets instead of the upstream's answer.
    #[serde(skip)]
    pub answer: Option<LocalResponse>,
    /// Cluster that is asked, "" when Starfort answers by itself or no API matched.
    pub upstream: String,
    /// Headers set for the upstream.
    pub tags: Vec<(Box<str>, Box<str>)>,
    /// How long the request is held before it goes on or is answered.
    pub delay_ms: u64,
    /// The response's body as the client gets it, when masking changed it.
    #[serde(skip)]
    pub masked_body: Option<Vec<u8>>,
    /// Non-terminal actions that were done, `action:policy`.
    pub done: Vec<String>,
    /// What policies in observe mode would have done, `action:policy`.
    pub observed: Vec<String>,
    /// Every policy of the bundle in order.
    pub policies: Vec<PolicyTrace>,
    /// The request as it was understood.
    pub request: ExplainedRequest,
    /// The endpoint that was called. `None` when no endpoint matched.
    pub endpoint: Option<ExplainedEndpoint>,
    /// The other ways in which servers could read the path; see [`crate::endpoint::Found`].
    pub readings: Vec<ExplainedReading>,
    /// Who called, as the network shows it.
    pub client: ExplainedClient,
    /// Who called, as credentials prove it.
    pub identity: ExplainedIdentity,
    /// Active signals.
    pub signals: Vec<ExplainedSignal>,
    /// Findings.
    pub findings: Vec<Cow<'static, str>>,
    /// What breaks the contract of the API, `request:body/type:/items/*/price`.
    pub contract: Vec<SmolStr>,
    /// Anomalies of the request's form.
    pub anomalies: Vec<&'static str>,
    /// Classes of sensitive data in the request.
    pub sensitive_request: Vec<&'static str>,
    /// Classes of sensitive data in the response.
    pub sensitive_response: Vec<&'static str>,
    /// The row that would go to the control plane.
    pub event: EventRow,
}

/// See [`Explanation::request`].
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields of a request")]
pub struct ExplainedRequest {
    pub method: SmolStr,
    pub scheme: SmolStr,
    pub host: SmolStr,
    pub path: String,
    pub protocol: &'static str,
    pub content_type: SmolStr,
    /// Name of the API, "" when none matched.
    pub api: String,
}

/// See [`Explanation::endpoint`].
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as in the bundle's endpoints")]
pub struct ExplainedEndpoint {
    pub id: String,
    pub method: String,
    pub path: String,
    /// Labels of the endpoint and of its API.
    pub labels: Vec<String>,
    pub documented: bool,
}

/// See [`Explanation::readings`].
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedReading {
    /// The path in this reading.
    pub path: String,
    /// `METHOD /path/{template}` of the endpoint whose policies are asked, "" when it is of none.
    pub endpoint: String,
}

/// See [`Explanation::client`].
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as in `Client`")]
pub struct ExplainedClient {
    pub address: SmolStr,
    pub country: SmolStr,
    pub continent: SmolStr,
    pub asn: u32,
    pub as_organization: SmolStr,
    pub ja4: SmolStr,
    pub fingerprint: SmolStr,
    pub user_agent: SmolStr,
    pub bot: &'static str,
    pub bot_name: SmolStr,
}

/// See [`Explanation::identity`].
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as in `Identity`")]
pub struct ExplainedIdentity {
    pub kind: &'static str,
    pub verified: bool,
    pub subject: SmolStr,
    pub issuer: SmolStr,
    pub provider: SmolStr,
    pub scopes: Vec<String>,
    pub error: &'static str,
    pub auth_seen: Vec<&'static str>,
}

/// See [`Explanation::signals`].
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as in `ActiveSignal`")]
pub struct ExplainedSignal {
    pub kind: String,
    pub score: f64,
}

/// What the host would have done with the engine's answers.
#[derive(Debug, Default)]
struct Played {
    effects: RequestEffects,
    delay_ms: u64,
    upstream: String,
    answer: Option<LocalResponse>,
    masked_body: Option<Vec<u8>>,
    response_bytes: u64,
}

/// Take a described request through the pipeline, as the filter does, and say everything about it.
pub fn explain(engine: &Engine, described: &Described, now: Now) -> Explanation {
    let headers = borrowed(&described.headers);
    let head = RequestHead {
        headers: &headers,
        peer: described.peer,
        protocol: described.protocol,
        end_of_stream: described.body.is_empty(),
    };
    // In two halves, so that the trace is on before any policy is asked.
    let mut transaction = Transaction::begin(engine, head, now);
    transaction.trace = Some(Vec::new());
    let played = play(&mut transaction, engine, described, now);
    let end = StreamEnd {
        request_bytes: described.body.len() as u64,
        response_bytes: played.response_bytes,
        // No time is measured: explaining copies freely, so its time would say nothing about the filter.
        engine_us: 0,
    };
    transaction.scan_collected(engine, end, now);
    explanation(transaction, engine, played, end, now)
}

/// Ask the engine as the filter does, with the whole of both messages available at once.
fn play(transaction: &mut Transaction, engine: &Engine, described: &Described, now: Now) -> Played {
    let mut played = Played::default();
    match decided(transaction, engine, &described.body, false, now) {
        RequestOutcome::Respond(answer) => {
            played.delay_ms = answer.delay_ms;
            note_answer(transaction, &answer);
            played.answer = Some(answer);
            return played;
        }
        RequestOutcome::Continue(effects) => {
            played.delay_ms = effects.delay_ms;
            played.effects = effects;
        }
        // The pipeline never asks again for a body that it was given.
        RequestOutcome::NeedBody { .. } | RequestOutcome::NeedBeginning => return played,
    }
    // The API's upstream is where the route leads, unless a policy diverts the request.
    let own = engine
        .api(transaction.found.matched.api)
        .map(|api| &*api.upstream);
    let upstream = played.effects.upstream.as_deref().or(own);
    upstream
        .unwrap_or_default()
        .clone_into(&mut played.upstream);
    if let Some(response) = &described.response {
        play_response(transaction, engine, response, &mut played, now);
    }
    played
}

/// What the engine decides about the request, after it got as much of the body as it asked for. `cut`: `body` is only the
/// beginning of what was sent.
pub(crate) fn decided(
    transaction: &mut Transaction,
    engine: &Engine,
    body: &[u8],
    cut: bool,
    now: Now,
) -> RequestOutcome {
    let mut outcome = transaction.after_head(engine, body.is_empty(), now);
    if outcome == RequestOutcome::NeedBeginning {
        outcome = transaction.request_body_begins(engine, body, true, now);
    }
    if let RequestOutcome::NeedBody { limit_bytes } = outcome {
        let truncated = cut || body.len() > limit_bytes;
        outcome = transaction.request_body(engine, body, truncated, now);
    }
    if let RequestOutcome::Continue(effects) = &outcome
        && effects.watch
        // All of the body was handed over already, and only its end is new.
        && let Some(answer) = transaction.request_ends(engine, now)
    {
        outcome = RequestOutcome::Respond(answer);
    }
    outcome
}

fn play_response(
    transaction: &mut Transaction,
    engine: &Engine,
    response: &DescribedResponse,
    played: &mut Played,
    now: Now,
) {
    let headers = borrowed(&response.headers);
    let head = ResponseHead {
        headers: &headers,
        upstream: &played.upstream,
        end_of_stream: response.body.is_empty(),
    };
    played.response_bytes = response.body.len() as u64;
    let answer = match transaction.response_headers(engine, head, now) {
        ResponseOutcome::Continue => None,
        ResponseOutcome::Collect => {
            transaction.response_chunk(engine, &response.body);
            None
        }
        ResponseOutcome::NeedBody { limit_bytes } => {
            let truncated = response.body.len() > limit_bytes;
            match transaction.response_body(engine, &response.body, truncated, now) {
                ResponseBodyOutcome::Continue => None,
                ResponseBodyOutcome::Replace { body, .. } => {
                    played.response_bytes = body.len() as u64;
                    played.masked_body = Some(body);
                    None
                }
                ResponseBodyOutcome::Respond(answer) => Some(answer),
            }
        }
        ResponseOutcome::Respond(answer) => Some(answer),
    };
    if let Some(answer) = answer {
        note_answer(transaction, &answer);
        played.response_bytes = answer.body.len() as u64;
        played.answer = Some(answer);
    }
}

/// Note for the event what the client gets.
fn note_answer(transaction: &mut Transaction, answer: &LocalResponse) {
    let status = answer.status.to_string();
    let mut headers = vec![(&b":status"[..], status.as_bytes())];
    let own = answer.headers.iter();
    headers.extend(own.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    transaction.own_response(ResponseHead {
        headers: &headers,
        upstream: "",
        end_of_stream: true,
    });
}

fn explanation(
    mut transaction: Box<Transaction>,
    engine: &Engine,
    played: Played,
    end: StreamEnd,
    now: Now,
) -> Explanation {
    let trace = transaction.trace.take().unwrap_or_default();
    let request = explained_request(&transaction, engine);
    let endpoint = explained_endpoint(&transaction, engine);
    let readings = explained_readings(&transaction, engine);
    let client = explained_client(&transaction);
    let identity = explained_identity(&transaction);
    let signals = explained_signals(&transaction);
    // Last: the event takes the transaction apart.
    let event = EventRow::of(transaction, engine, end, now);
    Explanation {
        action: event.action,
        policy: event.policy.clone(),
        answer: played.answer,
        upstream: played.upstream,
        tags: played.effects.set,
        delay_ms: played.delay_ms,
        masked_body: played.masked_body,
        done: event.tags.clone(),
        observed: event.observed.clone(),
        policies: engine.policies.summary(&trace),
        request,
        endpoint,
        readings,
        client,
        identity,
        signals,
        findings: event.findings.clone(),
        contract: event.contract.clone(),
        anomalies: event.anomalies.clone(),
        sensitive_request: event.sensitive_request.clone(),
        sensitive_response: event.sensitive_response.clone(),
        event: *event,
    }
}

fn explained_request(transaction: &Transaction, engine: &Engine) -> ExplainedRequest {
    let api = engine.api(transaction.found.matched.api);
    ExplainedRequest {
        method: transaction.method.clone(),
        scheme: transaction.scheme.clone(),
        host: transaction.host.clone(),
        path: transaction.found.path.clone(),
        protocol: transaction.protocol,
        content_type: transaction.content_type.clone(),
        api: api.map(|api| api.name.clone()).unwrap_or_default(),
    }
}

fn explained_endpoint(transaction: &Transaction, engine: &Engine) -> Option<ExplainedEndpoint> {
    let endpoint = engine.endpoint(transaction.found.matched.endpoint)?;
    let api = engine.api(transaction.found.matched.api);
    let shared = api.map(|api| api.labels.iter()).into_iter().flatten();
    Some(ExplainedEndpoint {
        id: endpoint.id.clone(),
        method: endpoint.method.clone(),
        path: endpoint.path.clone(),
        labels: shared.chain(&endpoint.labels).cloned().collect(),
        documented: endpoint.documented,
    })
}

/// The other ways in which servers could read the path. Readings in which only `allow` is asked are left out, because
/// they restrict nothing.
fn explained_readings(transaction: &Transaction, engine: &Engine) -> Vec<ExplainedReading> {
    let readings = transaction.found.also.iter();
    readings
        .filter(|seen| !seen.grants_only)
        .map(|seen| ExplainedReading {
            path: seen.path.clone(),
            endpoint: engine
                .endpoint(seen.matched.endpoint)
                .map(|endpoint| format!("{} {}", endpoint.method, endpoint.path))
                .unwrap_or_default(),
        })
        .collect()
}

fn explained_signals(transaction: &Transaction) -> Vec<ExplainedSignal> {
    let signals = transaction.signals.iter();
    signals
        .map(|signal| ExplainedSignal {
            kind: signal.kind.to_string(),
            score: signal.score,
        })
        .collect()
}

fn explained_client(transaction: &Transaction) -> ExplainedClient {
    let client = &transaction.client;
    ExplainedClient {
        address: client.address_text.clone(),
        country: client.geo.country.clone(),
        continent: client.geo.continent.clone(),
        asn: client.geo.asn,
        as_organization: client.geo.as_organization.clone(),
        ja4: client.ja4.clone(),
        fingerprint: client.fingerprint.clone(),
        user_agent: client.user_agent.clone(),
        bot: client.bot.code(),
        bot_name: client.bot_name.clone(),
    }
}

fn explained_identity(transaction: &Transaction) -> ExplainedIdentity {
    let identity = &transaction.identity;
    ExplainedIdentity {
        kind: identity.kind.code(),
        verified: identity.verified(),
        subject: identity.subject.clone(),
        issuer: identity.issuer.clone(),
        provider: identity.provider.clone(),
        scopes: identity.scopes.clone(),
        error: identity.error,
        auth_seen: identity.seen.kinds.clone(),
    }
}

pub(crate) fn borrowed(pairs: &Pairs) -> Vec<(&[u8], &[u8])> {
    let pairs = pairs.iter();
    pairs.map(|(name, value)| (&name[..], &value[..])).collect()
}
