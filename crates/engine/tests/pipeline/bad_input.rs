//! What attackers and accidents send, through the whole pipeline: every request is still understood as far as it
//! goes, decided on, and its oddity named.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use starfort_engine::bundle::{
    Action, Bundle, Expr, Field, Function, Mode, OverLimit, Phase, Policy, Quantifier,
};
use starfort_engine::explain::{Described, DescribedResponse, Explanation, explain};
use starfort_engine::policy::actions::MaskSpec;
use starfort_engine::{Assets, Engine, EngineError};

use crate::{NOW, STRANGER, engine, support};

fn request(headers: &[(&[u8], &[u8])], body: &[u8]) -> Described {
    let mut all: Vec<(Vec<u8>, Vec<u8>)> = vec![
        (b":authority".into(), b"shop.example.com".into()),
        (b":method".into(), b"POST".into()),
        (b":scheme".into(), b"https".into()),
    ];
    if !headers.iter().any(|(name, _)| *name == b":path") {
        all.push((b":path".into(), b"/api/v1/group0/login".into()));
    }
    all.extend(
        headers
            .iter()
            .map(|(name, value)| (name.to_vec(), value.to_vec())),
    );
    Described {
        headers: all,
        peer: STRANGER,
        protocol: "HTTP/1.1",
        body: body.to_vec(),
        response: None,
    }
}

fn told(headers: &[(&[u8], &[u8])], body: &[u8]) -> Explanation {
    explain(
        &engine(support::bundle(20, 20)),
        &request(headers, body),
        NOW,
    )
}

const JSON: (&[u8], &[u8]) = (b"content-type", b"application/json");

/// JSON, XML and form bodies that nest a thousand deep end at the limit, and are refused for it.
#[test]
fn a_thousand_deep_is_named() {
    let (open, close) = ("[".repeat(1_000), "]".repeat(1_000));
    let objects = r#"{"a":"#.repeat(1_000) + "1" + &"}".repeat(1_000);
    let xml = "<a>".repeat(1_000) + &"</a>".repeat(1_000);
    for (kind, body) in [
        ("application/json", open.clone() + &close),
        ("application/json", open),
        ("application/json", objects),
        ("application/xml", xml),
    ] {
        let told = told(&[(b"content-type", kind.as_bytes())], body.as_bytes());
        assert!(
            told.anomalies.contains(&"depth_over_limit"),
            "{kind}: {:?}",
            told.anomalies
        );
        assert_eq!(told.action, "block");
    }
}

/// A response that nests a thousand deep is scanned and masked without harm.
#[test]
fn a_thousand_deep_response_is_masked() {
    let mut bundle = support::bundle(1, 0);
    bundle.policies = vec![policy(
        Expr::Bool(true),
        Action::Mask(MaskSpec {
            classes: Vec::new(),
        }),
        Phase::Response,
    )];
    let body = "[".repeat(1_000) + r#""4111 1111 1111 1111""# + &"]".repeat(1_000);
    let mut described = request(&[], b"");
    described.response = Some(DescribedResponse {
        headers: vec![
            (b":status".into(), b"200".into()),
            (b"content-type".into(), b"application/json".into()),
        ],
        body: body.into_bytes(),
    });
    let told = explain(&engine(bundle), &described, NOW);
    let masked = String::from_utf8(told.masked_body.unwrap()).unwrap();
    assert!(!masked.contains("4111"), "the card number is still there");
    assert_eq!(told.sensitive_response, ["card_number"]);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A bomb is cut at the ratio, layers of compression at their number, and garbage is called so.
#[test]
fn compression_bombs_are_cut() {
    let bomb = gzip(&vec![b' '; 32 << 20]);
    let layered = gzip(&gzip(&bomb));
    for (encoding, body) in [("gzip", bomb), ("gzip, gzip, gzip", layered)] {
        let told = told(&[JSON, (b"content-encoding", encoding.as_bytes())], &body);
        assert!(
            told.anomalies.contains(&"decompression_over_limit"),
            "{encoding}: {:?}",
            told.anomalies
        );
    }
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let told = told(
            &[JSON, (b"content-encoding", encoding.as_bytes())],
            b"\x00\xffgarbage",
        );
        assert!(
            told.anomalies.contains(&"malformed_compression"),
            "{encoding}: {:?}",
            told.anomalies
        );
    }
}

