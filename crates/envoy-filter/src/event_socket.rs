//! The one thread that talks to the control plane: events out, bundles and signals in.
//!
//! It never holds up a worker, because workers only push to a queue. Each turn of its loop does what can be done
//! without waiting, then waits in `poll` for the socket, a wake-up, or the next flush.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;
use starfort_engine::event::{EventBatch, EventRow};
use starfort_engine::signals::{KeyType, Passing};

use crate::clock::{self, monotonic_ns};
use crate::connection::Connection;
use crate::event_queue::size_of_row;
use crate::frames::{self, BundleFrame, BundleResult, FrameType, SignalsFrame};
use crate::log::{self, Level};
use crate::outbox::{About, Outbox};
use crate::overload::{self, Sampler};
use crate::process::Process;

/// First and longest wait between attempts to connect (interfaces.md).
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How often `stats` go out (interfaces.md).
const STATS_EVERY: Duration = Duration::from_secs(1);

/// How often expired signals are removed.
const EXPIRE_EVERY: Duration = Duration::from_secs(5);

/// A batch is cut when its rows take this much, which is well below the largest frame.
const MAX_BATCH_BYTES: usize = 8 << 20;

/// No further batch is handed to the connection while this much waits in it.
const MAX_PENDING_BYTES: usize = 4 << 20;

/// The most rows that are taken from the queue before the connection is looked at again. Encoding them takes some 10
/// ms, and bundles and signals wait no longer than that.
const MAX_ROWS_A_TURN: usize = 4_000;

/// A batch of fewer rows waits longer when all of its rows only add to counts, because each batch costs the control
/// plane as much as a hundred rows.
const FEW_ROWS: usize = 64;

/// How many times longer such a batch waits.
const WAIT_FOR_MORE: u32 = 3;

/// How long stopping waits for events that are still being sent. The supervisor ends an Envoy by force that takes 5 s.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The rows of the next batch.
struct Gathering {
    rows: EventBatch,
    bytes: usize,
    about: About,
    /// Whether there is a row that detectors need soon.
    needed: bool,
    since: Instant,
}

impl Gathering {
    fn new(ordinary: bool) -> Self {
        Self {
            rows: EventBatch::default(),
            bytes: 0,
            about: About {
                ordinary,
                ..About::default()
            },
            needed: false,
            since: Instant::now(),
        }
    }

    /// Add a row. Returns whether it could be encoded.
    fn push(&mut self, row: &EventRow) -> bool {
        if self.rows.is_empty() {
            // Counted from the first row: otherwise the batch of an idle node would be due at once.
            self.since = Instant::now();
            self.about.oldest_us = u64::MAX;
            self.about.calls = 0;
        }
        if self.rows.push(row).is_err() {
            return false;
        }
        self.bytes += size_of_row(row);
        self.needed |= !row.is_ordinary();
        self.about.calls += u64::from(row.weight);
        self.about.oldest_us = self.about.oldest_us.min(row.ended_us());
        true
    }
}

/// How long stopping waits when there is no control plane to take the events.
const NOBODY_LISTENS: Duration = Duration::from_millis(500);

/// The thread's state.
pub(crate) struct EventSocket {
    process: Arc<Process>,
    loader: Sender<BundleFrame>,
    results: Receiver<BundleResult>,
    connection: Option<Connection>,
    retry_at: Instant,
    backoff: Duration,
    /// Rows that detectors need; while buffers are far from full, every row.
    batch: Gathering,
    /// Rows that only add to counts. They are kept apart while buffers fill, because they are dropped first.
    ordinary: Gathering,
    sampler: Sampler,
    level: overload::Level,
    /// When the queue was last seen empty, in microseconds since 1970. No row that waits in it is older.
    emptied_us: u64,
    outbox: Outbox,
    stats_at: Instant,
    expire_at: Instant,
}

