//! What each stage of the pipeline costs, and all of them together. `cargo bench -p starfort-engine --bench stages`.
//!
//! `benches/http.rs` has the parsers and detectors.
//! The geo databases are those of `STARFORT_CORPORA`, or small ones of our own.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark without its input must fail"
)]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use starfort_engine::client::Clients;
use starfort_engine::client::address::AddressRanges;
use starfort_engine::client::bot::Bots;
use starfort_engine::client::geo::GeoDatabases;
use starfort_engine::endpoint::Matcher;
use starfort_engine::event::EventBatch;
use starfort_engine::hash::KeyedHash;
use starfort_engine::headers::Headers;
use starfort_engine::http::{Limits, Parameters, body, query};
use starfort_engine::identity::{Identities, Offered};
use starfort_engine::rate::{Limit, RateTable};
use starfort_engine::sensitive::{ClassSet, Detectors};
use starfort_engine::signals::{KeyType, SignalTable};
use starfort_engine::{Engine, RequestHead, StreamEnd, Transaction};

mod requests;
#[path = "../tests/support/mod.rs"]
mod support;

use requests::{CLIENT, FORM, HEAD, NOW, ORDER, assets, engine, orders, post, whole};

const MULTIPART: &str = "--x\r\ncontent-disposition: form-data; name=\"title\"\r\n\r\nHolidays\r\n--x\r\ncontent-disposition: form-data; name=\"photo\"; filename=\"a.jpg\"\r\ncontent-type: image/jpeg\r\n\r\n\u{ff}\u{d8}\u{ff}\u{e0}0123456789012345678901234567890123456789\r\n--x--\r\n";

const XML: &str = "<order><id>17</id><item sku=\"a\">2</item><item sku=\"b\">1</item><note>x &amp; y</note><city>Springfield</city></order>";

fn http(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut parameters = Parameters::within(&limits);
    let mut group = criterion.benchmark_group("http");
    for (name, content_type, text) in [
        ("json", "application/json", ORDER),
        ("form", "application/x-www-form-urlencoded", FORM),
        ("multipart", "multipart/form-data; boundary=x", MULTIPART),
        ("xml", "application/xml", XML),
    ] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                parameters.clear();
                let text = black_box(text.as_bytes());
                let parsed = body::parse(
                    Some(content_type),
                    None,
                    text,
                    false,
                    &limits,
                    &mut parameters,
                );
                black_box(&parsed);
                parameters.len()
            });
        });
    }
}

fn endpoint(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("endpoint");
    for templates in [100, 10_000] {
        let bundle = support::bundle(templates, 0);
        let matcher = Matcher::new(&bundle.apis, &bundle.endpoints).unwrap();
        for (name, path) in [
            ("hit", "/api/v1/group3/4711/orders/17"),
            ("miss", "/api/v1/nothing/4711"),
        ] {
            group.bench_with_input(BenchmarkId::new(name, templates), path, |bencher, path| {
                bencher.iter(|| matcher.find("shop.example.com", "GET", black_box(path)));
            });
        }
    }
}

fn client_and_identity(criterion: &mut Criterion) {
    let bundle = support::bundle(1, 0);
    let assets = assets();
    let clients = Clients {
        trusted_proxies: AddressRanges::from_packed("trusted_proxies", &bundle.trusted_proxies)
            .unwrap(),
        geo: GeoDatabases::open(assets.country, assets.asn).unwrap(),
        bots: Bots::new(&bundle.bots).unwrap(),
    };
    let headers = Headers::copy(HEAD.iter().copied());
    let mut group = criterion.benchmark_group("client");
    group.bench_function("geo_bot_fingerprint", |bencher| {
        bencher.iter(|| clients.identify(black_box(CLIENT), "HTTP/2", &headers));
    });
    group.bench_function("geo", |bencher| {
        bencher.iter(|| clients.geo.look_up(black_box(CLIENT)));
    });
    group.finish();
    let identities = Identities::new(&bundle.identity).unwrap();
    let accepted = ["staff".to_owned()];
    let hash = KeyedHash::new(&bundle.hash_key).unwrap();
    let mut parameters = Parameters::new(100);
    let _ = query::parse(b"page=2&size=50", &Limits::default(), &mut parameters);
    let mut group = criterion.benchmark_group("identity");
    let jwt: &[u8] =
        b"eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwic3ViIjoiYW5uIiwic2NvcGUiOiJyZWFkIHdyaXRlIn0";
    for (name, extra) in [
        ("none", None),
        (
            "api_key",
            Some((&b"x-api-key"[..], &b"0123456789abcdef0123456789abcdef"[..])),
        ),
        ("jwt", Some((b"x-starfort-jwt", jwt))),
    ] {
        let headers = Headers::copy(HEAD.iter().copied().chain(extra));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let offered = Offered {
                    headers: &headers,
                    parameters: &parameters,
                    unix_s: 1_700_000_000,
                };
                identities.identify(black_box(offered), &accepted, &hash)
            });
        });
    }
}

