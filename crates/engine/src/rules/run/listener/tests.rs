//! Tests of [`super`]: rules see all that parameters have.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::http::body::Body;
use crate::http::collect::Collect;
use crate::http::listener::Both;
use crate::http::{Anomalies, Limits, Parameters};
use crate::rules::wire::{Constants, FORMAT, RuleSet, Settings};

/// A body as both listeners have it.
struct Seen {
    parameters: Parameters,
    anomalies: Anomalies,
    /// Names and values of arguments, files and XML.
    facts: Facts,
    error: Option<String>,
}

impl Seen {
    fn members(&self, slot: impl Into<Slot>) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.facts
            .members(slot)
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    fn arguments(&self) -> Vec<(String, String)> {
        self.members(V::ArgsPost)
    }
}

fn program(settings: Settings) -> Program {
    let set = RuleSet {
        format: FORMAT,
        signatures: Vec::new(),
        settings,
        files: Vec::new(),
        rules: Vec::new(),
        reads_earlier: true,
        constants: Constants::default(),
    };
    crate::rules::load::program(&rmp_serde::to_vec_named(&set).unwrap()).unwrap()
}

fn seen_by(program: &Program, chosen: Option<Processor>, content_type: &str, body: &[u8]) -> Seen {
    let limits = Limits {
        body_parameters: 100_000,
        ..Limits::default()
    };
    let mut parameters = Parameters::within(&limits);
    let mut facts = Facts::default();
    let mut collect = Collect::new(&mut parameters, &limits);
    let mut rules = BodyFacts::new(program, chosen, &mut facts);
    let content_type = Some(content_type).filter(|text| !text.is_empty());
    let body = Body::plain(content_type, body, false);
    body.read(
        chosen.map(Processor::format),
        b'&',
        &mut Both(&mut collect, &mut rules),
    );
    let error = rules.finish();
    let mut anomalies = collect.anomalies();
    anomalies.extend(body.anomalies);
    Seen {
        parameters,
        anomalies,
        facts,
        error,
    }
}

fn seen(content_type: &str, body: &str) -> Seen {
    let program = program(Settings {
        arguments_limit: 100_000,
        ..Settings::default()
    });
    seen_by(&program, None, content_type, body.as_bytes())
}

/// The values of parameters that rules have neither as a value nor within a name (as keys are, that are too deep to be
/// named for conditions).
fn unseen(seen: &Seen) -> Vec<String> {
    let all = || {
        [V::ArgsPost.into(), V::Files.into(), Slot::XML_ATTRIBUTES]
            .into_iter()
            .flat_map(|slot: Slot| seen.members(slot))
    };
    let names: Vec<String> = all().map(|(name, _)| name).collect();
    let mut values: HashSet<String> = all().map(|(_, value)| value).collect();
    for (_, value) in seen.members(Slot::XML_TEXTS) {
        values.insert(value.trim().to_owned());
    }
    seen.parameters
        .iter()
        .map(|parameter| parameter.value)
        .filter(|value| !value.is_empty() && !values.contains(*value))
        .filter(|value| !names.iter().any(|name| name.contains(value)))
        .map(ToOwned::to_owned)
        .collect()
}

