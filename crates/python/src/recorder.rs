//! `Recorder`: makes event rows of calls that passed elsewhere.

use std::net::IpAddr;
use std::sync::Arc;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use starfort_engine::bundle::Bundle;
use starfort_engine::event::EventBatch;
use starfort_engine::explain::{Described, DescribedResponse};
use starfort_engine::record::{Exchange, Unseen, observing, record};
use starfort_engine::{Assets, Engine, EngineError, SharedState, SmolStr};

use crate::error::exception;
use crate::request::protocol_of;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// An engine that only looks, and writes event rows.
#[pyclass(name = "Recorder", module = "starfort._engine", frozen)]
pub(crate) struct PyRecorder {
    engine: Engine,
    shared: Arc<SharedState>,
}

/// A call as its source describes it; see `RecordedCall` in `_engine.pyi`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Call {
    time_us: u64,
    duration_us: u32,
    id: Vec<u8>,
    method: Vec<u8>,
    scheme: Vec<u8>,
    host: Vec<u8>,
    target: Vec<u8>,
    protocol: String,
    address: String,
    headers: Pairs,
    body: Vec<u8>,
    request_bytes: Option<u64>,
    status: Option<u16>,
    response_headers: Pairs,
    response_body: Vec<u8>,
    response_bytes: Option<u64>,
    unseen: Vec<String>,
}

#[pymethods]
impl PyRecorder {
    #[new]
    #[pyo3(signature = (bundle, *, country=None, asn=None, before=None))]
    fn new(
        py: Python<'_>,
        bundle: &[u8],
        country: Option<Vec<u8>>,
        asn: Option<Vec<u8>>,
        before: Option<PyRef<'_, Self>>,
    ) -> PyResult<Self> {
        // Rules that did not change are taken over with the rest of the state.
        let shared = before.map(|before| Arc::clone(&before.shared));
        let shared = shared.unwrap_or_default();
        // Without the GIL: compiling CRS takes some 100 ms, and the control plane has other threads.
        py.detach(|| Self::load(bundle, Assets { country, asn }, shared))
            .map_err(|error| exception(py, &error))
    }

    /// Version of the bundle.
    #[getter]
    fn version(&self) -> &str {
        &self.engine.version
    }

    /// The rows of some calls, as an Arrow IPC stream.
    #[pyo3(signature = (calls, *, source, node=""))]
    fn record<'py>(
        &self,
        py: Python<'py>,
        calls: Vec<Call>,
        source: &str,
        node: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let exchanges = calls.into_iter().map(Call::exchange);
        let exchanges = exchanges.collect::<PyResult<Vec<_>>>()?;
        let rows = py.detach(|| self.rows(&exchanges, source, node));
        // Arrow fails for a batch of more than 2 GiB of text only.
        let rows = rows.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        Ok(PyBytes::new(py, &rows))
    }

    fn __repr__(&self) -> String {
        format!("Recorder(version={:?})", self.engine.version)
    }
}

impl PyRecorder {
    fn load(bytes: &[u8], assets: Assets, shared: Arc<SharedState>) -> Result<Self, EngineError> {
        let bundle = observing(Bundle::from_bytes(bytes)?);
        let engine = Engine::new(bundle, assets, Arc::clone(&shared))?;
        Ok(Self { engine, shared })
    }

    fn rows(
        &self,
        exchanges: &[Exchange],
        source: &str,
        node: &str,
    ) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        let mut batch = EventBatch::default();
        for exchange in exchanges {
            let mut row = record(&self.engine, source, exchange);
            if !node.is_empty() {
                row.node = SmolStr::new(node);
            }
            batch.push(&row)?;
        }
        Ok(batch.finish()?)
    }
}

impl Call {
    fn exchange(self) -> PyResult<Exchange> {
        let peer: IpAddr = (self.address.parse())
            .map_err(|_| PyValueError::new_err(format!("{:?} is no IP address", self.address)))?;
        let pseudo: [(&[u8], Vec<u8>); 4] = [
            (b":authority", self.host),
            (b":path", self.target),
            (b":method", self.method),
            (b":scheme", self.scheme),
        ];
        let pseudo = pseudo
            .into_iter()
            .map(|(name, value)| (name.to_vec(), value));
        let mut headers: Pairs = pseudo.collect();
        headers.extend(received(self.headers));
        if !self.id.is_empty() && !headers.iter().any(|(name, _)| name == b"x-request-id") {
            headers.push((b"x-request-id".to_vec(), self.id));
        }
        let response = self.status.map(|status| {
            let mut all = vec![(b":status".to_vec(), status.to_string().into_bytes())];
            all.extend(lower(self.response_headers));
            DescribedResponse {
                headers: all,
                body: self.response_body,
            }
        });
        Ok(Exchange {
            described: Described {
                headers,
                peer,
                protocol: protocol_of(&self.protocol)?,
                body: self.body,
                response,
            },
            time_us: self.time_us,
            duration_us: self.duration_us,
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            unseen: self.unseen.iter().map(unseen).collect::<PyResult<_>>()?,
        })
    }
}

/// Headers of a request as the filter would see them: `Host` is the authority, and Starfort's own are dropped.
fn received(headers: Pairs) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    lower(headers).filter(|(name, _)| {
        name != b"host" && !name.starts_with(b":") && !name.starts_with(b"x-starfort-")
    })
}

fn lower(headers: Pairs) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let headers = headers.into_iter();
    headers.map(|(name, value)| (name.to_ascii_lowercase(), value))
}

fn unseen(word: &String) -> PyResult<Unseen> {
    let mut parts = Unseen::ALL.into_iter();
    parts
        .find(|part| part.code() == word)
        .ok_or_else(|| PyValueError::new_err(format!("{word:?} is no part of a call")))
}
