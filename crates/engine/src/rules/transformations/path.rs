//! The transformations `normalizePath` and `normalizePathWin`.

/// Resolves `//`, `/./` and `/../`, never above the root of an absolute path. With `windows`, `\` counts as `/`.
pub(super) fn normalize(input: &[u8], windows: bool, out: &mut Vec<u8>) {
    let is_slash = |byte: &u8| *byte == b'/' || (windows && *byte == b'\\');
    let absolute = input.first().is_some_and(is_slash);
    let trailing = input.last().is_some_and(is_slash);
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in input.split(is_slash) {
        match segment {
            b"" | b"." => {}
            b".." => match segments.last() {
                // A relative path may begin above its folder, so its leading `..` are kept.
                Some(last) if *last != b".." => {
                    segments.pop();
                }
                _ if absolute => {}
                _ => segments.push(segment),
            },
            _ => segments.push(segment),
        }
    }
    if absolute {
        out.push(b'/');
    }
    for (index, segment) in segments.iter().enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        out.extend_from_slice(segment);
    }
    if trailing && !segments.is_empty() {
        out.push(b'/');
    }
}
