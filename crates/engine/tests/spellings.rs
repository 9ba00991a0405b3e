//! However a path is spelled and however often a name comes, what holds for an endpoint and a value holds.
//!
//! The servers here are small models of what the real ones do with a path; each says in which order it decodes, cuts
//! and resolves, after its documentation or source.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read its input must fail"
)]

mod support;

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use starfort_engine::bundle::{
    Action, Bundle, Endpoint, Expr, Field, Function, Mode, Phase, Policy, Quantifier,
};
use starfort_engine::explain::{Described, Explanation, explain};
use starfort_engine::{Assets, Engine, Now};

const NOW: Now = Now {
    unix_us: 1_700_000_000_000_000,
    monotonic_ns: 1_000_000_000,
};

/// `GET` endpoints of the API `shop`, by index.
const TEMPLATES: &[&str] = &[
    "/private/{id}",
    "/public/{name}",
    "/public/{name}/{part}",
    "/v1/secret/{id}",
    "/v1/items/{id}",
    "/v4/projects/{id}/issues/{iid}",
    "/cars{color}/parts",
    "/fetch/{url}",
    "/admin",
    "/wiki/{title}",
    "/{bucket}/objects/{key}",
    "/v1/userGroups/{id}",
];

fn index(template: &str) -> u32 {
    let found = TEMPLATES.iter().position(|known| *known == template);
    u32::try_from(found.unwrap()).unwrap()
}

fn bundle(policies: Vec<Policy>) -> Bundle {
    let mut bundle = support::bundle(1, 0);
    bundle.endpoints = TEMPLATES
        .iter()
        .map(|path| Endpoint {
            id: (*path).into(),
            api: 0,
            method: "*".into(),
            path: (*path).into(),
            labels: Vec::new(),
            documented: true,
            username_field: None,
            password_field: None,
        })
        .collect();
    bundle.policies = policies;
    bundle
}

fn engine(policies: Vec<Policy>) -> Engine {
    Engine::new(
        bundle(policies),
        Assets::default(),
        std::sync::Arc::default(),
    )
    .unwrap()
}

fn policy(name: &str, endpoints: Option<&[&str]>, when: Expr, action: Action) -> Policy {
    Policy {
        name: name.into(),
        phase: Phase::Request,
        apis: None,
        endpoints: endpoints.map(|names| names.iter().map(|name| index(name)).collect()),
        when,
        action,
        mode: Mode::Enforce,
        expires_s: None,
    }
}

fn block() -> Action {
    Action::Block {
        status: 403,
        body: None,
        content_type: None,
    }
}

fn limit(key: &[Expr]) -> Action {
    Action::Limit {
        requests: 2,
        period_ms: 60_000,
        burst: 2,
        key: key.to_vec(),
    }
}

fn on(endpoint: &str) -> Policy {
    policy("p", Some(&[endpoint]), Expr::Bool(true), block())
}

fn text(text: &str) -> Expr {
    Expr::String(text.into())
}

fn call(function: Function, arguments: &[Expr]) -> Expr {
    Expr::Call(function, arguments.to_vec())
}

fn of(field: Field, key: &str) -> Expr {
    Expr::Index(Box::new(Expr::Field(field)), Box::new(text(key)))
}

fn is(left: Expr, right: &str) -> Expr {
    call(Function::Equal, &[left, text(right)])
}

fn ask(engine: &Engine, path: &str, headers: &[(&str, &str)], body: &str) -> Explanation {
    let mut all = vec![
        (":scheme", "https"),
        (":authority", "shop.example.com"),
        (":method", if body.is_empty() { "GET" } else { "POST" }),
        (":path", path),
    ];
    all.extend(headers);
    let described = Described {
        headers: all
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
            .collect(),
        peer: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
        protocol: "HTTP/1.1",
        body: body.as_bytes().to_vec(),
        response: None,
    };
    explain(engine, &described, NOW)
}

