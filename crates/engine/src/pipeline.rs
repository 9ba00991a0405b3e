//! Where a request is handled, top to bottom.
//!
//! The host calls [`Transaction::request_headers`], then [`Transaction::request_body_begins`] and
//! [`Transaction::request_body`] when it is asked for the body's beginning or all of it; [`Transaction::response_headers`], then [`Transaction::response_chunk`] or
//! [`Transaction::response_body`] as that answered; and [`Transaction::finish`] once, however the stream ended.
//! What comes back is data: the host acts, the engine never does.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;
use smol_str::{SmolStr, StrExt};

use crate::bundle::Phase;
use crate::endpoint::Found;
use crate::engine::{Engine, Now};
use crate::event::EventRow;
use crate::headers::Headers;
use crate::http::body::{Beginning, Body};
use crate::http::collect::Collect;
use crate::http::upload::Upload;
use crate::http::{
    Anomalies, Anomaly, OverLimit, Parameters, body, content_type, cookies, decompress, headers,
    path, query,
};
use crate::identity::Offered;
use crate::outcome::{
    LocalResponse, RequestEffects, RequestOutcome, ResponseBodyOutcome, ResponseOutcome,
};
use crate::pace::BodyPace;
use crate::policy::{Decision, Terminal};
use crate::rate::RateTable;
use crate::rules::{RulesOutcome, rules_environment};
use crate::schema;
use crate::signals::{Asked, KeyType};
use crate::transaction::{ResponseState, Transaction, Watch};
use crate::work::{self, Work};

/// Of a request's work, this part (one in so many) is kept for its response.
const RESPONSE_SHARE: u64 = 4;

/// Units of work for decompressing, tenths for each byte that comes of it.
const WORK_DECOMPRESS: u64 = 20;
/// Units of work for reading a body and looking for sensitive data in it, tenths for each byte.
const WORK_READ: u64 = 30;

/// A log-in that is tried again within this time is a probe again, or is none again. Microseconds.
const PROBE_PERIOD_US: u64 = 30_000_000;

/// The head of a request, as the host has it.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a, 'h> {
    /// Names (lower case) and values in the order received, pseudo headers included.
    pub headers: &'h [(&'a [u8], &'a [u8])],
    /// Address of the direct peer.
    pub peer: IpAddr,
    /// `HTTP/1.0`, `HTTP/1.1`, `HTTP/2` or `HTTP/3`.
    pub protocol: &'static str,
    /// No body follows.
    pub end_of_stream: bool,
}

/// The head of a response.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<'a, 'h> {
    /// Names (lower case) and values, pseudo headers included.
    pub headers: &'h [(&'a [u8], &'a [u8])],
    /// Cluster that answered, "" when Envoy did itself.
    pub upstream: &'a str,
    /// No body follows.
    pub end_of_stream: bool,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, Default)]
pub struct StreamEnd {
    /// Body bytes received.
    pub request_bytes: u64,
    /// Body bytes sent.
    pub response_bytes: u64,
    /// Time spent in the filter, microseconds.
    pub engine_us: u32,
}

impl Transaction {
    /// Begin: stages that need the head only. Policies are asked here too, unless the body has to be seen first.
    pub fn request_headers(
        engine: &Engine,
        head: RequestHead<'_, '_>,
        now: Now,
    ) -> (Box<Self>, RequestOutcome) {
        let mut transaction = Self::begin(engine, head, now);
        let outcome = transaction.after_head(engine, head.end_of_stream, now);
        (transaction, outcome)
    }

