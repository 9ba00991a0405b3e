//! State of the whole process, by control socket: it outlives filter configurations (a listener update makes
//! new ones) and is shared by all workers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use rustix::event::{EventfdFlags, eventfd};
use starfort_engine::{Engine, SharedState};

use crate::connections::{Connections, Open};
use crate::delay::Delays;
use crate::event_queue::EventQueue;
use crate::event_socket::EventSocket;
use crate::frames::{BundleFrame, BundleResult};
use crate::log::{self, Level};
use crate::metrics::Metrics;
use crate::pace::Paces;
use crate::settings::Settings;

/// Share of `event_buffer_bytes` for rows that are not batched yet.
const QUEUE_SHARE: usize = 4;

/// How much the thread that encodes events steps back for workers (nice(2)): with as many workers as processors, a
/// request would wait for a whole batch.
const STEP_BACK: i32 = 10;

/// How much the thread that loads bundles does. A quarter of a busy processor is left to it, and compiling a bundle
/// with CRS takes some 100 ms: a change is in force within a second while all workers are busy.
const STEP_BACK_LOADING: i32 = 5;

/// Everything that workers and threads share.
#[derive(Debug)]
pub(crate) struct Process {
    /// The bundle in force.
    pub(crate) engine: ArcSwapOption<Engine>,
    /// Why the bundle that was tried last is not in force; empty when it is.
    pub(crate) bundle_error: Mutex<String>,
    /// Signals and rate counters; bundles come and go.
    pub(crate) shared: Arc<SharedState>,
    /// Counters.
    pub(crate) metrics: Metrics,
    /// Rows for the socket thread.
    pub(crate) events: EventQueue,
    /// Held requests.
    pub(crate) delays: Delays,
    /// Bodies that are waited for.
    pub(crate) paces: Arc<Paces>,
    /// Connections by address.
    connections: Arc<Connections>,
    /// Settings of the first configuration; later ones share its socket and buffers.
    pub(crate) settings: Settings,
    /// Random text that tells this process from another with the same pid.
    pub(crate) instance: String,
    /// When the bundle in force came there, in milliseconds since 1970; 0 without one.
    bundle_since_ms: AtomicU64,
    wake: Option<OwnedFd>,
    stop: AtomicBool,
    threads: Mutex<Threads>,
}

#[derive(Debug, Default)]
struct Threads {
    users: usize,
    loader: Option<Sender<BundleFrame>>,
    handles: Vec<JoinHandle<()>>,
}

/// One filter configuration in Envoy.
#[derive(Debug)]
pub(crate) struct FilterConfig {
    /// What it shares with the others of its socket.
    pub(crate) process: Arc<Process>,
    /// What to do while there is no bundle.
    pub(crate) fail_open: bool,
}

static PROCESSES: Mutex<BTreeMap<PathBuf, Arc<Process>>> = Mutex::new(BTreeMap::new());

impl Process {
    /// State without any thread yet.
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
            delays: Delays::default(),
            paces: Arc::default(),
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

    /// A bundle came in force now.
    pub(crate) fn note_bundle(&self) {
        let now_ms = crate::clock::now().unix_us / 1000;
        self.bundle_since_ms.store(now_ms, Ordering::Relaxed);
    }

    /// When the bundle in force came there, in milliseconds since 1970; 0 without one.
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

    /// A connection begins.
    ///
    /// # Errors
    /// Its address has as many as it may. Trusted proxies have as many as they like, for they have those of others;
    /// so has everybody while there is no bundle to say how many.
    pub(crate) fn connection_begins(&self, address: IpAddr) -> Result<Option<Open>, ()> {
        let engine = self.engine.load();
        let Some(engine) = engine
            .as_ref()
            .filter(|engine| engine.connections_per_address > 0)
        else {
            return Ok(None);
        };
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

    /// One more configuration uses this state; the first one starts the threads.
    pub(crate) fn acquire(self: &Arc<Self>) -> Result<(), String> {
        let mut threads = self.threads.lock();
        if threads.users == 0 {
            self.stop.store(false, Ordering::Release);
            self.delays.restart();
            self.paces.restart();
            self.start(&mut threads)
                .map_err(|error| format!("a thread cannot be started: {error}"))?;
        }
        threads.users += 1;
        Ok(())
    }

    fn start(self: &Arc<Self>, threads: &mut Threads) -> std::io::Result<()> {
        let (ask, asked) = channel::<BundleFrame>();
        let (tell, told) = channel::<BundleResult>();
        let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
            Builder::new().name(name.into()).spawn(body)
        };
        let process = Arc::clone(self);
        threads.handles.push(spawn(
            "starfort-load",
            Box::new(move || {
                step_back(STEP_BACK_LOADING);
                process.load_bundles(&asked, &tell);
            }),
        )?);
        let process = Arc::clone(self);
        let loader = ask.clone();
        let socket = move || {
            step_back(STEP_BACK);
            EventSocket::new(process, loader, told).run();
        };
        threads
            .handles
            .push(spawn("starfort-socket", Box::new(socket))?);
        let process = Arc::clone(self);
        threads.handles.push(spawn(
            "starfort-delay",
            Box::new(move || process.delays.run()),
        )?);
        let paces = Arc::clone(&self.paces);
        threads
            .handles
            .push(spawn("starfort-pace", Box::new(move || paces.run()))?);
        threads.loader = Some(ask);
        Ok(())
    }

