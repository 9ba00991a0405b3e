//! What every grammar needs to read a text: words, code in Markdown, decoded forms.
//!
//! Positions after the end of a text read as 0, so that no grammar has to ask where the text ends: 0 belongs to no word
//! and is no blank and no sign.

use std::borrow::Cow;
use std::ops::Range;

/// Whether a byte belongs to a word. Bytes of other scripts do.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The byte at a position; 0 after the end.
pub(super) fn at(text: &[u8], place: usize) -> u8 {
    text.get(place).copied().unwrap_or(0)
}

/// The byte before a position; 0 at the beginning.
pub(super) fn before(text: &[u8], place: usize) -> u8 {
    place.checked_sub(1).map_or(0, |place| at(text, place))
}

/// The text from a position on.
pub(super) fn from(text: &[u8], place: usize) -> &[u8] {
    text.get(place..).unwrap_or_default()
}

/// The first position from `place` on that is no white space.
pub(super) fn skip_blank(text: &[u8], mut place: usize) -> usize {
    while is_blank(at(text, place)) {
        place += 1;
    }
    place
}

/// Whether a byte is white space, including the vertical tab.
pub(super) fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Whether a text begins with `small`, which is in lower case, whatever the case of the text.
pub(super) fn begins(text: &[u8], small: &[u8]) -> bool {
    text.get(..small.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(small))
}

/// The first position of `small`, which is in lower case, whatever the case of the text.
pub(super) fn find(text: &[u8], small: &[u8]) -> Option<usize> {
    // `memchr` finds the first letter, in both cases, much faster than a comparison at each position would.
    let first = *small.first()?;
    let upper = first.to_ascii_uppercase();
    memchr::memchr2_iter(first, upper, text).find(|place| begins(from(text, *place), small))
}

/// A word in lower case; empty when there is none or it is longer than the buffer.
pub(super) struct Word {
    bytes: [u8; 40],
    length: usize,
    /// The position in the text where the word ends.
    pub(super) end: usize,
}

impl Word {
    /// The word at a position: letters, digits and `_`.
    pub(super) fn at(text: &[u8], place: usize) -> Self {
        let mut word = Self {
            bytes: [0; 40],
            length: 0,
            end: place,
        };
        while is_word(at(text, word.end)) {
            // No keyword has 40 letters, so a longer word is no keyword: it is read to its end and left empty.
            if let Some(slot) = word.bytes.get_mut(word.end - place) {
                *slot = at(text, word.end).to_ascii_lowercase();
            }
            word.end += 1;
        }
        let length = word.end - place;
        word.length = if length > word.bytes.len() { 0 } else { length };
        word
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Whether the word is one of these words, which are sorted.
    pub(super) fn is_in(&self, sorted: &[&str]) -> bool {
        is_in(self.bytes(), sorted)
    }
}

/// Whether a word is one of these words, which are sorted.
pub(super) fn is_in(word: &[u8], sorted: &[&str]) -> bool {
    sorted
        .binary_search_by(|known| known.as_bytes().cmp(word))
        .is_ok()
}

/// Whether a value, without the blanks around it, contains no white space.
pub(super) fn is_one_token(value: &[u8]) -> bool {
    let value = trim(value);
    !value.is_empty() && !value.iter().any(|byte| is_blank(*byte))
}

/// A value without blanks around it.
pub(super) fn trim(value: &[u8]) -> &[u8] {
    value.trim_ascii()
}

/// Whether a value has words of a sentence, and not only text for programs.
pub(super) fn has_prose(value: &[u8]) -> bool {
    let words = value
        .split(|byte| is_blank(*byte))
        .filter(|word| is_plain_word(word));
    // Counting stops as early as possible: a value may be long, and most have words at their beginning.
    if words.take(PROSE_WORDS).count() == PROSE_WORDS {
        return true;
    }
    let lines = value
        .split(|byte| *byte == b'\n')
        .filter(|line| !trim(line).is_empty());
    lines.take(PROSE_LINES).count() == PROSE_LINES
}

/// Whether a value is a regular expression: it has several signs that other texts seldom have.
pub(super) fn is_regex(value: &[u8]) -> bool {
    const SIGNS: [&[u8]; 17] = [
        b"(?i)", b"(?:", b"(?=", b"(?!", b"(?<", b"[^", b"\\b", b"\\s", b"\\w", b"\\d", b"\\.",
        b"\\/", b".*", b".+", b"]+", b"]*", b"\\1",
    ];
    let signs = SIGNS
        .iter()
        .filter(|sign| memchr::memmem::find(value, sign).is_some());
    // A value with a quote may break out of a string, whatever else it is.
    signs.count() >= REGEX_SIGNS && !value.contains(&b'\'')
}

/// How many different signs make a value a regular expression.
const REGEX_SIGNS: usize = 3;

/// Whether a value is a formula: operators between names of one letter, and no string.
pub(super) fn is_formula(value: &[u8]) -> bool {
    if value
        .iter()
        .any(|byte| matches!(byte, b'\'' | b'"' | b'`' | b'#' | b'\\' | b'@' | b'$'))
        || memchr::memmem::find(value, b"--").is_some()
    {
        return false;
    }
    let (mut letters, mut names) = (0, 0);
    for word in value.split(|byte| !is_word(*byte)) {
        // Words of programs are no names, so `a=1 or b=2` is no formula.
        if word.first().is_some_and(u8::is_ascii_alphabetic) && !is_in(word, PROGRAM) {
            names += 1;
            letters += usize::from(word.len() == 1);
        }
    }
    let operators = value
        .iter()
        .filter(|byte| matches!(byte, b'+' | b'-' | b'*' | b'/' | b'^' | b'=' | b'<' | b'>'));
    letters >= 4 && letters * 2 >= names && operators.count() >= 3
}

/// Whether a value has an element of a document: the closing tag of an element that holds text.
pub(super) fn has_markup(value: &[u8]) -> bool {
    memchr::memmem::find_iter(value, b"</")
        // These are enough to recognise a document; a value can have any number of closing tags.
        .take(64)
        .any(|place| {
            let name = Word::at(value, place + 2);
            at(value, skip_blank(value, name.end)) == b'>' && name.is_in(ELEMENTS)
        })
}

/// Elements of documents that hold text (HTML Living Standard, sections 4.3 to 4.9), and elements within them.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "article",
    "aside",
    "b",
    "blockquote",
    "code",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "i",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "nav",
    "ol",
    "p",
    "picture",
    "pre",
    "q",
    "s",
    "section",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "time",
    "tr",
    "u",
    "ul",
    "var",
];