    /// Ask for the body, or decide without.
    pub(crate) fn after_head(
        &mut self,
        engine: &Engine,
        end_of_stream: bool,
        now: Now,
    ) -> RequestOutcome {
        let upgrades = self.headers.get("upgrade").is_some();
        if upgrades && self.method != "GET" && self.method != "CONNECT" {
            // A WebSocket begins with a GET (RFC 6455, 4.1). Envoy would let everything behind this head through
            // as a conversation, and an upstream that does not care read it as the body.
            self.anomalies.insert(Anomaly::OddHeader);
            return self.refuse(400, "Bad Request");
        }
        if self.host.contains(',') {
            // RFC 9112, 3.2. Servers differ in which of the two they believe, and Envoy joins them.
            self.anomalies.insert(Anomaly::DuplicateHeader);
            return self.refuse(400, "Bad Request");
        }
        let is_over = self.is_refused_for_limits(engine);
        if end_of_stream || is_streaming(self) || is_over {
            // 8. rules, which have a second phase without a body too.
            self.inspect_body(engine, now);
            return self.decide_request(engine, now);
        }
        // Whoever wants to hide a body calls it something that is not read, or nothing at all: the upstream may
        // not care. Encoded ones don't show what they are.
        let is_read = body::BodyKind::of(&self.content_type) != body::BodyKind::Other;
        let is_encoded = self.headers.get("content-encoding").is_some();
        if is_read || is_encoded || self.rules_want_body() {
            return RequestOutcome::NeedBody {
                limit_bytes: self.body_limit(engine),
            };
        }
        RequestOutcome::NeedBeginning
    }

    /// The beginning of a body that is not read by its type. When it shows that it is one that is read, all of it
    /// is asked for; images and other files go on at once.
    ///
    /// `ended`: this is all of it.
    pub fn request_body_begins(
        &mut self,
        engine: &Engine,
        bytes: &[u8],
        ended: bool,
        now: Now,
    ) -> RequestOutcome {
        match body::begins(bytes) {
            Beginning::Undecided if !ended => RequestOutcome::NeedBeginning,
            Beginning::Read => RequestOutcome::NeedBody {
                limit_bytes: self.body_limit(engine),
            },
            Beginning::Undecided | Beginning::Other => {
                let missing = !bytes.is_empty() && self.headers.get("content-type").is_none();
                self.anomalies
                    .insert_if(missing, Anomaly::ContentTypeMissing);
                self.inspect_body(engine, now);
                self.file_begins(engine, bytes.len(), now)
            }
        }
    }

    /// A file goes on; how long it may be is the operator's to say.
    fn file_begins(&mut self, engine: &Engine, came: usize, now: Now) -> RequestOutcome {
        let limits = self.limits(engine);
        let limit = u64::from(limits.request_body_bytes);
        let refuses = limits.over_limit_files == OverLimit::Refuse;
        let declared = self.headers.text("content-length");
        let declared: Option<u64> = declared.and_then(|length| length.parse().ok());
        if refuses
            && declared.unwrap_or_default().max(came as u64) > limit
            && let Some(refused) = self.file_over_limit(engine, now)
        {
            return refused;
        }
        let outcome = self.decide_request(engine, now);
        if refuses {
            self.watched(Watch::Length(limit.saturating_sub(came as u64)), outcome)
        } else {
            outcome
        }
    }

