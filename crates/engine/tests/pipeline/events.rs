//! What the event of a call tells of its path, its credentials, its version and its response.

use starfort_engine::bundle::Endpoint;
use starfort_engine::event::EventRow;
use starfort_engine::{RequestHead, ResponseHead, ResponseOutcome, StreamEnd, Transaction};

use super::{NOW, STRANGER, engine, support};

type Head<'a> = [(&'a str, &'a str)];

/// The event of a GET that was answered.
fn event(path: &str, headers: &Head<'_>, answer: &Head<'_>, body: &str) -> EventRow {
    let mut bundle = support::bundle(3, 0);
    for template in [
        "/tiles/{z}-{x}-{y}.png",
        "/odata/Products({key})",
        "/files/{id}.json",
    ] {
        bundle.endpoints.push(Endpoint {
            id: template.into(),
            method: "GET".into(),
            path: template.into(),
            ..support::bundle(1, 0).endpoints.remove(0)
        });
    }
    let engine = engine(bundle);
    let pseudo = [
        (":method", "GET"),
        (":path", path),
        (":authority", "shop.example.com"),
        (":scheme", "https"),
    ];
    let bytes = |head: &Head<'_>| {
        head.iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
            .collect::<Vec<_>>()
    };
    let request = bytes(&[&pseudo, headers].concat());
    let request: Vec<_> = request
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let (mut transaction, _) = Transaction::request_headers(
        &engine,
        RequestHead {
            headers: &request,
            peer: STRANGER,
            protocol: "HTTP/2",
            end_of_stream: true,
        },
        NOW,
    );
    let response = bytes(answer);
    let response: Vec<_> = response
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let head = ResponseHead {
        headers: &response,
        upstream: "shop",
        end_of_stream: body.is_empty(),
    };
    if let ResponseOutcome::Collect = transaction.response_headers(&engine, head, NOW) {
        transaction.response_chunk(&engine, body.as_bytes());
    }
    *transaction.finish(&engine, StreamEnd::default(), NOW)
}

const FOUND: &Head<'_> = &[(":status", "200"), ("content-type", "application/json")];

/// A secret in the path is masked, and it is what the caller proves itself with; an ordinary id is neither.
#[test]
fn secrets_in_paths_are_masked_and_are_credentials() {
    let telegram = event(
        "/bot100000001:AAExampleExampleExampleExample00000/getMe",
        &[],
        FOUND,
        "",
    );
    assert_eq!(telegram.path, "/bot{masked}/getMe");
    assert_eq!(telegram.auth_seen, ["token"]);
    assert_eq!(telegram.credential_places, ["path:token"]);
    let phone = event("/lookup/%2B491701234567", &[], FOUND, "");
    assert_eq!(
        (&*phone.path, phone.auth_seen.len()),
        ("/lookup/{masked}", 0)
    );
    let ordinary = event(
        "/orders/550e8400-e29b-41d4-a716-446655440000",
        &[],
        FOUND,
        "",
    );
    assert_eq!(
        ordinary.path,
        "/orders/550e8400-e29b-41d4-a716-446655440000"
    );
    assert_eq!(
        (ordinary.auth_seen.len(), ordinary.credential_places.len()),
        (0, 0)
    );
}

/// Names of parameters come from clients too, so those that are secrets themselves are masked.
#[test]
fn names_that_are_secrets_are_masked() {
    let row = event("/api/v1/group0?ann@example.com=1&order=2", &[], FOUND, "");
    assert_eq!(
        row.parameters,
        ["query:{masked}:integer", "query:order:integer"]
    );
}

/// The parameters of a segment are told apart, and the object of the call is the value without the text around it.
#[test]
fn parameters_within_a_segment_are_told_apart() {
    let tile = event("/tiles/3-4-5.png", &[], FOUND, "");
    assert_eq!(tile.template, "/tiles/{z}-{x}-{y}.png");
    assert_eq!(
        tile.parameters,
        ["path:z:integer", "path:x:integer", "path:y:integer"]
    );
    assert_eq!(event("/tiles/3-4.png", &[], FOUND, "").template, "");
    let key = event("/odata/Products(17)", &[], FOUND, "");
    assert_eq!(
        (&*key.template, key.parameters.len()),
        ("/odata/Products({key})", 1)
    );
    let file = event("/files/17.json", &[], FOUND, "");
    assert_eq!(file.object_hash, key.object_hash);
}

/// Credentials are seen wherever they are, without configuration.
#[test]
fn credentials_are_seen_where_they_are() {
    let row = event(
        "/api/v1/group0?access_token=abc",
        &[
            ("authorization", "Digest username=\"ann\", nonce=\"1\""),
            ("x-auth-token", "abc"),
            ("cookie", "theme=dark; my_session=0123456789abcdef"),
        ],
        FOUND,
        "",
    );
    assert_eq!(row.auth_seen, ["digest", "token", "cookie"]);
    assert_eq!(
        row.credential_places,
        [
            "header:authorization",
            "header:x-auth-token",
            "query:access_token",
            "cookie:my_session"
        ]
    );
    assert_eq!(
        (row.credential_hash.len(), row.session_hash.len()),
        (16, 16)
    );
}

/// The version that a call asks for is in its event.
#[test]
fn the_version_that_a_call_asks_for_is_told() {
    let asks = |path: &str, headers: &Head<'_>| event(path, headers, FOUND, "").api_version;
    assert_eq!(
        asks("/x", &[("x-api-version", "2024-01")]),
        "header:2024-01"
    );
    assert_eq!(asks("/x?api-version=2", &[]), "query:2");
    assert_eq!(
        asks("/x", &[("accept", "application/vnd.shop.v2+json")]),
        "media:v2"
    );
    assert_eq!(asks("/v2/x", &[]), "");
}

/// What a response allows is told of each, and what its body gives away only of failures.
#[test]
fn traits_of_a_response_are_told() {
    let body = r#"{"error":"SQLSTATE[42000]","trace":"at com.shop.Orders.find(Orders.java:42)"}"#;
    let failed = event(
        "/x",
        &[("origin", "https://evil.example.org")],
        &[
            (":status", "500"),
            ("content-type", "application/json"),
            ("access-control-allow-origin", "https://evil.example.org"),
            ("access-control-allow-credentials", "true"),
            ("server", "nginx/1.25.3"),
        ],
        body,
    );
    assert_eq!(
        failed.response_traits,
        [
            "cors:reflected",
            "cors:credentials",
            "server:versioned",
            "error:stack_trace",
            "error:sql"
        ]
    );
    assert!(event("/x", &[], FOUND, body).response_traits.is_empty());
}
