//! Bodies of each format, whole and broken.

use serde_json::json;
use starfort_engine::bundle::contract::{ParameterStyle, PropertyEncoding};
use starfort_engine::contract::Violations;
use starfort_engine::http::body::Body;

use crate::support::{Written, answer, body, texts};

const JSON: &str = "application/json";

/// Each keyword has its code, and the pointer has no number of an item and no name that the caller chose.
#[test]
fn codes() {
    let schema = json!({"type": "object", "required": ["id"], "properties": {
        "id": {"type": "integer", "minimum": 1, "multipleOf": 2},
        "name": {"type": "string", "minLength": 2, "pattern": "^[a-z]+$"},
        "kind": {"enum": ["a", "b"]},
        "day": {"type": "string", "format": "date"},
        "items": {"type": "array", "maxItems": 2, "uniqueItems": true, "items": {"type": "object", "properties": {"price": {"type": "number"}}}},
        "tags": {"type": "object", "additionalProperties": {"type": "string"}, "propertyNames": {"maxLength": 3}},
        "strict": {"type": "object", "additionalProperties": false, "properties": {"a/b": {"type": "null"}}},
        "has": {"contains": {"const": 1}},
        "or": {"anyOf": [{"type": "integer"}, {"type": "boolean"}]},
        "one": {"oneOf": [{"minimum": 1}, {"maximum": 5}]},
        "not": {"not": {"type": "string"}},
        "maybe": {"anyOf": [{"type": "null"}, {"type": "object", "required": ["x"]}]},
        "never": false,
        "few": {"type": "object", "maxProperties": 1},
    }, "dependentRequired": {"name": ["kind"]}});
    let contracts = Written::new("/").media(JSON, &schema).compile();
    for (text, expected) in [
        (r#"{"id":2}"#, vec![]),
        (
            r#"{"id":2.0,"items":[{"price":1},{}],"tags":{"a":"x"},"or":true,"one":7,"maybe":null}"#,
            vec![],
        ),
        ("[]", vec!["request:body/type:"]),
        ("{}", vec!["request:body/required:/id"]),
        (r#"{"id":"2"}"#, vec!["request:body/type:/id"]),
        (r#"{"id":0}"#, vec!["request:body/range:/id"]),
        (r#"{"id":3}"#, vec!["request:body/multiple:/id"]),
        (
            r#"{"id":2,"name":"a","kind":"a"}"#,
            vec!["request:body/length:/name"],
        ),
        (
            r#"{"id":2,"name":"AB","kind":"a"}"#,
            vec!["request:body/pattern:/name"],
        ),
        (
            r#"{"id":2,"name":"ab"}"#,
            vec!["request:body/required:/kind"],
        ),
        (r#"{"id":2,"kind":"c"}"#, vec!["request:body/enum:/kind"]),
        (
            r#"{"id":2,"day":"2024-02-30"}"#,
            vec!["request:body/format:/day"],
        ),
        (
            r#"{"id":2,"items":[{"price":"1"},{"price":[]}]}"#,
            vec!["request:body/type:/items/*/price"],
        ),
        (
            r#"{"id":2,"items":[{},{"a":1},1]}"#,
            vec!["request:body/count:/items", "request:body/type:/items/*"],
        ),
        (
            r#"{"id":2,"items":[{"a":1.0},{"a":1}]}"#,
            vec!["request:body/unique:/items"],
        ),
        (
            r#"{"id":2,"tags":{"ann@example.com":"x"}}"#,
            vec!["request:body/name:/tags/?"],
        ),
        (
            r#"{"id":2,"tags":{"bob":1}}"#,
            vec!["request:body/type:/tags/*"],
        ),
        (
            r#"{"id":2,"strict":{"role":1}}"#,
            vec!["request:body/unknown:/strict/role"],
        ),
        (
            r#"{"id":2,"strict":{"a/b":1}}"#,
            vec!["request:body/type:/strict/a~1b"],
        ),
        (r#"{"id":2,"has":[2]}"#, vec!["request:body/contains:/has"]),
        (r#"{"id":2,"or":"x"}"#, vec!["request:body/alternative:/or"]),
        (r#"{"id":2,"one":3}"#, vec!["request:body/ambiguous:/one"]),
        (r#"{"id":2,"not":"x"}"#, vec!["request:body/forbidden:/not"]),
        (
            r#"{"id":2,"maybe":{}}"#,
            vec!["request:body/required:/maybe/x"],
        ),
        (
            r#"{"id":2,"never":1}"#,
            vec!["request:body/forbidden:/never"],
        ),
        (
            r#"{"id":2,"few":{"a":1,"b":1}}"#,
            vec!["request:body/count:/few"],
        ),
        (
            r#"{"id":"secret-value","kind":"other-secret"}"#,
            vec!["request:body/type:/id", "request:body/enum:/kind"],
        ),
    ] {
        assert_eq!(body(&contracts, JSON, text.as_bytes()), expected, "{text}");
    }
}

/// A name that comes twice is held against its schema each time, because servers differ in which one they take.
#[test]
fn repeated_names() {
    let contracts = Written::new("/")
        .media(JSON, &json!({"properties": {"role": {"const": "user"}}}))
        .compile();
    let text = br#"{"role":"admin","role":"user"}"#;
    assert_eq!(body(&contracts, JSON, text), ["request:body/enum:/role"]);
    let text = br#"{"role":"user","role":"admin"}"#;
    assert_eq!(body(&contracts, JSON, text), ["request:body/enum:/role"]);
}

/// A body that cannot be read, is cut short or is too large is said to be so.
#[test]
fn broken_bodies() {
    let contracts = Written::new("/")
        .media(JSON, &json!({"type": "object"}))
        .compile();
    for text in [
        "{",
        "{}{}",
        "{}\n{}",
        "{'a':1}",
        "nope",
        " ",
        r#"{"a":1,}"#,
        "{\"a\":\"\u{1}\"}",
        "[1,2",
        "tru",
    ] {
        assert_eq!(
            body(&contracts, JSON, text.as_bytes()),
            ["request:body/malformed:"],
            "{text}"
        );
    }
    assert_eq!(
        body(&contracts, JSON, b"{\"a\":\"\xff\"}"),
        ["request:body/malformed:"]
    );
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500));
    assert_eq!(
        body(&contracts, JSON, deep.as_bytes()),
        ["request:body/limit:"]
    );
    let call = contracts.of(0).unwrap();
    let mut violations = Violations::default();
    let mut check = call.request_body(Some(JSON), 1, &mut violations);
    Body::plain(Some(JSON), b"{", true).read(None, b'&', &mut check);
    check.finish(true, None, &mut violations);
    assert_eq!(texts(&violations), ["request:body/truncated:"]);
    let mut violations = Violations::default();
    call.request_without_body(&mut violations);
    assert_eq!(texts(&violations), ["request:body/required:"]);
}

/// The best media type counts: itself before a range of its kind before any.
#[test]
fn media_types() {
    let contracts = Written::new("/")
        .media("*/*", &json!({"type": "string"}))
        .media("application/*+json", &json!({"type": "array"}))
        .media("application/json", &json!({"type": "object"}))
        .media("text/*", &json!({"type": "integer"}))
        .compile();
    for (media_type, text, is_right) in [
        ("application/json; charset=utf-8", "{}", true),
        ("Application/JSON", "[]", false),
        ("application/vnd.x+json", "[]", true),
        ("application/vnd.x+json", "{}", false),
        ("text/plain", "17", true),
        ("text/plain", "x", false),
        ("image/png", "\u{89}PNG", true),
    ] {
        assert_eq!(
            body(&contracts, media_type, text.as_bytes()).is_empty(),
            is_right,
            "{media_type} {text}"
        );
    }
    let contracts = Written::new("/")
        .media("application/json", &json!({}))
        .compile();
    for media_type in ["text/json", "application/xml", "", "json"] {
        assert_eq!(
            body(&contracts, media_type, b"{}"),
            ["request:content_type:"],
            "{media_type}"
        );
    }
    let none = Written::new("/").compile();
    assert_eq!(body(&none, JSON, br#"{"a":1}"#), ["request:body/unknown:"]);
    assert!(body(&none, JSON, b"{}").is_empty());
}

/// Forms have typed fields, lists by repetition, and objects as their encoding says.
#[test]
fn forms() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let schema = json!({"type": "object", "required": ["age"], "properties": {
        "age": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 3}},
        "codes": {"type": "array", "items": {"type": "integer"}},
        "address": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}, "zip": {"type": "integer"}}},
    }, "additionalProperties": false});
    let contracts = Written::new("/")
        .media(FORM, &schema)
        .operation(|operation| {
            let body = operation.body.as_mut().unwrap();
            let encoding = |name: &str, style, explode| PropertyEncoding {
                name: name.into(),
                content_types: Vec::new(),
                style,
                explode,
            };
            body.content[0].encoding = vec![
                encoding("codes", ParameterStyle::Form, false),
                encoding("address", ParameterStyle::DeepObject, true),
            ];
        });
    let contracts = contracts.compile();
    for (text, expected) in [
        (
            "age=7&tags=a&tags=b&codes=1,2&address[city]=Bonn&address[zip]=53111",
            vec![],
        ),
        ("age=7&tags=a", vec![]),
        ("tags=a", vec!["request:body/required:/age"]),
        ("age=x", vec!["request:body/type:/age"]),
        ("age=7&tags=abcd", vec!["request:body/length:/tags/*"]),
        ("age=7&codes=1,x", vec!["request:body/type:/codes/*"]),
        (
            "age=7&address[zip]=53111",
            vec!["request:body/required:/address/city"],
        ),
        (
            "age=7&address[city]=Bonn&address[zip]=x",
            vec!["request:body/type:/address/zip"],
        ),
        ("age=7&admin=1", vec!["request:body/unknown:/admin"]),
        ("age=7&age=8", vec!["request:body/repeated:/age"]),
    ] {
        assert_eq!(body(&contracts, FORM, text.as_bytes()), expected, "{text}");
    }
}

/// Parts of a multipart body are fields with types, documents and files, whose media types may be restricted.
#[test]
fn multipart() {
    const TYPE: &str = "multipart/form-data; boundary=x";
    let schema = json!({"type": "object", "required": ["photo"], "properties": {
        "photo": {"type": "string", "format": "binary"},
        "count": {"type": "integer"},
        "meta": {"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}},
    }});
    let contracts = Written::new("/")
        .media("multipart/form-data", &schema)
        .operation(|operation| {
            operation.body.as_mut().unwrap().content[0].encoding = vec![PropertyEncoding {
                name: "photo".into(),
                content_types: vec!["image/*".into()],
                style: ParameterStyle::Form,
                explode: true,
            }];
        });
    let contracts = contracts.compile();
    let part = |name: &str, more: &str, value: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
    };
    let photo = part(
        "photo",
        "; filename=\"a.png\"\r\ncontent-type: image/png",
        "\u{89}PNG",
    );
    for (parts, expected) in [
        (
            vec![
                photo.clone(),
                part("count", "", "3"),
                part("meta", "", r#"{"title":"x"}"#),
            ],
            vec![],
        ),
        (
            vec![
                photo.clone(),
                part(
                    "meta",
                    "\r\ncontent-type: application/json",
                    r#"{"title":1}"#,
                ),
            ],
            vec!["request:body/type:/meta/title"],
        ),
        (
            vec![photo.clone(), part("meta", "", "{}")],
            vec!["request:body/required:/meta/title"],
        ),
        (
            vec![photo.clone(), part("count", "", "x")],
            vec!["request:body/type:/count"],
        ),
        (
            vec![part("count", "", "1")],
            vec!["request:body/required:/photo"],
        ),
        (
            vec![part(
                "photo",
                "; filename=\"a.svg\"\r\ncontent-type: text/html",
                "<b>",
            )],
            vec!["request:body/content_type:/photo"],
        ),
    ] {
        let text = format!("{}--x--\r\n", parts.concat());
        assert_eq!(body(&contracts, TYPE, text.as_bytes()), expected, "{text}");
    }
    assert_eq!(
        body(&contracts, TYPE, b"nothing"),
        ["request:body/malformed:"]
    );
}

/// Each document of a sequence is held against the schema.
#[test]
fn lines() {
    let contracts = Written::new("/")
        .media(
            "application/x-ndjson",
            &json!({"type": "object", "required": ["id"]}),
        )
        .compile();
    let right = b"{\"id\":1}\n{\"id\":2}\n";
    assert!(body(&contracts, "application/x-ndjson", right).is_empty());
    assert_eq!(
        body(&contracts, "application/x-ndjson", b"{\"id\":1}\n{}\n"),
        ["request:body/required:/id"]
    );
}

/// A format that is not held against schemas is said to be none that was.
#[test]
fn unread_formats() {
    let contracts = Written::new("/")
        .answer("200", "*/*", &json!({"type": "object"}))
        .compile();
    for (media_type, is_unread) in [
        ("application/xml", true),
        ("application/octet-stream", true),
        (JSON, false),
    ] {
        let (checked, found) = answer(&contracts, 200, media_type, b"{}");
        assert_eq!(
            (checked.is_unread, found.len()),
            (is_unread, 0),
            "{media_type}"
        );
    }
}
