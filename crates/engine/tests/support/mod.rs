//! A bundle that uses every part of the format, for benchmarks, the seeds of the bundle loader's fuzz target, and
//! tests of what arrives broken.

#![allow(dead_code, reason = "each user takes what it needs")]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot read its input must fail"
)]

use std::path::PathBuf;

use starfort_engine::bundle::contract::{
    ApiContract, ContractBody, ContractMedia, ContractOperation, ContractParameter, ContractPlace,
    ContractResponse, ContractSettings, ParameterPlace, ParameterStyle, SecurityScheme,
};
use starfort_engine::bundle::{
    Action, AddressList, Api, ApiKey, ApiKeySource, Bot, Bundle, CannedResponse, Content, Endpoint,
    Expr, Field, Function, Geo, Identity, JwtProvider, Limits, Mode, Phase, Policy, Quantifier,
};
use starfort_engine::policy::actions::{
    BlockSpec, DeceiveSpec, DelaySpec, DivertSpec, LimitSpec, TagSpec,
};

/// The files of a public collection, in the order of their names; nothing, and a line that says so, when
/// `STARFORT_CORPORA` does not lead to it.
pub(crate) fn corpus(name: &str) -> Option<Vec<(PathBuf, Vec<u8>)>> {
    let Some(root) = std::env::var_os("STARFORT_CORPORA") else {
        eprintln!("skipped: set STARFORT_CORPORA to a folder that has {name}");
        return None;
    };
    let folder = PathBuf::from(root).join(name);
    if !folder.is_dir() {
        eprintln!("skipped: {} is missing", folder.display());
        return None;
    }
    Some(files(&folder))
}

/// The files of a folder of `tests/data`, in the order of their names.
pub(crate) fn data(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    files(&folder)
}

/// A database in the format of `MaxMind` for countries (`country`) or AS numbers (`asn`).
pub(crate) fn geo_database(kind: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/geo")
        .join(kind)
        .with_extension("mmdb");
    std::fs::read(path).unwrap()
}

fn files(folder: &std::path::Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let bytes = std::fs::read(&path).unwrap();
            (path, bytes)
        })
        .collect()
}

/// A bundle with one API that has `endpoints` path templates, and `policies` policies.
pub(crate) fn bundle(endpoints: u32, policies: u32) -> Bundle {
    Bundle {
        version: "0123456789abcdef".into(),
        created_ms: 1_700_000_000_000,
        node: "edge-1".into(),
        hash_key: vec![7; 32],
        fail_open: true,
        limits: Limits::default(),
        connections_per_address: 0,
        scoped_limits: Vec::new(),
        trusted_proxies: range([10, 0, 0, 0], [10, 255, 255, 255]),
        apis: vec![Api {
            name: "shop".into(),
            hosts: vec!["shop.example.com".into(), "*.shop.example.com".into()],
            base_paths: vec!["/".into()],
            upstream: "shop".into(),
            labels: vec!["public".into()],
            jwt_providers: vec!["staff".into()],
            documented: true,
            limits: None,
            grpc: false,
        }],
        endpoints: (0..endpoints).map(endpoint).collect(),
        identity: identity(),
        lists: vec![AddressList {
            name: "office".into(),
            ranges: range([192, 0, 2, 0], [192, 0, 2, 255]),
        }],
        geo: Geo::default(),
        bots: bots(),
        responses: vec![CannedResponse {
            name: "login-failed".into(),
            status: 401,
            headers: vec![("content-type".into(), "application/json".into())],
            body: br#"{"error":"invalid credentials"}"#.to_vec(),
        }],
        sensitive_classes: [
            "private_key",
            "jwt",
            "cloud_key",
            "email",
            "iban",
            "card_number",
            "us_ssn",
            "phone",
        ]
        .map(Into::into)
        .to_vec(),
        signal_kinds: vec!["credential_stuffing".into(), "scraping".into()],
        policies: (0..policies).map(policy).collect(),
        content: Content::default(),
        shapes: false,
        rules: Vec::new(),
        contracts: Vec::new(),
    }
}

