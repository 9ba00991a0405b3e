//! Whatever is sent: the prefilter and values shared between rules change nothing but the time.

use proptest::prelude::*;
use starfort_engine::rules::wire::{
    EngineMode, OperatorKind as O, SetOp, Settings, Transformation as T, Variable as V,
};
use starfort_engine::rules::{Collections, Rules};

use super::make::{Made, after, link, load, named, not, rule, set, target, text};
use super::send::{post, run_with};

/// Rules of every kind of gate: literals, sets of bytes, none; negated, chained, counted, transformed.
fn mixed() -> Made {
    let all = [
        target(V::Args),
        target(V::ArgsNames),
        target(V::RequestHeaders),
        target(V::RequestUri),
        target(V::RequestCookies),
    ];
    let chains: [&[T]; 6] = [
        &[],
        &[T::UrlDecodeUni, T::Lowercase],
        &[T::HtmlEntityDecode, T::RemoveWhitespace],
        &[T::Lowercase, T::CmdLine],
        &[T::ReplaceComments, T::NormalizePath],
        &[T::Length],
    ];
    let conditions = [
        (O::Rx, "(?i)\\bunion\\s+select|drop\\s+table"),
        (O::Rx, "[<>]\\s*(?:script|img)"),
        (O::Rx, "^[a-c]+$"),
        (O::Rx, "(?:a|b)?x{2,3}$"),
        (O::Rx, "\\.\\./|etc/(?:passwd|shadow)"),
        (O::Pm, "select passwd <script ../ sleep("),
        (O::Contains, "script"),
        (O::DetectSqli, ""),
        (O::DetectXss, ""),
        (O::ValidateByteRange, "32-126"),
        (O::ValidateUrlEncoding, ""),
        (O::ValidateUtf8Encoding, ""),
        (O::Gt, "7"),
        (O::Streq, "union select"),
        (O::EndsWith, "passwd"),
        (O::Within, "abc union select"),
    ];
    let mut rules = Vec::new();
    let mut id = 0;
    for chain in chains {
        for (kind, argument) in conditions {
            for negated in [false, true] {
                id += 1;
                let mut one = after(link(&all, kind, argument), chain);
                one.negated = negated;
                one.capture = id % 3 == 0;
                one.multi_match = id % 5 == 0;
                one.actions = vec![set("score", SetOp::Add, text("1"))];
                let mut links = vec![one];
                if id % 4 == 0 {
                    links.push(after(
                        link(&[target(V::MatchedVars)], O::Rx, "[a-z]{3}"),
                        &[T::Lowercase],
                    ));
                }
                rules.push(rule(id, 1 + u8::try_from(id % 2).unwrap(), links));
            }
        }
    }
    rules
}

fn token() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "union",
        "select",
        " ",
        "+",
        "%20",
        "/**/",
        "<script",
        "<img",
        "..",
        "/",
        "etc/passwd",
        "drop table",
        "a",
        "b",
        "xx",
        "=",
        "&",
        "'",
        "\"",
        "1",
        " or ",
        "--",
        "%3c",
        "%253c",
        "&lt;",
        "&#x3c;",
        "\\u003c",
        "%00",
        "%zz",
        "ä",
        ";",
        "sleep(",
        "UNION",
        "SeLeCt",
        "(",
        ")",
        "%u0041",
    ]);
    prop::collection::vec(
        prop_oneof![4 => words.prop_map(ToOwned::to_owned), 1 => "[ -~]{1,3}"],
        0..8,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Asking only the rules that can match tells the same as asking all.
    #[test]
    fn the_prefilter_changes_nothing(query in token(), cookie in token(), header in token(), body in token(), kind in 0..3usize) {
        static RULES: std::sync::LazyLock<Rules> = std::sync::LazyLock::new(|| load(mixed(), Settings { engine: EngineMode::DetectionOnly, ..Settings::default() }));
        let content_type = ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=b"][kind];
        let mut sent = post(content_type, body.as_bytes());
        sent.uri = format!("/p?{query}");
        sent.headers.push(("cookie".into(), format!("c={cookie}")));
        sent.headers.push(("user-agent".into(), header));
        let quick = run_with(&RULES, &Collections::default(), &sent);
        sent.exhaustive = true;
        prop_assert_eq!(quick, run_with(&RULES, &Collections::default(), &sent));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    /// Nor does asking once of values that many parameters have.
    #[test]
    fn equal_values_are_told_each(values in prop::collection::vec(token(), 1..5)) {
        static RULES: std::sync::LazyLock<Rules> = std::sync::LazyLock::new(|| {
            let mut rules = mixed();
            for rule in &mut rules {
                rule.links[0].targets.push(not(named(V::Args, "n1")));
            }
            load(rules, Settings { engine: EngineMode::DetectionOnly, ..Settings::default() })
        });
        let pairs = values.iter().cycle().take(200).enumerate();
        let pairs: Vec<String> = pairs.map(|(number, value)| format!("n{}={value}", number % 7)).collect();
        let body = pairs.join("&");
        let mut sent = post("application/x-www-form-urlencoded", body.as_bytes());
        let quick = run_with(&RULES, &Collections::default(), &sent);
        sent.exhaustive = true;
        prop_assert_eq!(quick, run_with(&RULES, &Collections::default(), &sent));
    }
}