/// How many lines make a value a text.
const PROSE_LINES: usize = 3;

/// How many words make a value prose.
const PROSE_WORDS: usize = 2;

/// Whether a word has letters of any script and the punctuation of words, and is no word of a program.
fn is_plain_word(word: &[u8]) -> bool {
    let end = word
        .iter()
        .rposition(|byte| !matches!(byte, b'.' | b',' | b'!' | b'?' | b':' | b')' | b';'));
    let word = word.get(..end.map_or(0, |end| end + 1)).unwrap_or_default();
    let word = word.strip_prefix(b"(").unwrap_or(word);
    let letter =
        |byte: &u8| byte.is_ascii_alphabetic() || *byte >= 0x80 || matches!(byte, b'\'' | b'-');
    word.len() >= 2
        && word.iter().all(letter)
        && word.iter().any(|byte| is_word(*byte))
        && !Word::at(word, 0).is_in(PROGRAM)
}

/// Words of query languages and shells, which in most values that attack stand for nothing else.
const PROGRAM: &[&str] = &[
    "all",
    "alter",
    "and",
    "as",
    "asc",
    "awk",
    "bash",
    "between",
    "by",
    "call",
    "cat",
    "char",
    "cmd",
    "cp",
    "create",
    "curl",
    "database",
    "declare",
    "delay",
    "delete",
    "desc",
    "distinct",
    "do",
    "drop",
    "dual",
    "dumpfile",
    "echo",
    "else",
    "end",
    "except",
    "exec",
    "execute",
    "exists",
    "for",
    "from",
    "function",
    "goto",
    "grep",
    "group",
    "having",
    "id",
    "if",
    "in",
    "information_schema",
    "insert",
    "int",
    "into",
    "is",
    "join",
    "like",
    "limit",
    "load",
    "ls",
    "nc",
    "new",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "outfile",
    "passwd",
    "password",
    "perl",
    "php",
    "ping",
    "powershell",
    "procedure",
    "python",
    "regexp",
    "return",
    "rlike",
    "rm",
    "select",
    "set",
    "sh",
    "shutdown",
    "sleep",
    "system",
    "table",
    "then",
    "type",
    "uname",
    "union",
    "update",
    "user",
    "username",
    "users",
    "using",
    "values",
    "var",
    "void",
    "waitfor",
    "wget",
    "when",
    "where",
    "while",
    "whoami",
    "with",
    "xor",
];

