//! Signals as dictionaries. Their members are those of the control socket's `signals` frame.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use starfort_engine::signals::{KeyType, Passing, SignalTable};

/// One signal to set.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Signal {
    kind: String,
    key_type: String,
    key: String,
    score: f64,
    ttl_ms: u64,
    #[pyo3(default)]
    probe: f64,
    #[pyo3(default)]
    spare_known: bool,
}

/// Set all of the signals, or none of them when one is invalid. Returns how many signals are active.
pub(crate) fn set(table: &SignalTable, signals: &[Signal], now_ns: u64) -> PyResult<usize> {
    // All are checked before the first is set, so an error changes nothing.
    let mut checked = Vec::with_capacity(signals.len());
    for signal in signals {
        let key_type = KeyType::from_code(&signal.key_type).ok_or_else(|| {
            let known = KeyType::ALL.map(KeyType::code).join(", ");
            PyValueError::new_err(format!("key_type {:?} is none of {known}", signal.key_type))
        })?;
        if !(0.0..=1.0).contains(&signal.score) {
            return Err(PyValueError::new_err(format!(
                "score {} is not in 0..1",
                signal.score
            )));
        }
        if !(0.0..=1.0).contains(&signal.probe) {
            return Err(PyValueError::new_err(format!(
                "probe {} is not in 0..1",
                signal.probe
            )));
        }
        checked.push((signal, key_type));
    }
    for (signal, key_type) in checked {
        // Saturating: callers may give any `ttl_ms`, and one that is too large means that the signal never ends.
        let expires_ns = now_ns.saturating_add(signal.ttl_ms.saturating_mul(1_000_000));
        let passing = Passing {
            probe: signal.probe,
            spare_known: signal.spare_known,
        };
        table.set_passing(
            &signal.kind,
            key_type,
            &signal.key,
            signal.score,
            expires_ns,
            passing,
        );
    }
    Ok(table.len())
}

/// One signal to clear.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Cleared {
    kind: String,
    key_type: String,
    key: String,
}

/// Clear signals, and ignore those that are not set. Returns how many signals are active.
pub(crate) fn clear(table: &SignalTable, keys: &[Cleared]) -> usize {
    for key in keys {
        // No signal can have a type of key that this engine does not know, so nothing has to be cleared.
        if let Some(key_type) = KeyType::from_code(&key.key_type) {
            table.clear(&key.kind, key_type, &key.key);
        }
    }
    table.len()
}
