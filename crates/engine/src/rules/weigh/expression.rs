//! Weighs PHP, Java, templates and search filters: would a part of the value be evaluated, and not only shown?

use super::text::{
    Code, Word, at, before, begins, find, from, is_blank, is_word, skip_blank, trim,
};
use crate::bundle::ContentKind;

/// How many expressions of one kind are looked into. A value with more counts.
const MAX_PLACES: usize = 128;

/// How many bytes of an expression are read.
const MAX_EXPRESSION: usize = 256;

/// Whether PHP in a value would run: after an opening tag, out of a string, or as a call that is the whole value.
pub(super) fn is_php(kind: ContentKind, value: &[u8]) -> bool {
    let is_code = matches!(
        kind,
        ContentKind::Code | ContentKind::Query | ContentKind::Pattern
    );
    // This is asked in code too: a serialised object may run code wherever it is read.
    if is_serialized(value) {
        return true;
    }
    if !is_code && (has_php_tag(kind, value) || is_php_alone(value) || interpolates(kind, value)) {
        return true;
    }
    out_of_string(value, is_code) || (!is_code && is_wrapper(value))
}

/// PHP functions that run code, read files or reveal information (from the manual's lists of program execution, file
/// system and information functions).
const PHP: &[&str] = &[
    "array_map",
    "assert",
    "base64_decode",
    "call_user_func",
    "call_user_func_array",
    "chr",
    "create_function",
    "curl_exec",
    "die",
    "eval",
    "exec",
    "exit",
    "file",
    "file_get_contents",
    "file_put_contents",
    "fopen",
    "fputs",
    "fwrite",
    "get_defined_vars",
    "getenv",
    "glob",
    "gzinflate",
    "highlight_file",
    "include",
    "include_once",
    "ini_get",
    "ini_set",
    "mail",
    "md5",
    "move_uploaded_file",
    "opendir",
    "passthru",
    "pcntl_exec",
    "phpinfo",
    "phpversion",
    "popen",
    "preg_replace",
    "print_r",
    "proc_open",
    "putenv",
    "readfile",
    "require",
    "require_once",
    "scandir",
    "shell_exec",
    "show_source",
    "str_rot13",
    "system",
    "unlink",
    "unserialize",
    "usort",
    "var_dump",
];

/// Where the argument list begins, if one of these functions is called at a position, also with signs around its name:
/// `@system(`, `\system(`, `system/**/(`.
fn php_call(text: &[u8], place: usize) -> Option<usize> {
    let mut place = skip_blank(text, place);
    while matches!(
        at(text, place),
        b'@' | b'\\' | b'!' | b'(' | b'{' | b'"' | b'\''
    ) || is_blank(at(text, place))
    {
        place += 1;
    }
    let mut word = Word::at(text, place);
    if matches!(word.bytes(), b"echo" | b"print" | b"return") {
        place = skip_blank(text, word.end);
        word = Word::at(text, place);
    }
    let mut end = word.end;
    if from(text, end).starts_with(b"/*") {
        let rest = from(text, end);
        let comment = rest.get(..rest.len().min(MAX_EXPRESSION)).unwrap_or(rest);
        end = memchr::memmem::find(comment, b"*/").map_or(end, |length| end + length + 2);
    }
    // Since PHP 7, `'system'(…)` and `(system)(…)` are calls.
    while matches!(at(text, end), b'"' | b'\'' | b')') {
        end += 1;
    }
    let open = skip_blank(text, end);
    let variable = from(text, place).starts_with(b"$_") || from(text, place).starts_with(b"${");
    (word.is_in(PHP) && at(text, open) == b'(' || variable).then_some(open)
}

/// Whether there is a `<?php` and after it a call that does something.
fn has_php_tag(kind: ContentKind, value: &[u8]) -> bool {
    let code = if kind == ContentKind::Markdown {
        Code::of(value)
    } else {
        Code::NONE
    };
    let mut number = 0;
    memchr::memmem::find_iter(value, b"<?").any(|start| {
        if code.has(start) {
            return false;
        }
        number += 1;
        number > MAX_PLACES || php_tag_runs(from(value, start))
    }) || has_php_script(value)
}

