//! Which parts of events are given up when more come than can be stored, in the order of `docs/events.md`.

use super::EventRow;
use crate::transaction::{CONTRACT_FINDING, OBSERVED_CONTRACT};

impl EventRow {
    /// Whether the row only adds to a count: the call was allowed and answered, nothing was noticed, and it was not a
    /// log-in.
    /// Only such rows are sampled. What breaks a contract that is observed counts as nothing: where a document is wrong,
    /// every call of an API breaks it.
    #[must_use]
    pub fn is_ordinary(&self) -> bool {
        self.action == "allow"
            // An error tells something, and so does 0, which means that the client left before an answer.
            && (100..400).contains(&self.status)
            && self.account_hash.is_empty()
            && self.password_hash.is_empty()
            && self.identity_error.is_empty()
            && self.anomalies.is_empty()
            && self.findings.iter().all(|code| code.starts_with(CONTRACT_FINDING))
            && self.signals.is_empty()
            && self.tags.is_empty()
            && self.observed.iter().all(|label| label == OBSERVED_CONTRACT)
    }

    /// Leave out what people read and no detector counts. Returns whether there was any of it.
    pub fn drop_details(&mut self) -> bool {
        let had = !(self.evidence.is_empty()
            && self.parameters.is_empty()
            && self.user_agent.is_empty()
            && self.shape_request.is_empty()
            && self.shape_response.is_empty());
        // New ones instead of `clear`, which would keep the memory.
        self.evidence = Vec::new();
        self.parameters = Vec::new();
        self.user_agent = smol_str::SmolStr::default();
        self.shape_request = String::new();
        self.shape_response = String::new();
        had
    }

    /// When the call was over and its row was made, in microseconds since 1970.
    #[must_use]
    pub fn ended_us(&self) -> u64 {
        self.time_us.saturating_add(self.duration_us.into())
    }
}
