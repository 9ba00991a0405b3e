//! Facts about a response that posture checks ask for: what its headers allow and forbid, and what the body of a failure
//! gives away. They are facts and no findings: whether one is wrong depends on the API.

mod errors;

use crate::headers::Headers;
use crate::identity::seen::is_session_cookie;

pub(crate) use errors::Errors;

/// A set of traits, one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResponseTraits(u32);

/// One trait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ResponseTrait {
    /// Any origin may read the response.
    CorsAny,
    /// The origin that asked may read it, and is of another site.
    CorsReflected,
    /// The origin `null` may read it.
    CorsNull,
    /// Credentials may come along.
    CorsCredentials,
    /// RFC 6797.
    Hsts,
    /// Browsers must not guess the type.
    Nosniff,
    /// A Content Security Policy.
    Csp,
    /// Who may frame it.
    FrameOptions,
    /// No cache may keep it.
    NoStore,
    /// Any cache may keep it.
    CachePublic,
    /// The server tells its version.
    ServerVersioned,
    /// The caller is told its rate limit.
    RateLimit,
    /// RFC 9745 or RFC 8594.
    Deprecation,
    /// A session cookie goes over plain HTTP too.
    CookieInsecure,
    /// Scripts can read a session cookie.
    CookieScript,
    /// The body shows a stack trace.
    StackTrace,
    /// The body shows an error of a database.
    Sql,
    /// The body shows a path of the server's files.
    Path,
    /// The body is the debug page of a framework.
    DebugPage,
}

impl ResponseTrait {
    const ALL: [(Self, &'static str); 19] = [
        (Self::CorsAny, "cors:any"),
        (Self::CorsReflected, "cors:reflected"),
        (Self::CorsNull, "cors:null"),
        (Self::CorsCredentials, "cors:credentials"),
        (Self::Hsts, "hsts"),
        (Self::Nosniff, "nosniff"),
        (Self::Csp, "csp"),
        (Self::FrameOptions, "frame_options"),
        (Self::NoStore, "no_store"),
        (Self::CachePublic, "cache:public"),
        (Self::ServerVersioned, "server:versioned"),
        (Self::RateLimit, "rate_limit"),
        (Self::Deprecation, "deprecation"),
        (Self::CookieInsecure, "cookie:insecure"),
        (Self::CookieScript, "cookie:script"),
        (Self::StackTrace, "error:stack_trace"),
        (Self::Sql, "error:sql"),
        (Self::Path, "error:path"),
        (Self::DebugPage, "error:debug_page"),
    ];
}

impl ResponseTraits {
    /// Add a trait.
    pub(crate) fn insert(&mut self, one: ResponseTrait) {
        self.0 |= 1 << one as u8;
    }

    fn insert_if(&mut self, condition: bool, one: ResponseTrait) {
        if condition {
            self.insert(one);
        }
    }

    /// Whether a trait is in the set.
    #[must_use]
    pub fn contains(self, one: ResponseTrait) -> bool {
        self.0 & (1 << one as u8) != 0
    }

    /// The traits of both sets.
    #[must_use]
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The words in events.
    pub fn codes(self) -> impl Iterator<Item = &'static str> {
        let all = ResponseTrait::ALL.into_iter();
        all.filter(move |(one, _)| self.contains(*one))
            .map(|(_, code)| code)
    }

    /// What the headers of a response say. `asked`: the request's.
    pub(crate) fn of_headers(headers: &Headers, asked: &Headers) -> Self {
        let mut found = Self::default();
        for (name, value) in headers.iter() {
            found.note_header(name, value, asked);
        }
        found
    }

