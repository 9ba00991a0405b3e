//! Batches on their way to the control plane: kept until acknowledged, sent again after a reconnect.

use std::collections::VecDeque;

/// One encoded batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Its number; they only grow.
    pub(crate) sequence: u64,
    /// Rows in it.
    pub(crate) rows: u64,
    /// The Arrow IPC stream.
    pub(crate) arrow: Vec<u8>,
}

/// Batches by sequence; the first `sent` of them went out on the connection that stands.
#[derive(Debug)]
pub(crate) struct Outbox {
    batches: VecDeque<Batch>,
    sent: usize,
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
            bytes: 0,
            limit_bytes,
            next_sequence: 1,
        }
    }

    /// Add a batch. Returns the rows that had to be dropped to make room: the oldest that were not sent, and
    /// when all were sent the oldest of all.
    pub(crate) fn push(&mut self, arrow: Vec<u8>, rows: u64) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.bytes += arrow.len();
        self.batches.push_back(Batch {
            sequence,
            rows,
            arrow,
        });
        let mut dropped = 0;
        while self.bytes > self.limit_bytes {
            let index = if self.sent < self.batches.len() {
                self.sent
            } else {
                0
            };
            let Some(batch) = self.batches.remove(index) else {
                break;
            };
            self.sent = self.sent.min(self.batches.len());
            self.bytes -= batch.arrow.len();
            dropped += batch.rows;
        }
        dropped
    }

    /// The next batch to send; it counts as sent.
    pub(crate) fn next_to_send(&mut self) -> Option<&Batch> {
        let batch = self.batches.get(self.sent)?;
        self.sent += 1;
        Some(batch)
    }

    /// Everything up to `sequence` is on disk over there. Returns the rows that are done with.
    pub(crate) fn acknowledge(&mut self, sequence: u64) -> u64 {
        let mut rows = 0;
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
            self.bytes -= batch.arrow.len();
            rows += batch.rows;
        }
        rows
    }

    /// The connection is gone: whatever was not acknowledged has to be sent again.
    pub(crate) fn rewind(&mut self) {
        self.sent = 0;
    }

    /// Batches that were not acknowledged.
    pub(crate) fn len(&self) -> usize {
        self.batches.len()
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(outbox: &mut Outbox) -> Option<u64> {
        outbox.next_to_send().map(|batch| batch.sequence)
    }

    #[test]
    fn what_was_not_acknowledged_is_sent_again_in_order() {
        let mut outbox = Outbox::new(1000);
        for _ in 0..3 {
            outbox.push(vec![0; 10], 1);
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
        outbox.push(vec![0; 10], 1);
        assert_eq!(outbox.acknowledge(99), 0);
        assert_eq!(sequence(&mut outbox), Some(1));
    }

    #[test]
    fn the_oldest_unsent_batch_goes_first_when_memory_is_full() {
        let mut outbox = Outbox::new(25);
        outbox.push(vec![0; 10], 5);
        assert_eq!(sequence(&mut outbox), Some(1));
        outbox.push(vec![0; 10], 6);
        assert_eq!(outbox.push(vec![0; 10], 7), 6);
        assert_eq!(sequence(&mut outbox), Some(3));
        // All were sent: the oldest of all goes, and what is left still counts as sent.
        assert_eq!(outbox.push(vec![0; 10], 8), 8);
        assert_eq!(sequence(&mut outbox), None);
        assert_eq!(outbox.bytes(), 20);
    }

    #[test]
    fn a_batch_larger_than_all_memory_is_dropped_alone() {
        let mut outbox = Outbox::new(5);
        assert_eq!(outbox.push(vec![0; 10], 3), 3);
        assert_eq!((outbox.len(), outbox.bytes()), (0, 0));
    }
}
