//! Shells: a value becomes an argument of a command. It runs when the argument ends (`;`, `|`, `&`, `$(`, a backtick)
//! and a command with what commands are given follows. Shell that is shown, in code of Markdown or on lines that begin
//! with a command themselves, is what how-tos are made of.

mod words;

use super::text::{
    Code, Word, at, before, begins, find, from, is_blank, is_in, is_one_token, is_word, skip_blank,
    trim,
};
use crate::bundle::ContentKind;
#[cfg(test)]
pub(super) use words::lists_are_sorted;
use words::{COMMANDS, FILES, INTERPRETERS, NETWORK, PRINTS, RUNNERS, TELLS, TOOLS, WORDS};

/// Commands behind separators whose lines are looked at. Past them the value counts.
const MAX_COMMANDS: usize = 256;

/// Names of commands behind separators, for each of those: looking at what such a name is given costs less.
const NAMES_OF_COMMAND: usize = 16;

/// Bytes that are looked back for the command of a line.
const MAX_BACK: usize = 256;

/// Blanks, quotes and brackets that may stand before a command.
const MAX_OPENERS: usize = 64;

/// Whether a value runs a command.
pub(super) fn runs(kind: ContentKind, value: &[u8]) -> bool {
    if is_function_import(value)
        || has_internal_separator(kind, value)
        || is_batch(value)
        || is_command_alone(value)
    {
        return true;
    }
    if is_code(kind) {
        return begins_with_command(kind, value);
    }
    let code = Code::of(value);
    let mut count = 0;
    let mut place = 0;
    while let Some(found) = from(value, place)
        .iter()
        .position(|byte| matches!(byte, b';' | b'|' | b'&' | b'$' | b'`' | b'<' | b'>' | b'\n'))
    {
        let start = place + found;
        place = start + 1;
        // A value made of commands is no prose.
        if count > MAX_COMMANDS * NAMES_OF_COMMAND {
            return true;
        }
        // Backticks are code of Markdown far more often than they run something.
        if at(value, start) == b'`' {
            if backtick_runs(value, start) {
                return true;
            }
            continue;
        }
        if !code.has(start) && separator_runs(value, start, &mut count) {
            return true;
        }
    }
    false
}

const fn is_code(kind: ContentKind) -> bool {
    matches!(
        kind,
        ContentKind::Code | ContentKind::Query | ContentKind::Pattern
    )
}

/// `() { :;};`: a function in a variable that a shell imports, and what follows it (CVE-2014-6271).
fn is_function_import(value: &[u8]) -> bool {
    memchr::memmem::find_iter(value, b"()").any(|place| {
        let brace = skip_blank(value, place + 2);
        at(value, brace) == b'{' && {
            let body = skip_blank(value, brace + 1);
            matches!(at(value, body), b':' | b'_' | b'>')
                && from(value, body).iter().take(64).any(|byte| *byte == b'}')
        }
    })
}

/// A command with a variable for its blank: `cat${IFS}/etc/passwd`.
fn has_internal_separator(kind: ContentKind, value: &[u8]) -> bool {
    let code = if kind == ContentKind::Markdown || kind == ContentKind::Prose {
        Code::of(value)
    } else {
        Code::NONE
    };
    let found = memchr::memmem::find_iter(value, b"IFS").any(|place| {
        let name = value.get(..place).unwrap_or_default();
        let start = if name.ends_with(b"${") {
            place.saturating_sub(2)
        } else {
            place.saturating_sub(1)
        };
        at(value, start) == b'$'
            && (is_word(before(value, start)) || before(value, start) == b'\'')
            && !code.has(place)
            && from(value, place + 3)
                .iter()
                .take(3)
                .any(|byte| !is_blank(*byte))
    });
    found && kind != ContentKind::Code
}

/// Whether a value is a line of commands and nothing else, for a rule that looks for commands: `;cpulimit -l 1 -f x`,
/// `time; ansible all -m ping`, `alias a='ls -al'`.
pub(super) fn is_line(value: &[u8]) -> bool {
    let value = trim(value);
    // One short line, for a program of several lines is shown and not injected.
    if value.len() > MAX_BACK || value.contains(&b'\n') || is_sentence(value) {
        return false;
    }
    let first = Word::at(value, 0);
    let behind = at(value, first.end);
    if first.end == 0 {
        return matches!(behind, b';' | b'|' | b'&')
            && at(value, 1).is_ascii_alphabetic()
            && !value.ends_with(b"|");
    }
    first.is_in(COMMANDS) && matches!(behind, b';' | b'|')
        || first.bytes() == b"alias" && is_blank(behind) && value.contains(&b'=')
}