    fn note_header(&mut self, name: &[u8], value: &[u8], asked: &Headers) {
        use ResponseTrait as T;
        match name {
            b"access-control-allow-origin" => self.note_origin(value.trim_ascii(), asked),
            b"access-control-allow-credentials" => {
                self.insert_if(value.trim_ascii() == b"true", T::CorsCredentials);
            }
            b"strict-transport-security" => self.insert(T::Hsts),
            b"x-content-type-options" => {
                self.insert_if(
                    value.trim_ascii().eq_ignore_ascii_case(b"nosniff"),
                    T::Nosniff,
                );
            }
            b"content-security-policy" => self.insert(T::Csp),
            b"x-frame-options" => self.insert(T::FrameOptions),
            b"cache-control" => {
                self.insert_if(has_directive(value, b"no-store"), T::NoStore);
                self.insert_if(has_directive(value, b"public"), T::CachePublic);
            }
            b"server" | b"x-powered-by" | b"x-generator" => {
                self.insert_if(names_version(value), T::ServerVersioned);
            }
            b"x-aspnet-version" | b"x-aspnetmvc-version" => self.insert(T::ServerVersioned),
            b"deprecation" | b"sunset" => self.insert(T::Deprecation),
            b"set-cookie" => self.note_cookie(value, asked),
            _ => self.insert_if(is_rate_limit(name), T::RateLimit),
        }
    }

    fn note_origin(&mut self, allowed: &[u8], asked: &Headers) {
        use ResponseTrait as T;
        match allowed {
            b"*" => self.insert(T::CorsAny),
            b"null" => self.insert(T::CorsNull),
            _ => {
                let is_asked = asked.get("origin").is_some_and(|origin| origin == allowed);
                let host = asked.text(":authority").unwrap_or_default();
                let origin = std::str::from_utf8(allowed).unwrap_or_default();
                self.insert_if(is_asked && !same_site(origin, host), T::CorsReflected);
            }
        }
    }

    fn note_cookie(&mut self, value: &[u8], asked: &Headers) {
        let Ok(text) = std::str::from_utf8(value) else {
            return;
        };
        let mut parts = text.split(';').map(str::trim);
        let Some((name, kept)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        // A cookie that is taken away again protects nothing.
        if kept.is_empty() || !is_session_cookie(name) {
            return;
        }
        let (mut is_secure, mut is_http_only) = (false, false);
        for attribute in parts {
            is_secure |= attribute.eq_ignore_ascii_case("secure");
            is_http_only |= attribute.eq_ignore_ascii_case("httponly");
        }
        let over_tls = asked.get(":scheme") == Some(b"https");
        self.insert_if(over_tls && !is_secure, ResponseTrait::CookieInsecure);
        self.insert_if(!is_http_only, ResponseTrait::CookieScript);
    }
}

/// Whether a list of directives has one (RFC 9111, 5.2).
fn has_directive(value: &[u8], wanted: &[u8]) -> bool {
    let mut directives = value.split(|byte| *byte == b',');
    directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(wanted))
}

/// Whether a product is named with its version: `nginx/1.25.3`, `PHP/8.2.1`, but not `nginx` or `HTTP/2`.
fn names_version(value: &[u8]) -> bool {
    value
        .windows(3)
        .any(|window| matches!(window, [b'/' | b' ', digit, b'.' | b'0'..=b'9'] if digit.is_ascii_digit()))
}

/// `RateLimit`, `RateLimit-Policy` (IETF draft), `X-RateLimit-…`, `X-Rate-Limit-…`, and those of vendors.
fn is_rate_limit(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"x-").unwrap_or(name);
    name.starts_with(b"ratelimit") || name.starts_with(b"rate-limit")
}

/// Whether an origin is of the same site as a host: they end with the same name that somebody registered. Two labels are
/// taken for one, and three below short ones (`co.uk`), for the public suffix list has no place on the hot path.
fn same_site(origin: &str, host: &str) -> bool {
    let (_, origin) = origin.split_once("://").unwrap_or(("", origin));
    registered(without_port(origin)).eq_ignore_ascii_case(registered(without_port(host)))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        _ => host,
    }
}

