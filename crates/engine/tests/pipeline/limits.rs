//! What is over a limit is a decision of the endpoint that is called: refused with the limit's name, or passed and
//! told; just below a limit nothing is.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use starfort_engine::bundle::{
    Action, Api, Bundle, Endpoint, Expr, Field, Function, Limits, Mode, OverLimit, Phase, Policy,
};
use starfort_engine::explain::{Described, Explanation, explain};
use starfort_engine::policy::actions::BlockSpec;
use starfort_engine::{Assets, Engine, Now};

use crate::support;

fn small() -> Limits {
    Limits {
        uri_bytes: 400,
        headers: 12,
        header_bytes: 500,
        request_body_bytes: 4096,
        decompressed_bytes: 16_384,
        depth: 8,
        query_parameters: 10,
        cookies: 10,
        body_parameters: 20,
        multipart_parts: 5,
        ..Limits::default()
    }
}

fn endpoint(path: &str, limits: Option<u32>) -> Endpoint {
    Endpoint {
        id: path.into(),
        api: 0,
        method: "POST".into(),
        path: path.into(),
        labels: Vec::new(),
        documented: true,
        username_field: None,
        password_field: None,
        limits,
        content: Vec::new(),
    }
}

/// `/strict` is as all, `/open` passes what is over a limit, `/large` has larger limits, `/files` refuses large files.
fn engine(policies: Vec<Policy>) -> Engine {
    let bundle = Bundle {
        limits: small(),
        scoped_limits: vec![
            Limits {
                over_limit: OverLimit::Pass,
                ..small()
            },
            Limits::default(),
            Limits {
                over_limit_files: OverLimit::Refuse,
                ..small()
            },
        ],
        apis: vec![Api {
            hosts: vec!["*".into()],
            limits: None,
            ..support::bundle(1, 0).apis.remove(0)
        }],
        endpoints: vec![
            endpoint("/strict", None),
            endpoint("/open", Some(0)),
            endpoint("/large", Some(1)),
            endpoint("/files", Some(2)),
        ],
        policies,
        ..support::bundle(1, 0)
    };
    Engine::new(bundle, Assets::default(), Arc::default()).unwrap()
}

fn ask(engine: &Engine, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Explanation {
    let host = headers
        .iter()
        .find_map(|(name, value)| (*name == ":authority").then_some(*value))
        .unwrap_or("shop.example.com");
    let mut all = vec![
        (b":authority".to_vec(), host.as_bytes().to_vec()),
        (b":path".to_vec(), target.as_bytes().to_vec()),
        (b":method".to_vec(), b"POST".to_vec()),
        (b":scheme".to_vec(), b"https".to_vec()),
    ];
    let own = headers.iter().filter(|(name, _)| *name != ":authority");
    all.extend(own.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())));
    let described = Described {
        headers: all,
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        protocol: "HTTP/2",
        body: body.to_vec(),
        response: None,
    };
    let now = Now {
        unix_us: 1_800_000_000_000_000,
        monotonic_ns: 1,
    };
    explain(engine, &described, now)
}

fn status(told: &Explanation) -> u16 {
    told.answer.as_ref().map_or(0, |answer| answer.status)
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];
const TEXT: &[(&str, &str)] = &[("content-type", "text/plain")];
const MULTIPART: &[(&str, &str)] = &[("content-type", "multipart/form-data; boundary=B")];

fn query(count: usize) -> String {
    let pairs: Vec<String> = (0..count).map(|number| format!("p{number}=1")).collect();
    pairs.join("&")
}

