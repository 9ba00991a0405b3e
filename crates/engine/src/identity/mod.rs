//! Who the caller proved to be.
//!
//! Envoy verifies JWTs and client certificates, and hands over the result in headers that clients cannot set. API keys
//! are verified here. When several credentials verify, a JWT counts before an API key, and an API key before a client
//! certificate: the one that is more specific to the call. When a credential does not verify, the identity names the
//! reason.

mod api_key;
mod jwt;
pub(crate) mod seen;

use smol_str::SmolStr;

use crate::bundle::{ApiKeySource, Identity as IdentityBundle};
use crate::error::EngineError;
use crate::hash::KeyedHash;
use crate::headers::Headers;
use crate::http::{Location, Parameters};

pub use api_key::ApiKeys;
pub use seen::Credentials;

/// How a caller proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdentityKind {
    /// The caller did not prove itself.
    #[default]
    None,
    /// JWT that Envoy verified.
    Jwt,
    /// API key.
    ApiKey,
    /// Client certificate that Envoy verified.
    Mtls,
}

impl IdentityKind {
    /// The word in events and policies.
    pub const fn code(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Jwt => "jwt",
            Self::ApiKey => "api_key",
            Self::Mtls => "mtls",
        }
    }
}

/// The caller's identity. Hashes are keyed, see [`KeyedHash`].
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// How the caller proved itself.
    pub kind: IdentityKind,
    /// Verified subject, "" without.
    pub subject: SmolStr,
    /// Issuer of the JWT.
    pub issuer: SmolStr,
    /// Name of the JWT provider in the bundle.
    pub provider: SmolStr,
    /// Scopes of the token or key.
    pub scopes: Vec<String>,
    /// Top-level claims of the JWT; objects and lists as JSON.
    pub claims: Vec<(String, String)>,
    /// Why a credential that was presented did not verify, "" when none failed.
    pub error: &'static str,
    /// Hash of `kind:issuer:subject`.
    pub subject_hash: SmolStr,
    /// Hash of the credential presented.
    pub credential_hash: SmolStr,
    /// Hash of the session cookie or bearer token.
    pub session_hash: SmolStr,
    /// Credentials seen, configured or not.
    pub seen: Credentials,
}

impl Identity {
    /// Whether the caller is known.
    pub fn verified(&self) -> bool {
        self.kind != IdentityKind::None
    }
}

/// The parts of the bundle that this stage needs.
#[derive(Debug)]
pub struct Identities {
    bundle: IdentityBundle,
    keys: ApiKeys,
}

/// What a request offers as proof of who calls.
#[derive(Debug, Clone, Copy)]
pub struct Offered<'a> {
    /// Headers, internal ones included.
    pub headers: &'a Headers,
    /// Query and cookies.
    pub parameters: &'a Parameters,
    /// Wall clock, seconds.
    pub unix_s: u64,
}

impl Identities {
    /// Prepare the stage.
    ///
    /// # Errors
    /// [`EngineError::BundleInvalid`] for a key whose hash is not 32 bytes.
    pub fn new(bundle: &IdentityBundle) -> Result<Self, EngineError> {
        Ok(Self {
            keys: ApiKeys::new(bundle)?,
            bundle: bundle.clone(),
        })
    }

    /// Find out who calls. `accepted`: names of the JWT providers that the API accepts.
    pub fn identify(
        &self,
        offered: Offered<'_>,
        accepted: &[String],
        hash: &KeyedHash,
    ) -> Identity {
        let mut identity = Identity::default();
        let authorization = offered.headers.get("authorization").unwrap_or_default();
        let bearer = strip_scheme(authorization, b"bearer ");
        if let Some((kind, lasting)) = seen::of_authorization(authorization) {
            identity.seen.note(kind, "header", "authorization");
            // Hashed before anything is verified, because detectors count credentials that fail too.
            identity.credential_hash = hash.of(&[if kind == "basic" {
                authorization
            } else {
                lasting
            }]);
            if bearer.is_some() {
                // A bearer token ties the calls of one log-in together, as a session cookie does.
                identity.session_hash.clone_from(&identity.credential_hash);
            }
        }
        // In the order in which verified credentials count: each one looks whether an earlier one holds.
        self.jwt(&mut identity, offered, bearer, accepted);
        self.api_key(&mut identity, offered, bearer, hash);
        note_headers(&mut identity, offered.headers, hash);
        note_parameters(&mut identity, offered.parameters, hash);
        self.mtls(&mut identity, offered.headers);
        if identity.verified() {
            let parts = [identity.kind.code(), &identity.issuer, &identity.subject];
            identity.subject_hash = hash.of(&[parts.join(":").as_bytes()]);
        }
        identity
    }

