//! Parameters by style, credentials, statuses and media types.

use serde_json::json;
use starfort_engine::bundle::contract::{ContractResponse, SecurityScheme};
use starfort_engine::contract::Violations;
use starfort_engine::headers::Headers;

use crate::support::{Written, head, parameter, texts};

/// Every style of OpenAPI 3.1's table, exploded and not: the values of the table are right, and a list of text where
/// integers are asked for, or an object with another colour, is wrong.
#[test]
fn styles() {
    let list = json!({"type": "array", "items": {"type": "integer"}, "minItems": 3});
    let colour = json!({"type": "object", "required": ["R", "G"], "additionalProperties": false,
        "properties": {"R": {"type": "integer"}, "G": {"type": "integer"}}});
    for (written, schema, right, wrong) in [
        (
            "query c form explode",
            &list,
            "/?c=3&c=4&c=5",
            "/?c=3&c=x&c=5",
        ),
        ("query c form no", &list, "/?c=3,4,5", "/?c=3,4,x"),
        ("query c form no", &list, "/?c=3%2C4%2C5", "/?c=3%2C4%2Cx"),
        (
            "query c form explode",
            &colour,
            "/?R=100&G=200",
            "/?R=100&G=x",
        ),
        (
            "query c form no",
            &colour,
            "/?c=R,100,G,200",
            "/?c=R,100,B,200",
        ),
        ("query c space no", &list, "/?c=3%204%205", "/?c=3,4,5"),
        ("query c space no", &list, "/?c=3+4+5", "/?c=3+4"),
        ("query c pipe no", &list, "/?c=3|4|5", "/?c=3|4|x"),
        ("query c pipe no", &list, "/?c=3%7C4%7C5", "/?c=3%7Cx%7C5"),
        (
            "query c deep explode",
            &colour,
            "/?c[R]=100&c[G]=200",
            "/?c[R]=100",
        ),
        (
            "query c deep explode",
            &colour,
            "/?c%5BR%5D=100&c%5BG%5D=200",
            "/?c[R]=1&c[G]=2&c[B]=3",
        ),
        ("path c simple no", &list, "/3,4,5", "/3,4"),
        ("path c simple explode", &list, "/3,4,5", "/3,x,5"),
        ("path c simple no", &colour, "/R,100,G,200", "/R,100,G"),
        (
            "path c simple explode",
            &colour,
            "/R=100,G=200",
            "/R=100,G=x",
        ),
        ("path c label no", &list, "/.3,4,5", "/3,4,5"),
        ("path c label explode", &list, "/.3.4.5", "/.3.4"),
        ("path c label explode", &colour, "/.R=100.G=200", "/.R=100"),
        ("path c matrix no", &list, "/;c=3,4,5", "/;d=3,4,5"),
        ("path c matrix explode", &list, "/;c=3;c=4;c=5", "/;c=3"),
        ("path c matrix no", &colour, "/;c=R,100,G,200", "/;c=R,100"),
        ("path c matrix explode", &colour, "/;R=100;G=200", "/;R=100"),
    ] {
        let path = if written.starts_with("path") {
            "/{c}"
        } else {
            "/"
        };
        let contracts = Written::new(path).parameter(written, schema).compile();
        assert!(
            head(&contracts, right, &[]).is_empty(),
            "{written} {right} {:?}",
            head(&contracts, right, &[])
        );
        assert!(
            !head(&contracts, wrong, &[]).is_empty(),
            "{written} {wrong}"
        );
    }
}

/// Headers and cookies have styles too.
#[test]
fn headers_and_cookies() {
    let list = json!({"type": "array", "items": {"type": "integer"}});
    let contracts = Written::new("/")
        .parameter("header x-ids! simple no", &list)
        .parameter("cookie ids form no", &list)
        .parameter("cookie flag form explode", &json!({"type": "boolean"}))
        .compile();
    let right = [
        ("x-ids", "1, 2"),
        ("x-ids", "3"),
        ("cookie", "ids=1,2; flag=true; other=1"),
    ];
    assert!(head(&contracts, "/", &right).is_empty());
    let wrong = [("x-ids", "1,x"), ("cookie", "ids=1,x; flag=yes")];
    assert_eq!(
        head(&contracts, "/", &wrong),
        [
            "request:cookie/type:ids",
            "request:cookie/type:flag",
            "request:header/type:x-ids"
        ]
    );
    assert_eq!(
        head(&contracts, "/", &[]),
        ["request:header/required:x-ids"]
    );
}

