//! Verdict and fingerprint equal those of the crate `libinjectionrs`.

use libinjectionrs::sqli::sqli_data::SQL_KEYWORDS;
use proptest::prelude::*;

use super::detect;

/// What the crate says: the fingerprint of an attack.
fn reference(input: &[u8]) -> Option<Vec<u8>> {
    let result = libinjectionrs::detect_sqli(input);
    result.is_injection().then(|| {
        result
            .fingerprint
            .map(|found| found.as_str().as_bytes().to_vec())
            .unwrap_or_default()
    })
}

fn told(input: &[u8]) -> Option<Vec<u8>> {
    detect(input).map(|found| found.letters().to_vec())
}

fn assert_same(input: &[u8]) {
    assert_eq!(told(input), reference(input), "{}", input.escape_ascii());
}

/// Pieces of SQL, and bytes that readers trip over.
const PIECES: &[&str] = &[
    "1",
    "0x1f",
    "0x",
    "0b01",
    "0b",
    "1.5",
    ".",
    "1e5",
    "1e",
    "1f",
    "1fu",
    "1d ",
    "a",
    "a.b",
    "select",
    "SELECT.",
    "union",
    "union all",
    "all",
    "or",
    "and",
    "not",
    "in",
    "not in",
    "like",
    "is",
    "null",
    "user",
    "user(",
    "password(",
    "database",
    "if",
    "sleep(",
    "benchmark",
    "exec",
    "into outfile",
    "collate",
    "utf8_bin",
    "latin1",
    "binary",
    "int",
    "varchar",
    "char(",
    "current_date",
    "group by",
    "having",
    "limit",
    "sp_password",
    "select`x`",
    "`",
    "`user`",
    "``",
    "'",
    "''",
    "\\'",
    "\"",
    "\"\"",
    "--",
    "-- ",
    "--x",
    "#",
    "/*",
    "*/",
    "/*!",
    "/**/",
    "/*/*",
    "=",
    "==",
    "<=>",
    "<",
    ">=",
    "!=",
    "!!",
    "!",
    "||",
    "&&",
    "|",
    "&",
    "::",
    ":",
    ":=",
    "+",
    "-",
    "~",
    "*",
    "/",
    "%",
    "^",
    ",",
    ";",
    ";;",
    "(",
    ")",
    "((",
    "{",
    "}",
    "{a ",
    "{``",
    "[",
    "]",
    "[x]",
    "\\",
    "\\N",
    "\\%",
    "@",
    "@@",
    "@a",
    "@@version",
    "@`x`",
    "@'x'",
    "$",
    "$1,000.5",
    "$.",
    "$$",
    "$$x$$",
    "$a$",
    "$tag$x$tag$",
    "e'x'",
    "n'x'",
    "N'",
    "q'(x)'",
    "q'",
    "nq'[x]'",
    "u&'x'",
    "u&'",
    "x'0f'",
    "x'0g'",
    "b'01'",
    "b'2'",
    "?",
    " ",
    "\n",
    "\t",
    "\u{b}",
    "\0",
    "\u{a0}",
    "\u{7f}",
    "é",
    "ＳＥＬＥＣＴ",
    "waitfor delay",
    "case when",
    "x.y.z",
    "...",
    "1 2",
    "0union",
    "a`b",
    "select.from",
    "1,-1",
    ",-",
    ",-sin(",
];

fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        20 => prop::sample::select(PIECES).prop_map(|text| text.as_bytes().to_vec()),
        2 => prop::collection::vec(any::<u8>(), 1..3),
        1 => (any::<u8>(), 1..40usize).prop_map(|(byte, count)| vec![byte; count]),
        1 => (0..SQL_KEYWORDS.len()).prop_map(|index| SQL_KEYWORDS[index].word.as_bytes().to_vec()),
    ];
    let joined = prop::sample::select(&["", " ", "\n"][..]);
    prop::collection::vec((piece, joined), 0..14).prop_map(|pieces| {
        pieces
            .into_iter()
            .flat_map(|(piece, blank)| [piece, blank.as_bytes().to_vec()])
            .flatten()
            .collect()
    })
}

/// All short texts of the pieces.
#[test]
fn short_texts_are_told_alike() {
    for one in PIECES {
        assert_same(one.as_bytes());
        for two in PIECES {
            for blank in ["", " "] {
                assert_same(format!("{one}{blank}{two}").as_bytes());
                assert_same(format!("1{blank}{one}{blank}{two}").as_bytes());
                assert_same(format!("'{blank}{one}{two}{blank}'").as_bytes());
            }
        }
    }
}

#[test]
fn attacks_are_told() {
    for (text, fingerprint) in [
        ("1' or '1'='1", "s&sos"),
        ("1 union select 2", "1UE1"),
        ("x' and sleep(5)-- -", "s&f(1"),
    ] {
        assert_eq!(
            told(text.as_bytes()).map(|found| String::from_utf8_lossy(&found).into_owned()),
            Some(fingerprint.to_owned())
        );
    }
    for text in ["O'Neil", "1 < 2", "a = b, c = d", "2026-01-02"] {
        assert_eq!(told(text.as_bytes()), None, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(4_000), ..ProptestConfig::default() })]

    #[test]
    fn texts_are_told_alike(text in text()) {
        prop_assert_eq!(told(&text), reference(&text), "{}", text.escape_ascii());
    }

    #[test]
    fn bytes_are_told_alike(text in prop::collection::vec(any::<u8>(), 0..24)) {
        prop_assert_eq!(told(&text), reference(&text), "{}", text.escape_ascii());
    }
}
