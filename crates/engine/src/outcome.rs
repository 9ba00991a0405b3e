//! What the engine asks of its host: data, which the host acts on.

use smol_str::SmolStr;

use crate::headers::Headers;
use crate::http::{Anomalies, Anomaly};
use crate::policy::{Answer, AnswerBody, Decision, Policies, Terminal};

/// What to do with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestOutcome {
    /// Hold the request and hand over its body, at most this many bytes of it.
    NeedBody {
        /// Bytes to collect before asking again.
        limit_bytes: usize,
    },
    /// Hold the request and hand over what came of its body, as soon as something did.
    NeedBeginning,
    /// Let it go on.
    Continue(RequestEffects),
    /// Answer without asking the upstream.
    Respond(LocalResponse),
}

/// Changes to a request that goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestEffects {
    /// Headers to remove: everything that came in and is Starfort's to set, for itself or for upstreams.
    pub remove: Vec<String>,
    /// Headers to set, names lower case.
    pub set: Vec<(Box<str>, Box<str>)>,
    /// Send it to this cluster instead of the API's own.
    pub upstream: Option<Box<str>>,
    /// How long to hold it first.
    pub delay_ms: u64,
    /// Show the chunks of the body that still pass to [`crate::Transaction::request_chunk`], and hold the last one until
    /// [`crate::Transaction::request_ends`] has answered.
    pub watch: bool,
}

/// An answer of Starfort's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalResponse {
    /// HTTP status.
    pub status: u16,
    /// Names (lower case) and values.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// How long to hold it first.
    pub delay_ms: u64,
}

/// What to do with a response when its head came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseOutcome {
    /// Let it pass; chunks are of no interest.
    Continue,
    /// Let it pass and show each chunk to [`crate::Transaction::response_chunk`].
    Collect,
    /// Hold it and hand over the whole body, at most this many bytes of it.
    NeedBody {
        /// Bytes to collect before asking again.
        limit_bytes: usize,
    },
    /// Answer this instead.
    Respond(LocalResponse),
}

/// What to do with a response that was held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseBodyOutcome {
    /// Let it go as it is.
    Continue,
    /// Send this body in place of the bytes that were handed over.
    Replace {
        /// The new bytes.
        body: Vec<u8>,
        /// They are no longer content-encoded: remove `content-encoding`.
        decoded: bool,
        /// All of the response is in it. Otherwise a part was not read, because it was over a limit.
        complete: bool,
    },
    /// Answer this instead.
    Respond(LocalResponse),
}

impl RequestEffects {
    pub(crate) fn of(decision: &Decision, received: &Headers, policies: &Policies) -> Self {
        // Headers that policies set are removed as well: no client may send what an upstream takes for Starfort's word.
        let internal = received
            .iter()
            .filter(|(name, _)| is_internal(name) || policies.sets_header(name));
        Self {
            remove: internal
                .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
                .collect(),
            set: decision.tags.clone(),
            upstream: match &decision.terminal {
                Terminal::Divert { upstream } => Some(upstream.clone()),
                _ => None,
            },
            delay_ms: decision.delay_ms,
            watch: false,
        }
    }
}

/// Whether a header is Starfort's own by its name. Underscores count as hyphens, because CGI and WSGI turn both into
/// the same variable.
fn is_internal(name: &[u8]) -> bool {
    let own = b"x-starfort-";
    let same = |(one, other): (&u8, &u8)| one == other || (*one == b'_' && *other == b'-');
    name.len() >= own.len() && name.iter().zip(own).all(same)
}

impl LocalResponse {
    /// The answer that a decision asks for, if it does.
    pub(crate) fn of(decision: &Decision, request_id: &str) -> Option<Self> {
        let Terminal::Answer(answer) = &decision.terminal else {
            return None;
        };
        let mut response = Self::with_body(answer, request_id);
        response.headers.extend_from_slice(&answer.headers);
        response.delay_ms = decision.delay_ms;
        Some(response)
    }

    fn with_body(answer: &Answer, request_id: &str) -> Self {
        let status = answer.status;
        let (headers, body) = match &answer.body {
            AnswerBody::Problem => return Self::problem(status, reason(status), request_id),
            AnswerBody::Text { text, content_type } => (
                vec![("content-type".into(), content_type.to_string())],
                text.as_bytes().to_vec(),
            ),
            AnswerBody::Canned(canned) => (canned.headers.clone(), canned.body.clone()),
        };
        Self {
            status,
            headers,
            body,
            delay_ms: 0,
        }
    }

