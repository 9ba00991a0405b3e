//! What the request parsers and the search for sensitive data cost. `cargo bench -p starfort-engine --bench http`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use starfort_engine::http::{Limits, Parameters, body, cookies, headers, path, query};
use starfort_engine::sensitive::{ClassSet, Detectors, mask_json};

mod requests;
#[path = "../tests/support/mod.rs"]
mod support;

use requests::{FORM, ORDER, orders};

fn parse(content_type: &str, text: &str, limits: &Limits, parameters: &mut Parameters) -> usize {
    parameters.clear();
    let parsed = body::parse(
        Some(content_type),
        None,
        black_box(text.as_bytes()),
        false,
        limits,
        parameters,
    );
    black_box(&parsed);
    parameters.len()
}

fn bodies(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut parameters = Parameters::within(&limits);
    let mut group = criterion.benchmark_group("body");
    let large = orders(64 * 1024);
    let xml = "<order><id>17</id><item sku=\"a\">2</item><note>x &amp; y</note></order>";
    for (name, content_type, text) in [
        ("json_400b", "application/json", ORDER),
        ("json_64k", "application/json", large.as_str()),
        ("form", "application/x-www-form-urlencoded", FORM),
        ("xml_70b", "application/xml", xml),
    ] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| parse(content_type, text, &limits, &mut parameters));
        });
    }
    group.finish();
}

fn head(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut parameters = Parameters::within(&limits);
    let mut group = criterion.benchmark_group("head");
    for (name, raw) in [
        ("plain", "/api/v1/users/4711/orders"),
        ("encoded", "/api/v1/%75sers/../4711//orders"),
    ] {
        group.bench_with_input(BenchmarkId::new("path", name), raw, |bencher, raw| {
            bencher.iter(|| path::normalize(black_box(raw.as_bytes()), &limits));
        });
    }
    group.bench_function("query", |bencher| {
        bencher.iter(|| {
            parameters.clear();
            query::parse(
                black_box(b"page=2&size=50&sort=name%20asc&filter=status:open"),
                &limits,
                &mut parameters,
            )
        });
    });
    group.bench_function("cookies", |bencher| {
        bencher.iter(|| {
            parameters.clear();
            cookies::parse(
                black_box(b"session=6f1ed002ab5595859014ebf0951522d9; theme=dark; lang=en"),
                &limits,
                &mut parameters,
            )
        });
    });
    let list: [(&[u8], &[u8]); 10] = [
        (b":authority", b"shop.example.com"),
        (b":path", b"/api/v1/users/4711/orders?page=2"),
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (
            b"user-agent",
            b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0",
        ),
        (b"accept", b"application/json, text/plain, */*"),
        (b"accept-language", b"en-GB,en;q=0.9"),
        (b"content-type", b"application/json"),
        (b"content-length", b"400"),
        (b"x-request-id", b"550e8400-e29b-41d4-a716-446655440000"),
    ];
    group.bench_function("headers", |bencher| {
        bencher.iter(|| headers::check(black_box(list), &limits));
    });
    group.finish();
}

fn sensitive(criterion: &mut Criterion) {
    let detectors = Detectors::of(ClassSet::ALL);
    let mut group = criterion.benchmark_group("sensitive");
    let card = ORDER.replace("Happy birthday", "card 4111 1111 1111 1111");
    let escaped = ORDER.replace("Happy birthday", r"Happy\nbirthday");
    for (name, text) in [
        ("scan_400b", ORDER.to_owned()),
        ("scan_400b_escapes", escaped),
        ("scan_1k", orders(1000)),
        ("scan_64k", orders(64 * 1024)),
        (
            "scan_64k_prose",
            "the quick brown fox jumps over the lazy dog ".repeat(1500),
        ),
    ] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| detectors.scan_json(black_box(text.as_bytes())));
        });
    }
    group.throughput(Throughput::Bytes(card.len() as u64));
    group.bench_function("mask_400b", |bencher| {
        bencher.iter(|| mask_json(black_box(card.as_bytes()), &detectors, ClassSet::NONE));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = requests::quick();
    targets = head, bodies, sensitive
}
criterion_main!(benches);
