//! Masks a value for people: the shape of an attack stays, what somebody wrote does not.
//!
//! Punctuation, spaces and the words in [`WORDS`] are kept: attacks are made of them, and nobody's secret is. Every
//! other run of letters or digits becomes its class and length: `a{7}` for letters, `9{4}` for digits, `x{12}` for
//! both, `?{3}` for bytes that are not ASCII. `1' OR 'secret'='secret` is shown as `9' OR 'a{6}'='a{6}`. See
//! `docs/adr/0010-matched-values-are-shown-masked.md`.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

/// The most bytes of a masked value.
pub(crate) const MAX_MASKED_BYTES: usize = 160;

/// How many bytes before the part that matched are shown.
const BEFORE_BYTES: usize = 32;

/// The largest length of a run that is shown. The exact length of a longer run says nothing more.
const MAX_TOLD_LENGTH: usize = 999;

/// The characters from which a long value is shown when it is not known what matched. Attacks have them, plain text
/// seldom does.
const TELLING: &[u8] = b"'\"`<>;|&${}\\";

/// Marks where something was cut off.
const CUT: &str = "…";

/// The length of the longest word in [`WORDS`].
const MAX_WORD_BYTES: usize = 12;

/// Words that attacks are made of: those of SQL, HTML and JavaScript, of shells and files, of templates and languages,
/// of `NoSQL` and LDAP, and schemes.
const WORDS: &str = "alert all and asc ascii async atob authority bash begin benchmark between bin body btoa by case cast cat \
    char chr class cmd coalesce comment concat confirm constructor convert cookie count create curl data \
    declare delay delete desc dict distinct document drop dual dumpfile echo else end entity env etc eval \
    exec execute exists expr extractvalue false fetch file for form from ftp function getclass gopher group \
    gt gte having head hex href html http https id if iframe img in include information input insert into is \
    java javascript jndi join json lang ldap left like limit link load localhost location ls lt lte math mid \
    name nc ne nin not null object offset on onclick onerror onfocus onload onmouseover or ord order outfile \
    passthru passwd perl php ping popen powershell proc process prompt proto prototype python rce regex \
    rename replace require return right rlike root rowcount runtime schema schemata script select self \
    session set sh shadow shell sleep src style substr substring svg system table tables then this tmp top \
    true typeof unhex union update url user users using utl values var version waitfor wget when where \
    whoami window with write xml xor xp";

static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| WORDS.split(' ').collect());

/// Masks a value.
///
/// # Arguments
/// * `value` - the value as the rule saw it.
/// * `matched` - the part of the value that matched, if it is known. It is shown even when the value is long.
///
/// Returns at most [`MAX_MASKED_BYTES`] bytes, with `…` where something was cut off.
pub(crate) fn mask(value: &[u8], matched: Option<&[u8]>) -> String {
    // The part that matched is shown, because the beginning of a long value may contain nothing of it.
    let at = matched
        .filter(|part| !part.is_empty())
        .and_then(|part| memchr::memmem::find(value, part))
        .or_else(|| value.iter().position(|byte| TELLING.contains(byte)))
        .unwrap_or(0);
    let start = beginning(value, at);
    let mut out = String::with_capacity(64);
    if start > 0 {
        out.push_str(CUT);
    }
    let mut rest = value.get(start..).unwrap_or_default();
    let mut piece = String::new();
    while let Some(length) = next(rest, &mut piece) {
        rest = rest.get(length..).unwrap_or_default();
        // Room is kept for the mark, so that the text with it is within the limit.
        let room = if rest.is_empty() { 0 } else { CUT.len() };
        if out.len() + piece.len() + room > MAX_MASKED_BYTES {
            out.push_str(CUT);
            break;
        }
        out.push_str(&piece);
        piece.clear();
    }
    out
}

/// Where to begin so that the byte at `at` is shown. A text never begins within a run, whose end might look like a
/// word.
fn beginning(value: &[u8], at: usize) -> usize {
    if at <= BEFORE_BYTES {
        return 0;
    }
    let from = at - BEFORE_BYTES;
    let before = value.get(..from).unwrap_or_default();
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'%';
    from - before.iter().rev().take_while(|byte| inside(byte)).count()
}

/// Masks the first piece of `rest` and appends it to `out`. Returns how many bytes the piece has; `None` at the end.
fn next(rest: &[u8], out: &mut String) -> Option<usize> {
    let first = *rest.first()?;
    let run = |of: fn(&u8) -> bool| rest.iter().take_while(|byte| of(byte)).count();
    if first.is_ascii_alphanumeric() {
        let length = run(u8::is_ascii_alphanumeric);
        push_run(rest.get(..length).unwrap_or_default(), out);
        return Some(length);
    }
    if !first.is_ascii() {
        let length = run(|byte| !byte.is_ascii());
        push_class('?', length, out);
        return Some(length);
    }
    if first == b'%'
        && let Some(byte) = encoded(rest)
    {
        // An encoded quote tells as much about an attack as a quote, and an encoded letter is as secret as a letter.
        if byte.is_ascii() && !byte.is_ascii_alphanumeric() {
            let _ = write!(out, "%{byte:02X}");
        } else {
            out.push_str("%??");
        }
        return Some(3);
    }
    match first {
        // Control characters are written as escapes, so that a value cannot add lines to a log or steer a terminal.
        b'\n' => out.push_str("\\n"),
        b'\r' => out.push_str("\\r"),
        b'\t' => out.push_str("\\t"),
        0 => out.push_str("\\0"),
        _ if first.is_ascii_control() => out.push_str("\\?"),
        _ => out.push(char::from(first)),
    }
    Some(1)
}

