//! JSON bodies (RFC 8259), flattened to parameters by a streaming tokenizer without recursion.
//!
//! Names: keys joined with `.`; a list's items share the name of the list and `[]`, so that
//! `{"items": [{"sku": 1}, {"sku": 2}]}` gives `items[].sku` twice and a name stays the same however many
//! items there are. A root scalar is named "". A key that holds a dot is not told apart from nesting.
//!
//! Own code rather than `serde_json`, `jiter` or `sonic-rs`: those hide repeated keys or stop at the first
//! error, and what comes after it would go uninspected. After an error here, the rest of the text becomes
//! one parameter, named as the value that broke. Values nested deeper than the limit are kept under the
//! name of the deepest permitted ancestor.

use super::json_text::{self, StringEnd};
use super::parameter::{Parameters, Syntax};
use super::{Anomalies, Anomaly, Limits, Location, ParameterKind};

/// Whether the text is one document or a sequence of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Documents {
    /// One value (`application/json`).
    One,
    /// Values one after another (`application/x-ndjson`, `application/json-seq`).
    Many,
}

/// Parses JSON into `parameters`.
///
/// # Arguments
/// * `body` - the text; bytes that are not UTF-8 are replaced and flagged.
/// * `truncated` - the end is missing, so an unfinished document is not malformed.
/// * `limits` - `depth` of nesting that is named.
pub fn parse(
    body: &[u8],
    truncated: bool,
    documents: Documents,
    limits: &Limits,
    parameters: &mut Parameters,
) -> Anomalies {
    let text = String::from_utf8_lossy(body);
    let mut parser = Parser {
        text: &text,
        position: 0,
        documents,
        depth: limits.depth as usize,
        name: String::new(),
        scratch: String::new(),
        frames: Vec::new(),
        keys: Vec::new(),
        anomalies: Anomalies::NONE,
        parameters,
    };
    let invalid = matches!(text, std::borrow::Cow::Owned(_));
    parser
        .anomalies
        .insert_if(invalid && !truncated, Anomaly::InvalidUtf8);
    if parser.run().is_none() {
        parser.keep_rest();
        let cut_short = truncated && parser.position >= parser.text.len();
        parser
            .anomalies
            .insert_if(!cut_short, Anomaly::MalformedJson);
    }
    while parser.close().is_some() {}
    parser.anomalies
}

/// An open object or list.
struct Frame {
    is_list: bool,
    /// Length of the name before this container's own part.
    name_length: usize,
    /// Where its keys begin in `keys`.
    keys_start: usize,
}

/// The state; methods return `None` at the first error, with `position` at the text that broke.
struct Parser<'a> {
    text: &'a str,
    position: usize,
    documents: Documents,
    depth: usize,
    name: String,
    /// Holds a string while its escapes are undone.
    scratch: String,
    frames: Vec<Frame>,
    /// Hashes of the keys of all open objects.
    keys: Vec<u64>,
    anomalies: Anomalies,
    parameters: &'a mut Parameters,
}

