//! Where the time of a read and of an order of 400 bytes goes, stage by stage. `cargo bench -p starfort-engine --bench profile`.
//!
//! Each stage is run by itself on what that request gives it, warm. `STARFORT_RULES` names a file of compiled rules
//! (`starfort rules compile`, or `load_rules` of `starfort.threats.seclang`); without it there are no rules.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark without its input must fail"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, criterion_group, criterion_main};
use starfort_engine::bundle::{Action, Bundle, Expr, Field, Mode, Phase, Policy};
use starfort_engine::client::Clients;
use starfort_engine::client::address::AddressRanges;
use starfort_engine::client::bot::Bots;
use starfort_engine::client::geo::{GeoDatabases, GeoRecord};
use starfort_engine::endpoint::Matcher;
use starfort_engine::event::EventBatch;
use starfort_engine::hash::KeyedHash;
use starfort_engine::headers::Headers;
use starfort_engine::http::{Limits, Parameters, body, cookies, headers, path, query};
use starfort_engine::identity::{Identities, Offered};
use starfort_engine::policy::actions::LimitSpec;
use starfort_engine::rate::{Limit, RateTable};
use starfort_engine::rules::{Collections, Environment, Inspection, Request, Response, Rules};
use starfort_engine::schema;
use starfort_engine::sensitive::{ClassSet, Detectors};
use starfort_engine::signals::{KeyType, SignalTable};
use starfort_engine::{Engine, RequestHead, SharedState, StreamEnd, Transaction};

mod requests;
#[path = "../tests/support/mod.rs"]
mod support;

use requests::{CLIENT, HEAD, NOW, ORDER, RESPONSE, assets, post, whole};

const ENDPOINTS: u32 = 1_000;
const POLICIES: u32 = 20;
const SIGNALS: u32 = 10_000;
const LIMIT_KEY: [&str; 2] = ["client-rate", "81.2.69.142"];
const LIMIT_PERIOD_MS: u64 = 1_000;
const LIMIT: u32 = 1_000_000;

/// A request, and what stages find in it.
struct Case {
    name: &'static str,
    head: Vec<(&'static [u8], &'static [u8])>,
    body: &'static str,
    received: Headers,
}

impl Case {
    fn new(
        name: &'static str,
        head: &[(&'static [u8], &'static [u8])],
        body: &'static str,
    ) -> Self {
        Self {
            name,
            head: head.to_vec(),
            body,
            received: Headers::copy(head.iter().copied()),
        }
    }

    fn get(&self, name: &str) -> &'static [u8] {
        let wanted = name.as_bytes();
        let found = self.head.iter().find(|(name, _)| *name == wanted);
        found.map_or(&b""[..], |(_, value)| *value)
    }

    fn text(&self, name: &str) -> &'static str {
        std::str::from_utf8(self.get(name)).unwrap()
    }

    /// How often stages that look at head and body are asked.
    fn times(&self) -> usize {
        if self.body.is_empty() { 1 } else { 2 }
    }
}

/// One limit for every request, and policies of all kinds behind it.
fn bundle(policies: bool, rules: &[u8]) -> Bundle {
    let mut bundle = support::bundle(ENDPOINTS, if policies { POLICIES } else { 0 });
    if policies {
        let limit = Policy {
            name: "client-rate".into(),
            phase: Phase::Request,
            apis: None,
            endpoints: None,
            when: Expr::Bool(true),
            action: Action::Limit(LimitSpec {
                requests: LIMIT,
                period_ms: LIMIT_PERIOD_MS,
                burst: LIMIT,
                key: vec![Expr::Field(Field::ClientAddress)],
            }),
            mode: Mode::Enforce,
            expires_s: None,
        };
        bundle.policies.insert(0, limit);
    }
    bundle.rules = rules.to_vec();
    bundle
}

