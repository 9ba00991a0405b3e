//! Rate limits: the generic cell rate algorithm (GCRA, ITU-T I.371), exact across threads.
//!
//! One number is kept for each counted key: the theoretical arrival time (TAT). A request conforms when the
//! TAT is not further ahead of now than the burst allows; then the TAT moves on by one emission interval.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use parking_lot::Mutex;

/// How many shards the table has, so that workers seldom meet in one.
const SHARDS: usize = 64;

/// The most keys that are held, over all shards: about 50 MB.
pub const MAX_KEYS: usize = 1_000_000;

/// A limit: `requests` per `period_ms`, and `burst` more at once.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Nanoseconds between requests at the sustained rate.
    emission_ns: u64,
    /// How far the TAT may be ahead of now.
    tolerance_ns: u64,
    /// Requests that may come at once.
    capacity: u64,
}

/// What a limit decides about one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateDecision {
    /// Whether the request is within the limit.
    pub allowed: bool,
    /// Requests that could follow at once.
    pub remaining: u64,
    /// How long until the next request conforms, in nanoseconds; 0 when this one is allowed.
    pub retry_after_ns: u64,
    /// How long until the full burst is available again, in nanoseconds.
    pub reset_ns: u64,
}

impl Limit {
    /// `requests` per `period_ms`, `burst` requests more than one at once. Zeros are taken as one.
    pub fn new(requests: u32, period_ms: u64, burst: u32) -> Self {
        let period_ns = period_ms.max(1).saturating_mul(1_000_000);
        let emission_ns = (period_ns / u64::from(requests.max(1))).max(1);
        Self {
            emission_ns,
            tolerance_ns: emission_ns.saturating_mul(u64::from(burst)),
            capacity: u64::from(burst) + 1,
        }
    }

    /// Requests that may come at once.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    fn decide(&self, tat_ns: u64, now_ns: u64) -> (u64, RateDecision) {
        // A key that was idle begins anew: unused requests are not saved up beyond the burst.
        let arrival_ns = tat_ns.max(now_ns);
        let ahead = arrival_ns - now_ns;
        if ahead > self.tolerance_ns {
            let decision = RateDecision {
                allowed: false,
                remaining: 0,
                retry_after_ns: ahead - self.tolerance_ns,
                reset_ns: ahead,
            };
            // A refused request does not count, or a client that keeps trying would never be let in again.
            return (tat_ns, decision);
        }
        let next = arrival_ns.saturating_add(self.emission_ns);
        let ahead = next - now_ns;
        let room = (self.tolerance_ns + self.emission_ns).saturating_sub(ahead);
        let decision = RateDecision {
            allowed: true,
            remaining: room / self.emission_ns,
            retry_after_ns: 0,
            reset_ns: ahead,
        };
        (next, decision)
    }
}

/// The counters of all limits.
#[derive(Debug)]
pub struct RateTable {
    hashers: (RandomState, RandomState),
    shards: Vec<Mutex<HashMap<u128, u64>>>,
    shard_keys: usize,
}

impl Default for RateTable {
    fn default() -> Self {
        Self::with_capacity(MAX_KEYS)
    }
}

impl RateTable {
    /// A table of at most `keys` keys.
    pub fn with_capacity(keys: usize) -> Self {
        Self {
            hashers: (RandomState::new(), RandomState::new()),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_keys: keys.div_ceil(SHARDS),
        }
    }

