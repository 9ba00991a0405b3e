//! What callers write differently to be taken for something else: the engine and the upstream must take a request for
//! the same.

use starfort_engine::bundle::{Action, Bundle, Expr, Field, Function, Mode, Phase, Policy};
use starfort_engine::explain::{Described, DescribedResponse, Explanation, explain};
use starfort_engine::http::body::{Beginning, begins};
use starfort_engine::policy::actions::{BlockSpec, LimitSpec, MaskSpec, TagSpec};
use starfort_engine::{Engine, RequestHead, RequestOutcome, Transaction};

use crate::{NOW, STRANGER, engine, support};

type Header = (&'static [u8], &'static [u8]);

fn policy(action: Action, phase: Phase) -> Policy {
    Policy {
        name: "p".into(),
        phase,
        apis: None,
        endpoints: None,
        when: Expr::Bool(true),
        action,
        mode: Mode::Enforce,
        expires_s: None,
    }
}

fn described(headers: &[Header], body: &[u8]) -> Described {
    let mut all: Vec<Header> = vec![(b":scheme", b"https")];
    for (name, value) in [
        (&b":authority"[..], &b"shop.example.com"[..]),
        (b":method", b"POST"),
        (b":path", b"/api/v1/group0/login"),
    ] {
        if !headers.iter().any(|(known, _)| *known == name) {
            all.push((name, value));
        }
    }
    all.extend(headers);
    Described {
        headers: all
            .iter()
            .map(|(name, value)| (name.to_vec(), value.to_vec()))
            .collect(),
        peer: STRANGER,
        protocol: "HTTP/1.1",
        body: body.to_vec(),
        response: None,
    }
}

fn told(headers: &[Header], body: &[u8]) -> Explanation {
    explain(
        &engine(support::bundle(20, 0)),
        &described(headers, body),
        NOW,
    )
}

/// A port, whatever it is, letter case and one dot at the end make no other host, as Envoy's route table has it.
#[test]
fn hosts_are_taken_as_envoy_takes_them() {
    for (authority, host, api) in [
        (&b"shop.example.com"[..], "shop.example.com", "shop"),
        (b"SHOP.Example.com:443", "shop.example.com", "shop"),
        (b"shop.example.com.", "shop.example.com", "shop"),
        (b"shop.example.com.:80", "shop.example.com", "shop"),
        (b"shop.example.com:", "shop.example.com", "shop"),
        (b"shop.example.com:http", "shop.example.com", "shop"),
        (b"shop.example.com..", "shop.example.com.", ""),
        (b"[::1]:80", "[::1]", ""),
        (b"[::1]", "[::1]", ""),
        (b"", "", ""),
    ] {
        let told = told(&[(b":authority", authority)], b"");
        assert_eq!(
            (told.request.host.as_str(), told.request.api.as_str()),
            (host, api)
        );
    }
}

/// A log-in is read whatever its body is said to be.
#[test]
fn a_false_or_missing_type_hides_no_body() {
    let login = br#"  {"username": "ann", "password": "secret"}"#;
    let honest = told(&[(b"content-type", b"application/json")], login);
    assert!(!honest.event.account_hash.is_empty());
    let types: &[(&[Header], &str)] = &[
        (&[], "content_type_missing"),
        (&[(b"content-type", b"image/png")], "content_type_mismatch"),
        (
            &[(b"content-type", b"application/octet-stream")],
            "content_type_mismatch",
        ),
        (
            &[(b"content-type", b"application/grpc")],
            "content_type_mismatch",
        ),
        (
            &[(b"content-type", b"application/json, text/plain")],
            "content_type_malformed",
        ),
        (&[(b"content-type", b"\xff\xfe")], "content_type_missing"),
    ];
    for (headers, anomaly) in types {
        let told = told(headers, login);
        assert_eq!(
            told.event.account_hash, honest.event.account_hash,
            "{headers:?}"
        );
        assert_eq!(
            told.event.password_hash, honest.event.password_hash,
            "{headers:?}"
        );
        assert!(
            anomaly.is_empty() || told.anomalies.contains(anomaly),
            "{headers:?} {:?}",
            told.anomalies
        );
    }
    let form = told(
        &[(b"content-type", b"application/x-www-form-urlencoded ,x")],
        b"username=ann&password=secret",
    );
    assert_eq!(form.event.account_hash, honest.event.account_hash);
}

