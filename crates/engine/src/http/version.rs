//! The version of the API that a call asks for, other than by its path or host: in a header, in the query, or in a media
//! type. <https://github.com/microsoft/api-guidelines> (12), `GitHub`'s and Stripe's headers are the models.

use smol_str::{SmolStr, format_smolstr};

use super::{Location, Parameters};
use crate::headers::Headers;

/// The longest version; dated ones have ten characters, and `2024-01-01-preview` has 18.
const MAX_BYTES: usize = 24;

/// Bytes of `Accept` that are looked at: browsers list a dozen types.
const MAX_ACCEPT_BYTES: usize = 512;

/// The version as `place:version`, "" when the call asks for none. A header counts before a media type, and that before
/// the query.
pub(crate) fn asked(headers: &Headers, parameters: &Parameters) -> SmolStr {
    let mut media = None;
    for (name, value) in headers.iter() {
        if name.ends_with(b"version")
            && is_of_api(name)
            && let Some(version) = version(value)
        {
            return format_smolstr!("header:{version}");
        }
        if media.is_none() && matches!(name, b"accept" | b"content-type") {
            media = of_media_type(value.get(..MAX_ACCEPT_BYTES).unwrap_or(value));
        }
    }
    if let Some(version) = media {
        return format_smolstr!("media:{version}");
    }
    let in_query = parameters.iter().find_map(|parameter| {
        let is_asked = parameter.location == Location::Query && is_parameter(parameter.name);
        is_asked.then(|| version(parameter.value.as_bytes()))?
    });
    in_query.map_or_else(SmolStr::default, |version| {
        format_smolstr!("query:{version}")
    })
}

/// Whether a header that ends with `version` means an API, and not a client, a protocol or a document.
fn is_of_api(name: &[u8]) -> bool {
    const OTHERS: &[&[u8]] = &[
        b"agent",
        b"android",
        b"app",
        b"application",
        b"browser",
        b"build",
        b"bundle",
        b"chrome",
        b"client",
        b"device",
        b"extension",
        b"firmware",
        b"frontend",
        b"inertia",
        b"ios",
        b"library",
        b"maxdata",
        b"mime",
        b"mobile",
        b"odata",
        b"os",
        b"platform",
        b"protocol",
        b"runtime",
        b"schema",
        b"sdk",
        b"sec",
        b"store",
        b"tls",
        b"ua",
        b"ui",
        b"web",
        b"websocket",
    ];
    if name.len() > 64 {
        return false;
    }
    let mut words = name.split(|byte| matches!(byte, b'-' | b'_'));
    words.all(|word| OTHERS.binary_search(&word).is_err()) && name != b"version"
}

fn is_parameter(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "api-version",
        "api_version",
        "apiversion",
        "v",
        "version",
        "ver",
        "api.version",
        "x-api-version",
        "_v",
    ];
    name.len() <= 13 && NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// A text that is a version: `2`, `v1.3`, `2024-01-15`, `20240115`, `2023-05-01-preview`, `latest`. Long numbers are times
/// that keep caches away, and anything else is a client's own text, of which nothing is kept.
fn version(text: &[u8]) -> Option<SmolStr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if text.is_empty() || text.len() > MAX_BYTES {
        return None;
    }
    if matches!(text, "latest" | "beta" | "preview" | "unstable" | "stable") {
        return Some(text.into());
    }
    let numbers = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let end = numbers
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-')
        .unwrap_or(numbers.len());
    let (numbers, suffix) = numbers.split_at_checked(end)?;
    let numbers = numbers.trim_end_matches(['-', '.']);
    let mut groups = numbers.split(['.', '-']);
    let is_date = numbers.len() == 8 && numbers.starts_with("20");
    let fits = groups.clone().count() <= 4 && groups.all(|group| (1..=4).contains(&group.len()));
    let is_known = ["", "alpha", "beta", "preview", "rc", "privatepreview"]
        .iter()
        .any(|known| suffix.trim_end_matches(|c: char| c.is_ascii_digit()) == *known);
    ((fits || is_date) && is_known).then(|| text.into())
}