/// Whether words stand in a row, as in no command.
fn is_sentence(value: &[u8]) -> bool {
    let mut row = 0;
    value.split(|byte| is_blank(*byte)).any(|word| {
        let word = word.strip_suffix(b",").unwrap_or(word);
        let plain = !word.is_empty()
            && word
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80 || *byte == b'\'');
        row = if plain { row + 1 } else { 0 };
        row >= 4
    })
}

/// A loop or a condition of Windows' command line, on its own: `for %i in (…) do`, `if exist x y`.
fn is_batch(value: &[u8]) -> bool {
    let value = trim(value);
    if value.contains(&b'\n') {
        return false;
    }
    let start = value.iter().position(u8::is_ascii_alphabetic).unwrap_or(0);
    let word = Word::at(value, start);
    if start > 2 || !is_blank(at(value, word.end)) {
        return false;
    }
    let next = skip_blank(value, word.end);
    match word.bytes() {
        b"for" => is_batch_loop(value, next),
        b"if" => is_batch_condition(value, next),
        _ => false,
    }
}

/// What is behind `for` of Windows' command line: `%i in (…) do`.
fn is_batch_loop(value: &[u8], next: usize) -> bool {
    let variable = from(value, next).iter().position(|byte| *byte == b'%');
    variable.is_some_and(|place| {
        place < 48
            && find(from(value, next + place), b"in").is_some()
            && find(value, b"do").is_some()
            && value.contains(&b'(')
    })
}

/// What is behind `if` of Windows' command line: `/i`, `not`, and a test.
fn is_batch_condition(value: &[u8], mut next: usize) -> bool {
    if begins(from(value, next), b"/i") {
        next = skip_blank(value, next + 2);
    }
    let mut test = Word::at(value, next);
    if test.bytes() == b"not" {
        next = skip_blank(value, test.end);
        test = Word::at(value, next);
    }
    let rest = from(value, next);
    matches!(test.bytes(), b"exist" | b"defined" | b"errorlevel")
        || rest.starts_with(b"%")
        || rest.starts_with(b"[%")
        || rest.starts_with(b"\"%")
        || rest.starts_with(b"(")
            && [&b" equ "[..], b" == ", b" neq "]
                .iter()
                .any(|operator| find(rest, operator).is_some_and(|place| place < 16))
}

/// The value is a command that runs another, or what it is given points at an attack.
fn is_command_alone(value: &[u8]) -> bool {
    let value = trim(value);
    if value.contains(&b'\n') {
        return false;
    }
    let Some(first) = command(value, 0) else {
        return false;
    };
    let next = skip_blank(value, first.end);
    if next == first.end {
        return false;
    }
    let given = from(value, next);
    if is_in(first.name(), RUNNERS) {
        return command(value, next).is_some_and(|second| {
            let rest = trim(from(value, second.end));
            is_in(second.name(), TELLS) && rest.is_empty()
                || is_in(second.name(), INTERPRETERS) && at(rest, 0) == b'-'
        });
    }
    is_in(first.name(), INTERPRETERS)
        && (begins(given, b"-c ")
            || begins(given, b"-e ")
            || begins(given, b"-r ")
            || begins(given, b"/c ")
            || begins(given, b"-i"))
        || is_in(first.name(), COMMANDS)
            && is_pointed(value, first.end)
            && is_given(first.name(), given)
}

/// Code: only what ends an argument in the value's first characters.
fn begins_with_command(kind: ContentKind, value: &[u8]) -> bool {
    let value = trim(value);
    if value.contains(&b'\n') {
        return false;
    }
    let end = value
        .iter()
        .position(|byte| !is_word(*byte) && !matches!(byte, b'.' | b'\'' | b'"' | b')' | b'-'))
        .unwrap_or(value.len());
    if end > 40 {
        return false;
    }
    let place = skip_blank(value, end);
    match at(value, place) {
        b'|' if kind == ContentKind::Pattern => false,
        b';' | b'|' | b'&' => separator_runs(value, place, &mut 0),
        b'$' if place == 0 => separator_runs(value, place, &mut 0) && value.last() == Some(&b')'),
        _ => false,
    }
}