    fn load_bundles(&self, asked: &Receiver<BundleFrame>, tell: &Sender<BundleResult>) {
        while let Ok(mut frame) = asked.recv() {
            // Only the newest counts: one that was asked for twice, or overtaken, is not compiled for nothing.
            while let Ok(newer) = asked.try_recv() {
                frame = newer;
            }
            if self.stopping() {
                return;
            }
            let version = Some(frame.version.as_str()).filter(|version| !version.is_empty());
            if tell.send(self.swap_bundle(&frame.path, version)).is_err() {
                return;
            }
            self.wake();
        }
    }

    /// One configuration less; the last one ends the threads and waits for their last words (events on their way).
    pub(crate) fn release(&self) {
        let ended = {
            let mut threads = self.threads.lock();
            threads.users = threads.users.saturating_sub(1);
            if threads.users > 0 {
                return;
            }
            self.stop.store(true, Ordering::Release);
            threads.loader = None;
            std::mem::take(&mut threads.handles)
        };
        self.delays.stop();
        self.paces.stop();
        self.wake();
        for handle in ended {
            if handle.join().is_err() {
                self.metrics.panics.increment();
            }
        }
    }

    /// Load a bundle beside the traffic.
    fn load_later(&self, path: &Path) {
        if let Some(loader) = &self.threads.lock().loader {
            let _ = loader.send(BundleFrame {
                path: path.into(),
                version: String::new(),
            });
        }
    }
}

impl FilterConfig {
    /// A configuration as Envoy gave it. The first one for a socket loads the bundle before it returns, so that no
    /// request is served without policies. One that cannot be loaded is replaced by the last good one; without
    /// that, `fail_open` says what happens until the control plane sends a good one.
    ///
    /// # Errors
    /// A sentence for Envoy's log; Envoy then refuses the configuration.
    pub(crate) fn new(json: &[u8]) -> Result<Self, String> {
        let settings = Settings::parse(json)?;
        let fail_open = settings.fail_open;
        let mut processes = PROCESSES.lock();
        let known = processes.get(&settings.socket).cloned();
        let process = if let Some(process) = known {
            if process.settings.bundle != settings.bundle {
                process.load_later(&settings.bundle);
            }
            process
        } else {
            let process = Arc::new(Process::new(settings.clone()));
            process.begin();
            if settings.require_bundle && !process.bundle_error.lock().is_empty() {
                return Err(process.bundle_error.lock().clone());
            }
            processes.insert(settings.socket, Arc::clone(&process));
            process
        };
        process.acquire()?;
        Ok(Self { process, fail_open })
    }

    /// What `envoy --mode validate` asks: the settings and the bundle are good. Starts nothing.
    ///
    /// # Errors
    /// A sentence for Envoy's log.
    pub(crate) fn validate(json: &[u8]) -> Result<Self, String> {
        let settings = Settings::parse(json)?;
        let fail_open = settings.fail_open;
        let process = Arc::new(Process::new(settings));
        let result = process.swap_bundle(&process.settings.bundle, None);
        if !result.ok {
            return Err(result.error);
        }
        Ok(Self { process, fail_open })
    }
}

impl Drop for FilterConfig {
    fn drop(&mut self) {
        self.process.release();
    }
}

/// Let Envoy live on when the control plane, its parent, ends. With hot restart Envoy asks Linux for a signal then;
/// that is the main thread's, which calls this.
pub(crate) fn outlive_parent() {
    if rustix::process::set_parent_process_death_signal(None).is_err() {
        log::say(Level::Warn, "this Envoy ends with the control plane");
    }
}

/// Lower the priority of this thread; on Linux nice values are a thread's own. Refused, it runs like the others.
fn step_back(by: i32) {
    let _ = rustix::process::nice(by);
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
    use crate::testing::{bundle, settings_json, write_bundle};

    #[test]
    fn configurations_of_one_socket_share_their_state_across_updates() {
        let directory = tempfile::tempdir().unwrap();
        write_bundle(directory.path(), &bundle("one"));
        let json = settings_json(directory.path());
        let first = FilterConfig::new(&json).unwrap();
        first.process.metrics.requests.increment();
        let second = FilterConfig::new(&json).unwrap();
        drop(first);
        assert_eq!(second.process.metrics.requests.get(), 1);
        let process = Arc::clone(&second.process);
        assert_eq!(process.engine.load().as_ref().unwrap().version, "one");
        drop(second);
        assert!(process.stopping() && process.threads.lock().handles.is_empty());
        let third = FilterConfig::new(&json).unwrap();
        assert!(Arc::ptr_eq(&third.process, &process) && !process.stopping());
    }

    #[test]
    fn a_bundle_that_is_not_there_yet_does_not_refuse_the_configuration_but_validation_does() {
        let directory = tempfile::tempdir().unwrap();
        let json = settings_json(directory.path());
        let config = FilterConfig::new(&json).unwrap();
        assert!(config.process.engine.load().is_none());
        assert!(
            FilterConfig::validate(&json)
                .unwrap_err()
                .contains("bundle.sfb")
        );
        assert!(FilterConfig::new(b"{}").is_err());
    }

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
    fn a_rehearsal_is_refused_without_the_bundle_even_when_there_is_a_last_good_one() {
        let directory = tempfile::tempdir().unwrap();
        let mut json: serde_json::Value =
            serde_json::from_slice(&settings_json(directory.path())).unwrap();
        json["require_bundle"] = true.into();
        json["last_good"] = directory.path().join("bundle.last.sfb").to_str().into();
        let json = serde_json::to_vec(&json).unwrap();
        let good = write_bundle(directory.path(), &bundle("one"));
        std::fs::rename(&good, directory.path().join("bundle.last.sfb")).unwrap();
        let refused = FilterConfig::new(&json).unwrap_err();
        assert!(refused.contains("bundle.sfb"), "{refused}");
        write_bundle(directory.path(), &bundle("one"));
        assert!(FilterConfig::new(&json).is_ok());
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
