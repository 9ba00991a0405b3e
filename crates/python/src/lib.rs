//! `starfort._engine`: the engine as Python sees it. Classes are registered here, one file each.

mod engine;
mod error;
mod explanation;
mod functions;
mod recorder;
mod request;
mod rules;
mod signals;

use pyo3::prelude::*;

#[pymodule]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<rules::RuleSet>()?;
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<engine::PyEngine>()?;
    module.add_class::<recorder::PyRecorder>()?;
    module.add_function(wrap_pyfunction!(functions::check_bundle, module)?)?;
    module.add_function(wrap_pyfunction!(functions::normalise_path, module)?)?;
    error::register(module)
}
