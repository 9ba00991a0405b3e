//! What a `limit` counts.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::expression::{Expression, Texts};
use super::value::{EvalError, Facts};
use super::{CompiledPolicy, World};
use crate::rate::{Limit, RateDecision, RateTable};

/// Keys that one request counts under, at most. A key has several texts where its name has several values.
const MAX_KEYS: usize = 256;

/// The parts of a key: the policy's name, then what each expression gives.
type Key<'a> = SmallVec<[Cow<'a, str>; 4]>;

impl CompiledPolicy {
    /// Counts a request under each key that it has: in each world in which the policy holds, with each value of a
    /// repeated name. It is over the limit when it is under one of them, so another value beside the own one or another
    /// spelling of the path begins no new count.
    pub(super) fn rate<F: Facts>(
        &self,
        limit: &Limit,
        expressions: &[Expression],
        worlds: &[World<F>],
        rates: &RateTable,
    ) -> Result<RateDecision, EvalError> {
        let (mut counted, mut failed) = (SmallVec::<[Key<'_>; 1]>::new(), None);
        let mut decision: Option<RateDecision> = None;
        for world in worlds {
            // The condition was met in some world; of one world it need not be asked again.
            let holds = worlds.len() == 1
                || self.restricts(&world.scope)
                    && self.when.outcomes(&world.facts).for_some() == Ok(true);
            if !holds {
                continue;
            }
            let keys = match keys(&self.name, expressions, &world.facts) {
                Ok(keys) => keys,
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            };
            for key in keys {
                if counted.len() >= MAX_KEYS || counted.contains(&key) {
                    continue;
                }
                let found = {
                    let parts: SmallVec<[&str; 4]> = key.iter().map(|part| &**part).collect();
                    rates.check(limit, &parts, world.scope.monotonic_ns)
                };
                decision = Some(decision.map_or(found, |known| stricter(known, found)));
                counted.push(key);
            }
        }
        decision.ok_or_else(|| failed.unwrap_or(EvalError::Overload))
    }
}

/// Of two decisions the one that refuses, or leaves less.
fn stricter(one: RateDecision, other: RateDecision) -> RateDecision {
    let order = |decision: &RateDecision| {
        (
            decision.allowed,
            decision.remaining,
            std::cmp::Reverse(decision.retry_after_ns),
        )
    };
    if order(&other) < order(&one) {
        other
    } else {
        one
    }
}

fn keys<'a, F: Facts>(
    name: &'a str,
    expressions: &'a [Expression],
    facts: &'a F,
) -> Result<SmallVec<[Key<'a>; 1]>, EvalError> {
    let mut first = Key::new();
    first.push(name.into());
    let mut keys: SmallVec<[Key<'a>; 1]> = SmallVec::new();
    keys.push(first);
    let limit = texts_of_each(expressions.len());
    for expression in expressions {
        let texts: Texts<'a> = expression
            .texts(facts, limit)?
            .into_iter()
            .map(counted_together)
            .collect();
        if let [text] = texts.as_slice() {
            for key in &mut keys {
                key.push(text.clone());
            }
            continue;
        }
        keys = keys
            .iter()
            .flat_map(|key| {
                texts.iter().map(|text| {
                    let mut longer = key.clone();
                    longer.push(text.clone());
                    longer
                })
            })
            .collect();
    }
    Ok(keys)
}

/// How many texts of each of `count` expressions are counted, so that no more than [`MAX_KEYS`] come of them. Two, the
/// first and the last value, always are: configuration allows eight expressions.
const fn texts_of_each(count: usize) -> usize {
    match count {
        0 | 1 => MAX_KEYS,
        2 => 16,
        3 => 6,
        4 => 4,
        5 => 3,
        _ => 2,
    }
}

/// IPv6 addresses are counted by their /64, which one host has whole (RFC 4291, 2.5.1; RFC 8981): counted one by
/// one, a single client would never meet a limit, and could fill the table.
fn counted_together(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains(':') {
        return text;
    }
    match text.parse::<std::net::Ipv6Addr>() {
        Ok(address) if address.to_ipv4_mapped().is_none() => {
            let network = u128::from(address) >> 64 << 64;
            std::net::Ipv6Addr::from(network).to_string().into()
        }
        _ => text,
    }
}
