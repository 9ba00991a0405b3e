//! A filter configuration. Envoy makes one for each listener, and another for each update of a listener.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::process::Process;
use crate::settings::Settings;
use crate::threads;

/// One filter configuration in Envoy.
#[derive(Debug)]
pub(crate) struct FilterConfig {
    /// What it shares with the others of its socket.
    pub(crate) process: Arc<Process>,
    /// What to do while there is no bundle.
    pub(crate) fail_open: bool,
}

/// The state of each control socket. A later configuration of the same socket shares it.
// Entries stay: signals and counters have to outlive the moment in which an update replaces the last configuration.
static PROCESSES: Mutex<BTreeMap<PathBuf, Arc<Process>>> = Mutex::new(BTreeMap::new());

impl FilterConfig {
    /// A configuration as Envoy gave it. The first one for a socket loads the bundle before it returns, so that no
    /// request is served without policies. One that cannot be loaded is replaced by the last good one; without
    /// that, `fail_open` says what happens until the control plane sends a good one.
    ///
    /// # Errors
    /// A sentence for Envoy's log; Envoy then refuses the configuration.
    pub(crate) fn new(json: &[u8]) -> Result<Self, String> {
        let settings = Settings::parse(json)?;
        let fail_open = settings.fail_open;
        // Held until the end: two configurations of one socket must get one state.
        let mut processes = PROCESSES.lock();
        let known = processes.get(&settings.socket).cloned();
        let process = if let Some(process) = known {
            // Only the bundle follows the new configuration, because buffers that are in use cannot change their size.
            if process.settings.bundle != settings.bundle {
                threads::load_later(&process, &settings.bundle);
            }
            process
        } else {
            let process = Arc::new(Process::new(settings.clone()));
            process.begin();
            if settings.require_bundle && !process.bundle_error.lock().is_empty() {
                return Err(process.bundle_error.lock().clone());
            }
            processes.insert(settings.socket, Arc::clone(&process));
            process
        };
        threads::acquire(&process)?;
        Ok(Self { process, fail_open })
    }

    /// What `envoy --mode validate` asks: the settings and the bundle are good. Starts nothing.
    ///
    /// # Errors
    /// A sentence for Envoy's log.
    pub(crate) fn validate(json: &[u8]) -> Result<Self, String> {
        let settings = Settings::parse(json)?;
        let fail_open = settings.fail_open;
        let process = Arc::new(Process::new(settings));
        let result = process.swap_bundle(&process.settings.bundle, None);
        if !result.ok {
            return Err(result.error);
        }
        Ok(Self { process, fail_open })
    }
}

impl Drop for FilterConfig {
    fn drop(&mut self) {
        threads::release(&self.process);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{bundle, settings_json, write_bundle};

    #[test]
    fn configurations_of_one_socket_share_their_state_across_updates() {
        let directory = tempfile::tempdir().unwrap();
        write_bundle(directory.path(), &bundle("one"));
        let json = settings_json(directory.path());
        let first = FilterConfig::new(&json).unwrap();
        first.process.metrics.requests.increment();
        let second = FilterConfig::new(&json).unwrap();
        drop(first);
        assert_eq!(second.process.metrics.requests.get(), 1);
        let process = Arc::clone(&second.process);
        assert_eq!(process.engine.load().as_ref().unwrap().version, "one");
        drop(second);
        assert!(process.stopping() && process.threads.lock().handles.is_empty());
        let third = FilterConfig::new(&json).unwrap();
        assert!(Arc::ptr_eq(&third.process, &process) && !process.stopping());
    }

    #[test]
    fn a_bundle_that_is_not_there_yet_does_not_refuse_the_configuration_but_validation_does() {
        let directory = tempfile::tempdir().unwrap();
        let json = settings_json(directory.path());
        let config = FilterConfig::new(&json).unwrap();
        assert!(config.process.engine.load().is_none());
        assert!(
            FilterConfig::validate(&json)
                .unwrap_err()
                .contains("bundle.sfb")
        );
        assert!(FilterConfig::new(b"{}").is_err());
    }

    #[test]
    fn a_rehearsal_is_refused_without_the_bundle_even_when_there_is_a_last_good_one() {
        let directory = tempfile::tempdir().unwrap();
        let mut json: serde_json::Value =
            serde_json::from_slice(&settings_json(directory.path())).unwrap();
        json["require_bundle"] = true.into();
        json["last_good"] = directory.path().join("bundle.last.sfb").to_str().into();
        let json = serde_json::to_vec(&json).unwrap();
        let good = write_bundle(directory.path(), &bundle("one"));
        std::fs::rename(&good, directory.path().join("bundle.last.sfb")).unwrap();
        let refused = FilterConfig::new(&json).unwrap_err();
        assert!(refused.contains("bundle.sfb"), "{refused}");
        write_bundle(directory.path(), &bundle("one"));
        assert!(FilterConfig::new(&json).is_ok());
    }
}