    /// Stages 1 to 5 over the head. Boxed at once: it is some 1.5 KB, which each move would copy.
    pub(crate) fn begin(engine: &Engine, head: RequestHead<'_, '_>, now: Now) -> Box<Self> {
        let received = Headers::copy(head.headers.iter().copied());
        let text = |name: &str| received.text(name).unwrap_or_default();
        // 1. http: what the upstream will see, normalised.
        let raw_target = received.get(":path").unwrap_or(b"/");
        let target = path::split(raw_target, &engine.target_limits);
        let host = host_of(text(":authority"));
        let method = text(":method").to_ascii_uppercase_smolstr();
        // 2. endpoint: what is being called; how much of it is read depends on that.
        let (mut anomalies, query) = (target.anomalies, target.query);
        let found = (engine.matcher).read(&host, &method, target, &engine.endpoints);
        anomalies.insert_if(found.misplaced_parameter, Anomaly::PathParameterMisplaced);
        let limits =
            engine.limits_of_any(&found.matched, found.also.iter().map(|seen| &seen.matched));
        let mut parameters = Parameters::within(limits);
        anomalies.insert_if(
            raw_target.len() > limits.uri_bytes as usize,
            Anomaly::UriOverLimit,
        );
        anomalies.extend(headers::check(head.headers.iter().copied(), limits));
        if let Some(raw) = query {
            anomalies.extend(query::parse(raw, limits, &mut parameters));
        }
        for (_, raw) in received.iter().filter(|(name, _)| *name == b"cookie") {
            anomalies.extend(cookies::parse(raw, limits, &mut parameters));
        }
        // 3. client: who calls, as the network shows it.
        let client = engine.clients.identify(head.peer, head.protocol, &received);
        // 4. identity: who calls, as credentials prove it.
        let offered = Offered {
            headers: &received,
            parameters: &parameters,
            unix_s: now.unix_us / 1_000_000,
        };
        let accepted = accepted_providers(engine, &found);
        let identity = engine.identities.identify(offered, &accepted, &engine.hash);
        let mut transaction = Box::new(Self {
            started: now,
            id: text("x-request-id").into(),
            method,
            scheme: text(":scheme").into(),
            host,
            path: found.path,
            protocol: head.protocol,
            content_type: essence(text("content-type")),
            headers: received,
            parameters,
            anomalies,
            request_bytes: 0,
            work: Work::within(limits.work),
            watch: Watch::Nothing,
            is_late: false,
            matched: found.matched,
            also: found.also,
            client,
            identity,
            signals: Vec::new(),
            passed: SmallVec::new(),
            findings: Vec::new(),
            inspection: None,
            rules: RulesOutcome::default(),
            sensitive_request: Vec::new(),
            decision: Decision::default(),
            response: ResponseState::default(),
            trace: None,
        });
        transaction.note_findings(engine);
        if found.leaves {
            transaction.find("unknown_endpoint");
        }
        // 5. signals: what detection says of this caller now.
        transaction.ask_signals(engine, now);
        // 8. rules: what SecLang says of the head (the body comes later).
        transaction.inspect_head(engine, now);
        transaction
    }

    fn note_findings(&mut self, engine: &Engine) {
        // 7. schema: the contract, at this depth the endpoint list.
        let gap = schema::check(
            self.matched,
            engine.api(self.matched.api),
            engine.endpoint(self.matched.endpoint),
        );
        self.findings.extend(gap.into_iter().map(Cow::Borrowed));
        if self.client.forged_forwarding {
            self.find("forged_forwarding");
        }
        if self.client.malformed_forwarding {
            self.find("malformed_forwarding");
        }
        if !self.identity.error.is_empty() {
            self.find(self.identity.error);
        }
    }

    fn ask_signals(&mut self, engine: &Engine, now: Now) {
        if engine.shared.signals.is_empty() {
            return;
        }
        let asked = self.signals_of(engine, now);
        (self.signals, self.passed) = (asked.active, asked.passed);
    }

    fn signals_of(&self, engine: &Engine, now: Now) -> Asked {
        let table = &engine.shared.signals;
        let (client, identity) = (&self.client, &self.identity);
        let network = format!("asn:{}", client.place.asn);
        let campaign = format!("{}|{}|{}", client.fingerprint, client.ja4, client.place.asn);
        // Log-ins from networks without a number are told apart by where the address begins.
        let nameless = if client.place.asn == 0 {
            format!("{}|{}|{}", client.fingerprint, client.ja4, client.network())
        } else {
            String::new()
        };
        let login = self.login_hashes(engine);
        let familiarity = self.familiarity(engine, &login);
        let is_known = familiarity.is_known();
        let strangers = if is_known || familiarity.network || login.accounts.is_empty() {
            [String::new(), String::new()]
        } else {
            [
                format!("fingerprint|{}", client.fingerprint),
                format!("ja4|{}", client.ja4),
            ]
        };
        let mut keys: SmallVec<[(KeyType, &str); 16]> = SmallVec::new();
        keys.extend([
            (KeyType::Address, &*client.address_text),
            (KeyType::Network, &*network),
            (KeyType::Fingerprint, &*client.fingerprint),
            (KeyType::Ja4, &*client.ja4),
            (KeyType::Subject, &*identity.subject_hash),
            (KeyType::Credential, &*identity.credential_hash),
            (KeyType::Session, &*identity.session_hash),
            (KeyType::Campaign, &*campaign),
            (KeyType::Campaign, &*nameless),
        ]);
        keys.extend(
            login
                .accounts
                .iter()
                .map(|hash| (KeyType::Account, &**hash)),
        );
        keys.extend(
            login
                .passwords
                .iter()
                .map(|hash| (KeyType::Password, &**hash)),
        );
        keys.extend(strangers.iter().map(|key| (KeyType::Stranger, &**key)));
        // Whoever tries again at once draws the same, so that trying again and again is no way through. Neither what
        // the account's hash is nor what comes of it can be worked out without the key.
        let period = self.started.unix_us / PROBE_PERIOD_US;
        let account = login.accounts.first().map_or("", |hash| &**hash);
        let draw = |kind: &str| {
            engine.hash.draw(&[
                b"probe",
                kind.as_bytes(),
                account.as_bytes(),
                client.address_text.as_bytes(),
                &period.to_be_bytes(),
            ])
        };
        table.ask(&keys, now.monotonic_ns, is_known, draw)
    }

