//! The request's three hooks.

use std::net::{IpAddr, Ipv4Addr};

use starfort_engine::{
    Engine, LocalResponse, RequestEffects, RequestHead, RequestOutcome, Transaction,
};

use super::row::Substitute;
use super::{
    Answer, BodyStatus, Filter, HeadersStatus, RequestState, Then, TrailersStatus, with_body,
};
use crate::clock::now;
use crate::host::{Chunks, Host, Part, Side, Why};

/// The header that names the cluster for a `cluster_header` route (interfaces.md).
const UPSTREAM_HEADER: &str = "x-starfort-upstream";

/// How the names of headers begin that only Envoy and this filter exchange.
const INTERNAL: &[u8] = b"x-starfort-";

/// The next step that follows from a decision.
enum Next {
    Go,
    Hold,
    Collect,
    Answer(Answer),
}

impl Filter {
    /// The head came.
    pub(crate) fn request_headers<H: Host>(
        &mut self,
        host: &mut H,
        end: bool,
    ) -> (HeadersStatus, Then) {
        let process = &self.config.process;
        process.metrics.requests.increment();
        // One engine for the whole stream: a bundle that comes into force meanwhile does not change the middle of a
        // request.
        self.engine = process.engine.load_full();
        self.request_ended = end;
        let Some(engine) = self.engine.clone() else {
            process.metrics.requests_without_bundle.increment();
            let next = self.fail_request(host);
            return self.headers_status(next);
        };
        let work = |filter: &mut Self| filter.begin(&engine, host, end);
        let begun = self.guarded(|metrics| &metrics.request_headers_ns, work);
        let next = begun.unwrap_or_else(|| {
            self.note_substitute(&engine, host);
            self.fail_request(host)
        });
        if matches!(next, Next::Go | Next::Collect) {
            self.wait_for_body(host);
        }
        self.headers_status(next)
    }

    fn headers_status(&mut self, next: Next) -> (HeadersStatus, Then) {
        match next {
            Next::Go => (HeadersStatus::Continue, Then::Nothing),
            Next::Collect => (HeadersStatus::Stop, Then::Nothing),
            Next::Hold => (HeadersStatus::StopAllAndWatermark, Then::Nothing),
            Next::Answer(answer) => (HeadersStatus::Stop, self.give(answer)),
        }
    }

    fn begin<H: Host>(&mut self, engine: &Engine, host: &mut H, end: bool) -> Next {
        let (transaction, outcome) = {
            let headers = host.headers(Side::Request);
            // Kept for answers: gRPC clients expect a status of their own in them.
            self.is_grpc = headers.iter().any(|(name, value)| {
                *name == b"content-type" && value.starts_with(b"application/grpc")
            });
            let head = RequestHead {
                headers: &headers,
                // A peer on a Unix socket has no address; 0.0.0.0 is on no list of proxies.
                peer: host.peer().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
                protocol: host.protocol(),
                end_of_stream: end,
            };
            Transaction::request_headers(engine, head, now())
        };
        self.transaction = Some(transaction);
        self.act(host, outcome)
    }

    /// A part of the body came.
    pub(crate) fn request_body<H: Host>(&mut self, host: &mut H, end: bool) -> (BodyStatus, Then) {
        self.request_bytes += host.body_size(Side::Request, Part::Received) as u64;
        if end {
            self.request_ends();
        }
        if self.request == RequestState::Begin {
            let next = self.begins(host, true, end);
            // `Collect` goes on below: the state that is new now says what happens to these bytes.
            if !matches!(next, Next::Collect) {
                return self.body_status(next);
            }
        }
        match self.request {
            RequestState::Pass => (BodyStatus::Continue, Then::Nothing),
            RequestState::Watch => {
                let next = self.watch(host, true, end);
                self.body_status(next)
            }
            RequestState::Held => {
                self.watch_held(host, end);
                (BodyStatus::StopAndWatermark, Then::Nothing)
            }
            RequestState::Answered => (BodyStatus::StopNoBuffer, Then::Nothing),
            RequestState::Begin => (BodyStatus::StopAndBuffer, Then::Nothing),
            RequestState::Collect(limit) => {
                let over = self.request_bytes > limit as u64;
                if !end && !over {
                    return (BodyStatus::StopAndBuffer, Then::Nothing);
                }
                let mut next = self.decide(host, true, limit);
                if end && self.request == RequestState::Watch {
                    // All of the body was handed over, and this is its end.
                    next = self.watch(host, false, true);
                }
                self.body_status(next)
            }
        }
    }

    fn body_status(&mut self, next: Next) -> (BodyStatus, Then) {
        match next {
            Next::Go => (BodyStatus::Continue, Then::Nothing),
            Next::Hold | Next::Collect => (BodyStatus::StopAndWatermark, Then::Nothing),
            Next::Answer(answer) => (BodyStatus::StopNoBuffer, self.give(answer)),
        }
    }

