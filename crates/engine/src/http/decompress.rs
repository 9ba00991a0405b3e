//! `Content-Encoding`, undone within limits of size and ratio.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};

use super::{Anomalies, Anomaly, Limits};

/// Encodings on top of each other that are undone. More than one is rare; four are sent only to exhaust a reader.
const MAX_LAYERS: usize = 3;

/// The most output for which the ratio is not looked at: a kilobyte of spaces is no bomb.
const RATIO_FLOOR_BYTES: usize = 64 * 1024;

/// Largest zstd window. RFC 8878 section 3.1.1.1.2 recommends that decoders support 8 MB and refuse more.
const ZSTD_WINDOW_BYTES: u64 = 8 * 1024 * 1024;

/// A body with its content encodings undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decompressed<'a> {
    /// The content, or as much of it as could be undone before an error or a limit. Empty when the engine does not know
    /// the encoding.
    pub body: Cow<'a, [u8]>,
    /// What was odd.
    pub anomalies: Anomalies,
    /// Part of the content is missing.
    pub incomplete: bool,
}

/// An `Accept-Encoding` without the codings that [`decompress`] cannot undo. `None` when it names no such coding.
#[must_use]
pub fn only_readable(accept_encoding: &str) -> Option<String> {
    let readable = |coding: &str| {
        let name = coding.split(';').next().unwrap_or_default().trim();
        name.is_empty() || name.eq_ignore_ascii_case("identity") || Codec::of(name).is_some()
    };
    let codings = || accept_encoding.split(',').map(str::trim);
    if codings().all(readable) {
        return None;
    }
    let kept: Vec<&str> = codings().filter(|coding| readable(coding)).collect();
    // `identity` alone asks for an answer without any coding (RFC 9110, 12.5.3).
    Some(if kept.is_empty() {
        "identity".into()
    } else {
        kept.join(", ")
    })
}

/// Undoes `Content-Encoding`: `gzip`, `x-gzip`, `deflate` (zlib or raw), `br`, `zstd`, `identity`.
///
/// # Arguments
/// * `content_encoding` - the header's value, a list in the order of application.
/// * `truncated` - the end of `body` is missing, so an early end is not damage.
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
    // The encoding that was applied last is named last (RFC 9110, 8.4), so it is undone first.
    for (index, layer) in layers.rev().enumerate() {
        let Some(codec) = Codec::of(layer).filter(|_| index < MAX_LAYERS) else {
            state.anomalies.insert(Anomaly::UnsupportedEncoding);
            return Decompressed {
                body: Cow::Borrowed(&[]),
                incomplete: true,
                ..state
            };
        };
        // Nothing comes of nothing; a further layer would only be called damaged.
        if state.body.is_empty() {
            break;
        }
        // The bound depends on the bytes that were received, so layers do not multiply what each of them may become.
        state.undo(codec, bound(body.len(), limits));
    }
    state
}

impl Decompressed<'_> {
    /// Undo one layer.
    fn undo(&mut self, codec: Codec, bound: usize) {
        let (content, outcome) = codec.run(&self.body, bound);
        let is_expected = outcome == Outcome::EarlyEnd && self.incomplete;
        let is_damaged = matches!(outcome, Outcome::EarlyEnd | Outcome::Damaged) && !is_expected;
        let is_over = outcome == Outcome::OverLimit;
        self.anomalies
            .insert_if(is_damaged, Anomaly::MalformedCompression);
        self.anomalies
            .insert_if(is_over, Anomaly::DecompressionOverLimit);
        self.incomplete |= outcome != Outcome::Complete;
        self.body = Cow::Owned(content);
    }
}

