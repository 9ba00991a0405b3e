//! The state of one request while it passes through the stages. Stages write what they learn here; this file is data.
//!
//! What the host calls is in `conversation.rs`, the stages are in `pipeline.rs`, and `view.rs` shows a transaction to
//! policies.

use std::borrow::Cow;

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::bundle::Mode;
use crate::client::Client;
use crate::contract::{Direction, Violation};
use crate::endpoint::Found;
use crate::engine::Now;
use crate::headers::Headers;
use crate::http::content_type;
use crate::http::upload::Upload;
use crate::http::{Anomalies, Parameters};
use crate::identity::Identity;
use crate::input::ResponseHead;
use crate::policy::{Decision, PolicyTrace};
use crate::response_traits::ResponseTraits;
use crate::rules::{Evidences, Inspection};
use crate::shape::Sketch;
use crate::signals::{ActiveSignal, Passed};
use crate::work::Work;

/// One request and its response.
#[derive(Debug)]
pub struct Transaction {
    pub(crate) started: Now,
    pub(crate) id: SmolStr,
    pub(crate) method: SmolStr,
    pub(crate) scheme: SmolStr,
    pub(crate) host: SmolStr,
    pub(crate) protocol: &'static str,
    pub(crate) headers: Headers,
    pub(crate) parameters: Parameters,
    pub(crate) anomalies: Anomalies,
    pub(crate) content_type: SmolStr,
    pub(crate) request_bytes: u64,
    pub(crate) work: Work,
    /// What is watched of a body that passes.
    pub(crate) watch: Watch,
    /// The request is decided on for the second time, with the parts of its body that came late.
    pub(crate) is_late: bool,
    /// The path and what it calls, in each reading of the path.
    pub(crate) found: Found,
    pub(crate) client: Client,
    pub(crate) identity: Identity,
    pub(crate) signals: Vec<ActiveSignal>,
    /// Kinds of signals that do not apply although a key has them.
    pub(crate) passed: SmallVec<[(Box<str>, Passed); 1]>,
    pub(crate) findings: Findings,
    /// What rules know of the request; `None` without rules.
    pub(crate) inspection: Option<Box<Inspection>>,
    pub(crate) rules: RulesOutcome,
    pub(crate) sensitive_request: Vec<&'static str>,
    /// The call is looked at for its shape.
    pub(crate) is_shaped: bool,
    /// What the body looks like; `None`: it was not read, or the call is not looked at.
    pub(crate) sketch: Option<Box<Sketch>>,
    /// What breaks the contract of the API.
    pub(crate) contract: ContractOutcome,
    pub(crate) decision: Decision,
    pub(crate) response: ResponseState,
    /// Filled when the caller wants to know what each policy said.
    pub(crate) trace: Option<Vec<PolicyTrace>>,
}

/// What is watched of a request's body that passes because it is too long to be held.
#[derive(Debug)]
pub(crate) enum Watch {
    /// Nothing.
    Nothing,
    /// How many more bytes it may have.
    Length(u64),
    /// Its parts, and how many of them had begun when the first bytes went out.
    Parts(Box<Upload>, u64),
}

/// Codes of what stages noticed about the request, each once, in the order of being noticed.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Cow<'static, str>>);

impl Findings {
    /// Note a finding, unless it is known.
    pub(crate) fn note(&mut self, finding: &'static str) {
        // A list and not a set: a request has a handful of findings, and their order is part of the event.
        if !self.0.iter().any(|known| known == finding) {
            self.0.push(Cow::Borrowed(finding));
        }
    }

    /// Note that a rule matched: `rule:941100`.
    /// Note what breaks a contract: `contract:body/type` of a request, `contract:response/body/type` of an answer.
    pub(crate) fn note_contract(&mut self, violation: &Violation) {
        let answer = match violation.direction {
            Direction::Request => "",
            Direction::Response => "response/",
        };
        let finding = format!("{CONTRACT_FINDING}{answer}{}", violation.kind());
        if !self.0.iter().any(|known| *known == finding) {
            self.0.push(Cow::Owned(finding));
        }
    }

    /// Forget what breaks a contract, because it is about to be checked again.
    pub(crate) fn forget_contract(&mut self) {
        self.0.retain(|code| !code.starts_with(CONTRACT_FINDING));
    }

