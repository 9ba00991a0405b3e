//! The fuzz targets on stable Rust: every seed, and mutations of it that are the same in every run.
//! `STARFORT_FUZZ_ROUNDS` sets their number for each target.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read its seeds must fail"
)]

use std::path::{Path, PathBuf};

mod support;
#[path = "../fuzz/targets.rs"]
mod targets;

/// Mutations of each target: about a second in a debug build.
const ROUNDS: usize = 3_000;

/// Largest input; beyond it mutations cut.
const MAX_BYTES: usize = 8_192;

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(kind)
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder("seeds").join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// The words of a libFuzzer dictionary: one quoted string a line, with `\\`, `\"` and `\xHH`.
fn words(target: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(folder("dict").join(format!("{target}.dict"))).unwrap();
    text.lines()
        .filter(|line| line.starts_with('"'))
        .map(unquote)
        .collect()
}

fn unquote(line: &str) -> Vec<u8> {
    let mut word = Vec::new();
    let mut bytes = line
        .trim_matches(|c| c == '\n')
        .strip_prefix('"')
        .unwrap()
        .strip_suffix('"')
        .unwrap()
        .bytes();
    while let Some(byte) = bytes.next() {
        word.push(match (byte, byte == b'\\') {
            (_, false) => byte,
            (_, true) => match bytes.next().unwrap() {
                b'x' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                escaped => escaped,
            },
        });
    }
    word
}

/// Marsaglia, "Xorshift RNGs" (2003), 64 bits: reproducible and quick.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).unwrap()
    }
}

fn mutate(input: &mut Vec<u8>, words: &[Vec<u8>], other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let end = (at + random.below(16)).min(input.len());
        match random.below(7) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 => input.insert(at, u8::try_from(random.below(256)).unwrap()),
            2 => drop(input.drain(at..end)),
            3 => drop(input.splice(at..end, words[random.below(words.len())].iter().copied())),
            4 => {
                let copy = input[at..end].to_vec();
                let repeats = 1 + random.below(8);
                drop(input.splice(at..at, copy.repeat(repeats)));
            }
            5 => drop(input.splice(at.., other[random.below(other.len())..].iter().copied())),
            _ => input.truncate(at),
        }
    }
    input.truncate(MAX_BYTES);
}

/// No target panics or breaks its own invariants on its seeds, on nothing, or on mutations of them.
#[test]
fn targets_hold_on_seeds_and_mutations() {
    let rounds = std::env::var("STARFORT_FUZZ_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    for (name, run) in targets::TARGETS {
        let (seeds, words) = (seeds(name), words(name));
        assert!(
            !seeds.is_empty() && !words.is_empty(),
            "{name} has no seeds or dictionary"
        );
        run(b"");
        let mut random = Random(0x5eed_0f57_a4f0_4700);
        for round in 0..rounds + seeds.len() {
            let mut input = seeds[round % seeds.len()].clone();
            if round >= seeds.len() {
                let other = &seeds[random.below(seeds.len())];
                mutate(&mut input, &words, other, &mut random);
            }
            let outcome = std::panic::catch_unwind(|| run(&input));
            assert!(
                outcome.is_ok(),
                "{name} fails in round {round} on {:?}",
                input.escape_ascii().to_string()
            );
        }
    }
}

/// Every target has its binary for libFuzzer, and every binary its target.
#[test]
fn targets_and_binaries_match() {
    let mut files: Vec<_> = std::fs::read_dir(folder("fuzz_targets"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut names: Vec<_> = targets::TARGETS
        .iter()
        .map(|(name, _)| format!("{name}.rs"))
        .collect();
    files.sort();
    names.sort();
    assert_eq!(files, names);
    let manifest = std::fs::read_to_string(folder("Cargo.toml")).unwrap();
    for name in names {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}\"")),
            "{name} is not in fuzz/Cargo.toml"
        );
    }
}

/// The bundle loader's seeds are what the loader reads today, whole and with few parts. A change of the format
/// makes them anew: `STARFORT_WRITE_SEEDS=1 cargo test -p starfort-engine --test fuzz_targets`.
#[test]
fn bundle_seeds_load() {
    const HEADER_BYTES: usize = 52;
    let folder = folder("seeds").join("bundle_file");
    for (name, endpoints, policies) in [
        ("empty", 0, 0),
        ("endpoints", 10, 0),
        ("policies", 1, 20),
        ("contract", 1, 0),
    ] {
        let mut bundle = support::bundle(endpoints, policies);
        if name == "contract" {
            bundle.contracts.push(support::contract());
        }
        let payload = bundle.to_bytes().unwrap()[HEADER_BYTES..].to_vec();
        assert!(payload.len() <= MAX_BYTES, "{name}: {}", payload.len());
        let path = folder.join(name);
        if std::env::var_os("STARFORT_WRITE_SEEDS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &payload).unwrap();
        }
        let engine = starfort_engine::Engine::new(
            bundle,
            starfort_engine::Assets::default(),
            std::sync::Arc::default(),
        );
        assert!(engine.is_ok(), "{name}: {engine:?}");
        assert_eq!(std::fs::read(path).unwrap(), payload, "{name}");
    }
}

/// Databases of the seeds are opened: else mutations of them would only ever meet the reader's first check.
#[test]
fn geo_seeds_are_databases() {
    use starfort_engine::client::geo::GeoDatabases;
    let seed = |name: &str| std::fs::read(folder("seeds").join("geo_database").join(name)).unwrap();
    let databases = GeoDatabases::open(Some(seed("country")), Some(seed("asn"))).unwrap();
    let place = databases.look_up("127.0.0.1".parse().unwrap());
    assert_eq!((place.country.as_str(), place.asn), ("DE", 64_500));
    let four = GeoDatabases::open(Some(seed("version_4")), None).unwrap();
    assert_eq!(four.look_up("127.0.0.1".parse().unwrap()).country, "FR");
}
