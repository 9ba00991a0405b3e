use proptest::prelude::*;

use super::*;
use crate::http::Limits;
use crate::http::body::BodyKind;
use crate::http::collect::collected;
use Anomaly as A;

fn leaves(text: &str) -> Option<Vec<(String, String)>> {
    let document = Document::parse(text).ok()?;
    let leaves = document.leaves();
    Some(
        leaves
            .map(|(name, value, _)| (name.to_owned(), value.to_owned()))
            .collect(),
    )
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Literals and comments are values named by field and argument, directive, or variable; references are none.
#[test]
fn literals_are_named_as_the_schema_has_them() {
    for (text, expected) in [
        ("{ user(id: 17) { name } }", &[("user.id", "17")][..]),
        (
            "query Q($v: Int = 3, $w: [[S!]!]! = [\"a\"] @d(x: 1)) @e(f: RED) { a(s: \"x\", l: [1, 2.5e3, [-0]]) }",
            &[
                ("variables.v", "3"),
                ("variables.w", "a"),
                ("@d.x", "1"),
                ("@e.f", "RED"),
                ("a.s", "x"),
                ("a.l", "1"),
                ("a.l", "2.5e3"),
                ("a.l", "-0"),
            ],
        ),
        (
            "mutation { add(in: {name: \"n\", tags: [{t: \"u\"}], on: true, no: null, e: {}}, x: $x) { id } }",
            &[
                ("add.in.name", "n"),
                ("add.in.tags.t", "u"),
                ("add.in.on", "true"),
            ],
        ),
        (
            "{ outer { small: picture(size: 3) @include(if: $big) ... on T @skip(if: false) { x(y: \"z\") } ...F } } fragment F on T { q(r: 1) }",
            &[
                ("picture.size", "3"),
                ("@skip.if", "false"),
                ("x.y", "z"),
                ("q.r", "1"),
            ],
        ),
        (
            "# first\n{ a # ' or 1=1\r b }#",
            &[("comment", " first"), ("comment", " ' or 1=1")],
        ),
        (
            "\u{feff}\"what it does\" query Q(\"\"\"why\"\"\" $a: Int) { a }",
            &[("description", "what it does"), ("description", "why")],
        ),
        (
            "subscription S($type: T!) { s(type: $type) { ... { id } ... @a { b } } }",
            &[],
        ),
        (
            "fragment F($n: Int = 1) on T { a } { query mutation fragment on: on }",
            &[("variables.n", "1")],
        ),
    ] {
        assert_eq!(leaves(text), Some(pairs(expected)), "{text}");
    }
}

/// Strings stand for what servers read: escapes, both forms of code points, block strings without indentation.
#[test]
fn strings_are_undone() {
    for (written, value) in [
        (r#""\u0027 \u006Fr 1=1""#, "' or 1=1"),
        (r#""\u{27}\u{1F600}\uD83D\uDE00""#, "'\u{1f600}\u{1f600}"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""""#, ""),
        ("\"\"\"\"\"\"", ""),
        ("\"\"\"b \"lock\"\"\"", "b \"lock"),
        (
            "\"\"\"\n    Hello,\n      World!\n\n    \\\"\"\" end\n  \t\n\"\"\"",
            "Hello,\n  World!\n\n\"\"\" end",
        ),
        ("\"\"\"  a\r\n  b\r    c\"\"\"", "  a\nb\n  c"),
        ("\"{ # no comment\"", "{ # no comment"),
    ] {
        let text = format!("{{ a(s: {written}) }}");
        assert_eq!(leaves(&text), Some(pairs(&[("a.s", value)])), "{written}");
    }
}

/// What the grammar does not allow is no document, however much of it looks like one.
#[test]
fn other_texts_are_no_documents() {
    for text in [
        "",
        " ",
        "# only a comment",
        "{",
        "{}",
        "{ a",
        "{ a )",
        "{ a } }",
        "{ a(s: \"x",
        "{ a(s: \"x\ny\") }",
        "{ a(s: \"\\x41\") }",
        "{ a(s: \"\\uD800\") }",
        "{ a(s: \"\\u{110000}\") }",
        "{ a(s: \"\\u{+41}\") }",
        "{ a(s: \"\"\"x) }",
        "{ a() }",
        "{ a(: 1) }",
        "{ a(b) }",
        "{ a(b: 01) }",
        "{ a(b: 1.) }",
        "{ a(b: 1a) }",
        "{ a(b: .5) }",
        "{ a(b: 1.5.5) }",
        "{ a(b: {$ne: 1}) }",
        "{ a(b: [1) }",
        "{ a(b: {c: 1]) }",
        "query ($a: Int = $b) { a }",
        "query ($a) { a }",
        "query () { a }",
        "query Q",
        "select * from users",
        "query users where id = 1",
        "query { a } ' or 1=1",
        "{ a: }",
        "{ a: b: c }",
        "{ .. a }",
        "{ ...on }",
        "fragment on on T { a }",
        "fragment F { a }",
        "type T { a: Int }",
        "schema { query: Q }",
        "{\"query\": 1}",
        "{ a | b }",
        "{ a; b }",
        "{ a/b }",
        "{ caf\u{e9} }",
        "{ a } \u{0}",
    ] {
        assert_eq!(
            Document::parse(text).map(drop),
            Err(NoDocument::Syntax),
            "{text}"
        );
    }
}

/// Figures count depth, fields, directives, and one field under many aliases; different fields are no repetition.
#[test]
fn figures() {
    let text = "{ a { b { c @x @y } } a1: user(id: 1) { id } a2: user(id: 2) { u: user } p: q }";
    assert_eq!(
        Document::parse(text).map(|document| document.figures),
        Ok(Figures {
            depth: 3,
            fields: 8,
            aliases: 2,
            directives: 2,
            introspection: 0
        })
    );
    let fields = Document::parse(text).map(|document| document.fields);
    assert_eq!(fields, Ok(vec!["a", "b", "c", "user", "id", "q"]));
}

/// What is deeper or longer than is read is no document, and reading it ends early.
#[test]
fn limits_hold() {
    let deep = |open: &str, close: &str, count: usize| {
        format!("{}{}", open.repeat(count), close.repeat(count))
    };
    for text in [
        format!("{}x{}", "{a".repeat(50_000), "}".repeat(50_000)),
        format!("{{a(b:{})}}", deep("[", "]", 50_000)),
        format!("{{a(b:{}1{})}}", "{c:".repeat(50_000), "}".repeat(50_000)),
        format!(
            "query($a:{}T{}){{a}}",
            "[".repeat(50_000),
            "]".repeat(50_000)
        ),
        format!("{{{}}}", "a ".repeat(500_000)),
        format!("{{a(b:[{}])}}", "1 ".repeat(70_000)),
        format!("{{a}}{}", "#x\n".repeat(70_000)),
    ] {
        assert_eq!(Document::parse(&text).map(drop), Err(NoDocument::Limit));
    }
}

/// Only names under which servers read documents, in any spelling of forms and JSON.
#[test]
fn names_of_documents() {
    for name in [
        "query",
        "Query",
        "json.query",
        "json.array_0.query",
        "0.query",
        "op[query]",
        "operations",
    ] {
        assert!(may_hold_document(name.as_bytes()), "{name}");
    }
    for name in ["q", "json.query.user", "querying", "", "search"] {
        assert!(!may_hold_document(name.as_bytes()), "{name}");
    }
}

/// A body that is no document is one parameter as it is, and said to be malformed.
#[test]
fn bodies() {
    for (text, expected, anomalies) in [
        ("{ user(id: 17) { name } }", vec![("user.id", "17")], vec![]),
        ("{ a", vec![("", "{ a")], vec![A::MalformedGraphql]),
    ] {
        let (parameters, found) = collected(BodyKind::Graphql, &Limits::default(), |collect| {
            read(text.as_bytes(), collect);
        });
        let got: Vec<_> = parameters.iter().map(|p| (p.name, p.value)).collect();
        assert_eq!(got, expected, "{text}");
        assert_eq!(found.iter().collect::<Vec<_>>(), anomalies, "{text}");
    }
}

/// A string as a document writes it.
fn written(value: &str) -> String {
    let mut out = String::from("\"");
    for letter in value.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\'' => out.push_str("\\u0027"),
            '<' => out.push_str("\\u{3C}"),
            _ => out.push(letter),
        }
    }
    out.push('"');
    out
}

proptest! {
    /// Whatever text comes, reading it ends without a panic.
    #[test]
    fn any_text_is_read(text in "[{}()\\[\\]:$@!=.#\"\\\\u0-9a-z \\n,-]{0,80}") {
        let _ = Document::parse(&text);
    }

    /// A string comes out as it was meant, whatever is in it.
    #[test]
    fn strings_come_back(value in any::<String>(), prefix in "[ ,\n\t]{0,5}") {
        let text = format!("{prefix}{{ a(s: {}) {{ b }} }}", written(&value));
        prop_assert_eq!(leaves(&text), Some(vec![("a.s".to_owned(), value)]));
    }
}