impl EventSocket {
    /// The state of a thread that is not connected yet.
    pub(crate) fn new(
        process: Arc<Process>,
        loader: Sender<BundleFrame>,
        results: Receiver<BundleResult>,
    ) -> Self {
        let now = Instant::now();
        Self {
            outbox: Outbox::new(process.outbox_bytes()),
            process,
            loader,
            results,
            connection: None,
            retry_at: now,
            backoff: BACKOFF.0,
            batch: Gathering::new(false),
            ordinary: Gathering::new(true),
            sampler: Sampler::default(),
            level: overload::Level::Whole,
            emptied_us: clock::now().unix_us,
            stats_at: now,
            expire_at: now,
        }
    }

    /// The thread's body. It returns when the process stops, after at most [`LAST_WORDS`] for events that are still
    /// being sent. Events that are not taken by then are counted and reported.
    pub(crate) fn run(mut self) {
        while !self.process.stopping() {
            self.guarded_turn();
        }
        let stopped = Instant::now();
        loop {
            self.guarded_turn();
            self.cut();
            let limit = if self.connection.is_some() {
                LAST_WORDS
            } else {
                // While stopping without a connection, `wait` returns at once; this pause keeps the loop from using a
                // whole processor.
                std::thread::sleep(Duration::from_millis(10));
                NOBODY_LISTENS
            };
            if self.waiting().0 == 0 || stopped.elapsed() >= limit {
                break;
            }
        }
        self.farewell();
    }

    /// Report the events that stay behind, so that the control plane can count them.
    fn farewell(&mut self) {
        let (calls, _) = self.waiting();
        if calls > 0 {
            let message =
                format!("events of {calls} calls are lost: the control plane did not take them");
            log::say(Level::Warn, &message);
        }
        let stats = self.stats();
        if let Some(connection) = &mut self.connection {
            connection.send(frames::encode_json(FrameType::Stats, &stats));
            // One attempt only: the process is ending, and the peer may be gone already.
            let _ = connection.write();
        }
    }

    /// Take one turn. A panic in it ends the connection, not the thread.
    fn guarded_turn(&mut self) {
        let turn = std::panic::AssertUnwindSafe(|| self.turn());
        if std::panic::catch_unwind(turn).is_err() {
            self.process.metrics.panics.increment();
            // Batches may be half encoded after a panic, so they are given up rather than sent.
            self.batch = Gathering::new(false);
            self.ordinary = Gathering::new(true);
            self.disconnect();
        }
    }

    fn turn(&mut self) {
        self.connect();
        self.gather();
        if let Err(error) = self.exchange() {
            log::say(Level::Warn, &format!("control socket: {error}"));
            self.disconnect();
        }
        self.housekeeping();
        self.wait();
    }

    fn connect(&mut self) {
        let now = Instant::now();
        if self.connection.is_some() || now < self.retry_at {
            return;
        }
        if let Ok(mut connection) = Connection::open(&self.process.settings.socket) {
            self.backoff = BACKOFF.0;
            self.process.metrics.control_connections.increment();
            connection.send(frames::encode_json(FrameType::Hello, &self.hello()));
            self.connection = Some(connection);
            // A new connection: the peer may not have taken what the old one carried. It knows the numbers and drops
            // repeats.
            self.outbox.rewind();
            // The new peer knows no counters yet.
            self.stats_at = now;
        } else {
            self.retry_at = now + self.backoff;
            // Doubling, so that a control plane that restarts is found at once, and one that is away costs nothing.
            self.backoff = (self.backoff * 2).min(BACKOFF.1);
        }
    }

    fn hello(&self) -> serde_json::Value {
        let engine = self.process.engine.load();
        let engine = engine.as_ref();
        json!({
            "node": engine.map_or("", |engine| &engine.node),
            "pid": std::process::id(),
            "instance": self.process.instance,
            "filter_version": env!("CARGO_PKG_VERSION"),
            "envoy_abi": crate::ABI_VERSION,
            "bundle": engine.map_or("", |engine| &engine.version),
            "bundle_error": *self.process.bundle_error.lock(),
            "bundle_since_ms": self.process.bundle_since_ms(),
        })
    }

