//! A small bundle for unit tests.

use crate::bundle::{Api, Bundle, Content, Endpoint, Geo, Identity, Limits};

/// An API `shop` on any host with `/users/{id}` and `/users/me`.
pub(crate) fn bundle() -> Bundle {
    Bundle {
        version: "test".into(),
        created_ms: 0,
        node: "node".into(),
        hash_key: vec![7; 32],
        fail_open: true,
        limits: Limits::default(),
        connections_per_address: 0,
        scoped_limits: Vec::new(),
        trusted_proxies: Vec::new(),
        apis: vec![api("shop", &["*"], &["/"])],
        endpoints: vec![endpoint("GET", "/users/{id}"), endpoint("GET", "/users/me")],
        identity: Identity::default(),
        lists: Vec::new(),
        geo: Geo::default(),
        bots: Vec::new(),
        responses: Vec::new(),
        sensitive_classes: Vec::new(),
        signal_kinds: Vec::new(),
        policies: Vec::new(),
        content: Content::default(),
        shapes: false,
        rules: Vec::new(),
        contracts: Vec::new(),
    }
}

/// An API that goes to an upstream of its own name.
pub(crate) fn api(name: &str, hosts: &[&str], base_paths: &[&str]) -> Api {
    Api {
        name: name.into(),
        hosts: hosts.iter().map(ToString::to_string).collect(),
        base_paths: base_paths.iter().map(ToString::to_string).collect(),
        upstream: name.into(),
        labels: Vec::new(),
        jwt_providers: Vec::new(),
        documented: true,
        limits: None,
        grpc: false,
    }
}

/// A documented endpoint of the first API.
pub(crate) fn endpoint(method: &str, path: &str) -> Endpoint {
    Endpoint {
        id: format!("{method} {path}"),
        api: 0,
        method: method.into(),
        path: path.into(),
        labels: Vec::new(),
        documented: true,
        username_field: None,
        password_field: None,
        limits: None,
        content: Vec::new(),
    }
}
