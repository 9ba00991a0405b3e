//! Compiles the patterns of SecLang (PCRE) with the `regex` crate: in linear time whatever the input, on bytes, without
//! Unicode.
//!
//! Possessive quantifiers and atomic groups become ordinary ones: they differ only in what backtracking would give up.
//! Look-around and back-references have no linear-time form, so they are refused when the rules load.

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// The most bytes of a compiled pattern; the largest pattern of the Core Rule Set needs a tenth.
const SIZE_LIMIT_BYTES: usize = 8 << 20;
/// The most bytes of a pattern that is made while a request waits. Compiling takes about a hundredth of a millisecond
/// for each KiB.
const MADE_LIMIT_BYTES: usize = 256 << 10;
/// The most bytes of the lazy DFA of a pattern, for each thread that uses the pattern.
const DFA_LIMIT_BYTES: usize = 1 << 20;

/// From this number of bytes on, a class contains most bytes of ordinary text.
const WIDE_CLASS: usize = 8;
/// From this count on, the automaton can have many sets of counts.
const MANY_COUNTS: u32 = 4;

/// Compiles a pattern. `.` matches line breaks, and `$` only the end, as in `ModSecurity` v2: `^…$` of an allow-list
/// must not accept a value with a line break in it.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    build(pattern, false, SIZE_LIMIT_BYTES)
}

/// Compiles a pattern of a selector, which ignores case.
pub(crate) fn compile_selector(pattern: &str) -> Result<Regex, String> {
    build(pattern, true, SIZE_LIMIT_BYTES)
}

/// Compiles a pattern that contains what a request says, with a smaller limit.
pub(crate) fn compile_made(pattern: &str) -> Result<Regex, String> {
    build(pattern, false, MADE_LIMIT_BYTES)
}

fn build(pattern: &str, ignore_case: bool, size_limit_bytes: usize) -> Result<Regex, String> {
    RegexBuilder::new(&translate(pattern))
        // Values are bytes and need not be valid UTF-8.
        .unicode(false)
        .dot_matches_new_line(true)
        .case_insensitive(ignore_case)
        .size_limit(size_limit_bytes)
        .dfa_size_limit(DFA_LIMIT_BYTES)
        .build()
        .map_err(|error| error.to_string())
}

/// Makes one automaton of patterns that are compiled already; `None` when it would be too large.
pub(crate) fn all(patterns: &[&Regex]) -> Option<RegexSet> {
    // The texts of compiled patterns are translated already; only the flags have to be given again.
    RegexSetBuilder::new(patterns.iter().map(|pattern| pattern.as_str()))
        .unicode(false)
        .dot_matches_new_line(true)
        .size_limit(SIZE_LIMIT_BYTES)
        .dfa_size_limit(DFA_LIMIT_BYTES)
        .build()
        .ok()
}

/// Whether a pattern counts bytes of a wide class (`[^}]{0,15}`). Its automaton has a state for each set of counts that
/// is possible at a position, and an input can be made that reaches new states all the time.
pub(crate) fn counts_classes(pattern: &Regex) -> bool {
    use regex_syntax::hir::{Hir, HirKind};
    let parsed = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .dot_matches_new_line(true)
        .build()
        .parse(pattern.as_str());
    // Text that is not made for it soon leaves a class of few bytes.
    let is_wide = |hir: &Hir| match hir.kind() {
        HirKind::Class(regex_syntax::hir::Class::Bytes(class)) => {
            let bytes = class.ranges().iter();
            bytes
                .map(regex_syntax::hir::ClassBytesRange::len)
                .sum::<usize>()
                >= WIDE_CLASS
        }
        _ => false,
    };
    let mut todo: Vec<&Hir> = parsed.iter().collect();
    while let Some(hir) = todo.pop() {
        match hir.kind() {
            HirKind::Repetition(repetition) => {
                let most = repetition.max.unwrap_or(repetition.min);
                if most >= MANY_COUNTS && is_wide(&repetition.sub) {
                    return true;
                }
                todo.push(&repetition.sub);
            }
            HirKind::Capture(capture) => todo.push(&capture.sub),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => todo.extend(parts),
            HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => {}
        }
    }
    false
}

/// Rewrites the constructs that PCRE reads in another way than the `regex` crate.
pub(crate) fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let tail = rest.get(first.len_utf8()..).unwrap_or_default();
        rest = match first {
            '\\' => escape(tail, false, &mut out),
            '[' => class(tail, &mut out),
            // PCRE takes a brace that does not begin a count literally; the crate refuses it.
            '{' if counted(rest).is_none() => {
                out.push_str("\\{");
                tail
            }
            '{' => {
                let length = counted(rest).unwrap_or(1);
                out.push_str(rest.get(..length).unwrap_or_default());
                possessive(rest.get(length..).unwrap_or_default())
            }
            '*' | '+' | '?' => {
                out.push(first);
                possessive(tail)
            }
            // An atomic group gives nothing back, and an automaton never tries to, so both match the same texts here.
            '(' if tail.starts_with("?>") => {
                out.push_str("(?:");
                tail.get(2..).unwrap_or_default()
            }
            _ => {
                out.push(first);
                tail
            }
        };
    }
    out
}

