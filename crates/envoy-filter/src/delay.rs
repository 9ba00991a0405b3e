//! Requests that are held for a while: one timer thread wakes each on its own worker when its time has come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::host::Wake;

/// Requests held at once at most; further ones are not delayed, and counted. A held request keeps its connection
/// and buffers in Envoy.
pub(crate) const MAX_HELD: usize = 10_000;

/// Longest delay, as the bundle's documentation promises.
const MAX_DELAY: Duration = Duration::from_secs(30);

type Slot = Arc<Mutex<Option<Box<dyn Wake>>>>;

/// The stream's side of a held request: when it is dropped, nobody is woken any more.
pub(crate) struct Held(Slot);

impl Drop for Held {
    /// Taken under the lock, so that no wake-up happens once the stream is being destroyed.
    fn drop(&mut self) {
        self.0.lock().take();
    }
}

struct Timer {
    at: Instant,
    number: u64,
    slot: Slot,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Timer {}
impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[derive(Default)]
struct State {
    timers: BinaryHeap<Reverse<Timer>>,
    count: u64,
    stop: bool,
}

/// All held requests of the process.
#[derive(Default)]
pub(crate) struct Delays {
    state: Mutex<State>,
    changed: Condvar,
}

impl std::fmt::Debug for Delays {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Delays({} held)", self.len())
    }
}

impl Delays {
    /// Wake after `delay_ms` (at most 30 s). `None` when [`MAX_HELD`] are held already.
    pub(crate) fn hold(&self, delay_ms: u64, wake: Box<dyn Wake>) -> Option<Held> {
        let slot = Arc::new(Mutex::new(Some(wake)));
        let mut state = self.state.lock();
        if state.timers.len() >= MAX_HELD || state.stop {
            return None;
        }
        state.count += 1;
        let timer = Timer {
            at: Instant::now() + Duration::from_millis(delay_ms).min(MAX_DELAY),
            number: state.count,
            slot: Arc::clone(&slot),
        };
        state.timers.push(Reverse(timer));
        self.changed.notify_one();
        Some(Held(slot))
    }

    /// Requests held (or gone, but their time has not come).
    pub(crate) fn len(&self) -> usize {
        self.state.lock().timers.len()
    }

    /// The timer thread's body; returns after [`Self::stop`].
    pub(crate) fn run(&self) {
        let mut state = self.state.lock();
        while !state.stop {
            let Some(Reverse(next)) = state.timers.peek() else {
                self.changed.wait(&mut state);
                continue;
            };
            let at = next.at;
            if at > Instant::now() {
                self.changed.wait_until(&mut state, at);
                continue;
            }
            let Some(Reverse(due)) = state.timers.pop() else {
                continue;
            };
            parking_lot::MutexGuard::unlocked(&mut state, || {
                let mut slot = due.slot.lock();
                if let Some(wake) = slot.take() {
                    wake.wake();
                }
            });
        }
    }

    /// Let [`Self::run`] return; whoever is held stays so (Envoy ends the streams).
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

    #[test]
    fn requests_are_woken_in_the_order_of_their_time() {
        let delays = Arc::new(Delays::default());
        let (sender, receiver) = channel();
        let held: Vec<_> = [(40, 2), (1, 1)]
            .map(|(ms, number)| delays.hold(ms, Box::new(Tell(sender.clone(), number))))
            .into();
        let runner = Arc::clone(&delays);
        let thread = std::thread::spawn(move || runner.run());
        assert_eq!([receiver.recv(), receiver.recv()], [Ok(1), Ok(2)]);
        delays.stop();
        thread.join().unwrap();
        drop(held);
    }

    #[test]
    fn a_request_that_went_is_not_woken() {
        let delays = Arc::new(Delays::default());
        let (sender, receiver) = channel();
        drop(delays.hold(1, Box::new(Tell(sender.clone(), 1))));
        let _held = delays.hold(5, Box::new(Tell(sender.clone(), 2)));
        drop(sender);
        let runner = Arc::clone(&delays);
        let thread = std::thread::spawn(move || runner.run());
        assert_eq!(receiver.recv(), Ok(2));
        assert!(
            receiver.recv().is_err(),
            "the first one's sender is gone, never used"
        );
        delays.stop();
        thread.join().unwrap();
    }

    #[test]
    fn no_more_are_held_than_the_limit() {
        let delays = Delays::default();
        let (sender, _receiver) = channel();
        let held: Vec<_> = (0..MAX_HELD)
            .map(|_| {
                delays
                    .hold(1000, Box::new(Tell(sender.clone(), 0)))
                    .unwrap()
            })
            .collect();
        assert!(delays.hold(1, Box::new(Tell(sender, 0))).is_none());
        assert_eq!(held.len(), delays.len());
    }
}
