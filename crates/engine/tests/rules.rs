//! SecLang rules at work: chains, skips, collections, `ctl`, body processors, evasions; and that the prefilter changes
//! nothing but the time.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot make its rules must fail"
)]

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use starfort_engine::client::geo::Place;
use starfort_engine::rules::compiled::{
    Action, Collection, Ctl, Disruptive, EngineMode, FORMAT, Link, Operator, OperatorKind, Part,
    Rule, RuleSet, Selector, SetOp, SetVar, Settings, Target, Transformation, Variable,
};
use starfort_engine::rules::{Inspection, Refusal, Request, Response, Rules, Store};

type Made = Vec<Rule>;

fn text(text: &str) -> Vec<Part> {
    if text.is_empty() {
        Vec::new()
    } else {
        vec![Part::Text(text.into())]
    }
}

fn operator(kind: OperatorKind, argument: &str) -> Operator {
    let phrases = if kind == OperatorKind::Pm || kind == OperatorKind::IpMatch {
        argument.split(' ').map(ToOwned::to_owned).collect()
    } else {
        Vec::new()
    };
    Operator {
        kind,
        argument: text(argument),
        phrases,
    }
}

fn target(variable: Variable) -> Target {
    Target {
        variable,
        selector: None,
        count: false,
        exclude: false,
    }
}

fn named(variable: Variable, name: &str) -> Target {
    Target {
        selector: Some(Selector::Name(name.into())),
        ..target(variable)
    }
}

fn not(inner: Target) -> Target {
    Target {
        exclude: true,
        ..inner
    }
}

fn count(inner: Target) -> Target {
    Target {
        count: true,
        ..inner
    }
}

fn link(targets: &[Target], kind: OperatorKind, argument: &str) -> Link {
    Link {
        targets: targets.to_vec(),
        operator: operator(kind, argument),
        negated: false,
        transformations: Vec::new(),
        multi_match: false,
        capture: false,
        msg: None,
        logdata: None,
        actions: Vec::new(),
        xmlns: Vec::new(),
    }
}

fn always() -> Link {
    link(&[], OperatorKind::UnconditionalMatch, "")
}

fn rule(id: u64, phase: u8, links: Vec<Link>) -> Rule {
    Rule {
        id,
        phase,
        file: 0,
        line: 1,
        links,
        rev: String::new(),
        ver: String::new(),
        severity: Some(2),
        maturity: 0,
        accuracy: 0,
        tags: vec!["test".into()],
        disruptive: Disruptive::Pass,
        status: None,
        log: true,
        audit_log: false,
        skip: 0,
        skip_to: None,
    }
}

fn set(key: &str, op: SetOp, value: Vec<Part>) -> Action {
    Action::SetVar(SetVar {
        collection: Collection::Tx,
        key: text(key),
        op,
        value,
    })
}

fn with(mut link: Link, actions: Vec<Action>) -> Link {
    link.actions = actions;
    link
}

fn after(mut link: Link, transformations: &[Transformation]) -> Link {
    link.transformations = transformations.to_vec();
    link
}

fn load(rules: Made, settings: Settings) -> Rules {
    let set = RuleSet {
        format: FORMAT,
        signatures: Vec::new(),
        settings,
        files: vec!["test.conf".into()],
        rules,
    };
    Rules::new(&rmp_serde::to_vec_named(&set).unwrap()).unwrap()
}

#[derive(Debug, Clone, Default)]
struct Sent {
    method: &'static str,
    uri: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    answer: Option<(u16, Vec<u8>)>,
    exhaustive: bool,
    now_s: u64,
}

fn get(uri: &str) -> Sent {
    Sent {
        method: "GET",
        uri: uri.into(),
        now_s: 1_767_323_045,
        ..Sent::default()
    }
}

fn post(content_type: &str, body: &[u8]) -> Sent {
    Sent {
        method: "POST",
        headers: vec![("content-type".into(), content_type.into())],
        body: body.to_vec(),
        ..get("/")
    }
}