    fn disconnect(&mut self) {
        self.connection = None;
        self.outbox.rewind();
        self.retry_at = Instant::now() + self.backoff;
    }

    /// Take rows from the queue. Cut a batch when it is full, or when it is due and a control plane listens. While none
    /// listens, no small batches are cut, because each has a schema of some 8 KiB.
    fn gather(&mut self) {
        self.level = overload::Level::at(self.outbox.fill().max(self.process.events.fill()));
        let now_us = clock::now().unix_us;
        // Bounded, or a busy node would never come back to its connection.
        for _ in 0..MAX_ROWS_A_TURN {
            let Some(row) = self.process.events.pop() else {
                self.emptied_us = now_us;
                break;
            };
            let metrics = &self.process.metrics;
            let Some(row) = self.sampler.keep(row, self.level, metrics) else {
                continue;
            };
            if self.add(&row) {
                self.cut();
            }
        }
        // The pressure is over, so the row that the sampler holds goes out with the weight of the rows that it stands
        // for.
        if self.level < overload::Level::Sampled
            && let Some(row) = self.sampler.take()
        {
            self.add(&row);
        }
        if self.connection.is_some() && self.due_in() == Duration::ZERO {
            self.cut();
        }
    }

    /// Gather a row. Returns whether a batch is full.
    fn add(&mut self, row: &EventRow) -> bool {
        let apart = self.level > overload::Level::Whole && row.is_ordinary();
        let gathering = if apart {
            &mut self.ordinary
        } else {
            &mut self.batch
        };
        if !gathering.push(row) {
            let metrics = &self.process.metrics;
            metrics.events_failed.add(u64::from(row.weight));
            return false;
        }
        gathering.rows.len() >= self.process.settings.event_batch_rows
            || gathering.bytes >= MAX_BATCH_BYTES
    }

    /// How much longer the gathered rows may wait.
    fn due_in(&self) -> Duration {
        let flush = Duration::from_millis(self.process.settings.event_flush_ms);
        let wait = |gathering: &Gathering| {
            let few = gathering.rows.len() < FEW_ROWS && !gathering.needed;
            let most = if few { flush * WAIT_FOR_MORE } else { flush };
            most.saturating_sub(gathering.since.elapsed())
        };
        [&self.batch, &self.ordinary]
            .into_iter()
            .filter(|gathering| !gathering.rows.is_empty())
            .map(wait)
            .min()
            .unwrap_or(flush)
    }

    /// Make batches of the gathered rows.
    fn cut(&mut self) {
        // The sampler's row stands for calls of this batch, which must not wait for the next one.
        if let Some(row) = self.sampler.take() {
            self.add(&row);
        }
        for gathering in [&mut self.batch, &mut self.ordinary] {
            if gathering.rows.is_empty() {
                continue;
            }
            gathering.bytes = 0;
            gathering.needed = false;
            if let Ok(arrow) = gathering.rows.finish() {
                let dropped = self.outbox.push(arrow, gathering.about);
                self.process.metrics.events_dropped.add(dropped);
            } else {
                // Builders that failed may hold a part of a row, so new ones take their place.
                gathering.rows = EventBatch::default();
                self.process
                    .metrics
                    .events_failed
                    .add(gathering.about.calls);
            }
        }
    }

    /// How many calls the control plane has not acknowledged, and when the first of them ended.
    fn waiting(&self) -> (u64, u64) {
        let gathered = [&self.batch, &self.ordinary]
            .into_iter()
            .filter(|gathering| !gathering.rows.is_empty())
            .map(|gathering| gathering.about);
        let queued = self.process.events.len() as u64;
        let oldest = gathered
            .clone()
            .map(|about| about.oldest_us)
            .chain(self.outbox.oldest_us())
            .chain((queued > 0).then_some(self.emptied_us))
            .min();
        let gathered = gathered.map(|about| about.calls).sum::<u64>() + self.sampler.held();
        let calls = gathered + queued + self.outbox.calls();
        (calls, oldest.unwrap_or_default())
    }

