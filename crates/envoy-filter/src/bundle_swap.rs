//! Loading a bundle and putting it in force: all at once, or not at all.

use std::path::Path;

use starfort_engine::bundle::Bundle;
use starfort_engine::{Assets, Engine, MAX_PAYLOAD_BYTES};

use crate::log::{LogLevel, log};
use crate::metrics::add;
use crate::process::Process;

/// `MaxMind` databases are about 10 MB; the largest of them 120 MB.
const MAX_DATABASE_BYTES: u64 = 512 << 20;

/// Load the bundle at `path` and put it in force. With `version`, the file must have that one (another file may
/// have been written since). The one in force stays when anything is wrong.
pub(crate) fn load(
    process: &Process,
    path: &Path,
    version: Option<&str>,
) -> Result<String, String> {
    let loaded = read_engine(process, path, version);
    match loaded {
        Ok(engine) => {
            let version = engine.version.clone();
            process.set_engine(engine);
            add(&process.metrics.bundles_loaded, 1);
            log(
                LogLevel::Info,
                &format!("starfort: bundle {version} is in force"),
            );
            Ok(version)
        }
        Err(error) => {
            add(&process.metrics.bundles_refused, 1);
            log(
                LogLevel::Error,
                &format!("starfort: bundle {} refused: {error}", path.display()),
            );
            Err(error)
        }
    }
}

fn read_engine(process: &Process, path: &Path, version: Option<&str>) -> Result<Engine, String> {
    let bundle =
        Bundle::from_bytes(&read(path, MAX_PAYLOAD_BYTES)?).map_err(|error| error.to_string())?;
    if let Some(wanted) = version.filter(|wanted| *wanted != bundle.version) {
        return Err(format!(
            "the file has version {}, expected {wanted}",
            bundle.version
        ));
    }
    let database = |path: &Option<String>| {
        path.as_ref()
            .map(|path| read(Path::new(path), MAX_DATABASE_BYTES))
            .transpose()
    };
    let assets = Assets {
        country: database(&bundle.geo.country_path)?,
        asn: database(&bundle.geo.asn_path)?,
    };
    Engine::new(bundle, assets, process.shared.clone()).map_err(|error| error.to_string())
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path)
        .map_err(|error| format!("{}: {error}", path.display()))?
        .len();
    if size > limit {
        return Err(format!("{}: {size} bytes, at most {limit}", path.display()));
    }
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
