//! Weighs JavaScript: a value becomes part of a string in a script of a page or a server. It runs when the string ends
//! and a statement, an operator with a call, or a comment follows. A value that is only a call runs as it is.

use super::text::{
    Code, Word, at, before, begins, find, from, is_blank, is_word, skip_blank, trim,
};
use crate::bundle::ContentKind;

/// Whether a value runs when script is written around it.
pub(super) fn runs(kind: ContentKind, value: &[u8]) -> bool {
    let is_code = matches!(
        kind,
        ContentKind::Code | ContentKind::Query | ContentKind::Pattern
    );
    (!is_code && (is_call_alone(value) || pollutes(value) || is_serialized(value)))
        || [b'\'', b'"']
            .iter()
            .any(|quote| ends_string(value, *quote, is_code))
        || (!is_code && interpolates(kind, value))
}

/// Objects and functions of browsers and Node with which injected script begins.
const ROOTS: &[&str] = &[
    "alert",
    "atob",
    "child_process",
    "confirm",
    "console",
    "constructor",
    "document",
    "eval",
    "execscript",
    "fetch",
    "frames",
    "function",
    "global",
    "globalthis",
    "import",
    "location",
    "msgbox",
    "navigator",
    "open",
    "parent",
    "print",
    "process",
    "prompt",
    "require",
    "root",
    "self",
    "setinterval",
    "settimeout",
    "this",
    "throw",
    "top",
    "window",
    "xmlhttprequest",
];

/// Keywords that may stand before an expression.
const PREFIXES: &[&str] = &[
    "await", "const", "delete", "let", "new", "return", "throw", "typeof", "var", "void",
];

/// How many members of a root are read; a longer chain counts.
const MAX_MEMBERS: usize = 32;

/// Whether script that calls or assigns begins at a position: `alert(1)`, `document.location=`, `top['al'+'ert'](1)`.
pub(super) fn is_call(text: &[u8], mut place: usize) -> bool {
    loop {
        let byte = at(text, place);
        if is_blank(byte) || matches!(byte, b'(' | b'!' | b'+' | b'-' | b'~' | b'{' | b'[') {
            place += 1;
            continue;
        }
        let word = Word::at(text, place);
        if !(word.is_in(PREFIXES) && is_blank(at(text, word.end))) {
            break;
        }
        if word.bytes() == b"throw" {
            return true;
        }
        place = word.end;
    }
    let word = Word::at(text, place);
    word.is_in(ROOTS) && is_used(text, &word)
}

/// Whether a root or one of its members is called, or sets where the page leads.
fn is_used(text: &[u8], root: &Word) -> bool {
    let mut end = root.end;
    for _ in 0..MAX_MEMBERS {
        let next = skip_line(text, end);
        end = match at(text, next) {
            // In a sentence a blank stands before a parenthesis, `this (or that)`, so that is no call.
            b'(' | b'`' => return next == end && is_argument(text, next),
            b'?' if at(text, next + 1) == b'.' => next + 2,
            b'.' => {
                let member = Word::at(text, next + 1);
                if member.end == next + 1 {
                    return false;
                }
                member.end
            }
            b'[' => {
                let close = memchr::memchr(b']', from(text, next));
                let Some(length) = close.filter(|length| *length < 256) else {
                    return false;
                };
                next + length + 1
            }
            // `==` only compares, while `document=` or `location=` leads the page elsewhere.
            b'=' => {
                return at(text, next + 1) != b'='
                    && matches!(
                        root.bytes(),
                        b"document" | b"location" | b"window" | b"self" | b"top" | b"parent"
                    );
            }
            _ => return false,
        };
    }
    true
}

/// Whether a text begins with a call, an assignment or a block, as script does and sentences do not.
pub(super) fn begins_script(text: &[u8]) -> bool {
    let start = skip_blank(text, 0);
    if is_call(text, start) {
        return true;
    }
    let word = Word::at(text, start);
    let next = skip_blank(text, word.end);
    word.end > start
        && matches!(at(text, next), b'(' | b'=' | b'[' | b'`' | b';')
        && next - word.end <= 1
        || matches!(at(text, start), b'(' | b'{' | b'[' | b'!' | b'/' | b'`')
}