/// Whether there is a `<script language="php">`.
fn has_php_script(value: &[u8]) -> bool {
    find(value, b"<script").is_some_and(|place| {
        let tag = from(value, place);
        let end = memchr::memchr(b'>', tag).unwrap_or(tag.len());
        find(tag.get(..end).unwrap_or(tag), b"php").is_some()
    })
}

/// Whether the text after `<?` calls something, or reads what a client sent.
fn php_tag_runs(rest: &[u8]) -> bool {
    let opens = begins(rest, b"<?php")
        || begins(rest, b"<?=")
        || matches!(at(rest, 2), b' ' | b'\n' | b'\t' | b'`');
    if !opens || begins(rest, b"<?xml") {
        return false;
    }
    let rest = rest
        .get(..rest.len().min(2 * MAX_EXPRESSION))
        .unwrap_or(rest);
    let end = memchr::memmem::find(rest, b"?>").unwrap_or(rest.len());
    let inside = rest.get(..end).unwrap_or(rest);
    inside.contains(&b'`')
        || memchr::memchr2_iter(b'(', b'$', inside).any(|place| {
            let here = from(inside, place);
            if at(here, 0) == b'$' {
                return [&b"$_get"[..], b"$_post", b"$_request", b"$_cookie"]
                    .iter()
                    .any(|name| begins(here, name));
            }
            let head = inside.get(..place).unwrap_or_default().trim_ascii_end();
            let start = head.iter().rposition(|byte| !is_word(*byte));
            Word::at(inside, start.map_or(0, |found| found + 1)).is_in(PHP)
        })
}

/// Whether the value is a PHP call and nothing else.
fn is_php_alone(value: &[u8]) -> bool {
    let value = trim(value);
    let Some(last) = value.last() else {
        return false;
    };
    if !matches!(last, b')' | b';' | b'`' | b'}' | b'\'' | b'"') && !begins(value, b"$_") {
        return false;
    }
    // A value of several lines is a program that is shown, not called.
    if memchr::memchr_iter(b'\n', value).count() > 1 {
        return false;
    }
    let starts = at(value, 0);
    if !(starts.is_ascii_alphabetic()
        || matches!(starts, b'@' | b'\\' | b'$' | b'(' | b'"' | b'\''))
    {
        return false;
    }
    if begins(value, b"$_") || begins(value, b"$globals") {
        return value.iter().any(|byte| matches!(byte, b'[' | b'{'));
    }
    php_call(value, 0).is_some_and(|open| {
        // In a sentence, a blank stands before the parenthesis of a remark; an argument list has none.
        at(value, open) == b'(' && (!is_blank(before(value, open)) || value.len() < 80)
    })
}

/// Whether a call would be filled into a string in double quotes: `${phpinfo()}`, `{${system('id')}}`.
fn interpolates(kind: ContentKind, value: &[u8]) -> bool {
    let code = if kind == ContentKind::Markdown {
        Code::of(value)
    } else {
        Code::NONE
    };
    memchr::memmem::find_iter(value, b"${")
        .any(|place| !code.has(place) && php_call(value, place + 2).is_some())
}

/// Whether there is an object as PHP's `serialize` writes it.
fn is_serialized(value: &[u8]) -> bool {
    memchr::memmem::find_iter(value, b":\"").any(|colon| {
        // The length in `O:8:"` has few digits, so looking back a little is enough.
        let head = value
            .get(colon.saturating_sub(24)..colon)
            .unwrap_or_default();
        let digits = head
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let head = head.get(..head.len() - digits).unwrap_or_default();
        let head = head.strip_suffix(b"+").unwrap_or(head);
        let (Some(b"O:" | b"C:"), true) = (
            head.len().checked_sub(2).map(|start| from(head, start)),
            digits > 0,
        ) else {
            return false;
        };
        !is_word(before(head, head.len() - 2))
    })
}

