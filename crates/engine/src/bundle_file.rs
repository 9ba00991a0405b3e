//! Reading and writing the bundle file: header, checksum, payload. See [`crate::bundle`] for the layout.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::bundle::{Bundle, FORMAT, MAGIC};
use crate::error::EngineError;

/// The bytes of magic, format, length and checksum.
const HEADER_BYTES: usize = 8 + 4 + 8 + 32;

/// Largest payload: a million addresses take 32 MB, rules and templates a few more.
pub const MAX_PAYLOAD_BYTES: u64 = 512 << 20;

/// The deepest nesting of a payload. Each level of an expression takes four levels of `MessagePack`, policies may have
/// 64 levels, and a few surround them. The decoder recurses, and its own limit of 1,024 overflows a thread's 2 MiB in
/// debug builds.
const MAX_DECODE_DEPTH: usize = 300;

impl Bundle {
    /// Read a bundle file's bytes.
    ///
    /// # Errors
    /// Each way in which the bytes can be wrong has its own [`EngineError`]; nothing panics.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EngineError> {
        let payload = verified_payload(bytes)?;
        let mut decoder = rmp_serde::Deserializer::from_read_ref(payload);
        decoder.set_max_depth(MAX_DECODE_DEPTH);
        Self::deserialize(&mut decoder).map_err(|error| EngineError::BundleDecode {
            detail: error.to_string(),
        })
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`EngineError::BundleDecode`] when the encoder fails, which it does not for these types.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EngineError> {
        // With names: an engine of another version can skip fields that it does not know, where a plain list would
        // shift.
        let payload = rmp_serde::to_vec_named(self).map_err(|error| EngineError::BundleDecode {
            detail: error.to_string(),
        })?;
        let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT.to_be_bytes());
        bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        bytes.extend_from_slice(&Sha256::digest(&payload));
        bytes.extend_from_slice(&payload);
        Ok(bytes)
    }
}

/// The payload behind a header that fits it.
///
/// The checks go from the cheapest to the dearest, and the file is decoded only when all of them hold: the decoder never
/// sees bytes that were damaged on their way.
fn verified_payload(bytes: &[u8]) -> Result<&[u8], EngineError> {
    let truncated = |expected| EngineError::BundleTruncated {
        got: bytes.len(),
        expected,
    };
    let short = || truncated(HEADER_BYTES);
    let (magic, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
    if magic != MAGIC {
        return Err(EngineError::BundleMagic);
    }
    let (format, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let format = u32::from_be_bytes(*format);
    if format != FORMAT {
        return Err(EngineError::BundleFormat {
            got: format,
            expected: FORMAT,
        });
    }
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
    let (checksum, payload) = rest.split_first_chunk::<32>().ok_or_else(short)?;
    let length = u64::from_be_bytes(*length);
    if length > MAX_PAYLOAD_BYTES || length != payload.len() as u64 {
        let expected = usize::try_from(length).unwrap_or(usize::MAX);
        return Err(truncated(expected.saturating_add(HEADER_BYTES)));
    }
    if Sha256::digest(payload).as_slice() != checksum {
        return Err(EngineError::BundleChecksum);
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::bundle;

    #[test]
    fn a_written_bundle_reads_back() {
        let read = Bundle::from_bytes(&bundle().to_bytes().unwrap()).unwrap();
        assert_eq!(read.node, bundle().node);
    }

    #[test]
    fn every_damaged_byte_is_noticed() {
        let bytes = bundle().to_bytes().unwrap();
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0x55;
            assert!(Bundle::from_bytes(&damaged).is_err(), "byte {position}");
        }
    }

    #[test]
    fn every_shorter_file_is_refused() {
        let bytes = bundle().to_bytes().unwrap();
        for length in 0..bytes.len() {
            assert!(
                Bundle::from_bytes(&bytes[..length]).is_err(),
                "length {length}"
            );
        }
    }
}