/// A contract of the first endpoint that has a part of each kind.
pub(crate) fn contract() -> ApiContract {
    let parameter = |name: &str, place, style| ContractParameter {
        name: name.into(),
        place,
        required: true,
        schema: Some(0),
        style,
        explode: true,
        allow_reserved: false,
        allow_empty: false,
        media_type: None,
    };
    let media = || ContractMedia {
        media_type: "application/json".into(),
        schema: Some(1),
        encoding: Vec::new(),
    };
    let operation = ContractOperation {
        places: vec![ContractPlace {
            endpoint: 0,
            path: "/api/v1/group0/login".into(),
            settings: 0,
        }],
        parameters: vec![parameter(
            "page",
            ParameterPlace::Query,
            ParameterStyle::Form,
        )],
        body: Some(ContractBody {
            required: true,
            content: vec![media()],
        }),
        responses: vec![ContractResponse {
            status: "2XX".into(),
            headers: vec![parameter(
                "x-left",
                ParameterPlace::Header,
                ParameterStyle::Simple,
            )],
            content: vec![media()],
        }],
        security: Some(vec![vec![0], vec![]]),
        deprecated: false,
    };
    ApiContract {
        api: 0,
        digest: "0123456789abcdef".into(),
        definitions: r##"{"$defs":{"A":{"properties":{"a":{"$ref":"#/$defs/A"}}}}}"##.into(),
        schemas: vec![
            r#"{"type":"integer","minimum":1}"#.into(),
            r##"{"$ref":"#/$defs/A"}"##.into(),
        ],
        schemes: vec![SecurityScheme::Header("x-key".into())],
        operations: vec![operation],
        settings: vec![ContractSettings {
            requests: Some(Mode::Enforce),
            responses: Some(Mode::Observe),
            deny_unknown: true,
            deny_unknown_fields: true,
            remove: vec!["/items/*/cost".into()],
            remove_undocumented: true,
        }],
    }
}

/// One packed range of IPv4 addresses.
pub(crate) fn range(first: [u8; 4], last: [u8; 4]) -> Vec<u8> {
    let mapped = |[a, b, c, d]: [u8; 4]| std::net::Ipv4Addr::new(a, b, c, d).to_ipv6_mapped();
    [mapped(first).octets(), mapped(last).octets()].concat()
}

/// Every tenth path is a login.
fn endpoint(index: u32) -> Endpoint {
    let group = index / 10;
    let (method, path) = match index % 10 {
        0 => ("POST", format!("/api/v1/group{group}/login")),
        1 => ("GET", format!("/api/v1/group{group}")),
        2 => ("GET", format!("/api/v1/group{group}/{{id}}")),
        3 => ("PUT", format!("/api/v1/group{group}/{{id}}")),
        4 => ("GET", format!("/api/v1/group{group}/{{id}}/orders")),
        5 => (
            "GET",
            format!("/api/v1/group{group}/{{id}}/orders/{{order}}"),
        ),
        6 => ("POST", format!("/api/v1/group{group}/{{id}}/orders")),
        7 => ("GET", format!("/api/v1/group{group}/search")),
        8 => ("DELETE", format!("/api/v1/group{group}/{{id}}")),
        _ => (
            "GET",
            format!("/api/v1/group{group}/{{id}}/orders/{{order}}/items/{{item}}"),
        ),
    };
    Endpoint {
        id: format!("{index:016x}"),
        api: 0,
        method: method.into(),
        path,
        labels: if index.is_multiple_of(10) {
            vec!["login".into()]
        } else {
            Vec::new()
        },
        documented: true,
        username_field: index.is_multiple_of(10).then(|| "username".into()),
        password_field: index.is_multiple_of(10).then(|| "password".into()),
        limits: None,
        content: Vec::new(),
    }
}

fn identity() -> Identity {
    Identity {
        jwt_payload_header: "x-starfort-jwt".into(),
        jwt_providers: vec![JwtProvider {
            name: "staff".into(),
            issuer: "https://id.example.com".into(),
            subject_claim: "sub".into(),
            scopes_claim: "scope".into(),
        }],
        api_key_sources: vec![
            ApiKeySource::Header("x-api-key".into()),
            ApiKeySource::Query("api_key".into()),
            ApiKeySource::Cookie("key".into()),
        ],
        api_keys: (0..10)
            .map(|index| ApiKey {
                sha256: vec![index; 32],
                subject: format!("partner-{index}"),
                scopes: vec!["read".into()],
                expires_s: (index > 5).then_some(2_000_000_000),
            })
            .collect(),
        mtls: true,
    }
}

fn bots() -> Vec<Bot> {
    [
        ("Googlebot", "good", "Googlebot/"),
        ("Bingbot", "good", "bingbot/"),
        ("Applebot", "good", "Applebot/"),
        ("AhrefsBot", "bad", "AhrefsBot/"),
        ("SemrushBot", "bad", "SemrushBot"),
        ("curl", "tool", "^curl/"),
        ("python-requests", "tool", "^python-requests/"),
        ("Go", "tool", "^Go-http-client/"),
        ("headless", "bad", "HeadlessChrome/"),
        ("any", "bad", "(?i)bot|crawl|spider|scrape"),
    ]
    .map(|(name, class, pattern)| Bot {
        name: name.into(),
        class: class.into(),
        pattern: pattern.into(),
    })
    .to_vec()
}

