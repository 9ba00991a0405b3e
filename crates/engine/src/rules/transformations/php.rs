//! The transformation `phpArgsNames`: names as they are in PHP's `$_GET` and `$_POST` (`php_register_variable_ex` in
//! PHP's `main`).

/// Removes leading spaces. A space, a `.` and a `[` that is not closed become `_`. What follows the last `]` of an
/// index is dropped. A name that begins with `[` becomes empty.
pub(super) fn args_names(input: &[u8], out: &mut Vec<u8>) {
    let start = input.iter().take_while(|byte| **byte == b' ').count();
    let name = input.get(start..).unwrap_or_default();
    let open = name.iter().position(|byte| *byte == b'[');
    let (plain, mut rest) = name.split_at(open.unwrap_or(name.len()));
    if plain.is_empty() {
        return;
    }
    out.extend(plain.iter().map(|byte| match byte {
        b' ' | b'.' => b'_',
        other => *other,
    }));
    if let [b'[', tail @ ..] = rest
        && !tail.contains(&b']')
    {
        out.push(b'_');
        out.extend_from_slice(tail);
        return;
    }
    while let [b'[', tail @ ..] = rest
        && let Some(end) = tail.iter().position(|byte| *byte == b']')
    {
        let (index, after) = tail.split_at(end);
        out.push(b'[');
        out.extend_from_slice(index.trim_ascii_start());
        out.push(b']');
        rest = after.get(1..).unwrap_or_default();
    }
}
