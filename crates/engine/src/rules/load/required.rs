//! Works out what a text must contain so that a pattern can match it: literals, and sets of bytes.
//!
//! Both are necessary conditions, so a text that fails them does not need the regular expression. The property tests in
//! `tests/rules/prefilter.rs` compare with an evaluation that does not use these conditions.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::rules::bytes::ByteSet;
use crate::rules::commonness::commonness;

/// The most literals of one pattern. With more, almost any text contains one of them.
const MAX_LITERALS: usize = 400;
/// The most bytes of a character class that is written out as literals, because alternatives multiply.
const MAX_CLASS: usize = 8;
/// The longest literal in bytes. A longer literal is cut, which only makes the condition weaker.
const MAX_LENGTH: usize = 24;
/// The least rarity of a literal. Literals below it, such as two ordinary letters, are found everywhere (see
/// [`rarity`]).
const MIN_RARITY: usize = 20;
/// How many byte sets are kept. Each further set is more common than the ones before it, so it rules out little more.
const MAX_SETS: usize = 4;

/// Necessary conditions of a match.
#[derive(Debug, Clone, Default)]
pub(crate) struct Required {
    /// One of these must be in the text, in any case of letters; `None`: nothing is known.
    pub(crate) literals: Option<Vec<Vec<u8>>>,
    /// The text must have a byte of each of these sets.
    pub(crate) sets: Vec<ByteSet>,
}

/// The conditions of a pattern, as [`crate::rules::pattern::translate`] returned it.
pub(crate) fn of_pattern(pattern: &str) -> Required {
    let parsed = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .dot_matches_new_line(true)
        .build()
        .parse(pattern);
    // The pattern itself has compiled. If this parse fails, nothing is required, which is slower but not wrong.
    let Ok(hir) = parsed else {
        return Required::default();
    };
    // A set with most bytes rules almost nothing out.
    let sets = sets(&hir).into_iter().filter(|set| set.len() < 200);
    let sets = rarest(sets.collect(), MAX_SETS);
    let mut literals = best(&hir).any.map(|found| found.literals);
    if let Some(list) = &mut literals {
        list.sort();
        list.dedup();
    }
    Required { literals, sets }
}

/// What is known about the strings that a sub-pattern matches.
struct Known {
    /// All of these strings, when they are few.
    exact: Option<Vec<Vec<u8>>>,
    /// Literals of which each matched string contains at least one.
    any: Option<Literals>,
}

struct Literals {
    literals: Vec<Vec<u8>>,
}

impl Literals {
    fn new(mut literals: Vec<Vec<u8>>) -> Option<Self> {
        for literal in &mut literals {
            // A shorter literal is a weaker condition, so cutting is safe; and a longer literal is hardly rarer.
            literal.truncate(MAX_LENGTH);
            literal.make_ascii_lowercase();
        }
        literals.sort();
        literals.dedup();
        let usable = !literals.is_empty()
            && literals.len() <= MAX_LITERALS
            // One literal that is found everywhere makes the others useless, because any of them opens the gate.
            && literals.iter().all(|one| rarity(one) >= MIN_RARITY);
        usable.then_some(Self { literals })
    }

    /// How useful the list is: a greater score means that ordinary text contains its literals more rarely.
    fn score(&self) -> usize {
        let shortest = self
            .literals
            .iter()
            .map(|literal| rarity(literal))
            .min()
            .unwrap_or(0);
        // A long list is found in more texts, so each literal lowers the score.
        shortest * 64 / (64 + self.literals.len())
    }
}

/// How rare a literal is: the sum over its bytes, in which punctuation and control characters count more than letters.
fn rarity(literal: &[u8]) -> usize {
    let weight = |byte: &u8| match byte {
        b' ' | b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 8,
        b'a'..=b'z' | b'0'..=b'9' | b'.' | b'/' | b'-' | b'_' | b'=' | b':' | b',' | b'"' => 11,
        _ => 22,
    };
    literal.iter().map(weight).sum()
}

fn better(one: Option<Literals>, other: Option<Literals>) -> Option<Literals> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.score() > one.score() {
            other
        } else {
            one
        }),
        (one, other) => one.or(other),
    }
}

fn best(hir: &Hir) -> Known {
    let known = look(hir);
    Known {
        any: better(known.any, known.exact.clone().and_then(Literals::new)),
        exact: known.exact,
    }
}

fn look(hir: &Hir) -> Known {
    match hir.kind() {
        // Empty patterns and look-around match without adding text.
        HirKind::Empty | HirKind::Look(_) => Known {
            exact: Some(vec![Vec::new()]),
            any: None,
        },
        HirKind::Literal(literal) => Known {
            exact: Some(vec![literal.0.to_ascii_lowercase()]),
            any: None,
        },
        HirKind::Class(class) => Known {
            exact: spelled(class),
            any: None,
        },
        HirKind::Capture(capture) => best(&capture.sub),
        HirKind::Repetition(repetition) => {
            let inner = best(&repetition.sub);
            match (repetition.min, repetition.max) {
                (0, Some(1)) => Known {
                    exact: inner.exact.and_then(|mut exact| {
                        exact.push(Vec::new());
                        few(exact)
                    }),
                    any: None,
                },
                // A part that may be missing is not required.
                (0, _) => Known {
                    exact: None,
                    any: None,
                },
                (1, Some(1)) => inner,
                _ => Known {
                    exact: None,
                    any: inner.any,
                },
            }
        }
        HirKind::Concat(parts) => concat(parts),
        HirKind::Alternation(parts) => alternation(parts),
    }
}

fn few(mut exact: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
    exact.sort();
    exact.dedup();
    (exact.len() <= MAX_LITERALS).then_some(exact)
}