fn get(engine: &Engine, path: &str) -> Explanation {
    ask(engine, path, &[], "")
}

fn template(told: &Explanation) -> &str {
    told.endpoint.as_ref().map_or("", |endpoint| &endpoint.path)
}

// ---- Paths: one spelling each

/// A policy on `/private/{id}` holds however the path is spelled, in front of whichever server takes it for that.
#[test]
fn a_policy_holds_in_every_spelling() {
    let engine = engine(vec![on("/private/{id}")]);
    for path in [
        "/private/7",
        "/private%2F7",
        "/private%5c7",
        "/private\\7",
        "/private;x=1/7",
        "/private;/7;v=2",
        "/;/private/7",
        "/public/%2e%2e;/private/7",
        "/public/..;/private/7",
        "/public/..%2fprivate/7",
        "/public/x/..%2f..%2f..%2fprivate%2f7",
        "/public/%252e%252e/private/7",
        "/public/..%252fprivate/7",
        "/private%252f7",
        "/private%u002f7",
        "/private%c0%af7",
        "/private%ef%bc%8f7",
        "//private//7",
        "/./private/./7",
        "/private/7/",
        "/private/7%00",
        "/private/7;jsessionid=A",
        "/%70rivate/7",
        "/%2570rivate/7",
        "/PRIVATE/7",
        "/Private/7",
        "/private%20/7",
        "/private./7",
        "/private%0a/7",
        "http://shop.example.com/private/7",
    ] {
        let told = get(&engine, path);
        assert_eq!((told.action, &*told.policy), ("block", "p"), "{path}");
    }
}

/// Letter case, an extension and what Windows leaves out make an endpoint of a path that is none otherwise.
#[test]
fn looser_readings_hold_only_where_nothing_else_matches() {
    let engine = engine(vec![on("/admin"), on("/v1/userGroups/{id}")]);
    for path in [
        "/Admin",
        "/ADMIN/",
        "/admin.",
        "/admin%20",
        "/admin.json",
        "/Admin.JSON",
        "/admin%09",
        "/v1/usergroups/7",
        "/V1/UserGroups/7",
    ] {
        let told = get(&engine, path);
        assert_eq!(told.action, "block", "{path}");
        assert_eq!(
            template(&told),
            "",
            "the catalogue does not know it: {path}"
        );
        assert_eq!(told.findings, ["unknown_endpoint"], "{path}");
    }
    for path in [
        "/public/admin",
        "/public/Admin.json",
        "/Administrator",
        "/admin/x",
        "/wiki/Admin",
    ] {
        assert_eq!(get(&engine, path).action, "allow", "{path}");
    }
}

