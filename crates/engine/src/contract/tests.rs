//! Contracts end to end.