/// Whether a string ends and a call follows: `';phpinfo();//`, `".system('id')."`.
fn out_of_string(value: &[u8], is_code: bool) -> bool {
    let mut counts = [0_usize; 2];
    for place in memchr::memchr2_iter(b'\'', b'"', value) {
        let double = at(value, place) == b'"';
        let (left, right) = (before(value, place), at(value, place + 1));
        if !double && is_word(left) && right.is_ascii_alphabetic() {
            continue;
        }
        let head = value.get(..place).unwrap_or_default();
        if is_code && (head.len() > 40 || head.iter().any(|byte| is_blank(*byte))) {
            return false;
        }
        if let Some(count) = counts.get_mut(usize::from(double)) {
            *count += 1;
            if *count % 2 == 0 {
                continue;
            }
        }
        let mut next = skip_blank(value, place + 1);
        while matches!(at(value, next), b')' | b']' | b'}') {
            next = skip_blank(value, next + 1);
        }
        if matches!(at(value, next), b';' | b'.' | b',') && php_call(value, next + 1).is_some() {
            return true;
        }
    }
    false
}

/// Whether the whole value is a PHP stream, such as `php://input`.
fn is_wrapper(value: &[u8]) -> bool {
    let value = trim(value);
    let scheme = memchr::memmem::find(value, b"://").unwrap_or(0);
    scheme > 0
        // Names of schemes are short: a longer text before `://` is something else.
        && scheme < 24
        && !value.iter().any(|byte| is_blank(*byte))
        && value.get(..scheme).is_some_and(|name| {
            name.iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':'))
        })
}

/// Whether an expression of Java's expression languages would be evaluated, or a value would be read as an object.
pub(super) fn is_java(value: &[u8]) -> bool {
    let shown = trim(value);
    // These are serialised objects, in Base64 and as bytes; after them come lookups, and the way to the class loader by
    // name.
    if begins(shown, b"ro0ab")
        || value.starts_with(&[0xac, 0xed, 0, 5])
        || begins(shown, b"kztaaq")
        || begins(shown, b"cs7qaf")
        || begins(shown, b"yv66vg")
    {
        return true;
    }
    if begins(shown, b"class.") && !shown.iter().any(|byte| is_blank(*byte))
        || find(value, b"class.module.classloader").is_some()
        || find(value, b"class['module']").is_some()
    {
        return true;
    }
    if has_lookup(value) {
        return true;
    }
    let delimited = [&b"${"[..], b"%{", b"#{", b"*{"].iter().any(|open| {
        memchr::memmem::find_iter(value, open)
            .enumerate()
            .any(|(number, place)| number >= MAX_PLACES || evaluates(from(value, place + 2)))
    });
    delimited || is_java_alone(shown)
}

/// The lookups of Log4j 2 (its manual, "Lookups").
const LOOKUPS: &[&str] = &[
    "base64",
    "bundle",
    "const",
    "ctx",
    "date",
    "dns",
    "env",
    "file",
    "java",
    "jndi",
    "log4j",
    "lower",
    "main",
    "map",
    "script",
    "sys",
    "upper",
    "url",
    "urldecoder",
    "urlencoder",
    "xml",
];

/// Whether there is a dangerous lookup such as `${jndi:…}`, also when other lookups hide its letters.
fn has_lookup(value: &[u8]) -> bool {
    memchr::memmem::find_iter(value, b"${").any(|place| {
        let inside = from(value, place + 2);
        let inside = inside
            .get(..inside.len().min(MAX_EXPRESSION))
            .unwrap_or(inside);
        let name = Word::at(inside, 0);
        if at(inside, name.end) != b':' || !name.is_in(LOOKUPS) {
            return inside.starts_with(b"::-") || inside.starts_with(b"${");
        }
        // The other lookups only name a value of the system, which in a document is an example.
        matches!(
            name.bytes(),
            b"jndi" | b"script" | b"dns" | b"lower" | b"upper"
        ) || matches!(at(inside, name.end + 1), b':' | b'$')
            || memchr::memmem::find(inside, b"jndi").is_some()
    })
}