/// Ordinary values with separators, parameters and other characters of their own belong to their endpoint, without
/// a finding, and to no other.
#[test]
fn ordinary_values_are_no_other_endpoint() {
    let mut policies: Vec<Policy> = ["/private/{id}", "/v1/secret/{id}", "/admin"]
        .map(on)
        .into();
    policies.push(policy(
        "unknown",
        None,
        call(Function::Not, &[Expr::Field(Field::EndpointKnown)]),
        block(),
    ));
    let engine = engine(policies);
    for (path, wanted) in [
        (
            "/v4/projects/group%2Fapp/issues/3",
            "/v4/projects/{id}/issues/{iid}",
        ),
        (
            "/v4/projects/a%2Fb%2Fc%2Fd/issues/3",
            "/v4/projects/{id}/issues/{iid}",
        ),
        ("/v1/items/7%2Fx", "/v1/items/{id}"),
        ("/v1/items/7%5cx", "/v1/items/{id}"),
        ("/v1/items/a;b", "/v1/items/{id}"),
        ("/v1/items/urn:isbn:0451450523", "/v1/items/{id}"),
        ("/v1/items/Products(7)", "/v1/items/{id}"),
        ("/v1/items/~ann+b@example.com", "/v1/items/{id}"),
        (
            "/v1/items/%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82",
            "/v1/items/{id}",
        ),
        (
            "/v1/items/%E6%97%A5%E6%9C%AC%EF%BC%8F%E8%AA%9E",
            "/v1/items/{id}",
        ),
        ("/v1/items/dGVzdA%3D%3D", "/v1/items/{id}"),
        ("/v1/items/100%25", "/v1/items/{id}"),
        ("/v1/items/a.b.c", "/v1/items/{id}"),
        ("/v1/items/@scope%2fname", "/v1/items/{id}"),
        ("/fetch/https%3A%2F%2Fexample.com", "/fetch/{url}"),
        (
            "/fetch/https%3A%2F%2Fexample.com%2Fadmin%3Fa%3Db%23c",
            "/fetch/{url}",
        ),
        ("/cars;color=red/parts", "/cars{color}/parts"),
        ("/wiki/What%3F", "/wiki/{title}"),
        ("/wiki/C%23", "/wiki/{title}"),
        (
            "/photos/objects/2026%2F11%2F27%2Fa+b.jpg",
            "/{bucket}/objects/{key}",
        ),
        ("/admin2/objects/x;versionId=3", "/{bucket}/objects/{key}"),
    ] {
        let told = get(&engine, path);
        assert_eq!(template(&told), wanted, "{path}");
        assert_eq!(told.action, "allow", "{path}: {}", told.policy);
        assert!(told.findings.is_empty(), "{path}: {:?}", told.findings);
        assert!(
            !told.anomalies.contains(&"path_parameter_misplaced"),
            "{path}"
        );
    }
}

/// Where the strict reading is of no endpoint, the reading that is of one counts: it is known, and events have it.
#[test]
fn a_documented_endpoint_is_found_by_another_reading() {
    let engine = engine(Vec::new());
    for (path, wanted) in [
        ("/v1/secret;x=1/7", "/v1/secret/{id}"),
        ("/v1%2Fitems%2F7", "/v1/items/{id}"),
        ("/;/private/x", "/private/{id}"),
    ] {
        let told = get(&engine, path);
        assert_eq!(
            (template(&told), &*told.event.template),
            (wanted, wanted),
            "{path}"
        );
        assert!(told.findings.is_empty(), "{path}: {:?}", told.findings);
    }
}

/// A parameter in a fixed segment, in an empty one or behind dots is said; one that a template has a place for is not.
#[test]
fn a_misplaced_parameter_is_an_anomaly() {
    let engine = engine(Vec::new());
    for (path, is_misplaced) in [
        ("/v1/secret;x=1/7", true),
        ("/;/private/x", true),
        ("/public/..;/private/x", true),
        ("/public/%2e%2e;/private/x", true),
        ("/private%3bx/7", true),
        ("/v1/secret/7;x=1", false),
        ("/cars;color=red/parts", false),
        ("/unknown;a=b/path", false),
    ] {
        let told = get(&engine, path);
        assert_eq!(
            told.anomalies.contains(&"path_parameter_misplaced"),
            is_misplaced,
            "{path}"
        );
    }
}

/// A path that leaves its endpoint for one that nobody knows is a call of an unknown one too.
#[test]
fn leaving_an_endpoint_is_a_finding() {
    let engine = engine(vec![policy(
        "unknown",
        None,
        call(Function::Not, &[Expr::Field(Field::EndpointKnown)]),
        block(),
    )]);
    for path in [
        "/public/..%2fhidden",
        "/public/..;/hidden",
        "/fetch/x%2f..%2f..%2fhidden",
    ] {
        let told = get(&engine, path);
        assert_eq!(
            (told.action, &told.findings[0] as &str),
            ("block", "unknown_endpoint"),
            "{path}"
        );
    }
}