/// Text is read as the type that the schema asks for, and stays text where it asks for none.
#[test]
fn types_of_text() {
    for (schema, right, wrong) in [
        (
            json!({"type": "integer", "minimum": 1}),
            vec!["1", "12", "1.0"],
            vec!["0", "1.5", "a", "", "0x1", "true"],
        ),
        (
            json!({"type": "number"}),
            vec!["1.5", "-1e3"],
            vec!["1,5", "NaN"],
        ),
        (
            json!({"type": "boolean"}),
            vec!["true", "false", "True"],
            vec!["1", "TRUE", "yes"],
        ),
        (
            json!({"type": "string", "maxLength": 4}),
            vec!["abc", "123", "true"],
            vec!["abcde"],
        ),
        (
            json!({"type": ["integer", "null"]}),
            vec!["1", "null", ""],
            vec!["x"],
        ),
        (
            json!({"type": "string", "format": "date"}),
            vec!["2024-02-29"],
            vec!["2024-02-30"],
        ),
        (
            json!({"enum": ["a", 1, true]}),
            vec!["a", "1", "true", "1.0"],
            vec!["b", "2"],
        ),
        (json!({"const": "x"}), vec!["x"], vec!["y"]),
        (
            json!({"anyOf": [{"type": "integer", "maximum": 5}, {"const": "all"}]}),
            vec!["5", "all"],
            vec!["6", "none"],
        ),
        (
            json!({"oneOf": [{"type": "integer"}, {"type": "string"}]}),
            vec!["5", "x"],
            vec![],
        ),
        (
            json!({"allOf": [{"type": "integer"}, {"minimum": 3}]}),
            vec!["3"],
            vec!["2", "x"],
        ),
        (
            json!({"type": "string", "pattern": "^[0-9]+$"}),
            vec!["0123"],
            vec!["12a"],
        ),
        (
            json!({"type": "integer", "format": "int32"}),
            vec!["2147483647"],
            vec!["2147483648"],
        ),
        (
            json!({"type": "array", "items": {"type": "integer"}}),
            vec!["1"],
            vec!["x"],
        ),
        (json!({}), vec!["1", "x", ""], vec![]),
    ] {
        let contracts = Written::new("/")
            .parameter("query v form explode", &schema)
            .compile();
        for text in right {
            let found = head(&contracts, &format!("/?v={text}"), &[]);
            assert!(found.is_empty(), "{schema} {text} {found:?}");
        }
        for text in wrong {
            assert!(
                !head(&contracts, &format!("/?v={text}"), &[]).is_empty(),
                "{schema} {text}"
            );
        }
    }
}

/// What is missing, not named, or there twice is told by its name; a caller's own words are shown only if they are plain.
#[test]
fn presence() {
    let contracts = Written::new("/")
        .parameter("query limit! form explode", &json!({"type": "integer"}))
        .scheme(SecurityScheme::Query("key".into()))
        .operation(|operation| operation.security = Some(vec![vec![0], vec![]]))
        .compile();
    assert!(head(&contracts, "/?limit=1&key=secret", &[]).is_empty());
    assert_eq!(head(&contracts, "/", &[]), ["request:query/required:limit"]);
    assert_eq!(
        head(&contracts, "/?limit=1&admin=true", &[]),
        ["request:query/unknown:admin"]
    );
    assert_eq!(
        head(&contracts, "/?limit=1&limit=2", &[]),
        ["request:query/repeated:limit"]
    );
    assert_eq!(
        head(&contracts, "/?limit=1&ann%40example.com=1", &[]),
        ["request:query/unknown:?"]
    );
    assert_eq!(
        head(&contracts, "/?limit=1&4111111111111111=1", &[]),
        ["request:query/unknown:?"]
    );
    let lenient = Written::new("/")
        .settings(|settings| settings.deny_unknown = false)
        .compile();
    assert!(head(&lenient, "/?admin=true", &[]).is_empty());
}

