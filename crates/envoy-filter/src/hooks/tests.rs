use std::sync::Arc;

use starfort_engine::bundle::{
    Action, Bundle, CannedResponse, Expr, Field, Function, Mode, OverLimit, Phase, Policy,
};
use starfort_engine::event::EventRow;
use starfort_engine::policy::actions::{
    BlockSpec, DeceiveSpec, DelaySpec, DivertSpec, LimitSpec, MaskSpec, TagSpec,
};

use super::*;
use crate::host::Why;
use crate::host::fake::FakeHost;
use crate::process::Process;
use crate::testing::{bundle, process, write_bundle};

/// A process without threads, with a bundle in force.
struct Bench {
    process: Arc<Process>,
    config: Arc<FilterConfig>,
    directory: tempfile::TempDir,
}

impl Bench {
    fn new(bundle: &Bundle) -> Self {
        let bench = Self::without_bundle(true);
        let path = write_bundle(bench.directory.path(), bundle);
        let result = bench.process.swap_bundle(&path, None);
        assert!(result.ok, "{}", result.error);
        bench
    }

    fn without_bundle(fail_open: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let process = process(directory.path());
        let config = Arc::new(FilterConfig {
            process: Arc::clone(&process),
            fail_open,
        });
        Self {
            process,
            config,
            directory,
        }
    }

    fn filter(&self) -> Filter {
        Filter::new(Arc::clone(&self.config))
    }

    /// The one row of the stream that is over.
    fn row(&self) -> Box<EventRow> {
        let row = self.process.events.pop().expect("a row");
        assert!(self.process.events.pop().is_none(), "one row a request");
        row
    }
}

fn policy(name: &str, action: Action, when: Expr) -> Policy {
    Policy {
        name: name.into(),
        phase: Phase::Request,
        apis: None,
        endpoints: None,
        when,
        action,
        mode: Mode::Enforce,
        expires_s: None,
    }
}

fn with(actions: Vec<Action>) -> Bundle {
    let mut bundle = bundle("test");
    bundle.policies = actions
        .into_iter()
        .enumerate()
        .map(|(index, action)| policy(&format!("p{index}"), action, Expr::Bool(true)))
        .collect();
    bundle
}

fn block(status: u16) -> Action {
    Action::Block(BlockSpec {
        status,
        body: None,
        content_type: None,
    })
}

