//! SecLang rules. The bundle carries no compiled rules yet ([`crate::bundle::Bundle::rules`] is empty), so
//! this stage finds nothing; a bundle that does carry rules is refused when it loads, rather than
//! accepted and not enforced.

pub(crate) mod bytes;
pub mod compiled;
pub mod operators;
pub(crate) mod pattern;
pub mod transformations;

use crate::error::EngineError;

/// The rules of a bundle.
#[derive(Debug)]
pub struct Rules(());

impl Rules {
    /// Load compiled rules.
    ///
    /// # Errors
    /// [`EngineError::BundleInvalid`] when there are any: this engine cannot run them.
    pub fn new(compiled: &[u8]) -> Result<Self, EngineError> {
        if compiled.is_empty() {
            return Ok(Self(()));
        }
        Err(EngineError::invalid(
            "rules",
            "this engine has no SecLang rules; load a bundle without them",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_would_not_run_are_refused() {
        assert!(Rules::new(b"").is_ok());
        assert!(Rules::new(b"x").is_err());
    }
}