/// What is no GET becomes no WebSocket, whose bytes nobody reads.
#[test]
fn an_upgrade_of_another_method_is_refused() {
    let upgrade: Header = (b"upgrade", b"websocket");
    let post = told(&[upgrade, (b"content-type", b"application/json")], b"{}");
    assert_eq!(
        (post.action, post.answer.map(|answer| answer.status)),
        ("block", Some(400))
    );
    assert_eq!(post.anomalies, ["odd_header"]);
    assert_eq!(told(&[upgrade, (b":method", b"GET")], b"").action, "allow");
}

/// Files are told from documents by their first bytes; who pads with white space or cuts into pieces gains nothing.
#[test]
fn beginnings() {
    for (bytes, beginning) in [
        (&b""[..], Beginning::Undecided),
        (b" \r\n", Beginning::Undecided),
        (b" {", Beginning::Undecided),
        (b"O", Beginning::Undecided),
        (b"OFXHEADER", Beginning::Undecided),
        (b"OFXHEADER:100", Beginning::Read),
        (b"{\"a\"", Beginning::Read),
        (b"\xef\xbb\xbf{\"a\"", Beginning::Read),
        (b"\xff\xfe{\0\"\0", Beginning::Read),
        (b"\0{\0\"", Beginning::Read),
        (b"<?xml", Beginning::Read),
        (&[b' '; 600], Beginning::Read),
        (b"\x89PNG\r\n\x1a\n", Beginning::Other),
        (b"PK\x03\x04", Beginning::Other),
        (b"a=b", Beginning::Other),
    ] {
        assert_eq!(begins(bytes), beginning, "{bytes:?}");
    }
}

/// A client with a network of its own meets the limit as one; two networks are counted apart.
#[test]
fn limits_count_ipv6_networks() {
    let mut bundle = support::bundle(20, 0);
    bundle.policies = vec![policy(
        Action::Limit(LimitSpec {
            requests: 1,
            period_ms: 60_000,
            burst: 0,
            key: vec![Expr::Field(Field::ClientAddress)],
        }),
        Phase::Request,
    )];
    let engine = engine(bundle);
    let action = |peer: &str| {
        let mut request = described(&[], b"");
        request.peer = peer.parse().unwrap();
        explain(&engine, &request, NOW).action
    };
    assert_eq!(action("2001:db8:1:2::1"), "allow");
    assert_eq!(action("2001:db8:1:2:ffff::7"), "limit");
    assert_eq!(action("2001:db8:1:3::1"), "allow");
    assert_eq!(action("192.0.2.1"), "allow");
    assert_eq!(action("192.0.2.2"), "allow");
    assert_eq!(action("::ffff:192.0.2.2"), "limit");
}

/// A request without a body, after its head.
fn begun(engine: &Engine, headers: &[Header]) -> (Box<Transaction>, RequestOutcome) {
    let described = described(headers, b"");
    let head: Vec<(&[u8], &[u8])> = described
        .headers
        .iter()
        .map(|(name, value)| (&name[..], &value[..]))
        .collect();
    let head = RequestHead {
        headers: &head,
        peer: STRANGER,
        protocol: "HTTP/1.1",
        end_of_stream: true,
    };
    Transaction::request_headers(engine, head, NOW)
}

fn effects(bundle: Bundle, headers: &[Header]) -> Vec<String> {
    match begun(&engine(bundle), headers).1 {
        RequestOutcome::Continue(effects) => effects.remove,
        other => panic!("{other:?}"),
    }
}

/// A policy that masks card numbers in responses.
fn mask_cards() -> Policy {
    let mask = Action::Mask(MaskSpec {
        classes: vec!["card_number".into()],
    });
    policy(mask, Phase::Response)
}

/// A header that a policy tags with is removed however its hyphens are written.
#[test]
fn underscores_are_no_way_to_a_tag() {
    let mut bundle = support::bundle(20, 0);
    let tag = Action::Tag(TagSpec {
        header: "x-client-risk".into(),
        value: "high".into(),
    });
    bundle.policies = vec![policy(tag, Phase::Request)];
    let sent: &[Header] = &[
        (b"x_client_risk", b"none"),
        (b"x-client_risk", b"none"),
        (b"x-client-risks", b"none"),
        (b"api_key", b"1"),
    ];
    assert_eq!(effects(bundle, sent), ["x_client_risk", "x-client_risk"]);
}