    /// Count one request of `key` (policy name and key values) against `limit`.
    ///
    /// When a shard is full, keys whose limit has recovered are dropped. If all keys are in use, the request is allowed
    /// and not counted, because refusing strangers on account of others' keys would be a denial of service.
    pub fn check(&self, limit: &Limit, key: &[&str], now_ns: u64) -> RateDecision {
        // Keys are client-chosen text of any length; 128 bits of two keyed hashes stand for them, so nobody can make
        // two meet.
        let key = self.digest(key);
        // The hash is keyed, so nobody can send all keys to one shard.
        let index = usize::try_from(key % SHARDS as u128).unwrap_or_default();
        let Some(shard) = self.shards.get(index) else {
            return limit.decide(0, now_ns).1;
        };
        let mut shard = shard.lock();
        if let Some(tat) = shard.get_mut(&key) {
            let (next, decision) = limit.decide(*tat, now_ns);
            *tat = next;
            return decision;
        }
        let (next, decision) = limit.decide(0, now_ns);
        if shard.len() >= self.shard_keys {
            shard.retain(|_, tat| *tat > now_ns);
        }
        if shard.len() < self.shard_keys {
            shard.insert(key, next);
        }
        decision
    }

    /// How many keys are held.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether no keys are held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// 128 bits of keyed `SipHash`, so that no client can make two keys collide.
    fn digest(&self, key: &[&str]) -> u128 {
        let half = |state: &RandomState| {
            let mut hasher = state.build_hasher();
            for part in key {
                hasher.write(part.as_bytes());
                hasher.write_u8(0xff);
            }
            u128::from(hasher.finish())
        };
        (half(&self.hashers.0) << 64) | half(&self.hashers.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let table = RateTable::default();
        let limit = Limit::new(10, 1000, 4);
        let answers: Vec<_> = (0..6)
            .map(|_| table.check(&limit, &["p", "a"], SECOND))
            .collect();
        assert_eq!(
            answers
                .iter()
                .map(|answer| answer.allowed)
                .collect::<Vec<_>>(),
            [true, true, true, true, true, false]
        );
        assert_eq!(
            answers
                .iter()
                .map(|answer| answer.remaining)
                .collect::<Vec<_>>(),
            [4, 3, 2, 1, 0, 0]
        );
        assert_eq!(answers[5].retry_after_ns, SECOND / 10);
        assert!(
            table.check(&limit, &["p", "b"], SECOND).allowed,
            "other keys are counted apart"
        );
        assert!(
            table
                .check(&limit, &["p", "a"], SECOND + SECOND / 10)
                .allowed
        );
        assert!(
            !table
                .check(&limit, &["p", "a"], SECOND + SECOND / 10)
                .allowed
        );
    }

    #[test]
    fn threads_together_get_exactly_the_limit() {
        let table = RateTable::default();
        let limit = Limit::new(1, 1_000_000, 999);
        let allowed = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        if table.check(&limit, &["p", "k"], SECOND).allowed {
                            allowed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(allowed.into_inner(), 1000);
    }

    #[test]
    fn the_table_is_bounded_and_recovered_keys_make_room() {
        let table = RateTable::with_capacity(640);
        let limit = Limit::new(1, 1000, 0);
        for number in 0..10_000_u32 {
            assert!(table.check(&limit, &[&number.to_string()], SECOND).allowed);
        }
        assert!(table.len() <= 640);
        for number in 0..10_000_u32 {
            table.check(&limit, &[&number.to_string()], SECOND * 5);
        }
        assert!(table.len() <= 640 && !table.is_empty());
    }

    proptest! {
        /// Agrees with the slow way: keep every arrival and simulate a bucket that leaks continuously.
        #[test]
        fn agrees_with_a_leaky_bucket(
            gaps in proptest::collection::vec(0_u64..400, 1..200), burst in 0_u32..8, emission_ms in 1_u64..100
        ) {
            let limit = Limit::new(1, emission_ms, burst);
            let table = RateTable::default();
            let (mut now_ms, mut level_ms) = (1_000_u64, 0_u64);
            for gap in gaps {
                now_ms += gap;
                level_ms = level_ms.saturating_sub(gap);
                let fits = level_ms <= emission_ms * u64::from(burst);
                if fits {
                    level_ms += emission_ms;
                }
                prop_assert_eq!(table.check(&limit, &["k"], now_ms * 1_000_000).allowed, fits);
            }
        }
    }
}
