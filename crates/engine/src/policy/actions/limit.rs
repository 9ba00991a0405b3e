//! `limit`: 429 when a rate is exceeded (GCRA).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{CompileContext, Due, Matched, PolicyAction, Then};
use crate::bundle::expression::Expr;
use crate::policy::decision::{Answer, AnswerBody, Decision, Terminal};
use crate::policy::expression::Expression;
use crate::policy::value::{EvalError, Facts, Texts};
use crate::rate::{Limit, RateDecision};

/// Keys that one request counts under, at most: each one is a look-up in the table of counters, and a client could name as
/// many values as the parsers let through. A key has several texts where its name has several values.
const MAX_KEYS: usize = 256;

/// The parts of a key: the policy's name, then what each expression gives.
type Key<'a> = SmallVec<[Cow<'a, str>; 4]>;

/// The action as the bundle has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LimitSpec {
    /// Requests per period.
    pub requests: u32,
    /// Period in milliseconds.
    pub period_ms: u64,
    /// Requests that may come at once beyond the rate.
    pub burst: u32,
    /// String expressions: requests for which they give other texts are counted separately.
    pub key: Vec<Expr>,
}

/// Refuses requests that are over a rate. (`Limit` is the rate itself.)
#[derive(Debug)]
pub(crate) struct LimitTo {
    rate: Limit,
    key: Vec<Expression>,
    /// Requests per period, for the `RateLimit-Policy` field.
    requests: u32,
    /// Period in milliseconds, for the `RateLimit-Policy` field.
    period_ms: u64,
}

impl LimitTo {
    /// # Errors
    /// A sentence about the part of the key that cannot be evaluated.
    pub(super) fn compile(spec: &LimitSpec, context: &CompileContext<'_>) -> Result<Self, String> {
        let key = spec.key.iter();
        let key = key.map(|part| Expression::compile(part, context.lists));
        Ok(Self {
            rate: Limit::new(spec.requests, spec.period_ms, spec.burst),
            key: key
                .collect::<Result<_, _>>()
                .map_err(|error| error.to_string())?,
            requests: spec.requests,
            period_ms: spec.period_ms,
        })
    }

    /// Counts a request under each key that it has: in each world in which the policy holds, with each value of a
    /// repeated name. It is over the limit when it is under one of them, so another value beside the own one or another
    /// spelling of the path begins no new count.
    fn count<F: Facts>(&self, matched: &Matched<'_, F>) -> Result<RateDecision, EvalError> {
        let (mut counted, mut failed) = (SmallVec::<[Key<'_>; 1]>::new(), None);
        let mut decision: Option<RateDecision> = None;
        for world in matched.worlds {
            // The condition held in some world. When there is only one world, it need not be asked again.
            if matched.worlds.len() > 1 && !(matched.holds_in)(world) {
                continue;
            }
            let keys = match keys(matched.policy, &self.key, &world.facts) {
                Ok(keys) => keys,
                Err(error) => {
                    // Another reading may still have a key; only if none has, the policy is an error.
                    failed = Some(error);
                    continue;
                }
            };
            for key in keys {
                // Two readings with one key are one request: it must not be counted twice.
                if counted.len() >= MAX_KEYS || counted.contains(&key) {
                    continue;
                }
                let found = {
                    let parts: SmallVec<[&str; 4]> = key.iter().map(|part| &**part).collect();
                    (matched.rates).check(&self.rate, &parts, world.scope.monotonic_ns)
                };
                decision = Some(decision.map_or(found, |known| stricter(known, found)));
                counted.push(key);
            }
        }
        decision.ok_or_else(|| failed.unwrap_or(EvalError::Overload))
    }

    /// The fields that tell a client when to come again.
    fn headers(&self, policy: &str, counter: RateDecision) -> Vec<(String, String)> {
        // Rounded up to whole seconds, so that a client that waits for as long as it is told is let through.
        let wait_s = counter.retry_after_ns.div_ceil(1_000_000_000);
        let (requests, period_s) = (self.requests, self.period_ms.div_ceil(1000));
        vec![
            // RFC 9110, 10.2.3.
            ("retry-after".into(), wait_s.to_string()),
            // draft-ietf-httpapi-ratelimit-headers-10.
            (
                "ratelimit-policy".into(),
                format!("\"{policy}\";q={requests};w={period_s}"),
            ),
            ("ratelimit".into(), format!("\"{policy}\";r=0;t={wait_s}")),
        ]
    }
}

impl PolicyAction for LimitTo {
    const WORD: &'static str = "limit";

    fn due<F: Facts>(&self, matched: &Matched<'_, F>) -> Result<Due, EvalError> {
        let counter = self.count(matched)?;
        Ok(if counter.allowed {
            Due::No
        } else {
            Due::Exceeded(counter)
        })
    }

    fn act(&self, policy: &str, due: Due, _decision: &mut Decision) -> Then {
        // `due` gives nothing else when this is called. Without a counter there is nothing to tell a client.
        let Due::Exceeded(counter) = due else {
            return Then::GoOn;
        };
        Then::End(Terminal::Answer(Box::new(Answer {
            action: Self::WORD,
            status: 429,
            headers: self.headers(policy, counter),
            body: AnswerBody::Problem,
        })))
    }
}

/// The decision that refuses, or else the one that leaves less: a client is told about the counter that stops it first.
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
    // The policy's name is part of each key, so that two limits never share a counter.
    first.push(name.into());
    let mut keys: SmallVec<[Key<'a>; 1]> = SmallVec::new();
    keys.push(first);
    // The keys of a request are the combinations of its texts, so what each expression may give depends on how many
    // expressions there are.
    let limit = texts_of_each(expressions.len());
    for expression in expressions {
        let texts: Texts<'a> = expression
            .texts(facts, limit)?
            .into_iter()
            .map(counted_together)
            .collect();
        // Nearly always one text: the keys grow in place, and no combination is made.
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
            // The host part is cut off and the text made anew, so every spelling of a network is one key.
            let network = u128::from(address) >> 64 << 64;
            std::net::Ipv6Addr::from(network).to_string().into()
        }
        _ => text,
    }
}