/// Where responses are masked, nobody gets a value in two halves by asking for parts; elsewhere parts are served.
#[test]
fn ranges_are_not_asked_for_where_responses_are_masked() {
    let mut bundle = support::bundle(20, 0);
    let range: &[Header] = &[(b"range", b"bytes=0-7")];
    assert!(effects(bundle.clone(), range).is_empty());
    bundle.policies = vec![mask_cards()];
    assert_eq!(effects(bundle.clone(), range), ["range"]);
    assert!(effects(bundle, &[]).is_empty());
}

/// The same holds for encodings that the engine cannot undo.
#[test]
fn responses_are_asked_for_in_encodings_that_can_be_undone() {
    use starfort_engine::http::decompress::only_readable;
    for (accepted, asked) in [
        ("gzip, deflate, br, zstd", None),
        ("gzip;q=0.5, identity", None),
        ("", None),
        ("compress, gzip;q=0.1", Some("gzip;q=0.1")),
        ("*", Some("identity")),
        ("dcb,dcz", Some("identity")),
    ] {
        assert_eq!(only_readable(accepted).as_deref(), asked, "{accepted}");
    }
}

/// A compressed response that grows past the limits is not cut short by masking what was read of it.
#[test]
fn a_response_that_grows_too_large_is_said_to_be_incomplete() {
    use starfort_engine::{ResponseBodyOutcome, ResponseHead};
    use std::io::Write;
    let mut bundle = support::bundle(20, 0);
    bundle.limits.decompressed_bytes = 100_000;
    bundle.policies = vec![mask_cards()];
    let engine = engine(bundle);
    let outcome = |padding: usize| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let body = r#"{"card": "4111111111111111"}"#.to_owned() + &" ".repeat(padding);
        gzip.write_all(body.as_bytes()).unwrap();
        let (mut transaction, _) = begun(&engine, &[]);
        let headers: &[Header] = &[
            (b":status", b"200"),
            (b"content-type", b"application/json"),
            (b"content-encoding", b"gzip"),
        ];
        let head = ResponseHead {
            headers,
            upstream: "shop",
            end_of_stream: false,
        };
        transaction.response_headers(&engine, head, NOW);
        match transaction.response_body(&engine, &gzip.finish().unwrap(), false, NOW) {
            ResponseBodyOutcome::Replace {
                decoded, complete, ..
            } => (decoded, complete),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(outcome(10), (true, true));
    assert_eq!(outcome(200_000), (true, false));
}

/// What lies behind the limit of a response is not masked; a policy can refuse the whole.
#[test]
fn a_response_that_is_not_read_to_its_end_can_be_refused() {
    let mut bundle = support::bundle(20, 0);
    bundle.limits.response_body_bytes = 100;
    let mut refuse = policy(
        Action::Block(BlockSpec {
            status: 502,
            body: None,
            content_type: None,
        }),
        Phase::Response,
    );
    refuse.when = Expr::And(
        Box::new(Expr::Call(
            Function::In,
            vec![
                Expr::String("response_over_limit".into()),
                Expr::Field(Field::Findings),
            ],
        )),
        Box::new(Expr::Call(
            Function::Equal,
            vec![Expr::Field(Field::ResponseStatus), Expr::Int(200)],
        )),
    );
    bundle.policies = vec![mask_cards(), refuse];
    let engine = engine(bundle);
    let action = |length: usize| {
        let mut described = described(&[], b"");
        described.response = Some(DescribedResponse {
            headers: vec![
                (b":status".into(), b"200".into()),
                (b"content-type".into(), b"application/json".into()),
            ],
            body: vec![b' '; length],
        });
        explain(&engine, &described, NOW).action
    };
    assert_eq!((action(100), action(101)), ("allow", "block"));
}

/// A response that does not say what it is is masked too.
#[test]
fn a_response_without_a_type_is_masked() {
    let mut bundle = support::bundle(20, 0);
    bundle.policies = vec![mask_cards()];
    let mut described = described(&[], b"");
    described.response = Some(DescribedResponse {
        headers: vec![(b":status".into(), b"200".into())],
        body: br#"{"card": "4111111111111111"}"#.to_vec(),
    });
    let told = explain(&engine(bundle), &described, NOW);
    assert!(
        !String::from_utf8(told.masked_body.unwrap())
            .unwrap()
            .contains("41111111")
    );
}