/// Whether a command runs behind the sign at a place.
///
/// # Arguments
/// * `count` - what looking at commands has cost so far.
fn separator_runs(value: &[u8], start: usize, count: &mut usize) -> bool {
    let Some((place, kind)) = separator(value, start) else {
        return false;
    };
    let Some(place) = skip_openers(value, place, start, kind) else {
        return false;
    };
    if !matches!(kind, Separator::Line | Separator::Substitution)
        && is_batch_line(from(value, place))
    {
        return true;
    }
    let Some(command) = command(value, place) else {
        return false;
    };
    *count += usize::from(is_in(command.name(), TELLS) || is_in(command.name(), COMMANDS));
    if !command.runs(value, start, kind) {
        return false;
    }
    *count += NAMES_OF_COMMAND;
    if kind == Separator::Line {
        return is_second_of_two(value, start) && is_pointed(value, command.end);
    }
    // How-tos: the line is shell from its beginning.
    !is_shell_line(value, start) || is_pointed(value, command.end) && !shows_shell(value, start)
}

/// The separator at a place, and where it ends.
fn separator(value: &[u8], start: usize) -> Option<(usize, Separator)> {
    let first = at(value, start);
    let second = at(value, start + 1);
    let (length, kind) = match first {
        b'$' if second == b'(' && at(value, start + 2) != b'(' => (2, Separator::Substitution),
        b'<' | b'>' if second == b'(' => (2, Separator::Substitution),
        b'\n' => (1, Separator::Line),
        b';' | b'|' | b'&' if second == first => (2, Separator::Double),
        b';' if before(value, start) != b';' && !is_entity(value, start) => {
            (1, Separator::Semicolon)
        }
        b'|' if before(value, start) != b'|' => (1, Separator::Pipe),
        b'&' if before(value, start) != b'&' && second != b'#' => (1, Separator::Ampersand),
        _ => return None,
    };
    Some((start + length, kind))
}

/// Where the command begins behind blanks, quotes and brackets; `None` when there are more of them than people write.
fn skip_openers(value: &[u8], mut place: usize, start: usize, kind: Separator) -> Option<usize> {
    loop {
        let byte = at(value, place);
        let skips = is_blank(byte) && byte != b'\n'
            || matches!(byte, b'(' | b'{' | b'!' | b'\'' | b'"' | b'`' | b'@');
        if !(skips || is_blank(byte) && kind != Separator::Line) {
            return Some(place);
        }
        place += 1;
        if place - start > MAX_OPENERS {
            return None;
        }
    }
}

/// Whether the line that begins here is a loop or a condition of Windows' command line.
fn is_batch_line(line: &[u8]) -> bool {
    if !matches!(at(line, 0), b'f' | b'F' | b'i' | b'I') {
        return false;
    }
    let line = line.get(..line.len().min(MAX_BACK)).unwrap_or(line);
    let end = memchr::memchr(b'\n', line).unwrap_or(line.len());
    is_batch(line.get(..end).unwrap_or(line))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    Substitution,
    Line,
    Double,
    Semicolon,
    Pipe,
    Ampersand,
}

/// `&lt;` ends with a semicolon that separates nothing.
fn is_entity(value: &[u8], semicolon: usize) -> bool {
    let head = value
        .get(semicolon.saturating_sub(9)..semicolon)
        .unwrap_or_default();
    memchr::memrchr(b'&', head).is_some_and(|place| {
        let name = from(head, place + 1);
        !name.is_empty()
            && name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'#')
    })
}

struct Command {
    name: [u8; 24],
    length: usize,
    /// Behind it.
    end: usize,
    /// It is written as an attack writes it, and a text does not: with a path, quotes or wildcards in it.
    hidden: bool,
}