/// Calls of one endpoint count together whatever is behind its id, also where the path is the key.
#[test]
fn limits_count_every_spelling() {
    for key in [Field::ClientAddress, Field::EndpointPath] {
        let engine = engine(vec![policy(
            "p",
            Some(&["/v1/items/{id}"]),
            Expr::Bool(true),
            limit(&[Expr::Field(key)]),
        )]);
        let paths = [
            "/v1/items/7",
            "/v1/items/7%2Fx",
            "/v1/items/7%5cx",
            "/v1/items;a=1/7",
            "/V1/items/7",
        ];
        let actions = paths.map(|path| get(&engine, path).action);
        assert_eq!(actions, ["allow", "allow", "allow", "limit", "limit"]);
    }
    let engine = engine(vec![policy(
        "p",
        None,
        Expr::Bool(true),
        limit(&[Expr::Field(Field::RequestPath)]),
    )]);
    let paths = [
        "/v1/items/7",
        "/v1/items/7;a=1",
        "/v1/items/7;b=2",
        "/v1/items/7;c=3",
        "/v1/items/8",
    ];
    let actions = paths.map(|path| get(&engine, path).action);
    assert_eq!(actions, ["allow", "allow", "allow", "limit", "allow"]);
}

/// `allow` holds only where no server could take the path for something else; conditions on paths are the same.
#[test]
fn nobody_gains_a_permission_by_a_spelling() {
    let starts = |prefix| {
        call(
            Function::StartsWith,
            &[Expr::Field(Field::RequestPath), text(prefix)],
        )
    };
    let by_endpoint = policy(
        "allow",
        Some(&[
            "/public/{name}",
            "/public/{name}/{part}",
            "/v4/projects/{id}/issues/{iid}",
        ]),
        Expr::Bool(true),
        Action::Allow,
    );
    let by_path = policy("allow", None, starts("/public/"), Action::Allow);
    let rest = || policy("rest", None, Expr::Bool(true), block());
    let by_endpoint = engine(vec![by_endpoint, rest()]);
    let by_path = engine(vec![by_path, rest()]);
    for (path, allowed) in [
        ("/public/x", true),
        ("/public/x%2Fy", true),
        ("/public/x;v=1", true),
        ("/public/a%20b", true),
        ("/public/..;/private/7", false),
        ("/public/..%2fprivate%2f7", false),
        ("/public/%252e%252e%252fprivate%252f7", false),
        ("/public/..%2fhidden", false),
        ("/private/7", false),
        ("/private/..;/public/x", false),
        ("/private%2f..%2f..%2fpublic%2fx", false),
    ] {
        for engine in [&by_endpoint, &by_path] {
            let told = get(engine, path);
            assert_eq!(
                &*told.policy,
                if allowed { "allow" } else { "rest" },
                "{path}"
            );
        }
    }
    assert_eq!(
        &*get(&by_endpoint, "/v4/projects/group%2Fapp/issues/3").policy,
        "allow"
    );
    assert_eq!(
        &*get(&by_endpoint, "/public;x=1/x").policy,
        "rest",
        "strictly, it is no such endpoint"
    );
    assert_eq!(&*get(&by_endpoint, "/PUBLIC/x").policy, "rest");
}

/// A condition on the path sees each reading.
#[test]
fn conditions_see_every_reading() {
    let matches = |pattern| {
        call(
            Function::Matches,
            &[Expr::Field(Field::RequestPath), text(pattern)],
        )
    };
    let outside = call(Function::Not, &[matches("^/(public|v1|v4)/")]);
    let engine = engine(vec![
        policy("admin", None, matches("^/admin(/|$)"), block()),
        policy("outside", None, outside, block()),
    ]);
    for (path, wanted) in [
        ("/admin%2fx", "admin"),
        ("/public/..;/admin", "admin"),
        ("/admin;x=1", "admin"),
        ("/public/..%2fhidden", "outside"),
        ("/public/x", ""),
        ("/v4/projects/group%2Fadmin/issues/3", ""),
        ("/v1/items/admin", ""),
    ] {
        assert_eq!(&*get(&engine, path).policy, wanted, "{path}");
    }
}

