//! Takes one HTTP stream from hook to engine to action.
//!
//! A hook returns its status and its last step ([`Then`]): to answer the client or to let the request go on. That step
//! may make Envoy call other hooks of this stream before it returns, even `destroy`. So `abi.rs` takes it only when
//! nothing of [`Filter`] is borrowed any more.
//!
//! Every call of the engine goes through [`Filter::guarded`]: a panic ends there, is counted, and the stream fails
//! open or closed as the bundle says.

mod answer;
mod pace;
mod request;
mod response;
pub(crate) mod row;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use starfort_engine::{Engine, LocalResponse, StreamEnd, Transaction};

pub(crate) use answer::Answer;

use crate::alarm::Alarm;
use crate::clock::{monotonic_ns, now};
use crate::filter_config::FilterConfig;
use crate::host::{Chunks, Host, Part, Side};
use crate::metrics::Counter;
use pace::Waits;

/// The last step of a hook, which is taken when nothing is borrowed any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing.
    Nothing,
    /// Answer the client; the stream is Envoy's afterwards.
    Answer(Box<Answer>),
    /// Let the held request go on.
    ContinueRequest,
}

/// Result of the two header hooks (`envoy_dynamic_module_type_on_http_filter_*_headers_status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum HeadersStatus {
    /// Go on.
    Continue = 0,
    /// Hold the head; body hooks are called.
    Stop = 1,
    /// Hold all, reading no more than fits; body hooks are not called until it goes on.
    StopAllAndWatermark = 4,
}

/// Result of the two body hooks (`…_body_status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum BodyStatus {
    /// Go on, with what was held.
    Continue = 0,
    /// Hold these bytes too.
    StopAndBuffer = 1,
    /// Hold these bytes too, and read no more than fits.
    StopAndWatermark = 2,
    /// Throw these bytes away.
    StopNoBuffer = 3,
}

/// Result of the two trailer hooks (`…_trailers_status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum TrailersStatus {
    /// Go on.
    Continue = 0,
    /// Hold.
    Stop = 1,
}

/// The state of a request.
#[derive(Debug, PartialEq, Eq)]
enum RequestState {
    /// Everything passes.
    Pass,
    /// Held until the beginning of the body shows whether it has to be collected.
    Begin,
    /// The body is being collected, at most this many bytes of it.
    Collect(usize),
    /// Decided, but held for a while.
    Held,
    /// It passes, and its body is shown to the engine, which decides once more before the last bytes go out.
    Watch,
    /// Answered; whatever still comes is thrown away.
    Answered,
}

/// The state of a response.
#[derive(Debug, PartialEq, Eq)]
enum ResponseState {
    /// Everything passes.
    Pass,
    /// Chunks pass and are shown to the engine.
    Show,
    /// The body is being collected, at most this many bytes of it.
    Collect(usize),
    /// Replaced by our answer.
    Answered,
}

/// One HTTP stream.
pub(crate) struct Filter {
    config: Arc<FilterConfig>,
    engine: Option<Arc<Engine>>,
    /// Boxed, since every hook takes it out while the engine works on it, and it is some 1.5 KB.
    transaction: Option<Box<Transaction>>,
    /// Made when the engine failed before there was a transaction, so that the request still has its row.
    substitute: Option<Box<row::Substitute>>,
    request: RequestState,
    /// What a held request goes on as.
    after_hold: RequestState,
    response: ResponseState,
    held: Option<Alarm>,
    /// What a held request becomes when it goes on.
    waits: Option<Waits>,
    /// All of the request has come.
    request_ended: bool,
    /// The answer to give when a held request has waited long enough; `None`: it goes on.
    pending: Option<Box<LocalResponse>>,
    is_grpc: bool,
    request_bytes: u64,
    response_bytes: u64,
    engine_ns: u64,
    /// Status of an answer that is not the upstream's.
    local_status: Option<u16>,
}

impl Filter {
    /// A stream that just began.
    pub(crate) fn new(config: Arc<FilterConfig>) -> Self {
        Self {
            config,
            engine: None,
            transaction: None,
            substitute: None,
            request: RequestState::Pass,
            after_hold: RequestState::Pass,
            response: ResponseState::Pass,
            held: None,
            waits: None,
            request_ended: false,
            pending: None,
            is_grpc: false,
            request_bytes: 0,
            response_bytes: 0,
            engine_ns: 0,
            local_status: None,
        }
    }

    /// Run code that may panic. Returns `None` when it did. The panic is counted, and `counter` gets the time in any
    /// case.
    fn guarded<T>(
        &mut self,
        counter: fn(&crate::metrics::Metrics) -> &Counter,
        work: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        let begin = monotonic_ns();
        let done = catch_unwind(AssertUnwindSafe(|| work(self)));
        let spent = monotonic_ns().saturating_sub(begin);
        self.engine_ns += spent;
        let metrics = &self.config.process.metrics;
        counter(metrics).add(spent);
        if done.is_err() {
            metrics.panics.increment();
        }
        done.ok()
    }

