//! The response's three hooks.

use starfort_engine::{
    Engine, LocalResponse, ResponseBodyOutcome, ResponseHead, ResponseOutcome, Transaction,
};

use super::{
    Answer, BodyStatus, Filter, HeadersStatus, ResponseState, Then, TrailersStatus, with_body,
};
use crate::clock::now;
use crate::host::{Host, Part, Side};

/// Headers that describe the bytes that masking has changed: digests (RFC 9530 and its predecessors) and validators.
const OF_THE_BYTES: &[&str] = &[
    "content-digest",
    "repr-digest",
    "digest",
    "content-md5",
    "etag",
    "accept-ranges",
];

/// The next step that follows from a decision on a held response.
enum Next {
    Go,
    Answer(Answer),
}

impl Filter {
    /// The head came.
    pub(crate) fn response_headers<H: Host>(
        &mut self,
        host: &mut H,
        end: bool,
    ) -> (HeadersStatus, Then) {
        // The upstream answers before it has all of the request. From here on, the pace of the rest is a matter between
        // client and upstream.
        self.waits = None;
        let (Some(engine), Some(mut transaction)) = (self.engine.clone(), self.transaction.take())
        else {
            return (HeadersStatus::Continue, Then::Nothing);
        };
        let work = |filter: &mut Self| {
            if filter.local_status.is_some() {
                // Envoy's own answer holds no data of the API, so policies are not asked about it.
                note_own(host, &mut transaction);
                return ResponseOutcome::Continue;
            }
            let upstream = host.cluster();
            let headers = host.headers(Side::Response);
            let head = ResponseHead {
                headers: &headers,
                upstream: &upstream,
                end_of_stream: end,
            };
            transaction.response_headers(&engine, head, now())
        };
        let outcome = self.guarded(|metrics| &metrics.response_headers_ns, work);
        self.transaction = Some(transaction);
        self.act_on_head(host, outcome)
    }

    fn act_on_head<H: Host>(
        &mut self,
        host: &mut H,
        outcome: Option<ResponseOutcome>,
    ) -> (HeadersStatus, Then) {
        match outcome {
            Some(ResponseOutcome::Continue) => {}
            Some(ResponseOutcome::Collect) => self.response = ResponseState::Show,
            Some(ResponseOutcome::NeedBody { limit_bytes }) => {
                host.raise_buffer_limit(limit_bytes);
                self.response = ResponseState::Collect(limit_bytes);
                return (HeadersStatus::Stop, Then::Nothing);
            }
            Some(ResponseOutcome::Respond(response)) => {
                let answer = self.replace(response);
                return (HeadersStatus::Stop, self.give(answer));
            }
            None => match self.fail_response() {
                Next::Answer(answer) => return (HeadersStatus::Stop, self.give(answer)),
                Next::Go => self.note_head(host),
            },
        }
        (HeadersStatus::Continue, Then::Nothing)
    }

    /// A part of the body came.
    pub(crate) fn response_body<H: Host>(&mut self, host: &mut H, end: bool) -> (BodyStatus, Then) {
        self.response_bytes += host.body_size(Side::Response, Part::Received) as u64;
        match self.response {
            ResponseState::Pass => (BodyStatus::Continue, Then::Nothing),
            ResponseState::Answered => (BodyStatus::StopNoBuffer, Then::Nothing),
            ResponseState::Show => {
                self.show(host);
                (BodyStatus::Continue, Then::Nothing)
            }
            ResponseState::Collect(limit) => {
                // Envoy holds the bytes; they are copied only when they lie in several pieces.
                if !end && self.response_bytes <= limit as u64 {
                    return (BodyStatus::StopAndBuffer, Then::Nothing);
                }
                match self.decide_response(host, true, limit) {
                    Next::Go => (BodyStatus::Continue, Then::Nothing),
                    Next::Answer(answer) => (BodyStatus::StopNoBuffer, self.give(answer)),
                }
            }
        }
    }

    /// The body ended with trailers.
    pub(crate) fn response_trailers<H: Host>(&mut self, host: &mut H) -> (TrailersStatus, Then) {
        match self.response {
            ResponseState::Pass | ResponseState::Show => (TrailersStatus::Continue, Then::Nothing),
            ResponseState::Answered => (TrailersStatus::Stop, Then::Nothing),
            ResponseState::Collect(limit) => match self.decide_response(host, false, limit) {
                Next::Go => (TrailersStatus::Continue, Then::Nothing),
                Next::Answer(answer) => (TrailersStatus::Stop, self.give(answer)),
            },
        }
    }

    /// The engine failed on the head, but the event still tells what went out.
    fn note_head<H: Host>(&mut self, host: &H) {
        let Some(mut transaction) = self.transaction.take() else {
            return;
        };
        let work = |_: &mut Self| note_own(host, &mut transaction);
        self.guarded(|metrics| &metrics.response_headers_ns, work);
        self.transaction = Some(transaction);
    }

