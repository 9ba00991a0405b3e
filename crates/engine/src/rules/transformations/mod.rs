//! The transformations: what rules do to a value before they look at it. Each function appends its result to `out`.
//!
//! Semantics follow the reference manual of `ModSecurity` v3 and its published unit cases, which
//! `tests/rules/modsecurity.rs` runs.

mod ascii;
mod base64;
mod cmd_line;
mod comments;
mod css;
mod data_uri;
mod escape_seq;
mod html_entity;
mod js;
mod parity;
mod path;
mod php;
mod simple;
mod url;

use crate::rules::bytes::{ByteSet, SPACES};
use crate::rules::wire::Transformation;

/// The code page of `%uHHHH`: code points and their bytes, sorted.
pub type UnicodeMap = [(u32, u8)];

/// Applies one transformation.
///
/// # Arguments
/// * `input` - the value.
/// * `unicode_map` - the code page for `urlDecodeUni`; it may be empty.
/// * `out` - where the result is appended.
pub fn apply(
    transformation: Transformation,
    input: &[u8],
    unicode_map: &UnicodeMap,
    out: &mut Vec<u8>,
) {
    use Transformation as T;
    match transformation {
        T::Base64Decode => base64::decode(input, out),
        T::Base64DecodeExt => base64::decode_ext(input, out),
        T::Base64Encode => base64::encode(input, out),
        T::CmdLine => cmd_line::transform(input, out),
        T::CompressWhitespace => simple::compress_whitespace(input, out),
        T::CssDecode => css::decode(input, out),
        T::EscapeSeqDecode => escape_seq::decode(input, out),
        T::HexDecode => simple::hex_decode(input, out),
        T::HexEncode => simple::hex_encode(input, out),
        T::HtmlEntityDecode => html_entity::decode(input, out),
        T::JsDecode => js::decode(input, out),
        T::Length => {
            crate::rules::bytes::push_integer(i64::try_from(input.len()).unwrap_or(i64::MAX), out);
        }
        T::Lowercase => out.extend(input.iter().map(u8::to_ascii_lowercase)),
        T::Uppercase => out.extend(input.iter().map(u8::to_ascii_uppercase)),
        T::Md5 => simple::md5(input, out),
        T::NormalizePath => path::normalize(input, false, out),
        T::NormalizePathWin => path::normalize(input, true, out),
        T::ParityEven7bit => parity::even(input, out),
        T::ParityOdd7bit => parity::odd(input, out),
        T::ParityZero7bit => parity::zero(input, out),
        T::PhpArgsNames => php::args_names(input, out),
        T::RemoveComments => comments::remove(input, out),
        T::RemoveCommentsChar => comments::remove_chars(input, out),
        T::RemoveNulls => out.extend(input.iter().filter(|byte| **byte != 0)),
        T::RemoveWhitespace => simple::remove_whitespace(input, out),
        T::ReplaceComments => comments::replace(input, out),
        T::ReplaceNulls => out.extend(
            input
                .iter()
                .map(|byte| if *byte == 0 { b' ' } else { *byte }),
        ),
        T::Sha1 => simple::sha1(input, out),
        T::SqlHexDecode => simple::sql_hex_decode(input, out),
        T::Trim => out.extend_from_slice(simple::trim_left(simple::trim_right(input))),
        T::TrimLeft => out.extend_from_slice(simple::trim_left(input)),
        T::TrimRight => out.extend_from_slice(simple::trim_right(input)),
        T::UrlDecode => url::decode(input, out),
        T::UrlDecodeUni => url::decode_uni(input, unicode_map, out),
        T::UrlEncode => url::encode(input, out),
        T::Utf8toUnicode => url::utf8_to_unicode(input, out),
        T::Utf8toAscii => ascii::from_utf8(input, out),
        T::OmitDataUris => data_uri::omit(input, out),
    }
}

/// The alphabets of Base64, and line breaks.
const BASE64: ByteSet = ByteSet::range(b'0', b'9')
    .union(ByteSet::range(b'a', b'z'))
    .union(ByteSet::range(b'A', b'Z'))
    .union(ByteSet::of(b"+/=-_\r\n"));

/// The bytes of a `data:` URI in Base64 (RFC 2397) whose head has a media type and parameters.
const DATA_HEAD: ByteSet = BASE64.union(ByteSet::of(b":;,."));

/// The most bytes of the head of a `data:` URI.
const MAX_DATA_HEAD: usize = 128;

/// Whether a value is a file in Base64: longer than a path may be (Linux: 4,096 bytes), and without any byte that
/// quotes, separates or brackets, except in the head of a `data:` URI.
///
/// # Arguments
/// * `present` - the bytes that occur in the text.
pub(crate) fn is_base64_file(present: ByteSet, text: &[u8]) -> bool {
    text.len() > 4096
        && (BASE64.includes(present)
            || (DATA_HEAD.includes(present)
                && after_data_head(text).is_some_and(|file| {
                    memchr::memchr3(b':', b';', b',', file).is_none()
                        && memchr::memchr(b'.', file).is_none()
                })))
}