impl Parser<'_> {
    fn run(&mut self) -> Option<()> {
        loop {
            self.value()?;
            while !self.frames.is_empty() {
                if self.next_member()? {
                    self.value()?;
                }
            }
            let next = self.peek();
            match (next, self.documents) {
                (None, _) => return Some(()),
                (Some(_), Documents::Many) => {}
                (Some(_), Documents::One) => return None,
            }
        }
    }

    /// A scalar, an empty container, or the start of a container down to its first scalar.
    fn value(&mut self) -> Option<()> {
        loop {
            let start = self.position;
            match self.peek()? {
                open @ (b'{' | b'[') => {
                    if self.frames.len() >= self.depth {
                        self.anomalies.insert(Anomaly::DepthOverLimit);
                        return self.flat();
                    }
                    self.position += 1;
                    let is_list = open == b'[';
                    if self.peek() == Some(if is_list { b']' } else { b'}' }) {
                        self.position += 1;
                        self.leaf(Syntax::Typed(ParameterKind::Empty), "");
                        return Some(());
                    }
                    self.open(is_list);
                    if !is_list {
                        self.key()?;
                    }
                }
                _ => {
                    return self.scalar().or_else(|| {
                        self.position = self.position.max(start);
                        None
                    });
                }
            }
        }
    }

    /// After a value in a container: `true` when another value follows, `false` when the container closed.
    fn next_member(&mut self) -> Option<bool> {
        let is_list = self.frames.last()?.is_list;
        match self.peek()? {
            b',' => {
                self.position += 1;
                if !is_list {
                    self.key()?;
                }
                Some(true)
            }
            b']' if is_list => self.end(),
            b'}' if !is_list => self.end(),
            _ => None,
        }
    }

    fn end(&mut self) -> Option<bool> {
        self.position += 1;
        self.close()?;
        Some(false)
    }

    fn open(&mut self, is_list: bool) {
        self.frames.push(Frame {
            is_list,
            name_length: self.name.len(),
            keys_start: self.keys.len(),
        });
        if is_list {
            self.name.push_str("[]");
        }
    }

    /// Leaves a container and looks for repeated keys in it.
    fn close(&mut self) -> Option<()> {
        let frame = self.frames.pop()?;
        self.name.truncate(frame.name_length);
        let keys = self.keys.get_mut(frame.keys_start..)?;
        self.anomalies
            .insert_if(has_duplicates(keys), Anomaly::DuplicateJsonKey);
        self.keys.truncate(frame.keys_start);
        Some(())
    }

    /// A key and its colon; the name becomes that of the value to come.
    fn key(&mut self) -> Option<()> {
        let prefix = self.frames.last()?.name_length;
        self.name.truncate(prefix);
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.position + 1;
        let (end, kind) = json_text::string_end(self.text.as_bytes(), start)?;
        if prefix > 0 {
            self.name.push('.');
        }
        let from = self.name.len();
        let raw = self.text.get(start..end)?;
        if kind == StringEnd::Escaped {
            self.anomalies.insert_if(
                !json_text::unescape_into(raw, &mut self.name)?,
                Anomaly::InvalidUtf8,
            );
        } else {
            self.name.push_str(raw);
        }
        self.keys.push(hash(self.name.as_bytes().get(from..)?));
        self.position = end + 1;
        if self.peek()? != b':' {
            return None;
        }
        self.position += 1;
        Some(())
    }

    fn scalar(&mut self) -> Option<()> {
        let start = self.position;
        let text = self.text;
        let bytes = text.as_bytes();
        if bytes.get(start) == Some(&b'"') {
            let (end, kind) = json_text::string_end(bytes, start + 1)?;
            let raw = text.get(start + 1..end)?;
            if kind == StringEnd::Escaped {
                self.escaped_leaf(raw)?;
            } else {
                self.leaf(Syntax::String, raw);
            }
            self.position = end + 1;
            return Some(());
        }
        let end = json_text::word_end(bytes, start);
        let word = text.get(start..end)?;
        let kind = match word {
            "true" | "false" => ParameterKind::Boolean,
            "null" => ParameterKind::Empty,
            _ => json_text::number(word.as_bytes())?,
        };
        self.leaf(
            Syntax::Typed(kind),
            if kind == ParameterKind::Empty {
                ""
            } else {
                word
            },
        );
        self.position = end;
        Some(())
    }

    fn leaf(&mut self, syntax: Syntax, value: &str) {
        let found = self
            .parameters
            .push_with(Location::Body, syntax, &self.name, |text| {
                text.push_str(value);
            });
        self.anomalies.extend(found);
    }

    fn escaped_leaf(&mut self, raw: &str) -> Option<()> {
        let mut value = std::mem::take(&mut self.scratch);
        value.clear();
        let valid = json_text::unescape_into(raw, &mut value);
        if let Some(valid) = valid {
            self.anomalies.insert_if(!valid, Anomaly::InvalidUtf8);
            self.leaf(Syntax::String, &value);
        }
        self.scratch = value;
        valid.map(|_| ())
    }

    /// Deeper than the limit: scalars, and keys too, are kept under the present name; brackets are only counted.
    fn flat(&mut self) -> Option<()> {
        let mut open = 0_usize;
        loop {
            match self.peek()? {
                b'{' | b'[' => {
                    open += 1;
                    self.position += 1;
                }
                b'}' | b']' => {
                    open = open.checked_sub(1)?;
                    self.position += 1;
                    if open == 0 {
                        return Some(());
                    }
                }
                b',' | b':' => self.position += 1,
                _ => self.scalar()?,
            }
        }
    }

    /// The next byte that is not white space, which is skipped.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.position) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.position += 1,
                // RFC 7464 puts a record separator before each text of a sequence.
                Some(0x1e) if self.documents == Documents::Many && self.frames.is_empty() => {
                    self.position += 1;
                }
                other => return other.copied(),
            }
        }
    }

    /// After an error: the rest of the text is one value.
    fn keep_rest(&mut self) {
        let text = self.text;
        if let Some(rest) = text.get(self.position..).filter(|rest| !rest.is_empty()) {
            self.leaf(Syntax::Text, rest);
            // What a truncated document ends in is a string, number or word without its end.
            let unfinished = json_text::is_unfinished(rest);
            if unfinished {
                self.position = text.len();
            }
        }
    }
}

/// 64-bit FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv). Keys are only compared by it: whoever makes two keys
/// collide gets an anomaly for it and nothing else.
pub(super) fn hash(key: &[u8]) -> u64 {
    key.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Whether a value repeats; sorts long lists, so an object of a million keys stays cheap.
pub(super) fn has_duplicates(keys: &mut [u64]) -> bool {
    if keys.len() <= 16 {
        return keys
            .iter()
            .enumerate()
            .any(|(index, key)| keys.iter().take(index).any(|earlier| earlier == key));
    }
    keys.sort_unstable();
    keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use Anomaly as A;

    fn limits() -> Limits {
        Limits {
            depth: 8,
            parameters: 100,
            ..Limits::default()
        }
    }

    type Leaves = Vec<(String, String, &'static str)>;

    fn run(body: &[u8], truncated: bool, documents: Documents) -> (Leaves, Vec<Anomaly>) {
        let mut parameters = Parameters::new(limits().parameters);
        let found = parse(body, truncated, documents, &limits(), &mut parameters);
        let leaf = |p: super::super::Parameter<'_>| {
            (p.name.to_owned(), p.value.to_owned(), p.kind().code())
        };
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
                vec![A::DuplicateJsonKey],
            ),
            (
                r#"{"a":1,"\u0061":2}"#,
                vec!["1", "2"],
                vec![A::DuplicateJsonKey],
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
        let mut parameters = Parameters::new(100);
        let found = parse(
            body.as_bytes(),
            false,
            Documents::One,
            &limits(),
            &mut parameters,
        );
        assert_eq!((parameters.len(), parameters.dropped()), (100, 4_901));
        assert_eq!(
            found.iter().collect::<Vec<_>>(),
            [A::ParametersOverLimit, A::DuplicateJsonKey]
        );
    }

    /// Long keys on every level do not multiply: names are cut.
    #[test]
    fn long_names() {
        let key = "k".repeat(1_000);
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
            let mut parameters = Parameters::new(u32::MAX);
            let found = parse(text.as_bytes(), false, Documents::One, &Limits::default(), &mut parameters);
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
}