/// Drops the `+` of a possessive quantifier.
fn possessive(tail: &str) -> &str {
    tail.strip_prefix('+').unwrap_or(tail)
}

/// The length of `{n}`, `{n,}` or `{n,m}` at the beginning of `text`.
fn counted(text: &str) -> Option<usize> {
    let end = text.find('}')?;
    let (low, high) = {
        let inside = text.get(1..end)?;
        inside.split_once(',').unwrap_or((inside, ""))
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (!low.is_empty() && digits(low) && digits(high)).then_some(end + 1)
}

/// Rewrites what follows a backslash.
fn escape<'a>(tail: &'a str, in_class: bool, out: &mut String) -> &'a str {
    let Some(letter) = tail.chars().next() else {
        out.push_str("\\\\");
        return tail;
    };
    let rest = tail.get(letter.len_utf8()..).unwrap_or_default();
    match letter {
        // The crate reads these as word boundaries, PCRE as the characters themselves.
        '<' | '>' => out.push(letter),
        'e' => out.push_str("\\x1b"),
        'h' if in_class => out.push_str("\\t\\x20"),
        'h' => out.push_str("[\\t\\x20]"),
        'R' if !in_class => out.push_str("(?:\\r\\n|[\\n-\\r])"),
        'Z' => out.push_str("\\z"),
        // These only change where a match begins, not whether there is one.
        'G' | 'K' => {}
        'b' if in_class => out.push_str("\\x08"),
        'Q' => {
            let (quoted, rest) = rest.split_once("\\E").unwrap_or((rest, ""));
            out.push_str(&regex_syntax::escape(quoted));
            return rest;
        }
        'x' => return hexadecimal(rest, out),
        '0' => return octal(rest, out),
        // PCRE takes the character literally, and the crate refuses the escape.
        '_' => out.push('_'),
        _ if letter.is_ascii_alphanumeric() || letter.is_ascii_punctuation() => {
            out.push('\\');
            out.push(letter);
        }
        ' ' => out.push_str("\\x20"),
        _ => out.push(letter),
    }
    rest
}

/// Rewrites `\x{H…}`, or `\x` with two digits, one digit or none.
fn hexadecimal<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let braced = rest
        .strip_prefix('{')
        .and_then(|inside| inside.split_once('}'));
    if let Some((digits, tail)) = braced {
        match u32::from_str_radix(digits, 16) {
            Ok(code) if code < 0x100 => push(out, format_args!("\\x{code:02x}")),
            _ => push(out, format_args!("\\x{{{digits}}}")),
        }
        return tail;
    }
    byte(rest, 16, u8::is_ascii_hexdigit, out)
}

/// Rewrites `\0` with two octal digits, one digit or none.
fn octal<'a>(rest: &'a str, out: &mut String) -> &'a str {
    byte(rest, 8, |byte| matches!(byte, b'0'..=b'7'), out)
}

/// Writes the byte that at most two digits stand for; 0 without digits.
fn byte<'a>(rest: &'a str, radix: u32, is_digit: fn(&u8) -> bool, out: &mut String) -> &'a str {
    let length = rest.bytes().take(2).take_while(is_digit).count();
    let (digits, tail) = rest.split_at_checked(length).unwrap_or((rest, ""));
    let code = u8::from_str_radix(digits, radix).unwrap_or(0);
    push(out, format_args!("\\x{code:02x}"));
    tail
}

/// Appends formatted text.
fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    use std::fmt::Write as _;
    // Writing to a string does not fail.
    let _ = out.write_fmt(text);
}