/// The command at a place, its letters in lower case without what hides them: `/bin/c'a't`, `c\at`, `$@`.
fn command(value: &[u8], start: usize) -> Option<Command> {
    let mut found = Command {
        name: [0; 24],
        length: 0,
        end: start,
        hidden: false,
    };
    let mut wild = false;
    let mut place = start;
    while place < value.len() && place - start < 96 {
        let byte = at(value, place);
        match byte {
            b'/' | b'\\' if byte == b'/' || at(value, place + 1).is_ascii_alphabetic() => {
                // The name begins anew behind a slash: `/bin/cat` is `cat`.
                if byte == b'/' {
                    (found.length, wild) = (0, false);
                }
                found.hidden = true;
            }
            b'\'' | b'"' | b'^' if is_word(at(value, place + 1)) && place > start => {
                found.hidden = true;
            }
            b'$' if matches!(at(value, place + 1), b'@' | b'*') => {
                place += 1;
                found.hidden = true;
            }
            b'?' | b'*' | b'[' | b']' if found.hidden => wild = true,
            b'.' | b'-' | b'_' | b'+' => push(&mut found, byte),
            _ if byte.is_ascii_alphanumeric() => push(&mut found, byte.to_ascii_lowercase()),
            _ => break,
        }
        place += 1;
    }
    found.end = place;
    if wild {
        // Which command wildcards find depends on the system, so one that reads files stands for it.
        b"cat".clone_into(found.name.first_chunk_mut::<3>()?);
        found.length = 3;
    }
    (0 < found.length && found.length < 24).then_some(found)
}

fn push(found: &mut Command, byte: u8) {
    if let Some(slot) = found.name.get_mut(found.length) {
        *slot = byte;
        found.length += 1;
    }
}

impl Command {
    fn name(&self) -> &[u8] {
        let name = self.name.get(..self.length).unwrap_or_default();
        name.strip_suffix(b".exe").unwrap_or(name)
    }

    fn runs(&self, value: &[u8], start: usize, kind: Separator) -> bool {
        let next = at(value, self.end);
        let argument = self.end
            + from(value, self.end)
                .iter()
                .take_while(|byte| matches!(byte, b' ' | b'\t'))
                .count();
        let ends = argument >= value.len()
            || matches!(
                at(value, argument),
                b'\n' | b'\r' | b';' | b'&' | b'`' | b')' | b'\'' | b'"' | b'}' | b'#'
            )
            || (at(value, argument) == b'|' && kind != Separator::Pipe);
        let name = self.name();
        if is_in(name, TELLS) {
            let flags = argument > self.end
                && is_given(name, from(value, argument))
                && !is_table(value, start);
            return flags || tells(name, value, start, kind, ends);
        }
        if !is_in(name, COMMANDS) {
            return false;
        }
        // Braces and commas stand for blanks: {cat,/etc/passwd}.
        let brace = next == b',' && before(value, start + 1) != 0;
        let spaced = argument > self.end || matches!(next, b'<' | b'>' | b'$' | b'%') || brace;
        if !spaced {
            return self.hidden && ends && !is_in(name, WORDS);
        }
        let given = from(value, argument + usize::from(brace));
        is_given(name, given) || (self.hidden && at(value, start) != b'\n')
    }
}

/// A command that needs nothing more: whether it is meant as one.
fn tells(name: &[u8], value: &[u8], start: usize, kind: Separator, ends: bool) -> bool {
    // A word of SQL and of sentences too.
    if name == b"set" && !ends {
        return false;
    }
    let left = before(value, start);
    let apart = start == 0 || is_blank(left) || matches!(left, b'\'' | b'"' | b')');
    let one_word = value.len() < 120 && is_one_token(value.get(..start).unwrap_or_default());
    let clear = matches!(
        name,
        b"whoami" | b"ifconfig" | b"ipconfig" | b"netstat" | b"uname" | b"systeminfo" | b"printenv"
    );
    match kind {
        Separator::Substitution => ends || clear,
        Separator::Double => ends || apart,
        Separator::Semicolon => clear || apart || (ends && one_word && value.len() < 80),
        Separator::Pipe | Separator::Ampersand => {
            !is_table(value, start) && (clear || (ends && (apart || one_word) && value.len() < 120))
        }
        Separator::Line => clear && ends,
    }
}

/// A line of a Markdown table.
fn is_table(value: &[u8], place: usize) -> bool {
    let back = place.saturating_sub(2 * MAX_BACK);
    let start = memchr::memrchr(b'\n', value.get(back..place).unwrap_or_default())
        .map_or(back, |found| back + found + 1);
    let line = value
        .get(start..value.len().min(place + 2 * MAX_BACK))
        .unwrap_or_default();
    let line = trim(
        line.get(..memchr::memchr(b'\n', line).unwrap_or(line.len()))
            .unwrap_or(line),
    );
    line.len() > 2
        && line.first() == Some(&b'|')
        && (line.last() == Some(&b'|') || memchr::memchr_iter(b'|', line).count() > 2)
}

