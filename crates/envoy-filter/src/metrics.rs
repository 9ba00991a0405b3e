//! Counters of the filter, sent to the control plane each second (they outlive Envoy's listener updates).

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])+ $name:ident),+ $(,)?) => {
        /// Absolute counts since the process started.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics { $($(#[$doc])+ pub(crate) $name: AtomicU64),+ }

        impl Metrics {
            /// Names and values.
            pub(crate) fn snapshot(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.load(Ordering::Relaxed))),+]
            }
        }
    };
}

counters! {
    /// Requests seen.
    requests,
    /// Requests that passed.
    action_allow,
    /// Requests over a rate.
    action_limit,
    /// Requests refused.
    action_block,
    /// Requests sent to another upstream.
    action_divert,
    /// Requests answered with a canned response.
    action_deceive,
    /// Time spent in the engine, nanoseconds.
    engine_ns,
    /// Panics caught at a hook.
    panics,
    /// Requests that passed, or were refused, because the engine could not decide.
    undecided,
    /// Events made.
    events,
    /// Events dropped because the queue or the buffer was full.
    events_dropped,
    /// Events acknowledged.
    events_acknowledged,
    /// Batches sent, resent ones included.
    batches_sent,
    /// Bundles loaded.
    bundles_loaded,
    /// Bundles refused.
    bundles_refused,
    /// Connections to the control plane.
    connections,
}

/// Add to a counter.
pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}
