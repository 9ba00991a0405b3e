//! Starfort's engine: one [`Transaction`] for each request, which passes through the stages of `pipeline.rs`.
//!
//! It is pure: no I/O, no clock of its own, no Envoy, no Python. The host hands over bytes and the time, and acts on what
//! comes back.
#![forbid(unsafe_code)]

pub mod bundle;
mod bundle_file;
pub mod client;
pub mod contract;
mod conversation;
pub mod endpoint;
mod engine;
pub mod error;
pub mod event;
pub mod explain;
pub mod hash;
pub mod headers;
pub mod http;
pub mod identity;
mod input;
mod login;
mod outcome;
mod pace;
mod pipeline;
pub mod policy;
pub mod rate;
pub mod record;
pub mod response_traits;
pub mod rules;
mod scan;
pub mod schema;
mod secret;
pub mod sensitive;
pub mod shape;
pub mod signals;
#[cfg(test)]
mod testing;
mod transaction;
mod view;
mod work;

pub use bundle_file::MAX_PAYLOAD_BYTES;
pub use engine::{Assets, Engine, Now, SharedState};
pub use error::EngineError;
pub use outcome::{
    LocalResponse, RequestEffects, RequestOutcome, ResponseBodyOutcome, ResponseOutcome,
};
/// Text of events and of what a request says: short ones inline, long ones shared.
pub use smol_str::SmolStr;

pub use input::{RequestHead, ResponseHead, StreamEnd};
pub use pace::BodyPace;
pub use transaction::Transaction;
