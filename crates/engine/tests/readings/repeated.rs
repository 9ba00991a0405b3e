//! Names that come more than once.

use starfort_engine::Engine;
use starfort_engine::bundle::{Action, Expr, Field, Function, Quantifier};

use super::{ask, block, call, engine, get, is, limit, of, policy, text};

/// A place, a name, and a request that has `admin` among its values.
type Case = (
    Field,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];
const PARTS: &[(&str, &str)] = &[("content-type", "multipart/form-data; boundary=x")];
const TWO_PARTS: &str = "--x\r\ncontent-disposition: form-data; name=role\r\n\r\nuser\r\n--x\r\ncontent-disposition: form-data; name=role\r\n\r\nadmin\r\n--x--\r\n";

const CASES: &[Case] = &[
    (
        Field::RequestBody,
        "role",
        "/admin",
        JSON,
        r#"{"role":"user","role":"admin"}"#,
    ),
    (
        Field::RequestBody,
        "role",
        "/admin",
        JSON,
        r#"{"role":"admin","role":"user"}"#,
    ),
    (
        Field::RequestBody,
        "role",
        "/admin",
        JSON,
        r#"{"role":"a","role":"admin","role":"b"}"#,
    ),
    (
        Field::RequestBody,
        "u.role",
        "/admin",
        JSON,
        r#"{"u":{"role":"user"},"u":{"role":"admin"}}"#,
    ),
    (
        Field::RequestBody,
        "items[].sku",
        "/admin",
        JSON,
        r#"{"items":[{"sku":"a"},{"sku":"admin"}]}"#,
    ),
    (
        Field::RequestBody,
        "role",
        "/admin",
        FORM,
        "role=user&role=admin",
    ),
    (
        Field::RequestBody,
        "role",
        "/admin",
        FORM,
        "role=admin&role=user",
    ),
    (Field::RequestBody, "role", "/admin", PARTS, TWO_PARTS),
    (
        Field::RequestQuery,
        "role",
        "/admin?role=user&role=admin",
        &[],
        "",
    ),
    (
        Field::RequestQuery,
        "role",
        "/admin?role=admin&a=1&role=user",
        &[],
        "",
    ),
    (
        Field::RequestCookies,
        "role",
        "/admin",
        &[("cookie", "role=user; role=admin")],
        "",
    ),
    (
        Field::RequestCookies,
        "role",
        "/admin",
        &[("cookie", "role=user"), ("cookie", "role=admin")],
        "",
    ),
    (
        Field::RequestHeaders,
        "x-role",
        "/admin",
        &[("x-role", "user"), ("x-role", "admin")],
        "",
    ),
    (
        Field::RequestHeaders,
        "x-role",
        "/admin",
        &[("x-role", "admin"), ("x-role", "user")],
        "",
    ),
];

/// Conditions that hold for `admin` and for none of the other values.
fn conditions(value: impl Fn() -> Expr, has: Expr) -> Vec<Expr> {
    vec![
        is(value(), "admin"),
        Expr::And(Box::new(has), Box::new(is(value(), "admin"))),
        call(Function::StartsWith, &[value(), text("adm")]),
        call(Function::Matches, &[value(), text("^adm.n$")]),
        call(
            Function::In,
            &[value(), Expr::List(vec![text("root"), text("admin")])],
        ),
        call(Function::NotEqual, &[value(), text("user")]),
        call(
            Function::Not,
            &[call(
                Function::In,
                &[
                    value(),
                    Expr::List(vec![
                        text("user"),
                        text("a"),
                        text("b"),
                        text("user, admin"),
                        text("admin, user"),
                    ]),
                ],
            )],
        ),
        is(
            call(
                Function::LowerAscii,
                &[call(Function::Add, &[text("A"), value()])],
            ),
            "aadmin",
        ),
        Expr::Conditional(
            Box::new(is(value(), "admin")),
            Box::new(Expr::Bool(true)),
            Box::new(Expr::Bool(false)),
        ),
        Expr::Comprehension(
            Quantifier::Exists,
            Box::new(Expr::List(vec![text("root"), text("admin")])),
            Box::new(call(Function::Equal, &[Expr::Local(0), value()])),
        ),
    ]
}

