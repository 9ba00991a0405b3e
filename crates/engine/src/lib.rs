//! Starfort's engine: one [`Transaction`](crate) per request, stages in the order of `pipeline.rs`.
//!
//! Pure: no I/O, no clock of its own, no Envoy, no Python.
#![forbid(unsafe_code)]

pub mod bundle;
pub mod http;
pub mod sensitive;
