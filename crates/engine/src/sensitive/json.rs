//! Masking in JSON texts, byte for byte the same but for the sensitive values.

use super::unescape::Unescaped;
use super::{Class, ClassSet, Detectors, SensitiveMatch};
use crate::http::json_text::{StringEnd, number, string_end, word_end};

/// A body after masking.
#[derive(Clone, PartialEq, Eq)]
pub struct Masked {
    /// The masked body.
    pub body: Vec<u8>,
    /// Values that were masked.
    pub count: u32,
}

/// Bodies are payload: shown by length only.
impl std::fmt::Debug for Masked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Masked({} bytes, {} values)",
            self.body.len(),
            self.count
        )
    }
}

/// Masks sensitive values in a JSON text.
///
/// A card number and an IBAN keep their separators and last four characters, every other value becomes eight
/// asterisks. A number in which a value is found becomes a string. Keys, white space, order and the spelling of
/// everything else stay. Memory is at most 16 times `body`, time linear.
///
/// A text that is no JSON (malformed, cut short, something else) is masked as plain text, keys too, so that it
/// cannot leak either; a value that is itself cut in two at the end is not recognised.
///
/// # Arguments
/// * `body` - the whole text.
/// * `classes` - what to mask; empty: all that `detectors` look for.
///
/// # Returns
/// `None` when there is nothing to mask.
#[must_use]
pub fn mask_json(body: &[u8], detectors: &Detectors, classes: ClassSet) -> Option<Masked> {
    let wanted = if classes.is_empty() {
        detectors.enabled()
    } else {
        classes.and(detectors.enabled())
    };
    let narrowed;
    let detectors = if wanted == detectors.enabled() {
        detectors
    } else {
        // Policies seldom name classes, so this is rarely made.
        narrowed = Detectors::of(wanted);
        &narrowed
    };
    let mut masked = mask_once(body, detectors)?;
    // A mask has no letters or digits, so text right beside a value may now stand alone and be a value too.
    for _ in 0..MAX_EXTRA_ROUNDS {
        let Some(again) = mask_once(&masked.body, detectors) else {
            break;
        };
        masked = Masked {
            body: again.body,
            count: masked.count.saturating_add(again.count),
        };
    }
    Some(masked)
}

/// Two values side by side take one more round; more only happens in texts made for it.
const MAX_EXTRA_ROUNDS: usize = 3;

fn mask_once(body: &[u8], detectors: &Detectors) -> Option<Masked> {
    // Nearly all bodies hold no value, so they are scanned before anything is copied.
    if detectors.scan_json(body).count == 0 {
        return None;
    }
    let mut masker = Masker::new(body, detectors);
    if masker.json().is_none() {
        // The body is not JSON after all. Begin anew, because what was copied so far may have been misunderstood.
        masker = Masker::new(body, detectors);
        masker.text(0, body.len(), true);
    }
    if masker.count == 0 {
        return None;
    }
    masker
        .out
        .extend_from_slice(body.get(masker.copied..).unwrap_or_default());
    Some(Masked {
        body: masker.out,
        count: masker.count,
    })
}

struct Masker<'a> {
    body: &'a [u8],
    detectors: &'a Detectors,
    out: Vec<u8>,
    /// How many bytes of `body` are in `out` already, copied or masked.
    copied: usize,
    count: u32,
}

impl<'a> Masker<'a> {
    fn new(body: &'a [u8], detectors: &'a Detectors) -> Self {
        Self {
            body,
            detectors,
            // Masks are seldom longer than what they replace, so the buffer seldom has to grow.
            out: Vec::with_capacity(body.len() + 64),
            copied: 0,
            count: 0,
        }
    }

