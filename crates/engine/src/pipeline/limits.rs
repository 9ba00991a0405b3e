//! What a request may cost, and what becomes of one that is over a limit.

use crate::bundle::{Limits, OverLimit};
use crate::engine::Engine;
use crate::http::{Anomalies, Anomaly};
use crate::transaction::Transaction;

/// The limits of what is called.
pub(crate) fn of<'e>(engine: &'e Engine, transaction: &Transaction) -> &'e Limits {
    engine.limits_of_call(&transaction.found)
}

/// Bytes of a request's body that are held and inspected.
pub(crate) fn body_bytes(engine: &Engine, transaction: &Transaction) -> usize {
    of(engine, transaction).request_body_bytes as usize
}

/// The limits that a request is over.
pub(crate) fn over(transaction: &Transaction) -> Anomalies {
    transaction.anomalies.and(Anomalies::OVER_LIMIT)
}

/// Whether a request is over a limit, and what is called refuses such requests.
pub(crate) fn refuses(engine: &Engine, transaction: &Transaction) -> bool {
    !over(transaction).is_empty() && of(engine, transaction).over_limit == OverLimit::Refuse
}

/// Note whether something was not looked at because the request costs too much.
pub(crate) fn note_work(transaction: &mut Transaction) {
    transaction
        .anomalies
        .insert_if(transaction.work.is_spent(), Anomaly::WorkOverLimit);
}
