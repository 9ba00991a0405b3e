//! Whatever the spelling of a path and however often a name comes, what holds for an endpoint or a value holds.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read its input must fail"
)]

mod paths;
mod repeated;
mod servers;
#[path = "../support/mod.rs"]
mod support;

use std::net::{IpAddr, Ipv4Addr};

use starfort_engine::bundle::{
    Action, Bundle, Endpoint, Expr, Field, Function, Mode, Phase, Policy,
};
use starfort_engine::explain::{Described, Explanation, explain};
use starfort_engine::policy::actions::{BlockSpec, LimitSpec};
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
            limits: None,
            content: Vec::new(),
        })
        .collect();
    bundle.policies = policies;
    bundle
}

fn engine(policies: Vec<Policy>) -> Engine {
    ready(bundle(policies))
}

fn ready(bundle: Bundle) -> Engine {
    Engine::new(bundle, Assets::default(), std::sync::Arc::default()).unwrap()
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
    Action::Block(BlockSpec {
        status: 403,
        body: None,
        content_type: None,
    })
}

fn limit(key: &[Expr]) -> Action {
    Action::Limit(LimitSpec {
        requests: 2,
        period_ms: 60_000,
        burst: 2,
        key: key.to_vec(),
    })
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
