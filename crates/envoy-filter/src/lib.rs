//! Starfort as an Envoy dynamic module: hooks call the engine and do what it says.
//!
//! `hooks.rs` is one stream, `process.rs` what all streams share, `event_socket.rs` the line to the control plane,
//! `abi.rs` the C interface.
#![deny(unsafe_code)]

pub mod abi;
mod bundle_swap;
mod config;
mod delay;
mod event_socket;
pub mod hooks;
pub mod host;
mod metrics;
mod process;
