//! Text in charsets other than UTF-8, converted so that nothing hides behind one.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::{Anomalies, Anomaly};

/// Converts a body to UTF-8, as far as its charset is known.
///
/// A byte-order mark wins over the label (WHATWG Encoding, "decode"), and so does the pattern of NUL bytes by
/// which JSON and XML readers recognise UTF-16 (RFC 4627 section 3; XML 1.0 appendix F).
///
/// # Returns
/// UTF-8, or the bytes unchanged when the charset is UTF-8 or unknown (then it is flagged).
pub(crate) fn to_utf8<'a>(
    label: Option<&str>,
    body: &'a [u8],
    anomalies: &mut Anomalies,
) -> Cow<'a, [u8]> {
    if let Some((encoding, length)) = Encoding::for_bom(body) {
        let text = body.get(length..).unwrap_or_default();
        return convert(encoding, text, anomalies);
    }
    match body {
        // UTF-32, which encoding_rs does not know: only NUL bytes and ASCII would be left of it.
        [0, 0, _, _, ..] | [_, 0, 0, 0, ..] => {
            anomalies.insert(Anomaly::CharsetUnsupported);
            return Cow::Borrowed(body);
        }
        // The first character of JSON and XML is always ASCII, so one of the first two bytes is NUL in UTF-16.
        [0, b'\t'..=b'~', ..] => return convert(UTF_16BE, body, anomalies),
        [b'\t'..=b'~', 0, ..] => return convert(UTF_16LE, body, anomalies),
        _ => {}
    }
    let Some(label) = label else {
        return Cow::Borrowed(body);
    };
    if let Some(encoding) = Encoding::for_label_no_replacement(label.as_bytes()) {
        // Servers that ignore the label read ASCII; in UTF-16 that would be other letters altogether.
        if !encoding.is_ascii_compatible() && is_plain(body) {
            anomalies.insert(Anomaly::CharsetNotUtf8);
            return Cow::Borrowed(body);
        }
        return convert(encoding, body, anomalies);
    }
    anomalies.insert(Anomaly::CharsetUnsupported);
    Cow::Borrowed(body)
}

/// Like [`to_utf8`], for a text that may be owned.
pub(crate) fn of_cow<'a>(
    label: Option<&str>,
    body: Cow<'a, [u8]>,
    anomalies: &mut Anomalies,
) -> Cow<'a, [u8]> {
    match body {
        Cow::Borrowed(bytes) => to_utf8(label, bytes, anomalies),
        Cow::Owned(bytes) => match to_utf8(label, &bytes, anomalies) {
            Cow::Owned(text) => Cow::Owned(text),
            // Nothing was converted: the owned bytes are kept rather than copied.
            Cow::Borrowed(text) if text.len() == bytes.len() => Cow::Owned(bytes),
            Cow::Borrowed(text) => Cow::Owned(text.to_vec()),
        },
    }
}

/// Whether a body is ASCII without NUL bytes, which UTF-16 has beside each ASCII letter, and without the escapes of
/// ISO-2022-JP.
fn is_plain(body: &[u8]) -> bool {
    body.is_ascii() && memchr::memchr2(0, 0x1b, body).is_none()
}

/// Converts text to UTF-8 whose charset is known; any other stays as it is.
pub(crate) fn of_label(label: Option<&[u8]>, text: Vec<u8>) -> Vec<u8> {
    match label.and_then(Encoding::for_label_no_replacement) {
        Some(encoding) if encoding != UTF_8 => {
            let (converted, _) = encoding.decode_without_bom_handling(&text);
            converted.into_owned().into_bytes()
        }
        _ => text,
    }
}

/// The readings of a value by its label: in its charset, and as it is where a server that does not look at the label
/// would see other letters altogether.
pub(crate) fn readings<'a>(
    label: Option<&str>,
    text: Cow<'a, [u8]>,
    anomalies: &mut Anomalies,
) -> (Cow<'a, [u8]>, Option<Vec<u8>>) {
    let Some(label) = label else {
        return (text, None);
    };
    let Some(encoding) = Encoding::for_label_no_replacement(label.as_bytes()) else {
        anomalies.insert(Anomaly::CharsetUnsupported);
        return (text, None);
    };
    let converted = match convert(encoding, &text, anomalies) {
        Cow::Owned(converted) => converted,
        Cow::Borrowed(_) => return (text, None),
    };
    // Such a charset leaves ASCII as it is, so the converted text shows everything that the raw one does.
    if encoding.is_ascii_compatible() {
        (Cow::Owned(converted), None)
    } else {
        (text, Some(converted))
    }
}

fn convert<'a>(
    encoding: &'static Encoding,
    text: &'a [u8],
    anomalies: &mut Anomalies,
) -> Cow<'a, [u8]> {
    // Text that is ASCII reads alike in every such charset: nothing is converted, copied or flagged.
    if encoding == UTF_8 || (encoding.is_ascii_compatible() && text.is_ascii()) {
        return Cow::Borrowed(text);
    }
    anomalies.insert(Anomaly::CharsetNotUtf8);
    let (converted, replaced) = encoding.decode_without_bom_handling(text);
    anomalies.insert_if(replaced, Anomaly::InvalidUtf8);
    Cow::Owned(converted.into_owned().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Anomaly as A;

    /// Known charsets are converted and said so; plain text is left alone whatever its label.
    #[test]
    fn conversions() {
        let utf16: Vec<u8> = "{\"a\":1}"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let with_bom: Vec<u8> = [&b"\xfe\xff"[..], &[0, b'h', 0, b'i']].concat();
        for (label, body, text, expected) in [
            (None, &b"plain"[..], &b"plain"[..], vec![]),
            (Some("utf-8"), b"\xef\xbb\xbfx", b"x", vec![]),
            (Some("us-ascii"), b"plain", b"plain", vec![]),
            (
                Some("iso-8859-1"),
                b"caf\xe9",
                "café".as_bytes(),
                vec![A::CharsetNotUtf8],
            ),
            (None, &utf16, b"{\"a\":1}", vec![A::CharsetNotUtf8]),
            (Some("utf-8"), &with_bom, b"hi", vec![A::CharsetNotUtf8]),
            (
                Some("utf-7"),
                b"+ADw-",
                b"+ADw-",
                vec![A::CharsetUnsupported],
            ),
            (Some("ibm037"), b"x", b"x", vec![A::CharsetUnsupported]),
            (None, b"{\0\0\0", b"{\0\0\0", vec![A::CharsetUnsupported]),
        ] {
            let mut anomalies = Anomalies::NONE;
            let got = to_utf8(label, body, &mut anomalies);
            assert_eq!(
                (got.as_ref(), anomalies.iter().collect::<Vec<_>>()),
                (text, expected),
                "{label:?} {body:?}"
            );
        }
    }
}