/// The ranges of code in Markdown: fences, and spans between backticks, in the order of the text.
pub(super) struct Code(Vec<Range<usize>>);

impl Code {
    /// No code anywhere.
    pub(super) const NONE: Self = Self(Vec::new());

    /// The code of a text (`CommonMark` 0.31.2, sections 4.5 and 6.1). A run of backticks opens code, which a run of
    /// the same length closes; a fence that is never closed goes on to the end.
    pub(super) fn of(text: &[u8]) -> Self {
        let mut found = Vec::new();
        // The lengths of runs that have no partner in the rest of the text, so that each length is searched to the end
        // at most once.
        let mut without: u64 = 0;
        let mut place = 0;
        while let Some(start) = memchr::memchr2(b'`', b'~', from(text, place)) {
            let start = place + start;
            let mark = at(text, start);
            let length = run(text, start, mark);
            place = start + length;
            let fence = length >= 3 && is_line_start(text, start);
            // A tilde alone is a sign like any other.
            if mark == b'~' && !fence {
                continue;
            }
            if fence {
                let end = fence_end(text, place, mark, length);
                found.push(start..end);
                place = end;
                continue;
            }
            let bit = 1_u64 << length.min(63);
            // A run of this length has no partner after this position. Without this check, a value of many such runs
            // would be searched once for each.
            if without & bit != 0 {
                continue;
            }
            match closing(text, place, length) {
                Some(end) => {
                    found.push(start..end);
                    place = end;
                }
                None => without |= bit,
            }
        }
        Self(found)
    }

    pub(super) fn has(&self, place: usize) -> bool {
        // Ranges are in order and do not overlap, so a binary search finds the only one that can contain the position.
        let next = self.0.partition_point(|range| range.end <= place);
        self.0.get(next).is_some_and(|range| range.start <= place)
    }
}

fn run(text: &[u8], start: usize, mark: u8) -> usize {
    from(text, start)
        .iter()
        .take_while(|byte| **byte == mark)
        .count()
}

fn is_line_start(text: &[u8], place: usize) -> bool {
    let line = text
        .get(..place)
        .unwrap_or_default()
        .iter()
        .rev()
        .take_while(|byte| **byte != b'\n');
    // Quotes and lists may stand before a fence.
    line.take(16).all(|byte| {
        matches!(byte, b' ' | b'\t' | b'>' | b'-' | b'*' | b'+' | b'.') || byte.is_ascii_digit()
    })
}

fn fence_end(text: &[u8], mut place: usize, mark: u8, length: usize) -> usize {
    while let Some(found) = memchr::memchr(mark, from(text, place)) {
        let start = place + found;
        let count = run(text, start, mark);
        place = start + count;
        if count >= length && is_line_start(text, start) {
            return place;
        }
    }
    text.len()
}

fn closing(text: &[u8], mut place: usize, length: usize) -> Option<usize> {
    while let Some(found) = memchr::memchr(b'`', from(text, place)) {
        let start = place + found;
        let count = run(text, start, b'`');
        place = start + count;
        if count == length {
            return Some(place);
        }
    }
    None
}

/// A value with its percent escapes decoded; `None` when it has none.
pub(super) fn percent_decoded(value: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(b'%', value)?;
    let mut out = Vec::with_capacity(value.len());
    let mut place = 0;
    let mut changed = false;
    while place < value.len() {
        let byte = at(value, place);
        if byte == b'%'
            // `%uHHHH` is in no standard, but IIS and the script function `escape()` write it.
            && matches!(at(value, place + 1), b'u' | b'U')
            && let (Some(high), Some(low)) = (hex2(value, place + 2), hex2(value, place + 4))
        {
            push_code(&mut out, u32::from(high) << 8 | u32::from(low));
            (place, changed) = (place + 6, true);
        } else if byte == b'%'
            && let Some(decoded) = hex2(value, place + 1)
        {
            out.push(decoded);
            (place, changed) = (place + 3, true);
        } else {
            out.push(byte);
            place += 1;
        }
    }
    changed.then_some(out)
}