/// Whether what follows a command's name is what the command is given, and no word of a sentence.
fn is_given(name: &[u8], given: &[u8]) -> bool {
    // What decides stands at the beginning; values can have megabytes behind it.
    let given = given.get(..given.len().min(4 * MAX_BACK)).unwrap_or(given);
    let end = given
        .iter()
        .position(|byte| is_blank(*byte) || matches!(byte, b';' | b'|' | b'&' | b')' | b'`'))
        .unwrap_or(given.len());
    let argument = given.get(..end).unwrap_or(given);
    let rest = from(given, end);
    let rest = rest.get(..rest.len().min(MAX_BACK)).unwrap_or(rest);
    let first = at(argument, 0);
    let second = at(argument, 1);
    match first {
        0 => false,
        b'-' => {
            second.is_ascii_alphanumeric()
                || second == b'-' && at(argument, 2).is_ascii_alphabetic()
        }
        b'/' => {
            second.is_ascii_alphabetic() || matches!(second, b'?' | b'*' | 0) || name == b"shutdown"
        }
        b'~' | b'\\' => second == b'/' || second == b'\\',
        b'$' => second.is_ascii_alphabetic() || matches!(second, b'(' | b'{'),
        b'<' | b'>' => true,
        b'\'' | b'"' => is_in(name, INTERPRETERS) || is_in(name, PRINTS),
        b'*' => trim(rest).is_empty() && is_in(name, FILES),
        _ if is_in(name, PRINTS) => {
            memchr::memchr2(b'|', b'>', rest).is_some_and(|place| place < 200)
                || trim(rest).is_empty()
                || memchr::memchr(b'$', argument).is_some()
        }
        _ if name == b"sleep" || name == b"timeout" => argument
            .iter()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b's')),
        _ if name == b"net" => is_in(
            &argument.to_ascii_lowercase(),
            &["localgroup", "user", "use", "view"],
        ),
        _ => is_argument(name, argument, rest),
    }
}

/// Whether a word is what a command of this name is given: a path, a variable, a host, a file.
fn is_argument(name: &[u8], argument: &[u8], rest: &[u8]) -> bool {
    let path = argument.contains(&b'/') && !argument.starts_with(b"and/") && argument.len() > 3;
    let windows = argument.contains(&b'\\') || at(argument, 1) == b':';
    let variable = memchr::memmem::find(argument, b"${").is_some()
        || memchr::memmem::find(argument, b"$(").is_some();
    let host = is_in(name, NETWORK)
        && argument.contains(&b'.')
        && argument.last().is_some_and(u8::is_ascii_alphanumeric);
    let socket = matches!(name, b"nc" | b"ncat" | b"netcat" | b"socat" | b"telnet")
        && argument.contains(&b':');
    let numbers =
        name == b"chmod" && argument.iter().all(u8::is_ascii_digit) && argument.len() >= 3;
    let file = is_in(name, FILES)
        && is_file_name(argument)
        && (trim(rest).is_empty() || at(rest, 0) != b' ');
    let nested = find(rest, b" /etc/").is_some_and(|place| place < 24)
        || find(rest, b" /proc/").is_some_and(|place| place < 24);
    path || windows || variable || host || socket || numbers || file || nested
}

fn is_file_name(argument: &[u8]) -> bool {
    memchr::memrchr(b'.', argument).is_some_and(|dot| {
        let extension = from(argument, dot + 1);
        dot > 0
            && (1..=5).contains(&extension.len())
            && extension.iter().all(u8::is_ascii_alphanumeric)
    })
}

/// What a command is given points at an attack.
fn is_pointed(value: &[u8], place: usize) -> bool {
    let rest = from(value, place);
    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len()).min(200);
    let rest = rest.get(..end).unwrap_or(rest);
    [
        &b"/etc/passwd"[..],
        b"/etc/shadow",
        b"/dev/tcp/",
        b"/proc/self",
        b"-e /bin/",
        b"bash -i",
    ]
    .iter()
    .any(|wanted| memchr::memmem::find(rest, wanted).is_some())
}