// ---- Paths: models of servers

type Server = (&'static str, fn(&str) -> Option<Vec<String>>);

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes
            .get(at + 1..at + 3)
            .and_then(|two| std::str::from_utf8(two).ok());
        match escape.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn cut_parameters(path: &str) -> String {
    path.split('/')
        .map(|one| one.split(';').next().unwrap())
        .collect::<Vec<_>>()
        .join("/")
}

fn resolve(path: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for part in path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        if part == ".." {
            out.pop();
        } else {
            out.push(part.into());
        }
    }
    out
}

fn parts(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|part| !part.is_empty())
        .map(Into::into)
        .collect()
}

const SERVERS: &[Server] = &[
    // `CoyoteAdapter.postParseRequest`: parameters, then decoding (`%2F` refused or decoded), then normalising.
    ("tomcat", |path| {
        Some(resolve(&decode(&cut_parameters(path)).replace('\\', "/")))
    }),
    // `UrlPathHelper`: parameters, decoding, double slashes; dots are left.
    ("spring", |path| Some(parts(&decode(&cut_parameters(path))))),
    // `HttpURI`: segments first, each without parameters and decoded, dots after.
    ("jetty", |path| {
        let segments = path
            .split('/')
            .map(|one| decode(one.split(';').next().unwrap()));
        let mut out: Vec<String> = Vec::new();
        for segment in segments.filter(|one| !one.is_empty() && one != ".") {
            if segment == ".." {
                out.pop();
            } else {
                out.push(segment);
            }
        }
        Some(out)
    }),
    // `path-to-regexp`: raw segments, letter case ignored, values decoded.
    ("express", |path| {
        Some(
            parts(path)
                .iter()
                .map(|part| decode(part).to_lowercase())
                .collect(),
        )
    }),
    // PATH_INFO is decoded as a whole; the router splits it.
    ("flask", |path| Some(parts(&decode(path)))),
    // `ngx_http_parse_complex_uri`: decoded, merged and resolved in one pass.
    ("nginx", |path| Some(resolve(&decode(path)))),
    // `URL.Path` is decoded; `ServeMux` cleans it (and redirects, which clients follow).
    ("go", |path| Some(resolve(&decode(path)))),
    // Kestrel: decoded but for `%2F`, dots resolved; routes ignore letter case.
    ("aspnet", |path| {
        let kept = path.replace("%2F", "%252F").replace("%2f", "%252f");
        Some(
            resolve(&decode(&kept))
                .iter()
                .map(|part| part.to_lowercase())
                .collect(),
        )
    }),
    // IIS: backslashes are slashes, and so is `%5C`.
    ("iis", |path| {
        Some(
            resolve(&decode(path).replace('\\', "/"))
                .iter()
                .map(|part| part.to_lowercase())
                .collect(),
        )
    }),
    // A gateway that decodes, in front of a server that does it again.
    ("twice", |path| Some(resolve(&decode(&decode(path))))),
    ("twice and cut", |path| {
        Some(resolve(&cut_parameters(&decode(&decode(path)))))
    }),
];

/// Whether a server's segments are `/private/{id}`, which it routes to its handler.
fn is_private(segments: &[String]) -> bool {
    matches!(segments, [first, second] if first == "private" && !second.is_empty())
}