    /// Goes through the tokens. The grammar does not matter, only what is a key, a string and a number.
    /// `None` when something is not a token of JSON.
    fn json(&mut self) -> Option<()> {
        let mut position = 0;
        while let Some(byte) = self.body.get(position) {
            position = match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b'{' | b'}' | b'[' | b']' | b':' | b',' => {
                    position + 1
                }
                b'"' => self.string(position)?,
                _ => self.word(position)?,
            };
        }
        Some(())
    }

    fn string(&mut self, start: usize) -> Option<usize> {
        let (end, kind) = string_end(self.body, start + 1)?;
        let after = self.body.get(end + 1..)?;
        // A string before a colon is a key; keys are the API's own words, and clients depend on them.
        let is_key = after.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
        if !is_key {
            self.text(start + 1, end, kind == StringEnd::Escaped);
        }
        Some(end + 1)
    }

    fn word(&mut self, start: usize) -> Option<usize> {
        let end = word_end(self.body, start);
        let word = self.body.get(start..end)?;
        if !matches!(word, b"true" | b"false" | b"null") {
            number(word)?;
            let found = self.detectors.detect(word);
            if !found.is_empty() {
                self.copy_to(start);
                // `****1111` is not a number in JSON, so the masked number becomes a string.
                self.out.push(b'"');
                self.copied = start;
                for value in found {
                    self.replace(start + value.start, start + value.end, value, word);
                }
                self.copy_to(end);
                self.out.push(b'"');
            }
        }
        Some(end)
    }

    /// Masks the values in `start..end` as text.
    fn text(&mut self, start: usize, end: usize, has_escapes: bool) {
        let raw = self.body.get(start..end).unwrap_or_default();
        if !has_escapes {
            for value in self.detectors.detect(raw) {
                self.replace(start + value.start, start + value.end, value, raw);
            }
            return;
        }
        let unescaped = Unescaped::new(raw);
        for value in self.detectors.detect(&unescaped.text) {
            let (from, to) = unescaped.original(value.start, value.end);
            self.replace(start + from, start + to, value, &unescaped.text);
        }
    }

    fn copy_to(&mut self, end: usize) {
        self.out
            .extend_from_slice(self.body.get(self.copied..end).unwrap_or_default());
        self.copied = end;
    }

    /// Puts the mask of `value`, which is in `text`, in the place of `start..end` of the body.
    fn replace(&mut self, start: usize, end: usize, value: SensitiveMatch, text: &[u8]) {
        self.copy_to(start);
        self.copied = end;
        self.count = self.count.saturating_add(1);
        let value_text = text.get(value.start..value.end).unwrap_or_default();
        match value.class {
            Class::CardNumber | Class::Iban => keep_last_four(value_text, &mut self.out),
            _ => self.out.extend_from_slice(b"********"),
        }
    }
}

