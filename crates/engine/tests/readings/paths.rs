//! Spellings of a path, one by one.

use starfort_engine::bundle::{Action, Expr, Field, Function, Policy};

use super::{block, call, engine, get, limit, on, policy, template, text};

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
    let told = get(&engine, "/public/..%2Fprivate/x");
    let readings = told.readings.iter();
    let readings: Vec<_> = readings.map(|one| (&*one.path, &*one.endpoint)).collect();
    assert!(
        readings.contains(&("/private/x", "* /private/{id}")),
        "{readings:?}"
    );
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

/// Where readings belong to several APIs, the restrictions of each of them hold, and the request is one of the API that
/// Envoy routes it to.
#[test]
fn every_api_of_a_path_restricts() {
    let made = |blocked: Option<u32>| {
        let mut bundle = super::bundle(Vec::new());
        let mut partners = bundle.apis[0].clone();
        partners.name = "partners".into();
        partners.base_paths = vec!["/partners".into()];
        bundle.apis.insert(0, partners);
        for endpoint in &mut bundle.endpoints {
            endpoint.api = 1;
        }
        let mut endpoint = bundle.endpoints[0].clone();
        (endpoint.api, endpoint.path) = (0, "/partners/orders/{id}".into());
        bundle.endpoints.push(endpoint);
        let mut block = policy("p", None, Expr::Bool(true), block());
        block.apis = blocked.map(|api| vec![api]);
        bundle.policies = vec![block];
        super::ready(bundle)
    };
    for (path, api, blocked) in [
        ("/partners/orders/7", "partners", [true, false]),
        ("/public/7", "shop", [false, true]),
        ("/partners%2Forders%2F7", "shop", [true, true]),
        ("/public/..%2fpartners/orders/7", "shop", [true, true]),
        ("/public/..%2fpartners/unknown", "shop", [true, true]),
        ("/partners/..;/public/7", "partners", [true, true]),
        ("/partners/orders/7%2Fx", "partners", [true, false]),
    ] {
        for (index, blocked) in (0..).zip(blocked) {
            let told = get(&made(Some(index)), path);
            assert_eq!(told.request.api, api, "{path}");
            assert_eq!(told.action == "block", blocked, "{path} {index}");
        }
    }
}
