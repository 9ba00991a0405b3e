//! The sensitive stage: personal, financial and secret data in bytes, and its masking in JSON.
//!
//! [`Detectors::detect`] finds values in any text; [`Detectors::scan_json`] classifies a JSON text (also a
//! broken one) with escapes undone; [`mask_json`] replaces what was found and leaves every other byte alone.
//!
//! It runs on every body, so it looks for rare bytes first: `@`, the literals that secrets begin with
//! (one vectorised search for all of them) and runs of digits; only around those it looks closely. All
//! checks are linear: none looks further than a constant number of bytes, but for the end of a private key.

mod card;
mod class;
mod digits;
mod email;
mod iban;
mod json;
mod path;
mod phone;
mod text;
mod token;
mod unescape;
mod us_ssn;
mod vendor;

pub use class::{Class, ClassSet, UnknownClass};
pub use json::{Masked, mask_json};
pub use path::{MASK, MaskedPath, PathMask};

/// A sensitive value in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SensitiveMatch {
    /// The class of the value.
    pub class: Class,
    /// Where its first byte stands.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// What a scan found, without the values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scan {
    /// The classes found.
    pub classes: ClassSet,
    /// How many values were found.
    pub count: u32,
}

/// Detectors for some classes. They are made when the bundle loads, and all requests share them.
#[derive(Debug, Clone)]
pub struct Detectors {
    classes: ClassSet,
    tokens: Option<token::Tokens>,
}

impl Detectors {
    /// Detectors for the named classes (`Bundle::sensitive_classes`). An empty list gives no detectors.
    ///
    /// # Errors
    /// A name that does not belong to a class.
    pub fn new<S: AsRef<str>>(classes: &[S]) -> Result<Self, UnknownClass> {
        ClassSet::from_codes(classes).map(Self::of)
    }

    /// Detectors for a set of classes.
    #[must_use]
    pub fn of(classes: ClassSet) -> Self {
        // Only bits that stand for a class, so that sets can be compared as they are.
        let classes = classes.and(Class::ALL.into_iter().collect());
        Self {
            classes,
            tokens: token::Tokens::new(classes),
        }
    }

    /// The classes that are looked for.
    #[must_use]
    pub fn enabled(&self) -> ClassSet {
        self.classes
    }

    /// Every value in `text`, in order, without overlaps (the class that [`Class::ALL`] has first wins).
    ///
    /// # Arguments
    /// * `text` - any bytes; escapes and encodings must be undone before.
    #[must_use]
    pub fn detect(&self, text: &[u8]) -> Vec<SensitiveMatch> {
        let mut found = Vec::new();
        if self.classes.contains(Class::Email) {
            let mut position = 0;
            while let Some(at) = text
                .get(position..)
                .and_then(|rest| memchr::memchr(b'@', rest))
            {
                position += at + 1;
                if let Some((start, end)) = email::find(text, position - 1) {
                    found.push(SensitiveMatch {
                        class: Class::Email,
                        start,
                        end,
                    });
                }
            }
        }
        if let Some(tokens) = &self.tokens {
            let mut position = 0;
            while let Some(token::Found { class, start, end }) = tokens.find(text, position) {
                found.push(SensitiveMatch { class, start, end });
                position = end.max(position + 1);
            }
        }
        digits::find(text, self.classes, &mut found);
        if found.len() > 1 {
            without_overlaps(&mut found);
        }
        found
    }

    /// Classes and number of the values in `text`.
    #[must_use]
    pub fn scan(&self, text: &[u8]) -> Scan {
        let mut scan = Scan::default();
        for found in self.detect(text) {
            scan.classes = scan.classes.with(found.class);
            scan.count = scan.count.saturating_add(1);
        }
        scan
    }

    /// Classes of the values in `text`.
    #[must_use]
    pub fn classes(&self, text: &[u8]) -> ClassSet {
        self.scan(text).classes
    }

    /// As [`Self::scan`], for a JSON text: `\u0034` and the like hide nothing. Keys are looked at too. The
    /// text may be cut short or malformed.
    #[must_use]
    pub fn scan_json(&self, body: &[u8]) -> Scan {
        // Without a backslash there is no escape, and the text can be scanned where it lies.
        if memchr::memchr(b'\\', body).is_none() {
            return self.scan(body);
        }
        self.scan(&unescape::unescape(body))
    }
}

