//! Regular expressions of schemas (ECMA-262), matched in linear time.
//!
//! JSON Schema's expressions are JavaScript's (2020-12 core, 6.4). They are rewritten for the crate `regex`, which never
//! backtracks. Look-ahead at the beginning (`^(?=.*[0-9])(?!.*\s).{8,}$`, the usual rule for passwords) becomes several
//! expressions that must and must not match. Other look-around and back-references have no linear form: such an
//! expression is not checked; `Contracts::unchecked` lists it, which no page shows yet.

use regex::{Regex, RegexBuilder};
use smallvec::SmallVec;

/// Bytes of an expression.
const MAX_PATTERN_BYTES: usize = 8 << 10;

/// Bytes of a compiled expression, from small to large. `^.{1,5000}$` has 2 MB.
const COMPILED_BYTES: [usize; 4] = [64 << 10, 256 << 10, 1 << 20, 4 << 20];

/// Bytes of all compiled expressions of an API, which takes some two seconds at most. Documents in wide use have a tenth.
const MAX_ALL_COMPILED_BYTES: usize = 256 << 20;

/// Bytes of the states that matching keeps; when they are used up, matching is slower and still linear.
const MAX_STATES_BYTES: usize = 256 << 10;

/// White space of ECMA-262 (`\s`), as the inside of a class.
const SPACE: &str = r"\t\n\x0B\x0C\r \u{A0}\u{1680}\u{2000}-\u{200A}\u{2028}\u{2029}\u{202F}\u{205F}\u{3000}\u{FEFF}";

/// An expression, ready to match.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// Each must match, or must not.
    parts: SmallVec<[(Regex, bool); 1]>,
}

impl Pattern {
    /// Makes an expression ready.
    ///
    /// # Errors
    /// Why it cannot be checked, for people.
    pub(crate) fn new(text: &str, room: &mut Room) -> Result<Self, &'static str> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err("it is longer than 8 KiB");
        }
        let mut parts = SmallVec::new();
        let mut rest = text;
        let anchored = text.strip_prefix('^').unwrap_or(text);
        if anchored.len() < text.len() && anchored.starts_with("(?") {
            let (asserted, behind) = look_ahead(anchored)?;
            for (inner, wanted) in asserted {
                let inner = format!("^(?:{})", translate(inner)?);
                parts.push((compile(&inner, room)?, wanted));
            }
            if !parts.is_empty() {
                let behind = format!("^(?:{})", translate(behind)?);
                parts.push((compile(&behind, room)?, true));
                rest = "";
            }
        }
        if parts.is_empty() {
            parts.push((compile(&translate(rest)?, room)?, true));
        }
        Ok(Self { parts })
    }

    /// Whether it matches anywhere in the text.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        let mut parts = self.parts.iter();
        parts.all(|(part, wanted)| part.is_match(text) == *wanted)
    }
}

/// What is left of [`MAX_ALL_COMPILED_BYTES`].
#[derive(Debug)]
pub(crate) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(MAX_ALL_COMPILED_BYTES)
    }
}

/// An expression is charged the limit that it fits in, because its size is not known.
fn compile(text: &str, room: &mut Room) -> Result<Regex, &'static str> {
    for limit in COMPILED_BYTES {
        if limit > room.0 {
            return Err("the expressions of this API take too much memory");
        }
        let built = RegexBuilder::new(text)
            .size_limit(limit)
            .dfa_size_limit(MAX_STATES_BYTES)
            .build();
        room.0 -= limit;
        match built {
            Ok(regex) => return Ok(regex),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(_) => return Err("it is no regular expression"),
        }
    }
    Err("it is too large")
}

/// What stands in a look-ahead, and whether it must match.
type Asserted<'a> = (&'a str, bool);