/// A parameter may be a document of its own, or come without a value.
#[test]
fn documents_and_empty_values() {
    let mut written = Written::new("/").parameter(
        "query filter form explode",
        &json!({"type": "object", "required": ["a"]}),
    );
    written = written.operation(|operation| {
        operation.parameters[0].media_type = Some("application/json".into());
    });
    let contracts = written.compile();
    assert!(head(&contracts, "/?filter=%7B%22a%22:1%7D", &[]).is_empty());
    assert_eq!(
        head(&contracts, "/?filter=%7B%7D", &[]),
        ["request:query/required:filter"]
    );
    assert_eq!(
        head(&contracts, "/?filter=%7B", &[]),
        ["request:query/malformed:filter"]
    );
    let mut written =
        Written::new("/").parameter("query v form explode", &json!({"type": "integer"}));
    written = written.operation(|operation| operation.parameters[0].allow_empty = true);
    assert!(head(&written.compile(), "/?v=", &[]).is_empty());
}

/// One alternative with all its credentials is enough; without any the call breaks the contract.
#[test]
fn credentials() {
    let schemes = || {
        Written::new("/")
            .scheme(SecurityScheme::Authorization("bearer".into()))
            .scheme(SecurityScheme::Header("x-api-key".into()))
            .scheme(SecurityScheme::Cookie("sid".into()))
            .scheme(SecurityScheme::MutualTls)
    };
    let contracts = schemes()
        .operation(|operation| operation.security = Some(vec![vec![0], vec![1, 2]]))
        .compile();
    for (headers, is_enough) in [
        (vec![("authorization", "Bearer abc")], true),
        (vec![("authorization", "BEARER abc")], true),
        (vec![("authorization", "Basic abc")], false),
        (vec![("authorization", "Bearer")], false),
        (vec![("x-api-key", "k")], false),
        (vec![("x-api-key", "k"), ("cookie", "sid=1")], true),
        (vec![("x-api-key", " "), ("cookie", "sid=1")], false),
        (vec![], false),
    ] {
        let found = head(&contracts, "/", &headers);
        let expected: &[&str] = if is_enough {
            &[]
        } else {
            &["request:security:"]
        };
        assert_eq!(found, expected, "{headers:?}");
    }
    for open in [None, Some(vec![]), Some(vec![vec![0], vec![]])] {
        let contracts = schemes()
            .operation(|operation| operation.security = open)
            .compile();
        assert!(head(&contracts, "/", &[]).is_empty());
    }
    let mutual = schemes()
        .operation(|operation| operation.security = Some(vec![vec![3]]))
        .compile();
    assert_eq!(head(&mutual, "/", &[]), ["request:security:"]);
}

/// A status is named by itself, by its class or by `default`; its headers are checked.
#[test]
fn answers() {
    let mut contracts = Written::new("/")
        .answer("200", "application/json", &json!({}))
        .answer("4XX", "application/json", &json!({}));
    contracts = contracts.operation(|operation| {
        operation.responses[0]
            .headers
            .push(parameter("header x-rate! simple no", Some(0)));
    });
    let contracts = contracts.compile();
    let check = |status: u16, headers: &[(&str, &str)]| {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut violations = Violations::default();
        let call = contracts.of(0).unwrap();
        call.response_head(status, &Headers::copy(headers), None, &mut violations);
        texts(&violations)
    };
    assert!(check(200, &[("x-rate", "1")]).is_empty());
    assert_eq!(check(200, &[]), ["response:header/required:x-rate"]);
    assert!(check(404, &[]).is_empty());
    assert_eq!(check(500, &[]), ["response:status:500"]);
    assert!(check(304, &[]).is_empty(), "a cache was asked");
    let rest = Written::new("/").operation(|operation| {
        operation.responses.push(ContractResponse {
            status: "default".into(),
            headers: Vec::new(),
            content: Vec::new(),
        });
    });
    let rest = rest.compile();
    let mut violations = Violations::default();
    rest.of(0)
        .unwrap()
        .response_head(503, &Headers::default(), None, &mut violations);
    assert!(violations.is_empty());
}