/// Sorts matches by where they begin, and joins those that overlap under the stronger of their classes.
fn without_overlaps(found: &mut Vec<SensitiveMatch>) {
    found.sort_unstable_by_key(|m| (m.start, m.class));
    let mut kept: Vec<SensitiveMatch> = Vec::with_capacity(found.len());
    for next in found.drain(..) {
        match kept.last_mut() {
            Some(last) if next.start < last.end => {
                // The union of both, so that nothing of the weaker one stays readable when it is masked.
                last.class = last.class.min(next.class);
                last.end = last.end.max(next.end);
            }
            _ => kept.push(next),
        }
    }
    *found = kept;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> Detectors {
        Detectors::of(ClassSet::ALL)
    }

    /// The class alone finds exactly `expected` in `text`, and with all classes on it is still covered.
    pub(super) fn assert_found(class: Class, text: &str, expected: &str) {
        let found = Detectors::of(ClassSet::NONE.with(class)).detect(text.as_bytes());
        let values: Vec<_> = found.iter().map(|m| &text[m.start..m.end]).collect();
        assert_eq!(values, [expected], "{class:?} in {text:?}");
        assert!(found.iter().all(|m| m.class == class));
        let (start, end) = (found[0].start, found[0].end);
        let covered = all()
            .detect(text.as_bytes())
            .iter()
            .any(|m| m.start <= start && m.end >= end);
        assert!(covered, "{text:?} with all classes");
    }

    pub(super) fn assert_not_found(class: Class, text: &str) {
        let found = Detectors::of(ClassSet::NONE.with(class)).detect(text.as_bytes());
        assert!(found.is_empty(), "{class:?} in {text:?}: {found:?}");
    }

    /// Names are checked when detectors are made.
    #[test]
    fn names() {
        let codes: Vec<_> = Class::ALL.iter().map(|class| class.code()).collect();
        assert_eq!(
            Detectors::new(&codes)
                .unwrap()
                .enabled()
                .codes()
                .collect::<Vec<_>>(),
            codes
        );
        let error = Detectors::new(&["email", "shoe_size"]).unwrap_err();
        assert!(
            error.to_string().contains("shoe_size") && error.to_string().contains("card_number"),
            "{error}"
        );
        assert!(
            Detectors::new::<&str>(&[])
                .unwrap()
                .detect(b"a@example.com 4111111111111111")
                .is_empty()
        );
    }

    /// Several values come in order, with their classes; overlaps go to the stronger class.
    #[test]
    fn several() {
        let text = "a@example.com, 4111111111111111 and +14155552671; b@example.org 536-90-4399";
        let classes: Vec<_> = all()
            .detect(text.as_bytes())
            .iter()
            .map(|m| m.class.code())
            .collect();
        assert_eq!(
            classes,
            ["email", "card_number", "phone", "email", "us_ssn"]
        );
        assert_eq!(all().scan(text.as_bytes()).count, 5);
        let inside = "4111111111111111@example.com";
        assert_eq!(
            all()
                .detect(inside.as_bytes())
                .iter()
                .map(|m| m.class)
                .collect::<Vec<_>>(),
            [Class::Email]
        );
    }

    /// Escapes of JSON hide nothing; an escaped backslash is no escape.
    #[test]
    fn escapes_in_json() {
        for body in [
            r#"{"n":"\u0034111111111111111"}"#,
            r#"{"n":"4111\u00201111\u00201111\u00201111"}"#,
            r#"{"n":"x\n4111111111111111\ty"}"#,
            r#"{"n":"4111111111111111\"#,
            r#"{"n":"\u00344111111111111111","m":"\u0034111111111111111"#,
        ] {
            assert!(
                all()
                    .scan_json(body.as_bytes())
                    .classes
                    .contains(Class::CardNumber),
                "{body}"
            );
        }
        assert!(
            all()
                .scan_json(br#"{"n":"\\u0034111111111111111"}"#)
                .classes
                .is_empty()
        );
        assert!(
            all()
                .scan_json(br#"{"e":"a\u0040example.com"}"#)
                .classes
                .contains(Class::Email)
        );
    }

    proptest! {
        /// Any bytes: no panic, matches in order, inside the text and apart.
        #[test]
        fn matches_are_apart(text in prop::collection::vec(prop_oneof![
            prop::sample::select(b"0123456789 -.+()@eyJ\\u\"AKIAGB".to_vec()), any::<u8>()], 0..200)) {
            let mut last = 0;
            for found in all().detect(&text) {
                prop_assert!(found.start >= last && found.start < found.end && found.end <= text.len());
                last = found.end;
            }
            let _ = all().scan_json(&text);
        }

        /// A value is found wherever it stands between characters that are no part of words.
        #[test]
        fn found_in_any_text(before in "[a-z ,;:\"<>]{0,40}[ \"<]", after in "[ \",;<][a-z ,;:\"<>]{0,40}", index in 0..6_usize) {
            let values = ["4111111111111111", "DE89370400440532013000", "ann@example.com", "+14155552671", "536-90-4399", "AKIAIOSFODNN7EXAMPLE"];
            let text = format!("{before}{}{after}", values[index]);
            let found = all().detect(text.as_bytes());
            prop_assert!(found.iter().any(|m| text[m.start..m.end].contains(values[index])), "{}", text);
        }
    }
}
