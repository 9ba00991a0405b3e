//! Weighs shell commands: a value becomes an argument of a command. It runs when the argument ends (`;`, `|`, `&`,
//! `$(`, a backtick) and a command with plausible arguments follows. How-tos show shell in Markdown code, or on lines
//! that begin with a command themselves; that does not count.

mod words;

use super::text::{
    Code, Word, at, before, begins, find, from, is_blank, is_in, is_one_token, is_word, skip_blank,
    trim,
};
use crate::bundle::ContentKind;
#[cfg(test)]
pub(super) use words::lists_are_sorted;
use words::{COMMANDS, FILES, INTERPRETERS, NETWORK, PRINTS, RUNNERS, TELLS, TOOLS, WORDS};

/// How many commands after separators have their lines looked at. A value with more counts.
const MAX_COMMANDS: usize = 256;

/// How many names of commands after separators cost as much as one line: looking at the arguments of a name costs less.
const NAMES_OF_COMMAND: usize = 16;

/// How many bytes before a separator are searched for the command of its line.
const MAX_BACK: usize = 256;

/// How many blanks, quotes and brackets may stand before a command.
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
        // A value that is made of commands is no prose, so it counts without looking further.
        if count > MAX_COMMANDS * NAMES_OF_COMMAND {
            return true;
        }
        // Backticks mark Markdown code far more often than they run something, so they have a check of their own.
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

/// Whether there is a function in a variable that a shell imports, with what follows it: `() { :;};` (CVE-2014-6271).
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

/// Whether a variable stands for a blank in a command: `cat${IFS}/etc/passwd`.
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

/// Whether a value is only a line of commands. Rules for commands ask this: `;cpulimit -l 1 -f x`,
/// `time; ansible all -m ping`, `alias a='ls -al'`.
pub(super) fn is_line(value: &[u8]) -> bool {
    let value = trim(value);
    // Only one short line is taken for a command, because a program of several lines is shown and not injected.
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

/// Whether four words follow each other, as they never do in a command.
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

/// Whether the value is a loop or a condition of the Windows command line: `for %i in (…) do`, `if exist x y`.
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

/// Whether the text after `for` is a loop of the Windows command line: `%i in (…) do`.
fn is_batch_loop(value: &[u8], next: usize) -> bool {
    let variable = from(value, next).iter().position(|byte| *byte == b'%');
    variable.is_some_and(|place| {
        place < 48
            && find(from(value, next + place), b"in").is_some()
            && find(value, b"do").is_some()
            && value.contains(&b'(')
    })
}

/// Whether the text after `if` is a condition of the Windows command line: `/i`, `not`, and a test.
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

/// Whether the whole value is a command that runs another one, or a command whose arguments point at an attack.
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

/// Whether code begins with a command. In code, only a separator in the first characters of the value counts.
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

/// Whether a command runs after the sign at a position.
///
/// # Arguments
/// * `count` - what it has cost so far to look at commands.
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
    // In how-tos the line is shell from its beginning.
    !is_shell_line(value, start) || is_pointed(value, command.end) && !shows_shell(value, start)
}

/// Where the separator at a position ends, and its kind.
fn separator(value: &[u8], start: usize) -> Option<(usize, Separator)> {
    let first = at(value, start);
    let second = at(value, start + 1);
    // `$((` is arithmetic and `&#` begins an entity: these run nothing.
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

/// Where the command begins after blanks, quotes and brackets; `None` when there are more of them than people write.
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

/// Whether a line is a loop or a condition of the Windows command line.
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

/// Whether a semicolon ends an entity, as in `&lt;`, so that it separates nothing.
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
    /// The position after the command.
    end: usize,
    /// Whether it is written as in attacks and not as in texts: with a path, quotes or wildcards in it.
    hidden: bool,
}

/// The command at a position, in lower case and without the signs that hide it: `/bin/c'a't`, `c\at`, `$@`.
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
                // After a slash the name starts again: `/bin/cat` is `cat`.
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
        // The command that wildcards find depends on the system, so `cat`, which reads files, stands for it.
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
        // In braces, commas stand for blanks: `{cat,/etc/passwd}`.
        let brace = next == b',' && before(value, start + 1) != 0;
        let spaced = argument > self.end || matches!(next, b'<' | b'>' | b'$' | b'%') || brace;
        if !spaced {
            return self.hidden && ends && !is_in(name, WORDS);
        }
        let given = from(value, argument + usize::from(brace));
        is_given(name, given) || (self.hidden && at(value, start) != b'\n')
    }
}

/// Whether the name of a command that needs no argument is meant as a command.
fn tells(name: &[u8], value: &[u8], start: usize, kind: Separator, ends: bool) -> bool {
    // `set` is also a word of SQL and of sentences.
    if name == b"set" && !ends {
        return false;
    }
    let left = before(value, start);
    let apart = start == 0 || is_blank(left) || matches!(left, b'\'' | b'"' | b')');
    let one_word = value.len() < 120 && is_one_token(value.get(..start).unwrap_or_default());
    // These names are no words of a language, so they are meant as commands wherever they stand.
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

/// Whether a position is in a line of a Markdown table, where `|` separates cells.
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

/// Whether the text after a command's name is an argument of the command, and not a word of a sentence.
fn is_given(name: &[u8], given: &[u8]) -> bool {
    // The beginning decides; a value can go on for megabytes.
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

/// Whether a word is an argument of a command with this name: a path, a variable, a host, a file.
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

/// Whether the arguments of a command point at an attack.
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

/// Whether a line belongs to a how-to: a command with arguments stands before the separator.
fn is_shell_line(value: &[u8], separator: usize) -> bool {
    // How-tos have short lines, and looking back from each separator must not take long.
    let from_place = separator.saturating_sub(MAX_BACK);
    let head = value.get(from_place..separator).unwrap_or_default();
    let line = memchr::memrchr(b'\n', head).map_or(head, |place| from(head, place + 1));
    let line = trim(line);
    let continued = line.is_empty() || line.ends_with(b"\\");
    if continued {
        // The line continues another one, and that one decides.
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

/// Whether a command with arguments stands anywhere in a line.
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

/// Whether a prompt or indentation shows that the shell is only shown, not run.
fn shows_shell(value: &[u8], separator: usize) -> bool {
    let head = value
        .get(separator.saturating_sub(MAX_BACK)..separator)
        .unwrap_or_default();
    let line = memchr::memrchr(b'\n', head).map_or(head, |place| from(head, place + 1));
    is_indented(head) || matches!(at(trim(line), 0), b'$' | b'#') && at(trim(line), 1) == b' '
}

/// Whether the last line is indented, as in a code block of Markdown.
fn is_indented(head: &[u8]) -> bool {
    memchr::memrchr(b'\n', head).is_some_and(|place| {
        let line = from(head, place + 1);
        line.starts_with(b"    ") || line.starts_with(b"\t")
    })
}

fn is_start(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a line end stands between two lines of which the first is a single word or empty:
/// `x\ncat /etc/passwd`.
fn is_second_of_two(value: &[u8], line_end: usize) -> bool {
    let head = value.get(..line_end).unwrap_or_default();
    let rest = trim(from(value, line_end));
    (head.is_empty() || is_one_token(head)) && !rest.contains(&b'\n')
}

/// Whether a backtick that is not Markdown code runs a command: the whole value is between two of them, or it directly
/// follows other text.
fn backtick_runs(value: &[u8], start: usize) -> bool {
    let left = before(value, start);
    // Before Markdown code there is usually a blank.
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
