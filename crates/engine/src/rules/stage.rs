//! The rules stage of the pipeline: what a transaction shows to rules, and what it keeps of what they found.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::run::evidence::Evidences;
use super::{Environment, Inspection, Request, Response};
use crate::engine::{Engine, Now};
use crate::http::{Anomalies, Anomaly};
use crate::transaction::Transaction;

/// Findings of rules that an event carries.
const MAX_FINDINGS: usize = 32;

/// What policies see of rules.
#[derive(Debug, Default)]
pub(crate) struct RulesOutcome {
    pub(crate) score: i64,
    pub(crate) outbound_score: i64,
    pub(crate) matched: Vec<String>,
    pub(crate) interrupted: bool,
    pub(crate) severity: Option<u8>,
    /// What the event shows of it.
    pub(crate) evidence: Evidences,
    /// How many hits are in the findings already.
    told: usize,
    /// How many matches that count for nothing are in the evidence already.
    weighed: usize,
    /// The body's phase was run.
    responded: bool,
}

/// Variable of `TX` that names the request's anomalies.
const ANOMALIES: &str = "starfort_anomalies";

/// Tells rules what parsers found odd: codes with a space before and behind each, so that ` code ` finds one as a word.
/// Most requests have none, and then nothing is set.
fn set_anomalies(inspection: &mut Inspection, environment: Environment<'_>, anomalies: Anomalies) {
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

/// What rules of an engine work with; `None`: it has none.
pub(crate) fn environment(engine: &Engine, now: Now) -> Option<Environment<'_>> {
    engine
        .rules
        .environment(&engine.shared.collections, now.unix_us)
}

/// The same, with what the fields of a call hold.
///
/// # Arguments
/// * `endpoint` - the one that is called.
fn weighing(engine: &Engine, endpoint: Option<u32>, now: Now) -> Option<Environment<'_>> {
    let fields = engine.fields.of(endpoint);
    environment(engine, now).map(|environment| environment.weighing(fields))
}

impl Transaction {
    /// Phase 1, over the request's head.
    pub(crate) fn inspect_head(&mut self, engine: &Engine, now: Now) {
        let Some(environment) = weighing(engine, self.only_endpoint(), now) else {
            return;
        };
        let mut headers: Vec<(&[u8], &[u8])> = Vec::with_capacity(self.headers.len() + 1);
        let plain = self
            .headers
            .iter()
            .filter(|(name, _)| !name.starts_with(b":") && !name.starts_with(b"x-starfort-"));
        // HTTP/2 and HTTP/3 have the host in a pseudo header, and Envoy puts HTTP/1's there too.
        if self.headers.get("host").is_none()
            && let Some(host) = self.headers.get(":authority")
        {
            headers.push((b"host", host));
        }
        headers.extend(plain);
        let request = Request {
            method: self.headers.get(":method").unwrap_or_default(),
            uri: self.headers.get(":path").unwrap_or(b"/"),
            protocol: self.protocol.as_bytes(),
            headers: &headers,
            remote_addr: self.client.address,
            remote_port: 0,
            server_addr: None,
            server_port: 0,
            unique_id: self.id.as_bytes(),
        };
        let mut inspection = Inspection::begin(environment, &request, self.client.place.clone());
        self.tell_endpoints(engine, environment, &mut inspection);
        *inspection.work() = self.work;
        self.anomalies.extend(inspection.anomalies());
        set_anomalies(&mut inspection, environment, self.anomalies);
        inspection.request_headers(environment);
        self.inspection = Some(Box::new(inspection));
        self.note_rules(engine, environment);
    }

