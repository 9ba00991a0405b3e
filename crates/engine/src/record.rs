//! Makes the event row of a call that passed elsewhere: in a file, in another proxy, before Starfort was there.
//!
//! Such a call takes the way of every request, so it is hashed, masked and matched as if it had come through Envoy. It is
//! over, and nothing can be done about it: what policies would have done is noted as observed.

use smol_str::SmolStr;

use crate::bundle::{Bundle, Limits, Mode, OverLimit};
use crate::engine::{Engine, Now};
use crate::event::EventRow;
use crate::explain::{Described, borrowed, decided};
use crate::input::{RequestHead, ResponseHead, StreamEnd};
use crate::outcome::{RequestOutcome, ResponseBodyOutcome, ResponseOutcome};
use crate::policy::Terminal;
use crate::transaction::{CONTRACT_FINDING, OBSERVED_CONTRACT, Transaction};

/// What `auth_seen` says of a call whose headers nobody saw: no credential was found, which proves nothing.
pub const UNKNOWN_CREDENTIAL: &str = "unknown";

/// A part of a call that a source cannot see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unseen {
    /// Headers of the request, or all but a few.
    RequestHeaders,
    /// Body of the request.
    RequestBody,
    /// All of the response: whether there was one is unknown too.
    Response,
    /// Headers of the response, or all but a few.
    ResponseHeaders,
    /// Body of the response.
    ResponseBody,
}

impl Unseen {
    /// Every part.
    pub const ALL: [Self; 5] = [
        Self::RequestHeaders,
        Self::RequestBody,
        Self::Response,
        Self::ResponseHeaders,
        Self::ResponseBody,
    ];

    /// The word in events.
    pub const fn code(self) -> &'static str {
        match self {
            Self::RequestHeaders => "request_headers",
            Self::RequestBody => "request_body",
            Self::Response => "response",
            Self::ResponseHeaders => "response_headers",
            Self::ResponseBody => "response_body",
        }
    }
}

/// A call that is over, as its source describes it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Request and response, as far as they were seen.
    pub described: Described,
    /// When the request began, Unix microseconds.
    pub time_us: u64,
    /// How long the call took, microseconds.
    pub duration_us: u32,
    /// Bytes of the request's body; more than `described` has when the source cut it. `None`: as many as it has.
    pub request_bytes: Option<u64>,
    /// The same of the response's body.
    pub response_bytes: Option<u64>,
    /// What the source cannot see.
    pub unseen: Vec<Unseen>,
}

/// The same bundle, whose engine only looks: no policy acts, and no limit refuses.
pub fn observing(mut bundle: Bundle) -> Bundle {
    for policy in &mut bundle.policies {
        policy.mode = Mode::Observe;
    }
    let pass = |limits: &mut Limits| {
        limits.over_limit = OverLimit::Pass;
        limits.over_limit_files = OverLimit::Pass;
    };
    pass(&mut bundle.limits);
    bundle.scoped_limits.iter_mut().for_each(pass);
    let contracts = bundle.contracts.iter_mut();
    for settings in contracts.flat_map(|contract| &mut contract.settings) {
        settings.requests = settings.requests.map(|_| Mode::Observe);
        settings.responses = settings.responses.map(|_| Mode::Observe);
        settings.remove.clear();
        settings.remove_undocumented = false;
    }
    bundle
}