fn push_run(run: &[u8], out: &mut String) {
    if let Some(word) = word(run) {
        out.push_str(word);
    } else if run.iter().all(u8::is_ascii_digit) {
        push_class('9', run.len(), out);
    } else if run.iter().all(u8::is_ascii_alphabetic) {
        push_class('a', run.len(), out);
    } else {
        push_class('x', run.len(), out);
    }
}

/// The run as it is written, if it is a word that attacks are made of.
fn word(run: &[u8]) -> Option<&str> {
    let text = (run.len() <= MAX_WORD_BYTES).then(|| std::str::from_utf8(run).ok())??;
    let lower = text.to_ascii_lowercase();
    KNOWN.contains(lower.as_str()).then_some(text)
}

fn push_class(class: char, length: usize, out: &mut String) {
    out.push(class);
    if length > MAX_TOLD_LENGTH {
        let _ = write!(out, "{{{MAX_TOLD_LENGTH}+}}");
    } else if length > 1 {
        let _ = write!(out, "{{{length}}}");
    }
}

/// The byte that a `%HH` at the beginning stands for.
fn encoded(rest: &[u8]) -> Option<u8> {
    let digit = |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    u8::try_from(digit(1)? * 16 + digit(2)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(value: &str) -> String {
        mask(value.as_bytes(), None)
    }

    #[test]
    fn words_are_short_enough_and_plain() {
        let plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase());
        assert!(
            KNOWN
                .iter()
                .all(|word| word.len() <= MAX_WORD_BYTES && plain(word))
        );
    }

    #[test]
    fn the_shape_of_an_attack_stays() {
        for (value, shown) in [
            ("1' OR 'secret'='secret", "9' OR 'a{6}'='a{6}"),
            ("4111 1111-11111111", "9{4} 9{4}-9{8}"),
            ("anna.schmidt@example.com", "a{4}.a{7}@a{7}.a{3}"),
            (
                "<sCript>alert(document.cookie)</script>",
                "<sCript>alert(document.cookie)</script>",
            ),
            ("hunter2;cat /etc/passwd", "x{7};cat /etc/passwd"),
            ("q=%27%20or%20%41%62", "a=%27%20or%20%??%??"),
            (
                "Müller\r\nSet-Cookie: x\0\u{7}",
                "a?{2}a{4}\\r\\nSet-Cookie: a\\0\\?",
            ),
            ("100%", "9{3}%"),
            ("", ""),
        ] {
            assert_eq!(masked(value), shown, "{value}");
        }
    }

    #[test]
    fn what_matched_is_shown_however_far_in() {
        let value = format!("{}x' union select 1", "word, ".repeat(500));
        let shown = mask(value.as_bytes(), Some(b"' union select"));
        assert!(
            shown.starts_with('…') && shown.ends_with("a' union select 9"),
            "{shown}"
        );
        let far = format!("{}' or 1=1", "q".repeat(8000));
        assert_eq!(mask(far.as_bytes(), Some(b"' or")), "a{999+}' or 9=9");
        let quote = format!("{}x' union select 1", "word, ".repeat(500));
        for unknown in [None, Some(&b"XSS data"[..])] {
            assert!(mask(quote.as_bytes(), unknown).ends_with("a' union select 9"));
        }
        let tail = format!("<svg {}", "/ ".repeat(500));
        let shown = mask(tail.as_bytes(), Some(b"<svg"));
        assert!(
            shown.starts_with("<svg / /") && shown.ends_with('…'),
            "{shown}"
        );
    }

    /// Runs of four or more letters and digits, `%HH`, `\n` and lengths taken out.
    fn runs(text: &str) -> Vec<String> {
        let mut plain = regex::Regex::new(r"\\[nrt0?]|%[0-9A-F]{2}|\{[0-9]{1,3}\+?\}")
            .unwrap()
            .replace_all(text, " ")
            .into_owned();
        plain.make_ascii_lowercase();
        plain
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|run| run.len() >= 4)
            .map(str::to_owned)
            .collect()
    }

    proptest! {
        #[test]
        fn nothing_of_the_input_is_told_but_words(value in prop::collection::vec(any::<u8>(), 0..400), at in 0usize..400) {
            let shown = mask(&value, value.get(at..(at + 8).min(value.len())));
            prop_assert!(shown.len() <= MAX_MASKED_BYTES);
            for run in runs(&shown) {
                prop_assert!(KNOWN.contains(run.as_str()), "{run} in {shown}");
            }
        }

        #[test]
        fn nothing_of_a_text_is_told_but_words(value in "([A-Za-z0-9]{1,9}|[%'\"<>=;&(){}é \\n]|or|union|select|%2[0-9a-f]|%4[0-9a-f]){0,60}", at in 0usize..60) {
            let bytes = value.as_bytes();
            let shown = mask(bytes, bytes.get(at..(at + 4).min(bytes.len())));
            prop_assert!(shown.len() <= MAX_MASKED_BYTES);
            for run in runs(&shown) {
                prop_assert!(KNOWN.contains(run.as_str()), "{run} in {shown} of {value}");
            }
        }
    }
}
