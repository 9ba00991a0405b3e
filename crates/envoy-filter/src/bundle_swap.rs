//! Bundles: read, compiled beside the traffic, swapped in at once. A bad one changes nothing.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use starfort_engine::bundle::Bundle;
use starfort_engine::{Assets, Engine, MAX_PAYLOAD_BYTES, SharedState};

use crate::frames::BundleResult;
use crate::log::{self, Level};
use crate::process::Process;

/// What a bundle file has besides its payload; see `bundle.rs` of the engine.
const HEADER_BYTES: u64 = 52;

/// Largest `MaxMind` database: the largest that is sold is some 200 MB.
const MAX_DATABASE_BYTES: u64 = 1 << 30;

/// Read and compile a bundle.
///
/// # Errors
/// A sentence with the path and what is wrong with it.
pub(crate) fn load(path: &Path, shared: Arc<SharedState>) -> Result<Engine, String> {
    let bytes = read(path, MAX_PAYLOAD_BYTES + HEADER_BYTES)?;
    let bundle =
        Bundle::from_bytes(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
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
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(wrong)?;
    if bytes.len() as u64 > limit {
        return Err(format!("{}: larger than {limit} bytes", path.display()));
    }
    Ok(bytes)
}

impl Process {
    /// Load the bundle at `path` and put it in force; `version` is the one that it should have.
    ///
    /// A panic in the compiler counts as a refusal. The result goes to the control plane and, when bad, to the log.
    pub(crate) fn swap_bundle(&self, path: &Path, version: Option<&str>) -> BundleResult {
        let loading = || load(path, Arc::clone(&self.shared));
        let loaded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(loading))
            .unwrap_or_else(|_| Err(format!("{}: the engine failed on it", path.display())));
        let checked = loaded.and_then(|engine| match version {
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
                self.engine.store(Some(Arc::new(engine)));
                self.note_bundle();
                self.metrics.bundles_loaded.increment();
                log::say(Level::Info, &format!("bundle {version} is in force"));
                BundleResult {
                    version: version.into(),
                    ok: true,
                    error: String::new(),
                }
            }
            Err(error) => {
                self.metrics.bundles_refused.increment();
                log::say(
                    Level::Error,
                    &format!("bundle refused, the one before stays: {error}"),
                );
                BundleResult {
                    version: version.unwrap_or_default().into(),
                    ok: false,
                    error,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{bundle, process, write_bundle};

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