    fn jwt(
        &self,
        identity: &mut Identity,
        offered: Offered<'_>,
        bearer: Option<&[u8]>,
        accepted: &[String],
    ) {
        let header = &self.bundle.jwt_payload_header;
        let payload = if header.is_empty() {
            None
        } else {
            offered.headers.get(header)
        };
        match payload.map(jwt::payload) {
            Some(Some(claims)) => self.verified_jwt(identity, claims, accepted),
            Some(None) => identity.error = jwt::why_no_payload(payload.unwrap_or_default()),
            None => {
                if let Some(token) = bearer.filter(|token| jwt::looks_like_one(token)) {
                    let known = self
                        .bundle
                        .jwt_providers
                        .iter()
                        .filter(|provider| accepted.contains(&provider.name));
                    identity.error = jwt::why_not(token, known, offered.unix_s);
                }
            }
        }
    }

    /// Take over the claims that Envoy verified. Envoy checks a token against every provider of the listener; whether this
    /// API accepts the provider is decided here.
    fn verified_jwt(&self, identity: &mut Identity, claims: jwt::Claims, accepted: &[String]) {
        let issuer = jwt::text_claim(&claims, "iss").unwrap_or_default();
        let provider = (self.bundle.jwt_providers.iter())
            .find(|provider| provider.issuer == issuer && accepted.contains(&provider.name));
        let Some(provider) = provider else {
            identity.error = "jwt_unknown_issuer";
            return;
        };
        identity.kind = IdentityKind::Jwt;
        identity.provider = SmolStr::new(&provider.name);
        identity.subject = jwt::text_claim(&claims, &provider.subject_claim).unwrap_or_default();
        identity.issuer = issuer;
        identity.scopes = jwt::scopes(&claims, &provider.scopes_claim);
        identity.claims = jwt::flatten(claims);
    }

    fn api_key(
        &self,
        identity: &mut Identity,
        offered: Offered<'_>,
        bearer: Option<&[u8]>,
        hash: &KeyedHash,
    ) {
        let Some((key, source)) = self.keys.presented(offered) else {
            return;
        };
        let (place, name) = match source {
            ApiKeySource::Header(name) => ("header", name),
            ApiKeySource::Query(name) => ("query", name),
            ApiKeySource::Cookie(name) => ("cookie", name),
        };
        identity.seen.note("api_key", place, name);
        // The credential in `Authorization` counts, if there is one.
        if identity.credential_hash.is_empty() {
            identity.credential_hash = hash.of(&[&key]);
        }
        match self.keys.verify(&key, offered.unix_s) {
            Ok(known) if !identity.verified() => {
                identity.kind = IdentityKind::ApiKey;
                // This credential verified, so it does not matter that an earlier one failed.
                identity.error = "";
                identity.subject = SmolStr::new(&known.subject);
                identity.scopes.clone_from(&known.scopes);
            }
            // A bearer token in the header that keys also use is not a wrong key.
            Err(error) if identity.error.is_empty() && !identity.verified() && bearer.is_none() => {
                identity.error = error;
            }
            _ => {}
        }
    }

    fn mtls(&self, identity: &mut Identity, headers: &Headers) {
        let peer = headers
            .text("x-starfort-peer")
            // Envoy writes `-` when the connection has no client certificate.
            .filter(|peer| !peer.is_empty() && *peer != "-");
        let Some(peer) = peer.filter(|_| self.bundle.mtls) else {
            return;
        };
        identity.seen.note("mtls", "connection", "certificate");
        if !identity.verified() {
            identity.kind = IdentityKind::Mtls;
            identity.subject = peer.into();
        }
    }
}