/// What only parameters were made of is an argument, too.
#[test]
fn every_format_reaches_rules() {
    let attack = "1' OR '1'='1' -- x";
    for (content_type, body, name) in [
        (
            "application/json",
            format!("{{\"a\":[\"{attack}\"]}}"),
            "json.a.array_0",
        ),
        (
            "application/x-ndjson",
            format!("{{\"a\":1}}\n{{\"a\":\"{attack}\"}}"),
            "json.a",
        ),
        (
            "application/json-seq",
            format!("\x1e{{\"a\":\"{attack}\"}}\n"),
            "json.a",
        ),
        (
            "application/x-www-form-urlencoded",
            format!("a={}", attack.replace(' ', "+")),
            "a",
        ),
        (
            "application/graphql",
            format!("{{ user(name: \"{attack}\") {{ id }} }}"),
            "graphql.user.name",
        ),
        (
            "application/x-ofx",
            format!("OFXHEADER:100\n\n<OFX><SONRQ><USERID>{attack}<USERPASS>x</OFX>"),
            "xml.OFX.SONRQ.USERID",
        ),
        (
            "application/x-ofx",
            format!(
                "<?xml version=\"1.0\"?><?OFX OFXHEADER=\"200\"?><OFX><USERID>{attack}</USERID></OFX>"
            ),
            "xml.OFX.USERID",
        ),
        (
            "application/x-ofx",
            format!("OFXHEADER:{}\n<OFX>1</OFX>", attack.replace(' ', "+")),
            "OFXHEADER",
        ),
        ("text/xml", format!("<a q=\"{attack}\"/>"), "xml.a@q"),
        (
            "text/xml",
            format!("<s:a xmlns:s=\"urn:x\"><s:b>{attack}</s:b></s:a>"),
            "xml.a.b",
        ),
        (
            "multipart/form-data; boundary=b",
            format!("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{attack}\r\n--b--"),
            "a",
        ),
        (
            "multipart/mixed; boundary=b",
            format!("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{attack}\r\n--b--"),
            "a",
        ),
        (
            "multipart/related; boundary=b",
            format!("--b\r\nContent-Type: application/json\r\n\r\n{{\"a\":\"{attack}\"}}\r\n--b--"),
            "json.a",
        ),
        (
            "multipart/related; boundary=b",
            format!("--b\r\nContent-Type: text/xml\r\n\r\n<a>{attack}</a>\r\n--b--"),
            "xml.a",
        ),
        ("text/plain", attack.to_owned(), ""),
        ("text/csv", attack.to_owned(), ""),
        ("application/sql", attack.to_owned(), ""),
        ("", attack.to_owned(), ""),
        ("", format!("{{\"a\":\"{attack}\"}}"), "json.a"),
        (
            "application/octet-stream",
            format!("{{\"a\":\"{attack}\"}}"),
            "json.a",
        ),
    ] {
        let got = seen(content_type, &body).arguments();
        let value = if name == "OFXHEADER"
            || got
                .iter()
                .any(|(_, value)| value == &attack.replace(' ', "+"))
        {
            attack.replace(' ', "+")
        } else {
            attack.to_owned()
        };
        assert!(
            got.contains(&(name.to_owned(), value)),
            "{content_type} {body}: {got:?}"
        );
    }
}

/// A file is a file, whatever is in it, and what is no text is no value.
#[test]
fn files_are_no_arguments() {
    for (content_type, body) in [
        ("application/octet-stream", "select * from users"),
        ("image/svg", "union select"),
        ("video/mp4", "x"),
        ("application/x-tar", "a\0\0\0b"),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.sql\"\r\n\r\nunion select\r\n--b--",
        ),
        (
            "multipart/related; boundary=b",
            "--b\r\nContent-Type: image/png\r\n\r\nunion select\r\n--b--",
        ),
    ] {
        assert_eq!(seen(content_type, body).arguments(), [], "{content_type}");
    }
}

/// A JSON document that calls itself prose is no prose; what begins like XML may be meant as HTML.
#[test]
fn prose() {
    let names = |body: &str| {
        let arguments = seen("text/plain", body).arguments();
        arguments
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names("{\"a\":\"b\"}"), ["json.a"]);
    assert_eq!(
        names("<img src=\"x\" onerror=\"y\"/>"),
        ["", "xml.img@src", "xml.img@onerror"]
    );
    assert_eq!(names("[sic] {x}"), [""]);
}

