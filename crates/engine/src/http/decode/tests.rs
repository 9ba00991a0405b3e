use ::base64::Engine as _;
use ::base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;

use super::*;

const ATTACK: &str = "' OR '1'='1' -- x";

fn values(value: &[u8]) -> (Vec<(String, String)>, Vec<Anomaly>) {
    let mut decoded = Decoded::default();
    decoded.decode(value);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        decoded
            .values()
            .map(|(name, value)| (format!("p{}", text(name)), text(value)))
            .collect(),
        decoded.anomalies().iter().collect(),
    )
}

fn has(value: &str, name: &str, text: &str) -> bool {
    values(value.as_bytes())
        .0
        .contains(&(name.to_owned(), text.to_owned()))
}

fn base64_of(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

/// One decoder follows another, and the names say which.
#[test]
fn decoders_follow_one_another() {
    let json = serde_json::json!({ "q": ATTACK }).to_string();
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap();
    let percent = |text: &str| -> String {
        text.bytes()
            .flat_map(|byte| ['%', digit(byte >> 4), digit(byte & 15)])
            .collect()
    };
    for (value, name) in [
        (json.clone(), "p|json.q"),
        (base64_of(&json), "p|base64|json.q"),
        (percent(&json), "p|percent|json.q"),
        (percent(&base64_of(ATTACK)), "p|percent|base64"),
        (
            serde_json::json!([json.clone()]).to_string(),
            "p|json|json.q",
        ),
        (
            serde_json::json!({ "a": base64_of(&json) }).to_string(),
            "p|json.a|base64|json.q",
        ),
        (
            format!("<o><q>{}</q></o>", ATTACK.replace('\'', "&apos;")),
            "p|xml.o.q",
        ),
    ] {
        assert!(
            has(&value, name, ATTACK),
            "{value}: {:?}",
            values(value.as_bytes())
        );
    }
}

/// Depth is bounded: three decoders, and what a fourth would find is not looked for.
#[test]
fn depth_is_bounded() {
    let mut value = ATTACK.to_owned();
    for _ in 0..3 {
        value = base64_of(&value);
    }
    assert!(has(&value, "p|base64|base64|base64", ATTACK));
    assert!(
        values(value.as_bytes())
            .1
            .contains(&Anomaly::NestedEncoding)
    );
    let (deeper, _) = values(base64_of(&value).as_bytes());
    assert!(deeper.iter().all(|(_, text)| text != ATTACK));
}

/// Percent escapes that are left in a value are undone, once and again.
#[test]
fn encoded_again() {
    assert!(has("%2527%2520or", "p|percent", "%27%20or"));
    assert!(has("%2527%2520or", "p|percent|percent", "' or"));
}

/// The parts of a value that has parts are told, and the value itself is not.
#[test]
fn parts_stand_for_the_whole() {
    let names = |value: &str| -> Vec<String> {
        values(value.as_bytes())
            .0
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    };
    assert_eq!(names("%7B%22a%22%3A%22x%22%7D"), ["p|percent|json.a"]);
    assert_eq!(names("a%3D1%26b%3Dx%20y"), ["p|percent"]);
    assert_eq!(
        names("%2Fa%3Fb%3Dc%26d%3De"),
        ["p|percent|link.", "p|percent|link.b", "p|percent|link.d"]
    );
    assert_eq!(names(&base64_of("<o><n>x</n></o>")), ["p|base64|xml.o.n"]);
}

/// Ordinary values are not decoded at all.
#[test]
fn ordinary_values_stay() {
    for value in [
        "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        "d41d8cd98f00b204e9800998ecf8427e",
        "anna.schmidt@example.com",
        "https://example.com/a?b=c",
        "The quick brown fox",
        "{{name}}",
        "[link](https://example.com)",
        "<p>Hello <b>world</b></p>",
        "2026-11-27T15:30:00Z",
        "\u{4e2d}\u{6587}",
        "42",
    ] {
        assert_eq!(values(value.as_bytes()), (vec![], vec![]), "{value}");
    }
}

/// What decoders make of a request is bounded, over all its values, and it is said when more was there.
#[test]
fn limits_hold_over_a_request() {
    let many = serde_json::to_string(&vec!["text of length"; MAX_VALUES + 1]).unwrap();
    let (found, odd) = values(many.as_bytes());
    assert_eq!(
        (found.len(), odd),
        (MAX_VALUES, vec![Anomaly::DecodingOverLimit])
    );
    let large = base64_of(&"text ".repeat(MAX_BYTES / 6));
    let mut decoded = Decoded::default();
    decoded.decode(large.as_bytes());
    assert_eq!(decoded.values().count(), 1);
    decoded.decode(large.as_bytes());
    assert_eq!(decoded.values().count(), 0);
    assert!(decoded.anomalies().contains(Anomaly::DecodingOverLimit));
}

proptest! {
    /// Whatever comes: it ends, within bounds, without a panic.
    #[test]
    fn any_value(value in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut decoded = Decoded::default();
        decoded.decode(&value);
        prop_assert!(decoded.values().all(|(name, text)| text.len() <= value.len() && name.len() <= MAX_NAME_BYTES));
    }

    /// Texts of the shapes that decoders know: the same.
    #[test]
    fn any_text(value in r#"([{}\[\]"<>/&;%u:,.=]|eyJ|%7B|%22|[A-Za-z0-9+_-]{1,8}|\\u0027){0,30}"#) {
        let mut decoded = Decoded::default();
        decoded.decode(value.as_bytes());
        let total: usize = decoded.values().map(|(_, text)| text.len()).sum();
        prop_assert!(total <= value.len() * 4 * usize::from(MAX_DEPTH));
    }
}
