//! State of the whole process, one for each control socket. It outlives filter configurations (a listener update makes
//! new ones), and all workers share it.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use rustix::event::{EventfdFlags, eventfd};
use starfort_engine::{Engine, SharedState};

use crate::alarm::Alarms;
use crate::connections::{Connections, Open};
use crate::event_queue::EventQueue;
use crate::frames::BundleFrame;
use crate::log::{self, Level};
use crate::metrics::Metrics;
use crate::settings::Settings;

/// One part in this many of `event_buffer_bytes` is for rows that are not batched yet; the rest is for batches.
const QUEUE_SHARE: usize = 4;

/// Everything that workers and threads share.
#[derive(Debug)]
pub(crate) struct Process {
    /// The bundle in force.
    // Swapped as one pointer, so that a request takes the engine without a lock.
    pub(crate) engine: ArcSwapOption<Engine>,
    /// Why the bundle that was tried last is not in force; empty when it is.
    pub(crate) bundle_error: Mutex<String>,
    /// Signals and rate counters, which outlive bundles.
    pub(crate) shared: Arc<SharedState>,
    /// Counters.
    pub(crate) metrics: Metrics,
    /// Rows for the socket thread.
    pub(crate) events: EventQueue,
    /// Held requests.
    pub(crate) delays: Arc<Alarms>,
    /// Bodies that are waited for.
    pub(crate) paces: Arc<Alarms>,
    /// Connections by address.
    connections: Arc<Connections>,
    /// Settings of the first configuration; later ones share its socket and buffers.
    pub(crate) settings: Settings,
    /// Random text that tells this process from another with the same pid.
    pub(crate) instance: String,
    /// When the bundle in force came there, in milliseconds since 1970; 0 without one.
    bundle_since_ms: AtomicU64,
    wake: Option<OwnedFd>,
    /// The threads are to end.
    pub(crate) stop: AtomicBool,
    pub(crate) threads: Mutex<Threads>,
}

/// The threads of a process, while a configuration uses it (see [`crate::threads`]).
#[derive(Debug, Default)]
pub(crate) struct Threads {
    /// How many configurations use the process.
    pub(crate) users: usize,
    /// Where the loading thread is told of bundles.
    pub(crate) loader: Option<Sender<BundleFrame>>,
    pub(crate) handles: Vec<JoinHandle<()>>,
}

impl Process {
    /// State without any threads yet.
    pub(crate) fn new(settings: Settings) -> Self {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok();
        if wake.is_none() {
            log::say(Level::Warn, "no eventfd: events are sent by time only");
        }
        Self {
            engine: ArcSwapOption::empty(),
            bundle_error: Mutex::default(),
            shared: Arc::new(SharedState::default()),
            metrics: Metrics::default(),
            events: EventQueue::new(
                settings.event_buffer_bytes / QUEUE_SHARE,
                settings.event_batch_rows,
            ),
            delays: Alarms::of_held_requests(),
            paces: Alarms::of_bodies(),
            connections: Arc::default(),
            instance: instance(),
            bundle_since_ms: AtomicU64::new(0),
            wake,
            stop: AtomicBool::new(false),
            threads: Mutex::new(Threads::default()),
            settings,
        }
    }

    /// Bytes that batches may take.
    pub(crate) fn outbox_bytes(&self) -> usize {
        self.settings.event_buffer_bytes - self.settings.event_buffer_bytes / QUEUE_SHARE
    }

    /// Note that a bundle came into force now.
    pub(crate) fn note_bundle(&self) {
        let now_ms = crate::clock::now().unix_us / 1000;
        self.bundle_since_ms.store(now_ms, Ordering::Relaxed);
    }

    /// When the bundle in force came into force, in milliseconds since 1970; 0 without one.
    pub(crate) fn bundle_since_ms(&self) -> u64 {
        self.bundle_since_ms.load(Ordering::Relaxed)
    }