    /// The body ended with trailers.
    pub(crate) fn request_trailers<H: Host>(&mut self, host: &mut H) -> (TrailersStatus, Then) {
        self.request_ends();
        let mut next = None;
        if self.request == RequestState::Begin {
            next =
                Some(self.begins(host, false, true)).filter(|next| !matches!(next, Next::Collect));
        }
        let next = match (next, &self.request) {
            (Some(next), _) => next,
            (None, RequestState::Collect(limit)) => self.decide(host, false, *limit),
            (None, RequestState::Pass) => Next::Go,
            (None, RequestState::Watch) => self.watch(host, false, true),
            (None, RequestState::Begin | RequestState::Held | RequestState::Answered) => Next::Hold,
        };
        match next {
            Next::Go => (TrailersStatus::Continue, Then::Nothing),
            Next::Hold | Next::Collect => (TrailersStatus::Stop, Then::Nothing),
            Next::Answer(answer) => (TrailersStatus::Stop, self.give(answer)),
        }
    }

    /// Envoy woke the stream, for the reason that the stream gave when it asked for it.
    pub(crate) fn scheduled<H: Host>(&mut self, host: &mut H, why: Why) -> Then {
        match why {
            Why::Held => self.held_long_enough(host),
            Why::Pace => self.look_at_pace(host),
        }
    }

    fn held_long_enough<H: Host>(&mut self, host: &mut H) -> Then {
        self.held = None;
        if self.request != RequestState::Held {
            return Then::Nothing;
        }
        if let Some(response) = self.pending.take() {
            let answer = self.answer(*response);
            return self.give(answer);
        }
        self.request = std::mem::replace(&mut self.after_hold, RequestState::Pass);
        // Nothing was read while the request was held, and the client is not to blame for that.
        self.wait_for_body(host);
        Then::ContinueRequest
    }

    /// Ask the engine with the body's beginning.
    ///
    /// # Arguments
    /// * `received` - bytes came with this hook (it is not the hook of trailers).
    /// * `ended` - the body is whole.
    fn begins<H: Host>(&mut self, host: &mut H, received: bool, ended: bool) -> Next {
        let (Some(engine), Some(mut transaction)) = (self.engine.clone(), self.transaction.take())
        else {
            return self.fail_request(host);
        };
        let work = |filter: &mut Self| {
            if !received {
                transaction.request_trailers(&engine, &host.request_trailers(), now());
            }
            let outcome = with_body(host, Side::Request, received, |body| {
                transaction.request_body_begins(&engine, body, ended, now())
            });
            filter.act(host, outcome)
        };
        let next = self.guarded(|metrics| &metrics.request_body_ns, work);
        self.transaction = Some(transaction);
        next.unwrap_or_else(|| self.fail_request(host))
    }

    /// Ask the engine with the body that was collected, `limit` bytes of it at most.
    fn decide<H: Host>(&mut self, host: &mut H, received: bool, limit: usize) -> Next {
        let (Some(engine), Some(mut transaction)) = (self.engine.clone(), self.transaction.take())
        else {
            return self.fail_request(host);
        };
        let truncated = self.request_bytes > limit as u64;
        if truncated {
            self.config
                .process
                .metrics
                .request_bodies_over_limit
                .increment();
            // Envoy adds this chunk to what it holds before it lets go, and would answer 413 when that is too much.
            host.raise_buffer_limit(usize::try_from(self.request_bytes).unwrap_or(usize::MAX));
        }
        let work = |filter: &mut Self| {
            if !received {
                transaction.request_trailers(&engine, &host.request_trailers(), now());
            }
            let outcome = with_body(host, Side::Request, received, |body| {
                transaction.request_body(&engine, body, truncated, now())
            });
            filter.act(host, outcome)
        };
        let next = self.guarded(|metrics| &metrics.request_body_ns, work);
        self.transaction = Some(transaction);
        next.unwrap_or_else(|| self.fail_request(host))
    }

    /// Show the engine a chunk that passes, and ask it before the last one goes out.
    fn watch<H: Host>(&mut self, host: &H, received: bool, ended: bool) -> Next {
        let chunks = if received {
            host.body_chunks(Side::Request, Part::Received)
        } else {
            Chunks::new()
        };
        match self.watched(&chunks, ended) {
            Ok(None) => Next::Go,
            Ok(Some(response)) => Next::Answer(self.answer(response)),
            // The head is out, so nothing is left to be removed from it.
            Err(()) if self.count_failure() => {
                self.request = RequestState::Pass;
                Next::Go
            }
            Err(()) => {
                self.request = RequestState::Answered;
                Next::Answer(Answer::unavailable(self.engine.is_some(), self.is_grpc))
            }
        }
    }

