//! Converts an explanation to a dictionary.

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use serde_json::Value;
use starfort_engine::LocalResponse;
use starfort_engine::explain::Explanation;

/// A dictionary with the members of `Explanation` in `_engine.pyi`.
pub(crate) fn dictionary<'py>(
    py: Python<'py>,
    explained: &Explanation,
) -> PyResult<Bound<'py, PyDict>> {
    let value = serde_json::to_value(explained)
        .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    let dictionary = object(py, &value)?.cast_into::<PyDict>()?;
    // Bodies are bytes, which JSON does not have, so they do not take the way of the other members.
    let answer = explained.answer.as_ref();
    dictionary.set_item(
        "answer",
        answer.map(|answer| local(py, answer)).transpose()?,
    )?;
    let masked = explained.masked_body.as_ref();
    dictionary.set_item("masked_body", masked.map(|body| PyBytes::new(py, body)))?;
    Ok(dictionary)
}

fn local<'py>(py: Python<'py>, answer: &LocalResponse) -> PyResult<Bound<'py, PyDict>> {
    let dictionary = PyDict::new(py);
    dictionary.set_item("status", answer.status)?;
    dictionary.set_item("headers", answer.headers.clone())?;
    dictionary.set_item("body", PyBytes::new(py, &answer.body))?;
    Ok(dictionary)
}

/// The Python object for a JSON value. Explanations nest four deep, so the recursion is bounded.
fn object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Bool(truth) => truth.into_bound_py_any(py),
        // Whole numbers first: an `f64` would lose digits of those above 2^53.
        Value::Number(number) => match number.as_u64() {
            Some(whole) => whole.into_bound_py_any(py),
            None => number.as_f64().unwrap_or(f64::NAN).into_bound_py_any(py),
        },
        Value::String(text) => text.into_bound_py_any(py),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(object(py, item)?)?;
            }
            Ok(list.into_any())
        }
        Value::Object(members) => {
            let dictionary = PyDict::new(py);
            for (name, member) in members {
                dictionary.set_item(name, object(py, member)?)?;
            }
            Ok(dictionary.into_any())
        }
    }
}