/// A condition sees every value, wherever it stands and whatever stands beside it.
#[test]
fn a_repeated_name_hides_no_value() {
    for (field, name, path, headers, body) in CASES {
        let value = || of(*field, name);
        let has = Expr::HasKey(Box::new(Expr::Field(*field)), Box::new(text(name)));
        for condition in conditions(value, has) {
            let engine = engine(vec![policy("p", None, condition.clone(), block())]);
            let told = ask(&engine, path, headers, body);
            assert_eq!(
                told.action, "block",
                "{field:?} {body} {path}: {condition:?}"
            );
        }
        let other = is(value(), "root");
        let engine = engine(vec![policy("p", None, other, block())]);
        assert_eq!(
            ask(&engine, path, headers, body).action,
            "allow",
            "{body} {path}"
        );
    }
}

/// Who lets pass asks for all values; without a repetition both are plain CEL.
#[test]
fn a_permission_asks_for_every_value() {
    let permit = policy(
        "permit",
        None,
        is(of(Field::RequestQuery, "role"), "user"),
        Action::Allow,
    );
    let permit_not = policy(
        "permit_not",
        None,
        call(
            Function::NotEqual,
            &[of(Field::RequestQuery, "role"), text("admin")],
        ),
        Action::Allow,
    );
    let rest = policy("rest", None, Expr::Bool(true), block());
    let engine = engine(vec![permit, permit_not, rest]);
    for (query, wanted) in [
        ("role=user", "permit"),
        ("role=user&role=user", "permit"),
        ("role=guest", "permit_not"),
        ("role=user&role=guest", "permit_not"),
        ("role=user&role=admin", "rest"),
        ("role=admin&role=user", "rest"),
        ("role=admin", "rest"),
        ("", "rest"),
    ] {
        assert_eq!(
            &*get(&engine, &format!("/admin?{query}")).policy,
            wanted,
            "{query}"
        );
    }
}

/// Errors are absorbed as by `exists()`: another value that can be compared decides.
#[test]
fn a_value_that_cannot_be_compared_hides_no_other() {
    let more = call(
        Function::Greater,
        &[
            call(Function::ToInt, &[of(Field::RequestQuery, "n")]),
            Expr::Int(5),
        ],
    );
    let engine = engine(vec![policy("p", None, more, block())]);
    for (query, action, error) in [
        ("n=x&n=9", "block", ""),
        ("n=9&n=x", "block", ""),
        ("n=x&n=1", "allow", "conversion"),
        ("n=1&n=2", "allow", ""),
    ] {
        let told = get(&engine, &format!("/admin?{query}"));
        assert_eq!(
            (told.action, told.policies[0].error),
            (action, error),
            "{query}"
        );
    }
}

/// A repeated key counts under each of its values, so nobody begins a new count with a decoy.
#[test]
fn limits_count_every_value() {
    let key = || of(Field::RequestQuery, "user");
    let of_one = || engine(vec![policy("p", None, Expr::Bool(true), limit(&[key()]))]);
    let actions = |engine: &Engine, queries: [&str; 4]| {
        queries.map(|query| get(engine, &format!("/admin?{query}")).action)
    };
    let decoys = [
        "user=a&user=1",
        "user=2&user=a",
        "user=3&user=a&user=4",
        "user=a&user=5",
    ];
    assert_eq!(
        actions(&of_one(), decoys),
        ["allow", "allow", "allow", "limit"]
    );
    let many = |last: &str| {
        let decoys: Vec<String> = (0..500)
            .map(|number| format!("user={last}{number}"))
            .collect();
        format!("{}&user=a", decoys.join("&"))
    };
    let many = ["x", "y", "z", "w"].map(many);
    assert_eq!(
        actions(&of_one(), many.each_ref().map(|query| &**query)),
        ["allow", "allow", "allow", "limit"]
    );
    assert_eq!(
        actions(&of_one(), ["user=a", "user=b", "user=c", "user=d"]),
        ["allow"; 4]
    );
    assert_eq!(
        actions(
            &of_one(),
            ["user=a&user=a", "user=a&user=a", "user=a", "user=b"]
        ),
        ["allow"; 4]
    );
}

