//! The settings in the filter's configuration (`filter_config`, JSON; see `docs/design/interfaces.md`).

use std::path::PathBuf;

use serde::Deserialize;

/// The most rows of one batch, whatever the configuration says: 20,000 rows take some 20 MB.
const MAX_BATCH_ROWS: usize = 20_000;

/// The least memory for events. With less, not even one batch fits.
const MIN_BUFFER_BYTES: usize = 1 << 20;

/// Longest path of a Unix socket (Linux unix(7), `sun_path` less its NUL).
const MAX_SOCKET_PATH_BYTES: usize = 107;

/// The settings of one filter configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
// A misspelt setting has to be an error. Otherwise its default would be used without a word.
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The bundle's file.
    pub(crate) bundle: PathBuf,
    /// A copy of the bundle that was in force last, to begin with when the bundle cannot be read.
    #[serde(default)]
    pub(crate) last_good: Option<PathBuf>,
    /// The control plane's Unix socket.
    pub(crate) socket: PathBuf,
    /// Refuse to begin without the bundle. This is for an Envoy that only checks a configuration.
    #[serde(default)]
    pub(crate) require_bundle: bool,
    /// What to do while there is no bundle. When there is one, the bundle decides.
    #[serde(default = "yes")]
    pub(crate) fail_open: bool,
    /// Rows of one batch at most.
    #[serde(default = "default_batch_rows")]
    pub(crate) event_batch_rows: usize,
    /// A batch waits no longer than this for more rows.
    #[serde(default = "default_flush_ms")]
    pub(crate) event_flush_ms: u64,
    /// Memory for events that the control plane has not acknowledged.
    #[serde(default = "default_buffer_bytes")]
    pub(crate) event_buffer_bytes: usize,
}

const fn yes() -> bool {
    true
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

impl Settings {
    /// Read the JSON.
    ///
    /// # Errors
    /// A sentence that names the field and what would be right.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, String> {
        let mut settings: Self = serde_json::from_slice(json)
            .map_err(|error| format!("filter_config is not what Starfort expects: {error}"))?;
        let paths = [
            ("bundle", Some(&settings.bundle)),
            ("socket", Some(&settings.socket)),
            ("last_good", settings.last_good.as_ref()),
        ];
        for (name, path) in paths {
            if path.is_some_and(|path| !path.is_absolute()) {
                return Err(format!("filter_config.{name} must be an absolute path"));
            }
        }
        if settings.socket.as_os_str().len() > MAX_SOCKET_PATH_BYTES {
            return Err(format!(
                "filter_config.socket is longer than {MAX_SOCKET_PATH_BYTES} bytes: choose a shorter data_dir"
            ));
        }
        // Clamped rather than refused: a data plane that starts with a smaller batch is better than none.
        settings.event_batch_rows = settings.event_batch_rows.clamp(1, MAX_BATCH_ROWS);
        settings.event_flush_ms = settings.event_flush_ms.clamp(1, 10_000);
        settings.event_buffer_bytes = settings.event_buffer_bytes.max(MIN_BUFFER_BYTES);
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_the_documented_default() {
        let settings = Settings::parse(br#"{"bundle": "/b.sfb", "socket": "/s"}"#).unwrap();
        assert!(settings.fail_open && settings.last_good.is_none());
        assert_eq!(settings.event_batch_rows, 2000);
        assert_eq!(settings.event_flush_ms, 100);
        assert_eq!(settings.event_buffer_bytes, 67_108_864);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let wrong = |json: &str| Settings::parse(json.as_bytes()).unwrap_err();
        assert!(wrong("{}").contains("bundle"));
        assert!(wrong(r#"{"bundle": "b", "socket": "/s"}"#).contains("filter_config.bundle"));
        assert!(wrong(r#"{"bundle": "/b", "socket": "/s", "x": 1}"#).contains('x'));
        let relative = r#"{"bundle": "/b", "socket": "/s", "last_good": "l"}"#;
        assert!(wrong(relative).contains("filter_config.last_good"));
        let long = format!(r#"{{"bundle": "/b", "socket": "/{}"}}"#, "s".repeat(107));
        assert!(wrong(&long).contains("107"));
    }

    #[test]
    fn figures_out_of_range_are_brought_into_it() {
        let json = br#"{"bundle": "/b", "socket": "/s", "event_batch_rows": 0, "event_flush_ms": 0, "event_buffer_bytes": 1}"#;
        let settings = Settings::parse(json).unwrap();
        assert_eq!((settings.event_batch_rows, settings.event_flush_ms), (1, 1));
        assert_eq!(settings.event_buffer_bytes, MIN_BUFFER_BYTES);
    }
}