/// The version in a media type: `application/vnd.github.v3+json`, `application/json;version=2`, `…;api-version=2`.
fn of_media_type(value: &[u8]) -> Option<SmolStr> {
    // Nearly all are `application/json` or a browser's list.
    let has = |text: &[u8]| memchr::memmem::find(value, text).is_some();
    if !has(b"vnd.") && !has(b"version=") && !has(b";v=") && !has(b"; v=") {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?;
    for part in text.split([',', ';']).map(str::trim) {
        let parameter = part.split_once('=');
        let found = match parameter {
            Some(("v" | "version" | "api-version" | "api_version", given)) => {
                version(given.trim_matches('"').as_bytes())
            }
            Some(_) => None,
            None => of_name(part),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The version in the name of a vendor's media type: its part `v3`.
fn of_name(media_type: &str) -> Option<SmolStr> {
    let (_, name) = media_type.split_once("/vnd.")?;
    let name = name.split('+').next()?;
    let mut parts = name.split(['.', '-', '_']);
    parts.find_map(|part| {
        let digits = part.strip_prefix(['v', 'V'])?;
        let is_version =
            (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        is_version.then(|| part.into())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asks(headers: &[(&str, &str)], query: &[(&str, &str)]) -> SmolStr {
        let headers = Headers::copy(
            headers
                .iter()
                .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
        );
        let mut parameters = Parameters::new(10);
        for (name, value) in query {
            parameters.push(Location::Query, name, value);
        }
        asked(&headers, &parameters)
    }

    #[test]
    fn headers_of_an_api_ask_for_its_version() {
        for (name, value, expected) in [
            ("x-api-version", "2", "header:2"),
            ("api-version", "v1.3", "header:v1.3"),
            ("accept-version", "2024-01", "header:2024-01"),
            ("stripe-version", "2024-06-20", "header:2024-06-20"),
            ("x-github-api-version", "2022-11-28", "header:2022-11-28"),
            (
                "x-ms-version",
                "2023-05-01-preview",
                "header:2023-05-01-preview",
            ),
            ("x-api-version", "latest", "header:latest"),
            ("x-api-version", "<script>", ""),
            ("x-api-version", "a text of the client", ""),
            ("x-app-version", "2", ""),
            ("x-client-version", "2", ""),
            ("sec-websocket-version", "13", ""),
            ("mime-version", "1.0", ""),
            ("odata-version", "4.0", ""),
            ("sec-ch-ua-full-version", "1.2", ""),
        ] {
            assert_eq!(asks(&[(name, value)], &[]), expected, "{name}: {value}");
        }
    }

    #[test]
    fn media_types_ask_for_a_version() {
        for (value, expected) in [
            ("application/vnd.github.v3+json", "media:v3"),
            ("application/vnd.github.v3.raw", "media:v3"),
            ("application/vnd.acme-v2+json", "media:v2"),
            ("application/vnd.heroku+json; version=3", "media:3"),
            ("application/json;v=2", "media:2"),
            ("text/html, application/json; api-version=2.0", "media:2.0"),
            ("application/json", ""),
            ("application/vnd.api+json", ""),
            ("application/vnd.ms-excel", ""),
            ("text/html,application/signed-exchange;v=b3;q=0.7", ""),
            ("application/vnd.oasis.opendocument.text", ""),
        ] {
            assert_eq!(asks(&[("accept", value)], &[]), expected, "{value}");
        }
        assert_eq!(
            asks(
                &[
                    ("accept", "application/vnd.x.v2+json"),
                    ("api-version", "3")
                ],
                &[]
            ),
            "header:3"
        );
    }

    #[test]
    fn the_query_asks_for_a_version() {
        for (name, value, expected) in [
            ("api-version", "2023-05-01", "query:2023-05-01"),
            ("api_version", "2", "query:2"),
            ("v", "20240304", "query:20240304"),
            ("version", "1.2", "query:1.2"),
            ("v", "1700000000", ""),
            ("v", "dQw4w9WgXcQ", ""),
            ("version", "two", ""),
            ("ver", "", ""),
            ("conversion", "2", ""),
        ] {
            assert_eq!(asks(&[], &[(name, value)]), expected, "{name}={value}");
        }
    }

    proptest! {
        /// Any header and parameter: no panic, and a version is short and has neither blanks nor signs.
        #[test]
        fn versions_are_plain(name in "(x-)?(api-)?version", value in prop::collection::vec(any::<u8>(), 0..40), accept in "[a-z/.;=v0-9, +-]{0,40}") {
            let headers = Headers::copy([(name.as_bytes(), &*value), (&b"accept"[..], accept.as_bytes())]);
            let asked = asked(&headers, &Parameters::new(1));
            prop_assert!(asked.len() <= 32);
            prop_assert!(asked.chars().all(|c| c.is_ascii_alphanumeric() || ":.-".contains(c)), "{}", asked);
        }
    }
}
