//! Weighs files and addresses: only a value that is a path or an address as a whole leads anywhere. A sentence that
//! names `/etc/hosts` opens nothing.

use super::text::{Code, at, find, from, is_blank, is_one_token, percent_decoded, trim};

/// Whether a value is a path.
pub(super) fn leads_out(value: &[u8]) -> bool {
    is_one_token(value) && is_path(trim(value))
}

/// Whether a value climbs out of a folder to a file of the system, anywhere in the value.
pub(super) fn climbs_out(value: &[u8]) -> bool {
    let decoded = percent_decoded(value);
    let plain = decoded.as_deref().unwrap_or(value);
    climbs(plain) || hides(value)
}

/// Whether a token may be a path. Paths have letters and few signs; Markdown links, tags and calls have other signs.
fn is_path(token: &[u8]) -> bool {
    !token.iter().any(|byte| {
        matches!(
            byte,
            b'<' | b'>' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'"' | b'`'
        )
    })
}

/// Files in which systems keep secrets.
const FILES: [&[u8]; 14] = [
    b"etc/passwd",
    b"etc/shadow",
    b"etc/hosts",
    b"etc/group",
    b"proc/self",
    b"boot.ini",
    b"win.ini",
    b"windows/",
    b"winnt/",
    b"root/.ssh",
    b"id_rsa",
    b".bash_history",
    b"web.config",
    b"web-inf",
];

/// Whether a value has `../../` and then a file in which systems keep secrets.
fn climbs(value: &[u8]) -> bool {
    // Markdown code is looked for only when a value climbs at all, because that reads the whole value.
    let mut code: Option<Code> = None;
    let mut place = 0;
    while let Some(found) = memchr::memmem::find(from(value, place), b"..") {
        let start = place + found;
        let (end, steps) = steps_up(value, start);
        if steps >= 2 && names_secret(from(value, end)) {
            let code = code.get_or_insert_with(|| Code::of(value));
            if !code.has(start) {
                return true;
            }
        }
        place = end.max(start + 2);
    }
    false
}

/// Where the steps up of a path end, and how many there are. Dots and slashes may be doubled.
fn steps_up(value: &[u8], start: usize) -> (usize, usize) {
    let count = |place: usize, wanted: fn(&u8) -> bool| {
        let rest = from(value, place).iter();
        rest.take_while(|byte| wanted(byte)).count()
    };
    let mut end = start;
    let mut steps = 0;
    while at(value, end) == b'.' && at(value, end + 1) == b'.' {
        let dots = count(end, |byte| *byte == b'.');
        let slashes = count(end + dots, |byte| matches!(byte, b'/' | b'\\'));
        end += dots + slashes;
        if slashes == 0 {
            break;
        }
        steps += 1;
    }
    (end, steps)
}

/// Whether the first word of a text names a file in which systems keep secrets.
fn names_secret(rest: &[u8]) -> bool {
    let word: Vec<u8> = rest
        .iter()
        // Names of such files are short, so a long word is not copied.
        .take(48)
        .take_while(|byte| !is_blank(**byte))
        .map(|byte| if *byte == b'\\' { b'/' } else { *byte })
        .collect();
    FILES.iter().any(|file| find(&word, file).is_some())
}

/// Whether the dots or slashes of a climb are encoded so that a filter does not see them.
fn hides(value: &[u8]) -> bool {
    const FORMS: [&[u8]; 10] = [
        b"..%2f",
        b"..%5c",
        b"%2e%2e%2f",
        b"%2e%2e/",
        b"%2e%2e%5c",
        b"..%252f",
        b"..%c0%af",
        b"..%c1%9c",
        b"..;/",
        b"%252e%252e",
    ];
    FORMS.iter().any(|form| {
        // The form must occur twice, because a text about encodings may contain one encoded step up.
        find(value, form).is_some_and(|first| find(from(value, first + form.len()), form).is_some())
    })
}

/// Whether a value is an address of any scheme.
pub(super) fn is_address(value: &[u8]) -> bool {
    is_one_token(value) && is_path_or_host(trim(value))
}

fn is_path_or_host(token: &[u8]) -> bool {
    !token
        .iter()
        .any(|byte| matches!(byte, b'<' | b'>' | b'"' | b'`'))
        && memchr::memmem::find(token, b"](").is_none()
}