    /// The trailers, before the body is handed over: gRPC clients send none, and most servers read none.
    pub fn request_trailers(&mut self, engine: &Engine, trailers: &[(&[u8], &[u8])], now: Now) {
        self.inspect_trailers(engine, trailers, now);
    }

    /// The body, or as much of it as `limit_bytes` allowed (`truncated`: there is more).
    pub fn request_body(
        &mut self,
        engine: &Engine,
        bytes: &[u8],
        truncated: bool,
        now: Now,
    ) -> RequestOutcome {
        self.request_bytes = bytes.len() as u64;
        if truncated && let Some(upload) = self.upload(engine, bytes) {
            return self.upload_begins(engine, upload, now);
        }
        if truncated && self.is_file(bytes) {
            return self.long_file(engine, bytes, now);
        }
        self.anomalies.insert_if(truncated, Anomaly::BodyOverLimit);
        if self.is_refused_for_limits(engine) {
            return self.decide_request(engine, now);
        }
        self.read_body(engine, bytes, truncated, now);
        self.decide_request(engine, now)
    }

    /// Stages 1, 8 and 9 over a body.
    fn read_body(&mut self, engine: &Engine, bytes: &[u8], truncated: bool, now: Now) {
        let limits = self.limits(engine);
        let body = Body::receive(
            self.headers.text("content-type"),
            self.headers.text("content-encoding"),
            bytes,
            truncated,
            limits,
        );
        let length = body.content.len();
        let encoded = self.headers.get("content-encoding").is_some();
        let each = WORK_READ + if encoded { WORK_DECOMPRESS } else { 0 };
        self.work.charge_done(work::of_bytes(length, each));
        // 1. http and 8. rules: one reading of the body, to which both listen.
        let mut parameters = Collect::new(&mut self.parameters, limits);
        match (rules_environment(engine, now), self.inspection.as_mut()) {
            (Some(environment), Some(inspection)) => {
                inspection.read_body(environment, &body, &mut parameters);
            }
            _ => body.read(None, b'&', &mut parameters),
        }
        self.anomalies.extend(parameters.anomalies());
        self.anomalies.extend(body.anomalies);
        if self.anomalies.contains(Anomaly::FileOverLimit) {
            // It was cut where a file is; whether fields are missing is told apart.
            self.anomalies.remove(Anomaly::BodyOverLimit);
        }
        if self.is_refused_for_limits(engine) {
            return;
        }
        // 9. sensitive, of what comes in; logins carry passwords and e-mail addresses by their nature.
        self.sensitive_request = engine.scanner.scan(&body.content).classes;
        // 8. rules, over the body as the upstream will read it.
        self.inspect_body(engine, now);
        // 5. signals again: now it is known who logs in.
        self.ask_signals(engine, now);
    }

    /// A multipart body that is too long to be held: files are what makes such bodies long.
    fn upload(&self, engine: &Engine, bytes: &[u8]) -> Option<Box<Upload>> {
        let is_encoded = self.headers.get("content-encoding").is_some();
        let content_type = self.headers.text("content-type");
        let content_type = content_type.filter(|_| !is_encoded)?;
        let mut upload = Box::new(Upload::new(content_type, self.body_limit(engine))?);
        upload.feed(bytes);
        Some(upload)
    }

