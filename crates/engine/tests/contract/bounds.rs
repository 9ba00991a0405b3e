//! What neither a caller nor a document can make expensive, and the corpus of real documents.

use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Value, json};
use starfort_engine::contract::{Contracts, ContractsCache, Violations};
use starfort_engine::http::body::Body;

use crate::support::{Written, body};

const JSON: &str = "application/json";

/// Work that a body costs.
fn work(contracts: &Contracts, text: &str) -> u64 {
    let mut violations = Violations::default();
    let mut check = contracts
        .of(0)
        .unwrap()
        .request_body(Some(JSON), text.len(), &mut violations);
    Body::plain(Some(JSON), text.as_bytes(), false).read(None, b'&', &mut check);
    check.finish(false, None, &mut violations).work
}

/// Alternatives that refer to themselves twice cost 2^depth when nothing is remembered; here they cost what the body is
/// long, whether it is valid or not, and whether fields are looked for or not.
#[test]
fn alternatives_that_repeat_themselves() {
    for keyword in ["anyOf", "oneOf", "allOf"] {
        for strict in [false, true] {
            let branch = |kind: &str| json!({"properties": {"c": {"$ref": "#/$defs/n"}, "x": {"type": kind}}});
            let definitions = json!({"n": {keyword: [branch("string"), branch("boolean")]}});
            let contracts = Written::new("/")
                .media(JSON, &json!({"$ref": "#/$defs/n"}))
                .define(&definitions);
            let contracts = contracts
                .settings(|settings| settings.deny_unknown_fields = strict)
                .compile();
            let nested = |depth: usize, leaf: &str| {
                format!("{}{leaf}{}", "{\"c\":".repeat(depth), "}".repeat(depth))
            };
            for leaf in [r#"{"x":1}"#, r#"{"x":true}"#, "{}"] {
                let (half, whole) = (
                    work(&contracts, &nested(20, leaf)),
                    work(&contracts, &nested(40, leaf)),
                );
                assert!(whole < 3 * half, "{keyword} {leaf} {half} {whole}");
            }
        }
    }
}

/// The deepest bodies end in a decision, whatever schemas they go through.
#[test]
fn deep_bodies() {
    let definitions = json!({"n": {"anyOf": [{"type": "null"}, {"allOf": [{"properties": {"c": {"$ref": "#/$defs/n"}}}]}]}});
    let contracts = Written::new("/")
        .media(JSON, &json!({"$ref": "#/$defs/n"}))
        .define(&definitions)
        .compile();
    for (depth, expected) in [
        (60, vec![]),
        (127, vec!["request:body/limit:"]),
        (5_000, vec!["request:body/limit:"]),
    ] {
        let text = format!("{}null{}", "{\"c\":".repeat(depth), "}".repeat(depth));
        assert_eq!(body(&contracts, JSON, text.as_bytes()), expected, "{depth}");
    }
}