/// Whether the text after `(` is an argument list. Roots such as `process` and `this` are also English words, after
/// which a remark in parentheses may follow.
fn is_argument(text: &[u8], open: usize) -> bool {
    let rest = from(text, open + 1);
    // The first closing sign ends the list; a sign within quotes is not recognised, which is good enough here.
    let inside = rest
        .get(
            ..rest
                .iter()
                .position(|byte| matches!(byte, b')' | b'`'))
                .unwrap_or(rest.len()),
        )
        .unwrap_or(rest);
    // Arguments are names and strings; several words in a row are a remark in a sentence.
    let words = inside
        .split(|byte| is_blank(*byte))
        .filter(|word| word.len() > 1 && word.iter().all(u8::is_ascii_alphabetic));
    words.count() <= 2
        || inside
            .iter()
            .any(|byte| matches!(byte, b'\'' | b'"' | b'.' | b'{' | b'='))
}

fn skip_line(text: &[u8], place: usize) -> usize {
    let mut next = place;
    while matches!(at(text, next), b' ' | b'\t' | b'\n' | b'\r') && next - place < 16 {
        next += 1;
    }
    next
}

/// Whether the whole value is a call, an assignment or a function that calls itself.
fn is_call_alone(value: &[u8]) -> bool {
    let value = trim(value);
    let Some(last) = value.last() else {
        return false;
    };
    // A value of several lines is a program that is shown, not called.
    if memchr::memchr_iter(b'\n', value).count() > 1 {
        return false;
    }
    let first = at(value, 0);
    if !matches!(first, b'(' | b'!' | b'+' | b'{' | b'[' | b'_') && !first.is_ascii_alphabetic() {
        return false;
    }
    // A sentence that begins with such a word ends in another way.
    let ends = matches!(last, b')' | b';' | b'}' | b'`' | b']' | b'"' | b'\'')
        || is_word(*last) && value.len() < 200;
    if ends && is_call(value, 0) && !is_sentence(value) {
        return true;
    }
    if (begins(value, b"while") || begins(value, b"for"))
        && matches!(at(value, skip_blank(value, Word::at(value, 0).end)), b'(')
    {
        let rest = value.get(Word::at(value, 0).end..).unwrap_or_default();
        return !is_sentence(rest) && rest.iter().any(|byte| matches!(byte, b'{' | b';'))
            || begins(skip(rest), b"(1)")
            || begins(skip(rest), b"(true)");
    }
    let begins_function = begins(value, b"(function")
        || begins(value, b"(()")
        || begins(value, b"!function")
        || begins(value, b"(async");
    begins_function && memchr::memmem::find(value, b")(").is_some()
}

fn skip(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}

/// Whether four words follow each other, as they never do in an expression.
fn is_sentence(value: &[u8]) -> bool {
    let mut row = 0;
    for word in value.split(|byte| is_blank(*byte)).take(200) {
        let plain = word.len() > 1
            && word
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || *byte == b',' || *byte >= 0x80);
        row = if plain { row + 1 } else { 0 };
        if row >= 4 {
            return true;
        }
    }
    false
}

/// Whether a value changes all objects when it is merged: `{"__proto__": …}`, `constructor.prototype.x`.
fn pollutes(value: &[u8]) -> bool {
    let value = trim(value);
    // Names of parameters may be paths of members, and the merge then follows the path.
    if begins(value, b"__proto__")
        || begins(value, b"constructor.prototype")
        || begins(value, b"constructor[prototype]")
    {
        // A sentence about prototypes contains blanks.
        return !value.iter().any(|byte| is_blank(*byte));
    }
    if !matches!(at(value, 0), b'{' | b'[') {
        return false;
    }
    let key = |name: &[u8]| {
        find(value, name).is_some_and(|place| {
            let behind = place + name.len();
            at(value, skip_blank(value, behind)) == b':'
        })
    };
    key(b"\"__proto__\"") || (key(b"\"constructor\"") && key(b"\"prototype\""))
}

/// Whether there is a function in a serialised object, as the package `node-serialize` writes it.
fn is_serialized(value: &[u8]) -> bool {
    memchr::memmem::find(value, b"_$$ND_FUNC$$_").is_some()
        || memchr::memmem::find(value, b"_$$ND_CC$$_").is_some()
}