    /// `TX:starfort_api` and `TX:starfort_endpoint`, and for each reading of the path that ends elsewhere `…_2`, `…_3`
    /// and so on: what restricts looks at all of them, what exempts asks that there is one.
    fn tell_endpoints(
        &self,
        engine: &Engine,
        environment: Environment<'_>,
        inspection: &mut Inspection,
    ) {
        let mut told: SmallVec<[(Option<u32>, Option<u32>); 4]> = SmallVec::new();
        for matched in self.every_match() {
            let place = (matched.api, matched.endpoint);
            if told.contains(&place) {
                continue;
            }
            told.push(place);
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

    /// Whether rules look at bodies of any type.
    pub(crate) fn rules_want_body(&self) -> bool {
        self.inspection
            .as_ref()
            .is_some_and(|inspection| inspection.wants_any_body())
    }

    /// What came after the body.
    pub(crate) fn inspect_trailers(
        &mut self,
        engine: &Engine,
        trailers: &[(&[u8], &[u8])],
        now: Now,
    ) {
        if let (Some(environment), Some(inspection)) =
            (environment(engine, now), self.inspection.as_mut())
        {
            inspection.request_trailers(environment, trailers);
        }
    }

    /// Phase 2, over what was read of the request's body, if it has one.
    pub(crate) fn inspect_body(&mut self, engine: &Engine, now: Now) {
        let (Some(environment), Some(inspection)) = (
            weighing(engine, self.only_endpoint(), now),
            self.inspection.as_mut(),
        ) else {
            return;
        };
        *inspection.work() = self.work;
        self.anomalies.extend(inspection.anomalies());
        set_anomalies(inspection, environment, self.anomalies);
        inspection.run_request_body(environment);
        self.note_rules(engine, environment);
    }

    /// Phase 3, over the response's head.
    pub(crate) fn inspect_response_head(&mut self, engine: &Engine, now: Now) {
        let (Some(environment), Some(inspection)) = (
            weighing(engine, self.only_endpoint(), now),
            self.inspection.as_mut(),
        ) else {
            return;
        };
        *inspection.work() = self.work;
        let headers: Vec<(&[u8], &[u8])> = self
            .response
            .headers
            .iter()
            .filter(|(name, _)| !name.starts_with(b":"))
            .collect();
        let response = Response {
            status: self.response.status,
            protocol: self.protocol.as_bytes(),
            reason: b"",
            headers: &headers,
        };
        inspection.response_headers(environment, &response);
        self.note_rules(engine, environment);
    }

    /// Whether rules look at the response's body.
    pub(crate) fn rules_want_response(&self, engine: &Engine, now: Now) -> bool {
        match (
            weighing(engine, self.only_endpoint(), now),
            &self.inspection,
        ) {
            (Some(environment), Some(inspection)) => inspection.wants_response_body(environment),
            _ => false,
        }
    }

    /// Phase 4, over the response's body (`None` when it was not looked at).
    pub(crate) fn inspect_response_body(&mut self, engine: &Engine, body: Option<&[u8]>, now: Now) {
        let (Some(environment), Some(inspection)) = (
            weighing(engine, self.only_endpoint(), now),
            self.inspection.as_mut(),
        ) else {
            return;
        };
        *inspection.work() = self.work;
        if std::mem::replace(&mut self.rules.responded, true) {
            return;
        }
        inspection.response_body(environment, body);
        self.note_rules(engine, environment);
    }

    /// Phase 5; and phase 4 when the response had no body to look at.
    pub(crate) fn finish_rules(&mut self, engine: &Engine, now: Now) {
        if self.response.status != 0 {
            self.inspect_response_body(engine, None, now);
        }
        let (Some(environment), Some(inspection)) = (
            weighing(engine, self.only_endpoint(), now),
            self.inspection.as_mut(),
        ) else {
            return;
        };
        *inspection.work() = self.work;
        inspection.finish(environment);
        self.note_rules(engine, environment);
    }

    /// Keep what rules found since the last phase.
    fn note_rules(&mut self, engine: &Engine, environment: Environment<'_>) {
        let Some(inspection) = &mut self.inspection else {
            return;
        };
        self.work = *inspection.work();
        let Some(inspection) = &self.inspection else {
            return;
        };
        let secret = self
            .every_match()
            .filter_map(|matched| engine.endpoint(matched.endpoint))
            .find_map(|endpoint| endpoint.password_field.as_deref());
        let outcome = &mut self.rules;
        outcome.score = inspection.score(environment);
        outcome.outbound_score = inspection.outbound_score(environment);
        outcome.interrupted = inspection.interruption().is_some();
        outcome.severity = inspection.severity();
        let over_limit = inspection
            .interruption()
            .filter(|interruption| interruption.rule == 0)
            .map(|interruption| interruption.phase);
        let mut count = 0;
        for rule in inspection.matched(environment) {
            count += 1;
            // The event stands in for the audit log: what goes to either log is a finding, and what matched is shown with
            // it unless `noauditlog` keeps it out.
            if count <= outcome.told || !(rule.log || rule.audit_log) {
                continue;
            }
            if rule.audit_log {
                outcome
                    .evidence
                    .note(&rule, &environment.program.names, secret);
            }
            let id = rule.id.to_string();
            if outcome.matched.len() < MAX_FINDINGS && !outcome.matched.contains(&id) {
                self.findings.push(Cow::Owned(format!("rule:{id}")));
                outcome.matched.push(id);
            }
        }
        outcome.told = count;
        let mut weighed = 0;
        for rule in inspection.weighed(environment) {
            weighed += 1;
            if weighed > outcome.weighed && rule.log {
                let names = &environment.program.names;
                outcome.evidence.note_weighed(&rule, names, secret);
            }
        }
        outcome.weighed = weighed;
        // No rule says why rules ask for a refusal of a body over their limit.
        match over_limit {
            Some(phase) if phase <= 2 => self.anomalies.insert(Anomaly::BodyOverLimit),
            Some(_) => self.find("response_over_limit"),
            None => {}
        }
    }
}
