//! Tests of [`super`].

use proptest::prelude::*;

use super::*;
use Anomaly as A;

fn run(content_type: Option<&str>, body: &[u8]) -> (BodyKind, Vec<(String, String)>, Vec<Anomaly>) {
    let mut parameters = Parameters::new(100);
    let parsed = parse(
        content_type,
        None,
        body,
        false,
        &Limits::default(),
        &mut parameters,
    );
    let found = parameters
        .iter()
        .map(|p| (p.name.into(), p.value.into()))
        .collect();
    (parsed.kind, found, parsed.anomalies.iter().collect())
}

/// Each content type goes to its parser.
#[test]
fn dispatch() {
    for (content_type, kind, body, name, value) in [
        ("application/json", BodyKind::Json, "{\"a\":1}", "a", "1"),
        (
            "application/problem+json; charset=utf-8",
            BodyKind::Json,
            "{\"a\":1}",
            "a",
            "1",
        ),
        (
            "application/x-ndjson",
            BodyKind::JsonLines,
            "{\"a\":1}\n",
            "a",
            "1",
        ),
        (
            "application/x-www-form-urlencoded",
            BodyKind::Form,
            "a=1",
            "a",
            "1",
        ),
        ("text/xml", BodyKind::Xml, "<a>1</a>", "a", "1"),
        ("application/soap+xml", BodyKind::Xml, "<a>1</a>", "a", "1"),
        (
            "application/x-ofx",
            BodyKind::Ofx,
            "<A><B>1</A>",
            "A.B",
            "1",
        ),
        (
            "text/xml",
            BodyKind::Xml,
            "OFXHEADER:100\n\n<OFX><B>1</OFX>",
            "OFX.B",
            "1",
        ),
        (
            "application/graphql",
            BodyKind::Graphql,
            "{ u(a: 1) { b } }",
            "u.a",
            "1",
        ),
        ("text/plain", BodyKind::Text, "hello", "", "hello"),
        (
            "multipart/form-data; boundary=B",
            BodyKind::Multipart,
            "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B--\r\n",
            "a",
            "1",
        ),
    ] {
        let (got, parameters, anomalies) = run(Some(content_type), body.as_bytes());
        assert_eq!((got, anomalies), (kind, vec![]), "{content_type}");
        assert!(
            parameters.contains(&(name.to_owned(), value.to_owned())),
            "{content_type}: {parameters:?}"
        );
    }
    assert_eq!(
        run(Some("image/png"), b"\x89PNG\r\n"),
        (BodyKind::Other, vec![], vec![])
    );
    assert_eq!(run(None, b""), (BodyKind::Empty, vec![], vec![]));
}

/// A body of another kind than declared is flagged and read as both.
#[test]
fn false_types() {
    for (content_type, body, kind, wanted, anomaly) in [
        (
            Some("application/x-www-form-urlencoded"),
            "{\"a\":\"x\"}",
            BodyKind::Form,
            ("a", "x"),
            A::ContentTypeMismatch,
        ),
        (
            Some("text/plain"),
            "{\"a\":\"x\"}",
            BodyKind::Text,
            ("a", "x"),
            A::ContentTypeMismatch,
        ),
        (
            Some("application/octet-stream"),
            "<a>x</a>",
            BodyKind::Other,
            ("a", "x"),
            A::ContentTypeMismatch,
        ),
        (
            Some("application/json"),
            "<a>x</a>",
            BodyKind::Json,
            ("a", "x"),
            A::ContentTypeMismatch,
        ),
        (
            Some("text/xml"),
            "{\"a\":\"x\"}",
            BodyKind::Xml,
            ("a", "x"),
            A::ContentTypeMismatch,
        ),
        (
            Some("json"),
            "{\"a\":\"x\"}",
            BodyKind::Other,
            ("a", "x"),
            A::ContentTypeMalformed,
        ),
        (
            None,
            "{\"a\":\"x\"}",
            BodyKind::Json,
            ("a", "x"),
            A::ContentTypeMissing,
        ),
        (
            None,
            "<a>x</a>",
            BodyKind::Xml,
            ("a", "x"),
            A::ContentTypeMissing,
        ),
    ] {
        let (got, parameters, anomalies) = run(content_type, body.as_bytes());
        assert_eq!(got, kind, "{content_type:?} {body}");
        assert!(
            parameters.contains(&(wanted.0.into(), wanted.1.into())),
            "{content_type:?} {body}: {parameters:?}"
        );
        assert!(
            anomalies.contains(&anomaly),
            "{content_type:?} {body}: {anomalies:?}"
        );
    }
    for (content_type, body) in [
        ("text/plain", "<3 you"),
        ("text/plain", "[sic] {x}"),
        ("application/x-www-form-urlencoded", "a={\"b\":1}"),
    ] {
        let (_, _, anomalies) = run(Some(content_type), body.as_bytes());
        assert!(!anomalies.contains(&A::ContentTypeMismatch), "{body}");
    }
}

/// UTF-16 hides nothing, whether declared or not.
#[test]
fn charsets() {
    let body: Vec<u8> = "{\"a\":\"x\"}"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    for content_type in ["application/json", "application/json; charset=utf-16be"] {
        let (_, parameters, anomalies) = run(Some(content_type), &body);
        assert_eq!(
            (parameters, anomalies),
            (vec![("a".into(), "x".into())], vec![A::CharsetNotUtf8])
        );
    }
    let (_, parameters, anomalies) = run(
        Some("text/xml"),
        b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>",
    );
    assert_eq!(
        (parameters, anomalies),
        (vec![("a".into(), "é".into())], vec![A::CharsetNotUtf8])
    );
}

/// Only the inspected part is parsed, and it is said that there is more.
#[test]
fn over_limit() {
    let limits = Limits {
        request_body_bytes: 12,
        ..Limits::default()
    };
    let mut parameters = Parameters::new(10);
    let parsed = parse(
        Some("application/json"),
        None,
        b"{\"a\":1,\"b\":2}",
        false,
        &limits,
        &mut parameters,
    );
    assert_eq!(
        parsed.anomalies.iter().collect::<Vec<_>>(),
        [A::BodyOverLimit]
    );
    assert_eq!((parsed.content.len(), parameters.len()), (12, 2));
    let parsed = parse(
        Some("text/plain"),
        None,
        b"x",
        true,
        &limits,
        &mut parameters,
    );
    assert!(parsed.anomalies.contains(A::BodyOverLimit));
}

/// Debug output shows no content.
#[test]
fn debug_is_redacted() {
    let mut parameters = Parameters::new(10);
    let parsed = parse(
        Some("text/plain"),
        None,
        b"hunter2",
        false,
        &Limits::default(),
        &mut parameters,
    );
    assert!(!format!("{parsed:?}").contains("hunter2"));
}

proptest! {
    /// Any bytes under any type and encoding: no panic.
    #[test]
    fn any_bytes(content_type in "\\PC{0,30}|(application/|text/|multipart/)(json|xml|x-ofx|form-data; boundary=-|graphql|plain)", encoding in "|gzip|deflate|br|zstd|\\PC{0,8}",
                 body in prop::collection::vec(prop_oneof![prop::sample::select(b"<>{}[]\":,-=&%\r\n".to_vec()), any::<u8>()], 0..120)) {
        let mut parameters = Parameters::new(20);
        let _ = parse(Some(&content_type), Some(&encoding), &body, false, &Limits::default(), &mut parameters);
    }
}