    /// Whether messages on which the engine failed pass.
    fn fails_open(&self) -> bool {
        // The bundle decides; without a bundle, the filter's configuration does.
        self.engine
            .as_ref()
            .map_or(self.config.fail_open, |engine| engine.fail_open)
    }

    fn count_failure(&self) -> bool {
        let metrics = &self.config.process.metrics;
        let open = self.fails_open();
        let counter = if open {
            &metrics.failed_open
        } else {
            &metrics.failed_closed
        };
        counter.increment();
        open
    }

    /// The last step of an answer. The event is told here what the client gets, because Envoy does not show a filter
    /// the filter's own answer.
    fn give(&mut self, answer: Answer) -> Then {
        self.local_status = Some(answer.status);
        self.waits = None;
        if let Some(mut transaction) = self.transaction.take() {
            // After a panic the transaction may be in any state; the answer goes out all the same.
            let _ = catch_unwind(AssertUnwindSafe(|| answer::note(&mut transaction, &answer)));
            self.transaction = Some(transaction);
        }
        Then::Answer(Box::new(answer))
    }

    /// An answer that is not the upstream's goes out: Envoy's own (no upstream, timeout, too large) or ours. The engine is not
    /// asked about it.
    pub(crate) fn local_reply(&mut self, status: u16) {
        self.local_status = Some(status);
        self.waits = None;
        self.response = ResponseState::Pass;
    }

    /// The stream is over, in whatever way it ended: make its row.
    pub(crate) fn stream_complete<H: Host>(&mut self, host: &H) {
        // 0 means that nothing was sent, for instance because the client left.
        let sent = host.response_code().filter(|code| *code > 0);
        let status = sent.or(self.local_status).unwrap_or(0);
        self.finish(status);
    }

    /// Make the row, unless it was made already. `status` is for a row that does not come from the engine.
    fn finish(&mut self, status: u16) {
        self.held = None;
        self.waits = None;
        let end = StreamEnd {
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            engine_us: u32::try_from(self.engine_ns / 1000).unwrap_or(u32::MAX),
        };
        // Taken out, so that `drop` makes no second row.
        let (transaction, substitute) = (self.transaction.take(), self.substitute.take());
        let engine = self.engine.clone();
        let row = self.guarded(
            |metrics| &metrics.finish_ns,
            |_| match (transaction, engine) {
                (Some(transaction), Some(engine)) => Some(transaction.finish(&engine, end, now())),
                _ => substitute.map(|substitute| substitute.row(end, status)),
            },
        );
        let process = &self.config.process;
        match row {
            Some(Some(row)) => {
                self.count_decisions(&row);
                process.metrics.events.increment();
                if process.events.push(row, &process.metrics) {
                    process.wake();
                }
            }
            // There was no bundle, so there is nothing that an event could tell.
            Some(None) => {}
            None => process.metrics.events_failed.increment(),
        }
    }

    fn count_decisions(&self, row: &starfort_engine::event::EventRow) {
        let metrics = &self.config.process.metrics;
        metrics.acted(row.action);
        if !row.policy.is_empty() {
            metrics.policy(&row.policy, row.action);
        }
        // Policies that did not decide may have acted all the same; their effects stand in `tags` as `ACTION:POLICY`.
        for done in &row.tags {
            if let Some((action, policy)) = done.split_once(':') {
                metrics.policy(policy, action);
            }
        }
    }
}

impl Drop for Filter {
    /// Envoy may call `destroy` without `stream_complete`; the row is made all the same.
    fn drop(&mut self) {
        if self.transaction.is_some() || self.substitute.is_some() {
            self.finish(self.local_status.unwrap_or(0));
        }
    }
}

/// Hand a body to `work` as one slice, borrowed if it lies in one piece and joined otherwise. `received` is false in
/// hooks of trailers, where only held bytes exist.
fn with_body<H: Host, T>(host: &H, side: Side, received: bool, work: impl FnOnce(&[u8]) -> T) -> T {
    let mut chunks = Chunks::new();
    // When another filter had held the body, Envoy shows the same bytes in both parts.
    if !received || !host.received_is_buffered(side) {
        chunks.extend(host.body_chunks(side, Part::Buffered));
    }
    if received {
        chunks.extend(host.body_chunks(side, Part::Received));
    }
    match chunks.as_slice() {
        [] => work(&[]),
        [only] => work(only),
        many => work(&many.concat()),
    }
}

#[cfg(test)]
mod tests;
