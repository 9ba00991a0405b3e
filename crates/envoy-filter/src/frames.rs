//! Frames of the control socket: length (u32, big endian), type (u8), payload. Nothing here does I/O.

use serde::{Deserialize, Serialize};

/// The most bytes that type and payload may have together (interfaces.md).
pub(crate) const MAX_FRAME_BYTES: usize = 64 << 20;

/// The bytes of length and type.
const HEAD_BYTES: usize = 5;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FrameType {
    // The numbers belong to the protocol (docs/design/interfaces.md); the control plane has the same list.
    Hello = 1,
    Events = 2,
    EventsAck = 3,
    Stats = 4,
    Bundle = 5,
    BundleResult = 6,
    Signals = 7,
    SignalsAck = 8,
    Ping = 9,
    Pong = 10,
    Known = 11,
}

/// `bundle`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct BundleFrame {
    /// File to load.
    pub(crate) path: std::path::PathBuf,
    /// The version that it should have.
    pub(crate) version: String,
}

/// `bundle_result`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct BundleResult {
    /// The version that was asked for.
    pub(crate) version: String,
    /// Whether it is in force.
    pub(crate) ok: bool,
    /// Why not.
    pub(crate) error: String,
}

/// `signals`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct SignalsFrame {
    /// `set` is the whole table.
    #[serde(default)]
    pub(crate) full: bool,
    #[serde(default)]
    pub(crate) set: Vec<SignalSet>,
    #[serde(default)]
    pub(crate) clear: Vec<SignalKey>,
}

/// One signal to set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct SignalSet {
    pub(crate) kind: String,
    pub(crate) key_type: String,
    pub(crate) key: String,
    pub(crate) score: f64,
    pub(crate) ttl_ms: u64,
    /// Share of calls that pass as probes.
    #[serde(default)]
    pub(crate) probe: f64,
    /// Whether known people pass.
    #[serde(default)]
    pub(crate) spare_known: bool,
}

/// One signal to clear.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct SignalKey {
    pub(crate) kind: String,
    pub(crate) key_type: String,
    pub(crate) key: String,
}

/// The bytes of a frame. A payload over the limit gives `None`.
pub(crate) fn encode(frame_type: FrameType, parts: &[&[u8]]) -> Option<Vec<u8>> {
    let length = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
    if length > MAX_FRAME_BYTES {
        return None;
    }
    // One allocation of the final size, because a batch has some megabytes.
    let mut bytes = Vec::with_capacity(4 + length);
    bytes.extend_from_slice(&u32::try_from(length).ok()?.to_be_bytes());
    bytes.push(frame_type as u8);
    for part in parts {
        bytes.extend_from_slice(part);
    }
    Some(bytes)
}

/// The bytes of a frame whose payload is JSON.
pub(crate) fn encode_json(frame_type: FrameType, value: &impl Serialize) -> Option<Vec<u8>> {
    encode(frame_type, &[&serde_json::to_vec(value).ok()?])
}

/// Type, payload, and how many bytes the frame took.
pub(crate) type Decoded<'a> = (u8, &'a [u8], usize);

/// The first whole frame of `input`. `None` means that more bytes have to come.
///
/// # Errors
/// A sentence, when the peer sent something that is not a frame.
pub(crate) fn decode(input: &[u8]) -> Result<Option<Decoded<'_>>, String> {
    let Some((head, rest)) = input.split_first_chunk::<HEAD_BYTES>() else {
        return Ok(None);
    };
    let [a, b, c, d, kind] = *head;
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    // Checked before memory is reserved, because the peer may claim any length.
    if length == 0 || length > MAX_FRAME_BYTES {
        return Err(format!(
            "frame length {length} is not in 1..{MAX_FRAME_BYTES}"
        ));
    }
    Ok(rest
        .get(..length - 1)
        .map(|payload| (kind, payload, HEAD_BYTES + length - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back_and_every_shorter_input_waits() {
        let bytes = encode(FrameType::Events, &[&7u64.to_be_bytes(), b"arrow"]).unwrap();
        assert_eq!(&bytes[..5], &[0, 0, 0, 14, 2]);
        let (kind, payload, used) = decode(&bytes).unwrap().unwrap();
        assert_eq!((kind, used), (2, bytes.len()));
        assert!(payload.ends_with(b"arrow"));
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), Ok(None), "length {length}");
        }
    }

    #[test]
    fn impossible_lengths_are_refused() {
        assert!(decode(&[0, 0, 0, 0, 1]).is_err());
        assert!(decode(&[0xff, 0, 0, 0, 1]).is_err());
        assert_eq!(
            encode(FrameType::Events, &[&vec![0; MAX_FRAME_BYTES]]),
            None
        );
    }
}
