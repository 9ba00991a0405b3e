//! Answers 408 to requests whose body does not come, or comes too slowly.

use std::time::Instant;

use starfort_engine::BodyPace;

use super::{Answer, Filter, RequestState, Then};
use crate::alarm::Alarm;
use crate::host::{Host, Why};

/// A body that is waited for.
pub(super) struct Waits {
    pace: BodyPace,
    since: Instant,
    /// How many bytes of the body had come by then.
    before: u64,
    alarm: Option<Alarm>,
}

impl Filter {
    /// Begin to wait for what has not come of the body, if there is a pace for it.
    pub(super) fn wait_for_body<H: Host>(&mut self, host: &mut H) {
        self.waits = None;
        if self.request_ended {
            return;
        }
        let (Some(engine), Some(transaction)) = (&self.engine, &self.transaction) else {
            return;
        };
        let Some(pace) = transaction.body_pace(engine) else {
            return;
        };
        self.waits = Some(Waits {
            pace,
            since: Instant::now(),
            before: self.request_bytes,
            alarm: None,
        });
        self.wake_when_due(host);
    }

    /// All of the request has come.
    pub(super) fn request_ends(&mut self) {
        self.request_ended = true;
        self.waits = None;
    }

    /// Look whether the body has come as fast as it should, and answer 408 if it has not.
    pub(super) fn look_at_pace<H: Host>(&mut self, host: &mut H) -> Then {
        if self.request == RequestState::Held {
            // Nothing is read meanwhile; the waiting begins anew afterwards.
            return Then::Nothing;
        }
        let received = self.request_bytes;
        let Some(waits) = &self.waits else {
            return Then::Nothing;
        };
        if waits.since.elapsed() < waits.pace.allowed(received.saturating_sub(waits.before)) {
            self.wake_when_due(host);
            return Then::Nothing;
        }
        self.waits = None;
        self.config.process.metrics.slow_bodies.increment();
        self.request = RequestState::Answered;
        let answer = self.too_slow();
        self.give(answer)
    }

    fn too_slow(&mut self) -> Answer {
        let Some(mut transaction) = self.transaction.take() else {
            return Answer::unavailable(self.engine.is_some(), self.is_grpc);
        };
        let response = self.guarded(
            |metrics| &metrics.request_body_ns,
            |_| transaction.body_too_slow(),
        );
        self.transaction = Some(transaction);
        response.map_or_else(
            || Answer::unavailable(self.engine.is_some(), self.is_grpc),
            |response| Answer::new(response, self.is_grpc),
        )
    }

    fn wake_when_due<H: Host>(&mut self, host: &mut H) {
        let received = self.request_bytes;
        let Some(waits) = &mut self.waits else {
            return;
        };
        let allowed = waits.pace.allowed(received.saturating_sub(waits.before));
        // Checked: an endpoint without a rate may allow more time than an `Instant` can add.
        let Some(at) = waits.since.checked_add(allowed) else {
            return;
        };
        let process = &self.config.process;
        // Replaces the former wake-up, which is taken back when it is dropped.
        waits.alarm = host
            .waker(Why::Pace)
            .and_then(|wake| process.paces.wake_at(at, wake));
        if waits.alarm.is_none() {
            process.metrics.paces_skipped.increment();
        }
    }
}
