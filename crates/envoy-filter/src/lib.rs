//! Starfort as an Envoy dynamic module.
//!
//! Read in this order: `abi.rs` (Envoy's C interface, the only unsafe code), `host.rs` (the same as a safe trait),
//! `hooks.rs` (one stream), `process.rs` (what streams share), `threads.rs` and `event_socket.rs` (the control plane).
#![deny(unsafe_code)]
#![cfg_attr(
    any(test, feature = "flood"),
    allow(dead_code, reason = "abi.rs, which uses it, needs Envoy's symbols")
)]

#[cfg(not(any(test, feature = "flood")))]
mod abi;
mod alarm;
mod bundle_swap;
mod clock;
mod connection;
mod connections;
mod event_queue;
mod event_socket;
mod filter_config;
#[cfg(feature = "flood")]
pub mod flood;
mod frames;
mod hooks;
mod host;
mod log;
mod metrics;
mod outbox;
mod overload;
mod process;
mod random;
mod settings;
#[cfg(test)]
mod testing;
mod threads;

/// The ABI that this module is written for; Envoy 1.40 has it.
pub(crate) const ABI_VERSION: &str = "v0.2.0";
