//! Bodies of requests: JSON, multipart, XML, forms, and documents whose type is not said.

use starfort_engine::rules::wire::{
    Ctl, OperatorKind as O, Rule, RuleAction, Selector, Target, Variable as V,
};

use super::make::{always, link, named, rule, target, with};
use super::send::{Sent, post, run};

fn body_vars(sent: &Sent, variables: &[V]) -> Vec<(String, String)> {
    let targets: Vec<Target> = variables.iter().map(|variable| target(*variable)).collect();
    let processor = |name: &str, kind: &str| {
        let chosen = with(
            link(
                &[named(V::RequestHeaders, "content-type")],
                O::Contains,
                kind,
            ),
            vec![RuleAction::Ctl(Ctl::RequestBodyProcessor(name.into()))],
        );
        Rule {
            log: false,
            ..rule(9, 1, vec![chosen])
        }
    };
    run(
        vec![
            processor("JSON", "json"),
            processor("XML", "xml"),
            rule(1, 2, vec![link(&targets, O::UnconditionalMatch, "")]),
        ],
        sent,
    )
    .vars
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

/// Names of JSON values; repeated keys, escapes and what comes after an error are all there.
#[test]
fn json_bodies() {
    let vars = |body: &str| body_vars(&post("application/json", body.as_bytes()), &[V::Args]);
    assert_eq!(
        vars(r#"{"a":{"b":[1,{"c":null}]},"d":"\u003cx\u003e","d":true}"#),
        pairs(&[
            ("ARGS:json.a.b.array_0", "1"),
            ("ARGS:json.a.b.array_1.c", ""),
            ("ARGS:json.a.b", "2"),
            ("ARGS:json.d", "<x>"),
            ("ARGS:json.d", "true"),
        ])
    );
    assert_eq!(
        vars("[\"x\"]"),
        pairs(&[("ARGS:json.array_0", "x"), ("ARGS:json", "1")])
    );
    assert_eq!(
        vars(r#"{"a":1,}{"b":"<script>"}"#)[1].1,
        r#"}{"b":"<script>"}"#
    );
    let told = run(vec![], &post("application/json", b"{"));
    assert_eq!(told.body_error, None, "nobody chose the processor");
}

/// Many upstreams read a document whatever its type, or without one: so do rules, where no processor was chosen. That it
/// cannot be read is no error then.
#[test]
fn documents_are_read_without_a_type() {
    let vars = |kind: &str, body: &str| body_vars(&post(kind, body.as_bytes()), &[V::Args, V::Xml]);
    for kind in ["", "image/png", "text/plain"] {
        assert_eq!(
            vars(kind, r#" {"q":"1' or 1=1"}"#),
            pairs(&[("ARGS:json.q", "1' or 1=1")])
        );
        let xml = vars(kind, "<a>x</a>");
        assert!(xml.contains(&("ARGS:xml.a".into(), "x".into())), "{xml:?}");
        assert!(xml.contains(&("XML".into(), "x".into())), "{xml:?}");
        assert_eq!(run(vec![], &post(kind, b"{\"q\":")).body_error, None);
    }
}

/// Text is one argument without a name; what calls itself a file is none.
#[test]
fn texts_are_arguments() {
    let vars = |kind: &str| body_vars(&post(kind, b"q=1' or 1=1"), &[V::Args]);
    for kind in ["", "text/plain", "text/csv", "application/sql"] {
        assert_eq!(vars(kind), pairs(&[("ARGS", "q=1' or 1=1")]), "{kind}");
    }
    assert_eq!(vars("image/png"), pairs(&[]));
    assert_eq!(vars("application/octet-stream"), pairs(&[]));
}

/// Without a body there is none, rather than an unknown one.
#[test]
fn no_body() {
    let vars = body_vars(
        &post("text/plain", b""),
        &[V::RequestBodyLength, V::InboundDataError],
    );
    assert_eq!(
        vars,
        pairs(&[("REQUEST_BODY_LENGTH", "0"), ("INBOUND_DATA_ERROR", "0")])
    );
}

/// Fields, files and their headers; flags of what is odd.
#[test]
fn multipart_bodies() {
    let body = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.php\"\r\nContent-Type: text/plain\r\n\r\n<?php\r\n--B--\r\n";
    let sent = |body: &str| post("multipart/form-data; boundary=B", body.as_bytes());
    assert_eq!(
        body_vars(
            &sent(body),
            &[
                V::Args,
                V::Files,
                V::FilesNames,
                V::FilesSizes,
                V::MultipartPartHeaders,
                V::MultipartStrictError
            ]
        ),
        pairs(&[
            ("ARGS:a", "1"),
            ("FILES:f", "x.php"),
            ("FILES_NAMES:f", "f"),
            ("FILES_SIZES:f", "5"),
            (
                "MULTIPART_PART_HEADERS:a",
                "Content-Disposition: form-data; name=\"a\""
            ),
            (
                "MULTIPART_PART_HEADERS:f",
                "Content-Disposition: form-data; name=\"f\"; filename=\"x.php\""
            ),
            ("MULTIPART_PART_HEADERS:f", "Content-Type: text/plain"),
            ("MULTIPART_STRICT_ERROR", "0"),
        ])
    );
    let strict = |body: &str| {
        body_vars(&sent(body), &[V::MultipartStrictError])[0]
            .1
            .clone()
    };
    for (name, odd) in [
        ("line feeds", body.replace("\r\n", "\n")),
        ("data before", format!("x\r\n{body}")),
        ("data after", format!("{body}x")),
        ("no end", body.replace("--B--\r\n", "")),
        (
            "folded header",
            body.replace("; filename", ";\r\n filename"),
        ),
        ("single quotes", body.replace("\"a\"", "'a'")),
        (
            "two dispositions",
            body.replace(
                "Content-Type: text/plain",
                "Content-Disposition: form-data; name=\"g\"",
            ),
        ),
        ("no name", body.replace("; name=\"a\"", "")),
    ] {
        assert_eq!(strict(&odd), "1", "{name}");
    }
    let boundary = post("multipart/form-data; boundary=----WebKitFormBoundaryX", b"------WebKitFormBoundaryX\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n------WebKitFormBoundaryX--\r\n");
    assert_eq!(body_vars(&boundary, &[V::Args]), pairs(&[("ARGS:a", "1")]));
}

/// Text and attributes; a value that references divide is one, and what a document declares for itself is replaced.
#[test]
fn xml_bodies() {
    let body = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY e \"boom\">]><a b='&lt;1'>x<c>y&amp;&#60;</c><![CDATA[<z>]]>&e;</a>";
    let select = |path: &str| Target {
        selector: Some(Selector::Xpath(path.into())),
        ..target(V::Xml)
    };
    let xml = with(
        always(),
        vec![RuleAction::Ctl(Ctl::RequestBodyProcessor("XML".into()))],
    );
    let vars = |path: &str| {
        let rules = vec![
            Rule {
                log: false,
                ..rule(9, 1, vec![xml.clone()])
            },
            rule(1, 2, vec![link(&[select(path)], O::UnconditionalMatch, "")]),
        ];
        run(rules, &post("text/xml", body.as_bytes()))
            .vars
            .into_iter()
            .map(|(_, value)| value)
            .collect::<Vec<_>>()
    };
    assert_eq!(vars("/*"), ["xy&<<z>boom"]);
    assert_eq!(vars("//@*"), ["<1"]);
    assert_eq!(vars("//c/text()"), ["y&<"]);
    let told = run(
        vec![rule(9, 1, vec![xml.clone()])],
        &post("text/xml", b"<a><b></a>"),
    );
    assert!(told.body_error.unwrap().contains("XML"));
}

/// A body is the same to rules by whichever way it comes: alone, through the pipeline, or compressed.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn entrances_agree() {
    use std::io::Write as _;

    use starfort_engine::explain::{Described, explain};
    use starfort_engine::{Assets, Engine, Now};

    let attack = "1' or 1=1";
    let rules = || {
        vec![rule(
            1,
            2,
            vec![link(
                &[target(V::Args), target(V::Files)],
                O::Contains,
                attack,
            )],
        )]
    };
    let mut bundle = crate::support::bundle(1, 0);
    bundle.rules = crate::make::packed(&crate::make::rule_set(
        rules(),
        starfort_engine::rules::wire::Settings::default(),
    ));
    let engine = Engine::new(bundle, Assets::default(), std::sync::Arc::default()).unwrap();
    let through = |kind: &str, body: &[u8], encoding: &str| {
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let mut headers = vec![
            pair(":method", "POST"),
            pair(":path", "/"),
            pair(":authority", "shop.example.com"),
            pair(":scheme", "https"),
            pair("content-type", kind),
        ];
        if !encoding.is_empty() {
            headers.push(pair("content-encoding", encoding));
        }
        let described = Described {
            headers,
            peer: std::net::Ipv4Addr::LOCALHOST.into(),
            protocol: "HTTP/1.1",
            body: body.to_vec(),
            response: None,
        };
        let now = Now {
            unix_us: 1_700_000_000_000_000,
            monotonic_ns: 1,
        };
        explain(&engine, &described, now)
            .findings
            .iter()
            .any(|finding| finding == "rule:1")
    };
    for (kind, body, is_found) in [
        (
            "application/json",
            format!("{{\"a\":[\"{attack}\"]}}"),
            true,
        ),
        (
            "application/json-seq",
            format!("\x1e{{\"a\":\"{attack}\"}}\n"),
            true,
        ),
        (
            "application/x-www-form-urlencoded",
            format!("a={attack}"),
            true,
        ),
        (
            "multipart/form-data; boundary=b",
            format!(
                "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{attack}\r\n--b--\r\n"
            ),
            true,
        ),
        (
            "multipart/form-data; boundary=b",
            format!(
                "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"{attack}\"\r\n\r\nx\r\n--b--\r\n"
            ),
            true,
        ),
        (
            "multipart/form-data; boundary=b",
            format!(
                "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a\"\r\n\r\n{attack}\r\n--b--\r\n"
            ),
            false,
        ),
        (
            "multipart/related; boundary=b",
            format!("--b\r\nContent-Type: text/xml\r\n\r\n<a b=\"{attack}\"/>\r\n--b--\r\n"),
            true,
        ),
        ("text/xml", format!("<a>{attack}</a>"), true),
        (
            "application/x-ofx",
            format!("OFXHEADER:100\n\n<OFX><USERID>{attack}<USERPASS>x</OFX>"),
            true,
        ),
        (
            "application/graphql",
            format!("{{ a(b: \"{attack}\") }}"),
            true,
        ),
        ("text/plain", attack.to_owned(), true),
        ("image/png", format!("{{\"a\":\"{attack}\"}}"), true),
        ("image/png", format!("\u{89}PNG{attack}"), false),
    ] {
        let alone = run(rules(), &post(kind, body.as_bytes())).ids == [1];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(body.as_bytes()).unwrap();
        let got = (
            alone,
            through(kind, body.as_bytes(), ""),
            through(kind, &gzip.finish().unwrap(), "gzip"),
        );
        assert_eq!(got, (is_found, is_found, is_found), "{kind} {body}");
    }
}

/// A hundred thousand parameters end at the limit and are told.
#[test]
fn very_many_parameters() {
    let body = "a=1&".repeat(100_000) + "z=attack";
    let told = run(
        vec![rule(
            1,
            2,
            vec![link(&[target(V::ReqbodyError)], O::Eq, "1")],
        )],
        &post("application/x-www-form-urlencoded", body.as_bytes()),
    );
    assert_eq!(told.ids, [1]);
}
