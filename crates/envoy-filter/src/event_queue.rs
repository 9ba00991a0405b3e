//! The queue of rows between the workers and the socket thread. It takes no lock, and is bounded in rows and bytes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;
use starfort_engine::event::EventRow;

use crate::metrics::Metrics;

/// The most rows that wait between two visits of the socket thread. Visits are 100 ms apart, so this is enough for
/// 650,000 rows/s.
const MAX_ROWS: usize = 65_536;

/// Bytes that a row takes besides its texts: the struct itself, and the allocations of the texts.
const ROW_OVERHEAD_BYTES: usize = 1024;

/// The queue. When it is full, a row that only adds to a count is dropped, and any other row pushes out the oldest.
/// Both cases are counted.
#[derive(Debug)]
pub(crate) struct EventQueue {
    rows: ArrayQueue<Box<EventRow>>,
    bytes: AtomicUsize,
    limit_bytes: usize,
    wake_at: usize,
    woken: AtomicBool,
}

impl EventQueue {
    /// A queue for at most `limit_bytes` of rows; `push` says when `wake_at` of them wait.
    pub(crate) fn new(limit_bytes: usize, wake_at: usize) -> Self {
        Self {
            rows: ArrayQueue::new(MAX_ROWS),
            bytes: AtomicUsize::new(0),
            limit_bytes,
            // At most half of the queue: otherwise the thread would be woken only when rows are dropped already.
            wake_at: wake_at.clamp(1, MAX_ROWS / 2),
            woken: AtomicBool::new(false),
        }
    }

    /// Add a row. Returns whether the socket thread should be woken (once for each full batch).
    pub(crate) fn push(&self, row: Box<EventRow>, metrics: &Metrics) -> bool {
        let size = size_of_row(&row);
        // Relaxed is enough: this figure bounds memory, and no other data depends on it.
        let full = self.rows.is_full()
            || self.bytes.load(Ordering::Relaxed).saturating_add(size) > self.limit_bytes;
        // A row that detectors need takes the place of the oldest row. A row that only adds to a count is given up.
        if full && row.is_ordinary() {
            metrics.events_dropped.increment();
            return !self.woken.swap(true, Ordering::Relaxed);
        }
        // Counted before the row is in: the count may be too high for a moment, never too low.
        let mut bytes = self.bytes.fetch_add(size, Ordering::Relaxed) + size;
        if let Some(oldest) = self.rows.force_push(row) {
            bytes = self.forget(&oldest);
            metrics.events_dropped.increment();
        }
        // A large row may take the place of several small ones.
        while bytes > self.limit_bytes {
            let Some(oldest) = self.rows.pop() else { break };
            bytes = self.forget(&oldest);
            metrics.events_dropped.increment();
        }
        self.rows.len() >= self.wake_at && !self.woken.swap(true, Ordering::Relaxed)
    }

    /// Take the oldest row.
    pub(crate) fn pop(&self) -> Option<Box<EventRow>> {
        let Some(row) = self.rows.pop() else {
            // Empty: the next full batch may wake the thread again. One wake-up for each batch, not for each row.
            self.woken.store(false, Ordering::Relaxed);
            return None;
        };
        self.forget(&row);
        Some(row)
    }

    /// How full the queue is, 0 to 1.
    pub(crate) fn fill(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let bytes = share(self.bytes.load(Ordering::Relaxed), self.limit_bytes);
        bytes.max(share(self.rows.len(), MAX_ROWS))
    }

    /// How many rows wait.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    fn forget(&self, row: &EventRow) -> usize {
        let size = size_of_row(row);
        self.bytes.fetch_sub(size, Ordering::Relaxed) - size
    }
}

/// The bytes that a row takes, roughly enough to bound memory.
pub(crate) fn size_of_row(row: &EventRow) -> usize {
    fn listed<T: AsRef<str>>(texts: &[T]) -> usize {
        let sizes = texts
            .iter()
            .map(|text| text.as_ref().len() + size_of::<T>());
        sizes.sum()
    }
    let listed = listed(&row.parameters)
        + listed(&row.signals)
        + listed(&row.tags)
        + listed(&row.observed)
        + listed(&row.evidence)
        + listed(&row.credential_places)
        + listed(&row.contract);
    let texts = [
        &row.path,
        &row.user_agent,
        &row.host,
        &row.template,
        &row.subject,
    ];
    let shapes = row.shape_request.len() + row.shape_response.len();
    ROW_OVERHEAD_BYTES + listed + shapes + texts.iter().map(|text| text.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::row::tests::row;

    #[test]
    fn the_oldest_row_goes_when_bytes_run_out_and_is_counted() {
        let metrics = Metrics::default();
        let one = size_of_row(&row("0"));
        let queue = EventQueue::new(2 * one, 1000);
        for id in ["0", "1", "2"] {
            queue.push(Box::new(row(id)), &metrics);
        }
        assert_eq!(metrics.events_dropped.get(), 1);
        assert_eq!(queue.pop().map(|row| row.id).as_deref(), Some("1"));
        assert_eq!(queue.pop().map(|row| row.id).as_deref(), Some("2"));
        assert!(queue.pop().is_none());
    }

    #[test]
    fn a_full_queue_takes_what_detectors_need_and_leaves_out_what_only_adds_to_a_count() {
        let metrics = Metrics::default();
        let one = size_of_row(&row("0"));
        let queue = EventQueue::new(2 * one, 1000);
        let ordinary = |id: &str| {
            let mut ordinary = Box::new(row(id));
            ordinary.status = 200;
            ordinary
        };
        queue.push(ordinary("0"), &metrics);
        queue.push(ordinary("1"), &metrics);
        queue.push(ordinary("2"), &metrics);
        let mut login = ordinary("3");
        login.account_hash = "0123456789abcdef".into();
        queue.push(login, &metrics);
        let kept: Vec<_> = std::iter::from_fn(|| queue.pop())
            .map(|row| row.id)
            .collect();
        assert_eq!(kept, ["1", "3"]);
        assert_eq!(metrics.events_dropped.get(), 2);
    }

    #[test]
    fn the_oldest_row_goes_when_places_run_out() {
        let metrics = Metrics::default();
        let queue = EventQueue::new(usize::MAX, 1000);
        for index in 0..=MAX_ROWS {
            queue.push(Box::new(row(&index.to_string())), &metrics);
        }
        assert_eq!((queue.len(), metrics.events_dropped.get()), (MAX_ROWS, 1));
        assert_eq!(queue.pop().map(|row| row.id).as_deref(), Some("1"));
    }

    #[test]
    fn a_full_batch_wakes_once_until_the_queue_was_emptied() {
        let metrics = Metrics::default();
        let queue = EventQueue::new(usize::MAX, 2);
        let push = || queue.push(Box::new(row("x")), &metrics);
        assert_eq!([push(), push(), push()], [false, true, false]);
        while queue.pop().is_some() {}
        assert_eq!([push(), push()], [false, true]);
    }

    #[test]
    fn rows_of_many_threads_are_neither_lost_nor_doubled() {
        let metrics = Metrics::default();
        let queue = EventQueue::new(usize::MAX, 1000);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (queue, metrics) = (&queue, &metrics);
                scope.spawn(move || {
                    for index in 0..1000 {
                        queue.push(Box::new(row(&format!("{thread}-{index}"))), metrics);
                    }
                });
            }
        });
        let mut ids: Vec<_> = std::iter::from_fn(|| queue.pop())
            .map(|row| row.id)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), metrics.events_dropped.get()), (4000, 0));
        assert_eq!(queue.bytes.load(Ordering::Relaxed), 0);
    }
}