/// Whether the text between delimiters does something: it calls, makes, or names a class.
fn evaluates(inside: &[u8]) -> bool {
    let inside = inside
        .get(..inside.len().min(MAX_EXPRESSION))
        .unwrap_or(inside);
    // Only the text up to the closing brace is evaluated; what follows is shown.
    let end = memchr::memchr(b'}', inside).unwrap_or(inside.len());
    let inside = inside.get(..end).unwrap_or(inside);
    let java = [
        &b"java."[..],
        b"getclass",
        b"runtime",
        b"processbuilder",
        b"classloader",
        b"#context",
        b"#_memberaccess",
        b"forname",
        b"@java",
        b"applicationscope",
        b"sessionscope",
        b"requestscope",
        b"#request",
        b"#session",
        b"opensymphony",
        b"scriptengine",
        b"pagecontext",
        b"#parameters",
        b"#application",
    ];
    java.iter().any(|name| find(inside, name).is_some())
}

/// Whether the whole value is an expression that reaches the system.
fn is_java_alone(value: &[u8]) -> bool {
    let calls = value.contains(&b'(');
    let first = at(value, 0);
    let starts = begins(value, b"t(")
        || begins(value, b"new ")
        || first == b'@'
        || first == b'('
        || first == b'#'
        || first == b'<'
        || begins(value, b"java.")
        || begins(value, b"runtime.")
        || first == b'\''
        || first == b'"';
    let reaches = [
        &b"processbuilder"[..],
        b"getruntime",
        b"java.lang.runtime",
        b"forname",
        b"classloader",
        b"scriptengine",
        b"unmarshaller",
        b"objectinputstream",
    ]
    .iter()
    .any(|name| find(value, name).is_some());
    // A stack trace names these classes, and people paste them into reports.
    let trace = memchr::memmem::find(value, b"\n\tat ").is_some()
        || memchr::memmem::find(value, b"\n    at ").is_some();
    // An expression far behind the beginning is part of a text, which is not evaluated.
    let near = value
        .iter()
        .position(|byte| *byte == b'(')
        .is_some_and(|place| place < 400);
    reaches && !trace && (starts && (calls || first == b'<') || near && has_chain(value))
}

/// Whether there is a chain of calls that only programs have, such as `getRuntime().exec(`.
fn has_chain(value: &[u8]) -> bool {
    [
        &b"getruntime().exec("[..],
        b"getruntime()).exec(",
        b").start()",
        b"forname('java.lang",
        b"forname(\"java.lang",
        b"t(java.lang",
    ]
    .iter()
    .any(|chain| find(value, chain).is_some())
}

/// Whether a template would compute something: `{{7*7}}`, `${7*7}`, `<%= system('id') %>`, `{{config.items()}}`.
/// Placeholders (`{{name}}`, `${price}`, `{{ user.name | upper }}`) only show.
pub(super) fn is_template(kind: ContentKind, value: &[u8]) -> bool {
    let code = match kind {
        ContentKind::Markdown => Code::of(value),
        ContentKind::Code | ContentKind::Query | ContentKind::Pattern => {
            let shown = trim(value);
            return (shown.len() < 400
                && !shown.contains(&b'\n')
                && [&b"{{"[..], b"${", b"#{", b"*{", b"<%"]
                    .iter()
                    .any(|open| shown.starts_with(open)))
                && computes_anywhere(shown, &Code::NONE);
        }
        _ => Code::NONE,
    };
    computes_anywhere(value, &code)
}

