//! When to look at bodies that have not come to their end: one thread wakes each stream on its own worker.
//!
//! Unlike [`crate::delay`] this concerns every request with a body, and nearly all of them are over long before they
//! are due. So starting and ending cost two short visits to a map and wake no thread: the thread looks by itself, every
//! [`TICK`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::host::Wake;

/// How late a stream may be woken. Bodies are waited for in tens of seconds.
const TICK: Duration = Duration::from_millis(250);

/// Streams that are looked after at once; further ones are not, and are counted. It is ten streams for each connection that
/// Envoy may have at most (`compile/dataplane.py`).
const MAX_STREAMS: usize = 1_000_000;

/// When, and a number that tells streams of one instant apart.
type Key = (Instant, u64);

#[derive(Default)]
struct State {
    due: BTreeMap<Key, Box<dyn Wake>>,
    count: u64,
    stop: bool,
}

/// All streams of the process whose bodies are waited for.
#[derive(Default)]
pub(crate) struct Paces {
    state: Mutex<State>,
    changed: Condvar,
}

impl std::fmt::Debug for Paces {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Paces({} streams)", self.len())
    }
}

/// The stream's side: when it is dropped, nobody is woken any more.
pub(crate) struct Paced {
    paces: Arc<Paces>,
    key: Key,
}

impl Drop for Paced {
    /// Taken under the lock under which streams are woken, so that none is while it is being destroyed.
    fn drop(&mut self) {
        let wake = self.paces.state.lock().due.remove(&self.key);
        drop(wake);
    }
}

impl Paces {
    /// Wake once `at` has come. `None` when [`MAX_STREAMS`] are waited for already.
    pub(crate) fn wake_at(self: &Arc<Self>, at: Instant, wake: Box<dyn Wake>) -> Option<Paced> {
        let mut state = self.state.lock();
        if state.due.len() >= MAX_STREAMS {
            return None;
        }
        state.count += 1;
        let key = (at, state.count);
        state.due.insert(key, wake);
        Some(Paced {
            paces: Arc::clone(self),
            key,
        })
    }

    /// Streams whose bodies are waited for.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().due.len()
    }

    /// The thread's body; returns after [`Self::stop`].
    pub(crate) fn run(&self) {
        let mut state = self.state.lock();
        while !state.stop {
            let now = Instant::now();
            while let Some(first) = state.due.first_entry()
                && first.key().0 <= now
            {
                // Under the lock, so that a stream cannot be destroyed between being found and being woken.
                first.remove().wake();
            }
            // By a tick rather than at the first due time: bodies come and go thousands of times a second, and each
            // would wake this thread.
            self.changed.wait_for(&mut state, TICK);
        }
    }

    /// Let [`Self::run`] return.
    pub(crate) fn stop(&self) {
        self.state.lock().stop = true;
        self.changed.notify_all();
    }

    /// Make [`Self::run`] possible again.
    pub(crate) fn restart(&self) {
        self.state.lock().stop = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    struct Tell(Sender<u32>, u32);

    impl Wake for Tell {
        fn wake(&self) {
            let _ = self.0.send(self.1);
        }
    }

    fn running(paces: &Arc<Paces>) -> std::thread::JoinHandle<()> {
        let runner = Arc::clone(paces);
        std::thread::spawn(move || runner.run())
    }

    #[test]
    fn streams_are_woken_when_they_are_due_and_no_earlier() {
        let paces = Arc::new(Paces::default());
        let (sender, receiver) = channel();
        let begin = Instant::now();
        let _kept: Vec<_> = [(60, 2), (1, 1)]
            .map(|(ms, number)| {
                let at = begin + Duration::from_millis(ms);
                paces.wake_at(at, Box::new(Tell(sender.clone(), number)))
            })
            .into();
        let thread = running(&paces);
        assert_eq!([receiver.recv(), receiver.recv()], [Ok(1), Ok(2)]);
        assert!(begin.elapsed() >= Duration::from_millis(60));
        paces.stop();
        thread.join().unwrap();
    }

    #[test]
    fn a_stream_that_is_over_leaves_nothing_behind() {
        let paces = Arc::new(Paces::default());
        let (sender, receiver) = channel();
        for number in 0..100 {
            drop(paces.wake_at(Instant::now(), Box::new(Tell(sender.clone(), number))));
        }
        assert_eq!(paces.len(), 0);
        let _kept = paces.wake_at(Instant::now(), Box::new(Tell(sender, 100)));
        let thread = running(&paces);
        assert_eq!(receiver.recv(), Ok(100));
        assert!(receiver.recv().is_err(), "no other was woken");
        paces.stop();
        thread.join().unwrap();
    }
}
