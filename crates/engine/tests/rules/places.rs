//! Members of `STARFORT_ARGS`: places besides arguments, and decoded values; and GraphQL among the arguments.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use starfort_engine::rules::wire::{
    Ctl, OperatorKind, Rule, RuleAction, Selector, Settings, Target, Variable as V,
};
use starfort_engine::rules::{Collections, Rules};

use super::make::{Made, always, link, load, named, not, rule, target, with};
use super::send::{Sent, Told, get, post, run, run_with};

const ATTACK: &str = "' OR '1'='1' -- x";

/// A rule that every value matches.
fn all(id: u64, targets: &[Target]) -> Rule {
    rule(id, 2, vec![link(targets, OperatorKind::Rx, "^")])
}

fn members_of(variable: V, sent: &Sent) -> Vec<(String, String)> {
    run(vec![all(1, &[target(variable)])], sent).vars
}

fn places(sent: &Sent) -> Vec<(String, String)> {
    members_of(V::StarfortArgs, sent)
        .into_iter()
        .map(|(name, value)| {
            let name = name.strip_prefix("STARFORT_ARGS:").unwrap_or(&name);
            (name.to_owned(), value)
        })
        .collect()
}

fn own(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn with_header(name: &str, value: &str) -> Sent {
    Sent {
        headers: vec![(name.into(), value.into())],
        ..get("/")
    }
}

fn base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

fn token(claims: &str) -> String {
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", part(r#"{"alg":"HS256"}"#), part(claims))
}

/// Segments of the path that are more than a word, decoded, by number; what decoders make of them too.
#[test]
fn segments_of_the_path() {
    for (path, expected) in [
        ("/users/%27%20or%201=1", &[("path.2", "' or 1=1")][..]),
        (
            "/a;b=1/c%2Fd?x=1",
            &[("path.1", "a;b=1"), ("path.2", "c/d")],
        ),
        ("http://host/a/{{7*7}}", &[("path.2", "{{7*7}}")]),
        ("/odata/$metadata/$count", &[]),
        ("/v1/users/42/my-orders/file_1.tar.gz/~me", &[]),
        ("/x/f47ac10b-58cc-4372-a567-0e02b2c3d479", &[]),
        ("/x/JyBPUiAnMSc", &[("path.2|base64", "' OR '1'")]),
    ] {
        assert_eq!(places(&get(path)), own(expected), "{path}");
    }
}

/// Headers that no standard names, and those only; words are left out.
#[test]
fn custom_headers() {
    for (name, value, expected) in [
        ("X-Tenant", ATTACK, &[("header.x-tenant", ATTACK)][..]),
        ("tenant", ATTACK, &[("header.tenant", ATTACK)]),
        ("x-plain", "acme-corp_1.2", &[]),
        ("x-id", "f47ac10b-58cc-4372-a567-0e02b2c3d479", &[]),
        ("sec-ch-ua", ATTACK, &[]),
        ("accept-language", "de-DE,de;q=0.9", &[]),
        ("accept", "text/html, */*;q=0.8", &[]),
        ("if-match", "\"a\", \"b\"", &[]),
        (
            "signature",
            "keyId=\"x\",headers=\"(request-target) host\"",
            &[],
        ),
        ("user-agent", ATTACK, &[]),
        ("width", "(1)", &[]),
        ("a-im", "(1)", &[]),
    ] {
        assert_eq!(places(&with_header(name, value)), own(expected), "{name}");
    }
    assert_eq!(
        places(&with_header("x-data", &base64(ATTACK))),
        own(&[
            ("header.x-data", &base64(ATTACK)),
            ("header.x-data|base64", ATTACK)
        ])
    );
}

/// User and password of Basic, claims and header of a token, parameters of other schemes, or the text as it is.
#[test]
fn credentials() {
    let claims = format!(r#"{{"sub":"{ATTACK}","n":1}}"#);
    for (value, expected) in [
        (
            format!("Basic {}", base64(&format!("{ATTACK}:p:{ATTACK}"))),
            own(&[
                ("authorization.user", ATTACK),
                ("authorization.password", &format!("p:{ATTACK}")),
            ]),
        ),
        (format!("bAsIc {}", base64("anna:secret")), own(&[])),
        (
            format!("Bearer {}", token(&claims)),
            own(&[("authorization.token|jwt.sub", ATTACK)]),
        ),
        (
            format!("Digest username=\"{ATTACK}\", realm=x, uri=\"/a\""),
            own(&[
                ("authorization.username", ATTACK),
                ("authorization.uri", "/a"),
            ]),
        ),
        (
            format!("Bearer {ATTACK}"),
            own(&[("authorization.token", ATTACK)]),
        ),
        ("Bearer abc-def.ghi_jkl~".to_owned(), own(&[])),
        (ATTACK.to_owned(), own(&[("authorization.token", ATTACK)])),
    ] {
        assert_eq!(
            places(&with_header("Authorization", &value)),
            expected,
            "{value}"
        );
    }
}

/// What decoders make of cookies and of arguments of query, form, JSON and XML is named by where it comes from.
#[test]
fn decoded_values() {
    let json = r#"{"a": "x y"}"#;
    let escaped = json.replace('"', "%22").replace(' ', "%20");
    let xml = format!("<o n=\"{0}\"><t>{0}</t></o>", base64("<text>"));
    for (sent, expected) in [
        (get(&format!("/?q={escaped}")), own(&[("q|json.a", "x y")])),
        (
            post(
                "application/x-www-form-urlencoded",
                format!("q={escaped}").as_bytes(),
            ),
            own(&[("q|json.a", "x y")]),
        ),
        (
            with_header("cookie", &format!("p={escaped}; q=1")),
            own(&[("cookie.p|percent|json.a", "x y")]),
        ),
        (
            post("application/xml", xml.as_bytes()),
            own(&[("xml.o@n|base64", "<text>"), ("xml.o.t|base64", "<text>")]),
        ),
        (
            get("/?a%7Cb=JyBPUiAnMSc9JzE%3D"),
            own(&[("a_b|base64", "' OR '1'='1")]),
        ),
        (get("/?q=plain&r=a+b&s=%27x"), own(&[])),
    ] {
        let vars: Vec<_> = run(vec![all(1, &[target(V::StarfortArgs)])], &sent)
            .vars
            .into_iter()
            .map(|(name, value)| (name.replace("STARFORT_ARGS:", ""), value))
            .collect();
        assert_eq!(vars, expected, "{}", sent.uri);
    }
}

/// Trailers are looked at as custom headers are.
#[test]
fn trailers() {
    let sent = Sent {
        trailers: vec![
            ("X-Checksum".into(), "abc".into()),
            ("x-note".into(), ATTACK.into()),
        ],
        ..post("text/plain", b"x")
    };
    assert_eq!(places(&sent), own(&[("trailer.x-note", ATTACK)]));
}

/// An exclusion of a value holds for what decoders make of it, and for nothing else.
#[test]
fn exclusions_hold_for_decoded_values() {
    let sent = Sent {
        headers: vec![
            (
                "content-type".into(),
                "application/x-www-form-urlencoded".into(),
            ),
            ("cookie".into(), "c=JyBPUiAnMSc9JzE".into()),
            ("x-a".into(), "' x".into()),
            ("authorization".into(), "Bearer ' y".into()),
        ],
        ..post("", b"text=JyBPUiAnMSc9JzE&more=JyBPUiAnMSc9JzE")
    };
    let sent = Sent {
        uri: "/%27z?path.1=JyBPUiAnMSc9JzE".into(),
        ..sent
    };
    let everything = [
        "STARFORT_ARGS:path.1",
        "STARFORT_ARGS:header.x-a",
        "STARFORT_ARGS:authorization.token",
        "STARFORT_ARGS:cookie.c|base64",
        "STARFORT_ARGS:path.1|base64",
        "STARFORT_ARGS:text|base64",
        "STARFORT_ARGS:more|base64",
    ];
    let left =
        |told: Told| -> Vec<String> { told.vars.into_iter().map(|(name, _)| name).collect() };
    assert_eq!(
        left(run(vec![all(1, &[target(V::StarfortArgs)])], &sent)),
        everything
    );
    for (exclusion, gone) in [
        (named(V::Args, "text"), &[5][..]),
        (named(V::ArgsPost, "TEXT"), &[5]),
        (target(V::Args), &[5, 6]),
        (
            Target {
                selector: Some(Selector::Regex("^(text|more)$".into())),
                ..target(V::Args)
            },
            &[5, 6],
        ),
        (named(V::RequestCookies, "c"), &[3]),
        (named(V::RequestHeaders, "x-a"), &[1]),
        (named(V::RequestHeaders, "authorization"), &[2]),
        (target(V::RequestFilename), &[0]),
        (named(V::StarfortArgs, "text|base64"), &[5]),
        (named(V::Args, "x-a"), &[]),
        (target(V::RequestBody), &[]),
    ] {
        let expected: Vec<&str> = (0..)
            .zip(everything)
            .filter(|(index, _)| !gone.contains(index))
            .map(|(_, name)| name)
            .collect();
        let written = vec![all(1, &[target(V::StarfortArgs), not(exclusion.clone())])];
        let removal = RuleAction::Ctl(Ctl::RemoveTarget(vec![1], exclusion.clone()));
        let at_run_time: Made = vec![
            rule(9, 1, vec![with(always(), vec![removal])]),
            all(1, &[target(V::StarfortArgs)]),
        ];
        assert_eq!(left(run(written, &sent)), expected, "{exclusion:?}");
        assert_eq!(left(run(at_run_time, &sent)), expected, "{exclusion:?}");
    }
}

/// Anomalies of decoders are told only of what evaders do.
#[test]
fn anomalies_of_decoders() {
    let rules = load(
        vec![all(1, &[target(V::StarfortArgs)])],
        Settings::default(),
    );
    let anomalies =
        |rules: &Rules, sent: &Sent| run_with(rules, &Collections::default(), sent).anomalies;
    for (uri, expected) in [
        ("/?q=%25u0027", &["percent_unicode_escape"][..]),
        ("/?q=%C0%A7abcde", &["overlong_utf8"]),
        ("/?q=SnlCUFVpQW5NU2M5SnpF", &["nested_encoding"]),
        (
            "/?q=JyBPUiAnMSc9JzE&r=%7B%22a%22:1%7D&s=%EF%BC%88%E6%A0%AA%EF%BC%89",
            &[],
        ),
    ] {
        assert_eq!(anomalies(&rules, &get(uri)), expected, "{uri}");
    }
}

/// The values of a document stand among the arguments, the document does not; what is none stays as it is.
#[test]
fn documents_among_arguments() {
    let document = "query Q($first: Int = 3) { user(id: \"\\u0027 or 1=1\") { name } } # hi";
    let json = serde_json::json!({ "query": document, "variables": { "first": 5 } });
    let values = |prefix: &str| {
        [
            ("variables.first", "3"),
            ("user.id", "' or 1=1"),
            ("comment", " hi"),
        ]
        .map(|(name, value)| (format!("{prefix}{name}"), value.to_owned()))
    };
    let args = |sent: &Sent| -> Vec<(String, String)> {
        let names = |(name, value): (String, String)| (name.replace("ARGS:", ""), value);
        members_of(V::Args, sent).into_iter().map(names).collect()
    };
    let mut expected = values("json.query.").to_vec();
    expected.push(("json.variables.first".into(), "5".into()));
    assert_eq!(args(&json_post(&json.to_string())), expected);
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap();
    let encoded: String = document
        .bytes()
        .flat_map(|byte| ['%', digit(byte >> 4), digit(byte & 15)])
        .collect();
    assert_eq!(args(&get(&format!("/?query={encoded}"))), values("query."));
    assert_eq!(
        args(&post("application/graphql", document.as_bytes())),
        values("graphql.")
    );
    let operations = format!(
        "--B\r\nContent-Disposition: form-data; name=operations\r\n\r\n{json}\r\n--B--\r\n"
    );
    assert_eq!(
        args(&post(
            "multipart/form-data; boundary=B",
            operations.as_bytes()
        )),
        values("operations.query.")
    );
    for (sent, expected) in [
        (
            json_post(r#"{"query": "shoes { size: 42 }"}"#),
            own(&[("json.query", "shoes { size: 42 }")]),
        ),
        (
            json_post(r#"{"text": "{ a }"}"#),
            own(&[("json.text", "{ a }")]),
        ),
        (get("/?query=%7B"), own(&[("query", "{")])),
        (
            post("application/graphql", b"{ a(b: ' or 1=1) }"),
            own(&[("graphql", "{ a(b: ' or 1=1) }")]),
        ),
    ] {
        assert_eq!(args(&sent), expected);
    }
}

fn json_post(text: &str) -> Sent {
    post("application/json", text.as_bytes())
}

/// How much documents ask for is told of each, with the names of their fields.
#[test]
fn figures_of_documents() {
    let sent = get("/?query=%7Ba%7Bb:c%7D%7D");
    let told = members_of(V::StarfortGraphql, &sent);
    let value = |name: &str| {
        told.iter()
            .filter(|(known, _)| known == &format!("STARFORT_GRAPHQL:{name}"))
            .map(|(_, value)| value.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(value("depth"), ["2"]);
    assert_eq!(value("fields"), ["2"]);
    assert_eq!(value("aliases"), ["1"]);
    assert_eq!(value("introspection"), ["0"]);
    assert_eq!(value("field"), ["a", "c"]);
    assert_eq!(value("document"), ["{a{b:c}}"]);
}