/// The delimiters of templates.
const DELIMITERS: [(&[u8], &[u8]); 10] = [
    (b"{{", b"}}"),
    (b"{%", b"%}"),
    (b"<%", b"%>"),
    (b"${", b"}"),
    (b"#{", b"}"),
    (b"*{", b"}"),
    (b"@(", b")"),
    (b"[[", b"]]"),
    (b"@{", b"}"),
    (b"{php}", b"{/php}"),
];

/// Texts that occur only in templates that reach the system.
const MARKS: [&[u8]; 14] = [
    b"?new()",
    b"freemarker.template.utility",
    b"#set($",
    b"#set ($",
    b"__subclasses__",
    b"__globals__",
    b"__builtins__",
    b"{php}",
    b"{system(",
    b"$class.inspect",
    b"__import__(",
    b"$x.class.forname",
    b"{if system",
    b".getclass().forname",
];

/// Whether an expression outside of code would be computed.
fn computes_anywhere(value: &[u8], code: &Code) -> bool {
    for (open, close) in DELIMITERS {
        let mut number = 0;
        for place in memchr::memmem::find_iter(value, open) {
            if code.has(place) {
                continue;
            }
            number += 1;
            if number > MAX_PLACES {
                return true;
            }
            let inside = from(value, place + open.len());
            let inside = inside
                .get(..inside.len().min(MAX_EXPRESSION))
                .unwrap_or(inside);
            let end = memchr::memmem::find(inside, close).unwrap_or(inside.len());
            if computes(open, inside.get(..end).unwrap_or(inside)) {
                return true;
            }
        }
    }
    MARKS.iter().any(|mark| {
        find(value, mark).is_some_and(|place| !code.has(place) && is_used(value, place, mark.len()))
    })
}

/// Whether a name of Python's internals is used: a sign of an expression stands before it and after it. A text that
/// explains the name has neither.
fn is_used(value: &[u8], place: usize, length: usize) -> bool {
    if at(value, place) != b'_' {
        return true;
    }
    let left = before(value, place);
    let right = at(value, place + length);
    matches!(left, b'.' | b'[' | b'\'' | b'"' | b'(')
        && matches!(right, b'.' | b'[' | b'\'' | b'"' | b'(')
        || before(value, place + length) == b'(' && is_in_delimiters(value, place)
}

fn is_in_delimiters(value: &[u8], place: usize) -> bool {
    let head = value
        .get(place.saturating_sub(200)..place)
        .unwrap_or_default();
    memchr::memmem::rfind(head, b"{{").is_some() || memchr::memmem::rfind(head, b"{%").is_some()
}

/// Names by which templates reach the system that they run on.
const REACHES: &[&[u8]] = &[
    b"__",
    b"java.lang",
    b"runtime",
    b"getclass",
    b"subprocess",
    b"popen",
    b"os.system",
    b"system(",
    b"exec(",
    b"eval(",
    b"`",
    b"constructor",
    b"process.",
    b"require(",
    b"qx{",
    b"qx(",
    b"system ",
    b"spawn(",
    b"_load(",
    b"file.open",
    b"file.read",
    b"open(",
    b"registerundefined",
    b"getfilter",
    b"processbuilder",
    b"attr(",
    b"|attr",
    b"import os",
    b"%x(",
];

fn computes(open: &[u8], inside: &[u8]) -> bool {
    let inside = trim(inside);
    let (open, inside) = match inside.strip_prefix(b"=") {
        Some(shown) if open == b"<%" => (&b"{{"[..], trim(shown)),
        _ => (open, inside),
    };
    if open == b"{php}" {
        return !inside.is_empty();
    }
    // Two brackets may be a Markdown link within brackets.
    if open == b"[[" && memchr::memmem::find(inside, b"](").is_some() {
        return false;
    }
    if is_arithmetic(inside) {
        return true;
    }
    // Most statements only choose or loop, and few reach the system.
    if open == b"{%" || open == b"<%" {
        return statement_runs(inside);
    }
    // A placeholder only names what it shows, so it has none of these names.
    if REACHES.iter().any(|name| find(inside, name).is_some()) {
        return true;
    }
    if open != b"{{" {
        return open == b"${" && begins(inside, b"t(");
    }
    let literal = matches!(at(inside, 0), b'[' | b'(' | b'\'' | b'"');
    tells_of_framework(inside) || literal && find(inside, b".class").is_some()
}

