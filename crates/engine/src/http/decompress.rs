//! `Content-Encoding`, undone within limits of size and ratio.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};

use super::{Anomalies, Anomaly, Limits};

/// Encodings on top of each other that are undone. More than one is rare, more than three is an attack.
const MAX_LAYERS: usize = 3;

/// Output up to which the ratio is not looked at: a kilobyte of spaces is no bomb.
const RATIO_FLOOR_BYTES: usize = 64 * 1024;

/// Largest zstd window. RFC 8878 section 3.1.1.1.2 recommends that decoders support 8 MB and refuse more.
const ZSTD_WINDOW_BYTES: u64 = 8 * 1024 * 1024;

/// A body with its content encodings undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decompressed<'a> {
    /// The content; what could be undone when there was an error or a limit. Empty for an encoding that
    /// the engine does not know.
    pub body: Cow<'a, [u8]>,
    /// What was odd.
    pub anomalies: Anomalies,
    /// Part of the content is missing.
    pub incomplete: bool,
}

/// Undoes `Content-Encoding`: `gzip`, `x-gzip`, `deflate` (zlib or raw), `br`, `zstd`, `identity`.
///
/// # Arguments
/// * `content_encoding` - the header's value, a list in the order of application.
/// * `truncated` - the end of `body` is missing, so an early end is no damage.
/// * `limits` - `decompressed_bytes`, and `decompression_ratio` beyond 64 KiB of output.
pub fn decompress<'a>(
    content_encoding: Option<&str>,
    body: &'a [u8],
    truncated: bool,
    limits: &Limits,
) -> Decompressed<'a> {
    let mut state = Decompressed {
        body: Cow::Borrowed(body),
        anomalies: Anomalies::NONE,
        incomplete: truncated,
    };
    let layers = content_encoding
        .unwrap_or_default()
        .split(',')
        .map(str::trim);
    let layers =
        layers.filter(|layer| !layer.is_empty() && !layer.eq_ignore_ascii_case("identity"));
    for (index, layer) in layers.rev().enumerate() {
        let Some(codec) = Codec::of(layer).filter(|_| index < MAX_LAYERS) else {
            state.anomalies.insert(Anomaly::UnsupportedEncoding);
            return Decompressed {
                body: Cow::Borrowed(&[]),
                incomplete: true,
                ..state
            };
        };
        if state.body.is_empty() {
            break;
        }
        let bound = bound(body.len(), limits);
        let (content, outcome) = codec.run(&state.body, bound);
        let early_end = outcome == Outcome::EarlyEnd && state.incomplete;
        let damaged = matches!(outcome, Outcome::EarlyEnd | Outcome::Damaged) && !early_end;
        state
            .anomalies
            .insert_if(damaged, Anomaly::MalformedCompression);
        state.anomalies.insert_if(
            outcome == Outcome::OverLimit,
            Anomaly::DecompressionOverLimit,
        );
        state.incomplete |= outcome != Outcome::Complete;
        state.body = Cow::Owned(content);
    }
    state
}

/// Bytes of output that are allowed for `compressed` bytes.
fn bound(compressed: usize, limits: &Limits) -> usize {
    let by_ratio = compressed
        .saturating_mul(limits.decompression_ratio as usize)
        .max(RATIO_FLOOR_BYTES);
    by_ratio.min(limits.decompressed_bytes as usize)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Complete,
    EarlyEnd,
    Damaged,
    OverLimit,
}

#[derive(Debug, Clone, Copy)]
enum Codec {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Codec {
    fn of(name: &str) -> Option<Self> {
        [
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("deflate", Self::Deflate),
            ("br", Self::Brotli),
            ("zstd", Self::Zstd),
        ]
        .into_iter()
        .find_map(|(known, codec)| name.eq_ignore_ascii_case(known).then_some(codec))
    }

    fn run(self, body: &[u8], bound: usize) -> (Vec<u8>, Outcome) {
        let mut out = Vec::new();
        let outcome = match self {
            Self::Gzip => read_bounded(flate2::read::MultiGzDecoder::new(body), bound, &mut out),
            Self::Deflate if is_zlib(body) => {
                read_bounded(flate2::read::ZlibDecoder::new(body), bound, &mut out)
            }
            Self::Deflate => read_bounded(flate2::read::DeflateDecoder::new(body), bound, &mut out),
            Self::Brotli => read_bounded(
                brotli_decompressor::Decompressor::new(body, 4096),
                bound,
                &mut out,
            ),
            Self::Zstd => zstd(body, bound, &mut out),
        };
        (out, outcome)
    }
}

/// RFC 1950 section 2.2: method 8 and a header that is a multiple of 31. Else raw deflate, which some send.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [method, flags, ..] if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

fn read_bounded(mut reader: impl Read, bound: usize, out: &mut Vec<u8>) -> Outcome {
    let mut chunk = [0_u8; 8192];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Outcome::Complete,
            Ok(length) => {
                let room = bound.saturating_sub(out.len());
                let read = chunk.get(..length).unwrap_or_default();
                out.extend_from_slice(read.get(..room).unwrap_or(read));
                if length > room {
                    return Outcome::OverLimit;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Outcome::EarlyEnd,
            Err(_) => return Outcome::Damaged,
        }
    }
}

/// Frames one after another; skippable ones are skipped (RFC 8878 section 3.1.2).
fn zstd(body: &[u8], bound: usize, out: &mut Vec<u8>) -> Outcome {
    use ruzstd::decoding::StreamingDecoder;
    use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
    let mut rest = body;
    while !rest.is_empty() {
        let result = match StreamingDecoder::new_with_max_window_size(&mut rest, ZSTD_WINDOW_BYTES)
        {
            Ok(decoder) => Ok(read_bounded(decoder, bound, out)),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => Err(Some(length as usize)),
            Err(_) => Err(None),
        };
        match result {
            Ok(Outcome::Complete) => {}
            Ok(Outcome::OverLimit) => return Outcome::OverLimit,
            Err(Some(length)) if length <= rest.len() => {
                rest = rest.get(length..).unwrap_or_default();
            }
            // ruzstd reports every failure alike, an early end too.
            _ if rest.is_empty() => return Outcome::EarlyEnd,
            Err(Some(_)) => return Outcome::EarlyEnd,
            _ => return Outcome::Damaged,
        }
    }
    Outcome::Complete
}