    /// The beginning of an upload: it is decided on what there is of its fields, and goes on with its files.
    fn upload_begins(&mut self, engine: &Engine, upload: Box<Upload>, now: Now) -> RequestOutcome {
        if let Some(refused) = self.file_over_limit(engine, now) {
            return refused;
        }
        self.read_upload(engine, &upload, true, now);
        let outcome = self.decide_request(engine, now);
        let known = upload.parts();
        self.watched(Watch::Parts(upload, known), outcome)
    }

    fn read_upload(&mut self, engine: &Engine, upload: &Upload, truncated: bool, now: Now) {
        let over = upload.is_over_limit();
        self.read_body(engine, upload.kept(), truncated || over, now);
        // Of what is left out of files no field is missing.
        self.anomalies.remove(Anomaly::BodyOverLimit);
        self.anomalies.insert_if(over, Anomaly::BodyOverLimit);
    }

    /// Whether a body that is too long to be held is a file: neither its type nor its beginning is one that is read.
    /// Nothing but blanks is no file: what they are put before is not seen.
    fn is_file(&self, bytes: &[u8]) -> bool {
        body::BodyKind::of(&self.content_type) == body::BodyKind::Other
            && self.headers.get("content-encoding").is_none()
            && body::begins_as_file(bytes)
    }

    /// A file that rules wanted to see goes on after its beginning.
    fn long_file(&mut self, engine: &Engine, bytes: &[u8], now: Now) -> RequestOutcome {
        if let Some(refused) = self.file_over_limit(engine, now) {
            return refused;
        }
        self.read_body(engine, bytes, true, now);
        self.anomalies.remove(Anomaly::BodyOverLimit);
        self.decide_request(engine, now)
    }

    /// A file is longer than is held: noted, and refused where that is asked for.
    fn file_over_limit(&mut self, engine: &Engine, now: Now) -> Option<RequestOutcome> {
        self.anomalies.insert(Anomaly::FileOverLimit);
        if self.limits(engine).over_limit_files == OverLimit::Pass {
            return None;
        }
        self.anomalies.insert(Anomaly::BodyOverLimit);
        self.find("over_limit");
        self.decision = self.ask(engine, Phase::Request, now);
        let answer = LocalResponse::of(&self.decision, &self.id, &engine.responses);
        let answer = answer.unwrap_or_else(|| self.refuse_for_limits());
        Some(RequestOutcome::Respond(answer))
    }

    /// Have the rest of the body watched, if it goes on.
    fn watched(&mut self, watch: Watch, mut outcome: RequestOutcome) -> RequestOutcome {
        if let RequestOutcome::Continue(effects) = &mut outcome {
            effects.watch = true;
            self.watch = watch;
        }
        outcome
    }

    /// A chunk of a request that passes ([`RequestEffects::watch`]). An answer: it must not go on.
    pub fn request_chunk(
        &mut self,
        engine: &Engine,
        chunk: &[u8],
        now: Now,
    ) -> Option<LocalResponse> {
        match &mut self.watch {
            Watch::Nothing => None,
            Watch::Parts(upload, _) => {
                upload.feed(chunk);
                None
            }
            Watch::Length(left) => match left.checked_sub(chunk.len() as u64) {
                Some(rest) => {
                    *left = rest;
                    None
                }
                None => {
                    self.watch = Watch::Nothing;
                    match self.file_over_limit(engine, now) {
                        Some(RequestOutcome::Respond(answer)) => Some(answer),
                        _ => None,
                    }
                }
            },
        }
    }

    /// The last chunk was shown. When parts came behind what was decided on, it is decided again, on all of them: an
    /// answer means that the last bytes must not go out.
    pub fn request_ends(&mut self, engine: &Engine, now: Now) -> Option<LocalResponse> {
        let Watch::Parts(mut upload, known) = std::mem::replace(&mut self.watch, Watch::Nothing)
        else {
            return None;
        };
        upload.end();
        // The last delimiter begins no part.
        if upload.parts() <= known + 1 && !upload.is_over_limit() {
            return None;
        }
        self.parameters.forget_body();
        self.findings.retain(|code| !code.starts_with("rule:"));
        self.rules = RulesOutcome::default();
        self.work = Work::within(self.limits(engine).work);
        self.inspect_head(engine, now);
        self.read_upload(engine, &upload, false, now);
        self.is_late = true;
        match self.decide_request(engine, now) {
            RequestOutcome::Respond(answer) => Some(answer),
            _ => None,
        }
    }