    /// Show the chunk that passes to the engine.
    fn show<H: Host>(&mut self, host: &H) {
        let (Some(engine), Some(mut transaction)) = (self.engine.clone(), self.transaction.take())
        else {
            return;
        };
        let work = |_: &mut Self| {
            for chunk in host.body_chunks(Side::Response, Part::Received) {
                transaction.response_chunk(&engine, chunk);
            }
        };
        // The head is out: there is nothing left to refuse.
        if self
            .guarded(|metrics| &metrics.response_body_ns, work)
            .is_none()
        {
            self.response = ResponseState::Pass;
        }
        self.transaction = Some(transaction);
    }

    /// Ask the engine with the body that was collected. All of it is handed over, also what is beyond the limit
    /// (less than one more chunk), so that nothing is left over when it is replaced.
    fn decide_response<H: Host>(&mut self, host: &mut H, received: bool, limit: usize) -> Next {
        self.response = ResponseState::Pass;
        let (Some(engine), Some(mut transaction)) = (self.engine.clone(), self.transaction.take())
        else {
            return self.fail_response();
        };
        let truncated = self.response_bytes > limit as u64;
        if truncated {
            // Envoy adds this chunk to what it holds before it lets go, and would answer 500 when that is too much.
            host.raise_buffer_limit(usize::try_from(self.response_bytes).unwrap_or(usize::MAX));
        }
        let work = |filter: &mut Self| {
            let outcome = with_body(host, Side::Response, received, |body| {
                transaction.response_body(&engine, body, truncated, now())
            });
            filter.act_on_response(host, &engine, outcome, received, truncated)
        };
        let next = self.guarded(|metrics| &metrics.response_body_ns, work);
        self.transaction = Some(transaction);
        next.unwrap_or_else(|| self.fail_response())
    }

    fn act_on_response<H: Host>(
        &mut self,
        host: &mut H,
        engine: &Engine,
        outcome: ResponseBodyOutcome,
        received: bool,
        truncated: bool,
    ) -> Next {
        let metrics = &self.config.process.metrics;
        match outcome {
            ResponseBodyOutcome::Continue => Next::Go,
            ResponseBodyOutcome::Respond(response) => Next::Answer(self.replace(response)),
            ResponseBodyOutcome::Replace {
                body,
                decoded,
                complete,
            } => {
                if truncated || !complete {
                    // The rest of the body would go out unmasked.
                    metrics.responses_unmasked.increment();
                    // The bundle says which matters more: that the response arrives, or that no value leaves unmasked.
                    if !engine.fail_open {
                        return self.fail_response();
                    }
                    if decoded {
                        // The rest is still encoded, and a decoded beginning would not fit it.
                        return Next::Go;
                    }
                }
                metrics.responses_masked.increment();
                host.raise_buffer_limit(body.len());
                replace_body(host, &body, received);
                // The length of the rest, which still comes, is not known yet.
                let length = (!truncated).then_some(body.len());
                describe_masked(host, length, decoded);
                Next::Go
            }
        }
    }

    fn replace(&mut self, response: LocalResponse) -> Answer {
        let metrics = &self.config.process.metrics;
        metrics.responses_answered.increment();
        if response.delay_ms > 0 {
            // Only requests are held: a held response would keep the upstream's connection too.
            metrics.delays_skipped.increment();
        }
        self.response = ResponseState::Answered;
        Answer::new(response, self.is_grpc)
    }

    fn fail_response(&mut self) -> Next {
        if self.count_failure() {
            self.response = ResponseState::Pass;
            return Next::Go;
        }
        self.response = ResponseState::Answered;
        Next::Answer(Answer::unavailable(self.engine.is_some(), self.is_grpc))
    }
}

/// Tell the engine about a response's head that policies are not asked about.
fn note_own<H: Host>(host: &H, transaction: &mut Transaction) {
    let headers = host.headers(Side::Response);
    transaction.own_response(ResponseHead {
        headers: &headers,
        upstream: "",
        end_of_stream: true,
    });
}

/// Make the head describe the masked body instead of the upstream's.
///
/// # Arguments
/// * `length` - `None` when it is not known: without `content-length`, Envoy sends chunks.
/// * `decoded` - the content encoding was undone.
fn describe_masked<H: Host>(host: &mut H, length: Option<usize>, decoded: bool) {
    let length = length.map(|length| length.to_string()).unwrap_or_default();
    host.set_header(Side::Response, "content-length", &length);
    if decoded {
        host.set_header(Side::Response, "content-encoding", "");
    }
    for name in OF_THE_BYTES {
        host.set_header(Side::Response, name, "");
    }
}

/// Put `body` in place of everything that was collected.
fn replace_body<H: Host>(host: &mut H, body: &[u8], received: bool) {
    // When both parts show the same bytes, replacing both would send the body twice.
    let held = !host.received_is_buffered(Side::Response)
        && host.body_size(Side::Response, Part::Buffered) > 0;
    if !received || held {
        host.replace_body(Side::Response, Part::Buffered, body);
        // The held part has the whole masked body now, and the bytes of this hook would follow it unmasked.
        if received {
            host.replace_body(Side::Response, Part::Received, &[]);
        }
    } else {
        host.replace_body(Side::Response, Part::Received, body);
    }
}