/// Bytes of output that are allowed for `compressed` bytes.
fn bound(compressed: usize, limits: &Limits) -> usize {
    // The smaller one of two bounds, because a ratio alone would let a large body become huge.
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
        // Empty at first: the size that a body declares for its content is only the client's word.
        let mut out = Vec::new();
        let outcome = match self {
            // A gzip body may have several members (RFC 1952, 2.2), and servers read all of them.
            Self::Gzip => read_bounded(flate2::read::MultiGzDecoder::new(body), bound, &mut out),
            Self::Deflate if is_zlib(body) => {
                read_bounded(flate2::read::ZlibDecoder::new(body), bound, &mut out)
            }
            Self::Deflate => read_bounded(flate2::read::DeflateDecoder::new(body), bound, &mut out),
            Self::Brotli => {
                let mut rest = body;
                let reader = brotli_decompressor::Decompressor::new(&mut rest, 4096);
                match read_bounded(reader, bound, &mut out) {
                    // The decoder reports every failure alike, an early end too.
                    Outcome::Damaged if rest.is_empty() => Outcome::EarlyEnd,
                    outcome => outcome,
                }
            }
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
    // In small pieces, so that a bomb is noticed soon after it passes the bound.
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;
    use Anomaly as A;

    const TEXT: &[u8] = b"{\"user\":\"ann\",\"user2\":\"ann\"}";
    /// `TEXT` as `brotli -c` writes it: a stored meta-block (RFC 7932 section 9.2), then an empty last one.
    fn brotli_stored(text: &[u8]) -> Vec<u8> {
        // WBITS 16 (one 0 bit), ISLAST 0, MNIBBLES 4 (00), MLEN-1 (16 bits), ISUNCOMPRESSED 1; then 0x03.
        let header = u32::try_from(text.len() - 1).unwrap() << 4 | 1 << 20;
        let mut out = header.to_le_bytes()[..3].to_vec();
        out.extend_from_slice(text);
        out.push(3);
        out
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(text: &[u8]) -> Vec<u8> {
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn run(encoding: &str, body: &[u8], truncated: bool) -> (Vec<u8>, Vec<Anomaly>) {
        let limits = Limits {
            decompressed_bytes: 1 << 20,
            ..Limits::default()
        };
        let done = decompress(Some(encoding), body, truncated, &limits);
        (done.body.into_owned(), done.anomalies.iter().collect())
    }

    /// Every encoding is undone, alone, in layers, and in several members or frames.
    #[test]
    fn encodings() {
        let two_frames = [
            zstd(TEXT),
            vec![0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, b'x', b'y'],
            zstd(TEXT),
        ]
        .concat();
        for (encoding, body, text) in [
            ("", TEXT.to_vec(), TEXT.to_vec()),
            ("identity", TEXT.to_vec(), TEXT.to_vec()),
            ("gzip", gzip(TEXT), TEXT.to_vec()),
            ("X-GZip", gzip(TEXT), TEXT.to_vec()),
            ("deflate", zlib(TEXT), TEXT.to_vec()),
            ("deflate", deflate(TEXT), TEXT.to_vec()),
            ("br", brotli_stored(TEXT), TEXT.to_vec()),
            ("zstd", zstd(TEXT), TEXT.to_vec()),
            ("gzip, zstd", zstd(&gzip(TEXT)), TEXT.to_vec()),
            ("deflate, identity, gzip", gzip(&zlib(TEXT)), TEXT.to_vec()),
            ("gzip", [gzip(TEXT), gzip(TEXT)].concat(), TEXT.repeat(2)),
            ("zstd", two_frames, TEXT.repeat(2)),
        ] {
            assert_eq!(run(encoding, &body, false), (text, vec![]), "{encoding}");
        }
    }

    /// Unknown encodings and too many layers give nothing to inspect, and say so.
    #[test]
    fn unsupported() {
        for encoding in ["compress", "gzip, nope", "gzip, gzip, gzip, gzip"] {
            let body = if encoding.contains("nope") {
                TEXT.to_vec()
            } else {
                gzip(&gzip(&gzip(&gzip(TEXT))))
            };
            let (body, anomalies) = run(encoding, &body, false);
            assert_eq!(
                (body.as_slice(), anomalies),
                (&b""[..], vec![A::UnsupportedEncoding]),
                "{encoding}"
            );
        }
    }

    /// Damage is flagged; a cut is damage only when nobody said so.
    #[test]
    fn damaged() {
        for (encoding, body) in [
            ("gzip", gzip(TEXT)),
            ("deflate", zlib(TEXT)),
            ("br", brotli_stored(TEXT)),
            ("zstd", zstd(TEXT)),
        ] {
            let cut = &body[..body.len() - 6];
            assert_eq!(
                run(encoding, cut, false).1,
                [A::MalformedCompression],
                "{encoding} cut"
            );
            let (text, anomalies) = run(encoding, cut, true);
            assert!(
                anomalies.is_empty() && TEXT.starts_with(&text),
                "{encoding} truncated: {anomalies:?}"
            );
            assert_eq!(
                run(encoding, b"no such thing, certainly", false).1,
                [A::MalformedCompression],
                "{encoding} noise"
            );
        }
    }

    /// A bomb is stopped at the ratio and at the size, in one layer or two.
    #[test]
    fn bombs() {
        let zeros = vec![0; 32 << 20];
        for (encoding, body) in [
            ("gzip", gzip(&zeros)),
            ("deflate", zlib(&zeros)),
            ("zstd", zstd(&zeros)),
            ("gzip, gzip", gzip(&gzip(&zeros))),
        ] {
            let (text, anomalies) = run(encoding, &body, false);
            assert_eq!(anomalies, [A::DecompressionOverLimit], "{encoding}");
            let ratio = body.len() * Limits::default().decompression_ratio as usize;
            assert!(
                text.len() <= ratio.clamp(RATIO_FLOOR_BYTES, 1 << 20),
                "{encoding}: {}",
                text.len()
            );
        }
        let small = gzip(&vec![b' '; 60_000]);
        assert_eq!(run("gzip", &small, false).1, []);
    }

    proptest! {
        /// Any bytes under any encoding: no panic, within the bound.
        #[test]
        fn any_bytes(body in prop::collection::vec(any::<u8>(), 0..200), codec in 0..4_usize, flip in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let name = ["gzip", "deflate", "br", "zstd"][codec];
            let _ = run(name, &body, false);
            let mut valid = [gzip(&body), deflate(&body), brotli_stored(&[&body[..], b"x"].concat()), zstd(&body)][codec].clone();
            let at = flip.index(valid.len());
            valid[at] ^= 1 << bit;
            let (text, _) = run(name, &valid, false);
            prop_assert!(text.len() <= RATIO_FLOOR_BYTES);
        }
    }
}
