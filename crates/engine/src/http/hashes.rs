//! Repeated names, found by their hashes.

/// 64-bit FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv). It has no key, because names are only compared by it: a client that
/// makes two of them collide gains an anomaly and nothing else.
pub(super) fn hash(name: &[u8]) -> u64 {
    name.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Whether a hash repeats; sorts long lists, so an object of a million keys stays cheap.
pub(super) fn has_duplicates<T: Ord>(names: &mut [T], hash: impl Fn(&T) -> u64) -> bool {
    // Comparing each name with those before it costs less than sorting, as long as there are few.
    if names.len() <= 16 {
        return names.iter().enumerate().any(|(index, name)| {
            let (name, earlier) = (hash(name), names.iter().take(index));
            earlier.into_iter().any(|earlier| hash(earlier) == name)
        });
    }
    names.sort_unstable();
    names
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if hash(a) == hash(b)))
}
