//! Answers of our own, as Envoy sends them.

use starfort_engine::{LocalResponse, ResponseHead, Transaction};

use crate::host::HeaderList;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// Names (lower case) and values.
    pub(crate) headers: Vec<(String, String)>,
    /// Body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A decision's answer. To gRPC clients Envoy sends it as trailers with a status that has to be given here,
    /// for left to itself it says `OK`.
    pub(crate) fn new(response: LocalResponse, is_grpc: bool) -> Self {
        let mut headers = response.headers;
        if is_grpc && !headers.iter().any(|(name, _)| name == "grpc-status") {
            headers.push(("grpc-status".into(), grpc_status(response.status).into()));
        }
        Self {
            status: response.status,
            headers,
            body: response.body,
        }
    }

    /// The engine failed and is to fail closed, or there is no bundle; the body says which.
    pub(crate) fn unavailable(has_bundle: bool, is_grpc: bool) -> Self {
        let detail = if has_bundle {
            "engine_failed"
        } else {
            "no_bundle_in_force"
        };
        let body = format!(
            r#"{{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"{detail}"}}"#
        );
        Self::new(
            LocalResponse {
                status: 503,
                headers: vec![
                    ("content-type".into(), "application/problem+json".into()),
                    // A cache on the way must not keep a failure of a moment.
                    ("cache-control".into(), "no-store".into()),
                ],
                body: body.into_bytes(),
                delay_ms: 0,
            },
            is_grpc,
        )
    }
}

/// Tell the transaction what the client gets, for the event: Envoy does not show us our own answers.
pub(crate) fn note(transaction: &mut Transaction, answer: &Answer) {
    let status = answer.status.to_string();
    let mut headers = HeaderList::from_iter([(&b":status"[..], status.as_bytes())]);
    headers.extend(
        answer
            .headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
    );
    transaction.own_response(ResponseHead {
        headers: &headers,
        upstream: "",
        end_of_stream: true,
    });
}

/// gRPC status of an HTTP status. Source: grpc/doc/http-grpc-status-mapping.md; successes stay `OK`.
const fn grpc_status(status: u16) -> &'static str {
    match status {
        200..=299 => "0",
        400 => "13",
        401 => "16",
        403 => "7",
        404 => "12",
        429 | 502 | 503 | 504 => "14",
        _ => "2",
    }
}