/// The look-aheads at the beginning of `text`, and what is behind them.
fn look_ahead(text: &str) -> Result<(Vec<Asserted<'_>>, &str), &'static str> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let (inner, wanted) = if let Some(inner) = rest.strip_prefix("(?=") {
            (inner, true)
        } else if let Some(inner) = rest.strip_prefix("(?!") {
            (inner, false)
        } else {
            break;
        };
        let end = group_end(inner).ok_or("a group does not end")?;
        found.push((inner.get(..end).unwrap_or_default(), wanted));
        rest = inner.get(end + 1..).unwrap_or_default();
    }
    // `^(?=a)b|c` means `(^(?=a)b)|c`, which is not what is left after cutting.
    if !found.is_empty() && has_bar(rest) {
        return Err("it has an alternative beside look-around");
    }
    Ok((found, rest))
}

/// Where the group ends whose inside begins here.
fn group_end(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in outside_classes(text) {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 0 => return Some(at),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Whether a `|` stands in no group.
fn has_bar(text: &str) -> bool {
    let mut depth = 0_usize;
    outside_classes(text).any(|(_, byte)| {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        byte == b'|' && depth == 0
    })
}

/// The bytes that are neither escaped nor in a class, with their places.
fn outside_classes(text: &str) -> impl Iterator<Item = (usize, u8)> {
    let (mut escaped, mut in_class) = (false, false);
    text.bytes().enumerate().filter(move |(_, byte)| {
        if escaped {
            escaped = false;
            return false;
        }
        match byte {
            b'\\' => escaped = true,
            b'[' => in_class = true,
            b']' if in_class => {
                in_class = false;
                return false;
            }
            _ => {}
        }
        !in_class && !escaped
    })
}

/// Rewrites an expression of ECMA-262 for the crate `regex`.
fn translate(text: &str) -> Result<String, &'static str> {
    let mut translation = Translation {
        rest: text,
        out: String::with_capacity(text.len() + 16),
    };
    while let Some(character) = translation.next() {
        match character {
            '\\' => translation.escape(false)?,
            '[' => translation.class()?,
            '(' => translation.group()?,
            '.' => translation.out.push_str(r"[^\n\r\u{2028}\u{2029}]"),
            '{' if !translation.is_quantifier() => translation.out.push_str(r"\{"),
            '{' => {
                // The whole quantifier, so that its end is not taken for a brace that stands for itself.
                let end = translation.rest.find('}').map_or(0, |end| end + 1);
                let (quantifier, rest) = translation.rest.split_at(end);
                translation.out.push('{');
                translation.out.push_str(quantifier);
                translation.rest = rest;
            }
            ']' | '}' => {
                translation.out.push('\\');
                translation.out.push(character);
            }
            other => translation.out.push(other),
        }
    }
    Ok(translation.out)
}

struct Translation<'a> {
    rest: &'a str,
    out: String,
}