    /// Read frames, act on them, and write what waits.
    fn exchange(&mut self) -> Result<(), String> {
        // Taken out of `self`, so that an early return with an error closes the connection.
        let Some(mut connection) = self.connection.take() else {
            return Ok(());
        };
        connection.read()?;
        while let Some((kind, payload)) = connection.next_frame().inspect_err(|_| {
            self.process.metrics.control_protocol_errors.increment();
        })? {
            let answer = self.handle(kind, &payload).inspect_err(|_| {
                self.process.metrics.control_protocol_errors.increment();
            })?;
            if let Some(answer) = answer {
                connection.send(Some(answer));
            }
        }
        while let Ok(result) = self.results.try_recv() {
            connection.send(frames::encode_json(FrameType::BundleResult, &result));
        }
        // Batches are handed over little by little, because each one in the connection is a second copy of it.
        while connection.pending() < MAX_PENDING_BYTES {
            let Some(batch) = self.outbox.next_to_send() else {
                break;
            };
            connection.send_events(frames::encode(
                FrameType::Events,
                &[&batch.sequence.to_be_bytes(), &batch.arrow],
            ));
            self.process.metrics.batches_sent.increment();
        }
        if Instant::now() >= self.stats_at {
            self.stats_at = Instant::now() + STATS_EVERY;
            connection.send(frames::encode_json(FrameType::Stats, &self.stats()));
        }
        connection.write()?;
        self.connection = Some(connection);
        Ok(())
    }

    /// Act on a frame. Returns the answer, for frames that have one.
    fn handle(&mut self, kind: u8, payload: &[u8]) -> Result<Option<Vec<u8>>, String> {
        const ACK: u8 = FrameType::EventsAck as u8;
        const BUNDLE: u8 = FrameType::Bundle as u8;
        const SIGNALS: u8 = FrameType::Signals as u8;
        const PING: u8 = FrameType::Ping as u8;
        const KNOWN: u8 = FrameType::Known as u8;
        match kind {
            ACK => {
                let sequence = payload
                    .first_chunk::<8>()
                    .ok_or("events_ack without a sequence")?;
                let rows = self.outbox.acknowledge(u64::from_be_bytes(*sequence));
                self.process.metrics.events_acknowledged.add(rows);
                Ok(None)
            }
            BUNDLE => {
                let frame = serde_json::from_slice::<BundleFrame>(payload)
                    .map_err(|error| format!("bundle frame: {error}"))?;
                // Compiled on the thread that loads: events and signals must not wait some 100 ms for it.
                let _ = self.loader.send(frame);
                Ok(None)
            }
            SIGNALS => {
                let frame = serde_json::from_slice::<SignalsFrame>(payload)
                    .map_err(|error| format!("signals frame: {error}"))?;
                let active = apply_signals(&self.process, &frame);
                Ok(frames::encode_json(
                    FrameType::SignalsAck,
                    &json!({"active": active}),
                ))
            }
            KNOWN => {
                take_known(&self.process, payload)?;
                Ok(None)
            }
            PING => Ok(frames::encode(FrameType::Pong, &[payload])),
            // A pong, or a newer control plane that says more than this filter knows.
            _ => Ok(None),
        }
    }

    fn stats(&self) -> serde_json::Value {
        let process = &self.process;
        let (waiting, oldest_us) = self.waiting();
        let mut counters = process.metrics.snapshot();
        let shared = &process.shared;
        for (name, counter) in [
            ("policy_errors", &shared.policy_errors),
            ("contract_broken", &shared.contract_broken),
            ("contract_refused", &shared.contract_refused),
        ] {
            let count = counter.load(std::sync::atomic::Ordering::Relaxed);
            counters.insert(name.into(), count);
        }
        counters.insert(
            "signals_refused_full".into(),
            process.shared.signals.refused() as u64,
        );
        json!({
            "counters": counters,
            "gauges": {
                "signals_active": process.shared.signals.len(),
                "events_queued": process.events.len() + self.batch.rows.len() + self.ordinary.rows.len(),
                "batches_unacknowledged": self.outbox.len(),
                "event_buffer_bytes": self.outbox.bytes(),
                "requests_held": process.delays.len(),
                "overload_level": self.level as u8,
            },
            "waiting": {"calls": waiting, "oldest_us": oldest_us},
            "bundle": process.bundle_in_force(),
        })
    }

