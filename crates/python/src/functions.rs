//! Functions that need no engine.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use starfort_engine::bundle::Bundle;
use starfort_engine::http::{Limits, path};
use starfort_engine::{Assets, Engine, EngineError};

use crate::error::exception;

/// The sizes of a bundle's parts.
struct Counts {
    version: String,
    node: String,
    created_ms: u64,
    parts: [(&'static str, usize); 8],
}

/// Check a bundle file's bytes as an engine that loads them would.
#[pyfunction]
#[pyo3(signature = (bundle, /))]
pub(crate) fn check_bundle<'py>(py: Python<'py>, bundle: &[u8]) -> PyResult<Bound<'py, PyDict>> {
    // Without the GIL: this makes a whole engine, which takes some 100 ms with CRS.
    let counts = py
        .detach(|| counts(bundle))
        .map_err(|error| exception(py, &error))?;
    let checked = PyDict::new(py);
    checked.set_item("version", counts.version)?;
    checked.set_item("node", counts.node)?;
    checked.set_item("created_ms", counts.created_ms)?;
    for (name, count) in counts.parts {
        checked.set_item(name, count)?;
    }
    Ok(checked)
}

fn counts(bytes: &[u8]) -> Result<Counts, EngineError> {
    let bundle = Bundle::from_bytes(bytes)?;
    let counts = Counts {
        version: bundle.version.clone(),
        node: bundle.node.clone(),
        created_ms: bundle.created_ms,
        parts: [
            ("apis", bundle.apis.len()),
            ("endpoints", bundle.endpoints.len()),
            ("policies", bundle.policies.len()),
            ("lists", bundle.lists.len()),
            ("bots", bundle.bots.len()),
            ("responses", bundle.responses.len()),
            ("signal_kinds", bundle.signal_kinds.len()),
            ("rules_bytes", bundle.rules.len()),
        ],
    };
    // Decoding is not all: only an engine that is made of it shows that patterns compile and indexes fit.
    // Without databases: they are files beside the bundle, and a bundle is complete without them.
    Engine::new(bundle, Assets::default(), std::sync::Arc::default())?;
    Ok(counts)
}

/// The path in the form that policies and the catalogue use.
#[pyfunction]
#[pyo3(signature = (path, /))]
pub(crate) fn normalise_path(path: &str) -> String {
    self::path::normalize(path.as_bytes(), &Limits::default()).path
}
