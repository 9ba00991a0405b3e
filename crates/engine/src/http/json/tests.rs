//! Tests of [`super`].

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::http::Limits;
use crate::http::body::BodyKind;
use crate::http::collect::collected;
use Anomaly as A;

fn limits() -> Limits {
    Limits {
        depth: 8,
        body_parameters: 100,
        ..Limits::default()
    }
}

type Leaves = Vec<(String, String, &'static str)>;

fn run(body: &[u8], truncated: bool, documents: Documents) -> (Leaves, Vec<Anomaly>) {
    let (parameters, found) = collected(BodyKind::Json, &limits(), |collect| {
        read(body, truncated, documents, collect);
    });
    let leaf =
        |p: super::super::Parameter<'_>| (p.name.to_owned(), p.value.to_owned(), p.kind().code());
    (
        parameters.iter().map(leaf).collect(),
        found.iter().collect(),
    )
}

/// Leaves come out with dotted names, decoded values and their kinds.
#[test]
fn documents() {
    for (body, expected) in [
        (
            r#"{"a":1,"b":"x"}"#,
            vec![("a", "1", "integer"), ("b", "x", "string")],
        ),
        (
            r#"{"user":{"name":"ann","tags":["a","b"]}}"#,
            vec![
                ("user.name", "ann", "string"),
                ("user.tags[]", "a", "string"),
                ("user.tags[]", "b", "string"),
            ],
        ),
        (
            r#"{"items":[{"sku":1},{"sku":2.5}]}"#,
            vec![
                ("items[].sku", "1", "integer"),
                ("items[].sku", "2.5", "number"),
            ],
        ),
        (
            r"[[1],[2,[3]]]",
            vec![
                ("[][]", "1", "integer"),
                ("[][]", "2", "integer"),
                ("[][][]", "3", "integer"),
            ],
        ),
        (
            r#"{"a":null,"b":{},"c":[],"d":""}"#,
            vec![
                ("a", "", "empty"),
                ("b", "", "empty"),
                ("c", "", "empty"),
                ("d", "", "empty"),
            ],
        ),
        (
            r#"{"t":true,"n":"17","e":"a@b.co"}"#,
            vec![
                ("t", "true", "boolean"),
                ("n", "17", "string"),
                ("e", "a@b.co", "email"),
            ],
        ),
        ("\"x\"", vec![("", "x", "string")]),
        (" 17 ", vec![("", "17", "integer")]),
        (
            r#"{"a\u002eb":"\ud83d\ude00\n\"\/"}"#,
            vec![("a.b", "\u{1f600}\n\"/", "string")],
        ),
        (
            "{\t\"a\"\r\n:\n[ 1 , 2 ] }",
            vec![("a[]", "1", "integer"), ("a[]", "2", "integer")],
        ),
        (
            r#"{"a":{"b":1},"c":{"b":1}}"#,
            vec![("a.b", "1", "integer"), ("c.b", "1", "integer")],
        ),
    ] {
        let expected: Leaves = expected
            .iter()
            .map(|(n, v, k)| ((*n).into(), (*v).into(), *k))
            .collect();
        assert_eq!(
            run(body.as_bytes(), false, Documents::One),
            (expected, vec![]),
            "{body}"
        );
    }
}

/// What is wrong is flagged, and everything before and after it is still seen.
#[test]
fn malformed_documents() {
    for (body, values, anomalies) in [
        (
            r#"{"a":1,"a":2}"#,
            vec!["1", "2"],
            vec![A::DuplicateJsonKey, A::ConflictingJsonKey],
        ),
        (
            r#"{"a":1,"\u0061":2}"#,
            vec!["1", "2"],
            vec![A::DuplicateJsonKey, A::ConflictingJsonKey],
        ),
        (
            r#"{"a": 1 ,"b":0,"a":1}"#,
            vec!["1", "0", "1"],
            vec![A::DuplicateJsonKey],
        ),
        (
            r#"{"x":{"a":{"b":[1,2]},"a":{"b":[1,3]}}}"#,
            vec!["1", "2", "1", "3"],
            vec![A::DuplicateJsonKey, A::ConflictingJsonKey],
        ),
        (r#"[{"a":1},{"a":2}]"#, vec!["1", "2"], vec![]),
        (
            "{\"a\":1}\n{\"a\":2}\n",
            vec!["1", "2"],
            vec![A::ContentTypeMismatch],
        ),
        (r#"{"a":1,}"#, vec!["1", "}"], vec![A::MalformedJson]),
        (r#"{"a":1 'x'}"#, vec!["1", "'x'}"], vec![A::MalformedJson]),
        (r#"{"a":"open"#, vec!["\"open"], vec![A::MalformedJson]),
        (r#"{"a":01}"#, vec!["01}"], vec![A::MalformedJson]),
        (r#"{"a":+1}"#, vec!["+1}"], vec![A::MalformedJson]),
        (r#"{"a":NaN}"#, vec!["NaN}"], vec![A::MalformedJson]),
        (r#"{"a":"\x"}"#, vec!["\"\\x\"}"], vec![A::MalformedJson]),
        (
            "{\"a\":\"x\ny\"}",
            vec!["\"x\ny\"}"],
            vec![A::MalformedJson],
        ),
        (
            r#"{"a":1}{"b":2}"#,
            vec!["1", "{\"b\":2}"],
            vec![A::MalformedJson],
        ),
        (r#"{"a":[1}"#, vec!["1", "}"], vec![A::MalformedJson]),
        (r"{a:1}", vec!["a:1}"], vec![A::MalformedJson]),
        (r#"{"a" 1}"#, vec!["1}"], vec![A::MalformedJson]),
        ("", vec![], vec![A::MalformedJson]),
        ("{", vec![], vec![A::MalformedJson]),
        (r#"{"a":"\ud800"}"#, vec!["\u{fffd}"], vec![A::InvalidUtf8]),
    ] {
        let (leaves, found) = run(body.as_bytes(), false, Documents::One);
        let got: Vec<_> = leaves.iter().map(|leaf| leaf.1.as_str()).collect();
        assert_eq!((got, found), (values, anomalies), "{body}");
    }
    let (leaves, found) = run(b"{\"a\":\"\xff\"}", false, Documents::One);
    assert_eq!(
        (leaves[0].1.as_str(), found),
        ("\u{fffd}", vec![A::InvalidUtf8])
    );
}

/// A truncated document is no malformed one, unless it broke before its end.
#[test]
fn truncated_documents() {
    let whole = r#"{"a":[true,null,-1.5e3],"b":{"c":"d\u00e9\n"}}"#;
    for cut in 1..whole.len() {
        let (_, found) = run(&whole.as_bytes()[..cut], true, Documents::One);
        assert_eq!(found, vec![], "{}", &whole[..cut]);
    }
    for body in [r#"{"a":1,,"#, r#"{"a":x"#, "{\"a\":\"\n", "[1}"] {
        let (_, found) = run(body.as_bytes(), true, Documents::One);
        assert_eq!(found, vec![A::MalformedJson], "{body}");
    }
}

/// Documents one after another, by line or record separator.
#[test]
fn many_documents() {
    for body in [
        "{\"a\":1}\n{\"a\":2}\n",
        "\x1e{\"a\":1}\n\x1e{\"a\":2}\n",
        "{\"a\":1}{\"a\":2}",
    ] {
        let (leaves, found) = run(body.as_bytes(), false, Documents::Many);
        assert_eq!((leaves.len(), found), (2, vec![]), "{body:?}");
    }
}

/// Deep nesting costs no stack; what is below the limit is kept under its deepest named ancestor.
#[test]
fn depth() {
    for depth in [9, 1_000, 100_000] {
        let body = format!("{}\"deep\"{},2]", "[".repeat(depth), "]".repeat(depth - 1));
        let (leaves, found) = run(body.as_bytes(), false, Documents::One);
        assert_eq!(found, vec![A::DepthOverLimit]);
        assert_eq!(
            leaves,
            [
                ("[]".repeat(8), "deep".into(), "string"),
                ("[]".into(), "2".into(), "integer")
            ]
        );
    }
    let open = "[".repeat(100_000);
    assert_eq!(
        run(open.as_bytes(), false, Documents::One).1,
        vec![A::DepthOverLimit, A::MalformedJson]
    );
    let objects = format!("{}1{}", "{\"k\":".repeat(50), "}".repeat(50));
    let (leaves, found) = run(objects.as_bytes(), false, Documents::One);
    assert_eq!(found, vec![A::DepthOverLimit]);
    let deepest = ["k"; 8].join(".");
    assert_eq!(
        leaves.last().unwrap(),
        &(deepest, "1".to_owned(), "integer")
    );
}

/// Many leaves are counted, not kept; a repeated key is seen among many, and when the limit was passed.
#[test]
fn many_leaves() {
    let members: Vec<_> = (0..5_000)
        .map(|index| format!("\"k{index}\":{index}"))
        .collect();
    let body = format!("{{{},\"k7\":0}}", members.join(","));
    let (parameters, found) = collected(BodyKind::Json, &limits(), |collect| {
        read(body.as_bytes(), false, Documents::One, collect);
    });
    assert_eq!((parameters.len(), parameters.dropped()), (100, 4_901));
    assert_eq!(
        found.iter().collect::<Vec<_>>(),
        [
            A::ParametersOverLimit,
            A::DuplicateJsonKey,
            A::ConflictingJsonKey
        ]
    );
}

/// Long keys on every level do not multiply: names are cut.
#[test]
fn long_names() {
    let key = "k".repeat(super::super::MAX_NAME_BYTES + 1);
    let body = format!("{{\"{key}\":[{}]}}", vec!["1"; 100].join(","));
    let (leaves, found) = run(body.as_bytes(), false, Documents::One);
    assert_eq!(found, vec![A::ParameterNameOverLimit]);
    assert!(
        leaves
            .iter()
            .all(|leaf| leaf.0.len() == super::super::MAX_NAME_BYTES)
    );
}

fn flatten(prefix: &str, value: &Value, out: &mut Vec<(String, String)>) {
    let mut leaf = |text: &str| out.push((prefix.to_owned(), text.to_owned()));
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                let name = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
                flatten(&name, member, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                flatten(&format!("{prefix}[]"), item, out);
            }
        }
        Value::Object(_) | Value::Array(_) | Value::Null => leaf(""),
        Value::String(text) => leaf(text),
        other => leaf(&other.to_string()),
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,6}", inner, 0..6)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Valid documents give the leaves that serde_json gives, and nothing is flagged.
    #[test]
    fn agrees_with_serde_json(value in json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let mut expected = Vec::new();
        flatten("", &value, &mut expected);
        let limits = Limits { body_parameters: u32::MAX, ..Limits::default() };
        let (parameters, found) = collected(BodyKind::Json, &limits, |collect| {
            read(text.as_bytes(), false, Documents::One, collect);
        });
        let mut got: Vec<_> = parameters.iter().map(|p| (p.name.to_owned(), p.value.to_owned())).collect();
        expected.sort();
        got.sort();
        prop_assert_eq!(got, expected);
        prop_assert!(found.is_empty(), "{:?}", found.codes().collect::<Vec<_>>());
    }

    /// Any text: malformed here exactly when malformed for serde_json, and each byte of a value is kept.
    #[test]
    fn malformed_as_for_serde_json(text in "[\\[\\]{}:,\" \\\\a-c0-2.eE+tn\u{e9}\n-]{0,24}|(\\[|\\{\"a\":|1|true|\"x\"|\\]|\\}|,|null|-0\\.5){0,12}") {
        let valid = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        let (_, found) = run(text.as_bytes(), false, Documents::One);
        prop_assert_eq!(found.contains(&A::MalformedJson), !valid, "{:?}", text);
    }

    /// Any bytes: no panic, and a tight bound on what is kept.
    #[test]
    fn any_bytes(body in prop::collection::vec(any::<u8>(), 0..300), truncated in any::<bool>()) {
        let (leaves, _) = run(&body, truncated, Documents::Many);
        prop_assert!(leaves.iter().map(|leaf| leaf.1.len()).sum::<usize>() <= body.len() * 3);
    }
}