impl Translation<'_> {
    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let character = characters.next();
        self.rest = characters.as_str();
        character
    }

    fn group(&mut self) -> Result<(), &'static str> {
        let is_look_around = ["?=", "?!", "?<=", "?<!"]
            .iter()
            .any(|start| self.rest.starts_with(start));
        if is_look_around {
            return Err("look-around can be checked at the beginning only");
        }
        self.out.push('(');
        Ok(())
    }

    /// Whether a brace begins a count (`{2}`, `{2,}`, `{2,3}`); otherwise it stands for itself (ECMA-262, Annex B.1.2).
    fn is_quantifier(&self) -> bool {
        let Some((inside, _)) = self.rest.split_once('}') else {
            return false;
        };
        let (low, high) = inside.split_once(',').unwrap_or((inside, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        !low.is_empty() && digits(low) && digits(high)
    }

    fn class(&mut self) -> Result<(), &'static str> {
        if let Some(rest) = self.rest.strip_prefix("^]") {
            // Everything but nothing.
            self.out.push_str(r"[\s\S]");
            self.rest = rest;
            return Ok(());
        }
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.out.push('^');
            self.rest = rest;
        }
        // Whether a range may begin at the last character, and whether one has begun.
        let (mut can_begin, mut has_begun) = (false, false);
        loop {
            let character = self.next().ok_or("a class does not end")?;
            let is_class = character == '\\'
                && self
                    .rest
                    .starts_with(['d', 'D', 'w', 'W', 's', 'S', 'p', 'P']);
            match character {
                ']' => break,
                '-' if can_begin && !self.rest.starts_with(']') => {
                    self.out.push('-');
                    (can_begin, has_begun) = (false, true);
                    continue;
                }
                '\\' => self.escape(true)?,
                // These mean more in the crate's classes than in JavaScript's.
                '[' | '&' | '~' | '^' | '-' => {
                    self.out.push('\\');
                    self.out.push(character);
                }
                other => self.out.push(other),
            }
            can_begin = !has_begun && !is_class;
            has_begun = false;
        }
        self.out.push(']');
        Ok(())
    }

    fn escape(&mut self, in_class: bool) -> Result<(), &'static str> {
        let letter = self.next().ok_or("it ends with a backslash")?;
        let class = |inside: &str, is_negative: bool| {
            if is_negative {
                format!("[^{inside}]")
            } else if in_class {
                inside.to_owned()
            } else {
                format!("[{inside}]")
            }
        };
        let translated = match letter {
            'd' | 'D' => class("0-9", letter == 'D'),
            'w' | 'W' => class("0-9A-Za-z_", letter == 'W'),
            's' | 'S' => class(SPACE, letter == 'S'),
            'b' if in_class => r"\x08".to_owned(),
            'b' => r"(?-u:\b)".to_owned(),
            'n' | 't' | 'r' | 'f' | 'v' | 'B' | 'A' | 'z' => format!(r"\{letter}"),
            'p' | 'P' => self.property(letter)?,
            // The end of a text in Java, .NET and Ruby, where many documents come from.
            'Z' => r"\z".to_owned(),
            '0' => r"\x00".to_owned(),
            'x' | 'u' => self.code(letter)?,
            'c' => self.control()?,
            '1'..='9' | 'k' => return Err("back-references cannot be checked"),
            letter if letter.is_ascii_alphanumeric() => letter.to_string(),
            letter if letter.is_ascii() => format!(r"\x{:02x}", u32::from(letter)),
            other => other.to_string(),
        };
        self.out.push_str(&translated);
        Ok(())
    }

    /// `\x41`, `\u0041`, `\u{41}`, and pairs of surrogates.
    fn code(&mut self, letter: char) -> Result<String, &'static str> {
        const WRONG: &str = "an escape is no character";
        if letter == 'u' && self.rest.starts_with('{') {
            let end = self.rest.find('}').ok_or(WRONG)?;
            let (digits, rest) = self.rest.split_at(end);
            self.rest = rest.get(1..).unwrap_or_default();
            return Ok(format!(r"\x{digits}}}"));
        }
        let first = self.hex(if letter == 'x' { 2 } else { 4 }).ok_or(WRONG)?;
        let code = if (0xd800..0xdc00).contains(&first) {
            self.rest = self.rest.strip_prefix(r"\u").ok_or(WRONG)?;
            let second = self.hex(4).filter(|low| (0xdc00..0xe000).contains(low));
            0x1_0000 + ((first - 0xd800) << 10) + (second.ok_or(WRONG)? - 0xdc00)
        } else {
            first
        };
        Ok(format!(r"\x{{{code:x}}}"))
    }

    /// `\p{L}`, `\P{Script=Greek}`.
    fn property(&mut self, letter: char) -> Result<String, &'static str> {
        let end = self.rest.find('}').filter(|_| self.rest.starts_with('{'));
        let (name, rest) = self.rest.split_at(end.ok_or("a property has no name")? + 1);
        self.rest = rest;
        Ok(format!(r"\{letter}{name}"))
    }

    fn hex(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        let code = u32::from_str_radix(digits, 16).ok()?;
        self.rest = rest;
        Some(code)
    }

    fn control(&mut self) -> Result<String, &'static str> {
        let letter = self.next().filter(char::is_ascii_alphabetic);
        let letter = letter.ok_or("a control character has no letter")?;
        Ok(format!(r"\x{:02x}", u32::from(letter) % 32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expressions mean what they mean in JavaScript.
    #[test]
    fn as_in_javascript() {
        for (pattern, matching, others) in [
            (r"^a*$", vec!["", "aaa"], vec!["ab"]),
            (r"\d", vec!["7"], vec!["٣", "x"]),
            (r"^\w+$", vec!["a_1"], vec!["é", "a b"]),
            (
                r"^\s$",
                vec![" ", "\u{feff}", "\u{a0}"],
                vec!["\u{85}", "x"],
            ),
            (r"^.$", vec!["é"], vec!["\n", "\u{2028}"]),
            (
                r"^[\w.+-]+@[\w-]+\.[a-z]{2,}$",
                vec!["a.b+c@d-e.io"],
                vec!["a@b"],
            ),
            (r"^[^\s/]+$", vec!["ab"], vec!["a/b", "a b"]),
            (r"^\/[a-z]+\/$", vec!["/a/"], vec!["a"]),
            (r"^\u0041\x42\u{43}$", vec!["ABC"], vec![]),
            (r"^\uD83D\uDE00$", vec!["\u{1f600}"], vec![]),
            (r"^[[a]+$", vec!["[a"], vec!["b"]),
            (r"^[a&&b]+$", vec!["a&b"], vec!["c"]),
            (r"^[+--]$", vec!["+", ",", "-"], vec!["."]),
            (r"^[a-]$", vec!["a", "-"], vec!["b"]),
            (r"^{id}$", vec!["{id}"], vec!["id"]),
            (r"^a{2}$", vec!["aa"], vec!["a"]),
            (r"^\p{Letter}cole$", vec!["École"], vec!["1cole"]),
            (r"^[^]$", vec!["\n"], vec![""]),
            (r"^\cC$", vec!["\u{3}"], vec!["cC"]),
            (r"^[\d\-x]+$", vec!["1-x"], vec!["y"]),
            (r"a|b", vec!["xb"], vec!["c"]),
        ] {
            let compiled = Pattern::new(pattern, &mut Room::default()).unwrap();
            for text in matching {
                assert!(compiled.is_match(text), "{pattern} {text:?}");
            }
            for text in others {
                assert!(!compiled.is_match(text), "{pattern} {text:?}");
            }
        }
    }

    /// Look-ahead at the beginning is checked, other look-around is said to be none.
    #[test]
    fn look_around() {
        let password = Pattern::new(
            r"^(?=.*[A-Z])(?=.*\d)(?!.*\s)[^)]{8,}$",
            &mut Room::default(),
        )
        .unwrap();
        for (text, expected) in [
            ("Abcdefg1", true),
            ("abcdefg1", false),
            ("Abcdefgh", false),
            ("Abc defg1", false),
            ("Abc1", false),
        ] {
            assert_eq!(password.is_match(text), expected, "{text}");
        }
        for pattern in [
            r"a(?=b)",
            r"(?<!a)b",
            r"(a)\1",
            r"^(?=a)b|c",
            r"[",
            r"(",
            r"\",
        ] {
            assert!(
                Pattern::new(pattern, &mut Room::default()).is_err(),
                "{pattern}"
            );
        }
    }

    /// An expression that would take exponential time elsewhere ends at once, and one that is too large is refused.
    #[test]
    fn bounds() {
        let pattern = Pattern::new(r"^(a+)+$", &mut Room::default()).unwrap();
        assert!(!pattern.is_match(&format!("{}!", "a".repeat(100_000))));
        assert!(Pattern::new(&format!("^{}$", "(a{1000}){1000}"), &mut Room::default()).is_err());
        assert!(Pattern::new(&"a".repeat(MAX_PATTERN_BYTES + 1), &mut Room::default()).is_err());
    }

    /// Many large expressions would take seconds and gigabytes; small ones go on to be compiled.
    #[test]
    fn expressions_share_their_memory() {
        let mut room = Room(5 << 20);
        let made = (0..6).filter(|_| Pattern::new("^.{1,500}$", &mut room).is_ok());
        assert_eq!(made.count(), 3);
        assert!(Pattern::new("^[a-z]+$", &mut room).is_ok());
    }
}
