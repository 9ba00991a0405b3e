//! One stream: what Envoy's hooks mean to it, and what the engine's answers mean to Envoy.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use starfort_engine::{
    Engine, LocalResponse, RequestEffects, RequestHead, RequestOutcome, ResponseBodyOutcome,
    ResponseHead, ResponseOutcome, StreamEnd, Transaction,
};

use crate::host::{Body, Head, Host};
use crate::metrics::add;
use crate::process::Process;

/// Room above the inspected part of a body: the largest chunk that Envoy reads at once, so that its own limit
/// (which would answer 413 by itself) is never what decides.
const CHUNK_ROOM_BYTES: u64 = 1 << 20;

/// What a headers hook answers. The numbers are abi.h's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum HeadStatus {
    /// Go on.
    Continue = 0,
    /// Hold the head; body hooks are still called.
    StopIteration = 1,
    /// Hold everything, with flow control towards the sender.
    StopAllAndWatermark = 4,
}

/// What a body hook answers. The numbers are abi.h's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum DataStatus {
    /// Go on.
    Continue = 0,
    /// Hold this chunk with those before.
    StopAndBuffer = 1,
    /// Hold this chunk, with flow control towards the sender.
    StopAndWatermark = 2,
    /// Drop this chunk.
    StopNoBuffer = 3,
}

/// What a trailers hook answers. The numbers are abi.h's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum TrailersStatus {
    /// Go on.
    Continue = 0,
    /// Hold.
    StopIteration = 1,
}

/// What a step decided for the request.
enum Step {
    Pass,
    NeedBody,
    Wait,
    Answered,
}

/// What a delay holds back.
#[derive(Debug, Default)]
enum Delayed {
    #[default]
    Nothing,
    Request,
    Answer(LocalResponse),
}

/// One stream through the filter.
pub struct Filter {
    process: Arc<Process>,
    engine: Option<Arc<Engine>>,
    transaction: Option<Transaction>,
    /// The request's body is held up to so many bytes.
    request_limit: Option<usize>,
    /// The response's body is held up to so many bytes.
    response_limit: Option<usize>,
    /// Chunks of the response are shown to the engine.
    collect: bool,
    /// Starfort answered this request itself.
    answered: bool,
    /// What a delay holds back.
    delayed: Delayed,
    end: StreamEnd,
    engine_ns: u64,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Filter")
    }
}

impl Filter {
    /// A stream begins.
    pub(crate) fn new(process: Arc<Process>) -> Self {
        Self {
            engine: process.engine(),
            process,
            transaction: None,
            request_limit: None,
            response_limit: None,
            collect: false,
            answered: false,
            delayed: Delayed::Nothing,
            end: StreamEnd::default(),
            engine_ns: 0,
        }
    }