#[derive(Debug, Default, PartialEq)]
struct Told {
    ids: Vec<u64>,
    vars: Vec<(String, String)>,
    tx: Vec<(String, String)>,
    refused: Option<(u64, u16)>,
    body_error: Option<String>,
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run_with(rules: &Rules, store: &Store, sent: &Sent) -> Told {
    let environment = rules.environment(store, sent.now_s * 1_000_000).unwrap();
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
    let mut inspection = Inspection::begin(environment, &request, Place::default());
    if sent.exhaustive {
        inspection.exhaustively();
    }
    inspection.request_headers(environment);
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

fn run(rules: Made, sent: &Sent) -> Told {
    run_with(&load(rules, Settings::default()), &Store::default(), sent)
}

fn tx<'a>(told: &'a Told, name: &str) -> Option<&'a str> {
    told.tx
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

use OperatorKind as O;
use Transformation as T;
use Variable as V;

/// A chain matches when all its links do; the first link's actions run all the same.
#[test]
fn chains() {
    let chain = |second: &str| {
        let first = with(
            link(&[target(V::Args)], O::Contains, "attack"),
            vec![set("seen", SetOp::Add, text("1"))],
        );
        vec![rule(
            1,
            2,
            vec![first, link(&[target(V::RequestMethod)], O::Streq, second)],
        )]
    };
    let sent = get("/?a=attack&b=attack&c=x");
    let told = run(chain("GET"), &sent);
    assert_eq!(
        (told.ids, tx(&run(chain("GET"), &sent), "seen")),
        (vec![1], Some("2")),
        "once for each value"
    );
    let told = run(chain("POST"), &sent);
    assert_eq!(
        (told.ids.as_slice(), tx(&told, "seen")),
        (&[][..], Some("2"))
    );
}

/// `skipAfter` passes over rules up to the marker, `skip` over a number of them, in their own phase.
#[test]
fn skips() {
    let plain = |id, phase| rule(id, phase, vec![always()]);
    let jump = Rule {
        skip_to: Some(3),
        ..plain(1, 1)
    };
    assert_eq!(
        run(
            vec![jump, plain(2, 1), plain(3, 1), plain(4, 1), plain(5, 2)],
            &get("/")
        )
        .ids,
        [1, 4, 5]
    );
    let hop = Rule {
        skip: 2,
        ..plain(1, 1)
    };
    let never = rule(2, 1, vec![link(&[target(V::Args)], O::Contains, "zzz")]);
    assert_eq!(
        run(
            vec![hop, never, plain(9, 2), plain(3, 1), plain(4, 1)],
            &get("/")
        )
        .ids,
        [1, 4, 9]
    );
}

/// Members by name (any case), by regular expression, and all but some.
#[test]
fn selections() {
    let by = |targets: &[Target]| {
        run(
            vec![rule(1, 2, vec![link(targets, O::Rx, "^x$")])],
            &get("/?Alpha=x&beta=x&gamma=y"),
        )
        .vars
    };
    let names =
        |vars: Vec<(String, String)>| vars.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(by(&[named(V::Args, "alpha")])), ["ARGS:Alpha"]);
    let regex = Target {
        selector: Some(Selector::Regex("^(be|ga)".into())),
        ..target(V::Args)
    };
    assert_eq!(names(by(std::slice::from_ref(&regex))), ["ARGS:beta"]);
    assert_eq!(
        names(by(&[target(V::Args), not(named(V::Args, "alpha"))])),
        ["ARGS:beta"]
    );
    assert_eq!(names(by(&[target(V::Args), not(regex)])), ["ARGS:Alpha"]);
    let counted = run(
        vec![rule(
            1,
            2,
            vec![link(&[count(target(V::Args))], O::Eq, "3")],
        )],
        &get("/?a=1&b=2&c=3"),
    );
    assert_eq!(counted.ids, [1]);
    let missing = rule(
        1,
        1,
        vec![link(&[count(named(V::RequestHeaders, "host"))], O::Eq, "0")],
    );
    assert_eq!(run(vec![missing], &get("/")).ids, [1]);
}

