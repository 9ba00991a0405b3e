//! What all streams of one Envoy process share: the engine in force, signals and counters, the event queue.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use starfort_engine::event::EventRow;
use starfort_engine::{Engine, Now, SharedState};

use crate::bundle_swap;
use crate::config::Settings;
use crate::delay::Delays;
use crate::event_socket;
use crate::log::{LogLevel, log};
use crate::metrics::{Metrics, add};

/// Rows between the workers and the socket's thread: about 1 KB each.
const QUEUE_ROWS: usize = 32_768;

/// Shared by all streams.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    pub(crate) delays: Delays,
    pub(crate) shared: Arc<SharedState>,
    engine: ArcSwapOption<Engine>,
    events: Sender<Box<EventRow>>,
    started: Instant,
}

/// The process for a socket: the same for every filter configuration that names it, so that listener
/// updates keep counters, signals and events.
pub(crate) fn shared(settings: Settings) -> Result<Arc<Process>, String> {
    static PROCESSES: OnceLock<Mutex<HashMap<PathBuf, Arc<Process>>>> = OnceLock::new();
    let mut processes = PROCESSES
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(process) = processes.get(&settings.socket) {
        return Ok(Arc::clone(process));
    }
    let (process, rows) = Process::new(settings);
    if let Err(error) = bundle_swap::load(&process, &process.settings.bundle, None) {
        let then = if process.settings.fail_open {
            "requests pass uninspected"
        } else {
            "requests are refused"
        };
        log(
            LogLevel::Error,
            &format!("starfort: no bundle: {error}; {then} until one is loaded"),
        );
    }
    event_socket::start(&process, rows)?;
    processes.insert(process.settings.socket.clone(), Arc::clone(&process));
    Ok(process)
}

impl Process {
    pub(crate) fn new(settings: Settings) -> (Arc<Self>, Receiver<Box<EventRow>>) {
        let (events, rows) = bounded(QUEUE_ROWS);
        let process = Self {
            settings,
            metrics: Metrics::default(),
            delays: Delays::default(),
            shared: Arc::new(SharedState::default()),
            engine: ArcSwapOption::empty(),
            events,
            started: Instant::now(),
        };
        (Arc::new(process), rows)
    }

    /// The engine in force, if any bundle was loaded.
    pub(crate) fn engine(&self) -> Option<Arc<Engine>> {
        self.engine.load_full()
    }

    pub(crate) fn set_engine(&self, engine: Engine) {
        self.engine.store(Some(Arc::new(engine)));
    }

    /// Let requests pass when nothing can decide: as the bundle says, without one as the settings say.
    pub(crate) fn fails_open(&self) -> bool {
        self.engine
            .load()
            .as_ref()
            .map_or(self.settings.fail_open, |engine| engine.fail_open)
    }

    pub(crate) fn now(&self) -> Now {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            unix_us: u64::try_from(unix.as_micros()).unwrap_or(u64::MAX),
            monotonic_ns: self.monotonic_ns(),
        }
    }

    pub(crate) fn monotonic_ns(&self) -> u64 {
        // One hour ahead of zero, so that nothing is ever before the clock's beginning.
        u64::try_from(self.started.elapsed().as_nanos())
            .unwrap_or(u64::MAX)
            .saturating_add(3_600_000_000_000)
    }

    /// Hand an event to the socket's thread; never waits.
    pub(crate) fn emit(&self, row: Box<EventRow>) {
        add(&self.metrics.events, 1);
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.events.try_send(row)
        {
            add(&self.metrics.events_dropped, 1);
        }
    }
}
