//! Batches for the control plane. Each is kept until it is acknowledged, and sent again after a reconnect.

use std::collections::VecDeque;

/// The most bytes of batches that are sent and not acknowledged. The control plane takes them in without waiting for
/// its disk, so nothing that follows them on the connection waits either (docs/design/interfaces.md).
pub(crate) const WINDOW_BYTES: usize = 8 << 20;

/// One encoded batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Its number; they only grow.
    pub(crate) sequence: u64,
    /// What it holds.
    pub(crate) about: About,
    /// The Arrow IPC stream.
    pub(crate) arrow: Vec<u8>,
}

/// What a batch holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// Calls that its rows stand for.
    pub(crate) calls: u64,
    /// When the first of them was over, in microseconds since 1970.
    pub(crate) oldest_us: u64,
    /// Whether all of its rows only add to counts; such batches are dropped first.
    pub(crate) ordinary: bool,
}

/// Batches by sequence; the first `sent` of them went out on the connection that stands.
#[derive(Debug)]
pub(crate) struct Outbox {
    batches: VecDeque<Batch>,
    sent: usize,
    sent_bytes: usize,
    bytes: usize,
    limit_bytes: usize,
    next_sequence: u64,
}

impl Outbox {
    /// An empty one that holds at most `limit_bytes` of Arrow.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self {
            batches: VecDeque::new(),
            sent: 0,
            sent_bytes: 0,
            bytes: 0,
            limit_bytes,
            next_sequence: 1,
        }
    }

    /// Add a batch. Returns how many calls were dropped to make room. The oldest unsent batch that only adds to counts
    /// is dropped first, then the oldest unsent batch; when all were sent, the oldest of all.
    pub(crate) fn push(&mut self, arrow: Vec<u8>, about: About) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.bytes += arrow.len();
        self.batches.push_back(Batch {
            sequence,
            about,
            arrow,
        });
        let mut dropped = 0;
        // One large batch may take the place of several small ones.
        while self.bytes > self.limit_bytes {
            let Some(batch) = self.batches.remove(self.least_needed()) else {
                break;
            };
            // All batches had been sent, so the dropped batch was one of those.
            if self.sent > self.batches.len() {
                self.sent = self.batches.len();
                self.sent_bytes -= batch.arrow.len();
            }
            self.bytes -= batch.arrow.len();
            dropped += batch.about.calls;
        }
        dropped
    }

    fn least_needed(&self) -> usize {
        // Unsent batches first: a batch that was sent may be on the control plane's disk already.
        let mut unsent = self.batches.iter().enumerate().skip(self.sent);
        let ordinary = unsent.find(|(_, batch)| batch.about.ordinary);
        match ordinary {
            Some((index, _)) => index,
            None if self.sent < self.batches.len() => self.sent,
            None => 0,
        }
    }

    /// The next batch to send, which then counts as sent. `None` while the window is full.
    pub(crate) fn next_to_send(&mut self) -> Option<&Batch> {
        let batch = self.batches.get(self.sent)?;
        let size = batch.arrow.len();
        // A single batch larger than the window still goes out, or nothing would ever move again.
        if self.sent > 0 && self.sent_bytes + size > WINDOW_BYTES {
            return None;
        }
        self.sent += 1;
        self.sent_bytes += size;
        Some(batch)
    }

    /// The control plane has everything up to `sequence` on disk. Returns the calls in those batches.
    pub(crate) fn acknowledge(&mut self, sequence: u64) -> u64 {
        let mut calls = 0;
        // Only what was sent on this connection can be acknowledged on it.
        while self.sent > 0
            && self
                .batches
                .front()
                .is_some_and(|batch| batch.sequence <= sequence)
        {
            let Some(batch) = self.batches.pop_front() else {
                break;
            };
            self.sent -= 1;
            self.sent_bytes -= batch.arrow.len();
            self.bytes -= batch.arrow.len();
            calls += batch.about.calls;
        }
        calls
    }

    /// The connection is gone, so every batch that was not acknowledged has to be sent again.
    pub(crate) fn rewind(&mut self) {
        (self.sent, self.sent_bytes) = (0, 0);
    }

    /// Batches that were not acknowledged.
    pub(crate) fn len(&self) -> usize {
        self.batches.len()
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Calls that were not acknowledged.
    pub(crate) fn calls(&self) -> u64 {
        self.batches.iter().map(|batch| batch.about.calls).sum()
    }

    /// When the first call that was not acknowledged was over.
    pub(crate) fn oldest_us(&self) -> Option<u64> {
        self.batches.iter().map(|batch| batch.about.oldest_us).min()
    }

    /// How full it is, 0 to 1.
    pub(crate) fn fill(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let share = self.bytes as f64 / self.limit_bytes.max(1) as f64;
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(outbox: &mut Outbox) -> Option<u64> {
        outbox.next_to_send().map(|batch| batch.sequence)
    }

    fn of(calls: u64) -> About {
        About {
            calls,
            ..About::default()
        }
    }

    #[test]
    fn what_was_not_acknowledged_is_sent_again_in_order() {
        let mut outbox = Outbox::new(1000);
        for _ in 0..3 {
            outbox.push(vec![0; 10], of(1));
        }
        assert_eq!(
            [sequence(&mut outbox), sequence(&mut outbox)],
            [Some(1), Some(2)]
        );
        assert_eq!(outbox.acknowledge(1), 1);
        outbox.rewind();
        assert_eq!(
            [sequence(&mut outbox), sequence(&mut outbox)],
            [Some(2), Some(3)]
        );
        assert_eq!(sequence(&mut outbox), None);
        assert_eq!(outbox.acknowledge(3), 2);
        assert_eq!((outbox.len(), outbox.bytes()), (0, 0));
    }

    #[test]
    fn an_acknowledgement_of_what_was_never_sent_removes_nothing() {
        let mut outbox = Outbox::new(1000);
        outbox.push(vec![0; 10], of(1));
        assert_eq!(outbox.acknowledge(99), 0);
        assert_eq!(sequence(&mut outbox), Some(1));
    }

    #[test]
    fn the_oldest_unsent_batch_goes_first_when_memory_is_full() {
        let mut outbox = Outbox::new(25);
        outbox.push(vec![0; 10], of(5));
        assert_eq!(sequence(&mut outbox), Some(1));
        outbox.push(vec![0; 10], of(6));
        assert_eq!(outbox.push(vec![0; 10], of(7)), 6);
        assert_eq!(sequence(&mut outbox), Some(3));
        // All were sent: the oldest of all goes, and what is left still counts as sent.
        assert_eq!(outbox.push(vec![0; 10], of(8)), 8);
        assert_eq!(sequence(&mut outbox), None);
        assert_eq!(outbox.bytes(), 20);
    }

    #[test]
    fn batches_that_only_add_to_counts_go_before_those_that_detectors_need() {
        let mut outbox = Outbox::new(35);
        let ordinary = About {
            ordinary: true,
            ..of(100)
        };
        outbox.push(vec![0; 10], of(1));
        outbox.push(vec![0; 10], ordinary);
        outbox.push(vec![0; 10], of(2));
        assert_eq!(outbox.push(vec![0; 10], of(3)), 100);
        assert_eq!(outbox.push(vec![0; 10], of(4)), 1, "then the oldest");
        assert_eq!(outbox.calls(), 2 + 3 + 4);
    }

    #[test]
    fn no_more_than_the_window_is_on_its_way() {
        let mut outbox = Outbox::new(10 * WINDOW_BYTES);
        for _ in 0..4 {
            outbox.push(vec![0; WINDOW_BYTES / 2], of(1));
        }
        assert_eq!(
            [(); 3].map(|()| sequence(&mut outbox)),
            [Some(1), Some(2), None]
        );
        outbox.acknowledge(1);
        assert_eq!(
            [sequence(&mut outbox), sequence(&mut outbox)],
            [Some(3), None]
        );
        let mut large = Outbox::new(10 * WINDOW_BYTES);
        large.push(vec![0; 2 * WINDOW_BYTES], of(1));
        assert_eq!(
            sequence(&mut large),
            Some(1),
            "one that is larger goes alone"
        );
    }

    #[test]
    fn a_batch_larger_than_all_memory_is_dropped_alone() {
        let mut outbox = Outbox::new(5);
        assert_eq!(outbox.push(vec![0; 10], of(3)), 3);
        assert_eq!((outbox.len(), outbox.bytes()), (0, 0));
    }

    #[test]
    fn the_oldest_call_is_that_of_all_batches() {
        let mut outbox = Outbox::new(100);
        assert_eq!(outbox.oldest_us(), None);
        for oldest_us in [30, 10, 20] {
            let about = About { oldest_us, ..of(1) };
            outbox.push(vec![0; 1], about);
        }
        assert_eq!(outbox.oldest_us(), Some(10));
    }
}
