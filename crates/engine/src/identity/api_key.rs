//! API keys: found where the configuration says, compared by hash.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Offered, strip_scheme};
use crate::bundle::{ApiKey, ApiKeySource, Identity};
use crate::error::EngineError;
use crate::http::{Location, Parameters};

/// The most bytes of an API key; longer ones are not hashed.
const MAX_KEY_BYTES: usize = 1024;

/// Known API keys and where they are looked for.
#[derive(Debug)]
pub struct ApiKeys {
    sources: Vec<ApiKeySource>,
    /// By the first 8 bytes of the hash; the whole hash is then compared in constant time.
    keys: HashMap<[u8; 8], Vec<ApiKey>>,
}

impl ApiKeys {
    /// Prepare look-ups.
    ///
    /// # Errors
    /// [`EngineError::BundleInvalid`] for a hash that is not 32 bytes.
    pub fn new(bundle: &Identity) -> Result<Self, EngineError> {
        let mut keys: HashMap<[u8; 8], Vec<ApiKey>> = HashMap::new();
        for key in &bundle.api_keys {
            let first = key
                .sha256
                .first_chunk::<8>()
                .filter(|_| key.sha256.len() == 32);
            let first =
                first.ok_or_else(|| EngineError::invalid("api_keys", "a hash is not 32 bytes"))?;
            keys.entry(*first).or_default().push(key.clone());
        }
        Ok(Self {
            sources: bundle.api_key_sources.clone(),
            keys,
        })
    }

    /// The key that a request carries, and the first source that has one.
    pub(super) fn presented(&self, offered: Offered<'_>) -> Option<(Vec<u8>, &ApiKeySource)> {
        let key_in = |source: &ApiKeySource| match source {
            ApiKeySource::Header(name) => {
                let value = offered.headers.get(name)?;
                // `Bearer` and `ApiKey` are the schemes under which clients send keys; many send a key without any.
                let key = strip_scheme(value, b"bearer ")
                    .or_else(|| strip_scheme(value, b"apikey "))
                    .unwrap_or(value);
                (!key.is_empty()).then(|| key.to_vec())
            }
            ApiKeySource::Query(name) => parameter(offered.parameters, Location::Query, name),
            ApiKeySource::Cookie(name) => parameter(offered.parameters, Location::Cookie, name),
        };
        self.sources
            .iter()
            .find_map(|source| Some((key_in(source)?, source)))
    }

    /// The known key that was presented, or the reason why it is not accepted.
    pub(super) fn verify(&self, key: &[u8], unix_s: u64) -> Result<&ApiKey, &'static str> {
        // Before hashing, so that a header of 60 KiB does not cost a hash of 60 KiB.
        if key.len() > MAX_KEY_BYTES {
            return Err("api_key_too_large");
        }
        // The bundle has only hashes of keys, so a bundle that leaks gives no key away.
        let hash = Sha256::digest(key);
        let candidates = hash
            .first_chunk::<8>()
            .and_then(|first| self.keys.get(first))
            .map(Vec::as_slice);
        let known = candidates
            .unwrap_or_default()
            .iter()
            // In constant time, so that the time of an answer does not tell how much of a hash was right.
            .find(|known| known.sha256.ct_eq(&hash).into());
        match known {
            None => Err("api_key_unknown"),
            Some(known) if known.expires_s.is_some_and(|expires| expires <= unix_s) => {
                Err("api_key_expired")
            }
            Some(known) => Ok(known),
        }
    }
}

fn parameter(parameters: &Parameters, location: Location, name: &str) -> Option<Vec<u8>> {
    parameters
        .get(location, name)
        .filter(|value| !value.is_empty())
        .map(|value| value.as_bytes().to_vec())
}