    /// How slowly its body may come; `None`: it is a conversation, or any pace will do.
    ///
    /// What a request calls itself exempts it only where it can be true: gRPC goes to upstreams that speak HTTP/2.
    pub fn body_pace(&self, engine: &Engine) -> Option<BodyPace> {
        let has_grpc = || engine.api(self.matched.api).is_some_and(|api| api.grpc);
        if is_conversation(self) || is_grpc(self) && has_grpc() {
            return None;
        }
        BodyPace::of(self.limits(engine))
    }

    /// The body came too slowly: noted, and what is answered. Policies are not asked: some of the body is not there.
    pub fn body_too_slow(&mut self) -> LocalResponse {
        self.anomalies.insert(Anomaly::SlowBody);
        self.find("over_limit");
        let response = LocalResponse::too_slow(&self.id);
        self.decision.terminal = Terminal::Block(response.status, None, "".into());
        response
    }

    /// What no policy is asked about.
    fn refuse(&mut self, status: u16, title: &str) -> RequestOutcome {
        self.decision.terminal = Terminal::Block(status, None, "".into());
        RequestOutcome::Respond(LocalResponse::problem(status, title, &self.id))
    }

    /// Note whether something was not looked at because the request costs too much.
    fn note_work(&mut self) {
        self.anomalies
            .insert_if(self.work.is_spent(), Anomaly::WorkOverLimit);
    }

    /// Bytes of the body that are held and inspected.
    fn body_limit(&self, engine: &Engine) -> usize {
        self.limits(engine).request_body_bytes as usize
    }

    /// Limits that the request is over.
    fn over_limit(&self) -> Anomalies {
        self.anomalies.and(Anomalies::OVER_LIMIT)
    }

    /// Whether the request is over a limit, and what is called refuses such.
    fn is_refused_for_limits(&self, engine: &Engine) -> bool {
        !self.over_limit().is_empty() && self.limits(engine).over_limit == OverLimit::Refuse
    }

    /// Stages 6, 8 and 10: rate limits are asked by policies, rules add findings, policies decide. What is over a limit
    /// was not seen by them in full, so none of them can allow it: the limit's own action comes last.
    fn decide_request(&mut self, engine: &Engine, now: Now) -> RequestOutcome {
        self.note_work();
        if !self.over_limit().is_empty() {
            self.find("over_limit");
        }
        self.decision = self.ask(engine, Phase::Request, now);
        if let Some(response) = LocalResponse::of(&self.decision, &self.id, &engine.responses) {
            return RequestOutcome::Respond(response);
        }
        if self.is_refused_for_limits(engine) {
            return RequestOutcome::Respond(self.refuse_for_limits());
        }
        let mut effects = RequestEffects::of(&self.decision, &self.headers, &engine.policies);
        if engine.scanner.is_on() && engine.policies.need_response_body(&self.scopes(now)) {
            self.ask_for_what_can_be_read(&mut effects);
        }
        RequestOutcome::Continue(effects)
    }

    fn refuse_for_limits(&mut self) -> LocalResponse {
        let response = LocalResponse::over_limit(self.over_limit(), &self.id);
        self.decision.terminal = Terminal::Block(response.status, None, "".into());
        response
    }

    /// No client chooses a form of response in which values cannot be found.
    fn ask_for_what_can_be_read(&self, effects: &mut RequestEffects) {
        // Of a part nobody can say whether it cuts a value in two (a server may ignore Range: RFC 9110, 14.2).
        if self.headers.get("range").is_some() {
            effects.remove.push("range".into());
        }
        let accepted = self.headers.joined("accept-encoding");
        if let Some(readable) = accepted.and_then(|list| decompress::only_readable(&list)) {
            effects
                .set
                .push(("accept-encoding".into(), readable.into()));
        }
    }

