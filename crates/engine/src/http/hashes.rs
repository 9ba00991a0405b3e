//! Repeated names, found by their hashes.

/// 64-bit FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv). Names are only compared by it: whoever makes two of them
/// collide gets an anomaly for it and nothing else.
pub(super) fn hash(name: &[u8]) -> u64 {
    name.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Whether a value repeats; sorts long lists, so an object of a million keys stays cheap.
pub(super) fn has_duplicates(hashes: &mut [u64]) -> bool {
    if hashes.len() <= 16 {
        return hashes
            .iter()
            .enumerate()
            .any(|(index, name)| hashes.iter().take(index).any(|earlier| earlier == name));
    }
    hashes.sort_unstable();
    hashes
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a == b))
}