/// Captures are `TX:0` to `TX:9`; macros see them; the next capture clears them.
#[test]
fn captures_and_macros() {
    let mut first = link(&[named(V::Args, "a")], O::Rx, "(\\d+)-(\\d+)");
    first.capture = true;
    first.actions = vec![
        set("sum", SetOp::Set, vec![Part::Var(V::Tx, Some("1".into()))]),
        set("sum", SetOp::Add, vec![Part::Var(V::Tx, Some("2".into()))]),
        set(
            "of",
            SetOp::Set,
            vec![
                Part::Text("<".into()),
                Part::Var(V::MatchedVarName, None),
                Part::Text(">".into()),
            ],
        ),
    ];
    let mut second = link(&[named(V::Args, "b")], O::Rx, "x");
    second.capture = true;
    let told = run(
        vec![rule(1, 2, vec![first]), rule(2, 2, vec![second])],
        &get("/?a=12-30&b=x"),
    );
    assert_eq!(
        (
            tx(&told, "sum"),
            tx(&told, "of"),
            tx(&told, "0"),
            tx(&told, "1")
        ),
        (Some("42"), Some("<ARGS:a>"), Some("x"), None)
    );
}

/// A refusal is told only with the engine on, and ends all phases but the last.
#[test]
fn refusals_are_told() {
    let deny = || Rule {
        disruptive: Disruptive::Deny,
        status: Some(418),
        ..rule(1, 1, vec![always()])
    };
    let rules = || {
        vec![
            deny(),
            rule(2, 1, vec![always()]),
            rule(3, 2, vec![always()]),
            rule(5, 5, vec![always()]),
        ]
    };
    let told = run(rules(), &get("/"));
    assert_eq!((told.refused, told.ids), (Some((1, 418)), vec![1, 5]));
    let settings = Settings {
        engine: EngineMode::DetectionOnly,
        ..Settings::default()
    };
    let told = run_with(&load(rules(), settings), &Store::default(), &get("/"));
    assert_eq!((told.refused, told.ids), (None, vec![1, 2, 3, 5]));
    let allow = Rule {
        disruptive: Disruptive::AllowRequest,
        ..rule(1, 1, vec![always()])
    };
    let told = run(
        vec![
            allow,
            rule(2, 2, vec![always()]),
            rule(3, 3, vec![always()]),
        ],
        &Sent {
            answer: Some((200, Vec::new())),
            ..get("/")
        },
    );
    assert_eq!(told.ids, [1, 3]);
    let redirect = Rule {
        disruptive: Disruptive::Redirect(text("https://example.com/")),
        ..rule(1, 1, vec![always()])
    };
    let rules = load(vec![redirect], Settings::default());
    let store = Store::default();
    let environment = rules.environment(&store, 0).unwrap();
    let request = Request {
        method: b"GET",
        uri: b"/",
        protocol: b"HTTP/1.1",
        headers: &[],
        remote_addr: IpAddr::V4(Ipv4Addr::LOCALHOST),
        remote_port: 0,
        server_addr: None,
        server_port: 0,
        unique_id: b"",
    };
    let mut inspection = Inspection::begin(environment, &request, Place::default());
    inspection.request_headers(environment);
    assert_eq!(
        inspection.interruption().unwrap().refusal,
        Refusal::Redirect(b"https://example.com/".to_vec())
    );
}

