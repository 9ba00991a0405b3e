//! The rules stage: SecLang rules, OWASP CRS unmodified.
//!
//! | what | where |
//! |---|---|
//! | what the bundle carries | [`wire`] |
//! | bytes, patterns and how common bytes are | `bytes`, `pattern`, `commonness` |
//! | what rules ask about a value, and how they transform it before | [`operators`], [`transformations`] |
//! | whether a match in a field where people write counts | `weigh` |
//! | rules that are ready to run | `program` |
//! | loading rules | `load` |
//! | running rules for a request | `run` |
//!
//! Each line uses only lines above it.
//!
//! A rule never blocks. It reports what it asks for ([`Inspection::interruption`], scores), and policies decide.

pub(crate) mod bytes;
mod commonness;
mod load;
pub mod operators;
pub(crate) mod pattern;
mod program;
mod run;
pub mod transformations;
mod weigh;
pub mod wire;

use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use crate::error::EngineError;
use program::Program;
pub use run::collections::Collections;
pub(crate) use run::evidence::Evidences;
pub use run::inspection::{Environment, Inspection};
pub use run::report::{Interruption, MatchedRule, MatchedVar, Refusal};
pub(crate) use run::request::QueryFacts;
pub use run::request::{Request, Response};
pub(crate) use weigh::FieldNames;

/// The rules of a bundle.
#[derive(Debug)]
pub struct Rules(Option<Program>);

impl Rules {
    /// Loads compiled rules; there are no rules when `compiled` is empty.
    ///
    /// # Errors
    /// [`EngineError::BundleInvalid`] naming the rule and what is wrong with it.
    pub fn new(compiled: &[u8]) -> Result<Self, EngineError> {
        if compiled.is_empty() {
            return Ok(Self(None));
        }
        Ok(Self(Some(load::program(compiled)?)))
    }

    /// What an [`Inspection`] works with; `None` when there are no rules.
    ///
    /// # Arguments
    /// * `now_us` - the time of day in Unix microseconds.
    pub fn environment<'a>(
        &'a self,
        collections: &'a Collections,
        now_us: u64,
    ) -> Option<Environment<'a>> {
        self.0.as_ref().map(|program| Environment {
            program,
            collections,
            now_us,
            fields: None,
        })
    }

    /// How many rules there are, and how much memory their index takes.
    pub fn describe(&self) -> Option<Description<'_>> {
        self.0.as_ref().map(|program| Description {
            signatures: &program.signatures,
            rules: program.rules.len(),
            chains: program.chains.len(),
            literals: program.plans.size().0,
            prefilter_bytes: program.plans.size().1,
        })
    }
}

/// The rules that were loaded last. A new bundle with the same rules does not compile them again.
#[derive(Debug, Default)]
pub struct RulesCache(Mutex<Option<([u8; 32], Arc<Rules>)>>);

impl RulesCache {
    /// Loads rules like [`Rules::new`], or returns the last rules when they were made from the same bytes.
    ///
    /// # Errors
    /// Those of [`Rules::new`].
    pub fn load(&self, compiled: &[u8]) -> Result<Arc<Rules>, EngineError> {
        // Only the digest is kept, because the bytes of a large set take megabytes.
        let digest: [u8; 32] = Sha256::digest(compiled).into();
        if let Some((known, rules)) = &*self.0.lock()
            && *known == digest
        {
            return Ok(Arc::clone(rules));
        }
        let rules = Arc::new(Rules::new(compiled)?);
        // Rules are compiled without the lock, because that may take a second and other workers need their rules.
        *self.0.lock() = Some((digest, Arc::clone(&rules)));
        Ok(rules)
    }
}

/// A summary of a set of rules.
#[derive(Debug, Clone)]
pub struct Description<'a> {
    /// `SecComponentSignature`s.
    pub signatures: &'a [String],
    /// The number of rules; a chain counts once.
    pub rules: usize,
    /// The number of different lists of transformations.
    pub chains: usize,
    /// The number of literals in the prefilter.
    pub literals: usize,
    /// The bytes of memory that the prefilter takes.
    pub prefilter_bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_rules_are_kept() {
        let cache = RulesCache::default();
        let (one, other) = (cache.load(b"").unwrap(), cache.load(b"").unwrap());
        assert!(Arc::ptr_eq(&one, &other));
        assert!(cache.load(b"x").is_err());
        assert!(
            Arc::ptr_eq(&one, &cache.load(b"").unwrap()),
            "what cannot be loaded replaces nothing"
        );
    }

    #[test]
    fn what_is_not_rules_is_refused() {
        assert!(Rules::new(b"").is_ok_and(|rules| rules.describe().is_none()));
        assert!(Rules::new(b"x").is_err());
    }
}
