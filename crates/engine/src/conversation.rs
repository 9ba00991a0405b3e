//! What the host calls in the life of a request, and what it is told to do in return.
//!
//! The host calls [`Transaction::request_headers`]; then [`Transaction::request_body_begins`] and
//! [`Transaction::request_body`], when it is asked for the body's beginning or for all of it; then
//! [`Transaction::response_headers`], and [`Transaction::response_chunk`] or [`Transaction::response_body`] as that
//! answers; and [`Transaction::finish`] once, however the stream ended.
//! What comes back is data: the host acts, the engine never does.
//!
//! Which stages a call runs through is in `pipeline.rs`; this file decides how much of a body is asked for.

use crate::bundle::Phase;
use crate::engine::{Engine, Now};
use crate::event::EventRow;
use crate::http::body::{self, Beginning, BodyKind};
use crate::http::decompress::{self, Decompressed};
use crate::http::upload::Upload;
use crate::http::{Anomaly, OverLimit};
use crate::input::{RequestHead, ResponseHead, StreamEnd};
use crate::outcome::{
    LocalResponse, RequestEffects, RequestOutcome, ResponseBodyOutcome, ResponseOutcome,
};
use crate::pace::BodyPace;
use crate::pipeline::{self, Unread, contract, limits};
use crate::policy::actions::Block;
use crate::shape;
use crate::transaction::{RulesOutcome, Transaction, Watch};
use crate::view;
use crate::work::Work;

impl Transaction {
    // --- The request ---

    /// Take in the head of a request. Policies are asked here too, unless the body has to be seen first.
    pub fn request_headers(
        engine: &Engine,
        head: RequestHead<'_, '_>,
        now: Now,
    ) -> (Box<Self>, RequestOutcome) {
        let mut transaction = Self::begin(engine, head, now);
        let outcome = transaction.after_head(engine, head.end_of_stream, now);
        (transaction, outcome)
    }

    /// The first half of [`Self::request_headers`]: the stages look at the head.
    pub(crate) fn begin(engine: &Engine, head: RequestHead<'_, '_>, now: Now) -> Box<Self> {
        pipeline::request_head(engine, head, now)
    }

    /// The other half: ask for the body, or decide without it.
    pub(crate) fn after_head(
        &mut self,
        engine: &Engine,
        end_of_stream: bool,
        now: Now,
    ) -> RequestOutcome {
        if let Some(anomaly) = self.ambiguity() {
            self.anomalies.insert(anomaly);
            return self.refuse(400, "Bad Request");
        }
        // A conversation never ends, so it would be held for ever. A request that is refused anyway need not be
        // received first.
        if end_of_stream || is_streaming(self) || limits::refuses(engine, self) {
            let what = if is_streaming(self) {
                Unread::Conversation
            } else if end_of_stream {
                Unread::Nothing
            } else {
                Unread::Body
            };
            pipeline::request_without_body(engine, self, what, now);
            return self.decide_request(engine, now);
        }
        // An attacker who wants to hide a body declares a type that is not read, or none at all: the upstream may not
        // care. An encoded body does not show what it is.
        let is_read = BodyKind::of(&self.content_type) != BodyKind::Other;
        let is_encoded = self.headers.get("content-encoding").is_some();
        if is_read || is_encoded || pipeline::wants_any_body(self) {
            return self.need_body(engine);
        }
        RequestOutcome::NeedBeginning
    }

    /// An ambiguity that servers resolve in different ways. Such a request is refused, whatever policies say.
    fn ambiguity(&self) -> Option<Anomaly> {
        let upgrades = self.headers.get("upgrade").is_some();
        if upgrades && self.method != "GET" && self.method != "CONNECT" {
            // A WebSocket begins with a GET (RFC 6455, 4.1). Envoy would let everything behind this head through as
            // a conversation, while an upstream that ignores the header reads it as the body.
            return Some(Anomaly::OddHeader);
        }
        // Two hosts (RFC 9112, 3.2): servers differ in which one they believe, and Envoy joins them with a comma.
        (self.host.contains(',')).then_some(Anomaly::DuplicateHeader)
    }

    /// Hold the request until its body is here, as far as it is inspected.
    fn need_body(&self, engine: &Engine) -> RequestOutcome {
        RequestOutcome::NeedBody {
            limit_bytes: limits::body_bytes(engine, self),
        }
    }