/// Whether the line is one of a how-to: what stands before the separator is a command with what it is given.
fn is_shell_line(value: &[u8], separator: usize) -> bool {
    // How-tos have short lines, and looking back from each separator must not take long.
    let from_place = separator.saturating_sub(MAX_BACK);
    let head = value.get(from_place..separator).unwrap_or_default();
    let line = memchr::memrchr(b'\n', head).map_or(head, |place| from(head, place + 1));
    let line = trim(line);
    let continued = line.is_empty() || line.ends_with(b"\\");
    if continued {
        // A line that goes on: the one before it says what it is.
        let earlier = memchr::memrchr(b'\n', head).and_then(|place| head.get(..place));
        return earlier.is_some_and(|earlier| {
            earlier.trim_ascii_end().ends_with(b"\\") || earlier.trim_ascii_end().ends_with(b"|")
        });
    }
    if matches!(at(line, 0), b'$' | b'#' | b'%' | b'>') && at(line, 1) == b' '
        || line.starts_with(b"```")
    {
        return true;
    }
    is_indented(head) || has_command(line)
}

/// Whether a command with what it is given stands anywhere in a line.
fn has_command(line: &[u8]) -> bool {
    let mut place = 0;
    while place < line.len() {
        while place < line.len() && !is_start(at(line, place)) {
            place += 1;
        }
        let start = place;
        while place < line.len()
            && (is_start(at(line, place)) || matches!(at(line, place), b'-' | b'.' | b'+'))
        {
            place += 1;
        }
        let word = line.get(start..place).unwrap_or_default();
        let inside = matches!(before(line, start), b'/' | b'-' | b'.' | b'@' | b'$')
            && before(line, start) != b'/';
        if word.is_empty() || inside {
            continue;
        }
        let in_name =
            |byte: &u8| byte.is_ascii_uppercase() || *byte == b'_' || byte.is_ascii_digit();
        let is_assignment = start == 0 && at(line, place) == b'=' && word.iter().all(in_name);
        let argument = skip_blank(line, place);
        let is_tool = is_in(word, TOOLS) && (argument > place || place == line.len());
        if is_assignment
            || is_tool
            || is_in(word, COMMANDS) && argument > place && is_given(word, from(line, argument))
        {
            return true;
        }
    }
    false
}

/// Whether prompts or indentation say that shell is shown here, and not run.
fn shows_shell(value: &[u8], separator: usize) -> bool {
    let head = value
        .get(separator.saturating_sub(MAX_BACK)..separator)
        .unwrap_or_default();
    let line = memchr::memrchr(b'\n', head).map_or(head, |place| from(head, place + 1));
    is_indented(head) || matches!(at(trim(line), 0), b'$' | b'#') && at(trim(line), 1) == b' '
}

/// An indented line behind others: a block of code.
fn is_indented(head: &[u8]) -> bool {
    memchr::memrchr(b'\n', head).is_some_and(|place| {
        let line = from(head, place + 1);
        line.starts_with(b"    ") || line.starts_with(b"\t")
    })
}

fn is_start(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A command on the second of two lines, the first a single word: `x\ncat /etc/passwd`.
fn is_second_of_two(value: &[u8], line_end: usize) -> bool {
    let head = value.get(..line_end).unwrap_or_default();
    let rest = trim(from(value, line_end));
    (head.is_empty() || is_one_token(head)) && !rest.contains(&b'\n')
}

/// A backtick that no code of Markdown explains: the whole value is between two, or it is glued to what stands before.
fn backtick_runs(value: &[u8], start: usize) -> bool {
    let left = before(value, start);
    let glued = left.is_ascii_alphanumeric() || matches!(left, b';' | b'|' | b'&' | b'=' | b'$');
    let is_first = value.iter().position(|byte| !is_blank(*byte)) == Some(start);
    let whole = if is_first { trim(value) } else { &[] };
    let alone = whole.first() == Some(&b'`')
        && whole.last() == Some(&b'`')
        && whole.len() > 2
        && start < value.len() - 1
        && memchr::memchr_iter(b'`', whole).count() == 2
        && at(value, start + 1) != b'`'
        && !is_blank(at(value, start + 1));
    if !(glued || alone) || at(value, start + 1) == b'`' || left == b'`' {
        return false;
    }
    let Some(command) = command(value, start + 1) else {
        return false;
    };
    memchr::memchr(b'`', from(value, start + 1)).is_some()
        && command.runs(value, start, Separator::Substitution)
}
