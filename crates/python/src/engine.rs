//! `Engine`: a bundle that was loaded and can decide about requests.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use starfort_engine::bundle::Bundle;
use starfort_engine::explain::explain;
use starfort_engine::{Assets, Engine, EngineError, Now, SharedState};

use crate::error::exception;
use crate::request::Request;
use crate::signals::{self, Cleared, Signal};
use crate::{explanation, request};

/// The engine of one bundle, with signals and rate counters of its own.
#[pyclass(name = "Engine", module = "starfort._engine", frozen)]
pub(crate) struct PyEngine {
    engine: Engine,
    jwt_payload_header: String,
}

#[pymethods]
impl PyEngine {
    #[new]
    #[pyo3(signature = (bundle, *, country=None, asn=None, every_shape=true))]
    fn new(
        py: Python<'_>,
        bundle: &[u8],
        country: Option<Vec<u8>>,
        asn: Option<Vec<u8>>,
        every_shape: bool,
    ) -> PyResult<Self> {
        // Without the GIL: compiling CRS takes some 100 ms, and the control plane has other threads.
        py.detach(|| Self::load(bundle, Assets { country, asn }, every_shape))
            .map_err(|error| exception(py, &error))
    }

    /// Version of the bundle.
    #[getter]
    fn version(&self) -> &str {
        &self.engine.version
    }

    /// Set and clear signals, as a `signals` frame (type 7) of the control socket does.
    #[pyo3(signature = (set, *, clear=Vec::new(), now_ms=None))]
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn signals(
        &self,
        set: Vec<Signal>,
        clear: Vec<Cleared>,
        now_ms: Option<u64>,
    ) -> PyResult<usize> {
        let table = &self.engine.shared().signals;
        // Set first and cleared then, in the data plane's order: a key in both lists ends up cleared.
        signals::set(table, &set, now(now_ms).monotonic_ns)?;
        Ok(signals::clear(table, &clear))
    }

    /// Take over hashes of those who succeeded before, as a `known` frame (type 11) of the control socket does.
    fn known(&self, hashes: &[u8]) {
        // Bytes at the end that do not fill a hash are left out. The data plane refuses such a frame, but nothing in
        // this process writes one.
        let (hashes, _) = hashes.as_chunks::<8>();
        let hashes = hashes.iter().map(|hash| u64::from_le_bytes(*hash));
        self.engine.shared().known.insert(hashes);
    }

    /// Take a described request through the pipeline.
    #[pyo3(signature = (request, *, now_ms=None))]
    fn explain<'py>(
        &self,
        py: Python<'py>,
        request: &Bound<'py, PyDict>,
        now_ms: Option<u64>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let request = Request::read(request)?;
        let described = request::describe(request, &self.jwt_payload_header)?;
        // Without the GIL: inspecting a large body may take up to 0.3 s (docs/concepts.md, Work).
        let explained = py.detach(|| explain(&self.engine, &described, now(now_ms)));
        explanation::dictionary(py, &explained)
    }

    fn __repr__(&self) -> String {
        format!("Engine(version={:?})", self.engine.version)
    }
}

impl PyEngine {
    fn load(bytes: &[u8], assets: Assets, every_shape: bool) -> Result<Self, EngineError> {
        let bundle = Bundle::from_bytes(bytes)?;
        let shared = SharedState::default();
        if every_shape {
            shared.shapes.tell_everything();
        }
        Ok(Self {
            // Cloned first, because the engine takes the bundle.
            jwt_payload_header: bundle.identity.jwt_payload_header.clone(),
            engine: Engine::new(bundle, assets, Arc::new(shared))?,
        })
    }
}

/// The time for the engine. Wall clock and monotonic clock are one clock here, so that a caller can move both with
/// `now_ms`.
fn now(now_ms: Option<u64>) -> Now {
    let unix_us = now_ms.map_or_else(
        || {
            // A clock that stands before 1970 counts as 1970: it is no reason to refuse a described request.
            let since = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
        },
        |milliseconds| milliseconds.saturating_mul(1_000),
    );
    Now {
        unix_us,
        monotonic_ns: unix_us.saturating_mul(1_000),
    }
}
