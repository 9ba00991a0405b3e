//! Positive security: compares what was called with what the catalogue knows of the endpoint.
//!
//! At this depth the contract is the endpoint list itself: a call to an API that has an `OpenAPI` document, but
//! to no endpoint of it, is a finding. Parameter and body schemas are not in the bundle.

use crate::bundle::{Api, Endpoint};
use crate::endpoint::EndpointMatch;

/// Findings for a match: at most one of `unknown_api`, `unknown_method`, `unknown_endpoint`, `undocumented_endpoint`.
pub fn check(
    found: EndpointMatch,
    api: Option<&Api>,
    endpoint: Option<&Endpoint>,
) -> Option<&'static str> {
    let Some(api) = api else {
        return Some("unknown_api");
    };
    match endpoint {
        // The path is known, so a wrong method says more than an unknown endpoint.
        None if found.other_method => Some("unknown_method"),
        None => Some("unknown_endpoint"),
        Some(endpoint) if api.documented && !endpoint.documented => Some("undocumented_endpoint"),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{api, endpoint};

    #[test]
    fn each_gap_has_its_finding() {
        let shop = api("shop", &["*"], &["/"]);
        let found = EndpointMatch::default();
        let other = EndpointMatch {
            other_method: true,
            ..found
        };
        let known = endpoint("GET", "/a");
        let learned = Endpoint {
            documented: false,
            ..known.clone()
        };
        assert_eq!(check(found, None, None), Some("unknown_api"));
        assert_eq!(check(found, Some(&shop), None), Some("unknown_endpoint"));
        assert_eq!(check(other, Some(&shop), None), Some("unknown_method"));
        assert_eq!(
            check(found, Some(&shop), Some(&learned)),
            Some("undocumented_endpoint")
        );
        assert_eq!(check(found, Some(&shop), Some(&known)), None);
    }
}
