//! The http stage: the normalised request. Path, query, cookies, headers and body become one list of
//! [`Parameters`] and a set of [`Anomalies`]; nothing here fails, blocks or decides.
//!
//! | part | function |
//! |---|---|
//! | `:path` | [`path::split`], [`path::normalize`], [`readings::others`] |
//! | query | [`query::parse`] |
//! | cookies | [`cookies::parse`] |
//! | header list | [`headers::check`] |
//! | body, by content type | [`body::parse`] |
//!
//! All parsers add to the request's one [`Parameters`] (so that the limit is the request's), are free of
//! recursion, read every byte a bounded number of times, and keep going after an error where that makes sense,
//! so that nothing hides behind one.

mod anomaly;
mod beginning;
pub mod body;
mod charset;
pub mod collect;
pub mod content_type;
pub mod cookies;
pub(crate) mod decode;
pub mod decompress;
pub mod form;
mod format;
pub mod graphql;
mod hashes;
pub mod headers;
pub mod json;
pub(crate) mod json_text;
pub mod listener;
pub mod message;
pub mod multipart;
pub(crate) mod pairs;
mod parameter;
pub mod path;
pub(crate) mod percent;
pub mod query;
pub mod readings;
mod segments;
pub mod text;
pub(crate) mod upload;
pub(crate) mod version;
pub mod xml;

pub use anomaly::{Anomalies, Anomaly};
pub use parameter::{Location, MAX_NAME_BYTES, Parameter, ParameterKind, Parameters, Syntax};

pub use crate::bundle::{Limits, OverLimit};

/// The limits when `starfort.yaml` sets none. They are so large that ordinary traffic never meets one, because a
/// request over a limit is refused. `src/starfort/config/model.py` says where each figure comes from.
impl Default for Limits {
    fn default() -> Self {
        Self {
            uri_bytes: 16 * 1024,
            headers: 100,
            header_bytes: 16 * 1024,
            request_body_bytes: 2 * 1024 * 1024,
            response_body_bytes: 1024 * 1024,
            decompressed_bytes: 8 * 1024 * 1024,
            decompression_ratio: 100,
            depth: 64,
            query_parameters: 1000,
            cookies: 200,
            body_parameters: 200_000,
            multipart_parts: 1000,
            work: 200_000_000,
            over_limit: OverLimit::Refuse,
            over_limit_files: OverLimit::Pass,
            body_wait_ms: 30_000,
            body_rate: 240,
            body_time_ms: 6 * 3_600_000,
        }
    }
}
