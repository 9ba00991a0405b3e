//! Messages to the operator. They go to Envoy's log, or nowhere before Envoy has given us one.

use std::sync::OnceLock;

/// How much a message matters. Values are those of `envoy_dynamic_module_type_log_level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Level {
    /// Something happened as it should.
    Info = 2,
    /// Something is degraded.
    Warn = 3,
    /// Something does not work.
    Error = 4,
}

/// Where messages go.
pub(crate) type Sink = fn(Level, &str);

static SINK: OnceLock<Sink> = OnceLock::new();

/// Send messages to `sink` from now on. Only the first call has an effect.
pub(crate) fn set_sink(sink: Sink) {
    let _ = SINK.set(sink);
}

/// Tell the operator. Never give it payloads, credentials or addresses.
pub(crate) fn say(level: Level, message: &str) {
    if let Some(sink) = SINK.get() {
        sink(level, message);
    }
}
