//! Bodies that others write, and the reference of what the parsers find.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot read its input must fail"
)]

mod documented;
mod ofx;
#[path = "../support/mod.rs"]
mod support;
