//! Runs rules for a request: facts come in, rules run over them, matches come out.
//!
//! | what | where |
//! |---|---|
//! | one transaction under rules | [`inspection`] |
//! | what rules look at | [`facts`], [`request`], [`listener`], [`processor`], [`places`], [`base64_lines`] |
//! | which rules can match at all | [`live`], [`guard`] |
//! | values after transformations, each computed once | [`values`] |
//! | running the rules | [`evaluate`] |
//! | variables that rules set | [`tx`], [`collections`] |
//! | what rules found | [`report`] |
//! | what an event shows of it, masked | [`evidence`], [`mask`] |

mod base64_lines;
pub(crate) mod collections;
mod evaluate;
pub(crate) mod evidence;
mod facts;
mod guard;
pub(crate) mod inspection;
mod listener;
mod live;
mod mask;
mod places;
mod processor;
pub(crate) mod report;
pub(crate) mod request;
mod tx;
mod values;