    /// Version of the bundle in force and since when, for `stats`.
    pub(crate) fn bundle_in_force(&self) -> serde_json::Value {
        let engine = self.engine.load();
        let version = engine.as_ref().map_or("", |engine| &engine.version);
        serde_json::json!({"version": version, "since_ms": self.bundle_since_ms()})
    }

    /// Wake the socket thread.
    pub(crate) fn wake(&self) {
        if let Some(wake) = &self.wake {
            // A full counter means that it is awake anyway.
            let _ = rustix::io::write(wake, &1u64.to_ne_bytes());
        }
    }

    /// The descriptor that becomes readable when [`Self::wake`] is called.
    pub(crate) fn wake_fd(&self) -> Option<&OwnedFd> {
        self.wake.as_ref()
    }

    /// Count a connection that begins.
    ///
    /// # Errors
    /// The address has as many connections as it may have. There is no limit for trusted proxies, whose connections carry
    /// the requests of others, and none while no bundle says one.
    pub(crate) fn connection_begins(&self, address: IpAddr) -> Result<Option<Open>, ()> {
        let engine = self.engine.load();
        let Some(engine) = engine
            .as_ref()
            .filter(|engine| engine.connections_per_address > 0)
        else {
            return Ok(None);
        };
        // A proxy has one address for thousands of clients.
        if engine.is_trusted_proxy(address) {
            return Ok(None);
        }
        let open = self
            .connections
            .open(address, engine.connections_per_address);
        if open.is_none() {
            self.metrics.connections_refused.increment();
        }
        open.map(Some).ok_or(())
    }

    /// Whether the threads are to end.
    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// Let Envoy live on when its parent, the control plane, ends. With hot restart, Envoy asks Linux for a signal at the
/// end of its parent. That request belongs to the main thread, which calls this.
pub(crate) fn outlive_parent() {
    if rustix::process::set_parent_process_death_signal(None).is_err() {
        log::say(Level::Warn, "this Envoy ends with the control plane");
    }
}

/// 16 random hexadecimal characters.
fn instance() -> String {
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_err() {
        // Without randomness the pid and the time are the next best.
        let now = crate::clock::now().unix_us ^ (u64::from(std::process::id()) << 40);
        bytes = now.to_be_bytes();
    }
    format!("{:016x}", u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{bundle, write_bundle};

    #[test]
    fn the_wish_to_end_with_the_parent_is_taken_back() {
        use rustix::process::{
            Signal, parent_process_death_signal, set_parent_process_death_signal,
        };
        set_parent_process_death_signal(Some(Signal::TERM)).unwrap();
        outlive_parent();
        assert_eq!(parent_process_death_signal().unwrap(), None);
    }

    #[test]
    fn connections_are_counted_as_the_bundle_says() {
        let directory = tempfile::tempdir().unwrap();
        let process = crate::testing::process(directory.path());
        let begin = |address: &str| process.connection_begins(address.parse().unwrap());
        assert!(
            matches!(begin("192.0.2.1"), Ok(None)),
            "no bundle, no limit"
        );
        let mut bundle = bundle("one");
        bundle.connections_per_address = 1;
        bundle.trusted_proxies = [10, 10]
            .iter()
            .flat_map(|last| {
                let mut address = [0; 16];
                address[10..].copy_from_slice(&[0xff, 0xff, 192, 0, 2, *last]);
                address
            })
            .collect();
        let path = write_bundle(directory.path(), &bundle);
        assert!(process.swap_bundle(&path, None).ok);
        let kept = begin("192.0.2.1");
        assert!(matches!(kept, Ok(Some(_))));
        assert!(begin("192.0.2.1").is_err());
        assert!(begin("192.0.2.2").is_ok());
        assert!(matches!(begin("192.0.2.10"), Ok(None)), "a trusted proxy");
        assert_eq!(process.metrics.connections_refused.get(), 1);
        drop(kept);
        assert!(begin("192.0.2.1").is_ok());
    }
}
