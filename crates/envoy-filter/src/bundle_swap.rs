//! Reads bundles, compiles them beside the traffic, and puts them in force at once. A bad bundle changes nothing.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use starfort_engine::bundle::Bundle;
use starfort_engine::{Assets, Engine, MAX_PAYLOAD_BYTES, SharedState};

use crate::frames::BundleResult;
use crate::log::{self, Level};
use crate::process::Process;

/// The bytes of a bundle file that precede its payload; see `bundle.rs` of the engine.
const HEADER_BYTES: u64 = 52;

/// The largest `MaxMind` database that is read. The largest that is sold has some 200 MB.
const MAX_DATABASE_BYTES: u64 = 1 << 30;

/// Read and compile a bundle.
///
/// # Errors
/// A sentence with the path and what is wrong with it.
pub(crate) fn load(path: &Path, shared: Arc<SharedState>) -> Result<Engine, String> {
    let bytes = read(path, MAX_PAYLOAD_BYTES + HEADER_BYTES)?;
    let bundle =
        Bundle::from_bytes(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    // A bundle can have hundreds of megabytes; its bytes are not needed while the engine is made of it.
    drop(bytes);
    let database = |path: &Option<String>| {
        path.as_deref()
            .map(|path| read(Path::new(path), MAX_DATABASE_BYTES))
            .transpose()
    };
    let assets = Assets {
        country: database(&bundle.geo.country_path)?,
        asn: database(&bundle.geo.asn_path)?,
    };
    Engine::new(bundle, assets, shared).map_err(|error| format!("{}: {error}", path.display()))
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(wrong)?;
    // One byte more than allowed, so that a file that is too large shows without being read whole.
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(wrong)?;
    if bytes.len() as u64 > limit {
        return Err(format!("{}: larger than {limit} bytes", path.display()));
    }
    Ok(bytes)
}

impl Process {
    /// Load the bundle that the settings name, or else the last good one, before the first request comes.
    /// Without either, `fail_open` decides about requests until the control plane sends a bundle.
    pub(crate) fn begin(&self) {
        // Without a version: at the start, the file that was written last is the right one.
        let first = self.swap_bundle(&self.settings.bundle, None);
        if first.ok {
            return;
        }
        if let Some(path) = &self.settings.last_good {
            let last = self.swap_bundle(path, None);
            if last.ok {
                self.metrics.bundles_last_good.increment();
                log::say(
                    Level::Warn,
                    &format!("begins with the last good bundle {}", last.version),
                );
            }
            // The last good bundle cleared this. The control plane has to hear that the bundle itself is bad, so that it
            // writes it anew.
            *self.bundle_error.lock() = first.error;
        }
        if self.engine.load().is_none() {
            let meanwhile = if self.settings.fail_open {
                "requests pass without any policy (failure_mode: open)"
            } else {
                "requests are refused with 503 (failure_mode: closed)"
            };
            log::say(
                Level::Error,
                &format!("no bundle can be loaded: {meanwhile}"),
            );
        }
    }

    /// Load the bundle at `path` and put it in force. `version` is the version that it should have.
    ///
    /// A panic in the compiler counts as a refusal. The result goes to the control plane and, when bad, to the log.
    pub(crate) fn swap_bundle(&self, path: &Path, version: Option<&str>) -> BundleResult {
        let loading = || load(path, Arc::clone(&self.shared));
        // Unwind-safe: a compiler that panics leaves nothing behind but its own unfinished engine.
        let loaded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(loading))
            .unwrap_or_else(|_| Err(format!("{}: the engine failed on it", path.display())));
        let checked = loaded.and_then(|engine| match version {
            // The file may have been written again between the frame and its being read.
            Some(asked) if asked != engine.version => Err(format!(
                "{}: has version {}, not {asked}",
                path.display(),
                engine.version
            )),
            _ => Ok(engine),
        });
        match checked {
            Ok(engine) => {
                let version = engine.version.clone();
                // One atomic store: requests that began with the old engine keep it until they end.
                self.engine.store(Some(Arc::new(engine)));
                self.bundle_error.lock().clear();
                self.note_bundle();
                self.metrics.bundles_loaded.increment();
                log::say(Level::Info, &format!("bundle {version} is in force"));
                BundleResult {
                    version: version.into(),
                    ok: true,
                    error: String::new(),
                }
            }
            Err(error) => self.refused(version, error),
        }
    }

    /// Report why a bundle is not in force.
    fn refused(&self, version: Option<&str>, error: String) -> BundleResult {
        self.metrics.bundles_refused.increment();
        self.bundle_error.lock().clone_from(&error);
        let kept = self.engine.load().is_some();
        let after = if kept { ", the one before stays" } else { "" };
        log::say(Level::Error, &format!("bundle refused{after}: {error}"));
        BundleResult {
            version: version.unwrap_or_default().into(),
            ok: false,
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{bundle, process, process_with_last_good, write_bundle};

    #[test]
    fn a_bad_bundle_leaves_the_good_one_in_force_and_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let process = process(directory.path());
        let path = write_bundle(directory.path(), &bundle("good"));
        assert!(process.swap_bundle(&path, Some("good")).ok);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let result = process.swap_bundle(&path, Some("next"));
        assert!(
            !result.ok && result.error.contains("checksum"),
            "{result:?}"
        );
        assert_eq!(process.engine.load().as_ref().unwrap().version, "good");
        assert_eq!(process.metrics.bundles_refused.get(), 1);
    }

    /// What may become of a file: each is no bundle any more.
    fn damages(good: &[u8]) -> Vec<(&'static str, Option<Vec<u8>>)> {
        let changed = |at: usize| {
            let mut bytes = good.to_vec();
            *bytes.get_mut(at).unwrap() ^= 1;
            bytes
        };
        vec![
            ("missing", None),
            ("empty", Some(Vec::new())),
            ("cut in its head", Some(good[..20].to_vec())),
            ("cut at its end", Some(good[..good.len() - 1].to_vec())),
            ("another format", Some(changed(11))),
            ("a bit of its checksum", Some(changed(30))),
            ("a bit of its payload", Some(changed(good.len() / 2))),
            ("zeros", Some(vec![0; good.len()])),
        ]
    }

    #[test]
    fn a_damaged_bundle_is_replaced_by_the_last_good_one_before_any_request() {
        let directory = tempfile::tempdir().unwrap();
        let good = bundle("last").to_bytes().unwrap();
        let last = directory.path().join("bundle.last.sfb");
        std::fs::write(&last, &good).unwrap();
        for (what, content) in damages(&good) {
            let path = directory.path().join("bundle.sfb");
            let _ = std::fs::remove_file(&path);
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let process = process_with_last_good(directory.path(), &last);
            process.begin();
            assert_eq!(
                process.engine.load().as_ref().unwrap().version,
                "last",
                "{what}"
            );
            assert_eq!(process.metrics.bundles_last_good.get(), 1, "{what}");
            assert!(
                process.bundle_error.lock().contains("bundle.sfb"),
                "{what}: the control plane is told which file is wrong"
            );
        }
    }

    #[test]
    fn a_good_bundle_comes_before_the_last_good_one() {
        let directory = tempfile::tempdir().unwrap();
        write_bundle(directory.path(), &bundle("now"));
        let last = directory.path().join("bundle.last.sfb");
        std::fs::write(&last, bundle("last").to_bytes().unwrap()).unwrap();
        let process = process_with_last_good(directory.path(), &last);
        process.begin();
        assert_eq!(process.engine.load().as_ref().unwrap().version, "now");
        assert_eq!(process.metrics.bundles_last_good.get(), 0);
        assert!(process.bundle_error.lock().is_empty());
    }

    #[test]
    fn without_any_good_bundle_there_is_none_until_one_comes() {
        let directory = tempfile::tempdir().unwrap();
        let last = directory.path().join("bundle.last.sfb");
        std::fs::write(&last, b"damaged too").unwrap();
        let process = process_with_last_good(directory.path(), &last);
        process.begin();
        assert!(process.engine.load().is_none());
        assert_eq!(process.metrics.bundles_refused.get(), 2);
        let path = write_bundle(directory.path(), &bundle("mended"));
        assert!(process.swap_bundle(&path, Some("mended")).ok);
        assert!(process.bundle_error.lock().is_empty());
    }

    #[test]
    fn a_bundle_of_another_version_than_asked_for_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let process = process(directory.path());
        let path = write_bundle(directory.path(), &bundle("old"));
        let result = process.swap_bundle(&path, Some("new"));
        assert!(result.error.contains("has version old"), "{result:?}");
        assert!(process.engine.load().is_none());
    }

    #[test]
    fn missing_files_and_broken_databases_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let process = process(directory.path());
        let missing = process.swap_bundle(&directory.path().join("none"), None);
        assert!(missing.error.contains("none"), "{missing:?}");
        let database = directory.path().join("broken.mmdb");
        std::fs::write(&database, b"no database").unwrap();
        let mut broken = bundle("geo");
        broken.geo.country_path = Some(database.display().to_string());
        let path = write_bundle(directory.path(), &broken);
        let result = process.swap_bundle(&path, None);
        assert!(result.error.contains("country"), "{result:?}");
    }
}