/// The content of a `data:` URI in Base64, after its head.
fn after_data_head(text: &[u8]) -> Option<&[u8]> {
    let start = text.get(..text.len().min(MAX_DATA_HEAD))?;
    let comma = memchr::memchr(b',', start)?;
    let (head, file) = (start.get(..comma)?, text.get(comma + 1..)?);
    let is_head = head.get(..5)?.eq_ignore_ascii_case(b"data:") && head.ends_with(b";base64");
    is_head.then_some(file)
}

/// Whether a transformation undoes what hides an attack in commands, paths or comments, so that it has nothing to do in
/// a file in Base64. Transformations that decode are applied to such a file anyway.
pub(crate) const fn spares_base64(transformation: Transformation) -> bool {
    use Transformation as T;
    matches!(
        transformation,
        T::CmdLine
            | T::CompressWhitespace
            | T::NormalizePath
            | T::NormalizePathWin
            | T::RemoveComments
            | T::RemoveCommentsChar
            | T::RemoveWhitespace
            | T::ReplaceComments
            | T::SqlHexDecode
            | T::Trim
            | T::TrimLeft
            | T::TrimRight
            | T::UrlDecode
            | T::UrlDecodeUni
    )
}

/// What a transformation costs, in tenths of a unit of work for each byte of its input.
pub(crate) const fn work(transformation: Transformation) -> u64 {
    use Transformation as T;
    match transformation {
        T::Lowercase | T::Uppercase | T::Length | T::Trim | T::TrimLeft | T::TrimRight => 10,
        T::Md5 | T::Sha1 => 40,
        T::CmdLine
        | T::NormalizePath
        | T::NormalizePathWin
        | T::HexEncode
        | T::UrlEncode
        | T::Base64Encode
        | T::Utf8toUnicode => 60,
        _ => 30,
    }
}

/// The bytes that a transformation acts on: a value without them comes back unchanged. A property test checks this.
pub(crate) const fn triggers(transformation: Transformation) -> ByteSet {
    use Transformation as T;
    const UPPER: ByteSet = ByteSet::range(b'A', b'Z');
    const HIGH: ByteSet = ByteSet::range(0x80, 0xff);
    const NUL: ByteSet = ByteSet::of(b"\0");
    match transformation {
        T::CmdLine => UPPER.union(SPACES).union(ByteSet::of(b"\"'\\^,;/(")),
        T::CompressWhitespace => SPACES.union(ByteSet::of(b"\xa0")),
        T::RemoveWhitespace => SPACES.union(ByteSet::of(b"\xa0\xc2")),
        T::CssDecode | T::EscapeSeqDecode | T::JsDecode => ByteSet::of(b"\\"),
        T::HtmlEntityDecode => ByteSet::of(b"&"),
        T::Lowercase => UPPER,
        T::Uppercase => ByteSet::range(b'a', b'z'),
        T::NormalizePath => ByteSet::of(b"/."),
        T::NormalizePathWin => ByteSet::of(b"/.\\"),
        T::ParityZero7bit | T::Utf8toUnicode | T::Utf8toAscii => HIGH,
        T::OmitDataUris => ByteSet::of(b","),
        T::RemoveComments | T::RemoveCommentsChar => ByteSet::of(b"/*-#<"),
        T::RemoveNulls | T::ReplaceNulls => NUL,
        T::ReplaceComments => ByteSet::of(b"/"),
        T::SqlHexDecode => ByteSet::of(b"xX"),
        T::Trim | T::TrimLeft | T::TrimRight => SPACES.union(NUL),
        T::UrlDecode | T::UrlDecodeUni => ByteSet::of(b"%+"),
        _ => ByteSet::ALL,
    }
}

/// How many transformations there are ([`Transformation`] is numbered from 0).
pub(crate) const TRANSFORMATIONS: usize = Transformation::OmitDataUris as usize + 1;

/// What is known about a value before it is computed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    /// All bytes that may occur in the value, letters in both cases.
    pub(crate) bytes: ByteSet,
    /// The greatest length that the value may have.
    pub(crate) length: usize,
}