    // Not compared with the others: `RulesOutcome::told` already sees to it that each match is noted once.
    pub(crate) fn note_rule(&mut self, id: &str) {
        self.0.push(Cow::Owned(format!("rule:{id}")));
    }

    /// Forget what rules found, because they are about to run again.
    pub(crate) fn forget_rules(&mut self) {
        self.0.retain(|code| !code.starts_with("rule:"));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|code| &**code)
    }

    pub(crate) fn into_codes(self) -> Vec<Cow<'static, str>> {
        self.0
    }
}

/// The policy that nobody writes: it refuses what breaks a contract. No policy of a configuration can have the name.
pub(crate) const CONTRACT_POLICY: &str = "@contract";

/// What the event says of a call that enforcing would have refused.
pub(crate) const OBSERVED_CONTRACT: &str = "block:@contract";

/// How the codes of findings about contracts begin.
pub(crate) const CONTRACT_FINDING: &str = "contract:";

/// What breaks the contract of the API that is called.
#[derive(Debug, Default)]
pub(crate) struct ContractOutcome {
    /// `request:body/type:/items/*/price` and so on, each once, those of the request first.
    pub(crate) violations: Vec<SmolStr>,
    /// The request breaks it.
    pub(crate) request: bool,
    /// The response breaks it.
    pub(crate) response: bool,
    /// What happens to a request that breaks it; `None`: requests are not checked.
    pub(crate) mode: Option<Mode>,
    /// The endpoint of `GET` at the path of a `HEAD` that the contract does not name.
    pub(crate) get: Option<u32>,
    /// The body is checked when all of it has passed.
    pub(crate) waits_for_body: bool,
}

impl ContractOutcome {
    /// The most violations of each direction that are kept. Callers who break many are told enough by these.
    const MAX: usize = 16;

    /// Note a violation, unless it is known.
    pub(crate) fn note(&mut self, violation: SmolStr) {
        if self.violations.len() < 2 * Self::MAX && !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    /// Forget what was found of the request, because it is about to be checked again.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// What policies see of rules.
#[derive(Debug, Default)]
pub(crate) struct RulesOutcome {
    pub(crate) score: i64,
    pub(crate) outbound_score: i64,
    pub(crate) matched: Vec<String>,
    pub(crate) interrupted: bool,
    pub(crate) severity: Option<u8>,
    /// What the event shows of the matches.
    pub(crate) evidence: Evidences,
    /// How many matches are in the findings already.
    pub(crate) told: usize,
    /// How many matches that count for nothing are in the evidence already.
    pub(crate) weighed: usize,
    /// The phase of the response's body was run.
    pub(crate) responded: bool,
}

/// What is known of the response.
#[derive(Debug, Default)]
pub(crate) struct ResponseState {
    pub(crate) status: u16,
    pub(crate) upstream: SmolStr,
    pub(crate) headers: Headers,
    pub(crate) content_type: SmolStr,
    pub(crate) sensitive: Vec<&'static str>,
    pub(crate) sensitive_count: u32,
    /// What the body of a failure gives away.
    pub(crate) errors: ResponseTraits,
    /// Numbers of the fields of the body that no schema names ([`crate::contract::Checked::unknown`]).
    pub(crate) undocumented: Vec<u32>,
    /// The body is read for its shape.
    pub(crate) reads_shape: bool,
    /// What the body looks like; `None`: it was not read for that.
    pub(crate) sketch: Option<Box<Sketch>>,
    pub(crate) decision: Decision,
    /// The body's beginning, collected for a scan at the end of the stream, at most the limit.
    pub(crate) collected: Vec<u8>,
    pub(crate) collect: bool,
}

impl ResponseState {
    /// Take over a response's head.
    pub(crate) fn receive(&mut self, head: ResponseHead<'_, '_>) {
        self.headers = Headers::copy(head.headers.iter().copied());
        self.status = self
            .headers
            .text(":status")
            .and_then(|status| status.parse().ok())
            // 0 stands for no status at all, as in events.
            .unwrap_or(0);
        self.upstream = head.upstream.into();
        self.content_type =
            content_type::media_type(self.headers.text("content-type").unwrap_or_default());
    }
}