fn spelled(class: &Class) -> Option<Vec<Vec<u8>>> {
    let set = class_set(class)?;
    // Both cases of a letter count as one, because literals are compared without case.
    let mut bytes: Vec<u8> = (0..=255u8)
        .filter(|byte| set.contains(*byte))
        .map(|byte| byte.to_ascii_lowercase())
        .collect();
    bytes.dedup();
    bytes.sort_unstable();
    bytes.dedup();
    (bytes.len() <= MAX_CLASS).then(|| bytes.into_iter().map(|byte| vec![byte]).collect())
}

fn concat(parts: &[Hir]) -> Known {
    let mut any: Option<Literals> = None;
    let mut run: Vec<Vec<u8>> = vec![Vec::new()];
    let mut whole = true;
    for part in parts {
        let known = best(part);
        any = better(any.take(), known.any);
        let joined = known.exact.as_ref().and_then(|exact| {
            // Alternatives multiply. Above 128 of them the run ends and a new one begins.
            let fits =
                run.len() * exact.len() <= 128 && run.iter().all(|one| one.len() <= MAX_LENGTH);
            fits.then(|| cross(&run, exact))
        });
        if let Some(joined) = joined {
            run = joined;
        } else {
            whole = false;
            any = better(any.take(), Literals::new(std::mem::take(&mut run)));
            run = known.exact.unwrap_or_else(|| vec![Vec::new()]);
        }
    }
    any = better(any, Literals::new(run.clone()));
    Known {
        exact: whole.then_some(run).and_then(few),
        any,
    }
}

fn cross(left: &[Vec<u8>], right: &[Vec<u8>]) -> Vec<Vec<u8>> {
    left.iter()
        .flat_map(|one| {
            right.iter().map(move |other| {
                let mut joined = one.clone();
                joined.extend_from_slice(other);
                joined
            })
        })
        .collect()
}

fn alternation(parts: &[Hir]) -> Known {
    let mut exact = Some(Vec::new());
    let mut any = Some(Vec::new());
    for part in parts {
        let known = best(part);
        exact = match (exact, known.exact) {
            (Some(mut all), Some(more)) => {
                all.extend(more);
                few(all)
            }
            _ => None,
        };
        any = match (any, known.any) {
            (Some(mut all), Some(more)) => {
                all.extend(more.literals);
                Some(all)
            }
            _ => None,
        };
    }
    Known {
        exact,
        any: any.and_then(Literals::new),
    }
}

fn class_set(class: &Class) -> Option<ByteSet> {
    let mut set = ByteSet::EMPTY;
    match class {
        Class::Bytes(bytes) => {
            for range in bytes.iter() {
                set = set.union(ByteSet::range(range.start(), range.end()));
            }
        }
        Class::Unicode(letters) => {
            for range in letters.iter() {
                let (start, end) = (
                    u8::try_from(range.start()).ok()?,
                    u8::try_from(range.end()).ok()?,
                );
                if end >= 0x80 {
                    return None;
                }
                set = set.union(ByteSet::range(start, end));
            }
        }
    }
    Some(set)
}

/// Byte sets such that every match has a byte of each of them.
fn sets(hir: &Hir) -> Vec<ByteSet> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let bytes = literal.0.iter();
            rarest(
                bytes.map(|byte| ByteSet::EMPTY.with(*byte)).collect(),
                MAX_SETS,
            )
        }
        HirKind::Class(class) => class_set(class).into_iter().collect(),
        HirKind::Capture(capture) => sets(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => sets(&repetition.sub),
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => Vec::new(),
        HirKind::Concat(parts) => rarest(parts.iter().flat_map(sets).collect(), MAX_SETS * 2),
        HirKind::Alternation(parts) => {
            let mut branches = parts.iter().map(sets);
            let Some(first) = branches.next() else {
                return Vec::new();
            };
            // A match needs a set of one branch or a set of the other, so it has a byte of the union of any such pair.
            branches.fold(first, |all, branch| {
                let pairs = all
                    .iter()
                    .flat_map(|one| branch.iter().map(|other| one.union(*other)));
                rarest(pairs.collect(), MAX_SETS)
            })
        }
    }
}

/// The sets whose bytes are rarest in ordinary text, without duplicates.
fn rarest(mut sets: Vec<ByteSet>, most: usize) -> Vec<ByteSet> {
    sets.sort_by_cached_key(|set| commonness(*set));
    sets.dedup();
    sets.truncate(most);
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals(pattern: &str) -> Option<Vec<String>> {
        of_pattern(pattern).literals.map(|list| {
            list.iter()
                .map(|literal| String::from_utf8_lossy(literal).into_owned())
                .collect()
        })
    }

    #[test]
    fn literals_of_patterns() {
        let some = |texts: &[&str]| {
            Some(
                texts
                    .iter()
                    .map(|text| (*text).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(literals(r"\bfoo\s*\("), some(&["foo"]));
        assert_eq!(
            literals(r"(?i)union\s+select"),
            some(&["select"]).or_else(|| some(&["union"]))
        );
        assert_eq!(literals("a(?:bc|de)f"), some(&["abcf", "adef"]));
        assert_eq!(literals("[a-z]+"), None);
        assert_eq!(literals("x?"), None);
        assert_eq!(literals("(?:abc)?d"), None);
        assert_eq!(literals("abc|d"), None);
    }

    #[test]
    fn byte_sets_of_patterns() {
        let required = of_pattern("(?:<|>)[a-z]");
        assert!(required.sets.contains(&ByteSet::of(b"<>")));
        assert!(of_pattern("a*").sets.is_empty());
    }
}
