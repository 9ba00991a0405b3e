//! Fields that no schema names, and fields that only one direction has.

use serde_json::{Value, json};
use starfort_engine::contract::{Contracts, remove};

use crate::support::{Written, answer, body};

const JSON: &str = "application/json";

fn strict(schema: &Value) -> Contracts {
    let written = Written::new("/")
        .media(JSON, schema)
        .answer("200", JSON, schema);
    let written = written.settings(|settings| {
        settings.deny_unknown_fields = true;
        settings.remove_undocumented = true;
    });
    written.define(&definitions()).compile()
}

fn definitions() -> Value {
    json!({
        "base": {"type": "object", "properties": {"id": {"type": "integer"}, "owner": {"type": "object", "properties": {"name": {"type": "string"}}}}},
        "cat": {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}},
        "dog": {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "dog"}, "barks": {"type": "boolean"}}},
        "node": {"type": "object", "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}},
    })
}

/// A field is known if any schema that applies to its object names it, through every kind of composition and at every
/// depth; an object of which nothing is named is free.
#[test]
fn which_fields_are_known() {
    let base = json!({"$ref": "#/$defs/base"});
    for (schema, text, expected) in [
        (base.clone(), r#"{"id":1,"owner":{"name":"x"}}"#, vec![]),
        (base.clone(), r#"{"id":1,"admin":true}"#, vec!["/admin"]),
        (
            base.clone(),
            r#"{"owner":{"name":"x","role":"y"}}"#,
            vec!["/owner/role"],
        ),
        (
            json!({"allOf": [{"$ref": "#/$defs/base"}, {"properties": {"extra": {}, "owner": {"properties": {"role": {}}}}}]}),
            r#"{"id":1,"extra":{"any":1},"owner":{"name":"x","role":"y"}}"#,
            vec![],
        ),
        (
            json!({"allOf": [{"$ref": "#/$defs/base"}], "properties": {"extra": {}}}),
            r#"{"id":1,"extra":1,"more":1}"#,
            vec!["/more"],
        ),
        (
            json!({"oneOf": [{"$ref": "#/$defs/cat"}, {"$ref": "#/$defs/dog"}]}),
            r#"{"kind":"cat","lives":9}"#,
            vec![],
        ),
        (
            json!({"oneOf": [{"$ref": "#/$defs/cat"}, {"$ref": "#/$defs/dog"}]}),
            r#"{"kind":"cat","barks":true}"#,
            vec!["/barks"],
        ),
        (
            json!({"anyOf": [{"$ref": "#/$defs/cat"}, {"type": "object"}]}),
            r#"{"anything":1}"#,
            vec![],
        ),
        (
            json!({"$ref": "#/$defs/node"}),
            r#"{"children":[{"children":[{"nme":1}]},{"name":"x"}]}"#,
            vec!["/children/*/children/*/nme"],
        ),
        (
            json!({"type": "object"}),
            r#"{"anything":{"at":"all"}}"#,
            vec![],
        ),
        (json!({}), r#"{"anything":1}"#, vec![]),
        (
            json!({"properties": {"a": {}}, "additionalProperties": true}),
            r#"{"b":{"c":1}}"#,
            vec![],
        ),
        (
            json!({"properties": {"a": {}}, "additionalProperties": {"properties": {"c": {}}}}),
            r#"{"b":{"c":1,"d":2}}"#,
            vec!["/*/d"],
        ),
        (
            json!({"properties": {"a": {}}, "patternProperties": {"^x-": {}}}),
            r#"{"x-y":1,"z":1}"#,
            vec!["/z"],
        ),
        (
            json!({"if": {"properties": {"a": {"const": 1}}}, "then": {"properties": {"b": {}}}}),
            r#"{"a":1,"b":2,"c":3}"#,
            vec!["/c"],
        ),
        (
            json!({"type": "array", "items": {"properties": {"a": {}}}}),
            r#"[{"a":1},{"b":1},{"b":2}]"#,
            vec!["/*/b"],
        ),
        (base, r#"{"ann@example.com":1,"12345678":1}"#, vec!["/?"]),
    ] {
        let contracts = strict(&schema);
        let found = body(&contracts, JSON, text.as_bytes());
        let expected: Vec<String> = expected
            .iter()
            .map(|pointer| format!("request:body/unknown:{pointer}"))
            .collect();
        assert_eq!(found, expected, "{schema} {text}");
    }
}

/// Where unknown fields are allowed, they are none of the violations.
#[test]
fn unknown_fields_may_be_allowed() {
    let contracts = Written::new("/")
        .media(JSON, &json!({"properties": {"a": {}}}))
        .compile();
    assert!(body(&contracts, JSON, br#"{"a":1,"b":2}"#).is_empty());
}

/// Fields that no schema names are cut out of an answer, and nothing else changes. What is not valid loses only what no
/// alternative names.
#[test]
fn removal() {
    let either = json!({"oneOf": [{"$ref": "#/$defs/cat"}, {"$ref": "#/$defs/dog"}]});
    for (schema, text, expected) in [
        (
            json!({"$ref": "#/$defs/base"}),
            r#"{ "id": 1.0, "password": "x", "owner": {"name":"\u00e9","ssn":1} }"#,
            r#"{ "id": 1.0, "owner": {"name":"\u00e9"} }"#,
        ),
        (
            json!({"type": "array", "items": {"$ref": "#/$defs/base"}}),
            r#"[{"id":1,"x":{"id":1}},{"x":1}]"#,
            r#"[{"id":1},{}]"#,
        ),
        (
            either.clone(),
            r#"{"kind":"cat","lives":9,"chip":1}"#,
            r#"{"kind":"cat","lives":9}"#,
        ),
        (
            either,
            r#"{"kind":"bird","lives":9,"barks":true,"chip":1}"#,
            r#"{"kind":"bird","lives":9,"barks":true}"#,
        ),
        (json!({"type": "object"}), r#"{"a":1}"#, r#"{"a":1}"#),
        (
            json!({"properties": {"name": {}, "password": {"writeOnly": true}}}),
            r#"{"name":"x","password":"y","z":1}"#,
            r#"{"name":"x"}"#,
        ),
    ] {
        let contracts = strict(&schema);
        let (checked, _) = answer(&contracts, 200, JSON, text.as_bytes());
        let call = contracts.of(0).unwrap();
        let left = match remove(text.as_bytes(), call.removal, &checked.unknown).unwrap() {
            Some(removed) => String::from_utf8(removed.body).unwrap(),
            None => text.to_owned(),
        };
        assert_eq!(left, expected, "{schema}");
    }
}

/// An id that the API gives is not asked of requests, wherever `required` stands, and is refused there when fields are
/// held strictly; a password is the other way round.
#[test]
fn directions() {
    let apart = json!({"allOf": [
        {"properties": {"id": {"type": "integer", "readOnly": true}, "password": {"type": "string", "writeOnly": true}}},
        {"required": ["id", "password"]},
    ]});
    let together = json!({"properties": {"id": {"readOnly": true}, "password": {"writeOnly": true}}, "required": ["id", "password"]});
    for schema in [apart, together] {
        let contracts = strict(&schema);
        assert!(
            body(&contracts, JSON, br#"{"password":"x"}"#).is_empty(),
            "{schema}"
        );
        assert_eq!(
            body(&contracts, JSON, b"{}"),
            ["request:body/required:/password"]
        );
        assert_eq!(
            body(&contracts, JSON, br#"{"id":1,"password":"x"}"#),
            ["request:body/read_only:/id"]
        );
        assert!(answer(&contracts, 200, JSON, br#"{"id":1}"#).1.is_empty());
        assert_eq!(
            answer(&contracts, 200, JSON, b"{}").1,
            ["response:body/required:/id"]
        );
        assert_eq!(
            answer(&contracts, 200, JSON, br#"{"id":1,"password":"x"}"#).1,
            ["response:body/write_only:/password"]
        );
        let lenient = Written::new("/").media(JSON, &schema).compile();
        assert!(
            body(&lenient, JSON, br#"{"id":1,"password":"x"}"#).is_empty(),
            "many clients send back what they got"
        );
    }
}
