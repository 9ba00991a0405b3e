//! The filter's configuration, as the control plane writes it into Envoy's.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use crate::process::{self, Process};

/// Settings, see `docs/design/interfaces.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Bundle file that is loaded at start.
    pub(crate) bundle: PathBuf,
    /// The control plane's socket.
    pub(crate) socket: PathBuf,
    /// What to do when there is no bundle, or the engine fails: let requests pass.
    pub(crate) fail_open: bool,
    /// Rows of an event batch.
    #[serde(default = "default_batch_rows")]
    pub(crate) event_batch_rows: usize,
    /// Longest time that a row waits for its batch.
    #[serde(default = "default_flush_ms")]
    pub(crate) event_flush_ms: u64,
    /// Batches held until they are acknowledged.
    #[serde(default = "default_buffer_bytes")]
    pub(crate) event_buffer_bytes: usize,
}

const fn default_batch_rows() -> usize {
    2000
}

const fn default_flush_ms() -> u64 {
    100
}

const fn default_buffer_bytes() -> usize {
    64 << 20
}

/// One filter configuration: all that name the same socket share one [`Process`].
#[derive(Debug)]
pub(crate) struct FilterConfig {
    pub(crate) process: Arc<Process>,
}

impl FilterConfig {
    /// From the JSON in Envoy's configuration. Envoy hands a string over as a protobuf `StringValue` unwrapped.
    pub(crate) fn new(text: &[u8]) -> Result<Self, String> {
        let settings: Settings = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        Ok(Self {
            process: process::shared(settings)?,
        })
    }
}