/// The event row of a call that is over.
///
/// # Arguments
/// `engine` – made from a bundle that [`observing`] has changed.
///
/// `source` – the word for where the call was seen; events of traffic that passes through Envoy have "".
pub fn record(engine: &Engine, source: &str, exchange: &Exchange) -> Box<EventRow> {
    let described = &exchange.described;
    let began = Now {
        unix_us: exchange.time_us,
        monotonic_ns: exchange.time_us.saturating_mul(1_000),
    };
    let ended = Now {
        unix_us: began.unix_us + u64::from(exchange.duration_us),
        monotonic_ns: (began.monotonic_ns)
            .saturating_add(u64::from(exchange.duration_us).saturating_mul(1_000)),
    };
    let request_bytes = total(exchange.request_bytes, &described.body);
    let headers = borrowed(&described.headers);
    let head = RequestHead {
        headers: &headers,
        peer: described.peer,
        protocol: described.protocol,
        end_of_stream: described.body.is_empty(),
    };
    let mut transaction = Transaction::begin(engine, head, began);
    let cut = request_bytes > described.body.len() as u64;
    let refused = matches!(
        decided(&mut transaction, engine, &described.body, cut, began),
        RequestOutcome::Respond(_)
    );
    let mut response_bytes = 0;
    if let Some(response) = &described.response {
        response_bytes = total(exchange.response_bytes, &response.body);
        hear_response(&mut transaction, engine, exchange, response_bytes, ended);
    }
    let end = StreamEnd {
        request_bytes,
        response_bytes,
        // Nothing was held up here.
        engine_us: 0,
    };
    let api = engine.api(transaction.found.matched.api);
    let upstream = SmolStr::new(api.map(|api| &*api.upstream).unwrap_or_default());
    let mut row = transaction.finish(engine, end, ended);
    row.source = source.into();
    row.unseen = exchange.unseen.iter().map(|part| part.code()).collect();
    // Somebody else served the call, and its servers are those of the API.
    row.upstream = upstream;
    note_passed(&mut row, refused);
    note_credentials(&mut row, &exchange.unseen);
    forget_parts(&mut row, &exchange.unseen);
    row
}

/// A message of which a part was not seen looks like one without that part, and would make a schema too narrow.
fn forget_parts(row: &mut EventRow, unseen: &[Unseen]) {
    let lacks = |parts: &[Unseen]| parts.iter().any(|part| unseen.contains(part));
    if lacks(&[Unseen::RequestHeaders, Unseen::RequestBody]) {
        row.shape_request.clear();
    }
    if lacks(&[
        Unseen::Response,
        Unseen::ResponseHeaders,
        Unseen::ResponseBody,
    ]) {
        row.shape_response.clear();
        row.response_traits.clear();
    }
    row.contract
        .retain(|violation| match violation.split_once(':') {
            Some(("response", what)) => is_seen(true, what, unseen),
            Some((_, what)) => is_seen(false, what, unseen),
            None => true,
        });
    row.findings
        .retain(|finding| match finding.strip_prefix(CONTRACT_FINDING) {
            Some(what) => match what.strip_prefix("response/") {
                Some(what) => is_seen(true, what, unseen),
                None => is_seen(false, what, unseen),
            },
            None => true,
        });
    if row.contract.is_empty() {
        row.observed.retain(|done| done != OBSERVED_CONTRACT);
    }
}

/// Whether a violation of a contract is about something that was seen: nobody knows whether a body that was not seen had
/// its required fields. `what` is the code with its part before it: `body/type`, `security`.
fn is_seen(is_response: bool, what: &str, unseen: &[Unseen]) -> bool {
    let lacks = |part: Unseen| unseen.contains(&part);
    if is_response && lacks(Unseen::Response) {
        return false;
    }
    let (headers, body) = if is_response {
        (lacks(Unseen::ResponseHeaders), lacks(Unseen::ResponseBody))
    } else {
        (lacks(Unseen::RequestHeaders), lacks(Unseen::RequestBody))
    };
    if what.starts_with("body") {
        // Without the headers, the type of a body is not known either.
        return !headers && !body;
    }
    let is_of_headers = ["header", "cookie", "security", "content_type"]
        .iter()
        .any(|of| what.starts_with(of));
    !(is_of_headers && headers)
}

/// Whatever Starfort would have answered, the call passed.
fn note_passed(row: &mut EventRow, refused: bool) {
    if refused && row.action != Terminal::Allow.code() {
        row.observed.push(format!("{}:{}", row.action, row.policy));
    }
    row.action = Terminal::Allow.code();
    row.policy = SmolStr::default();
}

/// Where headers were not seen, no credential was found: queries and detectors must not take that for a call without any.
fn note_credentials(row: &mut EventRow, unseen: &[Unseen]) {
    if row.auth_seen.is_empty() && unseen.contains(&Unseen::RequestHeaders) {
        row.auth_seen.push(UNKNOWN_CREDENTIAL);
    }
}

