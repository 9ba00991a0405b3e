//! `cmdLine`: command lines that a shell reads alike become alike.

/// Deletes `"`, `'`, `\` and `^`; turns `,` and `;` into spaces; compresses white space and deletes it before
/// `/` and `(`; lower case.
pub(super) fn transform(input: &[u8], out: &mut Vec<u8>) {
    let mut space = false;
    for byte in input {
        match byte {
            b'"' | b'\'' | b'\\' | b'^' => {}
            b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' => {
                if !space {
                    out.push(b' ');
                }
                space = true;
            }
            b'/' | b'(' => {
                if space {
                    out.pop();
                }
                space = false;
                out.push(*byte);
            }
            _ => {
                out.push(byte.to_ascii_lowercase());
                space = false;
            }
        }
    }
}