    /// Take in the beginning of a body whose declared type is not read. If the bytes show a format that is read, the
    /// whole body is asked for. Images and other files go on at once.
    ///
    /// `ended`: these bytes are the whole body.
    pub fn request_body_begins(
        &mut self,
        engine: &Engine,
        bytes: &[u8],
        ended: bool,
        now: Now,
    ) -> RequestOutcome {
        match body::begins(bytes) {
            Beginning::Undecided if !ended => RequestOutcome::NeedBeginning,
            // A document under a false type, or under none: the upstream may read it.
            Beginning::Read => self.need_body(engine),
            Beginning::Undecided | Beginning::Other => {
                let missing = !bytes.is_empty() && self.headers.get("content-type").is_none();
                self.anomalies
                    .insert_if(missing, Anomaly::ContentTypeMissing);
                let what = if bytes.is_empty() {
                    Unread::Nothing
                } else {
                    Unread::Body
                };
                pipeline::request_without_body(engine, self, what, now);
                self.file_begins(engine, bytes.len(), now)
            }
        }
    }

    /// A file goes on. The operator decides how long it may be.
    fn file_begins(&mut self, engine: &Engine, received: usize, now: Now) -> RequestOutcome {
        let limits = limits::of(engine, self);
        let limit = u64::from(limits.request_body_bytes);
        let refuses = limits.over_limit_files == OverLimit::Refuse;
        let declared = self.headers.text("content-length");
        let declared: Option<u64> = declared.and_then(|length| length.parse().ok());
        // The larger one: a declared length may be too small, and what has come may be only a part.
        let length = declared.unwrap_or_default().max(received as u64);
        if refuses
            && length > limit
            && let Some(answer) = self.file_over_limit(engine, now)
        {
            return RequestOutcome::Respond(answer);
        }
        let outcome = self.decide_request(engine, now);
        if refuses {
            // The declared length may be missing or untrue, so the bytes are counted as they pass.
            self.watched(
                Watch::Length(limit.saturating_sub(received as u64)),
                outcome,
            )
        } else {
            outcome
        }
    }

    /// Take in the trailers, which come before the body is handed over. gRPC clients send none, and most servers read
    /// none.
    pub fn request_trailers(&mut self, engine: &Engine, trailers: &[(&[u8], &[u8])], now: Now) {
        pipeline::request_trailers(engine, self, trailers, now);
    }