/// Rewrites a class, after its `[`. Set operations and nested classes of the crate are plain characters to PCRE.
///
/// A character beyond ASCII has several bytes. PCRE without its UTF mode takes each of these bytes for a member, so
/// that `[´’]` would match a part of most other letters too; here the class matches its characters as a whole. A
/// negated class (`[^´]`) excludes each of the bytes, as in PCRE: it matches one byte, whatever character the byte is
/// part of.
fn class<'a>(tail: &'a str, out: &mut String) -> &'a str {
    let start = out.len();
    out.push('[');
    let mut wide: Vec<(char, char)> = Vec::new();
    let negated = tail.starts_with('^');
    let mut rest = tail.strip_prefix('^').unwrap_or(tail);
    if negated {
        out.push('^');
    }
    let (mut first, mut begins, mut ends) = (true, false, false);
    while let Some(letter) = rest.chars().next() {
        let after = rest.get(letter.len_utf8()..).unwrap_or_default();
        rest = match letter {
            ']' if !first => {
                out.push(']');
                widen(out, start, negated, &wide);
                return after;
            }
            '[' => bracket_in_class(rest, out),
            ']' | '&' | '~' => {
                out.push('\\');
                out.push(letter);
                after
            }
            // The crate reads `--` as a set difference, PCRE as the end of a range or as `-`.
            '-' if after.starts_with('-') && begins => {
                out.push_str("-\\-");
                begins = false;
                rest = after.get(1..).unwrap_or_default();
                continue;
            }
            '-' if after.starts_with('-') => {
                out.push_str("\\-");
                after
            }
            '\\' => escape(after, true, out),
            _ if !letter.is_ascii() => {
                // The member is one character or a range, such as `[а-я]`.
                let (last, behind) = range_end(after).unwrap_or((letter, after));
                wide.push((letter, last));
                behind
            }
            _ => {
                out.push(letter);
                after
            }
        };
        first = false;
        // A range may begin with a character that is neither the `-` nor the end of a range.
        begins = letter != '-' && !ends;
        ends = letter == '-' && !ends;
    }
    rest
}

/// Rewrites a `[` in a class: it begins a POSIX class, or stands for itself.
fn bracket_in_class<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let Some(length) = posix(rest) else {
        out.push_str("\\[");
        return rest.get(1..).unwrap_or_default();
    };
    out.push_str(rest.get(..length).unwrap_or_default());
    rest.get(length..).unwrap_or_default()
}

/// The last character of a range whose first one was just read, and the rest behind it.
fn range_end(after: &str) -> Option<(char, &str)> {
    let mut letters = after.strip_prefix('-')?.chars();
    let last = letters.next().filter(|last| !last.is_ascii())?;
    Some((last, letters.as_str()))
}

/// Adds ranges of characters beyond ASCII to the class that begins at `start`.
fn widen(out: &mut String, start: usize, negated: bool, wide: &[(char, char)]) {
    if wide.is_empty() {
        return;
    }
    if negated {
        out.pop();
        let mut buffer = [0; 4];
        for letter in wide.iter().flat_map(|(first, last)| [*first, *last]) {
            for byte in letter.encode_utf8(&mut buffer).bytes() {
                push(out, format_args!("\\x{byte:02x}"));
            }
        }
        out.push(']');
        return;
    }
    let narrow = out.split_off(start);
    out.push_str("(?:");
    if narrow != "[]" {
        out.push_str(&narrow);
        out.push('|');
    }
    out.push_str("(?u:[");
    for (first, last) in wide {
        out.push(*first);
        out.push('-');
        out.push(*last);
    }
    out.push_str("]))");
}

/// The length of `[:name:]` at the beginning of `text`.
fn posix(text: &str) -> Option<usize> {
    let inside = text.strip_prefix("[:")?;
    let end = inside.find(":]")?;
    let name = inside.get(..end)?;
    name.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'^')
        .then_some(end + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pattern matches the first text and not the second.
    #[test]
    fn pcre_readings() {
        for (pattern, yes, no) in [
            (r"^\d+$", "12", "12\n"),
            (r"a{b", "a{b", "ab"),
            (r"a{2}", "aa", "a"),
            (r"a{,2}", "a{,2}", "aa"),
            (r"a++b", "aab", "b"),
            (r"(?>ab|a)c", "abc", "ab"),
            (r"[[a]x", "[x", "bx"),
            (r"[]a]", "]", "b"),
            (r"[^]a]", "b", "]"),
            (r"[[:digit:]&&]", "&", "a"),
            (r"\<a\>", "<a>", "a"),
            (r"[a\-\[]", "[", "b"),
            (r"a.b", "a\nb", "ab"),
            (r"\x5cn", "\\n", "\n"),
            (r"[\x5c'\x22]", "\"", "x"),
            (r"\Qa.b\E+", "a.bb", "axb"),
            (r"\/\-\_\@", "/-_@", "/"),
            (r"[+--]", ",", "."),
            (r"[a-z--]", "-", "."),
            ("^[´’‘]$", "’", "\u{2013}"),
            ("^[\"'´]+$", "´\"", "а"),
            ("^x[´a]y", "x´y", "xy"),
            ("(?i)^[а-я]+$", "Привет", "latin"),
            ("^[^´]+$", "a", "´"),
        ] {
            let regex = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert!(regex.is_match(yes.as_bytes()), "{pattern} on {yes:?}");
            assert!(!regex.is_match(no.as_bytes()), "{pattern} on {no:?}");
        }
    }

    #[test]
    fn look_around_is_refused() {
        assert!(compile("a(?=b)").is_err() && compile(r"(a)\1").is_err());
    }
}
