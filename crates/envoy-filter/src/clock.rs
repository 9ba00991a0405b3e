//! The host's two clocks, as the engine wants them.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use starfort_engine::Now;

static START: OnceLock<Instant> = OnceLock::new();

/// Nanoseconds since this process first asked.
pub(crate) fn monotonic_ns() -> u64 {
    // Counted from the first use, so that nanoseconds fit 64 bits for centuries.
    let elapsed = START.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// Both clocks.
pub(crate) fn now() -> Now {
    Now {
        unix_us: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
            }),
        monotonic_ns: monotonic_ns(),
    }
}