fn engine(policies: bool, rules: &[u8]) -> Engine {
    let shared = SharedState::default();
    requests::fill_signals(&shared.signals, SIGNALS);
    Engine::new(bundle(policies, rules), assets(), Arc::new(shared)).unwrap()
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Everything: with rules, without them, and without policies too.
fn totals(group: &mut Group<'_>, case: &Case, rules: &[u8]) {
    for (name, policies, rules) in [
        ("total", true, rules),
        ("without_rules", true, &[][..]),
        ("without_policies", false, &[][..]),
    ] {
        let engine = engine(policies, rules);
        let (head, body) = (&case.head[..], case.body.as_bytes());
        group.bench_function(name, |bencher| {
            bencher.iter(|| whole(&engine, black_box(head), body, black_box(ORDER.as_bytes())));
        });
    }
}

/// Bytes to a path, parameters and anomalies.
fn http(group: &mut Group<'_>, case: &Case) {
    let limits = Limits::default();
    let mut parameters = Parameters::within(&limits);
    group.bench_function("http", |bencher| {
        bencher.iter(|| {
            parameters.clear();
            let received = Headers::copy(black_box(&case.head).iter().copied());
            let target = path::split(received.get(":path").unwrap_or(b"/"), &limits);
            let mut anomalies = headers::check(case.head.iter().copied(), &limits);
            if let Some(raw) = target.query {
                anomalies.extend(query::parse(raw, &limits, &mut parameters));
            }
            anomalies.extend(cookies::parse(case.get("cookie"), &limits, &mut parameters));
            if !case.body.is_empty() {
                let text = black_box(case.body.as_bytes());
                let kind = received.text("content-type");
                let parsed = body::parse(kind, None, text, false, &limits, &mut parameters);
                anomalies.extend(parsed.anomalies);
            }
            (target.path, anomalies, parameters.len())
        });
    });
}

/// What is called, and by whom.
fn head_stages(group: &mut Group<'_>, case: &Case) {
    let bundle = bundle(true, &[]);
    let matcher = Matcher::new(&bundle.apis, &bundle.endpoints).unwrap();
    let limits = Limits::default();
    let target = path::split(case.get(":path"), &limits);
    let find = || {
        matcher.find(
            case.text(":authority"),
            case.text(":method"),
            black_box(&target.path),
        )
    };
    group.bench_function("endpoint", |bencher| bencher.iter(find));
    let found = find();
    let api = found.api.and_then(|index| bundle.apis.get(index as usize));
    let endpoint = found
        .endpoint
        .and_then(|index| bundle.endpoints.get(index as usize));
    group.bench_function("schema", |bencher| {
        bencher.iter(|| schema::check(black_box(found), api, endpoint));
    });
    let assets = assets();
    let clients = Clients {
        trusted_proxies: AddressRanges::from_packed("trusted_proxies", &bundle.trusted_proxies)
            .unwrap(),
        geo: GeoDatabases::open(assets.country, assets.asn).unwrap(),
        bots: Bots::new(&bundle.bots).unwrap(),
    };
    group.bench_function("client", |bencher| {
        bencher.iter(|| clients.identify(black_box(CLIENT), "HTTP/2", &case.received));
    });
    let identities = Identities::new(&bundle.identity).unwrap();
    let hash = KeyedHash::new(&bundle.hash_key).unwrap();
    let mut parameters = Parameters::within(&limits);
    let _ = query::parse(target.query.unwrap_or_default(), &limits, &mut parameters);
    let _ = cookies::parse(case.get("cookie"), &limits, &mut parameters);
    let accepted = ["staff".to_owned()];
    group.bench_function("identity", |bencher| {
        bencher.iter(|| {
            let offered = Offered {
                headers: &case.received,
                parameters: &parameters,
                unix_s: NOW.unix_us / 1_000_000,
            };
            identities.identify(black_box(offered), &accepted, &hash)
        });
    });
}

/// What detection says of the caller, and a limit on it.
fn tables(group: &mut Group<'_>, case: &Case) {
    let table = SignalTable::default();
    requests::fill_signals(&table, SIGNALS);
    let keys = [
        (KeyType::Address, "81.2.69.142"),
        (KeyType::Network, "asn:64500"),
        (KeyType::Fingerprint, "0123456789abcdef"),
        (KeyType::Ja4, "t13d1516h2_8daaf6152771_b186095e22b6"),
        (KeyType::Subject, ""),
        (KeyType::Credential, ""),
        (KeyType::Session, "0123456789abcdef"),
        (
            KeyType::Campaign,
            "0123456789abcdef|t13d1516h2_8daaf6152771_b186095e22b6|64500",
        ),
        (KeyType::Account, ""),
        (KeyType::Password, ""),
    ];
    group.bench_function("signals", |bencher| {
        bencher.iter(|| {
            for _ in 0..case.times() {
                black_box(table.active(black_box(&keys), NOW.monotonic_ns));
            }
        });
    });
    let rates = RateTable::default();
    let limit = Limit::new(LIMIT, LIMIT_PERIOD_MS, LIMIT);
    group.bench_function("rate", |bencher| {
        bencher.iter(|| rates.check(&limit, black_box(&LIMIT_KEY), NOW.monotonic_ns));
    });
}

/// Values that nobody should see, in the request's body and the answer's.
fn sensitive(group: &mut Group<'_>, case: &Case) {
    let detectors = Detectors::of(ClassSet::ALL);
    group.bench_function("sensitive", |bencher| {
        bencher.iter(|| {
            if !case.body.is_empty() {
                black_box(detectors.scan_json(black_box(case.body.as_bytes())));
            }
            detectors.scan_json(black_box(ORDER.as_bytes()))
        });
    });
}

/// The row, and its place in a batch.
fn event(group: &mut Group<'_>, case: &Case) {
    let engine = engine(true, &[]);
    let end = StreamEnd {
        request_bytes: case.body.len() as u64,
        response_bytes: ORDER.len() as u64,
        engine_us: 10,
    };
    let mut batch = EventBatch::default();
    let begun = || {
        let head = RequestHead {
            headers: &case.head,
            peer: CLIENT,
            protocol: "HTTP/2",
            end_of_stream: case.body.is_empty(),
        };
        let (mut transaction, _) = Transaction::request_headers(&engine, head, NOW);
        if !case.body.is_empty() {
            transaction.request_body(&engine, case.body.as_bytes(), false, NOW);
        }
        transaction
    };
    group.bench_function("event", |bencher| {
        bencher.iter_batched(
            begun,
            |transaction| {
                let row = transaction.finish(&engine, end, NOW);
                batch.push(&row).unwrap();
                if batch.len() == 2_000 {
                    black_box(batch.finish().unwrap());
                }
            },
            BatchSize::SmallInput,
        );
    });
}

/// The share of one phase in the time of requests that pass through all phases.
fn phase(environment: Environment<'_>, case: &Case, wanted: u8, requests: u64) -> Duration {
    let visible = |(name, _): &(&[u8], &[u8])| !name.starts_with(b":") && !name.starts_with(b"x-s");
    let mut head: Vec<(&[u8], &[u8])> = vec![(b"host", case.get(":authority"))];
    head.extend(case.head.iter().copied().filter(visible));
    let answer: Vec<(&[u8], &[u8])> = RESPONSE.iter().copied().filter(visible).collect();
    let request = Request {
        method: case.get(":method"),
        uri: case.get(":path"),
        protocol: b"HTTP/2",
        headers: &head,
        remote_addr: CLIENT,
        remote_port: 0,
        server_addr: None,
        server_port: 0,
        unique_id: case.get("x-request-id"),
    };
    let response = Response {
        status: 200,
        protocol: b"HTTP/2",
        reason: b"",
        headers: &answer,
    };
    let mut spent = Duration::ZERO;
    let mut timed = |number: u8, run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        if number == wanted {
            spent += start.elapsed();
        }
    };
    for _ in 0..requests {
        let mut begun = None;
        timed(1, &mut || {
            let mut new = Inspection::begin(environment, black_box(&request), GeoRecord::default());
            new.set_tx(environment, "starfort_api", "shop");
            new.set_tx(environment, "starfort_endpoint", "GET /api/v1/{id}/orders");
            new.request_headers(environment);
            begun = Some(new);
        });
        let mut inspection = begun.unwrap();
        timed(2, &mut || {
            inspection.request_body(environment, black_box(case.body.as_bytes()), false);
        });
        timed(3, &mut || {
            inspection.response_headers(environment, black_box(&response));
        });
        timed(4, &mut || {
            inspection.response_body(environment, Some(black_box(ORDER.as_bytes())));
        });
        timed(5, &mut || inspection.finish(environment));
        black_box(inspection.score(environment));
    }
    spent
}

fn phases(group: &mut Group<'_>, case: &Case, rules: &Rules) {
    let collections = Collections::default();
    let Some(environment) = rules.environment(&collections, NOW.unix_us) else {
        return eprintln!("no rules: set STARFORT_RULES to a file of compiled rules");
    };
    for number in 1..=5 {
        group.bench_function(format!("rules_phase_{number}"), |bencher| {
            bencher.iter_custom(|requests| phase(environment, case, number, requests));
        });
    }
}

fn profile(criterion: &mut Criterion) {
    let compiled = std::env::var_os("STARFORT_RULES")
        .map(|path| std::fs::read(path).unwrap())
        .unwrap_or_default();
    let rules = Rules::new(&compiled).unwrap();
    for case in [
        Case::new("get", HEAD, ""),
        Case::new("post_400b", &post(), ORDER),
    ] {
        let mut group = criterion.benchmark_group(format!("profile_{}", case.name));
        totals(&mut group, &case, &compiled);
        http(&mut group, &case);
        head_stages(&mut group, &case);
        tables(&mut group, &case);
        phases(&mut group, &case, &rules);
        sensitive(&mut group, &case);
        event(&mut group, &case);
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = requests::quick();
    targets = profile
}
criterion_main!(benches);