/// A value with the escapes of `JavaScript` strings (`\x3c`, `\u003c`) and HTML entities decoded; `None` when it has
/// none.
pub(super) fn escapes_decoded(value: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr2(b'\\', b'&', value)?;
    let mut out = Vec::with_capacity(value.len());
    let mut place = 0;
    let mut changed = false;
    while place < value.len() {
        let byte = at(value, place);
        let (code, length) = match (byte, at(value, place + 1)) {
            (b'\\', b'x') => (hex2(value, place + 2).map(u32::from), 4),
            (b'\\', b'u') => {
                let pair = hex2(value, place + 2).zip(hex2(value, place + 4));
                (
                    pair.map(|(high, low)| u32::from(high) << 8 | u32::from(low)),
                    6,
                )
            }
            (b'&', _) => {
                entity(from(value, place)).map_or((None, 1), |(code, length)| (Some(code), length))
            }
            _ => (None, 1),
        };
        if let Some(code) = code {
            push_code(&mut out, code);
            (place, changed) = (place + length, true);
        } else {
            out.push(byte);
            place += 1;
        }
    }
    changed.then_some(out)
}

/// The value of an attribute with its entities decoded (HTML Living Standard, section 13.2.5.72).
pub(super) fn entities_decoded(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'&', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut place = 0;
    while place < value.len() {
        if let Some((code, length)) = entity(from(value, place)) {
            push_code(&mut out, code);
            place += length;
        } else {
            out.push(at(value, place));
            place += 1;
        }
    }
    Cow::Owned(out)
}

/// The entities of the characters with which markup and script are written.
const NAMED: [(&[u8], u8); 19] = [
    (b"lt;", b'<'),
    (b"gt;", b'>'),
    (b"amp;", b'&'),
    (b"quot;", b'"'),
    (b"apos;", b'\''),
    (b"tab;", b'\t'),
    (b"newline;", b'\n'),
    (b"colon;", b':'),
    (b"lpar;", b'('),
    (b"rpar;", b')'),
    (b"sol;", b'/'),
    (b"num;", b'#'),
    (b"equals;", b'='),
    (b"grave;", b'`'),
    (b"semi;", b';'),
    (b"period;", b'.'),
    (b"comma;", b','),
    (b"lt", b'<'),
    (b"gt", b'>'),
];

/// The character reference at the beginning of a text, and its length.
fn entity(text: &[u8]) -> Option<(u32, usize)> {
    if at(text, 0) != b'&' {
        return None;
    }
    if at(text, 1) == b'#' {
        let hex = matches!(at(text, 2), b'x' | b'X');
        let start = if hex { 3 } else { 2 };
        let base = if hex { 16 } else { 10 };
        let mut place = start;
        let mut code: u32 = 0;
        while let Some(digit) = char::from(at(text, place)).to_digit(base) {
            // The number of leading zeros and of digits is not limited, so a number that is too large stays at the
            // maximum.
            code = code.saturating_mul(base).saturating_add(digit);
            place += 1;
        }
        if place == start {
            return None;
        }
        return Some((code, place + usize::from(at(text, place) == b';')));
    }
    let rest = from(text, 1);
    NAMED
        .iter()
        .find(|(name, _)| begins(rest, name))
        .map(|(name, byte)| (u32::from(*byte), name.len() + 1))
}

fn hex2(text: &[u8], place: usize) -> Option<u8> {
    let digit = |place: usize| char::from(at(text, place)).to_digit(16);
    let value = digit(place)? * 16 + digit(place + 1)?;
    u8::try_from(value).ok()
}

fn push_code(out: &mut Vec<u8>, code: u32) {
    // Fullwidth forms count as the ASCII characters that they stand for.
    let code = if (0xff01..=0xff5e).contains(&code) {
        code - 0xfee0
    } else {
        code
    };
    // A code that is no character becomes U+FFFD, as in browsers.
    let mut buffer = [0; 4];
    let letter = char::from_u32(code).unwrap_or('\u{fffd}');
    out.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
}

#[cfg(test)]
pub(super) fn lists_are_sorted() -> bool {
    [PROGRAM, ELEMENTS]
        .iter()
        .all(|words| words.windows(2).all(|pair| pair[0] < pair[1]))
}
