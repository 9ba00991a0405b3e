//! Wakes streams at a given time, each on its own worker: requests that are held for a while, and requests whose body
//! has not come to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::host::Wake;

/// The most requests that are held at once. Further ones are not delayed, and are counted. A held request keeps its
/// connection and its buffers in Envoy, so this bounds memory.
pub(crate) const MAX_HELD: usize = 10_000;

/// Longest delay, as the bundle's documentation promises.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// The most bodies that are waited for at once. Further bodies have no pace, and are counted. The figure is ten streams
/// for each connection that Envoy may have (`compile/dataplane.py`).
const MAX_BODIES: usize = 1_000_000;

/// How much too late a stream may be woken because of its body. Bodies are waited for in tens of seconds.
const TICK: Duration = Duration::from_millis(250);

/// The time of a wake-up, and a number that tells streams of one instant apart.
type Key = (Instant, u64);

#[derive(Default)]
struct State {
    // Ordered by time, so that the next stream is always the first entry. A heap could not remove a stream that ends
    // early.
    due: BTreeMap<Key, Box<dyn Wake>>,
    count: u64,
    stop: bool,
}

/// The streams that one thread wakes.
pub(crate) struct Alarms {
    state: Mutex<State>,
    changed: Condvar,
    most: usize,
    /// How often the thread looks by itself. `None`: it is notified of each new stream, and wakes each one on time.
    tick: Option<Duration>,
}

// Written by hand, because `dyn Wake` has no `Debug`.
impl std::fmt::Debug for Alarms {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Alarms({} streams)", self.len())
    }
}

/// The stream's side of an alarm: when it is dropped, the stream is not woken any more.
pub(crate) struct Alarm {
    alarms: Arc<Alarms>,
    key: Key,
}

impl Drop for Alarm {
    /// The entry is removed under the lock under which streams are woken, so that no stream is woken while it is being
    /// destroyed.
    fn drop(&mut self) {
        // Two statements, so that the lock is free again when Envoy deletes the scheduler.
        let wake = self.alarms.state.lock().due.remove(&self.key);
        drop(wake);
    }
}

impl Alarms {
    /// Alarms for requests that are held. There are few of them, and each goes on when its time has come.
    pub(crate) fn of_held_requests() -> Arc<Self> {
        Arc::new(Self::new(MAX_HELD, None))
    }

    /// Alarms for bodies that are waited for. Every request with a body has one, and nearly all bodies end long before
    /// they are due. So beginning and ending cost two short visits to a map, and wake no thread.
    pub(crate) fn of_bodies() -> Arc<Self> {
        Arc::new(Self::new(MAX_BODIES, Some(TICK)))
    }

