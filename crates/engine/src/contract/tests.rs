//! Schemas against values: the test suite of JSON Schema, and what it does not ask.

use std::path::PathBuf;

use serde_json::Value;

use super::compile::Compiler;
use super::evaluate::{Options, evaluate};
use super::violation::{Part, Violations};
use crate::contract::tree::Tree;

/// A tree of a text, as a body's reader makes it.
pub(super) fn tree(text: &str) -> Tree {
    let mut tree = Tree::default();
    assert!(super::body::json(text, &mut tree), "{text}");
    tree
}

fn options<'a>() -> Options<'a> {
    Options {
        direction: None,
        refuses_other: false,
        part: Part::Body,
        name: "",
        finds_unknown: false,
        hash: None,
    }
}

/// Where the test suite of JSON Schema is: `scripts/json_schema_suite.py` fetches it.
fn suite() -> Option<PathBuf> {
    let folder = std::env::var_os("STARFORT_JSON_SCHEMA_SUITE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../build/json-schema-test-suite"),
        PathBuf::from,
    );
    if folder.join("tests/draft2020-12").is_dir() {
        return Some(folder);
    }
    eprintln!(
        "skipped: {} has no test suite of JSON Schema",
        folder.display()
    );
    None
}

fn json_files(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Documents that the suite's schemas refer to, with their addresses.
fn remotes(suite: &std::path::Path) -> Vec<(String, Value)> {
    let read =
        |path: &PathBuf| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut all = Vec::new();
    // The metaschemas come first, because others name them as their dialect.
    for path in json_files(&suite.join("metaschemas")) {
        let document: Value = read(&path);
        let id = document["$id"].as_str().unwrap().to_owned();
        all.push((id, document));
    }
    let folder = suite.join("remotes");
    for path in json_files(&folder) {
        let name = path
            .strip_prefix(&folder)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        // Documents of other dialects.
        if !name.starts_with("draft") || name.starts_with("draft2020-12") {
            all.push((format!("http://localhost:1234/{name}"), read(&path)));
        }
    }
    all
}

/// Runs one file of the suite: how many tests, and the ones that came out wrong.
fn run(
    path: &std::path::Path,
    remotes: &[(String, Value)],
    asserts_formats: bool,
) -> (usize, Vec<String>) {
    let groups: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let (mut count, mut wrong) = (0, Vec::new());
    for group in &groups {
        let mut compiler = Compiler::new(asserts_formats);
        for (uri, document) in remotes {
            compiler.document(uri, document);
        }
        let schema = &group["schema"];
        compiler.document("urn:test", schema);
        let node = match compiler.schema("urn:test", schema) {
            Ok(node) => node,
            Err(error) => {
                wrong.push(format!(
                    "{}: {}: {error}",
                    path.display(),
                    group["description"]
                ));
                continue;
            }
        };
        let program = compiler.finish();
        for test in group["tests"].as_array().unwrap() {
            count += 1;
            let text = test["data"].to_string();
            let mut violations = Violations::default();
            let valid =
                evaluate(&program, node, &tree(&text), 0, options(), &mut violations).is_valid;
            assert_eq!(
                valid,
                violations.is_empty(),
                "{} {}",
                group["description"],
                test["description"]
            );
            if valid != test["valid"].as_bool().unwrap() {
                let name = path.file_name().unwrap().to_string_lossy();
                wrong.push(format!(
                    "{name}: {}: {}",
                    group["description"], test["description"]
                ));
            }
        }
    }
    (count, wrong)
}

/// Every required test of JSON Schema 2020-12 comes out as it should.
#[test]
fn json_schema_required() {
    let Some(suite) = suite() else {
        return;
    };
    let remotes = remotes(&suite);
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(suite.join("tests/draft2020-12")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let (tests, failed) = run(&path, &remotes, false);
            count += tests;
            wrong.extend(failed);
        }
    }
    eprintln!("{count} required tests, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 1200, "{count}");
}

/// The optional tests of formats come out as they should, but for the exceptions that are listed here with their reason.
#[test]
fn json_schema_formats() {
    let Some(suite) = suite() else {
        return;
    };
    let folder = suite.join("tests/draft2020-12/optional/format");
    let (mut count, mut wrong) = (0, Vec::new());
    for name in super::FORMATS {
        let path = folder.join(format!("{name}.json"));
        if path.is_file() {
            let (tests, failed) = run(&path, &[], true);
            count += tests;
            wrong.extend(failed);
        }
    }
    eprintln!("{count} tests of formats, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Words of learned schemas: the characters that a text may have, and values of which only hashes are known.
#[test]
fn learned_words() {
    let hash = crate::hash::KeyedHash::new(&[7; 32]).unwrap();
    let known = ["eur", "7"].map(|value| format!("{:016x}", hash.short(value.as_bytes())));
    let schema = serde_json::json!({"anyOf": [
        {"type": "string", "x-starfort-characters": "a0-", "maxLength": 4},
        {"x-starfort-hashes": known},
    ]});
    let mut compiler = Compiler::new(true);
    compiler.document("", &schema);
    let node = compiler.schema("", &schema).unwrap();
    let program = compiler.finish();
    assert!(program.unchecked.is_empty());
    for (text, expected) in [
        ("\"ab-1\"", true),
        ("\"AB\"", false),
        ("\"abcde\"", false),
        ("7", true),
        ("8", false),
        ("[]", true),
    ] {
        let options = Options {
            hash: Some(&hash),
            ..options()
        };
        let mut violations = Violations::default();
        let outcome = evaluate(&program, node, &tree(text), 0, options, &mut violations);
        assert_eq!(outcome.is_valid, expected, "{text}");
    }
}
