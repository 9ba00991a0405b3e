//! The line to the control plane: event batches up, bundles and signals down. See `docs/design/interfaces.md`.
//!
//! One thread gathers rows, sends and resends; one reads while a connection stands. Workers never wait for
//! either: they put rows in a bounded queue.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use serde::Deserialize;
use serde_json::{Value, json};
use starfort_engine::event::{EventBatch, EventRow};
use starfort_engine::signals::KeyType;

use crate::bundle_swap;
use crate::log::{LogLevel, log};
use crate::metrics::add;
use crate::process::Process;

const FRAME_LIMIT_BYTES: u32 = 64 << 20;
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
const STATS_EVERY: Duration = Duration::from_secs(1);
/// A control plane that does not read for so long is as good as gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Frame types.
mod frame {
    pub(super) const HELLO: u8 = 1;
    pub(super) const EVENTS: u8 = 2;
    pub(super) const EVENTS_ACK: u8 = 3;
    pub(super) const STATS: u8 = 4;
    pub(super) const BUNDLE: u8 = 5;
    pub(super) const BUNDLE_RESULT: u8 = 6;
    pub(super) const SIGNALS: u8 = 7;
    pub(super) const SIGNALS_ACK: u8 = 8;
    pub(super) const PING: u8 = 9;
    pub(super) const PONG: u8 = 10;
}

/// Start the thread.
pub(crate) fn start(process: &Arc<Process>, rows: Receiver<Box<EventRow>>) -> Result<(), String> {
    let line = Line::new(Arc::clone(process), rows);
    let spawned = std::thread::Builder::new()
        .name("starfort-events".into())
        .spawn(move || line.run());
    spawned
        .map(drop)
        .map_err(|error| format!("cannot start the event thread: {error}"))
}

struct Batch {
    sequence: u64,
    rows: u64,
    payload: Vec<u8>,
    sent: bool,
}

/// What the reading thread tells the sending one.
enum Note {
    Acknowledged(u64),
    Answer(u8, Vec<u8>),
    Closed(u64),
}

struct Line {
    process: Arc<Process>,
    rows: Receiver<Box<EventRow>>,
    notes: (Sender<Note>, Receiver<Note>),
    /// Tells this process from another with the same process id.
    instance: String,
    stream: Option<UnixStream>,
    generation: u64,
    waiting: VecDeque<Batch>,
    waiting_bytes: usize,
    next_sequence: u64,
    retry_at: Instant,
    backoff: Duration,
}

impl Line {
    fn new(process: Arc<Process>, rows: Receiver<Box<EventRow>>) -> Self {
        let random =
            std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
        Self {
            process,
            rows,
            notes: unbounded(),
            instance: format!("{random:016x}"),
            stream: None,
            generation: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            next_sequence: 1,
            retry_at: Instant::now(),
            backoff: BACKOFF_MIN,
        }
    }

