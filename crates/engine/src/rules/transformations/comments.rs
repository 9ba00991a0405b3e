//! `removeComments`, `replaceComments`, `removeCommentsChar`.

/// Removes `/* */`, `<!-- -->` and, up to the end, `--` and `#` comments.
pub(super) fn remove(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    let mut inside = false;
    loop {
        rest = match rest {
            [] => break,
            [b'*', b'/', tail @ ..] | [b'-', b'-', b'>', tail @ ..] if inside => {
                inside = false;
                // `ModSecurity` copies the byte after a comment without looking at it, even the NUL that ends its text.
                out.push(tail.first().copied().unwrap_or(0));
                tail.get(1..).unwrap_or_default()
            }
            [_, tail @ ..] if inside => tail,
            [b'/', b'*', tail @ ..] | [b'<', b'!', b'-', b'-', tail @ ..] => {
                inside = true;
                tail
            }
            // In SQL these comments end with the line; here, as in `ModSecurity`, they end with the text.
            [b'-', b'-', ..] | [b'#', ..] => {
                return out.push(b' ');
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
    if inside {
        out.push(b' ');
    }
}

/// Replaces each `/* */` by a space, also one that does not end.
pub(super) fn replace(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    while let Some(start) = memchr::memmem::find(rest, b"/*") {
        out.extend_from_slice(rest.get(..start).unwrap_or_default());
        out.push(b' ');
        let comment = rest.get(start + 2..).unwrap_or_default();
        match memchr::memmem::find(comment, b"*/") {
            Some(end) => rest = comment.get(end + 2..).unwrap_or_default(),
            None => return,
        }
    }
    out.extend_from_slice(rest);
}

/// Removes `/*`, `*/`, `--`, `#`, `<!--` and `-->`.
pub(super) fn remove_chars(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            [b'<', b'!', b'-', b'-', tail @ ..]
            | [b'-', b'-', b'>', tail @ ..]
            | [b'/', b'*', tail @ ..]
            | [b'*', b'/', tail @ ..]
            | [b'-', b'-', tail @ ..]
            | [b'#', tail @ ..] => tail,
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
}