    fn housekeeping(&mut self) {
        // Expired signals do not apply any more; removing them only frees their memory.
        if Instant::now() >= self.expire_at {
            self.expire_at = Instant::now() + EXPIRE_EVERY;
            self.process.shared.signals.expire(monotonic_ns());
        }
    }

    /// Wait until the socket has something, a worker wakes this thread, or the next flush is due.
    fn wait(&self) {
        if self.process.stopping() && self.connection.is_none() {
            return;
        }
        let mut wanted = PollFlags::IN;
        if self
            .connection
            .as_ref()
            .is_some_and(|connection| connection.pending() > 0)
        {
            // Asked for only while something waits: a socket can nearly always be written to, and poll would return at
            // once.
            wanted |= PollFlags::OUT;
        }
        let mut descriptors = Vec::with_capacity(2);
        if let Some(wake) = self.process.wake_fd() {
            descriptors.push(PollFd::new(wake, PollFlags::IN));
        }
        if let Some(connection) = &self.connection {
            descriptors.push(PollFd::from_borrowed_fd(connection.as_fd(), wanted));
        }
        let flush = Duration::from_millis(self.process.settings.event_flush_ms);
        // A full batch waits already, so poll only looks at the socket and returns.
        let timeout = if self.process.events.len() >= self.process.settings.event_batch_rows {
            Duration::ZERO
        } else {
            self.due_in().clamp(Duration::from_millis(1), flush)
        };
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(1),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // An interrupted wait is only a shorter one.
        let _ = poll(&mut descriptors, Some(&timeout));
        if let Some(wake) = self.process.wake_fd() {
            let _ = rustix::io::read(wake, &mut [0u8; 8]);
        }
    }
}

/// Apply a change of the signal table. Returns how many signals are active then.
fn apply_signals(process: &Process, frame: &SignalsFrame) -> usize {
    let table = &process.shared.signals;
    if frame.full {
        // Requests of the next millisecond meet no signal, and later ones meet the new signals.
        table.clear_all();
    }
    let now = monotonic_ns();
    for signal in &frame.set {
        // A newer control plane may know more types of keys; the others still hold.
        let Some(key_type) = KeyType::from_code(&signal.key_type) else {
            process.metrics.signals_refused.increment();
            continue;
        };
        let expires_ns = now.saturating_add(signal.ttl_ms.saturating_mul(1_000_000));
        let passing = Passing {
            probe: signal.probe,
            spare_known: signal.spare_known,
        };
        if table.set_passing(
            &signal.kind,
            key_type,
            &signal.key,
            signal.score,
            expires_ns,
            passing,
        ) {
            process.metrics.signals_set.increment();
        }
    }
    for signal in &frame.clear {
        match KeyType::from_code(&signal.key_type) {
            Some(key_type) => table.clear(&signal.kind, key_type, &signal.key),
            None => process.metrics.signals_refused.increment(),
        }
    }
    table.len()
}

/// Take over hashes of those who succeeded before. The payload is a byte of flags (1: the list begins anew, 2: this is
/// its last frame), then hashes of 8 bytes each, little endian.
fn take_known(process: &Process, payload: &[u8]) -> Result<(), String> {
    let Some((flags, hashes)) = payload.split_first() else {
        return Err("known frame without flags".into());
    };
    let (hashes, rest) = hashes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(format!("known frame with {} bytes too many", rest.len()));
    }
    let known = &process.shared.known;
    if flags & 1 != 0 {
        known.rebuild();
    }
    known.insert(hashes.iter().map(|hash| u64::from_le_bytes(*hash)));
    if flags & 2 != 0 {
        known.rebuilt();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
