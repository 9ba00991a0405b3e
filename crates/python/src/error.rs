//! The only mapping from the engine's errors to Python's exceptions:
//!
//! ```text
//! Exception
//! └── EngineError          .code: stable snake-case code, one of ERROR_CODES
//! ├── BundleError      the bundle file is damaged, or its content is invalid
//!     └── GeoDatabaseError a MaxMind database
//! ```

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use starfort_engine as core;

create_exception!(
    starfort._engine,
    EngineError,
    PyException,
    "The engine refused its input; `code` is stable."
);
create_exception!(
    starfort._engine,
    BundleError,
    EngineError,
    "The bundle's bytes, or what they say, are wrong."
);
create_exception!(
    starfort._engine,
    GeoDatabaseError,
    EngineError,
    "A MaxMind database cannot be read."
);

/// The Python exception for an engine error, with the same message. A new variant does not compile until it has its
/// class here.
pub(crate) fn exception(py: Python<'_>, error: &core::EngineError) -> PyErr {
    use core::EngineError as E;
    let text = error.to_string();
    let raised = match error {
        E::BundleTruncated { .. }
        | E::BundleMagic
        | E::BundleFormat { .. }
        | E::BundleChecksum
        | E::BundleDecode { .. }
        | E::BundleInvalid { .. } => BundleError::new_err(text),
        E::GeoDatabase { .. } => GeoDatabaseError::new_err(text),
    };
    // When the code cannot be set, that failure is raised instead: callers rely on every `EngineError` having its code.
    match raised.value(py).setattr("code", error.code()) {
        Ok(()) => raised,
        Err(failed) => failed,
    }
}

/// Add the exceptions and the list of codes.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("EngineError", py.get_type::<EngineError>())?;
    module.add("BundleError", py.get_type::<BundleError>())?;
    module.add("GeoDatabaseError", py.get_type::<GeoDatabaseError>())?;
    let codes = PyTuple::new(py, core::EngineError::CODES)?;
    module.add("ERROR_CODES", codes)
}
