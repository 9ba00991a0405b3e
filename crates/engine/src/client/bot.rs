//! Known bots, by user agent.

use std::collections::HashMap;

use parking_lot::RwLock;
use regex::RegexSet;

use crate::bundle::Bot;
use crate::error::EngineError;

/// How many user agents are remembered with their class. The traffic of a site has a few thousand. An attacker who
/// varies them empties the memory, and then each request costs what it would cost without a memory.
const REMEMBERED: usize = 8192;

/// The most bytes of a user agent that are looked at.
pub const MAX_USER_AGENT_BYTES: usize = 512;

/// Classifies user agents.
#[derive(Debug)]
pub struct Bots {
    known: Vec<(BotClass, Box<str>)>,
    patterns: RegexSet,
    memory: RwLock<HashMap<Box<str>, Option<u32>>>,
}

/// The kind of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BotClass {
    /// The caller is not a known bot.
    #[default]
    None,
    /// A crawler that people want.
    Good,
    /// A known abuser.
    Bad,
    /// A library or command-line tool.
    Tool,
}

impl BotClass {
    /// The word in events and policies.
    pub const fn code(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Tool => "tool",
        }
    }
}

impl Bots {
    /// Compile the patterns.
    ///
    /// # Errors
    /// [`EngineError::BundleInvalid`] for a pattern or class that is wrong.
    pub fn new(bots: &[Bot]) -> Result<Self, EngineError> {
        let known = bots
            .iter()
            .map(|bot| match bot.class.as_str() {
                "good" => Ok((BotClass::Good, bot.name.as_str().into())),
                "bad" => Ok((BotClass::Bad, bot.name.as_str().into())),
                "tool" => Ok((BotClass::Tool, bot.name.as_str().into())),
                other => Err(EngineError::invalid(
                    format!("bot {}", bot.name),
                    format!("class {other:?} is not good, bad or tool"),
                )),
            })
            .collect::<Result<_, _>>()?;
        // The crate's own limit (10 MB) is meant for one pattern; here all patterns share one automaton.
        let patterns = regex::RegexSetBuilder::new(bots.iter().map(|bot| &bot.pattern))
            .size_limit(64 << 20)
            .build()
            .map_err(|error| EngineError::invalid("bots", error.to_string()))?;
        Ok(Self {
            known,
            patterns,
            memory: RwLock::default(),
        })
    }

    /// The class and name for a user agent. The first pattern that fits counts.
    pub fn classify(&self, user_agent: &str) -> (BotClass, &str) {
        let user_agent = truncate(user_agent, MAX_USER_AGENT_BYTES);
        // Matching all patterns costs far more than a look-up, and clients send the same user agent again and again.
        let remembered = self.memory.read().get(user_agent).copied();
        let found = remembered.unwrap_or_else(|| {
            let found = self
                .patterns
                .matches(user_agent)
                // Matches come in the order of the patterns, so the first one is the most specific (`Bundle::bots`).
                .iter()
                .next()
                .and_then(|index| u32::try_from(index).ok());
            let mut memory = self.memory.write();
            // Emptied rather than trimmed: knowing what was used last would be a write for each request.
            if memory.len() >= REMEMBERED {
                memory.clear();
            }
            memory.insert(user_agent.into(), found);
            found
        });
        match found.and_then(|index| self.known.get(index as usize)) {
            Some((class, name)) => (*class, name),
            None => (BotClass::None, ""),
        }
    }
}

/// The longest prefix of at most `limit` bytes that ends between characters.
pub fn truncate(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pattern_that_fits_counts() {
        let bot = |name: &str, class: &str, pattern: &str| Bot {
            name: name.into(),
            class: class.into(),
            pattern: pattern.into(),
        };
        let bots = Bots::new(&[
            bot("Googlebot", "good", "Googlebot/"),
            bot("curl", "tool", "^curl/"),
        ])
        .unwrap();
        for _ in 0..2 {
            assert_eq!(
                bots.classify("Mozilla (compatible; Googlebot/2.1)"),
                (BotClass::Good, "Googlebot")
            );
            assert_eq!(bots.classify("curl/8"), (BotClass::Tool, "curl"));
            assert_eq!(bots.classify("not curl/8"), (BotClass::None, ""));
        }
        assert!(Bots::new(&[bot("x", "good", "(")]).is_err());
        assert!(Bots::new(&[bot("x", "odd", "x")]).is_err());
    }

    #[test]
    fn the_memory_is_bounded() {
        let bots = Bots::new(&[]).unwrap();
        for number in 0..REMEMBERED * 2 {
            bots.classify(&number.to_string());
        }
        assert!(bots.memory.read().len() <= REMEMBERED);
    }
}
