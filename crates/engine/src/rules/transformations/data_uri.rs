//! The transformation `omitDataUris`, which leaves out the content of `data:` addresses that no reader runs.

use memchr::memmem;

/// Leaves out the Base64 of `data:TYPE;base64,…` (RFC 2397) if TYPE is an image, sound, film, font, plain text or a
/// file of an application. What a browser would run (HTML, SVG, XML, scripts) stays. Uploads in JSON are often such
/// addresses.
pub(super) fn omit(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    while let Some(at) = memmem::find(rest, b"data:") {
        let (before, found) = rest.split_at(at);
        out.extend_from_slice(before);
        let length = inert(found);
        // Only these five bytes are passed over, because an address may begin within the rest.
        if length == 0 {
            out.extend_from_slice(b"data:");
            rest = found.get(5..).unwrap_or_default();
        } else {
            rest = found.get(length..).unwrap_or_default();
        }
    }
    out.extend_from_slice(rest);
}

/// The most bytes of a head that are searched for its comma.
const MAX_HEAD: usize = 256;

/// The length of the inert address at the beginning of a text; 0 when there is none.
fn inert(text: &[u8]) -> usize {
    let head = text.get(..MAX_HEAD.min(text.len())).unwrap_or_default();
    let comma = memchr::memchr(b',', head);
    let Some(comma) = comma.filter(|comma| is_inert(head.get(5..*comma))) else {
        return 0;
    };
    let content = text.get(comma + 1..).unwrap_or_default();
    // Only the Base64 is left out, because anything may follow it.
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte);
    let base64 = content.iter().position(|byte| !is_base64(byte));
    comma + 1 + base64.unwrap_or(content.len())
}

/// Whether a head (`image/png;base64`) names a file that no browser runs.
fn is_inert(head: Option<&[u8]>) -> bool {
    let head = head.unwrap_or_default().to_ascii_lowercase();
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"<>\"'`\\()".contains(byte);
    let Some(kind) = head
        .strip_suffix(b";base64")
        .filter(|_| head.iter().all(is_plain))
    else {
        return false;
    };
    let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    // Browsers run `image/svg+xml` and `application/javascript`, although their families are those of files.
    let runs = [&b"xml"[..], b"svg", b"html", b"script"]
        .iter()
        .any(|word| memmem::find(essence, word).is_some());
    let is_file = [
        &b"image/"[..],
        b"audio/",
        b"video/",
        b"font/",
        b"application/",
    ]
    .iter()
    .any(|family| essence.starts_with(family))
        || matches!(essence, b"text/plain" | b"text/csv");
    is_file && !runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    fn omitted(text: &str) -> String {
        let mut out = Vec::new();
        super::omit(text.as_bytes(), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Files are left out, also several of them and after other text.
    #[test]
    fn files_are_omitted() {
        for (text, left) in [
            ("data:image/png;base64,iVBORw0KGgo=", ""),
            (
                "a data:application/pdf;name=x.pdf;base64,JVBERi0= b",
                "a  b",
            ),
            (
                "data:audio/ogg;base64,T2dn,data:image/webp;base64,UklG;x",
                ",;x",
            ),
        ] {
            assert_eq!(omitted(text), left, "{text}");
        }
    }

    /// What a browser runs, what is no Base64, and what stands behind it stays.
    #[test]
    fn what_runs_stays() {
        for text in [
            "data:text/html;base64,PHNjcmlwdD4=",
            "data:image/svg+xml;base64,PHN2Zz4=",
            "data:;base64,PHNjcmlwdD4=",
            "data:image/png,<script>",
            "data:application/javascript;base64,YQ==",
            "data:image/png;base64",
            "DATA:",
        ] {
            assert_eq!(omitted(text), text);
        }
        assert_eq!(
            omitted("data:image/png;base64,aGk=;cat /etc/passwd"),
            ";cat /etc/passwd"
        );
        assert_eq!(omitted("data:image/png;base64,aGk=' or 1"), "' or 1");
    }

    proptest! {
        /// Never longer; without an address nothing changes.
        #[test]
        fn never_longer(input in "(data:|image/|;base64,|,|[a-z;<]){0,12}") {
            prop_assert!(omitted(&input).len() <= input.len());
        }
    }
}
