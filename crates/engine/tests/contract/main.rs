//! Messages held against contracts, through the engine's public interface.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must fail"
)]

mod bodies;
mod bounds;
mod documented;
mod heads;
mod support;
mod unknown;