    /// What the engine answers to chunks of a body that passes; an error when it failed.
    fn watched(&mut self, chunks: &[&[u8]], ended: bool) -> Result<Option<LocalResponse>, ()> {
        let (Some(engine), Some(mut transaction)) = (self.engine.clone(), self.transaction.take())
        else {
            return Err(());
        };
        let work = |_: &mut Self| {
            let mut shown = chunks.iter();
            let over = shown.find_map(|chunk| transaction.request_chunk(&engine, chunk, now()));
            // Not after a chunk was refused: there is nothing left to decide.
            let at_end = || {
                ended
                    .then(|| transaction.request_ends(&engine, now()))
                    .flatten()
            };
            over.or_else(at_end)
        };
        let answer = self.guarded(|metrics| &metrics.request_body_ns, work);
        self.transaction = Some(transaction);
        if let Some(Some(_)) = answer {
            self.config.process.metrics.requests_answered.increment();
        }
        answer.ok_or(())
    }

    /// A chunk came while the request is held. The engine sees it now, and its answer is given when the hold ends.
    fn watch_held<H: Host>(&mut self, host: &H, ended: bool) {
        if self.after_hold != RequestState::Watch {
            return;
        }
        let chunks = host.body_chunks(Side::Request, Part::Received);
        if let Ok(Some(response)) = self.watched(&chunks, ended) {
            self.pending = Some(Box::new(response));
        }
    }

    /// Carry out what the engine decided.
    fn act<H: Host>(&mut self, host: &mut H, outcome: RequestOutcome) -> Next {
        match outcome {
            RequestOutcome::NeedBody { limit_bytes } => {
                // Envoy answers 413 by itself when a body is larger than its buffer.
                host.raise_buffer_limit(limit_bytes);
                self.request = RequestState::Collect(limit_bytes);
                Next::Collect
            }
            RequestOutcome::NeedBeginning => {
                self.request = RequestState::Begin;
                Next::Collect
            }
            RequestOutcome::Continue(effects) => {
                self.config.process.metrics.requests_continued.increment();
                apply(host, &effects);
                self.after_hold = if effects.watch {
                    RequestState::Watch
                } else {
                    RequestState::Pass
                };
                if self.hold(host, effects.delay_ms) {
                    return Next::Hold;
                }
                self.request = std::mem::replace(&mut self.after_hold, RequestState::Pass);
                Next::Go
            }
            RequestOutcome::Respond(response) => {
                self.config.process.metrics.requests_answered.increment();
                // An answer is held too (`delay` before `block`): a quick refusal tells an attacker what to change.
                if self.hold(host, response.delay_ms) {
                    self.pending = Some(Box::new(response));
                    return Next::Hold;
                }
                Next::Answer(self.answer(response))
            }
        }
    }

    /// Hold the request for a while. Returns whether it is held.
    fn hold<H: Host>(&mut self, host: &mut H, delay_ms: u64) -> bool {
        if delay_ms == 0 {
            return false;
        }
        let process = &self.config.process;
        self.held = host
            .waker(Why::Held)
            .and_then(|wake| process.delays.wake_after(delay_ms, wake));
        if self.held.is_none() {
            process.metrics.delays_skipped.increment();
            return false;
        }
        self.request = RequestState::Held;
        true
    }

    fn answer(&mut self, response: LocalResponse) -> Answer {
        self.request = RequestState::Answered;
        Answer::new(response, self.is_grpc)
    }

    /// The engine failed, or there is none.
    fn fail_request<H: Host>(&mut self, host: &mut H) -> Next {
        if self.count_failure() {
            self.request = RequestState::Pass;
            strip_internal(host);
            return Next::Go;
        }
        self.request = RequestState::Answered;
        Next::Answer(Answer::unavailable(self.engine.is_some(), self.is_grpc))
    }

    fn note_substitute<H: Host>(&mut self, engine: &Engine, host: &H) {
        if self.transaction.is_none() {
            let substitute = Substitute::new(engine, host.peer(), host.protocol());
            self.substitute = Some(Box::new(substitute));
        }
    }
}

fn apply<H: Host>(host: &mut H, effects: &RequestEffects) {
    for name in &effects.remove {
        host.set_header(Side::Request, name, "");
    }
    for (name, value) in &effects.set {
        host.set_header(Side::Request, name, value);
    }
    if let Some(upstream) = &effects.upstream {
        host.set_header(Side::Request, UPSTREAM_HEADER, upstream);
    }
    // A client's own header may have chosen the route before it was removed.
    if effects.upstream.is_some() || effects.remove.iter().any(|name| name == UPSTREAM_HEADER) {
        host.clear_route_cache();
    }
}

/// Remove what the engine would have removed: a request that passes because the engine failed must not carry headers that
/// upstreams believe to be Starfort's.
fn strip_internal<H: Host>(host: &mut H) {
    let remove: Vec<String> = host
        .headers(Side::Request)
        .iter()
        .filter(|(name, _)| name.starts_with(INTERNAL))
        .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
        .collect();
    let effects = RequestEffects {
        remove,
        ..RequestEffects::default()
    };
    apply(host, &effects);
}
