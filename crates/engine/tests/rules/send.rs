//! Transactions sent under rules, and what rules told of them.

use std::net::{IpAddr, Ipv4Addr};

use starfort_engine::client::geo::GeoRecord;
use starfort_engine::rules::wire::Settings;
use starfort_engine::rules::{Collections, Inspection, Request, Response, Rules};

use super::make::{Made, load};

#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    pub(crate) uri: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) answer: Option<(u16, Vec<u8>)>,
    pub(crate) exhaustive: bool,
    pub(crate) now_s: u64,
}

pub(crate) fn get(uri: &str) -> Sent {
    Sent {
        method: "GET",
        uri: uri.into(),
        now_s: 1_767_323_045,
        ..Sent::default()
    }
}

pub(crate) fn post(content_type: &str, body: &[u8]) -> Sent {
    Sent {
        method: "POST",
        headers: vec![("content-type".into(), content_type.into())],
        body: body.to_vec(),
        ..get("/")
    }
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) ids: Vec<u64>,
    pub(crate) vars: Vec<(String, String)>,
    pub(crate) tx: Vec<(String, String)>,
    pub(crate) refused: Option<(u64, u16)>,
    pub(crate) body_error: Option<String>,
    pub(crate) anomalies: Vec<&'static str>,
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn run_with(rules: &Rules, collections: &Collections, sent: &Sent) -> Told {
    let environment = rules
        .environment(collections, sent.now_s * 1_000_000)
        .unwrap();
    let headers: Vec<(&[u8], &[u8])> = sent
        .headers
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    let request = Request {
        method: sent.method.as_bytes(),
        uri: sent.uri.as_bytes(),
        protocol: b"HTTP/1.1",
        headers: &headers,
        remote_addr: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        remote_port: 1,
        server_addr: None,
        server_port: 80,
        unique_id: b"id",
    };
    let mut inspection = Inspection::begin(environment, &request, GeoRecord::default());
    if sent.exhaustive {
        inspection.exhaustively();
    }
    inspection.request_headers(environment);
    let trailers: Vec<(&[u8], &[u8])> = sent
        .trailers
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    inspection.request_trailers(environment, &trailers);
    inspection.request_body(environment, &sent.body, false);
    if let Some((status, body)) = &sent.answer {
        let head: [(&[u8], &[u8]); 1] = [(b"content-type", b"text/html")];
        inspection.response_headers(
            environment,
            &Response {
                status: *status,
                protocol: b"HTTP/1.1",
                reason: b"",
                headers: &head,
            },
        );
        inspection.response_body(environment, Some(body));
    }
    inspection.finish(environment);
    let mut told = Told {
        tx: inspection
            .tx(environment)
            .iter()
            .map(|(name, value)| (lossy(name), lossy(value)))
            .collect(),
        refused: inspection
            .interruption()
            .map(|found| (found.rule, found.status)),
        body_error: inspection.body_error().map(lossy),
        anomalies: inspection.anomalies().codes().collect(),
        ..Told::default()
    };
    for matched in inspection.matched(environment) {
        told.ids.push(matched.id);
        told.vars.extend(
            matched
                .vars
                .iter()
                .map(|var| (lossy(&var.name), lossy(&var.value))),
        );
    }
    told
}

pub(crate) fn run(rules: Made, sent: &Sent) -> Told {
    run_with(
        &load(rules, Settings::default()),
        &Collections::default(),
        sent,
    )
}

pub(crate) fn tx<'a>(told: &'a Told, name: &str) -> Option<&'a str> {
    told.tx
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}
