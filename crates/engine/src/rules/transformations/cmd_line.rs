//! The transformation `cmdLine`: command lines that a shell reads as the same become the same text.

/// Deletes `"`, `'`, `\` and `^`; turns `,` and `;` into spaces; compresses white space, and deletes it before `/` and
/// `(`; makes letters lower case.
pub(super) fn transform(input: &[u8], out: &mut Vec<u8>) {
    let mut space = false;
    for byte in input {
        match byte {
            // Shells drop these characters within a word: `c''at` and, in Windows, `c^at` run `cat`.
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
