//! Joins Base64 that is wrapped into lines, as mail and its libraries write it.

/// Line widths: RFC 2045, section 6.8 (MIME), and RFC 7468, section 2 (PEM).
const WIDTHS: [usize; 2] = [76, 64];

/// The least number of lines. Two lines of this width and alphabet may be an accident.
const MIN_LINES: usize = 3;

/// Wrapped Base64 as one line; `None` for anything else.
///
/// Rules for shell commands take a line break as the end of a command, and some of the random words after one are names
/// of commands. A last line that is a path or a word in lower case may really be a command, so such a value stays as it
/// is.
pub(crate) fn unwrapped(value: &[u8]) -> Option<Vec<u8>> {
    let first = memchr::memchr(b'\n', value.get(..WIDTHS[0] + 2)?)?;
    // The first line decides on the width, so most values are refused after one look.
    let width = without_return(value.get(..first)?).len();
    if !WIDTHS.contains(&width) {
        return None;
    }
    let text = value.strip_suffix(b"\n").unwrap_or(value);
    let mut whole = Vec::with_capacity(text.len());
    let mut last: &[u8] = b"";
    let mut lines = 0;
    for line in text.split(|byte| *byte == b'\n') {
        // Only the last line may be shorter than the others.
        if lines > 0 && last.len() != width {
            return None;
        }
        last = without_return(line);
        if last.is_empty() || last.len() > width || !last.iter().copied().all(is_base64) {
            return None;
        }
        whole.extend_from_slice(last);
        lines += 1;
    }
    let word = last.split(|byte| *byte == b'=').next().unwrap_or_default();
    let may_be_a_command = word.starts_with(b"/") || word.iter().all(u8::is_ascii_lowercase);
    (lines >= MIN_LINES && !may_be_a_command).then_some(whole)
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrapped(text: &str, width: usize, end: &str) -> String {
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(width)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        lines.join(end)
    }

    /// Both widths and line ends, with and without an end of the last line.
    #[test]
    fn lines_become_one() {
        let text = format!("{}Zz9==", "aB3/".repeat(100));
        for width in WIDTHS {
            for end in ["\n", "\r\n"] {
                let value = wrapped(&text, width, end);
                assert_eq!(unwrapped(value.as_bytes()).unwrap(), text.as_bytes());
                assert!(unwrapped(format!("{value}{end}").as_bytes()).is_some());
            }
        }
    }

    /// Text, lines of other widths, and a last line that may be a command stay as they are.
    #[test]
    fn anything_else_stays() {
        let lines = "aB3/".repeat(19) + "\n";
        for value in [
            "a".repeat(400),
            wrapped(&"aB3/".repeat(100), 75, "\n"),
            format!("{}id", lines.repeat(4)),
            format!("{}/bin/ls", lines.repeat(4)),
            format!("{}cat x", lines.repeat(4)),
            format!("{lines}id;{lines}{lines}"),
            lines.clone(),
            String::new(),
        ] {
            assert_eq!(unwrapped(value.as_bytes()), None, "{value}");
        }
    }

    proptest! {
        /// Nothing but line breaks is taken out.
        #[test]
        fn only_breaks_go(value in "([A-Za-z0-9+/]{76}\r?\n){0,4}[A-Za-z0-9+/ ;]{0,80}") {
            if let Some(whole) = unwrapped(value.as_bytes()) {
                prop_assert_eq!(value.replace(['\r', '\n'], "").into_bytes(), whole);
            }
        }
    }
}
