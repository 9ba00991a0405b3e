//! Bundles and processes for tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use starfort_engine::bundle::{Api, Bundle, Content, Geo, Identity, Limits};

use crate::process::Process;
use crate::settings::Settings;

/// A bundle with one API on every host and no policies.
pub(crate) fn bundle(version: &str) -> Bundle {
    Bundle {
        version: version.into(),
        created_ms: 0,
        node: "node".into(),
        hash_key: vec![7; 32],
        fail_open: true,
        limits: Limits::default(),
        connections_per_address: 0,
        scoped_limits: Vec::new(),
        trusted_proxies: Vec::new(),
        apis: vec![Api {
            name: "shop".into(),
            hosts: vec!["*".into()],
            base_paths: vec!["/".into()],
            upstream: "shop".into(),
            labels: Vec::new(),
            jwt_providers: Vec::new(),
            documented: false,
            limits: None,
            grpc: false,
        }],
        endpoints: Vec::new(),
        identity: Identity::default(),
        lists: Vec::new(),
        geo: Geo::default(),
        bots: Vec::new(),
        responses: Vec::new(),
        sensitive_classes: Vec::new(),
        signal_kinds: Vec::new(),
        policies: Vec::new(),
        shapes: false,
        rules: Vec::new(),
        contracts: Vec::new(),
        content: Content::default(),
    }
}

/// Write it where [`settings_json`] says. Returns the path.
pub(crate) fn write_bundle(directory: &Path, bundle: &Bundle) -> PathBuf {
    let path = directory.join("bundle.sfb");
    std::fs::write(&path, bundle.to_bytes().unwrap()).unwrap();
    path
}

/// A filter configuration whose files are in `directory`.
pub(crate) fn settings_json(directory: &Path) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({
        "bundle": directory.join("bundle.sfb"),
        "socket": directory.join("control.sock"),
        "event_flush_ms": 5,
    }))
    .unwrap()
}

/// State without threads or bundle.
pub(crate) fn process(directory: &Path) -> Arc<Process> {
    Arc::new(Process::new(
        Settings::parse(&settings_json(directory)).unwrap(),
    ))
}

/// The same, with a last good bundle to begin with.
pub(crate) fn process_with_last_good(directory: &Path, last_good: &Path) -> Arc<Process> {
    let mut settings = Settings::parse(&settings_json(directory)).unwrap();
    settings.last_good = Some(last_good.to_owned());
    Arc::new(Process::new(settings))
}