/// A definition that refers to itself for the same value ends.
#[test]
fn circles() {
    let definitions = json!({"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}, {"type": "integer"}]}});
    let contracts = Written::new("/")
        .media(JSON, &json!({"$ref": "#/$defs/a"}))
        .define(&definitions)
        .compile();
    assert!(body(&contracts, JSON, b"1").is_empty());
    assert!(!body(&contracts, JSON, b"[]").is_empty());
}

/// Work grows with the body and not faster, with unevaluated members, unique items and names that come again.
#[test]
fn work_is_linear() {
    for schema in [
        json!({"type": "array", "uniqueItems": true, "items": {"properties": {"id": {"type": "integer"}}}}),
        json!({"type": "array", "items": {"allOf": [{"properties": {"id": {}}}], "unevaluatedProperties": false}}),
        json!({"type": "array", "items": {"anyOf": [{"required": ["no"]}, {"properties": {"id": {"pattern": "^(a+)+$"}}}]}}),
    ] {
        let contracts = Written::new("/")
            .media(JSON, &schema)
            .settings(|settings| settings.deny_unknown_fields = true)
            .compile();
        let list = |length: usize| {
            let items: Vec<String> = (0..length)
                .map(|index| format!("{{\"id\":{index}}}"))
                .collect();
            format!("[{}]", items.join(","))
        };
        let (small, large) = (
            work(&contracts, &list(1_000)),
            work(&contracts, &list(10_000)),
        );
        assert!(large < 12 * small, "{schema} {small} {large}");
    }
}

/// A body of many errors is told of by at most 16 violations, and the rest is counted.
#[test]
fn violations_are_bounded() {
    let contracts = Written::new("/")
        .media(
            JSON,
            &json!({"additionalProperties": {"type": "string"}, "properties": {}}),
        )
        .compile();
    let members: Vec<String> = (0..5_000).map(|index| format!("\"k{index}\":1")).collect();
    let found = body(
        &contracts,
        JSON,
        format!("{{{}}}", members.join(",")).as_bytes(),
    );
    assert_eq!(found, ["request:body/type:/*"]);
    let named: serde_json::Map<String, Value> = (0..50)
        .map(|index| (format!("k{index}"), json!({"type": "string"})))
        .collect();
    let contracts = Written::new("/")
        .media(JSON, &json!({"properties": named}))
        .compile();
    let members: Vec<String> = (0..50).map(|index| format!("\"k{index}\":1")).collect();
    assert_eq!(
        body(
            &contracts,
            JSON,
            format!("{{{}}}", members.join(",")).as_bytes()
        )
        .len(),
        16
    );
}

/// What cannot be checked in linear time is not checked, and that is said; what is no schema is refused with its place.
#[test]
fn documents_that_are_wrong() {
    let contracts = Written::new("/")
        .media(JSON, &json!({"pattern": "(a)\\1"}))
        .compile();
    assert!(body(&contracts, JSON, b"\"b\"").is_empty());
    assert_eq!(contracts.unchecked().len(), 1);
    for (schema, part) in [
        (json!({"$ref": "#/$defs/none"}), "leads nowhere"),
        (json!({"type": "text"}), "no type"),
        (json!({"minLength": -1}), "minLength"),
        (json!({"properties": {"a": 3}}), "must be an object"),
        (json!(3), "must be an object"),
    ] {
        let written = Written::new("/").media(JSON, &schema);
        let error = Contracts::compile(&[written.0], &ContractsCache::default()).unwrap_err();
        assert!(error.to_string().contains(part), "{schema} {error}");
    }
}

/// Schemas with the same digest are compiled once.
#[test]
fn compiled_schemas_are_taken_over() {
    let cache = ContractsCache::default();
    let written = |schema: Value| {
        let mut written = Written::new("/").media(JSON, &schema).0;
        written.digest = "same".into();
        written
    };
    Contracts::compile(&[written(json!({"type": "integer"}))], &cache).unwrap();
    let contracts = Contracts::compile(&[written(json!({"type": "string"}))], &cache).unwrap();
    assert!(
        body(&contracts, JSON, b"1").is_empty(),
        "the digest is trusted"
    );
    let contracts = Contracts::compile(&[], &cache).unwrap();
    assert!(contracts.is_empty() && contracts.of(0).is_none());
    let contracts = Contracts::compile(&[written(json!({"type": "string"}))], &cache).unwrap();
    assert!(
        !body(&contracts, JSON, b"1").is_empty(),
        "the last bundle had none"
    );
}

/// A document as large as GitHub's is compiled in bounded time, and a call is found.
#[test]
fn large_documents() {
    let Some(path) = std::env::var_os("STARFORT_LARGE_SCHEMAS") else {
        eprintln!(
            "skipped: set STARFORT_LARGE_SCHEMAS to a file {{\"defs\": …, \"schemas\": […]}}"
        );
        return;
    };
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut written = Written::new("/").0;
    written.definitions = whole["defs"].to_string();
    written.schemas = whole["schemas"]
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    let begun = Instant::now();
    let contracts = Contracts::compile(&[written], &ContractsCache::default()).unwrap();
    eprintln!(
        "{:?}, unchecked: {:?}",
        begun.elapsed(),
        contracts.unchecked()
    );
}

fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(true)),
        Just(json!(false)),
        Just(json!({"type": "integer"})),
        Just(json!({"type": ["string", "null"]})),
        Just(json!({"minimum": 2})),
        Just(json!({"maxLength": 1})),
        Just(json!({"$ref": "#/$defs/a"})),
        Just(json!({"$ref": "#/$defs/b"})),
        Just(json!({"enum": [1, "a", {"a": 1}]})),
        Just(json!({"uniqueItems": true, "maxItems": 2})),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|all| json!({"allOf": all})),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|all| json!({"anyOf": all})),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|all| json!({"oneOf": all})),
            inner.clone().prop_map(|one| json!({"not": one})),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| json!({"properties": {"a": a, "b": b}, "required": ["a"]})),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| json!({"properties": {"a": a}, "additionalProperties": b})),
            (inner.clone(), inner.clone()).prop_map(
                |(a, b)| json!({"allOf": [{"properties": {"a": a}}], "unevaluatedProperties": b})
            ),
            inner.clone().prop_map(|one| json!({"items": one})),
            (inner.clone(), inner).prop_map(|(a, b)| json!({"if": a, "then": b})),
        ]
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        (0_i32..4).prop_map(Value::from),
        Just(json!(1.5)),
        "[ab]{0,2}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::hash_map("[abc]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever schemas say and callers send: the same comes out each time, looking for unknown fields does not change what
    /// else is found, and every violation is short and holds no value.
    #[test]
    fn any_schema_and_value(a in schema(), b in schema(), value in value()) {
        let compile = |strict: bool| {
            let written = Written::new("/").media(JSON, &json!({"$ref": "#/$defs/a"})).define(&json!({"a": a, "b": b}));
            written.settings(|settings| settings.deny_unknown_fields = strict).compile()
        };
        let text = value.to_string();
        let (lenient, strict) = (body(&compile(false), JSON, text.as_bytes()), body(&compile(true), JSON, text.as_bytes()));
        let known: Vec<&String> = strict.iter().filter(|text| !text.contains("body/unknown")).collect();
        let expected: Vec<&String> = lenient.iter().filter(|text| !text.contains("body/unknown")).collect();
        prop_assert_eq!(known, expected);
        prop_assert!(lenient.iter().all(|text| text.len() < 250));
    }
}