/// Asterisks for all letters and digits but the last four.
fn keep_last_four(value: &[u8], out: &mut Vec<u8>) {
    let mut left = value.iter().filter(|b| b.is_ascii_alphanumeric()).count();
    for byte in value {
        let shown = !byte.is_ascii_alphanumeric() || left <= 4;
        out.push(if shown { *byte } else { b'*' });
        left -= usize::from(byte.is_ascii_alphanumeric());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CARD: &str = "4111111111111111";

    fn mask(body: &str) -> Option<(String, u32)> {
        let masked = mask_json(
            body.as_bytes(),
            &Detectors::of(ClassSet::ALL),
            ClassSet::NONE,
        )?;
        Some((String::from_utf8(masked.body).unwrap(), masked.count))
    }

    /// Values are masked in strings and numbers; all other bytes stay.
    #[test]
    fn masking() {
        for (body, expected, count) in [
            (
                r#"{"n":"4111111111111111"}"#,
                r#"{"n":"************1111"}"#,
                1,
            ),
            (
                r#"{"n": 4111111111111111 , "b":1.50e1}"#,
                r#"{"n": "************1111" , "b":1.50e1}"#,
                1,
            ),
            (r"[4111111111111111.0]", r#"["************1111.0"]"#, 1),
            (
                r#""4111 1111-1111 4111 1111 1111 1111""#,
                r#""4111 1111-1111 **** **** **** 1111""#,
                1,
            ),
            (
                r#"{"n":"pay 4111-1111-1111-1111 now"}"#,
                r#"{"n":"pay ****-****-****-1111 now"}"#,
                1,
            ),
            (
                r#"{"i":"DE89 3704 0044 0532 0130 00"}"#,
                r#"{"i":"**** **** **** **** **30 00"}"#,
                1,
            ),
            (
                r#"{"e":"x <ann@example.com>","p":"+14155552671"}"#,
                r#"{"e":"x <********>","p":"********"}"#,
                2,
            ),
            (
                r#"{"n":"\u0034111111111111111\n"}"#,
                r#"{"n":"************1111\n"}"#,
                1,
            ),
            (
                r#"{"a":"\u00e9\/","e":"a\u0040example.com"}"#,
                r#"{"a":"\u00e9\/","e":"********"}"#,
                1,
            ),
            (
                "{\r\n\t\"é\" :\"a@example.com\"}",
                "{\r\n\t\"é\" :\"********\"}",
                1,
            ),
            (
                r#"{"4111111111111111":"a@example.com"}"#,
                r#"{"4111111111111111":"********"}"#,
                1,
            ),
        ] {
            assert_eq!(mask(body), Some((expected.to_owned(), count)), "{body}");
            assert!(
                serde_json::from_str::<serde_json::Value>(expected).is_ok(),
                "{expected}"
            );
        }
    }

    /// Nothing sensitive in a value: no copy of the body.
    #[test]
    fn nothing_to_mask() {
        for body in [
            "",
            "{}",
            r#"{"a":[1,2,"three"]}"#,
            r#"{"4111111111111111":1}"#,
            r#"{"n":4111111111111112}"#,
        ] {
            assert_eq!(mask(body), None, "{body}");
        }
    }

    /// Malformed and truncated texts do not leak either, in keys and out of tokens.
    #[test]
    fn broken_texts_do_not_leak() {
        for body in [
            r#"{"n":"4111111111111111"#,
            r#"{"n":"4111111111111111\"#,
            r#"{"n":4111111111111111"#,
            r#"{"n:"4111111111111111"}"#,
            r"{'n':'4111111111111111'}",
            r"<n>4111111111111111</n>",
            r#"{"n":"x	4111111111111111"}"#,
            r#"{"n":"\u0034111111111111111"#,
            r#"{"4111111111111111":"x"#,
            r"nope 4111 1111 1111 1111",
        ] {
            let (masked, count) = mask(body).unwrap();
            assert_eq!(count, 1, "{body}");
            assert!(masked.contains("1111") && masked.contains('*'), "{masked}");
            for leak in [CARD, "4111 1111 1111 1111", r"\u0034111111111111111"] {
                assert!(!masked.contains(leak), "{masked}");
            }
        }
    }

    /// A value that only shows once its neighbour is masked is masked too.
    #[test]
    fn values_side_by_side() {
        let masked = mask(r#"["x@example.com+14155552671"]"#).unwrap();
        assert_eq!(masked, (r#"["****************"]"#.to_owned(), 2));
    }

    /// Only the wanted classes are masked.
    #[test]
    fn chosen_classes() {
        let detectors = Detectors::of(ClassSet::ALL);
        let body = br#"{"n":"4111111111111111","e":"a@example.com"}"#;
        let masked = mask_json(body, &detectors, ClassSet::NONE.with(Class::Email)).unwrap();
        assert_eq!(masked.body, br#"{"n":"4111111111111111","e":"********"}"#);
        let none = Detectors::of(ClassSet::NONE.with(Class::Iban));
        assert_eq!(
            mask_json(body, &none, ClassSet::NONE.with(Class::Email)),
            None
        );
    }

    /// Characters of a string, each plain or escaped in a random way.
    fn spelled(text: &'static str) -> impl Strategy<Value = String> {
        prop::collection::vec(any::<u8>(), text.len()).prop_map(move |choices| {
            let spell = |(character, choice): (char, u8)| match choice % 3 {
                0 => format!("\\u{:04x}", u32::from(character)),
                _ => character.to_string(),
            };
            text.chars().zip(choices).map(spell).collect()
        })
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            spelled(CARD).prop_map(|card| format!("\"{card}\"")),
            spelled("pay 4111 1111 1111 1111").prop_map(|card| format!("\"{card}\"")),
            Just(CARD.to_owned()),
            Just("null".to_owned()),
            any::<i64>().prop_map(|number| number.to_string()),
            any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5)
                    .prop_map(|items| format!("[{}]", items.join(" , "))),
                prop::collection::vec(("[a-z]{1,5}", inner), 0..5).prop_map(|members| {
                    let members: Vec<_> = members
                        .iter()
                        .map(|(k, v)| format!("\"{k}\":{v}"))
                        .collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
    }

    fn strings(value: &serde_json::Value, out: &mut Vec<String>) {
        match value {
            serde_json::Value::Array(items) => items.iter().for_each(|item| strings(item, out)),
            serde_json::Value::Object(members) => {
                members.values().for_each(|member| strings(member, out));
            }
            other => out.push(other.to_string()),
        }
    }

    proptest! {
        /// However a card number is spelled, the masked document parses, has the same shape and no card number.
        #[test]
        fn masked_documents_parse_and_hold_no_card(body in json()) {
            let masked = mask(&body).map_or(body.clone(), |(masked, _)| masked);
            let before: serde_json::Value = serde_json::from_str(&body).unwrap();
            let after: serde_json::Value = serde_json::from_str(&masked).unwrap();
            let (mut old, mut new) = (Vec::new(), Vec::new());
            strings(&before, &mut old);
            strings(&after, &mut new);
            prop_assert_eq!(old.len(), new.len());
            for (old, new) in old.iter().zip(&new) {
                prop_assert!(!new.contains(CARD) && !new.contains("4111 1111 1111 1111"), "{}", masked);
                if !old.contains("1111") && !old.contains('@') && !old.contains('+') {
                    prop_assert!(old == new || new.contains("********"));
                }
            }
            prop_assert_eq!(mask(&masked), None);
        }

        /// Cut anywhere, nothing leaks; any bytes do no harm.
        #[test]
        fn cut_documents_do_not_leak(body in json(), cut in any::<prop::sample::Index>(), noise in prop::collection::vec(any::<u8>(), 0..60)) {
            let bytes = &body.as_bytes()[..cut.index(body.len() + 1)];
            let detectors = Detectors::of(ClassSet::ALL);
            let masked = mask_json(bytes, &detectors, ClassSet::NONE).map_or(bytes.to_vec(), |masked| masked.body);
            prop_assert!(!String::from_utf8_lossy(&masked).contains(CARD));
            prop_assert_eq!(mask_json(&masked, &detectors, ClassSet::NONE), None);
            let _ = mask_json(&noise, &detectors, ClassSet::NONE);
        }
    }
}
