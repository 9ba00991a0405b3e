//! The host's wall clock and monotonic clock, in the form that the engine takes.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use starfort_engine::Now;

static START: OnceLock<Instant> = OnceLock::new();

/// Nanoseconds since the first call in this process.
pub(crate) fn monotonic_ns() -> u64 {
    // Counted from the first use, so that nanoseconds fit 64 bits for centuries.
    let elapsed = START.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// The time on both clocks.
pub(crate) fn now() -> Now {
    Now {
        // A wall clock that stands before 1970 counts as 1970: a request must not fail because of it.
        unix_us: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
            }),
        monotonic_ns: monotonic_ns(),
    }
}