/// Each malformed body has its name, and a bomb in a field does not hide what came before it.
#[test]
fn malformed_bodies_are_named() {
    for (kind, body, anomaly) in [
        ("application/json", &br#"{"a":1"#[..], "malformed_json"),
        (
            "application/json",
            br#"{"a":1,"a":2}"#,
            "duplicate_json_key",
        ),
        ("application/json", b"{\"a\":\"\xff\"}", "invalid_utf8"),
        ("application/xml", b"<a><b></a>", "malformed_xml"),
        (
            "application/xml",
            b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///x'>]><a>&e;</a>",
            "xml_external_entity",
        ),
        ("multipart/form-data", b"--x\r\n\r\n", "malformed_multipart"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nno end",
            "malformed_multipart",
        ),
        (
            "application/x-www-form-urlencoded",
            b"a=%zz",
            "malformed_form",
        ),
    ] {
        let told = told(&[(b"content-type", kind.as_bytes())], body);
        assert!(
            told.anomalies.contains(&anomaly),
            "{kind}: {anomaly} not in {:?}",
            told.anomalies
        );
    }
}

/// Bodies over the limit pass with a name, or are refused, as the bundle says.
#[test]
fn bodies_over_the_limit_pass_or_are_refused() {
    let body = json!({"username": "ann", "padding": "x".repeat(5_000)}).to_string();
    for over_limit in [OverLimit::Pass, OverLimit::Refuse] {
        let mut bundle = support::bundle(20, 0);
        bundle.limits.request_body_bytes = 1_000;
        bundle.limits.over_limit = over_limit;
        let told = explain(&engine(bundle), &request(&[JSON], body.as_bytes()), NOW);
        assert!(
            told.anomalies.contains(&"body_over_limit"),
            "{:?}",
            told.anomalies
        );
        let status = told.answer.map(|answer| answer.status);
        assert_eq!(status, (over_limit == OverLimit::Refuse).then_some(413));
        assert_eq!(told.event.status, status.unwrap_or(0));
    }
}

/// Headers that servers read differently, or that carry what no header may.
#[test]
fn odd_headers_are_named() {
    let long = vec![b'x'; 70_000];
    for (headers, anomaly) in [
        (
            &[
                (&b"content-length"[..], &b"3"[..]),
                (b"content-length", b"4"),
            ][..],
            "duplicate_header",
        ),
        (
            &[JSON, (b"content-type", b"text/plain")],
            "duplicate_header",
        ),
        (&[(b"x-a", b"b\x00c")], "odd_header"),
        (&[(b"x a", b"b")], "odd_header"),
        (&[(b"", b"b")], "odd_header"),
        (&[(b"x-a", &long)], "header_over_limit"),
        (&[(&b"x-a"[..], &b"1"[..]); 300][..], "header_over_limit"),
        (&[(b"cookie", b"a=1; a=2")], "duplicate_cookie"),
        (&[(b":path", b"/a/\xff")], "path_invalid_utf8"),
        (&[(b":path", b"/a/%00")], "path_nul"),
        (&[(b":path", b"/a/%252e%252e/b")], "path_double_encoding"),
        (&[(b":path", b"/a?q=%ff")], "query_invalid_utf8"),
    ] {
        let told = told(headers, b"");
        assert!(
            told.anomalies.contains(&anomaly),
            "{anomaly} not in {:?}",
            told.anomalies
        );
    }
}

/// What is no UTF-8 anywhere in the head gives a row that is, and no panic.
#[test]
fn invalid_utf8_everywhere_is_decided_on() {
    let bytes: Vec<u8> = (0x80..=0xff).collect();
    for name in [
        &b"user-agent"[..],
        b"x-api-key",
        b"authorization",
        b"cookie",
        b"x-forwarded-for",
        b"host",
        b"content-type",
        b"content-encoding",
        b"x-request-id",
        b"x-starfort-ja4",
        b"x-starfort-jwt",
        b"x-starfort-peer",
        b":path",
        b"\xff\xfe",
    ] {
        let told = told(&[(name, &bytes)], &bytes);
        assert!(told.event.path.starts_with('/'));
    }
}

/// `X-Forwarded-For` counts from trusted peers only; garbage in it is named.
#[test]
fn forged_forwarding_changes_nobody() {
    let sent = (&b"x-forwarded-for"[..], &b"198.51.100.1"[..]);
    let forged = told(&[sent], b"");
    assert_eq!(
        (
            &*forged.client.address,
            forged.findings.contains(&"forged_forwarding".into())
        ),
        ("203.0.113.7", true)
    );
    let from_proxy = |value: &[u8]| {
        let mut described = request(&[(b"x-forwarded-for", value)], b"");
        described.peer = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
        explain(&engine(support::bundle(20, 20)), &described, NOW)
    };
    assert_eq!(from_proxy(b"198.51.100.1").client.address, "198.51.100.1");
    // The client wrote the first entry itself; the proxy added the last.
    assert_eq!(
        from_proxy(b"192.0.2.1, 198.51.100.1").client.address,
        "198.51.100.1"
    );
    for garbage in [
        &b"nobody"[..],
        b"198.51.100.1, x",
        b"\xff",
        b"999.1.1.1",
        b"::ffff:1.2.3.4.5",
    ] {
        let told = from_proxy(garbage);
        assert!(
            told.findings.contains(&"malformed_forwarding".into()),
            "{garbage:?}: {:?}",
            told.findings
        );
    }
    let long = vec![&b"198.51.100.1"[..]; 20_000].join(&b","[..]);
    assert_eq!(from_proxy(&long).client.address, "198.51.100.1");
}

/// Whatever has Starfort's prefix is removed before the upstream sees it.
#[test]
fn internal_headers_do_not_leave() {
    use starfort_engine::{RequestHead, RequestOutcome, Transaction};
    let headers: &[(&[u8], &[u8])] = &[
        (b":path", b"/"),
        (b":method", b"GET"),
        (b"x-starfort-upstream", b"fraud-desk"),
        (b"x-starfort-ja4", b"forged"),
    ];
    let head = RequestHead {
        headers,
        peer: STRANGER,
        protocol: "HTTP/2",
        end_of_stream: true,
    };
    let engine = engine(support::bundle(20, 0));
    let (_, outcome) = Transaction::request_headers(&engine, head, NOW);
    let RequestOutcome::Continue(effects) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(effects.remove, ["x-starfort-upstream", "x-starfort-ja4"]);
}

/// Tokens that Envoy did not verify prove nothing, each with its reason.
#[test]
fn bad_tokens_prove_nothing() {
    let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let token = |header, claims| format!("{}.{}.c2lnbmF0dXJl", part(header), part(claims));
    let ours = json!({"iss": "https://id.example.com", "sub": "ann", "exp": 4_000_000_000_u64});
    let header = |algorithm: &str| json!({"alg": algorithm});
    let huge = json!({"iss": "https://id.example.com", "sub": "x".repeat(100_000)});
    for (token, reason) in [
        (token(header("none"), ours.clone()), "jwt_none_algorithm"),
        (token(header("NoNe"), ours.clone()), "jwt_none_algorithm"),
        // Signed with the public key as if it were a shared secret: Envoy's refusal is all that shows.
        (token(header("HS256"), ours.clone()), "jwt_not_verified"),
        (
            token(header("RS256"), json!({"iss": "https://evil.example"})),
            "jwt_unknown_issuer",
        ),
        (
            token(
                header("RS256"),
                json!({"iss": "https://id.example.com", "exp": 1}),
            ),
            "jwt_expired",
        ),
        (
            token(
                header("RS256"),
                json!({"iss": "https://id.example.com", "nbf": 4_000_000_000_u64}),
            ),
            "jwt_not_yet_valid",
        ),
        (token(header("RS256"), huge), "jwt_too_large"),
        ("a.b.c".into(), "jwt_malformed"),
        (format!("{}..", "[".repeat(10_000)), "jwt_malformed"),
    ] {
        let authorization = format!("Bearer {token}");
        let told = told(&[(b"authorization", authorization.as_bytes())], b"");
        assert_eq!(
            (told.identity.error, told.identity.verified),
            (reason, false)
        );
        assert!(told.identity.subject.is_empty() && told.findings.contains(&reason.into()));
        let row = serde_json::to_string(&told.event).unwrap();
        assert!(
            !row.contains(&token[..token.len().min(32)]),
            "the token is in the event"
        );
    }
}

/// A verified payload of a thousand claims or of deep ones is read within its limits.
#[test]
fn odd_payloads_of_verified_tokens_are_bounded() {
    let many: serde_json::Map<_, _> = (0..1_000)
        .map(|index| (format!("c{index}"), json!(index)))
        .collect();
    let deep = r#"{"a":"#.to_owned() + &"[".repeat(5_000) + &"]".repeat(5_000) + "}";
    for payload in [
        serde_json::Value::Object(many).to_string(),
        deep,
        "[]".into(),
        "\u{0}".into(),
    ] {
        let encoded = BASE64_URL_SAFE_NO_PAD.encode(payload);
        let told = told(&[(b"x-starfort-jwt", encoded.as_bytes())], b"");
        assert!(told.identity.subject.is_empty());
    }
}

fn policy(when: Expr, action: Action, phase: Phase) -> Policy {
    Policy {
        name: "p".into(),
        phase,
        apis: None,
        endpoints: None,
        when,
        action,
        mode: Mode::Enforce,
        expires_s: None,
    }
}

/// Expressions deeper than the engine evaluates are refused, however deep the file nests them.
#[test]
fn deep_expressions_are_refused() {
    for depth in [1_000, 100_000] {
        let mut bundle = support::bundle(1, 1);
        let mut payload = bundle.to_bytes().unwrap().split_off(52);
        bundle.policies.clear();
        let when = rmp_serde::to_vec_named(&Expr::Bool(true)).unwrap();
        let not =
            rmp_serde::to_vec_named(&Expr::Call(Function::Not, vec![Expr::Bool(true)])).unwrap();
        let (open, _) = not.split_at(not.len() - when.len());
        bundle.policies = vec![policy(Expr::Bool(true), Action::Allow, Phase::Request)];
        let file = bundle.to_bytes().unwrap();
        let at = file
            .windows(when.len())
            .rposition(|window| window == when)
            .unwrap();
        payload.clear();
        payload.extend_from_slice(&file[52..at]);
        payload.extend_from_slice(&open.repeat(depth));
        payload.extend_from_slice(&file[at..]);
        let loaded = Bundle::from_bytes(&with_header(&payload))
            .and_then(|bundle| Engine::new(bundle, Assets::default(), std::sync::Arc::default()));
        let error = loaded.map(|engine| engine.version).unwrap_err();
        assert_eq!(error.code(), "bundle_decode", "{depth}: {error}");
    }
}

/// Every shape of expression may nest as deep as the engine evaluates, and not one level more.
#[test]
fn expressions_nest_up_to_the_limit() {
    let not = |inner| Expr::Call(Function::Not, vec![inner]);
    let and = |inner| Expr::And(Box::new(Expr::Bool(true)), Box::new(inner));
    let choice = |inner| {
        let leaf = || Box::new(Expr::Bool(true));
        Expr::Conditional(leaf(), leaf(), Box::new(inner))
    };
    let any = |inner| {
        let list = Box::new(Expr::Field(Field::RequestAnomalies));
        Expr::Comprehension(Quantifier::Exists, list, Box::new(inner))
    };
    let shapes: [fn(Expr) -> Expr; 4] = [not, and, choice, any];
    for shape in shapes {
        for (depth, expected) in [(64, None), (65, Some("bundle_invalid"))] {
            let mut when = Expr::Bool(true);
            for _ in 0..depth {
                when = shape(when);
            }
            let mut bundle = support::bundle(1, 0);
            bundle.policies = vec![policy(when, Action::Allow, Phase::Request)];
            let error = Bundle::from_bytes(&bundle.to_bytes().unwrap())
                .and_then(|bundle| {
                    Engine::new(bundle, Assets::default(), std::sync::Arc::default())
                })
                .err();
            assert_eq!(error.map(|error| error.code()), expected, "{depth}");
        }
    }
}

fn with_header(payload: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    let mut file = starfort_engine::bundle::MAGIC.to_vec();
    file.extend_from_slice(&starfort_engine::bundle::FORMAT.to_be_bytes());
    file.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    file.extend_from_slice(&sha2::Sha256::digest(payload));
    file.extend_from_slice(payload);
    file
}

/// Broken databases are refused when the bundle loads, or answer within their bounds; each as country and ASN.
#[test]
fn broken_geo_databases_do_no_harm() {
    let mut all = Vec::new();
    for folder in ["libmaxminddb", "maxminddb-golang", "maxminddb-python"] {
        let Some(found) = support::corpus(&format!("geo/bad-data/{folder}")) else {
            return;
        };
        all.extend(found);
    }
    assert!(all.len() >= 10, "only {} databases", all.len());
    let mut refused = 0;
    for (path, bytes) in &all {
        for country in [true, false] {
            let assets = Assets {
                country: country.then(|| bytes.clone()),
                asn: (!country).then(|| bytes.clone()),
            };
            match Engine::new(support::bundle(1, 1), assets, std::sync::Arc::default()) {
                Err(error) => {
                    assert_eq!(error.code(), "geo_database", "{}: {error}", path.display());
                    refused += 1;
                }
                Ok(engine) => {
                    for address in [
                        "1.1.1.1",
                        "203.0.113.7",
                        "255.255.255.255",
                        "::1",
                        "2001:db8::1",
                    ] {
                        let mut described = request(&[], b"");
                        described.peer = address.parse().unwrap();
                        let told = explain(&engine, &described, NOW);
                        assert_eq!(told.client.country.len() % 2, 0);
                    }
                }
            }
        }
    }
    assert!(refused > 0, "no broken database was refused");
}

/// Good databases that are cut anywhere, or have a byte flipped, never panic.
#[test]
fn damaged_geo_databases_do_no_harm() {
    let good = support::geo_database("asn");
    let load = |bytes: Vec<u8>| -> Result<Engine, EngineError> {
        let assets = Assets {
            country: None,
            asn: Some(bytes),
        };
        Engine::new(support::bundle(1, 0), assets, std::sync::Arc::default())
    };
    assert!(load(good.clone()).is_ok());
    for step in 0..100 {
        let at = step * good.len() / 100;
        assert!(load(good[..at].to_vec()).is_err(), "cut at {at}");
        let mut damaged = good.clone();
        damaged[at] ^= 0xff;
        if let Ok(engine) = load(damaged) {
            let told = explain(&engine, &request(&[], b""), NOW);
            assert_eq!(told.client.address, "203.0.113.7");
        }
    }
}