    fn ask(&mut self, engine: &Engine, phase: Phase, now: Now) -> Decision {
        let mut trace = self.trace.take();
        // A request that is decided on twice is counted once.
        let uncounted = RateTable::default();
        let decision = engine.policies.decide(
            phase,
            &self.worlds(engine, now),
            if self.is_late {
                &uncounted
            } else {
                &engine.shared.rates
            },
            trace.as_mut(),
        );
        self.trace = trace;
        if decision.errors > 0 {
            engine
                .shared
                .policy_errors
                .fetch_add(decision.errors.into(), Ordering::Relaxed);
        }
        decision
    }

    /// The response's head. The host then hands over chunks as they pass (`Collect`), or the whole body before it
    /// lets anything go (`NeedBody`).
    pub fn response_headers(
        &mut self,
        engine: &Engine,
        head: ResponseHead<'_, '_>,
        now: Now,
    ) -> ResponseOutcome {
        let response = &mut self.response;
        response.headers = Headers::copy(head.headers.iter().copied());
        response.status = response
            .headers
            .text(":status")
            .and_then(|status| status.parse().ok())
            .unwrap_or(0);
        response.upstream = head.upstream.into();
        response.content_type = essence(response.headers.text("content-type").unwrap_or_default());
        let has_text = !head.end_of_stream && is_text(&response.content_type);
        // A request that used up its work does not keep the response from being looked at.
        let work = self.limits(engine).work;
        self.note_work();
        self.work = self.work.with_at_least(work / RESPONSE_SHARE);
        // 8. rules, over the response's head.
        self.inspect_response_head(engine, now);
        let scopes = self.scopes(now);
        let reads_body =
            has_text && (engine.scanner.is_on() || self.rules_want_response(engine, now));
        if reads_body && engine.policies.need_response_body(&scopes) {
            return ResponseOutcome::NeedBody {
                limit_bytes: self.limits(engine).response_body_bytes as usize,
            };
        }
        self.response.collect = reads_body;
        if !self.response.collect {
            return self.decide_response(engine, now);
        }
        // Conditions on the head alone still act; what only observes the body is asked again at the end.
        match self.decide_response(engine, now) {
            ResponseOutcome::Continue => ResponseOutcome::Collect,
            other => other,
        }
    }

    /// The head of a response that Starfort or Envoy made: noted for the event, asked about by nobody.
    pub fn own_response(&mut self, head: ResponseHead<'_, '_>) {
        let response = &mut self.response;
        response.headers = Headers::copy(head.headers.iter().copied());
        response.status = response
            .headers
            .text(":status")
            .and_then(|status| status.parse().ok())
            .unwrap_or(0);
        response.upstream = SmolStr::default();
        response.content_type = essence(response.headers.text("content-type").unwrap_or_default());
        response.collect = false;
    }

    /// A chunk of a response that goes out unchanged.
    pub fn response_chunk(&mut self, engine: &Engine, chunk: &[u8]) {
        let limit = self.limits(engine).response_body_bytes as usize;
        let room = limit.saturating_sub(self.response.collected.len());
        if self.response.collect && room > 0 {
            self.response
                .collected
                .extend_from_slice(chunk.get(..room).unwrap_or(chunk));
        }
    }

    /// The whole body of a response that was held (`truncated`: as much as the limit allowed).
    pub fn response_body(
        &mut self,
        engine: &Engine,
        bytes: &[u8],
        truncated: bool,
        now: Now,
    ) -> ResponseBodyOutcome {
        let encoding = self
            .response
            .headers
            .text("content-encoding")
            .map(ToOwned::to_owned);
        let read = engine
            .scanner
            .plain(encoding.as_deref(), bytes, truncated, self.limits(engine));
        let (plain, complete) = (read.body, !read.incomplete);
        let found = engine.scanner.scan(&plain);
        (self.response.sensitive, self.response.sensitive_count) = (found.classes, found.count);
        self.inspect_response_body(engine, Some(&plain), now);
        if !complete || self.work.is_spent() {
            self.find("response_over_limit");
        }
        match self.decide_response(engine, now) {
            ResponseOutcome::Respond(response) => return ResponseBodyOutcome::Respond(response),
            _ if self.response.sensitive.is_empty() => return ResponseBodyOutcome::Continue,
            _ => {}
        }
        let Some(classes) = &self.response.decision.mask else {
            return ResponseBodyOutcome::Continue;
        };
        match engine.scanner.mask(&plain, classes) {
            Some(body) => ResponseBodyOutcome::Replace {
                body,
                decoded: encoding.is_some(),
                complete,
            },
            None => ResponseBodyOutcome::Continue,
        }
    }

