//! A read and an order as benches send them, and engines that take them.

#![allow(dead_code, reason = "each bench takes what it needs")]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark without its input must fail"
)]

use std::fmt::Write;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use starfort_engine::bundle::Bundle;
use starfort_engine::signals::{KeyType, SignalTable};
use starfort_engine::{
    Assets, Engine, Now, RequestHead, RequestOutcome, ResponseHead, ResponseOutcome, SharedState,
    StreamEnd, Transaction,
};

pub(crate) const NOW: Now = Now {
    unix_us: 1_700_000_000_000_000,
    monotonic_ns: 1_000_000_000,
};

/// In the test databases: GB, EU.
pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(81, 2, 69, 142));

/// An order of about 400 bytes.
pub(crate) const ORDER: &str = r#"{"customer":{"id":"550e8400-e29b-41d4-a716-446655440000","segment":"retail","locale":"en-GB"},"items":[{"sku":"TSHIRT-RED-L","quantity":2,"price":19.99,"gift":false},{"sku":"MUG-0042","quantity":1,"price":7.5,"gift":true,"note":"Happy birthday, Ann!"}],"delivery":{"method":"standard","street":"12 High Street","city":"Springfield","zip":"12345"},"total":47.48,"currency":"EUR","created":"2026-02-28T10:00:00Z"}"#;

/// A log-in as a browser posts it.
pub(crate) const FORM: &str = "username=ann.smith&password=correct+horse%20battery&remember=true&next=%2Faccount%2Forders&csrf=6f1ed002ab5595859014ebf0951522d9";

/// A list of orders of at least so many bytes.
pub(crate) fn orders(bytes: usize) -> String {
    let mut text = String::from("[");
    while text.len() < bytes {
        let _ = write!(text, "{ORDER},");
    }
    text.push_str("null]");
    text
}

/// Short runs: a bench has dozens of cases, and differences of a few per cent are looked for with callgrind instead.
pub(crate) fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
}

/// Signals about addresses in 10.0.0.0/8, none of which the benches' client has.
pub(crate) fn fill_signals(table: &SignalTable, count: u32) {
    for index in 0..count {
        table.set(
            "credential_stuffing",
            KeyType::Address,
            &format!("10.0.{}.{}", index / 256, index % 256),
            0.9,
            u64::MAX,
        );
    }
}

pub(crate) type Pairs = [(&'static [u8], &'static [u8])];

/// What a browser sends by way of Envoy.
pub(crate) const HEAD: &Pairs = &[
    (b":authority", b"shop.example.com"),
    (b":path", b"/api/v1/group3/4711/orders/17?page=2&size=50"),
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"),
    (b"accept", b"application/json, text/plain, */*"),
    (b"accept-language", b"en-GB,en;q=0.9"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"cookie", b"session=6f1ed002ab5595859014ebf0951522d9; theme=dark"),
    (b"x-forwarded-proto", b"https"),
    (b"x-request-id", b"550e8400-e29b-41d4-a716-446655440000"),
    (b"x-starfort-ja4", b"t13d1516h2_8daaf6152771_b186095e22b6"),
];

pub(crate) fn post() -> Vec<(&'static [u8], &'static [u8])> {
    let mut head = HEAD.to_vec();
    for (name, value) in &mut head {
        match *name {
            b":path" => *value = b"/api/v1/group3/4711/orders",
            b":method" => *value = b"POST",
            _ => {}
        }
    }
    head.extend([
        (&b"content-type"[..], &b"application/json"[..]),
        (b"content-length", b"421"),
    ]);
    head
}

pub(crate) const RESPONSE: &Pairs = &[
    (b":status", b"200"),
    (b"content-type", b"application/json"),
    (b"content-length", b"500"),
    (b"date", b"Tue, 25 Nov 2025 10:00:00 GMT"),
    (b"server", b"nginx"),
];

/// The test databases of `MaxMind` where `STARFORT_CORPORA` has them, as in earlier measurements; otherwise those
/// of our own tests, which are smaller and do not have the client's address.
pub(crate) fn assets() -> Assets {
    let read = |public: &str, own: &str| {
        let root = std::env::var_os("STARFORT_CORPORA").map(PathBuf::from);
        root.and_then(|root| std::fs::read(root.join("geo").join(public)).ok())
            .unwrap_or_else(|| crate::support::geo_database(own))
    };
    Assets {
        country: Some(read("GeoLite2-Country-Test.mmdb", "country")),
        asn: Some(read("GeoLite2-ASN-Test.mmdb", "asn")),
    }
}

pub(crate) fn engine(bundle: Bundle) -> Engine {
    Engine::new(bundle, assets(), Arc::new(SharedState::default())).unwrap()
}

/// A request and its response from head to row, as the filter drives it.
#[inline(never)]
pub(crate) fn whole(
    engine: &Engine,
    head: &[(&[u8], &[u8])],
    body: &[u8],
    response: &[u8],
) -> usize {
    let head = RequestHead {
        headers: head,
        peer: CLIENT,
        protocol: "HTTP/2",
        end_of_stream: body.is_empty(),
    };
    let (mut transaction, outcome) = Transaction::request_headers(engine, head, NOW);
    if let RequestOutcome::NeedBody { .. } = outcome {
        black_box(transaction.request_body(engine, body, false, NOW));
    }
    let answer = ResponseHead {
        headers: RESPONSE,
        upstream: "shop",
        end_of_stream: false,
    };
    if transaction.response_headers(engine, answer, NOW) == ResponseOutcome::Collect {
        transaction.response_chunk(engine, response);
    }
    let end = StreamEnd {
        request_bytes: body.len() as u64,
        response_bytes: response.len() as u64,
        engine_us: 10,
    };
    transaction.finish(engine, end, NOW).parameters.len()
}
