//! SecLang rules at work: chains, skips, collections, `ctl`, body processors, evasions; and that the prefilter changes
//! nothing but the time.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot make its rules must fail"
)]

mod bodies;
mod evasions;
mod language;
mod make;
mod modsecurity;
mod places;
mod prefilter;
mod send;
#[path = "../support/mod.rs"]
mod support;