/// Let the stages look at the response as it was.
fn hear_response(
    transaction: &mut Transaction,
    engine: &Engine,
    exchange: &Exchange,
    bytes: u64,
    now: Now,
) {
    let Some(response) = &exchange.described.response else {
        return;
    };
    let headers = borrowed(&response.headers);
    let head = ResponseHead {
        headers: &headers,
        // Policies ask whether an upstream answered, and one did. Its name follows in the row.
        upstream: "upstream",
        end_of_stream: response.body.is_empty(),
    };
    match transaction.response_headers(engine, head, now) {
        ResponseOutcome::Collect => transaction.response_chunk(engine, &response.body),
        ResponseOutcome::NeedBody { limit_bytes } => {
            let cut = response.body.len() > limit_bytes || bytes > response.body.len() as u64;
            // What could be done to the body is of no use any more.
            let _: ResponseBodyOutcome =
                transaction.response_body(engine, &response.body, cut, now);
        }
        ResponseOutcome::Continue | ResponseOutcome::Respond(_) => {}
    }
}

fn total(said: Option<u64>, body: &[u8]) -> u64 {
    let seen = body.len() as u64;
    said.map_or(seen, |said| said.max(seen))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::{Assets, SharedState};
    use crate::explain::DescribedResponse;
    use crate::testing;

    fn pairs(all: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
        all.iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
            .collect()
    }

    fn exchange(path: &str, response: Option<DescribedResponse>) -> Exchange {
        let headers = [
            (":authority", "shop.example"),
            (":method", "GET"),
            (":path", path),
            (":scheme", "https"),
        ];
        Exchange {
            described: Described {
                headers: pairs(&headers),
                peer: [192, 0, 2, 7].into(),
                protocol: "HTTP/1.1",
                body: Vec::new(),
                response,
            },
            time_us: 1_500_000_000_000_000,
            duration_us: 2_500,
            request_bytes: None,
            response_bytes: Some(42),
            unseen: vec![Unseen::RequestHeaders, Unseen::ResponseBody],
        }
    }

    fn engine(change: impl FnOnce(&mut Bundle)) -> Engine {
        let mut bundle = testing::bundle();
        change(&mut bundle);
        let shared = Arc::new(SharedState::default());
        Engine::new(observing(bundle), Assets::default(), shared).expect("the bundle is good")
    }

    fn answered(status: &str) -> DescribedResponse {
        DescribedResponse {
            headers: pairs(&[(":status", status)]),
            body: Vec::new(),
        }
    }

    #[test]
    fn a_call_keeps_its_time_and_says_what_was_not_seen() {
        let row = record(
            &engine(|_| {}),
            "access_log",
            &exchange("/users/7", Some(answered("200"))),
        );
        assert_eq!(
            (row.time_us, row.duration_us),
            (1_500_000_000_000_000, 2_500)
        );
        assert_eq!(
            (row.status, &*row.upstream, row.action),
            (200, "shop", "allow")
        );
        assert_eq!(
            (&*row.endpoint_id, row.response_bytes),
            ("GET /users/{id}", 42)
        );
        assert_eq!(
            (&*row.source, &row.unseen[..]),
            ("access_log", &["request_headers", "response_body"][..])
        );
        assert_eq!(row.auth_seen, ["unknown"]);
    }

    #[test]
    fn a_call_without_its_response_has_no_status() {
        let mut call = exchange("/users/7", None);
        call.unseen = vec![Unseen::Response];
        let row = record(&engine(|_| {}), "mirror", &call);
        assert_eq!((row.status, &*row.upstream), (0, "shop"));
        assert!(row.auth_seen.is_empty());
    }

    #[test]
    fn what_was_not_seen_breaks_no_contract() {
        let log = [
            Unseen::RequestHeaders,
            Unseen::RequestBody,
            Unseen::ResponseBody,
        ];
        assert!(!is_seen(false, "body/required:/name", &log));
        assert!(!is_seen(false, "security", &log));
        assert!(!is_seen(false, "header/required:x-tenant", &log));
        assert!(!is_seen(true, "body/type:/id", &log));
        assert!(is_seen(false, "query/type:page", &log));
        assert!(is_seen(true, "status", &log));
        assert!(!is_seen(true, "status", &[Unseen::Response]));
        assert!(is_seen(false, "body/required:/name", &[Unseen::Response]));
    }

    #[test]
    fn limits_refuse_nothing_that_has_passed() {
        let tight = engine(|bundle| bundle.limits.uri_bytes = 8);
        let row = record(
            &tight,
            "har",
            &exchange("/users/7777777777", Some(answered("200"))),
        );
        assert_eq!((row.action, row.status), ("allow", 200));
        assert!(row.anomalies.contains(&"uri_over_limit"));
    }
}