/// Names of the places that are too deep, and values beyond the number of arguments, are cut; values are not lost.
#[test]
fn limits_hide_nothing() {
    let small = program(Settings {
        json_depth_limit: 2,
        arguments_limit: 3,
        ..Settings::default()
    });
    let json = |body: &str| {
        seen_by(
            &small,
            Some(Processor::Json),
            "application/json",
            body.as_bytes(),
        )
    };
    let deep = json(r#"{"a":{"b":{"c":"deep"}}}"#);
    let arguments = deep.arguments();
    assert_eq!(arguments[0], ("json.a.b".into(), "c".into()));
    assert_eq!(arguments[1], ("json.a.b".into(), "deep".into()));
    assert!(deep.error.unwrap().contains("SecRequestBodyJsonDepthLimit"));

    let many = json(r#"{"a":1,"b":2,"c":3,"d":"four","e":["five"]}"#);
    assert_eq!(
        many.arguments()[3],
        (String::new(), "d\nfour\ne\nfive\n".into())
    );
    assert!(many.error.unwrap().contains("SecArgumentsLimit"));

    let form = seen_by(
        &small,
        Some(Processor::UrlEncoded),
        "application/x-www-form-urlencoded",
        b"a=1&b=2&c=3&d=%34",
    );
    assert_eq!(form.arguments()[3], (String::new(), "d\n4\n".into()));
    assert!(form.error.is_some());

    // A long document of XML is no error: all of its text is seen at once.
    let xml = seen_by(
        &small,
        Some(Processor::Xml),
        "text/xml",
        b"<a><b>1</b><b>2</b><b>3</b><b c='5'>4</b></a>",
    );
    assert_eq!(xml.error, None);
    assert_eq!(xml.members(V::Xml)[0].1, "1234");
    assert!(xml.arguments().contains(&(String::new(), "5\n4\n".into())));

    let long = "k".repeat(5_000);
    let named = json(&format!("{{\"{long}\":\"v\"}}"));
    assert_eq!(
        (
            named.arguments()[0].0.len(),
            named.arguments()[0].1.as_str()
        ),
        (MAX_NAME_BYTES, "v")
    );
    assert_eq!(named.error, None);
}

/// Only what rules chose can fail, whatever else a body is read as.
#[test]
fn errors_are_of_the_chosen_processor() {
    let program = program(Settings::default());
    let error = |chosen, content_type: &str, body: &str| {
        seen_by(&program, chosen, content_type, body.as_bytes()).error
    };
    assert!(
        error(Some(Processor::Json), "application/json", "{")
            .unwrap()
            .starts_with("JSON parsing error")
    );
    assert!(
        error(Some(Processor::Xml), "text/xml", "<a>")
            .unwrap()
            .starts_with("XML parsing error")
    );
    assert!(
        error(Some(Processor::Multipart), "multipart/form-data", "x")
            .unwrap()
            .starts_with("Multipart parsing error")
    );
    assert_eq!(error(None, "application/json", "{"), None);
    assert_eq!(
        error(
            Some(Processor::UrlEncoded),
            "application/x-www-form-urlencoded",
            "{\"a\""
        ),
        None
    );
    assert_eq!(error(Some(Processor::Json), "application/json", " "), None);
    assert_eq!(error(Some(Processor::Xml), "text/xml", "\n"), None);
    // Documents of one family are read once.
    assert_eq!(
        error(
            Some(Processor::Json),
            "application/x-ndjson",
            "{\"a\":1}\n{\"a\":2}"
        ),
        None
    );
    let chosen = seen_by(
        &program,
        Some(Processor::Xml),
        "application/x-www-form-urlencoded",
        b"<a>x</a>",
    );
    assert!(chosen.arguments().contains(&("xml.a".into(), "x".into())));
}

/// Text in UTF-16, and in other charsets, is the same to both.
#[test]
fn charsets() {
    let program = program(Settings::default());
    for (content_type, text) in [
        ("application/json", "{\"a\":\"1' or\"}"),
        ("text/xml", "<a>1' or</a>"),
        ("text/plain; charset=utf-16le", "1' or"),
        ("application/octet-stream", "{\"a\":\"1' or\"}"),
        ("", "{\"a\":\"1' or\"}"),
        (
            "application/x-www-form-urlencoded; charset=utf-16le",
            "a=1'+or",
        ),
    ] {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let got = seen_by(&program, None, content_type, &wide);
        let is_there = got.arguments().iter().any(|(_, value)| value == "1' or");
        assert!(is_there, "{content_type}: {:?}", got.arguments());
        assert!(
            got.parameters.iter().any(|p| p.value == "1' or"),
            "{content_type}"
        );
        assert!(
            got.anomalies.contains(Anomaly::CharsetNotUtf8),
            "{content_type}"
        );
        // Whoever says UTF-16 and sends ASCII is read as servers do that don't look.
        let got = seen_by(
            &program,
            None,
            "application/json; charset=utf-16",
            b"{\"a\":\"1' or\"}",
        );
        assert!(got.arguments().iter().any(|(_, value)| value == "1' or"));
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{0,8}",
        "\\PC{0,12}",
        "(<|>|&|;|'|\"|\\\\|/|=|%|\\+|\\{|\\}|\\[|\\]|:|,|\n|\r|\t|--|#|a|1){0,14}",
    ]
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        text().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    leaf.prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
    .prop_map(|value| value.to_string())
    .prop_flat_map(|text| {
        // Some are nested more deeply than is named.
        prop_oneof![9 => Just(0_usize), 1 => 60..70_usize].prop_map(move |depth| {
            format!("{}{text}{}", "[{\"k\":".repeat(depth), "}]".repeat(depth))
        })
    })
}

fn xml(sgml: bool) -> impl Strategy<Value = String> {
    let escaped = text()
        .prop_map(|text| {
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('"', "&quot;")
        })
        .boxed();
    let leaf = escaped.clone();
    leaf.prop_recursive(6, 40, 4, move |inner| {
        (
            "(s:)?[a-c]",
            prop::option::of(escaped.clone()),
            prop::collection::vec(inner, 0..4),
            any::<bool>(),
        )
            .prop_map(move |(name, attribute, children, closes)| {
                let attribute = attribute.map_or(String::new(), |value| format!(" q=\"{value}\""));
                let end = if sgml && !closes {
                    String::new()
                } else {
                    format!("</{name}>")
                };
                format!("<{name}{attribute}>{}{end}", children.concat())
            })
    })
    .prop_map(move |inside| {
        if sgml {
            format!("OFXHEADER:100\nDATA:OFXSGML\n\n<OFX>{inside}</OFX>")
        } else {
            format!("<r>{inside}</r>")
        }
    })
}

fn part() -> impl Strategy<Value = String> {
    let name = "[a-z'\"; \u{e9}\\\\]{0,6}";
    let head = prop_oneof![
        Just("\r\n".to_owned()),
        name.prop_map(|name| format!("Content-Disposition: form-data; name=\"{name}\"\r\n")),
        (name, name).prop_map(|(name, file)| format!("Content-Disposition: form-data; name={name}; filename=\"{file}\"\r\n")),
        (name, name).prop_map(|(name, file)| format!("Content-Disposition: form-data; name=\"{name}\"; filename=\"a\"; filename*=UTF-8''{file}\r\n")),
        name.prop_map(|file| format!("Content-Disposition: form-data; name=\"f\"; filename*0=\"a\"; filename*1=\"{file}\"\r\n")),
        Just("Content-Type: application/json\r\n".to_owned()),
        Just("Content-Type: text/xml\r\n".to_owned()),
        Just("Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n".to_owned()),
        Just("Content-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; charset=iso-8859-1\r\n".to_owned()),
    ];
    let content = prop_oneof![text(), json(), xml(false), Just("MScgb3I=".to_owned())];
    (head, content, "(\r\n\r\n|\r\n|\n\n|\r\n\r\n\r\n)").prop_map(|(head, content, between)| {
        format!("--b\r\n{}{}{content}\r\n", head.trim_end(), between)
    })
}

fn graphql() -> impl Strategy<Value = String> {
    prop::collection::vec(("[a-z]{1,4}", text()), 0..5).prop_map(|arguments| {
        let arguments: Vec<String> = arguments
            .into_iter()
            .map(|(name, value)| format!("{name}: {}", serde_json::Value::from(value)))
            .collect();
        format!("query Q {{ f({}) {{ id }} }}", arguments.join(", "))
    })
}

/// A content type, and a body that is more or less of it.
fn bodies() -> impl Strategy<Value = (String, String)> {
    let multipart = "multipart/(form-data|related|mixed); boundary=b";
    prop_oneof![
        ("application/([a-z]{1,3}\\+)?json", json()),
        (
            "application/(x-ndjson|json-seq)",
            prop::collection::vec(json(), 0..4).prop_map(|all| all.join("\n"))
        ),
        (
            "application/x-www-form-urlencoded",
            "([a-z%+=&'<]|%[0-9a-f]{2}|\\PC){0,40}".prop_map(String::from)
        ),
        (
            multipart,
            prop::collection::vec(part(), 0..5).prop_map(|parts| parts.concat() + "--b--\r\n")
        ),
        ("(text/xml|application/soap\\+xml)", xml(false)),
        ("(application/x-ofx|text/xml)", xml(true)),
        ("application/graphql", graphql()),
        ("(text/plain|text/csv|application/sql|)", text()),
        (
            "(image/png|application/octet-stream|)",
            prop_oneof![json(), xml(false), text()]
        ),
        // Any body under any type, broken anywhere.
        (
            "(application/json|text/xml|application/x-ofx|application/graphql|text/plain|multipart/mixed; boundary=b|application/x-www-form-urlencoded|)",
            (
                prop_oneof![json(), xml(false), xml(true), graphql(), part()],
                any::<prop::sample::Index>(),
                text()
            )
                .prop_map(|(body, at, odd)| {
                    let mut at = at.index(body.len().max(1)).min(body.len());
                    while !body.is_char_boundary(at) {
                        at -= 1;
                    }
                    format!("{}{odd}{}", &body[..at], &body[at..])
                }),
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Every value that a body has for conditions and events is there for rules: whatever its format, however odd.
    #[test]
    fn rules_see_all((content_type, body) in bodies()) {
        let seen = seen(&content_type, &body);
        prop_assert_eq!(unseen(&seen), Vec::<String>::new(), "{} {:?}", content_type, body);
    }

    /// However many there may be.
    #[test]
    fn rules_see_all_beyond_limits((content_type, body) in bodies(), room in 1_u32..4) {
        let program = program(Settings { arguments_limit: room, json_depth_limit: 2, ..Settings::default() });
        let seen = seen_by(&program, None, &content_type, body.as_bytes());
        let overflow: String = seen.arguments().into_iter().map(|(_, value)| value).collect();
        let lost: Vec<String> = unseen(&seen).into_iter().filter(|value| !overflow.contains(value.as_str())).collect();
        prop_assert_eq!(lost, Vec::<String>::new(), "{} {:?}", content_type, body);
    }
}