fn spelling() -> impl Strategy<Value = String> {
    let slash = prop_oneof![
        6 => Just("/"), 1 => Just("//"), 1 => Just("%2f"), 1 => Just("%2F"), 1 => Just("%252f"), 1 => Just("%5c"),
        1 => Just("\\"), 1 => Just("/;/"), 1 => Just(";a=b/"), 1 => Just(";/"), 1 => Just("/./"), 1 => Just("%255c"),
    ];
    let up = prop_oneof![
        3 => Just(""), 1 => Just("public/../"), 1 => Just("public/..;/"), 1 => Just("public/%2e%2e;/"),
        1 => Just("public/..%2f"), 1 => Just("public%2f..%2f"), 1 => Just("public/%252e%252e/"),
        1 => Just("public/x/..;/..;a=b/"), 1 => Just("public/..%5c"), 1 => Just("public;/%2e%2e/"),
    ];
    let word = prop_oneof![
        4 => Just("private"), 1 => Just("%70rivate"), 1 => Just("%2570rivate"), 1 => Just("Private"),
        1 => Just("private;v=1"), 1 => Just("private%3bv=1"),
    ];
    let value = prop_oneof![
        3 => Just("7"), 1 => Just("a%20b"), 1 => Just("7;v=1"), 1 => Just("7%2Fx"), 1 => Just("..;"), 1 => Just("7.json"),
    ];
    let end = prop_oneof![4 => Just(""), 1 => Just("/"), 1 => Just(";"), 1 => Just("%2f"), 1 => Just("/.")];
    (slash.clone(), up, word, slash, value, end)
        .prop_map(|(first, up, word, second, value, end)| {
            format!("{first}{up}{word}{second}{value}{end}")
        })
        .prop_map(|path| {
            if path.starts_with(['/', '\\']) {
                path
            } else {
                format!("/{path}")
            }
        })
}

