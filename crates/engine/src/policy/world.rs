//! For which request policies are asked: one world for each reading of its path.

/// For which request the policies are asked, in one reading of its path.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// Index of the API.
    pub api: Option<u32>,
    /// Index of the endpoint.
    pub endpoint: Option<u32>,
    /// Only `allow` is asked about it.
    pub grants_only: bool,
    /// Wall clock, for expiry.
    pub unix_s: u64,
    /// Monotonic clock, for rates.
    pub monotonic_ns: u64,
}

/// A request in one reading of its path: where it is, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct World<F> {
    /// Where it is.
    pub scope: Scope,
    /// What is known of it.
    pub facts: F,
}