/// What a transformation may make of a value. A property test checks this.
pub(crate) fn reach(transformation: Transformation, from: Reach) -> Reach {
    use Transformation as T;
    let with = |bytes: &[u8]| Reach {
        bytes: from.bytes.union(ByteSet::of(bytes)),
        length: from.length,
    };
    let any = |length| Reach {
        bytes: ByteSet::ALL,
        length,
    };
    match transformation {
        T::Lowercase
        | T::Uppercase
        | T::RemoveNulls
        | T::RemoveWhitespace
        | T::RemoveCommentsChar
        | T::OmitDataUris
        | T::Trim
        | T::TrimLeft
        | T::TrimRight => from,
        T::NormalizePath | T::NormalizePathWin => with(b"/"),
        T::CmdLine
        | T::CompressWhitespace
        | T::RemoveComments
        | T::ReplaceComments
        | T::ReplaceNulls => with(b" "),
        // A plus becomes a blank. Without a `%` nothing else can change.
        T::UrlDecode | T::UrlDecodeUni if !from.bytes.contains(b'%') => with(b" "),
        T::UrlDecode
        | T::UrlDecodeUni
        | T::JsDecode
        | T::CssDecode
        | T::EscapeSeqDecode
        | T::HtmlEntityDecode
        | T::HexDecode
        | T::Utf8toAscii
        | T::SqlHexDecode => any(from.length),
        T::Base64Decode | T::Base64DecodeExt => any(from.length.div_ceil(4).saturating_mul(3)),
        _ => any(usize::MAX),
    }
}

/// Whether a transformation makes something of an empty value.
pub(crate) const fn fills_empty(transformation: Transformation) -> bool {
    matches!(
        transformation,
        Transformation::Length | Transformation::Md5 | Transformation::Sha1
    )
}

/// Whether a transformation changes nothing but the case of letters.
pub(crate) const fn is_case_only(transformation: Transformation) -> bool {
    matches!(
        transformation,
        Transformation::Lowercase | Transformation::Uppercase
    )
}

/// Every transformation.
#[cfg(test)]
pub(crate) const ALL: [Transformation; 38] = {
    use Transformation as T;
    [
        T::Base64Decode,
        T::Base64DecodeExt,
        T::Base64Encode,
        T::CmdLine,
        T::CompressWhitespace,
        T::CssDecode,
        T::EscapeSeqDecode,
        T::HexDecode,
        T::HexEncode,
        T::HtmlEntityDecode,
        T::JsDecode,
        T::Length,
        T::Lowercase,
        T::Uppercase,
        T::Md5,
        T::NormalizePath,
        T::NormalizePathWin,
        T::ParityEven7bit,
        T::ParityOdd7bit,
        T::ParityZero7bit,
        T::PhpArgsNames,
        T::RemoveComments,
        T::RemoveCommentsChar,
        T::RemoveNulls,
        T::RemoveWhitespace,
        T::ReplaceComments,
        T::ReplaceNulls,
        T::Sha1,
        T::SqlHexDecode,
        T::Trim,
        T::TrimLeft,
        T::TrimRight,
        T::UrlDecode,
        T::UrlDecodeUni,
        T::UrlEncode,
        T::Utf8toUnicode,
        T::Utf8toAscii,
        T::OmitDataUris,
    ]
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_file(text: &str) -> bool {
        is_base64_file(ByteSet::present(text.as_bytes()), text.as_bytes())
    }

    #[test]
    fn a_data_uri_in_base64_is_a_file_and_what_looks_like_one_is_none() {
        let file = "QUJD".repeat(2000);
        assert!(is_file(&file));
        assert!(is_file(&format!("data:image/png;base64,{file}")));
        assert!(is_file(&format!(
            "DATA:application/vnd.ms-excel;name=a.xls;base64,{file}"
        )));
        for other in [
            format!("data:image/png,{file}"),
            format!("data:text/html;base64,{file}.evil"),
            format!("data:text/html;base64,{file};ls"),
            format!("data:text/html;base64,{file},{file}"),
            format!("http://a.example/;base64,{file}"),
            format!("data:{file};base64,{file}"),
            format!("data:text/html;base64,{file} or 1"),
            "data:image/png;base64,QUJD".to_owned(),
        ] {
            assert!(!is_file(&other), "{:?}", other.get(..40));
        }
    }

    fn run(transformation: Transformation, input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        apply(transformation, input, &[], &mut out);
        out
    }

    proptest! {
        #[test]
        fn nothing_is_out_of_reach(
            input in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"%u\\&#;x0/*-.<>! aA+^'\"=".to_vec())], 0..24)
        ) {
            let from = Reach { bytes: ByteSet::present(&input).in_any_case(), length: input.len() };
            for transformation in ALL {
                let out = run(transformation, &input);
                let to = reach(transformation, from);
                prop_assert!(out.len() <= to.length, "{:?}", transformation);
                prop_assert!(to.bytes.includes(ByteSet::present(&out)), "{:?}", transformation);
            }
        }

        /// What has none of the triggers comes back as it was; no transformation makes a value much longer.
        #[test]
        fn triggers_are_complete(
            input in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"%u\\&#;x0/*-.<>! aA+^'\"=".to_vec())], 0..24)
        ) {
            let present = ByteSet::present(&input);
            for transformation in ALL {
                let out = run(transformation, &input);
                if !triggers(transformation).meets(present) && !input.is_empty() {
                    prop_assert_eq!(&out, &input, "{:?}", transformation);
                }
                prop_assert!(out.len() <= input.len() * 6 + 64, "{:?}", transformation);
            }
        }
    }
}