/// One that blocks `/private/{id}`, and one that lets `/public` pass before.
static ENGINES: std::sync::LazyLock<(Engine, Engine)> = std::sync::LazyLock::new(|| {
    let public = policy(
        "public",
        Some(&["/public/{name}", "/public/{name}/{part}"]),
        Expr::Bool(true),
        Action::Allow,
    );
    (
        engine(vec![on("/private/{id}")]),
        engine(vec![public, on("/private/{id}")]),
    )
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever spelling a server takes for `/private/{id}`: a policy that blocks it holds, and one that lets
    /// `/public` pass does not.
    #[test]
    fn no_server_is_reached_past_a_policy(path in spelling()) {
        // Envoy hands a plain backslash on as a slash.
        let handed_on = path.replace('\\', "/");
        let reached: Vec<&str> = SERVERS
            .iter()
            .filter(|(_, server)| server(&handed_on).is_some_and(|segments| is_private(&segments)))
            .map(|(name, _)| *name)
            .collect();
        if !reached.is_empty() {
            let told = get(&ENGINES.0, &path);
            prop_assert_eq!(told.action, "block", "{} reaches {:?}", path, reached);
            let told = get(&ENGINES.1, &path);
            prop_assert_eq!(told.action, "block", "{} reaches {:?}", path, reached);
        }
    }
}

/// The models are ways to the endpoint that differ: each takes some spelling that another one does not.
#[test]
fn models_of_servers_differ() {
    for (path, wanted) in [
        ("/private/7", 11),
        ("/public/..;/private/7", 3),
        ("/private%2f7", 8),
        ("/Private/7", 3),
        ("/private%252f7", 2),
    ] {
        let reached = SERVERS
            .iter()
            .filter(|(_, server)| server(path).is_some_and(|segments| is_private(&segments)));
        let names: Vec<_> = reached.map(|(name, _)| *name).collect();
        assert_eq!(names.len(), wanted, "{path}: {names:?}");
    }
}

// ---- Repeated names

fn json(body: &str) -> (&'static [(&'static str, &'static str)], &str) {
    (&[("content-type", "application/json")], body)
}

/// A condition sees every value, wherever it stands and whatever stands beside it.
#[test]
fn a_repeated_name_hides_no_value() {
    const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];
    const PARTS: &[(&str, &str)] = &[("content-type", "multipart/form-data; boundary=x")];
    let multipart = "--x\r\ncontent-disposition: form-data; name=role\r\n\r\nuser\r\n--x\r\ncontent-disposition: form-data; name=role\r\n\r\nadmin\r\n--x--\r\n";
    for (field, name, path, (headers, body)) in [
        (
            Field::RequestBody,
            "role",
            "/admin",
            json(r#"{"role":"user","role":"admin"}"#),
        ),
        (
            Field::RequestBody,
            "role",
            "/admin",
            json(r#"{"role":"admin","role":"user"}"#),
        ),
        (
            Field::RequestBody,
            "role",
            "/admin",
            json(r#"{"role":"a","role":"admin","role":"b"}"#),
        ),
        (
            Field::RequestBody,
            "u.role",
            "/admin",
            json(r#"{"u":{"role":"user"},"u":{"role":"admin"}}"#),
        ),
        (
            Field::RequestBody,
            "items[].sku",
            "/admin",
            json(r#"{"items":[{"sku":"a"},{"sku":"admin"}]}"#),
        ),
        (
            Field::RequestBody,
            "role",
            "/admin",
            (FORM, "role=user&role=admin"),
        ),
        (
            Field::RequestBody,
            "role",
            "/admin",
            (FORM, "role=admin&role=user"),
        ),
        (Field::RequestBody, "role", "/admin", (PARTS, multipart)),
        (
            Field::RequestQuery,
            "role",
            "/admin?role=user&role=admin",
            (&[], ""),
        ),
        (
            Field::RequestQuery,
            "role",
            "/admin?role=admin&a=1&role=user",
            (&[], ""),
        ),
        (
            Field::RequestCookies,
            "role",
            "/admin",
            (&[("cookie", "role=user; role=admin")], ""),
        ),
        (
            Field::RequestCookies,
            "role",
            "/admin",
            (&[("cookie", "role=user"), ("cookie", "role=admin")], ""),
        ),
        (
            Field::RequestHeaders,
            "x-role",
            "/admin",
            (&[("x-role", "user"), ("x-role", "admin")], ""),
        ),
        (
            Field::RequestHeaders,
            "x-role",
            "/admin",
            (&[("x-role", "admin"), ("x-role", "user")], ""),
        ),
    ] {
        let value = || of(field, name);
        let has = Expr::HasKey(Box::new(Expr::Field(field)), Box::new(text(name)));
        for condition in [
            is(value(), "admin"),
            Expr::And(Box::new(has), Box::new(is(value(), "admin"))),
            call(Function::StartsWith, &[value(), text("adm")]),
            call(Function::Matches, &[value(), text("^adm.n$")]),
            call(
                Function::In,
                &[value(), Expr::List(vec![text("root"), text("admin")])],
            ),
            call(Function::NotEqual, &[value(), text("user")]),
            call(
                Function::Not,
                &[call(
                    Function::In,
                    &[
                        value(),
                        Expr::List(vec![
                            text("user"),
                            text("a"),
                            text("b"),
                            text("user, admin"),
                            text("admin, user"),
                        ]),
                    ],
                )],
            ),
            is(
                call(
                    Function::LowerAscii,
                    &[call(Function::Add, &[text("A"), value()])],
                ),
                "aadmin",
            ),
            Expr::Conditional(
                Box::new(is(value(), "admin")),
                Box::new(Expr::Bool(true)),
                Box::new(Expr::Bool(false)),
            ),
            Expr::Comprehension(
                Quantifier::Exists,
                Box::new(Expr::List(vec![text("root"), text("admin")])),
                Box::new(call(Function::Equal, &[Expr::Local(0), value()])),
            ),
        ] {
            let engine = engine(vec![policy("p", None, condition.clone(), block())]);
            let told = ask(&engine, path, headers, body);
            assert_eq!(
                told.action, "block",
                "{field:?} {body} {path}: {condition:?}"
            );
        }
        let other = is(value(), "root");
        let engine = engine(vec![policy("p", None, other, block())]);
        assert_eq!(
            ask(&engine, path, headers, body).action,
            "allow",
            "{body} {path}"
        );
    }
}

/// Who lets pass asks for all values; without a repetition both are plain CEL.
#[test]
fn a_permission_asks_for_every_value() {
    let permit = policy(
        "permit",
        None,
        is(of(Field::RequestQuery, "role"), "user"),
        Action::Allow,
    );
    let permit_not = policy(
        "permit_not",
        None,
        call(
            Function::NotEqual,
            &[of(Field::RequestQuery, "role"), text("admin")],
        ),
        Action::Allow,
    );
    let rest = policy("rest", None, Expr::Bool(true), block());
    let engine = engine(vec![permit, permit_not, rest]);
    for (query, wanted) in [
        ("role=user", "permit"),
        ("role=user&role=user", "permit"),
        ("role=guest", "permit_not"),
        ("role=user&role=guest", "permit_not"),
        ("role=user&role=admin", "rest"),
        ("role=admin&role=user", "rest"),
        ("role=admin", "rest"),
        ("", "rest"),
    ] {
        assert_eq!(
            &*get(&engine, &format!("/admin?{query}")).policy,
            wanted,
            "{query}"
        );
    }
}

/// Errors are absorbed as by `exists()`: another value that can be compared decides.
#[test]
fn a_value_that_cannot_be_compared_hides_no_other() {
    let more = call(
        Function::Greater,
        &[
            call(Function::ToInt, &[of(Field::RequestQuery, "n")]),
            Expr::Int(5),
        ],
    );
    let engine = engine(vec![policy("p", None, more, block())]);
    for (query, action, error) in [
        ("n=x&n=9", "block", ""),
        ("n=9&n=x", "block", ""),
        ("n=x&n=1", "allow", "conversion"),
        ("n=1&n=2", "allow", ""),
    ] {
        let told = get(&engine, &format!("/admin?{query}"));
        assert_eq!(
            (told.action, told.policies[0].error),
            (action, error),
            "{query}"
        );
    }
}

/// A repeated key counts under each of its values, so nobody begins a new count with a decoy.
#[test]
fn limits_count_every_value() {
    let key = || of(Field::RequestQuery, "user");
    let of_one = || engine(vec![policy("p", None, Expr::Bool(true), limit(&[key()]))]);
    let actions = |engine: &Engine, queries: [&str; 4]| {
        queries.map(|query| get(engine, &format!("/admin?{query}")).action)
    };
    let decoys = [
        "user=a&user=1",
        "user=2&user=a",
        "user=3&user=a&user=4",
        "user=a&user=5",
    ];
    assert_eq!(
        actions(&of_one(), decoys),
        ["allow", "allow", "allow", "limit"]
    );
    let many = |last: &str| {
        let decoys: Vec<String> = (0..500)
            .map(|number| format!("user={last}{number}"))
            .collect();
        format!("{}&user=a", decoys.join("&"))
    };
    let many = ["x", "y", "z", "w"].map(many);
    assert_eq!(
        actions(&of_one(), many.each_ref().map(|query| &**query)),
        ["allow", "allow", "allow", "limit"]
    );
    assert_eq!(
        actions(&of_one(), ["user=a", "user=b", "user=c", "user=d"]),
        ["allow"; 4]
    );
    assert_eq!(
        actions(
            &of_one(),
            ["user=a&user=a", "user=a&user=a", "user=a", "user=b"]
        ),
        ["allow"; 4]
    );
}

/// A long list costs its length, and is compared to its end.
#[test]
fn a_long_list_is_compared_to_its_end() {
    let engine = engine(vec![policy(
        "p",
        None,
        is(of(Field::RequestBody, "tags[]"), "last"),
        block(),
    )]);
    let list = |last: &str| {
        let tags: Vec<String> = (0..900).map(|number| format!("\"t{number}\"")).collect();
        format!("{{\"tags\":[{},\"{last}\"]}}", tags.join(","))
    };
    let (headers, _) = json("");
    assert_eq!(
        ask(&engine, "/admin", headers, &list("last")).action,
        "block"
    );
    assert_eq!(
        ask(&engine, "/admin", headers, &list("other")).action,
        "allow"
    );
}
