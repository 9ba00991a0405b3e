//! How slowly a body may come. A client that sends a byte now and then keeps a connection and a stream busy and, where
//! bodies are collected, memory. That costs the client nothing (CWE-400, "slow POST").

use std::time::Duration;

use crate::bundle::Limits;

/// The time that a body may take, counted from when the filter begins to wait for it.
///
/// The time allowed grows with what has come: `wait`, and one second for each `rate` bytes. So a client that sent a lot
/// may pause for long, as on a train in a tunnel, and one that never sends much may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyPace {
    wait: Duration,
    rate: u32,
    time: Duration,
}

impl BodyPace {
    /// The pace that the limits set. `None` when they set none.
    pub(crate) fn of(limits: &Limits) -> Option<Self> {
        (limits.body_rate > 0 || limits.body_time_ms > 0).then(|| Self {
            wait: Duration::from_millis(limits.body_wait_ms),
            rate: limits.body_rate,
            time: Duration::from_millis(limits.body_time_ms),
        })
    }

    /// After which time a body is too late when only `received` bytes of it have come.
    pub fn allowed(&self, received: u64) -> Duration {
        // A rate of 0 sets no pace; `checked_div` leaves it out.
        let by_rate = received
            .saturating_mul(1000)
            .checked_div(u64::from(self.rate))
            .map(|earned| self.wait.saturating_add(Duration::from_millis(earned)));
        let in_all = (!self.time.is_zero()).then_some(self.time);
        // When both are set, the stricter one holds.
        match (by_rate, in_all) {
            (Some(one), Some(other)) => one.min(other),
            (one, other) => one.or(other).unwrap_or(Duration::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(wait_ms: u64, rate: u32, time_ms: u64) -> Option<BodyPace> {
        BodyPace::of(&Limits {
            body_wait_ms: wait_ms,
            body_rate: rate,
            body_time_ms: time_ms,
            ..Limits::default()
        })
    }

    #[test]
    fn what_has_come_earns_time() {
        let pace = pace(30_000, 250, 0).unwrap();
        for (received, allowed_ms) in [
            (0, 30_000),
            (1, 30_004),
            (250, 31_000),
            (1 << 20, 4_224_304),
        ] {
            assert_eq!(pace.allowed(received).as_millis(), allowed_ms, "{received}");
        }
        assert_eq!(pace.allowed(u64::MAX).as_secs(), 30 + u64::MAX / 1000 / 250);
    }

    #[test]
    fn the_whole_time_holds_whatever_came() {
        let pace = pace(30_000, 250, 60_000).unwrap();
        assert_eq!(pace.allowed(100), Duration::from_millis(30_400));
        assert_eq!(pace.allowed(1 << 30), Duration::from_secs(60));
    }

    #[test]
    fn either_can_be_left_out() {
        assert_eq!(pace(30_000, 0, 0), None);
        let only_time = pace(30_000, 0, 5_000).unwrap();
        assert_eq!(only_time.allowed(0), Duration::from_secs(5));
    }
}