    /// Let the engine do something; a panic in it ends the inspection of this stream, not the process.
    fn inspect<R>(
        &mut self,
        work: impl FnOnce(&mut Option<Transaction>, &Engine, &Process) -> R,
    ) -> Option<R> {
        let engine = self.engine.clone()?;
        let begun = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| {
            work(&mut self.transaction, &engine, &self.process)
        }));
        self.engine_ns = self
            .engine_ns
            .saturating_add(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
        if result.is_err() {
            add(&self.process.metrics.panics, 1);
            self.transaction = None;
            self.engine = None;
        }
        result.ok()
    }

    /// Nothing could decide: pass or refuse as the operator chose.
    fn undecided<H: Host>(&mut self, host: &H) -> Step {
        add(&self.process.metrics.undecided, 1);
        self.collect = false;
        if self.process.fails_open() {
            remove_internal(host);
            return Step::Pass;
        }
        self.answered = true;
        host.send_response(503, &[], b"", "starfort_undecided");
        Step::Answered
    }

    /// `request_headers`
    pub(crate) fn request_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> HeadStatus {
        add(&self.process.metrics.requests, 1);
        let outcome = self.inspect(|transaction, engine, process| {
            let (peer, protocol) = (host.peer(), host.protocol());
            host.with_headers(Head::Request, |headers| {
                let head = RequestHead {
                    headers,
                    peer,
                    protocol,
                    end_of_stream,
                };
                let (begun, outcome) = Transaction::request_headers(engine, head, process.now());
                *transaction = Some(begun);
                outcome
            })
        });
        match self.step(host, outcome) {
            Step::Pass => HeadStatus::Continue,
            Step::NeedBody | Step::Answered => HeadStatus::StopIteration,
            Step::Wait => HeadStatus::StopAllAndWatermark,
        }
    }

    /// `request_body`
    pub(crate) fn request_body<H: Host>(&mut self, host: &H, end_of_stream: bool) -> DataStatus {
        let received = host.with_body(&[Body::ReceivedRequest], total);
        self.end.request_bytes += received as u64;
        let Some(limit) = self.request_limit else {
            return if self.answered {
                DataStatus::StopNoBuffer
            } else {
                DataStatus::Continue
            };
        };
        let reached = self.end.request_bytes > limit as u64;
        if !end_of_stream && !reached {
            return DataStatus::StopAndBuffer;
        }
        match self.request_body_complete(
            host,
            &[Body::BufferedRequest, Body::ReceivedRequest],
            reached,
        ) {
            Step::Pass | Step::NeedBody => DataStatus::Continue,
            Step::Wait => DataStatus::StopAndWatermark,
            Step::Answered => DataStatus::StopNoBuffer,
        }
    }

    /// `request_trailers`: the body ended without its last chunk saying so.
    pub(crate) fn request_trailers<H: Host>(&mut self, host: &H) -> TrailersStatus {
        if self.request_limit.is_none() {
            return TrailersStatus::Continue;
        }
        match self.request_body_complete(host, &[Body::BufferedRequest], false) {
            Step::Pass | Step::NeedBody => TrailersStatus::Continue,
            Step::Wait | Step::Answered => TrailersStatus::StopIteration,
        }
    }

    fn request_body_complete<H: Host>(
        &mut self,
        host: &H,
        bodies: &[Body],
        truncated: bool,
    ) -> Step {
        self.request_limit = None;
        let outcome = self.inspect(|transaction, engine, process| {
            let transaction = transaction.as_mut()?;
            Some(host.with_body(bodies, |chunks| {
                with_joined(chunks, |body| {
                    transaction.request_body(engine, body, truncated, process.now())
                })
            }))
        });
        self.step(host, outcome.flatten())
    }

    fn step<H: Host>(&mut self, host: &H, outcome: Option<RequestOutcome>) -> Step {
        match outcome {
            None => self.undecided(host),
            Some(RequestOutcome::NeedBody { limit_bytes }) => {
                self.request_limit = Some(limit_bytes);
                host.set_buffer_limit(limit_bytes as u64 + CHUNK_ROOM_BYTES);
                Step::NeedBody
            }
            Some(RequestOutcome::Continue(effects)) => self.go_on(host, &effects),
            Some(RequestOutcome::Respond(response)) => self.answer(host, response),
        }
    }

    fn go_on<H: Host>(&mut self, host: &H, effects: &RequestEffects) -> Step {
        for name in &effects.remove {
            host.set_header(Head::Request, name, None);
        }
        for (name, value) in &effects.set {
            host.set_header(Head::Request, name, Some(value));
        }
        if let Some(upstream) = &effects.upstream {
            host.set_header(Head::Request, "x-starfort-upstream", Some(upstream));
            host.clear_route_cache();
        }
        if effects.delay_ms > 0 {
            self.delayed = Delayed::Request;
            self.process.delays.after_ms(effects.delay_ms, host.wake());
            return Step::Wait;
        }
        Step::Pass
    }

    fn answer<H: Host>(&mut self, host: &H, response: LocalResponse) -> Step {
        if response.delay_ms > 0 {
            let delay_ms = response.delay_ms;
            self.delayed = Delayed::Answer(LocalResponse {
                delay_ms: 0,
                ..response
            });
            self.process.delays.after_ms(delay_ms, host.wake());
            return Step::Wait;
        }
        self.answered = true;
        host.send_response(
            response.status,
            &response.headers,
            &response.body,
            "starfort",
        );
        Step::Answered
    }

    /// `scheduled`: a delay is over.
    pub(crate) fn woken<H: Host>(&mut self, host: &H) {
        match std::mem::take(&mut self.delayed) {
            Delayed::Answer(response) => {
                self.answer(host, response);
            }
            Delayed::Request => host.continue_request(),
            Delayed::Nothing => {}
        }
    }

    /// `response_headers`
    pub(crate) fn response_headers<H: Host>(
        &mut self,
        host: &H,
        end_of_stream: bool,
    ) -> HeadStatus {
        let answered = self.answered;
        let outcome = self.inspect(|transaction, engine, process| {
            let transaction = transaction.as_mut()?;
            let from_upstream = !answered && host.answered_by_upstream();
            let upstream = if from_upstream {
                host.cluster()
            } else {
                String::new()
            };
            Some(host.with_headers(Head::Response, |headers| {
                // What Starfort or Envoy answered is not asked about: it is no data of the API.
                let end_of_stream = end_of_stream || !from_upstream;
                let head = ResponseHead {
                    headers,
                    upstream: &upstream,
                    end_of_stream,
                };
                if from_upstream {
                    transaction.response_headers(engine, head, process.now())
                } else {
                    transaction.own_response(head);
                    ResponseOutcome::Continue
                }
            }))
        });
        match outcome.flatten() {
            // An undecided response: the request was let through, and so is what it brings.
            None | Some(ResponseOutcome::Continue) => HeadStatus::Continue,
            Some(ResponseOutcome::Collect) => {
                self.collect = true;
                HeadStatus::Continue
            }
            Some(ResponseOutcome::NeedBody { limit_bytes }) => {
                self.response_limit = Some(limit_bytes);
                host.set_buffer_limit(limit_bytes as u64 + CHUNK_ROOM_BYTES);
                HeadStatus::StopIteration
            }
            Some(ResponseOutcome::Respond(response)) => {
                self.respond_instead(host, &response);
                HeadStatus::StopIteration
            }
        }
    }

    fn respond_instead<H: Host>(&mut self, host: &H, response: &LocalResponse) {
        self.answered = true;
        (self.collect, self.response_limit) = (false, None);
        host.send_response(
            response.status,
            &response.headers,
            &response.body,
            "starfort",
        );
    }

    /// `response_body`
    pub(crate) fn response_body<H: Host>(&mut self, host: &H, end_of_stream: bool) -> DataStatus {
        self.end.response_bytes += host.with_body(&[Body::ReceivedResponse], total) as u64;
        if self.collect {
            self.inspect(|transaction, engine, _| {
                let Some(transaction) = transaction else {
                    return;
                };
                host.with_body(&[Body::ReceivedResponse], |chunks| {
                    for chunk in chunks {
                        transaction.response_chunk(engine, chunk);
                    }
                });
            });
        }
        let Some(limit) = self.response_limit else {
            return DataStatus::Continue;
        };
        let reached = self.end.response_bytes > limit as u64;
        if !end_of_stream && !reached {
            return DataStatus::StopAndBuffer;
        }
        self.response_body_complete(
            host,
            &[Body::BufferedResponse, Body::ReceivedResponse],
            reached,
        )
    }

    /// `response_trailers`
    pub(crate) fn response_trailers<H: Host>(&mut self, host: &H) -> TrailersStatus {
        if self.response_limit.is_some() {
            self.response_body_complete(host, &[Body::BufferedResponse], false);
        }
        TrailersStatus::Continue
    }

    fn response_body_complete<H: Host>(
        &mut self,
        host: &H,
        bodies: &[Body],
        truncated: bool,
    ) -> DataStatus {
        self.response_limit = None;
        let outcome = self.inspect(|transaction, engine, process| {
            let transaction = transaction.as_mut()?;
            Some(host.with_body(bodies, |chunks| {
                with_joined(chunks, |body| {
                    transaction.response_body(engine, body, truncated, process.now())
                })
            }))
        });
        match outcome.flatten() {
            None | Some(ResponseBodyOutcome::Continue) => DataStatus::Continue,
            Some(ResponseBodyOutcome::Replace { body, decoded }) => {
                for part in bodies {
                    let length = host.with_body(&[*part], total);
                    host.drain_body(*part, length);
                }
                host.append_body(*bodies.last().unwrap_or(&Body::ReceivedResponse), &body);
                let length = (!truncated).then(|| body.len().to_string());
                host.set_header(Head::Response, "content-length", length.as_deref());
                // The body is another one now: validators and digests of the old one would be wrong.
                for name in [
                    "etag",
                    "content-digest",
                    "repr-digest",
                    "content-md5",
                    "digest",
                ] {
                    host.set_header(Head::Response, name, None);
                }
                if decoded {
                    host.set_header(Head::Response, "content-encoding", None);
                }
                DataStatus::Continue
            }
            Some(ResponseBodyOutcome::Respond(response)) => {
                self.respond_instead(host, &response);
                DataStatus::StopNoBuffer
            }
        }
    }

    /// `stream_complete`: exactly one event for each stream that was inspected.
    pub(crate) fn complete(&mut self) {
        self.delayed = Delayed::Nothing;
        let mut end = self.end;
        end.engine_us = u32::try_from(self.engine_ns / 1000).unwrap_or(u32::MAX);
        add(&self.process.metrics.engine_ns, self.engine_ns);
        let row = self.inspect(|transaction, engine, process| {
            Some(transaction.take()?.finish(engine, end, process.now()))
        });
        if let Some(row) = row.flatten() {
            let metrics = &self.process.metrics;
            let counter = match row.action {
                "limit" => &metrics.action_limit,
                "block" => &metrics.action_block,
                "divert" => &metrics.action_divert,
                "deceive" => &metrics.action_deceive,
                _ => &metrics.action_allow,
            };
            add(counter, 1);
            self.process.emit(row);
        }
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        // Envoy calls `stream_complete` first; should it ever not, the event is still not lost.
        if self.transaction.is_some() {
            self.complete();
        }
    }
}

fn total(chunks: &[&[u8]]) -> usize {
    chunks.iter().map(|chunk| chunk.len()).sum()
}

/// The chunks as one slice; a single chunk is not copied.
fn with_joined<R>(chunks: &[&[u8]], read: impl FnOnce(&[u8]) -> R) -> R {
    match chunks {
        [] => read(&[]),
        [one] => read(one),
        many => read(&many.concat()),
    }
}

/// Headers that only Starfort sets never reach an upstream, also when nothing was inspected.
fn remove_internal<H: Host>(host: &H) {
    let names: Vec<String> = host.with_headers(Head::Request, |headers| {
        headers
            .iter()
            .filter(|(name, _)| name.starts_with(b"x-starfort-"))
            .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
            .collect()
    });
    for name in names {
        host.set_header(Head::Request, &name, None);
    }
}

#[cfg(test)]
mod tests;
