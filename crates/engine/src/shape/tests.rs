//! What shapes show of messages, and what they do not.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::explain::{Described, DescribedResponse, explain};
use crate::http::body::Body;
use crate::testing;
use crate::{Assets, Now, SharedState};

fn engine(shared: SharedState) -> Engine {
    let mut bundle = testing::bundle();
    bundle.shapes = true;
    bundle
        .endpoints
        .push(testing::endpoint("POST", "/users/{id}"));
    Engine::new(bundle, Assets::default(), Arc::new(shared)).unwrap()
}

/// The shape of a body.
fn shape(content_type: &str, body: &[u8]) -> Value {
    let engine = engine(SharedState::default());
    let mut sketch = Sketch::default();
    Body::plain(Some(content_type), body, false).read(None, b'&', &mut sketch.listen(&engine.hash));
    sketch.settle();
    let places = [(names::BODY, sketch.body.unwrap_or(sketch::NONE))];
    let text = text::write(&sketch, &places, |_| false).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The same without hashes, as text.
fn json(body: &str) -> String {
    let mut shape = shape("application/json", body.as_bytes());
    forget_hashes(&mut shape["b"]);
    shape["b"].to_string()
}

fn forget_hashes(value: &mut Value) {
    match value {
        Value::Array(items) => {
            let is_hash = |item: &Value| item.as_str().is_some_and(|text| text.len() == 16);
            items.retain(|item| {
                !item
                    .as_array()
                    .is_some_and(|list| !list.is_empty() && list.iter().all(is_hash))
            });
            items.iter_mut().for_each(forget_hashes);
        }
        Value::Object(members) => members.values_mut().for_each(forget_hashes),
        _ => {}
    }
}

fn described(
    method: &str,
    path: &str,
    content_type: &str,
    body: &[u8],
    status: u16,
    answer: &str,
) -> Described {
    let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    Described {
        headers: vec![
            pair(":method", method),
            pair(":path", path),
            pair(":authority", "shop.example.com"),
            pair("content-type", content_type),
            pair("authorization", "Bearer abc"),
            pair("x-tenant", "acme"),
            pair("cookie", "theme=dark"),
        ],
        peer: [192, 0, 2, 1].into(),
        protocol: "HTTP/1.1",
        body: body.to_vec(),
        response: Some(DescribedResponse {
            headers: vec![
                pair(":status", &status.to_string()),
                pair("content-type", "application/json"),
            ],
            body: answer.as_bytes().to_vec(),
        }),
    }
}

const NOW: Now = Now {
    unix_us: 1_700_000_000_000_000,
    monotonic_ns: 0,
};

/// Each kind of JSON value, nested objects and lists, and members that are missing in some objects.
#[test]
fn json_bodies() {
    for (body, expected) in [
        ("null", r#"["n"]"#),
        ("true", r#"["b"]"#),
        ("5", r#"[["i",3,3]]"#),
        ("-1", r#"[["i",-2,-2]]"#),
        ("0.5", r#"[["d",0,0]]"#),
        (r#""ab""#, r#"[["s","",2,2,"a"]]"#),
        ("{}", r#"[["o",{},[]]]"#),
        ("[]", r#"[["a",0,0,[]]]"#),
        (
            r#"{"a":{"b":[1,2.5]}}"#,
            r#"[["o",{"a":[["o",{"b":[["a",2,2,[["d",1,2]]]]},[]]]},[]]]"#,
        ),
        (
            r#"[{"a":1,"b":"x"},{"b":null},7]"#,
            r#"[["a",3,3,[["i",3,3],["o",{"a":[["i",1,1]],"b":["n",["s","",1,1,"a"]]},["a"]]]]]"#,
        ),
        (
            r#"{"u":"5f0c1d7e-8a0b-4c1d-9e2f-3a4b5c6d7e8f"}"#,
            r#"[["o",{"u":[["s","uuid",36,36,"-a0"]]},[]]]"#,
        ),
        (r#"{"17":1,"18":2}"#, r#"[["o",{"*":[["i",1,2]]},[]]]"#),
        (
            r#"{"password":"abcdefgh1"}"#,
            r#"[["o",{"password":[["p","",4,4,"a0"]]},[]]]"#,
        ),
    ] {
        assert_eq!(json(body), expected, "{body}");
    }
}

/// Fields of forms are texts, with a count where a name repeats; files are told apart from fields.
#[test]
fn forms() {
    let mut found = shape("application/x-www-form-urlencoded", b"a=1&b=x&b=y+z&c=");
    forget_hashes(&mut found["b"]);
    assert_eq!(
        found["b"].to_string(),
        r#"[["o",{"a":[["s","integer",1,1,"0"]],"b":[["r",2],["s","",1,3,"as"]],"c":[["s","",0,0,""]]},[]]]"#
    );
    let parts = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nhi\r\n--x\r\nContent-Disposition: form-data; \
        name=\"f\"; filename=\"a.png\"\r\n\r\nabc\r\n--x--\r\n";
    let mut found = shape("multipart/form-data; boundary=x", parts);
    forget_hashes(&mut found["b"]);
    assert_eq!(
        found["b"].to_string(),
        r#"[["o",{"a":[["s","",2,2,"a"]],"f":["f"]},[]]]"#
    );
}

/// Values of an enumeration are hashed; those of secrets, long ones and too many are not.
#[test]
fn hashes_of_values() {
    let hashes = |body: &str| {
        let found = shape("application/json", body.as_bytes());
        found.to_string().matches('"').count()
    };
    let plain = hashes(r#"{"state":"open"}"#);
    assert_eq!(hashes(r#"{"token":"open"}"#) + 2, plain);
    let long = "x".repeat(41);
    assert_eq!(hashes(&format!(r#"{{"state":"{long}"}}"#)) + 2, plain);
}

/// Requests that succeeded tell path, query, headers, cookies and body; answers tell headers and body.
#[test]
fn an_event_has_shapes() {
    let engine = engine(SharedState::default());
    let call = described(
        "POST",
        "/users/7?page=2",
        "application/json",
        b"{\"a\":1}",
        201,
        r#"{"id":7}"#,
    );
    let event = explain(&engine, &call, NOW).event;
    let request: Value = serde_json::from_str(&event.shape_request).unwrap();
    for (place, name) in [
        ("p", "id"),
        ("q", "page"),
        ("h", "x-tenant"),
        ("c", "theme"),
        ("b", "a"),
    ] {
        assert!(!request[place][0][1][name].is_null(), "{place}: {request}");
    }
    assert!(request["h"][0][1]["authorization"].is_null());
    assert_eq!(request["f"], "json");
    let response: Value = serde_json::from_str(&event.shape_response).unwrap();
    assert!(!response["b"][0][1]["id"].is_null());
}

/// Calls that failed tell no shape of the request, and nothing is told when shapes are off.
#[test]
fn what_is_not_told() {
    let body: &[u8] = b"{\"a\":1}";
    let refused = described("POST", "/users/7", "application/json", body, 400, "{}");
    let found = explain(&engine(SharedState::default()), &refused, NOW).event;
    assert!(found.shape_request.is_empty() && !found.shape_response.is_empty());
    let off = Engine::new(testing::bundle(), Assets::default(), Arc::default()).unwrap();
    let call = described("POST", "/users/7", "application/json", body, 200, "{}");
    let found = explain(&off, &call, NOW).event;
    assert!(found.shape_request.is_empty() && found.shape_response.is_empty());
    let broken = described(
        "POST",
        "/users/7",
        "application/json",
        b"{\"a\":",
        200,
        "{}",
    );
    assert!(
        explain(&engine(SharedState::default()), &broken, NOW)
            .event
            .shape_request
            .is_empty()
    );
}

/// Calls of one form are told at a bounded rate, and one that shows something new is told at once.
#[test]
fn told_by_novelty() {
    let engine = engine(SharedState::default());
    let tell = |body: &str| {
        let call = described(
            "POST",
            "/users/7",
            "application/json",
            body.as_bytes(),
            200,
            "{}",
        );
        !explain(&engine, &call, NOW).event.shape_request.is_empty()
    };
    let told = (0..100).filter(|_| tell(r#"{"name":"jane"}"#)).count();
    assert!((2..=20).contains(&told), "{told}");
    for new in [
        r#"{"name":"O'Brien"}"#,
        r#"{"name":null}"#,
        r#"{"name":"jane","admin":true}"#,
        "{}",
    ] {
        assert!(tell(new), "{new}");
        assert!(!tell(new), "{new}");
    }
    // However much is new, the rate is bounded.
    let told = (0..1000)
        .filter(|number| {
            tell(&format!(
                r#"{{"x{}":1}}"#,
                char::from(b'a' + (number % 26) as u8)
                    .to_string()
                    .repeat(number / 26 + 1)
            ))
        })
        .count();
    assert!(told < 600, "{told}");
}

/// After hundreds of calls without anything new, one of eight is looked at, and what is new is still found.
#[test]
fn quiet_endpoints_are_spared() {
    let engine = engine(SharedState::default());
    let tell = |body: &str| {
        let call = described(
            "POST",
            "/users/7",
            "application/json",
            body.as_bytes(),
            200,
            "{}",
        );
        !explain(&engine, &call, NOW).event.shape_request.is_empty()
    };
    for _ in 0..300 {
        tell(r#"{"name":"jane"}"#);
    }
    let new = r#"{"name":"jane","admin":true}"#;
    let first = (0..64).position(|_| tell(new)).unwrap();
    assert!(first < 8, "{first}");
    // Something new wakes it: the next new thing is found at once.
    assert!(tell(r#"{"name":null}"#));
}

/// The most different body ends in a bounded time with a bounded text.
#[test]
fn hostile_bodies() {
    let names: String = (0..100_000)
        .map(|n| format!("\"{}\":1,", "ab".repeat(n % 30) + &"c".repeat(n / 3000)))
        .collect();
    let wide = format!("{{{}\"z\":1}}", names);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [wide, deep] {
        let engine = engine(SharedState::default());
        let mut sketch = Sketch::default();
        Body::plain(Some("application/json"), body.as_bytes(), false).read(
            None,
            b'&',
            &mut sketch.listen(&engine.hash),
        );
        assert!(sketch.is_cut && sketch.nodes().len() <= 1024);
    }
}

proptest! {
    /// Whatever a body holds, its shape is JSON, and holds no value of it.
    #[test]
    fn shapes_hold_no_values(values in proptest::collection::vec("[a-z]{3}-[A-Z]{6}[ ']?", 1..8), key in "[a-c]{1,3}|\\PC{1,8}") {
        let members: serde_json::Map<String, Value> = values.iter().enumerate()
            .map(|(index, value)| (format!("{key}{}", "k".repeat(index)), Value::from(value.as_str())))
            .collect();
        let body = Value::Array(vec![Value::Object(members), Value::from(values.clone())]).to_string();
        let found = shape("application/json", body.as_bytes()).to_string();
        for value in &values {
            prop_assert!(!found.contains(value.as_str()));
        }
    }

    /// No body makes the sketch fail.
    #[test]
    fn any_bytes(kind in prop_oneof![Just("application/json"), Just("application/x-www-form-urlencoded"), Just("multipart/form-data; boundary=x"), Just("application/xml"), Just("application/x-ndjson")], body in "[\\[\\]{}\",:a0\\\\ntrue&=<>/x\r\n-]{0,200}") {
        shape(kind, body.as_bytes());
    }
}