/// Whether the text is arithmetic, or repeats a string. Probes for template injection are made of this.
fn is_arithmetic(inside: &[u8]) -> bool {
    let mut place = 0;
    while at(inside, place).is_ascii_digit()
        || matches!(at(inside, place), b'\'' | b'"' | b'(' | b'-')
    {
        place += 1;
    }
    let operator = skip_blank(inside, place);
    if place == 0 || place >= 16 || !matches!(at(inside, operator), b'*' | b'+' | b'-' | b'/') {
        return false;
    }
    let right = skip_blank(inside, operator + 1);
    let signs = |byte: &u8| {
        byte.is_ascii_digit() || matches!(byte, b'\'' | b'"' | b')' | b'*' | b'+' | b' ')
    };
    (at(inside, right).is_ascii_digit() || at(inside, right) == b'\'')
        && trim(from(inside, right)).iter().all(signs)
}

/// Whether a template statement imports, includes or calls something that runs.
fn statement_runs(inside: &[u8]) -> bool {
    const CALLS: [&[u8]; 6] = [
        b"os.popen",
        b"__class__",
        b"__import__",
        b"system(",
        b"`id`",
        b"exec(",
    ];
    [&b"import "[..], b"debug", b"include '", b"include \"/"]
        .iter()
        .any(|word| begins(inside, word))
        || CALLS.iter().any(|name| find(inside, name).is_some())
}

/// Whether an internal object of a framework is used or shown.
fn tells_of_framework(inside: &[u8]) -> bool {
    let word = Word::at(inside, 0);
    let (called, shown) = match word.bytes() {
        b"config" => (true, true),
        b"settings" | b"_self" => (false, true),
        b"dump" | b"request" | b"self" | b"lipsum" | b"url_for" | b"get_flashed_messages" => {
            (true, false)
        }
        b"cycler" | b"joiner" | b"namespace" | b"app" | b"range" => (false, false),
        _ => return false,
    };
    match at(inside, word.end) {
        0 => shown && word.end == inside.len(),
        b'(' | b'[' => called,
        b'.' => shown || inside.contains(&b'('),
        _ => false,
    }
}

/// Whether the value closes an LDAP search filter that it did not open: `*)(uid=*))(|(uid=*`.
pub(super) fn is_filter(value: &[u8]) -> bool {
    let mut depth = 0_usize;
    for (place, byte) in value.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            // Only a parenthesis that the value did not open can close the filter of the application.
            b')' if depth == 0 => {
                let next = skip_blank(value, place + 1);
                if matches!(at(value, next), b'(' | b')' | 0 | b'&' | b'|')
                    && (at(value, next) != 0 || before(value, place) == b'*')
                {
                    // An emoticon or a numbered item closes a parenthesis too, but a filter goes on with an assertion.
                    let rest = from(value, place + 1);
                    let rest = rest.get(..rest.len().min(128)).unwrap_or(rest);
                    let goes_on = rest.iter().any(|byte| matches!(byte, b'=' | b'|' | b'&'));
                    if goes_on || before(value, place) == b'*' {
                        return true;
                    }
                }
            }
            b')' => depth -= 1,
            _ => {}
        }
    }
    // The whole value may be a filter too.
    let shown = trim(value);
    at(shown, 0) == b'('
        && matches!(at(shown, 1), b'&' | b'|' | b'!')
        && !shown.iter().any(|byte| is_blank(*byte))
}

#[cfg(test)]
pub(super) fn functions_are_sorted() -> bool {
    let sorted = |words: &[&str]| words.windows(2).all(|pair| pair[0] < pair[1]);
    sorted(PHP) && sorted(LOOKUPS)
}