    /// Take in the body, or as much of it as `limit_bytes` allowed (`truncated`: there is more).
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
        // A file that rules wanted to see is no reason to refuse: files have a limit setting of their own.
        if truncated && self.is_file(bytes) {
            return self.long_file(engine, bytes, now);
        }
        self.anomalies.insert_if(truncated, Anomaly::BodyOverLimit);
        // A body that is refused anyway is not parsed: parsing is what a flood of large bodies would make us pay for.
        if !limits::refuses(engine, self) {
            pipeline::request_body(engine, self, bytes, truncated, now);
        }
        self.decide_request(engine, now)
    }

    /// The state of a multipart body that is too long to be held. Files are what makes such bodies long.
    fn upload(&self, engine: &Engine, bytes: &[u8]) -> Option<Box<Upload>> {
        let is_encoded = self.headers.get("content-encoding").is_some();
        let content_type = self.headers.text("content-type");
        // The parts of an encoded body cannot be told apart while it passes, so it counts as one body.
        let content_type = content_type.filter(|_| !is_encoded)?;
        let limit = limits::body_bytes(engine, self);
        let mut upload = Box::new(Upload::new(content_type, limit)?);
        upload.feed(bytes);
        Some(upload)
    }

    /// The beginning of an upload: it is decided on the fields that have come so far, and goes on with its files.
    fn upload_begins(&mut self, engine: &Engine, upload: Box<Upload>, now: Now) -> RequestOutcome {
        if let Some(answer) = self.file_over_limit(engine, now) {
            return RequestOutcome::Respond(answer);
        }
        // Fields that a contract asks for may come behind the files.
        self.contract.waits_for_body = true;
        self.read_upload(engine, &upload, true, now);
        let outcome = self.decide_request(engine, now);
        // Remembered: only parts that begin later need a second decision.
        let known = upload.parts();
        self.watched(Watch::Parts(upload, known), outcome)
    }

    fn read_upload(&mut self, engine: &Engine, upload: &Upload, truncated: bool, now: Now) {
        let over = upload.is_over_limit();
        pipeline::request_body(engine, self, upload.kept(), truncated || over, now);
        // What is left out are contents of files; only the upload knows whether a field is missing as well.
        self.anomalies.remove(Anomaly::BodyOverLimit);
        self.anomalies.insert_if(over, Anomaly::BodyOverLimit);
    }

    /// Whether a body that is too long to be held is a file: neither its type nor its beginning is one that is read.
    /// A body that begins with nothing but blanks is no file: what stands behind them is not seen.
    fn is_file(&self, bytes: &[u8]) -> bool {
        BodyKind::of(&self.content_type) == BodyKind::Other
            && self.headers.get("content-encoding").is_none()
            && body::begins_as_file(bytes)
    }

    /// A file that rules wanted to see goes on after its beginning.
    fn long_file(&mut self, engine: &Engine, bytes: &[u8], now: Now) -> RequestOutcome {
        if let Some(answer) = self.file_over_limit(engine, now) {
            return RequestOutcome::Respond(answer);
        }
        pipeline::request_body(engine, self, bytes, true, now);
        // The missing end belongs to the file, which `FileOverLimit` notes already; no field is missing.
        self.anomalies.remove(Anomaly::BodyOverLimit);
        self.decide_request(engine, now)
    }

    /// A file is longer than what is held: note it, and refuse it where the operator asks for that.
    fn file_over_limit(&mut self, engine: &Engine, now: Now) -> Option<LocalResponse> {
        self.anomalies.insert(Anomaly::FileOverLimit);
        if limits::of(engine, self).over_limit_files == OverLimit::Pass {
            return None;
        }
        self.anomalies.insert(Anomaly::BodyOverLimit);
        self.findings.note("over_limit");
        // Policies may answer in a way of their own, for example deceive; without such an answer the limit refuses.
        self.decision = pipeline::policy(engine, self, Phase::Request, now);
        let answer = LocalResponse::of(&self.decision, &self.id);
        Some(answer.unwrap_or_else(|| self.refuse_for_limits()))
    }

    /// Have the rest of the body watched, if it goes on.
    fn watched(&mut self, watch: Watch, mut outcome: RequestOutcome) -> RequestOutcome {
        if let RequestOutcome::Continue(effects) = &mut outcome {
            effects.watch = true;
            self.watch = watch;
        }
        outcome
    }

    /// Take in a chunk of a request that passes ([`RequestEffects::watch`]). If there is an answer, the chunk must not
    /// go on.
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
            Watch::Length(left) => {
                if let Some(rest) = left.checked_sub(chunk.len() as u64) {
                    *left = rest;
                    return None;
                }
                // The file is over its limit now, whether it is refused or passes, so its length need not be counted
                // any further.
                self.watch = Watch::Nothing;
                self.file_over_limit(engine, now)
            }
        }
    }

    /// The last chunk was shown. When parts came after the decision, the request is decided on again, with all of them.
    /// An answer means that the last bytes must not go out.
    pub fn request_ends(&mut self, engine: &Engine, now: Now) -> Option<LocalResponse> {
        let Watch::Parts(mut upload, known) = std::mem::replace(&mut self.watch, Watch::Nothing)
        else {
            return None;
        };
        upload.end();
        // The closing delimiter (RFC 2046, 5.1.1) counts here, but begins no part.
        let waits = self.contract.waits_for_body && self.contract.mode.is_some();
        if upload.parts() <= known + 1 && !upload.is_over_limit() && !waits {
            return None;
        }
        // Rules begin anew, because their scores of the fields that came first cannot be taken back one by one.
        self.parameters.forget_body();
        self.findings.forget_rules();
        self.rules = RulesOutcome::default();
        self.work = Work::within(limits::of(engine, self).work);
        pipeline::rules_again(engine, self, now);
        self.read_upload(engine, &upload, false, now);
        // From here on, rate counters are not asked again.
        self.is_late = true;
        match self.decide_request(engine, now) {
            RequestOutcome::Respond(answer) => Some(answer),
            _ => None,
        }
    }

    /// How slowly the body of the request may come. `None`: the request is a conversation, or its limits set no pace.
    ///
    /// A request that claims to be gRPC is exempt only where this can be true: where the upstream speaks HTTP/2.
    pub fn body_pace(&self, engine: &Engine) -> Option<BodyPace> {
        let has_grpc = || {
            engine
                .api(self.found.matched.api)
                .is_some_and(|api| api.grpc)
        };
        if is_conversation(self) || is_grpc(self) && has_grpc() {
            return None;
        }
        BodyPace::of(limits::of(engine, self))
    }

    /// The body came too slowly: note that, and return the answer. Policies are not asked, because a part of the body
    /// is missing.
    pub fn body_too_slow(&mut self) -> LocalResponse {
        self.anomalies.insert(Anomaly::SlowBody);
        self.findings.note("over_limit");
        let response = LocalResponse::too_slow(&self.id);
        self.blocked(response.status);
        response
    }

    /// Refuse a request without asking any policy.
    fn refuse(&mut self, status: u16, title: &str) -> RequestOutcome {
        self.blocked(status);
        RequestOutcome::Respond(LocalResponse::problem(status, title, &self.id))
    }

    fn refuse_for_limits(&mut self) -> LocalResponse {
        let response = LocalResponse::over_limit(limits::over(self), &self.id);
        self.blocked(response.status);
        response
    }

    /// The event says that the request was blocked, by no policy.
    fn blocked(&mut self, status: u16) {
        self.decision.terminal = Block::without_policy(status);
    }

    /// Ask policies, and act on what they decide. Policies have not seen all of a request that is over a limit, so none
    /// of them can allow it: the limit's own action comes last.
    fn decide_request(&mut self, engine: &Engine, now: Now) -> RequestOutcome {
        // Before policies are asked, because their conditions may look at this anomaly too.
        limits::note_work(self);
        if !limits::over(self).is_empty() {
            self.findings.note("over_limit");
        }
        self.decision = pipeline::policy(engine, self, Phase::Request, now);
        if let Some(response) = LocalResponse::of(&self.decision, &self.id) {
            return RequestOutcome::Respond(response);
        }
        if let Some(response) = contract::refuse_request(engine, self) {
            return RequestOutcome::Respond(response);
        }
        if limits::refuses(engine, self) {
            return RequestOutcome::Respond(self.refuse_for_limits());
        }
        let mut effects = RequestEffects::of(&self.decision, &self.headers, &engine.policies);
        // Only where something may be masked: other requests keep the encodings and ranges that they ask for.
        let masks =
            engine.scanner.is_on() && engine.policies.need_response_body(&view::scopes(self, now));
        if masks || contract::holds_response(engine, self) {
            self.ask_for_what_can_be_read(&mut effects);
        }
        RequestOutcome::Continue(effects)
    }

    /// Change the request so that the response can be read: no client chooses a form in which values are not found.
    fn ask_for_what_can_be_read(&self, effects: &mut RequestEffects) {
        // A partial response (206) may cut a value in two, so it cannot be masked; therefore upstreams are not asked for
        // ranges, which a server may ignore anyway (RFC 9110, 14.2).
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

    // --- The response ---

    /// The response's head. The host then hands over chunks as they pass (`Collect`), or the whole body before it lets
    /// anything go (`NeedBody`).
    pub fn response_headers(
        &mut self,
        engine: &Engine,
        head: ResponseHead<'_, '_>,
        now: Now,
    ) -> ResponseOutcome {
        pipeline::response_head(engine, self, head, now);
        let has_text = !head.end_of_stream && is_text(&self.response.content_type);
        self.response.reads_shape = has_text && shape::wants_answer(self, engine);
        let reads_body = has_text
            && (engine.scanner.is_on()
                || self.response.reads_shape
                || pipeline::wants_response_body(engine, self, now)
                || contract::wants_response_body(engine, self));
        // Held only for what can change the response: everything else is found while the response passes.
        let is_held = || {
            engine.policies.need_response_body(&view::scopes(self, now))
                || contract::holds_response(engine, self)
        };
        if reads_body && is_held() {
            return ResponseOutcome::NeedBody {
                limit_bytes: limits::of(engine, self).response_body_bytes as usize,
            };
        }
        self.response.collect = reads_body;
        // Conditions on the head alone still act; what only observes the body is asked again at the end.
        match self.decide_response(engine, now) {
            ResponseOutcome::Continue if reads_body => ResponseOutcome::Collect,
            ResponseOutcome::Continue => match contract::refuse_response(engine, self, true) {
                Some(answer) => ResponseOutcome::Respond(answer),
                None => ResponseOutcome::Continue,
            },
            outcome => outcome,
        }
    }

    /// The head of a response that Starfort or Envoy made: it is noted for the event, and no policy is asked about it.
    pub fn own_response(&mut self, head: ResponseHead<'_, '_>) {
        self.response.receive(ResponseHead {
            upstream: "",
            ..head
        });
        // What Starfort or Envoy made holds no data of the API, so it is not scanned.
        self.response.collect = false;
    }

    /// A chunk of a response that goes out unchanged.
    pub fn response_chunk(&mut self, engine: &Engine, chunk: &[u8]) {
        let limit = limits::of(engine, self).response_body_bytes as usize;
        let response = &mut self.response;
        // The response is never held up: bytes beyond the limit are not looked at, and the scan knows that the end is
        // missing.
        let room = limit.saturating_sub(response.collected.len());
        if response.collect && room > 0 {
            let kept = chunk.get(..room).unwrap_or(chunk);
            response.collected.extend_from_slice(kept);
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
        let read = self.read_response(engine, bytes, truncated, now);
        if read.incomplete || self.work.is_spent() {
            self.findings.note("response_over_limit");
        }
        if let ResponseOutcome::Respond(response) = self.decide_response(engine, now) {
            return ResponseBodyOutcome::Respond(response);
        }
        if let Some(response) = contract::refuse_response(engine, self, true) {
            return ResponseBodyOutcome::Respond(response);
        }
        let shorter = contract::without_fields(engine, self, &read.body);
        let masked = self.masked(engine, shorter.as_deref().unwrap_or(&read.body));
        match masked.or(shorter) {
            Some(body) => ResponseBodyOutcome::Replace {
                body,
                decoded: self.response.headers.text("content-encoding").is_some(),
                complete: !read.incomplete,
            },
            None => ResponseBodyOutcome::Continue,
        }
    }

    /// The body with the values masked that policies name. `None`: there is nothing to mask.
    fn masked(&self, engine: &Engine, body: &[u8]) -> Option<Vec<u8>> {
        let classes = self.response.decision.mask.as_ref()?;
        if self.response.sensitive.is_empty() {
            return None;
        }
        engine.scanner.mask(body, classes)
    }

    /// Undo the content encoding, and let the stages look at the content.
    fn read_response<'b>(
        &mut self,
        engine: &Engine,
        bytes: &'b [u8],
        truncated: bool,
        now: Now,
    ) -> Decompressed<'b> {
        let encoding = self.response.headers.text("content-encoding");
        let limits = limits::of(engine, self);
        let is_read = self.response.reads_shape || contract::wants_response_body(engine, self);
        let read = (engine.scanner).plain(encoding, bytes, truncated, limits, is_read);
        pipeline::response_body(engine, self, &read.body, read.incomplete, now);
        read
    }

    fn decide_response(&mut self, engine: &Engine, now: Now) -> ResponseOutcome {
        // Most bundles have no policy for responses, and then a response costs nothing here. An explanation wants to
        // name every policy.
        if self.trace.is_none() && !engine.policies.ask_responses(&view::scopes(self, now)) {
            return ResponseOutcome::Continue;
        }
        self.response.decision = pipeline::policy(engine, self, Phase::Response, now);
        match LocalResponse::of(&self.response.decision, &self.id) {
            Some(response) => ResponseOutcome::Respond(response),
            None => ResponseOutcome::Continue,
        }
    }

    /// The stream is over, in whatever way it ended.
    pub fn finish(mut self: Box<Self>, engine: &Engine, end: StreamEnd, now: Now) -> Box<EventRow> {
        self.scan_collected(engine, end, now);
        pipeline::finish(engine, self, end, now)
    }

    /// Look at the body of a response that has passed already.
    pub(crate) fn scan_collected(&mut self, engine: &Engine, end: StreamEnd, now: Now) {
        if !self.response.collect || self.response.collected.is_empty() {
            return;
        }
        let collected = std::mem::take(&mut self.response.collected);
        // When less was collected than went out, the end is missing.
        let truncated = collected.len() as u64 != end.response_bytes;
        self.read_response(engine, &collected, truncated, now);
        let has_news = !self.response.sensitive.is_empty()
            || self.rules.outbound_score > 0
            || self.contract.response;
        if has_news && engine.policies.ask_responses(&view::scopes(self, now)) {
            // Nothing that acts waits for the body here (see `need_response_body`): this notes what would have been done.
            let observed = pipeline::policy(engine, self, Phase::Response, now).observed;
            self.response.decision.observed = observed;
        }
        contract::refuse_response(engine, self, false);
    }
}

/// Bodies that are conversations and must not be held: gRPC (which only HTTP/2 can carry), CONNECT, WebSocket (a request
/// that asks for one with another method than GET was refused before).
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

/// Whether a response is scanned for sensitive data. A response that does not declare its type is scanned too.
fn is_text(content_type: &str) -> bool {
    let is_other = matches!(
        BodyKind::of(content_type),
        BodyKind::Other | BodyKind::Empty | BodyKind::Multipart
    );
    // An event stream has no end at which its body could be looked at.
    content_type.is_empty() || !is_other && content_type != "text/event-stream"
}