/// The twenty that people write first, then the same again. None of them ends the list for an ordinary call.
#[expect(clippy::too_many_lines, reason = "a list of policies")]
fn policy(index: u32) -> Policy {
    let text = |text: &str| Expr::String(text.into());
    let field = Expr::Field;
    let call = |function, arguments: &[Expr]| Expr::Call(function, arguments.to_vec());
    let and = |a, b| Expr::And(Box::new(a), Box::new(b));
    let or = |a, b| Expr::Or(Box::new(a), Box::new(b));
    let is = |of, value: &str| call(Function::Equal, &[field(of), text(value)]);
    let header = |name: &str| {
        (
            Expr::HasKey(Box::new(field(Field::RequestHeaders)), Box::new(text(name))),
            Expr::Index(Box::new(field(Field::RequestHeaders)), Box::new(text(name))),
        )
    };
    let label = |name: &str| call(Function::In, &[text(name), field(Field::EndpointLabels)]);
    let score = call(
        Function::Greater,
        &[field(Field::SignalScore(0)), Expr::Double(0.8)],
    );
    let block = Action::Block(BlockSpec {
        status: 403,
        body: None,
        content_type: None,
    });
    let limit = Action::Limit(LimitSpec {
        requests: 1_000_000,
        period_ms: 1_000,
        burst: 1_000_000,
        key: vec![field(Field::ClientAddress)],
    });
    let (debug_there, debug) = header("x-debug");
    let (when, action) = match index % 20 {
        0 => (is(Field::ClientContinent, "AN"), block),
        1 => (
            and(label("login"), score),
            Action::Deceive(DeceiveSpec { response: 0 }),
        ),
        2 => (label("login"), limit),
        3 => (
            call(
                Function::InList,
                &[field(Field::ClientAddress), Expr::Int(0)],
            ),
            Action::Allow,
        ),
        4 => (
            call(
                Function::InCidr,
                &[field(Field::ClientAddress), text("198.18.0.0/15")],
            ),
            block,
        ),
        5 => (
            is(Field::ClientBot, "bad"),
            Action::Delay(DelaySpec { duration_ms: 100 }),
        ),
        6 => (
            Expr::Comprehension(
                Quantifier::Exists,
                Box::new(field(Field::RequestAnomalies)),
                Box::new(call(
                    Function::StartsWith,
                    &[Expr::Local(0), text("path_double")],
                )),
            ),
            block,
        ),
        7 => (
            and(debug_there, call(Function::Equal, &[debug, text("1")])),
            block,
        ),
        8 => (
            call(
                Function::Matches,
                &[
                    field(Field::RequestPath),
                    text("^/(admin|internal|debug)(/|$)"),
                ],
            ),
            block,
        ),
        9 => (
            and(
                is(Field::RequestMethod, "DELETE"),
                call(Function::Not, &[field(Field::IdentityVerified)]),
            ),
            block,
        ),
        10 => (
            call(Function::Not, &[field(Field::EndpointKnown)]),
            Action::Tag(TagSpec {
                header: "x-unknown".into(),
                value: "1".into(),
            }),
        ),
        11 => (
            call(
                Function::In,
                &[text("unknown_method"), field(Field::Findings)],
            ),
            block,
        ),
        12 => (
            or(
                is(Field::ClientCountry, "KP"),
                is(Field::ClientCountry, "AQ"),
            ),
            Action::Divert(DivertSpec {
                upstream: "fraud-desk".into(),
            }),
        ),
        13 => (
            call(
                Function::Contains,
                &[
                    call(Function::LowerAscii, &[field(Field::ClientUserAgent)]),
                    text("sqlmap"),
                ],
            ),
            block,
        ),
        14 => (
            call(
                Function::Greater,
                &[field(Field::RequestBodyBytes), Expr::Int(100_000)],
            ),
            block,
        ),
        15 => (
            call(
                Function::In,
                &[text("card_number"), field(Field::SensitiveRequest)],
            ),
            Action::Tag(TagSpec {
                header: "x-card".into(),
                value: "1".into(),
            }),
        ),
        16 => (
            Expr::HasKey(
                Box::new(field(Field::RequestQuery)),
                Box::new(text("debug")),
            ),
            block,
        ),
        17 => (field(Field::SignalActive(1)), limit),
        18 => (
            Expr::Conditional(
                Box::new(field(Field::IdentityVerified)),
                Box::new(call(
                    Function::EndsWith,
                    &[field(Field::IdentitySubject), text("@evil.example")],
                )),
                Box::new(Expr::Bool(false)),
            ),
            block,
        ),
        _ => (
            and(
                is(Field::ResponseContentType, "application/json"),
                call(
                    Function::In,
                    &[text("private_key"), field(Field::SensitiveResponse)],
                ),
            ),
            block,
        ),
    };
    let response = index % 20 == 19;
    Policy {
        name: format!("policy-{index}"),
        phase: if response {
            Phase::Response
        } else {
            Phase::Request
        },
        apis: index.is_multiple_of(3).then(|| vec![0]),
        endpoints: None,
        when,
        action,
        mode: if response {
            Mode::Observe
        } else {
            Mode::Enforce
        },
        expires_s: None,
    }
}