/// Note credentials in headers that no configuration names. `Authorization` was looked at before.
fn note_headers(identity: &mut Identity, headers: &Headers, hash: &KeyedHash) {
    for (name, value) in headers.iter() {
        let Some(kind) = seen::of_header(name).filter(|_| !value.is_empty()) else {
            continue;
        };
        let name = std::str::from_utf8(name).unwrap_or_default();
        // Headers of Starfort's own say what was verified, and clients cannot set them.
        if !name.starts_with("x-starfort-") && !identity.seen.is_noted("header", name) {
            note(identity, kind, "header", name, value, hash);
        }
    }
}

/// Note credentials in the query that no configuration names, and cookies of sessions.
fn note_parameters(identity: &mut Identity, parameters: &Parameters, hash: &KeyedHash) {
    for parameter in parameters.iter() {
        let (name, value) = (parameter.name, parameter.value);
        match parameter.location {
            Location::Query if !identity.seen.is_noted("query", name) => {
                if let Some(kind) = seen::of_parameter(name, value) {
                    note(identity, kind, "query", name, value.as_bytes(), hash);
                }
            }
            Location::Cookie if !value.is_empty() && seen::is_session_cookie(name) => {
                identity.seen.note("cookie", "cookie", name);
                if identity.session_hash.is_empty() {
                    identity.session_hash = hash.of(&[value.as_bytes()]);
                }
            }
            _ => {}
        }
    }
}

fn note(
    identity: &mut Identity,
    kind: &'static str,
    place: &'static str,
    name: &str,
    value: &[u8],
    hash: &KeyedHash,
) {
    identity.seen.note(kind, place, name);
    // A signature is another one in each call, so it does not tell callers apart.
    if identity.credential_hash.is_empty() && !matches!(kind, "signature" | "aws4") {
        identity.credential_hash = hash.of(&[value]);
    }
}