fn signals_and_rate(criterion: &mut Criterion) {
    let table = SignalTable::default();
    requests::fill_signals(&table, 10_000);
    let keys = [
        (KeyType::Address, "81.2.69.142"),
        (KeyType::Network, "asn:64500"),
        (KeyType::Fingerprint, "0123456789abcdef"),
        (KeyType::Ja4, "t13d1516h2_8daaf6152771_b186095e22b6"),
        (KeyType::Session, "0123456789abcdef"),
    ];
    criterion.bench_function("signals/10000_active", |bencher| {
        bencher.iter(|| table.active(black_box(&keys), 1));
    });
    let rates = RateTable::default();
    let limit = Limit::new(10, 60_000, 5);
    criterion.bench_function("rate/check", |bencher| {
        bencher.iter(|| rates.check(&limit, black_box(&["login-rate", "81.2.69.142"]), 1));
    });
}

fn begun(engine: &Engine, headers: &[(&[u8], &[u8])]) -> Box<Transaction> {
    let head = RequestHead {
        headers,
        peer: CLIENT,
        protocol: "HTTP/2",
        end_of_stream: true,
    };
    Transaction::request_headers(engine, head, NOW).0
}

/// The head's stages with and without policies: the difference is what twenty of them cost.
fn policy(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("policy");
    for policies in [0, 20] {
        let engine = engine(support::bundle(100, policies));
        group.bench_function(BenchmarkId::new("request_headers", policies), |bencher| {
            bencher.iter(|| begun(&engine, black_box(HEAD)));
        });
    }
}

fn sensitive(criterion: &mut Criterion) {
    let detectors = Detectors::of(ClassSet::ALL);
    let text = orders(4 * 1024);
    let mut group = criterion.benchmark_group("sensitive");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("scan_4k", |bencher| {
        bencher.iter(|| detectors.scan_json(black_box(text.as_bytes())));
    });
}

fn event(criterion: &mut Criterion) {
    let engine = engine(support::bundle(100, 20));
    let end = StreamEnd {
        request_bytes: 0,
        response_bytes: 500,
        engine_us: 10,
    };
    let mut group = criterion.benchmark_group("event");
    group.bench_function("row", |bencher| {
        bencher.iter_batched(
            || begun(&engine, HEAD),
            |transaction| transaction.finish(&engine, end, NOW),
            BatchSize::SmallInput,
        );
    });
    let row = begun(&engine, HEAD).finish(&engine, end, NOW);
    let mut batch = EventBatch::default();
    group.bench_function("batched_row", |bencher| {
        bencher.iter(|| {
            batch.push(black_box(&row)).unwrap();
            if batch.len() == 2_000 {
                black_box(batch.finish().unwrap());
            }
        });
    });
}

fn pipeline(criterion: &mut Criterion) {
    let engine = engine(support::bundle(1_000, 20));
    let post = post();
    let mut group = criterion.benchmark_group("pipeline");
    for (name, head, body) in [("get", HEAD, ""), ("post_400b", &post[..], ORDER)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                whole(
                    &engine,
                    black_box(head),
                    body.as_bytes(),
                    black_box(ORDER.as_bytes()),
                )
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = requests::quick();
    targets = http, endpoint, client_and_identity, signals_and_rate, policy, sensitive, event, pipeline
}
criterion_main!(benches);
