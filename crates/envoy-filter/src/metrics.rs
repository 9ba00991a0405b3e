//! Counters of one process: plain atomics, sent each second in `stats` frames.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use starfort_engine::policy::actions::DECISIONS;

/// Policies that are counted by name; decisions of further policies are counted together. Names come with bundles, and
/// counters of former bundles stay.
const MAX_POLICY_NAMES: usize = 1500;

/// Where decisions of policies beyond [`MAX_POLICY_NAMES`] are counted.
const OTHER_POLICIES: &str = "policy:*:*";

// A macro, so that no counter can be missing from the snapshot.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Every counter; they only grow.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics {
            $($(#[$doc])* pub(crate) $name: Counter,)+
            /// By what was done with requests, in the order of [`DECISIONS`].
            actions: [Counter; DECISIONS.len()],
            policies: Mutex<BTreeMap<String, u64>>,
        }

        impl Metrics {
            /// Names and values.
            pub(crate) fn snapshot(&self) -> BTreeMap<String, u64> {
                let mut values = self.policies.lock().clone();
                $(values.insert(stringify!($name).into(), self.$name.get());)+
                for (action, counter) in DECISIONS.iter().zip(&self.actions) {
                    values.insert(format!("action_{action}"), counter.get());
                }
                values
            }
        }
    };
}

counters! {
    /// Requests whose head came.
    requests,
    /// Requests let through as they were or with effects.
    requests_continued,
    /// Requests that Starfort answered.
    requests_answered,
    /// Responses that Starfort replaced by its own answer.
    responses_answered,
    /// Responses in which values were masked.
    responses_masked,
    /// Responses over the limit that went out, as a whole or in part, without masking.
    responses_unmasked,
    /// Requests whose body was larger than what is inspected.
    request_bodies_over_limit,
    /// Requests that came while there was no bundle.
    requests_without_bundle,
    /// Hooks that ended in a panic, which stopped there.
    panics,
    /// Messages that passed because the engine failed and is to fail open.
    failed_open,
    /// Messages that were refused because the engine failed and is to fail closed.
    failed_closed,
    /// Delays that were left out because too many requests were held already.
    delays_skipped,
    /// Requests that were answered 408 because their body came too slowly.
    slow_bodies,
    /// Bodies whose pace was not looked at because too many were waited for already.
    paces_skipped,
    /// Connections that were closed because their client's address had too many.
    connections_refused,
    /// Rows made.
    events,
    /// Calls whose rows were dropped because memory was full.
    events_dropped,
    /// Rows that lost their details because memory ran short.
    events_without_details,
    /// Rows for which others stand (`weight`) because memory ran short.
    events_sampled_out,
    /// Rows that could not be made or encoded.
    events_failed,
    /// Calls whose rows the control plane acknowledged.
    events_acknowledged,
    /// Batches sent, repeats included.
    batches_sent,
    /// Connections to the control plane that were made.
    control_connections,
    /// Connections that were ended because the peer did not keep to the protocol.
    control_protocol_errors,
    /// Bundles put in force.
    bundles_loaded,
    /// Bundles refused; the one before stayed in force.
    bundles_refused,
    /// Beginnings with the last good bundle, since the bundle itself could not be loaded.
    bundles_last_good,
    /// Signals taken over.
    signals_set,
    /// Signals that could not be read.
    signals_refused,
    /// Nanoseconds in the request head hook.
    request_headers_ns,
    /// Nanoseconds in request body hooks.
    request_body_ns,
    /// Nanoseconds in the response head hook.
    response_headers_ns,
    /// Nanoseconds in response body hooks.
    response_body_ns,
    /// Nanoseconds in making the event.
    finish_ns,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Add one.
    pub(crate) fn increment(&self) {
        self.add(1);
    }

    /// Add `amount`.
    pub(crate) fn add(&self, amount: u64) {
        // Counters are independent of each other, so no order between them is needed.
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// The value now.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Metrics {
    /// Count what was done with a request: the `action` of its event.
    pub(crate) fn acted(&self, action: &str) {
        let decided = DECISIONS.iter().position(|word| *word == action);
        if let Some(counter) = decided.and_then(|index| self.actions.get(index)) {
            counter.increment();
        }
    }

    /// Count a decision under `policy:NAME:ACTION`.
    pub(crate) fn policy(&self, policy: &str, action: &str) {
        let mut policies = self.policies.lock();
        let mut name = format!("policy:{policy}:{action}");
        if policies.len() >= MAX_POLICY_NAMES && !policies.contains_key(&name) {
            name = OTHER_POLICIES.into();
        }
        *policies.entry(name).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_policies_are_bounded() {
        let metrics = Metrics::default();
        for index in 0..2 * MAX_POLICY_NAMES {
            metrics.policy(&index.to_string(), "block");
        }
        let snapshot = metrics.snapshot();
        assert_eq!(
            snapshot.get(OTHER_POLICIES),
            Some(&(MAX_POLICY_NAMES as u64))
        );
        assert_eq!(snapshot.get("policy:0:block"), Some(&1));
    }
}