fn part(name: &str, value: &str) -> String {
    format!("--B\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(content: &str) -> String {
    let head = "content-disposition: form-data; name=\"f\"; filename=\"a.bin\"";
    format!("--B\r\n{head}\r\ncontent-type: application/octet-stream\r\n\r\n{content}\r\n")
}

fn parts(count: usize) -> String {
    let mut body: String = (0..count)
        .map(|number| part(&format!("n{number}"), "1"))
        .collect();
    body.push_str("--B--\r\n");
    body
}

fn nested(depth: usize) -> String {
    format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
}

fn list(count: usize) -> String {
    format!("[{}1]", "1,".repeat(count - 1))
}

fn cookies(count: usize) -> String {
    let pairs: Vec<String> = (0..count).map(|number| format!("c{number}=1")).collect();
    pairs.join("; ")
}

/// What is sent, just below a limit and just over it: target, headers, body.
type Sent = (String, Vec<(String, String)>, Vec<u8>);

struct Case {
    anomaly: &'static str,
    status: u16,
    below: Sent,
    over: Sent,
}

fn case(
    anomaly: &'static str,
    status: u16,
    make: impl Fn(bool) -> (String, &'static [(&'static str, &'static str)], Vec<u8>),
) -> Case {
    let sent = |over| {
        let (query, headers, body) = make(over);
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| ((*name).into(), (*value).into()));
        (query, headers.collect(), body)
    };
    Case {
        anomaly,
        status,
        below: sent(false),
        over: sent(true),
    }
}

fn cases() -> Vec<Case> {
    let one = usize::from;
    let json = |text: String| (String::new(), JSON, text.into_bytes());
    vec![
        case("query_parameters_over_limit", 414, |over| {
            (query(10 + one(over)), JSON, b"{}".to_vec())
        }),
        case("uri_over_limit", 414, |over| {
            (
                format!("p={}", "x".repeat(350 + 100 * one(over))),
                JSON,
                b"{}".to_vec(),
            )
        }),
        case("parameters_over_limit", 413, |over| {
            json(list(20 + one(over)))
        }),
        case("parameters_over_limit", 413, |over| {
            (String::new(), FORM, query(20 + one(over)).into_bytes())
        }),
        case("depth_over_limit", 413, |over| json(nested(8 + one(over)))),
        case("multipart_parts_over_limit", 413, |over| {
            (String::new(), MULTIPART, parts(5 + one(over)).into_bytes())
        }),
        case("body_over_limit", 413, |over| {
            (String::new(), TEXT, vec![b'a'; 4096 + one(over)])
        }),
        case("body_over_limit", 413, |over| {
            // A value behind one megabyte of blanks is over the limit too, whatever it begins with.
            let mut body = vec![b' '; if over { 1 << 20 } else { 4000 }];
            body.extend_from_slice(b"{\"a\":1}");
            (String::new(), &[], body)
        }),
        case("parameter_name_over_limit", 413, |over| {
            json(format!("{{\"{}\":1}}", "k".repeat(2048 + one(over))))
        }),
    ]
}

fn run(engine: &Engine, path: &str, (query, headers, body): &Sent) -> Explanation {
    let target = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    let headers = headers.iter();
    let headers: Vec<(&str, &str)> = headers.map(|(name, value)| (&**name, &**value)).collect();
    ask(engine, &target, &headers, body)
}

/// Just below a limit nothing is odd; over it the request is refused, and answer, finding and event say which limit it was.
#[test]
fn each_limit_refuses_what_is_over_it_and_nothing_else() {
    let engine = engine(Vec::new());
    for case in cases() {
        let below = run(&engine, "/strict", &case.below);
        assert_eq!(
            status(&below),
            0,
            "{} below: {:?}",
            case.anomaly,
            below.anomalies
        );
        assert!(!below.findings.iter().any(|code| code == "over_limit"));
        let over = run(&engine, "/strict", &case.over);
        assert_eq!(
            status(&over),
            case.status,
            "{}: {:?}",
            case.anomaly,
            over.anomalies
        );
        assert!(
            over.anomalies.contains(&case.anomaly),
            "{:?}",
            over.anomalies
        );
        assert!(over.findings.iter().any(|code| code == "over_limit"));
        assert_eq!((over.action, over.event.status), ("block", case.status));
        let answer = over.answer.unwrap();
        assert_eq!(answer.headers[0].1, "application/problem+json");
        let text = String::from_utf8(answer.body).unwrap();
        assert!(text.contains(case.anomaly), "{text}");
    }
}

/// Long heads of parts are over a limit, ordinary ones are not.
#[test]
fn heads_of_parts() {
    let engine = engine(Vec::new());
    for (lines, expected) in [(3, 0), (9, 413)] {
        let head = format!("x-a: {}\r\n", "b".repeat(1000)).repeat(lines);
        let body = part("a", "1").replacen("\r\n", &format!("\r\n{head}"), 1);
        let told = ask(
            &engine,
            "/large",
            MULTIPART,
            format!("{body}--B--\r\n").as_bytes(),
        );
        assert_eq!(status(&told), expected, "{:?}", told.anomalies);
    }
}

/// Where the operator lets them pass they do, and the event says which limit it was; larger limits of an endpoint hold.
#[test]
fn each_endpoint_has_its_own_decision() {
    let engine = engine(Vec::new());
    for case in cases() {
        let passed = run(&engine, "/open", &case.over);
        assert_eq!(status(&passed), 0, "{}", case.anomaly);
        assert!(
            passed.anomalies.contains(&case.anomaly),
            "{:?}",
            passed.anomalies
        );
        assert!(passed.findings.iter().any(|code| code == "over_limit"));
        if case.anomaly != "parameter_name_over_limit" {
            let large = run(&engine, "/large", &case.over);
            assert_eq!(status(&large), 0, "{}", case.anomaly);
            assert!(
                !large.anomalies.contains(&case.anomaly),
                "{:?}",
                large.anomalies
            );
        }
    }
}

/// Each location has a budget of its own, so that what fills one hides nothing in another.
#[test]
fn locations_do_not_share_a_budget() {
    let engine = engine(Vec::new());
    let cookie = cookies(10);
    let headers = [
        ("content-type", "application/json"),
        ("cookie", cookie.as_str()),
    ];
    let told = ask(
        &engine,
        &format!("/strict?{}", query(10)),
        &headers,
        list(20).as_bytes(),
    );
    assert_eq!(
        (status(&told), &told.anomalies[..]),
        (0, &["duplicate_parameter"][..0])
    );
    let more = cookies(11);
    let headers = [
        ("content-type", "application/json"),
        ("cookie", more.as_str()),
    ];
    let told = ask(&engine, "/strict", &headers, b"{}");
    assert_eq!(
        (status(&told), &told.anomalies[..]),
        (431, &["cookies_over_limit"][..])
    );
}

fn body_is(name: &str, value: &str) -> Expr {
    let index = Expr::Index(
        Box::new(Expr::Field(Field::RequestBody)),
        Box::new(Expr::String(name.into())),
    );
    Expr::Call(Function::Equal, vec![index, Expr::String(value.into())])
}

fn block(when: Expr) -> Policy {
    Policy {
        name: "no-admin".into(),
        phase: Phase::Request,
        apis: None,
        endpoints: None,
        when,
        action: Action::Block(BlockSpec {
            status: 403,
            body: None,
            content_type: None,
        }),
        mode: Mode::Enforce,
        expires_s: None,
    }
}

/// Filling the budget does not empty `request.body["role"]`, and an `allow` does not lift the limit.
#[test]
fn a_condition_cannot_be_emptied_by_filling_the_budget() {
    let engine_of = |action| {
        engine(vec![Policy {
            action,
            ..block(body_is("role", "admin"))
        }])
    };
    let filled = format!("{}&role=admin", query(20));
    let refusing = engine_of(block(Expr::Bool(true)).action);
    assert_eq!(
        status(&ask(&refusing, "/strict", FORM, b"role=admin&a=1")),
        403
    );
    assert_eq!(
        status(&ask(&refusing, "/strict", FORM, b"role=user&a=1")),
        0
    );
    assert_eq!(
        status(&ask(&refusing, "/strict", FORM, filled.as_bytes())),
        413
    );
    let allowing = engine(vec![Policy {
        action: Action::Allow,
        ..block(Expr::Bool(true))
    }]);
    assert_eq!(
        status(&ask(&allowing, "/strict", FORM, filled.as_bytes())),
        413
    );
}

/// A field behind a large file is decided on; the file itself is no reason to refuse the upload.
#[test]
fn fields_behind_a_large_file_are_seen() {
    let engine = engine(vec![block(body_is("role", "admin"))]);
    let large = file(&"x".repeat(50_000));
    let upload = |fields: [&str; 2]| {
        let [before, behind] = fields;
        [
            part("role", before),
            large.clone(),
            part("other", behind),
            "--B--\r\n".into(),
        ]
        .concat()
    };
    let passed = ask(
        &engine,
        "/strict",
        MULTIPART,
        upload(["user", "1"]).as_bytes(),
    );
    assert_eq!(
        (status(&passed), &passed.anomalies[..]),
        (0, &["file_over_limit"][..])
    );
    let refused = ask(
        &engine,
        "/strict",
        MULTIPART,
        upload(["admin", "1"]).as_bytes(),
    );
    assert_eq!(status(&refused), 403);
    let late = [
        part("a", "1"),
        large,
        part("role", "admin"),
        "--B--\r\n".into(),
    ]
    .concat();
    assert_eq!(
        status(&ask(&engine, "/strict", MULTIPART, late.as_bytes())),
        403
    );
    let filler = [
        part("a", &"x".repeat(50_000)),
        part("role", "admin"),
        "--B--\r\n".into(),
    ]
    .concat();
    assert_eq!(
        status(&ask(&engine, "/strict", MULTIPART, filler.as_bytes())),
        413
    );
}

/// Files pass whatever their size, unless their endpoint refuses large ones.
#[test]
fn files_pass_unless_refused() {
    let engine = engine(Vec::new());
    let image = [("content-type", "image/png"), ("content-length", "50000")];
    let body = vec![b'x'; 50_000];
    let upload = [file(&"x".repeat(50_000)), "--B--\r\n".into()].concat();
    for (path, expected) in [("/strict", 0), ("/files", 413)] {
        assert_eq!(
            status(&ask(&engine, path, &image, &body)),
            expected,
            "{path}"
        );
        assert_eq!(
            status(&ask(&engine, path, &image[..1], &body)),
            expected,
            "{path} chunked"
        );
        assert_eq!(
            status(&ask(&engine, path, MULTIPART, upload.as_bytes())),
            expected,
            "{path}"
        );
        assert_eq!(
            status(&ask(&engine, path, &image[..1], &body[..4000])),
            0,
            "{path} small"
        );
    }
}

/// A disk image that begins with NULs is a file; blanks are not, and JSON behind a few of them is read.
#[test]
fn what_a_long_body_of_no_type_is() {
    let engine = engine(Vec::new());
    let ask = |body: Vec<u8>| {
        let told = ask(
            &engine,
            "/strict",
            &[("content-type", "application/octet-stream")],
            &body,
        );
        (
            status(&told),
            told.anomalies.first().copied().unwrap_or_default(),
        )
    };
    let with = |beginning: &[u8], length: usize| [beginning, &vec![b'x'; length]].concat();
    assert_eq!(ask(with(&[0; 2000], 50_000)), (0, "file_over_limit"));
    assert_eq!(ask(with(b"\x89PNG", 50_000)), (0, ""));
    assert_eq!(ask(vec![b' '; 50_000]), (413, "body_over_limit"));
    assert_eq!(ask(with(b"  {\"a\":\"", 50_000)).0, 413);
    assert_eq!(
        ask([vec![b' '; 600], b"{\"a\":1}".to_vec()].concat()),
        (0, "content_type_mismatch")
    );
}

/// RFC 9112, 3.2: more than one Host line is a bad request; Envoy joins them with a comma.
#[test]
fn two_hosts_are_refused() {
    let engine = engine(Vec::new());
    for (host, expected) in [
        ("a.example,b.example", 400),
        ("shop.example.com,shop.example.com", 400),
        ("a.example:80,b.example:81", 400),
        ("a.example,", 400),
        ("shop.example.com", 0),
        ("shop.example.com:8080", 0),
        ("[2001:db8::1]:80", 0),
    ] {
        let told = ask(&engine, "/strict", &[(":authority", host)], b"");
        assert_eq!(status(&told), expected, "{host}");
    }
}
