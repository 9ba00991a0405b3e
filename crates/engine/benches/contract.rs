//! What holding messages against contracts costs. `cargo bench -p starfort-engine --bench contract`.
//!
//! `body` is JSON of 1 KiB: its reading with nobody who listens, then with the contract's listener and its check. With
//! `STARFORT_LARGE_SCHEMAS`, a file `{"defs": …, "schemas": […]}`, it also says what compiling a large document takes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark without its input must fail"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use starfort_engine::contract::{Contracts, ContractsCache, Violations, remove};
use starfort_engine::http::body::Body;
use starfort_engine::http::{Anomalies, Limits, Parameters};

#[allow(dead_code, reason = "tests use all of it")]
#[path = "../tests/contract/support.rs"]
mod support;

use support::Written;

const JSON: &str = "application/json";

/// An order with uuid, date, e-mail, pattern and ranges, whose items are a definition.
fn order() -> (Value, Value) {
    let item = json!({"type": "object", "required": ["sku", "quantity"], "properties": {
        "sku": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]+$"},
        "quantity": {"type": "integer", "minimum": 1},
        "price": {"type": "number"},
        "tags": {"type": "array", "items": {"enum": ["new", "sale", "old"]}},
    }});
    let order = json!({"type": "object", "required": ["id", "items"], "additionalProperties": false, "properties": {
        "id": {"type": "string", "format": "uuid"},
        "customer": {"type": "object", "required": ["email"], "properties": {
            "email": {"type": "string", "format": "email"},
            "name": {"type": "string", "maxLength": 100},
            "since": {"type": "string", "format": "date-time"},
        }},
        "items": {"type": "array", "maxItems": 10000, "items": {"$ref": "#/$defs/item"}},
    }});
    (order, json!({"item": item}))
}

fn text(items: usize) -> String {
    let item = |index: usize| json!({"sku": format!("ABC-{index}"), "quantity": index + 1, "price": 12.5, "tags": ["new", "sale"]});
    let items: Vec<Value> = (0..items).map(item).collect();
    json!({"id": "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d", "items": items,
        "customer": {"email": "ann@example.com", "name": "Ann Example", "since": "2024-01-02T03:04:05Z"}})
    .to_string()
}

fn check(contracts: &Contracts, text: &str) -> usize {
    let mut violations = Violations::default();
    let call = contracts.of(0).unwrap();
    let mut check = call.request_body(Some(JSON), text.len(), &mut violations);
    Body::plain(Some(JSON), text.as_bytes(), false).read(None, b'&', &mut check);
    check.finish(false, None, &mut violations);
    violations.iter().len()
}

fn bodies(criterion: &mut Criterion) {
    let (order, definitions) = order();
    let contracts = |strict: bool| {
        let written = Written::new("/").media(JSON, &order).define(&definitions);
        written
            .settings(|settings| settings.deny_unknown_fields = strict)
            .compile()
    };
    let (lenient, strict) = (contracts(false), contracts(true));
    let mut group = criterion.benchmark_group("body");
    for items in [14, 1_400] {
        let right = text(items);
        let wrong = right.replace("\"quantity\":", "\"quantity\":0,\"x\":");
        group.throughput(Throughput::Bytes(right.len() as u64));
        group.bench_function(format!("{items}/read"), |bencher| {
            let body = Body::plain(Some(JSON), right.as_bytes(), false);
            bencher.iter(|| body.read(None, b'&', black_box(&mut Anomalies::NONE)));
        });
        group.bench_function(format!("{items}/valid"), |bencher| {
            bencher.iter(|| check(&lenient, black_box(&right)))
        });
        group.bench_function(format!("{items}/strict"), |bencher| {
            bencher.iter(|| check(&strict, black_box(&right)))
        });
        group.bench_function(format!("{items}/wrong"), |bencher| {
            bencher.iter(|| check(&strict, black_box(&wrong)))
        });
    }
    let removal = starfort_engine::contract::Removal::new(["price"]);
    let right = text(14);
    group.throughput(Throughput::Bytes(right.len() as u64));
    group.bench_function("14/remove", |bencher| {
        bencher.iter(|| remove(black_box(right.as_bytes()), &removal, &[]))
    });
    group.finish();
}

fn heads(criterion: &mut Criterion) {
    let contracts = Written::new("/users/{id}")
        .parameter("path id! simple no", &json!({"type": "integer"}))
        .parameter(
            "query limit form explode",
            &json!({"type": "integer", "maximum": 100}),
        )
        .parameter(
            "query sort form no",
            &json!({"type": "array", "items": {"enum": ["a", "b"]}}),
        )
        .compile();
    criterion.bench_function("head", |bencher| {
        bencher.iter(|| {
            support::head(
                &contracts,
                black_box("/users/17?limit=10&sort=a,b"),
                &[("accept", "*/*")],
            )
        });
    });
    criterion.bench_function("head/without", |bencher| {
        let limits = Limits::default();
        bencher.iter(|| {
            let mut parameters = Parameters::within(&limits);
            starfort_engine::http::query::parse(
                black_box(b"limit=10&sort=a,b"),
                &limits,
                &mut parameters,
            );
            parameters.len()
        });
    });
}

fn documents(criterion: &mut Criterion) {
    let Some(path) = std::env::var_os("STARFORT_LARGE_SCHEMAS") else {
        return;
    };
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut written = Written::new("/").0;
    written.definitions = whole["defs"].to_string();
    written.schemas = whole["schemas"]
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    let written = [written];
    let mut group = criterion.benchmark_group("document");
    group.sample_size(10);
    group.bench_function("compile", |bencher| {
        bencher.iter(|| Contracts::compile(&written, &ContractsCache::default()).unwrap());
    });
    group.finish();
}

criterion_group!(benches, bodies, heads, documents);
criterion_main!(benches);
