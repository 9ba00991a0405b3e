//! Wakes delayed streams: one thread, started at the first delay.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use crate::host::Wake;

/// Streams that may wait at once; beyond, a delay ends at once rather than holding more connections.
const MAX_WAITING: usize = 10_000;

/// The streams that wait.
pub(crate) struct Delays {
    queue: Arc<(Mutex<BinaryHeap<Reverse<Waiting>>>, Condvar)>,
    thread: Once,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            queue: Arc::default(),
            thread: Once::new(),
        }
    }
}

impl std::fmt::Debug for Delays {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Delays")
    }
}

struct Waiting {
    until: Instant,
    wake: Box<dyn Wake>,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.until == other.until
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.until.cmp(&other.until)
    }
}

impl Delays {
    /// Wake a stream in so many milliseconds.
    pub(crate) fn after_ms(&self, delay_ms: u64, wake: Box<dyn Wake>) {
        self.thread.call_once(|| {
            let queue = Arc::clone(&self.queue);
            // Without a thread nothing would ever wake: then nothing waits either (see below).
            let _ = std::thread::Builder::new()
                .name("starfort-delay".into())
                .spawn(move || run(&queue));
        });
        let mut waiting = self.queue.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MAX_WAITING || Arc::strong_count(&self.queue) < 2 {
            drop(waiting);
            wake.wake();
            return;
        }
        waiting.push(Reverse(Waiting {
            until: Instant::now() + Duration::from_millis(delay_ms),
            wake,
        }));
        self.queue.1.notify_one();
    }
}

fn run(queue: &(Mutex<BinaryHeap<Reverse<Waiting>>>, Condvar)) {
    let mut waiting = queue.0.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let now = Instant::now();
        let Some(Reverse(first)) = waiting.peek() else {
            waiting = queue
                .1
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        if first.until > now {
            let pause = first.until - now;
            waiting = queue
                .1
                .wait_timeout(waiting, pause)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        } else if let Some(Reverse(due)) = waiting.pop() {
            due.wake.wake();
        }
    }
}