/// `ctl` removes rules and targets for the rest of the transaction.
#[test]
fn removals() {
    let ctl = |ctl: Ctl| rule(1, 1, vec![with(always(), vec![Action::Ctl(ctl)])]);
    let look = |id| rule(id, 2, vec![link(&[target(V::Args)], O::Contains, "attack")]);
    let sent = get("/?a=attack&b=attack");
    assert_eq!(
        run(
            vec![
                ctl(Ctl::RuleRemoveById(vec![(2, 2), (4, 9)])),
                look(2),
                look(3),
                look(4)
            ],
            &sent
        )
        .ids,
        [1, 3]
    );
    assert_eq!(
        run(
            vec![ctl(Ctl::RuleRemoveByTag("test".into())), look(2)],
            &sent
        )
        .ids,
        [1]
    );
    let told = run(
        vec![
            ctl(Ctl::RuleRemoveTargetById(vec![(2, 2)], named(V::Args, "a"))),
            look(2),
            look(3),
        ],
        &sent,
    );
    assert_eq!(
        told.vars
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        ["ARGS:b", "ARGS:a", "ARGS:b"]
    );
}

/// `multiMatch` asks after each transformation that changed something.
#[test]
fn multi_match() {
    let mut many = after(
        link(&[target(V::Args)], O::Contains, "A"),
        &[T::Lowercase, T::UrlDecode],
    );
    let single = many.clone();
    many.multi_match = true;
    assert_eq!(
        run(
            vec![rule(1, 2, vec![many]), rule(2, 2, vec![single])],
            &get("/?x=A")
        )
        .ids,
        [1]
    );
}

/// Collections outlive the transaction, by key; variables expire.
#[test]
fn collections() {
    let begin = Action::InitCol {
        collection: Collection::Ip,
        key: vec![Part::Var(V::RemoteAddr, None)],
    };
    let add = Action::SetVar(SetVar {
        collection: Collection::Ip,
        key: text("hits"),
        op: SetOp::Add,
        value: text("1"),
    });
    let expire = Action::ExpireVar {
        collection: Collection::Ip,
        key: text("hits"),
        seconds: text("60"),
    };
    let rules = load(
        vec![
            rule(1, 1, vec![with(always(), vec![begin, add, expire])]),
            rule(2, 1, vec![link(&[named(V::Ip, "hits")], O::Ge, "3")]),
        ],
        Settings::default(),
    );
    let store = Store::default();
    let at = |now_s| run_with(&rules, &store, &Sent { now_s, ..get("/") }).ids;
    assert_eq!([at(100), at(110), at(120)], [vec![1], vec![1], vec![1, 2]]);
    assert_eq!(at(180), [1], "expired");
}