/// Whether the value ends the string that it is part of, and script follows.
fn ends_string(value: &[u8], quote: u8, is_code: bool) -> bool {
    let mut count = 0;
    for place in memchr::memchr_iter(quote, value) {
        let (left, right) = (before(value, place), at(value, place + 1));
        if quote == b'\'' && is_word(left) && right.is_ascii_alphabetic() {
            continue;
        }
        count += 1;
        let head = value.get(..place).unwrap_or_default();
        // In code, only a string that ends within the value's first word was begun by the application.
        if is_code && (head.len() > 40 || head.iter().any(|byte| is_blank(*byte))) {
            return false;
        }
        let alone =
            (left == 0 || is_blank(left) || left == b'\\') && !is_word(right) && right != quote;
        // Every second quote ends a string that the value itself began.
        if (count % 2 == 1 || alone) && follows(value, place + 1, quote) {
            return true;
        }
    }
    false
}

fn follows(text: &[u8], place: usize, quote: u8) -> bool {
    let mut place = skip_blank(text, place);
    let mut closed = 0;
    // Injected text first closes what the application opened.
    while matches!(at(text, place), b')' | b'}' | b']') && closed < 16 {
        place = skip_blank(text, place + 1);
        closed += 1;
    }
    let (first, second) = (at(text, place), at(text, place + 1));
    match first {
        b';' => is_statement(text, place + 1),
        b'-' | b'+' | b'*' | b'%' | b'^' | b',' | b'?' | b'=' | b'<' | b'>' | b'/' | b':' => {
            is_call(text, place + 1)
        }
        b'|' | b'&' if second == first => {
            let next = skip_blank(text, place + 2);
            is_call(text, next) || is_true(text, next, quote)
        }
        b'|' | b'&' => is_call(text, place + 1),
        _ => false,
    }
}

fn is_statement(text: &[u8], place: usize) -> bool {
    let mut place = skip_blank(text, place);
    while matches!(at(text, place), b'}' | b')' | b';') {
        place = skip_blank(text, place + 1);
    }
    if is_call(text, place) {
        return true;
    }
    let word = Word::at(text, place);
    let next = skip_blank(text, word.end);
    match word.bytes() {
        b"return" => {
            let value = Word::at(text, next);
            matches!(
                value.bytes(),
                b"true" | b"this" | b"1" | b"false" | b"process" | b"db"
            ) || at(text, next) == b'!'
        }
        b"while" | b"for" | b"if" | b"sleep" | b"eval" => {
            at(text, next) == b'(' && next == word.end
        }
        b"var" | b"let" | b"const" => {
            is_word(at(text, next)) && {
                let name = Word::at(text, next);
                at(text, skip_blank(text, name.end)) == b'='
            }
        }
        b"db" | b"it" => {
            at(text, word.end) == b'.' && {
                let member = Word::at(text, word.end + 1);
                matches!(at(text, member.end), b'.' | b'(')
            }
        }
        _ => false,
    }
}

/// Whether a condition is true, in the query language of a document store: `|| 1==1`, `|| '1'=='1`, `&& this.x == 'y`.
fn is_true(text: &[u8], place: usize, quote: u8) -> bool {
    if begins(from(text, place), b"this.") {
        return true;
    }
    let mut place = place;
    if matches!(at(text, place), b'\'' | b'"') {
        place += 1;
    }
    let word = Word::at(text, place);
    if word.end == place {
        return at(text, place) == quote;
    }
    place = word.end;
    if matches!(at(text, place), b'\'' | b'"') {
        place += 1;
    }
    place = skip_blank(text, place);
    let operator = from(text, place)
        .iter()
        .take_while(|byte| matches!(byte, b'=' | b'!' | b'<' | b'>'))
        .count();
    if operator == 0 {
        return (word.bytes() == b"true" || word.bytes() == b"1") && !is_word(at(text, place));
    }
    let right = skip_blank(text, place + operator);
    matches!(at(text, right), b'\'' | b'"') || is_word(at(text, right))
}

/// Whether a template literal, or a template of a page, contains a call: `${alert(1)}`.
fn interpolates(kind: ContentKind, value: &[u8]) -> bool {
    if memchr::memmem::find(value, b"${").is_none() {
        return false;
    }
    let code = if kind == ContentKind::Markdown {
        Code::of(value)
    } else {
        Code::NONE
    };
    memchr::memmem::find_iter(value, b"${")
        .any(|place| !code.has(place) && is_call(value, place + 2))
}

#[cfg(test)]
pub(super) fn roots_are_sorted() -> bool {
    let sorted = |words: &[&str]| words.windows(2).all(|pair| pair[0] < pair[1]);
    sorted(ROOTS) && sorted(PREFIXES)
}