    fn run(mut self) {
        let mut batch = EventBatch::default();
        let (mut first_row, mut stats_at) = (Instant::now(), Instant::now());
        let flush = Duration::from_millis(self.process.settings.event_flush_ms.max(1));
        loop {
            let pause = if batch.is_empty() {
                flush
            } else {
                flush.saturating_sub(first_row.elapsed())
            };
            match self.rows.recv_timeout(pause) {
                Ok(row) => {
                    if batch.is_empty() {
                        first_row = Instant::now();
                    }
                    if batch.push(&row).is_err() {
                        add(&self.process.metrics.events_dropped, 1);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let full = batch.len() >= self.process.settings.event_batch_rows;
            if full || (!batch.is_empty() && first_row.elapsed() >= flush) {
                self.keep(&mut batch);
            }
            self.read_notes();
            self.connect();
            self.send_waiting();
            if stats_at.elapsed() >= STATS_EVERY {
                stats_at = Instant::now();
                self.process
                    .shared
                    .signals
                    .expire(self.process.monotonic_ns());
                self.send(frame::STATS, &self.stats());
            }
        }
    }

    /// Close the batch; when the buffer is full the oldest batches go, and are counted.
    fn keep(&mut self, batch: &mut EventBatch) {
        let rows = batch.len() as u64;
        let Ok(payload) = batch.finish() else {
            *batch = EventBatch::default();
            add(&self.process.metrics.events_dropped, rows);
            return;
        };
        self.waiting_bytes += payload.len();
        self.waiting.push_back(Batch {
            sequence: self.next_sequence,
            rows,
            payload,
            sent: false,
        });
        self.next_sequence += 1;
        while self.waiting_bytes > self.process.settings.event_buffer_bytes {
            let Some(oldest) = self.waiting.pop_front() else {
                break;
            };
            self.waiting_bytes -= oldest.payload.len();
            add(&self.process.metrics.events_dropped, oldest.rows);
        }
    }

    fn read_notes(&mut self) {
        while let Ok(note) = self.notes.1.try_recv() {
            match note {
                Note::Acknowledged(sequence) => self.acknowledge(sequence),
                Note::Answer(kind, payload) => self.send(kind, &payload),
                Note::Closed(generation) if generation == self.generation => self.disconnect(),
                Note::Closed(_) => {}
            }
        }
    }

    fn acknowledge(&mut self, sequence: u64) {
        while self
            .waiting
            .front()
            .is_some_and(|batch| batch.sequence <= sequence)
        {
            let Some(batch) = self.waiting.pop_front() else {
                break;
            };
            self.waiting_bytes -= batch.payload.len();
            add(&self.process.metrics.events_acknowledged, batch.rows);
        }
    }

    fn connect(&mut self) {
        if self.stream.is_some() || Instant::now() < self.retry_at {
            return;
        }
        match self.try_connect() {
            Ok(stream) => {
                self.stream = Some(stream);
                self.backoff = BACKOFF_MIN;
                add(&self.process.metrics.connections, 1);
                self.waiting.iter_mut().for_each(|batch| batch.sent = false);
                let hello = self.hello();
                self.send(frame::HELLO, &hello);
            }
            Err(_) => {
                self.retry_at = Instant::now() + self.backoff;
                self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
            }
        }
    }

    fn try_connect(&mut self) -> io::Result<UnixStream> {
        let stream = UnixStream::connect(&self.process.settings.socket)?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        self.generation += 1;
        let reader = Reader {
            process: Arc::clone(&self.process),
            notes: self.notes.0.clone(),
            stream: stream.try_clone()?,
            generation: self.generation,
        };
        std::thread::Builder::new()
            .name("starfort-control".into())
            .spawn(move || reader.run())?;
        Ok(stream)
    }

    fn disconnect(&mut self) {
        if let Some(stream) = self.stream.take() {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        self.retry_at = Instant::now() + self.backoff;
    }

    fn send_waiting(&mut self) {
        for index in 0..self.waiting.len() {
            let Some(stream) = &mut self.stream else {
                return;
            };
            let Some(batch) = self.waiting.get_mut(index).filter(|batch| !batch.sent) else {
                continue;
            };
            let sent = write_frame(
                stream,
                frame::EVENTS,
                &[&batch.sequence.to_be_bytes(), &batch.payload],
            );
            if sent.is_ok() {
                batch.sent = true;
                add(&self.process.metrics.batches_sent, 1);
            } else {
                self.disconnect();
            }
        }
    }

    fn send(&mut self, kind: u8, payload: &[u8]) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        if write_frame(stream, kind, &[payload]).is_err() {
            self.disconnect();
        }
    }

    fn hello(&self) -> Vec<u8> {
        let engine = self.process.engine();
        let hello = json!({
            "node": engine.as_ref().map_or("", |engine| &engine.node),
            "pid": std::process::id(),
            "instance": self.instance,
            "filter_version": env!("CARGO_PKG_VERSION"),
            "envoy_abi": "v0.2.0",
            "bundle": engine.as_ref().map_or("", |engine| &engine.version),
        });
        hello.to_string().into_bytes()
    }

    fn stats(&self) -> Vec<u8> {
        let counters: serde_json::Map<String, Value> = self
            .process
            .metrics
            .snapshot()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let shared = &self.process.shared;
        let stats = json!({
            "counters": counters,
            "gauges": {
                "events_waiting_bytes": self.waiting_bytes,
                "events_queued": self.rows.len(),
                "signals": shared.signals.len(),
                "signals_refused": shared.signals.refused(),
                "rate_keys": shared.rates.len(),
                "policy_errors": shared.policy_errors.load(std::sync::atomic::Ordering::Relaxed),
            },
        });
        stats.to_string().into_bytes()
    }
}

fn write_frame(stream: &mut UnixStream, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
    let length = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
    let length = u32::try_from(length).map_err(|_| io::Error::other("frame too large"))?;
    let mut head = length.to_be_bytes().to_vec();
    head.push(kind);
    stream.write_all(&head)?;
    parts.iter().try_for_each(|part| stream.write_all(part))
}

/// Reads frames until the connection ends.
struct Reader {
    process: Arc<Process>,
    notes: Sender<Note>,
    stream: UnixStream,
    generation: u64,
}

#[derive(Deserialize)]
struct BundleFrame {
    path: std::path::PathBuf,
    version: String,
}

#[derive(Deserialize)]
struct SignalsFrame {
    #[serde(default)]
    full: bool,
    #[serde(default)]
    set: Vec<SetSignal>,
    #[serde(default)]
    clear: Vec<SignalKey>,
}

#[derive(Deserialize)]
struct SetSignal {
    #[serde(flatten)]
    key: SignalKey,
    score: f64,
    ttl_ms: u64,
}

#[derive(Deserialize)]
struct SignalKey {
    kind: String,
    key_type: String,
    key: String,
}

impl Reader {
    fn run(mut self) {
        if let Err(error) = self.read_frames()
            && error.kind() != io::ErrorKind::UnexpectedEof
        {
            log(
                LogLevel::Warn,
                &format!("starfort: control connection ended: {error}"),
            );
        }
        let _ = self.notes.send(Note::Closed(self.generation));
    }

    fn read_frames(&mut self) -> io::Result<()> {
        loop {
            let mut length = [0; 4];
            self.stream.read_exact(&mut length)?;
            let length = u32::from_be_bytes(length);
            if length == 0 || length > FRAME_LIMIT_BYTES {
                return Err(io::Error::other(format!("a frame of {length} bytes")));
            }
            let mut payload = Vec::new();
            Read::by_ref(&mut self.stream)
                .take(length.into())
                .read_to_end(&mut payload)?;
            if payload.len() != length as usize {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((kind, payload)) = payload.split_first() {
                self.handle(*kind, payload)?;
            }
        }
    }

    fn handle(&self, kind: u8, payload: &[u8]) -> io::Result<()> {
        match kind {
            frame::EVENTS_ACK => {
                let sequence = payload
                    .first_chunk::<8>()
                    .ok_or_else(|| io::Error::other("a short acknowledgement"))?;
                self.note(Note::Acknowledged(u64::from_be_bytes(*sequence)));
            }
            frame::BUNDLE => {
                let wanted: BundleFrame = serde_json::from_slice(payload)?;
                let result = bundle_swap::load(&self.process, &wanted.path, Some(&wanted.version));
                let answer =
                    json!({"version": wanted.version, "ok": result.is_ok(), "error": result.err()});
                self.note(Note::Answer(
                    frame::BUNDLE_RESULT,
                    answer.to_string().into_bytes(),
                ));
            }
            frame::SIGNALS => self.signals(&serde_json::from_slice(payload)?),
            frame::PING => self.note(Note::Answer(frame::PONG, payload.to_vec())),
            // A newer control plane may say more than this filter knows.
            _ => {}
        }
        Ok(())
    }

    fn signals(&self, frame: &SignalsFrame) {
        let table = &self.process.shared.signals;
        let now_ns = self.process.monotonic_ns();
        if frame.full {
            table.clear_all();
        }
        for signal in &frame.clear {
            if let Some(key_type) = KeyType::from_code(&signal.key_type) {
                table.clear(&signal.kind, key_type, &signal.key);
            }
        }
        for SetSignal { key, score, ttl_ms } in &frame.set {
            if let Some(key_type) = KeyType::from_code(&key.key_type) {
                let expires_ns = now_ns.saturating_add(ttl_ms.saturating_mul(1_000_000));
                table.set(&key.kind, key_type, &key.key, *score, expires_ns);
            }
        }
        let answer = json!({"active": table.len()}).to_string().into_bytes();
        self.note(Note::Answer(frame::SIGNALS_ACK, answer));
    }

    fn note(&self, note: Note) {
        // The sending thread lives as long as the process.
        let _ = self.notes.send(note);
    }
}
