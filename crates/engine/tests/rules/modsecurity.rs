//! Operators and transformations against the unit cases of the `ModSecurity` project. Skipped, saying so, where
//! the corpora are missing.
use serde::Deserialize;
use starfort_engine::rules::operators::CompiledOperator;
use starfort_engine::rules::transformations::apply;
use starfort_engine::rules::wire::{Operator, OperatorKind, Part, Transformation};

use crate::support;

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(default)]
    param: Option<String>,
    input: String,
    #[serde(default)]
    output: Option<String>,
    ret: i64,
}

fn cases(folder: &str) -> Option<Vec<Case>> {
    let mut all = Vec::new();
    for (path, bytes) in support::corpus(&format!("seclang/{folder}"))? {
        let mut cases: Vec<Case> = serde_json::from_slice(&bytes).unwrap();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        for case in &mut cases {
            case.name.clone_from(&stem);
        }
        all.extend(cases);
    }
    Some(all)
}

/// Every case agrees; the failures are all told at once, because they usually have one cause.
fn all_agree(failures: &[String], cases: usize) {
    assert!(
        failures.is_empty(),
        "{} of {cases}:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// The strings of the corpus are UTF-8 in which `\xHH` and `\u00HH` stand for bytes.
fn expand(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).ok();
    while let [first, tail @ ..] = rest {
        if *first == b'\\' && tail.len() >= 3 && tail[0] == b'x' && hex(&tail[1..3]).is_some() {
            out.push(hex(&tail[1..3]).unwrap());
            rest = &tail[3..];
        } else if *first == b'\\'
            && tail.len() >= 5
            && tail[0] == b'u'
            && tail[1..3] == *b"00"
            && hex(&tail[3..5]).is_some()
        {
            out.push(hex(&tail[3..5]).unwrap());
            rest = &tail[5..];
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

fn named<T: for<'a> Deserialize<'a>>(name: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}

#[test]
fn transformations_agree() {
    let Some(cases) = cases("transformations") else {
        return;
    };
    assert!(cases.len() > 300);
    let mut failures = Vec::new();
    for case in &cases {
        let name = case.name.replace("normalise", "normalize");
        let transformation: Transformation = named(&name).unwrap_or_else(|| panic!("{name}"));
        let mut out = Vec::new();
        // A backslash and a NUL is `\0` in the original of the one case that has it.
        apply(
            transformation,
            &expand(&case.input.replace("\\\0", "\\0")),
            &[],
            &mut out,
        );
        let expected = expand(case.output.as_deref().unwrap());
        // The corpus has `\xag` here, which its own harness does not read as the escape it looks like.
        if out != expected && !case.input.contains(r"\xag") {
            failures.push(format!(
                "{name} {:?}: got {:?}, expected {:?}",
                case.input,
                String::from_utf8_lossy(&out),
                String::from_utf8_lossy(&expected)
            ));
        }
    }
    all_agree(&failures, cases.len());
}

fn operator(name: &str, param: &str) -> Option<Operator> {
    let kind = match name {
        "detectSQLi" => OperatorKind::DetectSqli,
        "detectXSS" => OperatorKind::DetectXss,
        "verifyCC" => OperatorKind::VerifyCc,
        "verifyssn" => OperatorKind::VerifySsn,
        "verifycpf" => OperatorKind::VerifyCpf,
        "verifysvnr" => OperatorKind::VerifySvnr,
        "pmFromFile" => OperatorKind::Pm,
        _ => named(name)?,
    };
    let phrases: Vec<String> = match name {
        "pm" => param
            .trim_matches('"')
            .split_whitespace()
            .map(ToOwned::to_owned)
            .collect(),
        "ipMatch" => param
            .split(',')
            .map(|text| text.trim().to_owned())
            .collect(),
        _ => Vec::new(),
    };
    Some(Operator {
        kind,
        argument: vec![Part::Text(param.to_owned())],
        phrases,
    })
}

#[test]
fn operators_agree() {
    let Some(cases) = cases("operators") else {
        return;
    };
    assert!(cases.len() > 3_900);
    let mut failures = Vec::new();
    for case in &cases {
        // Files and the database of the original's test tree are not part of the corpus.
        if matches!(case.name.as_str(), "pmFromFile" | "geoLookup") {
            continue;
        }
        let param = case.param.clone().unwrap_or_default();
        let operator = operator(&case.name, &param).unwrap_or_else(|| panic!("{}", case.name));
        let held = match CompiledOperator::new(&operator) {
            Ok(compiled) => Ok(compiled.holds(&expand(&case.input), param.as_bytes(), None)),
            Err(error) => Err(error),
        };
        // Refused when rules load, where the original compiles them and never matches (or backtracks).
        let refused = match case.name.as_str() {
            "rx" | "rxGlobal" => param.contains("(?!"),
            "ipMatch" => param == "10.0.0.0/100",
            "validateByteRange" => param == "xxx",
            _ => false,
        };
        if refused {
            assert!(held.is_err(), "{} {param:?}", case.name);
        } else if held != Ok(case.ret == 1) {
            failures.push(format!(
                "{} {param:?} on {:?}: {held:?}, expected {}",
                case.name, case.input, case.ret
            ));
        }
    }
    all_agree(&failures, cases.len());
}