fn body_vars(sent: &Sent, variables: &[Variable]) -> Vec<(String, String)> {
    let targets: Vec<Target> = variables.iter().map(|variable| target(*variable)).collect();
    let processor = |name: &str, kind: &str| {
        let chosen = with(
            link(
                &[named(V::RequestHeaders, "content-type")],
                O::Contains,
                kind,
            ),
            vec![Action::Ctl(Ctl::RequestBodyProcessor(name.into()))],
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
        assert_eq!(vars(kind, "<a>x</a>").len(), 1);
        assert_eq!(vars(kind, "q=1"), pairs(&[]));
        assert_eq!(run(vec![], &post(kind, b"{\"q\":")).body_error, None);
    }
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

/// Text and attributes; entities that are not predefined are never expanded.
#[test]
fn xml_bodies() {
    let body = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY e \"boom\">]><a b='&lt;1'>x<c>y&amp;&#60;</c><![CDATA[<z>]]>&e;</a>";
    let select = |path: &str| Target {
        selector: Some(Selector::Xpath(path.into())),
        ..target(V::Xml)
    };
    let xml = with(
        always(),
        vec![Action::Ctl(Ctl::RequestBodyProcessor("XML".into()))],
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
    assert_eq!(vars("/*"), ["xy&<<z>&e;"]);
    assert_eq!(vars("//@*"), ["<1"]);
    assert_eq!(vars("//c/text()"), ["y", "&", "<"]);
    let told = run(
        vec![rule(9, 1, vec![xml.clone()])],
        &post("text/xml", b"<a><b></a>"),
    );
    assert!(told.body_error.unwrap().contains("XML"));
}

/// Layers of encoding, NULs, comments, full-width forms and duplicate names hide nothing.
#[test]
fn evasions() {
    let layers = [
        T::UrlDecodeUni,
        T::HtmlEntityDecode,
        T::JsDecode,
        T::RemoveNulls,
        T::ReplaceComments,
        T::CompressWhitespace,
        T::Lowercase,
    ];
    let css = [T::UrlDecodeUni, T::CssDecode, T::Lowercase];
    let look = || {
        let one = link(
            &[target(V::Args), target(V::ArgsNames)],
            O::Rx,
            "union select|<script",
        );
        vec![
            rule(1, 2, vec![after(one.clone(), &layers)]),
            rule(2, 2, vec![after(one, &css)]),
        ]
    };
    for (name, uri) in [
        ("plain", "/?q=UNION%20SELECT"),
        ("twice encoded", "/?q=union%2520select"),
        ("full width", "/?q=%uff35nion%20select"),
        ("comment", "/?q=union/**/select"),
        ("nul", "/?q=un%00ion%20select"),
        ("entity", "/?q=%26lt;script"),
        ("numeric entity", "/?q=%26%23x3c;script"),
        ("javascript", "/?q=\\u003cscript"),
        ("css", "/?q=\\3cscript"),
        ("in a name", "/?union%20select=1"),
        ("second of a name", "/?q=1&q=union%20select"),
        ("no value", "/?union+select"),
        ("line break", "/?q=union%0aselect"),
    ] {
        assert!(!run(look(), &get(uri)).ids.is_empty(), "{name}");
    }
    for uri in ["/?q=trade+union+members+select", "/?q=a%3Cb", "/"] {
        assert!(run(look(), &get(uri)).ids.is_empty(), "{uri}");
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

/// The response's body is seen by phase 4 when its type is one of those that are.
#[test]
fn responses() {
    let rules = || {
        vec![
            rule(1, 3, vec![link(&[target(V::ResponseStatus)], O::Eq, "500")]),
            rule(
                2,
                4,
                vec![link(&[target(V::ResponseBody)], O::Contains, "ORA-")],
            ),
        ]
    };
    assert_eq!(
        run(
            rules(),
            &Sent {
                answer: Some((500, b"ORA-00933".to_vec())),
                ..get("/")
            }
        )
        .ids,
        [1, 2]
    );
    assert!(
        run(
            rules(),
            &Sent {
                answer: Some((200, b"fine".to_vec())),
                ..get("/")
            }
        )
        .ids
        .is_empty()
    );
}

/// What is wrong with rules is said with file, line and id.
#[test]
fn errors_name_the_rule() {
    let bad = rule(77, 1, vec![link(&[target(V::Args)], O::Rx, "a(?=b)")]);
    let set = RuleSet {
        format: FORMAT,
        signatures: Vec::new(),
        settings: Settings::default(),
        files: vec!["x.conf".into()],
        rules: vec![bad],
    };
    let error = Rules::new(&rmp_serde::to_vec_named(&set).unwrap())
        .unwrap_err()
        .to_string();
    assert!(error.contains("x.conf:1: rule 77"), "{error}");
}

/// Rules of every kind of gate: literals, sets of bytes, none; negated, chained, counted, transformed.
fn mixed() -> Made {
    let all = [
        target(V::Args),
        target(V::ArgsNames),
        target(V::RequestHeaders),
        target(V::RequestUri),
        target(V::RequestCookies),
    ];
    let chains: [&[T]; 6] = [
        &[],
        &[T::UrlDecodeUni, T::Lowercase],
        &[T::HtmlEntityDecode, T::RemoveWhitespace],
        &[T::Lowercase, T::CmdLine],
        &[T::ReplaceComments, T::NormalizePath],
        &[T::Length],
    ];
    let conditions = [
        (O::Rx, "(?i)\\bunion\\s+select|drop\\s+table"),
        (O::Rx, "[<>]\\s*(?:script|img)"),
        (O::Rx, "^[a-c]+$"),
        (O::Rx, "(?:a|b)?x{2,3}$"),
        (O::Rx, "\\.\\./|etc/(?:passwd|shadow)"),
        (O::Pm, "select passwd <script ../ sleep("),
        (O::Contains, "script"),
        (O::DetectSqli, ""),
        (O::DetectXss, ""),
        (O::ValidateByteRange, "32-126"),
        (O::ValidateUrlEncoding, ""),
        (O::ValidateUtf8Encoding, ""),
        (O::Gt, "7"),
        (O::Streq, "union select"),
        (O::EndsWith, "passwd"),
        (O::Within, "abc union select"),
    ];
    let mut rules = Vec::new();
    let mut id = 0;
    for chain in chains {
        for (kind, argument) in conditions {
            for negated in [false, true] {
                id += 1;
                let mut one = after(link(&all, kind, argument), chain);
                one.negated = negated;
                one.capture = id % 3 == 0;
                one.multi_match = id % 5 == 0;
                one.actions = vec![set("score", SetOp::Add, text("1"))];
                let mut links = vec![one];
                if id % 4 == 0 {
                    links.push(after(
                        link(&[target(V::MatchedVars)], O::Rx, "[a-z]{3}"),
                        &[T::Lowercase],
                    ));
                }
                rules.push(rule(id, 1 + u8::try_from(id % 2).unwrap(), links));
            }
        }
    }
    rules
}

fn token() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "union",
        "select",
        " ",
        "+",
        "%20",
        "/**/",
        "<script",
        "<img",
        "..",
        "/",
        "etc/passwd",
        "drop table",
        "a",
        "b",
        "xx",
        "=",
        "&",
        "'",
        "\"",
        "1",
        " or ",
        "--",
        "%3c",
        "%253c",
        "&lt;",
        "&#x3c;",
        "\\u003c",
        "%00",
        "%zz",
        "ä",
        ";",
        "sleep(",
        "UNION",
        "SeLeCt",
        "(",
        ")",
        "%u0041",
    ]);
    prop::collection::vec(
        prop_oneof![4 => words.prop_map(ToOwned::to_owned), 1 => "[ -~]{1,3}"],
        0..8,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Asking only the rules that can match tells the same as asking all.
    #[test]
    fn the_prefilter_changes_nothing(query in token(), cookie in token(), header in token(), body in token(), kind in 0..3usize) {
        static RULES: std::sync::LazyLock<Rules> = std::sync::LazyLock::new(|| load(mixed(), Settings { engine: EngineMode::DetectionOnly, ..Settings::default() }));
        let content_type = ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=b"][kind];
        let mut sent = post(content_type, body.as_bytes());
        sent.uri = format!("/p?{query}");
        sent.headers.push(("cookie".into(), format!("c={cookie}")));
        sent.headers.push(("user-agent".into(), header));
        let quick = run_with(&RULES, &Store::default(), &sent);
        sent.exhaustive = true;
        prop_assert_eq!(quick, run_with(&RULES, &Store::default(), &sent));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    /// Nor does asking once of values that many parameters have.
    #[test]
    fn equal_values_are_told_each(values in prop::collection::vec(token(), 1..5)) {
        static RULES: std::sync::LazyLock<Rules> = std::sync::LazyLock::new(|| {
            let mut rules = mixed();
            for rule in &mut rules {
                rule.links[0].targets.push(not(named(V::Args, "n1")));
            }
            load(rules, Settings { engine: EngineMode::DetectionOnly, ..Settings::default() })
        });
        let pairs = values.iter().cycle().take(200).enumerate();
        let pairs: Vec<String> = pairs.map(|(number, value)| format!("n{}={value}", number % 7)).collect();
        let body = pairs.join("&");
        let mut sent = post("application/x-www-form-urlencoded", body.as_bytes());
        let quick = run_with(&RULES, &Store::default(), &sent);
        sent.exhaustive = true;
        prop_assert_eq!(quick, run_with(&RULES, &Store::default(), &sent));
    }
}