    fn new(most: usize, tick: Option<Duration>) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            most,
            tick,
        }
    }

    /// Wake a stream after `delay_ms`, at most [`MAX_DELAY`]. See [`Self::wake_at`].
    pub(crate) fn wake_after(
        self: &Arc<Self>,
        delay_ms: u64,
        wake: Box<dyn Wake>,
    ) -> Option<Alarm> {
        let delay = Duration::from_millis(delay_ms).min(MAX_DELAY);
        self.wake_at(Instant::now() + delay, wake)
    }

    /// Wake a stream once `at` has come. Returns `None` when as many streams wait as may wait, or when the thread is to
    /// end.
    pub(crate) fn wake_at(self: &Arc<Self>, at: Instant, wake: Box<dyn Wake>) -> Option<Alarm> {
        let mut state = self.state.lock();
        if state.due.len() >= self.most || state.stop {
            return None;
        }
        // Two streams may be due at the same instant, and each key must stand for one of them.
        state.count += 1;
        let key = (at, state.count);
        state.due.insert(key, wake);
        if self.tick.is_none() {
            // The new stream may be due before the one that the thread waits for.
            self.changed.notify_one();
        }
        Some(Alarm {
            alarms: Arc::clone(self),
            key,
        })
    }

    /// How many streams wait to be woken.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().due.len()
    }

    /// The thread's body. It returns after [`Self::stop`].
    pub(crate) fn run(&self) {
        let mut state = self.state.lock();
        while !state.stop {
            let now = Instant::now();
            while let Some(first) = state.due.first_entry()
                && first.key().0 <= now
            {
                // Under the lock, so that the stream cannot be destroyed between being found and being woken. Waking
                // only queues a message for the stream's worker.
                first.remove().wake();
            }
            let next = state.due.first_key_value().map(|(key, _)| key.0);
            match (self.tick, next) {
                // Nobody notifies this thread of new bodies, so it looks again after each tick.
                (Some(tick), _) => drop(self.changed.wait_for(&mut state, tick)),
                (None, Some(at)) => drop(self.changed.wait_until(&mut state, at)),
                // Nothing is due; `wake_at` notifies.
                (None, None) => self.changed.wait(&mut state),
            }
        }
    }

    /// Let [`Self::run`] return. Streams that still wait are not woken: Envoy ends them when it stops.
    pub(crate) fn stop(&self) {
        self.state.lock().stop = true;
        self.changed.notify_all();
    }

    /// Allow [`Self::run`] to run again.
    pub(crate) fn restart(&self) {
        self.state.lock().stop = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};
    use std::thread::JoinHandle;

    struct Tell(Sender<u32>, u32);

    impl Wake for Tell {
        fn wake(&self) {
            let _ = self.0.send(self.1);
        }
    }

    fn running(alarms: &Arc<Alarms>) -> JoinHandle<()> {
        let runner = Arc::clone(alarms);
        std::thread::spawn(move || runner.run())
    }

    fn ended(alarms: &Alarms, thread: JoinHandle<()>) {
        alarms.stop();
        thread.join().unwrap();
    }

    /// Streams are woken in the order of their time and no earlier, whether the thread is told of them or looks by itself.
    #[test]
    fn streams_are_woken_when_they_are_due_and_no_earlier() {
        for alarms in [Alarms::of_held_requests(), Alarms::of_bodies()] {
            let (sender, receiver) = channel();
            let begin = Instant::now();
            let _kept: Vec<_> = [(60, 2), (1, 1)]
                .map(|(ms, number)| alarms.wake_after(ms, Box::new(Tell(sender.clone(), number))))
                .into();
            let thread = running(&alarms);
            assert_eq!([receiver.recv(), receiver.recv()], [Ok(1), Ok(2)]);
            assert!(begin.elapsed() >= Duration::from_millis(60));
            ended(&alarms, thread);
        }
    }

    #[test]
    fn a_stream_that_is_over_leaves_nothing_behind_and_is_not_woken() {
        for alarms in [Alarms::of_held_requests(), Alarms::of_bodies()] {
            let (sender, receiver) = channel();
            for number in 0..100 {
                drop(alarms.wake_after(0, Box::new(Tell(sender.clone(), number))));
            }
            assert_eq!(alarms.len(), 0);
            let _kept = alarms.wake_after(0, Box::new(Tell(sender, 100)));
            let thread = running(&alarms);
            assert_eq!(receiver.recv(), Ok(100));
            assert!(receiver.recv().is_err(), "no other was woken");
            ended(&alarms, thread);
        }
    }

    /// A request that is held while the thread waits for a later one is still woken on time.
    #[test]
    fn an_earlier_request_does_not_wait_for_a_later_one() {
        let alarms = Alarms::of_held_requests();
        let (sender, receiver) = channel();
        let _late = alarms.wake_after(30_000, Box::new(Tell(sender.clone(), 2)));
        let thread = running(&alarms);
        let _early = alarms.wake_after(1, Box::new(Tell(sender, 1)));
        assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(1));
        ended(&alarms, thread);
    }

    #[test]
    fn no_more_are_held_than_the_limit() {
        let alarms = Alarms::of_held_requests();
        let (sender, _receiver) = channel();
        let hold = || alarms.wake_after(1000, Box::new(Tell(sender.clone(), 0)));
        let held: Vec<_> = (0..MAX_HELD).map(|_| hold().unwrap()).collect();
        assert!(hold().is_none());
        assert_eq!(held.len(), alarms.len());
    }
}