fn registered(host: &str) -> &str {
    let is_address = host.ends_with(']')
        || host
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_address {
        return host;
    }
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    let (Some(last), second) = (dots.next(), dots.next()) else {
        return host;
    };
    let Some(second) = second else {
        return host;
    };
    let is_short = host.len() - last == 3 && last - second <= 4;
    let from = if is_short { dots.next() } else { Some(second) };
    from.and_then(|at| host.get(at + 1..)).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits(asked: &[(&str, &str)], headers: &[(&str, &str)]) -> Vec<&'static str> {
        let copy = |headers: &[(&str, &str)]| {
            Headers::copy(
                headers
                    .iter()
                    .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
            )
        };
        let found = ResponseTraits::of_headers(&copy(headers), &copy(asked));
        found.codes().collect()
    }

    const ASKED: &[(&str, &str)] = &[
        (":authority", "api.shop.example.com:8443"),
        (":scheme", "https"),
        ("origin", "https://evil.example.org"),
    ];

    #[test]
    fn headers_say_what_is_allowed_and_forbidden() {
        for (header, expected) in [
            (("access-control-allow-origin", "*"), vec!["cors:any"]),
            (("access-control-allow-origin", "null"), vec!["cors:null"]),
            (
                ("access-control-allow-origin", "https://evil.example.org"),
                vec!["cors:reflected"],
            ),
            (
                ("access-control-allow-origin", "https://other.example.net"),
                vec![],
            ),
            (
                ("access-control-allow-credentials", "true"),
                vec!["cors:credentials"],
            ),
            (("access-control-allow-credentials", "false"), vec![]),
            (("strict-transport-security", "max-age=1"), vec!["hsts"]),
            (("x-content-type-options", "NoSniff"), vec!["nosniff"]),
            (
                ("content-security-policy", "default-src 'none'"),
                vec!["csp"],
            ),
            (("x-frame-options", "DENY"), vec!["frame_options"]),
            (("cache-control", "private, no-store"), vec!["no_store"]),
            (
                ("cache-control", "public, max-age=60"),
                vec!["cache:public"],
            ),
            (("server", "nginx/1.25.3"), vec!["server:versioned"]),
            (
                ("server", "Apache/2.4.57 (Debian)"),
                vec!["server:versioned"],
            ),
            (("x-powered-by", "PHP/8.2.1"), vec!["server:versioned"]),
            (("x-aspnet-version", "4.0.30319"), vec!["server:versioned"]),
            (("server", "nginx"), vec![]),
            (("server", "cloudflare"), vec![]),
            (("x-powered-by", "Express"), vec![]),
            (("x-ratelimit-remaining", "7"), vec!["rate_limit"]),
            (("ratelimit", "limit=10"), vec!["rate_limit"]),
            (("deprecation", "@1688169599"), vec!["deprecation"]),
            (
                ("sunset", "Sat, 31 Dec 2026 23:59:59 GMT"),
                vec!["deprecation"],
            ),
            (
                ("set-cookie", "sid=abc; Path=/"),
                vec!["cookie:insecure", "cookie:script"],
            ),
            (("set-cookie", "sid=abc; secure; HttpOnly"), vec![]),
            (("set-cookie", "sid=; Max-Age=0"), vec![]),
            (("set-cookie", "theme=dark"), vec![]),
            (("content-type", "application/json"), vec![]),
        ] {
            assert_eq!(traits(ASKED, &[header]), expected, "{header:?}");
        }
    }

    #[test]
    fn sites_are_told_apart() {
        for (origin, host, same) in [
            ("https://app.example.com", "api.example.com", true),
            ("https://example.com:8443", "api.example.com", true),
            ("https://a.example.co.uk", "b.example.co.uk", true),
            ("https://evil.co.uk", "shop.co.uk", false),
            ("https://example.org", "example.com", false),
            ("http://localhost:3000", "localhost", true),
            ("http://localhost:3000", "api.example.com", false),
            ("http://127.0.0.1:3000", "127.0.0.2", false),
            ("https://notexample.com", "example.com", false),
        ] {
            assert_eq!(same_site(origin, host), same, "{origin} {host}");
        }
    }

    #[test]
    fn every_trait_has_its_word_and_bit() {
        let mut all = ResponseTraits::default();
        for (at, (one, _)) in ResponseTrait::ALL.into_iter().enumerate() {
            assert_eq!(one as usize, at);
            all.insert(one);
        }
        assert_eq!(all.codes().count(), ResponseTrait::ALL.len());
    }
}