/// The rest of a header value after a scheme (`bearer `, lower case), which is compared ignoring case.
fn strip_scheme<'a>(value: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = value.split_at_checked(scheme.len())?;
    (start.eq_ignore_ascii_case(scheme) && !rest.is_empty()).then_some(rest.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{ApiKey, ApiKeySource, JwtProvider};
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use sha2::{Digest, Sha256};

    fn stage() -> Identities {
        Identities::new(&IdentityBundle {
            jwt_payload_header: "x-starfort-jwt".into(),
            jwt_providers: vec![JwtProvider {
                name: "staff".into(),
                issuer: "https://id".into(),
                subject_claim: "sub".into(),
                scopes_claim: "scope".into(),
            }],
            api_key_sources: vec![
                ApiKeySource::Header("x-api-key".into()),
                ApiKeySource::Query("key".into()),
            ],
            api_keys: vec![
                ApiKey {
                    sha256: Sha256::digest(b"good").to_vec(),
                    subject: "partner".into(),
                    scopes: vec!["read".into()],
                    expires_s: None,
                },
                ApiKey {
                    sha256: Sha256::digest(b"old").to_vec(),
                    subject: "partner".into(),
                    scopes: vec![],
                    expires_s: Some(10),
                },
            ],
            mtls: true,
        })
        .unwrap()
    }

    fn identify(headers: &[(&str, &str)]) -> Identity {
        let headers = Headers::copy(
            headers
                .iter()
                .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
        );
        let parameters = Parameters::new(10);
        let offered = Offered {
            headers: &headers,
            parameters: &parameters,
            unix_s: 1000,
        };
        stage().identify(
            offered,
            &["staff".into()],
            &KeyedHash::new(&[1; 32]).unwrap(),
        )
    }

    fn token(header: &str, payload: &str) -> String {
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!(
            "Bearer {}.{}.{}",
            encode(header),
            encode(payload),
            encode("signature")
        )
    }

    #[test]
    fn a_verified_payload_names_the_subject() {
        let payload = BASE64_URL_SAFE_NO_PAD
            .encode(r#"{"iss":"https://id","sub":"alice","scope":"read write","n":1,"o":{"a":1}}"#);
        let identity = identify(&[("x-starfort-jwt", &payload)]);
        assert_eq!(
            (identity.kind, identity.subject.as_str()),
            (IdentityKind::Jwt, "alice")
        );
        assert_eq!(identity.scopes, ["read", "write"]);
        assert!(identity.claims.contains(&("o".into(), r#"{"a":1}"#.into())));
        assert_eq!(identity.subject_hash.len(), 16);
    }

    #[test]
    fn a_token_that_did_not_verify_says_why() {
        let good = r#"{"alg":"RS256"}"#;
        for (authorization, error) in [
            (
                token(r#"{"alg":"none"}"#, r#"{"iss":"https://id"}"#),
                "jwt_none_algorithm",
            ),
            (
                token(r#"{"alg":"NoNe"}"#, r#"{"iss":"https://id"}"#),
                "jwt_none_algorithm",
            ),
            (
                token(good, r#"{"iss":"https://id","exp":999}"#),
                "jwt_expired",
            ),
            (
                token(good, r#"{"iss":"https://id","nbf":2000}"#),
                "jwt_not_yet_valid",
            ),
            (
                token(good, r#"{"iss":"https://evil"}"#),
                "jwt_unknown_issuer",
            ),
            (
                token(good, r#"{"iss":"https://id","exp":2000}"#),
                "jwt_not_verified",
            ),
            (
                format!("Bearer a.{}.c", "b".repeat(100_000)),
                "jwt_too_large",
            ),
            ("Bearer eyJhbGciOiJ.%%%.x".into(), "jwt_malformed"),
        ] {
            let identity = identify(&[("authorization", &authorization)]);
            assert_eq!(
                identity.error,
                error,
                "{}",
                &authorization[..authorization.len().min(60)]
            );
            assert!(!identity.verified());
            assert_eq!(identity.seen.kinds, ["bearer"]);
        }
    }

    #[test]
    fn credentials_that_nobody_configured_are_seen() {
        let identity = identify(&[
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=1",
            ),
            ("x-auth-token", "abc"),
            ("x-csrf-token", "abc"),
        ]);
        assert_eq!(identity.seen.kinds, ["aws4", "token"]);
        assert_eq!(
            identity.seen.places,
            ["header:authorization", "header:x-auth-token"]
        );
        let again = identify(&[(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=2",
        )]);
        assert_eq!(identity.credential_hash, again.credential_hash);
        assert_eq!(identify(&[("accept", "*/*")]).seen, Credentials::default());
        let token = identify(&[("x-auth-token", "abc")]);
        assert_eq!(
            (token.credential_hash.len(), &*token.session_hash),
            (16, "")
        );
        // The configuration's word for a header counts before the name's.
        assert_eq!(identify(&[("x-api-key", "good")]).seen.kinds, ["api_key"]);
    }

    #[test]
    fn an_opaque_bearer_token_is_no_error() {
        let identity = identify(&[("authorization", "bearer abcdef")]);
        assert_eq!((identity.error, identity.session_hash.len()), ("", 16));
    }

    #[test]
    fn api_keys_are_known_wrong_or_expired() {
        let good = identify(&[("x-api-key", "good")]);
        assert_eq!(
            (good.kind, good.subject.as_str(), good.error),
            (IdentityKind::ApiKey, "partner", "")
        );
        assert_eq!(identify(&[("x-api-key", "old")]).error, "api_key_expired");
        assert_eq!(identify(&[("x-api-key", "wrong")]).error, "api_key_unknown");
    }

    #[test]
    fn a_client_certificate_counts_last() {
        assert_eq!(
            identify(&[("x-starfort-peer", "spiffe://a")]).kind,
            IdentityKind::Mtls
        );
        let both = identify(&[("x-starfort-peer", "spiffe://a"), ("x-api-key", "good")]);
        assert_eq!(
            (both.kind, both.seen.kinds),
            (IdentityKind::ApiKey, vec!["api_key", "mtls"])
        );
    }
}