    /// The answer to a request that is over a limit: 414 or 431 when its head is (RFC 9110, 15.5.15; RFC 6585, 5), 413
    /// when its body is. It names the limit, because most clients that meet one are no attackers.
    pub(crate) fn over_limit(limits: Anomalies, request_id: &str) -> Self {
        let has = |anomaly| limits.contains(anomaly);
        // Limits of the head come first, because they say more exactly what is too long.
        let (status, title) =
            if has(Anomaly::UriOverLimit) || has(Anomaly::QueryParametersOverLimit) {
                (414, "URI Too Long")
            } else if has(Anomaly::HeaderOverLimit) || has(Anomaly::CookiesOverLimit) {
                (431, "Request Header Fields Too Large")
            } else {
                (413, "Content Too Large")
            };
        let mut response = Self::problem(status, title, request_id);
        let limits: Vec<&str> = limits.codes().collect();
        let body = serde_json::json!({
            "type": "about:blank", "title": title, "status": status, "request_id": request_id,
            "detail": limits.join(", "),
        });
        response.body = body.to_string().into_bytes();
        response
    }

    /// The answer to a request that breaks the contract of its API. It names what breaks it, code and pointer, because most
    /// callers that break one have a mistake to correct. It has no value of the request.
    pub(crate) fn broken_contract(violations: &[SmolStr], request_id: &str) -> Self {
        let status = contract_status(violations);
        let mut response = Self::problem(status, reason(status), request_id);
        let listed = violations.iter().filter_map(|violation| {
            let (code, pointer) = violation.strip_prefix("request:")?.split_once(':')?;
            Some(serde_json::json!({"code": code, "pointer": pointer}))
        });
        let body = serde_json::json!({
            "type": "about:blank", "title": reason(status), "status": status, "request_id": request_id,
            "detail": "the request does not keep the contract of this API",
            "violations": listed.collect::<Vec<_>>(),
        });
        response.body = body.to_string().into_bytes();
        if status == 401 {
            // RFC 9110, 15.5.2 asks for a challenge. `Bearer` makes no browser ask people for a password.
            let challenge = ("www-authenticate".into(), "Bearer".into());
            response.headers.push(challenge);
        }
        response
    }

    /// The answer in place of one that breaks the contract of its API. It tells nothing: what the API does wrong is in the
    /// event, for those who run it.
    pub(crate) fn bad_answer(request_id: &str) -> Self {
        Self::problem(502, reason(502), request_id)
    }

    /// The answer to a body that comes too slowly (RFC 9110, 15.5.9).
    pub(crate) fn too_slow(request_id: &str) -> Self {
        let mut response = Self::problem(408, reason(408), request_id);
        let body = serde_json::json!({
            "type": "about:blank", "title": reason(408), "status": 408, "request_id": request_id,
            "detail": Anomaly::SlowBody.code(),
        });
        response.body = body.to_string().into_bytes();
        response
    }

    /// Problem details (RFC 9457). They do not name the rule that decided: the event does, under the same request id.
    pub(crate) fn problem(status: u16, title: &str, request_id: &str) -> Self {
        let body = serde_json::json!({
            "type": "about:blank", "title": title, "status": status, "request_id": request_id,
        });
        Self {
            status,
            headers: vec![
                ("content-type".into(), "application/problem+json".into()),
                // A cache on the way must not give one caller's refusal to another caller.
                ("cache-control".into(), "no-store".into()),
            ],
            body: body.to_string().into_bytes(),
            delay_ms: 0,
        }
    }
}

/// The status that says best how a request breaks a contract: what is called comes before who calls, and that before the
/// rest.
fn contract_status(violations: &[SmolStr]) -> u16 {
    let begins = |code: &str| {
        violations
            .iter()
            .any(|violation| violation.starts_with(code))
    };
    if begins("request:endpoint:") {
        404
    } else if begins("request:method:") {
        405
    } else if begins("request:security") {
        401
    } else if begins("request:content_type") {
        415
    } else {
        400
    }
}

/// Reason phrases (RFC 9110, 15) of the statuses that blocks use. HTTP/2 has none: they are titles of problem details.
const fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        502 => "Bad Gateway",
        451 => "Unavailable For Legal Reasons",
        503 => "Service Unavailable",
        _ => "Refused",
    }
}
