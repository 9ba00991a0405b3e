//! For which request policies are asked: one world for each reading of its path.

/// The call that policies are asked about, in one reading of the path.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// Index of the API.
    pub api: Option<u32>,
    /// Index of the endpoint.
    pub endpoint: Option<u32>,
    /// Only `allow` is asked about this reading.
    pub grants_only: bool,
    /// Wall clock, for expiry.
    pub unix_s: u64,
    /// Monotonic clock, for rates.
    pub monotonic_ns: u64,
}

/// A request in one reading of its path: what it calls, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct World<F> {
    /// The call in this reading.
    pub scope: Scope,
    /// What is known of the request in this reading.
    pub facts: F,
}