/// A long list costs its length, and is compared to its end.
#[test]
fn a_long_list_is_compared_to_its_end() {
    let engine = engine(vec![policy(
        "p",
        None,
        is(of(Field::RequestBody, "tags[]"), "last"),
        block(),
    )]);
    let list = |last: &str| {
        let tags: Vec<String> = (0..900).map(|number| format!("\"t{number}\"")).collect();
        format!("{{\"tags\":[{},\"{last}\"]}}", tags.join(","))
    };
    assert_eq!(ask(&engine, "/admin", JSON, &list("last")).action, "block");
    assert_eq!(ask(&engine, "/admin", JSON, &list("other")).action, "allow");
}

/// A macro over the names of a large body sees each value of each name.
#[test]
fn macros_over_names_see_every_value() {
    let any = Expr::Comprehension(
        Quantifier::Exists,
        Box::new(Expr::Field(Field::RequestBody)),
        Box::new(call(
            Function::Contains,
            &[
                Expr::Index(
                    Box::new(Expr::Field(Field::RequestBody)),
                    Box::new(Expr::Local(0)),
                ),
                text("evil"),
            ],
        )),
    );
    let engine = engine(vec![policy("p", None, any, block())]);
    for count in [3, 90, 400] {
        let fields: Vec<String> = (0..count)
            .map(|number| format!("\"k{number}\":\"v\""))
            .collect();
        let body = |value: &str| format!("{{{},\"k1\":\"{value}\"}}", fields.join(","));
        assert_eq!(
            ask(&engine, "/admin", JSON, &body("evil")).action,
            "block",
            "{count}"
        );
        assert_eq!(
            ask(&engine, "/admin", JSON, &body("good")).action,
            "allow",
            "{count}"
        );
    }
}

/// A log-in meets the signals of every account that it names, and a decoy beside the real name or another spelling of
/// the path makes no two log-ins the same.
#[test]
fn a_decoy_hides_no_log_in() {
    let engine = super::ready(super::support::bundle(20, 0));
    let login = "/api/v1/group0/login";
    let tried = |path: &str, body: &str| ask(&engine, path, JSON, body);
    let hash = |body: &str| tried(login, body).event.account_hash;
    let ann = hash(r#"{"username":"ann","password":"x"}"#);
    assert_eq!(
        hash(r#"{"username":"Ann","username":"ann"}"#),
        ann,
        "the same account"
    );
    let with_decoy = hash(r#"{"username":"decoy","username":"ann"}"#);
    assert_ne!(with_decoy, hash(r#"{"username":"decoy","username":"bob"}"#));
    assert_ne!(with_decoy, hash(r#"{"username":"decoy"}"#));
    engine.shared().signals.set(
        "credential_stuffing",
        starfort_engine::signals::KeyType::Account,
        &ann,
        0.9,
        u64::MAX,
    );
    let many: Vec<String> = (0..50)
        .map(|number| format!("\"username\":\"d{number}\""))
        .collect();
    let many = format!("{{{},\"username\":\"ann\"}}", many.join(","));
    for (path, body) in [
        (login, r#"{"username":"ann"}"#),
        (login, r#"{"username":"decoy","username":"ann"}"#),
        (login, r#"{"username":"ann","username":"decoy"}"#),
        (login, &*many),
        (
            "/api/v1/group0/login?username=ann",
            r#"{"username":"decoy"}"#,
        ),
        ("/api/v1/group0%2Flogin", r#"{"username":"ann"}"#),
        ("/api/v1/group0;x=1/login", r#"{"username":"ann"}"#),
    ] {
        let told = tried(path, body);
        assert_eq!(told.signals.len(), 1, "{path} {body}");
        assert!(!told.event.account_hash.is_empty(), "{path}");
    }
    assert!(tried(login, r#"{"username":"bob"}"#).signals.is_empty());
}
