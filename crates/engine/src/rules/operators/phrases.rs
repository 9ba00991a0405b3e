//! The operator `pm`, which looks for many phrases at once, without case.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::captures::{Captures, capture_one};
use crate::rules::bytes::hex_byte;

/// The phrases of a `pm`.
#[derive(Debug)]
pub(crate) struct Phrases {
    automaton: AhoCorasick,
    pub(crate) phrases: Vec<Vec<u8>>,
}

impl Phrases {
    pub(crate) fn new(texts: &[String]) -> Result<Self, String> {
        let phrases: Vec<Vec<u8>> = texts
            .iter()
            .map(|text| unescape(text))
            // An empty phrase would match every value.
            .filter(|phrase| !phrase.is_empty())
            .collect();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            // A DFA needs many times the memory, and the prefilter lets few values come here.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&phrases)
            .map_err(|error| format!("pm: {error}"))?;
        Ok(Self { automaton, phrases })
    }

    pub(crate) fn find(&self, value: &[u8], captures: Option<&mut Captures>) -> bool {
        let Some(found) = self.automaton.find(value) else {
            return false;
        };
        capture_one(captures, value.get(found.range()).unwrap_or_default());
        true
    }
}

/// Replaces `|0d 0a|` by the bytes it stands for, as in Snort. Pipes around anything else are pipes.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('|') {
        out.extend_from_slice(before.as_bytes());
        match after
            .split_once('|')
            .and_then(|(inside, tail)| Some((hex(inside)?, tail)))
        {
            Some((bytes, tail)) => {
                out.extend(bytes);
                rest = tail;
            }
            None => {
                out.push(b'|');
                rest = after;
            }
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => hex_byte(*high, *low),
            _ => None,
        })
        .collect()
}
