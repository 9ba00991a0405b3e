//! Starfort as an Envoy dynamic module: hooks call the engine and do what it says.
//!
//! `hooks.rs` is one stream, `process.rs` what all streams share, `event_socket.rs` the line to the control plane,
//! `abi.rs` the C interface.
#![deny(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        dead_code,
        reason = "much is only entered from abi.rs, which tests run without"
    )
)]

#[cfg(not(test))] // its symbols are Envoy's, which unit tests run without
pub mod abi;
mod bundle_swap;
mod config;
mod delay;
mod event_socket;
pub mod hooks;
pub mod host;
mod log;
mod metrics;
mod process;
