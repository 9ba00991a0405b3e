//! The threads of a process: one loads bundles, one talks to the control plane, one holds requests, one watches the pace
//! of bodies. They run while a filter configuration uses the process, and a listener update does not stop them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;

use crate::alarm::Alarms;
use crate::event_socket::EventSocket;
use crate::frames::{BundleFrame, BundleResult};
use crate::process::{Process, Threads};

/// How much the thread that encodes events lowers its priority (nice(2)). With as many workers as processors, a request
/// would otherwise wait while a whole batch is encoded.
const STEP_BACK: i32 = 10;

/// How much the thread that loads bundles lowers its priority. That leaves it a quarter of a busy processor. Compiling a
/// bundle with CRS takes some 100 ms, so a change is in force within a second while all workers are busy.
const STEP_BACK_LOADING: i32 = 5;

/// Count one more configuration that uses this state. The first one starts the threads.
pub(crate) fn acquire(process: &Arc<Process>) -> Result<(), String> {
    let mut threads = process.threads.lock();
    if threads.users == 0 {
        process.stop.store(false, Ordering::Release);
        process.delays.restart();
        process.paces.restart();
        start(process, &mut threads)
            .map_err(|error| format!("a thread cannot be started: {error}"))?;
    }
    threads.users += 1;
    Ok(())
}

fn start(process: &Arc<Process>, threads: &mut Threads) -> std::io::Result<()> {
    let (ask, asked) = channel::<BundleFrame>();
    let (tell, told) = channel::<BundleResult>();
    let spawn =
        |name: &str, body: Box<dyn FnOnce() + Send>| Builder::new().name(name.into()).spawn(body);
    let loading = Arc::clone(process);
    threads.handles.push(spawn(
        "starfort-load",
        Box::new(move || {
            step_back(STEP_BACK_LOADING);
            load_bundles(&loading, &asked, &tell);
        }),
    )?);
    let talking = Arc::clone(process);
    let loader = ask.clone();
    let socket = move || {
        step_back(STEP_BACK);
        EventSocket::new(talking, loader, told).run();
    };
    threads
        .handles
        .push(spawn("starfort-socket", Box::new(socket))?);
    for (name, alarms) in [
        ("starfort-delay", &process.delays),
        ("starfort-pace", &process.paces),
    ] {
        let alarms: Arc<Alarms> = Arc::clone(alarms);
        threads
            .handles
            .push(spawn(name, Box::new(move || alarms.run()))?);
    }
    threads.loader = Some(ask);
    Ok(())
}

fn load_bundles(process: &Process, asked: &Receiver<BundleFrame>, tell: &Sender<BundleResult>) {
    while let Ok(mut frame) = asked.recv() {
        // Only the newest counts: one that was asked for twice, or overtaken, is not compiled for nothing.
        while let Ok(newer) = asked.try_recv() {
            frame = newer;
        }
        if process.stopping() {
            return;
        }
        let version = Some(frame.version.as_str()).filter(|version| !version.is_empty());
        if tell
            .send(process.swap_bundle(&frame.path, version))
            .is_err()
        {
            return;
        }
        process.wake();
    }
}

/// Count one configuration less. The last one ends the threads, and waits until they have sent their last events.
pub(crate) fn release(process: &Process) {
    let ended = {
        let mut threads = process.threads.lock();
        threads.users = threads.users.saturating_sub(1);
        if threads.users > 0 {
            return;
        }
        process.stop.store(true, Ordering::Release);
        // The loading thread ends when this sender and the socket thread's own are gone.
        threads.loader = None;
        std::mem::take(&mut threads.handles)
    };
    process.delays.stop();
    process.paces.stop();
    // Otherwise the socket thread would notice only at its next flush that it is to stop.
    process.wake();
    for handle in ended {
        if handle.join().is_err() {
            process.metrics.panics.increment();
        }
    }
}

/// Load a bundle on the loading thread, beside the traffic.
pub(crate) fn load_later(process: &Process, path: &Path) {
    if let Some(loader) = &process.threads.lock().loader {
        let _ = loader.send(BundleFrame {
            path: path.into(),
            version: String::new(),
        });
    }
}

/// Lower the priority of this thread; on Linux, nice values belong to single threads. If Linux refuses, the thread runs
/// like the others.
fn step_back(by: i32) {
    let _ = rustix::process::nice(by);
}
