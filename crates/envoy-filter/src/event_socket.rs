//! The one thread that talks to the control plane: events out, bundles and signals in.
//!
//! It never stands in a worker's way: workers only push to a queue. Each turn of its loop does what can be done
//! without waiting, then waits in `poll` for the socket, a wake-up, or the next flush.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;
use starfort_engine::event::EventBatch;
use starfort_engine::signals::{KeyType, Passing};

use crate::clock::monotonic_ns;
use crate::connection::Connection;
use crate::event_queue::size_of_row;
use crate::frames::{self, BundleFrame, BundleResult, FrameType, SignalsFrame};
use crate::log::{self, Level};
use crate::outbox::Outbox;
use crate::process::Process;

/// First and longest wait between attempts to connect (interfaces.md).
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// `stats` go out so often (interfaces.md).
const STATS_EVERY: Duration = Duration::from_secs(1);

/// Expired signals are removed so often.
const EXPIRE_EVERY: Duration = Duration::from_secs(5);

/// A batch is cut when its rows take so much, well below the largest frame.
const MAX_BATCH_BYTES: usize = 8 << 20;

/// No further batch is handed to the connection while so much waits in it.
const MAX_PENDING_BYTES: usize = 4 << 20;

/// When Envoy stops, events on their way get so long.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The thread's state.
pub(crate) struct EventSocket {
    process: Arc<Process>,
    loader: Sender<BundleFrame>,
    results: Receiver<BundleResult>,
    connection: Option<Connection>,
    retry_at: Instant,
    backoff: Duration,
    batch: EventBatch,
    batch_bytes: usize,
    batch_since: Instant,
    outbox: Outbox,
    stats_at: Instant,
    expire_at: Instant,
}

impl EventSocket {
    /// Not connected yet.
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
            batch: EventBatch::default(),
            batch_bytes: 0,
            batch_since: now,
            stats_at: now,
            expire_at: now,
        }
    }

    /// The thread's body; returns when the process stops, after at most [`LAST_WORDS`] for what is on its way.
    pub(crate) fn run(mut self) {
        while !self.process.stopping() {
            self.guarded_turn();
        }
        let until = Instant::now() + LAST_WORDS;
        self.guarded_turn();
        self.cut();
        while Instant::now() < until && self.connection.is_some() && self.outbox.len() > 0 {
            self.guarded_turn();
        }
    }

    /// A turn; a panic in it ends the connection, not the thread.
    fn guarded_turn(&mut self) {
        let turn = std::panic::AssertUnwindSafe(|| self.turn());
        if std::panic::catch_unwind(turn).is_err() {
            self.process.metrics.panics.increment();
            (self.batch, self.batch_bytes) = (EventBatch::default(), 0);
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
            self.outbox.rewind();
            self.stats_at = now;
        } else {
            self.retry_at = now + self.backoff;
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
        })
    }

    fn disconnect(&mut self) {
        self.connection = None;
        self.outbox.rewind();
        self.retry_at = Instant::now() + self.backoff;
    }

    /// Take rows from the queue; cut a batch when it is full, or when it is time and somebody listens (batches are
    /// not cut small while nobody does: each has a schema of some 8 KiB).
    fn gather(&mut self) {
        while let Some(row) = self.process.events.pop() {
            if self.batch.is_empty() {
                self.batch_since = Instant::now();
            }
            if self.batch.push(&row).is_err() {
                self.process.metrics.events_failed.increment();
                continue;
            }
            self.batch_bytes += size_of_row(&row);
            if self.batch.len() >= self.process.settings.event_batch_rows
                || self.batch_bytes >= MAX_BATCH_BYTES
            {
                self.cut();
            }
        }
        let age = self.batch_since.elapsed();
        let due = age >= Duration::from_millis(self.process.settings.event_flush_ms);
        if due && self.connection.is_some() {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let rows = self.batch.len() as u64;
        self.batch_bytes = 0;
        if let Ok(arrow) = self.batch.finish() {
            let dropped = self.outbox.push(arrow, rows);
            self.process.metrics.events_dropped.add(dropped);
        } else {
            self.batch = EventBatch::default();
            self.process.metrics.events_failed.add(rows);
        }
    }

    /// Read what came, act on it, write what waits.
    fn exchange(&mut self) -> Result<(), String> {
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
        while connection.pending() < MAX_PENDING_BYTES {
            let Some(batch) = self.outbox.next_to_send() else {
                break;
            };
            connection.send(frames::encode(
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

    /// Act on a frame; what comes back is the answer.
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
        let mut counters = process.metrics.snapshot();
        let errors = process
            .shared
            .policy_errors
            .load(std::sync::atomic::Ordering::Relaxed);
        counters.insert("policy_errors".into(), errors);
        counters.insert(
            "signals_refused_full".into(),
            process.shared.signals.refused() as u64,
        );
        json!({
            "counters": counters,
            "gauges": {
                "signals_active": process.shared.signals.len(),
                "events_queued": process.events.len() + self.batch.len(),
                "batches_unacknowledged": self.outbox.len(),
                "event_buffer_bytes": self.outbox.bytes(),
                "requests_held": process.delays.len(),
            },
        })
    }

    fn housekeeping(&mut self) {
        if Instant::now() >= self.expire_at {
            self.expire_at = Instant::now() + EXPIRE_EVERY;
            self.process.shared.signals.expire(monotonic_ns());
        }
    }

    /// Until the socket has something, somebody wakes us, or it is time for the next flush.
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
            wanted |= PollFlags::OUT;
        }
        let mut descriptors = Vec::with_capacity(2);
        if let Some(wake) = self.process.wake_fd() {
            descriptors.push(PollFd::new(wake, PollFlags::IN));
        }
        if let Some(connection) = &self.connection {
            descriptors.push(PollFd::from_borrowed_fd(connection.as_fd(), wanted));
        }
        let timeout = Duration::from_millis(self.process.settings.event_flush_ms);
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

/// Take over a change of the signal table. Returns how many signals are active now.
fn apply_signals(process: &Process, frame: &SignalsFrame) -> usize {
    let table = &process.shared.signals;
    if frame.full {
        table.clear_all();
    }
    let now = monotonic_ns();
    for signal in &frame.set {
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

/// Take over who succeeded before: a byte of flags (1: nobody else did, 2: this is the last of them) and hashes of 8
/// bytes, little endian.
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