    fn decide_response(&mut self, engine: &Engine, now: Now) -> ResponseOutcome {
        if self.trace.is_none() && !engine.policies.ask_responses(&self.scopes(now)) {
            return ResponseOutcome::Continue;
        }
        self.response.decision = self.ask(engine, Phase::Response, now);
        match LocalResponse::of(&self.response.decision, &self.id, &engine.responses) {
            Some(response) => ResponseOutcome::Respond(response),
            None => ResponseOutcome::Continue,
        }
    }

    /// The stream is over, however it ended: 11. event.
    pub fn finish(mut self: Box<Self>, engine: &Engine, end: StreamEnd, now: Now) -> Box<EventRow> {
        self.scan_collected(engine, end, now);
        self.finish_rules(engine, now);
        EventRow::of(self, engine, end, now)
    }

    /// Look for sensitive data in a response that passed.
    pub(crate) fn scan_collected(&mut self, engine: &Engine, end: StreamEnd, now: Now) {
        if self.response.collect && !self.response.collected.is_empty() {
            let collected = std::mem::take(&mut self.response.collected);
            let encoding = self
                .response
                .headers
                .text("content-encoding")
                .map(ToOwned::to_owned);
            let truncated = collected.len() as u64 != end.response_bytes;
            let plain = engine
                .scanner
                .plain(
                    encoding.as_deref(),
                    &collected,
                    truncated,
                    self.limits(engine),
                )
                .body;
            let found = engine.scanner.scan(&plain);
            (self.response.sensitive, self.response.sensitive_count) = (found.classes, found.count);
            self.inspect_response_body(engine, Some(&plain), now);
            if (!self.response.sensitive.is_empty() || self.rules.outbound_score > 0)
                && engine.policies.ask_responses(&self.scopes(now))
            {
                // Nothing that acts waits for the body here (see `need_response_body`): this notes observations.
                let observed = self.ask(engine, Phase::Response, now).observed;
                self.response.decision.observed = observed;
            }
        }
    }
}

/// Names of the JWT providers that an API takes tokens of; where readings of the path belong to several APIs, those that
/// all of them take.
fn accepted_providers<'a>(engine: &'a Engine, found: &Found) -> Cow<'a, [String]> {
    let of = |api| engine.api(api).map_or(&[][..], |api| &*api.jwt_providers);
    let own = of(found.matched.api);
    let mut others = found.also.iter().map(|seen| seen.matched.api);
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
/// last colon is the port whatever it is, outside of the brackets of an IPv6 address. One dot at the end is a name's
/// own; of more, Envoy makes another name.
fn host_of(authority: &str) -> SmolStr {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    };
    host.strip_suffix('.')
        .unwrap_or(host)
        .to_ascii_lowercase_smolstr()
}

/// Media type without parameters, lower case.
fn essence(content_type: &str) -> SmolStr {
    content_type::essence(content_type).to_ascii_lowercase_smolstr()
}

/// Bodies that are conversations and must not be held: gRPC (of which only HTTP/2 is capable), CONNECT, WebSocket
/// (what wants to be one with another method than GET was refused before).
fn is_streaming(transaction: &Transaction) -> bool {
    is_grpc(transaction) || is_conversation(transaction)
}

fn is_grpc(transaction: &Transaction) -> bool {
    transaction.content_type.starts_with("application/grpc")
        && matches!(transaction.protocol, "HTTP/2" | "HTTP/3")
}

fn is_conversation(transaction: &Transaction) -> bool {
    transaction.headers.get("upgrade").is_some() || transaction.method == "CONNECT"
}

/// Responses that are scanned for sensitive data: also those that do not say what they are.
fn is_text(content_type: &str) -> bool {
    content_type.is_empty()
        || !matches!(
            body::BodyKind::of(content_type),
            body::BodyKind::Other | body::BodyKind::Empty | body::BodyKind::Multipart
        ) && content_type != "text/event-stream"
}
