//! Lines for Envoy's log.

pub(crate) use crate::host::LogLevel;

/// Write one line; unit tests, which run without Envoy, write it to stderr.
#[cfg(not(test))]
pub(crate) fn log(level: LogLevel, message: &str) {
    crate::abi::log(level, message);
}

#[cfg(test)]
pub(crate) fn log(level: LogLevel, message: &str) {
    eprintln!("{level:?}: {message}");
}