fn answered(then: Then) -> Answer {
    match then {
        Then::Answer(answer) => *answer,
        other => panic!("{other:?} is no answer"),
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// Masks cards in responses.
fn masking() -> Bundle {
    let mut bundle = with(vec![Action::Mask(MaskSpec {
        classes: vec!["card_number".into()],
    })]);
    bundle.policies[0].phase = Phase::Response;
    bundle.sensitive_classes = vec!["card_number".into()];
    bundle
}

#[test]
fn a_request_without_policies_passes_and_gives_one_row() {
    let bench = Bench::new(&bundle("test"));
    let mut host = FakeHost::new(
        "GET",
        "/users/7",
        &[("x-starfort-ja4", "t13d"), ("x-starfort-upstream", "evil")],
    );
    let mut filter = bench.filter();
    assert_eq!(
        filter.request_headers(&mut host, true),
        (HeadersStatus::Continue, Then::Nothing)
    );
    assert!(
        host.request
            .iter()
            .all(|(name, _)| !name.starts_with("x-starfort-")),
        "{:?}",
        host.request
    );
    assert!(
        host.route_cleared,
        "a route chosen by the client's own header is not kept"
    );
    host.respond("200", &[JSON]);
    assert_eq!(
        filter.response_headers(&mut host, false).0,
        HeadersStatus::Continue
    );
    host.receive(b"{\"a\": 1}");
    assert_eq!(
        filter.response_body(&mut host, true).0,
        BodyStatus::Continue
    );
    filter.stream_complete(&host);
    drop(filter);
    let row = bench.row();
    assert_eq!(
        (row.status, row.response_bytes, row.action),
        (200, 8, "allow")
    );
    assert_eq!(
        (row.upstream.as_str(), row.ja4.as_str(), row.protocol),
        ("shop", "t13d", "HTTP/2")
    );
    assert_eq!(
        row.address.0.to_ipv4_mapped().unwrap().to_string(),
        "192.0.2.7"
    );
    assert_eq!(bench.process.metrics.snapshot()["action_allow"], 1);
}

#[test]
fn a_block_answers_without_the_upstream() {
    let bench = Bench::new(&with(vec![block(403)]));
    let mut host = FakeHost::new("GET", "/", &[]);
    let mut filter = bench.filter();
    let (status, then) = filter.request_headers(&mut host, true);
    assert_eq!(status, HeadersStatus::Stop);
    let answer = answered(then);
    assert_eq!(answer.status, 403);
    assert!(
        answer
            .headers
            .contains(&("content-type".into(), "application/problem+json".into()))
    );
    host.receive(b"late");
    assert_eq!(
        filter.request_body(&mut host, true).0,
        BodyStatus::StopNoBuffer
    );
    filter.local_reply(403);
    host.code = Some(403);
    filter.stream_complete(&host);
    let row = bench.row();
    assert_eq!(
        (
            row.status,
            row.action,
            row.policy.as_str(),
            row.upstream.as_str()
        ),
        (403, "block", "p0", "")
    );
    assert_eq!(row.response_content_type, "application/problem+json");
    assert_eq!(
        bench.process.metrics.snapshot().get("policy:p0:block"),
        Some(&1)
    );
}

#[test]
fn grpc_clients_get_a_grpc_status_that_is_not_ok() {
    let bench = Bench::new(&with(vec![block(403)]));
    let mut host = FakeHost::new(
        "POST",
        "/a.B/C",
        &[("content-type", "application/grpc+proto")],
    );
    let answer = answered(bench.filter().request_headers(&mut host, false).1);
    assert!(
        answer.headers.contains(&("grpc-status".into(), "7".into())),
        "{answer:?}"
    );
}

#[test]
fn grpc_upgrades_and_connect_are_never_held() {
    let bench = Bench::new(&bundle("test"));
    for (method, headers) in [
        ("POST", [("content-type", "application/grpc")]),
        ("GET", [("upgrade", "websocket")]),
        ("CONNECT", [("content-type", "application/json")]),
    ] {
        let mut host = FakeHost::new(method, "/", &headers);
        let mut filter = bench.filter();
        assert_eq!(
            filter.request_headers(&mut host, false).0,
            HeadersStatus::Continue,
            "{headers:?}"
        );
        host.receive(b"data");
        assert_eq!(
            filter.request_body(&mut host, false).0,
            BodyStatus::Continue
        );
    }
}

#[test]
fn a_body_of_another_type_is_held_only_until_it_shows_what_it_is() {
    let bench = Bench::new(&bundle("test"));
    for (chunks, statuses) in [
        (vec![&b"\x89P"[..], b"NG"], vec![BodyStatus::Continue; 2]),
        (
            vec![b"  ", b"{", b"\"a\":", b"1}"],
            [
                vec![BodyStatus::StopAndBuffer; 3],
                vec![BodyStatus::Continue],
            ]
            .concat(),
        ),
        (vec![b""], vec![BodyStatus::Continue]),
    ] {
        for trailers in [false, true] {
            let mut host = FakeHost::new("POST", "/", &[("content-type", "image/png")]);
            let mut filter = bench.filter();
            assert_eq!(
                filter.request_headers(&mut host, false).0,
                HeadersStatus::Stop
            );
            let last = chunks.len() - 1;
            for (index, (chunk, expected)) in chunks.iter().zip(&statuses).enumerate() {
                host.receive(chunk);
                let end = index == last && !trailers;
                let (status, then) = filter.request_body(&mut host, end);
                assert_eq!(then, Then::Nothing);
                // With trailers to come, the last chunk of what is held is held too.
                let held = trailers && index == last && last != 1;
                let expected = if held {
                    BodyStatus::StopAndBuffer
                } else {
                    *expected
                };
                assert_eq!(status, expected, "{chunks:?} {index}");
                if status == BodyStatus::StopAndBuffer {
                    host.hold();
                }
            }
            if trailers {
                host.received.clear();
                host.trailers = vec![("x-checksum".into(), "1".into())];
                assert_eq!(
                    filter.request_trailers(&mut host),
                    (TrailersStatus::Continue, Then::Nothing)
                );
                // They are looked at whenever the body is decided on with them.
                assert_eq!(host.trailers_read.get(), chunks.len() != 2);
            }
            filter.stream_complete(&host);
            let read = bench
                .row()
                .parameters
                .iter()
                .any(|name| name.starts_with("body:a"));
            assert_eq!(read, chunks.len() == 4);
        }
    }
}

#[test]
fn divert_sets_the_cluster_and_clears_the_route() {
    let bench = Bench::new(&with(vec![Action::Divert(DivertSpec {
        upstream: "fraud-desk".into(),
    })]));
    let mut host = FakeHost::new("GET", "/", &[("x-starfort-upstream", "evil")]);
    assert_eq!(
        bench.filter().request_headers(&mut host, true).0,
        HeadersStatus::Continue
    );
    assert_eq!(
        host.header(Side::Request, "x-starfort-upstream"),
        Some("fraud-desk")
    );
    assert!(host.route_cleared);
    assert_eq!(bench.row().action, "divert");
}

#[test]
fn tag_deceive_and_limit_do_as_they_say() {
    let mut bundle = with(vec![
        Action::Tag(TagSpec {
            header: "x-risk".into(),
            value: "high".into(),
        }),
        Action::Limit(LimitSpec {
            requests: 1,
            period_ms: 60_000,
            burst: 0,
            key: vec![Expr::Field(Field::ClientAddress)],
        }),
    ]);
    let bench = Bench::new(&bundle);
    let mut host = FakeHost::new("GET", "/", &[("x-risk", "none")]);
    let mut filter = bench.filter();
    assert_eq!(
        filter.request_headers(&mut host, true).0,
        HeadersStatus::Continue
    );
    assert_eq!(host.header(Side::Request, "x-risk"), Some("high"));
    let mut again = FakeHost::new("GET", "/", &[]);
    let limited = answered(bench.filter().request_headers(&mut again, true).1);
    assert_eq!(limited.status, 429);
    assert!(
        limited
            .headers
            .iter()
            .any(|(name, _)| name == "retry-after")
    );
    bundle.policies = vec![policy(
        "trap",
        Action::Deceive(DeceiveSpec { response: 0 }),
        Expr::Bool(true),
    )];
    bundle.responses = vec![CannedResponse {
        name: "no".into(),
        status: 401,
        headers: vec![],
        body: b"wrong".to_vec(),
    }];
    let bench = Bench::new(&bundle);
    let deceived = answered(bench.filter().request_headers(&mut again, true).1);
    assert_eq!(
        (deceived.status, deceived.body.as_slice()),
        (401, &b"wrong"[..])
    );
}

/// A body in chunks of every size up to its own is held and decided on as one.
#[test]
fn a_body_in_any_chunks_is_decided_on_as_a_whole() {
    let mut bundle = bundle("test");
    let name = Expr::Index(
        Box::new(Expr::Field(Field::RequestBody)),
        Box::new(Expr::String("name".into())),
    );
    let is_evil = Expr::Call(Function::Equal, vec![name, Expr::String("evil".into())]);
    bundle.policies = vec![policy("evil", block(403), is_evil)];
    let bench = Bench::new(&bundle);
    let body = br#"{"name": "evil"}"#;
    for size in 1..=body.len() {
        for trailers in [false, true] {
            let mut host = FakeHost::new("POST", "/", &[JSON]);
            let mut filter = bench.filter();
            assert_eq!(
                filter.request_headers(&mut host, false).0,
                HeadersStatus::Stop
            );
            let chunks: Vec<_> = body.chunks(size).collect();
            let mut last = Then::Nothing;
            for (index, chunk) in chunks.iter().enumerate() {
                host.receive(chunk);
                let end = !trailers && index + 1 == chunks.len();
                let (status, then) = filter.request_body(&mut host, end);
                if !end {
                    assert_eq!((status, &then), (BodyStatus::StopAndBuffer, &Then::Nothing));
                    host.hold();
                }
                last = then;
            }
            if trailers {
                last = filter.request_trailers(&mut host).1;
            }
            assert_eq!(
                answered(last).status,
                403,
                "chunks of {size}, trailers {trailers}"
            );
            filter.stream_complete(&host);
            assert_eq!(bench.row().request_bytes, body.len() as u64);
        }
    }
}

#[test]
fn bytes_that_an_earlier_filter_held_are_counted_once() {
    let bench = Bench::new(&bundle("test"));
    let mut host = FakeHost::new("POST", "/", &[JSON]);
    let mut filter = bench.filter();
    filter.request_headers(&mut host, false);
    host.receive(br#"{"name": "x"}"#);
    host.buffered = host.received.clone();
    host.same_buffer = true;
    assert_eq!(filter.request_body(&mut host, true).0, BodyStatus::Continue);
    filter.stream_complete(&host);
    let row = bench.row();
    assert_eq!(row.parameters, ["body:name:string"], "{:?}", row.anomalies);
    assert!(row.anomalies.is_empty(), "{:?}", row.anomalies);
}

fn send_large(bench: &Bench) -> (Filter, FakeHost, Vec<(BodyStatus, Then)>) {
    let mut host = FakeHost::new("POST", "/", &[JSON]);
    let mut filter = bench.filter();
    filter.request_headers(&mut host, false);
    let mut results = Vec::new();
    for index in 0..10 {
        host.receive(&[b'['; 500]);
        let (status, then) = filter.request_body(&mut host, index == 9);
        match status {
            BodyStatus::StopAndBuffer => host.hold(),
            BodyStatus::Continue => {
                host.hold();
                host.buffered.clear();
            }
            _ => {}
        }
        results.push((status, then));
    }
    (filter, host, results)
}

#[test]
fn a_body_over_the_limit_streams_on_after_its_beginning_was_inspected() {
    let mut bundle = bundle("test");
    bundle.limits.request_body_bytes = 1200;
    bundle.limits.over_limit = OverLimit::Pass;
    let bench = Bench::new(&bundle);
    let (mut filter, host, results) = send_large(&bench);
    let statuses: Vec<_> = results.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses[..2], [BodyStatus::StopAndBuffer; 2]);
    assert_eq!(statuses[2..], [BodyStatus::Continue; 8]);
    filter.stream_complete(&host);
    let row = bench.row();
    assert_eq!(row.request_bytes, 5000);
    assert!(
        row.anomalies.contains(&"body_over_limit"),
        "{:?}",
        row.anomalies
    );
}

#[test]
fn a_body_over_the_limit_is_refused_when_so_configured() {
    let mut bundle = bundle("test");
    bundle.limits.request_body_bytes = 1200;
    bundle.limits.over_limit = OverLimit::Refuse;
    let bench = Bench::new(&bundle);
    let (_, _, mut results) = send_large(&bench);
    assert_eq!(results[3].0, BodyStatus::StopNoBuffer);
    assert_eq!(answered(results.swap_remove(2).1).status, 413);
}

#[test]
fn a_delayed_request_is_held_and_goes_on_when_its_time_has_come() {
    let bench = Bench::new(&with(vec![Action::Delay(DelaySpec { duration_ms: 1 })]));
    let mut host = FakeHost::new("GET", "/", &[("upgrade", "websocket")]);
    let mut filter = bench.filter();
    assert_eq!(
        filter.request_headers(&mut host, false),
        (HeadersStatus::StopAllAndWatermark, Then::Nothing)
    );
    let runner = Arc::clone(&bench.process);
    let thread = std::thread::spawn(move || runner.delays.run());
    host.woken.recv().unwrap();
    assert_eq!(
        filter.scheduled(&mut host, Why::Held),
        Then::ContinueRequest
    );
    // Envoy shows the held body to this filter too, now that it goes on.
    host.receive(b"frame");
    assert_eq!(filter.request_body(&mut host, true).0, BodyStatus::Continue);
    assert_eq!(
        filter.scheduled(&mut host, Why::Held),
        Then::Nothing,
        "woken twice, continued once"
    );
    bench.process.delays.stop();
    thread.join().unwrap();
}

#[test]
fn a_delayed_block_answers_late_and_a_delay_with_a_body_waits_with_it() {
    let bench = Bench::new(&with(vec![
        Action::Delay(DelaySpec { duration_ms: 1 }),
        block(403),
    ]));
    let mut host = FakeHost::new("POST", "/", &[JSON]);
    let mut filter = bench.filter();
    filter.request_headers(&mut host, false);
    host.receive(b"{}");
    assert_eq!(
        filter.request_body(&mut host, true),
        (BodyStatus::StopAndWatermark, Then::Nothing)
    );
    assert_eq!(answered(filter.scheduled(&mut host, Why::Held)).status, 403);
    filter.stream_complete(&host);
    assert_eq!((bench.row().status, bench.process.delays.len()), (403, 0));
}

/// A body is waited for as long as the limits say, and each byte earns a millisecond.
fn with_pace(wait_ms: u64) -> Bundle {
    let mut bundle = bundle("test");
    bundle.limits.body_wait_ms = wait_ms;
    bundle.limits.body_rate = 1000;
    bundle.limits.body_time_ms = 0;
    bundle
}

#[test]
fn a_body_that_does_not_come_is_answered_408_with_a_finding() {
    let bench = Bench::new(&with_pace(0));
    let mut host = FakeHost::new("POST", "/", &[JSON]);
    let mut filter = bench.filter();
    filter.request_headers(&mut host, false);
    assert_eq!(bench.process.paces.len(), 1);
    let answer = answered(filter.scheduled(&mut host, Why::Pace));
    assert_eq!(answer.status, 408);
    assert!(
        String::from_utf8(answer.body)
            .unwrap()
            .contains("slow_body")
    );
    assert_eq!(bench.process.paces.len(), 0);
    assert_eq!(bench.process.metrics.slow_bodies.get(), 1);
    host.receive(b"{}");
    assert_eq!(
        filter.request_body(&mut host, true).0,
        BodyStatus::StopNoBuffer,
        "what comes late is thrown away"
    );
    filter.stream_complete(&host);
    let row = bench.row();
    assert_eq!((row.status, row.action), (408, "block"));
    assert!(row.findings.iter().any(|one| one == "over_limit"));
    assert!(row.anomalies.contains(&"slow_body"));
}

#[test]
fn a_body_that_comes_is_waited_for_no_longer() {
    let bench = Bench::new(&with_pace(60_000));
    for (headers, in_trailers) in [
        (JSON, false),
        (JSON, true),
        (("content-type", "image/png"), false),
    ] {
        let mut host = FakeHost::new("POST", "/", &[headers]);
        let mut filter = bench.filter();
        filter.request_headers(&mut host, false);
        host.receive(b"{\"a\": 1");
        filter.request_body(&mut host, false);
        assert_eq!(filter.scheduled(&mut host, Why::Pace), Then::Nothing);
        assert_eq!(
            bench.process.paces.len(),
            1,
            "it is early, so it is woken again"
        );
        host.hold();
        if in_trailers {
            filter.request_trailers(&mut host);
        } else {
            host.receive(b"}");
            filter.request_body(&mut host, true);
        }
        assert_eq!(bench.process.paces.len(), 0);
        assert_eq!(filter.scheduled(&mut host, Why::Pace), Then::Nothing);
    }
    let mut host = FakeHost::new("GET", "/", &[]);
    bench.filter().request_headers(&mut host, true);
    assert_eq!(
        bench.process.paces.len(),
        0,
        "without a body nothing is waited for"
    );
}

#[test]
fn conversations_and_answered_requests_are_not_waited_for() {
    let mut bundle = with_pace(0);
    let grpc = ("content-type", "application/grpc+proto");
    let waits = |bundle: &Bundle, headers: &[(&str, &str)]| {
        let bench = Bench::new(bundle);
        let mut host = FakeHost::new("GET", "/", headers);
        let mut filter = bench.filter();
        filter.request_headers(&mut host, false);
        let before = bench.process.paces.len();
        host.respond("200", &[]);
        filter.response_headers(&mut host, false);
        assert_eq!(
            bench.process.paces.len(),
            0,
            "the upstream has begun to answer"
        );
        assert_eq!(filter.scheduled(&mut host, Why::Pace), Then::Nothing);
        before
    };
    assert_eq!(waits(&bundle, &[("upgrade", "websocket")]), 0);
    assert_eq!(waits(&bundle, &[grpc]), 1, "the upstream cannot speak gRPC");
    bundle.apis[0].grpc = true;
    assert_eq!(waits(&bundle, &[grpc]), 0);
    bundle.limits.body_rate = 0;
    assert_eq!(waits(&bundle, &[JSON]), 0, "any pace will do");
}

#[test]
fn the_time_of_a_held_request_is_not_its_clients() {
    let mut bundle = with(vec![Action::Delay(DelaySpec { duration_ms: 1 })]);
    bundle.limits = with_pace(0).limits;
    let bench = Bench::new(&bundle);
    let mut host = FakeHost::new("POST", "/", &[("content-type", "image/png")]);
    let mut filter = bench.filter();
    filter.request_headers(&mut host, false);
    host.receive(b"\x89PNG\r\n\x1a\n0000");
    assert_eq!(
        filter.request_body(&mut host, false).0,
        BodyStatus::StopAndWatermark
    );
    assert_eq!(filter.scheduled(&mut host, Why::Pace), Then::Nothing);
    assert_eq!(
        filter.scheduled(&mut host, Why::Held),
        Then::ContinueRequest
    );
    assert_eq!(bench.process.paces.len(), 1, "from now on it is waited for");
    assert_eq!(answered(filter.scheduled(&mut host, Why::Pace)).status, 408);
}

#[test]
fn masking_replaces_the_body_in_any_chunks_and_corrects_the_headers() {
    let bench = Bench::new(&masking());
    let body = br#"{"card": "4111111111111111", "n": 1}"#;
    for size in [1, 7, 20, body.len()] {
        for trailers in [false, true] {
            let mut host = FakeHost::new("GET", "/", &[]);
            let mut filter = bench.filter();
            filter.request_headers(&mut host, true);
            host.respond("200", &[JSON, ("content-length", "36"), ("etag", "\"x\"")]);
            assert_eq!(
                filter.response_headers(&mut host, false).0,
                HeadersStatus::Stop
            );
            let chunks: Vec<_> = body.chunks(size).collect();
            for (index, chunk) in chunks.iter().enumerate() {
                host.receive(chunk);
                let end = !trailers && index + 1 == chunks.len();
                let (status, _) = filter.response_body(&mut host, end);
                assert_eq!(status == BodyStatus::Continue, end);
                if !end {
                    host.hold();
                }
            }
            if trailers {
                assert_eq!(
                    filter.response_trailers(&mut host).0,
                    TrailersStatus::Continue
                );
            }
            let sent = String::from_utf8(host.body()).unwrap();
            assert!(
                !sent.contains("4111111111111111") && sent.contains("\"n\""),
                "{sent}"
            );
            let length = sent.len().to_string();
            assert_eq!(
                host.header(Side::Response, "content-length"),
                Some(length.as_str())
            );
            assert_eq!(host.header(Side::Response, "etag"), None);
            filter.stream_complete(&host);
            assert_eq!(bench.row().sensitive_response, ["card_number"]);
        }
    }
}

#[test]
fn a_masked_response_over_the_limit_never_hangs_and_fails_as_configured() {
    for fail_open in [true, false] {
        let mut bundle = masking();
        bundle.limits.response_body_bytes = 1000;
        bundle.fail_open = fail_open;
        let bench = Bench::new(&bundle);
        let mut host = FakeHost::new("GET", "/", &[]);
        let mut filter = bench.filter();
        filter.request_headers(&mut host, true);
        host.respond("200", &[JSON, ("content-length", "9000")]);
        filter.response_headers(&mut host, false);
        host.receive(br#"{"card": "4111111111111111", "x": ""#);
        assert_eq!(
            filter.response_body(&mut host, false).0,
            BodyStatus::StopAndBuffer
        );
        host.hold();
        host.receive(&[b'x'; 3000]);
        let (status, then) = filter.response_body(&mut host, false);
        if status == BodyStatus::Continue {
            assert!(fail_open || bench.process.metrics.responses_unmasked.get() == 0);
        } else {
            assert_eq!((answered(then).status, fail_open), (503, false));
        }
        filter.stream_complete(&host);
        assert!(bench.row().findings.contains(&"response_over_limit".into()));
    }
}

#[test]
fn a_response_policy_replaces_the_response() {
    let mut bundle = with(vec![block(502)]);
    bundle.policies[0].phase = Phase::Response;
    let bench = Bench::new(&bundle);
    let mut host = FakeHost::new("GET", "/", &[]);
    let mut filter = bench.filter();
    filter.request_headers(&mut host, true);
    host.respond("200", &[JSON]);
    let (status, then) = filter.response_headers(&mut host, false);
    assert_eq!((status, answered(then).status), (HeadersStatus::Stop, 502));
    assert_eq!(
        filter.response_body(&mut host, true).0,
        BodyStatus::StopNoBuffer
    );
    filter.stream_complete(&host);
    assert_eq!(
        (
            bench.row().status,
            bench.process.metrics.responses_answered.get()
        ),
        (502, 1)
    );
}

#[test]
fn envoys_own_answers_and_clients_that_left_give_a_row_too() {
    let mut bundle = with(vec![block(502)]);
    bundle.policies[0].phase = Phase::Response;
    let bench = Bench::new(&bundle);
    let mut host = FakeHost::new("GET", "/", &[]);
    let mut filter = bench.filter();
    filter.request_headers(&mut host, true);
    filter.local_reply(503);
    host.respond("503", &[("content-type", "text/plain")]);
    assert_eq!(
        filter.response_headers(&mut host, false),
        (HeadersStatus::Continue, Then::Nothing)
    );
    filter.stream_complete(&host);
    let row = bench.row();
    assert_eq!(
        (row.status, row.action, row.upstream.as_str()),
        (503, "allow", "")
    );
    let mut host = FakeHost::new("POST", "/", &[JSON]);
    let mut filter = bench.filter();
    filter.request_headers(&mut host, false);
    filter.stream_complete(&host);
    assert_eq!(bench.row().status, 0);
}

#[test]
fn destroy_without_completion_still_gives_the_row() {
    let bench = Bench::new(&bundle("test"));
    let mut filter = bench.filter();
    filter.request_headers(&mut FakeHost::new("GET", "/", &[]), true);
    drop(filter);
    bench.row();
}

/// Where the panic happens, and what a client then gets when failing closed.
#[test]
fn a_panic_in_any_hook_fails_open_or_closed_as_the_bundle_says_and_gives_a_row() {
    for fail_open in [true, false] {
        let mut bundle = masking();
        bundle.fail_open = fail_open;
        let bench = Bench::new(&bundle);
        for step in 0..4 {
            let mut host = FakeHost::new("POST", "/", &[JSON, ("x-starfort-jwt", "e30")]);
            let mut filter = bench.filter();
            host.panics.set(step == 0);
            let mut last = filter.request_headers(&mut host, false).1;
            if last == Then::Nothing {
                host.receive(b"{}");
                host.panics.set(step == 1);
                last = filter.request_body(&mut host, true).1;
            }
            if last == Then::Nothing {
                assert_eq!(host.header(Side::Request, "x-starfort-jwt"), None);
                host.respond("200", &[JSON]);
                host.panics.set(step == 2);
                last = filter.response_headers(&mut host, false).1;
            }
            if last == Then::Nothing {
                host.receive(b"{}");
                host.panics.set(step == 3);
                last = filter.response_body(&mut host, true).1;
            }
            host.panics.set(false);
            if fail_open {
                assert_eq!(last, Then::Nothing, "step {step}");
            } else {
                let answer = answered(last);
                host.code = Some(answer.status);
                assert_eq!(answer.status, 503, "step {step}");
            }
            filter.stream_complete(&host);
            assert_eq!(
                bench.row().status,
                if fail_open { 200 } else { 503 },
                "step {step}"
            );
        }
        let metrics = &bench.process.metrics;
        assert_eq!(metrics.panics.get(), 4);
        assert_eq!(
            (metrics.failed_open.get(), metrics.failed_closed.get()),
            if fail_open { (4, 0) } else { (0, 4) }
        );
    }
}

#[test]
fn without_a_bundle_requests_pass_stripped_or_are_refused() {
    let open = Bench::without_bundle(true);
    let mut host = FakeHost::new("GET", "/", &[("x-starfort-peer", "forged")]);
    assert_eq!(
        open.filter().request_headers(&mut host, true).0,
        HeadersStatus::Continue
    );
    assert_eq!(host.header(Side::Request, "x-starfort-peer"), None);
    let closed = Bench::without_bundle(false);
    assert_eq!(
        answered(closed.filter().request_headers(&mut host, true).1).status,
        503
    );
    assert_eq!(closed.process.metrics.requests_without_bundle.get(), 1);
}

#[test]
fn a_stream_keeps_the_bundle_that_it_began_with() {
    let bench = Bench::new(&bundle("one"));
    let mut host = FakeHost::new("POST", "/", &[JSON]);
    let mut filter = bench.filter();
    filter.request_headers(&mut host, false);
    let path = write_bundle(bench.directory.path(), &with(vec![block(403)]));
    assert!(bench.process.swap_bundle(&path, Some("test")).ok);
    host.receive(b"{}");
    assert_eq!(
        filter.request_body(&mut host, true),
        (BodyStatus::Continue, Then::Nothing)
    );
    filter.stream_complete(&host);
    assert_eq!(bench.row().bundle, "one");
}
